//! Rules of pods (kubernetes v1.36, `pkg/apis/core/validation/validation.go`), as far as templates of this program can
//! break them.

use serde_json::{Value, json};

use super::{
    quantities::comparable as quantity,
    rules::{LABEL, is_label},
};
use crate::sandbox::kube::call::Cause;

/// What is wrong in the spec of a pod.
pub fn check(spec: &Value, place: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let empty = Vec::new();
    let list = |name: &str| spec[name].as_array().unwrap_or(&empty);
    let volumes: Vec<&Value> = list("volumes").iter().map(|volume| &volume["name"]).collect();
    for (number, name) in volumes.iter().enumerate() {
        let field = format!("{place}.volumes[{number}].name");
        causes.extend(name_of(name, &field, &volumes[..number]));
    }
    if list("containers").is_empty() {
        causes.push(Cause::required(format!("{place}.containers"), ""));
    }
    for kind in ["initContainers", "containers"] {
        let names: Vec<&Value> = list(kind).iter().map(|container| &container["name"]).collect();
        for (number, one) in list(kind).iter().enumerate() {
            let field = format!("{place}.{kind}[{number}]");
            causes.extend(name_of(&one["name"], &format!("{field}.name"), &names[..number]));
            causes.extend(container(one, &field, &volumes));
        }
    }
    for (number, toleration) in list("tolerations").iter().enumerate() {
        let field = format!("{place}.tolerations[{number}]");
        if toleration["key"].is_null() && toleration["operator"] != "Exists" {
            let text = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            causes.push(Cause::invalid(format!("{field}.operator"), &toleration["operator"], text));
        }
    }
    let policy = spec["restartPolicy"].as_str();
    if !policy.is_none_or(|policy| ["Always", "Never", "OnFailure"].contains(&policy)) {
        let known = ["Always", "OnFailure", "Never"].map(|word| format!("{word:?}"));
        causes.push(Cause::unsupported(format!("{place}.restartPolicy"), &spec["restartPolicy"], &known));
    }
    if spec["terminationGracePeriodSeconds"].as_i64().is_some_and(|seconds| seconds < 0) {
        let field = format!("{place}.terminationGracePeriodSeconds");
        causes.push(Cause::invalid(
            field,
            &spec["terminationGracePeriodSeconds"],
            "must be greater than or equal to 0",
        ));
    }
    causes
}

fn name_of(name: &Value, field: &str, before: &[&Value]) -> Option<Cause> {
    let text = name.as_str().unwrap_or_default();
    if text.is_empty() {
        return Some(Cause::required(field, ""));
    }
    if before.contains(&name) {
        return Some(Cause::duplicate(field, name));
    }
    (!is_label(text)).then(|| Cause::invalid(field, name, LABEL))
}

fn container(container: &Value, field: &str, volumes: &[&Value]) -> Vec<Cause> {
    let mut causes = Vec::new();
    if container["image"].as_str().is_none_or(str::is_empty) {
        causes.push(Cause::required(format!("{field}.image"), ""));
    }
    let empty = Vec::new();
    let list = |name: &str| container[name].as_array().unwrap_or(&empty);
    for (number, variable) in list("env").iter().enumerate() {
        let place = format!("{field}.env[{number}]");
        if variable["name"].as_str().is_none_or(str::is_empty) {
            causes.push(Cause::required(format!("{place}.name"), ""));
        }
        let has_value = variable["value"].as_str().is_some_and(|value| !value.is_empty());
        if has_value && variable["valueFrom"].is_object() {
            let text = "may not be specified when `value` is not empty";
            causes.push(Cause::invalid(format!("{place}.valueFrom"), &json!(""), text));
        }
    }
    let mut paths: Vec<&Value> = Vec::new();
    for (number, mount) in list("volumeMounts").iter().enumerate() {
        let place = format!("{field}.volumeMounts[{number}]");
        if !volumes.contains(&&mount["name"]) {
            causes.push(Cause::not_found(format!("{place}.name"), &mount["name"]));
        }
        if mount["mountPath"].as_str().is_none_or(str::is_empty) {
            causes.push(Cause::required(format!("{place}.mountPath"), ""));
        } else if paths.contains(&&mount["mountPath"]) {
            causes.push(Cause::invalid(format!("{place}.mountPath"), &mount["mountPath"], "must be unique"));
        }
        paths.push(&mount["mountPath"]);
    }
    causes.extend(resources(&container["resources"], &format!("{field}.resources")));
    causes
}

fn resources(resources: &Value, field: &str) -> Vec<Cause> {
    const FORM: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    let mut causes = Vec::new();
    for kind in ["limits", "requests"] {
        for (name, amount) in resources[kind].as_object().into_iter().flatten() {
            if quantity(amount).is_none() {
                causes.push(Cause::invalid(format!("{field}.{kind}[{name}]"), amount, FORM));
            }
        }
    }
    for (name, request) in resources["requests"].as_object().into_iter().flatten() {
        let limit = &resources["limits"][name];
        let is_above = quantity(request).zip(quantity(limit)).is_some_and(|(request, limit)| request > limit);
        if is_above {
            let text = format!("must be less than or equal to {name} limit of {}", limit.as_str().unwrap_or_default());
            causes.push(Cause::invalid(format!("{field}.requests"), request, &text));
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(spec: &Value) -> Vec<String> {
        check(spec, "spec").into_iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
    }

    #[test]
    fn a_container_needs_an_image() {
        assert_eq!(texts(&json!({ "containers": [{ "name": "a" }] })), ["spec.containers[0].image: Required value"]);
        assert_eq!(texts(&json!({})), ["spec.containers: Required value"]);
    }

    #[test]
    fn a_mount_needs_its_volume_and_a_request_its_limit() {
        let mounts = json!([{ "name": "v", "mountPath": "/v" }]);
        let spec = json!({ "containers": [{ "name": "a", "image": "i", "volumeMounts": mounts,
            "resources": { "limits": { "memory": "64Mi" }, "requests": { "memory": "1Gi" } } }] });
        let expected = [
            "spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
            "spec.containers[0].resources.requests: Invalid value: \"1Gi\": must be less than or equal to memory \
             limit of 64Mi",
        ];
        assert_eq!(texts(&spec), expected);
    }
}
