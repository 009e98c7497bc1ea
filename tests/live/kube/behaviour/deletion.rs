//! How objects go, and what goes with them.

use serde_json::{Value, json};

use crate::live::fixtures::{config_map, config_maps, deployment, deployments, uid, version};
use crate::live::subject::Subject;

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Makes a `ConfigMap` with more metadata; itself and its path.
async fn made(subject: &Subject, namespace: &str, name: &str, metadata: Value) -> (Value, String) {
    let mut body = config_map(name, &json!({}));
    for (key, value) in metadata.as_object().into_iter().flatten() {
        body["metadata"][key] = value.clone();
    }
    let made = subject.post(&config_maps(namespace), &body).await.created();
    (made, format!("{}/{name}", config_maps(namespace)))
}

/// A reference to a `ConfigMap` as the owner.
fn owned_by(owner: &Value, uid: &str) -> Value {
    json!({ "ownerReferences": [{
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner["metadata"]["name"],
        "uid": uid,
        "blockOwnerDeletion": true,
        "controller": true,
    }] })
}

pub async fn a_deletion_is_answered_with_what_went(subject: &Subject) {
    let namespace = subject.namespace().await;
    let (object, path) = made(subject, &namespace, "a", json!({})).await;
    let status = subject.delete(&path).await.ok();
    assert_eq!((&status["kind"], &status["status"]), (&json!("Status"), &json!("Success")));
    assert_eq!(status["details"], json!({ "name": "a", "kind": "configmaps", "uid": uid(&object) }));
    subject.get(&path).await.refused(404, "NotFound");
    subject.delete(&path).await.refused_as(404, "NotFound", "configmaps \"a\" not found");
    subject.post(&deployments(&namespace), &deployment("d")).await.created();
    let status = subject.delete(&format!("{}/d", deployments(&namespace))).await.ok();
    assert_eq!(status["status"], "Success");
    assert_eq!((&status["details"]["group"], &status["details"]["kind"]), (&json!("apps"), &json!("deployments")));
}

pub async fn a_deletion_may_be_of_one_uid_only(subject: &Subject) {
    let namespace = subject.namespace().await;
    let (object, path) = made(subject, &namespace, "a", json!({})).await;
    let text = format!(
        "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition ({NOBODY}) does not match the UID in \
        record ({}). The object might have been deleted and then recreated",
        uid(&object)
    );
    let options = json!({ "preconditions": { "uid": NOBODY } });
    subject.delete_with(&path, &options).await.refused_as(409, "Conflict", &text);
    let options = json!({ "preconditions": { "resourceVersion": "1" } });
    subject.delete_with(&path, &options).await.refused(409, "Conflict");
    let options = json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": { "uid": uid(&object), "resourceVersion": version(&object) },
        "propagationPolicy": "Background",
    });
    subject.delete_with(&path, &options).await.ok();
    subject.get(&path).await.refused(404, "NotFound");
}

pub async fn a_finalizer_keeps_an_object(subject: &Subject) {
    let namespace = subject.namespace().await;
    let (object, path) = made(subject, &namespace, "a", json!({ "finalizers": ["example.com/keep"] })).await;
    let going = subject.delete(&path).await.ok();
    assert_eq!(going["kind"], "ConfigMap", "what is still there is shown");
    assert!(going["metadata"]["deletionTimestamp"].is_string(), "{going}");
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 0);
    assert_ne!(version(&going), version(&object));
    let again = subject.delete(&path).await.ok();
    assert_eq!(again["metadata"]["deletionTimestamp"], going["metadata"]["deletionTimestamp"]);
    // It can still change, but nobody else can hold it.
    let changed = subject.merge(&path, &json!({ "data": { "k": "v" } })).await.ok();
    assert_eq!(changed["data"], json!({ "k": "v" }));
    let change = json!({ "metadata": { "finalizers": ["example.com/keep", "example.com/more"] } });
    let status = subject.merge(&path, &change).await.refused(422, "Invalid");
    let text = "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted";
    assert!(status["message"].as_str().unwrap().contains(text), "{status}");
    let gone = subject.merge(&path, &json!({ "metadata": { "finalizers": null } })).await.ok();
    assert!(gone["metadata"]["deletionTimestamp"].is_string(), "its last state is shown: {gone}");
    subject.get(&path).await.refused(404, "NotFound");
}

