//! Agent pools and their tokens.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    call::Call,
    jsonapi::{Answer, Outcome, Problem, instant, many, one, related},
    tags, workspaces,
};
use crate::sandbox::world::{AgentPool, AgentToken, OwnPool, Sealed, World, agent_token_value, letters};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["organizations", _, "agent-pools"]) => list(world, call),
        ("POST", ["organizations", _, "agent-pools"]) => create(world, call),
        ("GET", ["agent-pools", id]) => show(world, call, id),
        ("PATCH", ["agent-pools", id]) => update(world, call, id),
        ("DELETE", ["agent-pools", id]) => delete(world, id),
        ("GET", ["agent-pools", id, "authentication-tokens"]) => list_tokens(world, call, id),
        ("POST", ["agent-pools", id, "authentication-tokens"]) => create_token(world, call, id),
        ("GET", ["authentication-tokens", id]) => show_token(world, id),
        ("DELETE", ["authentication-tokens", id]) => delete_token(world, id),
        _ => return None,
    };
    Some(outcome)
}

fn list(world: &World, call: &Call) -> Outcome {
    let includes = call.includes(&["workspaces"])?;
    let query = call.parameter("q").map(str::to_lowercase);
    // HCP's page spells the parameter with underscores, its OpenAPI file with hyphens.
    let workspace = call
        .parameter("filter[allowed_workspaces][name]")
        .or_else(|| call.parameter("filter[allowed-workspaces][name]"));
    let project = call.parameter("filter[allowed_projects][name]");
    let workspace_id = workspace.map(|name| world.workspace_named(name).unwrap_or_default());
    let project_id = project.map(|name| world.project_named(name).unwrap_or_default());
    let mut found: Vec<(&String, &AgentPool)> = world
        .agent_pools
        .iter()
        .filter(|(_, pool)| query.as_ref().is_none_or(|query| pool.name.to_lowercase().contains(query)))
        .filter(|(_, pool)| {
            workspace_id.is_none_or(|id| pool.organization_scoped || pool.allowed_workspaces.contains(id))
        })
        .filter(|(_, pool)| project_id.is_none_or(|id| pool.organization_scoped || pool.allowed_projects.contains(id)))
        .collect();
    match call.parameter("sort") {
        Some("name") => found.sort_by(|a, b| a.1.name.cmp(&b.1.name)),
        Some("-name") => found.sort_by(|a, b| b.1.name.cmp(&a.1.name)),
        Some("created-at") => found.sort_by_key(|(_, pool)| pool.created_at),
        Some(_) | None => {}
    }
    let mut body = call.counted_page(found, |(id, pool)| render(world, id, pool));
    if includes.contains("workspaces") {
        let pools = body["data"].as_array().cloned().unwrap_or_default();
        let used: BTreeSet<String> =
            pools.iter().flat_map(|pool| world.users_of_pool(pool["id"].as_str().unwrap_or_default())).collect();
        let loaded = used.iter().filter_map(|id| Some(workspaces::render(world, id, world.workspaces.get(id)?)));
        tags::include(&mut body, loaded.collect());
    }
    Ok(Answer::ok(body))
}

/// A pool as a resource.
pub fn find(world: &World, id: &str) -> Option<Value> {
    Some(render(world, id, world.agent_pools.get(id)?))
}

fn show(world: &World, call: &Call, id: &str) -> Outcome {
    call.includes(&["workspaces"])?;
    find(world, id).map(|data| Answer::resource(&data)).ok_or_else(Problem::not_found)
}

/// HCP's page says 201, its `OpenAPI` file 200; the page is the older word and was seen.
fn create(world: &mut World, call: &Call) -> Outcome {
    call.expect_type(&["agent-pools"])?;
    let mut pool = AgentPool {
        name: call.attributes().required("name")?,
        organization_scoped: true,
        allowed_workspaces: BTreeSet::new(),
        allowed_projects: BTreeSet::new(),
        excluded_workspaces: BTreeSet::new(),
        created_at: world.now,
    };
    apply(world, call, None, &mut pool)?;
    let id = world.mint("apool");
    let data = render(world, &id, &pool);
    world.agent_pools.insert(id, pool);
    Ok(Answer::created(&data))
}

fn update(world: &mut World, call: &Call, id: &str) -> Outcome {
    let mut pool = world.agent_pools.get(id).cloned().ok_or_else(Problem::not_found)?;
    call.expect_type(&["agent-pools"])?;
    apply(world, call, Some(id), &mut pool)?;
    let data = render(world, id, &pool);
    world.agent_pools.insert(id.to_owned(), pool);
    Ok(Answer::resource(&data))
}

