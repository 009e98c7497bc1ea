//! A request that came to nothing, in terms that code can branch on and a person can act on.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::{Call, Method};

/// What went wrong, to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 404: not there, or not to be seen with this token, or not part of the plan.
    NotFound,
    /// 409: it is in the way of something else.
    Conflict,
    /// 401 or 403.
    Denied,
    /// 429, again and again.
    Limited,
    /// 400, 412, 415 or 422: the server does not accept what was sent.
    Invalid,
    /// No answer, or none to the end.
    Unreachable,
    /// An answer that is none of this: 5xx, a web page, a body that cannot be read.
    Unexpected,
}

/// A request that failed. It holds no token, no body that was sent, and no query.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    pub(super) kind: Kind,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) status: Option<u16>,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
    /// The server may have done what was asked, although nobody heard of it.
    pub(super) unheard: bool,
    /// A secret was sent along, so no word of the server's stands in the message.
    pub(super) discreet: bool,
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
}

impl Failure {
    /// A failure that no answer stands behind.
    pub(super) fn of(method: Method, path: &str, kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            method,
            path: path.to_owned(),
            status: None,
            message: message.into(),
            request_id: None,
            unheard: false,
            discreet: false,
            again: Again::Never,
        }
    }

    /// An answer that was heard, and is about something else than what was asked for. Where a secret was sent along, it
    /// is not told what came instead.
    pub(crate) fn mistaken(call: &Call<'_>, words: &str, request_id: Option<String>) -> Self {
        let discreet = call.carries_secret();
        let words = if discreet {
            "the answer is about another thing than what was asked for".to_owned()
        } else {
            plain(words)
        };
        Self { status: Some(200), request_id, discreet, ..Self::of(call.method, call.path, Kind::Unexpected, words) }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The status, if there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// What the server said, or what happened instead.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the server calls the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The method and the path, without the query.
    #[must_use]
    pub fn request(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The server may have done what was asked: look before asking again.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        self.unheard
    }

    /// The server says this of itself, whatever the case of its letters.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        self.message.to_lowercase().contains(words)
    }

    /// The request carried a secret, so the server's own words are not in here.
    #[must_use]
    pub fn is_discreet(&self) -> bool {
        self.discreet
    }

    /// What to do, where nothing better is known.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match (self.kind, self.status) {
            (Kind::Denied, Some(401)) => {
                "the token is wrong or has expired: make a new one and give it to this process"
            }
            (Kind::Denied, _) => "give the token's team or user the permission for it",
            (Kind::NotFound, _) => {
                "if it is there, the token may not see it: check its team's permissions, or use a token of the owners"
            }
            (Kind::Conflict, _) => "settle what is in the way, and run it again",
            (Kind::Limited, _) => {
                "something else asks a lot with the same user's tokens: wait a minute, and run it again"
            }
            (Kind::Invalid, _) if self.discreet => {
                "look at the secret in the place that it is read from: it may be empty, too long, or no address where one is \
                 needed"
            }
            (Kind::Invalid, _) => "the server's words say which value it refuses; change that in the spec",
            (Kind::Unreachable, _) => {
                "check the address, the proxy (HTTPS_PROXY), the CA and the network, and run it again"
            }
            (Kind::Unexpected, _) => {
                "check that the address leads to the API and not to a login page, and run it again; if it stays, \
                 give the request's id to HashiCorp's support"
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, method, path, status, message, request_id, unheard: _, discreet: _, again: _ } = self;
        write!(f, "{method} {path}: {message}")?;
        match (status, kind) {
            (Some(404), _) => write!(f, " (404: missing or forbidden)")?,
            (Some(status), _) => write!(f, " ({status})")?,
            (None, _) => {}
        }
        if let Some(id) = request_id {
            write!(f, ", request {id}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.kind)
    }
}

impl std::error::Error for Failure {}

/// The longest text of a server's that goes into a message.
const LONGEST: usize = 500;

/// What a server says in the body of an error: JSON:API's errors, plain texts, a web page, or nothing.
/// Shapes: an array of objects with `detail` and `title`; with a title alone; an array of texts (an older endpoint).
pub(super) fn said(status: u16, body: &[u8]) -> String {
    let text = if is_page(body) {
        return page(body);
    } else {
        serde_json::from_slice::<Value>(body).ok().and_then(|document| from_errors(&document))
    };
    text.unwrap_or_else(|| standard(status).to_owned())
}

fn from_errors(document: &Value) -> Option<String> {
    let texts: Vec<String> = match document.get("errors")? {
        Value::Array(errors) => errors.iter().filter_map(one_error).collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    };
    let text = plain(&texts.join("; "));
    (!text.is_empty()).then_some(text)
}

fn one_error(error: &Value) -> Option<String> {
    let part = |name: &str| error.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    match error {
        Value::String(text) => Some(text.clone()),
        _ => part("detail").or_else(|| part("title")).map(str::to_owned),
    }
}

/// Whether the body is a web page rather than an answer of the API.
pub(super) fn is_page(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

/// What a web page in place of an answer is reported as.
pub(super) fn page(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|start| {
        let start = start + lower.get(start..)?.find('>')? + 1;
        let end = start + lower.get(start..)?.find("</title")?;
        text.get(start..end)
    });
    let title = title.map(|title| plain(title.trim())).filter(|title| !title.is_empty());
    let named = title.map(|title| format!(" titled \"{title}\"")).unwrap_or_default();
    format!("a web page{named} answered instead of the API, such as a login page or a proxy")
}

/// One line without control characters, cut where it gets long.
pub(crate) fn plain(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    if line.len() < text.len() && text.chars().count() > LONGEST {
        line.push('…');
    }
    line.trim().to_owned()
}

pub(super) fn standard(status: u16) -> &'static str {
    reqwest::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .map_or("an answer without a reason", |reason| reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_error_is_read() {
        let cases: [(&str, &str); 6] = [
            (
                r#"{"errors":[{"status":"422","title":"Invalid Attribute","detail":"Name has already been taken"}]}"#,
                "Name has already been taken",
            ),
            (r#"{"errors":[{"status":"404","title":"not found"}]}"#, "not found"),
            (r#"{"errors":["Not found"],"success":false}"#, "Not found"),
            (
                r#"{"errors":[{"detail":"You have exceeded the API's rate limit.","status":429}]}"#,
                "You have exceeded the API's rate limit.",
            ),
            ("", "Unprocessable Entity"),
            (
                "<!DOCTYPE html><html><head><title>Sign in</title>",
                "a web page titled \"Sign in\" answered instead of the API, such as a login page or a proxy",
            ),
        ];
        for (body, text) in cases {
            assert_eq!(said(422, body.as_bytes()), text);
        }
    }

    #[test]
    fn what_a_server_says_stays_one_line_of_bounded_length() {
        let body = serde_json::json!({ "errors": [{ "detail": format!("a\nb\u{1b}[31m{}", "x".repeat(5_000)) }] });
        let text = said(400, body.to_string().as_bytes());
        assert!(text.starts_with("a b [31mx"), "{text}");
        assert!(text.chars().count() <= LONGEST + 1);
    }
}
