//! Server-side apply on lists: which are merged, by which keys, and which are one value.
//!
//! The keys are in the OpenAPI document of the API (`x-kubernetes-list-type`, `x-kubernetes-list-map-keys`).

use serde_json::{Value, json};

use crate::live::fixtures::{Kind, causes, deployment, deployments, owned, path};
use crate::live::subject::Subject;

/// A Deployment with one container, whose fields are these.
fn with(container: &str, fields: &Value) -> Value {
    let mut body = deployment("a");
    let mut one = json!({ "name": container, "image": "example/program:1" });
    for (key, value) in fields.as_object().into_iter().flatten() {
        one[key] = value.clone();
    }
    body["spec"]["template"]["spec"]["containers"] = json!([one]);
    body
}

fn containers(object: &Value) -> &Vec<Value> {
    object["spec"]["template"]["spec"]["containers"].as_array().unwrap()
}

async fn place(subject: &Subject) -> String {
    format!("{}/a", deployments(&subject.namespace().await))
}

pub async fn containers_are_known_by_name(subject: &Subject) {
    let path = place(subject).await;
    let made = subject.apply(&path, "first", "", &with("main", &json!({}))).await.created();
    let fields = owned(&made, "first", "Apply").unwrap();
    let expected = json!({ "k:{\"name\":\"main\"}": { ".": {}, "f:name": {}, "f:image": {} } });
    assert_eq!(fields["f:spec"]["f:template"]["f:spec"]["f:containers"], expected);
    let both = subject.apply(&path, "second", "", &with("side", &json!({ "args": ["x"] }))).await.ok();
    let names: Vec<_> = containers(&both).iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["main", "side"]);
    let mut none = deployment("a");
    none["spec"]["template"]["spec"] = json!({});
    let left = subject.apply(&path, "second", "", &none).await.ok();
    assert_eq!(containers(&left).len(), 1, "{left}");
    let status = subject.apply(&path, "first", "", &none).await.refused(422, "Invalid");
    assert!(status["message"].as_str().unwrap().contains("spec.template.spec.containers: Required value"), "{status}");
}

pub async fn environment_is_known_by_name(subject: &Subject) {
    let path = place(subject).await;
    let first = json!({ "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }] });
    subject.apply(&path, "first", "", &with("main", &first)).await.created();
    let second = json!({ "env": [{ "name": "C", "value": "3" }] });
    let both = subject.apply(&path, "second", "", &with("main", &second)).await.ok();
    let all = json!([{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }, { "name": "C", "value": "3" }]);
    assert_eq!(containers(&both)[0]["env"], all);
    let fewer = json!({ "env": [{ "name": "B", "value": "2" }] });
    let left = subject.apply(&path, "first", "", &with("main", &fewer)).await.ok();
    assert_eq!(containers(&left)[0]["env"], json!([{ "name": "B", "value": "2" }, { "name": "C", "value": "3" }]));
    let other = json!({ "env": [{ "name": "C", "value": "9" }] });
    let status = subject.apply(&path, "first", "", &with("main", &other)).await.refused(409, "Conflict");
    let (_, _, field) = causes(&status).remove(0);
    assert_eq!(field, ".spec.template.spec.containers[name=\"main\"].env[name=\"C\"].value");
}

pub async fn ports_are_known_by_number_and_protocol(subject: &Subject) {
    let path = place(subject).await;
    let ports = |list: Value| with("main", &json!({ "ports": list }));
    let made = subject.apply(&path, "m", "", &ports(json!([{ "containerPort": 53 }]))).await.created();
    assert_eq!(containers(&made)[0]["ports"], json!([{ "containerPort": 53, "protocol": "TCP" }]));
    let fields = owned(&made, "m", "Apply").unwrap();
    let of_containers = &fields["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"main\"}"];
    let expected = json!({ "k:{\"containerPort\":53,\"protocol\":\"TCP\"}": { ".": {}, "f:containerPort": {} } });
    assert_eq!(of_containers["f:ports"], expected, "the default of a key is filled in");
    let two = json!([{ "containerPort": 53, "protocol": "TCP" }, { "containerPort": 53, "protocol": "UDP" }]);
    let both = subject.apply(&path, "m", "", &ports(two.clone())).await.ok();
    assert_eq!(containers(&both)[0]["ports"], two);
}

pub async fn mounts_and_volumes_have_keys(subject: &Subject) {
    let path = place(subject).await;
    let mut body = with("main", &json!({ "volumeMounts": [{ "name": "v", "mountPath": "/v" }] }));
    body["spec"]["template"]["spec"]["volumes"] = json!([{ "name": "v", "emptyDir": {} }]);
    let made = subject.apply(&path, "m", "", &body).await.created();
    let fields = owned(&made, "m", "Apply").unwrap();
    let spec = &fields["f:spec"]["f:template"]["f:spec"];
    let mounts = &spec["f:containers"]["k:{\"name\":\"main\"}"]["f:volumeMounts"];
    assert_eq!(*mounts, json!({ "k:{\"mountPath\":\"/v\"}": { ".": {}, "f:mountPath": {}, "f:name": {} } }));
    let volumes = json!({ "k:{\"name\":\"v\"}": { ".": {}, "f:name": {}, "f:emptyDir": {} } });
    assert_eq!(spec["f:volumes"], volumes);
}

pub async fn tolerations_and_arguments_are_one_value(subject: &Subject) {
    let path = place(subject).await;
    let body = |toleration: &str, argument: &str| {
        let mut body = with("main", &json!({ "args": ["--fixed", argument] }));
        body["spec"]["template"]["spec"]["tolerations"] = json!([{ "key": toleration, "operator": "Exists" }]);
        body
    };
    let made = subject.apply(&path, "first", "", &body("one", "x")).await.created();
    let spec = &owned(&made, "first", "Apply").unwrap()["f:spec"]["f:template"]["f:spec"];
    assert_eq!(spec["f:tolerations"], json!({}));
    assert_eq!(spec["f:containers"]["k:{\"name\":\"main\"}"]["f:args"], json!({}));
    let status = subject.apply(&path, "second", "", &body("two", "y")).await.refused(409, "Conflict");
    let fields: Vec<_> = causes(&status).into_iter().map(|(_, _, field)| field).collect();
    let expected = [".spec.template.spec.tolerations", ".spec.template.spec.containers[name=\"main\"].args"];
    assert_eq!(fields, expected);
    let taken = subject.apply(&path, "second", "&force=true", &body("two", "y")).await.ok();
    let tolerations = &taken["spec"]["template"]["spec"]["tolerations"];
    assert_eq!(*tolerations, json!([{ "key": "two", "operator": "Exists" }]), "replaced, not merged");
    assert_eq!(containers(&taken)[0]["args"], json!(["--fixed", "y"]));
}

pub async fn a_selector_is_one_value(subject: &Subject) {
    let path = place(subject).await;
    let made = subject.apply(&path, "m", "", &deployment("a")).await.created();
    assert_eq!(owned(&made, "m", "Apply").unwrap()["f:spec"]["f:selector"], json!({}));
}

pub async fn resources_have_an_owner_each(subject: &Subject) {
    let path = place(subject).await;
    let resources = json!({ "resources": { "limits": { "cpu": "500m", "memory": "128Mi" } } });
    let made = subject.apply(&path, "m", "", &with("main", &resources)).await.created();
    let fields = owned(&made, "m", "Apply").unwrap();
    let of_container = &fields["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"main\"}"];
    assert_eq!(of_container["f:resources"], json!({ "f:limits": { "f:cpu": {}, "f:memory": {} } }));
}

pub async fn rules_of_roles_are_one_value(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", path("rbac.authorization.k8s.io/v1", &namespace, "roles"));
    let role = |verb: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": { "name": "a" },
            "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": [verb] }],
        })
    };
    let made = subject.apply(&path, "first", "", &role("get")).await.created();
    assert_eq!(owned(&made, "first", "Apply").unwrap(), json!({ "f:rules": {} }));
    let status = subject.apply(&path, "second", "", &role("list")).await.refused(409, "Conflict");
    assert_eq!(status["message"], "Apply failed with 1 conflict: conflict with \"first\": .rules");
    let taken = subject.apply(&path, "second", "&force=true", &role("list")).await.ok();
    assert_eq!(taken["rules"], role("list")["rules"]);
    assert!(owned(&taken, "first", "Apply").is_none());
}

