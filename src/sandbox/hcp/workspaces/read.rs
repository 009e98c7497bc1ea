//! Workspaces read: lists with their filters and includes, and the resource with its effective values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::sandbox::{
    hcp::{
        agent_pools,
        call::Call,
        jsonapi::{Answer, Outcome, Problem, instant, many, maybe, one, related},
        organizations, projects, runs, tags, variables,
    },
    world::{IncludeVars, OwnPool, VcsRepository, Workspace, World},
};

/// The enumeration of HCP's `OpenAPI` file (`GET /organizations/{organization_name}/workspaces`).
const INCLUDES: [&str; 25] = [
    "agent_pool",
    "current_assessment_result",
    "current_configuration_version",
    "current_configuration_version.ingress_attributes",
    "current_run",
    "current_run.apply",
    "current_run.plan",
    "current_run.configuration_version",
    "current_run.configuration_version.ingress_attributes",
    "current_state_version",
    "current_state_version.resources_processed",
    "latest_run",
    "latest_run.plan",
    "latest_run.configuration_version",
    "latest_run.configuration_version.ingress_attributes",
    "locked_by",
    "no_code_module_version",
    "no_code_module_version.no_code_module",
    "no_code_module_version.no_code_module.latest_version",
    "organization",
    "outputs",
    "project",
    "readme",
    "vars",
    "effective_tag_bindings",
];

fn includes(world: &World, call: &Call) -> Result<BTreeSet<String>, Problem> {
    let known: Vec<&str> = INCLUDES
        .into_iter()
        .filter(|name| *name != "vars" || world.switches.workspace_include_vars != IncludeVars::Refused)
        .filter(|name| *name != "effective_tag_bindings" || !world.switches.refuse_include_tags)
        .collect();
    let mut wanted = call.includes(&known)?;
    if world.switches.workspace_include_vars == IncludeVars::Ignored {
        wanted.remove("vars");
    }
    Ok(wanted)
}

/// `GET /organizations/:org/workspaces`.
pub fn list(world: &World, call: &Call) -> Outcome {
    let includes = includes(world, call)?;
    let mut found: Vec<(&String, &Workspace)> =
        world.workspaces.iter().filter(|(_, workspace)| matches(world, call, workspace)).collect();
    sort(world, call, &mut found);
    let mut body = call.counted_page(found, |(id, workspace)| render(world, id, workspace));
    side_load(world, &includes, &mut body);
    Ok(Answer::ok(body))
}

/// `GET /workspaces/:id`.
pub fn show(world: &World, call: &Call, id: &str) -> Outcome {
    let includes = includes(world, call)?;
    let workspace = world.workspaces.get(id).ok_or_else(Problem::not_found)?;
    let mut body = json!({ "data": render(world, id, workspace) });
    side_load(world, &includes, &mut body);
    Ok(Answer::ok(body))
}

fn sort(world: &World, call: &Call, found: &mut [(&String, &Workspace)]) {
    let order = call.parameter("sort").unwrap_or_default();
    let (descending, key) = match order.strip_prefix('-') {
        Some(key) => (true, key),
        None => (false, order),
    };
    let run_began = |workspace: &Workspace| {
        let run = workspace.current_run.as_ref().and_then(|id| world.runs.get(id));
        run.map(|run| run.created_at)
    };
    match key {
        "name" => found.sort_by(|a, b| a.1.name.cmp(&b.1.name)),
        "current-run.created-at" => found.sort_by_key(|(_, workspace)| run_began(workspace)),
        "latest-change-at" => found.sort_by_key(|(_, workspace)| workspace.updated_at),
        _ => {}
    }
    if descending {
        found.reverse();
    }
}

fn matches(world: &World, call: &Call, workspace: &Workspace) -> bool {
    let flat = || tags::names(world, workspace);
    let run_status = || {
        let run = workspace.current_run.as_ref().and_then(|id| world.runs.get(id));
        run.map(|run| run.status.clone()).unwrap_or_default()
    };
    let named =
        call.parameter("search[name]").is_none_or(|part| workspace.name.to_lowercase().contains(&part.to_lowercase()));
    let wild = call.parameter("search[wildcard-name]").is_none_or(|pattern| wildcard(pattern, &workspace.name));
    let tagged = call.parameter("search[tags]").is_none_or(|names| names.split(',').all(|name| flat().contains(name)));
    let excluded =
        call.parameter("search[exclude-tags]").is_some_and(|names| names.split(',').any(|name| flat().contains(name)));
    let project = call.parameter("filter[project][id]").is_none_or(|id| workspace.project == id);
    let running = call
        .parameter("filter[current-run][status]")
        .is_none_or(|words| words.split(',').any(|word| word == run_status()));
    named && wild && tagged && !excluded && project && running && is_bound(world, call, workspace)
}

