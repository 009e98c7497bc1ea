//! The agents: their pod, and what the schema lets pass and their Deployment or the operator refuses.

use super::super::CONTAINER;
use super::{Member, Node, at, innermost, items, member, text, word};
use crate::spec::finding::{Finding, Rule};
use crate::spec::node::Value;
use crate::systems::agent::Image;
use crate::systems::docker::desired::TOKEN_VARIABLE;

/// What an agent needs at least, in bytes ("HCP Terraform Agents: Requirements").
const MEMORY: f64 = 2e9;

pub(super) fn check(spec: &Member, findings: &mut Vec<Finding>) {
    let Some(deployment) = member(&spec.node, "agentDeployment") else { return };
    empty_values(deployment, findings);
    let Some(pod) = member(&deployment.node, "spec") else {
        let message = "without a pod, the operator runs `hashicorp/tfc-agent`, which is another image tomorrow";
        let finding = Finding::error(Rule::MovingImage, deployment.key_at, message);
        findings.push(finding.remedy("say `agentDeployment.spec` with an image that names a version"));
        return;
    };
    if !matches!(pod.node.value, Value::Map(_)) {
        return;
    }
    if member(&pod.node, "terminationGracePeriodSeconds").is_none() {
        let message = "an agent that is stopped has 15 minutes to end its apply, and is killed then";
        let finding = Finding::warning(Rule::MissingKey, pod.key_at, message);
        findings.push(
            finding.remedy("say `terminationGracePeriodSeconds`: as long as your longest apply takes, such as 3600"),
        );
    }
    let containers = at(&pod.node, &["containers"]).map(items).unwrap_or_default();
    if containers.is_empty() {
        let finding = Finding::error(Rule::MissingKey, innermost(pod, &["containers"]), "the pod has no container");
        findings.push(finding.remedy(format!("add one with the name {CONTAINER} and an image")));
    }
    let only = containers.len() == 1;
    for each in containers.iter().filter(|each| matches!(each.value, Value::Map(_))) {
        container(each, findings);
        if only || word(each, "name") == Some(CONTAINER) {
            memory(each, findings);
        }
    }
}

/// Empty ones are refused (`spec.agentDeployment.annotations` and `labels` in the operator's documentation).
fn empty_values(deployment: &Member, findings: &mut Vec<Finding>) {
    for what in ["annotations", "labels"] {
        let Some(Value::Map(map)) = at(&deployment.node, &[what]).map(|node| &node.value) else { continue };
        for (key, member) in map.iter().filter(|(_, member)| text(&member.node) == Some("")) {
            let message = format!("`{key}` of the pods' {what} has no value, which the operator refuses");
            findings
                .push(Finding::error(Rule::WrongValue, member.key_at, message).remedy("give it one, or leave it out"));
        }
    }
}

fn container(container: &Node, findings: &mut Vec<Finding>) {
    if member(container, "name").is_none() {
        let finding = Finding::error(Rule::MissingKey, container.at, "a container without a name");
        findings.push(finding.remedy(format!("say `name`; the agent's is called {CONTAINER}")));
    }
    let version = "name a version and, better, its digest: hashicorp/tfc-agent:1.29.0@sha256:…";
    match member(container, "image") {
        None => {
            let message = "the container has no image: the AgentPool is accepted, and the Deployment of it refused";
            findings.push(Finding::error(Rule::MissingKey, container.at, message).remedy(version));
        }
        Some(image) => {
            let finding = match text(&image.node).map(str::parse::<Image>) {
                Some(Ok(image_said)) => moving(&image_said).then(|| {
                    let message = format!("`{image_said}` is another image tomorrow: it names no version");
                    Finding::error(Rule::MovingImage, image.node.at, message)
                }),
                Some(Err(cause)) => Some(Finding::error(Rule::WrongValue, image.node.at, cause)),
                None => None,
            };
            findings.extend(finding.map(|finding| finding.remedy(version)));
        }
    }
    for variable in at(container, &["env"]).map(items).unwrap_or_default() {
        if let (Some(TOKEN_VARIABLE), Some(value)) = (word(variable, "name"), member(variable, "value")) {
            let message = format!("{TOKEN_VARIABLE} stands here in clear");
            let finding = Finding::error(Rule::LiteralSecret, value.key_at, message);
            findings
                .push(finding.remedy("leave the variable out, and revoke that token: the operator makes one itself"));
        }
    }
}

pub(super) fn moving(image: &Image) -> bool {
    image.digest.is_none() && image.tag.as_deref().is_none_or(|tag| tag == "latest")
}

/// An agent with less than it needs is killed in the middle of a plan.
fn memory(container: &Node, findings: &mut Vec<Finding>) {
    let said = |list: &str| at(container, &["resources", list]).and_then(|list| member(list, "memory"));
    if let Some(limit) = said("limits") {
        if bytes(&limit.node).is_some_and(|bytes| bytes < MEMORY) {
            let message = "the agent may use less than the 2 GB of memory that it needs";
            findings.push(
                Finding::warning(Rule::WrongValue, limit.node.at, message).remedy("raise the limit to 2Gi or more"),
            );
        }
        return;
    }
    match said("requests") {
        Some(request) if bytes(&request.node).is_some_and(|bytes| bytes < MEMORY) => {
            let message = "the agent asks for less than the 2 GB of memory that it needs";
            findings.push(Finding::warning(Rule::WrongValue, request.node.at, message).remedy("ask for 2Gi or more"));
        }
        Some(_) => {}
        None => {
            let message = "the agent asks for no memory, so it may run where the 2 GB that it needs are not free";
            let finding = Finding::warning(Rule::MissingKey, container.at, message);
            findings.push(finding.remedy("add `resources: { requests: { memory: 2Gi } }`"));
        }
    }
}

/// An amount of memory (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>).
fn bytes(node: &Node) -> Option<f64> {
    let (Value::Text(amount) | Value::Number(amount)) = &node.value else { return None };
    let units = [
        ("Ki", 1024_f64.powi(1)),
        ("Mi", 1024_f64.powi(2)),
        ("Gi", 1024_f64.powi(3)),
        ("Ti", 1024_f64.powi(4)),
        ("Pi", 1024_f64.powi(5)),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("m", 1e-3),
    ];
    let with_unit = units.into_iter().find_map(|(unit, factor)| Some((amount.strip_suffix(unit)?, factor)));
    let (number, factor) = with_unit.unwrap_or((amount, 1.0));
    Some(number.parse::<f64>().ok()? * factor)
}
