//! The documentation's samples of the kinds that we speak, name by name against what the stand-in serves and takes.

mod tables;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{reference, suite};

/// Names with the JSON types that they were seen with, by type of resource.
type Shapes = BTreeMap<String, BTreeMap<String, BTreeSet<&'static str>>>;

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Notes everything below a place; members of lists share one name.
fn note(shapes: &mut BTreeMap<String, BTreeSet<&'static str>>, name: &str, value: &Value) {
    shapes.entry(name.to_owned()).or_default().insert(json_type(value));
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| note(shapes, &format!("{name}/{key}"), value)),
        Value::Array(items) => items.iter().for_each(|item| note(shapes, &format!("{name}[]"), item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Notes the resources of a document, those that a relationship carries inside it included.
fn note_document(shapes: &mut Shapes, document: &Value, fallback: &str) {
    for place in ["data", "included"] {
        match &document[place] {
            Value::Array(items) => items.iter().for_each(|item| note_resource(shapes, item, fallback)),
            Value::Object(_) => note_resource(shapes, &document[place], fallback),
            _ => {}
        }
    }
    for error in document["errors"].as_array().into_iter().flatten() {
        note(shapes.entry("errors".to_owned()).or_default(), "error", error);
    }
    for name in ["links", "meta"] {
        if let Some(value) = document.get(name) {
            note(shapes.entry("document".to_owned()).or_default(), name, value);
        }
    }
}

fn note_resource(shapes: &mut Shapes, resource: &Value, fallback: &str) {
    let kind = match resource["type"].as_str().unwrap_or(fallback) {
        // One sample spells it in the singular; the stand-in takes both.
        "notification-configuration" => "notification-configurations",
        kind => kind,
    };
    for name in ["attributes", "relationships", "links"] {
        if let Some(value) = resource.get(name) {
            note(shapes.entry(kind.to_owned()).or_default(), name, value);
        }
    }
}

/// What a sample holds that was not seen, or was seen with other types only.
fn missing(sample: &Shapes, seen: &Shapes) -> Vec<String> {
    let nothing = BTreeMap::new();
    let mut found = Vec::new();
    for (kind, names) in sample {
        let known = seen.get(kind).unwrap_or(&nothing);
        for (name, types) in names {
            match known.get(name) {
                None => found.push(format!("{kind} {name}")),
                Some(seen) => {
                    let agree = types.contains("null") || seen.contains("null") || !types.is_disjoint(seen);
                    if !agree {
                        found.push(format!("{kind} {name}: {types:?}, here {seen:?}"));
                    }
                }
            }
        }
    }
    found
}

/// The singular that one page uses, and resources without a type.
fn fallback(name: &str) -> &'static str {
    if name.starts_with("run-triggers") { "run-triggers" } else { "workspaces" }
}

#[tokio::test]
async fn the_documentations_samples_are_served_and_taken() {
    let Some(samples) = reference::samples() else {
        return;
    };
    let probe = suite::walk().await;
    let (mut got, mut sent) = (Shapes::new(), Shapes::new());
    for exchange in probe.exchanges() {
        note_document(&mut got, &exchange.got, "nothing");
        if exchange.status < 300 {
            note_document(&mut sent, &exchange.sent, fallback(exchange.path.trim_start_matches('/')));
            if exchange.path.ends_with("/run-triggers") {
                note_document(&mut sent, &exchange.sent, "run-triggers");
            }
        }
    }
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let mut strange = Vec::new();
    let mut judged = 0;
    for (name, sample) in &samples {
        let other = tables::OTHERS.iter().find(|(prefix, _)| name.starts_with(prefix));
        let ours = tables::OURS.iter().any(|page| name.split("--").next() == Some(page));
        if let Some((prefix, _)) = other {
            used.insert(prefix);
            continue;
        }
        if !ours {
            strange.push(format!("{name} is neither ours nor left out for a reason"));
            continue;
        }
        judged += 1;
        let mut shapes = Shapes::new();
        note_document(&mut shapes, sample, fallback(name));
        assert!(
            !shapes.is_empty() || name.contains("lock-a-workspace") || is_identifiers(sample),
            "{name} holds nothing"
        );
        let seen = if name.contains("response") { &got } else { &sent };
        for what in missing(&shapes, seen) {
            let known = tables::DEVIATIONS.iter().find(|(prefix, _)| what.starts_with(prefix));
            match known {
                Some((prefix, _)) => {
                    used.insert(prefix);
                }
                None => strange.push(format!("{what}  ({name})")),
            }
        }
    }
    let tables = tables::OTHERS.iter().chain(tables::DEVIATIONS);
    let needless: Vec<&str> = tables.map(|(key, _)| *key).filter(|key| !used.contains(key)).collect();
    println!("{judged} of {} samples judged, {} known deviations", samples.len(), tables::DEVIATIONS.len());
    strange.sort();
    strange.dedup_by(|a, b| a.split("  ").next() == b.split("  ").next());
    assert!(strange.is_empty(), "{strange:#?}");
    assert!(needless.is_empty(), "listed and never met: {needless:#?}");
}

/// Whether a document only names resources.
fn is_identifiers(document: &Value) -> bool {
    document["data"].as_array().is_some_and(|items| items.iter().all(|item| item["id"].is_string()))
}
