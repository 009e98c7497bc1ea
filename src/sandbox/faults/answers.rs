//! Answers as the faults have them: other documents, other bytes, other ends.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{BodyKind, Fault};
use crate::sandbox::connection::Scissors;
use crate::sandbox::hcp::jsonapi::Answer;

const JSON_API: &str = "application/vnd.api+json";
/// A word that no enumeration has.
const UNKNOWN: &str = "entangled";
/// Attributes that are enumerations, by the end of their names.
const ENUMERATIONS: [&str; 9] = [
    "execution-mode",
    "status",
    "destination-type",
    "category",
    "source",
    "auth-policy",
    "plan-identifier",
    "service-provider",
    "service-provider-display-name",
];

/// A document that is answered without doing anything.
pub fn made_up(code: u16, kind: BodyKind) -> Response {
    let title = StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason()).unwrap_or("error");
    let title = title.to_lowercase();
    let document = || {
        let status = if code == 429 { json!(code) } else { json!(code.to_string()) };
        json!({ "errors": [{ "status": status, "title": title }] }).to_string()
    };
    let page = if code == 200 { "Sign in" } else { &title };
    match kind {
        BodyKind::Jsonapi => plain(code, JSON_API, document()),
        BodyKind::Strings => plain(code, JSON_API, json!({ "errors": [title], "success": false }).to_string()),
        BodyKind::Html => plain(code, "text/html; charset=utf-8", format!("<!doctype html><title>{page}</title>")),
        BodyKind::Empty => plain(code, JSON_API, String::new()),
        BodyKind::Truncated => plain(code, JSON_API, r#"{"data":[{"id":"ws-"#.to_owned()),
        BodyKind::Garbage => {
            let mut response = plain(code, JSON_API, String::new());
            *response.body_mut() = Body::from(vec![0xff, 0xfe, 0x00, 0x7b]);
            response
        }
    }
}

/// A text as an answer.
pub fn plain(status: u16, kind: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    insert(response.headers_mut(), "content-type", kind);
    response
}

/// A header, if it can be one.
pub fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

/// A header of a script: one without a value is taken away, and `now+2` is the date two seconds from now.
pub fn write_header(headers: &mut HeaderMap, name: &str, value: &str, now: Timestamp) {
    let later = value.strip_prefix("now+").and_then(|seconds| seconds.parse().ok()).map(SignedDuration::from_secs);
    match later.and_then(|pause| now.saturating_add(pause).ok()) {
        Some(date) => insert(headers, name, &http_date(date)),
        None if value.is_empty() => {
            if let Ok(name) = HeaderName::try_from(name) {
                headers.remove(name);
            }
        }
        None => insert(headers, name, value),
    }
}

/// A date as HTTP writes it.
pub fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Turns an answer into bytes, as the faults have it; and says whether its status arrives.
pub fn deliver(mut answer: Answer, faults: &[Fault], scissors: &Scissors, asked_page: u64) -> (Response, bool) {
    if let Some(body) = answer.body.as_mut() {
        for fault in faults {
            distort(fault, body, asked_page);
        }
    }
    if faults.contains(&Fault::LostAnswer) {
        scissors.cut();
        return (Response::default(), false);
    }
    let text = answer.body.map(|body| body.to_string()).unwrap_or_default();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if answer.status != 204 {
        insert(response.headers_mut(), "content-type", "application/vnd.api+json; charset=utf-8");
    }
    let arrives = wired(&mut response, text.into_bytes(), faults, scissors);
    (response, arrives)
}

/// Gives an answer its body, as the faults of the wire have it. False: it does not arrive whole.
pub fn wired(response: &mut Response, mut bytes: Vec<u8>, faults: &[Fault], scissors: &Scissors) -> bool {
    for fault in faults {
        match fault {
            Fault::TruncatedBody => bytes.truncate(bytes.len() / 2),
            Fault::Gzip => {
                bytes = gzip(&bytes);
                insert(response.headers_mut(), "content-encoding", "gzip");
            }
            Fault::ContentType(kind) => insert(response.headers_mut(), "content-type", kind),
            Fault::Http10 => *response.version_mut() = Version::HTTP_10,
            Fault::CloseIdle => scissors.close_after_the_answer(),
            Fault::StaleConnection => scissors.cut_at_the_next_request(),
            _ => {}
        }
    }
    let arrives = !faults.contains(&Fault::CutBody);
    let dribble = faults.iter().find_map(|fault| match fault {
        Fault::Dribble(millis) => Some(Duration::from_millis(*millis)),
        _ => None,
    });
    let padding: u64 = faults.iter().map(|fault| if let Fault::Padding(bytes) = fault { *bytes } else { 0 }).sum();
    *response.body_mut() = if !arrives {
        insert(response.headers_mut(), "content-length", &bytes.len().max(2).to_string());
        cut_in_half(&bytes, scissors.clone())
    } else if let Some(time) = dribble {
        insert(response.headers_mut(), "content-length", &bytes.len().to_string());
        in_drops(&bytes, time)
    } else if padding > 0 {
        padded(padding, bytes)
    } else {
        Body::from(bytes)
    };
    arrives
}

