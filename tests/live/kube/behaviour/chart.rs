//! The operator as its chart has it: its ten objects as they are rendered, and the definition of its agent pools.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::live::fixtures::{condition, owned, path, version};
use crate::live::subject::{APPLY, Subject};

/// A file of the published data on the operator's chart, or that there is nothing to hold anybody to.
fn published(name: &str) -> Option<String> {
    let asked = std::env::var_os("RECONCILE_REFERENCE").map(PathBuf::from);
    let root = asked.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = root.join("data/operator-chart").join(name);
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Some(text);
    }
    assert!(asked.is_none(), "RECONCILE_REFERENCE is {}, which has no {}", root.display(), path.display());
    println!("skipped: no published data at {}; set RECONCILE_REFERENCE", path.display());
    None
}

/// The path of an object, from lines of its text at their place.
fn place(text: &str) -> String {
    let find = |text: &str, start: &str| {
        text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default().trim().to_owned()
    };
    let mut metadata = text.lines().skip_while(|line| *line != "metadata:").skip(1);
    let metadata: Vec<_> = metadata.by_ref().take_while(|line| line.starts_with(' ')).collect();
    let metadata = metadata.join("\n");
    let plural = format!("{}s", find(text, "kind: ").to_lowercase());
    let (name, namespace) = (find(&metadata, "  name: "), find(&metadata, "  namespace: "));
    match (find(text, "apiVersion: ").as_str(), namespace.as_str()) {
        (version @ "v1", namespace) => format!("/api/{version}/namespaces/{namespace}/{plural}/{name}"),
        (version, "") => format!("/apis/{version}/{plural}/{name}"),
        (version, namespace) => format!("/apis/{version}/namespaces/{namespace}/{plural}/{name}"),
    }
}

pub async fn the_operators_objects_are_applied_once(subject: &Subject) {
    // What `helm template` makes of the chart with its own values.
    let Some(text) = published("2.12.0/default.yaml") else { return };
    let namespace = subject.namespace().await;
    let text = text.replace("namespace: hcp-terraform\n", &format!("namespace: {namespace}\n"));
    let objects: Vec<_> = text.split("---\n").filter(|one| one.contains("kind: ")).collect();
    assert_eq!(objects.len(), 10);
    let mut deployment = String::new();
    for object in &objects {
        let path = place(object);
        let asked = format!("{path}?fieldManager=m&fieldValidation=Strict");
        let made = subject.ask("PATCH", &asked).text(APPLY, object).answer().await;
        assert_eq!(made.status, 201, "{path}: {}", made.text());
        assert!(owned(&made.json(), "m", "Apply").is_some(), "{path}");
        if path.contains("/deployments/") {
            deployment = path;
        }
    }
    // Its controller writes into its status; by the second apply that has to be over.
    let mut seen = String::new();
    let is_quiet = async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = subject.get(&deployment).await.ok();
        let is_same = version(&now) == seen && now["status"]["observedGeneration"] == 1;
        seen = version(&now);
        is_same
    };
    subject.until("the Deployment's controller is done", is_quiet).await;
    for object in &objects {
        let path = place(object);
        let before = subject.get(&path).await.ok();
        let asked = format!("{path}?fieldManager=m&fieldValidation=Strict");
        let after = subject.ask("PATCH", &asked).text(APPLY, object).answer().await.ok();
        assert_eq!(after, before, "{path}");
    }
}

