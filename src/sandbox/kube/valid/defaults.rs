//! Defaults of the built-in kinds, as far as the objects that this program and the operator make show them
//! (kubernetes v1.36, `pkg/apis/*/v1/defaults.go`).

use serde_json::{Value, json};

use super::quantities;

fn default(object: &mut Value, name: &str, value: Value) {
    if object[name].is_null() || (object[name] == "" && value.is_string()) {
        object[name] = value;
    }
}

/// Items of a list.
fn each<'a>(object: &'a mut Value, list: &str) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Fills in what is left out.
pub fn fill_in(kind: &str, object: &mut Value) {
    match kind {
        "Deployment" => deployment(object),
        "ReplicaSet" => {
            default(&mut object["spec"], "replicas", json!(1));
            template(object);
        }
        "Pod" => {
            pod(&mut object["spec"]);
            for list in ["initContainers", "containers"] {
                each(&mut object["spec"], list).for_each(request_what_is_limited);
            }
        }
        "Service" => service(object),
        "Secret" => secret(object),
        "Namespace" => {
            if let Some(name) = object["metadata"]["name"].as_str().map(str::to_owned) {
                object["metadata"]["labels"]["kubernetes.io/metadata.name"] = json!(name);
            }
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            default(&mut object["roleRef"], "apiGroup", json!("rbac.authorization.k8s.io"));
            for subject in each(object, "subjects").filter(|subject| subject["kind"] != "ServiceAccount") {
                default(subject, "apiGroup", json!("rbac.authorization.k8s.io"));
            }
        }
        "CustomResourceDefinition" => definition(object),
        _ => {}
    }
    drop_nulls(object);
}

/// A null is as if it were left out.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn deployment(object: &mut Value) {
    let spec = &mut object["spec"];
    default(spec, "replicas", json!(1));
    default(spec, "revisionHistoryLimit", json!(10));
    default(spec, "progressDeadlineSeconds", json!(600));
    default(spec, "strategy", json!({}));
    default(&mut spec["strategy"], "type", json!("RollingUpdate"));
    if spec["strategy"]["type"] == "RollingUpdate" {
        default(&mut spec["strategy"], "rollingUpdate", json!({}));
        default(&mut spec["strategy"]["rollingUpdate"], "maxUnavailable", json!("25%"));
        default(&mut spec["strategy"]["rollingUpdate"], "maxSurge", json!("25%"));
    }
    template(object);
}

fn template(object: &mut Value) {
    if object["spec"]["template"]["spec"].is_object() {
        pod(&mut object["spec"]["template"]["spec"]);
    }
}

fn pod(spec: &mut Value) {
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "securityContext", json!({}));
    default(spec, "schedulerName", json!("default-scheduler"));
    // The old name of the same field is kept beside it.
    match (spec["serviceAccountName"].clone(), spec["serviceAccount"].clone()) {
        (Value::Null, Value::Null) => {}
        (Value::Null, old) => spec["serviceAccountName"] = old,
        (name, _) => spec["serviceAccount"] = name,
    }
    for list in ["initContainers", "containers"] {
        each(spec, list).for_each(container);
    }
    each(spec, "volumes").for_each(volume);
}

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
    let is_latest = !image.contains('@') && tag.is_none_or(|tag| tag == "latest");
    default(container, "imagePullPolicy", json!(if is_latest { "Always" } else { "IfNotPresent" }));
    default(container, "terminationMessagePath", json!("/dev/termination-log"));
    default(container, "terminationMessagePolicy", json!("File"));
    default(container, "resources", json!({}));
    for kind in ["limits", "requests"] {
        for (_, amount) in container["resources"].get_mut(kind).and_then(Value::as_object_mut).into_iter().flatten() {
            let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
            if let Some(canonical) = quantities::canonical(&text) {
                *amount = json!(canonical);
            }
        }
    }
    for port in each(container, "ports") {
        default(port, "protocol", json!("TCP"));
    }
    for variable in each(container, "env") {
        if variable["valueFrom"]["fieldRef"].is_object() {
            default(&mut variable["valueFrom"]["fieldRef"], "apiVersion", json!("v1"));
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container[name].is_object() {
            probe(&mut container[name]);
        } else if let Some(map) = container.as_object_mut() {
            map.remove(name);
        }
    }
}

/// Of a pod, and not of a template.
fn request_what_is_limited(container: &mut Value) {
    let limits = container["resources"]["limits"].as_object().cloned().unwrap_or_default();
    for (name, limit) in limits {
        default(&mut container["resources"], "requests", json!({}));
        default(&mut container["resources"]["requests"], &name, limit);
    }
}

fn probe(probe: &mut Value) {
    default(probe, "timeoutSeconds", json!(1));
    default(probe, "periodSeconds", json!(10));
    default(probe, "successThreshold", json!(1));
    default(probe, "failureThreshold", json!(3));
    if probe["httpGet"].is_object() {
        default(&mut probe["httpGet"], "path", json!("/"));
        default(&mut probe["httpGet"], "scheme", json!("HTTP"));
    }
}

fn volume(volume: &mut Value) {
    const MODE: u32 = 0o644;
    for name in ["secret", "configMap", "projected", "downwardAPI"] {
        if volume[name].is_object() {
            default(&mut volume[name], "defaultMode", json!(MODE));
        }
    }
    for source in each(&mut volume["projected"], "sources") {
        if source["serviceAccountToken"].is_object() {
            default(&mut source["serviceAccountToken"], "expirationSeconds", json!(3600));
        }
    }
    if volume["hostPath"].is_object() {
        default(&mut volume["hostPath"], "type", json!(""));
    }
    let sources = volume.as_object_mut();
    if let Some(map) = sources {
        map.retain(|_, value| !value.is_null());
        if map.len() == 1 && map.contains_key("name") {
            map.insert("emptyDir".to_owned(), json!({}));
        }
    }
}

fn service(object: &mut Value) {
    let spec = &mut object["spec"];
    default(spec, "type", json!("ClusterIP"));
    default(spec, "sessionAffinity", json!("None"));
    default(spec, "internalTrafficPolicy", json!("Cluster"));
    for port in each(spec, "ports") {
        default(port, "protocol", json!("TCP"));
        let number = port["port"].clone();
        default(port, "targetPort", number);
    }
}

/// `stringData` is written and never read.
fn secret(object: &mut Value) {
    default(object, "type", json!("Opaque"));
    let Some(texts) = object.as_object_mut().and_then(|map| map.remove("stringData")) else { return };
    for (name, text) in texts.as_object().into_iter().flatten() {
        let bytes = text.as_str().unwrap_or_default().as_bytes();
        object["data"][name] = json!(data_encoding::BASE64.encode(bytes));
    }
}

fn definition(object: &mut Value) {
    let spec = &mut object["spec"];
    let kind = spec["names"]["kind"].as_str().unwrap_or_default().to_owned();
    default(&mut spec["names"], "singular", json!(kind.to_lowercase()));
    default(&mut spec["names"], "listKind", json!(format!("{kind}List")));
    default(spec, "conversion", json!({ "strategy": "None" }));
}
