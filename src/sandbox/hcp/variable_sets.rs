//! Variable sets.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    call::{Call, Fields, Given},
    jsonapi::{Answer, Outcome, Problem, instant, many, one},
    projects, tags, variables, workspaces,
};
use crate::sandbox::world::{IncludeVars, Owner, Variable, VariableSet, World};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["organizations", _, "varsets"]) => {
            list(world, call, |_, set| call.parameter("scope") != Some("owned") || set.owner == Owner::Organization)
        }
        ("POST", ["organizations", _, "varsets"]) => create(world, call),
        ("GET", ["varsets", id]) => show(world, call, id),
        ("PATCH" | "POST", ["varsets", id]) => update(world, call, id),
        ("DELETE", ["varsets", id]) => delete(world, id),
        ("GET", ["varsets", id, "relationships", "vars"]) => list_variables(world, id),
        ("POST", ["varsets", id, "relationships", "vars"]) => add_variable(world, call, id),
        ("GET", ["varsets", id, "relationships", "vars", variable]) => show_variable(world, id, variable),
        ("PATCH", ["varsets", id, "relationships", "vars", variable]) => update_variable(world, call, id, variable),
        ("DELETE", ["varsets", id, "relationships", "vars", variable]) => delete_variable(world, id, variable),
        ("POST" | "DELETE", ["varsets", id, "relationships", kind @ ("workspaces" | "projects")]) => {
            attach(world, call, id, kind)
        }
        ("GET", ["workspaces", id, "varsets"]) => of_workspace(world, call, id),
        ("GET", ["workspaces", id, "applicable-varsets"]) => applicable(world, call, id),
        ("GET", ["projects", id, "varsets"]) => of_project(world, call, id),
        _ => return None,
    };
    Some(outcome)
}

fn includes(world: &World, call: &Call) -> Result<BTreeSet<String>, Problem> {
    let switch = world.switches.variable_set_include_vars;
    let known: &[&str] = match switch {
        IncludeVars::Refused => &["workspaces", "projects"],
        IncludeVars::Served | IncludeVars::Ignored => &["vars", "workspaces", "projects"],
    };
    let mut wanted = call.includes(known)?;
    if switch == IncludeVars::Ignored {
        wanted.remove("vars");
    }
    Ok(wanted)
}

fn list(world: &World, call: &Call, keep: impl Fn(&str, &VariableSet) -> bool) -> Outcome {
    let includes = includes(world, call)?;
    let query = call.parameter("q").map(str::to_lowercase);
    let global = call.parameter("filter[global]").map(|word| word == "true");
    let mut found: Vec<(&String, &VariableSet)> = world
        .variable_sets
        .iter()
        .filter(|(id, set)| keep(id, set))
        .filter(|(_, set)| query.as_ref().is_none_or(|query| set.name.to_lowercase().contains(query)))
        .filter(|(_, set)| global.is_none_or(|global| set.global == global))
        .collect();
    if call.parameter("sort") == Some("name") {
        found.sort_by(|a, b| a.1.name.cmp(&b.1.name));
    }
    let mut body = call.page(found, |(id, set)| render(world, id, set));
    side_load(world, &includes, &mut body);
    Ok(Answer::ok(body))
}

fn of_workspace(world: &World, call: &Call, id: &str) -> Outcome {
    let workspace = world.workspaces.get(id).ok_or_else(Problem::not_found)?;
    list(world, call, |_, set| set.global || set.workspaces.contains(id) || set.projects.contains(&workspace.project))
}

/// The same sets in a shorter form, that of HCP's API description.
fn applicable(world: &World, call: &Call, id: &str) -> Outcome {
    let mut answer = of_workspace(world, call, id)?;
    let body = answer.body.get_or_insert(Value::Null);
    for resource in body["data"].as_array_mut().into_iter().flatten() {
        if let Some(resource) = resource.as_object_mut() {
            resource.remove("relationships");
        }
        if let Some(attributes) = resource["attributes"].as_object_mut() {
            attributes.remove("priority");
            attributes.remove("permissions");
        }
    }
    Ok(answer)
}

fn of_project(world: &World, call: &Call, id: &str) -> Outcome {
    if !world.projects.contains_key(id) {
        return Err(Problem::not_found());
    }
    let owner = Owner::Project(id.to_owned());
    list(world, call, |_, set| match call.parameter("scope") {
        Some("owned") => set.owner == owner,
        Some("shared") => set.owner == Owner::Organization && (set.global || set.projects.contains(id)),
        Some("all") => set.owner == owner || set.owner == Owner::Organization,
        Some(_) | None => set.global || set.projects.contains(id),
    })
}

