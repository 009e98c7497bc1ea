//! A cluster's part of a fleet, from the spec to the pool that its operator makes, over the real clients and the stand-ins.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use std::time::Duration;

use lab::{Lab, failures, lines};
use reconcile::http::Policy;
use reconcile::plan::{Cause, Plan};
use reconcile::sandbox::world::AgentStatus;
use reconcile::sandbox::{Sandbox, Seed, World};
use reconcile::spec::desired::Desired;
use reconcile::systems::Consent;
use serde_json::{Value, json};

const SPEC: &str = r#"
fleet: lab
hcp: { organization: example-house, tier: standard }
targets:
  cluster: { kubernetes: { namespace: hcp-terraform, operator: { version: "2.12.0" }, token: { env: OPERATOR_TOKEN } } }
pools: { home: { name: lab-home, target: cluster, agents: { min: 0, max: 2 } } }
defaults: { agentImage: "hashicorp/tfc-agent:1.29.0", name: "{project}-{key}", runsOn: home }
projects: { main: { workspaces: { dns: {} } } }
"#;

/// The operator comes to its turn by itself, so that who waits for it takes as long as the machine does.
fn policy() -> Policy {
    Policy { patience: Duration::from_mins(1), ..Policy::test() }
}

fn fleet(text: &str) -> Desired {
    lab::fleet("fleet.yaml", text)
}

async fn converged(want: &Desired) -> Lab {
    let lab = Box::pin(Lab::new(want)).await;
    let lab = lab.with_policy(&policy(), want).await;
    let plan = lab.plan(want).await;
    assert!(plan.refusals.is_empty() && plan.gaps.is_empty(), "{:#?} {:#?}", plan.refusals, plan.gaps);
    let report = lab.apply(&plan).await;
    assert!(report.is_complete(), "{:#?}", failures(&report));
    lab
}

