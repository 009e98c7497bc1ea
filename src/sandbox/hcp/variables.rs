//! Variables of a workspace, and the rules that those of variable sets share.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    call::{Call, Fields},
    jsonapi::{Answer, Outcome, Problem, instant, many, maybe, one},
};
use crate::sandbox::world::{Sealed, Variable, VariableSet, VariableValue, Workspace, World};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["workspaces", id, "vars"]) => list(world, id),
        ("POST", ["workspaces", id, "vars"]) => create(world, call, id),
        ("GET", ["workspaces", id, "vars", variable]) => show(world, id, variable),
        ("PATCH", ["workspaces", id, "vars", variable]) => update(world, call, id, variable),
        ("DELETE", ["workspaces", id, "vars", variable]) => delete(world, id, variable),
        ("PATCH", ["workspaces", id, "relationships", "vars"]) => update_many(world, call, id),
        ("GET", ["workspaces", id, "all-vars"]) => all(world, id),
        _ => return None,
    };
    Some(outcome)
}

fn workspace<'a>(world: &'a mut World, id: &str) -> Result<&'a mut Workspace, Problem> {
    world.workspaces.get_mut(id).ok_or_else(Problem::not_found)
}

/// Not paginated: HCP's file has no page parameters here, and its own client says that paging is not supported.
fn list(world: &World, id: &str) -> Outcome {
    let workspace = world.workspaces.get(id).ok_or_else(Problem::not_found)?;
    let data: Vec<Value> = render_all(world, id, workspace).into_iter().map(|(_, data)| data).collect();
    Ok(Answer::ok(json!({ "data": data })))
}

fn create(world: &mut World, call: &Call, id: &str) -> Outcome {
    let now = world.now;
    workspace(world, id)?;
    call.expect_type(&["vars"])?;
    let variable_id = world.mint("var");
    let owner = workspace(world, id)?;
    let variable = new(&call.attributes(), &variable_id, now)?;
    check_unique(&owner.variables, None, &variable)?;
    owner.variables.insert(variable_id.clone(), variable.clone());
    owner.updated_at = now;
    Ok(Answer::created(&of_workspace(world, id, &variable_id, &variable)))
}

fn show(world: &World, id: &str, variable: &str) -> Outcome {
    let workspace = world.workspaces.get(id).ok_or_else(Problem::not_found)?;
    let found = workspace.variables.get(variable).ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&of_workspace(world, id, variable, found)))
}

fn update(world: &mut World, call: &Call, id: &str, variable: &str) -> Outcome {
    let owner = workspace(world, id)?;
    let mut changed = owner.variables.get(variable).cloned().ok_or_else(Problem::not_found)?;
    call.expect_type(&["vars"])?;
    change(&call.attributes(), variable, &mut changed)?;
    check_unique(&owner.variables, Some(variable), &changed)?;
    owner.variables.insert(variable.to_owned(), changed.clone());
    Ok(Answer::resource(&of_workspace(world, id, variable, &changed)))
}

fn delete(world: &mut World, id: &str, variable: &str) -> Outcome {
    let gone = workspace(world, id)?.variables.remove(variable);
    gone.map(|_| Answer::empty()).ok_or_else(Problem::not_found)
}

/// All of them or none, matched by id; never made, never removed.
fn update_many(world: &mut World, call: &Call, id: &str) -> Outcome {
    let owner = workspace(world, id)?;
    let mut variables = owner.variables.clone();
    for item in call.listed().map_err(|_| Problem::bad_request("Invalid request"))? {
        let variable = item["id"].as_str().unwrap_or_default();
        let mut changed = variables.get(variable).cloned().ok_or_else(Problem::not_found)?;
        change(&Fields::of(item), variable, &mut changed)?;
        check_unique(&variables, Some(variable), &changed)?;
        variables.insert(variable.to_owned(), changed);
    }
    owner.variables = variables;
    Ok(Answer::empty())
}

/// A variable from its attributes.
pub fn new(fields: &Fields<'_>, id: &str, now: jiff::Timestamp) -> Result<Variable, Problem> {
    let mut variable = Variable {
        key: fields.required("key")?,
        category: fields.required("category")?,
        value: VariableValue::Plain(String::new()),
        description: None,
        hcl: false,
        revision: 1,
        created_at: now,
    };
    change(fields, id, &mut variable)?;
    variable.revision = 1;
    Ok(variable)
}

