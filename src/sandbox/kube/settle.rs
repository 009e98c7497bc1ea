//! What the controllers of a cluster do, as far as anybody waits for it: definitions are established, deployments get a
//! status, what nobody owns goes, namespaces end. All of it is done when a write is answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    apply::{self, Hand, Manager, Managers, Operation, Scope},
    delete::{self, FOREGROUND, OF_DEFINITION, ORPHAN},
    deployments, kinds,
};
use crate::sandbox::world::{Cluster, second};

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
/// More rounds than any chain of owners that is made here is long.
const ROUNDS: usize = 32;

/// Does it all, until nothing is left to do.
pub fn settle(cluster: &mut Cluster, now: Timestamp) {
    for _ in 0..ROUNDS {
        let before = cluster.revision;
        definitions(cluster, now);
        accounts(cluster, now);
        deployments::settle(cluster, now);
        endings(cluster, now);
        owners(cluster, now);
        if cluster.revision == before {
            return;
        }
    }
}

/// Writes a status as a controller does.
pub fn write_status(cluster: &mut Cluster, id: &str, key: &str, status: Value, now: Timestamp) {
    let Some(resource) = kinds::of_id(cluster, id) else { return };
    let Some(live) = cluster.get(id, key).map(|stored| Arc::clone(stored.object())) else { return };
    if live["status"] == status {
        return;
    }
    let mut object = (*live).clone();
    object["status"] = status;
    let manager = Manager {
        operation: Operation::Update,
        name: if resource.kind == "CustomResourceDefinition" { "kube-apiserver" } else { "kube-controller-manager" }
            .to_owned(),
        api_version: resource.api_version(),
        subresource: "status".to_owned(),
    };
    let time = second(now);
    let hand = Hand { manager: &manager, scope: Scope::Status, now: &time };
    let before = Managers::of(&live);
    if before != Managers::default() {
        object["metadata"]["managedFields"] = apply::update(&live, &object, resource.shape(), &before, hand).to_json();
    }
    cluster.put(id, key, object);
}

fn keys(cluster: &Cluster, id: &str) -> Vec<String> {
    cluster.all(id).map(|(key, _)| key.clone()).collect()
}

/// A definition that is new or changed is accepted and established.
fn definitions(cluster: &mut Cluster, now: Timestamp) {
    for key in keys(cluster, DEFINITIONS) {
        let Some(definition) = cluster.get(DEFINITIONS, &key).map(|stored| Arc::clone(stored.object())) else {
            continue;
        };
        if !definition["metadata"]["deletionTimestamp"].is_null() {
            continue;
        }
        let known = definition["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let mut conditions = known.clone();
        for (kind, reason, message) in [
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ] {
            if !known.iter().any(|one| one["type"] == kind) {
                conditions.push(json!({ "type": kind, "status": "True", "reason": reason, "message": message,
                    "lastTransitionTime": second(now) }));
            }
        }
        let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
        let stored = versions.filter(|version| version["storage"] == true).map(|version| version["name"].clone());
        let mut names: Vec<Value> = definition["status"]["storedVersions"].as_array().cloned().unwrap_or_default();
        names.extend(stored.filter(|name| !names.contains(name)).collect::<Vec<Value>>());
        let status =
            json!({ "conditions": conditions, "acceptedNames": definition["spec"]["names"], "storedVersions": names });
        write_status(cluster, DEFINITIONS, &key, status, now);
    }
}

/// Every namespace has an account for pods that name none.
fn accounts(cluster: &mut Cluster, now: Timestamp) {
    for name in keys(cluster, "namespaces") {
        let key = format!("{name}/default");
        let is_going =
            cluster.get("namespaces", &name).is_some_and(|it| it.object()["metadata"]["deletionTimestamp"].is_string());
        if is_going || cluster.get("serviceaccounts", &key).is_some() {
            continue;
        }
        let uid = cluster.mint("serviceaccounts", &key);
        let metadata = json!({ "name": "default", "namespace": name, "uid": uid, "creationTimestamp": second(now) });
        let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata });
        cluster.put("serviceaccounts", &key, account);
    }
}

