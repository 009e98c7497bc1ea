//! What the operator makes, and what it makes again.

use data_encoding::BASE64;
use reconcile::sandbox::world::{AgentToken, Sealed};
use serde_json::json;

use super::stage::{Ground, Stage};

pub async fn a_pool_its_tokens_and_its_agents_are_made(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    stage.resource(&json!({}), &json!({ "agentDeployment": { "replicas": 2 } })).await;
    stage.good_pass().await;
    let pool = stage.get(&stage.pool_path()).await;
    let id = stage.id().await;
    assert!(stage.sandbox.with_world(|world| world.agent_pools[&id].name == "k8s"));
    assert_eq!(pool["metadata"]["finalizers"], json!(["agentpool.app.terraform.io/finalizer"]));
    assert!(stage.is_observed().await);
    assert_eq!(pool["status"]["agentDeploymentName"], "agents-of-main");
    let tokens = stage.tokens().await;
    assert_eq!(tokens.len(), 1);
    assert_eq!(pool["status"]["agentTokens"][0]["id"], tokens[0].1);
    assert_eq!(pool["status"]["agentTokens"][0]["lastUsedAt"], -62_135_596_800_i64);

    let value = stage.value("one").await.unwrap();
    assert!(stage.sandbox.with_world(|world| world.agent_tokens[&tokens[0].1].secret.is(&value)));
    let secret = stage.get(&stage.secret_path()).await;
    assert_eq!(secret["metadata"]["labels"], json!({ "agentPoolID": id }));
    assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], pool["metadata"]["uid"]);

    let deployment = stage.get(&stage.deployment_path()).await;
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"], 0);
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "hashicorp/tfc-agent");
    assert_eq!(deployment["metadata"]["managedFields"][0]["manager"], "hcp-terraform-operator");
    assert_eq!(deployment["metadata"]["ownerReferences"][0]["controller"], true);
    assert_eq!(
        stage.told("ReconcileAgentPool").await.last().unwrap().as_str(),
        format!("Normal: Successfully reconcilied agent pool ID {id}")
    );

    // A second pass finds everything as it should be.
    stage.writes();
    stage.good_pass().await;
    assert_eq!(stage.writes(), [""; 0]);
    let again = stage.get(&stage.pool_path()).await;
    assert_eq!(again["metadata"]["resourceVersion"], pool["metadata"]["resourceVersion"]);

    // Another name is given to the same pool.
    stage.merge(&stage.pool_path(), &json!({ "spec": { "name": "other" } })).await;
    stage.good_pass().await;
    assert_eq!(stage.id().await, id);
    assert!(stage.sandbox.with_world(|world| world.agent_pools[&id].name == "other"));

    // Without agents there is no Deployment, though the status still names it.
    stage.merge(&stage.pool_path(), &json!({ "spec": { "agentDeployment": null } })).await;
    stage.good_pass().await;
    stage.until_gone(&stage.deployment_path()).await;
    assert_eq!(stage.get(&stage.pool_path()).await["status"]["agentDeploymentName"], "agents-of-main");
}

pub async fn what_others_change_is_taken_back(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    stage.resource(&json!({}), &json!({ "agentDeployment": {} })).await;
    stage.good_pass().await;
    let ours = stage.tokens().await.remove(0);

    let pool = stage.id().await;
    stage.sandbox.with_world(|world| {
        let sealed = Sealed::new("at-foreign", "value");
        let foreign =
            AgentToken { pool, description: "nas".into(), secret: sealed, created_at: world.now, last_used_at: None };
        world.agent_tokens.insert("at-foreign".into(), foreign);
    });
    let patch = json!({ "metadata": { "labels": { "mine": "x" } }, "spec": { "replicas": 5, "paused": true } });
    stage.merge(&stage.deployment_path(), &patch).await;
    stage.good_pass().await;
    assert_eq!(stage.tokens().await, std::slice::from_ref(&ours));
    let deployment = stage.get(&stage.deployment_path()).await;
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert!(deployment["spec"]["paused"].is_null() && deployment["metadata"]["labels"].is_null());

    // A token that was revoked is made anew; one that is named no more is revoked.
    let before = stage.value("one").await;
    stage.sandbox.with_world(|world| world.agent_tokens.remove(&ours.1));
    stage.good_pass().await;
    let fresh = stage.tokens().await;
    assert_eq!((fresh.len(), fresh[0].0.as_str()), (1, "one"));
    assert_ne!(fresh[0].1, ours.1);
    assert_ne!(stage.value("one").await, before);
    stage.merge(&stage.pool_path(), &json!({ "spec": { "agentTokens": [{ "name": "two" }] } })).await;
    stage.good_pass().await;
    assert_eq!(stage.tokens().await[0].0, "two");
    assert_eq!(stage.value("one").await, None);
    let deployment = stage.get(&stage.deployment_path()).await;
    let environment = &deployment["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(environment[1]["valueFrom"]["secretKeyRef"], json!({ "name": "main-agent-pool", "key": "two" }));
}

pub async fn what_is_lost_in_the_cluster_stays_lost(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    stage.resource(&json!({}), &json!({})).await;
    stage.good_pass().await;
    let tokens = stage.tokens().await;
    stage.merge(&stage.secret_path(), &json!({ "data": { "one": null } })).await;
    stage.good_pass().await;
    assert_eq!((stage.value("one").await, stage.tokens().await), (None, tokens.clone()));
    stage.delete(&stage.secret_path()).await;
    stage.good_pass().await;
    // The Secret itself comes back, and nothing is in it.
    let secret = stage.get(&stage.secret_path()).await;
    assert!(secret["data"].is_null(), "{secret}");
    assert_eq!(stage.tokens().await, tokens);

    // A foreign token of the same description takes the value of ours with it.
    stage.merge(&stage.secret_path(), &json!({ "data": { "one": BASE64.encode(b"value") } })).await;
    let pool = stage.id().await;
    stage.sandbox.with_world(|world| {
        let sealed = Sealed::new("at-foreign", "value");
        let foreign =
            AgentToken { pool, description: "one".into(), secret: sealed, created_at: world.now, last_used_at: None };
        world.agent_tokens.insert("at-foreign".into(), foreign);
    });
    stage.good_pass().await;
    assert_eq!((stage.value("one").await, stage.tokens().await), (None, tokens));
}

pub async fn an_operator_sees_only_its_namespaces(ground: &Ground) {
    let elsewhere = Stage::new(ground, "2.12.0").await;
    elsewhere.resource(&json!({}), &json!({})).await;
    let stage = Stage::new(ground, "2.12.0").await;
    let passed = stage.operator.pass(stage.sandbox.now()).await;
    assert_eq!((passed.worked.len(), passed.pools), (1, vec![]));
    // One without replicas does nothing.
    stage.resource(&json!({}), &json!({})).await;
    stage.merge(&stage.path("apps/v1", "deployments", "operator"), &json!({ "spec": { "replicas": 0 } })).await;
    let passed = stage.operator.pass(stage.sandbox.now()).await;
    assert_eq!((passed.worked.len(), passed.pools), (0, vec![]));
    assert_eq!(passed.idle, [format!("{}/operator: it has no replicas", stage.namespace)]);
}
