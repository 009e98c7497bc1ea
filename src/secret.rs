//! Where a secret comes from, and the type that holds its value for as short a time as possible.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A secret's value. It cannot be printed, copied or serialised, and is wiped when it goes.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the value over.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the request that delivers it and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where a secret is read from. This, and never the value, is what specs and plans hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretRef {
    /// An environment variable of the process that applies.
    Env(String),
    /// A file; one trailing line break is not part of the secret.
    File(PathBuf),
    /// A program and its arguments; the secret is its standard output less one trailing line break.
    Command(Vec<String>),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            // The arguments may hold what a careless user put there.
            Self::Command(words) => write!(f, "command {}", words.first().map_or("(empty)", String::as_str)),
        }
    }
}

/// What a comparison of a secret's source with its receiver came to: the only thing that outlives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Compared {
    /// The receiver holds what the source gives.
    Same,
    /// The source gives another value than the one we wrote last.
    SourceChanged,
    /// The receiver was written by somebody else since.
    ReceiverChanged,
    /// Nothing tells what the receiver holds: never written by us, or an answer was lost.
    Unwitnessed,
    /// The source could not be read; a gap, never a difference.
    Unreadable(String),
}
