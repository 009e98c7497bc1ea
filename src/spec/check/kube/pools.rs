//! Pools whose agents an operator runs, and what is said of agents of another kind than they are.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::super::super::finding::{Finding, Rule};
use super::super::super::model::{Agents, Duration, FilesWish, KubernetesPool, Pool, Quantity, ServiceAccountWish};
use super::super::super::node::At;
use super::super::super::read::{Located, Named, Typed};
use super::super::super::resolve::Fleet;
use super::syntax::{self, Kind, Texts};
use crate::systems::agent::Purpose;

/// What an agent wants at least, in bytes ("Agent Requirements", HCP Terraform: 2 GB).
const MEMORY: u64 = 2_000_000_000;
/// The most seconds of a cooldown: the resource has 32 bits for them.
const COOLDOWN: u64 = i32::MAX as u64;

/// What runs a pool's agents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// An operator of ours.
    Operator,
    /// Something in a cluster that we know nothing of.
    Cluster,
    /// A Docker host.
    Docker,
    /// Who knows.
    Nothing,
}

fn ground(fleet: &Fleet<'_>, pool: &Pool) -> Ground {
    let Some(target) = pool.target.as_ref().and_then(|key| fleet.spec.targets.get(key)) else {
        return Ground::Nothing;
    };
    match (&target.kubernetes, &target.docker) {
        (Some(cluster), _) if cluster.operator.is_some() => Ground::Operator,
        (Some(_), _) => Ground::Cluster,
        (None, Some(_)) => Ground::Docker,
        (None, None) => Ground::Nothing,
    }
}

pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let mut resources: BTreeMap<(&str, &str), (&str, At)> = BTreeMap::new();
    for (key, at, pool) in fleet.spec.pools.iter() {
        let ground = ground(fleet, pool);
        misplaced(key, pool, ground, findings);
        memory(key, pool, findings);
        let Some(target) = pool.target.as_ref().filter(|_| ground == Ground::Operator) else { continue };
        one(key, at, pool, findings);
        let said = pool.kubernetes.as_ref().and_then(|own| own.resource.as_ref()).map_or(at, |said| said.at);
        if let Some((other, other_at)) = resources.insert((target, pool.resource(key)), (key, said)) {
            let message = format!("pools.{other} and pools.{key} are both the AgentPool {}", pool.resource(key));
            let finding = Finding::error(Rule::SameName, said, message).note_at("the first is here", other_at);
            findings.push(finding.remedy("give one of them another `kubernetes.resource`"));
        }
    }
}

/// Keys for another kind of target than the pool's.
fn misplaced(key: &str, pool: &Pool, ground: Ground, findings: &mut Vec<Finding>) {
    let mut say = |at: At, word: &str, why: &str, remedy: &str| {
        let message = format!("`{word}` of pools.{key} {why}");
        findings.push(Finding::error(Rule::Exclusive, at, message).remedy(remedy));
    };
    let in_cluster = matches!(ground, Ground::Operator | Ground::Cluster);
    let of_files = [(Purpose::Providers, &pool.providers), (Purpose::Hooks, &pool.hooks)];
    for (purpose, wish) in of_files {
        let Some(FilesWish { at: _, upload, on_host, volume }) = wish else { continue };
        let word = |of: &str| format!("{}.{of}", purpose.word());
        if in_cluster {
            for (of, said) in [("upload", upload), ("onHost", on_host)] {
                if let Some(said) = said {
                    let remedy = "write { volume: … }, such as { persistentVolumeClaim: { claimName: NAME } }";
                    say(said.at, &word(of), "is for a Docker host, and its agents are in a cluster", remedy);
                }
            }
        } else if let Some(volume) = volume {
            let remedy = "write { upload: ./FOLDER } or { onHost: /PATH }";
            say(volume.at, &word("volume"), "is for a cluster, and its agents are in none", remedy);
        }
    }
    if in_cluster {
        if let Some(rotate) = &pool.rotate_after {
            let why = "is for a Docker host, and the operator never replaces a token by itself";
            say(rotate.at, "rotateAfter", why, "take it out; a new name in `kubernetes.tokens` is a new token");
        }
        if let Some(log) = pool.agents.as_ref().and_then(|agents| agents.log.as_ref()) {
            let why = "is for a Docker host, and its agents are in a cluster";
            say(log.at, "agents.log", why, "take it out: the cluster keeps what pods write");
        }
    }
    if let Some(own) = pool.kubernetes.as_ref().filter(|_| ground != Ground::Operator) {
        let why = match ground {
            Ground::Cluster => "is for what an operator makes, and its target names none",
            _ => "is for a cluster, and its agents are in none",
        };
        say(own.at, "kubernetes", why, "take it out, or name the `operator` of a cluster that is its target");
    }
}

