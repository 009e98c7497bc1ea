//! Who may read a workspace's state.

use super::{
    call::Call,
    jsonapi::{Answer, Outcome, Problem},
    workspaces,
};
use crate::sandbox::world::{Workspace, World};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let ["workspaces", id, "relationships", "remote-state-consumers"] = path else {
        return None;
    };
    match call.method.as_str() {
        "GET" => Some(list(world, call, id)),
        "POST" | "PATCH" | "DELETE" => Some(change(world, call, id)),
        _ => None,
    }
}

fn list(world: &World, call: &Call, id: &str) -> Outcome {
    let workspace = world.workspaces.get(id).ok_or_else(Problem::not_found)?;
    // Shared with everybody, everybody is a consumer, unless only those are asked for that somebody named.
    let everybody = workspace.global_remote_state && call.parameter("show_only_configured") != Some("true");
    let found: Vec<(&String, &Workspace)> = world
        .workspaces
        .iter()
        .filter(|(other, _)| (everybody && *other != id) || workspace.remote_state_consumers.contains(*other))
        .collect();
    Ok(Answer::ok(call.page(found, |(id, workspace)| workspaces::render(world, id, workspace))))
}

/// PATCH replaces, POST adds, DELETE takes away; all answer 204.
fn change(world: &mut World, call: &Call, id: &str) -> Outcome {
    let ids = call.listed_ids()?;
    if !ids.iter().all(|other| world.workspaces.contains_key(other)) {
        return Err(Problem::not_found());
    }
    let workspace = world.workspaces.get_mut(id).ok_or_else(Problem::not_found)?;
    match call.method.as_str() {
        "PATCH" => workspace.remote_state_consumers = ids,
        "DELETE" => workspace.remote_state_consumers.retain(|other| !ids.contains(other)),
        _ => workspace.remote_state_consumers.extend(ids),
    }
    Ok(Answer::empty())
}
