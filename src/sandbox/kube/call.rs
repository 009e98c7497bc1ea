//! One request to an API server, and what is answered.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::kinds::Resource;

/// A request that was read.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query.
    pub query: Vec<(String, String)>,
    /// `Accept`.
    pub accept: String,
    /// `Content-Type`.
    pub content_type: String,
    /// `User-Agent`.
    pub agent: String,
    /// The body.
    pub body: axum::body::Bytes,
    /// Who asks.
    pub user: User,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The groups.
    pub groups: BTreeSet<String>,
}

/// What is not done, and why: the words of a `Status` object.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The status.
    pub code: u16,
    /// The word for it.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
    /// Of what, and what else is known.
    pub details: Value,
}

/// One thing that is wrong in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `FieldValueInvalid` and the like.
    pub reason: &'static str,
    /// Where.
    pub field: String,
    /// What, after the name of the field.
    pub message: String,
}

impl Cause {
    /// A field that has to be there.
    pub fn required(field: impl Into<String>, more: &str) -> Self {
        let message = if more.is_empty() { "Required value".to_owned() } else { format!("Required value: {more}") };
        Self { reason: "FieldValueRequired", field: field.into(), message }
    }

    /// A value that cannot be.
    pub fn invalid(field: impl Into<String>, value: &Value, more: &str) -> Self {
        Self { reason: "FieldValueInvalid", field: field.into(), message: format!("Invalid value: {value}: {more}") }
    }

    /// What is not allowed there.
    pub fn forbidden(field: impl Into<String>, more: &str) -> Self {
        Self { reason: "FieldValueForbidden", field: field.into(), message: format!("Forbidden: {more}") }
    }

    /// One of several words.
    pub fn unsupported(field: impl Into<String>, value: &Value, known: &[String]) -> Self {
        let message = format!("Unsupported value: {value}: supported values: {}", known.join(", "));
        Self { reason: "FieldValueNotSupported", field: field.into(), message }
    }

    /// The same twice.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self { reason: "FieldValueDuplicate", field: field.into(), message: format!("Duplicate value: {value}") }
    }

    /// What leads to nothing.
    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self { reason: "FieldValueNotFound", field: field.into(), message: format!("Not found: {value}") }
    }

    /// A value of another type.
    pub fn type_invalid(field: impl Into<String>, value: &Value, more: &str) -> Self {
        let message = format!("Invalid value: {value}: {more}");
        Self { reason: "FieldValueTypeInvalid", field: field.into(), message }
    }
}

impl Refusal {
    /// With nothing but a sentence.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    /// A request that cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// A path that leads to no kind.
    pub fn no_resource() -> Self {
        let mut refusal = Self::new(404, "NotFound", "the server could not find the requested resource");
        refusal.details = json!({});
        refusal
    }

    fn of(code: u16, reason: &'static str, resource: &Resource, name: &str, message: String) -> Self {
        Self { code, reason, message, details: details(&resource.group, &resource.plural, name) }
    }

    /// An object that is not there.
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::of(404, "NotFound", resource, name, format!("{} {name:?} not found", resource.id()))
    }

    /// A name that is taken.
    pub fn exists(resource: &Resource, name: &str, is_going: bool) -> Self {
        let before = if is_going { "object is being deleted: " } else { "" };
        Self::of(409, "AlreadyExists", resource, name, format!("{before}{} {name:?} already exists", resource.id()))
    }

    /// What does not fit what is there.
    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.id());
        Self::of(409, "Conflict", resource, name, message)
    }

    /// What somebody may not do.
    pub fn forbidden(group: &str, plural: &str, name: &str, why: &str) -> Self {
        let named = if name.is_empty() { String::new() } else { format!(" {name:?}") };
        let id = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        let message = format!("{id}{named} is forbidden: {why}");
        Self { code: 403, reason: "Forbidden", message, details: details(group, plural, name) }
    }

    /// An object that cannot be.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let of = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let texts: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let told = match texts.as_slice() {
            [] => String::new(),
            [only] => format!(": {only}"),
            several => format!(": [{}]", several.join(", ")),
        };
        let mut refusal = Self::new(422, "Invalid", format!("{of} {name:?} is invalid{told}"));
        refusal.details = details(group, kind, name);
        refusal.details["causes"] = causes.iter().map(cause_json).collect();
        refusal
    }

    /// The `Status` object.
    pub fn document(&self) -> Value {
        let Self { code, reason, message, details } = self;
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "code": code,
        });
        if !reason.is_empty() {
            status["reason"] = json!(reason);
        }
        if !details.is_null() {
            status["details"] = details.clone();
        }
        status
    }
}

fn cause_json(cause: &Cause) -> Value {
    json!({ "reason": cause.reason, "message": cause.message, "field": cause.field })
}

fn details(group: &str, kind: &str, name: &str) -> Value {
    let parts = [("name", name), ("group", group), ("kind", kind)];
    let parts = parts.into_iter().filter(|(_, value)| !value.is_empty());
    Value::Object(parts.map(|(key, value)| (key.to_owned(), json!(value))).collect::<Map<String, Value>>())
}

