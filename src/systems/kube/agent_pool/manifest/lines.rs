//! The lines of a spec that say what a manifest means.

use std::fmt::Write as _;

use k8s_openapi::api::core::v1::ResourceRequirements;
use serde_json::{Value as Json, json};

use super::{Node, agents, at, items, member, scaling, text, whole, word};
use crate::spec::node::Value;
use crate::systems::agent::Image;
use crate::systems::kube::desired::NAMESPACE;
use crate::systems::kube::operator::Version;
use crate::systems::kube::operator::options::Period;
use crate::systems::kube::{typed, yaml};

/// Where a manifest names no version: the one that the messages name, too.
const IMAGE: &str = "hashicorp/tfc-agent:1.29.0";
/// The name of the agents' token where a spec says none.
const TOKEN: &str = "agents";
/// How long an apply may take where a manifest says nothing of it: the spec's own default.
const LONGEST_APPLY: u64 = 3600;

/// Fields of a pod that a spec has under the same name, and says in the same way.
const ALIKE: [&str; 6] =
    ["nodeSelector", "affinity", "tolerations", "priorityClassName", "imagePullSecrets", "securityContext"];
/// The other fields that the lines take up.
const TAKEN: [&str; 10] = [
    "containers",
    "terminationGracePeriodSeconds",
    "serviceAccountName",
    "name",
    "image",
    "resources",
    "replicas",
    "spec",
    "annotations",
    "labels",
];

pub(super) fn of(pools: &[&Node]) -> String {
    let spec = |pool: &Node, path: &[&str]| at(pool, &[&["spec"], path].concat()).and_then(text).map(quoted);
    let first = |path: &[&str]| pools.iter().find_map(|pool| spec(pool, path));
    let namespace = pools.iter().find_map(|pool| at(pool, &["metadata", "namespace"]).and_then(text));
    let newest = Version::KNOWN.iter().max().map_or("", |version| version.as_str());
    let mut lines = String::new();
    // Writing to a String cannot fail, here and below.
    if let Some(organization) = first(&["organization"]) {
        let _ = writeln!(lines, "hcp:\n  organization: {organization}");
    }
    let _ = writeln!(
        lines,
        "targets:\n  cluster:\n    kubernetes:\n      namespace: {}\n      operator:\n        version: {newest}",
        quoted(namespace.unwrap_or(NAMESPACE))
    );
    if let Some(name) = first(&["token", "secretKeyRef", "name"]) {
        let key = first(&["token", "secretKeyRef", "key"]).unwrap_or_else(|| "token".to_owned());
        let _ = writeln!(lines, "      token:\n        secret:\n          name: {name}\n          key: {key}");
    }
    lines.push_str("pools:\n");
    for (number, pool) in pools.iter().enumerate() {
        one(pool, number, &mut lines);
    }
    lines
}

