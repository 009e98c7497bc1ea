//! `/sandbox/…`: what a person does in HCP's web pages, at the VCS or on an agent's host, so that curl can do it.

use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    faults::{Faults, Script},
    server::Shared,
    world::{AgentStatus, Connection, World},
};

/// A status and a body.
type Reply = (u16, Value);

/// Answers one request of this side.
pub fn answer(shared: &Shared, method: &str, path: &str, body: Value) -> Reply {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let outcome = match (method, parts.as_slice()) {
        ("GET", ["requests"]) => {
            let records = shared.records.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(json!(*records))
        }
        ("GET", ["fingerprint"]) => Ok(json!({ "fingerprint": shared.world().fingerprint() })),
        ("GET", ["now"]) => Ok(json!({ "now": shared.world().now })),
        ("GET", ["inbox"]) => Ok(json!(shared.world().inbox)),
        ("GET", ["engines"]) => Ok(json!(*shared.engines.lock().unwrap_or_else(PoisonError::into_inner))),
        ("GET", ["clusters"]) => {
            let clusters = shared.clusters.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(clusters.iter().map(|(name, access)| (name.clone(), json!(access.address))).collect())
        }
        ("GET", ["switches"]) => Ok(json!(shared.world().switches)),
        ("POST", ["faults"]) => arm(shared, body),
        ("POST", ["gates", name]) => {
            shared.gates.release(name, body["count"].as_u64().unwrap_or(1));
            Ok(json!({}))
        }
        ("POST", rest) => by_hand(&mut shared.world(), rest, &body),
        _ => return (404, json!({ "error": "no such thing here" })),
    };
    match outcome {
        Ok(body) => (200, body),
        Err(error) => (422, json!({ "error": error })),
    }
}

fn arm(shared: &Shared, body: Value) -> Result<Value, String> {
    let faults: Faults = serde_json::from_value(body).map_err(|error| error.to_string())?;
    let script = Script::new(faults)?;
    *shared.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
    Ok(json!({}))
}

fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, String> {
    body[name].as_str().ok_or_else(|| format!("{name} is missing"))
}

fn by_hand(world: &mut World, path: &[&str], body: &Value) -> Result<Value, String> {
    match path {
        ["advance"] => advance(world, body),
        ["switches"] => {
            world.switches = serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
            Ok(json!(world.switches))
        }
        ["inbox"] => answer_deliveries(world, body),
        ["connections"] => {
            let connection: Connection = serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
            Ok(json!({ "oauth-token-id": world.connect(&connection) }))
        }
        ["members"] => Ok(json!({ "user": world.join(text(body, "username")?) })),
        ["pushes"] => {
            let branch = body["branch"].as_str().unwrap_or("main");
            Ok(json!({ "runs": world.push(text(body, "repository")?, branch) }))
        }
        ["runs"] => {
            let workspace = workspace(world, body)?;
            let run = world.start_run(&workspace, body["status"].as_str().unwrap_or("planned"));
            Ok(json!({ "run": run }))
        }
        ["runs", id] => {
            let status = text(body, "status")?.to_owned();
            let now = world.now;
            let run = world.runs.get_mut(*id).ok_or_else(|| format!("no run {id}"))?;
            run.status = status;
            run.updated_at = now;
            Ok(json!({}))
        }
        ["state"] => state(world, body),
        ["agents"] => {
            let name = body["name"].as_str().unwrap_or("agent").to_owned();
            Ok(json!({ "agent": world.start_agent(text(body, "token-id")?, &name)? }))
        }
        ["agents", id] => {
            let status: AgentStatus =
                serde_json::from_value(body["status"].clone()).map_err(|error| error.to_string())?;
            let now = world.now;
            let agent = world.agents.get_mut(*id).ok_or_else(|| format!("no agent {id}"))?;
            agent.status = status;
            agent.last_ping_at = Some(now);
            Ok(json!({}))
        }
        ["engines", name] => {
            let engine = world.engines.get_mut(*name).ok_or_else(|| format!("no engine {name}"))?;
            engine.offline = body["offline"].as_bool().unwrap_or(engine.offline);
            engine.memory = body["memory"].as_u64().unwrap_or(engine.memory);
            Ok(json!({ "offline": engine.offline, "memory": engine.memory }))
        }
        ["clusters", name] => {
            let cluster = world.clusters.get_mut(*name).ok_or_else(|| format!("no cluster {name}"))?;
            cluster.no_nodes_fit = body["no-nodes-fit"].as_bool().unwrap_or(cluster.no_nodes_fit);
            if body["compact"] == true {
                cluster.compact();
            }
            Ok(json!({ "no-nodes-fit": cluster.no_nodes_fit }))
        }
        // A process that breaks down by itself.
        ["engines", name, "containers", container] => {
            let engine = world.engines.get(*name).ok_or_else(|| format!("no engine {name}"))?;
            let found = engine.containers.iter().find(|(_, found)| found.name == *container);
            let id = found.map(|(id, _)| id.clone()).ok_or_else(|| format!("no container {container}"))?;
            let code = body["exit"].as_i64().ok_or("exit is missing")?;
            let now = world.now;
            world.end(&((*name).to_owned(), id), code, now);
            Ok(json!({}))
        }
        _ => Err("no such thing here".to_owned()),
    }
}

fn workspace(world: &World, body: &Value) -> Result<String, String> {
    let name = text(body, "workspace")?;
    let found = world.workspace_named(name).map(str::to_owned);
    found.ok_or_else(|| format!("no workspace {name}"))
}

fn advance(world: &mut World, body: &Value) -> Result<Value, String> {
    let seconds = body["seconds"].as_i64().ok_or("seconds is missing")?;
    world.now = world.now.saturating_add(SignedDuration::from_secs(seconds.max(0))).unwrap_or(Timestamp::MAX);
    Ok(json!({ "now": world.now }))
}

fn answer_deliveries(world: &mut World, body: &Value) -> Result<Value, String> {
    let code = body["answer"].as_u64().map(u16::try_from).transpose();
    let code = code.map_err(|_| "answer is no status".to_owned())?;
    match (body["host"].as_str(), code) {
        (Some(host), Some(code)) => {
            world.inbox.answer_by_host.insert(host.to_owned(), code);
        }
        (Some(host), None) => {
            world.inbox.answer_by_host.remove(host);
        }
        (None, code) => world.inbox.answer = code,
    }
    Ok(json!(world.inbox))
}

/// An applied run: resources in the state, and for a while a state that is still being processed.
fn state(world: &mut World, body: &Value) -> Result<Value, String> {
    let id = workspace(world, body)?;
    let now = world.now;
    let until = body["processed-in-seconds"].as_i64().map(SignedDuration::from_secs);
    let Some(workspace) = world.workspaces.get_mut(&id) else {
        return Err(format!("no workspace {id}"));
    };
    if let Some(resources) = body["resources"].as_u64() {
        workspace.resources = u32::try_from(resources).map_err(|_| "too many resources".to_owned())?;
    }
    workspace.state_processed_at = until.and_then(|pause| now.saturating_add(pause).ok());
    Ok(json!({}))
}
