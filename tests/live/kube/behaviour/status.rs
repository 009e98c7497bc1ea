//! The status apart from the rest, and the generation, which counts what is asked for.

use serde_json::{Value, json};

use crate::live::fixtures::{Kind, deployment, deployments, owned, version};
use crate::live::subject::Subject;

fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or_else(|| panic!("no generation: {object}"))
}

pub async fn a_status_is_written_by_its_own_path(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = format!("{}/a", kind.path(&namespace));
    let mut body = kind.object("a", &json!({ "name": "x" }));
    body["status"] = json!({ "id": "p", "observedGeneration": 1 });
    let made = subject.post(&kind.path(&namespace), &body).await.created();
    assert!(made["status"].is_null(), "a new object has none: {made}");
    let change = json!({ "status": { "id": "p", "observedGeneration": 1 } });
    let same = subject.merge(&path, &change).await.ok();
    assert!(same["status"].is_null() && version(&same) == version(&made), "{same}");
    let change = json!({
        "metadata": { "labels": { "l": "1" } },
        "spec": { "name": "y" },
        "status": { "id": "p", "observedGeneration": 1 },
    });
    let changed = subject.merge(&format!("{path}/status"), &change).await.ok();
    assert_eq!(changed["status"], json!({ "id": "p", "observedGeneration": 1 }));
    assert_eq!(changed["spec"]["name"], "x", "the rest stays");
    assert!(changed["metadata"]["labels"].is_null(), "of a custom kind the labels stay too: {changed}");
    assert_eq!(generation(&changed), 1);
    assert_ne!(version(&changed), version(&made));
    assert_eq!(subject.get(&format!("{path}/status")).await.ok(), changed);
}

pub async fn a_status_is_held_to_its_schema(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = format!("{}/a", kind.path(&namespace));
    subject.post(&kind.path(&namespace), &kind.object("a", &json!({ "name": "x" }))).await.created();
    let change = json!({ "status": { "id": "p" } });
    let status = subject.merge(&format!("{path}/status"), &change).await.refused(422, "Invalid");
    assert!(status["message"].as_str().unwrap().ends_with("status.observedGeneration: Required value"), "{status}");
}

pub async fn a_status_is_updated_whole(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = format!("{}/a", kind.path(&namespace));
    let mut body = subject.post(&kind.path(&namespace), &kind.object("a", &json!({ "name": "x" }))).await.created();
    body["status"] = json!({ "id": "p", "observedGeneration": 1 });
    let changed = subject.put(&format!("{path}/status"), &body).await.ok();
    assert_eq!(changed["status"]["id"], "p");
    // An update of the object leaves it as it is, whatever it says.
    let mut body = changed.clone();
    body["status"] = json!({ "id": "q", "observedGeneration": 7 });
    body["spec"]["name"] = json!("y");
    let changed = subject.put(&path, &body).await.ok();
    assert_eq!((&changed["status"]["id"], &changed["spec"]["name"]), (&json!("p"), &json!("y")));
    assert_eq!(generation(&changed), 2);
}

pub async fn a_generation_counts_changes_of_what_is_asked_for(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = format!("{}/a", kind.path(&namespace));
    let made = subject.apply(&path, "m", "", &kind.object("a", &json!({ "name": "x" }))).await.created();
    assert_eq!(generation(&made), 1);
    let change = json!({ "metadata": { "labels": { "l": "1" }, "annotations": { "n": "1" } } });
    assert_eq!(generation(&subject.merge(&path, &change).await.ok()), 1);
    let changed = subject.merge(&path, &json!({ "spec": { "replicas": 2 } })).await.ok();
    assert_eq!(generation(&changed), 2);
    let change = json!({ "metadata": { "generation": 40 } });
    assert_eq!(generation(&subject.merge(&path, &change).await.ok()), 2, "it is the server's");
    // The beginning of its end counts as well.
    subject.merge(&path, &json!({ "metadata": { "finalizers": ["example.com/keep"] } })).await.ok();
    assert_eq!(generation(&subject.delete(&path).await.ok()), 3);
}

pub async fn a_deployment_counts_too(subject: &Subject) {
    let path = format!("{}/a", deployments(&subject.namespace().await));
    let made = subject.apply(&path, "m", "", &deployment("a")).await.created();
    assert_eq!(generation(&made), 1);
    let mut body = deployment("a");
    body["metadata"]["labels"] = json!({ "l": "1" });
    assert_eq!(generation(&subject.apply(&path, "m", "", &body).await.ok()), 1);
    body["metadata"]["annotations"] = json!({ "example.com/a": "1" });
    assert_eq!(generation(&subject.apply(&path, "m", "", &body).await.ok()), 2, "of this kind annotations count");
    body["spec"]["replicas"] = json!(0);
    assert_eq!(generation(&subject.apply(&path, "m", "", &body).await.ok()), 3);
    let observed = async || subject.get(&path).await.ok()["status"]["observedGeneration"] == 3;
    subject.until("its controller has seen that", observed).await;
}

pub async fn readiness_can_be_said_by_hand(subject: &Subject) {
    let path = format!("{}/a", deployments(&subject.namespace().await));
    let mut body = deployment("a");
    body["spec"]["replicas"] = json!(0);
    subject.apply(&path, "m", "", &body).await.created();
    let observed = async || subject.get(&path).await.ok()["status"]["observedGeneration"] == 1;
    subject.until("its controller has seen it", observed).await;
    let change = json!({ "status": { "conditions": [
        { "type": "Example", "status": "True", "reason": "Said", "message": "by hand" },
    ] } });
    let changed = subject.merge(&format!("{path}/status"), &change).await.ok();
    assert_eq!(crate::live::fixtures::condition(&changed, "Example"), "True");
    assert_eq!(generation(&changed), 1);
}

pub async fn an_applied_status_is_neither_kept_nor_owned(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = format!("{}/a", kind.path(&namespace));
    let mut body = kind.object("a", &json!({ "name": "x" }));
    body["status"] = json!({ "id": "p", "observedGeneration": 1 });
    let made = subject.apply(&path, "m", "", &body).await.created();
    assert!(made["status"].is_null(), "{made}");
    assert_eq!(owned(&made, "m", "Apply").unwrap(), json!({ "f:spec": { "f:name": {} } }));
    assert_eq!(subject.apply(&path, "m", "", &body).await.ok(), made);
}
