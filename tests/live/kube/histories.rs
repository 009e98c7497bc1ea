//! Random histories of an object: whatever several managers apply, change, write over and delete, two servers answer the same.
//!
//! Behaviours say what is known to matter; this finds what nobody thought of. A history follows from its number, so that it can be
//! had again: `RECONCILE_LIVE_HISTORY=17`.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Map, Value, json};

use super::fixtures::{Kind, config_maps, deployments, path};
use super::subject::{APPLY, MERGE, Reply, Subject};

/// So many steps has a history.
const STEPS: usize = 30;

/// So many histories are lived through of each kind.
const COUNT: u64 = 20;

/// What a history is about.
#[derive(Debug, Clone, Copy)]
pub enum About {
    ConfigMap,
    Role,
    Thing,
    Deployment,
}

/// A request of a history, to the object's path.
struct Step {
    method: &'static str,
    query: String,
    content: &'static str,
    body: Option<Value>,
}

/// One of some.
fn pick<'a, T>(random: &mut StdRng, from: &'a [T]) -> &'a T {
    &from[random.random_range(0..from.len())]
}

fn often(random: &mut StdRng) -> bool {
    random.random_range(0..3) > 0
}

fn seldom(random: &mut StdRng) -> bool {
    random.random_range(0..4) == 0
}

/// A map of some of these keys; with nulls where a key is to be taken away.
fn texts(random: &mut StdRng, keys: &[&str], with_nulls: bool) -> Value {
    let mut map = Map::new();
    for key in keys {
        match random.random_range(0..4) {
            0 => {}
            1 if with_nulls => drop(map.insert((*key).to_owned(), Value::Null)),
            _ => drop(map.insert((*key).to_owned(), json!(pick(random, &["1", "2", ""])))),
        }
    }
    Value::Object(map)
}

/// The elements of a list of which some are taken.
fn some(random: &mut StdRng, all: &[Value]) -> Vec<Value> {
    all.iter().filter(|_| often(random)).cloned().collect()
}

/// Metadata that somebody says something about.
fn metadata(random: &mut StdRng, with_nulls: bool) -> Value {
    let mut metadata = json!({});
    if often(random) {
        metadata["labels"] = texts(random, &["l", "k"], with_nulls);
    }
    if seldom(random) {
        metadata["annotations"] = texts(random, &["example.com/a", "b"], with_nulls);
    }
    metadata
}

fn config_map(random: &mut StdRng, with_nulls: bool) -> Value {
    let mut body = json!({});
    if often(random) {
        body["data"] = texts(random, &["a", "b", "c"], with_nulls);
    }
    if seldom(random) {
        body["binaryData"] = json!({ "bytes": pick(random, &["AAE=", "AAI="]) });
    }
    body
}

fn role(random: &mut StdRng) -> Value {
    let rules = ["get", "list"].map(|verb| json!({ "apiGroups": [""], "resources": ["pods"], "verbs": [verb] }));
    let rules = some(random, &rules);
    if often(random) { json!({ "rules": rules }) } else { json!({}) }
}

fn thing(random: &mut StdRng, with_nulls: bool) -> Value {
    let mut spec = texts(random, &["name"], false);
    let mut say = |key: &str, value: Value, random: &mut StdRng| match random.random_range(0..4) {
        0 | 1 => {}
        2 if with_nulls => spec[key] = Value::Null,
        _ => spec[key] = value,
    };
    let replicas = json!(random.random_range(0..3));
    say("replicas", replicas, random);
    let policy = json!(pick(random, &["retain", "destroy", "destroy", "else"]));
    say("policy", policy, random);
    let tokens =
        [json!({ "name": "one" }), json!({ "name": "two", "id": "at-1" }), json!({ "name": "two", "id": "at-2" })];
    let tokens = json!(some(random, &tokens));
    say("tokens", tokens, random);
    let names = json!(some(random, &[json!("x"), json!("y")]));
    say("names", names, random);
    let labels = texts(random, &["p", "q"], with_nulls);
    say("labels", labels, random);
    let scaling = [json!({ "min": 0, "max": 1 }), json!({ "min": 0, "max": 2, "period": 7 }), json!({ "min": 1 })];
    let scaling = pick(random, &scaling).clone();
    say("scaling", scaling, random);
    let token = [json!({ "key": "k" }), json!({ "key": "k", "name": "n" }), json!({})];
    let token = pick(random, &token).clone();
    say("token", token, random);
    json!({ "spec": spec })
}

fn container(random: &mut StdRng, name: &str) -> Value {
    let mut one = json!({ "name": name, "image": pick(random, &["example/program:1", "example/program"]) });
    if often(random) {
        let env = ["A", "B", "C"].map(|key| json!({ "name": key, "value": pick(random, &["1", "2", ""]) }));
        one["env"] = json!(some(random, &env));
    }
    if seldom(random) {
        let ports = [
            json!({ "containerPort": 53 }),
            json!({ "containerPort": 53, "protocol": "UDP" }),
            json!({ "containerPort": 80, "name": "web" }),
        ];
        one["ports"] = json!(some(random, &ports));
    }
    if seldom(random) {
        one["args"] = json!(some(random, &[json!("-x"), json!("-y")]));
    }
    if seldom(random) {
        one["resources"] = json!({ "limits": { "cpu": pick(random, &["1", "1000m", "500m"]), "memory": "1Gi" } });
    }
    if seldom(random) {
        one["volumeMounts"] = json!([{ "name": "v", "mountPath": "/v", "readOnly": random.random_range(0..2) == 0 }]);
    }
    one
}

