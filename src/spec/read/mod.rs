//! From the tree to the model, by a walk that collects everything that is wrong instead of stopping at the first.

mod record;
mod typed;
mod values;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use schemars::{Schema, SchemaGenerator};

pub use record::Properties;
pub(in crate::spec) use record::{record, words};
pub use typed::{Part, Typed};
pub use values::{Located, Named};

use super::finding::{Finding, Rule, nearest};
use super::node::{self, At, Node, Value};

/// Something that a spec can hold.
pub trait Read: Sized {
    /// Reads it; everything that is wrong goes to the reader, and `None` says that nothing is left of the value.
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self>;

    /// What it means that the key is not there; `None` for what must be there.
    fn absent() -> Option<Self> {
        None
    }

    /// It reads null itself, where for others null is the same as the key not being there.
    fn takes_null() -> bool {
        false
    }

    /// What goes on in place of one that cannot be read (which has been said), so that the rest can be checked.
    fn stand_in() -> Option<Self> {
        Self::absent()
    }

    /// Its JSON Schema.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// A map of known keys: what `record!` makes.
pub trait Record: Sized {
    /// Its keys.
    fn keys() -> &'static [String];

    /// Reads the values of its keys.
    fn fields<'n>(map: &'n node::Map, at: At, reader: &mut Reader<'n>) -> Option<Self>;

    /// Adds its keys to a schema.
    fn properties(generator: &mut SchemaGenerator, into: &mut Properties);
}

/// Where the walk is.
#[derive(Clone, Copy, Debug)]
enum Step<'n> {
    Key(&'n str),
    Item(usize),
}

/// The walk: where it is, and what it has found.
#[derive(Debug)]
pub struct Reader<'n> {
    steps: Vec<Step<'n>>,
    findings: Vec<Finding>,
    hidden: BTreeSet<(u16, u32)>,
}

impl<'n> Reader<'n> {
    /// A walk that goes on from these findings.
    #[must_use]
    pub fn new(findings: Vec<Finding>) -> Self {
        Self { steps: Vec::new(), findings, hidden: BTreeSet::new() }
    }

    /// What was found, and the lines that must not be shown.
    #[must_use]
    pub fn finish(self) -> (Vec<Finding>, BTreeSet<(u16, u32)>) {
        (self.findings, self.hidden)
    }

    /// Reports something.
    pub fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Keeps the lines of a value out of every excerpt.
    pub fn hide(&mut self, node: &Node) {
        self.hidden.insert((node.at.file, node.at.line));
        match &node.value {
            Value::List(items) => items.iter().for_each(|item| self.hide(item)),
            Value::Map(map) => {
                for (_, member) in map.iter() {
                    self.hidden.insert((member.key_at.file, member.key_at.line));
                    self.hide(&member.node);
                }
            }
            _ => {}
        }
    }

    /// `pools.nas.agents`, and of a workspace `main/vault.tags[1]`, as references name it.
    #[must_use]
    pub fn path(&self) -> String {
        let (mut path, steps) = match self.steps.as_slice() {
            [] => return "the spec".to_owned(),
            [Step::Key("projects"), Step::Key(project), Step::Key("workspaces"), Step::Key(key), rest @ ..] => {
                (format!("{project}/{key}"), rest)
            }
            steps => (String::new(), steps),
        };
        for step in steps {
            match step {
                Step::Key(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                }
                // Writing to a String cannot fail.
                Step::Item(n) => {
                    let _ = write!(path, "[{n}]");
                }
            }
        }
        path
    }

    /// The last keys, for messages: the name of the thing, not the whole way to it.
    pub fn within<T>(&mut self, key: &'n str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.steps.push(Step::Key(key));
        let read = read(self);
        self.steps.pop();
        read
    }

    /// Goes into an item of a list.
    pub fn within_item<T>(&mut self, item: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        self.steps.push(Step::Item(item));
        let read = read(self);
        self.steps.pop();
        read
    }

    /// Says that another kind of value was expected.
    pub fn wrong_kind(&mut self, node: &Node, expected: &str) {
        let message = format!("`{}` must be {expected}, not {}", self.path(), node.value.kind());
        self.push(Finding::error(Rule::WrongKind, node.at, message));
    }

