//! Agents: what the tier holds, and where they run.

use std::collections::BTreeMap;

use super::super::finding::{Finding, Rule};
use super::super::model::{Pool, Target};
use super::super::node::At;
use super::super::resolve::{Fleet, RunsOn, named};
use super::counted;
use super::settings::word;
use crate::systems::hcp::desired::Tier;

/// A pool, and how many workspaces run on it.
struct Slot<'s> {
    key: &'s str,
    at: At,
    pool: &'s Pool,
    work: usize,
}

impl Slot<'_> {
    /// `1 on nas`, `0..1 on cluster`
    fn agents(&self) -> String {
        let (min, max) = (self.pool.min(), self.pool.max());
        if min == max { format!("{min} on {}", self.key) } else { format!("{min}..{max} on {}", self.key) }
    }

    /// `5 workspaces run on cluster`
    fn work(&self) -> String {
        match self.work {
            0 => format!("nothing runs on {}", self.key),
            1 => format!("1 workspace runs on {}", self.key),
            work => format!("{work} workspaces run on {}", self.key),
        }
    }
}

pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    targets(fleet, findings);
    for (key, _, pool) in fleet.spec.pools.iter() {
        environment(key, pool, findings);
    }
    let mut work: BTreeMap<&str, usize> = BTreeMap::new();
    for workspace in &fleet.workspaces {
        if let RunsOn::Pool(key) = workspace.runs_in_the_end_on {
            *work.entry(key).or_default() += 1;
        }
    }
    let slots: Vec<Slot<'_>> = fleet
        .spec
        .pools
        .iter()
        .filter(|(_, _, pool)| !pool.absent.as_ref().is_some_and(|absent| absent.value))
        .map(|(key, at, pool)| {
            let min = pool.agents.as_ref().and_then(|agents| agents.min.as_ref());
            Slot {
                key,
                at: min.map_or_else(|| pool.agents.as_ref().map_or(at, |agents| agents.at), |min| min.at),
                pool,
                work: work.get(key).copied().unwrap_or_default(),
            }
        })
        .collect();
    let tier = fleet.spec.hcp.tier.as_ref().map_or(Tier::Free, |tier| tier.value);
    sizes(&slots, tier, findings);
    slots_of_the_tier(&slots, tier, findings);
}

