//! A workspace that stands on what it makes itself: the pool that it runs on is made by its own runs, or by those of a
//! workspace that in turn stands on it. Once such a thing breaks, nothing can mend it from inside.

use std::collections::{BTreeMap, BTreeSet};

use super::super::finding::{Finding, Rule, nearest};
use super::super::model::{KubernetesTarget, Pool, ReachWish, TokenWish, WishedValue};
use super::super::node::At;
use super::super::resolve::{Fleet, Resolved, RunsOn};
use super::accepted;
use super::variables::each;
use crate::address::{Address, Pattern};
use crate::systems::hcp::{
    VariableKey, placement_address, pool_address, project_address, variable_address, variable_set_address,
    workspace_address,
};
use crate::systems::kube::desired::TOKEN_SECRET;
use crate::systems::kube::object::Object;
use crate::systems::kube::operator::{CHART, Options, Release, Version, objects};

/// Addresses in all `manages` together: each is held against what each workspace stands on.
const MOST: usize = 2_000;

/// A workspace with `manages`.
struct Maker<'f, 's> {
    number: usize,
    workspace: &'f Resolved<'s>,
    manages: Vec<(Pattern, At)>,
}

/// `of` stands on `thing`, which `by` makes.
#[derive(Clone)]
struct Edge {
    by: usize,
    /// How it stands on it: `runs on hcp/pool/x, which is on targets/y`.
    how: String,
    pattern: String,
    at: At,
}

pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let makers = makers(fleet, findings);
    if makers.is_empty() {
        return;
    }
    let mut edges: BTreeMap<usize, Vec<Edge>> = BTreeMap::new();
    for maker in &makers {
        for (thing, how) in stands_on(fleet, maker.workspace) {
            for other in &makers {
                let covering = other.manages.iter().find(|(pattern, _)| pattern.covers(&thing));
                let known = |edges: &[Edge]| edges.iter().any(|edge| edge.by == other.number);
                let Some((pattern, at)) = covering else { continue };
                let list = edges.entry(maker.number).or_default();
                if !known(list) {
                    let (how, pattern) = (how.clone(), pattern.to_string());
                    list.push(Edge { by: other.number, how, pattern, at: *at });
                }
            }
        }
    }
    let mut told: BTreeSet<BTreeSet<usize>> = BTreeSet::new();
    for maker in &makers {
        if let Some(cycle) = shortest_cycle(maker.number, &edges)
            && told.insert(cycle.iter().map(|(number, _)| *number).collect())
        {
            findings.push(report(fleet, &cycle));
        }
    }
}

fn makers<'f, 's>(fleet: &'f Fleet<'s>, findings: &mut Vec<Finding>) -> Vec<Maker<'f, 's>> {
    let mut makers = Vec::new();
    let known = known_addresses(fleet);
    let mut count = 0;
    for (number, workspace) in fleet.workspaces.iter().enumerate() {
        let mut manages = Vec::new();
        for text in workspace.wish.manages.iter().flatten() {
            count += 1;
            if count > MOST {
                let message = format!("more than {MOST} addresses in `manages`");
                findings.push(Finding::error(Rule::TooMuch, text.at, message).remedy("write patterns: hcp/pool/*"));
                return Vec::new();
            }
            match text.parse::<Pattern>() {
                Ok(pattern) => {
                    if ["hcp", "targets"].contains(&text.split('/').next().unwrap_or_default())
                        && !known.iter().any(|address| pattern.covers(address))
                    {
                        let message = format!("`{}` is nothing that this spec knows", text.value);
                        let finding = Finding::warning(Rule::UnknownReference, text.at, message);
                        let near = nearest(text, known.iter().map(Address::as_str));
                        findings.push(finding.remedy(near.map_or_else(
                            || "addresses are such as targets/cluster or hcp/pool/NAME".to_owned(),
                            |near| format!("did you mean {near}?"),
                        )));
                    }
                    manages.push((pattern, text.at));
                }
                Err(error) => {
                    let finding = Finding::error(Rule::WrongValue, text.at, error.to_string());
                    findings.push(finding.remedy("write addresses such as targets/cluster or hcp/pool/*"));
                }
            }
        }
        if !manages.is_empty() {
            makers.push(Maker { number, workspace, manages });
        }
    }
    makers
}

