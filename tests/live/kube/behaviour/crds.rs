//! Definitions of custom kinds: how they come, change and go.

use serde_json::json;

use crate::live::fixtures::{DEFINITIONS, Kind, condition, names, version};
use crate::live::subject::Subject;

pub async fn a_kind_is_served_once_it_is_established(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::unknown(subject);
    let reply = subject.get(&kind.path(&namespace)).await;
    assert_eq!((reply.status, reply.text().trim()), (404, "404 page not found"), "nobody knows its group");
    let made = subject.apply(&kind.crd_path(), "m", "", &kind.crd(&json!({}))).await.created();
    assert_eq!(made["spec"]["conversion"], json!({ "strategy": "None" }));
    kind.until_served(subject).await;
    let defined = subject.get(&kind.crd_path()).await.ok();
    assert_eq!(condition(&defined, "NamesAccepted"), "True");
    assert_eq!(defined["status"]["storedVersions"], json!(["v1"]));
    assert_eq!(defined["status"]["acceptedNames"]["plural"], "things");
    let conditions = defined["status"]["conditions"].as_array().unwrap();
    let established = conditions.iter().find(|one| one["type"] == "Established").unwrap();
    assert_eq!(established["reason"], "InitialNamesAccepted");
    let is_listed = async || {
        let list = subject.get(&format!("/apis/{}", kind.api_version)).await.json();
        let resources: Vec<_> =
            list["resources"].as_array().into_iter().flatten().map(|one| one["name"].clone()).collect();
        resources == ["things", "things/status"]
    };
    subject.until("it is among the resources", is_listed).await;
}

pub async fn a_definition_applied_twice_is_stored_once(subject: &Subject) {
    let kind = Kind::unknown(subject);
    subject.apply(&kind.crd_path(), "m", "", &kind.crd(&json!({}))).await.created();
    kind.until_served(subject).await;
    let before = subject.get(&kind.crd_path()).await.ok();
    let again = subject.apply(&kind.crd_path(), "m", "", &kind.crd(&json!({}))).await.ok();
    assert_eq!(version(&again), version(&before));
    assert_eq!(again["metadata"]["generation"], before["metadata"]["generation"]);
}

pub async fn a_new_field_is_served_after_an_upgrade(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::unknown(subject);
    let path = kind.path(&namespace);
    subject.apply(&kind.crd_path(), "m", "", &kind.crd(&json!({}))).await.created();
    kind.until_served(subject).await;
    let old = subject.post(&path, &kind.object("old", &json!({ "name": "x" }))).await.created();
    let body = kind.object("new", &json!({ "name": "x", "added": "y" }));
    let strict = format!("{path}?fieldValidation=Strict");
    subject.post(&strict, &body).await.refused(400, "BadRequest");
    let more = json!({ "added": { "type": "string" }, "filled": { "type": "string", "default": "in" } });
    let changed = subject.apply(&kind.crd_path(), "m", "", &kind.crd(&more)).await.ok();
    assert_eq!(changed["metadata"]["generation"], 2);
    let is_taken = async || subject.post(&strict, &body).await.status == 201;
    subject.until("the new field is known", is_taken).await;
    assert_eq!(subject.get(&format!("{path}/new")).await.ok()["spec"]["added"], "y");
    let shown = subject.get(&format!("{path}/old")).await.ok();
    assert_eq!(shown["spec"]["filled"], "in", "a new default shows in what was stored before");
    assert_eq!(version(&shown), version(&old));
}

pub async fn a_definition_takes_its_objects_along(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = kind.path(&namespace);
    let mut body = kind.object("kept", &json!({ "name": "x" }));
    body["metadata"]["finalizers"] = json!(["example.com/keep"]);
    subject.post(&path, &body).await.created();
    subject.post(&path, &kind.object("free", &json!({ "name": "x" }))).await.created();
    let going = subject.delete(&kind.crd_path()).await.ok();
    assert_eq!(going["metadata"]["finalizers"], json!(["customresourcecleanup.apiextensions.k8s.io"]));
    subject.until_gone(&format!("{path}/free")).await;
    let is_going =
        async || subject.get(&format!("{path}/kept")).await.ok()["metadata"]["deletionTimestamp"].is_string();
    subject.until("the other was asked to go", is_going).await;
    assert_eq!(condition(&subject.get(&kind.crd_path()).await.ok(), "Terminating"), "True");
    let text = format!(
        "things.{} \"new\" is forbidden: create not allowed while custom resource definition is terminating",
        kind.group
    );
    let new = kind.object("new", &json!({ "name": "x" }));
    subject.post(&path, &new).await.refused_as(403, "Forbidden", &text);
    subject.apply(&format!("{path}/new"), "m", "", &new).await.refused_as(403, "Forbidden", &text);
    subject.merge(&format!("{path}/kept"), &json!({ "metadata": { "finalizers": null } })).await.ok();
    subject.until_gone(&kind.crd_path()).await;
    subject.until_gone(&path).await;
}

pub async fn a_definition_has_rules(subject: &Subject) {
    let kind = Kind::unknown(subject);
    let mut body = kind.crd(&json!({}));
    body["metadata"]["name"] = json!("other.example.com");
    let status = subject.post(DEFINITIONS, &body).await.refused(422, "Invalid");
    let text = "metadata.name: Invalid value: \"other.example.com\": must be spec.names.plural+\".\"+spec.group";
    assert!(status["message"].as_str().unwrap().contains(text), "{status}");
    let mut body = kind.crd(&json!({}));
    body["spec"]["versions"][0]["schema"] = json!(null);
    let status = subject.post(DEFINITIONS, &body).await.refused(422, "Invalid");
    assert!(
        status["message"].as_str().unwrap().ends_with("spec.versions[0].schema.openAPIV3Schema: Required value"),
        "{status}"
    );
}

pub async fn definitions_are_listed_by_label(subject: &Subject) {
    let kind = Kind::unknown(subject);
    let mut body = kind.crd(&json!({}));
    body["metadata"]["labels"] = json!({ "mark": kind.group });
    subject.post(DEFINITIONS, &body).await.created();
    let list = subject.get(&format!("{DEFINITIONS}?labelSelector=mark%3D{}", kind.group)).await.ok();
    assert_eq!((&list["kind"], names(&list)), (&json!("CustomResourceDefinitionList"), vec![kind.definition.clone()]));
}
