//! What is refused because of what it says: unknown fields, wrong types, missing parts.

use serde_json::{Value, json};

use crate::live::fixtures::{Kind, causes, config_map, config_maps, deployment, deployments};
use crate::live::subject::Subject;

/// A Deployment with a misspelt field in its container.
fn misspelt() -> Value {
    let mut body = deployment("a");
    body["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = json!("Always");
    body
}

pub async fn an_unknown_field_is_refused_where_strictness_is_asked_for(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = config_map("a", &json!({}));
    body["dta"] = json!({});
    let strict = format!("{}?fieldValidation=Strict", config_maps(&namespace));
    let text =
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dta\"";
    subject.post(&strict, &body).await.refused_as(400, "BadRequest", text);
    let strict = format!("{}?fieldValidation=Strict", deployments(&namespace));
    let text = "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \
        \"spec.template.spec.containers[0].imagePullPolice\"";
    subject.post(&strict, &misspelt()).await.refused_as(400, "BadRequest", text);
    let made = subject.post(&deployments(&namespace), &deployment("a")).await.created();
    let path = format!("{}/a?fieldValidation=Strict", deployments(&namespace));
    let mut whole = made.clone();
    whole["spec"]["unknown"] = json!(1);
    let status = subject.put(&path, &whole).await.refused(400, "BadRequest");
    assert!(status["message"].as_str().unwrap().contains("unknown field \"spec.unknown\""), "{status}");
    let status = subject.merge(&path, &json!({ "spec": { "unknown": 1 } })).await.refused(422, "Invalid");
    assert!(status["message"].as_str().unwrap().contains("unknown field \"spec.unknown\""), "{status}");
}

pub async fn an_unknown_field_is_warned_of_otherwise(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = deployments(&namespace);
    for more in ["", "?fieldValidation=Warn"] {
        let reply = subject.post(&format!("{path}{more}"), &misspelt()).await;
        let made = reply.created();
        assert!(made["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"].is_null(), "{made}");
        let text = "unknown field \"spec.template.spec.containers[0].imagePullPolice\"";
        assert_eq!(reply.warnings(), [text], "{:?}", reply.headers);
        subject.delete(&format!("{path}/a?propagationPolicy=Background")).await.ok();
    }
    let reply = subject.post(&format!("{path}?fieldValidation=Ignore"), &misspelt()).await;
    reply.created();
    assert_eq!(reply.warnings(), [""; 0]);
    subject.post(&format!("{path}?fieldValidation=Maybe"), &misspelt()).await.refused(422, "Invalid");
}

pub async fn a_field_that_stands_twice_is_refused(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = config_maps(&namespace);
    let text = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"data\":{},\"data\":{\"k\":\"v\"}}";
    let strict = format!("{path}?fieldValidation=Strict");
    let reply = subject.ask("POST", &strict).text("application/json", text).answer().await;
    let message =
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: duplicate field \"data\"";
    reply.refused_as(400, "BadRequest", message);
    let reply = subject.ask("POST", &path).text("application/json", text).answer().await;
    assert_eq!(reply.created()["data"], json!({ "k": "v" }), "the last one counts");
    assert_eq!(reply.warnings(), ["duplicate field \"data\""]);
}

pub async fn an_apply_knows_no_unknown_fields(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", deployments(&namespace));
    let text = "failed to create typed patch object (/a; apps/v1, Kind=Deployment): \
        .spec.template.spec.containers[name=\"main\"].imagePullPolice: field not declared in schema";
    for more in ["", "&fieldValidation=Warn", "&fieldValidation=Strict", "&dryRun=All&fieldValidation=Strict"] {
        let reply = subject.apply(&path, "m", more, &misspelt()).await;
        assert_eq!((reply.status, reply.json()["message"].as_str()), (500, Some(text)), "{more}");
    }
    assert_eq!(subject.get(&path).await.status, 404);
}

pub async fn an_apply_holds_types_to_the_schema(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", config_maps(&namespace));
    let reply = subject.apply(&path, "m", "", &config_map("a", &json!({ "k": 1 }))).await;
    let text = "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .data.k: expected string, got \
        &value.valueUnstructured{Value:1}";
    assert_eq!((reply.status, reply.json()["message"].as_str()), (500, Some(text)));
}

pub async fn a_wrong_type_is_refused(subject: &Subject) {
    let namespace = subject.namespace().await;
    let status =
        subject.post(&config_maps(&namespace), &config_map("a", &json!({ "k": 1 }))).await.refused(400, "BadRequest");
    let text = "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct \
        field ConfigMap.data of type string";
    assert_eq!(status["message"], text);
    let mut body = deployment("a");
    body["spec"]["replicas"] = json!("two");
    let status = subject.post(&deployments(&namespace), &body).await.refused(400, "BadRequest");
    let text = "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32";
    assert!(status["message"].as_str().unwrap().ends_with(text), "{status}");
}

pub async fn what_is_required_has_to_be_there(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = deployment("a");
    body["spec"]["template"]["spec"]["containers"] = json!([{ "name": "main" }]);
    let text = "Deployment.apps \"a\" is invalid: spec.template.spec.containers[0].image: Required value";
    let status = subject.post(&deployments(&namespace), &body).await.refused_as(422, "Invalid", text);
    assert_eq!((&status["details"]["kind"], &status["details"]["group"]), (&json!("Deployment"), &json!("apps")));
    let cause = ("FieldValueRequired", "Required value", "spec.template.spec.containers[0].image");
    let (reason, message, field) = causes(&status).remove(0);
    assert_eq!((reason.as_str(), message.as_str(), field.as_str()), cause);
    for more in ["", "&dryRun=All"] {
        let path = format!("{}/a", deployments(&namespace));
        subject.apply(&path, "m", more, &body).await.refused_as(422, "Invalid", text);
    }
}

pub async fn several_faults_are_told_at_once(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = deployment("a");
    body["spec"]["replicas"] = json!(-1);
    body["spec"]["template"]["metadata"]["labels"] = json!({ "app": "other" });
    let status = subject.post(&deployments(&namespace), &body).await.refused(422, "Invalid");
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with("Deployment.apps \"a\" is invalid: ["), "{message}");
    let fields: Vec<_> = causes(&status).into_iter().map(|(_, _, field)| field).collect();
    assert!(fields.contains(&"spec.replicas".to_owned()), "{status}");
    assert!(fields.contains(&"spec.template.metadata.labels".to_owned()), "{status}");
    assert!(message.contains("spec.replicas: Invalid value: -1: must be greater than or equal to 0"), "{message}");
    assert!(message.contains("`selector` does not match template `labels`"), "{message}");
}

