//! An object by itself: made, read, written over.

use serde_json::json;

use crate::live::fixtures::{Kind, causes, config_map, config_maps, deployment, deployments, uid, version};
use crate::live::subject::Subject;

pub async fn a_new_object_gets_what_the_server_gives(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = config_map("a", &json!({ "key": "value" }));
    body["metadata"]["uid"] = json!("mine");
    body["metadata"]["creationTimestamp"] = json!("2001-02-03T04:05:06Z");
    let made = subject.post(&config_maps(&namespace), &body).await.created();
    assert_eq!((&made["kind"], &made["apiVersion"]), (&json!("ConfigMap"), &json!("v1")));
    assert_eq!(made["metadata"]["namespace"], namespace);
    assert!(uid(&made).len() == 36, "{made}");
    assert!(version(&made).parse::<u64>().unwrap() > 0);
    assert!(made["metadata"]["creationTimestamp"].as_str().unwrap().starts_with("20"));
    assert_ne!(made["metadata"]["creationTimestamp"], "2001-02-03T04:05:06Z");
    assert!(made["metadata"]["generation"].is_null(), "a ConfigMap has no generation: {made}");
    assert_eq!(subject.get(&format!("{}/a", config_maps(&namespace))).await.ok(), made);
}

pub async fn a_name_is_given_once(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = config_maps(&namespace);
    subject.post(&path, &config_map("a", &json!({}))).await.created();
    let status = subject.post(&path, &config_map("a", &json!({ "other": "data" }))).await.refused_as(
        409,
        "AlreadyExists",
        "configmaps \"a\" already exists",
    );
    assert_eq!(status["details"], json!({ "name": "a", "kind": "configmaps" }));
    let status = subject.post(&deployments(&namespace), &deployment("a")).await.created();
    assert_eq!(status["metadata"]["name"], "a", "names are per kind");
    let status = subject.post(&deployments(&namespace), &deployment("a")).await.refused_as(
        409,
        "AlreadyExists",
        "deployments.apps \"a\" already exists",
    );
    assert_eq!(status["details"], json!({ "name": "a", "group": "apps", "kind": "deployments" }));
}

pub async fn a_name_may_be_left_to_the_server(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = config_map("a", &json!({}));
    body["metadata"] = json!({ "generateName": "a-" });
    let made = subject.post(&config_maps(&namespace), &body).await.created();
    let name = made["metadata"]["name"].as_str().unwrap();
    assert!(name.len() == 7 && name.starts_with("a-"), "{name}");
}

pub async fn names_have_rules(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = config_map("a", &json!({}));
    body["metadata"] = json!({});
    let status = subject.post(&config_maps(&namespace), &body).await.refused(422, "Invalid");
    let text = "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required";
    assert_eq!(status["message"], text);
    let status = subject.post(&config_maps(&namespace), &config_map("A_b", &json!({}))).await.refused(422, "Invalid");
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .starts_with("ConfigMap \"A_b\" is invalid: metadata.name: Invalid value: \"A_b\"")
    );
    assert_eq!(status["details"]["name"], "A_b");
    assert_eq!(status["details"]["kind"], "ConfigMap");
    let (reason, _, field) = causes(&status).remove(0);
    assert_eq!((reason.as_str(), field.as_str()), ("FieldValueInvalid", "metadata.name"));
}

pub async fn body_and_path_have_to_agree(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = config_maps(&namespace);
    let mut body = config_map("a", &json!({}));
    body["metadata"]["namespace"] = json!("other");
    let text = "the namespace of the provided object does not match the namespace sent on the request";
    subject.post(&path, &body).await.refused_as(400, "BadRequest", text);
    let text = "Deployment in version \"v1\" cannot be handled as a ConfigMap: no kind \"Deployment\" is registered for version";
    let status = subject.post(&path, &deployment("a")).await.refused(400, "BadRequest");
    assert!(status["message"].as_str().unwrap().contains("cannot be handled as a ConfigMap"), "{status}, not {text}");
    subject.post(&path, &config_map("a", &json!({}))).await.created();
    let text = "the name of the object (b) does not match the name on the URL (a)";
    subject.put(&format!("{path}/a"), &config_map("b", &json!({}))).await.refused_as(400, "BadRequest", text);
}

pub async fn a_namespace_has_to_be_there(subject: &Subject) {
    let status = subject.post(&config_maps("nowhere"), &config_map("a", &json!({}))).await.refused_as(
        404,
        "NotFound",
        "namespaces \"nowhere\" not found",
    );
    assert_eq!(status["details"], json!({ "name": "nowhere", "kind": "namespaces" }));
    assert_eq!(subject.get(&config_maps("nowhere")).await.ok()["items"], json!([]), "its list is empty all the same");
}

pub async fn what_does_not_exist_is_not_found(subject: &Subject) {
    let namespace = subject.namespace().await;
    let status = subject.get(&format!("{}/a", deployments(&namespace))).await.refused_as(
        404,
        "NotFound",
        "deployments.apps \"a\" not found",
    );
    assert_eq!(status["details"], json!({ "name": "a", "group": "apps", "kind": "deployments" }));
    let path = format!("{}/a", config_maps(&namespace));
    let text = "configmaps \"a\" not found";
    subject.put(&path, &config_map("a", &json!({}))).await.refused_as(404, "NotFound", text);
    subject.merge(&path, &json!({ "data": {} })).await.refused_as(404, "NotFound", text);
    subject.delete(&path).await.refused_as(404, "NotFound", text);
}

pub async fn a_body_has_to_be_readable(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = config_maps(&namespace);
    let reply = subject.ask("POST", &path).text("application/json", "{\"apiVersion\":").answer().await;
    reply.refused(400, "BadRequest");
    let reply = subject.ask("POST", &path).text("text/html", "<p>").answer().await;
    reply.refused(415, "UnsupportedMediaType");
    let reply = subject.ask("GET", &path).accept("text/html").answer().await;
    reply.refused(406, "NotAcceptable");
}