pub async fn the_operators_agent_pools_are_defined_and_upgraded(subject: &Subject) {
    let (Some(old), Some(new)) = (agent_pools("2.9.2"), agent_pools("2.12.0")) else { return };
    let namespace = subject.namespace().await;
    let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/agentpools.app.terraform.io";
    let pools = path("app.terraform.io/v1alpha2", &namespace, "agentpools");
    let asked = format!("{definition}?fieldManager=m&fieldValidation=Strict");
    let apply = async |text: &str| subject.ask("PATCH", &asked).text(APPLY, text).answer().await;
    apply(&old).await.created();
    let is_served = async || {
        condition(&subject.get(definition).await.ok(), "Established") == "True"
            && subject.get(&pools).await.status == 200
    };
    subject.until("agent pools are served", is_served).await;
    let body =
        pool("a", &json!({ "autoscaling": { "minReplicas": 0, "maxReplicas": 1, "cooldownPeriodSeconds": 600 } }));
    let made = subject.apply(&format!("{pools}/a"), "m", "&fieldValidation=Strict", &body).await.created();
    let upgraded = apply(&new).await.ok();
    assert_eq!(upgraded["metadata"]["generation"], 2);
    assert_eq!(apply(&new).await.ok()["metadata"]["generation"], 2, "the second time there is nothing to do");
    let version_before = version(&subject.get(definition).await.ok());
    assert_eq!(version(&apply(&new).await.ok()), version_before);
    let again = subject.apply(&format!("{pools}/a"), "m", "&fieldValidation=Strict", &body).await.ok();
    assert_eq!(again, made);
    assert_eq!(made["spec"]["deletionPolicy"], "retain");
    assert_eq!(made["metadata"]["generation"], 1);
    what_is_wrong_is_refused(subject, &pools).await;
}

/// What a definition holds an agent pool to.
async fn what_is_wrong_is_refused(subject: &Subject, pools: &str) {
    let apply = async |more: &Value| subject.apply(&format!("{pools}/b"), "m", "&dryRun=All", &pool("b", more)).await;
    let typed = "failed to create typed patch object (/b; app.terraform.io/v1alpha2, Kind=AgentPool): ";
    for (more, text) in [
        (json!({ "cooldownPeriod": "10m" }), ".spec.cooldownPeriod: field not declared in schema"),
        (
            json!({ "autoscaling": { "minReplicas": 0, "maxReplicas": 1, "cooldownPeriod": "10m" } }),
            ".spec.autoscaling.cooldownPeriod: expected map, got &{10m}",
        ),
    ] {
        let reply = apply(&more).await;
        assert_eq!((reply.status, reply.json()["message"].as_str()), (500, Some(format!("{typed}{text}").as_str())));
    }
    for (more, text) in [
        (json!({ "autoscaling": { "minReplicas": 0 } }), "spec.autoscaling.maxReplicas: Required value"),
        (json!({ "name": "" }), "spec.name: Invalid value: \"\": spec.name in body should be at least 1 chars long"),
        (
            json!({ "agentTokens": [] }),
            "spec.agentTokens: Invalid value: 0: spec.agentTokens in body should have at least 1 items",
        ),
        (
            json!({ "deletionPolicy": "keep" }),
            "spec.deletionPolicy: Unsupported value: \"keep\": supported values: \"retain\", \"destroy\"",
        ),
    ] {
        let status = apply(&more).await.refused(422, "Invalid");
        let expected = format!("AgentPool.app.terraform.io \"b\" is invalid: {text}");
        assert_eq!(status["message"], expected);
    }
    // No image, and more at least than at most: both are found out later, by others.
    let container = json!({ "containers": [{ "name": "tfc-agent" }] });
    apply(&json!({ "agentDeployment": { "spec": container } })).await.created();
    apply(&json!({ "autoscaling": { "minReplicas": 3, "maxReplicas": 1 } })).await.created();
}

fn agent_pools(version: &str) -> Option<String> {
    published(&format!("{version}/crds/app.terraform.io_agentpools.yaml"))
}

/// The least that an agent pool may be, with more in its `spec`.
fn pool(name: &str, more: &Value) -> Value {
    let mut body = json!({
        "apiVersion": "app.terraform.io/v1alpha2",
        "kind": "AgentPool",
        "metadata": { "name": name },
        "spec": {
            "name": "pool",
            "organization": "example",
            "token": { "secretKeyRef": { "name": "s", "key": "token" } },
            "agentTokens": [{ "name": "one" }],
        },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        body["spec"][key] = value.clone();
    }
    body
}
