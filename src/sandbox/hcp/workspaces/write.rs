//! Workspaces made and changed.

use crate::sandbox::{
    hcp::{
        call::{Call, Fields, Given},
        jsonapi::{Answer, Outcome, Problem},
        placement, projects, tags,
    },
    world::{VcsRepository, Workspace, World},
};

use super::read::render;

/// `POST /organizations/:org/workspaces`.
pub fn create(world: &mut World, call: &Call) -> Outcome {
    call.expect_type(&["workspaces"])?;
    let fields = call.attributes();
    let name = fields.required("name")?;
    let project = project(world, call)?.unwrap_or_else(|| world.organization.default_project.clone());
    let mut workspace = Workspace::new(&name, &project, world.now);
    fields.text("source-name")?.set_or_blank(&mut workspace.source_name);
    fields.text("source-url")?.set_or_blank(&mut workspace.source_url);
    apply(world, call, None, &mut workspace)?;
    let id = world.mint("ws");
    let data = render(world, &id, &workspace);
    world.workspaces.insert(id, workspace);
    Ok(Answer::created(&data))
}

/// `PATCH /workspaces/:id`.
pub fn update(world: &mut World, call: &Call, id: &str) -> Outcome {
    call.expect_type(&["workspaces"])?;
    let old = world.workspaces.get(id).ok_or_else(Problem::not_found)?;
    let mut workspace = old.clone();
    let before = world.workspace_placement(old);
    if let Some(project) = project(world, call)? {
        workspace.project = project;
    }
    apply(world, call, Some(id), &mut workspace)?;
    workspace.updated_at = world.now;
    if world.workspace_placement(&workspace) != before {
        fail_current_run(world, &workspace);
    }
    let data = render(world, id, &workspace);
    world.workspaces.insert(id.to_owned(), workspace);
    Ok(Answer::resource(&data))
}

/// A change of mode or pool under a planned run makes it error at its apply (documentation, "Update a Workspace").
fn fail_current_run(world: &mut World, workspace: &Workspace) {
    let now = world.now;
    let run = workspace.current_run.as_ref().and_then(|id| world.runs.get_mut(id));
    if let Some(run) = run.filter(|run| !run.is_final()) {
        "errored".clone_into(&mut run.status);
        run.updated_at = now;
    }
}

fn project(world: &World, call: &Call) -> Result<Option<String>, Problem> {
    match call.relation("project")? {
        Given::Absent | Given::Null => Ok(None),
        Given::Value(id) if world.projects.contains_key(&id) => Ok(Some(id)),
        Given::Value(_) => Err(Problem::not_found()),
    }
}

fn apply(world: &mut World, call: &Call, id: Option<&str>, workspace: &mut Workspace) -> Result<(), Problem> {
    let fields = call.attributes();
    if fields.has("name") {
        workspace.name = fields.required("name")?;
        check_name(&workspace.name)?;
        if world.workspace_named(&workspace.name).is_some_and(|other| Some(other) != id) {
            return Err(Problem::invalid("name", "Name has already been taken"));
        }
    }
    texts_and_flags(world, &fields, workspace)?;
    lifetimes(&fields, workspace)?;
    repository(world, &fields, workspace)?;
    fields.texts("trigger-prefixes")?.set(&mut workspace.trigger_prefixes);
    fields.texts("trigger-patterns")?.set(&mut workspace.trigger_patterns);
    fields.flag("file-triggers-enabled")?.set(&mut workspace.file_triggers_enabled);
    check_triggers(workspace)?;
    let project = workspace.project.clone();
    workspace.placement = placement::of_workspace(world, call, id, &project, &workspace.placement)?;
    if let Some(bindings) = call.relations("tag-bindings")? {
        workspace.tags = tags::bindings(bindings)?;
    }
    if let Some(flat) = call.relations("tags")? {
        for name in flat.iter().filter_map(|tag| tag.pointer("/attributes/name")?.as_str()) {
            workspace.flat_tags.insert(tags::flat_named(world, name)?);
        }
    }
    Ok(())
}

