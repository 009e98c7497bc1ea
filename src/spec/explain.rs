//! Where every field of a thing comes from.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::desired::Desired;
use super::facts::{Fact, facts, shown};
use super::finding::nearest;
use super::own::OwnThing;
use crate::address::{Address, Pattern};
use crate::error::Error;
use crate::origin::Origin;
use crate::plan::show::{Look, Page, Text, Tone};
use crate::systems::hcp::plan::witness_set_name;
use crate::systems::hcp::variable_set_address;

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

/// Parts of things that a plan treats as things of their own, with the field that decides each.
const PARTS: [(&str, &str); 4] =
    [("placement", "runsOn"), ("consumers", "remoteStateConsumers"), ("scope", "scope"), ("token", "scope")];

/// Explains everything that a pattern covers: things by the systems' names for them, or by the spec's own.
///
/// # Errors
/// When nothing of the spec has such an address.
pub fn explain(desired: &Desired, own: &[OwnThing], asked: &Pattern) -> Result<Explanation, Error> {
    let facts = facts(desired);
    let asked = Asked::new(asked);
    let own_asked = asked.own(own);
    let covers = |address: &Address| {
        asked.covers(address) || own_asked.iter().any(|thing| thing.is.iter().any(|pattern| pattern.covers(address)))
    };
    let mut things: Vec<ExplainedThing> = own_asked.iter().filter_map(|thing| explained_own(thing)).collect();
    for (address, fields) in &facts {
        if covers(address) {
            things.push(explained(desired, address.clone(), address, fields, |_| true));
            continue;
        }
        for (part, field) in PARTS {
            let inner = address.within([part]);
            if fields.contains_key(field) && asked.covers(&inner) {
                things.push(explained(desired, inner, address, fields, |name| name == field));
            }
        }
    }
    let witness = variable_set_address(&witness_set_name(&desired.hcp.fleet));
    if !facts.contains_key(&witness) && asked.covers(&witness) {
        let from = "the sensitive values of the fleet: it says which was written last".to_owned();
        let origin = Some(Origin::Derived { from, place: None });
        things.push(ExplainedThing { address: witness, origin, fields: Vec::new() });
    }
    if things.is_empty() {
        let known = facts.keys().chain(own.iter().map(|thing| &thing.address));
        return Err(asked.unknown(known));
    }
    Ok(Explanation { things })
}

/// What somebody wants to know of.
struct Asked<'a> {
    pattern: &'a Pattern,
    /// The same as the address of one thing: a name may hold what means more in a pattern.
    address: Option<Address>,
    /// The same with `/` for the `.` between a section of the spec and its keys, as findings write it.
    path: Option<Pattern>,
}

/// Sections of the spec whose members findings name with dots.
const SECTIONS: [&str; 5] = ["targets", "pools", "notify", "projects", "variableSets"];

impl<'a> Asked<'a> {
    fn new(pattern: &'a Pattern) -> Self {
        let text = pattern.as_str();
        let dotted = text.split_once('.').is_some_and(|(section, _)| SECTIONS.contains(&section));
        Self {
            pattern,
            address: text.parse().ok(),
            path: if dotted { text.replace('.', "/").parse().ok() } else { None },
        }
    }

    fn covers(&self, address: &Address) -> bool {
        let exact = |asked: &Address| address.is_within(asked) || address.in_system() == asked.as_str();
        self.pattern.covers(address) || self.address.as_ref().is_some_and(exact)
    }

