//! The fields of the built-in kinds: those that outlast a journey through the types of `k8s-openapi`.

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet},
        authorization::v1::{SelfSubjectAccessReview, SelfSubjectRulesReview},
        coordination::v1::Lease,
        core::v1::{ConfigMap, Event, Namespace, Node, Pod, Secret, Service, ServiceAccount},
        rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::sandbox::kube::{call::Refusal, kinds::Resource};

fn journey<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(T::deserialize(object)?)
}

fn through(kind: &str, object: &Value) -> Result<Value, serde_json::Error> {
    match kind {
        "ConfigMap" => journey::<ConfigMap>(object),
        "Event" => journey::<Event>(object),
        "Namespace" => journey::<Namespace>(object),
        "Node" => journey::<Node>(object),
        "Pod" => journey::<Pod>(object),
        "Secret" => journey::<Secret>(object),
        "ServiceAccount" => journey::<ServiceAccount>(object),
        "Service" => journey::<Service>(object),
        "Deployment" => journey::<Deployment>(object),
        "ReplicaSet" => journey::<ReplicaSet>(object),
        "ClusterRole" => journey::<ClusterRole>(object),
        "ClusterRoleBinding" => journey::<ClusterRoleBinding>(object),
        "Role" => journey::<Role>(object),
        "RoleBinding" => journey::<RoleBinding>(object),
        "CustomResourceDefinition" => journey::<CustomResourceDefinition>(object),
        "Lease" => journey::<Lease>(object),
        "SelfSubjectAccessReview" => journey::<SelfSubjectAccessReview>(object),
        "SelfSubjectRulesReview" => journey::<SelfSubjectRulesReview>(object),
        _ => Ok(object.clone()),
    }
}

/// The object in the eyes of its type, or that it is not of it.
fn typed(resource: &Resource, object: &Value) -> Result<Value, Refusal> {
    through(&resource.kind, object).map_err(|error| {
        let (version, kind) = (&resource.version, &resource.kind);
        Refusal::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {error}"))
    })
}

/// Fields that the type does not have.
pub fn unknown_fields(resource: &Resource, object: &Value) -> Result<Vec<String>, Refusal> {
    let known = typed(resource, object)?;
    let mut found = Vec::new();
    compare(object, &known, "", &mut found);
    Ok(found)
}

fn compare(given: &Value, known: &Value, path: &str, found: &mut Vec<String>) {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
                let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match known.get(name) {
                    Some(twin) => compare(value, twin, &place, found),
                    None => found.push(place),
                }
            }
        }
        (Value::Array(given), Value::Array(known)) => {
            for (number, (one, twin)) in given.iter().zip(known).enumerate() {
                compare(one, twin, &format!("{path}[{number}]"), found);
            }
        }
        _ => {}
    }
}

/// Takes the fields away that the type does not have, and those that say null.
pub fn prune(resource: &Resource, object: &mut Value) {
    if let Ok(known) = through(&resource.kind, object) {
        keep(object, &known);
    }
}

fn keep(given: &mut Value, known: &Value) {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            given.retain(|name, value| !value.is_null() && known.contains_key(name));
            for (name, value) in given.iter_mut() {
                keep(value, known.get(name).unwrap_or(&Value::Null));
            }
        }
        (Value::Array(given), Value::Array(known)) => {
            for (one, twin) in given.iter_mut().zip(known) {
                keep(one, twin);
            }
        }
        _ => {}
    }
}