pub async fn a_custom_object_follows_its_schema(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = kind.path(&namespace);
    for (spec, text) in [
        (json!({}), "spec.name: Required value"),
        (json!({ "name": "" }), "spec.name: Invalid value: \"\": spec.name in body should be at least 1 chars long"),
        (
            json!({ "name": "x", "replicas": "two" }),
            "spec.replicas: Invalid value: \"string\": spec.replicas in body must be of type integer: \"string\"",
        ),
        (
            json!({ "name": "x", "policy": "keep" }),
            "spec.policy: Unsupported value: \"keep\": supported values: \"retain\", \"destroy\"",
        ),
        (json!({ "name": "x", "scaling": { "max": 1 } }), "spec.scaling.min: Required value"),
        (json!({ "name": "x", "token": {} }), "spec.token.key: Required value"),
        (
            json!({ "name": "x", "tokens": [] }),
            "spec.tokens: Invalid value: 0: spec.tokens in body should have at least 1 items",
        ),
        (json!({ "name": "x", "tokens": [{}] }), "spec.tokens[0].name: Required value"),
        (
            json!({ "name": "x", "tokens": [{ "name": "a" }, { "name": "a" }] }),
            "spec.tokens[1]: Duplicate value: {\"name\":\"a\"}",
        ),
        (
            json!({ "name": "x", "tokens": [{ "name": "a", "id": "A" }] }),
            "spec.tokens[0].id: Invalid value: \"A\": spec.tokens[0].id in body should match '^at-[a-z0-9]+$'",
        ),
        (
            json!({ "name": "x", "replicas": 2_147_483_648_i64 }),
            "<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in spec.replicas",
        ),
    ] {
        let status = subject.post(&path, &kind.object("a", &spec)).await.refused(422, "Invalid");
        let message = status["message"].as_str().unwrap();
        assert!(message.starts_with("Thing."), "{message}");
        assert!(message.contains(&format!("\"a\" is invalid: {text}")), "{spec}: {message}");
    }
}

