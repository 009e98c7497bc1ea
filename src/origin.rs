//! Where a fact comes from: a line of the spec, a default, a template, a derivation.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Address;

/// A place in a file of the spec; lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
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
pub struct Origins(BTreeMap<Address, BTreeMap<String, Origin>>);

impl Origins {
    /// Notes where a field comes from. The field "" is the thing itself.
    pub fn note(&mut self, address: &Address, field: &str, origin: Origin) {
        self.0.entry(address.clone()).or_default().insert(field.to_owned(), origin);
    }

    /// Where a field comes from.
    #[must_use]
    pub fn of(&self, address: &Address, field: &str) -> Option<&Origin> {
        self.0.get(address)?.get(field)
    }

    /// All things and fields, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&Address, &BTreeMap<String, Origin>)> {
        self.0.iter()
    }
}
