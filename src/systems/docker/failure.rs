//! Why an engine did not do what it was asked, and what to do about each of the usual causes.

use std::fmt;

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

    /// A request without an answer: the innermost cause says what is the matter.
    fn broken(way: &str, doing: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut cause: &(dyn std::error::Error + 'static) = error;
        let mut kind = None;
        loop {
            if let Some(io) = cause.downcast_ref::<std::io::Error>() {
                kind = Some(io.kind());
            }
            match cause.source() {
                Some(source) => cause = source,
                None => break,
            }
        }
        let (what, hint, unheard) = reason(kind, way);
        let cause = what.map_or_else(|| cause.to_string(), str::to_owned);
        let denied = kind == Some(std::io::ErrorKind::PermissionDenied);
        Self {
            kind: if denied { Kind::Denied } else { Kind::Unreachable },
            way: way.to_owned(),
            doing,
            status: None,
            cause,
            hint: hint.to_owned(),
            unheard,
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
        Self::unreachable("", cause, hint)
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

/// The usual reasons why a connection does not come to be, each with its remedy.
fn reason(kind: Option<std::io::ErrorKind>, way: &str) -> (Option<&'static str>, &'static str, bool) {
    use std::io::ErrorKind;
    match kind {
        Some(ErrorKind::PermissionDenied) => (
            Some("no permission on the socket"),
            "put the user into the group of the socket (usually `docker`), or run it as one who may use it; on a Synology NAS the socket is root's",
            false,
        ),
        Some(ErrorKind::NotFound) => {
            (Some("there is no such socket"), "look whether the Docker Engine runs, and where its socket is", false)
        }
        Some(ErrorKind::ConnectionRefused) => {
            (Some("nobody listens there"), "look whether the Docker Engine runs and listens on that address", false)
        }
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof) => {
            (Some("the connection broke"), "run it again; if it stays so, look at the engine's log on the host", true)
        }
        Some(ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => (
            Some("the host does not answer"),
            "look whether the host is up; `mayBeAway: true` for one that sleeps",
            false,
        ),
        Some(_) | None if way.starts_with("ssh:") => (
            None,
            "look whether that user may use the engine's socket there: `ssh` gets there, and the socket does not answer",
            true,
        ),
        Some(_) | None => (None, "look whether the host is up and a Docker Engine listens there", true),
    }
}
