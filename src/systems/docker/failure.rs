//! Why an engine did not do what it was asked, and what to do about each of the usual causes.

mod cause;

use std::fmt;

use self::cause::Reason;
use super::forward::Trouble;
use crate::http::Kind;

/// A request to an engine that came to nothing.
#[derive(Clone, Debug)]
pub struct Failure {
    kind: Kind,
    way: String,
    doing: &'static str,
    status: Option<u16>,
    cause: String,
    hint: String,
    /// It may have been done all the same.
    unheard: bool,
}

impl Failure {
    /// What a client's error means.
    pub(super) fn of(way: &str, doing: &'static str, error: &bollard::errors::Error) -> Self {
        use bollard::errors::Error;
        let failure = |kind, cause: String, hint: &str| Self {
            kind,
            way: way.to_owned(),
            doing,
            status: None,
            cause,
            hint: hint.to_owned(),
            unheard: false,
        };
        match error {
            Error::DockerResponseServerError { status_code, message } => Self {
                status: Some(*status_code),
                ..failure(kind_of(*status_code), message.trim().to_owned(), remedy_of(*status_code))
            },
            Error::RequestTimeoutError => Self {
                unheard: true,
                ..failure(
                    Kind::Unreachable,
                    "no answer in time".to_owned(),
                    "look whether the host is up and not overloaded",
                )
            },
            Error::DockerStreamError { error } => failure(
                Kind::Invalid,
                error.trim().to_owned(),
                "look at the image's name and at the host's way to its registry",
            ),
            Error::JsonDataError { .. } | Error::JsonSerdeError { .. } => Self {
                unheard: true,
                ..failure(
                    Kind::Unexpected,
                    "the answer has another form than documented".to_owned(),
                    "look whether a Docker Engine listens there",
                )
            },
            other => Self::broken(way, doing, other),
        }
    }

    /// What a client's error means, where a secret was sent along: an engine, or what stands before it, may repeat that
    /// in any form, so its own words are told only where they are among these.
    pub(super) fn discreet(way: &str, doing: &'static str, error: &bollard::errors::Error) -> Self {
        use bollard::errors::Error;
        let failure = Self::of(way, doing, error);
        let words = match error {
            Error::DockerResponseServerError { message, .. } | Error::DockerStreamError { error: message } => {
                message.as_str()
            }
            _ if failure.status.is_none() && failure.kind == Kind::Unreachable => return failure,
            _ => "",
        };
        let words = words.to_lowercase();
        let known: Vec<&str> = PHRASES.into_iter().filter(|known| words.contains(known)).collect();
        let known = if known.is_empty() { "it was refused".to_owned() } else { known.join(", ") };
        let cause = format!("{known} (the engine's own words are not shown, since they may repeat the token)");
        Self { cause, ..failure }
    }

    /// A request without an answer: the innermost cause says what is the matter.
    fn broken(way: &str, doing: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        let Reason { kind, cause, hint, unheard } = cause::of(error, way);
        Self { kind, way: way.to_owned(), doing, status: None, cause, hint: hint.to_owned(), unheard }
    }

    /// What the error of a first question means: who answers otherwise than an engine may be anybody.
    pub(super) fn at_first(way: &str, doing: &'static str, error: &bollard::errors::Error) -> Self {
        use bollard::errors::Error;
        let failure = Self::of(way, doing, error);
        match error {
            Error::DockerResponseServerError { message, .. } if message.contains("HTTP request to an HTTPS server") => {
                Self { cause: cause::SPEAKS_TLS.0.to_owned(), hint: cause::SPEAKS_TLS.1.to_owned(), ..failure }
            }
            // An engine gives its version to everybody whom it lets in.
            Error::DockerResponseServerError { status_code: 401 | 403, .. } => failure,
            Error::DockerResponseServerError { status_code: 400..=499, .. }
            | Error::JsonDataError { .. }
            | Error::JsonSerdeError { .. }
            | Error::StrParseError { .. } => Self { status: failure.status, ..Self::no_engine(way, doing) },
            _ => failure,
        }
    }

