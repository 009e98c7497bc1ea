//! Namespaces, from their making to their end.

use serde_json::json;

use crate::live::fixtures::{causes, config_map, config_maps, owned, uid, version};
use crate::live::subject::Subject;

const NAMESPACES: &str = "/api/v1/namespaces";

pub async fn a_namespace_is_active_at_once(subject: &Subject) {
    let name = subject.name("ns");
    let metadata = json!({ "name": name, "labels": { "l": "1" } });
    let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
    let made = subject.apply(&format!("{NAMESPACES}/{name}"), "m", "", &body).await.created();
    assert_eq!(made["status"], json!({ "phase": "Active" }));
    assert_eq!(made["spec"], json!({ "finalizers": ["kubernetes"] }));
    assert_eq!(made["metadata"]["labels"], json!({ "kubernetes.io/metadata.name": name, "l": "1" }));
    subject.post(&config_maps(&name), &config_map("a", &json!({}))).await.created();
    let again = subject.apply(&format!("{NAMESPACES}/{name}"), "m", "", &body).await.ok();
    assert_eq!(version(&again), version(&made));
}

pub async fn the_cluster_is_known_by_kube_system(subject: &Subject) {
    let first = subject.get(&format!("{NAMESPACES}/kube-system")).await.ok();
    assert_eq!(first["status"]["phase"], "Active");
    assert_eq!(uid(&first).len(), 36);
    let again = subject.get(&format!("{NAMESPACES}/kube-system")).await.ok();
    assert_eq!(uid(&again), uid(&first));
    for name in ["default", "kube-public"] {
        assert_ne!(uid(&subject.get(&format!("{NAMESPACES}/{name}")).await.ok()), uid(&first));
    }
}

pub async fn some_namespaces_stay(subject: &Subject) {
    for name in ["default", "kube-system"] {
        let status = subject.delete(&format!("{NAMESPACES}/{name}")).await.refused(403, "Forbidden");
        let text = format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted");
        assert_eq!(status["message"], text);
    }
}

pub async fn an_ending_namespace_takes_nothing_in(subject: &Subject) {
    let name = subject.namespace().await;
    let path = format!("{NAMESPACES}/{name}");
    let mut body = config_map("kept", &json!({}));
    body["metadata"]["finalizers"] = json!(["example.com/keep"]);
    subject.post(&config_maps(&name), &body).await.created();
    subject.post(&config_maps(&name), &config_map("free", &json!({}))).await.created();
    let going = subject.delete(&path).await.ok();
    assert_eq!((&going["kind"], &going["status"]["phase"]), (&json!("Namespace"), &json!("Terminating")));
    assert!(going["metadata"]["deletionTimestamp"].is_string(), "{going}");
    let text = format!(
        "configmaps \"new\" is forbidden: unable to create new content in namespace {name} because it is being terminated"
    );
    let new = config_map("new", &json!({}));
    let refused = async || subject.post(&config_maps(&name), &new).await.status == 403;
    subject.until("it takes nothing in", refused).await;
    let status = subject.post(&config_maps(&name), &new).await.refused_as(403, "Forbidden", &text);
    let cause = (
        "NamespaceTerminating".to_owned(),
        format!("namespace {name} is being terminated"),
        "metadata.namespace".to_owned(),
    );
    assert_eq!(causes(&status), [cause]);
    let applied = format!("{}/new", config_maps(&name));
    subject.apply(&applied, "m", "", &new).await.refused_as(403, "Forbidden", &text);
    let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let text = format!("object is being deleted: namespaces \"{name}\" already exists");
    subject.post(NAMESPACES, &body).await.refused_as(409, "AlreadyExists", &text);
    // What is in it goes, and then it does.
    subject.until_gone(&format!("{}/free", config_maps(&name))).await;
    let kept = format!("{}/kept", config_maps(&name));
    let is_going = async || subject.get(&kept).await.ok()["metadata"]["deletionTimestamp"].is_string();
    subject.until("what is kept was asked to go", is_going).await;
    subject.merge(&kept, &json!({ "data": { "k": "v" } })).await.ok();
    subject.merge(&kept, &json!({ "metadata": { "finalizers": null } })).await.ok();
    subject.until_gone(&path).await;
    subject.post(NAMESPACES, &body).await.created();
}

pub async fn a_namespace_with_nothing_in_it_ends(subject: &Subject) {
    let name = subject.namespace().await;
    let path = format!("{NAMESPACES}/{name}");
    subject.delete(&path).await.ok();
    subject.until_gone(&path).await;
}

pub async fn who_applies_nothing_owns_nothing(subject: &Subject) {
    let name = subject.name("ns");
    let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let path = format!("{NAMESPACES}/{name}");
    let made = subject.apply(&path, "m", "", &body).await.created();
    assert!(made["metadata"]["managedFields"].is_null(), "{made}");
    // So the second apply is the first that finds an object, of which nobody knows who made it, and is stored.
    let again = subject.apply(&path, "m", "", &body).await.ok();
    assert_ne!(version(&again), version(&made));
    assert!(
        owned(&again, "before-first-apply", "Update").is_some() && owned(&again, "m", "Apply").is_none(),
        "{again}"
    );
    let third = subject.apply(&path, "m", "", &body).await.ok();
    assert_eq!(version(&third), version(&again));
}
