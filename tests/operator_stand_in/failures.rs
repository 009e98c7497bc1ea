//! How the operator fails, and what is heard of it.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use reconcile::sandbox::operator::{Failure, Outcome};
use reconcile::sandbox::world::AgentPool;
use serde_json::json;

use super::stage::{Ground, Stage};

/// A pool of the name that the resource wants, made by somebody else.
pub fn other_pool(stage: &Stage<'_>) -> String {
    stage.sandbox.with_world(|world| {
        let id = world.mint("apool");
        let pool = AgentPool {
            name: "k8s".into(),
            organization_scoped: true,
            allowed_workspaces: BTreeSet::new(),
            allowed_projects: BTreeSet::new(),
            excluded_workspaces: BTreeSet::new(),
            created_at: world.now,
        };
        world.agent_pools.insert(id.clone(), pool);
        id
    })
}

pub async fn a_name_that_is_taken_is_not_adopted(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    let theirs = other_pool(&stage);
    stage.resource(&json!({}), &json!({})).await;
    for _ in 0..2 {
        let Outcome::Failed(Failure::Hcp { status: 422, message }) = stage.pass().await else { panic!("it is taken") };
        assert!(message.contains("Name has already been taken"), "{message}");
    }
    // What HCP said is not told.
    let told = stage.told("ReconcileAgentPool").await;
    assert!(told.contains(&"Warning: Failed to create a new agent pool".to_owned()), "{told:?}");
    assert!(!told.iter().any(|text| text.contains("taken")), "{told:?}");
    assert!(stage.get(&stage.pool_path()).await["status"].is_null());
    // Once the name is free it goes on.
    stage.sandbox.with_world(|world| world.agent_pools.remove(&theirs));
    stage.good_pass().await;
}

pub async fn a_token_of_the_wrong_kind_is_refused(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    stage.secret("agent", &json!({ "token": BASE64.encode(b"an.atlasv1.agent-token\n") })).await;
    let source = |name: &str, key: &str| json!({ "token": { "secretKeyRef": { "name": name, "key": key } } });
    stage.resource(&json!({}), &source("agent", "token")).await;
    assert_eq!(stage.pass().await, Outcome::Failed(Failure::Hcp { status: 401, message: "unauthorized".to_owned() }));
    // A Secret or a key that is not there is another failure.
    for (name, key) in [("none", "token"), ("agent", "none")] {
        stage.merge(&stage.pool_path(), &json!({ "spec": source(name, key) })).await;
        let Outcome::Failed(Failure::Own(_)) = stage.pass().await else { panic!("there is no token") };
    }
    assert_eq!(stage.told("TerraformClient").await, ["Warning: Failed to get HCP Terraform Client"]);
    stage.merge(&stage.pool_path(), &json!({ "spec": source("api", "token") })).await;
    stage.good_pass().await;
    // Rights that were taken away look like a pool that is gone, and its name like one that is taken.
    let id = stage.id().await;
    stage.sandbox.with_world(|world| world.switches.forbidden = BTreeSet::from([format!("agent-pools/{id}")]));
    let Outcome::Failed(Failure::Hcp { status: 422, .. }) = stage.pass().await else { panic!("it is hidden") };
    stage.sandbox.with_world(|world| world.switches.forbidden.clear());
    stage.good_pass().await;
    assert_eq!(stage.id().await, id);
}

