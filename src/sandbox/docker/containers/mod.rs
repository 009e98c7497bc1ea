//! Containers.

mod create;
mod life;
mod show;

use super::{
    call::{Answer, Call, Outcome, Refusal},
    events,
};
use crate::sandbox::world::{Engine, Status, World};
use jiff::Timestamp;
use serde_json::{Value, json};

pub use create::users_of_volume;
pub use life::resume;

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["containers", "json"]) => show::list(world, call),
        ("POST", ["containers", "create"]) => create::create(world, call),
        ("GET", ["containers", name, "json"]) => show::inspect(world, call, name),
        ("POST", ["containers", name, "start"]) => life::start(world, call, name),
        ("POST", ["containers", name, "stop"]) => life::stop(world, call, name, false),
        ("POST", ["containers", name, "restart"]) => life::stop(world, call, name, true),
        ("POST", ["containers", name, "kill"]) => life::kill(world, call, name),
        ("POST", ["containers", name, "wait"]) => life::wait(world, call, name),
        ("POST", ["containers", name, "rename"]) => rename(world, call, name),
        ("POST", ["containers", name, "update"]) => update(world, call, name),
        ("DELETE", ["containers", name]) => remove(world, call, name),
        _ => return None,
    };
    Some(outcome)
}

/// The id of a container: by its id, its name, or the beginning of its id.
pub fn find(engine: &Engine, name: &str) -> Result<String, Refusal> {
    let missing = || Refusal::new(404, format!("No such container: {name}"));
    if engine.containers.contains_key(name) {
        return Ok(name.to_owned());
    }
    let bare = name.strip_prefix('/').unwrap_or(name);
    if let Some((id, _)) = engine.containers.iter().find(|(_, container)| container.name == bare) {
        return Ok(id.clone());
    }
    let mut begins = engine.containers.keys().filter(|id| !name.is_empty() && id.starts_with(name));
    match (begins.next(), begins.next()) {
        (Some(id), None) => Ok(id.clone()),
        (Some(_), Some(_)) => Err(Refusal::new(400, format!("Multiple IDs found with provided prefix: {name}"))),
        (None, _) => Err(missing()),
    }
}

/// Where a container is, by what a path calls it.
pub fn place(world: &World, call: &Call, name: &str) -> Result<(String, String), Refusal> {
    Ok((call.engine.clone(), find(super::engine(world, call)?, name)?))
}

/// Refuses a name that another container has.
fn name_is_free(engine: &Engine, name: &str) -> Result<(), String> {
    match engine.containers.iter().find(|(_, container)| container.name == name) {
        None => Ok(()),
        Some((holder, _)) => Err(format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to remove (or rename) \
             that container to be able to reuse that name."
        )),
    }
}

fn rename(world: &mut World, call: &Call, old: &str) -> Outcome {
    let new = call.parameter("name").unwrap_or_default();
    if new.is_empty() {
        return Err(Refusal::new(400, "Neither old nor new names may be empty"));
    }
    let place = place(world, call, old)?;
    let new = new.strip_prefix('/').unwrap_or(new).to_owned();
    let now = world.now;
    let engine = super::engine_mut(world, call)?;
    let was = engine.containers.get(&place.1).map(|container| container.name.clone()).unwrap_or_default();
    if was == new {
        return Err(Refusal::new(400, "Renaming a container with the same name as its current name"));
    }
    let refused = |status, cause: String| Refusal::new(status, format!("Error when allocating new name: {cause}"));
    if !super::call::is_name(&new) {
        return Err(refused(400, create::bad_name(&format!("/{new}"))));
    }
    name_is_free(engine, &new).map_err(|cause| refused(409, cause))?;
    if let Some(container) = engine.containers.get_mut(&place.1) {
        container.name = new;
    }
    events::tell(world, &place, "rename", &[("oldName", &format!("/{was}"))], now);
    Ok(Answer::status(204).into())
}

/// Resources and the restart policy; labels and the environment never change.
fn update(world: &mut World, call: &Call, name: &str) -> Outcome {
    let body = call.document()?;
    let place = place(world, call, name)?;
    if let Some(policy) = body.get("RestartPolicy").filter(|policy| !policy.is_null()) {
        create::check_restart_policy(policy)?;
    }
    create::check_resources(&body)?;
    let now = world.now;
    let engine = super::engine_mut(world, call)?;
    let Some(container) = engine.containers.get_mut(&place.1) else {
        return Err(Refusal::new(404, format!("No such container: {name}")));
    };
    let policy = create::restart_policy(&body["RestartPolicy"]);
    if policy["Name"] != "" {
        if container.host_config["AutoRemove"] == true {
            let message = "Restart policy cannot be updated because AutoRemove is enabled for the container";
            let whole = format!("Cannot update container {}: {message}", place.1);
            return Err(Refusal::new(409, whole));
        }
        container.host_config["RestartPolicy"] = policy;
    }
    for (name, value) in body.as_object().into_iter().flatten() {
        let is_set = !value.is_null() && *value != json!(0) && *value != json!("") && name != "RestartPolicy";
        if is_set && container.host_config.get(name).is_some() {
            container.host_config[name] = value.clone();
        }
    }
    events::tell(world, &place, "update", &[], now);
    Ok(Answer::json(json!({ "Warnings": Value::Null })).into())
}

fn remove(world: &mut World, call: &Call, name: &str) -> Outcome {
    let place = place(world, call, name)?;
    let now = world.now;
    let status = super::engine(world, call)?.containers.get(&place.1).map(|container| container.status);
    let force = call.flag("force");
    let alive = match status {
        Some(Status::Running) => Some("running"),
        Some(Status::Restarting) => Some("restarting"),
        Some(Status::Created | Status::Exited) | None => None,
    };
    if let Some(alive) = alive {
        if !force {
            let id = &place.1;
            return Err(Refusal::new(
                409,
                format!(
                    "You cannot remove a {alive} container {id}. Stop the container before attempting removal or force remove"
                ),
            ));
        }
        if let Some(container) = super::engine_mut(world, call)?.containers.get_mut(&place.1) {
            container.ended_by_hand = true;
        }
        events::tell(world, &place, "kill", &[("signal", "9")], now);
        world.end(&place, 137, now);
    }
    discard(world, &place, call.flag("v"), now);
    Ok(Answer::status(204).into())
}

/// Takes a container away, and with it the volumes that have no name of their own.
pub fn discard(world: &mut World, place: &(String, String), volumes: bool, at: Timestamp) {
    events::tell(world, place, "destroy", &[], at);
    let Some(engine) = world.engines.get_mut(&place.0) else {
        return;
    };
    let Some(container) = engine.containers.remove(&place.1) else {
        return;
    };
    let is_nameless = |name: &str| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if volumes {
        for mount in container.mounts.iter().filter(|mount| mount.kind == "volume" && is_nameless(&mount.source)) {
            engine.volumes.remove(&mount.source);
        }
    }
}
