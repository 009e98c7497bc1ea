//! Specs of made-up fleets, for properties that must hold of every one.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The spec of a fleet of at most three projects of three workspaces, with everything that a workspace can have.
pub fn spec() -> impl Strategy<Value = Value> {
    let pools = 0..3_usize;
    let sets = vec(variable_set(), 0..3);
    let projects = btree_map("[a-z]{3,6}", project(), 1..4);
    (pools, sets, projects, any::<bool>())
        .prop_map(|(pools, sets, projects, defaults)| fleet(pools, &sets, projects, defaults))
}

#[derive(Debug, Clone)]
struct Project {
    workspaces: std::collections::BTreeMap<String, Workspace>,
    tags: Vec<String>,
    notified: bool,
    described: bool,
}

#[allow(clippy::struct_excessive_bools)] // Each is drawn by itself.
#[derive(Debug, Clone)]
struct Workspace {
    runs_on: usize,
    auto_apply: Option<bool>,
    directory: Option<String>,
    version: bool,
    connected: bool,
    tags: Vec<String>,
    variables: Vec<Variable>,
    notified: bool,
    consumers: bool,
}

#[derive(Debug, Clone)]
struct Variable {
    key: String,
    env: bool,
    sensitive: bool,
    hcl: bool,
    value: String,
}

fn project() -> impl Strategy<Value = Project> {
    let workspaces = btree_map("[a-z]{2,5}", workspace(), 0..4);
    (workspaces, tags(), any::<bool>(), any::<bool>()).prop_map(|(workspaces, tags, notified, described)| Project {
        workspaces,
        tags,
        notified,
        described,
    })
}

fn tags() -> impl Strategy<Value = Vec<String>> {
    btree_set("[a-z]{1,8}(=[a-z0-9]{1,8})?", 0..3).prop_map(|tags| {
        let mut keys = std::collections::BTreeSet::new();
        let first_of_its_key = |tag: &String| keys.insert(tag.split('=').next().unwrap_or_default().to_owned());
        tags.into_iter().filter(first_of_its_key).collect()
    })
}

fn workspace() -> impl Strategy<Value = Workspace> {
    let code =
        (prop::option::of(any::<bool>()), prop::option::of("[a-z]{1,6}(/[a-z]{1,6})?"), any::<bool>(), any::<bool>());
    let inside = (tags(), vec(variable(), 0..4), any::<bool>(), any::<bool>());
    (0..5_usize, code, inside).prop_map(
        |(runs_on, (auto_apply, directory, version, connected), (tags, variables, notified, consumers))| Workspace {
            runs_on,
            auto_apply,
            directory,
            version,
            connected,
            tags,
            variables,
            notified,
            consumers,
        },
    )
}

fn variable() -> impl Strategy<Value = Variable> {
    ("[A-Z][A-Z_]{1,6}", any::<bool>(), any::<bool>(), any::<bool>(), "[ -~]{0,12}")
        .prop_map(|(key, env, sensitive, hcl, value)| Variable { key, env, sensitive, hcl: hcl && !env, value })
}

fn variable_set() -> impl Strategy<Value = (u8, Vec<Variable>)> {
    (0..3_u8, vec(variable(), 0..4))
}

