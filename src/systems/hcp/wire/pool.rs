//! Agent pools.

use serde::Deserialize;

use super::super::{PoolId, observed};
use super::{Resource, ToMany};
use crate::plan::Read;

/// A pool.
pub type Pool = Resource<PoolAttributes, PoolRelations>;

/// A pool's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PoolAttributes {
    /// Its name.
    pub name: String,
    /// Every workspace may use it; true where HCP says nothing.
    #[serde(default)]
    pub organization_scoped: Option<bool>,
    /// Agents that are idle, busy or unknown.
    #[serde(default)]
    pub agent_count: Option<u32>,
}

/// What a pool is related to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct PoolRelations {
    /// Workspaces that use it.
    pub workspaces: ToMany,
    /// Workspaces that may.
    pub allowed_workspaces: ToMany,
    /// Projects that may.
    pub allowed_projects: ToMany,
}

/// What was seen of a pool.
#[must_use]
pub fn seen(pool: Pool) -> observed::Pool {
    let PoolAttributes { name, organization_scoped, agent_count } = pool.attributes;
    let PoolRelations { workspaces, allowed_workspaces, allowed_projects } = pool.relationships;
    observed::Pool {
        id: PoolId(pool.id),
        name,
        organization_scoped: organization_scoped.unwrap_or(true),
        allowed_workspaces: allowed_workspaces.ids(),
        allowed_projects: allowed_projects.ids(),
        workspaces: workspaces.ids(),
        agents: agent_count.unwrap_or(0),
        tokens: Read::NotAsked,
        live: Read::NotAsked,
    }
}