fn one(pool: &Node, number: usize, lines: &mut String) {
    let key = at(pool, &["metadata", "name"]).and_then(text).filter(|key| !key.is_empty());
    let key = key.map_or_else(|| format!("pool{}", number + 1), ToOwned::to_owned);
    let _ = writeln!(lines, "  {}:", quoted(&key));
    let Some(spec) = at(pool, &["spec"]) else { return };
    if let Some(name) = word(spec, "name") {
        let _ = writeln!(lines, "    name: {}", quoted(name));
    }
    let _ = writeln!(lines, "    target: cluster\n    agents:");
    let bound = |key| at(spec, &["autoscaling", key]).and_then(whole).filter(|bound| *bound >= 0);
    if member(spec, "autoscaling").is_some() {
        let (min, max) = (bound("minReplicas").unwrap_or(0), bound("maxReplicas").unwrap_or(1));
        let (up, down) = scaling::meant(spec);
        let _ = writeln!(lines, "      min: {min}\n      max: {}", max.max(min).max(1));
        let _ = writeln!(lines, "      cooldown:\n        up: {up}\n        down: {down}");
    } else {
        let replicas = at(spec, &["agentDeployment", "replicas"]).and_then(whole).unwrap_or(1).max(1);
        let _ = writeln!(lines, "      min: {replicas}\n      max: {replicas}");
    }
    let pod = at(spec, &["agentDeployment", "spec"]);
    let container = pod.and_then(|pod| at(pod, &["containers"])).and_then(|containers| items(containers).first());
    let image = container.and_then(|container| word(container, "image")).and_then(|image| image.parse::<Image>().ok());
    let image =
        image.filter(|image| !agents::moving(image)).map_or_else(|| IMAGE.to_owned(), |image| image.to_string());
    let _ = writeln!(lines, "      image: {}", quoted(&image));
    let grace = pod.and_then(|pod| at(pod, &["terminationGracePeriodSeconds"])).and_then(whole);
    let grace = grace.and_then(|grace| u64::try_from(grace).ok()).filter(|grace| *grace > 0);
    let _ = writeln!(lines, "    longestApply: {}", Period::of_seconds(grace.unwrap_or(LONGEST_APPLY)));
    let own = own(spec, pod, container);
    if !own.is_empty() {
        let _ = writeln!(lines, "    kubernetes:\n{own}", own = own.trim_end());
    }
    let others = others(spec, pod, container);
    if !others.is_empty() {
        let _ = writeln!(lines, "    # Not taken over here, to be said beside it: {}", others.join(", "));
    }
}

/// What only a cluster knows of a pool. JSON is YAML, too.
fn own(spec: &Node, pod: Option<&Node>, container: Option<&Node>) -> String {
    let mut lines = String::new();
    let mut say = |key: &str, value: &Json| {
        let _ = writeln!(lines, "      {key}: {value}");
    };
    let tokens = at(spec, &["agentTokens"]).map(items).unwrap_or_default();
    let tokens: Vec<&str> = tokens.iter().filter_map(|token| word(token, "name")).collect();
    if !tokens.is_empty() && tokens != [TOKEN] {
        say("tokens", &tokens.into());
    }
    if let Some(name) = pod.and_then(|pod| word(pod, "serviceAccountName")) {
        say("serviceAccount", &json!({ "name": name, "create": false }));
    }
    if let Some(resources) = container.and_then(|container| at(container, &["resources"])) {
        // Amounts are texts there.
        let mut wrong = Vec::new();
        let read: Option<ResourceRequirements> = typed::read(resources, &mut wrong);
        if let Some(read) = read.filter(|_| wrong.is_empty()) {
            say(
                "resources",
                &json!({ "requests": read.requests.unwrap_or_default(), "limits": read.limits.unwrap_or_default() }),
            );
        }
    }
    for key in ALIKE {
        if let Some(node) = pod.and_then(|pod| at(pod, &[key])) {
            say(key, &yaml::json(node));
        }
    }
    for key in ["annotations", "labels"] {
        if let Some(node) = at(spec, &["agentDeployment", key]) {
            say(key, &yaml::json(node));
        }
    }
    if word(spec, "deletionPolicy") == Some("destroy") {
        say("deletionPolicy", &"destroy".into());
    }
    lines
}

/// What else the manifest says of the agents.
fn others(spec: &Node, pod: Option<&Node>, container: Option<&Node>) -> Vec<String> {
    let deployment = at(spec, &["agentDeployment"]);
    let mut others = Vec::new();
    for node in [deployment, pod, container].into_iter().flatten() {
        let Value::Map(map) = &node.value else { continue };
        let keys = map.iter().map(|(key, _)| key).filter(|key| !TAKEN.contains(key) && !ALIKE.contains(key));
        others.extend(keys.filter(|key| key.chars().all(|c| c.is_ascii_alphanumeric())).map(ToOwned::to_owned));
    }
    let more = pod.and_then(|pod| at(pod, &["containers"])).map_or(0, |containers| items(containers).len());
    others.extend((more > 1).then(|| "further containers".to_owned()));
    others
}

/// A text as it stands in YAML: as it is where that is safe.
fn quoted(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain =
        begins && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@:".contains(c)) && !text.ends_with(':');
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if plain && !word { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
