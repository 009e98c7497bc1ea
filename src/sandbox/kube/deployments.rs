//! The controllers of deployments and the scheduler in one: pods are ready at once where a machine fits, and never
//! where none does.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::settle::write_status;
use crate::sandbox::world::{Cluster, hex, second};

const DEPLOYMENTS: &str = "deployments.apps";

/// Gives every deployment the status that its pods would have.
pub fn settle(cluster: &mut Cluster, now: Timestamp) {
    let keys: Vec<String> = cluster.all(DEPLOYMENTS).map(|(key, _)| key.clone()).collect();
    for key in keys {
        let Some(object) = cluster.get(DEPLOYMENTS, &key).map(|stored| Arc::clone(stored.object())) else {
            continue;
        };
        let why = misfit(cluster, &object);
        let is_new = object["status"]["observedGeneration"] != object["metadata"]["generation"];
        let status = status_of(&object, why.is_none(), now);
        write_status(cluster, DEPLOYMENTS, &key, status, now);
        if let Some(why) = why.filter(|_| is_new && object["spec"]["replicas"] != 0) {
            complain(cluster, &object, &why, now);
        }
    }
}

/// Why no machine takes the pods of a deployment.
fn misfit(cluster: &Cluster, deployment: &Value) -> Option<String> {
    let wanted = deployment["spec"]["template"]["spec"]["nodeSelector"].as_object().cloned().unwrap_or_default();
    let count = cluster.all("nodes").count();
    let fits = |node: &Value| wanted.iter().all(|(name, value)| node["metadata"]["labels"][name] == *value);
    let is_taken = !cluster.no_nodes_fit && cluster.all("nodes").any(|(_, node)| fits(node));
    let cause =
        if cluster.no_nodes_fit { "Insufficient memory" } else { "node(s) didn't match Pod's node affinity/selector" };
    (!is_taken).then(|| {
        format!(
            "0/{count} nodes are available: {count} {cause}. preemption: 0/{count} nodes are available: {count} \
             Preemption is not helpful for scheduling."
        )
    })
}

fn status_of(deployment: &Value, fits: bool, now: Timestamp) -> Value {
    let replicas = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    let is_available = fits || replicas == 0;
    let generation = &deployment["metadata"]["generation"];
    let mut status = json!({ "observedGeneration": generation, "terminatingReplicas": 0 });
    if replicas > 0 {
        status["replicas"] = json!(replicas);
        status["updatedReplicas"] = json!(replicas);
        let ready = if fits { ["readyReplicas", "availableReplicas"].as_slice() } else { &["unavailableReplicas"] };
        for name in ready {
            status[*name] = json!(replicas);
        }
    }
    let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
    let set = format!("ReplicaSet \"{name}-{}\"", template_hash(deployment));
    let available = if is_available {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.".to_owned())
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.".to_owned())
    };
    let progressing = if is_available {
        ("True", "NewReplicaSetAvailable", format!("{set} has successfully progressed."))
    } else {
        ("True", "ReplicaSetUpdated", format!("{set} is progressing."))
    };
    let conditions = [("Available", available), ("Progressing", progressing)].map(|(kind, (word, reason, message))| {
        let known = deployment["status"]["conditions"].as_array().into_iter().flatten();
        let before = known.into_iter().find(|one| one["type"] == kind && one["status"] == word).cloned();
        let mut condition = json!({ "type": kind, "status": word, "reason": reason, "message": message });
        for time in ["lastTransitionTime", "lastUpdateTime"] {
            condition[time] = before.as_ref().map_or_else(|| json!(second(now)), |before| before[time].clone());
        }
        condition
    });
    let is_other = |one: &&Value| one["type"] != "Available" && one["type"] != "Progressing";
    let others = deployment["status"]["conditions"].as_array().into_iter().flatten().filter(is_other).cloned();
    status["conditions"] = others.chain(conditions).collect();
    status
}

fn template_hash(deployment: &Value) -> String {
    hex(&Sha256::digest(deployment["spec"]["template"].to_string()))[..10].to_owned()
}

/// What the scheduler says of a pod that it cannot place.
fn complain(cluster: &mut Cluster, deployment: &Value, message: &str, now: Timestamp) {
    let text = |name: &str| deployment["metadata"][name].as_str().unwrap_or_default().to_owned();
    let (name, namespace) = (text("name"), text("namespace"));
    let pod = format!("{name}-{}-x7k2p", template_hash(deployment));
    let count = cluster.revision;
    let event = format!("{pod}.{count:016x}");
    let key = format!("{namespace}/{event}");
    let uid = cluster.mint("events", &key);
    let time = second(now);
    let object = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": event, "namespace": namespace, "uid": uid, "creationTimestamp": time },
        "involvedObject": { "apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": namespace },
        "reason": "FailedScheduling",
        "message": message,
        "type": "Warning",
        "count": 1,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "source": { "component": "default-scheduler" },
    });
    cluster.put("events", &key, object);
}