/// `filter[tagged][i][key]` and `[value]`: all of them, or with `filter[tag-union]` any.
fn is_bound(world: &World, call: &Call, workspace: &Workspace) -> bool {
    let mut wanted: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
    for (name, value) in &call.query {
        let Some(rest) = name.strip_prefix("filter[tagged][") else {
            continue;
        };
        if let Some(index) = rest.strip_suffix("][key]") {
            wanted.entry(index).or_default().0 = Some(value);
        } else if let Some(index) = rest.strip_suffix("][value]") {
            wanted.entry(index).or_default().1 = Some(value);
        }
    }
    if wanted.is_empty() {
        return true;
    }
    let inherited = world.projects.get(&workspace.project).map(|project| &project.tags);
    // A key alone asks for any value, or for none if that is said.
    let without_value = call.parameter("filter[tag-value-default-null]") == Some("true");
    let holds = |(key, value): &(Option<&str>, Option<&str>)| {
        let key = key.unwrap_or_default();
        let bound = workspace.tags.get(key).or_else(|| inherited.and_then(|tags| tags.get(key)));
        bound.is_some_and(|bound| match value {
            Some(value) => value == bound,
            None => !without_value || bound.is_empty(),
        })
    };
    if call.parameter("filter[tag-union]") == Some("true") {
        wanted.values().any(holds)
    } else {
        wanted.values().all(holds)
    }
}

fn wildcard(pattern: &str, name: &str) -> bool {
    let (name, pattern) = (name.to_lowercase(), pattern.to_lowercase());
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}

fn side_load(world: &World, wanted: &BTreeSet<String>, body: &mut Value) {
    if wanted.is_empty() {
        return;
    }
    let ids: Vec<String> = match &body["data"] {
        Value::Array(items) => items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect(),
        item => item["id"].as_str().map(str::to_owned).into_iter().collect(),
    };
    let mut included: BTreeMap<String, Value> = BTreeMap::new();
    for (id, workspace) in ids.iter().filter_map(|id| Some((id, world.workspaces.get(id)?))) {
        if wanted.contains("vars") {
            for (variable, data) in variables::render_all(world, id, workspace) {
                included.insert(variable, data);
            }
        }
        if wanted.iter().any(|name| name.starts_with("current_run") || name.starts_with("latest_run"))
            && let Some((run, data)) = runs::current(world, workspace)
        {
            included.insert(run, data);
        }
        if wanted.contains("project")
            && let Some(project) = world.projects.get(&workspace.project)
        {
            included.insert(workspace.project.clone(), projects::render(world, &workspace.project, project));
        }
        if wanted.contains("agent_pool")
            && let (_, Some(pool)) = world.workspace_placement(workspace)
            && let Some(data) = agent_pools::find(world, &pool)
        {
            included.insert(pool, data);
        }
        if wanted.contains("organization") {
            included.insert(world.organization.name.clone(), organizations::render(world));
        }
    }
    tags::include(body, included.into_values().collect());
    if wanted.contains("effective_tag_bindings") {
        tags::side_load(world, body);
    }
}

/// The resource, with effective values.
pub fn render(world: &World, id: &str, workspace: &Workspace) -> Value {
    json!({
        "id": id,
        "type": "workspaces",
        "attributes": attributes(world, workspace),
        "relationships": relationships(world, id, workspace),
        "links": {
            "self": format!("/api/v2/organizations/{}/workspaces/{}", world.organization.name, workspace.name),
        },
    })
}

fn attributes(world: &World, workspace: &Workspace) -> Value {
    let mut all = settings(world, workspace);
    if let (Some(all), Value::Object(facts)) = (all.as_object_mut(), facts(world, workspace)) {
        all.extend(facts);
    }
    all
}

/// What clients write.
fn settings(world: &World, workspace: &Workspace) -> Value {
    let (mode, _) = world.workspace_placement(workspace);
    json!({
        "name": workspace.name,
        "description": workspace.description,
        "allow-destroy-plan": workspace.allow_destroy_plan,
        "auto-apply": workspace.auto_apply,
        "auto-apply-run-trigger": workspace.auto_apply_run_trigger,
        "auto-destroy-activity-duration": workspace.auto_destroy_activity_duration,
        "auto-destroy-at": workspace.auto_destroy_at.map(instant),
        "inherits-project-auto-destroy": workspace.inherits_project_auto_destroy,
        "assessments-enabled": workspace.assessments_enabled,
        "execution-mode": mode.word(),
        "operations": mode.word() != "local",
        "setting-overwrites": {
            "execution-mode": workspace.placement.mode.is_some(),
            "agent-pool": workspace.placement.pool != OwnPool::Inherited,
        },
        "file-triggers-enabled": workspace.file_triggers_enabled,
        "trigger-prefixes": workspace.trigger_prefixes,
        "trigger-patterns": workspace.trigger_patterns,
        "global-remote-state": workspace.global_remote_state,
        "project-remote-state": workspace.project_remote_state,
        "hyok-enabled": workspace.hyok_enabled,
        "queue-all-runs": workspace.queue_all_runs,
        "source-name": workspace.source_name,
        "source-url": workspace.source_url,
        "speculative-enabled": workspace.speculative_enabled,
        "structured-run-output-enabled": workspace.structured_run_output_enabled,
        "terraform-version": workspace.terraform_version,
        "vcs-repo": workspace.vcs_repo.as_ref().map(|repo| repository(world, repo)),
        "working-directory": workspace.working_directory,
    })
}