fn deployment(random: &mut StdRng) -> Value {
    let mut template = json!({});
    let containers = [container(random, "main"), container(random, "side")];
    if often(random) {
        template["containers"] = json!(some(random, &containers));
    }
    if seldom(random) {
        template["tolerations"] = json!(some(random, &[json!({ "key": "k", "operator": "Exists" })]));
    }
    if seldom(random) {
        template["nodeSelector"] = texts(random, &["n"], false);
    }
    if often(random) {
        template["volumes"] = json!([{ "name": "v", "emptyDir": {} }]);
    }
    let mut spec = json!({ "template": { "spec": template } });
    if often(random) {
        spec["replicas"] = json!(0);
    }
    if often(random) {
        spec["selector"] = json!({ "matchLabels": { "app": "a" } });
        spec["template"]["metadata"] = json!({ "labels": { "app": "a" } });
    }
    json!({ "spec": spec })
}

/// What somebody says of an object.
fn said(random: &mut StdRng, about: About, with_nulls: bool) -> Value {
    let mut body = match about {
        About::ConfigMap => config_map(random, with_nulls),
        About::Role => role(random),
        About::Thing => thing(random, with_nulls),
        About::Deployment => deployment(random),
    };
    body["metadata"] = metadata(random, with_nulls);
    body
}

/// One of the two that are compared.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub subject: &'a Subject,
    /// The custom kind, defined there. Both have to call it the same.
    pub kind: &'a Kind,
}

/// The object that a history is about, at one side.
struct Place {
    path: String,
    api_version: String,
    kind: &'static str,
}

async fn place(side: Side<'_>, about: About) -> Place {
    let namespace = side.subject.namespace().await;
    let rbac = "rbac.authorization.k8s.io/v1";
    let (path, api_version, kind) = match about {
        About::ConfigMap => (config_maps(&namespace), "v1".to_owned(), "ConfigMap"),
        About::Role => (path(rbac, &namespace, "roles"), rbac.to_owned(), "Role"),
        About::Thing => (side.kind.path(&namespace), side.kind.api_version.clone(), "Thing"),
        About::Deployment => (deployments(&namespace), "apps/v1".to_owned(), "Deployment"),
    };
    Place { path: format!("{path}/a"), api_version, kind }
}

/// The next request; whether there is an object to update.
fn step(random: &mut StdRng, about: About, place: &Place, is_there: bool) -> Step {
    let dry = if seldom(random) { "&dryRun=All" } else { "" };
    let query = |manager: &str, more: &str| format!("?fieldManager={manager}{more}{dry}");
    match random.random_range(0..10) {
        0..5 => {
            let force = if often(random) { "&force=true" } else { "" };
            let manager = *pick(random, &["one", "two"]);
            let mut body = said(random, about, false);
            body["apiVersion"] = json!(place.api_version);
            body["kind"] = json!(place.kind);
            body["metadata"]["name"] = json!("a");
            Step { method: "PATCH", query: query(manager, force), content: APPLY, body: Some(body) }
        }
        5..8 => {
            let manager = *pick(random, &["one", "edit"]);
            let body = said(random, about, true);
            Step { method: "PATCH", query: query(manager, ""), content: MERGE, body: Some(body) }
        }
        8 if is_there => {
            let mut body = said(random, about, false);
            // Its metadata is that of the object as it is.
            body["metadata"].take();
            Step { method: "PUT", query: query("update", ""), content: "application/json", body: Some(body) }
        }
        _ if matches!(about, About::Thing) => {
            let status = json!({ "id": pick(random, &["p", "q"]), "observedGeneration": 1 });
            let query = format!("/status{}", query("operator", ""));
            Step { method: "PATCH", query, content: MERGE, body: Some(json!({ "status": status })) }
        }
        _ => Step { method: "DELETE", query: format!("?{}", dry.trim_start_matches('&')), content: "", body: None },
    }
}