    /// Something answers, and it is no engine.
    pub(super) fn no_engine(way: &str, doing: &'static str) -> Self {
        let (cause, hint) = cause::NO_ENGINE;
        Self { kind: Kind::Unexpected, doing, ..Self::unreachable(way, cause, hint) }
    }

    /// Nobody takes a connection.
    pub(super) fn silent(way: &str, error: &std::io::Error) -> Self {
        Self::broken(way, "connecting", error)
    }

    /// The way leads elsewhere by now.
    pub(super) fn another_engine(way: &str, seen: &str, now: &str) -> Self {
        Self {
            kind: Kind::Conflict,
            doing: "asking whether it is still the same engine",
            ..Self::unreachable(
                way,
                format!("the plan is about the engine {seen}, and {now} answers there now"),
                "nothing was written there; look where the way leads, then make a new plan",
            )
        }
    }

    /// An engine that cannot be reached, in words of our own.
    pub(super) fn unreachable(way: &str, cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind: Kind::Unreachable,
            way: way.to_owned(),
            doing: "connecting",
            status: None,
            cause: cause.into(),
            hint: hint.into(),
            unheard: false,
        }
    }

    /// Nothing says how to reach it.
    pub(super) fn unknown_way(cause: &str, hint: &str) -> Self {
        Self { kind: Kind::Invalid, ..Self::unreachable("", cause, hint) }
    }

    /// What carries requests there does not.
    pub(super) fn through_ssh(way: &str, Trouble { kind, cause, hint }: Trouble) -> Self {
        Self { kind, ..Self::unreachable(way, cause, hint) }
    }

    /// Nobody answers at all, as where a host sleeps.
    pub(super) fn is_absence(&self) -> bool {
        self.kind == Kind::Unreachable
    }

    /// What it is, to branch on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The engine's status.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// It may have been done all the same.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        self.unheard
    }

    /// There was no connection, or none that held.
    pub(super) fn is_broken(&self) -> bool {
        self.status.is_none() && self.kind == Kind::Unreachable
    }

    /// The engine says this.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        self.cause.to_lowercase().contains(words)
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind: _, way, doing, status, cause, hint: _, unheard: _ } = self;
        if way.is_empty() {
            return f.write_str(cause);
        }
        write!(f, "{way}: {doing}: {cause}")?;
        status.map_or(Ok(()), |status| write!(f, " ({status})"))
    }
}

impl std::error::Error for Failure {}

/// What engines say of a container that they do not make, in small letters.
const PHRASES: [&str; 16] = [
    "is already in use",
    "no such image",
    "no such container",
    "no such network",
    "not found",
    "invalid reference format",
    "invalid container name",
    "invalid mount config",
    "bind source path does not exist",
    "invalid volume specification",
    "minimum memory limit",
    "range of cpus",
    "unknown log opt",
    "logging driver",
    "no space left on device",
    "permission denied",
];

fn kind_of(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::Denied,
        404 => Kind::NotFound,
        409 => Kind::Conflict,
        400..=499 => Kind::Invalid,
        _ => Kind::Unexpected,
    }
}

fn remedy_of(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            "look whether something between here and the engine forbids it: an authorisation plugin, a proxy of its socket"
        }
        404 => "run it again: the next plan looks at what is there",
        409 => "run it again: somebody else may have been faster",
        500.. => "look at the engine's log on the host",
        _ => "please report it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_repeats_a_token_is_not_quoted() {
        let refused = |status_code, message: &str| {
            let error = bollard::errors::Error::DockerResponseServerError { status_code, message: message.to_owned() };
            let failure = Failure::discreet("tcp://nas", "making the container", &error);
            format!("{failure} {failure:?} {}", failure.remedy())
        };
        let told = refused(409, "The name \"/x\" is already in use by TFC_AGENT_TOKEN=canary");
        assert!(told.starts_with("tcp://nas: making the container: is already in use ("), "{told}");
        assert!(!told.contains("canary"), "{told}");
        let told = refused(500, "Y2FuYXJ5");
        assert!(told.contains("it was refused") && told.contains("(500)") && !told.contains("Y2Fu"), "{told}");
    }
}
