use serde_json::json;

use crate::probe::{Probe, ids, related, resource};

/// Names of a list, in its order.
async fn names(probe: &Probe, path: &str) -> Vec<String> {
    let reply = probe.get(path).await.expect(200);
    let items = reply.body["data"].as_array().unwrap();
    items.iter().map(|item| item["attributes"]["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn organizations_are_found_by_name_and_by_address() {
    let probe = Probe::new().await;
    for (query, found) in [
        ("", 1),
        ("?q=EXAM", 1),
        ("?q=owner@", 1),
        ("?q[name]=owner@", 0),
        ("?q[email]=owner@", 1),
        ("?q[email]=exampl", 1),
        ("?q=nobody", 0),
    ] {
        assert_eq!(names(&probe, &format!("organizations{query}")).await.len(), found, "{query}");
    }
}

#[tokio::test]
async fn workspaces_are_found_by_a_part_of_their_name_a_pattern_or_their_run() {
    let probe = Probe::new().await;
    for name in ["web-prod", "web-dev", "db-prod"] {
        probe.workspace(name).await;
    }
    let running = probe.workspace("running").await;
    probe.sandbox.with_world(|world| world.start_run(&running, "planned"));
    let list = "organizations/example/workspaces";
    assert_eq!(names(&probe, &format!("{list}?search[name]=WEB&sort=name")).await, ["web-dev", "web-prod"]);
    assert_eq!(
        names(&probe, &format!("{list}?search[wildcard-name]=*-prod&sort=-name")).await,
        ["web-prod", "db-prod"]
    );
    assert_eq!(names(&probe, &format!("{list}?search[wildcard-name]=web-*&sort=name")).await, ["web-dev", "web-prod"]);
    assert_eq!(names(&probe, &format!("{list}?filter[current-run][status]=planned,applying")).await, ["running"]);
    assert!(names(&probe, &format!("{list}?filter[project][id]=prj-none")).await.is_empty());
}

#[tokio::test]
async fn a_tag_is_asked_for_with_any_value_with_one_or_with_none() {
    let probe = Probe::new().await;
    let tagged = |name: &str, value: &str| {
        let tags = json!({ "data": [{ "type": "tag-bindings", "attributes": { "key": "env", "value": value } }] });
        related("workspaces", json!({ "name": name }), json!({ "tag-bindings": tags }))
    };
    for (name, value) in [("prod", "prod"), ("bare", "")] {
        probe.post("organizations/example/workspaces", tagged(name, value)).await.expect(201);
    }
    probe.workspace("untagged").await;
    let list = "organizations/example/workspaces?sort=name&filter[tagged][0][key]=env";
    assert_eq!(names(&probe, list).await, ["bare", "prod"]);
    assert_eq!(names(&probe, &format!("{list}&filter[tagged][0][value]=prod")).await, ["prod"]);
    assert_eq!(names(&probe, &format!("{list}&filter[tag-value-default-null]=true")).await, ["bare"]);
}

#[tokio::test]
async fn projects_pools_and_sets_are_found_by_a_part_of_their_name_and_sorted() {
    let probe = Probe::new().await;
    for name in ["beta", "alpha", "gamma"] {
        probe.project(name).await;
        probe.pool(name).await;
        let set = resource("varsets", json!({ "name": name }));
        probe.post("organizations/example/varsets", set).await.expect(201);
    }
    let list = |kind: &str, query: &str| format!("organizations/example/{kind}?{query}");
    for kind in ["projects", "agent-pools", "varsets"] {
        assert_eq!(names(&probe, &list(kind, "q=ALPH")).await, ["alpha"], "{kind}");
    }
    assert_eq!(names(&probe, &list("projects", "filter[names]=alpha,gamma&sort=-name")).await, ["gamma", "alpha"]);
    assert_eq!(names(&probe, &list("agent-pools", "sort=name")).await, ["alpha", "beta", "gamma"]);
    assert_eq!(names(&probe, &list("agent-pools", "sort=created-at")).await, ["beta", "alpha", "gamma"]);
    assert!(names(&probe, &list("varsets", "filter[global]=true")).await.is_empty());
}

#[tokio::test]
async fn state_that_is_everybodys_has_everybody_as_consumer() {
    let probe = Probe::new().await;
    let (one, two) = (probe.workspace("one").await, probe.workspace("two").await);
    probe.workspace("three").await;
    let path = format!("workspaces/{one}/relationships/remote-state-consumers");
    probe.patch(&path, ids("workspaces", &[&two])).await.expect(204);
    assert_eq!(names(&probe, &path).await, ["two"]);
    let global = resource("workspaces", json!({ "global-remote-state": true }));
    probe.patch(&format!("workspaces/{one}"), global).await.expect(200);
    assert_eq!(names(&probe, &path).await.len(), 2);
    assert_eq!(names(&probe, &format!("{path}?show_only_configured=true")).await, ["two"]);
}

#[tokio::test]
async fn tokens_of_connections_are_found_by_provider() {
    let probe = Probe::new().await;
    let count = async |provider: &str| {
        let path = format!("organizations/example/oauth-tokens?filter[provider]={provider}");
        probe.get(&path).await.expect(200).ids().len()
    };
    assert_eq!((count("github").await, count("gitlab_hosted").await), (1, 0));
}
