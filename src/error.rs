//! One shape for every error: what was being done, to what, why it failed, and what to do.

use std::error::Error as StdError;
use std::fmt;

use crate::address::Address;

/// An error that a user can act on. Its sources are never repeated in its own text.
#[derive(Debug)]
pub struct Error {
    doing: String,
    address: Option<Address>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    hint: Option<String>,
    undone: bool,
}

impl Error {
    /// An error while doing this: `applying`, `reading the access file /etc/…`.
    #[must_use]
    pub fn new(doing: impl Into<String>) -> Self {
        Self { doing: doing.into(), address: None, source: None, hint: None, undone: false }
    }

    /// To what.
    #[must_use]
    pub fn at(mut self, address: &Address) -> Self {
        self.address = Some(address.clone());
        self
    }

    /// Why it failed.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What to do: a command, or a place in the spec.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Nothing came of it, and nothing will: the other side said so.
    #[must_use]
    pub fn undone(mut self) -> Self {
        self.undone = true;
        self
    }

    /// Whether it is sure that nothing came of it.
    #[must_use]
    pub fn is_undone(&self) -> bool {
        self.undone
    }

    /// What to do, if that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What the error is about.
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        self.address.as_ref()
    }

    /// What went wrong with a thing that is named beside it: the address is not repeated, nor that it was being applied.
    #[must_use]
    pub fn under(&self, address: &Address) -> String {
        let whole = self.chain();
        if self.address.as_ref() != Some(address) {
            return whole;
        }
        let head = self.to_string();
        match whole.strip_prefix(&head).and_then(|causes| causes.strip_prefix(": ")) {
            Some(causes) if self.doing == "applying" => causes.to_owned(),
            Some(causes) => format!("{}: {causes}", self.doing),
            None => whole,
        }
    }

    /// The whole of it, causes included, in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)?;
        if let Some(address) = &self.address {
            write!(f, " {address}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
