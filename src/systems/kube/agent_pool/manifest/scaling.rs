//! How many agents: `replicas` or `autoscaling`, and how long after a change there is no other one.

use super::super::resource::CooldownPeriod;
use super::{Member, Node, at, member, text, whole};
use crate::spec::finding::{Finding, Rule};
use crate::spec::model::Duration;
use crate::systems::kube::operator::options::Period;

/// How long the operator waits where nothing is said: the default in the CRD.
const COOLDOWN: u64 = 300;
/// How long it should wait before there are more agents: someone waits for them.
const UP: u64 = 15;

pub(super) fn check(spec: &Member, findings: &mut Vec<Finding>) {
    let Some(autoscaling) = member(&spec.node, "autoscaling") else { return };
    match member(&spec.node, "agentDeployment") {
        None => {
            let finding = Finding::error(Rule::MissingKey, autoscaling.key_at, "there are no agents to scale");
            findings.push(finding.remedy("add `agentDeployment` with the agents' pod"));
        }
        Some(deployment) => {
            if let Some(replicas) = member(&deployment.node, "replicas") {
                let message = "`replicas` beside `autoscaling`: the operator does not look at it";
                let finding = Finding::error(Rule::Exclusive, replicas.key_at, message);
                findings.push(finding.note_at("`autoscaling` is here", autoscaling.key_at).remedy("keep one of them"));
            }
        }
    }
    bounds(autoscaling, findings);
    cooldown(autoscaling, findings);
    if let Some(workspaces) = member(&autoscaling.node, "targetWorkspaces") {
        let message = "`targetWorkspaces` changes nothing: all runs of the pool count";
        let finding = Finding::warning(Rule::WrongValue, workspaces.key_at, message);
        findings.push(
            finding.note("only the way of counting for an old Terraform Enterprise looks at it").remedy("leave it out"),
        );
    }
}

fn bounds(autoscaling: &Member, findings: &mut Vec<Finding>) {
    let mut said = Vec::new();
    for key in ["minReplicas", "maxReplicas"] {
        match member(&autoscaling.node, key) {
            None => {
                let finding = Finding::error(Rule::MissingKey, autoscaling.key_at, format!("`{key}` is missing"));
                findings.push(finding.remedy("say both bounds; a `minReplicas` of 0 starts agents when there is work"));
            }
            Some(bound) => {
                if let Some(number) = whole(&bound.node) {
                    if number < 0 {
                        let message = format!("`{key}` is below 0, which the schema lets pass");
                        findings
                            .push(Finding::error(Rule::WrongValue, bound.node.at, message).remedy("write 0 or more"));
                    }
                    said.push((number, bound));
                }
            }
        }
    }
    if let [(min, _), (max, bound)] = said[..]
        && min > max
    {
        let message = format!("at least {min} agents and at most {max}, which the schema lets pass");
        findings.push(
            Finding::error(Rule::Exclusive, bound.node.at, message)
                .remedy("raise `maxReplicas`, or lower `minReplicas`"),
        );
    }
}

/// Both directions should be said: where one is not, the operator takes the other one's, or five minutes
/// (`cooldownSecondsRemaining` in its `agentpool_controller_autoscaling.go`).
fn cooldown(autoscaling: &Member, findings: &mut Vec<Finding>) {
    let period = member(&autoscaling.node, "cooldownPeriod");
    if period.is_some_and(|period| !matches!(period.node.value, crate::spec::node::Value::Map(_))) {
        return;
    }
    let (up, down) = said(&autoscaling.node);
    let base = member(&autoscaling.node, "cooldownPeriodSeconds");
    let seconds = base.and_then(|base| whole(&base.node)).unwrap_or(COOLDOWN.cast_signed());
    let message = match (up, down) {
        (Some(_), Some(_)) => return,
        (None, Some(down)) => format!("`scaleUpSeconds` is not said, so more agents come {down} seconds late as well"),
        (Some(_), None) => format!("`scaleDownSeconds` is not said: fewer agents after {seconds} seconds"),
        (None, None) => {
            format!("no direction has a cooldown of its own: more agents, too, come {seconds} seconds late")
        }
    };
    let place = period.or(base).map_or(autoscaling.key_at, |member| member.key_at);
    let wanted = CooldownPeriod {
        scale_up_seconds: up.and_then(|up| i32::try_from(up).ok()),
        scale_down_seconds: i32::try_from(down.unwrap_or(seconds)).ok(),
    };
    findings.push(Finding::warning(Rule::MissingKey, place, message).remedy(format!("write {}", written(wanted))));
}

/// The cooldowns that are said for a direction.
fn said(autoscaling: &Node) -> (Option<i64>, Option<i64>) {
    let of = |key| at(autoscaling, &["cooldownPeriod", key]).and_then(whole);
    (of("scaleUpSeconds"), of("scaleDownSeconds"))
}

fn written(period: CooldownPeriod) -> String {
    let up = period.scale_up_seconds.map_or(UP.cast_signed(), i64::from);
    let down = period.scale_down_seconds.map_or(COOLDOWN.cast_signed(), i64::from);
    format!("`cooldownPeriod: {{ scaleUpSeconds: {up}, scaleDownSeconds: {down} }}`")
}

/// What to write instead of a `cooldownPeriod` that is a duration, or that is not in `autoscaling`.
pub(super) fn remedy(finding: &Finding, pool: &Node) -> Option<String> {
    let misplaced = at(pool, &["spec"]).and_then(|spec| member(spec, "cooldownPeriod"));
    let placed = at(pool, &["spec", "autoscaling"]).and_then(|autoscaling| member(autoscaling, "cooldownPeriod"));
    let written = |member: &Member| {
        let down = duration(&member.node).and_then(|seconds| i32::try_from(seconds).ok());
        written(CooldownPeriod { scale_up_seconds: None, scale_down_seconds: down })
    };
    match (misplaced, placed) {
        (Some(member), _) if member.key_at == finding.at => {
            Some(format!("write {} under `spec.autoscaling`", written(member)))
        }
        (_, Some(member)) if member.node.at == finding.at => {
            Some(format!("write {}, in whole seconds", written(member)))
        }
        _ => None,
    }
}

/// A duration as people write it, or a number of seconds.
fn duration(node: &Node) -> Option<u64> {
    let seconds = whole(node).and_then(|seconds| u64::try_from(seconds).ok());
    seconds.or_else(|| text(node).and_then(Duration::parse).map(|duration| duration.seconds))
}

/// The cooldowns that are meant, in both directions.
pub(super) fn meant(spec: &Node) -> (Period, Period) {
    let autoscaling = at(spec, &["autoscaling"]);
    let (up, down) = autoscaling.map_or((None, None), said);
    let written = [at(spec, &["autoscaling", "cooldownPeriod"]), at(spec, &["cooldownPeriod"])];
    let base = at(spec, &["autoscaling", "cooldownPeriodSeconds"]);
    let whole_duration = written.into_iter().chain([base]).flatten().find_map(duration);
    let unsigned = |seconds: Option<i64>| seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let down = unsigned(down).or(whole_duration).unwrap_or(COOLDOWN);
    (Period::of_seconds(unsigned(up).unwrap_or(UP)), Period::of_seconds(down))
}
