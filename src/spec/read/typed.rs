//! Parts of Kubernetes objects, read with the types of its own API, which know the names of all keys.

use std::cell::RefCell;
use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer as _, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::{Serialize, forward_to_deserialize_any};

use super::{Read, Reader};
use crate::spec::finding::{Finding, Rule, nearest};
use crate::spec::node::{At, Member, Node, Value};

/// A part of a Kubernetes object that can stand in a spec as Kubernetes writes it.
pub trait Part: DeserializeOwned + Serialize {
    /// `a toleration`
    const WHAT: &'static str;
    /// Where Kubernetes documents it: what `kubectl explain` takes.
    const EXPLAINED: &'static str;
    /// A key that is not written although the type has it: it is said otherwise.
    const SAID_OTHERWISE: Option<&'static str> = None;
}

/// Such a part, and where it stands.
#[derive(Clone, Debug)]
pub struct Typed<T> {
    /// Where.
    pub at: At,
    /// What.
    pub value: T,
}

impl<T: Part> Read for Typed<T> {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let walk = Walk { what: T::WHAT, home: reader.path(), findings: RefCell::new(Vec::new()) };
        let read = T::deserialize(Here { node, path: "", walk: &walk, hidden: T::SAID_OTHERWISE });
        let value = match read {
            Ok(value) => {
                if let Ok(shape) = serde_json::to_value(&value) {
                    walk.lacking(node, &shape, T::SAID_OTHERWISE, "");
                }
                Some(value)
            }
            Err(wrong) => {
                walk.wrong(wrong.place.as_ref().map_or((node.at, ""), |(at, path)| (*at, path)), &wrong.cause);
                None
            }
        };
        let findings = walk.findings.into_inner();
        let sound = findings.is_empty();
        for finding in findings {
            let documented = || format!("`kubectl explain {}` says what can stand there", T::EXPLAINED);
            let said = finding.remedy.is_some();
            reader.push(if said { finding } else { finding.remedy(documented()) });
        }
        value.filter(|_| sound).map(|value| Self { at: node.at, value })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

/// One part that is being read, and what is wrong with it.
struct Walk {
    what: &'static str,
    home: String,
    findings: RefCell<Vec<Finding>>,
}

impl Walk {
    fn inside(&self, path: &str) -> String {
        let Self { what, home, findings: _ } = self;
        if path.is_empty() { format!("`{home}`, {what}") } else { format!("`{home}`, {what}, at `{path}`") }
    }

    fn wrong(&self, (at, path): (At, &str), cause: &str) {
        let finding = Finding::error(Rule::WrongKind, at, format!("{}: {cause}", self.inside(path)));
        self.findings.borrow_mut().push(finding);
    }

    fn unknown(&self, key: &str, at: At, path: &str, known: impl Iterator<Item = &'static str>) {
        let message = format!("unknown key `{key}` in {}", self.inside(path));
        let finding = Finding::error(Rule::UnknownKey, at, message);
        self.findings.borrow_mut().push(match nearest(key, known) {
            Some(near) => finding.remedy(format!("did you mean `{near}`?")),
            None => finding,
        });
    }