/// Namespaces and definitions that go take with them what is in them.
fn endings(cluster: &mut Cluster, now: Timestamp) {
    for name in keys(cluster, "namespaces") {
        let Some(namespace) = cluster.get("namespaces", &name).map(|stored| Arc::clone(stored.object())) else {
            continue;
        };
        if namespace["metadata"]["deletionTimestamp"].is_null() {
            continue;
        }
        let mut is_empty = true;
        for resource in kinds::all(cluster).into_iter().filter(|kind| kind.is_namespaced) {
            for key in keys(cluster, &resource.id()).into_iter().filter(|key| key.starts_with(&format!("{name}/"))) {
                is_empty &= delete::remove(cluster, &resource, &key, None, now).is_none();
            }
        }
        let is_held = namespace["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        if is_empty && !is_held {
            cluster.remove("namespaces", &name);
        }
    }
    for key in keys(cluster, DEFINITIONS) {
        let Some(definition) = cluster.get(DEFINITIONS, &key).map(|stored| Arc::clone(stored.object())) else {
            continue;
        };
        if definition["metadata"]["deletionTimestamp"].is_null() {
            continue;
        }
        let mut is_empty = true;
        if let Some(resource) = kinds::of_id(cluster, &key) {
            for object in keys(cluster, &key) {
                is_empty &= delete::remove(cluster, &resource, &object, None, now).is_none();
            }
        }
        if is_empty {
            let_go(cluster, DEFINITIONS, &key, OF_DEFINITION);
        }
    }
}

/// Takes a finalizer away, and the object with the last one.
fn let_go(cluster: &mut Cluster, id: &str, key: &str, finalizer: &str) {
    let Some(mut object) = cluster.get(id, key).map(|stored| (**stored.object()).clone()) else { return };
    let finalizers = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let rest: Vec<Value> = finalizers.iter().filter(|one| *one != finalizer).cloned().collect();
    if rest.is_empty() {
        cluster.remove(id, key);
    } else if rest.len() < finalizers.len() {
        object["metadata"]["finalizers"] = json!(rest);
        cluster.put(id, key, object);
    }
}

/// Owners by uid, with what holds them while they go.
struct Owners {
    all: BTreeSet<String>,
    going_first: BTreeMap<String, (String, String)>,
    orphaning: BTreeMap<String, (String, String)>,
}

impl Owners {
    fn of(cluster: &Cluster) -> Self {
        let mut owners = Self { all: BTreeSet::new(), going_first: BTreeMap::new(), orphaning: BTreeMap::new() };
        for (id, objects) in &cluster.objects {
            for (key, stored) in objects {
                let metadata = &stored.object()["metadata"];
                let uid = metadata["uid"].as_str().unwrap_or_default().to_owned();
                let holds = |name: &str| {
                    metadata["deletionTimestamp"].is_string()
                        && metadata["finalizers"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
                };
                if holds(FOREGROUND) {
                    owners.going_first.insert(uid.clone(), (id.clone(), key.clone()));
                }
                if holds(ORPHAN) {
                    owners.orphaning.insert(uid.clone(), (id.clone(), key.clone()));
                }
                owners.all.insert(uid);
            }
        }
        owners
    }
}

/// What nobody owns any more goes; owners wait for it, or give it up.
fn owners(cluster: &mut Cluster, now: Timestamp) {
    let owners = Owners::of(cluster);
    let mut waited_for = BTreeSet::new();
    let places: Vec<(String, String)> =
        cluster.objects.iter().flat_map(|(id, objects)| objects.keys().map(|key| (id.clone(), key.clone()))).collect();
    for (id, key) in places {
        let Some(object) = cluster.get(&id, &key).map(|stored| stored.object().clone()) else { continue };
        let Some(references) = object["metadata"]["ownerReferences"].as_array() else { continue };
        let uid = |reference: &Value| reference["uid"].as_str().unwrap_or_default().to_owned();
        let (kept, orphaned): (Vec<Value>, Vec<Value>) =
            references.iter().cloned().partition(|one| !owners.orphaning.contains_key(&uid(one)));
        if !orphaned.is_empty() {
            give_up(cluster, &id, &key, &kept);
            continue;
        }
        let is_owned =
            kept.iter().any(|one| owners.all.contains(&uid(one)) && !owners.going_first.contains_key(&uid(one)));
        waited_for.extend(kept.iter().map(uid).filter(|uid| owners.going_first.contains_key(uid)));
        let Some(resource) = kinds::of_id(cluster, &id).filter(|_| !kept.is_empty() && !is_owned) else { continue };
        delete::remove(cluster, &resource, &key, None, now);
    }
    for (_, (id, key)) in owners.going_first.iter().filter(|(uid, _)| !waited_for.contains(*uid)) {
        let_go(cluster, id, key, FOREGROUND);
    }
    for (id, key) in owners.orphaning.values() {
        let_go(cluster, id, key, ORPHAN);
    }
}

fn give_up(cluster: &mut Cluster, id: &str, key: &str, kept: &[Value]) {
    let Some(mut object) = cluster.get(id, key).map(|stored| (**stored.object()).clone()) else { return };
    if let Some(metadata) = object["metadata"].as_object_mut() {
        if kept.is_empty() {
            metadata.remove("ownerReferences");
        } else {
            metadata.insert("ownerReferences".to_owned(), json!(kept));
        }
    }
    cluster.put(id, key, object);
}
