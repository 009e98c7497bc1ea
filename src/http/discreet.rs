//! What is told of an answer to a request that carried a secret. Servers repeat what they were sent: whole or cut off,
//! escaped, encoded, in capitals. Such a text cannot be cleaned for certain, so no word of the server's is passed on, only
//! words that stand in this file, where the answer has them.

use std::collections::BTreeSet;

use data_encoding::{BASE64, HEXLOWER};
use serde_json::Value;
use zeroize::Zeroizing;

use super::failure::standard;

/// What servers say of a value that they do not take.
const PHRASES: [&str; 14] = [
    "has already been taken",
    "can't be blank",
    "can't be changed",
    "can't be used",
    "is invalid",
    "is too long",
    "is too short",
    "is reserved",
    "is not included in the list",
    "is not a valid",
    "is not reachable",
    "must be blank",
    "rate limit",
    "verification",
];

/// The titles that errors have.
const TITLES: [&str; 9] = [
    "bad request",
    "conflict",
    "forbidden",
    "invalid attribute",
    "not found",
    "precondition failed",
    "too many requests",
    "unauthorized",
    "unprocessable entity",
];

/// The fields of what is sent with a secret in it.
const FIELDS: [&str; 11] = [
    "category",
    "description",
    "destination-type",
    "enabled",
    "hcl",
    "key",
    "name",
    "sensitive",
    "token",
    "url",
    "value",
];

/// That there was more, and why it is missing.
const WITHHELD: &str = "its own words are not shown, since they may repeat the secret that was sent";

/// A page in place of an answer.
pub(super) const PAGE: &str = "a web page answered instead of the API, such as a login page or a proxy";

/// A redirection.
pub(super) const REDIRECT: &str = "the server sends us on to another place, which is not followed";

/// What an error says.
pub(super) fn said(status: u16, body: &[u8]) -> String {
    let standard = standard(status);
    let document: Option<Value> = serde_json::from_slice(body).ok();
    let errors = document.as_ref().and_then(|document| document.get("errors"));
    let mut told = vec![standard.to_owned()];
    for error in errors.and_then(Value::as_array).into_iter().flatten() {
        let text = |pointer: &str| error.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let title = text("/title");
        told.extend(TITLES.iter().filter(|known| **known == title).map(|known| (*known).to_owned()));
        told.extend(field(&text("/source/pointer")));
        let words = error.as_str().map_or_else(|| text("/detail"), str::to_lowercase);
        told.extend(PHRASES.iter().filter(|known| words.contains(**known)).map(|known| (*known).to_owned()));
    }
    let mut seen: Vec<String> = Vec::new();
    for part in told {
        if !seen.iter().any(|other| other.eq_ignore_ascii_case(&part)) {
            seen.push(part);
        }
    }
    format!("{} ({WITHHELD})", seen.join(", "))
}

/// The field that a pointer leads to.
fn field(pointer: &str) -> Option<String> {
    let name = pointer.strip_prefix("/data/attributes/")?;
    FIELDS.iter().find(|known| **known == name).map(|known| format!("/data/attributes/{known}"))
}

/// A part of what was sent that is this long is no chance.
const RUN: usize = 8;

/// The same of a token, which begins as all of its kind do.
const TOKEN_RUN: usize = 12;

/// A refusal that is longer is not searched.
const SEARCHED: usize = 1 << 20;

/// Whether a refusal repeats the token that goes along with every request, as a proxy that shows what it got does.
pub(super) fn quotes(body: &[u8], token: &[u8]) -> bool {
    body.len() > SEARCHED
        || [bare(body), bare(&super::unescaped_bytes(body))].iter().any(|text| repeats(text, token, TOKEN_RUN))
}

/// What a server calls the request, where it looks like a name that it gave: no run of letters and digits in it may be one of
/// what was sent, as it is, or as base64 or hexadecimal digits of it, whatever the case.
pub(super) fn request_id(id: String, sent: &[u8]) -> Option<String> {
    let fits = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !fits {
        return None;
    }
    (!repeats(&bare(id.as_bytes()), sent, RUN)).then_some(id)
}

/// Whether a text has a part of a secret in it, in one of the forms in which servers repeat what they were sent.
pub(crate) fn tells(text: &str, secret: &[u8]) -> bool {
    repeats(&bare(text.as_bytes()), secret, RUN)
}

/// Whether so many letters and digits in a row are in both: in the one that was sent as it is, or as base64 or hexadecimal
/// digits of it.
fn repeats(text: &[u8], sent: &[u8], run: usize) -> bool {
    let whole = bare(sent);
    // One that is shorter is whole at least.
    let run = run.min(whole.len()).max(1);
    let mut forms = vec![whole, Zeroizing::new(HEXLOWER.encode(sent).into_bytes())];
    // Three letters of the text make four digits, so that a part of it can begin at one of three places.
    forms.extend((0..3).filter_map(|start| {
        let encoded = Zeroizing::new(BASE64.encode(sent.get(start..)?).into_bytes());
        Some(bare(&encoded))
    }));
    let parts: BTreeSet<&[u8]> = text.windows(run).collect();
    forms.iter().any(|form| form.windows(run).any(|part| parts.contains(part)))
}

/// The letters, in one case, and the digits alone.
fn bare(text: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_ours_come_out() {
        let body = serde_json::json!({ "errors": [{
            "title": "Invalid Attribute",
            "detail": "Value canary is too long",
            "source": { "pointer": "/data/attributes/value" },
        }, {
            "title": "canary",
            "detail": "canary",
            "source": { "pointer": "/data/attributes/canary" },
        }, "CANARY has already been taken"] });
        assert_eq!(
            said(422, body.to_string().as_bytes()),
            "Unprocessable Entity, invalid attribute, /data/attributes/value, is too long, has already been taken \
             (its own words are not shown, since they may repeat the secret that was sent)"
        );
        for body in ["<title>canary</title>", "canary", r#"{"errors":"canary"}"#, ""] {
            assert!(said(500, body.as_bytes()).starts_with("Internal Server Error ("), "{body}");
        }
    }

    #[test]
    fn a_requests_name_that_was_sent_along_is_none() {
        let sent = br#"{"value":"canary-4f1d"}"#;
        for id in ["Canary-4F1d", "x-CANARY4F1D", "a b", "636-16e-61-7279", "Y2FuYXJ5LTRmMWQ"] {
            assert_eq!(request_id(id.to_owned(), sent), None, "{id}");
        }
        assert_eq!(request_id("9d1c-77".to_owned(), sent).as_deref(), Some("9d1c-77"));
    }
}
