//! What is kept in another spelling than it was sent in, by server-side apply: who compares the two has to know.

use serde_json::{Value, json};

use crate::live::fixtures::{config_map, config_maps, deployment, deployments, owned};
use crate::live::subject::Subject;

/// A Deployment of no pods whose template's parts are these.
fn with(spec: &Value, container: &Value) -> Value {
    let mut body = deployment("a");
    body["spec"]["replicas"] = json!(0);
    let template = &mut body["spec"]["template"]["spec"];
    for (key, value) in spec.as_object().into_iter().flatten() {
        template[key] = value.clone();
    }
    for (key, value) in container.as_object().into_iter().flatten() {
        template["containers"][0][key] = value.clone();
    }
    body
}

/// Applies it twice and holds the second to change nothing; what is kept of the template, and what is owned of it.
async fn applied(subject: &Subject, body: &Value) -> (Value, Value) {
    let path = format!("{}/a", deployments(&subject.namespace().await));
    let made = subject.apply(&path, "m", "&fieldValidation=Strict", body).await.created();
    let again = subject.apply(&path, "m", "&fieldValidation=Strict", body).await.ok();
    // Its controller has written into it meanwhile, but not into what was asked for.
    assert_eq!(again["metadata"]["generation"], 1);
    let fields = owned(&again, "m", "Apply").unwrap();
    assert_eq!(Some(&fields), owned(&made, "m", "Apply").as_ref());
    (again["spec"]["template"]["spec"].clone(), fields["f:spec"]["f:template"]["f:spec"].clone())
}

pub async fn quantities_are_kept_in_one_spelling(subject: &Subject) {
    let limits = json!({ "cpu": "1000m", "memory": "1024Mi" });
    let resources = json!({ "resources": { "limits": limits, "requests": { "cpu": 0.5 } } });
    let (kept, _) = applied(subject, &with(&json!({}), &resources)).await;
    let expected = json!({ "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "500m" } });
    assert_eq!(kept["containers"][0]["resources"], expected);
}

pub async fn what_says_nothing_is_left_out_and_owned(subject: &Subject) {
    let spec = json!({
        "hostNetwork": false,
        "priorityClassName": "",
        "nodeSelector": {},
        "tolerations": [],
        "imagePullSecrets": [],
        "affinity": {},
        "securityContext": {},
        "volumes": [{ "name": "v", "emptyDir": {} }],
    });
    let container = json!({
        "args": [],
        "env": [{ "name": "E", "value": "" }],
        "volumeMounts": [{ "name": "v", "mountPath": "/v", "readOnly": false }],
        "resources": { "requests": {} },
    });
    let (kept, fields) = applied(subject, &with(&spec, &container)).await;
    for key in ["hostNetwork", "priorityClassName", "nodeSelector", "tolerations", "imagePullSecrets"] {
        assert!(kept[key].is_null(), "{key}: {kept}");
        // A list that is merged by a key has no owner where it has no element.
        assert_eq!(fields[format!("f:{key}")].is_object(), key != "imagePullSecrets", "{key}: {fields}");
    }
    for key in ["affinity", "securityContext"] {
        assert_eq!(kept[key], json!({}), "an empty object is kept: {key}");
    }
    let main = &kept["containers"][0];
    assert!(main["args"].is_null() && main["resources"] == json!({}), "{main}");
    assert_eq!(main["env"], json!([{ "name": "E" }]));
    assert_eq!(main["volumeMounts"], json!([{ "name": "v", "mountPath": "/v" }]));
    let main = &fields["f:containers"]["k:{\"name\":\"main\"}"];
    assert_eq!(main["f:env"]["k:{\"name\":\"E\"}"], json!({ ".": {}, "f:name": {}, "f:value": {} }));
    assert!(main["f:args"].is_object() && main["f:resources"]["f:requests"].is_object(), "{main}");
}

pub async fn a_port_by_name_or_number_stays_what_it_is(subject: &Subject) {
    for port in [json!("https"), json!(8081)] {
        let probe = json!({
            "ports": [{ "name": "https", "containerPort": 8443 }],
            "readinessProbe": { "httpGet": { "path": "/", "port": port } },
        });
        let (kept, _) = applied(subject, &with(&json!({}), &probe)).await;
        assert_eq!(kept["containers"][0]["readinessProbe"]["httpGet"]["port"], port);
    }
}

pub async fn empty_maps_of_metadata_are_left_out(subject: &Subject) {
    let path = format!("{}/a", config_maps(&subject.namespace().await));
    let mut body = config_map("a", &json!({ "empty": "" }));
    body["metadata"]["labels"] = json!({});
    body["metadata"]["annotations"] = json!({ "empty": "" });
    let made = subject.apply(&path, "m", "", &body).await.created();
    assert!(made["metadata"]["labels"].is_null(), "{made}");
    assert_eq!(made["metadata"]["annotations"], json!({ "empty": "" }), "an empty text in a map is kept");
    assert_eq!(made["data"], json!({ "empty": "" }));
    assert_eq!(subject.apply(&path, "m", "", &body).await.ok(), made);
}

pub async fn annotations_have_a_size(subject: &Subject) {
    let path = format!("{}/a", config_maps(&subject.namespace().await));
    let mut body = config_map("a", &json!({}));
    body["metadata"]["annotations"] = json!({ "a": "x".repeat(262_144) });
    let text = "ConfigMap \"a\" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes";
    subject.apply(&path, "m", "", &body).await.refused_as(422, "Invalid", text);
    let body = config_map("a", &json!({ "a": "x".repeat(1_048_577) }));
    let status = subject.apply(&path, "m", "", &body).await.refused(422, "Invalid");
    assert!(status["message"].as_str().unwrap().ends_with("Too long: may not be more than 1048576 bytes"), "{status}");
}

pub async fn labels_have_a_form(subject: &Subject) {
    let path = format!("{}/a", config_maps(&subject.namespace().await));
    for (key, value) in [("bad key", "v"), ("key", "bad value!"), ("key", &"x".repeat(64))] {
        let mut body = config_map("a", &json!({}));
        body["metadata"]["labels"] = json!({ key: value });
        let status = subject.apply(&path, "m", "", &body).await.refused(422, "Invalid");
        assert_eq!(status["details"]["causes"][0]["field"], "metadata.labels", "{status}");
    }
}
