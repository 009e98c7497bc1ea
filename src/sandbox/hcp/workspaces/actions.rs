//! Locks and removals.

use crate::sandbox::{
    hcp::{
        call::Call,
        jsonapi::{Answer, Outcome, Problem},
    },
    world::{Lock, Subscriber, World},
};

use super::read::render;

fn show(world: &World, id: &str) -> Outcome {
    let workspace = world.workspaces.get(id).ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&render(world, id, workspace)))
}

/// The body is no JSON:API document, only `{"reason": …}`.
pub fn lock(world: &mut World, call: &Call, id: &str) -> Outcome {
    let workspace = world.workspaces.get_mut(id).ok_or_else(Problem::not_found)?;
    if workspace.lock.is_some() {
        return Err(Problem::conflict("Unable to lock workspace. The workspace is already locked."));
    }
    workspace.lock = Some(Lock { by: call.label.clone(), reason: call.body["reason"].as_str().map(str::to_owned) });
    show(world, id)
}

/// Only for who locked it.
pub fn unlock(world: &mut World, call: &Call, id: &str) -> Outcome {
    let workspace = world.workspaces.get_mut(id).ok_or_else(Problem::not_found)?;
    match &workspace.lock {
        None => Err(Problem::conflict("Unable to unlock workspace. The workspace is not locked.")),
        Some(lock) if lock.by != call.label => {
            Err(Problem::conflict(format!("Unable to unlock workspace. The workspace is locked by User {}.", lock.by)))
        }
        Some(_) => {
            workspace.lock = None;
            show(world, id)
        }
    }
}

/// For everybody with the permission.
pub fn force_unlock(world: &mut World, id: &str) -> Outcome {
    let workspace = world.workspaces.get_mut(id).ok_or_else(Problem::not_found)?;
    if workspace.lock.take().is_none() {
        return Err(Problem::conflict("Unable to force unlock workspace. The workspace is not locked."));
    }
    show(world, id)
}

/// `DELETE`: takes what it manages along.
pub fn force_delete(world: &mut World, id: &str) -> Answer {
    remove(world, id);
    Answer::empty()
}

/// Refused for three reasons, which clients tell apart by words in the text (go-tfe, `checkResponseCode`).
pub fn safe_delete(world: &mut World, id: &str) -> Outcome {
    let now = world.now;
    let workspace = world.workspaces.get(id).ok_or_else(Problem::not_found)?;
    if workspace.lock.is_some() {
        return Err(Problem::conflict("Workspace is currently locked and can't be safely deleted."));
    }
    if workspace.state_processed_at.is_some_and(|until| until > now) {
        return Err(Problem::conflict(
            "Latest workspace state is being processed to discover resources, please try again later",
        ));
    }
    if workspace.resources > 0 {
        return Err(Problem::conflict(format!(
            "Workspace has {} resources under management and can't be safely deleted.",
            workspace.resources
        )));
    }
    remove(world, id);
    Ok(Answer::empty())
}

fn remove(world: &mut World, id: &str) {
    world.workspaces.remove(id);
    for set in world.variable_sets.values_mut() {
        set.workspaces.remove(id);
    }
    for pool in world.agent_pools.values_mut() {
        pool.allowed_workspaces.remove(id);
        pool.excluded_workspaces.remove(id);
    }
    for workspace in world.workspaces.values_mut() {
        workspace.remote_state_consumers.remove(id);
    }
    world.run_triggers.retain(|_, trigger| trigger.workspace != id && trigger.sourceable != id);
    world.runs.retain(|_, run| run.workspace != id);
    let owner = Subscriber::Workspace(id.to_owned());
    world.notifications.retain(|_, notification| notification.subscriber != owner);
}
