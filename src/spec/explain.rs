//! Where every field of a thing comes from.

use std::fmt;

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::desired::Desired;
use super::facts::{Fact, facts, shown};
use super::finding::nearest;
use crate::address::Address;
use crate::error::Error;
use crate::origin::Origin;

/// A thing, with all that lies in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The thing, then what lies in it, sorted.
    pub things: Vec<ExplainedThing>,
}

/// One thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedThing {
    /// Which.
    pub address: Address,
    /// Where the spec speaks of it.
    pub origin: Option<Origin>,
    /// Its fields, sorted.
    pub fields: Vec<ExplainedField>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedField {
    /// Its name in the spec.
    pub name: String,
    /// What is wanted; `None`: it is left as it is found.
    pub value: Fact,
    /// It is left as it is found because `ignore` says so.
    pub ignored: bool,
    /// Where that comes from.
    pub origin: Option<Origin>,
}

/// Explains a thing and what lies in it.
///
/// # Errors
/// When nothing of the spec has that address.
pub fn explain(desired: &Desired, address: &Address) -> Result<Explanation, Error> {
    let facts = facts(desired);
    let things: Vec<ExplainedThing> = facts
        .iter()
        .filter(|(thing, _)| thing.is_within(address))
        .map(|(thing, fields)| {
            let ignored: Vec<String> = match fields.get("ignore") {
                Some(Some(serde_json::Value::Array(list))) => {
                    list.iter().filter_map(|field| field.as_str().map(str::to_owned)).collect()
                }
                _ => Vec::new(),
            };
            ExplainedThing {
                address: thing.clone(),
                origin: desired.origins.of(thing, "").cloned(),
                fields: fields
                    .iter()
                    .map(|(name, value)| ExplainedField {
                        name: name.clone(),
                        value: value.clone(),
                        ignored: ignored.iter().any(|field| field == name || name.starts_with(&format!("{field}."))),
                        origin: origin(desired, thing, name),
                    })
                    .collect(),
            }
        })
        .collect();
    if things.is_empty() {
        let error = Error::new("explaining").at(address).because("nothing in the spec has that address".to_owned());
        let hint = match nearest(address.as_str(), facts.keys().map(Address::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "addresses are such as hcp/workspace/NAME; `reconcile plan` prints them".to_owned(),
        };
        return Err(error.hint(hint));
    }
    Ok(Explanation { things })
}

/// The origin of a field; a secret's is that of the value whose place it takes.
fn origin(desired: &Desired, thing: &Address, field: &str) -> Option<Origin> {
    let field = if field == "sensitive" { "value" } else { field };
    desired.origins.of(thing, field).cloned()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, thing) in self.things.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            thing.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedThing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, origin, fields } = self;
        match origin {
            Some(origin) => {
                let gap = 100_usize.saturating_sub(address.as_str().width() + origin.to_string().width()).max(2);
                writeln!(f, "{address}{:gap$}{origin}", "")?;
            }
            None => writeln!(f, "{address}")?,
        }
        let widest = fields.iter().map(|field| field.name.width()).max().unwrap_or_default();
        for ExplainedField { name, value, ignored, origin } in fields {
            let value = shown(value);
            let why = match origin {
                _ if *ignored => "left as it is found: `ignore`".to_owned(),
                Some(origin) => origin.to_string(),
                None => String::new(),
            };
            let used = 2 + widest + 2 + value.width() + why.width();
            let line = if used + 2 <= 100 {
                format!("  {name:widest$}  {value}{:gap$}{why}", "", gap = 100 - used)
            } else {
                let gap = 100_usize.saturating_sub(why.width());
                format!("  {name:widest$}  {value}\n{:gap$}{why}", "")
            };
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
