//! Objects as a cluster's API gives them, in this program's own types.

use serde_json::{Value, json};

use super::observed::{Live, Manager};

/// From an object as the API gives it.
#[must_use]
pub fn live(mut object: Value) -> Live {
    let text = |object: &Value, field: &str| object["metadata"][field].as_str().map(str::to_owned);
    let (namespace, name, uid) = (text(&object, "namespace"), text(&object, "name"), text(&object, "uid"));
    let mut status = Value::Null;
    let mut managers = Vec::new();
    if let Some(members) = object.as_object_mut() {
        status = members.remove("status").unwrap_or_default();
        if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
            managers = managers_of(metadata.remove("managedFields").unwrap_or_default());
            // Every write changes it, whatever it wrote.
            metadata.remove("resourceVersion");
        }
    }
    Live { namespace, name: name.unwrap_or_default(), uid: uid.unwrap_or_default(), value: object, status, managers }
}

/// As much of an object of others as is of any use: which it is, who made it, and which images it runs. The rest is theirs,
/// and may be secret: a variable of a Deployment, a line of a `ConfigMap`.
pub(super) fn outline(live: &mut Live) {
    let image = |container: &Value| json!({ "name": container["name"], "image": container["image"] });
    let containers = live.value.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let images: Option<Vec<Value>> = containers.map(|containers| containers.iter().map(image).collect());
    let Some(members) = live.value.as_object_mut() else { return };
    members.retain(|name, _| matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
    if let Some(annotations) = members.get_mut("metadata").and_then(|it| it["annotations"].as_object_mut()) {
        // A copy of all of it.
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    if let Some(images) = images {
        members.insert("spec".to_owned(), json!({ "template": { "spec": { "containers": images } } }));
    }
    live.status = Value::Null;
}

fn managers_of(entries: Value) -> Vec<Manager> {
    let Value::Array(entries) = entries else { return Vec::new() };
    let manager = |mut entry: Value| Manager {
        name: entry["manager"].as_str().unwrap_or_default().to_owned(),
        applies: entry["operation"] == "Apply",
        subresource: entry["subresource"].as_str().filter(|it| !it.is_empty()).map(str::to_owned),
        fields: entry["fieldsV1"].take(),
    };
    entries.into_iter().map(manager).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_in_an_object_of_others_is_not_kept() {
        let mut live = live(json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "theirs",
                "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "canary", "owner": "somebody" },
            },
            "spec": { "template": { "spec": { "containers": [
                { "name": "a", "image": "theirs:1", "env": [{ "name": "PASSWORD", "value": "canary" }] },
            ] } } },
            "status": { "message": "canary" },
        }));
        outline(&mut live);
        let kept = serde_json::to_string(&live).unwrap();
        assert!(!kept.contains("canary"), "{kept}");
        assert!(kept.contains("theirs:1") && kept.contains("somebody"), "{kept}");
    }
}
