//! Organisations in which a plan reads, and an apply asks, everything that they ever do.

use std::collections::BTreeMap;

use reconcile::http::Policy;
use reconcile::sandbox::{IncludeVars, Sandbox, World};
use reconcile::secret::Secrets;
use reconcile::systems::hcp::desired::{Desired, Destination, Notification, Placement, Scope};

use crate::stage::{Stage, discord, env, fleet, plain};

/// A fleet with a thing of every kind.
pub fn first_day() -> Desired {
    let mut want = fleet(3, 2);
    let first = want.workspaces.get_mut("ws-000").unwrap();
    let mail = Notification {
        destination: Destination::Email { users: ["ada".to_owned()].into(), all_members: false },
        enabled: true,
        triggers: ["run:errored".to_owned()].into(),
    };
    first.notifications = [("chat".to_owned(), discord("CHAT")), ("mail".to_owned(), mail)].into();
    first.consumers = Some(["ws-001".to_owned()].into());
    want
}

/// The same a day later: things changed, moved, replaced, renamed and removed.
pub fn next_day() -> Desired {
    let mut want = first_day();
    let mut moved = want.workspaces.remove("ws-002").unwrap();
    moved.was = Some("ws-002".to_owned());
    moved.runs_on = Placement::Local;
    want.workspaces.insert("renamed".to_owned(), moved);
    want.workspaces.remove("ws-001");
    want.pools.get_mut("nas").unwrap().scope = Scope::Organization;
    let first = want.workspaces.get_mut("ws-000").unwrap();
    first.settings.auto_apply = Some(true);
    first.notifications.clear();
    first.consumers = Some(["renamed".to_owned()].into());
    first.variables.insert(env("V0"), plain("no secret any more"));
    first.variables.remove(&env("V1"));
    let project = want.projects.get_mut("main").unwrap();
    project.settings.description = Some("another".to_owned());
    project.notifications.get_mut("discord").unwrap().triggers = ["run:created".to_owned()].into();
    want.variable_sets.clear();
    want
}

/// An organisation with a thing of somebody else's beside each of ours, in which nothing comes along with a list.
pub async fn neighbours() -> Stage {
    let stage = Stage::new().await;
    stage.sandbox.with_world(|world| {
        world.switches.workspace_include_vars = IncludeVars::Ignored;
        world.switches.variable_set_include_vars = IncludeVars::Ignored;
        world.switches.refuse_include_tags = true;
        world.join("ada");
    });
    let mut theirs = fleet(1, 2);
    theirs.fleet = "theirs".parse().unwrap();
    let rename = |name: &str| format!("their-{name}");
    theirs.projects = theirs.projects.into_iter().map(|(name, project)| (rename(&name), project)).collect();
    theirs.workspaces = theirs
        .workspaces
        .into_iter()
        .map(|(name, mut workspace)| {
            workspace.project = workspace.project.map(|project| rename(&project));
            workspace.runs_on = Placement::Cloud;
            (rename(&name), workspace)
        })
        .collect();
    theirs.pools.clear();
    theirs.variable_sets = theirs
        .variable_sets
        .into_iter()
        .map(|(name, mut set)| {
            set.reach = reconcile::systems::hcp::desired::Reach::Global;
            (rename(&name), set)
        })
        .collect();
    stage.converge(&theirs).await;
    stage
}

/// The same organisation at another address.
pub async fn resume(world: World, policy: Policy) -> Stage {
    let sandbox = Sandbox::resume(world).await.unwrap();
    Stage { sandbox, secrets: Secrets::sandbox("stage".to_owned()), policy }
}

/// What is there by name, so that a thing that is there twice stands here twice, and what is locked.
pub fn inventory(world: &World) -> Vec<String> {
    let mut names: Vec<String> = world.projects.values().map(|it| format!("project {}", it.name)).collect();
    for workspace in world.workspaces.values() {
        let locked = if workspace.lock.is_some() { ", locked" } else { "" };
        names.push(format!("workspace {}{locked}", workspace.name));
        names.extend(workspace.variables.values().map(|it| format!("variable {}/{}", workspace.name, it.key)));
    }
    for set in world.variable_sets.values() {
        names.push(format!("set {}", set.name));
        // The keys of witnesses are ids, which differ from run to run.
        let key = |key: &str| if key.starts_with("var-") { "witness".to_owned() } else { key.to_owned() };
        names.extend(set.variables.values().map(|it| format!("variable {}/{}", set.name, key(&it.key))));
    }
    names.extend(world.agent_pools.values().map(|it| format!("pool {}", it.name)));
    names.extend(world.notifications.values().map(|it| format!("notification {}", it.name)));
    names.sort();
    names
}

/// All that is somebody else's, to the letter.
pub fn foreign(world: &World) -> BTreeMap<String, serde_json::Value> {
    let whole = serde_json::to_value(world).unwrap();
    let mut found = BTreeMap::new();
    for kind in ["projects", "workspaces", "variable-sets", "notifications"] {
        for (id, thing) in whole[kind].as_object().unwrap() {
            let text = thing.to_string();
            if text.contains("their-") || text.contains("(theirs)") || text.contains("reconcile-theirs") {
                found.insert(format!("{kind}/{id}"), thing.clone());
            }
        }
    }
    assert!(found.len() >= 4, "somebody else has something of every kind: {:?}", found.keys());
    found
}
