//! Structural schemas of custom kinds: what is unknown, what is filled in, what is wrong
//! (apiextensions-apiserver v0.36, `pkg/apiserver/schema`).

use globset::GlobMatcher;
use serde_json::{Map, Value, json};

use crate::sandbox::kube::{apply::shape::property, call::Cause};

/// What every object has besides its schema.
const TYPE_AND_METADATA: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Where the walk is, as messages have it: without the dot at the beginning.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn keeps_unknown(schema: &Value) -> bool {
    schema["x-kubernetes-preserve-unknown-fields"] == true
}

/// Fields of an object that its schema does not have.
pub fn unknown_fields(object: &Value, schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        if TYPE_AND_METADATA.contains(&name.as_str()) {
            continue;
        }
        match property(schema, name) {
            Some(inner) => look_for_unknown(value, inner, name, &mut found),
            None if keeps_unknown(schema) => {}
            None => found.push(name.clone()),
        }
    }
    found
}

fn look_for_unknown(value: &Value, schema: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                match property(schema, name) {
                    Some(schema) => look_for_unknown(inner, schema, &below(path, name), found),
                    None if is_open(schema) => {}
                    None => found.push(below(path, name)),
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                look_for_unknown(item, &schema["items"], &format!("{path}[{number}]"), found);
            }
        }
        _ => {}
    }
}

/// Whether a schema leaves open what is in its map.
fn is_open(schema: &Value) -> bool {
    keeps_unknown(schema) || schema["x-kubernetes-embedded-resource"] == true || schema["additionalProperties"] == true
}

/// Takes the fields away that the schema does not have.
pub fn prune(object: &mut Value, schema: &Value) {
    let Some(map) = object.as_object_mut() else { return };
    map.retain(|name, value| {
        if TYPE_AND_METADATA.contains(&name.as_str()) {
            return true;
        }
        let inner = property(schema, name);
        if let Some(inner) = inner {
            prune_below(value, inner);
        }
        inner.is_some() || keeps_unknown(schema)
    });
}

fn prune_below(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => map.retain(|name, value| {
            let inner = property(schema, name);
            if let Some(inner) = inner {
                prune_below(value, inner);
            }
            inner.is_some() || is_open(schema)
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| prune_below(item, &schema["items"])),
        _ => {}
    }
}