/// Does something by hand to an object, as another manager.
async fn edit(lab: &Lab, path: &str, change: Value) {
    let access = lab.sandbox.cluster("cluster").unwrap();
    let url = format!("{}{path}?fieldManager=kubectl-edit", access.address);
    let request = reqwest::Client::new().patch(url).bearer_auth(access.token);
    let request = request.header("content-type", "application/merge-patch+json").body(change.to_string());
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn delete(lab: &Lab, path: &str) {
    let access = lab.sandbox.cluster("cluster").unwrap();
    let answer = reqwest::Client::new().delete(format!("{}{path}", access.address)).bearer_auth(access.token);
    assert!(answer.send().await.unwrap().status().is_success());
}

async fn expect_settled(lab: &Lab, want: &Desired) {
    let plan = lab.plan(want).await;
    assert!(plan.is_empty() && plan.gaps.is_empty() && plan.refusals.is_empty(), "{:#?} {:#?}", lines(&plan), plan);
}

const OPERATOR: &str = "/apis/apps/v1/namespaces/hcp-terraform/deployments/hcp-terraform-operator";

fn causes(plan: &Plan) -> Vec<&Cause> {
    plan.actions.values().flat_map(|action| &action.changes).map(|change| &change.why.cause).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_placed_on_the_pool_that_the_operator_makes_in_the_same_apply() {
    let want = fleet(SPEC);
    let lab = Box::pin(converged(&want)).await;
    lab.sandbox.with_world(|world| {
        let pool = world.agent_pools.iter().find(|(_, pool)| pool.name == "lab-home").map(|(id, _)| id.clone());
        let workspace = world.workspaces.values().find(|it| it.name == "main-dns").unwrap();
        let placed = serde_json::to_value(&workspace.placement).unwrap().to_string();
        assert!(placed.contains(&pool.expect("the operator's")), "{placed}");
    });
    expect_settled(&lab, &want).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_writes_nothing_into_the_cluster() {
    let want = fleet(SPEC);
    let lab = Box::pin(converged(&want)).await;
    // The operator may have a turn to come.
    let settled = || lab.sandbox.with_world(|world| world.clusters["cluster"].revision);
    let mut before = settled();
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = settled();
        if now == before {
            break;
        }
        before = now;
    }
    lab.sandbox.take_requests();
    let plan = lab.plan(&want).await;
    assert!(plan.is_empty(), "{:#?}", lines(&plan));
    let report = lab.apply(&plan).await;
    assert!(report.is_complete());
    assert_eq!(settled(), before, "not one resourceVersion changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_ours_that_was_edited_is_repaired_and_one_of_theirs_left() {
    let want = fleet(SPEC);
    let lab = Box::pin(converged(&want)).await;
    edit(&lab, OPERATOR, json!({ "metadata": { "labels": { "theirs": "x" } }, "spec": { "paused": true } })).await;
    expect_settled(&lab, &want).await;
    edit(&lab, OPERATOR, json!({ "spec": { "replicas": 5 } })).await;
    let plan = lab.plan(&want).await;
    assert_eq!(causes(&plan), [&Cause::Because("drift (kubectl-edit)".to_owned())], "{:#?}", lines(&plan));
    let report = lab.apply(&plan).await;
    assert!(report.is_complete(), "{:#?}", failures(&report));
    expect_settled(&lab, &want).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_is_made_again() {
    let want = fleet(SPEC);
    let lab = Box::pin(converged(&want)).await;
    delete(&lab, "/apis/rbac.authorization.k8s.io/v1/clusterroles/hcp-terraform-operator-manager-role").await;
    delete(&lab, "/api/v1/namespaces/hcp-terraform/secrets/hcp-terraform-operator-token").await;
    let plan = lab.plan(&want).await;
    assert_eq!(plan.actions.len(), 2, "{:#?}", lines(&plan));
    let report = lab.apply(&plan).await;
    assert!(report.is_complete(), "{:#?}", failures(&report));
    expect_settled(&lab, &want).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_made_is_refused_until_it_is_adopted() {
    let want = fleet(SPEC);
    let lab = Box::pin(converged(&want)).await;
    edit(&lab, OPERATOR, json!({ "metadata": { "labels": { "reconcile.dev/fleet": null } } })).await;
    let plan = lab.plan(&want).await;
    assert_eq!(plan.refusals.len(), 1, "{:#?}", plan.refusals);
    let consent = Consent { adopt: vec!["kube/**".parse().unwrap()], ..Consent::default() };
    let report = lab.apply(&lab.plan_with(&want, &consent).await).await;
    assert!(report.is_complete(), "{:#?}", failures(&report));
    expect_settled(&lab, &want).await;
}

/// A fleet of this many pools, of which one has work.
fn of_pools(count: usize) -> Desired {
    let pools: Vec<String> = (0..count)
        .map(|n| format!("p{n}: {{ name: lab-p{n}, target: cluster, agents: {{ min: 0, max: 1 }} }}"))
        .collect();
    let one = "pools: { home: { name: lab-home, target: cluster, agents: { min: 0, max: 2 } } }";
    let spec = SPEC.replace(one, &format!("pools: {{ {} }}", pools.join(", ")));
    fleet(&spec.replace("runsOn: home", "runsOn: p0").replace("tier: standard", "tier: premium"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_nothing_takes_as_many_requests_for_fifty_pools_as_for_one() {
    let mut counts = Vec::new();
    for count in [1, 50] {
        let want = of_pools(count);
        let lab = Box::pin(converged(&want)).await;
        let seen = lab.anew(&policy(), &want).await.look(&want).await;
        counts.push(seen.kube.requests);
        expect_settled(&lab, &want).await;
    }
    assert_eq!(counts[0], counts[1]);
    assert!(counts[0] <= 20, "{counts:?}");
}

/// Does something by hand in the sandbox, and waits for what follows.
async fn tell(sandbox: &Sandbox, verb: &str, body: Value) {
    let request = reqwest::Client::new().post(format!("{}/sandbox/{verb}", sandbox.address()));
    let request = request.bearer_auth(sandbox.token()).header("content-type", "application/vnd.api+json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// What the only run and the only agent do.
fn at_work(sandbox: &Sandbox) -> (String, Option<AgentStatus>) {
    sandbox.with_world(|world| {
        let run = world.runs.values().max_by_key(|run| run.created_at).expect("a run").status.clone();
        (run, world.agents.values().max_by_key(|agent| agent.created_at).map(|agent| agent.status))
    })
}

async fn a_run_is_served(sandbox: &Sandbox) {
    tell(sandbox, "runs", json!({ "workspace": "main-dns", "status": "plan_queued" })).await;
    assert_eq!(at_work(sandbox), ("planning".to_owned(), Some(AgentStatus::Busy)));
    tell(sandbox, "advance", json!({ "seconds": 100 })).await;
    assert_eq!(at_work(sandbox).1, Some(AgentStatus::Idle));
    // The cooldown is over, and what was asked to go takes a moment.
    tell(sandbox, "advance", json!({ "seconds": 1200 })).await;
    tell(sandbox, "advance", json!({ "seconds": 60 })).await;
    assert_eq!(at_work(sandbox).1, Some(AgentStatus::Exited));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_the_cluster_comes_for_a_run_that_waits_and_goes_when_it_is_idle() {
    let want = fleet(SPEC);
    let lab = Box::pin(converged(&want)).await;
    a_run_is_served(&lab.sandbox).await;
    expect_settled(&lab, &want).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_goes_on_in_a_world_that_was_saved_without_its_secrets() {
    let want = fleet(SPEC);
    let lab = Box::pin(converged(&want)).await;
    let saved = serde_json::to_string(&lab.sandbox.snapshot()).unwrap();
    assert!(!saved.contains(".atlasv1."), "no token is in it");
    let mut world: World = serde_json::from_str(&saved).unwrap();
    world.provide(&Seed { tokens: lab::operator_tokens(&want).await, ..lab::seed(&want) });
    let again = Sandbox::resume(world).await.unwrap();
    a_run_is_served(&again).await;
}
