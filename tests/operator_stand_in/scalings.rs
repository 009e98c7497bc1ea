//! Numbers of agents.

use serde_json::json;

use super::stage::{Ground, Stage};

pub async fn agents_follow_the_runs(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    let pauses = json!({ "scaleUpSeconds": 15, "scaleDownSeconds": 600 });
    let scaling = json!({ "minReplicas": 0, "maxReplicas": 2, "cooldownPeriod": pauses });
    stage.resource(&json!({}), &json!({ "agentDeployment": { "replicas": 7 }, "autoscaling": scaling })).await;
    stage.good_pass().await;
    assert_eq!(stage.replicas().await, 0);
    let status = stage.get(&stage.pool_path()).await["status"]["autoscaling"].clone();
    assert_eq!(status, json!({ "desiredReplicas": 0 }));

    let pool = stage.id().await;
    let runs: Vec<String> = ["a", "b", "c"]
        .map(|name| {
            let workspace = stage.workspace(name, &pool);
            stage.sandbox.with_world(|world| world.start_run(&workspace, "plan_queued").unwrap())
        })
        .into();
    stage.good_pass().await;
    assert_eq!(stage.replicas().await, 2);
    assert_eq!(stage.told("AutoscaleAgentPool").await, ["Normal: Scaling agent deployment from 0 to 2 replicas"]);
    let status = stage.get(&stage.pool_path()).await["status"]["autoscaling"].clone();
    let now = stage.sandbox.now();
    assert_eq!(
        status,
        json!({ "desiredReplicas": 2, "lastScalingEvent": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() })
    );
    // Scaling is done in the name of the program, all the rest in that of the operator.
    let deployment = stage.get(&stage.deployment_path()).await;
    let managers: Vec<&str> = deployment["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["fieldsV1"]["f:spec"].get("f:replicas").is_some())
        .map(|entry| entry["manager"].as_str().unwrap())
        .collect();
    assert_eq!(managers, ["manager"]);

    // Nothing runs any more, but the pause is not over.
    stage.sandbox.with_world(|world| {
        for run in &runs {
            world.runs.get_mut(run).unwrap().status = "applied".into();
        }
    });
    stage.advance(599);
    stage.good_pass().await;
    assert_eq!(stage.replicas().await, 2);
    stage.advance(2);
    stage.good_pass().await;
    assert_eq!(stage.replicas().await, 0);
}

pub async fn a_number_that_was_once_scaled_outlives_its_rule(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    let scaling = json!({ "minReplicas": 1, "maxReplicas": 2 });
    stage.resource(&json!({}), &json!({ "agentDeployment": { "replicas": 4 }, "autoscaling": scaling })).await;
    stage.good_pass().await;
    assert_eq!(stage.replicas().await, 1);
    stage.merge(&stage.pool_path(), &json!({ "spec": { "autoscaling": null } })).await;
    stage.good_pass().await;
    assert!(stage.is_observed().await);
    assert_eq!(stage.replicas().await, 1);
}
