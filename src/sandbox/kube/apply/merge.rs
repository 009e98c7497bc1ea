//! The three walks that server-side apply is made of: which fields a document has, how two differ, and both in one
//! (structured-merge-diff v6, `typed/`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    fields::FieldSet,
    shape::{Listing, Shape},
};

/// How two documents differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What only the second has.
    pub added: FieldSet,
    /// What both have, with other values.
    pub modified: FieldSet,
    /// What only the first has.
    pub removed: FieldSet,
}

impl Comparison {
    /// What the second set.
    pub fn set(&self) -> FieldSet {
        self.added.union(&self.modified)
    }

    /// With each of the three narrowed.
    #[must_use]
    pub fn map(self, narrow: impl Fn(&FieldSet) -> FieldSet) -> Self {
        let Self { added, modified, removed } = self;
        Self { added: narrow(&added), modified: narrow(&modified), removed: narrow(&removed) }
    }
}

/// The step that leads to a field.
pub fn field_step(name: &str) -> String {
    format!("f:{name}")
}

/// The step that leads to an item of a list, unless the list is one value.
fn item_step(item: &Value, listing: &Listing) -> Option<String> {
    match listing {
        Listing::Whole => None,
        Listing::Set => Some(format!("v:{item}")),
        Listing::ByKeys(keys) => {
            let given = |name: &str| item.get(name).filter(|value| !value.is_null()).cloned();
            let pairs: BTreeMap<&str, Value> = keys
                .iter()
                .filter_map(|(name, meant)| Some((name.as_str(), given(name).or_else(|| meant.clone())?)))
                .collect();
            let pairs: Map<String, Value> = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Some(format!("k:{}", Value::Object(pairs)))
        }
    }
}

