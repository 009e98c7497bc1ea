//! Which thing of the spec is which thing over there: every reference is resolved here, once.

use std::collections::BTreeMap;

use super::standing::{Index, Owner, Standing};
use super::{Planner, id_of};
use crate::address::Address;
use crate::owner::{Mark, Marked};
use crate::plan::{Later, Read};
use crate::systems::hcp::observed::{Observed, Pool, Project, Variable, VariableSet, Workspace};
use crate::systems::hcp::request::WitnessId;
use crate::systems::hcp::{
    PoolId, ProjectId, VariableId, VariableSetId, WorkspaceId, pool_address, project_address, variable_set_address,
    workspace_address,
};

/// The standing of every wanted thing, by name.
#[derive(Default)]
pub(super) struct Links<'a> {
    pub(super) projects: BTreeMap<&'a str, Standing<'a, Project>>,
    pub(super) pools: BTreeMap<&'a str, Standing<'a, Pool>>,
    pub(super) workspaces: BTreeMap<&'a str, Standing<'a, Workspace>>,
    pub(super) variable_sets: BTreeMap<&'a str, Standing<'a, VariableSet>>,
    /// What the set of witnesses holds, by the variable that it is about.
    pub(super) witnesses: BTreeMap<VariableId, WitnessId>,
    project_names: BTreeMap<&'a ProjectId, &'a str>,
    workspace_names: BTreeMap<&'a WorkspaceId, &'a str>,
    pool_names: BTreeMap<&'a PoolId, &'a str>,
    /// What the spec calls the workspaces that it knows, renamed ones included.
    wanted_names: BTreeMap<&'a WorkspaceId, &'a str>,
}

impl<'a> Links<'a> {
    pub(super) fn new(seen: &'a Observed, witness_set: &str) -> Self {
        let set = seen.variable_sets.seen().iter().find(|set| set.name == witness_set);
        let witness = |set: &VariableSet, variable: &Variable| {
            let about = VariableId(variable.key.key.clone());
            let id = WitnessId { set: set.id.clone(), variable: variable.id.clone() };
            (about, id)
        };
        Self {
            witnesses: set
                .into_iter()
                .flat_map(|set| set.variables.seen().into_iter().flatten().map(move |variable| witness(set, variable)))
                .collect(),
            workspace_names: seen.workspaces.seen().iter().map(|w| (&w.id, w.name.as_str())).collect(),
            project_names: seen.projects.seen().iter().map(|p| (&p.id, p.name.as_str())).collect(),
            pool_names: seen.pools.seen().iter().map(|p| (&p.id, p.name.as_str())).collect(),
            ..Self::default()
        }
    }
}

impl Planner<'_, '_> {
    pub(super) fn link_projects(&mut self) {
        let (want, seen) = (self.want, self.seen);
        let index = Index::of(&seen.projects, |thing| &thing.name);
        for (name, project) in &want.projects {
            let standing = self.standing(
                &project_address(name),
                (name, project.was.as_deref()),
                &index,
                &project.stewardship,
                Self::project_owner,
            );
            self.links.projects.insert(name, standing);
        }
    }

    pub(super) fn link_workspaces(&mut self) {
        let (want, seen) = (self.want, self.seen);
        let index = Index::of(&seen.workspaces, |thing| &thing.name);
        for (name, workspace) in &want.workspaces {
            let standing = self.standing(
                &workspace_address(name),
                (name, workspace.was.as_deref()),
                &index,
                &workspace.stewardship,
                Self::workspace_owner,
            );
            if let Some(thing) = standing.thing() {
                self.links.wanted_names.insert(&thing.id, name);
            }
            self.links.workspaces.insert(name, standing);
        }
    }

    /// A pool can carry no mark: that the spec names it is the claim.
    pub(super) fn link_pools(&mut self) {
        let (want, seen) = (self.want, self.seen);
        let index = Index::of(&seen.pools, |thing| &thing.name);
        for (name, pool) in &want.pools {
            let standing =
                self.standing(&pool_address(name), (name, pool.was.as_deref()), &index, &pool.stewardship, |_, _| {
                    Ok(Owner::Ours)
                });
            // Under its new name from here on: who runs on it goes on doing so, and is not moved.
            if let Standing::Ours { thing, renamed: true } = standing {
                self.links.pool_names.insert(&thing.id, name);
            }
            self.links.pools.insert(name, standing);
        }
    }

    pub(super) fn link_variable_sets(&mut self) {
        let (want, seen) = (self.want, self.seen);
        let index = Index::of(&seen.variable_sets, |thing| &thing.name);
        for (name, set) in &want.variable_sets {
            let standing = self.standing(
                &variable_set_address(name),
                (name, set.was.as_deref()),
                &index,
                &set.stewardship,
                |planner, set| Ok(planner.variable_set_owner(set)),
            );
            self.links.variable_sets.insert(name, standing);
        }
    }

