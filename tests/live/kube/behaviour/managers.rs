//! `metadata.managedFields`: who is written down as the owner of what.

use serde_json::{Value, json};

use crate::live::fixtures::{Kind, config_map, config_maps, deployment, deployments, owned};
use crate::live::subject::Subject;

pub async fn an_entry_has_seven_parts(subject: &Subject) {
    let path = format!("{}/a", deployments(&subject.namespace().await));
    let made = subject.apply(&path, "m", "", &deployment("a")).await.created();
    let entries = made["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{made}");
    let mut entry = entries[0].clone();
    assert_eq!(entry["time"].as_str().map(str::len), Some("2006-01-02T15:04:05Z".len()));
    entry["time"] = Value::Null;
    let container = json!({ "k:{\"name\":\"main\"}": { ".": {}, "f:image": {}, "f:name": {} } });
    let expected = json!({
        "manager": "m",
        "operation": "Apply",
        "apiVersion": "apps/v1",
        "time": null,
        "fieldsType": "FieldsV1",
        "fieldsV1": { "f:spec": {
            "f:selector": {},
            "f:template": {
                "f:metadata": { "f:labels": { "f:app": {} } },
                "f:spec": { "f:containers": container },
            },
        } },
    });
    assert_eq!(entry, expected);
}

pub async fn a_creation_owns_what_it_says_and_what_is_filled_in(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}?fieldManager=maker", config_maps(&namespace));
    let made = subject.post(&path, &config_map("a", &json!({ "one": "1" }))).await.created();
    // Unlike an apply, it owns the map as well as what is in it.
    assert_eq!(owned(&made, "maker", "Update").unwrap(), json!({ "f:data": { ".": {}, "f:one": {} } }));
    let path = format!("{}?fieldManager=maker", deployments(&namespace));
    let made = subject.post(&path, &deployment("a")).await.created();
    assert!(owned(&made, "maker", "Update").unwrap()["f:spec"]["f:replicas"].is_object(), "{made}");
}

pub async fn without_a_manager_it_is_the_program(subject: &Subject) {
    let namespace = subject.namespace().await;
    let made = subject.post(&config_maps(&namespace), &config_map("a", &json!({ "one": "1" }))).await.created();
    assert!(owned(&made, "suite", "Update").is_some(), "the user agent's part before the slash: {made}");
}

pub async fn an_update_owns_what_it_changes(subject: &Subject) {
    let path = format!("{}/a", config_maps(&subject.namespace().await));
    subject.apply(&path, "m", "", &config_map("a", &json!({ "one": "1", "two": "2" }))).await.created();
    let change = json!({ "data": { "one": "1", "two": "9" } });
    let changed = subject.merge(&format!("{path}?fieldManager=other"), &change).await.ok();
    assert_eq!(owned(&changed, "other", "Update").unwrap(), json!({ "f:data": { "f:two": {} } }));
    assert_eq!(owned(&changed, "m", "Apply").unwrap(), json!({ "f:data": { "f:one": {} } }), "it lost the other");
    let change = json!({ "data": { "two": null } });
    let changed = subject.merge(&format!("{path}?fieldManager=third"), &change).await.ok();
    assert!(owned(&changed, "other", "Update").is_none(), "what is gone has no owner: {changed}");
    assert!(owned(&changed, "third", "Update").is_none(), "{changed}");
}

pub async fn one_name_may_apply_and_update(subject: &Subject) {
    let path = format!("{}/a", config_maps(&subject.namespace().await));
    subject.apply(&path, "m", "", &config_map("a", &json!({ "one": "1" }))).await.created();
    let changed = subject.merge(&format!("{path}?fieldManager=m"), &json!({ "data": { "two": "2" } })).await.ok();
    assert_eq!(owned(&changed, "m", "Apply").unwrap(), json!({ "f:data": { "f:one": {} } }));
    assert_eq!(owned(&changed, "m", "Update").unwrap(), json!({ "f:data": { "f:two": {} } }));
}

pub async fn a_status_is_written_down_apart(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = format!("{}/a", kind.path(&namespace));
    subject.apply(&path, "m", "", &kind.object("a", &json!({ "name": "x" }))).await.created();
    let change = json!({ "status": { "id": "p", "observedGeneration": 1 } });
    let changed = subject.merge(&format!("{path}/status?fieldManager=operator"), &change).await.ok();
    let entries = changed["metadata"]["managedFields"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["manager"] == "operator").unwrap();
    assert_eq!((&entry["operation"], &entry["subresource"]), (&json!("Update"), &json!("status")));
    let fields = json!({ "f:status": { ".": {}, "f:id": {}, "f:observedGeneration": {} } });
    assert_eq!(entry["fieldsV1"], fields);
    // An apply of the object itself does not touch it.
    let applied = subject.apply(&path, "m", "", &kind.object("a", &json!({ "name": "y" }))).await.ok();
    assert_eq!(applied["status"], json!({ "id": "p", "observedGeneration": 1 }));
    let body = json!({
        "apiVersion": kind.api_version,
        "kind": "Thing",
        "metadata": { "name": "a" },
        "status": { "id": "q", "observedGeneration": 1 },
    });
    let status = subject.apply(&format!("{path}/status"), "other", "", &body).await.refused(409, "Conflict");
    let text = format!(
        "Apply failed with 1 conflict: conflict with \"operator\" with subresource \"status\" using {}: .status.id",
        kind.api_version
    );
    assert_eq!(status["message"], text);
    let applied = subject.apply(&format!("{path}/status"), "other", "&force=true", &body).await.ok();
    assert_eq!(applied["status"]["id"], "q");
}

pub async fn a_custom_object_owns_no_defaults_by_apply(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = format!("{}/a", kind.path(&namespace));
    let made = subject.apply(&path, "m", "", &kind.object("a", &json!({ "name": "x" }))).await.created();
    assert_eq!(made["spec"], json!({ "name": "x", "policy": "retain" }));
    assert_eq!(owned(&made, "m", "Apply").unwrap(), json!({ "f:spec": { "f:name": {} } }));
}
