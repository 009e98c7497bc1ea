//! The `OpenAPI` file as something that judges documents.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::Findings;

/// Whether a document went out or came back: what must be there is shared by both in the file, and true of answers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Sent,
    Got,
}

/// The file, with `nullable` said as JSON Schema says it.
pub struct Description {
    paths: Map<String, Value>,
    components: Value,
    /// The same without `required`.
    lenient: Value,
}

impl Description {
    pub fn new(openapi: &Value) -> Self {
        let components = translated(&openapi["components"]);
        let mut lenient = components.clone();
        without_required(&mut lenient);
        Self { paths: openapi["paths"].as_object().unwrap().clone(), components, lenient }
    }

    /// The described path that a real one is an instance of, the most literal first.
    pub fn template(&self, method: &str, path: &str) -> Option<String> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let fits = |template: &str| {
            let wanted: Vec<&str> = template.trim_matches('/').split('/').collect();
            let same = |(wanted, part): (&&str, &&str)| wanted.starts_with('{') || wanted == part;
            wanted.len() == parts.len() && wanted.iter().zip(&parts).all(same)
        };
        let found =
            self.paths.iter().filter(|(template, item)| fits(template) && item.get(method.to_lowercase()).is_some());
        found.map(|(template, _)| template.clone()).min_by_key(|template| template.matches('{').count())
    }

    fn operation(&self, method: &str, template: &str) -> &Value {
        &self.paths[template][method.to_lowercase()]
    }

    /// All operations below some paths.
    pub fn operations(&self, below: &[&str]) -> BTreeSet<String> {
        let ours = |template: &str| {
            below.iter().any(|path| match path.strip_suffix("/*") {
                Some(root) => template == root || template.starts_with(&format!("{root}/")),
                None => template == *path,
            })
        };
        let mut found = BTreeSet::new();
        for (template, item) in self.paths.iter().filter(|(template, _)| ours(template)) {
            for method in ["get", "post", "put", "patch", "delete"] {
                if item.get(method).is_some() {
                    found.insert(format!("{} {template}", method.to_uppercase()));
                }
            }
        }
        found
    }

    pub fn query_names(&self, method: &str, template: &str) -> BTreeSet<String> {
        let parameters = self.operation(method, template)["parameters"].as_array().cloned().unwrap_or_default();
        parameters
            .iter()
            .map(|parameter| self.resolve(parameter))
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn request(&self, method: &str, template: &str) -> Option<Value> {
        let body = self.resolve(&self.operation(method, template)["requestBody"]).clone();
        content(&body)
    }

    /// The schema of an answer, the described default serving for refusals.
    pub fn response(&self, method: &str, template: &str, status: u16) -> Option<Value> {
        let responses = &self.operation(method, template)["responses"];
        let exact = responses.get(status.to_string());
        let found = if status >= 300 { exact.or_else(|| responses.get("default")) } else { exact };
        content(self.resolve(found?))
    }

    pub fn any_success(&self, method: &str, template: &str) -> Option<Value> {
        let responses = self.operation(method, template)["responses"].as_object()?;
        let found = responses.iter().find(|(status, _)| status.starts_with('2'))?;
        content(self.resolve(found.1))
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.strip_prefix("#/components").unwrap();
                let target = self.components.pointer(pointer);
                self.resolve(target.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => value,
        }
    }

    /// One document against one schema: by validation, and name by name.
    pub fn judge(
        &self,
        operation: &str,
        schema: Option<Value>,
        document: &Value,
        direction: Direction,
        findings: &mut Findings,
    ) {
        let Some(schema) = schema else {
            findings.insert(format!("{operation} {direction:?}"), "a body is not described".to_owned());
            return;
        };
        let schema = translated(&schema);
        for error in self.validator(&schema, direction).iter_errors(document) {
            let place = generic(document, &error.instance_path().to_string(), operation);
            findings.insert(format!("{place}: {}", kind_of(&error)), error.to_string());
        }
        let mut unknown = BTreeSet::new();
        self.names(&schema, document, "", &mut unknown);
        for pointer in unknown {
            let place = generic(document, &pointer, operation);
            findings.insert(place, format!("{pointer} is not in the schema"));
        }
    }

    /// Side-loaded resources, each against the schema of its type: the file types most `included` as any object.
    pub fn judge_included(&self, document: &Value, findings: &mut Findings) {
        for resource in document["included"].as_array().into_iter().flatten() {
            self.judge_resource(resource, findings);
        }
    }

    /// The resources of an answer that is not described as a whole.
    pub fn judge_resources(&self, document: &Value, findings: &mut Findings) {
        match &document["data"] {
            Value::Array(items) => items.iter().for_each(|item| self.judge_resource(item, findings)),
            Value::Object(_) => self.judge_resource(&document["data"], findings),
            _ => {}
        }
        self.judge_included(document, findings);
    }

    fn judge_resource(&self, resource: &Value, findings: &mut Findings) {
        let kind = resource["type"].as_str().unwrap_or_default();
        if self.components["schemas"].get(kind).is_none() {
            findings.insert(format!("type {kind}"), format!("{kind} is not described"));
            return;
        }
        let schema = json!({ "type": "object", "properties": {
            "data": { "$ref": format!("#/components/schemas/{kind}") },
        } });
        self.judge(kind, Some(schema), &json!({ "data": resource }), Direction::Got, findings);
    }

    fn validator(&self, schema: &Value, direction: Direction) -> Validator {
        let (components, mut schema) = match direction {
            Direction::Got => (&self.components, schema.clone()),
            Direction::Sent => (&self.lenient, schema.clone()),
        };
        if direction == Direction::Sent {
            without_required(&mut schema);
        }
        let whole = json!({ "allOf": [schema], "components": components });
        jsonschema::options().should_validate_formats(true).build(&whole).unwrap()
    }

    /// Collects pointers of names that no schema speaks of.
    fn names(&self, schema: &Value, instance: &Value, pointer: &str, unknown: &mut BTreeSet<String>) {
        match instance {
            Value::Object(map) => {
                let known = self.properties(schema, instance);
                if known.is_empty() {
                    return;
                }
                for (name, value) in map {
                    let place = format!("{pointer}/{name}");
                    match known.get(name) {
                        Some(schema) => self.names(schema, value, &place, unknown),
                        None => {
                            unknown.insert(place);
                        }
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = self.items(schema) else {
                    return;
                };
                for (index, item) in items.iter().enumerate() {
                    self.names(&schema, item, &format!("{pointer}/{index}"), unknown);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn items(&self, schema: &Value) -> Option<Value> {
        let schema = self.resolve(schema);
        if let Some(items) = schema.get("items") {
            return Some(items.clone());
        }
        branches(schema).find_map(|branch| self.items(branch))
    }

    /// All properties that a schema and its branches speak of; of branches for other types none.
    fn properties(&self, schema: &Value, instance: &Value) -> Map<String, Value> {
        let schema = self.resolve(schema);
        let mut found = schema["properties"].as_object().cloned().unwrap_or_default();
        for branch in branches(schema) {
            let properties = self.properties(branch, instance);
            let types = properties.get("type").and_then(|kind| kind["enum"].as_array());
            if types.is_none_or(|types| instance.get("type").is_none_or(|kind| types.contains(kind))) {
                found.extend(properties);
            }
        }
        found
    }
}

fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|name| schema[name].as_array().into_iter().flatten())
}

fn content(described: &Value) -> Option<Value> {
    described.pointer("/content/application~1vnd.api+json/schema").cloned()
}

fn kind_of(error: &jsonschema::ValidationError<'_>) -> String {
    error.schema_path().to_string().rsplit('/').next().unwrap_or_default().to_owned()
}

/// The name of a place without positions: resources by their type, the rest by the operation.
fn generic(document: &Value, pointer: &str, operation: &str) -> String {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    let mut kind = operation.to_owned();
    let mut rest: Vec<&str> = Vec::new();
    let mut place = document;
    for part in parts {
        place = place.get(part).or_else(|| place.get(part.parse::<usize>().ok()?)).unwrap_or(&Value::Null);
        if part.parse::<usize>().is_err() {
            rest.push(part);
        }
        if let Some(found) = place["type"].as_str().filter(|_| rest.len() == 1) {
            found.clone_into(&mut kind);
            rest.clear();
        }
    }
    if rest.is_empty() { kind } else { format!("{kind} {}", rest.join("/")) }
}

/// The key of an operation that is not described: ids and names become braces.
pub fn unknown_operation(method: &str, path: &str) -> String {
    let parts = path.split('/').map(|part| {
        let is_id = part.rsplit_once('-').is_some_and(|(_, tail)| tail.len() == 16);
        if is_id || part == "example" { "{}" } else { part }
    });
    format!("{method} {}", parts.collect::<Vec<&str>>().join("/"))
}

/// `nullable` said as JSON Schema says it.
fn translated(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => Value::Array(items.iter().map(translated).collect()),
        Value::Object(map) => {
            let mut out: Map<String, Value> = map
                .iter()
                .filter(|(name, _)| *name != "example")
                .map(|(name, value)| (name.clone(), translated(value)))
                .collect();
            if map.get("nullable") == Some(&json!(true)) {
                out.remove("nullable");
                return json!({ "anyOf": [out, { "type": "null" }] });
            }
            Value::Object(out)
        }
        other => other.clone(),
    }
}

fn without_required(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_required),
        Value::Object(map) => {
            if map.get("required").is_some_and(Value::is_array) {
                map.remove("required");
            }
            map.values_mut().for_each(without_required);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
