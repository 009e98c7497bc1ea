//! Sets of fields, as `metadata.managedFields` writes them (`FieldsV1`).
//!
//! The steps of a path keep the API's own spelling: `f:name` for a field, `k:{…}` for an item of a list by its keys,
//! `v:…` for an item by its value (structured-merge-diff v6, `fieldpath/serialize-pe.go`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A set of paths. A path can be in it without those above or below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet(BTreeMap<String, Node>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    is_member: bool,
    below: FieldSet,
}

impl Node {
    fn is_idle(&self) -> bool {
        !self.is_member && self.below.is_empty()
    }
}

impl FieldSet {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a path into it; the empty path is none.
    pub fn insert(&mut self, path: &[String]) {
        if let [first, rest @ ..] = path {
            let node = self.0.entry(first.clone()).or_default();
            match rest {
                [] => node.is_member = true,
                rest => node.below.insert(rest),
            }
        }
    }

    /// Whether this very step is in it.
    pub fn has(&self, step: &str) -> bool {
        self.0.get(step).is_some_and(|node| node.is_member)
    }

    /// What is below a step.
    pub fn below(&self, step: &str) -> Option<&Self> {
        self.0.get(step).map(|node| &node.below).filter(|below| !below.is_empty())
    }

    /// What is in one or the other.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (step, node) in &other.0 {
            let own = all.0.entry(step.clone()).or_default();
            own.is_member |= node.is_member;
            own.below = own.below.union(&node.below);
        }
        all
    }

    /// What is in this and not in the other; what is below a removed path stays.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.combined(other, |own, other| own && !other)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combined(other, |own, other| own && other)
    }

    fn combined(&self, other: &Self, decide: fn(bool, bool) -> bool) -> Self {
        static NOTHING: Node = Node { is_member: false, below: FieldSet(BTreeMap::new()) };
        let mut result = Self::default();
        for (step, node) in &self.0 {
            let theirs = other.0.get(step).unwrap_or(&NOTHING);
            let is_member = decide(node.is_member, theirs.is_member);
            let both = Node { is_member, below: node.below.combined(&theirs.below, decide) };
            if !both.is_idle() {
                result.0.insert(step.clone(), both);
            }
        }
        result
    }

    /// Without a step and all below it.
    #[must_use]
    pub fn without(&self, step: &str) -> Self {
        let mut rest = self.clone();
        rest.0.remove(step);
        rest
    }

    /// Only a step and what is below it.
    #[must_use]
    pub fn only(&self, step: &str) -> Self {
        let mut part = Self::default();
        if let Some(node) = self.0.get(step) {
            part.0.insert(step.to_owned(), node.clone());
        }
        part
    }

    /// The same, and with it every step above one of its paths that `is_named` holds to be a named field.
    pub(super) fn with_named(&self, is_named: &mut dyn FnMut(&[String]) -> bool, path: &mut Vec<String>) -> Self {
        let mut all = Self::default();
        for (step, node) in &self.0 {
            path.push(step.clone());
            let is_member = node.is_member || is_named(path);
            let below = node.below.with_named(is_named, path);
            path.pop();
            all.0.insert(step.clone(), Node { is_member, below });
        }
        all
    }

    /// All paths: of each level first those that end there.
    pub fn paths(&self) -> Vec<Vec<String>> {
        let members = self.0.iter().filter(|(_, node)| node.is_member);
        let mut paths: Vec<Vec<String>> = members.map(|(step, _)| vec![step.clone()]).collect();
        for (step, node) in &self.0 {
            let below = node.below.paths().into_iter();
            paths.extend(below.map(|rest| [vec![step.clone()], rest].concat()));
        }
        paths
    }

    /// As `fieldsV1` has it.
    pub fn to_json(&self) -> Value {
        let entries = self.0.iter().map(|(step, node)| {
            let mut below = node.below.to_json();
            if let (true, false, Some(map)) = (node.is_member, node.below.is_empty(), below.as_object_mut()) {
                map.insert(".".to_owned(), Value::Object(Map::new()));
            }
            (step.clone(), below)
        });
        Value::Object(entries.collect())
    }

    /// From `fieldsV1`.
    pub fn from_json(value: &Value) -> Self {
        let mut set = Self::default();
        for (step, below) in value.as_object().into_iter().flatten().filter(|(step, _)| *step != ".") {
            let is_leaf = below.as_object().is_none_or(Map::is_empty);
            let is_member = is_leaf || below.get(".").is_some();
            set.0.insert(step.clone(), Node { is_member, below: Self::from_json(below) });
        }
        set
    }
}

/// A path as messages write it: `.spec.containers[name="a"].image` (structured-merge-diff v6, `fieldpath/element.go`).
pub fn shown(path: &[String]) -> String {
    let step = |step: &String| match step.split_at_checked(2) {
        Some(("f:", name)) => format!(".{name}"),
        Some(("k:", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let pairs: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("[{}]", pairs.join(","))
        }
        Some(("v:", value)) => format!("[={value}]"),
        _ => step.clone(),
    };
    path.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_set_is_what_its_json_says() {
        let text = json!({
            "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
            "f:spec": { "f:containers": { "k:{\"name\":\"a\"}": { ".": {}, "f:image": {} } }, "f:replicas": {} },
        });
        let set = FieldSet::from_json(&text);
        assert_eq!(set.to_json(), text);
        let shown: Vec<String> = set.paths().iter().map(|path| shown(path)).collect();
        let expected = [
            ".metadata.labels",
            ".metadata.labels.app",
            ".spec.replicas",
            ".spec.containers[name=\"a\"]",
            ".spec.containers[name=\"a\"].image",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_difference_leaves_what_is_below() {
        let whole = FieldSet::from_json(&json!({ "f:a": { ".": {}, "f:b": {}, "f:c": {} } }));
        let part = FieldSet::from_json(&json!({ "f:a": { ".": {}, "f:b": {} } }));
        assert_eq!(whole.difference(&part).to_json(), json!({ "f:a": { "f:c": {} } }));
        assert_eq!(whole.intersection(&part), part);
        assert_eq!(part.difference(&whole), FieldSet::default());
        assert_eq!(whole.union(&part), whole);
    }
}
