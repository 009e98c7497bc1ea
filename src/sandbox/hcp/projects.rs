//! Projects.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    call::{Call, Fields},
    jsonapi::{Answer, Outcome, Problem, instant, maybe, one, related},
    placement, tags,
};
use crate::sandbox::world::{OwnPool, Project, Subscriber, World};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["organizations", _, "projects"]) => list(world, call),
        ("POST", ["organizations", _, "projects"]) => create(world, call),
        ("GET", ["projects", id]) => show(world, call, id),
        ("PATCH", ["projects", id]) => update(world, call, id),
        ("DELETE", ["projects", id]) => delete(world, id),
        ("POST", ["projects", id, "relationships", "workspaces"]) => receive(world, call, id),
        _ => return None,
    };
    Some(outcome)
}

fn includes(world: &World, call: &Call) -> Result<BTreeSet<String>, Problem> {
    if world.switches.refuse_include_tags { call.includes(&[]) } else { call.includes(&["effective_tag_bindings"]) }
}

fn list(world: &World, call: &Call) -> Outcome {
    let includes = includes(world, call)?;
    let names: Option<Vec<&str>> = call.parameter("filter[names]").map(|names| names.split(',').collect());
    let query = call.parameter("q").map(str::to_lowercase);
    let mut found: Vec<(&String, &Project)> = world
        .projects
        .iter()
        .filter(|(_, project)| names.as_ref().is_none_or(|names| names.contains(&project.name.as_str())))
        .filter(|(_, project)| query.as_ref().is_none_or(|query| project.name.to_lowercase().contains(query)))
        .collect();
    match call.parameter("sort") {
        Some("name") => found.sort_by(|a, b| a.1.name.cmp(&b.1.name)),
        Some("-name") => found.sort_by(|a, b| b.1.name.cmp(&a.1.name)),
        Some(_) | None => {}
    }
    let mut body = call.counted_page(found, |(id, project)| render(world, id, project));
    if includes.contains("effective_tag_bindings") {
        tags::side_load(world, &mut body);
    }
    Ok(Answer::ok(body))
}

fn show(world: &World, call: &Call, id: &str) -> Outcome {
    let includes = includes(world, call)?;
    let project = world.projects.get(id).ok_or_else(Problem::not_found)?;
    let mut body = json!({ "data": render(world, id, project) });
    if includes.contains("effective_tag_bindings") {
        tags::side_load(world, &mut body);
    }
    Ok(Answer::ok(body))
}

fn create(world: &mut World, call: &Call) -> Outcome {
    call.expect_type(&["projects"])?;
    let name = call.attributes().required("name")?;
    let mut project = Project::new(&name, world.now);
    apply(world, call, None, &mut project)?;
    let id = world.mint("prj");
    let data = render(world, &id, &project);
    world.projects.insert(id, project);
    Ok(Answer::created(&data))
}

fn update(world: &mut World, call: &Call, id: &str) -> Outcome {
    let mut project = world.projects.get(id).cloned().ok_or_else(Problem::not_found)?;
    call.expect_type(&["projects"])?;
    apply(world, call, Some(id), &mut project)?;
    let data = render(world, id, &project);
    world.projects.insert(id.to_owned(), project);
    Ok(Answer::resource(&data))
}

fn apply(world: &World, call: &Call, id: Option<&str>, project: &mut Project) -> Result<(), Problem> {
    let fields = call.attributes();
    if fields.has("name") {
        project.name = fields.required("name")?;
    }
    check_name(&project.name)?;
    if world.project_named(&project.name).is_some_and(|other| Some(other) != id) {
        return Err(Problem::invalid("name", "Name has already been taken"));
    }
    describe(&fields, project)?;
    project.placement = placement::of_project(world, call, id, &project.placement)?;
    if let Some(bindings) = call.relations("tag-bindings")? {
        project.tags = tags::bindings(bindings)?;
    }
    Ok(())
}

fn describe(fields: &Fields<'_>, project: &mut Project) -> Result<(), Problem> {
    fields.text("description")?.set_or_blank(&mut project.description);
    if project.description.as_ref().is_some_and(|text| text.chars().count() > 256) {
        return Err(Problem::invalid("description", "Description is too long (maximum is 256 characters)"));
    }
    fields.text("auto-destroy-activity-duration")?.set_or_blank(&mut project.auto_destroy_activity_duration);
    check_duration(project.auto_destroy_activity_duration.as_deref())
}