async fn send(side: Side<'_>, place: &Place, step: &Step, seen: &Value) -> Reply {
    let path = format!("{}{}", place.path, step.query);
    let ask = side.subject.ask(step.method, &path);
    let Some(body) = &step.body else { return ask.answer().await };
    if step.method != "PUT" {
        return ask.content(step.content, body).answer().await;
    }
    let mut whole = seen.clone();
    for (key, value) in body.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        whole[key] = value.clone();
    }
    if place.kind == "Deployment" {
        // Its controller may have written into it just now.
        whole["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    }
    ask.content(step.content, &whole).answer().await
}

/// An answer without what differs from server to server and from run to run.
fn plain(reply: &Reply) -> Value {
    let mut body = reply.json();
    let is_deployment = body["kind"] == "Deployment";
    let Some(whole) = body.as_object_mut() else { return body };
    if is_deployment {
        // Its controller's.
        whole.remove("status");
    }
    if let Some(details) = whole.get_mut("details").and_then(Value::as_object_mut) {
        details.remove("uid");
        if let Some(causes) = details.get_mut("causes").and_then(Value::as_array_mut) {
            // A real server tells several of them in any order.
            causes.sort_by_key(ToString::to_string);
            if causes.len() > 1 {
                whole.remove("message");
            }
        }
    }
    if let Some(metadata) = whole.get_mut("metadata").and_then(Value::as_object_mut) {
        plain_metadata(metadata, is_deployment);
    }
    body
}

fn plain_metadata(metadata: &mut Map<String, Value>, is_deployment: bool) {
    for key in ["uid", "resourceVersion", "creationTimestamp", "namespace"] {
        metadata.remove(key);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        // The controller of Deployments writes it, sooner or later.
        annotations.remove("deployment.kubernetes.io/revision");
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    let Some(entries) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) else { return };
    entries.retain(|entry| entry["manager"] != "kube-controller-manager");
    for entry in entries.iter_mut() {
        if is_deployment {
            plain_annotations(&mut entry["fieldsV1"]);
        }
        entry.as_object_mut().unwrap().remove("time");
    }
    entries.sort_by_key(|entry| format!("{} {} {}", entry["operation"], entry["manager"], entry["subresource"]));
}

/// The controller of Deployments makes the first annotation, or somebody else does, who owns the map then.
fn plain_annotations(fields: &mut Value) {
    let Some(metadata) = fields.get_mut("f:metadata").and_then(Value::as_object_mut) else { return };
    if let Some(annotations) = metadata.get_mut("f:annotations").and_then(Value::as_object_mut) {
        annotations.remove(".");
        if annotations.is_empty() {
            metadata.remove("f:annotations");
        }
    }
    if metadata.is_empty() {
        fields.as_object_mut().unwrap().remove("f:metadata");
    }
}

/// The object as it is, and the version under which it is stored.
async fn look(side: Side<'_>, place: &Place) -> (Reply, Value, Value) {
    let reply = side.subject.get(&place.path).await;
    let object = if reply.status == 200 { reply.json() } else { Value::Null };
    let version = object["metadata"]["resourceVersion"].clone();
    (reply, object, version)
}

/// Lives through a history at both sides; where they differ.
pub async fn live(number: u64, about: About, left: Side<'_>, right: Side<'_>) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(number);
    let (at_left, at_right) = (place(left, about).await, place(right, about).await);
    let mut told = Vec::new();
    let differ = |what: &str, told: &[String], left: &Reply, right: &Reply| {
        let shown = |reply: &Reply| format!("{} {}", reply.status, plain(reply));
        let told = told.join("\n  ");
        Err(format!("history {number} of a {about:?}: {what} differs\n  {told}\n{}\n{}", shown(left), shown(right)))
    };
    let is_same = |left: &Reply, right: &Reply| (left.status, plain(left)) == (right.status, plain(right));
    let mut before = (look(left, &at_left).await, look(right, &at_right).await);
    for _ in 0..STEPS {
        let step = step(&mut random, about, &at_left, before.0.1.is_object());
        let body = step.body.as_ref().map(ToString::to_string).unwrap_or_default();
        told.push(format!("{} {} {body}", step.method, step.query));
        let replies =
            (send(left, &at_left, &step, &before.0.1).await, send(right, &at_right, &step, &before.1.1).await);
        if !is_same(&replies.0, &replies.1) {
            return differ("the answer", &told, &replies.0, &replies.1);
        }
        let after = (look(left, &at_left).await, look(right, &at_right).await);
        if !is_same(&after.0.0, &after.1.0) {
            return differ("what is kept", &told, &after.0.0, &after.1.0);
        }
        let is_stored = (before.0.2 != after.0.2, before.1.2 != after.1.2);
        // What a controller writes into is stored at any time.
        if is_stored.0 != is_stored.1 && !matches!(about, About::Deployment) {
            return differ(&format!("whether it was stored {is_stored:?}"), &told, &after.0.0, &after.1.0);
        }
        before = after;
    }
    Ok(())
}

/// Lives through many; how they differ.
pub async fn live_all(left: Side<'_>, right: Side<'_>) -> Vec<String> {
    let asked = std::env::var("RECONCILE_LIVE_HISTORY").ok().and_then(|number| number.parse::<u64>().ok());
    let numbers = asked.map_or(0..COUNT, |number| number..number + 1);
    let mut differences = Vec::new();
    for about in [About::ConfigMap, About::Role, About::Thing, About::Deployment] {
        let all = numbers.clone().map(|number| live(number, about, left, right));
        differences.extend(futures::future::join_all(all).await.into_iter().filter_map(Result::err));
    }
    differences
}