fn sizes(slots: &[Slot<'_>], tier: Tier, findings: &mut Vec<Finding>) {
    let most = tier.agents();
    for slot in slots {
        let (min, max) = (slot.pool.min(), slot.pool.max());
        let said_max = slot.pool.agents.as_ref().and_then(|agents| agents.max.as_ref());
        if min > max {
            let message = format!("pools.{} has at least {min} and at most {max} agents", slot.key);
            findings.push(Finding::error(Rule::WrongValue, slot.at, message).remedy("max is not smaller than min"));
        } else if let Some(said) = said_max.filter(|max| max.value > most) {
            let message = format!("pools.{} may start {max} agents, and tier {} holds {most}", slot.key, word(tier));
            findings.push(
                Finding::error(Rule::TierAgents, said.at, message)
                    .note("idle agents count, and HCP refuses one too many")
                    .remedy(format!("max: {most}, or another tier: `hcp.tier`")),
            );
        }
        if max == 0 && slot.work > 0 {
            let message = format!("pools.{} never has an agent, and {}", slot.key, slot.work());
            findings.push(Finding::error(Rule::TierAgents, slot.at, message).remedy("max: 1"));
        }
    }
}

fn slots_of_the_tier(slots: &[Slot<'_>], tier: Tier, findings: &mut Vec<Finding>) {
    let most = tier.agents();
    let always: u32 = slots.iter().map(|slot| slot.pool.min()).fold(0, u32::saturating_add);
    let sum = || slots.iter().map(Slot::agents).collect::<Vec<_>>().join(" + ");
    let work = || slots.iter().map(Slot::work).collect::<Vec<_>>().join(", ");
    let standing: Vec<&Slot<'_>> = slots.iter().filter(|slot| slot.pool.min() > 0).collect();
    let Some(last) = standing.last() else { return };
    if always > most {
        findings.push(
            Finding::error(
                Rule::TierAgents,
                last.at,
                format!("{always} agents always run, and tier {} holds {most}", word(tier)),
            )
            .note(format!("{} > {most}; {}", sum(), work()))
            .remedy("agents: { min: 0, max: 1 } starts them on demand; or another tier"),
        );
        return;
    }
    // Whose work never gets a slot: the others together always hold all of them.
    let starved = |slot: &&Slot<'_>| slot.work > 0 && slot.pool.min() == 0 && always >= most;
    if !slots.iter().any(|slot| starved(&slot)) {
        return;
    }
    for holder in standing {
        let holds = match holder.pool.min() {
            1 if most == 1 => "the only agent".to_owned(),
            min => format!("{min} of the {most} agents"),
        };
        findings.push(
            Finding::error(
                Rule::TierAgents,
                holder.at,
                format!("pools.{} always holds {holds} of tier {}", holder.key, word(tier)),
            )
            .note(format!("{} > {most}; {}", sum(), work()))
            .remedy("agents: { min: 0, max: 1 }, or drop the pool, or another tier"),
        );
    }
}

/// Variables that have a key of their own, and those that an agent of ours gets from us.
fn environment(pool: &str, agents: &Pool, findings: &mut Vec<Finding>) {
    for (name, at, _) in agents.agents.iter().flat_map(|agents| agents.environment.iter()) {
        let remedy = match name {
            "TFC_AGENT_TOKEN" | "TFC_AGENT_NAME" => "take it out: each agent gets a token and a name of its own",
            "TFC_AGENT_AUTO_UPDATE" => "take it out: what runs is the image of the spec, so it is off",
            "TFC_AGENT_SINGLE" => "take it out: an agent goes on until it is asked to finish",
            "TFC_AGENT_ACCEPT" => "write agents.accept",
            "TFC_AGENT_LOG_LEVEL" => "write agents.logLevel",
            "TFC_AGENT_OTLP_ADDRESS" => "write agents.otlp",
            "TFC_AGENT_REQUEST_FORWARDING" => "write agents.requestForwarding",
            _ => continue,
        };
        let message = format!("pools.{pool}.agents.environment has {name}, which is said elsewhere");
        findings.push(Finding::error(Rule::Exclusive, at, message).remedy(remedy));
    }
}

fn targets(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    for (key, at, target) in fleet.spec.targets.iter() {
        one_target(key, at, target, findings);
    }
    for (_, _, pool) in fleet.spec.pools.iter() {
        if let Some(reference) = &pool.target {
            named("target", &fleet.spec.targets, reference, findings);
        }
    }
}

fn one_target(key: &str, at: At, target: &Target, findings: &mut Vec<Finding>) {
    let Target { at: _, identity, kubernetes, docker, may_be_away: _, absent: _ } = target;
    match (kubernetes, docker) {
        (Some(kubernetes), Some(docker)) => findings.push(
            Finding::error(Rule::Exclusive, docker.at, format!("targets.{key} is both kubernetes and docker"))
                .note_at("kubernetes", kubernetes.at)
                .remedy("make two targets of it"),
        ),
        (None, None) => findings.push(
            Finding::error(Rule::MissingKey, at, format!("targets.{key} is neither kubernetes nor docker"))
                .remedy("add `kubernetes: { operator: … }` or `docker: {}`"),
        ),
        _ => {}
    }
    let Some(identity) = identity else { return };
    let mut strays = Vec::new();
    if let Some(uid) = identity.kube_system_uid.as_ref().filter(|_| kubernetes.is_none()) {
        strays.push((uid.at, "kubeSystemUid", "kubernetes"));
    }
    if let Some(id) = identity.engine_id.as_ref().filter(|_| docker.is_none()) {
        strays.push((id.at, "engineId", "docker"));
    }
    for (at, pin, kind) in strays {
        let finding = Finding::error(Rule::Exclusive, at, format!("targets.{key} has the pin {pin} and is not {kind}"));
        findings.push(finding.remedy("a cluster has a kubeSystemUid, a Docker host an engineId"));
    }
}

impl Fleet<'_> {
    /// `3 workspaces run on cluster` for the text of other rules.
    pub(super) fn users_of(&self, pool: &str) -> Vec<&str> {
        self.workspaces
            .iter()
            .filter(|workspace| workspace.runs_in_the_end_on == RunsOn::Pool(pool))
            .map(|workspace| workspace.name.as_str())
            .collect()
    }
}

/// `main-vault`, or `main-vault and 3 others`
pub(super) fn first_of(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [one, others @ ..] => format!("{one} and {}", counted(others.len(), "other")),
    }
}
