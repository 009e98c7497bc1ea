//! How objects go: at once, when their finalizers are gone, with what they own or before it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Target,
    call::{Answer, Call, Cause, Outcome, Refusal, Reply},
    kinds::Resource,
    read::View,
};
use crate::sandbox::world::{Cluster, second};

/// The finalizer of a definition, as long as there are objects of its kind.
pub const OF_DEFINITION: &str = "customresourcecleanup.apiextensions.k8s.io";
/// The finalizer of an owner that goes after what it owns.
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an owner whose things stay.
pub const ORPHAN: &str = "orphan";

/// What a deletion is told.
#[derive(Debug)]
struct Options {
    uid: Option<String>,
    version: Option<String>,
    policy: Option<String>,
    is_dry_run: bool,
}

impl Options {
    fn new(call: &Call) -> Result<Self, Refusal> {
        let body = if call.body.is_empty() { Value::Null } else { call.document()? };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        // Options in a body stand for those of the query (apiserver v0.36, `endpoints/handlers/delete.go`).
        let is_told = !call.body.is_empty();
        let asked = call.parameter("propagationPolicy").filter(|_| !is_told).map(str::to_owned);
        let policy = text(&body["propagationPolicy"]).or(asked);
        let known = ["Background", "Foreground", "Orphan"];
        if let Some(policy) = policy.as_deref().filter(|policy| !known.contains(policy)) {
            let known = known.map(|word| format!("{word:?}"));
            let cause = Cause::unsupported("propagationPolicy", &json!(policy), &known);
            return Err(Refusal::invalid("meta.k8s.io", "DeleteOptions", "", &[cause]));
        }
        Ok(Self {
            uid: text(&body["preconditions"]["uid"]),
            version: text(&body["preconditions"]["resourceVersion"]),
            policy,
            is_dry_run: (!is_told && call.is_dry_run()?) || body["dryRun"] == json!(["All"]),
        })
    }
}

/// Deletes an object, or begins to.
pub fn delete(cluster: &mut Cluster, call: &Call, target: &Target, name: &str, now: Timestamp) -> Outcome {
    let resource = &target.resource;
    let options = Options::new(call)?;
    let view = View::new(call, resource)?;
    let key = resource.key(&target.namespace, name);
    let found = cluster.get(&resource.id(), &key).ok_or_else(|| Refusal::not_found(resource, name))?;
    let object = (**found.object()).clone();
    precondition(resource, &object, name, &options)?;
    if resource.kind == "Namespace" && ["default", "kube-system", "kube-public"].contains(&name) {
        return Err(Refusal::forbidden(&resource.group, &resource.plural, name, "this namespace may not be deleted"));
    }
    if options.is_dry_run {
        return Ok(Reply::Now(Answer::json(200, gone(resource, &object))));
    }
    let left = remove(cluster, resource, &key, options.policy.as_deref(), now);
    let shows_itself = ["Pod", "Service", "ServiceAccount"].contains(&resource.kind.as_str());
    let shown = match left {
        Some(left) => view.show(&left),
        None if shows_itself => view.show(&object),
        None => gone(resource, &object),
    };
    Ok(Reply::Now(Answer::json(200, shown)))
}

fn precondition(resource: &Resource, object: &Value, name: &str, options: &Options) -> Result<(), Refusal> {
    let metadata = &object["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind =
        if resource.group.is_empty() { resource.kind.clone() } else { format!("{}.{}", resource.kind, resource.group) };
    for (word, told, own, end) in [
        ("UID", &options.uid, text(&metadata["uid"]), "deleted and then recreated"),
        ("ResourceVersion", &options.version, text(&metadata["resourceVersion"]), "modified"),
    ] {
        if let Some(told) = told.as_ref().filter(|told| **told != own) {
            let mut refusal = Refusal::conflict(resource, name, "");
            refusal.message = format!(
                "Operation cannot be fulfilled on {kind} {name:?}: the {word} in the precondition ({told}) does not \
                 match the {word} in record ({own}). The object might have been {end}"
            );
            refusal.details["kind"] = json!(resource.kind);
            return Err(refusal);
        }
    }
    Ok(())
}

fn gone(resource: &Resource, object: &Value) -> Value {
    let metadata = &object["metadata"];
    let mut details = json!({ "name": metadata["name"], "kind": resource.plural, "uid": metadata["uid"] });
    if !resource.group.is_empty() {
        details["group"] = json!(resource.group);
    }
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details })
}

/// Deletes an object as a policy has it; what is left of it while something holds it.
pub fn remove(
    cluster: &mut Cluster,
    resource: &Resource,
    key: &str,
    policy: Option<&str>,
    now: Timestamp,
) -> Option<Value> {
    let id = resource.id();
    let before = (**cluster.get(&id, key)?.object()).clone();
    let mut object = before.clone();
    let mut finalizers: Vec<Value> = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let mut hold = |name: &str| {
        if !finalizers.iter().any(|one| one == name) {
            finalizers.push(json!(name));
        }
    };
    match policy {
        Some("Foreground") => hold(FOREGROUND),
        Some("Orphan") => hold(ORPHAN),
        _ => {}
    }
    let is_namespace = resource.kind == "Namespace";
    let is_definition = resource.kind == "CustomResourceDefinition";
    if is_definition {
        hold(OF_DEFINITION);
    }
    if finalizers.is_empty() && !is_namespace {
        cluster.remove(&id, key);
        return None;
    }
    if !finalizers.is_empty() {
        object["metadata"]["finalizers"] = json!(finalizers);
    }
    if object["metadata"]["deletionTimestamp"].is_null() {
        object["metadata"]["deletionTimestamp"] = json!(second(now));
        if is_namespace {
            object["status"]["phase"] = json!("Terminating");
        } else if is_definition {
            let condition = json!({ "type": "Terminating", "status": "True", "reason": "InstanceDeletionPending",
                "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
                "lastTransitionTime": second(now) });
            if let Some(conditions) = object["status"]["conditions"].as_array_mut() {
                conditions.push(condition);
            }
        } else {
            object["metadata"]["deletionGracePeriodSeconds"] = json!(0);
        }
        if let Some(generation) = object["metadata"]["generation"].as_u64().filter(|_| !is_definition) {
            object["metadata"]["generation"] = json!(generation + 1);
        }
    }
    if object == before {
        return Some(object);
    }
    Some((*cluster.put(&id, key, object)).clone())
}
