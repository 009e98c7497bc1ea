use serde_json::{Value, json};

use crate::probe::{Probe, ids, related, resource};
use reconcile::sandbox::IncludeVars;

#[tokio::test]
async fn a_workspace_has_the_documented_defaults() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let reply = probe.get(&format!("workspaces/{id}")).await.expect(200);
    for (name, value) in [
        ("auto-apply", json!(false)),
        ("allow-destroy-plan", json!(true)),
        ("file-triggers-enabled", json!(true)),
        ("speculative-enabled", json!(true)),
        ("queue-all-runs", json!(false)),
        ("global-remote-state", json!(false)),
        ("working-directory", Value::Null),
        ("description", Value::Null),
        ("vcs-repo", Value::Null),
        ("execution-mode", json!("remote")),
        ("trigger-prefixes", json!([])),
        ("setting-overwrites", json!({ "execution-mode": false, "agent-pool": false })),
    ] {
        assert_eq!(reply.attribute(name), &value, "{name}");
    }
}

#[tokio::test]
async fn a_name_is_taken_once_and_an_id_outlives_a_rename() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let again = probe
        .post("organizations/example/workspaces", resource("workspaces", json!({ "name": "one" })))
        .await
        .expect(422);
    assert_eq!(again.detail(), "Name has already been taken");
    assert_eq!(again.body["errors"][0]["source"]["pointer"], "/data/attributes/name");
    let rename = resource("workspaces", json!({ "name": "two" }));
    let renamed = probe.patch("organizations/example/workspaces/one", rename).await.expect(200);
    assert_eq!(renamed.id(), id);
    probe.get("organizations/example/workspaces/one").await.expect(404);
    probe.get("organizations/example/workspaces/two").await.expect(200);
}

#[tokio::test]
async fn what_is_left_out_stays_and_null_or_blank_clears() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let path = format!("workspaces/{id}");
    let set = resource("workspaces", json!({ "description": "d", "working-directory": "tf" }));
    probe.patch(&path, set).await.expect(200);
    let kept = probe.patch(&path, resource("workspaces", json!({ "auto-apply": true }))).await;
    assert_eq!(kept.attribute("description"), "d");
    let cleared = resource("workspaces", json!({ "description": null, "working-directory": "" }));
    let cleared = probe.patch(&path, cleared).await.expect(200);
    assert_eq!(
        (cleared.attribute("description"), cleared.attribute("working-directory")),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_repository_is_attached_patched_and_disconnected() {
    let probe = Probe::new().await;
    let token = probe.get("organizations/example/oauth-tokens").await.ids().remove(0);
    let id = probe.workspace("one").await;
    let path = format!("workspaces/{id}");
    let unknown = resource("workspaces", json!({ "vcs-repo": { "identifier": "a/b", "oauth-token-id": "ot-none" } }));
    assert!(probe.patch(&path, unknown).await.expect(422).detail().contains("doesn't exist or isn't accessible"));
    let without = resource("workspaces", json!({ "vcs-repo": { "identifier": "a/b" } }));
    probe.patch(&path, without).await.expect(422);
    let first = resource(
        "workspaces",
        json!({ "vcs-repo": { "identifier": "a/b", "oauth-token-id": token, "branch": "main" } }),
    );
    let attached = probe.patch(&path, first).await.expect(200);
    assert_eq!(attached.attribute("vcs-repo")["service-provider"], "github");
    let patched = probe.patch(&path, resource("workspaces", json!({ "vcs-repo": { "branch": "" } }))).await.expect(200);
    assert_eq!(patched.attribute("vcs-repo")["identifier"], "a/b");
    assert_eq!(patched.attribute("vcs-repo")["branch"], "");
    let gone = probe.patch(&path, resource("workspaces", json!({ "vcs-repo": null }))).await.expect(200);
    assert_eq!(gone.attribute("vcs-repo"), &Value::Null);
}

#[tokio::test]
async fn triggers_that_exclude_each_other_are_refused() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let both = json!({ "trigger-patterns": ["a/**"], "trigger-prefixes": ["a"] });
    probe.patch(&format!("workspaces/{id}"), resource("workspaces", both)).await.expect(422);
}

