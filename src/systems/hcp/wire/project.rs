//! Projects.

use serde::Deserialize;

use super::super::ProjectId;
use super::super::observed::{self, Mode, SeenPlacement};
use super::super::settings::ProjectSettings;
use super::placement::{Overwrites, mode, placement};
use super::{Included, Resource, ToMany, ToOne, tags};
use crate::plan::Read;

/// A project.
pub type Project = Resource<ProjectAttributes, ProjectRelations>;

/// A project's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProjectAttributes {
    /// Its name.
    pub name: String,
    /// Its settings.
    #[serde(flatten)]
    pub settings: ProjectSettings,
    /// The mode in force for its workspaces.
    pub default_execution_mode: Option<String>,
    /// What of it is its own.
    pub setting_overwrites: Option<Overwrites>,
}

/// What a project is related to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ProjectRelations {
    /// The pool in force.
    pub default_agent_pool: ToOne,
    /// Its tags, if they were asked for.
    pub effective_tag_bindings: ToMany,
}

/// What was seen of a project; one that says nothing of its mode has the organisation's.
#[must_use]
pub fn seen(project: &Project, included: &Included, organization: &Mode) -> observed::Project {
    let Resource { id, attributes, relationships, links: _ } = project;
    let ProjectAttributes {
        name,
        settings: ProjectSettings { description, auto_destroy_activity_duration },
        default_execution_mode,
        setting_overwrites,
    } = attributes;
    observed::Project {
        id: ProjectId(id.clone()),
        name: name.clone(),
        settings: ProjectSettings {
            description: Some(description.clone().unwrap_or_default()),
            auto_destroy_activity_duration: Some(auto_destroy_activity_duration.clone().unwrap_or_default()),
        },
        placement: match default_execution_mode {
            Some(word) => placement(mode(word, relationships.default_agent_pool.id()), setting_overwrites.as_ref()),
            None => SeenPlacement { mode: organization.clone(), own: false },
        },
        tags: tags::along(&relationships.effective_tag_bindings, included).map_or(Read::NotAsked, Read::Seen),
        notifications: Read::NotAsked,
    }
}