/// `14d` or `24h`.
pub fn check_duration(duration: Option<&str>) -> Result<(), Problem> {
    let is_valid = |text: &str| {
        let (number, unit) = text.split_at(text.len().saturating_sub(1));
        matches!(unit, "d" | "h") && (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    match duration {
        Some(text) if !text.is_ascii() || !is_valid(text) => Err(Problem::invalid(
            "auto-destroy-activity-duration",
            "must be a number of up to four digits followed by d or h",
        )),
        Some(_) | None => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    let count = name.chars().count();
    if !(3..=40).contains(&count) {
        return Err(Problem::invalid("name", "Name must be between 3 and 40 characters"));
    }
    let fits = |letter: char| letter.is_alphanumeric() || " -_".contains(letter);
    if !name.chars().all(fits) || name.trim() != name {
        return Err(Problem::invalid(
            "name",
            "Name may only contain letters, numbers, spaces, hyphens and underscores",
        ));
    }
    Ok(())
}

fn delete(world: &mut World, id: &str) -> Outcome {
    if !world.projects.contains_key(id) {
        return Err(Problem::not_found());
    }
    if world.organization.default_project == id {
        return Err(Problem::forbidden("The default project can't be deleted"));
    }
    if world.workspaces.values().any(|workspace| workspace.project == id) {
        // The only refusal that HCP documents: 403, "Not authorized to perform a force delete on the project".
        return Err(Problem::forbidden("Not authorized to perform a force delete on the project"));
    }
    world.projects.remove(id);
    for set in world.variable_sets.values_mut() {
        set.projects.remove(id);
    }
    for pool in world.agent_pools.values_mut() {
        pool.allowed_projects.remove(id);
    }
    let owner = Subscriber::Project(id.to_owned());
    world.notifications.retain(|_, notification| notification.subscriber != owner);
    Ok(Answer::empty())
}

/// Moves workspaces here: all of them or none.
fn receive(world: &mut World, call: &Call, id: &str) -> Outcome {
    if !world.projects.contains_key(id) {
        return Err(Problem::not_found());
    }
    let moved = call.listed_ids()?;
    let missing: Vec<&str> =
        moved.iter().filter(|workspace| !world.workspaces.contains_key(*workspace)).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(Problem::forbidden(format!(
            "Workspace(s) not found, or you are not authorized to move them: {}",
            missing.join(", ")
        )));
    }
    for workspace in &moved {
        if let Some(workspace) = world.workspaces.get_mut(workspace) {
            id.clone_into(&mut workspace.project);
            workspace.updated_at = world.now;
        }
    }
    Ok(Answer::empty())
}

/// The resource, with effective values.
pub fn render(world: &World, id: &str, project: &Project) -> Value {
    let (mode, pool) = world.project_placement(project);
    let organization = &world.organization.name;
    let path = format!("/api/v2/projects/{id}");
    let mut of_organization = one("organizations", organization);
    of_organization["links"] = json!({ "related": format!("/api/v2/organizations/{organization}") });
    json!({
        "id": id,
        "type": "projects",
        "attributes": {
            "name": project.name,
            "description": project.description,
            "created-at": instant(project.created_at),
            "auto-destroy-activity-duration": project.auto_destroy_activity_duration,
            "default-execution-mode": mode.word(),
            "setting-overwrites": {
                "default-execution-mode": project.placement.mode.is_some(),
                "default-agent-pool": project.placement.pool != OwnPool::Inherited,
            },
            "workspace-count": world.workspaces.values().filter(|workspace| workspace.project == id).count(),
            "team-count": 0,
            "is-unified": false,
            "permissions": {
                "can-read": true,
                "can-update": true,
                "can-destroy": true,
                "can-create-workspace": true,
                "can-move-workspace": true,
                "can-manage-tags": true,
                "can-manage-varsets": true,
            },
        },
        "relationships": {
            "organization": of_organization,
            "default-agent-pool": maybe("agent-pools", pool.as_deref()),
            "tag-bindings": related(&format!("{path}/tag-bindings")),
            "effective-tag-bindings": related(&format!("{path}/effective-tag-bindings")),
        },
        "links": { "self": path },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_three_to_forty_fitting_characters() {
        assert!(check_name("Main Cluster-1_x").is_ok());
        assert!(check_name("ab").is_err());
        assert!(check_name(&"a".repeat(41)).is_err());
        assert!(check_name("a/b/c").is_err());
    }

    #[test]
    fn durations_are_days_or_hours() {
        assert!(check_duration(Some("14d")).is_ok());
        assert!(check_duration(Some("d")).is_err());
        assert!(check_duration(Some("5m")).is_err());
        assert!(check_duration(Some("")).is_err());
    }
}
