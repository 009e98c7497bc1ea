//! Variables and variable sets.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::super::finding::{Finding, Rule};
use super::super::node::{At, Map, Node, Value};
use super::super::read::{Located, Named, Properties, Read, Reader, Record, record};
use super::SecretSource;
use super::fleet::Delivery;

record! {
    /// Variables by key, in terraform's two kinds.
    pub struct Variables {
        /// Environment variables of the run.
        env: Named<VariableWish>,
        /// Input variables of the configuration.
        terraform: Named<VariableWish>,
    }
}

/// One variable: `KEY: value`, or `KEY: { value | sensitive, hcl, description }`.
#[derive(Clone, Debug)]
pub struct VariableWish {
    /// Where it stands.
    pub at: At,
    /// What it holds.
    pub value: WishedValue,
    /// The value is an HCL expression.
    pub hcl: Option<Located<bool>>,
    /// Text of a person's.
    pub description: Option<Located<String>>,
}

/// A value, or where it comes from.
#[derive(Clone, Debug)]
pub enum WishedValue {
    /// A value that anybody may see, as it was written.
    Plain(Located<String>),
    /// A list or a map, written as HCL.
    Hcl(Located<String>),
    /// A value that HCP never gives back.
    Sensitive(SecretSource),
}

record! {
    /// A variable with more than a value.
    pub struct LongVariable {
        /// A value that anybody may see. For a terraform variable it may be a list or a map.
        value: Option<AnyValue>,
        /// Where a value comes from that HCP never gives back.
        sensitive: Option<SecretSource>,
        /// The value is an HCL expression.
        hcl: Option<Located<bool>>,
        /// What it is for.
        description: Option<Located<String>>,
    }
}

/// Any value of the three formats.
#[derive(Clone, Debug)]
pub struct AnyValue(WishedValue);

impl Read for AnyValue {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let located = |value: String| Located { at: node.at, value };
        let value = match &node.value {
            // Written `0.10`, it stays `0.10`.
            Value::Text(text) | Value::Number(text) => WishedValue::Plain(located(text.as_ref().to_owned())),
            Value::Bool(value) => WishedValue::Plain(located(value.to_string())),
            Value::List(_) | Value::Map(_) => {
                let mut hcl = String::new();
                write_hcl(node, &mut hcl);
                WishedValue::Hcl(located(hcl))
            }
            Value::Null => {
                let message = format!("`{}` has no value", reader.path());
                let finding = Finding::error(Rule::Variable, node.at, message);
                reader.push(finding.remedy("write \"\" for an empty one, or null in quotes for HCL's null"));
                return None;
            }
        };
        Some(Self(value))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean", "array", "object"] })
    }
}

/// HCL's spelling of a list or a map: <https://developer.hashicorp.com/terraform/language/expressions/types>.
fn write_hcl(node: &Node, into: &mut String) {
    match &node.value {
        Value::Null => into.push_str("null"),
        Value::Bool(value) => into.push_str(if *value { "true" } else { "false" }),
        Value::Number(text) => into.push_str(text),
        Value::Text(text) => quote_hcl(text, into),
        Value::List(items) => {
            into.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    into.push_str(", ");
                }
                write_hcl(item, into);
            }
            into.push(']');
        }
        Value::Map(map) => {
            into.push('{');
            for (n, (key, member)) in map.iter().enumerate() {
                into.push_str(if n > 0 { ", " } else { " " });
                quote_hcl(key, into);
                into.push_str(" = ");
                write_hcl(&member.node, into);
            }
            into.push_str(if map.is_empty() { "}" } else { " }" });
        }
    }
}

fn quote_hcl(text: &str, into: &mut String) {
    into.push('"');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            // A template would be evaluated; doubled it is a literal.
            '$' | '%' if rest.peek() == Some(&'{') => {
                into.push(c);
                into.push(c);
            }
            c => into.push(c),
        }
    }
    into.push('"');
}

impl Read for VariableWish {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let Value::Map(map) = &node.value else {
            let AnyValue(value) = AnyValue::read(node, reader)?;
            return Some(Self { at: node.at, value, hcl: None, description: None });
        };
        let long: LongVariable = reader.record(node)?;
        let LongVariable { at, value, sensitive, hcl, description } = long;
        let value = match (value, sensitive) {
            (Some(AnyValue(value)), None) => value,
            (None, Some(source)) => WishedValue::Sensitive(source),
            (Some(_), Some(_)) => {
                let message = format!("`{}` has both `value` and `sensitive`", reader.path());
                let finding = Finding::error(Rule::Variable, at, message);
                reader.push(finding.remedy("keep `sensitive` for a secret, `value` for anything else"));
                return None;
            }
            (None, None) => {
                if !holds_either(map) {
                    let message = format!("`{}` has neither `value` nor `sensitive`", reader.path());
                    let finding = Finding::error(Rule::Variable, at, message);
                    reader.push(finding.remedy("write `value: …`, or `sensitive: { env: NAME }`"));
                }
                return None;
            }
        };
        Some(Self { at, value, hcl, description })
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = Properties::default();
        LongVariable::properties(generator, &mut properties);
        let long = properties.into_schema(&["A variable with more than a value."]);
        json_schema!({
            "anyOf": [
                { "type": ["string", "number", "boolean"], "description": "A value that anybody may see." },
                { "type": "array", "description": "A list, written as HCL." },
                long,
            ]
        })
    }
}

/// One of them is there, and could not be read.
fn holds_either(map: &Map) -> bool {
    ["value", "sensitive"].iter().any(|key| map.get(key).is_some())
}

record! {
    /// A variable set: variables for many workspaces.
    pub struct VariableSet {
        /// The name it had before; it is renamed in place.
        was: Option<Located<String>>,
        /// What it is for.
        description: Option<Located<String>>,
        /// Its values win over those of workspaces and of the command line.
        priority: Option<Located<bool>>,
        /// For whom it is: `global`, or projects and workspaces.
        r#for: ReachWish,
        /// Its variables.
        variables: Option<Variables>,
        /// Variables that the spec does not name are removed instead of reported.
        exclusive: Option<Located<bool>>,
        /// A set of that name without our mark becomes ours.
        adopt: Option<Located<bool>>,
        /// `apply`, or `verify`: compared and reported, never written.
        delivery: Option<Located<Delivery>>,
        /// Our mark is taken off and the set left as it is.
        released: Option<Located<bool>>,
        /// Fields that stay as they are found.
        ignore: Option<Vec<Located<String>>>,
    }
}

/// For whom a variable set is.
#[derive(Clone, Debug)]
pub enum ReachWish {
    /// Every workspace of the organisation.
    Global,
    /// These alone.
    Some(SetReach),
}

record! {
    /// The projects and workspaces that a variable set is for.
    pub struct SetReach {
        /// Keys of projects.
        projects: Option<Vec<Located<String>>>,
        /// Workspaces, as `KEY` or `PROJECT/KEY`.
        workspaces: Option<Vec<Located<String>>>,
    }
}

impl Read for ReachWish {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        match &node.value {
            Value::Text(_) => reader.word_or_map(node, "global").then_some(Self::Global),
            _ => SetReach::read(node, reader).map(Self::Some),
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let some = SetReach::schema(generator);
        json_schema!({ "anyOf": [{ "type": "string", "enum": ["global"] }, some] })
    }
}
