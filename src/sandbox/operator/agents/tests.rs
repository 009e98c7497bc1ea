use std::collections::BTreeSet;

use data_encoding::BASE64;
use serde_json::json;

use super::*;
use crate::sandbox::world::{AgentPool, AgentToken, Mode, OwnPool, Placement, Project, Sealed, Workspace};
use crate::sandbox::{Seed, Tier};

const KEY: &str = "cluster/hcp/agents-of-main";

/// A world with a pool that has two tokens, and a workspace on it.
fn world(tier: Tier) -> World {
    let mut world = World::new(&Seed { tier, ..Seed::default() }, "t");
    let pool = AgentPool {
        name: "k8s".into(),
        organization_scoped: true,
        allowed_workspaces: BTreeSet::new(),
        allowed_projects: BTreeSet::new(),
        excluded_workspaces: BTreeSet::new(),
        created_at: world.now,
    };
    world.agent_pools.insert("apool-1".into(), pool);
    for id in ["at-1", "at-2"] {
        let token = AgentToken {
            pool: "apool-1".into(),
            description: id.into(),
            secret: Sealed::new(id, &format!("value of {id}")),
            created_at: world.now,
            last_used_at: None,
        };
        world.agent_tokens.insert(id.into(), token);
    }
    let project = world.mint("prj");
    world.projects.insert(project.clone(), Project::new("main", world.now));
    let mut workspace = Workspace::new("vault", &project, world.now);
    workspace.placement = Placement { mode: Some(Mode::Agent), pool: OwnPool::Own(Some("apool-1".into())) };
    world.workspaces.insert("ws-1".into(), workspace);
    world
}

fn orders_of(count: u32, token: &str, template: &str) -> Orders {
    let grace = SignedDuration::from_secs(900);
    Orders { count, token: Some(token.into()), template: template.into(), grace }
}

fn statuses(world: &World) -> Vec<AgentStatus> {
    world.staffed(KEY).into_iter().map(|(_, status)| status).collect()
}

fn staff(world: &mut World, orders: Orders) {
    let now = world.now;
    world.staff(KEY, orders, now);
}

/// Lets time pass.
fn pass(world: &mut World, seconds: i64) {
    world.now = world.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap();
    world.settle();
}

#[test]
fn agents_come_and_idle_ones_go_at_once() {
    let mut world = world(Tier::Standard);
    staff(&mut world, orders_of(3, "at-1", "a"));
    let staffed = world.staffed(KEY);
    assert_eq!(staffed.len(), 3);
    assert!(staffed.iter().all(|(name, _)| name.starts_with("agents-of-main-a-")), "{staffed:?}");
    assert!(world.agent_tokens["at-1"].last_used_at.is_some());
    staff(&mut world, orders_of(1, "at-1", "a"));
    assert_eq!(statuses(&world), [AgentStatus::Idle]);
    assert_eq!(world.agents.values().filter(|agent| agent.status == AgentStatus::Exited).count(), 2);
    // They are heard of for as long as they are there.
    pass(&mut world, 3600);
    assert_eq!(statuses(&world), [AgentStatus::Idle]);
}

#[test]
fn no_more_come_than_the_tier_holds() {
    let mut world = world(Tier::Free);
    staff(&mut world, orders_of(2, "at-1", "a"));
    assert_eq!(world.staffed(KEY).len(), 1);
    assert_eq!(world.crews[KEY].pods.len(), 2);
}

#[test]
fn a_busy_agent_finishes_its_job_and_goes() {
    let mut world = world(Tier::Free);
    staff(&mut world, orders_of(1, "at-1", "a"));
    let run = world.start_run("ws-1", "pending").unwrap();
    world.settle();
    assert_eq!((statuses(&world), &*world.runs[&run].status), (vec![AgentStatus::Busy], "planning"));
    staff(&mut world, orders_of(0, "at-1", "a"));
    assert_eq!(statuses(&world), [AgentStatus::Busy]);
    pass(&mut world, 61);
    assert!(world.staffed(KEY).is_empty());
    assert_eq!(world.runs[&run].status, "planned");
    assert!(world.agents.values().all(|agent| agent.status == AgentStatus::Exited));
}

#[test]
fn a_job_that_outlasts_the_grace_period_is_lost() {
    let mut world = world(Tier::Free);
    world.switches.job_seconds = 3600;
    staff(&mut world, orders_of(1, "at-1", "a"));
    let run = world.start_run("ws-1", "pending").unwrap();
    world.settle();
    staff(&mut world, orders_of(0, "at-1", "a"));
    pass(&mut world, 901);
    assert!(world.crews[KEY].pods.is_empty());
    assert!(world.agents.values().all(|agent| agent.status == AgentStatus::Unknown));
    assert_eq!(world.runs[&run].status, "planning");
    pass(&mut world, 300);
    assert_eq!(world.runs[&run].status, "errored");
}

