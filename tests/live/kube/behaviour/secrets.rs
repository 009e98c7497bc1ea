//! Secrets: how they hold what they hold.

use serde_json::json;

use crate::live::fixtures::{config_map, config_maps, owned, secret, secrets, version};
use crate::live::subject::Subject;

pub async fn a_secret_is_opaque_unless_it_says_otherwise(subject: &Subject) {
    let namespace = subject.namespace().await;
    let made = subject.post(&secrets(&namespace), &secret("a", &json!({ "k": "dmFsdWU=" }))).await.created();
    assert_eq!((&made["type"], &made["data"]), (&json!("Opaque"), &json!({ "k": "dmFsdWU=" })));
    let path = format!("{}/a", secrets(&namespace));
    let status = subject.merge(&path, &json!({ "type": "example.com/other" })).await.refused(422, "Invalid");
    let text = "Secret \"a\" is invalid: type: Invalid value: \"example.com/other\": field is immutable";
    assert_eq!(status["message"], text);
    let mut body = secret("b", &json!({}));
    body["type"] = json!("kubernetes.io/dockerconfigjson");
    let status = subject.post(&secrets(&namespace), &body).await.refused(422, "Invalid");
    assert_eq!(status["message"], "Secret \"b\" is invalid: data[.dockerconfigjson]: Required value");
}

pub async fn a_secret_holds_base64(subject: &Subject) {
    let namespace = subject.namespace().await;
    let status = subject
        .post(&secrets(&namespace), &secret("a", &json!({ "k": "not base64" })))
        .await
        .refused(400, "BadRequest");
    assert!(status["message"].as_str().unwrap().contains("illegal base64 data at input byte 3"), "{status}");
    let mut body = secret("a", &json!({}));
    body["data"] = json!({ "bad key": "dmFsdWU=" });
    let status = subject.post(&secrets(&namespace), &body).await.refused(422, "Invalid");
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .starts_with("Secret \"a\" is invalid: data[bad key]: Invalid value: \"bad key\""),
        "{status}"
    );
}

pub async fn text_is_written_and_never_shown(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = secret("a", &json!({ "one": "b25l", "two": "dHdv" }));
    body["stringData"] = json!({ "two": "second", "three": "third" });
    let made = subject.post(&secrets(&namespace), &body).await.created();
    assert_eq!(made["data"], json!({ "one": "b25l", "two": "c2Vjb25k", "three": "dGhpcmQ=" }));
    assert!(made["stringData"].is_null(), "{made}");
    let path = format!("{}/a", secrets(&namespace));
    let changed = subject.merge(&path, &json!({ "stringData": { "one": "first" } })).await.ok();
    assert_eq!(changed["data"]["one"], "Zmlyc3Q=");
}

pub async fn applied_text_is_never_taken_away(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", secrets(&namespace));
    let mut body = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a" } });
    body["stringData"] = json!({ "k": "value" });
    let made = subject.apply(&path, "m", "", &body).await.created();
    assert_eq!(made["data"], json!({ "k": "dmFsdWU=" }));
    // Owned is the field that was written, which is not the one that is kept: so send `data`.
    let fields = owned(&made, "m", "Apply").unwrap();
    assert!(fields["f:data"].is_null(), "{fields}");
    body["stringData"] = json!({});
    let left = subject.apply(&path, "m", "", &body).await.ok();
    assert_eq!(left["data"], json!({ "k": "dmFsdWU=" }));
}

pub async fn applied_data_has_an_owner_each(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", secrets(&namespace));
    let made = subject.apply(&path, "m", "", &secret("a", &json!({ "k": "dmFsdWU=", "l": "bA==" }))).await.created();
    assert_eq!(owned(&made, "m", "Apply").unwrap(), json!({ "f:data": { "f:k": {}, "f:l": {} } }));
    let left = subject.apply(&path, "m", "", &secret("a", &json!({ "k": "dmFsdWU=" }))).await.ok();
    assert_eq!(left["data"], json!({ "k": "dmFsdWU=" }));
    let same = subject.apply(&path, "m", "", &secret("a", &json!({ "k": "dmFsdWU=" }))).await.ok();
    assert_eq!(version(&same), version(&left));
}

pub async fn a_trial_shows_what_a_secret_holds(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", secrets(&namespace));
    subject.apply(&path, "m", "", &secret("a", &json!({ "k": "dmFsdWU=" }))).await.created();
    let would = subject.apply(&path, "other", "&dryRun=All", &secret("a", &json!({}))).await.ok();
    assert_eq!(would["data"], json!({ "k": "dmFsdWU=" }), "which is why a plan must not try one");
}

pub async fn what_is_immutable_stays(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", secrets(&namespace));
    let mut body = secret("a", &json!({ "k": "dmFsdWU=" }));
    body["immutable"] = json!(true);
    subject.post(&secrets(&namespace), &body).await.created();
    let text = "Secret \"a\" is invalid: data: Forbidden: field is immutable when `immutable` is set";
    subject.merge(&path, &json!({ "data": { "k": "bA==" } })).await.refused_as(422, "Invalid", text);
    let text = "Secret \"a\" is invalid: immutable: Forbidden: field is immutable when `immutable` is set";
    subject.merge(&path, &json!({ "immutable": false })).await.refused_as(422, "Invalid", text);
    subject.merge(&path, &json!({ "metadata": { "labels": { "l": "1" } } })).await.ok();
    let mut body = config_map("a", &json!({ "k": "v" }));
    body["immutable"] = json!(true);
    subject.post(&config_maps(&namespace), &body).await.created();
    let path = format!("{}/a", config_maps(&namespace));
    let text = "ConfigMap \"a\" is invalid: data: Forbidden: field is immutable when `immutable` is set";
    subject.merge(&path, &json!({ "data": { "k": "w" } })).await.refused_as(422, "Invalid", text);
}
