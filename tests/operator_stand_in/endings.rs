//! Pools that go, and pools that are taken over.

use data_encoding::BASE64;
use reconcile::sandbox::operator::{Failure, Outcome};
use reconcile::sandbox::world::{AgentToken, Sealed};
use serde_json::json;

use super::{
    failures::other_pool,
    stage::{Ground, Stage},
};

pub async fn a_pool_that_is_gone_is_made_anew(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    stage.resource(&json!({}), &json!({ "agentDeployment": {} })).await;
    stage.good_pass().await;
    let (old, value) = (stage.id().await, stage.value("one").await);
    let forget = |id: &str| {
        stage.sandbox.with_world(|world| {
            world.agent_pools.remove(id);
            world.agent_tokens.retain(|_, token| token.pool != id);
        });
    };
    forget(&old);
    stage.good_pass().await;
    let new = stage.id().await;
    assert_ne!(new, old);
    assert_ne!(stage.value("one").await, value);
    assert!(stage.is_observed().await);
    let deployment = stage.get(&stage.deployment_path()).await;
    assert_eq!(deployment["metadata"]["annotations"]["agentpool.app.terraform.io/pool-id"], new);
    // The label of the Secret is that of its making.
    assert_eq!(stage.get(&stage.secret_path()).await["metadata"]["labels"], json!({ "agentPoolID": old }));

    // If anything fails after that, the new id is lost, and from then on its name is taken.
    forget(&new);
    let pod = json!({ "containers": [{ "name": "tfc-agent" }] });
    stage.merge(&stage.pool_path(), &json!({ "spec": { "agentDeployment": { "spec": pod } } })).await;
    assert!(matches!(stage.pass().await, Outcome::Failed(Failure::Kube { status: 422, .. })));
    assert_eq!(stage.id().await, new);
    stage.merge(&stage.pool_path(), &json!({ "spec": { "agentDeployment": { "spec": null } } })).await;
    assert!(matches!(stage.pass().await, Outcome::Failed(Failure::Hcp { status: 422, .. })));
}

pub async fn a_pool_is_adopted_by_its_recipe(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    let pool = other_pool(&stage);
    stage.sandbox.with_world(|world| {
        let token = AgentToken {
            pool: pool.clone(),
            description: "one".into(),
            secret: Sealed::new("at-1", "value"),
            created_at: world.now,
            last_used_at: None,
        };
        world.agent_tokens.insert("at-1".into(), token);
    });
    let paused = json!({ "annotations": { "app.terraform.io/paused": "true" } });
    stage.resource(&paused, &json!({ "agentDeployment": {} })).await;
    stage.secret("main-agent-pool", &json!({ "one": BASE64.encode(b"value") })).await;
    assert_eq!(stage.pass().await, Outcome::Paused);
    let status = json!({
        "agentPoolID": pool,
        "observedGeneration": 0,
        "agentTokens": [{ "name": "one", "id": "at-1" }],
    });
    stage.merge(&format!("{}/status", stage.pool_path()), &json!({ "status": status })).await;
    stage.writes();
    stage.merge(&stage.pool_path(), &json!({ "metadata": { "annotations": null } })).await;
    stage.good_pass().await;
    // Nothing but the name was written, and the old value serves.
    assert_eq!(stage.writes(), [format!("PATCH agent-pools/{pool}")]);
    assert_eq!((stage.id().await, stage.tokens().await), (pool, vec![("one".to_owned(), "at-1".to_owned())]));
    assert_eq!(stage.value("one").await.as_deref(), Some("value"));
    // It stays without an owner, and so outlives the resource.
    assert!(stage.get(&stage.secret_path()).await["metadata"]["ownerReferences"].is_null());
}

pub async fn a_retained_pool_outlives_its_resource(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    stage.resource(&json!({}), &json!({ "agentDeployment": {} })).await;
    stage.good_pass().await;
    let (id, tokens) = (stage.id().await, stage.tokens().await);
    // One that is paused stays, though it was deleted.
    let annotations = |word| json!({ "metadata": { "annotations": { "app.terraform.io/paused": word } } });
    stage.merge(&stage.pool_path(), &annotations("true")).await;
    stage.delete(&stage.pool_path()).await;
    assert_eq!(stage.pass().await, Outcome::Paused);
    stage.merge(&stage.pool_path(), &annotations("false")).await;
    stage.good_pass().await;
    assert!(!stage.is_there(&stage.pool_path()).await);
    stage.sandbox.with_world(|world| {
        assert!(world.agent_pools.contains_key(&id) && world.agent_tokens.contains_key(&tokens[0].1));
    });
    // What it owned goes with it.
    stage.until_gone(&stage.secret_path()).await;
    stage.until_gone(&stage.deployment_path()).await;
}

pub async fn a_pool_in_use_is_not_destroyed(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    let scaling = json!({ "minReplicas": 1, "maxReplicas": 2 });
    let spec = json!({ "agentDeployment": {}, "autoscaling": scaling, "deletionPolicy": "destroy" });
    stage.resource(&json!({}), &spec).await;
    stage.good_pass().await;
    let id = stage.id().await;
    let workspace = stage.workspace("vault", &id);
    stage.delete(&stage.pool_path()).await;
    for _ in 0..2 {
        stage.good_pass().await;
        assert!(stage.is_there(&stage.pool_path()).await);
        assert_eq!((stage.replicas().await, stage.tokens().await), (0, vec![]));
    }
    // None of that is in the status.
    let status = stage.get(&stage.pool_path()).await["status"].clone();
    assert_eq!(
        (&status["autoscaling"]["desiredReplicas"], status["agentTokens"].as_array().unwrap().len()),
        (&json!(1), 1)
    );
    let told = stage.told("ReconcileAgentPool").await;
    assert!(told.contains(&format!("Warning: Failed to delete Agent Pool ID {id}, retry later")), "{told:?}");
    stage.sandbox.with_world(|world| world.workspaces.remove(&workspace));
    stage.good_pass().await;
    assert!(!stage.is_there(&stage.pool_path()).await);
    assert!(!stage.sandbox.with_world(|world| world.agent_pools.contains_key(&id)));
}
