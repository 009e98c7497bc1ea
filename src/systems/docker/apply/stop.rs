//! Why a request to an engine came to nothing.

use super::super::failure::Failure;
use crate::address::Address;
use crate::error::Error;

/// A cause, and what to do.
pub(super) struct Stop {
    cause: Box<dyn std::error::Error + Send + Sync>,
    hint: String,
    undone: bool,
}

impl Stop {
    pub(super) fn because(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { cause: cause.into().into(), hint: hint.into(), undone: false }
    }

    /// A failure with a better remedy than the general one.
    pub(super) fn hinted(failure: Failure, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..Self::from(failure) }
    }

    /// The engine's refusal, after which nothing is made any more.
    pub(super) fn refused(failure: Failure) -> Self {
        let undone = !failure.is_unheard() && failure.status().is_some_and(|status| (400..500).contains(&status));
        Self { undone, ..Self::from(failure) }
    }

    /// As an error about the thing at this address.
    pub(super) fn at(self, address: &Address) -> Error {
        let error = Error::new("applying").at(address).because(self.cause).hint(self.hint);
        if self.undone { error.undone() } else { error }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        let hint = failure.remedy().to_owned();
        Self { cause: Box::new(failure), hint, undone: false }
    }
}
