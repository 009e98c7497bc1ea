//! What changed between a plan that somebody approved and the plan of now.

use std::collections::{BTreeMap, BTreeSet};

use super::json::{Action, Change, Document, FieldValue, Need};
use super::layout::{Page, Text, Tone};
use super::{Look, words};
use crate::address::Address;

/// What is planned now and was not, no longer is, or is otherwise than it was approved.
#[must_use]
pub fn render(approved: &Document, now: &Document, look: Look) -> String {
    let mut page = Page::new(look);
    page.line(&format!(
        "the plan changed since it was saved: {} then, {} now",
        short(&approved.digest),
        short(&now.digest)
    ));
    if approved.fleet != now.fleet {
        page.line(&format!("  it was saved for the fleet {}, this is {}", approved.fleet, now.fleet));
    }
    let organization = |document: &Document| {
        let line = document.systems.iter().find(|system| system.system == "hcp");
        line.map(|system| system.name.clone()).unwrap_or_default()
    };
    let (before, after) = (organization(approved), organization(now));
    if before != after {
        page.line(&format!(
            "  it was saved for the organisation {}, this is {}",
            words::clean(&before),
            words::clean(&after)
        ));
    }
    if approved.world != now.world {
        page.line(&format!("  it was saved for {} systems, these are {}", approved.world, now.world));
    }
    let before = by_address(approved);
    let after = by_address(now);
    let addresses: BTreeSet<&Address> = before.keys().chain(after.keys()).copied().collect();
    for address in addresses {
        match (before.get(address), after.get(address)) {
            (Some(old), Some(new)) if old != new => differs(&mut page, address, old, new),
            (Some(old), None) => entry(&mut page, address, Tone::Old, &format!("{} is no longer planned", old.verb)),
            (None, Some(new)) => entry(&mut page, address, Tone::New, &format!("{} is planned now", new.verb)),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    page.finished()
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

fn by_address(document: &Document) -> BTreeMap<&Address, &Action> {
    document.actions.iter().map(|action| (&action.address, action)).collect()
}

fn entry(page: &mut Page, address: &Address, tone: Tone, what: &str) {
    let head = Text::indent(2).and(address.in_system(), Tone::Plain);
    page.beside(&head, 42, &Text::default().and(what, tone));
}

fn differs(page: &mut Page, address: &Address, old: &Action, new: &Action) {
    let Action { address: _, verb, why: _, changes, needs: _, request } = new;
    if old.verb != *verb {
        entry(page, address, Tone::New, &format!("{verb}, was {}", old.verb));
    }
    let fields = |changes: &[Change]| -> BTreeMap<String, String> {
        changes.iter().map(|change| (change.field.clone(), value(&change.old, &change.new))).collect()
    };
    let (before, after) = (fields(&old.changes), fields(changes));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut seen = old.verb != *verb;
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        if old == new {
            continue;
        }
        seen = true;
        let said = |side: Option<&String>| side.map_or_else(|| "left out".to_owned(), ToString::to_string);
        entry(page, address, Tone::Plain, &format!("{name}: was {}; now {}", said(old), said(new)));
    }
    if !seen && old.request != *request {
        entry(page, address, Tone::Plain, "the same fields, but something else is sent with them");
    }
}

fn value(old: &FieldValue, new: &FieldValue) -> String {
    match old {
        FieldValue::Nothing => side(new),
        old => format!("{} -> {}", side(old), side(new)),
    }
}

fn side(value: &FieldValue) -> String {
    match value {
        FieldValue::Nothing => "(none)".to_owned(),
        FieldValue::Value(value) => words::value(value, true),
        FieldValue::Secret(said) => format!("(secret) {}", words::clean(said)),
        FieldValue::From(Need { of, what }) => format!("{what} <- {}", of.in_system()),
    }
}
