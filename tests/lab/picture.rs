//! What an organisation looks like, told without what differs from run to run: ids, times, salts and counts of writes.

use std::collections::BTreeMap;

use reconcile::owner::TAG_KEY;
use reconcile::sandbox::World;
use serde::Serialize;
use serde_json::Value;

/// Times and counts of what was done.
const HISTORY: [&str; 6] = ["created-at", "updated-at", "revision", "deliveries", "verified", "created-by"];

/// A line for each thing, with all of its fields: two worlds look alike if their lines are equal, and a thing that is
/// there twice has two lines.
pub fn picture(world: &World) -> Vec<String> {
    let names = names(world);
    let mut lines = vec![line("organization", &world.organization, &names)];
    for (id, project) in &world.projects {
        lines.push(line(&names[id.as_str()], project, &names));
    }
    for (id, workspace) in &world.workspaces {
        let mut bare = workspace.clone();
        for (id, variable) in std::mem::take(&mut bare.variables) {
            lines.push(line(&names[id.as_str()], &variable, &names));
        }
        lines.push(line(&names[id.as_str()], &bare, &names));
    }
    for (id, set) in &world.variable_sets {
        let mut bare = set.clone();
        for (id, mut variable) in std::mem::take(&mut bare.variables) {
            if variable.key.starts_with("var-") {
                // Versions and salts are of one run; that they are right is what the next plan says.
                variable.value = reconcile::sandbox::world::VariableValue::Plain("witness".to_owned());
            }
            lines.push(line(&names[id.as_str()], &variable, &names));
        }
        lines.push(line(&names[id.as_str()], &bare, &names));
    }
    for (id, pool) in &world.agent_pools {
        lines.push(line(&names[id.as_str()], pool, &names));
    }
    for (id, notification) in &world.notifications {
        lines.push(line(&names[id.as_str()], notification, &names));
    }
    lines.sort();
    lines
}

/// Demands that two pictures are the same; says only which lines differ.
pub fn expect_alike(now: &[String], end: &[String], how: &str) {
    if now == end {
        return;
    }
    let (now, end) = (now.join("\n"), end.join("\n"));
    let diff = similar::TextDiff::from_lines(&end, &now);
    panic!("{how}:\n{}", diff.unified_diff().context_radius(0).header("undisturbed", "disturbed"));
}

fn names(world: &World) -> BTreeMap<&str, String> {
    let mut names = BTreeMap::new();
    names.extend(world.projects.iter().map(|(id, it)| (id.as_str(), format!("project {}", it.name))));
    for (id, workspace) in &world.workspaces {
        names.insert(id.as_str(), format!("workspace {}", workspace.name));
        let inside = workspace.variables.iter();
        names.extend(inside.map(|(id, it)| (id.as_str(), format!("variable {}/{}", workspace.name, it.key))));
    }
    names.extend(world.agent_pools.iter().map(|(id, it)| (id.as_str(), format!("pool {}", it.name))));
    names.extend(world.notifications.iter().map(|(id, it)| (id.as_str(), format!("notification {}", it.name))));
    names.extend(world.variable_sets.iter().map(|(id, it)| (id.as_str(), format!("set {}", it.name))));
    let in_sets = || world.variable_sets.values().flat_map(|set| set.variables.iter().map(move |it| (set, it)));
    // Witnesses are named after what they are about, which may lie in a set itself.
    for about in [false, true] {
        for (set, (id, variable)) in in_sets().filter(|(_, (_, it))| it.key.starts_with("var-") == about) {
            let key = names.get(variable.key.as_str()).unwrap_or(&variable.key);
            let name = format!("variable {}/{key}", set.name);
            names.insert(id.as_str(), name);
        }
    }
    names
}

fn line(name: &str, thing: &impl Serialize, names: &BTreeMap<&str, String>) -> String {
    let mut value = serde_json::to_value(thing).expect("plain data");
    forget(&mut value, names);
    format!("{name}: {value}")
}

fn forget(value: &mut Value, names: &BTreeMap<&str, String>) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !HISTORY.contains(&key.as_str()));
            if map.contains_key("sealed") {
                map.insert("sealed".to_owned(), Value::Null);
            }
            // It is over a message with ids and times in it.
            if let Some(signature) = map.get_mut("signature").filter(|signature| signature.is_string()) {
                *signature = "signed".into();
            }
            if let Some(Value::String(mark)) = map.get_mut(TAG_KEY) {
                // Its digest is over ids too; that it is right is what a change by hand shows.
                let parts: Vec<&str> = mark.split('-').collect();
                let blank =
                    parts.iter().enumerate().map(|(n, part)| if n + 4 == parts.len() { "DIGEST" } else { part });
                *mark = blank.collect::<Vec<_>>().join("-");
            }
            for inner in map.values_mut() {
                forget(inner, names);
            }
        }
        Value::Array(items) => {
            for inner in items.iter_mut() {
                forget(inner, names);
            }
            // Sets of ids are in the order of the ids.
            items.sort_by_key(ToString::to_string);
        }
        Value::String(text) => {
            if let Some(name) = names.get(text.as_str()) {
                text.clone_from(name);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