/// Every write gets a new version, whatever it changes.
pub fn change(fields: &Fields<'_>, id: &str, variable: &mut Variable) -> Result<(), Problem> {
    let was_sensitive = variable.value.is_sensitive();
    let key = fields.text("key")?.value();
    if was_sensitive && key.as_ref().is_some_and(|key| *key != variable.key) {
        return Err(Problem::invalid("key", "Key can't be changed for a sensitive variable"));
    }
    if let Some(key) = key {
        variable.key = key;
    }
    fields.text("category")?.set(&mut variable.category);
    fields.flag("hcl")?.set(&mut variable.hcl);
    fields.text("description")?.set_or_blank(&mut variable.description);
    let value = if fields.has("value") { Some(fields.text("value")?.value().unwrap_or_default()) } else { None };
    if value.as_ref().is_some_and(|value| value.len() > 256 * 1024) {
        return Err(Problem::invalid("value", "Value is too long (maximum is 256 KB)"));
    }
    let sensitive = fields.flag("sensitive")?.value().unwrap_or(was_sensitive);
    variable.value = match (sensitive, value.as_ref(), &variable.value) {
        (false, _, VariableValue::Sealed(_)) => {
            return Err(Problem::invalid("sensitive", "Sensitive can't be changed to false"));
        }
        (false, Some(value), _) => VariableValue::Plain(value.clone()),
        (true, Some(value), _) | (true, None, VariableValue::Plain(value)) => {
            VariableValue::Sealed(Sealed::new(id, value))
        }
        (_, None, old) => old.clone(),
    };
    variable.revision += 1;
    check(variable)
}

fn check(variable: &Variable) -> Result<(), Problem> {
    if variable.key.trim().is_empty() {
        return Err(Problem::invalid("key", "Key can't be blank"));
    }
    if variable.key.chars().count() > 128 {
        return Err(Problem::invalid("key", "Key is too long (maximum is 128 characters)"));
    }
    if !matches!(variable.category.as_str(), "terraform" | "env") {
        return Err(Problem::invalid("category", "Category is not included in the list"));
    }
    if variable.description.as_ref().is_some_and(|text| text.chars().count() > 512) {
        return Err(Problem::invalid("description", "Description is too long (maximum is 512 characters)"));
    }
    Ok(())
}

/// Category and key together are unique in their owner.
pub fn check_unique(owned: &BTreeMap<String, Variable>, id: Option<&str>, variable: &Variable) -> Result<(), Problem> {
    let twin = |(other, found): (&String, &Variable)| {
        Some(other.as_str()) != id && found.key == variable.key && found.category == variable.category
    };
    if owned.iter().any(twin) {
        return Err(Problem::invalid("key", "Key has already been taken"));
    }
    Ok(())
}

/// What all variables show; a sensitive value is null.
pub fn attributes(id: &str, variable: &Variable) -> Value {
    let value = match &variable.value {
        VariableValue::Plain(value) => json!(value),
        VariableValue::Sealed(_) => Value::Null,
    };
    json!({
        "key": variable.key,
        "value": value,
        "description": variable.description,
        "sensitive": variable.value.is_sensitive(),
        "category": variable.category,
        "hcl": variable.hcl,
        "created-at": instant(variable.created_at),
        "version-id": variable.version_id(id),
    })
}

fn of_workspace(world: &World, workspace: &str, id: &str, variable: &Variable) -> Value {
    let mut configurable = one("workspaces", workspace);
    if let Some(found) = world.workspaces.get(workspace) {
        let organization = &world.organization.name;
        configurable["links"] = json!({
            "related": format!("/api/v2/organizations/{organization}/workspaces/{}", found.name),
        });
    }
    json!({
        "id": id,
        "type": "vars",
        "attributes": attributes(id, variable),
        "relationships": { "configurable": configurable },
        "links": { "self": format!("/api/v2/workspaces/{workspace}/vars/{id}") },
    })
}

/// The variables of a workspace as resources, by id.
pub fn render_all(world: &World, id: &str, workspace: &Workspace) -> Vec<(String, Value)> {
    let own = workspace.variables.iter();
    own.map(|(variable, found)| (variable.clone(), of_workspace(world, id, variable, found))).collect()
}