/// The memory that its agents are sure of or limited to, if it is said.
fn memory(key: &str, pool: &Pool, findings: &mut Vec<Finding>) {
    let own = pool.kubernetes.as_ref().and_then(|own| own.resources.as_ref());
    let of = |named: &Named<Located<Quantity>>| {
        named.get("memory").map(|said| (said.at, said.billionths, said.text.clone()))
    };
    let size = pool.agents.as_ref().and_then(|agents| agents.memory.as_ref());
    let size = size.map(|said| {
        let amount = Quantity::of_bytes(said.bytes);
        (said.at, amount.billionths, amount.text)
    });
    let limit = own.and_then(|own| of(&own.limits));
    if let (Some((at, ..)), Some((limit_at, ..))) = (&size, &limit) {
        twice(key, "memory", *limit_at, *at, findings);
    }
    let cpus = pool.agents.as_ref().and_then(|agents| agents.cpus.as_ref());
    if let (Some(cpus), Some(limit)) = (cpus, own.and_then(|own| own.limits.get("cpu"))) {
        twice(key, "cpus", limit.at, cpus.at, findings);
    }
    let least = size.or(limit).or_else(|| own.and_then(|own| of(&own.requests)));
    if let Some((at, _, text)) = least.filter(|(_, amount, _)| *amount < Quantity::of_bytes(MEMORY).billionths) {
        let message = format!("agents of pools.{key} have {text} of memory");
        let finding = Finding::warning(Rule::AgentMemory, at, message)
            .note("HashiCorp asks for 2 GB, and terraform is killed in the middle of an apply when it runs out");
        findings.push(finding.remedy("memory: 2GiB"));
    }
}

fn twice(key: &str, word: &str, at: At, other: At, findings: &mut Vec<Finding>) {
    let message = format!("pools.{key} says the limit of its agents' {word} twice");
    let finding = Finding::error(Rule::Exclusive, at, message).note_at(format!("agents.{word}"), other);
    findings.push(finding.remedy("keep one of them"));
}

fn one(key: &str, at: At, pool: &Pool, findings: &mut Vec<Finding>) {
    let own = pool.kubernetes.as_ref();
    let said = own.and_then(|own| own.resource.as_ref());
    let place = said.map_or(at, |said| said.at);
    let before = findings.len();
    syntax::name("the name of an AgentPool", Kind::Subdomain, (pool.resource(key), place), findings);
    if let Some(finding) = findings.get_mut(before).filter(|_| said.is_none()) {
        // The key is no name of Kubernetes', and need not be one.
        finding.remedy = Some("say another: `kubernetes: { resource: NAME }`".to_owned());
    }
    let cooldown = pool.agents.as_ref().and_then(|agents: &Agents| agents.cooldown.as_ref());
    for time in cooldown.iter().flat_map(|cooldown| [&cooldown.up, &cooldown.down]).flatten() {
        long(key, time, findings);
    }
    files(key, pool, findings);
    let Some(own) = own else { return };
    let KubernetesPool {
        at: _,
        resource: _,
        tokens,
        service_account,
        rules,
        cluster_rules,
        resources,
        node_selector,
        affinity: _,
        tolerations: _,
        priority_class_name,
        image_pull_secrets: _,
        security_context: _,
        volumes: _,
        annotations,
        labels,
        deletion_policy: _,
    } = own;
    self::tokens(key, tokens.as_ref(), findings);
    if let Some(account) = service_account {
        self::service_account(key, account, findings);
    }
    for (namespace, at, rules) in rules.iter() {
        syntax::name("a namespace", Kind::Label, (namespace, at), findings);
        for of in rules {
            rule(key, of, false, findings);
        }
    }
    for of in cluster_rules.iter().flatten() {
        rule(key, of, true, findings);
    }
    syntax::resources(&format!("the agents' resources of pools.{key}"), resources.as_ref(), findings);
    syntax::named("the name of a priority class", Kind::Subdomain, priority_class_name.as_ref(), findings);
    syntax::texts(&format!("nodeSelector of pools.{key}"), Texts::Labels, node_selector, findings);
    for (word, texts, of) in [("annotations", Texts::Annotations, annotations), ("labels", Texts::Labels, labels)] {
        let what = format!("{word} of pools.{key}");
        syntax::texts(&what, texts, of, findings);
        syntax::empties(&what, of, findings);
    }
    volumes(key, own, findings);
}

fn files(key: &str, pool: &Pool, findings: &mut Vec<Finding>) {
    for (purpose, wish) in [(Purpose::Providers, &pool.providers), (Purpose::Hooks, &pool.hooks)] {
        if let Some(source) = wish.as_ref().and_then(|wish| wish.volume.as_ref()) {
            kind_of_volume(&format!("`{}.volume` of pools.{key}", purpose.word()), source, findings);
        }
    }
}

fn long(key: &str, time: &Located<Duration>, findings: &mut Vec<Finding>) {
    if time.seconds > COOLDOWN {
        let message = format!("a cooldown of pools.{key} is longer than the operator can count");
        findings.push(Finding::error(Rule::WrongValue, time.at, message).remedy("write such as 10m"));
    }
}

