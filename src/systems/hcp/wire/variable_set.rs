//! Variable sets.

use serde::Deserialize;

use super::super::{VariableSetId, observed};
use super::{Resource, ToMany};
use crate::plan::Read;

/// A variable set.
pub type VariableSet = Resource<VariableSetAttributes, VariableSetRelations>;

/// A variable set's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VariableSetAttributes {
    /// Its name.
    pub name: String,
    /// Text of a person's.
    #[serde(default)]
    pub description: Option<String>,
    /// For every workspace.
    #[serde(default)]
    pub global: Option<bool>,
    /// Its values win.
    #[serde(default)]
    pub priority: Option<bool>,
}

/// What a variable set is related to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct VariableSetRelations {
    /// Its variables.
    pub vars: ToMany,
    /// Workspaces that it is for.
    pub workspaces: ToMany,
    /// Projects that it is for.
    pub projects: ToMany,
}

/// What was seen of a variable set, but for its variables.
#[must_use]
pub fn seen(set: &VariableSet) -> observed::VariableSet {
    let VariableSetAttributes { name, description, global, priority } = &set.attributes;
    let VariableSetRelations { vars: _, workspaces, projects } = &set.relationships;
    observed::VariableSet {
        id: VariableSetId(set.id.clone()),
        name: name.clone(),
        description: description.clone().unwrap_or_default(),
        priority: priority.unwrap_or(false),
        global: global.unwrap_or(false),
        projects: projects.ids(),
        workspaces: workspaces.ids(),
        variables: Read::NotAsked,
    }
}