#[test]
fn the_youngest_goes_first_busy_or_not() {
    let mut world = world(Tier::Standard);
    staff(&mut world, orders_of(1, "at-1", "a"));
    let (first, _) = world.staffed(KEY).remove(0);
    staff(&mut world, orders_of(2, "at-1", "a"));
    staff(&mut world, orders_of(1, "at-1", "a"));
    assert_eq!(world.staffed(KEY), [(first, AgentStatus::Idle)]);
}

#[test]
fn another_template_replaces_all_and_waits_for_room() {
    let mut world = world(Tier::Free);
    staff(&mut world, orders_of(1, "at-1", "a"));
    world.start_run("ws-1", "pending").unwrap();
    world.settle();
    staff(&mut world, orders_of(1, "at-2", "b"));
    let staffed = world.staffed(KEY);
    assert_eq!(staffed.len(), 1);
    assert!(staffed[0].0.starts_with("agents-of-main-a-"));
    pass(&mut world, 61);
    let staffed = world.staffed(KEY);
    assert_eq!(staffed.len(), 1);
    assert!(staffed[0].0.starts_with("agents-of-main-b-"), "{staffed:?}");
}

#[test]
fn a_revoked_token_ends_its_agents() {
    let mut world = world(Tier::Free);
    staff(&mut world, orders_of(1, "at-1", "a"));
    world.agent_tokens.remove("at-1");
    world.settle();
    assert!(world.agents.values().all(|agent| agent.status == AgentStatus::Unknown));
    pass(&mut world, 301);
    assert!(world.agents.values().all(|agent| agent.status == AgentStatus::Errored));
    // The same pod takes the value that the Secret has by then.
    let pods: Vec<String> = world.crews[KEY].pods.keys().cloned().collect();
    staff(&mut world, orders_of(1, "at-2", "a"));
    assert_eq!(world.staffed(KEY), [(pods[0].clone(), AgentStatus::Idle)]);
}

fn deployment(available: u64) -> Value {
    let key = json!({ "name": "main-agent-pool", "key": "one" });
    json!({
        "metadata": { "name": "agents-of-main", "namespace": "hcp" },
        "spec": { "template": { "spec": {
            "terminationGracePeriodSeconds": 3600,
            "containers": [{ "name": "a", "env": [{ "name": "TFC_AGENT_TOKEN", "valueFrom": { "secretKeyRef": key } }] }],
        } } },
        "status": { "availableReplicas": available },
    })
}

fn secret(value: &str) -> Value {
    json!({ "data": { "one": BASE64.encode(value.as_bytes()) } })
}

#[test]
fn a_deployment_says_how_many_agents_come_with_which_token() {
    let world = world(Tier::Free);
    let found = |value: &str| orders(&world, &deployment(2), |_| Some(secret(value)), Some("at-9"));
    let orders_found = found("value of at-2").unwrap();
    assert_eq!((orders_found.count, orders_found.token.as_deref()), (2, Some("at-2")));
    assert_eq!(orders_found.grace, SignedDuration::from_secs(3600));
    assert_eq!(found(FORGOTTEN).unwrap().token.as_deref(), Some("at-9"));
    assert_eq!(found("no token").unwrap().token.as_deref(), Some(""));
    assert_eq!(orders(&world, &deployment(2), |_| None, Some("at-9")).unwrap().token, None);
    assert_eq!(orders(&world, &deployment(2), |_| Some(json!({ "data": {} })), None).unwrap().token, None);
    let mut plain = deployment(2);
    plain["spec"]["template"]["spec"]["containers"][0]["env"] = json!([]);
    assert_eq!(orders(&world, &plain, |_| None, None), None);
}

#[test]
fn a_place_is_staffed_whole() {
    let mut world = world(Tier::Standard);
    let (now, deployments) = (world.now, [deployment(2)]);
    let found = |namespace: &str, name: &str| {
        ((namespace, name) == ("hcp", "main-agent-pool")).then(|| secret("value of at-1"))
    };
    world.staff_all("cluster", deployments.iter(), found, now);
    assert_eq!(world.staffed(KEY).len(), 2);
    // A key that is gone hurts nobody who has it.
    world.staff_all("cluster", deployments.iter(), |_, _| None, now);
    assert_eq!(world.staffed(KEY).len(), 2);
    world.staff_all("cluster", [deployment(3)].iter(), |_, _| None, now);
    assert_eq!((world.staffed(KEY).len(), world.crews[KEY].pods.len()), (2, 3));
    world.staff_all("elsewhere", std::iter::empty(), found, now);
    assert_eq!(world.staffed(KEY).len(), 2);
    world.staff_all("cluster", std::iter::empty(), found, now);
    assert!(world.crews.is_empty());
    assert!(world.agents.values().all(|agent| agent.status == AgentStatus::Exited));
}
