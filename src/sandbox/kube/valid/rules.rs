//! Rules that a schema does not say: of names and metadata, of what cannot change, of the kinds that this program makes
//! (kubernetes v1.36, `pkg/apis/*/validation`).

use serde_json::{Value, json};

use super::{pods, schema};
use crate::sandbox::kube::{call::Cause, kinds::Resource};

/// RFC 1123, as messages have it.
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
     '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
     validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
pub(super) const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
     '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for \
     validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', \
     '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
     regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start \
     and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
     validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const SELECTOR: &str = "`selector` does not match template `labels`";
const IMMUTABLE: &str = "field is immutable";
/// All annotations of an object together (apimachinery, `pkg/api/validation/objectmeta.go`).
const MOST_ANNOTATIONS: usize = 256 << 10;

/// Whether a word is a label of a host name.
pub(super) fn is_label(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    text.len() <= 63
        && text.starts_with(is_plain)
        && text.ends_with(is_plain)
        && text.chars().all(|letter| is_plain(letter) || letter == '-')
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_qualified(text: &str) -> bool {
    let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_subdomain) && !name.is_empty() && is_label_value(name)
}

fn is_label_value(text: &str) -> bool {
    let edges = [text.chars().next(), text.chars().next_back()];
    text.len() <= 63
        && edges.into_iter().flatten().all(|letter| letter.is_ascii_alphanumeric())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

/// All values of a `ConfigMap` or a Secret together (kubernetes v1.36, `MaxSecretSize`).
const MOST_DATA: usize = 1 << 20;

/// What is wrong in an object, and in its difference to the one that is there.
pub fn check(resource: &Resource, live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = metadata(resource, object);
    if let Some(live) = live {
        causes.extend(metadata_change(live, object));
    }
    match resource.schema() {
        Some(schema) => causes.extend(schema::check(object, schema)),
        None => causes.extend(of_kind(&resource.kind, live, object)),
    }
    causes
}

fn metadata(resource: &Resource, object: &Value) -> Vec<Cause> {
    let metadata = &object["metadata"];
    let mut causes = Vec::new();
    let name = metadata["name"].as_str().unwrap_or_default();
    let is_role = resource.group == "rbac.authorization.k8s.io";
    let refused = match resource.kind.as_str() {
        "Namespace" | "Service" => (!is_label(name)).then_some(LABEL),
        _ if is_role => name.contains(['/', '%']).then_some("may not contain '/'"),
        _ => (!is_subdomain(name)).then_some(SUBDOMAIN),
    };
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if let Some(text) = refused {
        causes.push(Cause::invalid("metadata.name", &json!(name), text));
    }
    causes.extend(labels(&metadata["labels"], "metadata.labels"));
    let annotations = metadata["annotations"].as_object();
    for key in annotations.into_iter().flatten().map(|(key, _)| key).filter(|key| !is_qualified(&key.to_lowercase())) {
        causes.push(Cause::invalid("metadata.annotations", &json!(key), QUALIFIED));
    }
    let size = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
    if annotations.into_iter().flatten().map(size).sum::<usize>() > MOST_ANNOTATIONS {
        let message = format!("Too long: may not be more than {MOST_ANNOTATIONS} bytes");
        causes.push(Cause { reason: "FieldValueTooLong", field: "metadata.annotations".to_owned(), message });
    }
    for finalizer in metadata["finalizers"].as_array().into_iter().flatten() {
        if !finalizer.as_str().is_some_and(is_qualified) {
            causes.push(Cause::invalid("metadata.finalizers", finalizer, QUALIFIED));
        }
    }
    for owner in metadata["ownerReferences"].as_array().into_iter().flatten() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().is_none_or(str::is_empty) {
                let place = format!("metadata.ownerReferences.{field}");
                causes.push(Cause::invalid(place, &json!(""), "must not be empty"));
            }
        }
    }
    causes
}

/// What is wrong in labels.
pub(super) fn labels(labels: &Value, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        if !is_qualified(key) {
            causes.push(Cause::invalid(field, &json!(key), QUALIFIED));
        }
        if !value.as_str().is_some_and(is_label_value) {
            causes.push(Cause::invalid(field, value, LABEL_VALUE));
        }
    }
    causes
}