/// What a body is.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// A document.
    Json(Value),
    /// Text.
    Text(String),
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Payload,
    /// What is doubtful in the request.
    pub warnings: Vec<String>,
}

impl Answer {
    /// A status and a document.
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, body: Payload::Json(body), warnings: Vec::new() }
    }

    /// A status and a text.
    pub fn text(status: u16, text: &str) -> Self {
        Self { status, body: Payload::Text(text.to_owned()), warnings: Vec::new() }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::json(refusal.code, refusal.document())
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// At once.
    Now(Answer),
    /// Line by line.
    Flow(super::watch::Watch),
}

/// The outcome of a request.
pub type Outcome = Result<Reply, Refusal>;

impl Call {
    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// A flag of the query.
    pub fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// Whether nothing is to be kept.
    pub fn is_dry_run(&self) -> Result<bool, Refusal> {
        match self.parameter("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                let cause = Cause::unsupported("dryRun", &json!([other]), &["\"All\"".to_owned()]);
                Err(Refusal::invalid("meta.k8s.io", self.options_kind(), "", &[cause]))
            }
        }
    }

    /// Whether unknown fields are refused; or that the word for it is none.
    pub fn is_strict(&self) -> Result<bool, Refusal> {
        match self.parameter("fieldValidation") {
            None | Some("Ignore" | "Warn") => Ok(false),
            Some("Strict") => Ok(true),
            Some(other) => {
                let known = ["Ignore", "Strict", "Warn"].map(|word| format!("{word:?}"));
                let cause = Cause::unsupported("fieldValidation", &json!(other), &known);
                Err(Refusal::invalid("meta.k8s.io", self.options_kind(), "", &[cause]))
            }
        }
    }

    /// The kind of the options of a write.
    pub fn options_kind(&self) -> &'static str {
        match self.method.as_str() {
            "POST" => "CreateOptions",
            "PUT" => "UpdateOptions",
            "DELETE" => "DeleteOptions",
            _ => "PatchOptions",
        }
    }

    /// Who is written down as the one who sets fields: as told, else the program's name.
    pub fn manager(&self) -> Result<String, Refusal> {
        let told = self.parameter("fieldManager");
        let name = told.map_or_else(|| self.agent.split('/').next().unwrap_or_default().to_owned(), str::to_owned);
        // metav1 FieldManagerMaxLength, apimachinery v0.36 pkg/apis/meta/v1/validation.
        if told.is_some() && name.len() > 128 {
            let cause = Cause {
                reason: "FieldValueTooLong",
                field: "fieldManager".to_owned(),
                message: "Too long: may not be more than 128 bytes".to_owned(),
            };
            return Err(Refusal::invalid("meta.k8s.io", self.options_kind(), "", &[cause]));
        }
        Ok(name.chars().take(128).collect())
    }

    /// The body as a document.
    pub fn document(&self) -> Result<Value, Refusal> {
        const KNOWN: [&str; 4] =
            ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor"];
        let kind = self.media_type();
        match kind {
            "" | "application/json" => {}
            "application/yaml" => return from_yaml(&self.body),
            _ => return Err(unsupported_media_type(&KNOWN)),
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = format!("couldn't get version/kind; json parse error: {error}");
            Refusal::bad_request(text)
        })
    }

    /// `Content-Type` without its parameters.
    pub fn media_type(&self) -> &str {
        self.content_type.split(';').next().unwrap_or_default().trim()
    }

    /// Whether only metadata is wanted; or that nothing is wanted that there is.
    pub fn wants_metadata(&self) -> Result<bool, Refusal> {
        if self.accept.trim().is_empty() {
            return Ok(false);
        }
        for range in self.accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let kind_wanted = parts.find_map(|part| part.strip_prefix("as=")).unwrap_or_default().to_owned();
            match (kind, kind_wanted.as_str()) {
                ("application/json" | "*/*" | "application/*", "") => return Ok(false),
                ("application/json", "PartialObjectMetadata" | "PartialObjectMetadataList") => return Ok(true),
                // A table or another encoding: the next one in the list is taken.
                _ => {}
            }
        }
        let text = "only the following media types are accepted: application/json, \
                    application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
        Err(Refusal::new(406, "NotAcceptable", text))
    }
}

/// A body of a kind that is not taken.
fn unsupported_media_type(known: &[&str]) -> Refusal {
    let text = format!(
        "the body of the request was in an unknown format - accepted media types include: {}",
        known.join(", ")
    );
    Refusal::new(415, "UnsupportedMediaType", text)
}

/// A document that may be YAML.
pub fn from_yaml(body: &[u8]) -> Result<Value, Refusal> {
    use figment::providers::{Format, Yaml};
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    let text = std::str::from_utf8(body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    Yaml::from_str::<Value>(text).map_err(|error| Refusal::bad_request(format!("error decoding YAML: {error}")))
}