pub async fn lists_of_a_custom_kind_follow_its_schema(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let path = format!("{}/a", kind.path(&namespace));
    let body = |token: &str, name: &str| {
        kind.object("a", &json!({ "name": "x", "tokens": [{ "name": token }], "names": [name] }))
    };
    let made = subject.apply(&path, "first", "", &body("one", "a")).await.created();
    let spec = &owned(&made, "first", "Apply").unwrap()["f:spec"];
    assert_eq!(spec["f:tokens"], json!({ "k:{\"name\":\"one\"}": { ".": {}, "f:name": {} } }));
    assert_eq!(spec["f:names"], json!({}), "a list without a type is one value");
    let status = subject.apply(&path, "second", "", &body("two", "b")).await.refused(409, "Conflict");
    assert_eq!(causes(&status).len(), 1, "{status}");
    let both = subject.apply(&path, "second", "", &body("two", "a")).await.ok();
    assert_eq!(both["spec"]["tokens"], json!([{ "name": "one" }, { "name": "two" }]));
}

pub async fn a_key_stands_in_a_list_once(subject: &Subject) {
    let path = place(subject).await;
    let twice = json!({ "env": [{ "name": "A", "value": "1" }, { "name": "A", "value": "2" }] });
    let reply = subject.apply(&path, "m", "", &with("main", &twice)).await;
    let text = "failed to create typed patch object (/a; apps/v1, Kind=Deployment): \
        .spec.template.spec.containers[name=\"main\"].env: duplicate entries for key [name=\"A\"]";
    assert_eq!((reply.status, reply.json()["message"].as_str()), (500, Some(text)));
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    let body = kind.object("a", &json!({ "name": "x", "tokens": [{ "name": "one" }, { "name": "one" }] }));
    let reply = subject.apply(&format!("{}/a", kind.path(&namespace)), "m", "", &body).await;
    let text = format!(
        "failed to create typed patch object (/a; {}, Kind=Thing): .spec.tokens: duplicate entries for key [name=\"one\"]",
        kind.api_version
    );
    assert_eq!((reply.status, reply.json()["message"].as_str()), (500, Some(text.as_str())));
}
