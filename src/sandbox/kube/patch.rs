//! Patches: RFC 7386 and RFC 6902.

use serde_json::{Map, Value};

/// What a merge patch makes of a document.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            map.remove(name);
        } else {
            merge(map.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// What the operations of a JSON patch make of a document; none where one of them cannot be done.
pub fn operate(target: &Value, operations: &[Value]) -> Option<Value> {
    let mut document = target.clone();
    for operation in operations {
        let path = operation["path"].as_str()?;
        match operation["op"].as_str()? {
            "add" => add(&mut document, path, operation.get("value")?.clone())?,
            "remove" => drop(take(&mut document, path)?),
            "replace" => *document.pointer_mut(path)? = operation.get("value")?.clone(),
            "test" => (document.pointer(path)? == operation.get("value")?).then_some(())?,
            "move" => {
                let value = take(&mut document, operation["from"].as_str()?)?;
                add(&mut document, path, value)?;
            }
            "copy" => {
                let value = document.pointer(operation["from"].as_str()?)?.clone();
                add(&mut document, path, value)?;
            }
            _ => return None,
        }
    }
    Some(document)
}

/// The container of a place, and its last step.
fn parent<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (above, last) = path.rsplit_once('/')?;
    Some((document.pointer_mut(above)?, last.replace("~1", "/").replace("~0", "~")))
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *document = value;
        return Some(());
    }
    match parent(document, path)? {
        (Value::Object(map), name) => {
            map.insert(name, value);
        }
        (Value::Array(items), place) => {
            let place = if place == "-" { items.len() } else { place.parse().ok()? };
            (place <= items.len()).then(|| items.insert(place, value))?;
        }
        _ => return None,
    }
    Some(())
}

fn take(document: &mut Value, path: &str) -> Option<Value> {
    match parent(document, path)? {
        (Value::Object(map), name) => map.remove(&name),
        (Value::Array(items), place) => {
            let place: usize = place.parse().ok()?;
            (place < items.len()).then(|| items.remove(place))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_patch_takes_away_with_null() {
        let mut target = json!({ "a": { "b": 1, "c": 2 }, "d": [1] });
        merge(&mut target, &json!({ "a": { "b": null, "e": { "f": null } }, "d": [2] }));
        assert_eq!(target, json!({ "a": { "c": 2, "e": {} }, "d": [2] }));
    }

    #[test]
    fn a_json_patch_does_all_or_nothing() {
        let target = json!({ "a": { "b/c": 1 }, "d": [1, 2] });
        let patch = [
            json!({ "op": "test", "path": "/a/b~1c", "value": 1 }),
            json!({ "op": "remove", "path": "/a/b~1c" }),
            json!({ "op": "add", "path": "/d/-", "value": 3 }),
            json!({ "op": "move", "from": "/d/0", "path": "/a/x" }),
        ];
        assert_eq!(operate(&target, &patch), Some(json!({ "a": { "x": 1 }, "d": [2, 3] })));
        assert_eq!(operate(&target, &[json!({ "op": "remove", "path": "/none" })]), None);
        assert_eq!(operate(&target, &[json!({ "op": "test", "path": "/d", "value": 1 })]), None);
    }
}