#[tokio::test]
async fn tag_bindings_are_replaced_in_the_workspace_and_added_beside_it() {
    let probe = Probe::new().await;
    let tag = |key: &str, value: &str| json!({ "type": "tag-bindings", "attributes": { "key": key, "value": value } });
    let project = probe.project("Main").await;
    let of_project = json!({ "data": [tag("team", "infra"), tag("env", "all")] });
    probe.patch(&format!("projects/{project}/tag-bindings"), of_project).await.expect(200);
    let body = related(
        "workspaces",
        json!({ "name": "one" }),
        json!({
            "project": { "data": { "type": "projects", "id": project } },
            "tag-bindings": { "data": [tag("env", "prod")] },
        }),
    );
    let id = probe.post("organizations/example/workspaces", body).await.expect(201).id();
    let added = json!({ "data": [tag("owner", "me")] });
    let reply = probe.patch(&format!("workspaces/{id}/tag-bindings"), added).await.expect(200);
    assert_eq!(reply.ids().len(), 2);
    let effective = probe.get(&format!("workspaces/{id}/effective-tag-bindings")).await.expect(200);
    let items = effective.body["data"].as_array().unwrap();
    assert_eq!(items.len(), 3, "the project's env is covered by the workspace's own");
    let inherited = items.iter().find(|item| item["attributes"]["key"] == "team").unwrap();
    assert_eq!(inherited["links"]["inherited-from"], format!("/api/v2/projects/{project}"));
    let listed = probe.get("organizations/example/workspaces?include=effective_tag_bindings").await.expect(200);
    assert_eq!(listed.body["included"].as_array().unwrap().len(), 3);
    let replaced = related("workspaces", json!({}), json!({ "tag-bindings": { "data": [] } }));
    probe.patch(&format!("workspaces/{id}"), replaced).await.expect(200);
    assert!(probe.get(&format!("workspaces/{id}/tag-bindings")).await.ids().is_empty());
}

#[tokio::test]
async fn workspaces_are_found_by_tag_project_and_name() {
    let probe = Probe::new().await;
    let id = probe.workspace("web-prod").await;
    probe.workspace("db-prod").await;
    let body = json!({ "data": [{ "type": "tag-bindings", "attributes": { "key": "tier", "value": "web" } }] });
    probe.patch(&format!("workspaces/{id}/tag-bindings"), body).await.expect(200);
    let flat = json!({ "data": [{ "type": "tags", "attributes": { "name": "old" } }] });
    probe.post(&format!("workspaces/{id}/relationships/tags"), flat).await.expect(204);
    for query in [
        "search[name]=WEB",
        "search[wildcard-name]=web-*",
        "filter[tagged][0][key]=tier&filter[tagged][0][value]=web",
        "search[tags]=old",
    ] {
        let found = probe.get(&format!("organizations/example/workspaces?{query}")).await.expect(200);
        assert_eq!(found.ids(), std::slice::from_ref(&id), "{query}");
    }
    let others = probe.get("organizations/example/workspaces?search[exclude-tags]=old").await;
    assert_eq!(others.ids().len(), 1);
}

#[tokio::test]
async fn safe_delete_is_refused_in_three_ways() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let path = format!("workspaces/{id}/actions/safe-delete");
    let change = |use_it: &dyn Fn(&mut reconcile::sandbox::world::Workspace)| {
        probe.sandbox.with_world(|world| use_it(world.workspaces.get_mut(&id).unwrap()));
    };
    probe.post(&format!("workspaces/{id}/actions/lock"), json!({ "reason": "me" })).await.expect(200);
    assert!(probe.post(&path, Value::Null).await.expect(409).detail().contains("locked"));
    probe.post(&format!("workspaces/{id}/actions/unlock"), Value::Null).await.expect(200);
    let later = probe.sandbox.now() + jiff::SignedDuration::from_mins(5);
    change(&|workspace| workspace.state_processed_at = Some(later));
    assert!(probe.post(&path, Value::Null).await.expect(409).detail().contains("being processed"));
    probe.sandbox.advance(jiff::SignedDuration::from_mins(6));
    change(&|workspace| workspace.resources = 3);
    assert!(probe.post(&path, Value::Null).await.expect(409).detail().contains("resources under management"));
    change(&|workspace| workspace.resources = 0);
    probe.post(&path, Value::Null).await.expect(204);
    probe.get(&format!("workspaces/{id}")).await.expect(404);
}

