//! Why a request came to nothing.

use std::error::Error as StdError;

use super::super::client::Trouble;
use crate::address::Address;
use crate::error::Error;
use crate::http::{Failure, Kind};
use crate::secret::{SecretRef, Unreadable};

/// A cause, and what to do.
pub(super) struct Stop {
    cause: Cause,
    hint: String,
}

enum Cause {
    Failure(Failure),
    Other(Box<dyn StdError + Send + Sync>),
}

/// A cause that is only a text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

/// A cause with another one behind it.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
struct Because {
    said: String,
    source: Failure,
}

impl Stop {
    pub(super) fn because(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { cause: Cause::Other(Box::new(Said(cause.into()))), hint: hint.into() }
    }

    /// A failure, in the words of what was being done.
    pub(super) fn said(said: impl Into<String>, failure: Failure, hint: impl Into<String>) -> Self {
        let said = said.into();
        Self { cause: Cause::Other(Box::new(Because { said, source: failure })), hint: hint.into() }
    }

    /// A failure with a better remedy than the general one.
    pub(super) fn hinted(failure: Failure, hint: impl Into<String>) -> Self {
        Self { cause: Cause::Failure(failure), hint: hint.into() }
    }

    /// The same with one thing more to do.
    pub(super) fn and(mut self, hint: &str) -> Self {
        self.hint.push_str("; ");
        self.hint.push_str(hint);
        self
    }

    /// Says something else of a request that failed.
    pub(super) fn map_failure(self, of: impl FnOnce(Failure) -> Self) -> Self {
        match self.cause {
            Cause::Failure(failure) => of(failure),
            Cause::Other(_) => self,
        }
    }

    /// A refusal of what was sent with secrets from these places in it: such a value is not corrected in the spec.
    pub(super) fn about(self, sources: &[&SecretRef]) -> Self {
        let places: Vec<String> = sources.iter().map(ToString::to_string).collect();
        self.map_failure(|failure| match failure.kind() {
            Kind::Invalid if !places.is_empty() => {
                let places = places.join(" and ");
                let hint = format!(
                    "what was sent holds the value of {places}: look there whether it is whole and of the right form; the \
                     other fields are those of the spec"
                );
                Self::hinted(failure, hint)
            }
            _ => failure.into(),
        })
    }

    pub(super) fn at(self, address: &Address) -> Error {
        let error = Error::new("applying").at(address).hint(self.hint);
        match self.cause {
            Cause::Failure(failure) => error.because(failure),
            Cause::Other(cause) => error.because(cause),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        let hint = if failure.is_unheard() {
            "whether it was done is not known: run it again, which looks first"
        } else {
            failure.remedy()
        };
        Self::hinted(failure, hint)
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        let hint = trouble.remedy().to_owned();
        Self { cause: Cause::Other(Box::new(trouble)), hint }
    }
}

impl From<Unreadable> for Stop {
    fn from(unreadable: Unreadable) -> Self {
        let hint = unreadable.remedy().to_owned();
        Self { cause: Cause::Other(Box::new(unreadable)), hint }
    }
}
