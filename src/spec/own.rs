//! What the spec itself calls its things, by section and key: `pools/cluster`, `projects/main/workspaces/vault`. Findings
//! name them so, and systems know them by other names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Loaded;
use super::facts::Fact;
use super::model::{
    Agents, Cooldown, DockerTarget, Duration, FilesWish, Identity, KubernetesTarget, Pool, Spec, Target,
};
use super::read::Located;
use super::resolve::Fleet;
use crate::address::{Address, Pattern};
use crate::origin::Origin;
use crate::systems::hcp::{
    organization_address, pool_address, project_address, variable_set_address, workspace_address,
};
use crate::systems::kube::desired::target_address;

/// A thing by the spec's own name.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnThing {
    /// `pools/cluster`
    pub address: Address,
    /// Where its key stands.
    pub origin: Origin,
    /// What no system is told of it as it is written here.
    pub fields: BTreeMap<String, Fact>,
    /// What it is in the systems.
    pub is: Vec<Pattern>,
}

impl Loaded {
    /// The things of the spec by its own names for them.
    #[must_use]
    pub fn own(&self) -> Vec<OwnThing> {
        let Some(spec) = &self.spec else {
            return Vec::new();
        };
        // Whatever is wrong with it is told already.
        let fleet = Fleet::new(spec, self.findings.sources(), &mut Vec::new());
        things(spec, &fleet)
    }
}

fn things(spec: &Spec, fleet: &Fleet<'_>) -> Vec<OwnThing> {
    let Spec { at: _, fleet: _, hcp, targets, pools, tls: _, notify, defaults: _, projects, variable_sets } = spec;
    let thing = |parts: &[&str], at, fields: BTreeMap<String, Fact>, is: Vec<Pattern>| OwnThing {
        address: Address::new(parts.iter().copied()),
        origin: Origin::Spec(fleet.sources.place(at)),
        fields,
        is,
    };
    let none = BTreeMap::new;
    let mut things = vec![thing(&["hcp"], hcp.at, none(), exactly(&organization_address()))];
    for (key, at, target) in targets.iter() {
        let on_it = pools.iter().filter(|(_, _, pool)| pool.target.as_ref().is_some_and(|said| said.value == *key));
        let on_it: Vec<String> = on_it.map(|(pool, _, _)| format!("pools/{pool}")).collect();
        let cluster = target.kubernetes.as_ref().filter(|cluster| cluster.operator.is_some());
        let is = cluster.map(|_| exactly(&target_address(key))).unwrap_or_default();
        things.push(thing(&["targets", key], at, of_target(target, &on_it), is));
    }
    for (key, at, pool) in pools.iter() {
        let mut is = exactly(&pool_address(pool.hcp_name(key)));
        is.extend(fleet.agent_pool(key, pool).iter().flat_map(exactly));
        things.push(thing(&["pools", key], at, of_pool(pool), is));
    }
    for (key, at, _) in notify.iter() {
        let name = Address::new([key]);
        let is =
            ["project", "workspace"].map(|of| format!("hcp/{of}/*/notification/{}", literal(name.as_str())).parse());
        things.push(thing(&["notify", key], at, none(), is.into_iter().flatten().collect()));
    }
    for (name, at, _) in projects.iter() {
        things.push(thing(&["projects", name], at, none(), exactly(&project_address(name))));
    }
    for workspace in &fleet.workspaces {
        let parts = ["projects", workspace.project_name, "workspaces", workspace.key];
        things.push(thing(&parts, workspace.at, none(), exactly(&workspace_address(&workspace.name))));
    }
    for (name, at, _) in variable_sets.iter() {
        things.push(thing(&["variableSets", name], at, none(), exactly(&variable_set_address(name))));
    }
    things
}

/// The pattern of one address alone, with what lies in it.
fn exactly(address: &Address) -> Vec<Pattern> {
    literal(address.as_str()).parse().into_iter().collect()
}

/// A text that stands for itself in a pattern.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "*?[]{}\\".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn of_target(target: &Target, pools: &[String]) -> BTreeMap<String, Fact> {
    let Target { at: _, identity, kubernetes, docker, may_be_away, absent } = target;
    let mut fields = BTreeMap::new();
    let mut say = |field: &str, value: Option<Value>| {
        fields.extend(value.map(|value| (field.to_owned(), Some(value))));
    };
    // What more is said of its operator stands with what it is in the cluster.
    if let Some(KubernetesTarget { at: _, namespace, operator, token: _, delivery, argocd: _ }) = kubernetes {
        say("runs", Some(json!("kubernetes")));
        say("kubernetes.namespace", namespace.as_ref().map(|name| json!(name.value)));
        let version = operator.as_ref().map(|operator| operator.version.value);
        say("kubernetes.operator.version", version.map(|version| json!(version.as_str())));
        say("kubernetes.delivery", delivery.as_ref().map(|word| json!(word.value.word())));
    }
    if let Some(DockerTarget { at: _, project, delivery }) = docker {
        say("runs", Some(json!("docker")));
        say("docker.project", project.as_ref().map(|name| json!(name.value)));
        say("docker.delivery", delivery.as_ref().map(|word| json!(word.value.word())));
    }
    if let Some(Identity { at: _, kube_system_uid, engine_id }) = identity {
        say("identity.kubeSystemUid", kube_system_uid.as_ref().map(|id| json!(id.value)));
        say("identity.engineId", engine_id.as_ref().map(|id| json!(id.value)));
    }
    say("mayBeAway", may_be_away.as_ref().map(|said| json!(said.value)));
    say("absent", absent.as_ref().map(|said| json!(said.value)));
    say("pools", Some(json!(pools)));
    fields
}