/// Fills in defaults; a null where none may be becomes one, or goes, unless nulls are to stay.
pub fn fill_in(value: &mut Value, schema: &Value, nulls_stay: bool) {
    match value {
        Value::Object(map) => {
            let may_be_null = |name: &str| nulls_stay || schema["properties"][name]["nullable"] == true;
            map.retain(|name, value| !value.is_null() || may_be_null(name));
            for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
                if let (false, Some(default)) = (map.contains_key(name), inner.get("default")) {
                    map.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in map.iter_mut().filter(|(name, _)| *name != "metadata") {
                if let Some(inner) = property(schema, name) {
                    fill_in(value, inner, nulls_stay);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_in(item, &schema["items"], nulls_stay)),
        _ => {}
    }
}

/// What is wrong in an object, in the order of its fields.
pub fn check(object: &Value, schema: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut rest = object.clone();
    if let Some(map) = rest.as_object_mut() {
        map.retain(|name, _| !TYPE_AND_METADATA.contains(&name.as_str()));
    }
    inspect(&rest, schema, "", &mut causes);
    causes.retain(|cause| !TYPE_AND_METADATA.contains(&cause.field.as_str()));
    causes
}

/// Values of other types than those of the schema, in the words of the merge (structured-merge-diff v6,
/// `typed/validate.go`).
pub fn mistyped(object: &Value, schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        if let (false, Some(inner)) = (TYPE_AND_METADATA.contains(&name.as_str()), property(schema, name)) {
            look_for_mistyped(value, inner, &format!(".{name}"), &mut found);
        }
    }
    found
}

/// A value as Go's `%v` prints it.
fn in_go(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(in_go).collect::<Vec<String>>().join(" ")),
        Value::Object(map) => {
            let pairs: Vec<String> = map.iter().map(|(name, value)| format!("{name}:{}", in_go(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => other.to_string(),
    }
}

fn look_for_mistyped(value: &Value, schema: &Value, path: &str, found: &mut Vec<String>) {
    if schema["x-kubernetes-int-or-string"] == true || value.is_null() {
        return;
    }
    let given = format!("&{{{}}}", in_go(value));
    let boxed = format!("&value.valueUnstructured{{Value:{value}}}");
    match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(map)) => {
            for (name, inner) in map {
                if let Some(schema) = property(schema, name) {
                    look_for_mistyped(inner, schema, &format!("{path}.{name}"), found);
                }
            }
        }
        (Some("array"), Value::Array(items)) => {
            for (number, item) in items.iter().enumerate() {
                look_for_mistyped(item, &schema["items"], &format!("{path}[{number}]"), found);
            }
        }
        (Some("object"), _) => found.push(format!("{path}: expected map, got {given}")),
        (Some("array"), _) => found.push(format!("{path}: expected list, got {given}")),
        (Some("integer" | "number"), value) if !value.is_number() => {
            let given = if value.is_string() { "string" } else { &boxed };
            found.push(format!("{path}: expected numeric (int or float), got {given}"));
        }
        (Some("string"), value) if !value.is_string() => found.push(format!("{path}: expected string, got {boxed}")),
        (Some("boolean"), value) if !value.is_boolean() => found.push(format!("{path}: expected boolean, got {boxed}")),
        _ => {}
    }
}

/// The JSON type of a value, as messages have it.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn inspect(value: &Value, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let given = type_of(value);
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if schema["x-kubernetes-int-or-string"] == true {
        if !["integer", "string"].contains(&given) {
            causes.push(wrong_type(path, given, "integer,string"));
        }
        return;
    }
    let wanted = schema["type"].as_str().unwrap_or(given);
    if wanted != given && !(wanted == "number" && given == "integer") {
        causes.push(wrong_type(path, given, wanted));
        return;
    }
    match value {
        Value::Object(map) => inspect_map(map, schema, path, causes),
        Value::Array(items) => inspect_list(items, schema, path, causes),
        Value::String(text) => inspect_text(text, schema, path, causes),
        Value::Number(number) => inspect_number(number.as_f64().unwrap_or_default(), value, schema, path, causes),
        Value::Null | Value::Bool(_) => {}
    }
    let words = schema["enum"].as_array();
    if let Some(words) = words.filter(|words| !words.contains(value)) {
        let known: Vec<String> = words.iter().map(Value::to_string).collect();
        causes.push(Cause::unsupported(path, value, &known));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        inspect(value, part, path, causes);
    }
}

fn wrong_type(path: &str, given: &str, wanted: &str) -> Cause {
    let field = if path.is_empty() { "<nil>" } else { path };
    Cause::type_invalid(field, &json!(given), &format!("{field} in body must be of type {wanted}: {given:?}"))
}

fn inspect_map(map: &Map<String, Value>, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !map.contains_key(name) {
            causes.push(Cause::required(below(path, name), ""));
        }
    }
    for (name, value) in map {
        if let Some(inner) = property(schema, name) {
            inspect(value, inner, &below(path, name), causes);
        }
    }
}

fn inspect_list(items: &[Value], schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let count = items.len() as u64;
    if let Some(least) = schema["minItems"].as_u64().filter(|least| count < *least) {
        let text = format!("{path} in body should have at least {least} items");
        causes.push(Cause::invalid(path, &json!(count), &text));
    }
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| count > *most) {
        let message = format!("Too many: {count}: must have at most {most} items");
        causes.push(Cause { reason: "FieldValueTooMany", field: path.to_owned(), message });
    }
    for (number, item) in items.iter().enumerate() {
        inspect(item, &schema["items"], &format!("{path}[{number}]"), causes);
    }
    let keys: Vec<&str> =
        schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if schema["x-kubernetes-list-type"] == "map" {
        let id = |item: &Value| -> Value { keys.iter().map(|key| ((*key).to_owned(), item[*key].clone())).collect() };
        for (number, item) in items.iter().enumerate() {
            if items[..number].iter().any(|other| id(other) == id(item)) {
                causes.push(Cause::duplicate(format!("{path}[{number}]"), &id(item)));
            }
        }
    }
}

fn inspect_text(text: &str, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let count = text.chars().count() as u64;
    let told = json!(text);
    if let Some(least) = schema["minLength"].as_u64().filter(|least| count < *least) {
        causes.push(Cause::invalid(path, &told, &format!("{path} in body should be at least {least} chars long")));
    }
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| count > *most) {
        let message = format!("Too long: may not be more than {most} bytes");
        causes.push(Cause { reason: "FieldValueTooLong", field: path.to_owned(), message });
    }
    if let Some(pattern) = schema["pattern"].as_str().filter(|pattern| !matches(pattern, text)) {
        causes.push(Cause::invalid(path, &told, &format!("{path} in body should match '{pattern}'")));
    }
}

