use serde_json::{Value, json};

use crate::probe::{Probe, ids, related, resource};

#[tokio::test]
async fn mode_and_pool_are_inherited_from_project_and_organization() {
    let probe = Probe::new().await;
    let pool = probe.pool("pool").await;
    let project = probe.project("Main").await;
    let body = related(
        "workspaces",
        json!({ "name": "one" }),
        json!({ "project": { "data": { "type": "projects", "id": project } } }),
    );
    let id = probe.post("organizations/example/workspaces", body).await.expect(201).id();
    let organization = related(
        "organizations",
        json!({ "default-execution-mode": "agent" }),
        json!({ "default-agent-pool": { "data": { "type": "agent-pools", "id": pool } } }),
    );
    probe.patch("organizations/example", organization).await.expect(200);
    let inherited = probe.get(&format!("workspaces/{id}")).await;
    assert_eq!(inherited.attribute("execution-mode"), "agent");
    assert_eq!(inherited.relationship("agent-pool")["id"], json!(pool));
    assert_eq!(inherited.attribute("setting-overwrites")["execution-mode"], false);
    let own = resource("projects", json!({ "default-execution-mode": "local" }));
    probe.patch(&format!("projects/{project}"), own).await.expect(200);
    let inherited = probe.get(&format!("workspaces/{id}")).await;
    assert_eq!(inherited.attribute("execution-mode"), "local");
}

#[tokio::test]
async fn a_mode_that_is_sent_is_overwritten_and_false_gives_it_back() {
    let probe = Probe::new().await;
    let pool = probe.pool("pool").await;
    let id = probe.workspace("one").await;
    let path = format!("workspaces/{id}");
    let own = resource("workspaces", json!({ "execution-mode": "agent", "agent-pool-id": pool }));
    let placed = probe.patch(&path, own).await.expect(200);
    assert_eq!(placed.attribute("setting-overwrites"), &json!({ "execution-mode": true, "agent-pool": true }));
    assert_eq!(placed.relationship("agent-pool")["id"], json!(pool));
    assert_eq!(placed.attribute("agent-pool-id"), &Value::Null, "the pool is read as a relationship only");
    let back = json!({ "setting-overwrites": { "execution-mode": false, "agent-pool": false } });
    let inherited = probe.patch(&path, resource("workspaces", back)).await.expect(200);
    assert_eq!(inherited.attribute("execution-mode"), "remote");
    assert_eq!(inherited.relationship("agent-pool"), &Value::Null);
    let nothing = json!({ "setting-overwrites": { "execution-mode": true } });
    probe.patch(&path, resource("workspaces", nothing)).await.expect(422);
}

#[tokio::test]
async fn a_pool_goes_with_the_agent_mode_only() {
    let probe = Probe::new().await;
    let pool = probe.pool("pool").await;
    let id = probe.workspace("one").await;
    let path = format!("workspaces/{id}");
    for attributes in [
        json!({ "execution-mode": "remote", "agent-pool-id": pool }),
        json!({ "execution-mode": "agent" }),
        json!({ "execution-mode": "agent", "agent-pool-id": "apool-none" }),
        json!({ "execution-mode": "sideways" }),
    ] {
        probe.patch(&path, resource("workspaces", attributes)).await.expect(422);
    }
    let agent = resource("workspaces", json!({ "execution-mode": "agent", "agent-pool-id": pool }));
    probe.patch(&path, agent).await.expect(200);
    let away = resource("workspaces", json!({ "execution-mode": "local" }));
    assert_eq!(probe.patch(&path, away).await.expect(200).relationship("agent-pool"), &Value::Null);
}

#[tokio::test]
async fn a_scoped_pool_must_allow_a_workspace_first() {
    let probe = Probe::new().await;
    let pool = probe.pool("pool").await;
    let id = probe.workspace("one").await;
    let scope = |allowed: &[&str]| {
        related(
            "agent-pools",
            json!({ "organization-scoped": false }),
            json!({ "allowed-workspaces": ids("workspaces", allowed) }),
        )
    };
    let pool_path = format!("agent-pools/{pool}");
    probe.patch(&pool_path, scope(&[])).await.expect(200);
    let place = || resource("workspaces", json!({ "execution-mode": "agent", "agent-pool-id": pool }));
    let refused = probe.patch(&format!("workspaces/{id}"), place()).await.expect(422);
    assert!(refused.detail().contains("does not have access to use this agent pool"));
    probe.patch(&pool_path, scope(&[&id])).await.expect(200);
    probe.patch(&format!("workspaces/{id}"), place()).await.expect(200);
    probe.delete(&pool_path, Value::Null).await.expect(422);
    probe.patch(&pool_path, scope(&[])).await.expect(200);
    let still = probe.get(&format!("workspaces/{id}")).await;
    assert_eq!(still.relationship("agent-pool")["id"], json!(pool), "scoping evicts nobody");
}

#[tokio::test]
async fn moving_under_a_run_fails_it() {
    let probe = Probe::new().await;
    let pool = probe.pool("pool").await;
    let id = probe.workspace("one").await;
    let run = probe.sandbox.with_world(|world| world.start_run(&id, "planned")).unwrap();
    let listed = probe.get("organizations/example/workspaces?include=current_run").await;
    assert_eq!(listed.body["included"][0]["attributes"]["status"], "planned");
    let place = resource("workspaces", json!({ "execution-mode": "agent", "agent-pool-id": pool }));
    probe.patch(&format!("workspaces/{id}"), place).await.expect(200);
    assert_eq!(probe.get(&format!("runs/{run}")).await.attribute("status"), "errored");
}

#[tokio::test]
async fn a_push_runs_where_the_workspace_is_placed() {
    let probe = Probe::new().await;
    let token = probe.get("organizations/example/oauth-tokens").await.ids().remove(0);
    let body =
        resource("workspaces", json!({ "name": "one", "vcs-repo": { "identifier": "a/b", "oauth-token-id": token } }));
    let id = probe.post("organizations/example/workspaces", body).await.expect(201).id();
    let runs = probe.sandbox.with_world(|world| world.push("a/b", "main"));
    assert_eq!(runs.len(), 1);
    assert_eq!(probe.get(&format!("workspaces/{id}")).await.relationship("current-run")["id"], json!(runs[0]));
}