/// What the pool says of its agents. Name, scope and ownership are HCP's, and stand there.
fn of_pool(pool: &Pool) -> BTreeMap<String, Fact> {
    let Pool {
        at: _,
        name: _,
        was: _,
        target,
        agents,
        longest_apply,
        rotate_after,
        providers,
        hooks,
        kubernetes: _,
        scope: _,
        absent: _,
        adopt: _,
        delivery: _,
        released: _,
        ignore: _,
    } = pool;
    let mut fields = BTreeMap::new();
    let mut say = |field: &str, value: Option<Value>| {
        fields.extend(value.map(|value| (field.to_owned(), Some(value))));
    };
    say("target", target.as_ref().map(|key| json!(format!("targets/{}", key.value))));
    say("agents.min", Some(json!(pool.min())));
    say("agents.max", Some(json!(pool.max())));
    let cooldown = agents.as_ref().and_then(|agents| agents.cooldown.as_ref());
    if let Some(Cooldown { at: _, up, down }) = cooldown {
        say("agents.cooldown.up", up.as_ref().map(|time| json!(length(&time.value))));
        say("agents.cooldown.down", down.as_ref().map(|time| json!(length(&time.value))));
    }
    say("longestApply", longest_apply.as_ref().map(|time| json!(length(&time.value))));
    say("rotateAfter", rotate_after.as_ref().map(|time| json!(length(&time.value))));
    for (field, files) in [("providers", providers), ("hooks", hooks)] {
        let Some(FilesWish { at: _, upload, on_host, volume: _ }) = files else { continue };
        say(&format!("{field}.upload"), upload.as_ref().map(|path| json!(path.value)));
        say(&format!("{field}.onHost"), on_host.as_ref().map(|path| json!(path.value)));
    }
    fields.extend(agents.iter().flat_map(of_agents));
    fields
}

/// What the pool says of each of its agents.
fn of_agents(agents: &Agents) -> BTreeMap<String, Fact> {
    let Agents {
        at: _,
        min: _,
        max: _,
        cooldown: _,
        image,
        accept,
        log_level,
        otlp,
        request_forwarding,
        environment,
        memory,
        cpus,
        log,
    } = agents;
    let mut fields = BTreeMap::new();
    let mut say = |field: &str, value: Option<Value>| {
        fields.extend(value.map(|value| (format!("agents.{field}"), Some(value))));
    };
    say("image", image.as_ref().map(|image| json!(image.value)));
    let kinds = |kinds: &Vec<Located<String>>| kinds.iter().map(|kind| kind.value.clone()).collect::<Vec<_>>();
    say("accept", accept.as_ref().map(|accept| json!(kinds(accept))));
    say("logLevel", log_level.as_ref().map(|level| json!(level.word())));
    say("otlp", otlp.as_ref().map(|address| json!(address.value)));
    say("requestForwarding", request_forwarding.as_ref().map(|said| json!(said.value)));
    for (key, _, value) in environment.iter() {
        say(&format!("environment.{key}"), Some(json!(value.value)));
    }
    say("memory", memory.as_ref().map(|size| json!(size.bytes)));
    say("cpus", cpus.as_ref().map(|cpus| json!(f64::from(cpus.milli) / 1000.0)));
    say("log", log.as_ref().map(|log| json!(log.driver.value)));
    fields
}

/// A length of time in the largest unit that it is whole in.
fn length(Duration { seconds }: &Duration) -> String {
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    let whole = units.into_iter().find(|(unit, _)| *seconds >= *unit && seconds % unit == 0);
    whole.map_or_else(|| format!("{seconds}s"), |(unit, letter)| format!("{}{letter}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_signs_of_patterns_stands_for_itself() {
        let address = Address::new(["hcp", "project", "a*[b]{c}?"]);
        let pattern = &exactly(&address)[0];
        assert!(pattern.covers(&address));
        assert!(!pattern.covers(&Address::new(["hcp", "project", "axb"])));
    }

    #[test]
    fn lengths_are_said_in_whole_units() {
        for (seconds, text) in [(0, "0s"), (90, "90s"), (600, "10m"), (7200, "2h"), (86_400, "1d")] {
            assert_eq!(length(&Duration { seconds }), text);
        }
    }
}