/// Each is a key of a Secret that the operator makes.
fn tokens(key: &str, tokens: Option<&Vec<Located<String>>>, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<&str, At> = BTreeMap::new();
    for token in tokens.into_iter().flatten() {
        if !syntax::is_secret_key(token) {
            let message = format!("`{}` in tokens of pools.{key} can be no key of a Secret", token.value);
            let finding = Finding::error(Rule::Name, token.at, message);
            findings.push(finding.remedy("a token's name is letters, digits, -, _ and ."));
        }
        if let Some(other) = seen.insert(token, token.at) {
            let message = format!("two tokens of pools.{key} have the name {}", token.value);
            let finding = Finding::error(Rule::SameName, token.at, message).note_at("the first is here", other);
            findings.push(finding.remedy("keep one of them: the operator refuses two"));
        }
    }
}

fn service_account(key: &str, account: &ServiceAccountWish, findings: &mut Vec<Finding>) {
    let ServiceAccountWish { at, name, create, annotations } = account;
    syntax::named("the name of a service account", Kind::Subdomain, name.as_ref(), findings);
    let what = format!("annotations of the service account of pools.{key}");
    syntax::texts(&what, Texts::Annotations, annotations, findings);
    let Some(create) = create.as_ref().filter(|create| !create.value) else { return };
    if name.is_none() {
        let message = format!("the service account of pools.{key} is not made, and has no name");
        let finding = Finding::error(Rule::MissingKey, *at, message).note_at("`create: false`", create.at);
        findings.push(finding.remedy("add `name:`, or let it be made"));
    }
    if let Some((_, at, _)) = annotations.iter().next() {
        let message = format!("the service account of pools.{key} is not made, and so gets no annotations");
        let finding = Finding::error(Rule::Exclusive, at, message).note_at("`create: false`", create.at);
        findings.push(finding.remedy("keep one of the two"));
    }
}

/// What Kubernetes asks of a rule ("Using RBAC Authorization", Kubernetes; `ValidatePolicyRule`).
fn rule(key: &str, of: &Typed<PolicyRule>, in_cluster: bool, findings: &mut Vec<Finding>) {
    let PolicyRule { api_groups, non_resource_urls, resource_names: _, resources, verbs } = &of.value;
    let empty = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    let mut say = |message: &str, remedy: &str| {
        let message = format!("a rule of pools.{key} {message}");
        findings.push(Finding::error(Rule::WrongValue, of.at, message).remedy(remedy));
    };
    if verbs.is_empty() {
        say("allows nothing", "verbs: [get, list, watch]");
    }
    if empty(non_resource_urls) {
        if empty(resources) {
            say("is about no resources", "add `resources:`, such as [secrets]");
        } else if empty(api_groups) {
            say("does not say of which API its resources are", "add `apiGroups:`; [\"\"] is the core's");
        }
    } else if !in_cluster {
        say("is about URLs, which are in no namespace", "write it in `clusterRules`");
    } else if !empty(resources) {
        say("is about URLs and about resources", "make two rules of it");
    }
}

fn volumes(key: &str, own: &KubernetesPool, findings: &mut Vec<Finding>) {
    let mut paths: BTreeSet<&str> = ["/"].into();
    for (name, at, volume) in own.volumes.iter() {
        syntax::name("the name of a volume", Kind::Label, (name, at), findings);
        if Purpose::ALL.iter().any(|purpose| purpose.word() == name) {
            let message = format!("the volume `{name}` of pools.{key} has a name that is taken");
            let finding = Finding::error(Rule::SameName, at, message);
            findings.push(finding.note("providers, hooks and ca are volumes of ours").remedy("give it another name"));
        }
        let path = &volume.mount_path;
        if !path.starts_with('/') || path.contains(':') || !paths.insert(path.as_str()) {
            let message = format!("the volume `{name}` of pools.{key} cannot be at `{}`", path.value);
            let finding = Finding::error(Rule::WrongValue, path.at, message);
            findings
                .push(finding.remedy("write a path that begins with /, has no colon, and that no other volume has"));
        }
        kind_of_volume(&format!("the volume `{name}` of pools.{key}"), &volume.source, findings);
    }
}

/// A volume is of exactly one kind.
fn kind_of_volume(of: &str, source: &Typed<k8s_openapi::api::core::v1::Volume>, findings: &mut Vec<Finding>) {
    let members = match serde_json::to_value(&source.value) {
        Ok(serde_json::Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let kinds: Vec<&str> = members.keys().map(String::as_str).filter(|key| *key != "name").collect();
    let message = match kinds.as_slice() {
        [_] => return,
        [] => format!("{of} is of no kind"),
        several => format!("{of} is of {} kinds: {}", several.len(), several.join(", ")),
    };
    let finding = Finding::error(Rule::WrongValue, source.at, message);
    findings.push(finding.remedy("write one, such as { persistentVolumeClaim: { claimName: NAME } }"));
}