pub async fn an_update_replaces_the_whole(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", config_maps(&namespace));
    let mut body = config_map("a", &json!({ "one": "1", "two": "2" }));
    body["metadata"]["labels"] = json!({ "label": "x" });
    let made = subject.post(&config_maps(&namespace), &body).await.created();
    let body = config_map("a", &json!({ "one": "1" }));
    let changed = subject.put(&path, &body).await.ok();
    assert_eq!(changed["data"], json!({ "one": "1" }));
    assert!(changed["metadata"]["labels"].is_null());
    assert_eq!(
        (uid(&changed), &changed["metadata"]["creationTimestamp"]),
        (uid(&made), &made["metadata"]["creationTimestamp"])
    );
    assert!(version(&changed).parse::<u64>().unwrap() > version(&made).parse().unwrap());
    let again = subject.put(&path, &body).await.ok();
    assert_eq!(version(&again), version(&changed), "an update that changes nothing is not stored");
}

pub async fn an_update_of_an_older_version_is_refused(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", config_maps(&namespace));
    let made = subject.post(&config_maps(&namespace), &config_map("a", &json!({ "one": "1" }))).await.created();
    let mut body = made.clone();
    body["data"] = json!({ "one": "2" });
    subject.put(&path, &body).await.ok();
    body["data"] = json!({ "one": "3" });
    let text = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; \
        please apply your changes to the latest version and try again";
    let status = subject.put(&path, &body).await.refused_as(409, "Conflict", text);
    assert_eq!(status["details"], json!({ "name": "a", "kind": "configmaps" }));
    let change = json!({ "metadata": { "resourceVersion": version(&made) }, "data": { "one": "3" } });
    subject.merge(&path, &change).await.refused_as(409, "Conflict", text);
}

pub async fn an_update_of_another_uid_is_refused(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", config_maps(&namespace));
    let made = subject.post(&config_maps(&namespace), &config_map("a", &json!({}))).await.created();
    let mut body = config_map("a", &json!({ "one": "1" }));
    body["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    let text = format!(
        "Operation cannot be fulfilled on configmaps \"a\": StorageError: invalid object, Code: 4, Key: \
        /registry/configmaps/{namespace}/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in \
        precondition: 00000000-0000-0000-0000-000000000000, UID in object meta: {}",
        uid(&made)
    );
    let status = subject.put(&path, &body).await.refused(409, "Conflict");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("Precondition failed: UID in precondition: 00000000"), "{message}, not {text}");
}

pub async fn a_custom_object_is_updated_by_version_only(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = kind.path(&namespace);
    subject.post(&path, &kind.object("a", &json!({ "name": "x" }))).await.created();
    let status =
        subject.put(&format!("{path}/a"), &kind.object("a", &json!({ "name": "y" }))).await.refused(422, "Invalid");
    let text = "metadata.resourceVersion: Invalid value: 0: must be specified for an update";
    assert!(status["message"].as_str().unwrap().ends_with(text), "{status}");
}

pub async fn what_cannot_change_stays(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", deployments(&namespace));
    subject.post(&deployments(&namespace), &deployment("a")).await.created();
    let other = json!({ "spec": {
        "selector": { "matchLabels": { "app": "b" } },
        "template": { "metadata": { "labels": { "app": "b" } } },
    } });
    let status = subject.merge(&path, &other).await.refused(422, "Invalid");
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with("Deployment.apps \"a\" is invalid: spec.selector: Invalid value: "), "{message}");
    assert!(message.ends_with(": field is immutable"), "{message}");
    assert_eq!(status["details"]["group"], "apps");
    let (reason, text, field) = causes(&status).remove(0);
    assert_eq!((reason.as_str(), field.as_str()), ("FieldValueInvalid", "spec.selector"));
    assert!(text.ends_with("field is immutable"), "{text}");
}

pub async fn a_dry_run_makes_nothing(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = config_maps(&namespace);
    let would = subject.post(&format!("{path}?dryRun=All"), &config_map("a", &json!({}))).await.created();
    assert!(would["metadata"]["uid"].is_string() && would["metadata"]["resourceVersion"].is_null(), "{would}");
    assert_eq!(subject.get(&format!("{path}/a")).await.status, 404);
    let made = subject.post(&path, &config_map("a", &json!({}))).await.created();
    let changed = subject.put(&format!("{path}/a?dryRun=All"), &config_map("a", &json!({ "one": "1" }))).await.ok();
    assert_eq!(changed["data"], json!({ "one": "1" }));
    subject.delete(&format!("{path}/a?dryRun=All")).await.ok();
    assert_eq!(subject.get(&format!("{path}/a")).await.ok(), made);
    subject.post(&format!("{path}?dryRun=Some"), &config_map("b", &json!({}))).await.refused(422, "Invalid");
}

pub async fn of_many_who_make_one_name_one_succeeds(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = config_maps(&namespace);
    let attempts = (0..8)
        .map(async |index| subject.post(&path, &config_map("a", &json!({ "by": index.to_string() }))).await.status);
    let mut statuses = futures::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

pub async fn of_many_who_change_one_version_one_succeeds(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", config_maps(&namespace));
    let made = subject.post(&config_maps(&namespace), &config_map("a", &json!({}))).await.created();
    let attempts = (0..8).map(async |index| {
        let metadata = json!({ "resourceVersion": version(&made) });
        let change = json!({ "metadata": metadata, "data": { "by": index.to_string() } });
        subject.merge(&path, &change).await.status
    });
    let mut statuses = futures::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
}
