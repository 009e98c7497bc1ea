//! One request, as handlers read it: path, query, pages, includes, attributes and relationships.

use std::{cell::RefCell, collections::BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::jsonapi::Problem;
use crate::sandbox::world::TokenKind;

/// A request below `/api/v2`. It cannot be printed: its document may hold secrets.
pub struct Call {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path below `/api/v2`, decoded, without a leading slash.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The document that was sent; null without one.
    pub body: Value,
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    /// Whose token came along.
    pub label: String,
    /// What that token stands for.
    pub kind: TokenKind,
    /// What new tokens are made from; not the token itself.
    pub mint: String,
    /// By how many places a list is turned before it is cut into pages.
    pub turn: usize,
    /// What the handler looked at in the document.
    pub seen: RefCell<BTreeSet<String>>,
}

impl Call {
    /// A query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The values of `include`, refused unless each is one that the endpoint knows.
    pub fn includes(&self, known: &[&str]) -> Result<BTreeSet<String>, Problem> {
        let mut wanted = BTreeSet::new();
        for word in self.parameter("include").unwrap_or_default().split(',') {
            let word = word.trim();
            if word.is_empty() {
                continue;
            }
            if !known.contains(&word) {
                return Err(Problem::bad_request(format!(
                    "Invalid include parameter: {word} is not a relationship that can be included"
                )));
            }
            wanted.insert(word.to_owned());
        }
        Ok(wanted)
    }

    /// The attributes of the document.
    pub fn attributes(&self) -> Fields<'_> {
        Fields { map: self.body.pointer("/data/attributes").and_then(Value::as_object), seen: Some(&self.seen) }
    }

    /// Refuses a document of another type. HCP's own samples spell one type in the singular and leave one out.
    pub fn expect_type(&self, accepted: &[&str]) -> Result<(), Problem> {
        if !self.body["data"].is_object() {
            return Err(Problem::unprocessable("The document has no primary data"));
        }
        match self.body["data"]["type"].as_str() {
            Some(given) if !accepted.contains(&given) => Err(Problem::unprocessable(format!(
                "The type {given} is not accepted here; expected {}",
                accepted.join(" or ")
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// A to-one relationship of the document.
    pub fn relation(&self, name: &str) -> Result<Given<String>, Problem> {
        let Some(value) = self.body.pointer(&format!("/data/relationships/{name}")) else {
            return Ok(Given::Absent);
        };
        self.seen.borrow_mut().insert(format!("relationships.{name}"));
        match &value["data"] {
            Value::Null => Ok(Given::Null),
            data => match data["id"].as_str() {
                Some(id) => Ok(Given::Value(id.to_owned())),
                None => Err(Problem::invalid_relationship(name, "must be a resource identifier")),
            },
        }
    }

    /// A to-many relationship of the document, with whatever its members carry.
    pub fn relations(&self, name: &str) -> Result<Option<&Vec<Value>>, Problem> {
        let Some(value) = self.body.pointer(&format!("/data/relationships/{name}")) else {
            return Ok(None);
        };
        self.seen.borrow_mut().insert(format!("relationships.{name}"));
        match value["data"].as_array() {
            Some(data) => Ok(Some(data)),
            None => Err(Problem::invalid_relationship(name, "must be a list")),
        }
    }

    /// The ids of a to-many relationship.
    pub fn relation_ids(&self, name: &str) -> Result<Option<BTreeSet<String>>, Problem> {
        let Some(data) = self.relations(name)? else {
            return Ok(None);
        };
        identifiers(data).map(Some).ok_or_else(|| Problem::invalid_relationship(name, "must hold resource identifiers"))
    }

    /// The ids of a document that is a list.
    pub fn listed_ids(&self) -> Result<BTreeSet<String>, Problem> {
        let data = self.listed()?;
        identifiers(data).ok_or_else(|| Problem::unprocessable("The document must hold resource identifiers"))
    }

    /// The members of a document that is a list.
    pub fn listed(&self) -> Result<&Vec<Value>, Problem> {
        self.body["data"].as_array().ok_or_else(|| Problem::unprocessable("The document must hold a list"))
    }

    /// Names in the document that the handler never looked at: HCP ignores them in silence.
    pub fn ignored(&self) -> Vec<String> {
        let seen = self.seen.borrow();
        let names = |pointer: &str, prefix: &str| -> Vec<String> {
            let map = self.body.pointer(pointer).and_then(Value::as_object);
            let keys = map.into_iter().flat_map(Map::keys);
            keys.map(|key| format!("{prefix}{key}")).filter(|name| !seen.contains(name)).collect()
        };
        let mut ignored = names("/data/attributes", "");
        ignored.extend(names("/data/relationships", "relationships."));
        ignored
    }

    /// One page of a list, as a document.
    pub fn page<T>(&self, mut items: Vec<T>, render: impl FnMut(&T) -> Value) -> Value {
        let size = self.number("page[size]").unwrap_or(20).clamp(1, 100);
        let current = self.number("page[number]").unwrap_or(1).max(1);
        let count = items.len();
        let last = count.div_ceil(size).max(1);
        if count > 0 && current > 1 {
            items.rotate_left(self.turn % count);
        }
        let data: Vec<Value> = items.iter().skip((current - 1).saturating_mul(size)).take(size).map(render).collect();
        let previous = (current > 1).then(|| current - 1);
        let next = (current < last).then_some(current + 1);
        json!({
            "data": data,
            "links": {
                "self": self.page_link(current, size),
                "first": self.page_link(1, size),
                "prev": previous.map(|number| self.page_link(number, size)),
                "next": next.map(|number| self.page_link(number, size)),
                "last": self.page_link(last, size),
            },
            "meta": { "pagination": {
                "current-page": current,
                "page-size": size,
                "prev-page": previous,
                "next-page": next,
                "total-pages": last,
                "total-count": count,
            } },
        })
    }

    /// A page with `status-counts`, which some kinds have.
    pub fn counted_page<T>(&self, items: Vec<T>, render: impl FnMut(&T) -> Value) -> Value {
        let count = items.len();
        let mut body = self.page(items, render);
        body["meta"]["status-counts"] = json!({ "total": count, "matching": count });
        body
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.parameter(name)?.parse().ok()
    }

    fn page_link(&self, number: usize, size: usize) -> String {
        let rest = self.query.iter().filter(|(key, _)| !key.starts_with("page["));
        let mut pairs: Vec<String> = rest.map(|(key, value)| format!("{}={}", escape(key), escape(value))).collect();
        pairs.push(format!("page%5Bnumber%5D={number}"));
        pairs.push(format!("page%5Bsize%5D={size}"));
        format!("{}/api/v2/{}?{}", self.origin, self.path, pairs.join("&"))
    }
}

fn identifiers(data: &[Value]) -> Option<BTreeSet<String>> {
    data.iter().map(|item| item["id"].as_str().map(str::to_owned)).collect()
}

/// Percent-encoding of everything that is not unreserved.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    out
}

/// An attribute of a sparse document: left out, null, or a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given<T> {
    /// Unchanged.
    Absent,
    /// Cleared.
    Null,
    /// Set.
    Value(T),
}

impl<T> Given<T> {
    /// Sets what cannot be null; a null changes nothing.
    pub fn set(self, place: &mut T) {
        if let Self::Value(value) = self {
            *place = value;
        }
    }

    /// Sets or clears.
    pub fn set_or_clear(self, place: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *place = None,
            Self::Value(value) => *place = Some(value),
        }
    }

    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl Given<String> {
    /// Sets or clears; an empty text clears too, as HCP reads it back as null.
    pub fn set_or_blank(self, place: &mut Option<String>) {
        let given = match self {
            Self::Value(text) if text.is_empty() => Self::Null,
            other => other,
        };
        given.set_or_clear(place);
    }
}

/// The attributes of a document, each read by its type.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    map: Option<&'a Map<String, Value>>,
    seen: Option<&'a RefCell<BTreeSet<String>>>,
}

impl<'a> Fields<'a> {
    /// The attributes of a resource inside a document.
    pub fn of(resource: &'a Value) -> Self {
        Self { map: resource["attributes"].as_object(), seen: None }
    }

    fn read<T>(&self, name: &str, kind: &str, parse: impl FnOnce(&'a Value) -> Option<T>) -> Result<Given<T>, Problem> {
        let Some(value) = self.map.and_then(|map| map.get(name)) else {
            return Ok(Given::Absent);
        };
        if let Some(seen) = self.seen {
            seen.borrow_mut().insert(name.to_owned());
        }
        if value.is_null() {
            return Ok(Given::Null);
        }
        match parse(value) {
            Some(parsed) => Ok(Given::Value(parsed)),
            None => Err(Problem::invalid(name, format!("must be {kind}"))),
        }
    }

    /// Whether it is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.map.is_some_and(|map| map.contains_key(name))
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Given<String>, Problem> {
        self.read(name, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// A text that must be there and not empty.
    pub fn required(&self, name: &str) -> Result<String, Problem> {
        match self.text(name)?.value() {
            Some(text) if !text.trim().is_empty() => Ok(text),
            Some(_) | None => Err(Problem::invalid(name, format!("{} can't be blank", capital(name)))),
        }
    }

    /// A truth.
    pub fn flag(&self, name: &str) -> Result<Given<bool>, Problem> {
        self.read(name, "a boolean", Value::as_bool)
    }

    /// A count.
    pub fn count(&self, name: &str) -> Result<Given<u32>, Problem> {
        self.read(name, "an integer", |value| value.as_u64().and_then(|count| u32::try_from(count).ok()))
    }

    /// An instant.
    pub fn instant(&self, name: &str) -> Result<Given<Timestamp>, Problem> {
        self.read(name, "an ISO 8601 time", |value| value.as_str()?.parse().ok())
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Given<Vec<String>>, Problem> {
        self.read(name, "a list of strings", |value| {
            let items = value.as_array()?;
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    /// Attributes inside an attribute.
    pub fn object(&self, name: &str) -> Result<Given<Fields<'a>>, Problem> {
        self.read(name, "an object", |value| Some(Fields { map: Some(value.as_object()?), seen: None }))
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.replace('-', " ").chars().collect::<Vec<char>>();
    if let Some(first) = letters.first_mut() {
        *first = first.to_ascii_uppercase();
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(query: &[(&str, &str)], body: Value) -> Call {
        Call {
            method: "GET".into(),
            path: "things".into(),
            query: query.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            body,
            origin: "http://127.0.0.1:1".into(),
            label: "sandbox".into(),
            kind: TokenKind::Team,
            mint: String::new(),
            turn: 0,
            seen: RefCell::default(),
        }
    }

    #[test]
    fn pages_are_cut_and_linked() {
        let call = call(&[("page[size]", "2"), ("page[number]", "2"), ("q", "a b")], Value::Null);
        let page = call.page((0..5).collect(), |number| json!(number));
        assert_eq!(page["data"], json!([2, 3]));
        assert_eq!(
            page["meta"]["pagination"],
            json!({ "current-page": 2, "page-size": 2, "prev-page": 1, "next-page": 3, "total-pages": 3, "total-count": 5 })
        );
        assert_eq!(
            page["links"]["next"],
            json!("http://127.0.0.1:1/api/v2/things?q=a%20b&page%5Bnumber%5D=3&page%5Bsize%5D=2")
        );
    }

    #[test]
    fn a_page_holds_a_hundred_at_most() {
        let call = call(&[("page[size]", "1000")], Value::Null);
        let page = call.page((0..150).collect(), |number| json!(number));
        assert_eq!(page["data"].as_array().unwrap().len(), 100);
    }

    #[test]
    fn a_turned_list_loses_one_item_and_repeats_another() {
        let seen = |number: &str| {
            let mut call = call(&[("page[size]", "2"), ("page[number]", number)], Value::Null);
            call.turn = 1;
            call.page((0..4).collect(), |number| json!(number))["data"].clone()
        };
        assert_eq!(seen("1"), json!([0, 1]));
        assert_eq!(seen("2"), json!([3, 0]));
    }

    #[test]
    fn an_unknown_include_is_refused_by_name() {
        let problem = call(&[("include", "vars,nonsense")], Value::Null).includes(&["vars"]).unwrap_err();
        assert_eq!(problem.status, 400);
        assert!(problem.document().to_string().contains("include parameter: nonsense"));
    }

    #[test]
    fn names_that_no_handler_reads_are_told() {
        let call = call(&[], json!({ "data": { "attributes": { "name": "a", "nmae": "b" } } }));
        assert_eq!(call.attributes().required("name").unwrap(), "a");
        assert_eq!(call.ignored(), ["nmae"]);
    }

    #[test]
    fn null_clears_and_silence_keeps() {
        let mut place = Some("old".to_owned());
        Given::Absent.set_or_blank(&mut place);
        assert_eq!(place.as_deref(), Some("old"));
        Given::Value(String::new()).set_or_blank(&mut place);
        assert_eq!(place, None);
    }
}
