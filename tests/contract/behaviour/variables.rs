use serde_json::{Value, json};

use crate::probe::{Probe, ids, related, resource};

fn variable(key: &str, value: &str) -> Value {
    resource("vars", json!({ "key": key, "value": value, "category": "terraform" }))
}

#[tokio::test]
async fn key_and_category_are_unique_together() {
    let probe = Probe::new().await;
    let path = format!("workspaces/{}/vars", probe.workspace("one").await);
    probe.post(&path, variable("a", "1")).await.expect(201);
    let twin = probe.post(&path, variable("a", "2")).await.expect(422);
    assert_eq!(
        (twin.body["errors"][0]["title"].as_str(), twin.detail()),
        (Some("invalid attribute"), "Key has already been taken")
    );
    probe.post(&path, resource("vars", json!({ "key": "a", "category": "env" }))).await.expect(201);
    let list = probe.get(&path).await.expect(200);
    assert_eq!(list.ids().len(), 2);
    assert_eq!(list.body.get("meta"), None, "this list has no pages");
}

#[tokio::test]
async fn a_sensitive_value_is_null_and_a_write_is_seen_by_its_version() {
    let probe = Probe::new().await;
    let path = format!("workspaces/{}/vars", probe.workspace("one").await);
    let body = json!({ "key": "a", "value": "canary", "category": "env", "sensitive": true });
    let made = probe.post(&path, resource("vars", body)).await.expect(201);
    assert_eq!(made.attribute("value"), &Value::Null);
    let own = format!("{path}/{}", made.id());
    let rewritten = probe.patch(&own, resource("vars", json!({ "value": "canary" }))).await.expect(200);
    assert_ne!(made.attribute("version-id"), rewritten.attribute("version-id"));
    probe.patch(&own, resource("vars", json!({ "sensitive": false }))).await.expect(422);
    assert!(!serde_json::to_string(&probe.sandbox.snapshot()).unwrap().contains("canary"));
    probe.delete(&own, Value::Null).await.expect(204);
    probe.get(&own).await.expect(404);
}

#[tokio::test]
async fn many_are_changed_at_once_or_none() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let path = format!("workspaces/{id}/vars");
    let one = probe.post(&path, variable("a", "1")).await.expect(201).id();
    let two = probe.post(&path, variable("b", "1")).await.expect(201).id();
    let change = |id: &str, attributes: Value| json!({ "type": "vars", "id": id, "attributes": attributes });
    let bad = json!({ "data": [change(&one, json!({ "value": "2" })), change(&two, json!({ "key": "a" }))] });
    let all = format!("workspaces/{id}/relationships/vars");
    probe.patch(&all, bad).await.expect(422);
    assert_eq!(probe.get(&format!("{path}/{one}")).await.attribute("value"), "1");
    let good = json!({ "data": [change(&one, json!({ "value": "2" })), change(&two, json!({ "value": "2" }))] });
    probe.patch(&all, good).await.expect(204);
    assert_eq!(probe.get(&format!("{path}/{two}")).await.attribute("value"), "2");
}

#[tokio::test]
async fn a_set_is_made_with_its_variables_and_attached() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let body = related(
        "varsets",
        json!({ "name": "shared" }),
        json!({
            "workspaces": ids("workspaces", &[&id]),
            "vars": { "data": [{ "type": "vars", "attributes": { "key": "a", "value": "set", "category": "terraform" } }] },
        }),
    );
    let set = probe.post("organizations/example/varsets", body).await.expect(201);
    assert_eq!((set.attribute("var-count"), set.attribute("workspace-count")), (&json!(1), &json!(1)));
    let listed = probe.get("organizations/example/varsets?include=vars").await.expect(200);
    assert_eq!(listed.body["included"][0]["attributes"]["key"], "a");
    let again = resource("varsets", json!({ "name": "shared" }));
    assert_eq!(
        probe.post("organizations/example/varsets", again).await.expect(422).detail(),
        "Name has already been taken"
    );
    let own = probe.post(&format!("workspaces/{id}/vars"), variable("a", "own")).await.expect(201).id();
    let all = probe.get(&format!("workspaces/{id}/all-vars")).await.expect(200);
    let covered =
        all.body["data"].as_array().unwrap().iter().find(|item| item["attributes"]["value"] == "set").unwrap();
    assert_eq!(covered["relationships"]["overwriter"]["data"]["id"], json!(own));
    let detached = related("varsets", json!({}), json!({ "workspaces": { "data": [] } }));
    let detached = probe.patch(&format!("varsets/{}", set.id()), detached).await.expect(200);
    assert_eq!(detached.attribute("workspace-count"), 0);
}

#[tokio::test]
async fn two_global_sets_share_no_key() {
    let probe = Probe::new().await;
    let set = |name: &str| {
        related(
            "varsets",
            json!({ "name": name, "global": true }),
            json!({ "vars": { "data": [{ "type": "vars", "attributes": { "key": "a", "category": "env" } }] } }),
        )
    };
    probe.post("organizations/example/varsets", set("one")).await.expect(201);
    probe.post("organizations/example/varsets", set("two")).await.expect(422);
}

#[tokio::test]
async fn a_set_of_a_project_is_attached_by_relationship() {
    let probe = Probe::new().await;
    let project = probe.project("Main").await;
    let body = resource("varsets", json!({ "name": "shared" }));
    let set = probe.post("organizations/example/varsets", body).await.expect(201).id();
    let path = format!("varsets/{set}/relationships/projects");
    probe.post(&path, ids("projects", &[&project])).await.expect(204);
    assert_eq!(probe.get(&format!("projects/{project}/varsets")).await.ids(), std::slice::from_ref(&set));
    probe.delete(&path, ids("projects", &[&project])).await.expect(204);
    assert!(probe.get(&format!("projects/{project}/varsets")).await.ids().is_empty());
}
