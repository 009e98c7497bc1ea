//! An `AgentPool` manifest that exists already: all that is wrong in it, and the lines of a spec that say the same rightly.
//!
//! A cluster finds some of this, one thing at a time; the rest is accepted, and then shows as agents that never come.

mod agents;
mod lines;
mod scaling;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::resource::AgentPool;
use super::{name_refusal, token_refusal};
use crate::spec::finding::{Finding, Findings, Rule, nearest};
use crate::spec::node::{At, Member, Node, Sources, Value};
use crate::systems::kube::{typed, yaml};

/// What was found in a manifest.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Everything that is wrong with its agent pools.
    pub findings: Findings,
    /// Lines of a spec that make those pools as they are meant; `None` if there are none.
    pub lines: Option<String>,
}

/// Reads a manifest of one or several documents; those of other kinds are passed over. The name is for messages.
#[must_use]
pub fn check(name: &str, text: String) -> Checked {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let mut findings = Vec::new();
    let documents = yaml::documents(&sources, file, yaml::BUDGET, &mut findings);
    let broken = !findings.is_empty() && documents.is_empty();
    let pools: Vec<&Node> = documents.iter().filter(|document| word(document, "kind") == Some("AgentPool")).collect();
    if pools.is_empty() && !broken {
        let finding = Finding::error(Rule::MissingKey, At { file, line: 1, column: 1 }, "no AgentPool in this file");
        findings.push(finding.remedy("name the file with the document whose `kind` is AgentPool"));
    }
    for pool in &pools {
        one(pool, &mut findings);
    }
    let lines = (!pools.is_empty()).then(|| lines::of(&pools));
    Checked { findings: Findings::new(Arc::new(sources), findings, BTreeSet::new()), lines }
}

fn one(pool: &Node, findings: &mut Vec<Finding>) {
    let mut fields = Vec::new();
    let _: Option<AgentPool> = typed::read(pool, &mut fields);
    findings.extend(fields.into_iter().map(|finding| explained(finding, pool)));
    head(pool, findings);
    let Some(spec) = member(pool, "spec") else {
        let finding = Finding::error(Rule::MissingKey, pool.at, "`spec` is missing");
        findings.push(finding.remedy("add `spec` with `name`, `organization` and `token`"));
        return;
    };
    if !matches!(spec.node.value, Value::Map(_)) {
        return;
    }
    required(spec, findings);
    tokens(spec, findings);
    agents::check(spec, findings);
    scaling::check(spec, findings);
}

/// What is known of a field that means nothing or is of a wrong kind, beyond that.
fn explained(finding: Finding, pool: &Node) -> Finding {
    if finding.remedy.is_some() {
        return finding;
    }
    if let Some(remedy) = scaling::remedy(&finding, pool) {
        return finding.remedy(remedy);
    }
    if finding.rule != Rule::UnknownKey {
        return finding;
    }
    let known: [(&[&str], &[&str]); 5] = [
        (&[], &["apiVersion", "kind", "metadata", "spec"]),
        (
            &["spec"],
            &["name", "organization", "token", "agentTokens", "agentDeployment", "autoscaling", "deletionPolicy"],
        ),
        (&["spec", "token"], &["secretKeyRef"]),
        (&["spec", "agentDeployment"], &["replicas", "spec", "annotations", "labels"]),
        (&["spec", "autoscaling"], &["minReplicas", "maxReplicas", "cooldownPeriodSeconds", "cooldownPeriod"]),
    ];
    for (path, known) in known {
        let Some(Value::Map(map)) = at(pool, path).map(|node| &node.value) else { continue };
        let Some((key, _)) = map.iter().find(|(_, member)| member.key_at == finding.at) else { continue };
        return match nearest(key, known.iter().copied()) {
            Some(meant) => finding.remedy(format!("did you mean `{meant}`?")),
            None => finding.remedy(format!("leave it out; known there are {}", known.join(", "))),
        };
    }
    finding.remedy("leave it out, or mend its name; `kubectl explain agentpools.spec --recursive` lists what is known")
}

/// What it is, and how it is called.
fn head(pool: &Node, findings: &mut Vec<Finding>) {
    let wanted = <AgentPool as k8s_openapi::Resource>::API_VERSION;
    match member(pool, "apiVersion") {
        Some(version) if text(&version.node).is_some_and(|version| version != wanted) => {
            let message = format!("`apiVersion` must be {wanted}: the operator knows no other");
            findings.push(Finding::error(Rule::WrongValue, version.node.at, message).remedy(format!("write {wanted}")));
        }
        Some(_) => {}
        None => {
            let finding = Finding::error(Rule::MissingKey, pool.at, "`apiVersion` is missing");
            findings.push(finding.remedy(format!("add `apiVersion: {wanted}`")));
        }
    }
    match at(pool, &["metadata", "name"]) {
        None => {
            let finding = Finding::error(Rule::MissingKey, pool.at, "`metadata.name` is missing");
            findings.push(finding.remedy("add it; the Deployment of the agents is called after it"));
        }
        Some(name) => {
            let refusal = text(name).and_then(name_refusal);
            findings.extend(refusal.map(|refusal| Finding::error(Rule::Name, name.at, refusal)));
        }
    }
}

