//! Watching: what happens, in order, from a version on.

use serde_json::{Value, json};

use crate::live::fixtures::{Kind, config_map, config_maps, version};
use crate::live::subject::{METADATA, Subject};

fn labelled(name: &str, label: &str) -> Value {
    let mut body = config_map(name, &json!({}));
    body["metadata"]["labels"] = json!({ "watched": label });
    body
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

pub async fn what_happens_is_told_in_order(subject: &Subject) {
    let path = config_maps(&subject.namespace().await);
    let list = subject.get(&path).await.ok();
    let from = format!(
        "{path}?labelSelector=watched&resourceVersion={}",
        list["metadata"]["resourceVersion"].as_str().unwrap()
    );
    let mut watch = subject.watch(&from).await;
    let made = subject.post(&path, &labelled("a", "yes")).await.created();
    let changed = subject.merge(&format!("{path}/a"), &json!({ "data": { "k": "v" } })).await.ok();
    subject.post(&path, &labelled("b", "yes")).await.created();
    subject.delete(&format!("{path}/a")).await.ok();
    assert_eq!(watch.expect("ADDED").await, made, "the whole object, as it was");
    assert_eq!(watch.expect("MODIFIED").await, changed);
    assert_eq!(name(&watch.expect("ADDED").await), "b");
    let gone = watch.expect("DELETED").await;
    assert_eq!(name(&gone), "a");
    assert!(
        version(&gone).parse::<u64>().unwrap() > version(&changed).parse().unwrap(),
        "it has the version of its end"
    );
    // The same again, from the version of the first event on.
    let mut watch = subject.watch(&format!("{path}?labelSelector=watched&resourceVersion={}", version(&made))).await;
    assert_eq!(watch.expect("MODIFIED").await, changed);
    assert_eq!(name(&watch.expect("ADDED").await), "b");
    watch.expect("DELETED").await;
}

pub async fn without_a_version_it_begins_with_what_is_there(subject: &Subject) {
    let path = config_maps(&subject.namespace().await);
    subject.post(&path, &labelled("a", "yes")).await.created();
    subject.post(&path, &labelled("b", "yes")).await.created();
    let mut watch = subject.watch(&format!("{path}?labelSelector=watched")).await;
    let mut names = [name(&watch.expect("ADDED").await).to_owned(), name(&watch.expect("ADDED").await).to_owned()];
    names.sort();
    assert_eq!(names, ["a", "b"]);
    subject.delete(&format!("{path}/a")).await.ok();
    assert_eq!(name(&watch.expect("DELETED").await), "a");
}

pub async fn what_leaves_a_selection_is_told_as_deleted(subject: &Subject) {
    let path = config_maps(&subject.namespace().await);
    let made = subject.post(&path, &labelled("a", "yes")).await.created();
    let mut watch =
        subject.watch(&format!("{path}?labelSelector=watched%3Dyes&resourceVersion={}", version(&made))).await;
    subject.merge(&format!("{path}/a"), &json!({ "metadata": { "labels": { "watched": "no" } } })).await.ok();
    assert_eq!(name(&watch.expect("DELETED").await), "a");
    subject.merge(&format!("{path}/a"), &json!({ "metadata": { "labels": { "watched": "yes" } } })).await.ok();
    assert_eq!(name(&watch.expect("ADDED").await), "a");
}

pub async fn one_object_may_be_watched(subject: &Subject) {
    let path = config_maps(&subject.namespace().await);
    let made = subject.post(&path, &labelled("a", "yes")).await.created();
    let from = format!("{path}?fieldSelector=metadata.name%3Da&resourceVersion={}", version(&made));
    let mut watch = subject.watch(&from).await;
    subject.post(&path, &labelled("b", "yes")).await.created();
    subject.merge(&format!("{path}/a"), &json!({ "data": { "k": "v" } })).await.ok();
    assert_eq!(name(&watch.expect("MODIFIED").await), "a");
}

pub async fn a_watch_ends_when_its_time_is_over(subject: &Subject) {
    let path = config_maps(&subject.namespace().await);
    let list = subject.get(&path).await.ok();
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    let query = format!("{path}?timeoutSeconds=1&labelSelector=watched&resourceVersion={version}");
    let mut watch = subject.watch(&query).await;
    assert_eq!(watch.next().await, None);
}

pub async fn a_version_from_before_is_too_old(subject: &Subject) {
    let namespace = subject.namespace().await;
    // What is remembered of a kind begins with its definition.
    let kind = Kind::defined(subject).await;
    let mut watch = subject.watch(&format!("{}?resourceVersion=1", kind.path(&namespace))).await;
    let status = watch.expect("ERROR").await;
    assert_eq!(
        (&status["kind"], &status["code"], &status["reason"]),
        (&json!("Status"), &json!(410), &json!("Expired"))
    );
    assert!(status["message"].as_str().unwrap().starts_with("too old resource version: 1 ("), "{status}");
    assert_eq!(watch.next().await, None, "and that was all");
}

pub async fn a_version_is_a_number(subject: &Subject) {
    let path = config_maps(&subject.namespace().await);
    let reply = subject.get(&format!("{path}?watch=true&resourceVersion=x")).await;
    assert!(reply.text().contains("resourceVersion: Invalid value: \\\"x\\\""), "{}", reply.text());
    assert_eq!(reply.json()["status"], "Failure");
}

pub async fn a_watch_of_metadata_tells_nothing_else(subject: &Subject) {
    let path = config_maps(&subject.namespace().await);
    let mut body = labelled("a", "yes");
    body["data"] = json!({ "k": "hidden-words" });
    subject.post(&path, &body).await.created();
    let asked = format!("{path}?watch=true&labelSelector=watched&timeoutSeconds=1");
    let reply = subject.ask("GET", &asked).accept(METADATA).answer().await;
    assert!(!reply.text().contains("hidden-words"), "{}", reply.text());
    let event: Value = serde_json::from_str(reply.text().lines().next().unwrap()).unwrap();
    assert_eq!((&event["type"], &event["object"]["kind"]), (&json!("ADDED"), &json!("PartialObjectMetadata")));
}