    /// The spec's own things that are meant; of something inside one, the innermost.
    fn own<'t>(&self, own: &'t [OwnThing]) -> Vec<&'t OwnThing> {
        let pattern = self.path.as_ref().unwrap_or(self.pattern);
        let covers = |thing: &OwnThing| {
            let address = thing.address.as_str();
            // `hcp` alone is the section; a pattern that begins so is about the system.
            if address == "hcp" { pattern.as_str() == "hcp" } else { pattern.covers_as_written(&thing.address) }
        };
        let covered: Vec<&OwnThing> = own.iter().filter(|thing| covers(thing)).collect();
        if !covered.is_empty() {
            return covered;
        }
        let Ok(inside) = pattern.as_str().parse::<Address>() else {
            return Vec::new();
        };
        // What lies on a target is named by the system that runs there, then by the target.
        let inside = match inside.parts().collect::<Vec<_>>().as_slice() {
            ["kube" | "docker", target, ..] => format!("targets/{target}").parse().ok(),
            _ => None,
        }
        .unwrap_or(inside);
        let around = own.iter().filter(|thing| thing.address.as_str() != "hcp" && inside.is_within(&thing.address));
        around.max_by_key(|thing| thing.address.as_str().len()).into_iter().collect()
    }

    fn unknown<'k>(&self, known: impl Iterator<Item = &'k Address> + Clone) -> Error {
        let text = self.pattern.as_str();
        // Under a system's heading a plan leaves the system out, so that a slip may be in either form.
        let forms = known.clone().map(Address::as_str).chain(known.map(Address::in_system));
        let hint = match nearest(text, forms) {
            Some(near) => format!("did you mean {near}?"),
            None => {
                "addresses are such as workspace/NAME, pools/KEY or 'hcp/project/*'; `reconcile plan` prints them; \
                     what is not in the spec has nothing to explain"
                    .to_owned()
            }
        };
        Error::new(format!("explaining {text}")).because("nothing in the spec has that address".to_owned()).hint(hint)
    }
}

fn explained(
    desired: &Desired,
    shown: Address,
    thing: &Address,
    fields: &BTreeMap<String, Fact>,
    keep: impl Fn(&str) -> bool,
) -> ExplainedThing {
    let ignored: Vec<&str> = match fields.get("ignore") {
        Some(Some(serde_json::Value::Array(list))) => list.iter().filter_map(|field| field.as_str()).collect(),
        _ => Vec::new(),
    };
    ExplainedThing {
        address: shown,
        origin: desired.origins.of(thing, "").cloned(),
        fields: fields
            .iter()
            .filter(|(name, _)| keep(name))
            .map(|(name, value)| ExplainedField {
                name: name.clone(),
                value: value.clone(),
                ignored: ignored.iter().any(|field| field == name || name.starts_with(&format!("{field}."))),
                origin: origin(desired, thing, name),
            })
            .collect(),
    }
}

/// What only the spec knows of a thing; one that is nothing but another name says nothing here.
fn explained_own(thing: &OwnThing) -> Option<ExplainedThing> {
    let OwnThing { address, origin, fields, is } = thing;
    if fields.is_empty() && !is.is_empty() {
        return None;
    }
    let fields = fields.iter().map(|(name, value)| ExplainedField {
        name: name.clone(),
        value: value.clone(),
        ignored: false,
        origin: None,
    });
    Some(ExplainedThing { address: address.clone(), origin: Some(origin.clone()), fields: fields.collect() })
}

/// The origin of a field; a secret's is that of the value whose place it takes.
fn origin(desired: &Desired, thing: &Address, field: &str) -> Option<Origin> {
    let field = if field == "sensitive" { "value" } else { field };
    desired.origins.of(thing, field).cloned()
}

impl Explanation {
    /// As text: what, which value, and why on the right, as a plan sets it.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        let mut page = Page::new(look);
        for (n, thing) in self.things.iter().enumerate() {
            if n > 0 {
                page.gap();
            }
            thing.write(&mut page);
        }
        page.finished()
    }
}

impl ExplainedThing {
    fn write(&self, page: &mut Page) {
        let Self { address, origin, fields } = self;
        let origin = origin.as_ref().map(ToString::to_string).unwrap_or_default();
        page.row(&Text::plain(address.as_str()), 0, &Text::default(), &origin);
        let widest = fields.iter().map(|field| field.name.width()).max().unwrap_or_default();
        for ExplainedField { name, value, ignored, origin } in fields {
            let why = match origin {
                _ if *ignored => "left as it is found: `ignore`".to_owned(),
                Some(origin) => origin.to_string(),
                None => String::new(),
            };
            let head = Text::indent(2).and(name, Tone::Plain);
            page.row(&head, 2 + widest + 2, &Text::plain(&shown(value)), &why);
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Look::default()))
    }
}
