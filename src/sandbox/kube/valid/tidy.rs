//! What says nothing and is therefore not kept: the types of the built-in kinds leave it out (`omitempty` in k8s.io/api
//! v0.36).

use serde_json::{Map, Value};

/// Flags that are the same when they are left out.
const FLAGS: [&str; 10] = [
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "readOnly",
    "stdin",
    "stdinOnce",
    "tty",
    "paused",
    "unschedulable",
    "publishNotReadyAddresses",
];
/// Numbers of which 0 is the same as none.
const NUMBERS: [&str; 4] = ["initialDelaySeconds", "minReadySeconds", "hostPort", "nodePort"];
/// Maps from text to text, in which an empty text is a value.
const MAPS: [&str; 11] = [
    "labels",
    "annotations",
    "nodeSelector",
    "matchLabels",
    "limits",
    "requests",
    "overhead",
    "data",
    "binaryData",
    "stringData",
    "volumeAttributes",
];
/// Lists that are shown also when nothing is in them, and texts that are.
const KEPT: [&str; 3] = ["rules", "containers", "type"];

/// Leaves out what says nothing. Schemas have words of their own, and values that only look empty.
pub fn leave_out(kind: &str, object: &mut Value) {
    if kind == "CustomResourceDefinition" {
        return;
    }
    if let Some(map) = object.as_object_mut() {
        tidy(map, kind == "Service");
    }
}

/// Shows that there are no rules, which a role does where other kinds leave a list out (k8s.io/api v0.36, rbac/v1: `rules` has
/// no `omitempty`). Until it is kept, an empty list is another thing than none.
pub fn show_none(kind: &str, object: &mut Value, is_kept: bool) {
    let is_none = |rules: &Value| rules.is_null() || (is_kept && rules.as_array().is_some_and(Vec::is_empty));
    if matches!(kind, "Role" | "ClusterRole") && is_none(&object["rules"]) {
        object["rules"] = Value::Null;
    }
}

fn tidy(map: &mut Map<String, Value>, is_service: bool) {
    map.retain(|name, value| {
        let name = name.as_str();
        let is_map = MAPS.contains(&name) || (is_service && name == "selector");
        match value {
            Value::Object(inner) => {
                if !is_map {
                    tidy(inner, is_service);
                }
                !(is_map && inner.is_empty())
            }
            Value::Array(items) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(|item| tidy(item, is_service));
                !items.is_empty() || KEPT.contains(&name)
            }
            Value::String(text) => !text.is_empty() || KEPT.contains(&name),
            Value::Bool(flag) => *flag || !FLAGS.contains(&name),
            Value::Number(number) => number.as_i64() != Some(0) || !NUMBERS.contains(&name),
            Value::Null => false,
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_says_nothing_goes_and_an_empty_object_stays() {
        let mut object = json!({ "metadata": { "labels": {}, "annotations": { "a": "" } }, "spec": {
            "hostNetwork": false, "securityContext": {}, "volumes": [{ "name": "v", "emptyDir": {} }],
            "tolerations": [], "containers": [{ "name": "a", "env": [{ "name": "E", "value": "" }],
            "resources": { "requests": {} } }] } });
        leave_out("Pod", &mut object);
        let expected = json!({ "metadata": { "annotations": { "a": "" } }, "spec": {
            "securityContext": {}, "volumes": [{ "name": "v", "emptyDir": {} }],
            "containers": [{ "name": "a", "env": [{ "name": "E" }], "resources": {} }] } });
        assert_eq!(object, expected);
    }
}