/// What must be said, and must say something.
fn required(spec: &Member, findings: &mut Vec<Finding>) {
    let paths: [(&[&str], &str); 4] = [
        (&["name"], "the pool's name in HCP Terraform, which is not that of the resource"),
        (&["organization"], "the organization that the pool is in"),
        (&["token", "secretKeyRef", "name"], "the Secret with the operator's API token, in the same namespace"),
        (&["token", "secretKeyRef", "key"], "the key of that Secret"),
    ];
    for (path, what) in paths {
        let shown = path.join(".");
        match at(&spec.node, path) {
            Some(node) if text(node) == Some("") => {
                let finding = Finding::error(Rule::WrongValue, node.at, format!("`spec.{shown}` is empty"));
                findings.push(finding.remedy(format!("say {what}")));
            }
            Some(_) => {}
            None => {
                let place = innermost(spec, path);
                let finding = Finding::error(Rule::MissingKey, place, format!("`spec.{shown}` is missing"));
                findings.push(finding.remedy(format!("say {what}")));
            }
        }
    }
}

/// The tokens of its agents, which the operator makes by their names.
fn tokens(spec: &Member, findings: &mut Vec<Finding>) {
    let add = "add `agentTokens: [{ name: agents }]` to `spec`";
    let Some(said) = member(&spec.node, "agentTokens") else {
        if let Some(deployment) = member(&spec.node, "agentDeployment") {
            let message = "there is no token for its agents, so the operator makes none of them";
            let finding = Finding::error(Rule::MissingKey, deployment.key_at, message);
            findings.push(finding.note("without `agentTokens` its log says: not enough tokens available").remedy(add));
        }
        return;
    };
    let Value::List(items) = &said.node.value else { return };
    if items.is_empty() {
        findings.push(Finding::error(Rule::WrongValue, said.node.at, "`agentTokens` is empty").remedy(add));
    }
    let mut names: Vec<(&str, At)> = Vec::new();
    for item in items.iter().filter(|item| matches!(item.value, Value::Map(_))) {
        let name = member(item, "name").map(|name| &name.node);
        match name.and_then(text) {
            Some(name_text) if !name_text.is_empty() => {
                let place = name.map_or(item.at, |name| name.at);
                let refusal = token_refusal(name_text);
                findings.extend(refusal.map(|refusal| Finding::error(Rule::Name, place, refusal)));
                match names.iter().find(|(other, _)| *other == name_text) {
                    Some((_, first)) => findings.push(
                        Finding::error(Rule::SameName, place, "a second token of this name: the operator refuses both")
                            .note_at("first here", *first)
                            .remedy("keep one of them"),
                    ),
                    None => names.push((name_text, place)),
                }
            }
            _ if name.is_some_and(|name| text(name).is_none()) => {}
            _ => {
                let finding = Finding::error(Rule::MissingKey, item.at, "a token without a name");
                findings.push(finding.remedy("say `name`; the operator makes the token and keeps its value"));
            }
        }
        of_status(item, findings);
    }
}

/// What the schema lets pass in a token, and the operator refuses (`validateSpecAgentToken` in its
/// `agentpool_validation.go`).
fn of_status(token: &Node, findings: &mut Vec<Finding>) {
    for key in ["id", "createdAt", "lastUsedAt"] {
        if let Some(said) = member(token, key) {
            let message = format!("`{key}` of a token is for the status only: the operator refuses the whole resource");
            let finding = Finding::error(Rule::WrongValue, said.key_at, message);
            findings.push(
                finding
                    .note("such a resource cannot even be deleted until it is mended")
                    .remedy("leave it out: the operator makes tokens by their names, and takes none over"),
            );
        }
    }
}

/// Where something is missing: the innermost part of its path that is there.
fn innermost(spec: &Member, path: &[&str]) -> At {
    let (mut node, mut place) = (&spec.node, spec.key_at);
    for key in path {
        let Some(next) = member(node, key) else { break };
        (node, place) = (&next.node, next.key_at);
    }
    place
}

/// The member of a map, unless it is null, which says nothing.
fn member<'n>(node: &'n Node, key: &str) -> Option<&'n Member> {
    let Value::Map(map) = &node.value else { return None };
    map.get(key).filter(|member| !matches!(member.node.value, Value::Null))
}

fn at<'n>(node: &'n Node, path: &[&str]) -> Option<&'n Node> {
    path.iter().try_fold(node, |node, key| member(node, key).map(|member| &member.node))
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn word<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    member(node, key).and_then(|member| text(&member.node))
}

fn whole(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Number(_) => yaml::json(node).as_i64(),
        _ => None,
    }
}

fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