fn side_load(world: &World, wanted: &BTreeSet<String>, body: &mut Value) {
    if wanted.is_empty() {
        return;
    }
    let ids: Vec<String> = match &body["data"] {
        Value::Array(items) => items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect(),
        item => item["id"].as_str().map(str::to_owned).into_iter().collect(),
    };
    let mut included = Vec::new();
    let mut linked: BTreeSet<&String> = BTreeSet::new();
    for (id, set) in ids.iter().filter_map(|id| Some((id, world.variable_sets.get(id)?))) {
        if wanted.contains("vars") {
            included.extend(set.variables.iter().map(|(variable, found)| render_variable(id, variable, found)));
        }
        if wanted.contains("workspaces") {
            linked.extend(&set.workspaces);
        }
        if wanted.contains("projects") {
            linked.extend(&set.projects);
        }
    }
    for id in linked {
        included.extend(world.workspaces.get(id).map(|workspace| workspaces::render(world, id, workspace)));
        included.extend(world.projects.get(id).map(|project| projects::render(world, id, project)));
    }
    tags::include(body, included);
}

fn show(world: &World, call: &Call, id: &str) -> Outcome {
    let includes = includes(world, call)?;
    let set = world.variable_sets.get(id).ok_or_else(Problem::not_found)?;
    let mut body = json!({ "data": render(world, id, set) });
    side_load(world, &includes, &mut body);
    Ok(Answer::ok(body))
}

fn create(world: &mut World, call: &Call) -> Outcome {
    call.expect_type(&["varsets"])?;
    let mut set = VariableSet {
        name: call.attributes().required("name")?,
        description: String::new(),
        global: false,
        priority: false,
        owner: owner(world, call)?,
        workspaces: BTreeSet::new(),
        projects: BTreeSet::new(),
        variables: std::collections::BTreeMap::new(),
        created_at: world.now,
        updated_at: world.now,
    };
    apply(world, call, None, &mut set)?;
    let id = world.mint("varset");
    let data = render(world, &id, &set);
    world.variable_sets.insert(id, set);
    Ok(Answer::created(&data))
}

fn owner(world: &World, call: &Call) -> Result<Owner, Problem> {
    let Given::Value(id) = call.relation("parent")? else {
        return Ok(Owner::Organization);
    };
    if id == world.organization.name {
        return Ok(Owner::Organization);
    }
    if world.projects.contains_key(&id) {
        return Ok(Owner::Project(id));
    }
    Err(Problem::not_found())
}

fn update(world: &mut World, call: &Call, id: &str) -> Outcome {
    let mut set = world.variable_sets.get(id).cloned().ok_or_else(Problem::not_found)?;
    call.expect_type(&["varsets"])?;
    apply(world, call, Some(id), &mut set)?;
    set.updated_at = world.now;
    let data = render(world, id, &set);
    world.variable_sets.insert(id.to_owned(), set);
    Ok(Answer::resource(&data))
}

fn apply(world: &mut World, call: &Call, id: Option<&str>, set: &mut VariableSet) -> Result<(), Problem> {
    let fields = call.attributes();
    if fields.has("name") {
        set.name = fields.required("name")?;
    }
    let taken = |(other, found): (&String, &VariableSet)| Some(other.as_str()) != id && found.name == set.name;
    if world.variable_sets.iter().any(taken) {
        return Err(Problem::invalid("name", "Name has already been taken"));
    }
    if let Given::Value(text) = fields.text("description")? {
        set.description = text;
    }
    fields.flag("global")?.set(&mut set.global);
    fields.flag("priority")?.set(&mut set.priority);
    if set.global && set.owner != Owner::Organization {
        return Err(Problem::invalid("global", "Global can't be true for a variable set of a project"));
    }
    if let Some(ids) = call.relation_ids("workspaces")? {
        known(&ids, |id| world.workspaces.contains_key(id))?;
        set.workspaces = ids;
    }
    if let Some(ids) = call.relation_ids("projects")? {
        known(&ids, |id| world.projects.contains_key(id))?;
        set.projects = ids;
    }
    // Variables in the document are only ever added (documentation, "Update a Variable Set").
    for item in call.relations("vars")?.into_iter().flatten() {
        if item["id"].as_str().is_some_and(|id| set.variables.contains_key(id)) {
            continue;
        }
        let variable_id = world.mint("var");
        let variable = variables::new(&Fields::of(item), &variable_id, world.now)?;
        variables::check_unique(&set.variables, None, &variable)?;
        set.variables.insert(variable_id, variable);
    }
    check_global(world, id, set)
}

fn known(ids: &BTreeSet<String>, exists: impl Fn(&str) -> bool) -> Result<(), Problem> {
    if ids.iter().all(|id| exists(id)) {
        return Ok(());
    }
    Err(Problem::not_found())
}

/// Two global sets may not hold one key of one category.
fn check_global(world: &World, id: Option<&str>, set: &VariableSet) -> Result<(), Problem> {
    if !set.global {
        return Ok(());
    }
    let same = |a: &Variable, b: &Variable| a.key == b.key && a.category == b.category;
    let others = world.variable_sets.iter().filter(|(other, found)| Some(other.as_str()) != id && found.global);
    for (_, other) in others {
        let clash = set.variables.values().find(|own| other.variables.values().any(|found| same(own, found)));
        if let Some(clash) = clash {
            return Err(Problem::unprocessable(format!(
                "Variable {} conflicts with the global variable set {}",
                clash.key, other.name
            )));
        }
    }
    Ok(())
}

