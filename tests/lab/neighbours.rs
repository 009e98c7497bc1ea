//! Things of others beside ours and inside ours, which nothing that we do may change by a byte.

use std::collections::BTreeMap;

use reconcile::sandbox::World;
use reconcile::sandbox::world::{
    AgentPool, Notification, Project, Sealed, Subscriber, TagBindings, Url, Variable, VariableSet, VariableValue,
    Workspace,
};
use serde::Serialize;

/// What things of others are called.
pub const THEIRS: &str = "theirs";

/// Puts a thing of every kind beside ours.
pub fn move_in(world: &mut World) {
    let project = world.mint("prj");
    world.projects.insert(project.clone(), Project { tags: tags(), ..Project::new(THEIRS, world.now) });
    let mut workspace = Workspace { tags: tags(), ..Workspace::new(THEIRS, &project, world.now) };
    for value in [VariableValue::Plain("hands off".to_owned()), VariableValue::Sealed(Sealed::new("salt", "canary"))] {
        let (id, variable) = variable(world, value);
        workspace.variables.insert(id, variable);
    }
    let id = world.mint("ws");
    world.workspaces.insert(id.clone(), workspace);
    notification(world, Subscriber::Workspace(id.clone()));
    notification(world, Subscriber::Project(project.clone()));
    let (variable, body) = variable(world, VariableValue::Plain("hands off".to_owned()));
    let set = VariableSet {
        name: THEIRS.to_owned(),
        description: "of somebody else [reconcile:another]".to_owned(),
        global: false,
        priority: false,
        owner: reconcile::sandbox::world::Owner::Organization,
        workspaces: [id.clone()].into(),
        projects: [project].into(),
        variables: [(variable, body)].into(),
        created_at: world.now,
        updated_at: world.now,
    };
    let set_id = world.mint("varset");
    world.variable_sets.insert(set_id, set);
    let pool = AgentPool {
        name: THEIRS.to_owned(),
        organization_scoped: false,
        allowed_workspaces: [id].into(),
        allowed_projects: [].into(),
        excluded_workspaces: [].into(),
        created_at: world.now,
    };
    let pool_id = world.mint("apool");
    world.agent_pools.insert(pool_id, pool);
}

/// Puts a variable, a tag and a notification of others into a workspace and a project of ours.
pub fn move_into(world: &mut World, workspace: &str, project: &str) {
    let workspace = world.workspace_named(workspace).expect("the workspace").to_owned();
    let project = world.project_named(project).expect("the project").to_owned();
    let (id, variable) = variable(world, VariableValue::Plain("hands off".to_owned()));
    let inside = world.workspaces.get_mut(&workspace).expect("the workspace");
    inside.variables.insert(id, variable);
    inside.tags.extend(tags());
    world.projects.get_mut(&project).expect("the project").tags.extend(tags());
    notification(world, Subscriber::Workspace(workspace));
    notification(world, Subscriber::Project(project));
}

fn tags() -> TagBindings {
    [(THEIRS.to_owned(), "hands-off".to_owned())].into()
}

fn variable(world: &mut World, value: VariableValue) -> (String, Variable) {
    let key = if value.is_sensitive() { "THEIR_TOKEN" } else { "THEIRS" };
    let variable = Variable {
        key: key.to_owned(),
        category: "env".to_owned(),
        value,
        description: Some("of somebody else".to_owned()),
        hcl: false,
        revision: 7,
        created_at: world.now,
    };
    (world.mint("var"), variable)
}

fn notification(world: &mut World, subscriber: Subscriber) {
    let id = world.mint("nc");
    let notification = Notification {
        all_members: false,
        subscriber,
        name: THEIRS.to_owned(),
        destination_type: "slack".to_owned(),
        enabled: false,
        url: Some(Url("https://theirs.invalid/hook".to_owned())),
        signature: None,
        triggers: vec!["run:errored".to_owned()],
        users: [].into(),
        email_addresses: Vec::new(),
        deliveries: Vec::new(),
        verified: Vec::new(),
        created_at: world.now,
        updated_at: world.now,
    };
    world.notifications.insert(id, notification);
}

/// All that others have, to the byte.
pub fn of_others(world: &World) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut keep = |kind: &str, id: &str, text: String| {
        all.insert(format!("{kind} {id}"), text);
    };
    let World { projects, workspaces, variable_sets, agent_pools, notifications, .. } = world;
    for (id, project) in projects {
        if project.name == THEIRS {
            keep("project", id, text(project));
        }
        if let Some(tag) = project.tags.get(THEIRS) {
            keep("tag of project", id, tag.clone());
        }
    }
    for (id, workspace) in workspaces {
        if workspace.name == THEIRS {
            keep("workspace", id, text(workspace));
        }
        if let Some(tag) = workspace.tags.get(THEIRS) {
            keep("tag of workspace", id, tag.clone());
        }
        for (id, variable) in workspace.variables.iter().filter(|(_, variable)| variable.key.starts_with("THEIR")) {
            keep("variable", id, text(variable));
        }
    }
    for (id, set) in variable_sets.iter().filter(|(_, set)| set.name == THEIRS) {
        keep("variable set", id, text(set));
    }
    for (id, pool) in agent_pools.iter().filter(|(_, pool)| pool.name == THEIRS) {
        keep("pool", id, text(pool));
    }
    for (id, notification) in notifications.iter().filter(|(_, notification)| notification.name == THEIRS) {
        keep("notification", id, text(notification));
    }
    all
}

fn text(thing: &impl Serialize) -> String {
    serde_json::to_string(thing).expect("plain data")
}
