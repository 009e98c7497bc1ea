//! Values that are the same in every section.

use std::collections::BTreeSet;
use std::ops::Deref;

use indexmap::IndexMap;
use schemars::{Schema, SchemaGenerator, json_schema};

use super::{Read, Reader};
use crate::spec::finding::{Finding, Rule};
use crate::spec::node::{At, Node, Value};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// Where.
    pub at: At,
    /// What.
    pub value: T,
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Read> Read for Located<T> {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        T::read(node, reader).map(|value| Self { at: node.at, value })
    }

    fn takes_null() -> bool {
        T::takes_null()
    }

    fn stand_in() -> Option<Self> {
        // It stands nowhere; what is wrong with it was said where it should stand.
        T::stand_in().map(|value| Self { at: At { file: 0, line: 1, column: 1 }, value })
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

/// Things by name, as written.
#[derive(Clone, Debug)]
pub struct Named<T> {
    things: IndexMap<String, (At, T)>,
    /// Names of those that could not be read: they are there, so a reference to one is no error.
    broken: BTreeSet<String>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { things: IndexMap::new(), broken: BTreeSet::new() }
    }
}

impl<T> Named<T> {
    /// The thing of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&T> {
        self.things.get(name).map(|(_, thing)| thing)
    }

    /// Where the name stands.
    #[must_use]
    pub fn at(&self, name: &str) -> Option<At> {
        self.things.get(name).map(|(at, _)| *at)
    }

    /// There is one of that name, be it one that could not be read.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.things.contains_key(name) || self.broken.contains(name)
    }

    /// All names, those of things included that could not be read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.things.keys().map(String::as_str).chain(self.broken.iter().map(String::as_str))
    }

    /// All things: name, place of the name, thing.
    pub fn iter(&self) -> impl Iterator<Item = (&str, At, &T)> {
        self.things.iter().map(|(name, (at, thing))| (name.as_str(), *at, thing))
    }

    /// Nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.things.is_empty() && self.broken.is_empty()
    }
}

impl<T: Read> Read for Named<T> {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let map = match &node.value {
            Value::Map(map) => map,
            Value::Null => return Some(Self::default()),
            _ => {
                reader.wrong_kind(node, "a map of names");
                return None;
            }
        };
        let mut named = Self::default();
        for (name, member) in map.iter() {
            let thing = reader.within(name, |reader| T::read(&member.node, reader));
            match thing {
                Some(thing) => {
                    named.things.insert(name.to_owned(), (member.key_at, thing));
                }
                None => {
                    named.broken.insert(name.to_owned());
                }
            }
        }
        Some(named)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = T::schema(generator);
        json_schema!({ "type": "object", "additionalProperties": inner })
    }
}

impl<T: Read> Read for Option<T> {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        match node.value {
            Value::Null if !T::takes_null() => Some(None),
            // What cannot be read has been reported; the rest goes on as if it were not there.
            _ => Some(T::read(node, reader)),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let Value::List(items) = &node.value else {
            reader.wrong_kind(node, "a list");
            return None;
        };
        let mut list = Self::with_capacity(items.len());
        for (n, item) in items.iter().enumerate() {
            list.extend(reader.within_item(n, |reader| T::read(item, reader)));
        }
        Some(list)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = T::schema(generator);
        json_schema!({ "type": "array", "items": inner })
    }
}

impl<T: Read> Read for Box<T> {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        T::read(node, reader).map(Self::new)
    }

    fn absent() -> Option<Self> {
        T::absent().map(Self::new)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

impl Read for String {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        reader.text(node, "text").map(str::to_owned)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Read for bool {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        match &node.value {
            Value::Bool(value) => return Some(*value),
            Value::Text(text) => {
                let meant = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" => Some("true"),
                    "no" | "off" | "n" | "false" => Some("false"),
                    _ => None,
                };
                if let Some(meant) = meant {
                    let message = format!("`{}` must be true or false; `{text}` is text", reader.path());
                    reader.push(
                        Finding::error(Rule::WrongKind, node.at, message)
                            .note("yes, no, on and off were booleans in YAML 1.1 and are texts in YAML 1.2")
                            .remedy(format!("write {meant}")),
                    );
                } else {
                    reader.wrong_kind(node, "true or false");
                }
            }
            _ => reader.wrong_kind(node, "true or false"),
        }
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

impl Read for u32 {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        if let Value::Number(text) = &node.value
            && let Ok(number) = text.parse()
        {
            return Some(number);
        }
        reader.wrong_kind(node, "a whole number of 0 or more");
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }
}
