//! Server-side apply: what it makes, changes, takes away and refuses.

use serde_json::{Value, json};

use crate::live::fixtures::{Kind, causes, config_map, config_maps, deployment, deployments, owned, version};
use crate::live::subject::{APPLY, Subject};

/// A namespace's `ConfigMap` of the name `a`.
async fn place(subject: &Subject) -> String {
    format!("{}/a", config_maps(&subject.namespace().await))
}

pub async fn an_apply_makes_what_is_not_there(subject: &Subject) {
    let path = place(subject).await;
    let made = subject.apply(&path, "m", "", &config_map("a", &json!({ "one": "1" }))).await.created();
    assert_eq!(made["data"], json!({ "one": "1" }));
    assert_eq!(owned(&made, "m", "Apply").unwrap(), json!({ "f:data": { "f:one": {} } }));
    assert_eq!(subject.get(&path).await.ok(), made);
}

pub async fn an_apply_that_changes_nothing_is_not_stored(subject: &Subject) {
    let path = place(subject).await;
    let body = config_map("a", &json!({ "one": "1" }));
    let made = subject.apply(&path, "m", "", &body).await.created();
    // An entry of managedFields holds a time in seconds; it must not move either.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    for more in ["", "&force=true", "&fieldValidation=Strict"] {
        assert_eq!(subject.apply(&path, "m", more, &body).await.ok(), made, "{more}");
    }
}

pub async fn an_apply_may_be_tried(subject: &Subject) {
    let path = place(subject).await;
    let body = config_map("a", &json!({ "one": "1" }));
    let would = subject.apply(&path, "m", "&dryRun=All", &body).await.created();
    assert!(owned(&would, "m", "Apply").is_some() && would["metadata"]["uid"].is_string(), "{would}");
    assert_eq!(subject.get(&path).await.status, 404);
    let made = subject.apply(&path, "m", "", &body).await.created();
    let would = subject.apply(&path, "m", "&dryRun=All", &config_map("a", &json!({ "two": "2" }))).await.ok();
    assert_eq!(would["data"], json!({ "two": "2" }));
    assert_eq!(version(&would), version(&made), "nothing was stored, so the version is the old one");
    assert_eq!(subject.get(&path).await.ok(), made);
    let same = subject.apply(&path, "m", "&dryRun=All", &body).await.ok();
    assert_eq!(same, made);
}

pub async fn an_apply_has_a_manager(subject: &Subject) {
    let path = place(subject).await;
    let body = config_map("a", &json!({}));
    let reply = subject.ask("PATCH", &path).content(APPLY, &body).answer().await;
    let status = reply.refused(422, "Invalid");
    let text = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
    assert_eq!(status["message"], text);
    subject.apply(&path, &"m".repeat(129), "", &body).await.refused(422, "Invalid");
    subject.apply(&path, &"m".repeat(128), "", &body).await.created();
}

pub async fn an_apply_says_what_it_applies(subject: &Subject) {
    let path = place(subject).await;
    for body in [json!({ "metadata": { "name": "a" } }), json!({ "kind": "ConfigMap", "metadata": { "name": "a" } })] {
        subject.apply(&path, "m", "", &body).await.refused(400, "BadRequest");
    }
    let text = "the name of the object (b) does not match the name on the URL (a)";
    let status = subject.apply(&path, "m", "", &config_map("b", &json!({}))).await.refused(400, "BadRequest");
    assert_eq!(status["message"], text);
    let mut body = config_map("a", &json!({}));
    body["metadata"]["managedFields"] = json!([{ "manager": "x", "operation": "Apply", "apiVersion": "v1" }]);
    let status = subject.apply(&path, "m", "", &body).await.refused(400, "BadRequest");
    assert_eq!(status["message"], "metadata.managedFields must be nil");
    assert_eq!(subject.get(&path).await.status, 404);
}

pub async fn an_apply_may_be_yaml(subject: &Subject) {
    let path = place(subject).await;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  one: '1'\n";
    let asked = format!("{path}?fieldManager=m");
    let reply = subject.ask("PATCH", &asked).text(APPLY, text).answer().await;
    assert_eq!(reply.created()["data"], json!({ "one": "1" }));
}