fn metadata_change(live: &Value, object: &Value) -> Vec<Cause> {
    let (before, after) = (&live["metadata"], &object["metadata"]);
    let mut causes = Vec::new();
    if !before["deletionTimestamp"].is_null() {
        let known = before["finalizers"].as_array().cloned().unwrap_or_default();
        let added: Vec<&Value> =
            after["finalizers"].as_array().into_iter().flatten().filter(|one| !known.contains(one)).collect();
        if !added.is_empty() {
            let names: Vec<String> = added.iter().map(ToString::to_string).collect();
            let text = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                names.join(", ")
            );
            causes.push(Cause::forbidden("metadata.finalizers", &text));
        }
    }
    causes
}

fn of_kind(kind: &str, live: Option<&Value>, object: &Value) -> Vec<Cause> {
    match kind {
        "Deployment" | "ReplicaSet" => workload(live, object),
        "Pod" => pods::check(&object["spec"], "spec"),
        "Service" => service(object),
        "ConfigMap" => data(object, &["data", "binaryData"], live),
        "Secret" => secret(live, object),
        "Event" => event(object),
        "Role" | "ClusterRole" => rules(object),
        "RoleBinding" | "ClusterRoleBinding" => binding(live, object),
        "CustomResourceDefinition" => definition(live, object),
        _ => Vec::new(),
    }
}

fn workload(live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let mut causes = Vec::new();
    if spec["replicas"].as_i64().is_some_and(|count| count < 0) {
        causes.push(Cause::invalid("spec.replicas", &spec["replicas"], "must be greater than or equal to 0"));
    }
    let wanted = spec["selector"]["matchLabels"].as_object().cloned().unwrap_or_default();
    let labels = &spec["template"]["metadata"]["labels"];
    if spec["selector"].is_null() {
        causes.push(Cause::required("spec.selector", ""));
        // And none selects nothing.
        causes.push(Cause::invalid("spec.template.metadata.labels", labels, SELECTOR));
    } else if wanted.is_empty() && spec["selector"]["matchExpressions"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::invalid("spec.selector", &spec["selector"], "empty selector is invalid for deployment"));
    } else if wanted.iter().any(|(name, value)| labels[name] != *value) {
        causes.push(Cause::invalid("spec.template.metadata.labels", labels, SELECTOR));
    }
    causes.extend(self::labels(labels, "spec.template.metadata.labels"));
    causes.extend(pods::check(&spec["template"]["spec"], "spec.template.spec"));
    let policy = &spec["template"]["spec"]["restartPolicy"];
    if ["Never", "OnFailure"].iter().any(|word| policy == word) {
        causes.push(Cause::unsupported("spec.template.spec.restartPolicy", policy, &["\"Always\"".to_owned()]));
    }
    if spec["strategy"]["type"] == "Recreate" && spec["strategy"]["rollingUpdate"].is_object() {
        let text = "may not be specified when strategy `type` is 'Recreate'";
        causes.push(Cause::forbidden("spec.strategy.rollingUpdate", text));
    }
    if live.is_some_and(|live| live["spec"]["selector"] != spec["selector"]) {
        causes.push(Cause::invalid("spec.selector", &spec["selector"], IMMUTABLE));
    }
    causes
}

fn service(object: &Value) -> Vec<Cause> {
    let ports = object["spec"]["ports"].as_array().cloned().unwrap_or_default();
    let mut causes = Vec::new();
    let is_headless = object["spec"]["clusterIP"] == "None";
    if ports.is_empty() && !is_headless && object["spec"]["type"] != "ExternalName" {
        causes.push(Cause::required("spec.ports", ""));
    }
    for (number, port) in ports.iter().enumerate() {
        let place = format!("spec.ports[{number}]");
        if ports.len() > 1 && port["name"].as_str().is_none_or(str::is_empty) {
            causes.push(Cause::required(format!("{place}.name"), ""));
        } else if !port["name"].is_null() && ports[..number].iter().any(|other| other["name"] == port["name"]) {
            causes.push(Cause::duplicate(format!("{place}.name"), &port["name"]));
        }
        if !port["port"].as_i64().is_some_and(|number| (1..=65_535).contains(&number)) {
            let text = "must be between 1 and 65535, inclusive";
            causes.push(Cause::invalid(format!("{place}.port"), &port["port"], text));
        }
    }
    causes
}