fn texts_and_flags(world: &World, fields: &Fields<'_>, workspace: &mut Workspace) -> Result<(), Problem> {
    fields.text("description")?.set_or_blank(&mut workspace.description);
    fields.text("working-directory")?.set_or_blank(&mut workspace.working_directory);
    fields.text("terraform-version")?.set(&mut workspace.terraform_version);
    if workspace.terraform_version == "latest" {
        crate::sandbox::world::LATEST_TERRAFORM.clone_into(&mut workspace.terraform_version);
    }
    check_version(&workspace.terraform_version)?;
    fields.flag("auto-apply")?.set(&mut workspace.auto_apply);
    fields.flag("auto-apply-run-trigger")?.set(&mut workspace.auto_apply_run_trigger);
    fields.flag("allow-destroy-plan")?.set(&mut workspace.allow_destroy_plan);
    fields.flag("queue-all-runs")?.set(&mut workspace.queue_all_runs);
    fields.flag("speculative-enabled")?.set(&mut workspace.speculative_enabled);
    fields.flag("structured-run-output-enabled")?.set(&mut workspace.structured_run_output_enabled);
    fields.flag("global-remote-state")?.set(&mut workspace.global_remote_state);
    fields.flag("project-remote-state")?.set(&mut workspace.project_remote_state);
    let assessments = fields.flag("assessments-enabled")?;
    // Without the entitlement the attribute is ignored.
    if world.organization.tier.has_assessments() {
        assessments.set(&mut workspace.assessments_enabled);
    }
    match fields.flag("hyok-enabled")? {
        Given::Value(false) if workspace.hyok_enabled => Err(Problem::invalid("hyok-enabled", "can't be disabled")),
        given => {
            given.set(&mut workspace.hyok_enabled);
            Ok(())
        }
    }
}

fn lifetimes(fields: &Fields<'_>, workspace: &mut Workspace) -> Result<(), Problem> {
    let at = fields.instant("auto-destroy-at")?;
    let duration = fields.text("auto-destroy-activity-duration")?;
    if matches!((&at, &duration), (Given::Value(_), Given::Value(_))) {
        return Err(Problem::invalid("auto-destroy-at", "can't be given together with auto-destroy-activity-duration"));
    }
    if matches!(at, Given::Value(_)) || matches!(duration, Given::Value(_)) {
        workspace.inherits_project_auto_destroy = false;
    }
    at.set_or_clear(&mut workspace.auto_destroy_at);
    duration.set_or_blank(&mut workspace.auto_destroy_activity_duration);
    fields.flag("inherits-project-auto-destroy")?.set(&mut workspace.inherits_project_auto_destroy);
    projects::check_duration(workspace.auto_destroy_activity_duration.as_deref())
}

/// `vcs-repo`: left out keeps, null disconnects, an object changes the keys that it holds.
fn repository(world: &World, fields: &Fields<'_>, workspace: &mut Workspace) -> Result<(), Problem> {
    let given = match fields.object("vcs-repo")? {
        Given::Absent => return Ok(()),
        Given::Null => {
            workspace.vcs_repo = None;
            return Ok(());
        }
        Given::Value(given) => given,
    };
    let mut repo = workspace.vcs_repo.clone().unwrap_or_default();
    given.text("identifier")?.set(&mut repo.identifier);
    given.text("branch")?.set_or_blank(&mut repo.branch);
    given.flag("ingress-submodules")?.set(&mut repo.ingress_submodules);
    given.text("tags-regex")?.set_or_blank(&mut repo.tags_regex);
    let token = given.text("oauth-token-id")?;
    let app = given.text("github-app-installation-id")?;
    if matches!((&token, &app), (Given::Value(_), Given::Value(_))) {
        return Err(Problem::invalid(
            "vcs-repo",
            "Only one of oauth-token-id and github-app-installation-id can be given",
        ));
    }
    if matches!(token, Given::Value(_)) {
        repo.github_app_installation_id = None;
    }
    if matches!(app, Given::Value(_)) {
        repo.oauth_token_id = None;
    }
    token.set_or_blank(&mut repo.oauth_token_id);
    app.set_or_blank(&mut repo.github_app_installation_id);
    check_repository(world, &repo)?;
    workspace.vcs_repo = Some(repo);
    Ok(())
}

