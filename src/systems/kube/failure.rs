//! Why a cluster did not do what it was asked, and what to do about each of the usual causes.

mod cause;
mod status;

use std::fmt;
use std::time::Duration;

pub(super) use self::cause::{NO_API, Reason, of as reason_of};
pub(super) use self::status::read;
use crate::error::Error;

/// What went wrong, to branch on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// 404: there is no such object, or the cluster does not serve that kind (see [`Failure::is_not_served`]).
    NotFound,
    /// 409: an object of that name is there already.
    AlreadyExists,
    /// 409: other managers own fields that were sent, or the object is not the one that was meant any more. In the latter
    /// case there are no causes.
    Conflict {
        /// Each field that is somebody else's.
        causes: Vec<FieldConflict>,
    },
    /// 400 or 422: the server does not accept what was sent.
    Invalid {
        /// What is wrong with each field.
        causes: Vec<FieldError>,
    },
    /// 401: nobody is known by this credential.
    Unauthorized,
    /// 403.
    Denied,
    /// 429, again and again.
    Limited,
    /// 410: that version of the world is forgotten.
    Gone,
    /// No answer, or none to the end, or no way to ask.
    Unreachable,
    /// An answer that is none of this.
    Unexpected,
}

/// A field that another manager owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldConflict {
    /// `kubectl-edit`
    pub manager: String,
    /// `.spec.replicas`
    pub field: String,
    /// The server's own words: `conflict with "kubectl-edit" using apps/v1`
    pub message: String,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldError {
    /// `spec.template.spec.containers[0].image`
    pub field: String,
    /// `Required value`
    pub message: String,
}

/// A request to a cluster that came to nothing. It holds no credential, no body that was sent, and where that was a Secret,
/// no word of the server's.
#[derive(Clone, Debug)]
pub struct Failure {
    pub(super) kind: FailureKind,
    /// `https://10.0.0.1:6443`; empty where none is known.
    pub(super) address: String,
    pub(super) doing: String,
    pub(super) status: Option<u16>,
    pub(super) text: String,
    pub(super) hint: String,
    pub(super) audit_id: Option<String>,
    pub(super) unheard: bool,
    pub(super) unserved: bool,
    /// The answer was in another form than the API's.
    pub(super) foreign: bool,
    pub(super) again: Again,
}

/// Whether the same request may come to something when it is sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// No.
    Never,
    /// It may, if repeating does no harm.
    Maybe,
    /// It was not looked at, so that repeating does no harm.
    Untouched,
    /// Not looked at either: asked too fast. After this long, if the server said so.
    Slower(Option<Duration>),
    /// The credential is not good any more, and another one may be had.
    Renewed,
}

/// Nobody ever looked for a way there.
pub(super) static NO_TARGET: Failure = Failure {
    kind: FailureKind::Unreachable,
    address: String::new(),
    doing: String::new(),
    status: None,
    text: String::new(),
    hint: String::new(),
    audit_id: None,
    unheard: false,
    unserved: false,
    foreign: false,
    again: Again::Never,
};

impl Failure {
    /// A failure in words of our own.
    pub(super) fn of(
        kind: FailureKind,
        address: &str,
        doing: impl Into<String>,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            address: address.to_owned(),
            doing: doing.into(),
            status: None,
            text: text.into(),
            hint: hint.into(),
            audit_id: None,
            unheard: false,
            unserved: false,
            foreign: false,
            again: Again::Never,
        }
    }

    /// Nothing says how to reach it.
    pub(super) fn unknown_way(cause: &str, hint: &str) -> Self {
        Self::of(FailureKind::Invalid { causes: Vec::new() }, "", "", cause, hint)
    }

    /// What answers there is no cluster's API.
    pub(super) fn no_api(address: &str, doing: impl Into<String>) -> Self {
        Self::of(FailureKind::Unexpected, address, doing, NO_API.0, NO_API.1)
    }

    /// Something that this program itself got wrong.
    pub(super) fn ours(address: &str, doing: impl Into<String>, text: impl Into<String>) -> Self {
        Self::of(FailureKind::Invalid { causes: Vec::new() }, address, doing, text, "please report it")
    }

    /// A request without an answer.
    pub(super) fn broken(address: &str, doing: impl Into<String>, reason: Reason) -> Self {
        let Reason { kind, cause, hint, untouched } = reason;
        let again = match (&kind, untouched) {
            (FailureKind::Unreachable, true) => Again::Untouched,
            (FailureKind::Unreachable, false) => Again::Maybe,
            _ => Again::Never,
        };
        Self { again, unheard: !untouched, ..Self::of(kind, address, doing, cause, hint) }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &FailureKind {
        &self.kind
    }

    /// The server's status.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// What the server says, or what happened instead.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What was being done: `listing agentpools.app.terraform.io in hcp-agents`.
    #[must_use]
    pub fn doing(&self) -> &str {
        &self.doing
    }

    /// What the server's audit log calls the request.
    #[must_use]
    pub fn audit_id(&self) -> Option<&str> {
        self.audit_id.as_deref()
    }

    /// The server may have done what was asked, although nobody heard of it: look before asking again.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        self.unheard
    }

    /// The cluster does not know the kind, as where its definition is not installed.
    #[must_use]
    pub fn is_not_served(&self) -> bool {
        self.unserved
    }

    /// Nobody answers at all, as where a cluster is switched off.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        self.kind == FailureKind::Unreachable && self.status.is_none()
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.hint
    }

    /// In the shape of every error.
    #[must_use]
    pub fn error(&self, doing: impl Into<String>) -> Error {
        Error::new(doing).because(self.clone()).hint(self.hint.clone())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind: _,
            address,
            doing,
            status,
            text,
            hint: _,
            audit_id,
            unheard: _,
            unserved: _,
            foreign: _,
            again: _,
        } = self;
        for part in [address, doing] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(if text.is_empty() { "no way to it was looked for" } else { text })?;
        if let Some(status) = status {
            write!(f, " ({status})")?;
        }
        // What the server's log knows more about is worth its id; a refusal says all that there is to it.
        match (&self.kind, audit_id) {
            (FailureKind::Unexpected, Some(id)) => write!(f, ", audit id {id}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