fn data(object: &Value, fields: &[&str], live: Option<&Value>) -> Vec<Cause> {
    const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. \
         'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    let mut causes = Vec::new();
    for field in fields {
        for key in object[*field].as_object().into_iter().flatten().map(|(key, _)| key) {
            let is_fine = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
            if key.is_empty() || !key.chars().all(is_fine) {
                causes.push(Cause::invalid(format!("{field}[{key}]"), &json!(key), KEY));
            }
        }
        if live.is_some_and(|live| live["immutable"] == true && live[*field] != object[*field]) {
            causes.push(Cause::forbidden(*field, "field is immutable when `immutable` is set"));
        }
    }
    for key in object["data"].as_object().into_iter().flatten().map(|(key, _)| key) {
        if object["binaryData"].get(key).is_some() {
            let field = format!("data[{key}]");
            causes.push(Cause::invalid(field, &json!(key), "duplicate of key present in binaryData"));
        }
    }
    let values = fields.iter().filter_map(|field| object[*field].as_object()).flat_map(|map| map.values());
    if values.filter_map(Value::as_str).map(str::len).sum::<usize>() > MOST_DATA {
        let message = format!("Too long: may not be more than {MOST_DATA} bytes");
        causes.push(Cause { reason: "FieldValueTooLong", field: "[]".to_owned(), message });
    }
    if live.is_some_and(|live| live["immutable"] == true) && object["immutable"] != true {
        causes.push(Cause::forbidden("immutable", "field is immutable when `immutable` is set"));
    }
    causes
}

fn secret(live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = data(object, &["data"], live);
    for (kind, key) in
        [("kubernetes.io/dockerconfigjson", ".dockerconfigjson"), ("kubernetes.io/dockercfg", ".dockercfg")]
    {
        if object["type"] == kind && object["data"][key].is_null() {
            causes.push(Cause::required(format!("data[{key}]"), ""));
        }
    }
    if live.is_some_and(|live| live["type"] != object["type"]) {
        causes.push(Cause::invalid("type", &object["type"], IMMUTABLE));
    }
    causes
}

fn event(object: &Value) -> Vec<Cause> {
    let place = &object["involvedObject"]["namespace"];
    let own = &object["metadata"]["namespace"];
    let is_elsewhere = match place.as_str() {
        None | Some("") => own != "default",
        Some(_) => place != own,
    };
    let cause = || Cause::invalid("involvedObject.namespace", place, "does not match event.namespace");
    is_elsewhere.then(cause).into_iter().collect()
}

fn rules(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (number, rule) in object["rules"].as_array().into_iter().flatten().enumerate() {
        let is_empty = |name: &str| rule[name].as_array().is_none_or(Vec::is_empty);
        let place = format!("rules[{number}]");
        if is_empty("verbs") {
            causes.push(Cause::required(format!("{place}.verbs"), "verbs must contain at least one value"));
        }
        if !is_empty("nonResourceURLs") {
            continue;
        }
        if is_empty("apiGroups") {
            let text = "resource rules must supply at least one api group";
            causes.push(Cause::required(format!("{place}.apiGroups"), text));
        }
        if is_empty("resources") {
            let text = "resource rules must supply at least one resource";
            causes.push(Cause::required(format!("{place}.resources"), text));
        }
    }
    causes
}

fn binding(live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (number, subject) in object["subjects"].as_array().into_iter().flatten().enumerate() {
        let is_account = subject["kind"] == "ServiceAccount";
        let place = format!("subjects[{number}]");
        if subject["name"].as_str().is_none_or(str::is_empty) {
            causes.push(Cause::required(format!("{place}.name"), ""));
        }
        if is_account && subject["namespace"].as_str().is_none_or(str::is_empty) {
            causes.push(Cause::required(format!("{place}.namespace"), ""));
        }
    }
    if live.is_some_and(|live| live["roleRef"] != object["roleRef"]) {
        let told = &object["roleRef"];
        let told = json!({ "APIGroup": told["apiGroup"], "Kind": told["kind"], "Name": told["name"] });
        causes.push(Cause::invalid("roleRef", &told, "cannot change roleRef"));
    }
    causes
}

fn definition(live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let mut causes = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let expected = format!("{}.{}", text(&spec["names"]["plural"]), text(&spec["group"]));
    if object["metadata"]["name"] != json!(expected) {
        let told = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &object["metadata"]["name"], told));
    }
    let versions = spec["versions"].as_array().cloned().unwrap_or_default();
    if versions.iter().filter(|version| version["storage"] == true).count() != 1 {
        let text = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", &json!(null), text));
    }
    for (number, version) in versions.iter().enumerate() {
        if version["schema"]["openAPIV3Schema"].is_null() {
            let place = format!("spec.versions[{number}].schema.openAPIV3Schema");
            causes.push(Cause::required(place, ""));
        }
    }
    for (field, name) in [("group", "spec.group"), ("scope", "spec.scope")] {
        if live.is_some_and(|live| live["spec"][field] != spec[field]) {
            causes.push(Cause::invalid(name, &spec[field], IMMUTABLE));
        }
    }
    causes
}
