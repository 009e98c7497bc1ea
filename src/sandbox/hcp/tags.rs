//! The two systems of tags: key/value bindings (own and inherited), and the older flat tags.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    call::Call,
    jsonapi::{Answer, Outcome, Problem, instant, one},
};
use crate::sandbox::world::{Tag, TagBindings, Workspace, World, letters};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("PATCH", [kind @ ("workspaces" | "projects"), id, "tag-bindings"]) => upsert(world, call, kind, id),
        (
            "GET",
            [kind @ ("workspaces" | "projects"), id, "tag-bindings"]
            | [kind @ ("workspaces" | "projects"), id, "relationships", "tag-bindings"],
        ) => list(world, call, kind, id),
        ("POST", [kind @ ("workspaces" | "projects"), id, "relationships", "tag-bindings"]) => {
            upsert(world, call, kind, id).map(|_| Answer::empty())
        }
        ("PATCH", [kind @ ("workspaces" | "projects"), id, "relationships", "tag-bindings"]) => {
            replace(world, call, kind, id)
        }
        ("GET", [kind @ ("workspaces" | "projects"), id, "effective-tag-bindings"]) => effective(world, kind, id),
        ("GET", ["workspaces", id, "relationships", "tags"]) => flat(world, call, id),
        ("POST", ["workspaces", id, "relationships", "tags"]) => add_flat(world, call, id),
        ("DELETE", ["workspaces", id, "relationships", "tags"]) => remove_flat(world, call, id),
        ("GET", ["organizations", _, "tags"]) => Ok(all_flat(world, call)),
        ("DELETE", ["organizations", _, "tags"]) => delete_flat(world, call),
        _ => return None,
    };
    Some(outcome)
}

/// How many bindings a thing may have of its own.
const MOST: usize = 10;

/// The bindings of a list, held to HCP's limits.
pub fn bindings(items: &[Value]) -> Result<TagBindings, Problem> {
    let mut bindings = TagBindings::new();
    for item in items {
        let key = item.pointer("/attributes/key").and_then(Value::as_str).unwrap_or_default();
        let value = item.pointer("/attributes/value").and_then(Value::as_str).unwrap_or_default();
        check(key, value)?;
        bindings.insert(key.to_owned(), value.to_owned());
    }
    at_most(bindings)
}

fn at_most(bindings: TagBindings) -> Result<TagBindings, Problem> {
    if bindings.len() > MOST {
        return Err(Problem::invalid_relationship(
            "tag-bindings",
            format!("Tag bindings are limited to {MOST} per resource"),
        ));
    }
    Ok(bindings)
}

fn check(key: &str, value: &str) -> Result<(), Problem> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_.=+-@:".contains(letter);
    if key.is_empty() || key.len() > 128 || !key.chars().all(fits) {
        return Err(Problem::invalid("key", "Key must have 1 to 128 letters, digits or _.=+-@:"));
    }
    if key.starts_with("hc:") || key.starts_with("hcp:") {
        return Err(Problem::invalid("key", "Key starts with a reserved prefix"));
    }
    if value.len() > 256 || !value.chars().all(fits) {
        return Err(Problem::invalid("value", "Value may have up to 256 letters, digits or _.=+-@:"));
    }
    Ok(())
}

fn own<'a>(world: &'a mut World, kind: &str, id: &str) -> Result<&'a mut TagBindings, Problem> {
    let found = match kind {
        "projects" => world.projects.get_mut(id).map(|project| &mut project.tags),
        _ => world.workspaces.get_mut(id).map(|workspace| &mut workspace.tags),
    };
    found.ok_or_else(Problem::not_found)
}

fn render(owner: &str, bindings: &TagBindings) -> Vec<Value> {
    let item = |(key, value): (&String, &String)| {
        json!({
            "id": format!("tb-{}", letters(&format!("{owner}/{key}"), 16)),
            "type": "tag-bindings",
            "attributes": { "key": key, "value": value },
        })
    };
    bindings.iter().map(item).collect()
}

