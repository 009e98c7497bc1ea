//! HCP's documents as they cross the wire, and what they mean.
//!
//! Every attribute that HCP may leave out or send as null is an `Option` here; what null means is decided once, where
//! an attribute becomes a part of [`observed`](super::observed). Words of HCP's stay words: a new one must not keep a
//! list from being read.

pub mod account;
pub mod agent;
pub mod notification;
pub mod organization;
pub mod placement;
pub mod pool;
pub mod project;
pub mod tags;
pub mod variable;
pub mod variable_set;
pub mod workspace;

use std::collections::{BTreeMap, BTreeSet};

use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON:API document.
#[derive(Debug, Deserialize)]
pub struct Document<T> {
    /// What was asked for.
    pub data: T,
    /// What came along.
    #[serde(default, deserialize_with = "or_default")]
    pub included: Vec<Value>,
    /// About the list.
    #[serde(default, deserialize_with = "or_default")]
    pub meta: Meta,
    /// Where the list goes on.
    #[serde(default, deserialize_with = "or_default")]
    pub links: PageLinks,
}

/// What a list says of itself.
#[derive(Debug, Default, Deserialize)]
pub struct Meta {
    /// Its pages; lists without pages say nothing.
    #[serde(default)]
    pub pagination: Option<Pagination>,
}

/// The pages of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Pagination {
    /// The next page, if there is one.
    pub next_page: Option<u32>,
    /// How many things there are in all.
    pub total_count: Option<usize>,
}

/// Links of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PageLinks {
    /// The next page.
    pub next: Option<String>,
}

/// A thing with its attributes and relationships.
#[derive(Debug, Deserialize)]
#[serde(bound = "A: DeserializeOwned, R: DeserializeOwned + Default")]
pub struct Resource<A, R = Unrelated> {
    /// Its id.
    pub id: String,
    /// Its attributes.
    pub attributes: A,
    /// What it is related to.
    #[serde(default, deserialize_with = "or_default")]
    pub relationships: R,
    /// Its links, which tell an inherited tag.
    #[serde(default, deserialize_with = "or_default")]
    pub links: BTreeMap<String, Value>,
}

/// Relationships that nobody reads.
#[derive(Debug, Default, Deserialize)]
pub struct Unrelated {}

/// A thing by its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ref {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A relationship to one thing or none.
#[derive(Debug, Default, Deserialize)]
pub struct ToOne {
    /// The thing.
    #[serde(default)]
    pub data: Option<Ref>,
}

impl ToOne {
    /// The thing's id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.data.as_ref().map(|data| data.id.as_str())
    }
}

/// A relationship to many things. `None` says nothing of how many there are.
#[derive(Debug, Default, Deserialize)]
pub struct ToMany {
    /// The things.
    #[serde(default)]
    pub data: Option<Vec<Ref>>,
}

impl ToMany {
    /// Their ids; none where HCP says nothing.
    #[must_use]
    pub fn ids<T: From<String> + Ord>(&self) -> BTreeSet<T> {
        self.data.iter().flatten().map(|data| T::from(data.id.clone())).collect()
    }
}

/// Things that came along with others.
#[derive(Debug, Default)]
pub struct Included(BTreeMap<(String, String), Value>);

impl Included {
    /// Adds what came with one page.
    pub fn extend(&mut self, things: Vec<Value>) {
        for thing in things {
            let part = |name: &str| thing.get(name).and_then(Value::as_str).map(str::to_owned);
            if let (Some(kind), Some(id)) = (part("type"), part("id")) {
                self.0.insert((kind, id), thing);
            }
        }
    }

    /// One of them, if it came and has the form that is expected.
    #[must_use]
    pub fn get<A: DeserializeOwned, R: DeserializeOwned + Default>(
        &self,
        kind: &str,
        id: &str,
    ) -> Option<Resource<A, R>> {
        let thing = self.0.get(&(kind.to_owned(), id.to_owned()))?;
        Resource::deserialize(thing).ok()
    }

    /// The first of a kind.
    #[must_use]
    pub fn first<A: DeserializeOwned>(&self, kind: &str) -> Option<Resource<A>> {
        let (_, thing) = self.0.iter().find(|((of, _), _)| of == kind)?;
        Resource::deserialize(thing).ok()
    }
}

/// Null and nothing are the default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a document.
///
/// # Errors
/// When it has another form.
pub fn document<T: DeserializeOwned>(body: &[u8]) -> Result<Document<T>, serde_json::Error> {
    serde_json::from_slice(body)
}
