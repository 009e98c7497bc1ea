//! Workspaces.

mod actions;
mod read;
mod write;

use super::{call::Call, jsonapi::Outcome};
use crate::sandbox::world::World;

pub use read::render;

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let method = call.method.as_str();
    let (id, rest) = match path {
        ["organizations", _, "workspaces"] => {
            return match method {
                "GET" => Some(read::list(world, call)),
                "POST" => Some(write::create(world, call)),
                _ => None,
            };
        }
        ["organizations", _, "workspaces", name, rest @ ..] => (world.workspace_named(name).map(str::to_owned), rest),
        ["workspaces", id, rest @ ..] => (world.workspaces.contains_key(*id).then(|| (*id).to_owned()), rest),
        _ => return None,
    };
    let found = || id.clone().ok_or_else(super::jsonapi::Problem::not_found);
    let outcome = match (method, rest) {
        ("GET", []) => found().and_then(|id| read::show(world, call, &id)),
        ("PATCH", []) => found().and_then(|id| write::update(world, call, &id)),
        ("DELETE", []) => found().map(|id| actions::force_delete(world, &id)),
        ("POST", ["actions", "safe-delete"]) => found().and_then(|id| actions::safe_delete(world, &id)),
        ("POST", ["actions", "lock"]) => found().and_then(|id| actions::lock(world, call, &id)),
        ("POST", ["actions", "unlock"]) => found().and_then(|id| actions::unlock(world, call, &id)),
        ("POST", ["actions", "force-unlock"]) => found().and_then(|id| actions::force_unlock(world, &id)),
        _ => return None,
    };
    Some(outcome)
}
