//! Selectors: by labels and by fields.

use serde_json::Value;

use super::{call::Refusal, kinds::Resource};

/// What objects have to be to be told of.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// In this namespace; empty is every one.
    pub namespace: String,
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

/// One part of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
}

impl Selection {
    /// From the two parameters of a query.
    pub fn new(
        resource: &Resource,
        namespace: &str,
        labels: Option<&str>,
        fields: Option<&str>,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            namespace: namespace.to_owned(),
            labels: labels.map(requirements).transpose()?.unwrap_or_default(),
            fields: fields.map(|text| field_requirements(resource, text)).transpose()?.unwrap_or_default(),
        })
    }

    /// Whether something is selected.
    pub fn is_narrow(&self) -> bool {
        !self.labels.is_empty() || !self.fields.is_empty()
    }

    /// Whether an object is meant.
    pub fn holds(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        (self.namespace.is_empty() || metadata["namespace"] == self.namespace)
            && self.labels.iter().all(|requirement| requirement.holds(&metadata["labels"]))
            && self.fields.iter().all(|(path, is_wanted, value)| {
                let pointer = format!("/{}", path.replace('.', "/"));
                let found = object.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
                (found == value) == *is_wanted
            })
    }
}

impl Requirement {
    fn holds(&self, labels: &Value) -> bool {
        let found = labels.get(&self.key).and_then(Value::as_str);
        match &self.test {
            Test::Exists => found.is_some(),
            Test::Missing => found.is_none(),
            Test::In(words) => found.is_some_and(|value| words.iter().any(|word| word == value)),
            Test::NotIn(words) => found.is_none_or(|value| words.iter().all(|word| word != value)),
        }
    }
}

/// Parts of a selector: commas within parentheses do not part.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_u32;
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if letter == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn requirements(text: &str) -> Result<Vec<Requirement>, Refusal> {
    let refused = |part: &str| Refusal::bad_request(format!("unable to parse requirement: found '{part}'"));
    parts(text).iter().map(|part| requirement(part).ok_or_else(|| refused(part))).collect()
}

fn requirement(part: &str) -> Option<Requirement> {
    let of = |key: &str, test: Test| is_key(key.trim()).then(|| Requirement { key: key.trim().to_owned(), test });
    if let Some(key) = part.strip_prefix('!') {
        return of(key, Test::Missing);
    }
    if let Some((key, value)) = part.split_once("!=") {
        return of(key, Test::NotIn(vec![word(value)?]));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return of(key, Test::In(vec![word(value)?]));
    }
    if let Some((before, list)) = part.split_once('(') {
        let words = list.strip_suffix(')')?.split(',').map(word).collect::<Option<Vec<String>>>()?;
        return match before.trim().rsplit_once(' ')? {
            (key, "in") => of(key, Test::In(words)),
            (key, "notin") => of(key, Test::NotIn(words)),
            _ => None,
        };
    }
    of(part, Test::Exists)
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter))
}

fn word(text: &str) -> Option<String> {
    let text = text.trim();
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter)).then(|| text.to_owned())
}

/// Fields by which objects of a kind can be selected (kubernetes v1.36, `pkg/apis/core/v1/conversion.go` and the
/// strategies).
fn known_fields(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pod" => {
            &["spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase"]
        }
        "Event" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "reason",
            "type",
        ],
        "Secret" => &["type"],
        "Namespace" => &["status.phase"],
        "Node" => &["spec.unschedulable"],
        _ => &[],
    }
}

fn field_requirements(resource: &Resource, text: &str) -> Result<Vec<(String, bool, String)>, Refusal> {
    let read = |part: &String| {
        let (key, is_wanted, value) = match part.split_once("!=") {
            Some((key, value)) => (key, false, value),
            None => part
                .split_once("==")
                .or_else(|| part.split_once('='))
                .map(|(key, value)| (key, true, value))
                .ok_or_else(|| {
                    Refusal::bad_request(format!("invalid selector: '{part}'; can't understand '{part}'"))
                })?,
        };
        let known = known_fields(&resource.kind);
        if !["metadata.name", "metadata.namespace"].contains(&key) && !known.contains(&key) {
            let text = format!("{key:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"");
            return Err(Refusal::bad_request(text));
        }
        Ok((key.to_owned(), is_wanted, value.to_owned()))
    };
    parts(text).iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_tested_in_six_ways() {
        let labels = json!({ "tier": "front", "example.com/a": "x" });
        for (text, expected) in [
            ("tier", true),
            ("!tier", false),
            ("tier=front", true),
            ("tier == back", false),
            ("tier!=back,example.com/a=x", true),
            ("tier in (front,back)", true),
            ("tier notin (front)", false),
            ("other notin (front)", true),
        ] {
            let holds = requirements(text).unwrap().iter().all(|requirement| requirement.holds(&labels));
            assert_eq!(holds, expected, "{text}");
        }
        for wrong in ["a=b=c", "a in b", "=", "a in (b"] {
            assert!(requirements(wrong).is_err(), "{wrong}");
        }
    }
}