#[tokio::test]
async fn a_lock_says_why_and_is_taken_once() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let lock = format!("workspaces/{id}/actions/lock");
    let locked = probe.post(&lock, json!({ "reason": "moving" })).await.expect(200);
    assert_eq!(locked.attribute("locked-reason"), "moving");
    probe.post(&lock, Value::Null).await.expect(409);
    probe.sandbox.with_world(|world| {
        world.workspaces.get_mut(&id).unwrap().lock.as_mut().unwrap().by = "another".into();
    });
    let unlock = format!("workspaces/{id}/actions/unlock");
    assert!(probe.post(&unlock, Value::Null).await.expect(409).detail().contains("is locked by User another"));
    probe.post(&format!("workspaces/{id}/actions/force-unlock"), Value::Null).await.expect(200);
}

#[tokio::test]
async fn variables_come_along_are_refused_or_are_forgotten() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let body = resource("vars", json!({ "key": "k", "category": "env", "value": "v" }));
    let variable = probe.post(&format!("workspaces/{id}/vars"), body).await.expect(201).id();
    let path = "organizations/example/workspaces?include=vars";
    let switch = |to| {
        probe.sandbox.with_world(|world| world.switches.workspace_include_vars = to);
    };
    let served = probe.get(path).await.expect(200);
    assert_eq!(served.body["included"][0]["id"], json!(variable));
    switch(IncludeVars::Refused);
    assert!(probe.get(path).await.expect(400).detail().contains("include parameter"));
    switch(IncludeVars::Ignored);
    let ignored = probe.get(path).await.expect(200);
    assert_eq!(ignored.body.get("included"), None);
    let ids_of = &ignored.body["data"][0]["relationships"]["vars"]["data"];
    assert_eq!(ids_of, &json!([{ "id": variable, "type": "vars" }]), "the ids tell what is missing");
}

#[tokio::test]
async fn a_deleted_workspace_leaves_every_list() {
    let probe = Probe::new().await;
    let (one, two) = (probe.workspace("one").await, probe.workspace("two").await);
    let pool = probe.pool("pool").await;
    let scope = related(
        "agent-pools",
        json!({ "organization-scoped": false }),
        json!({ "allowed-workspaces": ids("workspaces", &[&one, &two]) }),
    );
    probe.patch(&format!("agent-pools/{pool}"), scope).await.expect(200);
    let consumers = format!("workspaces/{two}/relationships/remote-state-consumers");
    probe.patch(&consumers, ids("workspaces", &[&one])).await.expect(204);
    let trigger = json!({ "data": { "type": "run-triggers", "relationships": {
        "sourceable": { "data": { "type": "workspaces", "id": one } } } } });
    probe.post(&format!("workspaces/{two}/run-triggers"), trigger).await.expect(201);
    probe.delete(&format!("workspaces/{one}"), Value::Null).await.expect(204);
    let pool = probe.get(&format!("agent-pools/{pool}")).await;
    assert_eq!(pool.relationship("allowed-workspaces").as_array().unwrap().len(), 1);
    assert!(probe.get(&consumers).await.ids().is_empty());
    let triggers = format!("workspaces/{two}/run-triggers?filter[run-trigger][type]=inbound");
    assert!(probe.get(&triggers).await.ids().is_empty());
    probe.get(&format!("workspaces/{two}/run-triggers")).await.expect(400);
}

#[tokio::test]
async fn projects_keep_their_rules() {
    let probe = Probe::new().await;
    let project = probe.project("Main").await;
    let id = probe.workspace("one").await;
    let move_here = format!("projects/{project}/relationships/workspaces");
    let nobody = probe.post(&move_here, ids("workspaces", &[&id, "ws-none"])).await.expect(403);
    assert!(nobody.detail().ends_with("ws-none"));
    let before = probe.get(&format!("workspaces/{id}")).await;
    assert_ne!(before.relationship("project")["id"], json!(project), "all or none");
    probe.post(&move_here, ids("workspaces", &[&id])).await.expect(204);
    probe.delete(&format!("projects/{project}"), Value::Null).await.expect(403);
    probe.post(&format!("workspaces/{id}/actions/safe-delete"), Value::Null).await.expect(204);
    probe.delete(&format!("projects/{project}"), Value::Null).await.expect(204);
}