/// What only the service writes.
fn facts(world: &World, workspace: &Workspace) -> Value {
    json!({
        "actions": { "is-destroyable": true },
        "auto-destroy-status": null,
        "last-assessment-result-at": null,
        "apply-duration-average": null,
        "plan-duration-average": null,
        "policy-check-failures": null,
        "run-failures": null,
        "workspace-kpis-runs-count": null,
        "created-at": instant(workspace.created_at),
        "updated-at": instant(workspace.updated_at),
        "latest-change-at": instant(workspace.updated_at),
        "environment": "default",
        "locked": workspace.lock.is_some(),
        "locked-reason": workspace.lock.as_ref().and_then(|lock| lock.reason.clone()),
        "permissions": permissions(world),
        "resource-count": workspace.resources,
        "source": "tfe-api",
        "source-module-id": null,
        "tag-names": tags::names(world, workspace),
        "vcs-repo-identifier": workspace.vcs_repo.as_ref().map(|repo| &repo.identifier),
    })
}

fn repository(world: &World, repo: &VcsRepository) -> Value {
    let owner = world
        .oauth_clients
        .values()
        .find(|client| repo.oauth_token_id.as_ref().is_some_and(|token| client.tokens.contains(token)));
    json!({
        "identifier": repo.identifier,
        "display-identifier": repo.identifier,
        "branch": repo.branch.clone().unwrap_or_default(),
        "ingress-submodules": repo.ingress_submodules,
        "oauth-token-id": repo.oauth_token_id,
        "github-app-installation-id": repo.github_app_installation_id,
        "tags-regex": repo.tags_regex,
        "repository-http-url": format!("https://github.com/{}", repo.identifier),
        "service-provider": owner.map_or("github_app", |client| client.service_provider.as_str()),
    })
}

fn permissions(world: &World) -> Value {
    json!({
        "can-update": true,
        "can-destroy": true,
        "can-queue-run": true,
        "can-queue-apply": true,
        "can-queue-destroy": true,
        "can-read-run": true,
        "can-read-variable": true,
        "can-update-variable": true,
        "can-read-settings": true,
        "can-read-state-versions": true,
        "can-read-state-outputs": true,
        "can-create-state-versions": true,
        "can-lock": true,
        "can-unlock": true,
        "can-force-unlock": true,
        "can-force-delete": true,
        "can-manage-tags": true,
        "can-manage-run-tasks": true,
        "can-manage-assessments": world.organization.tier.has_assessments(),
        "can-read-assessment-results": world.organization.tier.has_assessments(),
    })
}

fn relationships(world: &World, id: &str, workspace: &Workspace) -> Value {
    let (_, pool) = world.workspace_placement(workspace);
    let locked_by = workspace.lock.as_ref().map(|_| format!("team-{}", crate::sandbox::world::letters("owners", 16)));
    let mut project = one("projects", &workspace.project);
    project["links"] = json!({ "related": format!("/api/v2/projects/{}", workspace.project) });
    json!({
        "organization": one("organizations", &world.organization.name),
        "project": project,
        "agent-pool": maybe("agent-pools", pool.as_deref()),
        "current-run": maybe("runs", workspace.current_run.as_deref()),
        "latest-run": maybe("runs", workspace.current_run.as_deref()),
        "current-state-version": { "data": null },
        "current-configuration-version": { "data": null },
        "locked-by": maybe("teams", locked_by.as_deref()),
        "outputs": { "data": [] },
        "readme": { "data": null },
        "ssh-key": { "data": null },
        "remote-state-consumers": related(&format!("/api/v2/workspaces/{id}/relationships/remote-state-consumers")),
        "vars": many("vars", workspace.variables.keys()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_at_either_end() {
        assert!(wildcard("*-prod", "web-prod"));
        assert!(wildcard("web-*", "web-prod"));
        assert!(wildcard("*b-p*", "web-prod"));
        assert!(!wildcard("web", "web-prod"));
    }
}