fn check_repository(world: &World, repo: &VcsRepository) -> Result<(), Problem> {
    if repo.identifier.split('/').filter(|part| !part.is_empty()).count() < 2 {
        return Err(Problem::invalid("vcs-repo.identifier", "Identifier must be of the form owner/repository"));
    }
    match (&repo.oauth_token_id, &repo.github_app_installation_id) {
        (None, None) => Err(Problem::invalid("vcs-repo.oauth-token-id", "Oauth token can't be blank")),
        (Some(token), None) => {
            let known = world.oauth_clients.values().any(|client| client.tokens.contains(token));
            if known {
                return Ok(());
            }
            // What a broken or missing connection is answered: provider issues 158 and 854.
            Err(Problem::invalid(
                "vcs-repo",
                format!("Repository {} doesn't exist or isn't accessible", repo.identifier),
            ))
        }
        // Only a user's token that has been through the GitHub App's own login can link it (API tokens, 2026-04-24).
        (_, Some(_)) => Err(Problem::invalid(
            "vcs-repo.github-app-installation-id",
            "GitHub App installation is not accessible with this token",
        )),
    }
}

fn check_triggers(workspace: &Workspace) -> Result<(), Problem> {
    let tags_regex = workspace.vcs_repo.as_ref().and_then(|repo| repo.tags_regex.as_ref());
    let (patterns, prefixes) = (!workspace.trigger_patterns.is_empty(), !workspace.trigger_prefixes.is_empty());
    if patterns && prefixes {
        return Err(Problem::invalid(
            "trigger-patterns",
            "Trigger patterns cannot be populated when trigger prefixes are populated",
        ));
    }
    if tags_regex.is_some() && (patterns || prefixes || workspace.file_triggers_enabled) {
        return Err(Problem::invalid(
            "vcs-repo.tags-regex",
            "Tags regex cannot be populated when file triggers are enabled or trigger patterns or prefixes are populated",
        ));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Problem> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if name.len() > 90 || !name.chars().all(fits) {
        return Err(Problem::invalid(
            "name",
            "Name can only include letters, numbers, -, and _, and have at most 90 characters",
        ));
    }
    Ok(())
}

/// A version, or constraints on one.
fn check_version(text: &str) -> Result<(), Problem> {
    let constraint = |part: &str| {
        let version = part.trim().trim_start_matches(['~', '>', '<', '=', '!']).trim_start();
        let (release, _) = version.split_once(['-', '+']).unwrap_or((version, ""));
        let numbers = release.split('.').collect::<Vec<&str>>();
        (1..=3).contains(&numbers.len())
            && numbers.iter().all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if text.split(',').all(constraint) {
        return Ok(());
    }
    Err(Problem::invalid("terraform-version", "Terraform version is invalid or not supported"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_constraints_are_told_from_nonsense() {
        for good in ["1.9.0", "~> 1.14.0", ">= 1.2, < 2", "1.15.0-rc1"] {
            assert!(check_version(good).is_ok(), "{good}");
        }
        for bad in ["", "newest", "~>", "1.2.3.4"] {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns_and_prefixes_exclude_each_other() {
        let mut workspace = Workspace::new("a", "prj-1", crate::sandbox::world::BEGINNING);
        workspace.trigger_patterns = vec!["/a/**".into()];
        assert!(check_triggers(&workspace).is_ok());
        workspace.trigger_prefixes = vec!["/a".into()];
        assert!(check_triggers(&workspace).is_err());
    }
}