fn inspect_number(number: f64, value: &Value, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    if let Some(least) = schema["minimum"].as_f64().filter(|least| number < *least) {
        let text = format!("{path} in body should be greater than or equal to {least}");
        causes.push(Cause::invalid(path, value, &text));
    }
    if let Some(most) = schema["maximum"].as_f64().filter(|most| number > *most) {
        causes.push(Cause::invalid(path, value, &format!("{path} in body should be less than or equal to {most}")));
    }
    if schema["format"] == "int32" && !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number) {
        let text = format!("Checked value must be of type integer with format int32 in {path}");
        causes.push(Cause::invalid("<nil>", &json!(""), &text));
    }
}

/// A pattern of a schema, as far as those of this program's kinds go: `^`, classes, `+` and `$` in a glob's words where
/// they can be said in them, and otherwise anything passes.
fn matches(pattern: &str, text: &str) -> bool {
    let Some(rest) = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')) else { return true };
    let Some((before, class)) = rest.split_once('[') else { return rest == text || glob(rest).is_none() };
    let Some(letters) = class.strip_suffix("]+") else { return true };
    let Some(one) = glob(&format!("[{letters}]")) else { return true };
    text.strip_prefix(before)
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|letter| one.is_match(letter.to_string())))
}

fn glob(text: &str) -> Option<GlobMatcher> {
    globset::Glob::new(text).ok().map(|glob| glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({ "type": "object", "required": ["spec"], "properties": { "spec": {
            "type": "object", "required": ["name"], "properties": {
                "name": { "type": "string", "minLength": 1 },
                "replicas": { "type": "integer", "format": "int32" },
                "policy": { "type": "string", "enum": ["retain", "destroy"], "default": "retain" },
                "id": { "type": "string", "pattern": "^at-[a-zA-Z0-9]+$" },
                "tokens": { "type": "array", "minItems": 1, "items": { "type": "object", "required": ["name"],
                    "properties": { "name": { "type": "string" } } } },
                "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                "port": { "x-kubernetes-int-or-string": true },
                "anything": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
            } } } })
    }

    fn texts(spec: &Value) -> Vec<String> {
        let causes = check(&json!({ "spec": spec }), &schema());
        causes.into_iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
    }

    #[test]
    fn what_is_wrong_is_said_in_the_servers_words() {
        for (spec, expected) in [
            (json!({}), "spec.name: Required value"),
            (
                json!({ "name": "" }),
                "spec.name: Invalid value: \"\": spec.name in body should be at least 1 chars long",
            ),
            (
                json!({ "name": "a", "policy": "keep" }),
                "spec.policy: Unsupported value: \"keep\": supported values: \"retain\", \"destroy\"",
            ),
            (
                json!({ "name": "a", "replicas": "1" }),
                "spec.replicas: Invalid value: \"string\": spec.replicas in body must be of type integer: \"string\"",
            ),
            (
                json!({ "name": "a", "id": "apool-1" }),
                "spec.id: Invalid value: \"apool-1\": spec.id in body should match '^at-[a-zA-Z0-9]+$'",
            ),
            (
                json!({ "name": "a", "tokens": [] }),
                "spec.tokens: Invalid value: 0: spec.tokens in body should have at least 1 items",
            ),
            (json!({ "name": "a", "tokens": [{}] }), "spec.tokens[0].name: Required value"),
        ] {
            assert_eq!(texts(&spec), [expected]);
        }
        let fine =
            json!({ "name": "a", "id": "at-Z9", "port": "http", "labels": { "x": "y" }, "anything": { "b": 1 } });
        assert_eq!(texts(&fine), Vec::<String>::new());
    }

    #[test]
    fn unknown_fields_are_found_and_go() {
        let mut object = json!({ "kind": "A", "spec": { "name": "a", "period": "10m", "tokens": [{ "x": 1 }],
            "labels": { "any": "x" }, "anything": { "b": { "c": 1 } } } });
        assert_eq!(unknown_fields(&object, &schema()), ["spec.period", "spec.tokens[0].x"]);
        prune(&mut object, &schema());
        fill_in(&mut object, &schema(), false);
        let expected = json!({ "kind": "A", "spec": { "name": "a", "tokens": [{}], "labels": { "any": "x" },
            "anything": { "b": { "c": 1 } }, "policy": "retain" } });
        assert_eq!(object, expected);
    }
}