fn known_addresses(fleet: &Fleet<'_>) -> Vec<Address> {
    if fleet.workspaces.iter().all(|workspace| workspace.wish.manages.is_none()) {
        return Vec::new();
    }
    let spec = fleet.spec;
    let mut known: Vec<Address> = spec.targets.iter().map(|(key, _, _)| Address::new(["targets", key])).collect();
    known.extend(spec.pools.iter().map(|(key, _, pool)| pool_address(pool.hcp_name(key)).within(["token"])));
    known.extend(spec.pools.iter().map(|(key, _, pool)| pool_address(pool.hcp_name(key))));
    known.extend(spec.projects.iter().map(|(name, _, _)| project_address(name)));
    known.extend(spec.variable_sets.iter().map(|(name, _, _)| variable_set_address(name)));
    known.extend(fleet.workspaces.iter().flat_map(|workspace| of_workspace(workspace)));
    known
}

fn of_workspace(workspace: &Resolved<'_>) -> Vec<Address> {
    let home = workspace_address(&workspace.name);
    let variables = workspace
        .wish
        .variables
        .iter()
        .flat_map(each)
        .map(|(category, key, _, _)| variable_address(&home, &VariableKey { category, key: key.to_owned() }));
    let mut addresses: Vec<Address> = variables.collect();
    addresses.push(placement_address(&workspace.name));
    addresses.push(home);
    addresses
}

/// What must be there for a workspace to run: the pool and what runs its agents, and its credentials. A local one needs
/// nothing of it.
fn stands_on(fleet: &Fleet<'_>, workspace: &Resolved<'_>) -> Vec<(Address, String)> {
    let mut things = Vec::new();
    if let RunsOn::Pool(key) = workspace.runs_in_the_end_on {
        on_pool(fleet, key, &mut things);
    }
    if !matches!(workspace.runs_in_the_end_on, RunsOn::Pool(_) | RunsOn::Cloud) {
        return things;
    }
    let home = workspace_address(&workspace.name);
    things.push((placement_address(&workspace.name), format!("is placed by {home}")));
    things.push((home.clone(), format!("is configured by {home}")));
    for (category, key, _, wish) in workspace.wish.variables.iter().flat_map(each) {
        if matches!(wish.value, WishedValue::Sensitive(_)) {
            let address = variable_address(&home, &VariableKey { category, key: key.to_owned() });
            let how = format!("has its credential in {address}");
            things.push((address, how));
        }
    }
    for (name, _, set) in fleet.spec.variable_sets.iter() {
        let secret =
            set.variables.iter().flat_map(each).any(|(_, _, _, wish)| matches!(wish.value, WishedValue::Sensitive(_)));
        if secret && reaches(fleet, &set.r#for, workspace) {
            let address = variable_set_address(name);
            let how = format!("has its credentials in {address}");
            things.push((address, how));
        }
    }
    things
}

fn reaches(fleet: &Fleet<'_>, reach: &ReachWish, workspace: &Resolved<'_>) -> bool {
    match reach {
        ReachWish::Global => true,
        ReachWish::Some(some) => {
            let project = some.projects.iter().flatten().any(|project| project.value == workspace.project_name);
            project
                || some
                    .workspaces
                    .iter()
                    .flatten()
                    .filter_map(|reference| fleet.workspace_named(reference, &mut Vec::new()))
                    .any(|other| other.name == workspace.name)
        }
    }
}

fn on_pool(fleet: &Fleet<'_>, key: &str, things: &mut Vec<(Address, String)>) {
    let Some(pool) = fleet.spec.pools.get(key) else { return };
    let pool_at = pool_address(pool.hcp_name(key));
    let runs = format!("runs on {pool_at}");
    things.push((pool_at.clone(), runs.clone()));
    things.push((pool_at.within(["token"]), format!("{runs}, with its agents' tokens")));
    let Some(target_key) = pool.target.as_ref() else { return };
    let target_at = Address::new(["targets", target_key]);
    let on_target = format!("{runs} -> whose agents run on {target_at}");
    things.push((target_at, on_target.clone()));
    let Some(target) = fleet.spec.targets.get(target_key) else { return };
    if let Some(cluster) = &target.kubernetes {
        for part in in_cluster(cluster, pool, key) {
            let address = Address::new(["kube", target_key]).within(part.iter().map(String::as_str));
            things.push((address, on_target.clone()));
        }
    }
    if target.docker.is_some() {
        for part in [["container", "tfc-agent-1"], ["network", "hcp-agents"], ["volume", "hcp-agents"]] {
            things.push((Address::new(["docker", target_key]).within(part), on_target.clone()));
        }
    }
}

