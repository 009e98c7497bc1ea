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
    let (version, kind) = (&resource.version, &resource.kind);
    let refused = |why: String| {
        Refusal::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}"))
    };
    if let Some(place) = object["data"].as_object().filter(|_| kind == "Secret").and_then(bad_base64) {
        return Err(refused(format!("illegal base64 data at input byte {place}")));
    }
    through(kind, object).map_err(|error| {
        let Some(misfit) = misfit(kind, object, &error.to_string()) else { return refused(error.to_string()) };
        let Misfit { path, given, wanted } = misfit;
        let given = match given {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Bool(_) => "bool",
            Value::Number(_) | Value::Null => "number",
        };
        let place = go_field(kind, &path);
        refused(format!("json: cannot unmarshal {given} into Go struct field {place} of type {wanted}"))
    })
}

/// Where the first text in a Secret's data ceases to be base64.
fn bad_base64(data: &serde_json::Map<String, Value>) -> Option<usize> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(&byte);
    data.values().filter_map(Value::as_str).find_map(|text| {
        let bad = text.bytes().position(|byte| !is_fine(byte));
        bad.or_else(|| data_encoding::BASE64.decode(text.as_bytes()).err().map(|_| text.len()))
    })
}

/// A value that is not of its field's type.
struct Misfit {
    path: Vec<String>,
    given: Value,
    wanted: &'static str,
}

/// Finds the value without which the type would take the object.
fn misfit(kind: &str, object: &Value, error: &str) -> Option<Misfit> {
    let wanted = [
        ("expected a string", "string"),
        ("expected i32", "int32"),
        ("expected i64", "int64"),
        ("expected a boolean", "bool"),
        ("expected a sequence", "[]string"),
        ("expected a map", "map[string]string"),
    ];
    let wanted = wanted.iter().find(|(text, _)| error.contains(text)).map(|(_, wanted)| *wanted)?;
    let mut places = Vec::new();
    all_places(object, &mut Vec::new(), &mut places);
    places.retain(|path| *path != ["apiVersion"] && *path != ["kind"]);
    places.into_iter().find_map(|path| {
        let steps: Vec<String> = path.iter().map(|part| part.replace('~', "~0").replace('/', "~1")).collect();
        let pointer = format!("/{}", steps.join("/"));
        let given = object.pointer(&pointer)?.clone();
        let mut without = object.clone();
        *without.pointer_mut(&pointer)? = Value::Null;
        let is_it = through(kind, &without).map_or_else(|other| other.to_string() != error, |_| true);
        is_it.then_some(Misfit { path, given, wanted })
    })
}

/// All places of a document, the innermost first.
fn all_places(value: &Value, path: &mut Vec<String>, places: &mut Vec<Vec<String>>) {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(name, inner)| (name.clone(), inner)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(place, inner)| (place.to_string(), inner)).collect(),
        _ => Vec::new(),
    };
    for (name, inner) in parts {
        path.push(name);
        all_places(inner, path, places);
        places.push(path.clone());
        path.pop();
    }
}

/// A field in the words of the server's program: the innermost type, and the path without the places in lists.
fn go_field(kind: &str, path: &[String]) -> String {
    let names: Vec<&str> = path.iter().map(String::as_str).filter(|part| part.parse::<usize>().is_err()).collect();
    let is_map = |name: &str| ["data", "labels", "annotations", "matchLabels", "limits", "requests"].contains(&name);
    let names = match names.iter().position(|name| is_map(name)) {
        Some(place) => &names[..=place],
        None => &names,
    };
    let of = match names {
        [.., "containers" | "initContainers", _] => "Container".to_owned(),
        [.., "env", _] => "EnvVar".to_owned(),
        [.., "ports", _] if kind == "Service" => "ServicePort".to_owned(),
        [.., "ports", _] => "ContainerPort".to_owned(),
        [.., "template", "spec", _] => "PodSpec".to_owned(),
        ["spec", _] => format!("{kind}Spec"),
        [.., "metadata", _] => "ObjectMeta".to_owned(),
        _ => kind.to_owned(),
    };
    format!("{of}.{}", names.join("."))
}

/// A value that is not of its field's type, in the words of the merge.
pub fn mistyped(resource: &Resource, object: &Value) -> Option<String> {
    let error = through(&resource.kind, object).err()?.to_string();
    let Misfit { path, given, wanted } = misfit(&resource.kind, object, &error)?;
    let shown: String = path
        .iter()
        .map(|part| match part.parse::<usize>() {
            Ok(place) => format!("[{place}]"),
            Err(_) => format!(".{part}"),
        })
        .collect();
    let given = match (&given, wanted) {
        (Value::String(_), "int32" | "int64") => "string".to_owned(),
        (Value::String(text), _) => format!("&value.valueUnstructured{{Value:{text:?}}}"),
        (other, _) => format!("&value.valueUnstructured{{Value:{other}}}"),
    };
    let wanted = match wanted {
        "int32" | "int64" => "numeric (int or float)",
        "bool" => "boolean",
        "[]string" => "list",
        "map[string]string" => "map",
        other => other,
    };
    Some(format!("{shown}: expected {wanted}, got {given}"))
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
