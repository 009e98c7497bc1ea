//! JSON:API as HCP speaks it: answers, errors, resource links.

use jiff::Timestamp;
use serde_json::{Value, json};

/// What a request gets: a status and, usually, a body. It cannot be printed: the body may hold a new token.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The document; none for 204.
    pub body: Option<Value>,
}

impl Answer {
    /// 200 with a document.
    pub fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body) }
    }

    /// 200 with one resource.
    pub fn resource(data: &Value) -> Self {
        Self::ok(json!({ "data": data }))
    }

    /// 201 with the resource that was made.
    pub fn created(data: &Value) -> Self {
        Self { status: 201, body: Some(json!({ "data": data })) }
    }

    /// 204.
    pub fn empty() -> Self {
        Self { status: 204, body: None }
    }
}

/// What a handler returns.
pub type Outcome = Result<Answer, Problem>;

/// A refusal, in the shape of HCP's error documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    title: &'static str,
    detail: Option<String>,
    pointer: Option<String>,
}

impl Problem {
    fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: Some(detail.into()), pointer: None }
    }

    /// Missing, or forbidden: HCP does not say which.
    pub fn not_found() -> Self {
        Self { status: 404, title: "not found", detail: None, pointer: None }
    }

    /// A value that is refused.
    pub fn invalid(attribute: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(422, "invalid attribute", detail);
        problem.pointer = Some(format!("/data/attributes/{attribute}"));
        problem
    }

    /// A relationship that is refused.
    pub fn invalid_relationship(name: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(422, "invalid attribute", detail);
        problem.pointer = Some(format!("/data/relationships/{name}"));
        problem
    }

    /// A document that is refused as a whole.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(422, "unprocessable entity", detail)
    }

    /// 409.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(409, "conflict", detail)
    }

    /// 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad request", detail)
    }

    /// 403.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, "forbidden", detail)
    }

    /// 412.
    pub fn precondition_failed(detail: impl Into<String>) -> Self {
        Self::new(412, "precondition failed", detail)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self { status: 401, title: "unauthorized", detail: None, pointer: None }
    }

    /// 415.
    pub fn unsupported_media_type() -> Self {
        Self::new(415, "unsupported media type", "Content-Type must be application/vnd.api+json")
    }

    /// 429.
    pub fn too_many_requests() -> Self {
        Self::new(429, "Too many requests", "You have exceeded the API's rate limit.")
    }

    /// The error document. The status is a string, except in a 429 (documentation, "Rate Limiting").
    pub fn document(&self) -> Value {
        let Self { status, title, detail, pointer } = self;
        let status = if *status == 429 { json!(status) } else { json!(status.to_string()) };
        let mut error = json!({ "status": status, "title": title });
        if let Some(detail) = detail {
            error["detail"] = json!(detail);
        }
        if let Some(pointer) = pointer {
            error["source"] = json!({ "pointer": pointer });
        }
        json!({ "errors": [error] })
    }
}

/// `{ "data": { "id", "type" } }`.
pub fn one(kind: &str, id: &str) -> Value {
    json!({ "data": { "id": id, "type": kind } })
}

/// The same, or `{ "data": null }`.
pub fn maybe(kind: &str, id: Option<&str>) -> Value {
    match id {
        Some(id) => one(kind, id),
        None => json!({ "data": null }),
    }
}

/// `{ "data": [ { "id", "type" } … ] }`.
pub fn many<'a>(kind: &str, ids: impl IntoIterator<Item = &'a String>) -> Value {
    let data: Vec<Value> = ids.into_iter().map(|id| json!({ "id": id, "type": kind })).collect();
    json!({ "data": data })
}

/// `{ "links": { "related": … } }`.
pub fn related(path: &str) -> Value {
    json!({ "links": { "related": path } })
}

/// An instant as HCP writes it: UTC, milliseconds.
pub fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_thing_says_its_title_and_no_more() {
        assert_eq!(Problem::not_found().document(), json!({ "errors": [{ "status": "404", "title": "not found" }] }));
    }

    #[test]
    fn a_refused_value_points_at_its_attribute() {
        assert_eq!(
            Problem::invalid("name", "Name has already been taken").document(),
            json!({ "errors": [{
                "status": "422",
                "title": "invalid attribute",
                "detail": "Name has already been taken",
                "source": { "pointer": "/data/attributes/name" },
            }] })
        );
    }

    #[test]
    fn the_rate_limit_answers_with_a_number() {
        assert_eq!(Problem::too_many_requests().document()["errors"][0]["status"], json!(429));
    }

    #[test]
    fn instants_have_milliseconds() {
        assert_eq!(instant(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }
}