    /// Says that a value cannot be.
    pub fn wrong_value(&mut self, at: At, cause: &str, remedy: Option<String>) {
        let message = format!("`{}`: {cause}", self.path());
        let finding = Finding::error(Rule::WrongValue, at, message);
        self.push(match remedy {
            Some(remedy) => finding.remedy(remedy),
            None => finding,
        });
    }

    /// A text; a bare number or boolean is one that lacks its quotes.
    pub fn text(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) => Some(text),
            Value::Number(number) => {
                let message = format!("`{}` must be {expected}, and {number} is a number", self.path());
                let finding = Finding::error(Rule::WrongKind, node.at, message);
                self.push(finding.remedy(format!("quote it: \"{number}\"")));
                None
            }
            Value::Bool(value) => {
                let message = format!("`{}` must be {expected}, and {value} is true or false", self.path());
                let finding = Finding::error(Rule::WrongKind, node.at, message);
                self.push(finding.remedy(format!("quote it: \"{value}\"")));
                None
            }
            _ => {
                self.wrong_kind(node, expected);
                None
            }
        }
    }

    /// One of some words.
    pub fn one_of<T: Copy>(&mut self, node: &'n Node, words: &[(&'static str, T)]) -> Option<T> {
        let list = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let text = self.text(node, &format!("one of {}", list()))?;
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*found);
        }
        let remedy = match nearest(text, words.iter().map(|(word, _)| *word)) {
            Some(near) => format!("did you mean {near}? possible are {}", list()),
            None => format!("possible are {}", list()),
        };
        self.wrong_value(node.at, &format!("`{text}` is not a word for it"), Some(remedy));
        None
    }

    /// A text where only one word and a map are possible; true if it is that word.
    pub fn word_or_map(&mut self, node: &Node, word: &str) -> bool {
        let fits = matches!(&node.value, Value::Text(text) if **text == *word);
        if !fits {
            let remedy = format!("write `{word}`, or a map");
            self.wrong_value(node.at, &format!("neither `{word}` nor a map"), Some(remedy));
        }
        fits
    }

    /// A map of known keys.
    pub fn record<R: Record>(&mut self, node: &'n Node) -> Option<R> {
        let Value::Map(map) = &node.value else {
            self.wrong_kind(node, "a map");
            return None;
        };
        self.unknown_keys(map, R::keys());
        R::fields(map, node.at, self)
    }

    /// Reports the keys of a map that mean nothing there.
    pub fn unknown_keys(&mut self, map: &'n node::Map, known: &[String]) {
        for (key, member) in map.iter() {
            if known.iter().any(|name| name == key) {
                continue;
            }
            let near = nearest(key, known.iter().map(String::as_str));
            // Whatever stands there may have been meant for one of these, or be a secret that has no key here at all.
            let secretive = ["sensitive", "value", "token", "url", "env", "file", "command", "variables", "notify"];
            if near.is_none_or(|near| secretive.contains(&near)) {
                self.hide(&member.node);
            }
            let of = if self.steps.is_empty() { "a spec".to_owned() } else { format!("`{}`", self.path()) };
            let message = format!("unknown key `{key}` in {of}");
            let finding = Finding::error(Rule::UnknownKey, member.key_at, message);
            let remedy = near.map_or_else(
                || {
                    let mut keys: Vec<&str> = known.iter().map(String::as_str).collect();
                    keys.sort_unstable();
                    format!("possible are {}", keys.join(", "))
                },
                |near| format!("did you mean `{near}`?"),
            );
            self.push(finding.remedy(remedy));
        }
    }

    /// The value of a key of a record.
    pub fn field<T: Read>(&mut self, map: &'n node::Map, at: At, key: &'n str) -> Option<T>
    where
        'static: 'n,
    {
        match map.get(key) {
            Some(member) => {
                let read = self.within(key, |reader| T::read(&member.node, reader));
                read.or_else(T::stand_in)
            }
            None => T::absent().or_else(|| {
                let of = if self.steps.is_empty() { "the spec".to_owned() } else { format!("`{}`", self.path()) };
                let message = format!("{of} lacks `{key}`");
                self.push(Finding::error(Rule::MissingKey, at, message).remedy(format!("add `{key}:`")));
                T::stand_in()
            }),
        }
    }
}
