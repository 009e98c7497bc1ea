//! What of an object differs from what is wanted, told from the object alone.
//!
//! Only fields that we say are looked at: what the server fills in, and what others say, is theirs. Lists are told apart
//! as the API does it: items of some have a key, all others are one value.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A field that is not as it is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// `spec.template.spec.containers[manager].image`
    pub field: String,
    /// What it is; `None`: nothing.
    pub old: Option<Value>,
    /// What it is to be; `None`: nothing.
    pub new: Option<Value>,
}

/// Keys by which items of lists are known, by the list's name ("API Reference", `patch merge key` and `map key` of core v1
/// and apps/v1, Kubernetes 1.33). A port without a protocol is one of TCP.
const KEYS: [(&str, &[&str]); 9] = [
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("env", &["name"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("imagePullSecrets", &["name"]),
    ("hostAliases", &["ip"]),
    ("ownerReferences", &["uid"]),
    ("agentTokens", &["name"]),
];

/// Fields that name the object or that every write changes: no difference in them is one.
const OUTSIDE: [&str; 2] = ["apiVersion", "kind"];

/// Every field that is wanted and is not so.
#[must_use]
pub fn differences(wanted: &Value, live: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    if let (Value::Object(wanted), Value::Object(live)) = (wanted, live) {
        let told = wanted.iter().filter(|(name, _)| !OUTSIDE.contains(&name.as_str()));
        for (name, value) in told {
            fields(name, name, value, live.get(name), &mut found);
        }
    }
    found
}

fn fields(path: &str, name: &str, wanted: &Value, live: Option<&Value>, found: &mut Vec<Difference>) {
    match (wanted, live) {
        (Value::Object(wanted), Some(Value::Object(live))) => {
            for (key, value) in wanted {
                fields(&below(path, key), key, value, live.get(key), found);
            }
        }
        (Value::Array(wanted), Some(Value::Array(live))) => items(path, name, (wanted, live), found),
        // The server drops what is empty.
        (wanted, None) if is_empty(wanted) => {}
        (wanted, Some(live)) if same(path, wanted, live) => {}
        (wanted, live) => {
            found.push(Difference { field: path.to_owned(), old: live.cloned(), new: Some(wanted.clone()) });
        }
    }
}

fn items(path: &str, name: &str, (wanted, live): (&[Value], &[Value]), found: &mut Vec<Difference>) {
    let Some(keys) = keys_of(path, name) else {
        if wanted.len() != live.len() || wanted.iter().zip(live).any(|(wanted, live)| !covers(path, wanted, live)) {
            found.push(Difference {
                field: path.to_owned(),
                old: Some(Value::Array(live.to_vec())),
                new: Some(Value::Array(wanted.to_vec())),
            });
        }
        return;
    };
    for item in wanted {
        let key = key_of(item, keys);
        let twin = live.iter().find(|other| key_of(other, keys) == key);
        fields(&format!("{path}[{}]", key.join("/")), "", item, twin, found);
    }
}

/// The keys of a list's items, if it has any.
fn keys_of(path: &str, name: &str) -> Option<&'static [&'static str]> {
    if name == "ports" {
        // Those of a Service are known by what they are called from outside.
        return Some(if path == "spec.ports" { &["port", "protocol"] } else { &["containerPort", "protocol"] });
    }
    KEYS.iter().find(|(list, _)| *list == name).map(|(_, keys)| *keys)
}

fn key_of(item: &Value, keys: &[&str]) -> Vec<String> {
    let part = |key: &&str| match item.get(*key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None if *key == "protocol" => "TCP".to_owned(),
        None => String::new(),
    };
    keys.iter().map(part).collect()
}

/// Whether a live value is the wanted one, with what the server filled in beside it.
fn covers(path: &str, wanted: &Value, live: &Value) -> bool {
    let mut found = Vec::new();
    fields(path, "", wanted, Some(live), &mut found);
    found.is_empty()
}

fn same(path: &str, wanted: &Value, live: &Value) -> bool {
    if wanted == live {
        return true;
    }
    let is_quantity = [".limits.", ".requests.", ".sizeLimit", ".divisor"].iter().any(|part| path.contains(part));
    if !is_quantity {
        return false;
    }
    matches!((quantity(wanted), quantity(live)), (Some(wanted), Some(live)) if wanted == live)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// What follows the number of a quantity, and what it stands for; thousandths are one.
const SUFFIXES: [(&str, i128); 13] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
    ("m", 0),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
];

/// A quantity in thousandths: `500m` and `0.5` are one ("API Reference", Quantity).
fn quantity(value: &Value) -> Option<i128> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let found = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = found.unwrap_or((&text, 1));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{:0<3}", fraction.get(..fraction.len().min(3))?);
    let thousandths = whole.parse::<i128>().ok()?.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
    if factor == 0 { Some(thousandths / 1_000) } else { thousandths.checked_mul(factor) }
}

