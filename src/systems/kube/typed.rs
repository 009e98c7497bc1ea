//! Reading a tree as a type of Kubernetes' API, strictly and with places.
//!
//! Those types take any map: they leave out the fields that they do not know, and stop at the first value of a wrong kind
//! without saying where it is. Here the tree is written as JSON with one line for each value, so that the line of an error
//! names a value; and what is read is written again, so that a field that is lost on the way is one that means nothing.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::yaml;
use crate::spec::finding::{Finding, Rule};
use crate::spec::node::{At, Node, Value};

/// The most values of a wrong kind that are told of one tree.
const MOST_ERRORS: usize = 50;

/// Fields of pods that are newer than the types that are compiled in (`v1_33`): the CRD of agent pools of 2.12.0 knows
/// them, and `tests/chart.rs` holds this list to it. They are not said to mean nothing; they are not kept either.
pub const NEWER: [&str; 4] = ["fileKeyRef", "hostnameOverride", "podCertificate", "restartPolicyRules"];

/// Reads a tree as this type. `None` if it cannot be, even without what is wrong in it.
///
/// What is wrong is told: values of a wrong kind, and fields that the type does not know. They are left out of what is
/// returned. A field that is missing is not told: these types take one that says nothing instead.
pub fn read<T: DeserializeOwned + Serialize>(node: &Node, findings: &mut Vec<Finding>) -> Option<T> {
    let mut left_out = BTreeSet::new();
    for _ in 0..MOST_ERRORS {
        let mut lines = Lines { text: String::new(), places: Vec::new(), left_out: &left_out };
        lines.write(node, "", Context { key: "", amounts: false });
        match serde_json::from_str::<T>(&lines.text) {
            Ok(value) => {
                let known = serde_json::to_value(&value).unwrap_or_default();
                unknown(node, &known, &left_out, "", findings);
                return Some(value);
            }
            Err(error) => {
                let wrong = lines.at(error.line())?;
                findings.push(wrong.finding(&error.to_string()));
                // The top of the tree cannot be left out, nor a value twice.
                if wrong.path.is_empty() || !left_out.insert(wrong.path) {
                    return None;
                }
            }
        }
    }
    None
}

/// What surrounds a value: the keys that say that a number in it is an amount.
#[derive(Clone, Copy)]
struct Context<'n> {
    key: &'n str,
    amounts: bool,
}

impl<'n> Context<'n> {
    fn below(self, key: &'n str) -> Self {
        let in_list = matches!(self.key, "limits" | "requests" | "overhead");
        Self { key, amounts: in_list || matches!(key, "sizeLimit" | "divisor") }
    }
}

/// The value that stands on a line.
struct Place {
    path: String,
    key: String,
    at: At,
    kind: &'static str,
}

/// A tree as JSON, one line for each value: for the two ends of a list or map, two.
struct Lines<'l> {
    text: String,
    places: Vec<Place>,
    left_out: &'l BTreeSet<String>,
}

impl Lines<'_> {
    fn write(&mut self, node: &Node, path: &str, context: Context<'_>) {
        match &node.value {
            Value::List(items) => {
                self.line(node, path, context, "[");
                let mut first = true;
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}/{index}");
                    if !self.left_out.contains(&path) {
                        self.separate(&mut first);
                        self.write(item, &path, context);
                    }
                }
                self.line(node, path, context, "]");
            }
            Value::Map(map) => {
                self.line(node, path, context, "{");
                let mut first = true;
                for (key, member) in map.iter() {
                    let path = format!("{path}/{}", escaped(key));
                    if !self.left_out.contains(&path) {
                        self.separate(&mut first);
                        self.text.push_str(&Json::from(key).to_string());
                        self.text.push(':');
                        self.write(&member.node, &path, context.below(key));
                    }
                }
                self.line(node, path, context, "}");
            }
            // An amount may be a number, and these types take only the text of one.
            Value::Number(text) if context.amounts => {
                self.line(node, path, context, &Json::from(&**text).to_string());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
                self.line(node, path, context, &yaml::json(node).to_string());
            }
        }
    }

    fn separate(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.text.push(',');
        }
    }

    fn line(&mut self, node: &Node, path: &str, context: Context<'_>, text: &str) {
        self.text.push_str(text);
        // The space keeps an error that looks one character ahead on the line.
        self.text.push_str(" \n");
        let (path, key) = (path.to_owned(), context.key.to_owned());
        self.places.push(Place { path, key, at: node.at, kind: node.value.kind() });
    }

    fn at(mut self, line: usize) -> Option<Place> {
        let index = line.saturating_sub(1);
        (index < self.places.len()).then(|| self.places.swap_remove(index))
    }
}

