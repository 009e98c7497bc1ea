//! Agents: they come and go by themselves; the API lists them and forgets the dead.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    call::Call,
    jsonapi::{Answer, Outcome, Problem, instant},
};
use crate::sandbox::world::{Agent, World};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["agent-pools", id, "agents"]) => list(world, call, id),
        ("GET", ["agents", id]) => show(world, id),
        ("DELETE", ["agents", id]) => delete(world, id),
        _ => return None,
    };
    Some(outcome)
}

fn list(world: &World, call: &Call, pool: &str) -> Outcome {
    if !world.agent_pools.contains_key(pool) {
        return Err(Problem::not_found());
    }
    let since: Option<Timestamp> = match call.parameter("filter[last-ping-since]") {
        None => None,
        Some(text) => match text.parse() {
            Ok(instant) => Some(instant),
            Err(_) => {
                return Err(Problem::bad_request("Invalid filter parameter: last-ping-since is not an ISO 8601 time"));
            }
        },
    };
    let mut found: Vec<(&String, &Agent)> = world
        .agents
        .iter()
        .filter(|(_, agent)| agent.pool == pool)
        .filter(|(_, agent)| since.is_none_or(|since| agent.last_ping_at.is_some_and(|ping| ping >= since)))
        .collect();
    match call.parameter("sort") {
        Some("created-at") => found.sort_by_key(|(_, agent)| agent.created_at),
        Some("-created-at") => {
            found.sort_by_key(|(_, agent)| agent.created_at);
            found.reverse();
        }
        Some(_) | None => {}
    }
    Ok(Answer::ok(call.page(found, |(id, agent)| render(id, agent))))
}

fn show(world: &World, id: &str) -> Outcome {
    let agent = world.agents.get(id).ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&render(id, agent)))
}

/// 412 unless it is gone or not heard of (documentation, "Delete an Agent").
fn delete(world: &mut World, id: &str) -> Outcome {
    let agent = world.agents.get(id).ok_or_else(Problem::not_found)?;
    if !agent.status.is_deletable() {
        return Err(Problem::precondition_failed(
            "Agent is not deletable. Agents must have a status of unknown, errored, or exited before being deleted.",
        ));
    }
    world.agents.remove(id);
    Ok(Answer::empty())
}

fn render(id: &str, agent: &Agent) -> Value {
    json!({
        "id": id,
        "type": "agents",
        "attributes": {
            "name": agent.name,
            "status": agent.status.word(),
            "ip-address": agent.ip_address,
            "last-ping-at": agent.last_ping_at.map(instant),
            "created-at": instant(agent.created_at),
        },
        "links": { "self": format!("/api/v2/agents/{id}") },
    })
}
