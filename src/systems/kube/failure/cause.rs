//! The usual reasons why a connection does not come to be, each with its remedy.

use std::error::Error;
use std::io::{self, ErrorKind};

use hyper_util::client::legacy::Error as ClientError;
use rustls::CertificateError;

use super::FailureKind;

/// A reason, and what to do.
#[derive(Debug)]
pub(in super::super) struct Reason {
    pub(in super::super) kind: FailureKind,
    pub(in super::super) cause: String,
    pub(in super::super) hint: String,
    /// Nothing of the request was seen by anybody.
    pub(in super::super) untouched: bool,
}

/// Somebody else is at home.
pub(in super::super) const NO_API: (&str, &str) = (
    "what answers there is no Kubernetes API",
    "look at `server` of the kubeconfig's cluster: another program listens there, or a proxy or login page that stands before it",
);

/// Finds the innermost cause, which says what is the matter.
pub(in super::super) fn of(error: &(dyn Error + 'static)) -> Reason {
    let (mut io, mut untouched) = (None, false);
    let mut cause = error;
    loop {
        if let Some(found) = cause.downcast_ref::<io::Error>() {
            io = Some(found.kind());
        }
        if let Some(client) = cause.downcast_ref::<ClientError>() {
            untouched |= client.is_connect();
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
        if let Some(credential) = cause.downcast_ref::<kube::client::AuthError>() {
            return of_credential(credential);
        }
        match below(cause) {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    let text = cause.to_string();
    if text.contains("lookup address information") || text.contains("invalid dns name") {
        return unreachable(
            "the host's name is not known",
            "look at `server` of the kubeconfig's cluster, and at this machine's name servers or VPN",
            true,
        );
    }
    // The words of hyper, which shows no more of its errors than these.
    if text.contains("invalid HTTP") || text.contains("unexpected message") {
        return Reason {
            kind: FailureKind::Unexpected,
            ..unreachable(
                "what listens there does not speak HTTP: it may want TLS",
                "write https:// in `server` of the kubeconfig's cluster, or look at its port",
                untouched,
            )
        };
    }
    if text.contains("connection closed before message completed") {
        return of_kind(Some(ErrorKind::UnexpectedEof), text, untouched);
    }
    of_kind(io, text, untouched)
}

/// What an error is about. One of input and output names as its source what is below the error in it, and not that.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn unreachable(cause: impl Into<String>, hint: &str, untouched: bool) -> Reason {
    Reason { kind: FailureKind::Unreachable, cause: cause.into(), hint: hint.to_owned(), untouched }
}

fn of_kind(kind: Option<ErrorKind>, text: String, untouched: bool) -> Reason {
    match kind {
        Some(ErrorKind::ConnectionRefused) => unreachable(
            "nobody listens there",
            "look whether the cluster runs, and at `server` of the kubeconfig's cluster",
            true,
        ),
        Some(ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => unreachable(
            "the host does not answer",
            "look whether the cluster runs, and at the network or VPN that leads there",
            untouched,
        ),
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof) => unreachable(
            "the connection broke",
            "run it again; if it stays so, look at the API server's log, and at what stands before it",
            untouched,
        ),
        Some(_) | None => {
            unreachable(text, "look whether the cluster runs, and at the network or VPN that leads there", untouched)
        }
    }
}

/// A credential that cannot be used. What the client says of it may quote it, so only what kind of trouble it is is told.
fn of_credential(error: &kube::client::AuthError) -> Reason {
    use kube::client::AuthError;
    let cause = match error {
        AuthError::ReadTokenFile(cause, path) => format!("reading the token file {}: {cause}", path.display()),
        AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => {
            "the credential holds signs that none has, such as a line break".to_owned()
        }
        _ => "the credential cannot be used".to_owned(),
    };
    Reason {
        kind: FailureKind::Unauthorized,
        cause,
        hint: "look at the user of the context: `kubectl config view --context NAME --minify`".to_owned(),
        untouched: true,
    }
}

fn of_tls(error: &rustls::Error) -> Reason {
    use rustls::Error as Tls;
    let (cause, hint) = match error {
        Tls::InvalidCertificate(CertificateError::UnknownIssuer) => (
            "its certificate is from an authority that is not trusted here".to_owned(),
            "look whether `certificate-authority` of the kubeconfig's cluster is the authority of this cluster; one that was made anew needs a new kubeconfig",
        ),
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => (
            "its certificate is for another name".to_owned(),
            "use a name in `server` that is in the certificate, give that one as `tls-server-name`, or have the API server's certificate made with this one (for k3s: `tls-san`)",
        ),
        Tls::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => (
            "its certificate has expired".to_owned(),
            "renew it on the cluster (`kubeadm certs renew`; k3s does it when it is started again), and look at this machine's clock",
        ),
        Tls::InvalidCertificate(other) => {
            (format!("its certificate is not accepted: {other:?}"), "look at the API server's certificate")
        }
        Tls::AlertReceived(alert) => (
            format!("it does not accept our certificate ({alert:?})"),
            "look whether the client certificate of the kubeconfig's user is valid and from this cluster's authority; a new kubeconfig may be needed",
        ),
        Tls::InvalidMessage(_) => (
            "what listens there speaks no TLS".to_owned(),
            "look at the scheme and the port in `server` of the kubeconfig's cluster; an API server usually listens on 6443",
        ),
        other => (format!("TLS failed: {other}"), "look at the API server's log"),
    };
    // Who is at the other end is not to be trusted, or does not trust us: waiting mends neither.
    Reason { kind: FailureKind::Denied, cause, hint: hint.to_owned(), untouched: true }
}
