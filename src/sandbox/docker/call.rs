//! One request to an engine, and what is answered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

/// A request that was read.
#[derive(Debug)]
pub struct Call {
    /// The target's name.
    pub engine: String,
    /// The method.
    pub method: String,
    /// The path without the version.
    pub path: String,
    /// The query.
    pub query: Vec<(String, String)>,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: axum::body::Bytes,
}

/// What is not done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The engine's words.
    pub message: String,
}

impl Refusal {
    /// With a status and the engine's words.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// The answer.
    pub fn answer(&self) -> Answer {
        Answer { status: self.status, headers: Vec::new(), body: Payload::Json(json!({ "message": self.message })) }
    }
}

/// What a body is.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// Nothing.
    None,
    /// A document.
    Json(Value),
    /// Text.
    Text(&'static str),
    /// Documents one after the other, each of them sent alone.
    Lines(Vec<Value>),
    /// Bytes of a kind.
    Bytes(&'static str, Vec<u8>),
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Payload,
}

impl Answer {
    /// 200 and a document.
    pub fn json(body: Value) -> Self {
        Self::with(200, Payload::Json(body))
    }

    /// A status and nothing else.
    pub fn status(status: u16) -> Self {
        Self::with(status, Payload::None)
    }

    /// A status and a body.
    pub fn with(status: u16, body: Payload) -> Self {
        Self { status, headers: Vec::new(), body }
    }
}

/// What comes only when something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// 204 when the container does not run any more.
    Stopped {
        /// Its id.
        container: String,
        /// Whether it is started again then.
        start: bool,
    },
    /// Its exit code when it does not run any more.
    Ended {
        /// Its id.
        container: String,
        /// Until it is gone.
        removed: bool,
        /// Its starts so far: one that ran is waited for even where it is started again.
        began: Option<Timestamp>,
    },
    /// Its exit code of the next end.
    NextExit {
        /// Its id.
        container: String,
        /// When it last ended.
        before: Option<Timestamp>,
    },
}

/// What never ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    /// Lines of a container.
    Logs {
        /// Its id.
        container: String,
        /// How they are written.
        form: super::logs::Form,
        /// How many lines were sent.
        sent: usize,
    },
    /// Events.
    Events {
        /// Which.
        filters: Filters,
        /// How many were looked at.
        seen: usize,
        /// When it ends.
        until: Option<Timestamp>,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// At once.
    Now(Answer),
    /// When something happened.
    Later(Waiting),
    /// Piece by piece.
    Flow(Stream),
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Now(answer)
    }
}

/// The outcome of a request.
pub type Outcome = Result<Reply, Refusal>;

impl Call {
    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A flag of the query, as Go's server reads it.
    pub fn flag(&self, name: &str) -> bool {
        !matches!(
            self.parameter(name).unwrap_or_default().trim().to_lowercase().as_str(),
            "" | "0" | "no" | "false" | "none"
        )
    }

    /// The document in the body.
    pub fn document(&self) -> Result<Value, Refusal> {
        let kind = self.content_type.split(';').next().unwrap_or_default().trim();
        if kind != "application/json" {
            let message = format!("Content-Type specified ({kind}) must be 'application/json'");
            return Err(Refusal::new(400, message));
        }
        serde_json::from_slice(&self.body).map_err(|error| match error.classify() {
            serde_json::error::Category::Eof if self.body.is_empty() => Refusal::new(400, "EOF"),
            serde_json::error::Category::Eof => Refusal::new(500, "unexpected EOF"),
            _ => Refusal::new(500, error.to_string()),
        })
    }

    /// The filters, of which only some exist.
    pub fn filters(&self, known: &[&str]) -> Result<Filters, Refusal> {
        let text = self.parameter("filters").unwrap_or_default();
        if text.is_empty() {
            return Ok(Filters::default());
        }
        let value: Value = serde_json::from_str(text).map_err(|error| Refusal::new(500, error.to_string()))?;
        let mut filters = Filters::default();
        for (name, values) in value.as_object().into_iter().flatten() {
            if !known.contains(&name.as_str()) {
                return Err(Refusal::new(400, format!("Invalid filter '{name}'")));
            }
            // Two forms: a list, and the older map from values to true.
            let words = match values {
                Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
                Value::Object(map) => map.keys().cloned().collect(),
                _ => BTreeSet::new(),
            };
            filters.0.insert(name.clone(), words);
        }
        Ok(filters)
    }
}

/// Filters by name; each holds if one of its values does, labels if all do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<String, BTreeSet<String>>);

impl Filters {
    /// Whether a filter was given.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|words| !words.is_empty())
    }

    /// Whether one value holds, or none was given.
    pub fn any(&self, name: &str, holds: impl Fn(&str) -> bool) -> bool {
        self.0.get(name).is_none_or(|words| words.is_empty() || words.iter().any(|word| holds(word)))
    }

    /// Whether all labels that were asked for are there.
    pub fn labels(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.get("label").is_none_or(|words| {
            words.iter().all(|word| match word.split_once('=') {
                Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
                None => labels.contains_key(word),
            })
        })
    }
}

/// Text of a field, if it is one.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A map from text to text.
pub fn words(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// A time as the API writes it.
pub fn instant(at: Option<Timestamp>) -> String {
    match at {
        None => "0001-01-01T00:00:00Z".to_owned(),
        Some(at) if at.subsec_nanosecond() == 0 => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Some(at) => {
            let text = at.strftime("%Y-%m-%dT%H:%M:%S.%9f").to_string();
            format!("{}Z", text.trim_end_matches('0'))
        }
    }
}

/// A name as the engine takes it: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric();
    name.len() > 1
        && name.starts_with(is_plain)
        && name.chars().all(|letter| is_plain(letter) || "_.-".contains(letter))
}