/// What a value is for the walk.
enum Form<'a> {
    Leaf,
    Fields(&'a Map<String, Value>),
    Items(Vec<(String, &'a Value)>),
}

fn form<'a>(value: &'a Value, shape: Shape<'_>) -> Form<'a> {
    match value {
        Value::Object(map) if !shape.is_whole_map() => Form::Fields(map),
        Value::Array(items) => {
            let listing = shape.listing();
            let steps: Option<Vec<_>> = items.iter().map(|item| Some((item_step(item, &listing)?, item))).collect();
            match (listing, steps) {
                (Listing::Whole, _) | (_, None) => Form::Leaf,
                (_, Some(items)) => Form::Items(items),
            }
        }
        _ => Form::Leaf,
    }
}

/// Every field that a document has.
pub fn fields_of(value: &Value, shape: Shape<'_>) -> FieldSet {
    let mut set = FieldSet::default();
    collect(value, shape, &mut Vec::new(), &mut set);
    set
}

fn collect(value: &Value, shape: Shape<'_>, path: &mut Vec<String>, set: &mut FieldSet) {
    match form(value, shape) {
        Form::Leaf => set.insert(path),
        Form::Fields(map) => {
            for (name, inner) in map {
                path.push(field_step(name));
                collect(inner, shape.field(name), path, set);
                if is_empty_map(inner) || !shape.is_declared(name) {
                    set.insert(path);
                }
                path.pop();
            }
        }
        Form::Items(items) => {
            for (step, item) in items {
                path.push(step);
                collect(item, shape.item(), path, set);
                set.insert(path);
                path.pop();
            }
        }
    }
}

fn is_empty_map(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

/// How a document differs from an earlier one.
pub fn compare(old: &Value, new: &Value, shape: Shape<'_>) -> Comparison {
    let mut found = Comparison::default();
    differ(Some(old), Some(new), shape, &mut Vec::new(), &mut found);
    found
}

fn differ(old: Option<&Value>, new: Option<&Value>, shape: Shape<'_>, path: &mut Vec<String>, found: &mut Comparison) {
    let here = |value: Option<&Value>, found: &mut Comparison, path: &[String], is_new: bool| {
        if value.is_none() {
            if is_new { found.added.insert(path) } else { found.removed.insert(path) }
        }
    };
    let (mut left, mut right) = (old.map(|value| form(value, shape)), new.map(|value| form(value, shape)));
    // Beside a map or list that is merged a null is an empty one.
    let is_merged = |form: Option<&Form<'_>>| matches!(form, Some(Form::Fields(_) | Form::Items(_)));
    if is_merged(left.as_ref()) && new.is_some_and(Value::is_null) {
        right = None;
    } else if is_merged(right.as_ref()) && old.is_some_and(Value::is_null) {
        left = None;
    }
    match (left, right) {
        (Some(Form::Fields(_)), Some(Form::Fields(_)) | None) | (None, Some(Form::Fields(_))) => {
            let empty = Map::new();
            let (before, after) = (map_of(old).unwrap_or(&empty), map_of(new).unwrap_or(&empty));
            for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
                path.push(field_step(name));
                differ(before.get(name), after.get(name), shape.field(name), path, found);
                path.pop();
            }
        }
        (Some(Form::Items(before)), Some(Form::Items(after))) => differ_items(&before, &after, shape, path, found),
        (Some(Form::Items(before)), None) => differ_items(&before, &[], shape, path, found),
        (None, Some(Form::Items(after))) => differ_items(&[], &after, shape, path, found),
        (Some(_), Some(_)) => {
            if !same(old, new) {
                found.modified.insert(path);
            }
        }
        (None | Some(Form::Leaf), None) | (None, Some(Form::Leaf)) => {}
    }
    here(old, found, path, true);
    here(new, found, path, false);
}

fn map_of(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn same(old: Option<&Value>, new: Option<&Value>) -> bool {
    match (old, new) {
        // 1 and 1.0 are the same number.
        (Some(Value::Number(one)), Some(Value::Number(two))) => one == two || one.as_f64() == two.as_f64(),
        (one, two) => one == two,
    }
}

fn differ_items(
    before: &[(String, &Value)],
    after: &[(String, &Value)],
    shape: Shape<'_>,
    path: &mut Vec<String>,
    found: &mut Comparison,
) {
    let find = |items: &[(String, &Value)], step: &str| items.iter().find(|(own, _)| own == step).is_some();
    let new_steps = after.iter().filter(|(step, _)| !find(before, step));
    for (step, _) in before.iter().chain(new_steps) {
        let old = before.iter().find(|(own, _)| own == step).map(|(_, item)| *item);
        let new = after.iter().find(|(own, _)| own == step).map(|(_, item)| *item);
        path.push(step.clone());
        differ(old, new, shape.item(), path, found);
        path.pop();
    }
}

/// A live document with what a configuration says.
pub fn merge(live: &Value, config: &Value, shape: Shape<'_>) -> Value {
    match (form(live, shape), form(config, shape)) {
        (Form::Fields(live), Form::Fields(config)) => {
            let mut all = live.clone();
            for (name, value) in config {
                let merged = match live.get(name) {
                    Some(own) => merge(own, value, shape.field(name)),
                    None => value.clone(),
                };
                all.insert(name.clone(), merged);
            }
            Value::Object(all)
        }
        (Form::Items(live), Form::Items(config)) => Value::Array(merge_items(&live, &config, shape)),
        _ => config.clone(),
    }
}

/// Items in the order of the configuration; those that only the live list has keep their places before what follows
/// them there.
fn merge_items(live: &[(String, &Value)], config: &[(String, &Value)], shape: Shape<'_>) -> Vec<Value> {
    let is_in = |items: &[(String, &Value)], step: &str| items.iter().any(|(own, _)| own == step);
    let mut all = Vec::new();
    let mut rest = live;
    for (step, item) in config {
        let twin = live.iter().find(|(own, _)| own == step);
        while let [(own, lonely), tail @ ..] = rest {
            if is_in(config, own) {
                if own == step {
                    rest = tail;
                }
                break;
            }
            all.push((*lonely).clone());
            rest = tail;
        }
        all.push(match twin {
            Some((_, own)) => merge(own, item, shape.item()),
            None => (*item).clone(),
        });
    }
    all.extend(rest.iter().filter(|(own, _)| !is_in(config, own)).map(|(_, item)| (*item).clone()));
    all
}

/// A document without the fields of a set; none where nothing is left of it.
pub fn remove(value: &Value, set: &FieldSet, shape: Shape<'_>) -> Option<Value> {
    match form(value, shape) {
        Form::Fields(map) => {
            let kept = map.iter().filter(|(name, _)| !set.has(&field_step(name)));
            let kept: Map<String, Value> = kept
                .map(|(name, inner)| {
                    // Of a map or list of which nothing is left a null stays: that it was there is not taken from others.
                    let left = |below| remove(inner, below, shape.field(name)).unwrap_or(Value::Null);
                    (name.clone(), set.below(&field_step(name)).map_or_else(|| inner.clone(), left))
                })
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Form::Items(items) => {
            let kept: Vec<Value> = items
                .into_iter()
                .filter(|(step, _)| !set.has(step))
                .filter_map(|(step, item)| match set.below(&step) {
                    Some(below) => remove(item, below, shape.item()),
                    None => Some(item.clone()),
                })
                .collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Form::Leaf => Some(value.clone()),
    }
}

/// A path with places in lists (`spec.containers[0].a`) in the merge's spelling, which has keys where there are some.
pub fn in_steps(value: &Value, shape: Shape<'_>, path: &str) -> String {
    let (mut value, mut shape, mut steps) = (value, shape, Vec::new());
    for part in path.replace('[', ".[").split('.') {
        let number = part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')?.parse::<usize>().ok());
        if let Some(number) = number {
            let item = &value[number];
            steps.push(item_step(item, &shape.listing()).unwrap_or_else(|| part.to_owned()));
            (value, shape) = (item, shape.item());
        } else {
            steps.push(field_step(part));
            (value, shape) = (&value[part], shape.field(part));
        }
    }
    super::fields::shown(&steps)
}

/// Items that stand in a list twice, in the merge's words.
pub fn duplicates(value: &Value, shape: Shape<'_>) -> Vec<String> {
    let mut found = Vec::new();
    look_for_duplicates(value, shape, &mut Vec::new(), &mut found);
    found
}

fn look_for_duplicates(value: &Value, shape: Shape<'_>, path: &mut Vec<String>, found: &mut Vec<String>) {
    match form(value, shape) {
        Form::Leaf => {}
        Form::Fields(map) => {
            for (name, inner) in map {
                path.push(field_step(name));
                look_for_duplicates(inner, shape.field(name), path, found);
                path.pop();
            }
        }
        Form::Items(items) => {
            for (number, (step, item)) in items.iter().enumerate() {
                if let (Listing::ByKeys(keys), "k:{}") = (shape.listing(), step.as_str()) {
                    let names: Vec<String> = keys.into_iter().map(|(name, _)| name).collect();
                    let place = super::fields::shown(path);
                    found.push(format!(
                        "{place}: element {number}: associative list with keys has an element that omits all key \
                         fields {names:?} (and doesn't have default values for any key fields)"
                    ));
                    continue;
                }
                if items[..number].iter().any(|(other, _)| other == step) {
                    let key = super::fields::shown(std::slice::from_ref(step));
                    found.push(format!("{}: duplicate entries for key {key}", super::fields::shown(path)));
                }
                path.push(step.clone());
                look_for_duplicates(item, shape.item(), path, found);
                path.pop();
            }
        }
    }
}

/// A set and with it the named fields above its paths: who owns all that is in a field owns the field.
pub fn with_named_fields(set: &FieldSet, shape: Shape<'_>) -> FieldSet {
    set.with_named(&mut |path| is_named_field(path, shape), &mut Vec::new())
}

fn is_named_field(path: &[String], shape: Shape<'_>) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    let parent = above.iter().fold(shape, |shape, step| match step.strip_prefix("f:") {
        Some(name) => shape.field(name),
        None => shape.item(),
    });
    last.strip_prefix("f:").is_some_and(|name| parent.is_declared(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: &Value) -> Value {
        json!({ "spec": spec })
    }

    #[test]
    fn fields_of_a_pod() {
        let shape = Shape::of_kind("Pod");
        let value = pod(&json!({
            "containers": [{ "name": "a", "ports": [{ "containerPort": 80 }], "args": ["x", "y"] }],
            "nodeSelector": { "arch": "arm64" },
            "volumes": [{ "name": "v", "emptyDir": {} }],
        }));
        let expected = json!({ "f:spec": {
            "f:containers": { "k:{\"name\":\"a\"}": { ".": {}, "f:name": {}, "f:args": {}, "f:ports": {
                "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:containerPort": {} } } } },
            "f:nodeSelector": {},
            "f:volumes": { "k:{\"name\":\"v\"}": { ".": {}, "f:name": {}, "f:emptyDir": {} } },
        } });
        assert_eq!(fields_of(&value, shape).to_json(), expected);
    }

    #[test]
    fn a_comparison_names_every_new_level() {
        let (old, new) = (json!({ "data": { "a": "1" } }), json!({ "data": { "a": "2" }, "binaryData": { "b": "" } }));
        let found = compare(&old, &new, Shape::of_kind("ConfigMap"));
        assert_eq!(found.modified.to_json(), json!({ "f:data": { "f:a": {} } }));
        assert_eq!(found.added.to_json(), json!({ "f:binaryData": { ".": {}, "f:b": {} } }));
        assert!(found.removed.is_empty());
    }

    #[test]
    fn items_are_merged_by_key_and_keep_their_order() {
        let shape = Shape::of_kind("Pod");
        let live = pod(&json!({ "containers": [{ "name": "x" }, { "name": "a", "image": "1", "tty": true }] }));
        let config = pod(&json!({ "containers": [{ "name": "a", "image": "2" }, { "name": "b" }] }));
        let expected = pod(
            &json!({ "containers": [{ "name": "x" }, { "name": "a", "image": "2", "tty": true }, { "name": "b" }] }),
        );
        assert_eq!(merge(&live, &config, shape), expected);
    }

    #[test]
    fn what_is_removed_leaves_a_null_where_nothing_is_left() {
        let shape = Shape::of_kind("ConfigMap");
        let value = json!({ "kind": "ConfigMap", "data": { "a": "1" }, "metadata": { "labels": { "x": "y" } } });
        let set = FieldSet::from_json(&json!({ "f:metadata": { "f:labels": { "f:x": {} } } }));
        let named = with_named_fields(&set, shape);
        assert_eq!(named.to_json(), json!({ "f:metadata": { ".": {}, "f:labels": { ".": {}, "f:x": {} } } }));
        let left = remove(&value, &set, shape).unwrap();
        assert_eq!(left, json!({ "kind": "ConfigMap", "data": { "a": "1" }, "metadata": { "labels": null } }));
        assert_eq!(compare(&value, &left, shape).removed.to_json(), set.to_json(), "the map itself is still there");
    }
}