pub async fn a_name_is_taken_until_its_object_is_gone(subject: &Subject) {
    let namespace = subject.namespace().await;
    let (_, path) = made(subject, &namespace, "a", json!({ "finalizers": ["example.com/keep"] })).await;
    subject.delete(&path).await.ok();
    let text = "object is being deleted: configmaps \"a\" already exists";
    subject.post(&config_maps(&namespace), &config_map("a", &json!({}))).await.refused_as(409, "AlreadyExists", text);
    let applied = subject.apply(&path, "m", "", &config_map("a", &json!({ "k": "v" }))).await.ok();
    assert!(applied["metadata"]["deletionTimestamp"].is_string(), "an apply changes the one that goes: {applied}");
}

pub async fn what_is_owned_goes_after_its_owner(subject: &Subject) {
    let namespace = subject.namespace().await;
    let (owner, path) = made(subject, &namespace, "owner", json!({})).await;
    let (_, its) = made(subject, &namespace, "owned", owned_by(&owner, &uid(&owner))).await;
    let (_, free) = made(subject, &namespace, "free", json!({})).await;
    subject.delete_with(&path, &json!({ "propagationPolicy": "Background" })).await.ok();
    subject.get(&path).await.refused(404, "NotFound");
    subject.until_gone(&its).await;
    subject.get(&free).await.ok();
}

pub async fn what_is_owned_may_go_first(subject: &Subject) {
    let namespace = subject.namespace().await;
    let (owner, path) = made(subject, &namespace, "owner", json!({})).await;
    let mut metadata = owned_by(&owner, &uid(&owner));
    metadata["finalizers"] = json!(["example.com/keep"]);
    let (_, its) = made(subject, &namespace, "owned", metadata).await;
    let going = subject.delete_with(&path, &json!({ "propagationPolicy": "Foreground" })).await.ok();
    assert_eq!(going["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert!(going["metadata"]["deletionTimestamp"].is_string());
    let is_going = async || subject.get(&its).await.ok()["metadata"]["deletionTimestamp"].is_string();
    subject.until("the owned one is being deleted", is_going).await;
    subject.get(&path).await.ok();
    subject.merge(&its, &json!({ "metadata": { "finalizers": null } })).await.ok();
    subject.until_gone(&its).await;
    subject.until_gone(&path).await;
}

pub async fn what_is_owned_may_be_orphaned(subject: &Subject) {
    let namespace = subject.namespace().await;
    let (owner, path) = made(subject, &namespace, "owner", json!({})).await;
    let (_, its) = made(subject, &namespace, "owned", owned_by(&owner, &uid(&owner))).await;
    let going = subject.delete_with(&path, &json!({ "propagationPolicy": "Orphan" })).await.ok();
    assert_eq!(going["metadata"]["finalizers"], json!(["orphan"]));
    subject.until_gone(&path).await;
    assert!(subject.get(&its).await.ok()["metadata"]["ownerReferences"].is_null());
}

pub async fn what_nobody_owns_any_more_goes(subject: &Subject) {
    let namespace = subject.namespace().await;
    let (owner, _) = made(subject, &namespace, "owner", json!({})).await;
    // The name is that of an object that is there, but the uid is of an earlier one.
    let (_, its) = made(subject, &namespace, "owned", owned_by(&owner, NOBODY)).await;
    subject.until_gone(&its).await;
}

pub async fn an_owner_is_named_whole(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = config_map("a", &json!({}));
    body["metadata"]["ownerReferences"] = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "b", "uid": "" }]);
    let status = subject.post(&config_maps(&namespace), &body).await.refused(422, "Invalid");
    let text = "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty";
    assert!(status["message"].as_str().unwrap().contains(text), "{status}");
}

pub async fn a_deletion_has_one_of_three_ways(subject: &Subject) {
    let namespace = subject.namespace().await;
    let (_, path) = made(subject, &namespace, "a", json!({})).await;
    subject.delete_with(&path, &json!({ "propagationPolicy": "Sideways" })).await.refused(422, "Invalid");
    subject.delete(&format!("{path}?propagationPolicy=Background")).await.ok();
}

pub async fn options_in_a_body_stand_for_those_of_the_query(subject: &Subject) {
    let namespace = subject.namespace().await;
    let (_, path) = made(subject, &namespace, "a", json!({})).await;
    // So this is no trial, and a trial says so in its body.
    subject.delete_with(&path, &json!({ "dryRun": ["All"] })).await.ok();
    subject.get(&path).await.ok();
    subject.delete_with(&format!("{path}?dryRun=All"), &json!({})).await.ok();
    subject.get(&path).await.refused(404, "NotFound");
}