/// The list tells when; the answer to a change does not (documentation, samples of both).
fn list(world: &mut World, call: &Call, kind: &str, id: &str) -> Outcome {
    let made = match kind {
        "projects" => world.projects.get(id).map(|project| project.created_at),
        _ => world.workspaces.get(id).map(|workspace| workspace.created_at),
    };
    let mut data = render(id, own(world, kind, id)?);
    for binding in &mut data {
        binding["attributes"]["created-at"] = json!(made.map(instant));
    }
    let mut body = json!({ "data": data });
    // The older path has this link, the one below relationships has not.
    if !call.path.contains("/relationships/") {
        body["links"] = json!({ "target": format!("/api/v2/{kind}/{id}") });
    }
    Ok(Answer::ok(body))
}

fn upsert(world: &mut World, call: &Call, kind: &str, id: &str) -> Outcome {
    let given = bindings(call.listed()?)?;
    let place = own(world, kind, id)?;
    let mut merged = place.clone();
    merged.extend(given);
    *place = at_most(merged)?;
    let data = render(id, place);
    Ok(Answer::ok(json!({ "data": data })))
}

fn replace(world: &mut World, call: &Call, kind: &str, id: &str) -> Outcome {
    let given = bindings(call.listed()?)?;
    *own(world, kind, id)? = given;
    Ok(Answer::empty())
}

/// Own bindings, then those of the project that no own one covers.
fn effective_of(world: &World, kind: &str, id: &str) -> Option<Vec<Value>> {
    let item = |key: &str, value: &str, inherited: Option<&str>| {
        let mut data = json!({
            "id": letters(&format!("effective/{id}/{key}"), 16),
            "type": "effective-tag-bindings",
            "attributes": { "key": key, "value": value },
        });
        if let Some(project) = inherited {
            data["links"] = json!({ "inherited-from": format!("/api/v2/projects/{project}") });
        }
        data
    };
    if kind == "projects" {
        let project = world.projects.get(id)?;
        return Some(project.tags.iter().map(|(key, value)| item(key, value, None)).collect());
    }
    let workspace = world.workspaces.get(id)?;
    let mut data: Vec<Value> = workspace.tags.iter().map(|(key, value)| item(key, value, None)).collect();
    if let Some(project) = world.projects.get(&workspace.project) {
        let inherited = project.tags.iter().filter(|(key, _)| !workspace.tags.contains_key(*key));
        data.extend(inherited.map(|(key, value)| item(key, value, Some(&workspace.project))));
    }
    Some(data)
}

fn effective(world: &World, kind: &str, id: &str) -> Outcome {
    let data = effective_of(world, kind, id).ok_or_else(Problem::not_found)?;
    Ok(Answer::ok(json!({ "data": data })))
}

/// Adds the effective bindings of every resource in a document to its `included`.
pub fn side_load(world: &World, body: &mut Value) {
    let mut included = Vec::new();
    let mut load = |resource: &mut Value| {
        let kind = resource["type"].as_str().unwrap_or_default();
        let id = resource["id"].as_str().unwrap_or_default();
        let bindings = effective_of(world, kind, id).unwrap_or_default();
        let ids: Vec<Value> =
            bindings.iter().map(|binding| json!({ "id": binding["id"], "type": "effective-tag-bindings" })).collect();
        resource["relationships"]["effective-tag-bindings"]["data"] = Value::Array(ids);
        included.extend(bindings);
    };
    match &mut body["data"] {
        Value::Array(resources) => resources.iter_mut().for_each(&mut load),
        resource => load(resource),
    }
    include(body, included);
}

/// Appends to the `included` of a document.
pub fn include(body: &mut Value, resources: Vec<Value>) {
    match &mut body["included"] {
        Value::Array(included) => included.extend(resources),
        place => *place = Value::Array(resources),
    }
}

/// The names of a workspace's flat tags.
pub fn names(world: &World, workspace: &Workspace) -> BTreeSet<String> {
    let ids = workspace.flat_tags.iter();
    ids.filter_map(|id| world.tags.get(id).map(|tag| tag.name.clone())).collect()
}

fn render_flat(world: &World, id: &str, tag: &Tag) -> Value {
    let used = world.workspaces.values().filter(|workspace| workspace.flat_tags.contains(id));
    json!({
        "id": id,
        "type": "tags",
        "attributes": { "name": tag.name, "created-at": instant(tag.created_at), "instance-count": used.count() },
        "relationships": { "organization": one("organizations", &world.organization.name) },
    })
}

