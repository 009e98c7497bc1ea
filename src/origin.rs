//! Where a fact comes from: a line of the spec, a default, a template, a derivation.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::address::Address;

/// The name of a file of the spec, as the user gave it. A large fleet has a million places in few files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct FileName(Arc<str>);

impl FileName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for FileName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for FileName {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A place in a file of the spec; lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: FileName,
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

impl fmt::Display for Place {
    /// `fleet.yaml:88`; the alternate form adds the column.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if f.alternate() {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// Where one field of one thing comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// Said of this very thing.
    Spec(Place),
    /// Said for many things: the fleet's `defaults`, or the project.
    Default(Place),
    /// A template of the spec, filled in.
    Template(Place),
    /// Follows from another fact of the spec.
    Derived {
        /// Which, in the user's words: `runsOn of 4 workspaces`.
        from: String,
        /// Where that one stands.
        place: Option<Place>,
    },
    /// The system's own documented default.
    Documented,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(place) => write!(f, "spec {place}"),
            Self::Default(place) => write!(f, "default at {place}"),
            Self::Template(place) => write!(f, "template at {place}"),
            Self::Derived { from, place: None } => write!(f, "derived from {from}"),
            Self::Derived { from, place: Some(place) } => write!(f, "derived from {from} at {place}"),
            Self::Documented => f.write_str("HCP's default"),
        }
    }
}

/// The origin of every field of every desired thing, by address and by the field's name in the spec.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origins(BTreeMap<Address, FieldOrigins>);

/// The origins of one thing's fields, sorted by field: most things have one or two, so a list is smaller than a map.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, Origin>", into = "BTreeMap<String, Origin>")]
pub struct FieldOrigins(Vec<(Cow<'static, str>, Origin)>);

impl FieldOrigins {
    /// Where a field comes from.
    #[must_use]
    pub fn of(&self, field: &str) -> Option<&Origin> {
        let found = self.0.binary_search_by(|(name, _)| name.as_ref().cmp(field)).ok()?;
        self.0.get(found).map(|(_, origin)| origin)
    }

    /// Notes where a field comes from.
    pub fn note(&mut self, field: impl Into<Cow<'static, str>>, origin: Origin) {
        let field = field.into();
        match self.0.binary_search_by(|(name, _)| name.cmp(&field)) {
            Ok(found) => {
                if let Some(entry) = self.0.get_mut(found) {
                    entry.1 = origin;
                }
            }
            Err(free) => self.0.insert(free, (field, origin)),
        }
    }

    /// All fields, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.0.iter().map(|(field, origin)| (field.as_ref(), origin))
    }
}

impl From<BTreeMap<String, Origin>> for FieldOrigins {
    fn from(map: BTreeMap<String, Origin>) -> Self {
        Self(map.into_iter().map(|(field, origin)| (field.into(), origin)).collect())
    }
}

impl From<FieldOrigins> for BTreeMap<String, Origin> {
    fn from(fields: FieldOrigins) -> Self {
        fields.0.into_iter().map(|(field, origin)| (field.into_owned(), origin)).collect()
    }
}

impl Origins {
    /// Notes where a field comes from. The field "" is the thing itself.
    pub fn note(&mut self, address: &Address, field: impl Into<Cow<'static, str>>, origin: Origin) {
        if let Some(fields) = self.0.get_mut(address) {
            fields.note(field, origin);
        } else {
            let mut fields = FieldOrigins::default();
            fields.note(field, origin);
            self.0.insert(address.clone(), fields);
        }
    }

    /// Adds the origins of one thing's fields to those that are known of it.
    pub fn extend(&mut self, address: Address, fields: FieldOrigins) {
        match self.0.entry(address) {
            Entry::Vacant(free) => {
                free.insert(fields);
            }
            Entry::Occupied(mut known) => {
                for (field, origin) in fields.0 {
                    known.get_mut().note(field, origin);
                }
            }
        }
    }

    /// Where a field comes from.
    #[must_use]
    pub fn of(&self, address: &Address, field: &str) -> Option<&Origin> {
        self.0.get(address)?.of(field)
    }

    /// The origins of one thing's fields.
    #[must_use]
    pub fn all_of(&self, address: &Address) -> Option<&FieldOrigins> {
        self.0.get(address)
    }

    /// All things and fields, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&Address, &FieldOrigins)> {
        self.0.iter()
    }
}
