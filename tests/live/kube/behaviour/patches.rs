//! Merge patches (RFC 7386) and JSON patches (RFC 6902).

use serde_json::{Value, json};

use crate::live::fixtures::{config_map, config_maps, uid, version};
use crate::live::subject::{JSON_PATCH, Reply, Subject};

/// A `ConfigMap` with two keys, and its path.
async fn two_keys(subject: &Subject) -> (String, Value) {
    let namespace = subject.namespace().await;
    let body = config_map("a", &json!({ "one": "1", "two": "2" }));
    let made = subject.post(&config_maps(&namespace), &body).await.created();
    (format!("{}/a", config_maps(&namespace)), made)
}

async fn json_patch(subject: &Subject, path: &str, change: &Value) -> Reply {
    subject.ask("PATCH", path).content(JSON_PATCH, change).answer().await
}

pub async fn a_merge_patch_changes_what_it_names(subject: &Subject) {
    let (path, _) = two_keys(subject).await;
    let change = json!({ "metadata": { "labels": { "l": "1" } }, "data": { "two": null, "three": "3" } });
    let changed = subject.merge(&path, &change).await.ok();
    assert_eq!(changed["data"], json!({ "one": "1", "three": "3" }));
    assert_eq!(changed["metadata"]["labels"], json!({ "l": "1" }));
    let changed = subject.merge(&path, &json!({ "metadata": { "labels": { "l": null } } })).await.ok();
    assert!(changed["metadata"]["labels"].is_null(), "an empty map is not shown: {changed}");
}

pub async fn a_merge_patch_that_changes_nothing_is_not_stored(subject: &Subject) {
    let (path, made) = two_keys(subject).await;
    for change in [json!({}), json!({ "data": { "one": "1" } }), json!({ "data": { "none": null } })] {
        let same = subject.merge(&path, &change).await.ok();
        assert_eq!(version(&same), version(&made), "{change}");
    }
}

pub async fn a_merge_patch_may_be_tried(subject: &Subject) {
    let (path, made) = two_keys(subject).await;
    let would = subject.merge(&format!("{path}?dryRun=All"), &json!({ "data": { "one": "9" } })).await.ok();
    assert_eq!(would["data"]["one"], "9");
    assert_eq!(subject.get(&path).await.ok(), made);
}

pub async fn a_merge_patch_of_another_object_is_refused(subject: &Subject) {
    let (path, made) = two_keys(subject).await;
    let same = subject.merge(&path, &json!({ "metadata": { "uid": uid(&made) }, "data": { "one": "5" } })).await.ok();
    assert_eq!(same["data"]["one"], "5");
    let change = json!({ "metadata": { "uid": "00000000-0000-0000-0000-000000000000" }, "data": { "one": "6" } });
    let text = "ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"00000000-0000-0000-0000-000000000000\": \
        field is immutable";
    subject.merge(&path, &change).await.refused_as(422, "Invalid", text);
    assert_eq!(subject.get(&path).await.ok()["data"]["one"], "5");
}

pub async fn a_json_patch_takes_away_and_tests(subject: &Subject) {
    let (path, _) = two_keys(subject).await;
    let change = json!([
        { "op": "test", "path": "/data/one", "value": "1" },
        { "op": "remove", "path": "/data/one" },
        { "op": "add", "path": "/metadata/annotations", "value": { "example.com/a": "1" } },
        { "op": "replace", "path": "/metadata/annotations/example.com~1a", "value": "2" },
    ]);
    let changed = json_patch(subject, &path, &change).await.ok();
    assert_eq!(changed["data"], json!({ "two": "2" }));
    assert_eq!(changed["metadata"]["annotations"], json!({ "example.com/a": "2" }));
    let text = "the server rejected our request due to an error in our request";
    for change in [
        json!([{ "op": "test", "path": "/data/two", "value": "9" }, { "op": "remove", "path": "/data/two" }]),
        json!([{ "op": "remove", "path": "/data/none" }]),
    ] {
        json_patch(subject, &path, &change).await.refused_as(422, "Invalid", text);
    }
    assert_eq!(subject.get(&path).await.ok()["data"], json!({ "two": "2" }), "all or nothing");
}

pub async fn patches_have_kinds(subject: &Subject) {
    let (path, _) = two_keys(subject).await;
    let reply = subject.ask("PATCH", &path).content("application/json", &json!({})).answer().await;
    reply.refused(415, "UnsupportedMediaType");
    let reply = subject.ask("PATCH", &path).text("application/merge-patch+json", "{").answer().await;
    reply.refused(400, "BadRequest");
}