pub async fn a_custom_object_gets_its_defaults(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let spec = json!({ "name": "x", "token": { "key": "k" }, "scaling": { "min": 0, "max": 1 } });
    let made = subject.post(&kind.path(&namespace), &kind.object("a", &spec)).await.created();
    let whole = json!({
        "name": "x",
        "policy": "retain",
        "token": { "key": "k", "name": "" },
        "scaling": { "min": 0, "max": 1, "period": 300 },
    });
    assert_eq!(made["spec"], whole);
    assert_eq!(made["metadata"]["generation"], 1);
    let left =
        subject.merge(&format!("{}/a", kind.path(&namespace)), &json!({ "spec": { "policy": null } })).await.ok();
    assert_eq!(left["spec"]["policy"], "retain");
    // A null where the schema has a default becomes that default.
    let spec = json!({ "name": "x", "policy": null });
    let made = subject.post(&kind.path(&namespace), &kind.object("b", &spec)).await.created();
    assert_eq!(made["spec"], json!({ "name": "x", "policy": "retain" }));
}

pub async fn a_custom_object_loses_what_its_schema_lacks(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let spec = json!({ "name": "x", "cooldown": "10m", "scaling": { "min": 0, "max": 1, "cooldown": "10m" } });
    let body = kind.object("a", &spec);
    let text = "Thing in version \"v1\" cannot be handled as a Thing: strict decoding error: unknown field \"spec.cooldown\", \
        unknown field \"spec.scaling.cooldown\"";
    let strict = format!("{}?fieldValidation=Strict", kind.path(&namespace));
    subject.post(&strict, &body).await.refused_as(400, "BadRequest", text);
    let reply = subject.post(&kind.path(&namespace), &body).await;
    assert_eq!(reply.created()["spec"]["scaling"], json!({ "min": 0, "max": 1, "period": 300 }));
    let mut warnings = reply.warnings();
    warnings.sort();
    assert_eq!(warnings, ["unknown field \"spec.cooldown\"", "unknown field \"spec.scaling.cooldown\""]);
}

pub async fn an_apply_of_a_custom_object_follows_its_schema(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = format!("{}/a", kind.path(&namespace));
    let typed = format!("failed to create typed patch object (/a; {}, Kind=Thing): ", kind.api_version);
    for (spec, text) in [
        (json!({ "name": "x", "cooldown": "10m" }), ".spec.cooldown: field not declared in schema"),
        (
            json!({ "name": "x", "scaling": { "min": 0, "max": 1, "cooldown": "10m" } }),
            ".spec.scaling.cooldown: field not declared in schema",
        ),
        (json!({ "name": "x", "replicas": "two" }), ".spec.replicas: expected numeric (int or float), got string"),
    ] {
        let reply = subject.apply(&path, "m", "&fieldValidation=Strict", &kind.object("a", &spec)).await;
        assert_eq!((reply.status, reply.json()["message"].as_str()), (500, Some(format!("{typed}{text}").as_str())));
    }
    let body = kind.object("a", &json!({ "name": "x", "policy": "keep" }));
    let status = subject.apply(&path, "m", "&dryRun=All", &body).await.refused(422, "Invalid");
    let text = "spec.policy: Unsupported value: \"keep\": supported values: \"retain\", \"destroy\"";
    assert!(status["message"].as_str().unwrap().ends_with(text), "{status}");
    assert_eq!(causes(&status)[0].0, "FieldValueNotSupported");
}