pub async fn an_apply_may_hold_the_version(subject: &Subject) {
    let path = place(subject).await;
    let body = |version: &str, value: &str| {
        let mut body = config_map("a", &json!({ "one": value }));
        body["metadata"]["resourceVersion"] = json!(version);
        body
    };
    // A version keeps nobody from making what is not there (any more): hold the uid for that.
    let made = subject.apply(&path, "m", "", &body("1", "1")).await.created();
    subject.apply(&path, "m", "", &body(&version(&made), "2")).await.ok();
    let text = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; \
        please apply your changes to the latest version and try again";
    subject.apply(&path, "m", "", &body(&version(&made), "3")).await.refused_as(409, "Conflict", text);
    subject.apply(&path, "m", "&force=true", &body(&version(&made), "3")).await.refused(409, "Conflict");
}

pub async fn an_apply_may_hold_the_uid(subject: &Subject) {
    let path = place(subject).await;
    let mut body = config_map("a", &json!({ "one": "1" }));
    body["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    let text = "Operation cannot be fulfilled on configmaps \"a\": uid mismatch: the provided object specified uid \
        00000000-0000-0000-0000-000000000000, and no existing object was found";
    subject.apply(&path, "m", "", &body).await.refused_as(409, "Conflict", text);
    assert_eq!(subject.get(&path).await.status, 404, "with a uid it makes nothing");
    let made = subject.apply(&path, "m", "", &config_map("a", &json!({ "one": "1" }))).await.created();
    let text = "ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"00000000-0000-0000-0000-000000000000\": \
        field is immutable";
    subject.apply(&path, "m", "&force=true", &body).await.refused_as(422, "Invalid", text);
    body["metadata"]["uid"] = made["metadata"]["uid"].clone();
    assert_eq!(subject.apply(&path, "m", "", &body).await.ok(), made);
}

pub async fn a_field_of_another_manager_is_in_conflict(subject: &Subject) {
    let path = place(subject).await;
    subject.apply(&path, "first", "", &config_map("a", &json!({ "one": "1", "two": "2" }))).await.created();
    let body = config_map("a", &json!({ "one": "9", "two": "8" }));
    let status = subject.apply(&path, "second", "", &body).await.refused(409, "Conflict");
    let text = "Apply failed with 2 conflicts: conflicts with \"first\":\n- .data.one\n- .data.two";
    assert_eq!(status["message"], text);
    let cause =
        |field: &str| ("FieldManagerConflict".to_owned(), "conflict with \"first\"".to_owned(), field.to_owned());
    assert_eq!(causes(&status), [cause(".data.one"), cause(".data.two")]);
    let body = config_map("a", &json!({ "one": "9" }));
    let status = subject.apply(&path, "second", "&dryRun=All", &body).await.refused(409, "Conflict");
    assert_eq!(status["message"], "Apply failed with 1 conflict: conflict with \"first\": .data.one");
}

pub async fn a_field_that_somebody_updated_is_in_conflict(subject: &Subject) {
    let path = place(subject).await;
    subject.apply(&path, "m", "", &config_map("a", &json!({ "one": "1" }))).await.created();
    subject.merge(&format!("{path}?fieldManager=kubectl-edit"), &json!({ "data": { "one": "2" } })).await.ok();
    let status = subject.apply(&path, "m", "", &config_map("a", &json!({ "one": "1" }))).await.refused(409, "Conflict");
    let text = "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using v1: .data.one";
    assert_eq!(status["message"], text);
    let cause = ("FieldManagerConflict", "conflict with \"kubectl-edit\" using v1", ".data.one");
    let (reason, message, field) = causes(&status).remove(0);
    assert_eq!((reason.as_str(), message.as_str(), field.as_str()), cause);
}

pub async fn conflicts_with_several_managers_are_all_told(subject: &Subject) {
    let path = place(subject).await;
    subject.apply(&path, "first", "", &config_map("a", &json!({ "one": "1" }))).await.created();
    subject.apply(&path, "second", "", &config_map("a", &json!({ "two": "2" }))).await.ok();
    let body = config_map("a", &json!({ "one": "9", "two": "9" }));
    let status = subject.apply(&path, "third", "", &body).await.refused(409, "Conflict");
    let text = "Apply failed with 2 conflicts: conflicts with \"first\":\n- .data.one\nconflicts with \"second\":\n- .data.two";
    assert_eq!(status["message"], text);
}

pub async fn force_takes_a_field_over(subject: &Subject) {
    let path = place(subject).await;
    subject.apply(&path, "first", "", &config_map("a", &json!({ "one": "1", "two": "2" }))).await.created();
    let taken = subject.apply(&path, "second", "&force=true", &config_map("a", &json!({ "one": "9" }))).await.ok();
    assert_eq!(taken["data"], json!({ "one": "9", "two": "2" }));
    assert_eq!(owned(&taken, "first", "Apply").unwrap(), json!({ "f:data": { "f:two": {} } }));
    assert_eq!(owned(&taken, "second", "Apply").unwrap(), json!({ "f:data": { "f:one": {} } }));
    let taken =
        subject.apply(&path, "second", "&force=true", &config_map("a", &json!({ "one": "9", "two": "8" }))).await.ok();
    assert!(owned(&taken, "first", "Apply").is_none(), "who owns nothing any more is not listed: {taken}");
}

pub async fn an_equal_value_is_shared(subject: &Subject) {
    let path = place(subject).await;
    let body = config_map("a", &json!({ "one": "1" }));
    subject.apply(&path, "first", "", &body).await.created();
    let shared = subject.apply(&path, "second", "", &body).await.ok();
    for manager in ["first", "second"] {
        assert_eq!(owned(&shared, manager, "Apply").unwrap(), json!({ "f:data": { "f:one": {} } }));
    }
    let body = config_map("a", &json!({ "one": "9" }));
    let status = subject.apply(&path, "first", "", &body).await.refused(409, "Conflict");
    assert_eq!(status["message"], "Apply failed with 1 conflict: conflict with \"second\": .data.one");
}

pub async fn a_field_that_is_left_out_goes_with_its_only_owner(subject: &Subject) {
    let path = place(subject).await;
    subject.apply(&path, "first", "", &config_map("a", &json!({ "one": "1", "two": "2" }))).await.created();
    subject.apply(&path, "second", "", &config_map("a", &json!({ "two": "2" }))).await.ok();
    let left = subject.apply(&path, "first", "", &config_map("a", &json!({}))).await.ok();
    assert_eq!(left["data"], json!({ "two": "2" }), "one went, two has another owner");
    assert_eq!(owned(&left, "second", "Apply").unwrap(), json!({ "f:data": { "f:two": {} } }));
    let left = subject.apply(&path, "second", "", &config_map("a", &json!({}))).await.ok();
    assert!(left["data"].is_null() || left["data"] == json!({}), "{left}");
}

pub async fn a_field_that_an_update_owns_too_stays(subject: &Subject) {
    let path = place(subject).await;
    let made = subject.apply(&path, "m", "", &config_map("a", &json!({ "one": "1" }))).await.created();
    let mut body = made.clone();
    body["data"]["two"] = json!("2");
    subject.put(&format!("{path}?fieldManager=other"), &body).await.ok();
    let left = subject.apply(&path, "m", "", &config_map("a", &json!({}))).await.ok();
    assert_eq!(left["data"], json!({ "two": "2" }), "an update owns what it changed, and no more");
    assert!(owned(&left, "m", "Apply").is_some_and(|fields| fields["f:data"]["f:one"].is_null()), "{left}");
}

pub async fn labels_and_annotations_have_an_owner_each(subject: &Subject) {
    let path = place(subject).await;
    let mut body = config_map("a", &json!({}));
    body["metadata"]["labels"] = json!({ "a": "1" });
    body["metadata"]["annotations"] = json!({ "example.com/b": "2" });
    let made = subject.apply(&path, "m", "", &body).await.created();
    let fields = owned(&made, "m", "Apply").unwrap();
    let expected = json!({ "f:annotations": { "f:example.com/b": {} }, "f:labels": { "f:a": {} } });
    assert_eq!(fields["f:metadata"], expected);
    subject.merge(&path, &json!({ "metadata": { "labels": { "theirs": "3" } } })).await.ok();
    body["metadata"]["labels"] = json!({});
    let left = subject.apply(&path, "m", "", &body).await.ok();
    assert_eq!(left["metadata"]["labels"], json!({ "theirs": "3" }));
}

pub async fn finalizers_are_a_set(subject: &Subject) {
    let path = place(subject).await;
    let mut body = config_map("a", &json!({}));
    body["metadata"]["finalizers"] = json!(["example.com/ours"]);
    subject.apply(&path, "m", "", &body).await.created();
    let change = json!({ "metadata": { "finalizers": ["example.com/ours", "example.com/theirs"] } });
    subject.merge(&path, &change).await.ok();
    let left = subject.apply(&path, "m", "", &config_map("a", &json!({}))).await.ok();
    assert_eq!(left["metadata"]["finalizers"], json!(["example.com/theirs"]));
}

pub async fn null_is_as_if_it_were_left_out(subject: &Subject) {
    let path = format!("{}/a", deployments(&subject.namespace().await));
    let mut body = deployment("a");
    body["metadata"]["creationTimestamp"] = Value::Null;
    body["spec"]["template"]["spec"]["volumes"] = Value::Null;
    let made = subject.apply(&path, "m", "", &body).await.created();
    assert!(made["spec"]["template"]["spec"]["volumes"].is_null());
    assert_eq!(subject.apply(&path, "m", "", &body).await.ok()["metadata"]["generation"], 1);
}

pub async fn a_default_returns_with_the_field(subject: &Subject) {
    let path = format!("{}/a", deployments(&subject.namespace().await));
    let mut body = deployment("a");
    body["spec"]["replicas"] = json!(3);
    let made = subject.apply(&path, "m", "", &body).await.created();
    assert_eq!(made["spec"]["replicas"], 3);
    let left = subject.apply(&path, "m", "", &deployment("a")).await.ok();
    assert_eq!(left["spec"]["replicas"], 1, "what nobody says is the default again");
}

pub async fn an_apply_needs_its_place(subject: &Subject) {
    let namespace = subject.namespace().await;
    let body = config_map("a", &json!({}));
    for more in ["", "&dryRun=All"] {
        let path = format!("{}/a", config_maps("nowhere"));
        let text = "namespaces \"nowhere\" not found";
        subject.apply(&path, "m", more, &body).await.refused_as(404, "NotFound", text);
        let kind = Kind::unknown(subject);
        let path = format!("{}/a", kind.path(&namespace));
        let reply = subject.apply(&path, "m", more, &kind.object("a", &json!({ "name": "x" }))).await;
        assert_eq!((reply.status, reply.text().trim()), (404, "404 page not found"), "its kind is not defined");
        let path = format!("{}/a", config_maps(&namespace));
        let text = "invalid object type: apps/v1, Kind=Deployment";
        subject.apply(&path, "m", more, &deployment("a")).await.refused_as(400, "BadRequest", text);
    }
}

pub async fn an_empty_map_in_place_of_a_full_one_is_refused_in_a_custom_object(subject: &Subject) {
    let kind = Kind::defined(subject).await;
    let path = format!("{}/a", kind.path(&subject.namespace().await));
    let body = |labels: Value| kind.object("a", &json!({ "name": "x", "labels": labels }));
    subject.apply(&path, "m", "", &body(json!({ "p": "1" }))).await.created();
    // What it leaves out goes, which leaves a null, which nobody takes for an empty map: so leave the map out as well.
    let status = subject.apply(&path, "m", "", &body(json!({}))).await.refused(422, "Invalid");
    let text = "spec.labels: Invalid value: \"null\": spec.labels in body must be of type object: \"null\"";
    assert!(status["message"].as_str().unwrap().ends_with(text), "{status}");
    let left = subject.apply(&path, "m", "", &kind.object("a", &json!({ "name": "x" }))).await.ok();
    assert!(left["spec"]["labels"].is_null(), "{left}");
}