    pub(super) fn project_owner(&self, project: &Project) -> Result<Owner, crate::plan::Gap> {
        match &project.tags {
            Read::Seen(tags) => Ok(self.owner_by_tags(&tags.own, Marked::Project).0),
            Read::Unread(gap) => Err(gap.clone()),
            Read::NotAsked => Ok(Owner::Nobody),
        }
    }

    pub(super) fn workspace_owner(&self, workspace: &Workspace) -> Result<Owner, crate::plan::Gap> {
        match &workspace.tags {
            Read::Seen(tags) => Ok(self.owner_by_tags(&tags.own, Marked::Workspace).0),
            Read::Unread(gap) => Err(gap.clone()),
            Read::NotAsked => Ok(Owner::Nobody),
        }
    }

    pub(super) fn variable_set_owner(&self, set: &VariableSet) -> Owner {
        if self.descriptions.take(&set.description).is_some() {
            return Owner::Ours;
        }
        match set.description.rsplit_once("[reconcile:").and_then(|(_, rest)| rest.strip_suffix(']')) {
            Some(fleet) => Owner::Fleet(fleet.to_owned()),
            None => Owner::Nobody,
        }
    }

    pub(super) fn project_mark(&self, project: &Project) -> Option<Mark> {
        self.owner_by_tags(&project.tags.seen()?.own, Marked::Project).1
    }

    pub(super) fn workspace_mark(&self, workspace: &Workspace) -> Option<Mark> {
        self.owner_by_tags(&workspace.tags.seen()?.own, Marked::Workspace).1
    }

    /// The id of a wanted project, or the action that makes it. `None` when it could not be read.
    pub(super) fn project_id(&self, name: &str) -> Option<Later<ProjectId>> {
        match self.links.projects.get(name)? {
            Standing::Missing => Some(id_of(&project_address(name))),
            Standing::Ours { thing, .. } | Standing::Adopted { thing, .. } | Standing::Refused(thing) => {
                Some(Later::Known(thing.id.clone()))
            }
            Standing::Unknown => None,
        }
    }

    /// The id of a wanted workspace, or the action that makes it.
    pub(super) fn workspace_id(&self, name: &str) -> Option<Later<WorkspaceId>> {
        match self.links.workspaces.get(name)? {
            Standing::Missing => Some(id_of(&workspace_address(name))),
            Standing::Ours { thing, .. } | Standing::Adopted { thing, .. } | Standing::Refused(thing) => {
                Some(Later::Known(thing.id.clone()))
            }
            Standing::Unknown => None,
        }
    }

    /// The id of a wanted pool, or the action that makes it.
    pub(super) fn pool_id(&self, name: &str) -> Option<Later<PoolId>> {
        match self.links.pools.get(name)? {
            Standing::Missing => Some(id_of(&self.maker_of_pool(name))),
            Standing::Ours { thing, .. } | Standing::Adopted { thing, .. } | Standing::Refused(thing) => {
                Some(Later::Known(thing.id.clone()))
            }
            Standing::Unknown => None,
        }
    }

    /// The action that makes a pool: its own, or that of the resource by which an operator does.
    pub(super) fn maker_of_pool(&self, name: &str) -> Address {
        let made_by = self.want.pools.get(name).and_then(|pool| pool.made_by.clone());
        made_by.unwrap_or_else(|| pool_address(name))
    }

    /// The id of a wanted variable set, or the action that makes it.
    pub(super) fn variable_set_id(&self, name: &str) -> Option<Later<VariableSetId>> {
        match self.links.variable_sets.get(name)? {
            Standing::Missing => Some(id_of(&variable_set_address(name))),
            Standing::Ours { thing, .. } | Standing::Adopted { thing, .. } | Standing::Refused(thing) => {
                Some(Later::Known(thing.id.clone()))
            }
            Standing::Unknown => None,
        }
    }

    /// What the project of this id is called over there.
    pub(super) fn project_name(&self, id: &ProjectId) -> String {
        self.links.project_names.get(id).map_or_else(|| id.0.clone(), ToString::to_string)
    }

    /// What the workspace of this id is called over there.
    pub(super) fn workspace_name(&self, id: &WorkspaceId) -> String {
        self.links.workspace_names.get(id).map_or_else(|| id.0.clone(), ToString::to_string)
    }

    /// What the spec calls the workspace of this id, if it knows it.
    pub(super) fn wanted_name(&self, id: &WorkspaceId) -> Option<&str> {
        self.links.wanted_names.get(id).copied()
    }

    /// What the pool of this id is called over there, or is about to be.
    pub(super) fn pool_name(&self, id: &PoolId) -> String {
        self.links.pool_names.get(id).map_or_else(|| id.0.clone(), ToString::to_string)
    }
}
