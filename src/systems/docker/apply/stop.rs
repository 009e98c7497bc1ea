//! Why a request to an engine came to nothing.

use super::super::failure::Failure;
use crate::address::Address;
use crate::error::Error;

/// A cause, and what to do.
pub(super) struct Stop {
    cause: Box<dyn std::error::Error + Send + Sync>,
    hint: String,
}

impl Stop {
    pub(super) fn because(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { cause: cause.into().into(), hint: hint.into() }
    }

    /// As an error about the thing at this address.
    pub(super) fn at(self, address: &Address) -> Error {
        Error::new("applying").at(address).because(self.cause).hint(self.hint)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        let hint = failure.remedy().to_owned();
        Self { cause: Box::new(failure), hint }
    }
}
