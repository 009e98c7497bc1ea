//! Runs: read only; they are made by pushes, or by hand through the world.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    call::Call,
    jsonapi::{Answer, Outcome, Problem, instant, one},
};
use crate::sandbox::world::{Run, Workspace, World};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["runs", id]) => show(world, call, id),
        ("GET", ["workspaces", id, "runs"]) if world.workspaces.contains_key(*id) => Ok(list(world, call, Some(id))),
        ("GET", ["organizations", _, "runs"]) => Ok(list(world, call, None)),
        _ => return None,
    };
    Some(outcome)
}

fn show(world: &World, call: &Call, id: &str) -> Outcome {
    call.includes(&[
        "plan",
        "apply",
        "created_by",
        "configuration_version",
        "configuration_version.ingress_attributes",
        "cost_estimate",
        "workspace",
        "task_stages",
        "tf_policy_evaluations",
    ])?;
    let run = world.runs.get(id).ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&render(id, run)))
}

/// The organization's list tells no totals, a workspace's does.
fn list(world: &World, call: &Call, workspace: Option<&str>) -> Answer {
    let statuses: Option<Vec<&str>> = call.parameter("filter[status]").map(|words| words.split(',').collect());
    let group = call.parameter("filter[status_group]");
    let pools: Option<BTreeSet<&str>> = call.parameter("filter[agent_pool_names]").map(|names| {
        let named =
            |name: &str| world.agent_pools.iter().find(|(_, pool)| pool.name == name).map(|(id, _)| id.as_str());
        names.split(',').filter_map(named).collect()
    });
    let on_them = |run: &Run| {
        pools
            .as_ref()
            .is_none_or(|pools| world.pool_of(&run.workspace).is_some_and(|pool| pools.contains(pool.as_str())))
    };
    let mut found: Vec<(&String, &Run)> = world
        .runs
        .iter()
        .filter(|(_, run)| workspace.is_none_or(|id| run.workspace == id))
        .filter(|(_, run)| on_them(run))
        .filter(|(_, run)| match group {
            Some("non_final") => !run.is_final(),
            Some("final") => run.is_final(),
            Some(_) | None => true,
        })
        .filter(|(_, run)| statuses.as_ref().is_none_or(|words| words.contains(&run.status.as_str())))
        .collect();
    found.sort_by_key(|(_, run)| std::cmp::Reverse(run.created_at));
    let mut body = call.page(found, |(id, run)| render(id, run));
    if let (None, Some(pagination)) = (workspace, body.pointer_mut("/meta/pagination").and_then(Value::as_object_mut)) {
        pagination.remove("total-pages");
        pagination.remove("total-count");
    }
    Answer::ok(body)
}

/// The current run of a workspace, as a resource with its id.
pub fn current(world: &World, workspace: &Workspace) -> Option<(String, Value)> {
    let id = workspace.current_run.clone()?;
    let run = world.runs.get(&id)?;
    let data = render(&id, run);
    Some((id, data))
}

fn render(id: &str, run: &Run) -> Value {
    let open = !run.is_final();
    json!({
        "id": id,
        "type": "runs",
        "attributes": {
            "actions": {
                "is-cancelable": open,
                "is-confirmable": run.status == "planned",
                "is-discardable": open,
                "is-force-cancelable": false,
            },
            "auto-apply": false,
            "created-at": instant(run.created_at),
            "updated-at": instant(run.updated_at),
            "has-changes": false,
            "is-destroy": false,
            "message": run.message,
            "plan-only": false,
            "refresh": true,
            "refresh-only": false,
            "source": "tfe-api",
            "status": run.status,
            // HCP has one for each state that a run came through; this is the one that it is in.
            "status-timestamps": { format!("{}-at", run.status.replace('_', "-")): instant(run.updated_at) },
            "trigger-reason": "manual",
            "permissions": { "can-apply": true, "can-cancel": true, "can-comment": true, "can-discard": true },
        },
        "relationships": { "workspace": one("workspaces", &run.workspace) },
    })
}
