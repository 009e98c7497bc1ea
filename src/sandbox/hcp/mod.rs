//! The endpoints below `/api/v2`, by kind.
//!
//! Each kind has a `route` that answers what is its own and passes on the rest. A handler changes a copy of a thing and
//! puts it back last, so that a refusal leaves nothing half done.

pub mod agent_pools;
pub mod agents;
pub mod call;
pub mod jsonapi;
pub mod members;
pub mod notifications;
pub mod oauth;
pub mod organizations;
pub mod placement;
pub mod projects;
pub mod remote_state;
pub mod run_triggers;
pub mod runs;
pub mod tags;
pub mod variable_sets;
pub mod variables;
pub mod workspaces;

use call::Call;
use jsonapi::{Outcome, Problem};

use super::world::World;

/// Answers one request.
pub fn answer(world: &mut World, call: &Call) -> Outcome {
    let path: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
    if let ["organizations", name, ..] = path.as_slice()
        && *name != world.organization.name
    {
        return Err(Problem::not_found());
    }
    let routes = [
        organizations::route,
        projects::route,
        workspaces::route,
        variables::route,
        variable_sets::route,
        agent_pools::route,
        agents::route,
        members::route,
        notifications::route,
        oauth::route,
        tags::route,
        remote_state::route,
        run_triggers::route,
        runs::route,
    ];
    routes.iter().find_map(|route| route(world, call, &path)).unwrap_or_else(|| Err(Problem::not_found()))
}
