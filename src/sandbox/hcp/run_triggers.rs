//! Run triggers: a run here after an apply there.

use serde_json::{Value, json};

use super::{
    call::{Call, Given},
    jsonapi::{Answer, Outcome, Problem, instant, one},
    tags, workspaces,
};
use crate::sandbox::world::{RunTrigger, World};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["workspaces", id, "run-triggers"]) => list(world, call, id),
        ("POST", ["workspaces", id, "run-triggers"]) => create(world, call, id),
        ("GET", ["run-triggers", id]) => show(world, call, id),
        ("DELETE", ["run-triggers", id]) => delete(world, id),
        _ => return None,
    };
    Some(outcome)
}

/// How many sources a workspace may have.
const MOST: usize = 20;
const INCLUDES: [&str; 2] = ["workspace", "sourceable"];

fn list(world: &World, call: &Call, id: &str) -> Outcome {
    if !world.workspaces.contains_key(id) {
        return Err(Problem::not_found());
    }
    let inbound = match call.parameter("filter[run-trigger][type]") {
        Some("inbound") => true,
        Some("outbound") => false,
        Some(_) | None => {
            return Err(Problem::bad_request(
                "Invalid filter parameter: filter[run-trigger][type] must be inbound or outbound",
            ));
        }
    };
    let includes = call.includes(&INCLUDES)?;
    let found: Vec<(&String, &RunTrigger)> = world
        .run_triggers
        .iter()
        .filter(|(_, trigger)| if inbound { trigger.workspace == id } else { trigger.sourceable == id })
        .collect();
    let named: Vec<&String> = found.iter().flat_map(|(_, trigger)| [&trigger.workspace, &trigger.sourceable]).collect();
    let loaded: Vec<Value> =
        named.iter().filter_map(|id| Some(workspaces::render(world, id, world.workspaces.get(*id)?))).collect();
    let mut body = call.page(found, |(id, trigger)| render(world, id, trigger));
    if !includes.is_empty() {
        tags::include(&mut body, loaded);
    }
    Ok(Answer::ok(body))
}

fn create(world: &mut World, call: &Call, id: &str) -> Outcome {
    if !world.workspaces.contains_key(id) {
        return Err(Problem::not_found());
    }
    call.expect_type(&["run-triggers"])?;
    let Given::Value(source) = call.relation("sourceable")? else {
        return Err(Problem::invalid_relationship("sourceable", "Sourceable can't be blank"));
    };
    if source == id || !world.workspaces.contains_key(&source) {
        return Err(Problem::invalid_relationship("sourceable", "Sourceable must be another workspace"));
    }
    let sources = world.run_triggers.values().filter(|trigger| trigger.workspace == id);
    if sources.clone().any(|trigger| trigger.sourceable == source) {
        return Err(Problem::invalid_relationship("sourceable", "Sourceable has already been taken"));
    }
    if sources.count() >= MOST {
        return Err(Problem::unprocessable(format!("Run triggers are limited to {MOST} per workspace")));
    }
    let trigger = RunTrigger { workspace: id.to_owned(), sourceable: source, created_at: world.now };
    let trigger_id = world.mint("rt");
    let data = render(world, &trigger_id, &trigger);
    world.run_triggers.insert(trigger_id, trigger);
    Ok(Answer::created(&data))
}

fn show(world: &World, call: &Call, id: &str) -> Outcome {
    call.includes(&INCLUDES)?;
    let trigger = world.run_triggers.get(id).ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&render(world, id, trigger)))
}

fn delete(world: &mut World, id: &str) -> Outcome {
    let gone = world.run_triggers.remove(id);
    gone.map(|_| Answer::empty()).ok_or_else(Problem::not_found)
}

fn render(world: &World, id: &str, trigger: &RunTrigger) -> Value {
    let name = |id: &String| world.workspaces.get(id).map(|workspace| workspace.name.clone());
    json!({
        "id": id,
        "type": "run-triggers",
        "attributes": {
            "workspace-name": name(&trigger.workspace),
            "sourceable-name": name(&trigger.sourceable),
            "created-at": instant(trigger.created_at),
        },
        "relationships": {
            "workspace": one("workspaces", &trigger.workspace),
            "sourceable": one("workspaces", &trigger.sourceable),
        },
        "links": { "self": format!("/api/v2/run-triggers/{id}") },
    })
}