fn delete(world: &mut World, id: &str) -> Outcome {
    let gone = world.variable_sets.remove(id);
    gone.map(|_| Answer::empty()).ok_or_else(Problem::not_found)
}

/// Attaches or detaches; both are additive and answer 204.
fn attach(world: &mut World, call: &Call, id: &str, kind: &str) -> Outcome {
    let ids = call.listed_ids()?;
    if !world.variable_sets.contains_key(id) {
        return Err(Problem::not_found());
    }
    if kind == "workspaces" {
        known(&ids, |id| world.workspaces.contains_key(id))?;
    } else {
        known(&ids, |id| world.projects.contains_key(id))?;
    }
    let now = world.now;
    let Some(set) = world.variable_sets.get_mut(id) else {
        return Err(Problem::not_found());
    };
    let place = if kind == "workspaces" { &mut set.workspaces } else { &mut set.projects };
    if call.method == "DELETE" {
        place.retain(|id| !ids.contains(id));
    } else {
        place.extend(ids);
    }
    set.updated_at = now;
    Ok(Answer::empty())
}

fn list_variables(world: &World, id: &str) -> Outcome {
    let set = world.variable_sets.get(id).ok_or_else(Problem::not_found)?;
    let data: Vec<Value> = set.variables.iter().map(|(variable, found)| render_variable(id, variable, found)).collect();
    Ok(Answer::ok(json!({ "data": data })))
}

fn add_variable(world: &mut World, call: &Call, id: &str) -> Outcome {
    let mut set = world.variable_sets.get(id).cloned().ok_or_else(Problem::not_found)?;
    call.expect_type(&["vars"])?;
    let variable_id = world.mint("var");
    let variable = variables::new(&call.attributes(), &variable_id, world.now)?;
    variables::check_unique(&set.variables, None, &variable)?;
    let data = render_variable(id, &variable_id, &variable);
    set.variables.insert(variable_id, variable);
    check_global(world, Some(id), &set)?;
    set.updated_at = world.now;
    world.variable_sets.insert(id.to_owned(), set);
    Ok(Answer::created(&data))
}

fn show_variable(world: &World, id: &str, variable: &str) -> Outcome {
    let set = world.variable_sets.get(id).ok_or_else(Problem::not_found)?;
    let found = set.variables.get(variable).ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&render_variable(id, variable, found)))
}

fn update_variable(world: &mut World, call: &Call, id: &str, variable: &str) -> Outcome {
    let mut set = world.variable_sets.get(id).cloned().ok_or_else(Problem::not_found)?;
    let mut changed = set.variables.get(variable).cloned().ok_or_else(Problem::not_found)?;
    call.expect_type(&["vars"])?;
    variables::change(&call.attributes(), variable, &mut changed)?;
    variables::check_unique(&set.variables, Some(variable), &changed)?;
    let data = render_variable(id, variable, &changed);
    set.variables.insert(variable.to_owned(), changed);
    check_global(world, Some(id), &set)?;
    set.updated_at = world.now;
    world.variable_sets.insert(id.to_owned(), set);
    Ok(Answer::resource(&data))
}

fn delete_variable(world: &mut World, id: &str, variable: &str) -> Outcome {
    let set = world.variable_sets.get_mut(id).ok_or_else(Problem::not_found)?;
    let gone = set.variables.remove(variable);
    gone.map(|_| Answer::empty()).ok_or_else(Problem::not_found)
}

fn render_variable(set: &str, id: &str, variable: &Variable) -> Value {
    let mut owner = one("varsets", set);
    owner["links"] = json!({ "related": format!("/api/v2/varsets/{set}") });
    json!({
        "id": id,
        "type": "vars",
        "attributes": variables::attributes(id, variable),
        "relationships": { "varset": owner },
        "links": { "self": format!("/api/v2/varsets/{set}/relationships/vars/{id}") },
    })
}

fn render(world: &World, id: &str, set: &VariableSet) -> Value {
    let parent = match &set.owner {
        Owner::Organization => one("organizations", &world.organization.name),
        Owner::Project(project) => one("projects", project),
    };
    json!({
        "id": id,
        "type": "varsets",
        "attributes": {
            "name": set.name,
            "description": set.description,
            "global": set.global,
            "priority": set.priority,
            "updated-at": instant(set.updated_at),
            "var-count": set.variables.len(),
            "workspace-count": set.workspaces.len(),
            "project-count": set.projects.len(),
            "permissions": { "can-update": true },
        },
        "relationships": {
            "organization": one("organizations", &world.organization.name),
            "vars": many("vars", set.variables.keys()),
            "workspaces": many("workspaces", &set.workspaces),
            "projects": many("projects", &set.projects),
            "parent": parent,
        },
    })
}