pub async fn a_refused_deployment_is_told_and_the_pool_is_kept(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    let pod = json!({ "containers": [{ "name": "tfc-agent" }] });
    stage.resource(&json!({}), &json!({ "agentDeployment": { "spec": pod } })).await;
    let Outcome::Failed(Failure::Kube { status: 422, .. }) = stage.pass().await else { panic!("no image") };
    let refusal =
        "Deployment.apps \"agents-of-main\" is invalid: spec.template.spec.containers[0].image: Required value";
    assert_eq!(
        stage.told("ReconcileAgentDeployment").await,
        [format!("Warning: Failed to reconcile agent deployment in agent pool: {refusal}")]
    );
    assert_eq!(stage.told("Deployment creation failed").await, [format!("Warning: {refusal}")]);
    // The id and the tokens are known, and that the work is not done.
    let (id, tokens) = (stage.id().await, stage.tokens().await);
    assert!(!id.is_empty() && tokens.len() == 1 && !stage.is_observed().await);
    stage.writes();
    assert!(matches!(stage.pass().await, Outcome::Failed(_)));
    assert_eq!(stage.writes(), [format!("PATCH agent-pools/{id}")]);
    let pod = json!({ "containers": [{ "name": "tfc-agent", "image": "hashicorp/tfc-agent:1.29.0" }] });
    stage.merge(&stage.pool_path(), &json!({ "spec": { "agentDeployment": { "spec": pod } } })).await;
    stage.good_pass().await;
    assert_eq!((stage.id().await, stage.tokens().await), (id, tokens));

    // A failure that goes on is told 25 times, then not for minutes.
    let pod = json!({ "containers": [{ "name": "tfc-agent", "image": null }] });
    stage.merge(&stage.pool_path(), &json!({ "spec": { "agentDeployment": { "spec": pod } } })).await;
    for _ in 0..12 {
        assert!(matches!(stage.pass().await, Outcome::Failed(_)));
    }
    let list = stage.get(&stage.path("v1", "events", "")).await;
    let warnings = list["items"].as_array().unwrap().iter().filter(|event| event["type"] == "Warning");
    assert_eq!(warnings.filter_map(|event| event["count"].as_u64()).sum::<u64>(), 25);
}

pub async fn an_invalid_resource_is_told_once_and_left(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    stage.resource(&json!({}), &json!({ "agentTokens": [{ "name": "one", "id": "at-1" }] })).await;
    for _ in 0..2 {
        assert!(matches!(stage.pass().await, Outcome::Invalid(_)));
    }
    let complaint = "AgentPool \"main\" is invalid: spec.agentTokens[0].id: Forbidden: id is not allowed in the spec";
    assert_eq!(stage.told("SpecValidation").await, [format!("Warning: {complaint}")]);
    let list = stage.get(&stage.path("v1", "events", "")).await;
    assert_eq!(list["items"][0]["count"], 1);
    let pool = stage.get(&stage.pool_path()).await;
    assert!(pool["status"].is_null() && pool["metadata"]["finalizers"].is_null());
    stage.merge(&stage.pool_path(), &json!({ "spec": { "agentTokens": [{ "name": "one" }] } })).await;
    stage.good_pass().await;
    // Made invalid again it cannot even be deleted.
    stage
        .merge(&stage.pool_path(), &json!({ "spec": { "agentTokens": [{ "name": "one" }, { "name": "one" }] } }))
        .await;
    stage.delete(&stage.pool_path()).await;
    assert!(matches!(stage.pass().await, Outcome::Invalid(_)));
    assert!(stage.is_there(&stage.pool_path()).await);
    stage.merge(&stage.pool_path(), &json!({ "spec": { "agentTokens": [{ "name": "one" }] } })).await;
    stage.good_pass().await;
    assert!(!stage.is_there(&stage.pool_path()).await);
}

pub async fn without_tokens_it_breaks_down(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    stage.resource(&json!({}), &json!({ "agentTokens": null, "agentDeployment": {} })).await;
    assert_eq!(stage.pass().await, Outcome::Failed(Failure::Own("not enough tokens available".to_owned())));
    stage.merge(&stage.pool_path(), &json!({ "spec": { "agentTokens": [{ "name": "one" }] } })).await;
    stage.good_pass().await;
    stage.merge(&stage.pool_path(), &json!({ "spec": { "agentTokens": null } })).await;
    let before = stage.told("ReconcileAgentDeployment").await;
    assert!(matches!(stage.pass().await, Outcome::Failed(Failure::Panic(_))));
    // Nobody hears of it, but the token is gone.
    assert_eq!(stage.told("ReconcileAgentDeployment").await, before);
    assert_eq!((stage.tokens().await, stage.value("one").await), (vec![], None));
}