/// Half of a body, and then the connection is gone.
fn cut_in_half(bytes: &[u8], scissors: Scissors) -> Body {
    let half = Bytes::copy_from_slice(&bytes[..bytes.len() / 2]);
    Body::from_stream(futures::stream::unfold((0_u8, Some(half), scissors), |(step, half, scissors)| async move {
        if step == 0 {
            return half.map(|half| (Ok(half), (1, None, scissors)));
        }
        // Lets what was said so far go out first.
        tokio::time::sleep(Duration::from_millis(5)).await;
        scissors.cut();
        Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), (2, None, scissors)))
    }))
}

/// A body that takes so long, in twenty drops.
fn in_drops(bytes: &[u8], time: Duration) -> Body {
    let size = bytes.len().div_ceil(20).max(1);
    let drops: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
    Body::from_stream(futures::stream::unfold(drops.into_iter(), move |mut drops| async move {
        let drop = drops.next()?;
        tokio::time::sleep(time / 20).await;
        Some((Ok::<_, std::io::Error>(drop), drops))
    }))
}

/// White space that is still JSON, and then the body.
fn padded(padding: u64, bytes: Vec<u8>) -> Body {
    const PIECE: usize = 1 << 20;
    let blank = Bytes::from(vec![b' '; PIECE]);
    let pieces = (0..padding.div_ceil(PIECE as u64)).map(move |_| blank.clone());
    let all = pieces.chain(std::iter::once(Bytes::from(bytes))).map(Ok::<_, std::io::Error>);
    Body::from_stream(futures::stream::iter(all))
}

/// The format of gzip without compression: blocks that are stored as they are (RFC 1951, 3.2.4, and RFC 1952).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = bytes.chunks(usize::from(u16::MAX)).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        out.push(u8::from(blocks.peek().is_none()));
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc32(bytes).to_le_bytes());
    out.extend(u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or_default().to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

/// Changes a document as one fault has it.
fn distort(fault: &Fault, body: &mut Value, asked_page: u64) {
    match fault {
        Fault::Attribute { name, value } => each_attributes(body, &mut |attributes| {
            if let Some(place) = attributes.get_mut(name) {
                *place = value.clone();
            }
        }),
        Fault::UnknownWords => each_attributes(body, &mut |attributes| {
            for (name, value) in attributes.iter_mut().filter(|(_, value)| value.is_string()) {
                if ENUMERATIONS.iter().any(|known| name.ends_with(known)) {
                    *value = json!(UNKNOWN);
                }
            }
        }),
        Fault::Total(more) => {
            if let Some(total) = body.pointer_mut("/meta/pagination/total-count") {
                *total = json!(total.as_i64().unwrap_or_default() + more);
            }
        }
        Fault::Duplicate => {
            if let Some(items) = body["data"].as_array_mut()
                && let [first, .., last] = items.as_mut_slice()
            {
                *last = first.clone();
            }
        }
        Fault::RepeatPages => {
            if let Some(pagination) = body.pointer_mut("/meta/pagination") {
                pagination["current-page"] = json!(asked_page);
                pagination["next-page"] = json!(asked_page + 1);
                pagination["total-pages"] = json!(asked_page + 1);
            }
        }
        _ => {}
    }
}

fn each_attributes(body: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    let mut resources: Vec<&mut Value> = Vec::new();
    let Some(document) = body.as_object_mut() else { return };
    for part in
        document.iter_mut().filter_map(|(name, part)| matches!(name.as_str(), "data" | "included").then_some(part))
    {
        match part {
            Value::Array(items) => resources.extend(items),
            resource => resources.push(resource),
        }
    }
    resources.into_iter().filter_map(|resource| resource.get_mut("attributes")?.as_object_mut()).for_each(change);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_stored_block_holds_the_text_as_it_is() {
        let packed = gzip(b"{}");
        assert_eq!(packed[10..15], [1, 2, 0, 0xfd, 0xff]);
        assert_eq!(&packed[15..17], b"{}");
        assert_eq!(packed.len(), 10 + 5 + 2 + 8);
    }

    #[test]
    fn a_header_is_set_dated_or_left_out() {
        let mut headers = HeaderMap::new();
        write_header(&mut headers, "retry-after", "now+2", Timestamp::UNIX_EPOCH);
        assert_eq!(headers["retry-after"], "Thu, 01 Jan 1970 00:00:02 GMT");
        write_header(&mut headers, "retry-after", "3", Timestamp::UNIX_EPOCH);
        assert_eq!(headers["retry-after"], "3");
        write_header(&mut headers, "retry-after", "", Timestamp::UNIX_EPOCH);
        assert!(headers.is_empty());
    }

    #[test]
    fn only_enumerations_get_a_new_word() {
        let mut body = json!({ "data": [{ "attributes": {
            "execution-mode": "agent", "default-execution-mode": "agent", "name": "agent", "status": null,
        } }] });
        distort(&Fault::UnknownWords, &mut body, 1);
        let attributes = &body["data"][0]["attributes"];
        assert_eq!(attributes["execution-mode"], UNKNOWN);
        assert_eq!(attributes["default-execution-mode"], UNKNOWN);
        assert_eq!((&attributes["name"], &attributes["status"]), (&json!("agent"), &Value::Null));
    }
}
