//! Objects that behaviours are shown with.

use serde_json::{Value, json};

use super::subject::Subject;

/// The path of the objects of a kind in a namespace, such as `apps/v1` and `deployments`.
pub fn path(group_version: &str, namespace: &str, plural: &str) -> String {
    let root = if group_version.contains('/') { "apis" } else { "api" };
    format!("/{root}/{group_version}/namespaces/{namespace}/{plural}")
}

pub fn config_maps(namespace: &str) -> String {
    path("v1", namespace, "configmaps")
}

pub fn secrets(namespace: &str) -> String {
    path("v1", namespace, "secrets")
}

pub fn deployments(namespace: &str) -> String {
    path("apps/v1", namespace, "deployments")
}

pub fn config_map(name: &str, data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": data })
}

pub fn secret(name: &str, data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "data": data })
}

/// The least that a Deployment may be.
pub fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name },
        "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "main", "image": "example/program:1" }] },
            },
        },
    })
}

/// A kind of a test's own, defined at this server.
pub struct Kind {
    pub group: String,
    /// `things.GROUP`.
    pub definition: String,
    pub api_version: String,
}

/// Where definitions are.
pub const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

impl Kind {
    /// A kind that nobody has defined yet.
    pub fn unknown(subject: &Subject) -> Self {
        let group = format!("{}.example.com", subject.name("group"));
        Self { definition: format!("things.{group}"), api_version: format!("{group}/v1"), group }
    }

    /// Defines a kind and waits until it is served.
    pub async fn defined(subject: &Subject) -> Self {
        let kind = Self::unknown(subject);
        subject.post(DEFINITIONS, &kind.crd(&json!({}))).await.created();
        kind.until_served(subject).await;
        kind
    }

    /// The path of its definition.
    pub fn crd_path(&self) -> String {
        format!("{DEFINITIONS}/{}", self.definition)
    }

    /// The path of its objects in a namespace.
    pub fn path(&self, namespace: &str) -> String {
        path(&self.api_version, namespace, "things")
    }

    /// Waits until it is established and its objects can be listed: the one comes a moment after the other.
    pub async fn until_served(&self, subject: &Subject) {
        let objects = format!("/apis/{}/things", self.api_version);
        subject
            .until("the kind is served", async || {
                condition(&subject.get(&self.crd_path()).await.json(), "Established") == "True"
                    && subject.get(&objects).await.status == 200
            })
            .await;
    }

    /// Its definition, with more fields in an object's `spec`.
    pub fn crd(&self, more: &Value) -> Value {
        let text = json!({ "type": "string" });
        let number = json!({ "type": "integer", "format": "int32" });
        let mut spec = json!({
            "name": { "type": "string", "minLength": 1 },
            "replicas": number,
            "policy": { "type": "string", "enum": ["retain", "destroy"], "default": "retain" },
            "token": {
                "type": "object",
                "required": ["key"],
                "properties": { "key": text, "name": { "type": "string", "default": "" } },
            },
            "scaling": {
                "type": "object",
                "required": ["min", "max"],
                "properties": { "min": number, "max": number, "period": { "type": "integer", "default": 300 } },
            },
            "tokens": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": { "name": text, "id": { "type": "string", "pattern": "^at-[a-z0-9]+$" } },
                },
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            "names": { "type": "array", "items": text },
            "labels": { "type": "object", "additionalProperties": text },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": self.definition },
            "spec": {
                "group": self.group,
                "scope": "Namespaced",
                "names": { "kind": "Thing", "listKind": "ThingList", "plural": "things", "singular": "thing" },
                "versions": [{
                    "name": "v1",
                    "served": true,
                    "storage": true,
                    "subresources": { "status": {} },
                    "schema": { "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "apiVersion": text,
                            "kind": text,
                            "metadata": { "type": "object" },
                            "spec": { "type": "object", "required": ["name"], "properties": spec },
                            "status": {
                                "type": "object",
                                "required": ["observedGeneration"],
                                "properties": {
                                    "id": text,
                                    "observedGeneration": { "type": "integer", "format": "int64" },
                                },
                            },
                        },
                    } },
                }],
            },
        })
    }

    pub fn object(&self, name: &str, spec: &Value) -> Value {
        json!({ "apiVersion": self.api_version, "kind": "Thing", "metadata": { "name": name }, "spec": spec })
    }
}

/// The status of a condition of an object, or nothing.
pub fn condition(object: &Value, kind: &str) -> String {
    let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.find(|one| one["type"] == kind);
    found.and_then(|one| one["status"].as_str()).unwrap_or_default().to_owned()
}

/// The version under which an object is stored.
pub fn version(object: &Value) -> String {
    object["metadata"]["resourceVersion"].as_str().expect("a resourceVersion").to_owned()
}

pub fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().expect("a uid").to_owned()
}

/// The names of a list's items.
pub fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap_or_else(|| panic!("no list: {list}"));
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// What a manager owns of an object by an operation (`Apply` or `Update`).
pub fn owned(object: &Value, manager: &str, operation: &str) -> Option<Value> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut entries = entries.filter(|entry| entry["manager"] == manager && entry["operation"] == operation);
    let found = entries.next().map(|entry| entry["fieldsV1"].clone());
    assert!(entries.next().is_none(), "two entries of {manager}: {object}");
    found
}

/// The causes of a refusal: reason, message and field of each.
pub fn causes(status: &Value) -> Vec<(String, String, String)> {
    let word = |cause: &Value, key: &str| cause[key].as_str().unwrap_or_default().to_owned();
    let causes = status["details"]["causes"].as_array().into_iter().flatten();
    causes.map(|cause| (word(cause, "reason"), word(cause, "message"), word(cause, "field"))).collect()
}

/// Says in a kubelet's place that the pods of a selection run and are ready; how many there are.
pub async fn say_ready(subject: &Subject, namespace: &str, selector: &str) -> usize {
    let pods = path("v1", namespace, "pods");
    let names = names(&subject.get(&format!("{pods}?labelSelector={selector}")).await.ok());
    let status = json!({ "status": { "phase": "Running", "conditions": [
        { "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-02T03:04:05Z" },
    ] } });
    for name in &names {
        subject.merge(&format!("{pods}/{name}/status"), &status).await.ok();
    }
    names.len()
}