impl Place {
    fn finding(&self, error: &str) -> Finding {
        let named = if self.key.is_empty() { "this".to_owned() } else { format!("`{}`", self.key) };
        if error.starts_with("unknown field") {
            return meaningless(&self.key, self.at);
        }
        if let Some(key) = error.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            return Finding::error(Rule::MissingKey, self.at, format!("`{key}` is missing in {named}"));
        }
        let wanted = wanted(error);
        let finding = Finding::error(Rule::WrongKind, self.at, format!("{named} must be {wanted}, not {}", self.kind));
        match (wanted, self.kind) {
            ("text", "a number" | "true or false") => finding.remedy("put it in quotes"),
            ("true or false", "text") => finding.remedy("write true or false, without quotes"),
            ("a whole number", "text") => finding.remedy("write the number alone, without quotes and without a unit"),
            _ => finding,
        }
    }
}

/// What a message of serde's wants, in our words. The rest of it may repeat the value, which may be a secret.
fn wanted(error: &str) -> &'static str {
    let expected = error.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    let expected = expected.rsplit_once(" at line ").map_or(expected, |(expected, _)| expected);
    let numbers = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "usize"];
    let words = [
        ("a string", "text"),
        ("a boolean", "true or false"),
        ("a sequence", "a list"),
        ("a map", "a map"),
        ("struct ", "a map"),
        ("f32", "a number"),
        ("f64", "a number"),
        ("Quantity", "an amount such as 2Gi"),
        ("IntOrString", "a whole number or text"),
        ("`retain` or `destroy`", "`retain` or `destroy`"),
    ];
    if numbers.contains(&expected) {
        return "a whole number";
    }
    match words.iter().find(|(begins, _)| expected.starts_with(begins)) {
        Some((_, word)) => word,
        // The types of Kubernetes name themselves.
        None if expected.starts_with(|c: char| c.is_ascii_uppercase()) => "a map",
        None => "of another kind",
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Tells every field that did not survive the way through the type.
fn unknown(node: &Node, known: &Json, left_out: &BTreeSet<String>, path: &str, findings: &mut Vec<Finding>) {
    match (&node.value, known) {
        (Value::Map(map), Json::Object(members)) => {
            for (key, member) in map.iter() {
                let path = format!("{path}/{}", escaped(key));
                if left_out.contains(&path) || NEWER.contains(&key) {
                    continue;
                }
                match members.get(key) {
                    Some(known) => unknown(&member.node, known, left_out, &path, findings),
                    // Null is the same as nothing.
                    None if matches!(member.node.value, Value::Null) => {}
                    None => findings.push(meaningless(key, member.key_at)),
                }
            }
        }
        (Value::List(items), Json::Array(known)) => {
            let kept: Vec<_> = (0..items.len()).map(|index| format!("{path}/{index}")).collect();
            let kept = items.iter().zip(kept).filter(|(_, path)| !left_out.contains(path));
            for ((item, path), known) in kept.zip(known) {
                unknown(item, known, left_out, &path, findings);
            }
        }
        _ => {}
    }
}

fn meaningless(key: &str, at: At) -> Finding {
    let message = format!("`{key}` means nothing here: a cluster drops it, or refuses all of it");
    Finding::error(Rule::UnknownKey, at, message)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Affinity, PodSpec, Toleration};

    use super::*;
    use crate::spec::node::Sources;

    fn node(text: &str) -> Node {
        let mut sources = Sources::default();
        let file = sources.add("pod.yaml", text.to_owned());
        let mut findings = Vec::new();
        let node = yaml::documents(&sources, file, yaml::BUDGET, &mut findings).remove(0);
        assert!(findings.is_empty(), "{findings:?}");
        node
    }

    fn told(findings: &[Finding]) -> Vec<String> {
        let told = |finding: &Finding| format!("{}:{} {}", finding.at.line, finding.at.column, finding.message);
        findings.iter().map(told).collect()
    }

    #[test]
    fn a_sound_tree_is_read_as_it_is() {
        let text = "containers:\n- name: a\n  image: b\n  resources: {limits: {cpu: 2, memory: 2Gi}}\n  \
                    ports: []\n  env: null\nhostNetwork: true\nterminationGracePeriodSeconds: 60\n";
        let mut findings = Vec::new();
        let pod: PodSpec = read(&node(text), &mut findings).unwrap();
        assert_eq!(told(&findings), Vec::<String>::new());
        let limits = pod.containers[0].resources.as_ref().unwrap().limits.as_ref().unwrap();
        assert_eq!((limits["cpu"].0.as_str(), limits["memory"].0.as_str()), ("2", "2Gi"));
        assert_eq!((pod.host_network, pod.termination_grace_period_seconds), (Some(true), Some(60)));
    }

    #[test]
    fn everything_that_is_wrong_is_told_where_it_stands_and_left_out() {
        let text = "containers:\n- name: a\n  imagePull: Always\n  env:\n  - {name: A, value: 1}\n  - just text\n  \
                    - {name: B, value: {x: 1}}\nhostNetwork: 'yes'\nnodeSelector: [a]\n\
                    terminationGracePeriodSeconds: 1h\nvolumes: {}\nactiveDeadlineSeconds: 1.5\n";
        let mut findings = Vec::new();
        let pod: PodSpec = read(&node(text), &mut findings).unwrap();
        assert_eq!(
            told(&findings),
            [
                "5:22 `value` must be text, not a number",
                "6:5 `env` must be a map, not text",
                "7:22 `value` must be text, not a map",
                "8:14 `hostNetwork` must be true or false, not text",
                "9:15 `nodeSelector` must be a map, not a list",
                "10:32 `terminationGracePeriodSeconds` must be a whole number, not text",
                "11:10 `volumes` must be a list, not a map",
                "12:24 `activeDeadlineSeconds` must be a whole number, not a number",
                "3:3 `imagePull` means nothing here: a cluster drops it, or refuses all of it",
            ]
        );
        assert_eq!(findings[0].remedy.as_deref(), Some("put it in quotes"));
        let env = pod.containers[0].env.as_ref().unwrap();
        let env: Vec<_> = env.iter().map(|variable| (variable.name.as_str(), variable.value.as_deref())).collect();
        assert_eq!(env, [("A", None), ("B", None)]);
    }

    #[test]
    fn fields_of_small_types_are_held_to_them_as_well() {
        let mut findings = Vec::new();
        let _: Option<Vec<Toleration>> =
            read(&node("- {key: a, operatr: Exists}\n- {key: b, effekt: x}\n"), &mut findings);
        let _: Option<Affinity> = read(&node("{nodeAffinty: {}, podAffinity: {}}"), &mut findings);
        let means = "means nothing here: a cluster drops it, or refuses all of it";
        assert_eq!(
            told(&findings),
            [format!("1:12 `operatr` {means}"), format!("2:12 `effekt` {means}"), format!("1:2 `nodeAffinty` {means}")]
        );
    }

    #[test]
    fn a_tree_of_another_kind_is_not_read_and_a_value_is_never_repeated() {
        let mut findings = Vec::new();
        assert_eq!(read::<PodSpec>(&node("hunter2"), &mut findings), None);
        assert_eq!(read::<Vec<Toleration>>(&node("{a: hunter2}"), &mut findings), None);
        assert_eq!(told(&findings), ["1:1 this must be a map, not text", "1:1 this must be a list, not a map"]);
    }
}