    /// The types fill in keys that must be there: what they then have and nobody wrote is what is lacking.
    fn lacking(&self, node: &Node, shape: &serde_json::Value, hidden: Option<&str>, path: &str) {
        match (&node.value, shape) {
            (Value::Map(map), serde_json::Value::Object(object)) => {
                for (key, shape) in object.iter().filter(|(key, _)| hidden != Some(key.as_str())) {
                    let inner = below(path, key);
                    let member = map.get(key).filter(|member| !matches!(member.node.value, Value::Null));
                    if let Some(member) = member {
                        self.lacking(&member.node, shape, None, &inner);
                        continue;
                    }
                    let message = format!("{} lacks `{key}`", self.inside(path));
                    let finding = Finding::error(Rule::MissingKey, node.at, message);
                    self.findings.borrow_mut().push(finding.remedy(format!("add `{key}:`")));
                }
            }
            (Value::List(items), serde_json::Value::Array(shapes)) => {
                for (number, (item, shape)) in items.iter().zip(shapes).enumerate() {
                    self.lacking(item, shape, None, &format!("{path}[{number}]"));
                }
            }
            _ => {}
        }
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Why a part could not be read, and where.
#[derive(Debug)]
struct Wrong {
    place: Option<(At, String)>,
    cause: String,
}

impl Wrong {
    /// What fails without a place failed at the innermost value that is being read.
    fn within(mut self, at: At, path: &str) -> Self {
        self.place.get_or_insert_with(|| (at, path.to_owned()));
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for Wrong {}

impl serde::de::Error for Wrong {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self { place: None, cause: message.to_string() }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Bool(_) => "true or false",
            Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_) => "a number",
            Unexpected::Str(_) => "text",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a map",
            Unexpected::Unit => "nothing",
            _ => "what stands there",
        };
        // As the types name what they take; all others name themselves, and are maps.
        let wanted = match expected.to_string().as_str() {
            "i32" | "i64" | "u32" | "u64" => "a whole number",
            "f64" => "a number",
            "a boolean" => "true or false",
            "a string" | "Quantity" => "text",
            "a sequence" => "a list",
            _ => "a map",
        };
        Self { place: None, cause: format!("must be {wanted}, not {found}") }
    }
}

/// A value that is being read.
#[derive(Clone, Copy)]
struct Here<'w, 'n> {
    node: &'n Node,
    path: &'w str,
    walk: &'w Walk,
    hidden: Option<&'static str>,
}

impl<'n> Deserializer<'n> for Here<'_, 'n> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let Self { node, path, walk, hidden: _ } = self;
        let read = match &node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.parse::<i64>(), number.parse::<f64>()) {
                (Ok(whole), _) => visitor.visit_i64(whole),
                (Err(_), Ok(number)) => visitor.visit_f64(number),
                (Err(_), Err(_)) => visitor.visit_borrowed_str(number),
            },
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items { left: items.iter().enumerate(), path, walk }),
            Value::Map(map) => visitor.visit_map(Members { left: map.iter().collect(), value: None, path, walk }),
        };
        read.map_err(|wrong| wrong.within(node.at, path))
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'n>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        if let Value::Map(map) = &self.node.value {
            let known = || known.iter().copied().filter(|known| self.hidden != Some(*known));
            for (key, Member { key_at, node: _ }) in map.iter().filter(|(key, _)| !known().any(|known| known == *key)) {
                self.walk.unknown(key, *key_at, self.path, known());
            }
        }
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        <V: Visitor<'n>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

struct Items<'w, 'n> {
    left: std::iter::Enumerate<std::slice::Iter<'n, Node>>,
    path: &'w str,
    walk: &'w Walk,
}

impl<'n> SeqAccess<'n> for Items<'_, 'n> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some((number, node)) = self.left.next() else { return Ok(None) };
        let path = format!("{}[{number}]", self.path);
        seed.deserialize(Here { node, path: &path, walk: self.walk, hidden: None }).map(Some)
    }
}

struct Members<'w, 'n> {
    left: std::collections::VecDeque<(&'n str, &'n Member)>,
    value: Option<(&'n str, &'n Node)>,
    path: &'w str,
    walk: &'w Walk,
}

impl<'n> MapAccess<'n> for Members<'_, 'n> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some((key, member)) = self.left.pop_front() else { return Ok(None) };
        self.value = Some((key, &member.node));
        let key: StrDeserializer<'n, Wrong> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'n>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((key, node)) = self.value.take() else {
            return Err(<Wrong as serde::de::Error>::custom("a value without a key"));
        };
        let path = below(self.path, key);
        seed.deserialize(Here { node, path: &path, walk: self.walk, hidden: None })
    }
}
