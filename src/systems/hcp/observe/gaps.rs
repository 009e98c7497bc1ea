//! What could not be read, in words that say which request it was and what to do.

use super::super::client::Trouble;
use crate::address::Address;
use crate::http::{Failure, Kind};
use crate::plan::Gap;

/// What was being read.
pub(super) struct Reading<'a> {
    pub(super) address: Address,
    pub(super) doing: &'a str,
    /// What is therefore not done.
    pub(super) follows: &'a str,
    /// Who may read it, where that is the likely reason for a 404.
    pub(super) permission: Option<&'a str>,
}

impl Reading<'_> {
    pub(super) fn gap(&self, trouble: &Trouble) -> Gap {
        let hidden = matches!(trouble.kind(), Some(Kind::NotFound | Kind::Denied));
        let is_401 = matches!(trouble, Trouble::Failed(failure) if failure.status() == Some(401));
        let hint = match self.permission.filter(|_| hidden && !is_401) {
            Some(permission) => permission,
            None => trouble.remedy(),
        };
        Gap {
            address: self.address.clone(),
            doing: self.doing.to_owned(),
            cause: trouble.to_string(),
            follows: self.follows.to_owned(),
            hint: hint.to_owned(),
            expected: false,
        }
    }

    pub(super) fn failed(&self, failure: Failure) -> Gap {
        self.gap(&Trouble::Failed(failure))
    }
}
