//! What a server says when it refuses: the API's `Status` (meta/v1), read with as little trust as possible.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{FailureKind, FieldConflict, FieldError};
use crate::http::{plain, tells};

/// A refusal, as far as it may be told.
#[derive(Debug)]
pub(in super::super) struct Refusal {
    pub(in super::super) kind: FailureKind,
    pub(in super::super) text: String,
    /// It is a `Status` of the API, and not a page of something else.
    pub(in super::super) is_status: bool,
    /// It is about a thing that has this name, and not about the path.
    pub(in super::super) about: Option<String>,
    /// How long to stay away, as the body says it.
    pub(in super::super) retry_after: Option<u64>,
}

/// `io.k8s.apimachinery.pkg.apis.meta.v1.Status`, in so far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    kind: String,
    message: String,
    reason: String,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    name: Option<String>,
    causes: Vec<Cause>,
    retry_after_seconds: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
    field: String,
}

/// That there was more, and why it is missing.
const WITHHELD: &str = "its own words are not shown, since they may repeat the secret that was sent";

/// Reads a refusal. `secrets` are the values that were sent along; if there are any, no word of the server's is passed on but
/// what cannot be one of them.
pub(in super::super) fn read(status: u16, body: &[u8], secrets: &[Zeroizing<String>], discreet: bool) -> Refusal {
    let said = serde_json::from_slice::<Status>(body).ok().filter(|said| said.kind == "Status");
    let is_status = said.is_some();
    let Status { kind: _, message, reason, details } = said.unwrap_or_default();
    let Details { name, causes, retry_after_seconds } = details.unwrap_or_default();
    // A server-side apply with a field that the schema does not have ends in a plain 500
    // (`k8s.io/apimachinery/pkg/util/managedfields/internal/structuredmerge.go`, v0.36.3).
    let malformed = status == 500 && message.starts_with("failed to create typed patch object");
    let status = if malformed { 422 } else { status };
    let kind = kind_of(status, &reason, causes, secrets, discreet);
    let text = if discreet {
        format!("{} ({WITHHELD})", words_of(status, &reason))
    } else if !message.trim().is_empty() {
        plain(&message)
    } else if is_status {
        words_of(status, &reason).to_owned()
    } else {
        format!("{}, without a word of the Kubernetes API", words_of(status, &reason))
    };
    Refusal { kind, text, is_status, about: name.filter(|name| !name.is_empty()), retry_after: retry_after_seconds }
}

fn kind_of(
    status: u16,
    reason: &str,
    causes: Vec<Cause>,
    secrets: &[Zeroizing<String>],
    discreet: bool,
) -> FailureKind {
    let hidden = |text: &str| secrets.iter().any(|secret| tells(text, secret.as_bytes()));
    match status {
        401 => FailureKind::Unauthorized,
        403 => FailureKind::Denied,
        404 => FailureKind::NotFound,
        409 if reason == "AlreadyExists" => FailureKind::AlreadyExists,
        409 => {
            let causes = causes.into_iter().filter(|cause| cause.reason == "FieldManagerConflict");
            let told = causes.map(conflict).map(|conflict| if discreet { bare(conflict, hidden) } else { conflict });
            FailureKind::Conflict { causes: told.collect() }
        }
        410 => FailureKind::Gone,
        429 => FailureKind::Limited,
        400..=499 => {
            let told = causes.into_iter().filter(|_| !discreet);
            FailureKind::Invalid {
                causes: told
                    .map(|Cause { reason: _, message, field }| FieldError {
                        field: plain(&field),
                        message: plain(&message),
                    })
                    .collect(),
            }
        }
        _ => FailureKind::Unexpected,
    }
}

/// The manager stands in quotes behind `conflict with`, escaped as Go does it (`printManager` in
/// `k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go`, v0.36.3).
fn conflict(cause: Cause) -> FieldConflict {
    let Cause { reason: _, message, field } = cause;
    let quoted = message.strip_prefix("conflict with \"").unwrap_or_default();
    let mut manager = String::new();
    let mut signs = quoted.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '"' => break,
            '\\' => manager.extend(signs.next()),
            other => manager.push(other),
        }
    }
    FieldConflict { manager: plain(&manager), field: plain(&field), message: plain(&message) }
}

/// Who owns which field of a Secret is no secret, unless the server says more than that.
fn bare(conflict: FieldConflict, hidden: impl Fn(&str) -> bool) -> FieldConflict {
    let FieldConflict { manager, field, message: _ } = conflict;
    let shown = |text: String| if hidden(&text) { "(not shown)".to_owned() } else { text };
    FieldConflict { manager: shown(manager), field: shown(field), message: WITHHELD.to_owned() }
}

/// Words of ours for a status, or for the reason that the API gives for it.
fn words_of(status: u16, reason: &str) -> &'static str {
    match (status, reason) {
        (_, "AlreadyExists") => "there is one of that name already",
        (401, _) => "nobody is known by this credential",
        (403, _) => "it is forbidden",
        (404, _) => "there is no such thing",
        (409, _) => "somebody else has changed it, or owns what was sent",
        (410, _) => "that version is forgotten",
        (413, _) => "it is too large",
        (415, _) => "the server does not take that form",
        (400 | 422, _) => "the server does not accept what was sent",
        (429, _) => "asked too fast",
        (504, _) | (_, "Timeout") => "the server took too long",
        (503, _) => "the server is not ready",
        (500.., _) => "the server failed",
        _ => "it was refused",
    }
}
