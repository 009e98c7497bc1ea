//! The client against the stand-in of the sandbox.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::*;
use crate::sandbox::{ClusterSeed, Sandbox, Seed};
use crate::systems::kube::failure::FailureKind;

/// A cluster, and somebody else who is in it.
struct Lab {
    sandbox: Sandbox,
    writer: Writer,
}

impl Lab {
    async fn new() -> Self {
        let seed = Seed { clusters: vec![ClusterSeed::new("cluster")], ..Seed::default() };
        let sandbox = Sandbox::in_memory(&seed).await.unwrap();
        let found = sandbox.cluster("cluster").unwrap();
        let way = Way::Loopback { address: found.address, token: Secret::new(found.token) };
        let door = Door { way, from: "the sandbox".to_owned() };
        let cluster = Cluster::reach(&door, &super::policy()).await.unwrap();
        Self { sandbox, writer: Writer::new(Arc::new(cluster)) }
    }

    fn cluster(&self) -> &Cluster {
        self.writer.cluster()
    }

    /// What `kubectl edit` would send: a merge patch of another manager.
    async fn edit(&self, path: &str, changes: &Value) {
        let found = self.sandbox.cluster("cluster").unwrap();
        let answer = reqwest::Client::new()
            .patch(format!("{}{path}?fieldManager=kubectl-edit", found.address))
            .bearer_auth(found.token)
            .header("content-type", "application/merge-patch+json")
            .body(changes.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }
}

fn config_map(value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "a", "namespace": "default", "labels": { "by": "us" } },
        "data": { "key": value },
    })
}

#[tokio::test]
async fn objects_are_applied_listed_tried_and_deleted() {
    let lab = Lab::new().await;
    let cluster = lab.cluster();
    assert_eq!(cluster.version().git_version, "v1.36.3");
    let kind = Kind::CONFIG_MAP;
    assert_eq!(cluster.get(&kind, Some("default"), "a").await.unwrap(), None);
    let tried = cluster.dry_run(&config_map("one"), false).await.unwrap();
    assert_eq!(tried["data"]["key"], "one");
    assert_eq!(cluster.get(&kind, Some("default"), "a").await.unwrap(), None, "it was only tried");
    let made = lab.writer.apply(&config_map("one"), false).await.unwrap();
    let again = lab.writer.apply(&config_map("one"), false).await.unwrap();
    assert_eq!(made["metadata"]["resourceVersion"], again["metadata"]["resourceVersion"]);
    let listing = cluster.list(&kind, Some("default"), Some("by=us")).await.unwrap();
    assert_eq!((listing.items.len(), &listing.items[0]["kind"]), (1, &json!("ConfigMap")));
    let metadata = cluster.list_metadata(&kind, None, Some("by=us")).await.unwrap();
    assert_eq!((&metadata.items[0]["metadata"]["name"], metadata.items[0].get("data")), (&json!("a"), None));
    let exists = lab.writer.create(&kind, &config_map("two")).await.unwrap_err();
    assert_eq!(exists.kind(), &FailureKind::AlreadyExists, "{exists}");
    let other = lab.writer.delete(&kind, Some("default"), "a", "another").await.unwrap_err();
    assert_eq!(other.kind(), &FailureKind::Conflict { causes: Vec::new() }, "{other}");
    let uid = made["metadata"]["uid"].as_str().unwrap();
    assert_eq!(lab.writer.delete(&kind, Some("default"), "a", uid).await.unwrap(), Deleted::Gone);
    assert_eq!(lab.writer.delete(&kind, Some("default"), "a", uid).await.unwrap(), Deleted::Gone);
    let unserved = cluster.list(&Kind::AGENT_POOL, Some("default"), None).await.unwrap_err();
    assert!(unserved.is_not_served(), "{unserved}");
}

#[tokio::test]
async fn a_field_that_somebody_else_changed_is_a_conflict_until_it_is_forced() {
    let lab = Lab::new().await;
    lab.writer.apply(&config_map("one"), false).await.unwrap();
    lab.edit("/api/v1/namespaces/default/configmaps/a", &json!({ "data": { "key": "theirs" } })).await;
    let refused = lab.cluster().dry_run(&config_map("two"), false).await.unwrap_err();
    let FailureKind::Conflict { causes } = refused.kind() else { panic!("{refused}") };
    let told: Vec<_> = causes.iter().map(|cause| (cause.manager.as_str(), cause.field.as_str())).collect();
    assert_eq!(told, [("kubectl-edit", ".data.key")]);
    let forced = lab.writer.apply(&config_map("two"), true).await.unwrap();
    assert_eq!(forced["data"]["key"], "two");
}

#[tokio::test]
async fn what_is_wrong_with_an_object_is_told_field_by_field() {
    let lab = Lab::new().await;
    let mut wrong = config_map("one");
    wrong["daat"] = json!({});
    let refused = lab.cluster().dry_run(&wrong, false).await.unwrap_err();
    assert!(matches!(refused.kind(), FailureKind::Invalid { .. }), "{refused}");
    assert!(refused.text().contains("daat"), "{refused}");
    assert_eq!(lab.cluster().requests(), 2, "it does not become right by being sent again");
    let nowhere = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "none" } });
    let refused = lab.writer.apply(&nowhere, false).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_not_served()), (&FailureKind::NotFound, false), "{refused}");
}

#[tokio::test]
async fn a_secret_comes_back_without_its_values() {
    let lab = Lab::new().await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "token", "namespace": "default" },
        "data": { "token": "Y2FuYXJ5LXZhbHVl" },
    });
    let made = lab.writer.apply(&secret, false).await.unwrap();
    assert!(made["metadata"]["uid"].is_string() && made.get("data").is_none(), "{made}");
    let listed = lab.cluster().list(&Kind::SECRET, Some("default"), None).await.unwrap();
    assert!(!format!("{listed:?}").contains("Y2Fu"));
    let value = lab.cluster().secret_value("default", "token", "token").await.unwrap().unwrap();
    assert_eq!(value.expose(), "canary-value");
}

#[tokio::test]
async fn a_change_is_waited_for() {
    let lab = Lab::new().await;
    let (kind, until) = (Kind::CONFIG_MAP, Instant::now() + Duration::from_secs(20));
    let look = |seen: Option<&Value>| (seen?["data"]["key"] == "late").then_some(());
    let waits = lab.cluster().watch_until(&kind, Some("default"), "a", until, look);
    let changes = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        lab.writer.apply(&config_map("early"), false).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        lab.writer.apply(&config_map("late"), false).await.unwrap();
    };
    let (found, ()) = tokio::join!(waits, changes);
    assert_eq!(found.unwrap(), Some(()));
    // The version, a read, a watch, and the two that changed it.
    assert_eq!(lab.cluster().requests(), 5);
}

#[tokio::test]
async fn one_who_may_do_everything_hears_so() {
    let lab = Lab::new().await;
    let rules = lab.cluster().rules("default").await.unwrap();
    assert!(rules.allows("delete", "apps", "deployments", None), "{rules:?}");
    assert!(lab.cluster().allowed("create", &Kind::CLUSTER_ROLE, None, None).await.unwrap());
}
