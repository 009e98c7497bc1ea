//! Workspaces and their runs.

use jiff::Timestamp;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::observed::{self, Run, SeenVcs};
use super::super::settings::WorkspaceSettings;
use super::super::{OauthTokenId, ProjectId, RunId, WorkspaceId};
use super::placement::{Overwrites, mode, placement};
use super::{Included, Resource, ToMany, ToOne, tags};
use crate::plan::Read;

/// A workspace.
pub type Workspace = Resource<WorkspaceAttributes, WorkspaceRelations>;

/// A workspace's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WorkspaceAttributes {
    /// Its name.
    pub name: String,
    /// Its settings.
    #[serde(flatten)]
    pub settings: WorkspaceSettings,
    /// The mode in force, inherited or not.
    pub execution_mode: Option<String>,
    /// What of it is its own.
    pub setting_overwrites: Option<Overwrites>,
    /// Its repository.
    pub vcs_repo: Option<VcsAttributes>,
    /// Somebody holds it.
    pub locked: Option<bool>,
    /// Why.
    pub locked_reason: Option<String>,
    /// Resources in its state.
    pub resource_count: Option<u32>,
}

/// A workspace's repository.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VcsAttributes {
    /// `owner/name`
    pub identifier: Option<String>,
    /// The branch; null or "" is the default one.
    pub branch: Option<String>,
    /// The connection's token.
    pub oauth_token_id: Option<String>,
    /// Or the installation of the GitHub app.
    pub github_app_installation_id: Option<String>,
    /// Fetch submodules.
    pub ingress_submodules: Option<bool>,
    /// Runs for tags.
    pub tags_regex: Option<String>,
}

/// What a workspace is related to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct WorkspaceRelations {
    /// Its project.
    pub project: ToOne,
    /// The pool in force. It is written as the attribute `agent-pool-id`.
    pub agent_pool: ToOne,
    /// The run that it is busy with or was last.
    pub current_run: ToOne,
    /// Its own variables.
    pub vars: ToMany,
    /// Its tags, if they were asked for.
    pub effective_tag_bindings: ToMany,
}

/// A run's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunAttributes {
    /// Where it stands.
    pub status: String,
    /// Since when it exists.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it came to each of its states: `applied-at` and its like.
    #[serde(default, deserialize_with = "super::or_default")]
    pub status_timestamps: BTreeMap<String, String>,
    /// It only plans.
    #[serde(default)]
    pub plan_only: Option<bool>,
}

/// What was seen of a workspace, as far as the list of workspaces says. Tags that did not come along are left
/// unasked, and so is everything that takes a request of its own.
#[must_use]
pub fn seen(workspace: &Workspace, included: &Included) -> observed::Workspace {
    let Resource { id, attributes, relationships, links: _ } = workspace;
    let WorkspaceAttributes {
        name,
        settings,
        execution_mode,
        setting_overwrites,
        vcs_repo,
        locked,
        locked_reason,
        resource_count,
    } = attributes;
    let mode = mode(execution_mode.as_deref().unwrap_or_default(), relationships.agent_pool.id());
    observed::Workspace {
        id: WorkspaceId(id.clone()),
        name: name.clone(),
        project: relationships.project.id().map(|id| ProjectId(id.to_owned())),
        settings: settings_seen(settings.clone()),
        placement: placement(mode, setting_overwrites.as_ref()),
        vcs: vcs_repo.as_ref().map(vcs),
        tags: tags::along(&relationships.effective_tag_bindings, included).map_or(Read::NotAsked, Read::Seen),
        variables: Read::NotAsked,
        notifications: Read::NotAsked,
        consumers: Read::NotAsked,
        current_run: relationships.current_run.id().map(|id| run(id, included)),
        locked: locked.unwrap_or(false).then(|| locked_reason.clone().unwrap_or_default()),
        resources: resource_count.unwrap_or(0),
    }
}

/// What HCP reads back as null is nothing: "" or an empty list. Flags have no such spelling.
fn settings_seen(settings: WorkspaceSettings) -> WorkspaceSettings {
    let WorkspaceSettings {
        description,
        auto_apply,
        auto_apply_run_trigger,
        allow_destroy_plan,
        assessments_enabled,
        auto_destroy_activity_duration,
        file_triggers_enabled,
        trigger_prefixes,
        trigger_patterns,
        queue_all_runs,
        speculative_enabled,
        structured_run_output_enabled,
        terraform_version,
        working_directory,
        global_remote_state,
    } = settings;
    WorkspaceSettings {
        description: Some(description.unwrap_or_default()),
        auto_apply,
        auto_apply_run_trigger,
        allow_destroy_plan,
        assessments_enabled,
        auto_destroy_activity_duration: Some(auto_destroy_activity_duration.unwrap_or_default()),
        file_triggers_enabled,
        trigger_prefixes: Some(trigger_prefixes.unwrap_or_default()),
        trigger_patterns: Some(trigger_patterns.unwrap_or_default()),
        queue_all_runs,
        speculative_enabled,
        structured_run_output_enabled,
        terraform_version,
        working_directory: Some(working_directory.unwrap_or_default()),
        global_remote_state,
    }
}

fn vcs(repository: &VcsAttributes) -> SeenVcs {
    let VcsAttributes {
        identifier,
        branch,
        oauth_token_id,
        github_app_installation_id,
        ingress_submodules,
        tags_regex,
    } = repository;
    SeenVcs {
        repository: identifier.clone().unwrap_or_default(),
        branch: branch.clone().unwrap_or_default(),
        token: oauth_token_id.clone().map(OauthTokenId),
        installation: github_app_installation_id.clone(),
        ingress_submodules: ingress_submodules.unwrap_or(false),
        tags_regex: tags_regex.clone().unwrap_or_default(),
    }
}

/// The current run. One that did not come along has an unknown status, which is not a final one.
#[must_use]
pub fn run(id: &str, included: &Included) -> Run {
    let attributes: Option<Resource<RunAttributes>> = included.get("runs", id);
    let attributes = attributes.map(|run| run.attributes);
    let instant = |text: &str| text.parse::<Timestamp>().ok();
    let created_at = attributes.as_ref().and_then(|run| run.created_at.as_deref());
    let changes = attributes.iter().flat_map(|run| run.status_timestamps.values());
    Run {
        id: RunId(id.to_owned()),
        created_at: created_at.and_then(instant),
        changed_at: changes.filter_map(|text| instant(text)).max(),
        status: attributes.map_or_else(|| "in an unknown state".to_owned(), |run| run.status),
    }
}