fn below(path: &str, key: &str) -> String {
    // A label's key has dots of its own.
    if key.contains(['.', '/']) { format!("{path}[{key}]") } else { format!("{path}.{key}") }
}

/// The fields of a `fieldsV1` that a value of ours no longer says: what we owned and let go.
#[must_use]
pub fn abandoned(owned: &Value, wanted: &Value, live: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    leave(String::new(), owned, Some(wanted), Some(live), &mut found);
    found
}

fn leave(path: String, owned: &Value, wanted: Option<&Value>, live: Option<&Value>, found: &mut Vec<Difference>) {
    let Value::Object(owned) = owned else { return };
    let children: Vec<(&String, &Value)> = owned.iter().filter(|(key, _)| *key != ".").collect();
    if wanted.is_none() {
        // Whole, and not field by field: one line says it.
        if let Some(live) = live {
            found.push(Difference { field: path, old: Some(live.clone()), new: None });
        }
        return;
    }
    for (key, inner) in children {
        let Some((name, wanted, live)) = step(key, wanted, live) else { continue };
        let path = match (path.is_empty(), key.starts_with("k:")) {
            (true, _) => name,
            (false, true) => format!("{path}[{name}]"),
            (false, false) => below(&path, &name),
        };
        if OUTSIDE.contains(&path.as_str()) {
            continue;
        }
        leave(path, inner, wanted, live, found);
    }
}

/// One step of a `fieldsV1` through what is wanted and what is there: its name, and both below it.
fn step<'v>(
    key: &str,
    wanted: Option<&'v Value>,
    live: Option<&'v Value>,
) -> Option<(String, Option<&'v Value>, Option<&'v Value>)> {
    let (what, rest) = key.split_once(':')?;
    match what {
        "f" => {
            Some((rest.to_owned(), wanted.and_then(|value| value.get(rest)), live.and_then(|value| value.get(rest))))
        }
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).ok()?;
            let find = |list: Option<&'v Value>| {
                list?.as_array()?.iter().find(|item| keys.iter().all(|(key, value)| has(item, key, value)))
            };
            let words = keys.values().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            Some((words.collect::<Vec<_>>().join("/"), find(wanted), find(live)))
        }
        // Members of a set.
        _ => None,
    }
}

fn has(item: &Value, key: &str, value: &Value) -> bool {
    match item.get(key) {
        Some(found) => found == value,
        None => key == "protocol" && value == "TCP",
    }
}

/// Whether a `fieldsV1` holds every field that is wanted.
#[must_use]
pub fn owns(owned: &Value, wanted: &Value) -> bool {
    owned.as_object().is_some_and(|fields| !fields.is_empty()) && holds(owned, wanted)
}

fn holds(owned: &Value, wanted: &Value) -> bool {
    if owned.as_object().is_some_and(Map::is_empty) {
        // One value to the server, whatever it is made of: a selector, the reference to a role.
        return true;
    }
    match wanted {
        Value::Object(members) => {
            members.iter().filter(|(name, _)| !OUTSIDE.contains(&name.as_str())).all(|(name, value)| {
                match owned.get(format!("f:{name}")) {
                    Some(inner) => holds(inner, value),
                    // Names the object itself.
                    None => is_identity(name, value) || is_empty(value),
                }
            })
        }
        Value::Array(items) => {
            let keyed: Vec<(Map<String, Value>, &Value)> = owned
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(key, inner)| Some((serde_json::from_str(key.strip_prefix("k:")?).ok()?, inner)))
                .collect();
            // One value, owned whole.
            keyed.is_empty()
                || items.iter().all(|item| {
                    let of_item = |keys: &Map<String, Value>| keys.iter().all(|(key, value)| has(item, key, value));
                    keyed.iter().find(|(keys, _)| of_item(keys)).is_some_and(|(_, inner)| holds(inner, item))
                })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Whether a `fieldsV1` has a field of this path, as a [`Difference`] names it, or something below it.
#[must_use]
pub fn speaks_of(owned: &Value, path: &str) -> bool {
    let mut at = owned;
    for part in parts(path) {
        let Value::Object(members) = at else { return false };
        // What is below a list's item is as good as the item: its key is not told apart here.
        let found = members.get(&format!("f:{part}")).or_else(|| {
            let named = |key: &String| key.starts_with("k:") && key.contains(&format!("{part:?}"));
            members.iter().find(|(key, _)| named(key)).map(|(_, inner)| inner)
        });
        let Some(inner) = found else { return false };
        at = inner;
    }
    true
}

/// `a.b[c.d].e` as `a`, `b`, `c.d`, `e`.
fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (part, after) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((inside, after)) => (inside, after),
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        parts.push(part);
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    parts
}

/// `metadata.name` and `metadata.namespace` are nobody's.
fn is_identity(name: &str, value: &Value) -> bool {
    matches!(name, "name" | "namespace") && value.is_string()
}

#[cfg(test)]
mod tests;