/// What makes up agents in a cluster: the operator with all that it is made of, and what it makes for this pool. Other
/// things in the cluster are nobody's ground.
fn in_cluster(cluster: &KubernetesTarget, pool: &Pool, key: &str) -> Vec<Vec<String>> {
    let namespace = cluster.namespace();
    let resource = pool.resource(key);
    let here = |kind: &str, name: &str| vec![kind.to_owned(), namespace.to_owned(), name.to_owned()];
    let account = pool.kubernetes.as_ref().and_then(|own| own.service_account.as_ref());
    let account = account.and_then(|account| account.name.as_ref()).map(|name| name.value.clone());
    let mut parts = vec![
        vec!["Namespace".to_owned(), namespace.to_owned()],
        vec!["CustomResourceDefinition".to_owned(), "agentpools.app.terraform.io".to_owned()],
        here("AgentPool", resource),
        here("Deployment", &format!("agents-of-{resource}")),
        here("Secret", &format!("{resource}-agent-pool")),
        here("ServiceAccount", &account.unwrap_or_else(|| format!("agents-of-{resource}"))),
    ];
    match &cluster.token {
        Some(TokenWish::Existing(existing)) => parts.push(here("Secret", &existing.secret.name)),
        Some(TokenWish::External(_)) => {
            parts.push(here("ExternalSecret", TOKEN_SECRET));
            parts.push(here("Secret", TOKEN_SECRET));
        }
        Some(TokenWish::Value(_)) | None => parts.push(here("Secret", TOKEN_SECRET)),
    }
    let release = cluster.operator.as_ref().and_then(|operator| operator.release.as_ref());
    let release = release.map_or(CHART, |release| release);
    let mut options =
        Options::new(cluster.operator.as_ref().map_or(Version::V2_12_0, |operator| operator.version.value));
    if let Some(operator) = &cluster.operator {
        options.name_override = operator.name_override.as_ref().map(|name| name.value.clone());
        options.fullname_override = operator.fullname_override.as_ref().map(|name| name.value.clone());
    }
    let release = Release { name: release.to_owned(), namespace: namespace.to_owned() };
    for Object { kind, namespace, name, .. } in objects(&release, &options) {
        parts.push([Some(kind), namespace, Some(name)].into_iter().flatten().collect());
    }
    parts
}

/// The shortest way from a workspace back to itself, by breadth.
fn shortest_cycle(start: usize, edges: &BTreeMap<usize, Vec<Edge>>) -> Option<Vec<(usize, Edge)>> {
    let mut came: BTreeMap<usize, (usize, Edge)> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(here) = queue.pop_front() {
        for edge in edges.get(&here).into_iter().flatten() {
            if edge.by == start {
                let mut cycle = vec![(here, edge.clone())];
                let mut back = here;
                while back != start {
                    let (before, edge) = came.get(&back)?;
                    cycle.push((*before, edge.clone()));
                    back = *before;
                }
                cycle.reverse();
                return Some(cycle);
            }
            if edge.by != here && !came.contains_key(&edge.by) {
                came.insert(edge.by, (here, edge.clone()));
                queue.push_back(edge.by);
            }
        }
    }
    None
}

fn report(fleet: &Fleet<'_>, cycle: &[(usize, Edge)]) -> Finding {
    let name = |number: usize| fleet.workspaces.get(number).map_or("?", |workspace| workspace.name.as_str());
    let Some((first, edge)) = cycle.first() else {
        // A cycle has at least one edge.
        return Finding::error(Rule::SelfManagement, At { file: 0, line: 1, column: 1 }, "an empty cycle");
    };
    let message = format!("{} stands on what it makes itself", name(*first));
    let place = match cycle {
        [(_, edge)] => edge.at,
        _ => fleet.workspaces.get(*first).map_or(edge.at, |workspace| workspace.at),
    };
    let mut finding = Finding::error(Rule::SelfManagement, place, message);
    for (number, edge) in cycle {
        let text =
            format!("{} {} -> which {} makes (manages {})", name(*number), edge.how, name(edge.by), edge.pattern);
        finding = finding.note_at(text, edge.at);
    }
    let moves = cycle.iter().map(|(number, _)| name(*number)).collect::<Vec<_>>().join(" or ");
    finding = finding.remedy(format!(
        "let {moves} run elsewhere (`runsOn: local`), take the address out of `manages`, or say why it is meant: \
         accept: {{ {}: \"…\" }}",
        Rule::SelfManagement.id()
    ));
    for (number, _) in cycle {
        if let Some(workspace) = fleet.workspaces.get(*number) {
            let tried = accepted(workspace.wish, finding.clone());
            if tried.accepted.is_some() {
                return tried;
            }
        }
    }
    finding
}