fn fleet(
    pools: usize,
    sets: &[(u8, Vec<Variable>)],
    projects: std::collections::BTreeMap<String, Project>,
    defaults: bool,
) -> Value {
    let places: Vec<String> =
        (0..pools).map(|n| format!("p{n}")).chain(["cloud", "local", "inherited"].map(str::to_owned)).collect();
    let first_project = projects.keys().next().cloned().unwrap_or_default();
    let names: Vec<String> = projects
        .iter()
        .flat_map(|(project, body)| body.workspaces.keys().map(move |key| format!("{project}/{key}")))
        .collect();
    // HCP evaluates no variables of a local one, and `check` refuses a set for it.
    let running: Vec<String> = projects
        .iter()
        .flat_map(|(project, body)| body.workspaces.iter().map(move |(key, workspace)| (project, key, workspace)))
        .filter(|(.., workspace)| places[workspace.runs_on % places.len()] != "local")
        .map(|(project, key, _)| format!("{project}/{key}"))
        .collect();
    let mut spec = json!({
        "fleet": "made-up",
        "hcp": { "organization": "example-house", "tier": "premium" },
        "notify": { "chat": { "type": "slack", "url": { "env": "CHAT" }, "events": ["run:completed"] } },
        "defaults": { "agentImage": "hashicorp/tfc-agent:1.29.0" },
        "targets": {}, "pools": {}, "variableSets": {}, "projects": {},
    });
    for n in 0..pools {
        spec["targets"][format!("t{n}")] = json!({ "docker": {} });
        spec["pools"][format!("p{n}")] =
            json!({ "name": format!("pool-{n}"), "target": format!("t{n}"), "agents": { "min": 0, "max": 1 } });
    }
    if defaults {
        spec["defaults"]["terraformVersion"] = json!("~> 1.14.0");
        spec["defaults"]["tags"] = json!(["{project}"]);
    }
    for (n, (reach, variables)) in sets.iter().enumerate() {
        let reach = match reach {
            0 => json!("global"),
            1 => json!({ "projects": [first_project] }),
            _ => json!({ "workspaces": running.iter().take(1).collect::<Vec<_>>() }),
        };
        // HCP refuses one key in two global sets.
        let prefixed = variables.iter().cloned().map(|v| Variable { key: format!("S{n}_{}", v.key), ..v });
        spec["variableSets"][format!("set-{n}")] = json!({ "for": reach, "variables": variables_of(prefixed) });
    }
    for (name, project) in projects {
        spec["projects"][&name] = project_of(&project, &places, &names);
    }
    spec
}

fn project_of(project: &Project, places: &[String], names: &[String]) -> Value {
    let workspaces: Map<String, Value> = project
        .workspaces
        .iter()
        .map(|(key, workspace)| (key.clone(), workspace_of(workspace, places, names)))
        .collect();
    let mut body = json!({ "tags": project.tags, "workspaces": workspaces });
    if project.notified {
        body["notify"] = json!(["chat"]);
    }
    if project.described {
        body["description"] = json!("made up");
        body["defaultRunsOn"] = json!(places.first());
    }
    body
}

fn workspace_of(workspace: &Workspace, places: &[String], names: &[String]) -> Value {
    let place = &places[workspace.runs_on % places.len()];
    let mut body = json!({ "runsOn": place, "tags": workspace.tags });
    if let Some(auto_apply) = workspace.auto_apply {
        body["autoApply"] = json!(auto_apply);
    }
    if let Some(directory) = &workspace.directory {
        body["directory"] = json!(directory);
    }
    if workspace.version {
        body["terraformVersion"] = json!("1.13.1");
    }
    if workspace.connected {
        body["vcs"] = json!({ "repository": "example-house/infra", "branch": "main", "connection": "github" });
    }
    if workspace.notified {
        body["notify"] = json!(["chat"]);
    }
    if workspace.consumers {
        body["remoteStateConsumers"] = json!(names.iter().take(2).collect::<Vec<_>>());
    }
    if place != "local" {
        body["variables"] = variables_of(workspace.variables.iter().cloned());
    }
    body
}

fn variables_of(variables: impl Iterator<Item = Variable>) -> Value {
    let mut body = json!({ "env": {}, "terraform": {} });
    for variable in variables {
        let category = if variable.env { "env" } else { "terraform" };
        body[category][&variable.key] = if variable.sensitive {
            json!({ "sensitive": { "env": variable.key } })
        } else if variable.hcl {
            json!({ "value": "[1, 2]", "hcl": true })
        } else {
            json!({ "value": variable.value })
        };
    }
    body
}
