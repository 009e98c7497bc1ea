//! The usual reasons why a connection does not come to be, each with its remedy.

use std::error::Error;
use std::io::{self, ErrorKind};

use bollard::errors::Error as Bollard;
use rustls::{AlertDescription, CertificateError};

use super::super::forward::AWAY;
use crate::http::Kind;

/// A reason, and what to do.
pub(super) struct Reason {
    pub(super) kind: Kind,
    pub(super) cause: String,
    pub(super) hint: &'static str,
    /// It may have been done all the same.
    pub(super) unheard: bool,
}

/// Somebody else is at home.
pub(super) const NO_ENGINE: (&str, &str) = (
    "what answers there is no Docker Engine",
    "look at the address and the port: another program listens there, or a proxy that does not know the engine",
);

/// TLS, where plain HTTP was spoken.
pub(super) const SPEAKS_TLS: (&str, &str) = (
    "what listens there wants TLS",
    "give certificates: `tls: { ca, cert, key }` in access.yaml, or DOCKER_TLS_VERIFY and DOCKER_CERT_PATH",
);

/// Finds the innermost cause, which says what is the matter.
pub(super) fn of(error: &(dyn Error + 'static), way: &str) -> Reason {
    let mut io = None;
    let mut cause = error;
    loop {
        if let Some(found) = cause.downcast_ref::<io::Error>() {
            io = Some(found.kind());
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
        match below(cause) {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    let text = cause.to_string();
    if let Some(Bollard::CertPathError { path } | Bollard::CertParseError { path }) = error.downcast_ref::<Bollard>() {
        return Reason {
            kind: Kind::Invalid,
            cause: format!("reading {}: it is not there, cannot be read, or is no PEM file", path.display()),
            hint: "name files that docker's own command line can use: ca.pem, cert.pem, key.pem",
            unheard: false,
        };
    }
    if text.contains("lookup address information") {
        return unreachable("the host's name is not known", "look at the name, or give the address", false);
    }
    // The words of hyper, which shows no more of its errors than these.
    if text.contains("invalid HTTP") || text.contains("unexpected message") {
        return Reason { kind: Kind::Unexpected, ..unreachable(NOT_HTTP.0, NOT_HTTP.1, false) };
    }
    of_kind(io, text, way)
}

/// What an error is about. One of input and output names as its source what is below the error in it, and not that.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// No HTTP at all: another protocol, TLS among them.
const NOT_HTTP: (&str, &str) = (
    "what listens there does not speak HTTP: it may want TLS",
    "look at the port; for one with TLS give certificates: `tls: { ca, cert, key }` in access.yaml, or DOCKER_TLS_VERIFY and DOCKER_CERT_PATH",
);

fn unreachable(cause: impl Into<String>, hint: &'static str, unheard: bool) -> Reason {
    Reason { kind: Kind::Unreachable, cause: cause.into(), hint, unheard }
}

fn of_kind(kind: Option<ErrorKind>, text: String, way: &str) -> Reason {
    match kind {
        Some(ErrorKind::PermissionDenied) => Reason {
            kind: Kind::Denied,
            ..unreachable(
                "no permission on the socket",
                "put the user into the group of the socket (usually `docker`), or run it as one who may use it; on a Synology NAS the socket is root's",
                false,
            )
        },
        Some(ErrorKind::NotFound) => unreachable(
            "there is no such socket",
            "look whether the Docker Engine runs on this machine; for one elsewhere say how to reach it: `host: ssh://nas` in access.yaml",
            false,
        ),
        Some(ErrorKind::ConnectionRefused) => unreachable(
            "nobody listens there",
            "look whether the Docker Engine runs and listens on that address",
            false,
        ),
        Some(ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
            unreachable("the host does not answer", AWAY, false)
        }
        Some(_) | None if way.starts_with("ssh:") => unreachable(
            "ssh gets there, and the socket does not answer",
            "look whether the engine runs there and whether that user may use its socket",
            true,
        ),
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof) => unreachable(
            "the connection broke",
            "run it again; if it stays so, look at the engine's log on the host",
            true,
        ),
        Some(_) | None => unreachable(text, "look whether the host is up and a Docker Engine listens there", true),
    }
}

fn of_tls(error: &rustls::Error) -> Reason {
    use rustls::Error as Tls;
    let (cause, hint) = match error {
        Tls::InvalidCertificate(CertificateError::UnknownIssuer) => (
            "its certificate is from an authority that is not trusted here".to_owned(),
            "look whether `ca` is the authority that the engine's certificate is from",
        ),
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => (
            "its certificate is for another name".to_owned(),
            "use the name that is in the certificate, or make one with this name (`subjectAltName`)",
        ),
        Tls::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            ("its certificate has expired".to_owned(), "make a new one for the engine")
        }
        Tls::InvalidCertificate(other) => {
            (format!("its certificate is not accepted: {other:?}"), "make a new one for the engine")
        }
        Tls::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure),
        ) => (
            format!("it does not accept our certificate ({alert:?})"),
            "look whether `cert` and `key` belong together, are valid, and are from the authority that the engine was started with (`--tlscacert`)",
        ),
        Tls::InvalidMessage(_) => {
            ("what listens there speaks no TLS".to_owned(), "look at the port: the one with TLS is usually 2376")
        }
        other => (format!("TLS failed: {other}"), "look at the engine's log on the host"),
    };
    Reason { kind: Kind::Denied, cause, hint, unheard: false }
}
