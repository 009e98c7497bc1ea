//! Objects as a cluster's API gives them, in this program's own types.

use serde_json::Value;

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
