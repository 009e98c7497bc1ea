use serde_json::{Value, json};

use crate::probe::{Probe, ids, related, resource};

#[tokio::test]
async fn a_name_is_given_once_in_every_kind() {
    let probe = Probe::new().await;
    for (kind, taken) in
        [("workspaces", "one"), ("projects", "Project"), ("varsets", "shared"), ("agent-pools", "pool")]
    {
        let path = format!("organizations/example/{kind}");
        let first = probe.post(&path, resource(kind, json!({ "name": taken }))).await.expect(201).id();
        let twin = probe.post(&path, resource(kind, json!({ "name": taken }))).await.expect(422);
        assert_eq!(twin.detail(), "Name has already been taken", "{kind}");
        assert_eq!(twin.body["errors"][0]["source"]["pointer"], "/data/attributes/name", "{kind}");
        let other = probe.post(&path, resource(kind, json!({ "name": "another" }))).await.expect(201).id();
        probe.patch(&format!("{kind}/{other}"), resource(kind, json!({ "name": taken }))).await.expect(422);
        probe.patch(&format!("{kind}/{first}"), resource(kind, json!({ "name": taken }))).await.expect(200);
    }
}

#[tokio::test]
async fn names_have_the_letters_of_their_kind() {
    let probe = Probe::new().await;
    let ninety_one = "a".repeat(91);
    for (kind, good, bad) in [
        ("workspaces", "a-b_C9", vec!["", " ", "a b", "a.b", "a/b", "ä", ninety_one.as_str()]),
        ("agent-pools", "a-b_C9", vec!["", "a b", "a.b", "a/b"]),
        (
            "projects",
            "Main Cluster-1_x",
            vec!["", "ab", "a/b/c", " abc", "a name that is longer than forty characters is"],
        ),
        ("varsets", "any, even: this!", vec!["", " "]),
    ] {
        let path = format!("organizations/example/{kind}");
        probe.post(&path, resource(kind, json!({ "name": good }))).await.expect(201);
        for name in bad {
            let reply = probe.post(&path, resource(kind, json!({ "name": name }))).await;
            assert_eq!(reply.status, 422, "{kind} {name:?}: {}", reply.text);
        }
        probe.post(&path, resource(kind, json!({}))).await.expect(422);
    }
}

#[tokio::test]
async fn a_workspace_has_at_most_twenty_notifications_and_so_has_a_project() {
    let probe = Probe::new().await;
    let (workspace, project) = (probe.workspace("one").await, probe.project("Project").await);
    let hook = |n: usize| {
        let attributes = json!({
            "name": format!("hook-{n}"), "destination-type": "generic", "enabled": false,
            "url": "https://hooks.example/1", "triggers": [],
        });
        resource("notification-configurations", attributes)
    };
    for owner in [format!("workspaces/{workspace}"), format!("projects/{project}")] {
        let path = format!("{owner}/notification-configurations");
        for n in 0..20 {
            probe.post(&path, hook(n)).await.expect(201);
        }
        probe.post(&path, hook(20)).await.expect(422);
    }
}

#[tokio::test]
async fn a_workspace_has_at_most_twenty_sources_of_runs() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let path = format!("workspaces/{id}/run-triggers");
    let from = |source: &str| {
        let data = json!({ "data": { "type": "workspaces", "id": source } });
        json!({ "data": { "type": "run-triggers", "relationships": { "sourceable": data } } })
    };
    for n in 0..20 {
        let source = probe.workspace(&format!("source-{n}")).await;
        probe.post(&path, from(&source)).await.expect(201);
        probe.post(&path, from(&source)).await.expect(422);
    }
    let more = probe.workspace("source-20").await;
    probe.post(&path, from(&more)).await.expect(422);
    probe.post(&path, from(&id)).await.expect(422);
}

#[tokio::test]
async fn ten_tags_are_held_however_they_come() {
    let probe = Probe::new().await;
    let tags = |from: usize, to: usize| -> Vec<Value> {
        (from..to)
            .map(|n| json!({ "type": "tag-bindings", "attributes": { "key": format!("k{n}"), "value": "" } }))
            .collect()
    };
    let id = probe.workspace("one").await;
    let all = |from, to| related("workspaces", json!({}), json!({ "tag-bindings": { "data": tags(from, to) } }));
    probe.patch(&format!("workspaces/{id}"), all(0, 10)).await.expect(200);
    probe.patch(&format!("workspaces/{id}"), all(0, 11)).await.expect(422);
    let added = format!("workspaces/{id}/tag-bindings");
    probe.patch(&added, json!({ "data": tags(10, 11) })).await.expect(422);
    probe.patch(&added, json!({ "data": tags(9, 10) })).await.expect(200);
    let project = probe.project("Project").await;
    probe.patch(&format!("projects/{project}/tag-bindings"), json!({ "data": tags(10, 20) })).await.expect(200);
    probe.post(&format!("projects/{project}/relationships/workspaces"), ids("workspaces", &[&id])).await.expect(204);
    let effective = probe.get(&format!("workspaces/{id}/effective-tag-bindings")).await.expect(200);
    assert_eq!(effective.ids().len(), 20, "ten of its own and ten of its project");
}

#[tokio::test]
async fn a_variable_is_as_long_as_the_documentation_allows() {
    let probe = Probe::new().await;
    let path = format!("workspaces/{}/vars", probe.workspace("one").await);
    let variable = |key: &str, value: &str, description: &str| {
        resource("vars", json!({ "key": key, "value": value, "description": description, "category": "env" }))
    };
    let of = |count: usize| "x".repeat(count);
    probe.post(&path, variable(&of(128), &of(256 * 1024), &of(512))).await.expect(201);
    for refused in [
        variable(&of(129), "", ""),
        variable("value", &of(256 * 1024 + 1), ""),
        variable("description", "", &of(513)),
        variable("", "", ""),
    ] {
        probe.post(&path, refused).await.expect(422);
    }
    let long = json!({ "name": "Project", "description": of(257) });
    probe.post("organizations/example/projects", resource("projects", long)).await.expect(422);
}
