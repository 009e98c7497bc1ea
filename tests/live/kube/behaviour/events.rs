//! Events (core v1), in which controllers say what went wrong.

use serde_json::{Value, json};

use crate::live::fixtures::{condition, config_map, config_maps, deployment, deployments, names, path, say_ready, uid};
use crate::live::subject::Subject;

fn event(name: &str, namespace: &str, about: &Value, reason: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": name, "namespace": namespace },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "namespace": namespace,
            "name": about["metadata"]["name"],
            "uid": uid(about),
        },
        "type": "Warning",
        "reason": reason,
        "message": "it went wrong",
        "source": { "component": "a-controller" },
        "firstTimestamp": "2026-01-02T03:04:05Z",
        "lastTimestamp": "2026-01-02T03:04:05Z",
        "count": 1,
    })
}

pub async fn events_are_found_by_what_they_are_about(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = path("v1", &namespace, "events");
    let one = subject.post(&config_maps(&namespace), &config_map("one", &json!({}))).await.created();
    let two = subject.post(&config_maps(&namespace), &config_map("two", &json!({}))).await.created();
    let made = subject.post(&path, &event("one.1", &namespace, &one, "First")).await.created();
    assert_eq!((&made["reason"], &made["count"], &made["type"]), (&json!("First"), &json!(1), &json!("Warning")));
    assert_eq!(made["metadata"].get("generation"), None);
    subject.post(&path, &event("one.2", &namespace, &one, "Second")).await.created();
    subject.post(&path, &event("two.1", &namespace, &two, "First")).await.created();
    for (selector, expected) in [
        ("involvedObject.name%3Done".to_owned(), &["one.1", "one.2"][..]),
        (format!("involvedObject.uid%3D{}", uid(&two)), &["two.1"]),
        ("involvedObject.kind%3DConfigMap,involvedObject.name%3Done,reason%3DSecond".to_owned(), &["one.2"]),
        ("involvedObject.name%3Done,type%3DNormal".to_owned(), &[]),
        ("type!%3DNormal,reason%3DFirst".to_owned(), &["one.1", "two.1"]),
    ] {
        let list = subject.get(&format!("{path}?fieldSelector={selector}")).await.ok();
        assert_eq!(names(&list), expected, "{selector}");
    }
}

pub async fn an_event_may_be_counted_on(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = path("v1", &namespace, "events");
    let one = subject.post(&config_maps(&namespace), &config_map("one", &json!({}))).await.created();
    subject.post(&path, &event("one.1", &namespace, &one, "First")).await.created();
    let change = json!({ "count": 2, "lastTimestamp": "2026-01-02T03:05:05Z" });
    let changed = subject.merge(&format!("{path}/one.1"), &change).await.ok();
    assert_eq!((&changed["count"], &changed["firstTimestamp"]), (&json!(2), &json!("2026-01-02T03:04:05Z")));
}

pub async fn an_event_is_in_the_namespace_of_its_object(subject: &Subject) {
    let namespace = subject.namespace().await;
    let other = subject.namespace().await;
    let one = subject.post(&config_maps(&other), &config_map("one", &json!({}))).await.created();
    let mut body = event("one.1", &namespace, &one, "First");
    body["involvedObject"]["namespace"] = json!(other);
    let status = subject.post(&path("v1", &namespace, "events"), &body).await.refused(422, "Invalid");
    let text = "involvedObject.namespace: Invalid value: ";
    assert!(status["message"].as_str().unwrap().contains(text), "{status}");
}

/// Of the real controllers: a stand-in has none that would say so.
pub async fn controllers_tell_what_they_do(subject: &Subject) {
    let namespace = subject.namespace().await;
    subject.post(&deployments(&namespace), &deployment("a")).await.created();
    let asked = format!(
        "{}?fieldSelector=involvedObject.kind%3DDeployment,involvedObject.name%3Da",
        path("v1", &namespace, "events")
    );
    let is_told = async || {
        let list = subject.get(&asked).await.ok();
        list["items"].as_array().unwrap().iter().any(|one| one["reason"] == "ScalingReplicaSet")
    };
    subject.until("the controller says that it scaled", is_told).await;
}

/// Of the real controllers.
pub async fn a_deployment_gets_its_pods(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = deployment("a");
    body["spec"]["replicas"] = json!(2);
    let made = subject.post(&deployments(&namespace), &body).await.created();
    let pods = path("v1", &namespace, "pods");
    let are_there = async || names(&subject.get(&format!("{pods}?labelSelector=app%3Da")).await.ok()).len() == 2;
    subject.until("two pods are made", are_there).await;
    let sets = subject.get(&path("apps/v1", &namespace, "replicasets")).await.ok();
    let owner = &sets["items"][0]["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], owner["uid"].as_str().unwrap()), (&json!("Deployment"), uid(&made).as_str()));
    subject.delete(&format!("{}/a", deployments(&namespace))).await.ok();
    let are_gone = async || names(&subject.get(&pods).await.ok()).is_empty();
    subject.until("they went with it", are_gone).await;
}

/// Of the real controllers.
pub async fn a_deployment_is_available_once_its_pods_are_said_to_be_ready(subject: &Subject) {
    let namespace = subject.namespace().await;
    subject.post(&deployments(&namespace), &deployment("a")).await.created();
    let path = format!("{}/a", deployments(&namespace));
    let is_seen = async || condition(&subject.get(&path).await.ok(), "Available") == "False";
    subject.until("its controller says that it is not available", is_seen).await;
    // It says so before there is a pod.
    let is_said = async || say_ready(subject, &namespace, "app%3Da").await == 1;
    subject.until("its pod is made", is_said).await;
    let is_available = async || condition(&subject.get(&path).await.ok(), "Available") == "True";
    subject.until("it is available", is_available).await;
    let status = subject.get(&path).await.ok()["status"].clone();
    assert_eq!((&status["readyReplicas"], &status["updatedReplicas"]), (&json!(1), &json!(1)));
}
