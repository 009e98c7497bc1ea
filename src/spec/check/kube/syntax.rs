//! What Kubernetes takes as a name, a label or an annotation ("Object Names and IDs", "Labels and Selectors" and
//! "Annotations", Kubernetes), and as a share of a node.

use super::super::super::finding::{Finding, Rule, nearest};
use super::super::super::model::{Quantity, Resources};
use super::super::super::node::At;
use super::super::super::read::{Located, Named};

/// A kind of name.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Of namespaces and of volumes.
    Label,
    /// Of most other things.
    Subdomain,
}

impl Kind {
    fn takes(self, name: &str) -> bool {
        match self {
            Self::Label => is_label(name),
            Self::Subdomain => name.len() <= 253 && name.split('.').all(is_part),
        }
    }

    fn rule(self) -> &'static str {
        match self {
            Self::Label => "such a name is at most 63 of a-z, 0-9 and -, and begins and ends with a letter or a digit",
            Self::Subdomain => {
                "such a name is at most 253 of a-z, 0-9, - and ., and each of its parts begins and ends with a letter or \
                 a digit"
            }
        }
    }
}

fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_part(name)
}

fn is_part(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    edge(name.chars().next())
        && edge(name.chars().last())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// A name that Kubernetes refuses; `what` says whose: `the namespace of targets.cluster`.
pub(super) fn name(what: &str, kind: Kind, (text, at): (&str, At), findings: &mut Vec<Finding>) {
    if kind.takes(text) {
        return;
    }
    let message = format!("Kubernetes refuses `{text}` as {what}");
    let near: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    let near = near.trim_matches(['-', '.']);
    let remedy = if kind.takes(near) { format!("such as `{near}`") } else { "give it another name".to_owned() };
    findings.push(Finding::error(Rule::Name, at, message).note(kind.rule()).remedy(remedy));
}

/// The same of a name that may not be said.
pub(super) fn named(what: &str, kind: Kind, said: Option<&Located<String>>, findings: &mut Vec<Finding>) {
    if let Some(said) = said {
        name(what, kind, (said, said.at), findings);
    }
}

/// Whether a text can be a key of a Secret.
pub(super) fn is_secret_key(text: &str) -> bool {
    (1..=253).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// A key of labels and annotations: a name, which a domain may stand before.
fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => Kind::Subdomain.takes(domain) && is_value(name) && !name.is_empty(),
        None => is_value(key) && !key.is_empty(),
    }
}

fn is_value(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || text.len() <= 63
            && text.starts_with(edge)
            && text.ends_with(edge)
            && text.chars().all(|c| edge(c) || "-_.".contains(c))
}

/// What a map of texts is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    Labels,
    Annotations,
}

/// Labels or annotations, or a selector of labels.
pub(super) fn texts(of: &str, texts: Texts, named: &Named<Located<String>>, findings: &mut Vec<Finding>) {
    for (key, at, value) in named.iter() {
        if !is_key(key) {
            let message = format!("Kubernetes refuses the key `{key}` in {of}");
            let finding = Finding::error(Rule::Name, at, message);
            findings.push(
                finding
                    .note("a key is at most 63 letters, digits, -, _ and ., and a domain and / may stand before it")
                    .remedy("write such as example.org/team"),
            );
        }
        if texts == Texts::Labels && !is_value(value) {
            let message = format!("Kubernetes refuses `{}` as the value of `{key}` in {of}", value.value);
            let finding = Finding::error(Rule::WrongValue, value.at, message);
            findings.push(
                finding
                    .note("a value is at most 63 letters, digits, -, _ and .")
                    .remedy("write another value; annotations take any text"),
            );
        }
    }
}

/// The operator itself refuses these without a value (operator 2.12.0: its validation of `agentDeployment`).
pub(super) fn empties(of: &str, named: &Named<Located<String>>, findings: &mut Vec<Finding>) {
    for (key, _, value) in named.iter().filter(|(_, _, value)| value.is_empty()) {
        let message = format!("`{key}` in {of} has no value, and the operator refuses that");
        let finding = Finding::error(Rule::WrongValue, value.at, message);
        findings.push(finding.remedy("give it a value, such as \"true\", or take it out"));
    }
}

/// A share of a node.
pub(super) fn resources(of: &str, resources: Option<&Resources>, findings: &mut Vec<Finding>) {
    let Some(Resources { at: _, limits, requests }) = resources else { return };
    for (name, at, _) in limits.iter().chain(requests.iter()) {
        const KNOWN: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
        if KNOWN.contains(&name) || name.contains('/') || name.starts_with("hugepages-") {
            continue;
        }
        let message = format!("`{name}` in {of} is nothing that a node has");
        let finding = Finding::error(Rule::UnknownReference, at, message);
        findings.push(match nearest(name, KNOWN) {
            Some(near) => finding.remedy(format!("did you mean {near}?")),
            None => finding.remedy("write cpu, memory or ephemeral-storage, or a resource with its domain"),
        });
    }
    for (name, _, request) in requests.iter() {
        let Some(limit) = limits.get(name) else { continue };
        let (Quantity { text, billionths }, Quantity { text: most_text, billionths: most }) =
            (&request.value, &limit.value);
        if billionths > most {
            let message = format!("{of} keep {text} of {name}, and allow {most_text}");
            let finding = Finding::error(Rule::WrongValue, request.at, message).note_at("the limit", limit.at);
            findings.push(finding.remedy("a request is not greater than its limit"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_as_kubernetes_does() {
        for name in ["a", "hcp-terraform", "0", &"a".repeat(63)] {
            assert!(Kind::Label.takes(name), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a_b", "a.b", &"a".repeat(64)] {
            assert!(!Kind::Label.takes(name), "{name}");
        }
        assert!(Kind::Subdomain.takes("a.b-c.d"));
        for name in ["", ".a", "a..b", "a.-b", &"a".repeat(254)] {
            assert!(!Kind::Subdomain.takes(name), "{name}");
        }
    }

    #[test]
    fn keys_may_have_a_domain() {
        for key in ["team", "example.org/team", "a.b_c-d", "kubernetes.io/arch"] {
            assert!(is_key(key), "{key}");
        }
        for key in ["", "/a", "a/", "a/b/c", "-a", "Example.org/team", "a b"] {
            assert!(!is_key(key), "{key}");
        }
        assert!(is_value("") && is_value("v1.0_x-Y") && !is_value("-") && !is_value("a b"));
    }
}