fn flat(world: &World, call: &Call, id: &str) -> Outcome {
    let workspace = world.workspaces.get(id).ok_or_else(Problem::not_found)?;
    let found: Vec<(&String, &Tag)> = world.tags.iter().filter(|(id, _)| workspace.flat_tags.contains(*id)).collect();
    Ok(Answer::ok(call.page(found, |(id, tag)| render_flat(world, id, tag))))
}

fn all_flat(world: &World, call: &Call) -> Answer {
    let query = call.parameter("q").unwrap_or_default();
    let found: Vec<(&String, &Tag)> = world.tags.iter().filter(|(_, tag)| tag.name.contains(query)).collect();
    Answer::ok(call.page(found, |(id, tag)| render_flat(world, id, tag)))
}

/// The id of a flat tag that a document names by id or by name, made if it does not exist.
fn flat_id(world: &mut World, item: &Value) -> Result<String, Problem> {
    if let Some(id) = item["id"].as_str().filter(|id| world.tags.contains_key(*id)) {
        return Ok(id.to_owned());
    }
    let Some(name) = item.pointer("/attributes/name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return Err(Problem::invalid("name", "Name can't be blank"));
    };
    flat_named(world, name)
}

/// The id of a flat tag of that name, made if it does not exist.
pub fn flat_named(world: &mut World, name: &str) -> Result<String, Problem> {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_:".contains(letter);
    if name.is_empty() || name.len() > 255 || !name.chars().all(fits) {
        return Err(Problem::invalid(
            "name",
            "Name may contain lowercase letters, digits, hyphens, underscores and colons",
        ));
    }
    if let Some((id, _)) = world.tags.iter().find(|(_, tag)| tag.name == name) {
        return Ok(id.clone());
    }
    let id = world.mint("tag");
    let tag = Tag { name: name.to_owned(), created_at: world.now };
    world.tags.insert(id.clone(), tag);
    Ok(id)
}

fn add_flat(world: &mut World, call: &Call, id: &str) -> Outcome {
    if !world.workspaces.contains_key(id) {
        return Err(Problem::not_found());
    }
    for item in call.listed()? {
        let tag = flat_id(world, item)?;
        if let Some(workspace) = world.workspaces.get_mut(id) {
            workspace.flat_tags.insert(tag);
        }
    }
    Ok(Answer::empty())
}

fn remove_flat(world: &mut World, call: &Call, id: &str) -> Outcome {
    let items = call.listed()?;
    let mut gone = BTreeSet::new();
    for item in items {
        let name = item.pointer("/attributes/name").and_then(Value::as_str);
        let named = world.tags.iter().find(|(_, tag)| Some(tag.name.as_str()) == name);
        let id = item["id"].as_str().map(str::to_owned).or_else(|| named.map(|(id, _)| id.clone()));
        gone.extend(id);
    }
    let workspace = world.workspaces.get_mut(id).ok_or_else(Problem::not_found)?;
    workspace.flat_tags.retain(|tag| !gone.contains(tag));
    Ok(Answer::empty())
}

fn delete_flat(world: &mut World, call: &Call) -> Outcome {
    let gone = call.listed_ids()?;
    world.tags.retain(|id, _| !gone.contains(id));
    for workspace in world.workspaces.values_mut() {
        workspace.flat_tags.retain(|id| !gone.contains(id));
    }
    Ok(Answer::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(key: &str, value: &str) -> Value {
        json!({ "type": "tag-bindings", "attributes": { "key": key, "value": value } })
    }

    #[test]
    fn ten_bindings_are_held_and_eleven_refused() {
        let items = |count: usize| (0..count).map(|number| binding(&format!("k{number}"), "v")).collect::<Vec<Value>>();
        assert!(bindings(&items(10)).is_ok());
        assert!(bindings(&items(11)).is_err());
    }

    #[test]
    fn reserved_and_unfitting_keys_are_refused() {
        assert!(bindings(&[binding("hcp:x", "v")]).is_err());
        assert!(bindings(&[binding("a key", "v")]).is_err());
        assert!(bindings(&[binding("key", "a value")]).is_err());
        assert!(bindings(&[binding("a.b:c@d", "")]).is_ok());
    }
}
