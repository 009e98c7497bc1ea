//! The tree that every format is read into: values with the place where each of them stands.

use indexmap::IndexMap;
use indexmap::map::Entry;

use crate::origin::{FileName, Place};

/// A place, small enough to sit on every value; [`Sources`] turns it into one that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// Which of the sources.
    pub file: u16,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// The texts that a spec was read from.
#[derive(Debug, Default)]
pub struct Sources(Vec<Source>);

#[derive(Debug)]
struct Source {
    name: FileName,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl Sources {
    /// Adds a text; its number stands in every place inside it.
    pub fn add(&mut self, name: &str, text: String) -> u16 {
        let number = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1)).collect();
        self.0.push(Source { name: name.into(), text, lines });
        number
    }

    /// The text of a source.
    #[must_use]
    pub fn text(&self, file: u16) -> &str {
        self.0.get(usize::from(file)).map_or("", |source| &source.text)
    }

    /// A place as people read it.
    #[must_use]
    pub fn place(&self, at: At) -> Place {
        Place {
            file: self.0.get(usize::from(at.file)).map_or_else(|| "?".into(), |source| source.name.clone()),
            line: at.line,
            column: at.column,
        }
    }

    /// A path as the file of that place means it: relative to the file's folder.
    #[must_use]
    pub fn beside(&self, at: At, path: &str) -> std::path::PathBuf {
        let file = self.0.get(usize::from(at.file)).map(|source| source.name.as_str().to_owned()).unwrap_or_default();
        std::path::Path::new(&file).parent().unwrap_or(std::path::Path::new("")).join(path)
    }

    /// The line that a place is in.
    #[must_use]
    pub fn line(&self, at: At) -> Option<&str> {
        let source = self.0.get(usize::from(at.file))?;
        let number = usize::try_from(at.line).ok()?.checked_sub(1)?;
        let start = *source.lines.get(number)?;
        let end = source.lines.get(number + 1).map_or(source.text.len(), |next| next - 1);
        Some(source.text.get(start..end)?.trim_end_matches(['\r', '\n']))
    }

    /// The place of a byte of a source.
    #[must_use]
    pub fn at(&self, file: u16, offset: usize) -> At {
        let Some(source) = self.0.get(usize::from(file)) else {
            return At { file, line: 1, column: 1 };
        };
        let line = source.lines.partition_point(|&start| start <= offset).max(1);
        let start = source.lines.get(line - 1).copied().unwrap_or_default();
        // In a file of one endless line the column is counted in bytes, or counting would take for ever.
        let before = match source.text.get(start..offset) {
            Some(text) if text.len() <= LONG_LINE => text.chars().count(),
            _ => offset.saturating_sub(start),
        };
        At { file, line: narrow(line), column: narrow(before + 1) }
    }
}

/// Lines up to this many bytes are counted by character, and shown.
pub(super) const LONG_LINE: usize = 4096;

/// A count that files within the budget never exceed.
pub(super) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where.
    pub at: At,
    /// What.
    pub value: Value,
}

/// A value as the three formats have it in common. Numbers keep the text they were written with: `1.10` is not `1.1`.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Box<str>),
    /// A text.
    Text(Box<str>),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(Box<Map>),
}

/// A map, in the order in which it was written.
#[derive(Clone, Debug, Default)]
pub struct Map(IndexMap<Box<str>, Member>);

/// A key's place, and its value.
#[derive(Clone, Debug)]
pub struct Member {
    /// Where the key stands.
    pub key_at: At,
    /// The value.
    pub node: Node,
}

impl Map {
    /// Adds a member. If there is one of that key it stays, and its place is returned.
    pub fn insert(&mut self, key: &str, key_at: At, node: Node) -> Result<(), At> {
        match self.0.entry(key.into()) {
            Entry::Occupied(other) => Err(other.get().key_at),
            Entry::Vacant(free) => {
                free.insert(Member { key_at, node });
                Ok(())
            }
        }
    }

    /// The member of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Member> {
        self.0.get(key)
    }

    /// All members as written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Member)> {
        self.0.iter().map(|(key, member)| (&**key, member))
    }

    /// All values, to be changed where they stand.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.0.values_mut()
    }

    /// How many members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value {
    /// What kind of value this is, for messages. Never the value: it may be a secret that strayed.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Node {
    /// Lays another file's tree over this one: maps merge, anything else replaces, null removes.
    pub fn overlay(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Value::Map(below), Value::Map(above)) => {
                for (key, member) in above.0 {
                    if matches!(member.node.value, Value::Null) {
                        below.0.shift_remove(&key);
                    } else if let Some(existing) = below.0.get_mut(&key) {
                        existing.node.overlay(member.node);
                        if !matches!(existing.node.value, Value::Map(_)) {
                            existing.key_at = member.key_at;
                        }
                    } else {
                        below.0.insert(key, member);
                    }
                }
            }
            (value, over_value) => {
                *value = over_value;
                self.at = over.at;
            }
        }
    }
}

/// How much a spec may be, so that a hostile one is an error and neither a hang nor a crash.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes of one file.
    pub bytes: usize,
    /// Maps and lists inside one another.
    pub depth: usize,
    /// Values of one file, those that aliases repeat included.
    pub nodes: usize,
    /// Values that aliases repeat.
    pub aliased: usize,
    /// Values that are kept behind anchors.
    pub anchored: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: 64 << 20, depth: 40, nodes: 4_000_000, aliased: 200_000, anchored: 1_000_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_find_their_line() {
        let mut sources = Sources::default();
        let file = sources.add("a.toml", "one\nz\u{e4}hl = 2\r\n".to_owned());
        let at = sources.at(file, "one\nz\u{e4}hl = ".len());
        assert_eq!((at.line, at.column), (2, 8));
        assert_eq!(sources.line(at), Some("z\u{e4}hl = 2"));
        assert_eq!(format!("{:#}", sources.place(at)), "a.toml:2:8");
    }
}