fn apply(world: &World, call: &Call, id: Option<&str>, pool: &mut AgentPool) -> Result<(), Problem> {
    let fields = call.attributes();
    if fields.has("name") {
        pool.name = fields.required("name")?;
    }
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if pool.name.len() > 90 || !pool.name.chars().all(fits) {
        return Err(Problem::invalid("name", "Name can only include letters, numbers, -, and _"));
    }
    let taken = |(other, found): (&String, &AgentPool)| Some(other.as_str()) != id && found.name == pool.name;
    if world.agent_pools.iter().any(taken) {
        return Err(Problem::invalid("name", "Name has already been taken"));
    }
    // The page lists the default true for updates as well: left out, the pool is opened again.
    pool.organization_scoped = fields.flag("organization-scoped")?.value().unwrap_or(true);
    if let Some(ids) = call.relation_ids("allowed-workspaces")? {
        known("allowed-workspaces", &ids, |id| world.workspaces.contains_key(id))?;
        pool.allowed_workspaces = ids;
    }
    if let Some(ids) = call.relation_ids("excluded-workspaces")? {
        known("excluded-workspaces", &ids, |id| world.workspaces.contains_key(id))?;
        pool.excluded_workspaces = ids;
    }
    if let Some(ids) = call.relation_ids("allowed-projects")? {
        known("allowed-projects", &ids, |id| world.projects.contains_key(id))?;
        pool.allowed_projects = ids;
    }
    Ok(())
}

fn known(name: &str, ids: &BTreeSet<String>, exists: impl Fn(&str) -> bool) -> Result<(), Problem> {
    match ids.iter().find(|id| !exists(id)) {
        None => Ok(()),
        Some(id) => Err(Problem::invalid_relationship(name, format!("{id} was not found"))),
    }
}

/// Refused while anything runs there or would by default.
fn delete(world: &mut World, id: &str) -> Outcome {
    if !world.agent_pools.contains_key(id) {
        return Err(Problem::not_found());
    }
    let used_by = |pool: &OwnPool| matches!(pool, OwnPool::Own(Some(used)) if used == id);
    let in_use = world.organization.default_agent_pool.as_deref() == Some(id)
        || world.projects.values().any(|project| used_by(&project.placement.pool))
        || world.workspaces.values().any(|workspace| used_by(&workspace.placement.pool))
        || !world.users_of_pool(id).is_empty();
    if in_use {
        return Err(Problem::unprocessable("Agent pool is in use and can't be deleted"));
    }
    world.agent_pools.remove(id);
    world.agent_tokens.retain(|_, token| token.pool != id);
    world.agents.retain(|_, agent| agent.pool != id);
    Ok(Answer::empty())
}

fn render(world: &World, id: &str, pool: &AgentPool) -> Value {
    let path = format!("/api/v2/agent-pools/{id}");
    let counted = world.agents.values().filter(|agent| agent.pool == id && agent.status.counts());
    json!({
        "id": id,
        "type": "agent-pools",
        "attributes": {
            "name": pool.name,
            "created-at": instant(pool.created_at),
            "organization-scoped": pool.organization_scoped,
            "agent-count": counted.count(),
        },
        "relationships": {
            "organization": one("organizations", &world.organization.name),
            "agents": related(&format!("{path}/agents")),
            "authentication-tokens": related(&format!("{path}/authentication-tokens")),
            "workspaces": many("workspaces", &world.users_of_pool(id)),
            "allowed-workspaces": many("workspaces", &pool.allowed_workspaces),
            "allowed-projects": many("projects", &pool.allowed_projects),
            "excluded-workspaces": many("workspaces", &pool.excluded_workspaces),
        },
        "links": { "self": path },
    })
}

fn list_tokens(world: &World, call: &Call, id: &str) -> Outcome {
    if !world.agent_pools.contains_key(id) {
        return Err(Problem::not_found());
    }
    let found: Vec<(&String, &AgentToken)> = world.agent_tokens.iter().filter(|(_, token)| token.pool == id).collect();
    Ok(Answer::ok(call.page(found, |(id, token)| render_token(id, token, None))))
}

/// The only answer that ever holds the token. Descriptions need not differ, and nothing can be changed later.
fn create_token(world: &mut World, call: &Call, id: &str) -> Outcome {
    if !world.agent_pools.contains_key(id) {
        return Err(Problem::not_found());
    }
    // go-tfe 1.90 sends `agent-tokens`, and the service takes it.
    call.expect_type(&["authentication-tokens", "agent-tokens"])?;
    let description = call.attributes().required("description")?;
    let token_id = world.mint("at");
    let value = agent_token_value(&call.mint, &token_id);
    let token = AgentToken {
        pool: id.to_owned(),
        description,
        secret: Sealed::new(&token_id, &value),
        created_at: world.now,
        last_used_at: None,
    };
    let data = render_token(&token_id, &token, Some(&value));
    world.agent_tokens.insert(token_id, token);
    Ok(Answer::created(&data))
}

fn show_token(world: &World, id: &str) -> Outcome {
    let token = world.agent_tokens.get(id).ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&render_token(id, token, None)))
}

fn delete_token(world: &mut World, id: &str) -> Outcome {
    let gone = world.agent_tokens.remove(id);
    gone.map(|_| Answer::empty()).ok_or_else(Problem::not_found)
}

fn render_token(id: &str, token: &AgentToken, value: Option<&str>) -> Value {
    json!({
        "id": id,
        "type": "authentication-tokens",
        "attributes": {
            "created-at": instant(token.created_at),
            "last-used-at": token.last_used_at.map(instant),
            "description": token.description,
            "token": value,
        },
        "relationships": { "created-by": one("users", &format!("user-{}", letters("sandbox", 16))) },
    })
}
