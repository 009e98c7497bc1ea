//! From a run to the agent that works on it, through the cluster.

use reconcile::sandbox::world::AgentStatus;
use reconcile::sandbox::{ClusterSeed, Sandbox, Seed, Tier};
use serde_json::json;

use super::live::subject::Door;
use super::stage::{Ground, Stage};

pub async fn a_run_is_taken_by_an_agent_that_comes_for_it(definitions: &[String]) {
    let seed = Seed { tier: Tier::Free, clusters: vec![ClusterSeed::new("home")], ..Seed::default() };
    let sandbox = Sandbox::in_memory(&seed).await.unwrap();
    sandbox.with_world(|world| world.switches.operators_rest = true);
    let access = sandbox.cluster("home").unwrap();
    let operator = sandbox.operator("home", "operator").await.unwrap();
    let ground = Ground::new(&Door { address: access.address, authority: None, token: access.token });
    ground.define(definitions).await;
    let mut stage = Stage::with(&ground, "2.12.0", sandbox).await;
    stage.operator = operator;
    let pauses = json!({ "scaleUpSeconds": 0, "scaleDownSeconds": 600 });
    let scaling = json!({ "minReplicas": 0, "maxReplicas": 2, "cooldownPeriod": pauses });
    stage.resource(&json!({}), &json!({ "agentDeployment": {}, "autoscaling": scaling })).await;
    stage.good_pass().await;
    let key = format!("home/{}/agents-of-main", stage.namespace);
    let staffed = || stage.sandbox.with_world(|world| world.staffed(&key));
    assert_eq!(staffed(), []);

    let pool = stage.id().await;
    let runs = ["a", "b"].map(|name| {
        stage.advance(1);
        let workspace = stage.workspace(name, &pool);
        stage.sandbox.with_world(|world| world.start_run(&workspace, "plan_queued").unwrap())
    });
    let status = |run: &str| stage.sandbox.with_world(|world| world.runs[run].status.clone());
    stage.good_pass().await;
    assert_eq!(stage.replicas().await, 2);
    // The plan holds one agent, whatever the cluster runs.
    let found = staffed();
    assert_eq!(found.len(), 1);
    assert!(found[0].0.starts_with("agents-of-main-") && found[0].1 == AgentStatus::Busy, "{found:?}");
    assert_eq!(runs.each_ref().map(|run| status(run)), ["planning", "plan_queued"]);
    stage.advance(61);
    assert_eq!(runs.each_ref().map(|run| status(run)), ["planned", "planning"]);
    stage.advance(61);
    assert_eq!(runs.each_ref().map(|run| status(run)), ["planned", "planned"]);
    // They wait for people now, and need nobody.
    stage.advance(600);
    stage.good_pass().await;
    assert_eq!((stage.replicas().await, staffed()), (0, vec![]));
    // A revoked token ends the agents; its successor brings them back, once HCP has given up those that it lost.
    stage.merge(&stage.pool_path(), &json!({ "spec": { "autoscaling": { "minReplicas": 1 } } })).await;
    stage.advance(601);
    stage.good_pass().await;
    assert_eq!(staffed().len(), 1);
    let token = stage.tokens().await.remove(0).1;
    stage.sandbox.with_world(|world| world.agent_tokens.remove(&token));
    stage.good_pass().await;
    assert_ne!(stage.tokens().await[0].1, token);
    assert_eq!(staffed(), []);
    stage.advance(301);
    assert_eq!(staffed().iter().map(|(_, status)| *status).collect::<Vec<_>>(), [AgentStatus::Idle]);
    // With the resource everything goes.
    stage.delete(&stage.pool_path()).await;
    stage.good_pass().await;
    assert_eq!(staffed(), []);
}
