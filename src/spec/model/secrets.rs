//! References to secrets.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::super::finding::{Finding, Rule, nearest};
use super::super::node::{At, Node, Value};
use super::super::read::{Read, Reader};
use crate::secret::SecretRef;

/// Where a secret is read from, and where the spec says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSource {
    /// Where it stands.
    pub at: At,
    /// The reference.
    pub source: SecretRef,
}

impl SecretSource {
    /// Stands for one that was there and could not be read, which has been reported: the key is not missing.
    pub(super) fn unknown(at: At) -> Self {
        Self { at, source: SecretRef::Env(String::new()) }
    }
}

const KEYS: [&str; 3] = ["env", "file", "command"];
const FORMS: &str = "{ env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }";

impl Read for SecretSource {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let Value::Map(map) = &node.value else {
            reader.hide(node);
            let message = format!("`{}` must say where the secret is, not what it is", reader.path());
            reader.push(
                Finding::error(Rule::LiteralSecret, node.at, message)
                    .note("the value is not shown here; it is in the file, and wherever the file went")
                    .remedy(format!("write {FORMS}, and change the secret if it was real")),
            );
            return Some(Self::unknown(node.at));
        };
        let mut members = map.iter();
        let (Some((key, member)), None) = (members.next(), members.next()) else {
            reader.hide(node);
            let message = format!("`{}` must name exactly one source of the secret", reader.path());
            reader.push(Finding::error(Rule::WrongValue, node.at, message).remedy(format!("write {FORMS}")));
            return Some(Self::unknown(node.at));
        };
        let source = reader.within(key, |reader| match key {
            "env" => variable(&member.node, reader).map(SecretRef::Env),
            "file" => text(&member.node, reader, "a path").map(|path| SecretRef::File(path.into())),
            "command" => command(&member.node, reader).map(SecretRef::Command),
            _ => {
                reader.hide(&member.node);
                None
            }
        });
        if !KEYS.contains(&key) {
            let message = format!("`{key}` is not a source of secrets");
            let remedy = match nearest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write {FORMS}"),
            };
            reader.push(Finding::error(Rule::UnknownKey, member.key_at, message).remedy(remedy));
        }
        Some(source.map_or_else(|| Self::unknown(node.at), |source| Self { at: node.at, source }))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({ "type": "string", "minLength": 1 });
        json_schema!({
            "description": "Where a secret is read from when it is needed. Never the secret itself.",
            "type": "object",
            "properties": {
                "env": { "type": "string", "minLength": 1, "description": "An environment variable of the process that applies." },
                "file": { "type": "string", "minLength": 1, "description": "A file, relative to the spec; one trailing line break is not part of the secret." },
                "command": { "type": "array", "minItems": 1, "items": text, "description": "A program and its arguments, run without a shell; the secret is its output less one trailing line break. Where CI is set it needs --allow-commands." },
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

fn text(node: &Node, reader: &mut Reader<'_>, expected: &str) -> Option<String> {
    match &node.value {
        Value::Text(text) if !text.is_empty() => Some(text.as_ref().to_owned()),
        // Whatever else stands here is not shown.
        _ => {
            reader.hide(node);
            let message = format!("`{}` must be {expected}, in quotes if need be", reader.path());
            reader.push(Finding::error(Rule::WrongKind, node.at, message));
            None
        }
    }
}

/// A name of an environment variable; what cannot be one is likely the secret itself, and is not shown.
fn variable(node: &Node, reader: &mut Reader<'_>) -> Option<String> {
    let name = text(node, reader, "the name of an environment variable")?;
    let fits =
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.starts_with(|c: char| c.is_ascii_digit());
    if fits {
        return Some(name);
    }
    reader.hide(node);
    let message = format!("`{}` is not the name of an environment variable", reader.path());
    reader.push(
        Finding::error(Rule::LiteralSecret, node.at, message)
            .note("a name is letters, digits and _; what stands here is not shown, it may be the secret itself")
            .remedy("write the variable's name, without $"),
    );
    None
}

fn command(node: &Node, reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let Value::List(items) = &node.value else {
        reader.hide(node);
        let message = format!("`{}` must be a list: the program and its arguments", reader.path());
        let remedy = "no shell is involved: write [pass, show, hcp/token]";
        reader.push(Finding::error(Rule::WrongKind, node.at, message).remedy(remedy));
        return None;
    };
    let words: Vec<String> = items.iter().filter_map(|item| text(item, reader, "a list of texts")).collect();
    if items.is_empty() {
        let message = format!("`{}` names no program", reader.path());
        reader.push(Finding::error(Rule::WrongValue, node.at, message));
    }
    (words.len() == items.len() && !words.is_empty()).then_some(words)
}