/// The sets that apply to a workspace, weakest first.
fn sets_of<'a>(world: &'a World, id: &str, workspace: &Workspace) -> Vec<(&'a String, &'a VariableSet)> {
    let rank = |set: &VariableSet| match (
        set.priority,
        set.workspaces.contains(id),
        set.projects.contains(&workspace.project),
    ) {
        (true, _, _) => 3,
        (false, true, _) => 2,
        (false, false, true) => 1,
        (false, false, false) => 0,
    };
    let mut sets: Vec<(&String, &VariableSet)> = world
        .variable_sets
        .iter()
        .filter(|(_, set)| set.global || set.workspaces.contains(id) || set.projects.contains(&workspace.project))
        .collect();
    // Of two sets of one scope the name that sorts first wins (documentation, "Precedence").
    sets.sort_by(|a, b| rank(a.1).cmp(&rank(b.1)).then(b.1.name.cmp(&a.1.name)));
    sets
}

/// Own variables and those of the sets that apply, each with what covers it and what it covers.
fn all(world: &World, id: &str) -> Outcome {
    let workspace = world.workspaces.get(id).ok_or_else(Problem::not_found)?;
    let mut layers: Vec<(Option<&String>, &String, &Variable)> = Vec::new();
    let sets = sets_of(world, id, workspace);
    let layer = |wanted: bool| {
        sets.iter()
            .filter(move |(_, set)| set.priority == wanted)
            .flat_map(|(set, found)| found.variables.iter().map(move |(id, variable)| (Some(*set), id, variable)))
    };
    layers.extend(layer(false));
    layers.extend(workspace.variables.iter().map(|(id, variable)| (None, id, variable)));
    layers.extend(layer(true));
    let same = |a: &Variable, b: &Variable| a.key == b.key && a.category == b.category;
    let mut data = Vec::new();
    for (place, (set, variable_id, variable)) in layers.iter().enumerate() {
        let mut resource = match set {
            None => of_workspace(world, id, variable_id, variable),
            Some(set) => json!({
                "id": variable_id,
                "type": "vars",
                "attributes": attributes(variable_id, variable),
                "relationships": { "varset": one("varsets", set) },
                "links": { "self": format!("/api/v2/varsets/{set}/relationships/vars/{variable_id}") },
            }),
        };
        let covered: BTreeSet<String> = layers[..place]
            .iter()
            .filter(|(_, _, other)| same(other, variable))
            .map(|(_, id, _)| (*id).clone())
            .collect();
        let cover = layers[place + 1..].iter().rev().find(|(_, _, other)| same(other, variable));
        resource["relationships"]["overwritten"] = many("vars", &covered);
        resource["relationships"]["overwriter"] = maybe("vars", cover.map(|(_, id, _)| id.as_str()));
        data.push(resource);
    }
    Ok(Answer::ok(json!({ "data": data })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(attributes: &Value) -> Value {
        json!({ "type": "vars", "attributes": attributes })
    }

    fn made(attributes: &Value) -> Result<Variable, Problem> {
        new(&Fields::of(&document(attributes)), "var-1", crate::sandbox::world::BEGINNING)
    }

    #[test]
    fn a_sensitive_value_reads_as_null_and_stays_so() {
        let mut variable =
            made(&json!({ "key": "a", "category": "env", "value": "canary", "sensitive": true })).unwrap();
        assert_eq!(attributes("var-1", &variable)["value"], Value::Null);
        assert!(variable.value.is("canary"));
        let refused = change(&Fields::of(&document(&json!({ "sensitive": false }))), "var-1", &mut variable);
        assert_eq!(refused.unwrap_err().status, 422);
    }

    #[test]
    fn every_write_has_its_own_version() {
        let mut variable = made(&json!({ "key": "a", "category": "env" })).unwrap();
        let before = variable.version_id("var-1");
        change(&Fields::of(&document(&json!({}))), "var-1", &mut variable).unwrap();
        assert_ne!(before, variable.version_id("var-1"));
    }

    #[test]
    fn making_sensitive_keeps_the_value() {
        let mut variable = made(&json!({ "key": "a", "category": "env", "value": "x" })).unwrap();
        change(&Fields::of(&document(&json!({ "sensitive": true }))), "var-1", &mut variable).unwrap();
        assert!(variable.value.is_sensitive() && variable.value.is("x"));
    }

    #[test]
    fn a_category_that_does_not_exist_is_refused() {
        assert_eq!(made(&json!({ "key": "a", "category": "shell" })).unwrap_err().status, 422);
    }
}
