//! What is ours and no longer wanted. It goes only on a complete list, and only if nothing of worth goes with it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::desired;
use super::super::observed::{self, SeenValue};
use super::super::request::{Request, WitnessId};
use super::likeness::Mistaken;
use super::placement::lock_reason;
use super::standing::Owner;
use super::{Planner, witness_set_name};
use crate::address::Address;
use crate::owner::Stewardship;
use crate::plan::{Cause, Change, Fact, Later, Output, Plan, Read, Rule, Shown, Verb, What, Why};
use crate::systems::hcp::{
    ProjectId, VariableKey, WorkspaceId, project_address, variable_set_address, workspace_address,
};

fn gone() -> Why {
    Why { cause: Cause::Gone, origin: None }
}

/// The old names of things that are renamed. One that exists beside the new name is refused, and not removed either.
fn old_names<'a>(was: impl Iterator<Item = &'a Option<String>>) -> BTreeSet<&'a str> {
    was.filter_map(Option::as_deref).collect()
}

/// Projects of which the plan removes workspaces and the spec leaves none: what it looks like when a file of the spec
/// was left out.
#[must_use]
pub fn emptied<'a>(want: &desired::Desired, seen: &'a observed::Observed, plan: &Plan) -> Vec<&'a str> {
    let removed: BTreeSet<&WorkspaceId> = plan
        .actions
        .values()
        .filter_map(|action| match action.request.hcp()? {
            Request::DeleteWorkspace { id, witnesses: _ } => Some(id),
            _ => None,
        })
        .collect();
    let renamed = old_names(want.workspaces.values().map(|wanted| &wanted.was));
    let stays = |workspace: &observed::Workspace| {
        want.workspaces.contains_key(&workspace.name) || renamed.contains(workspace.name.as_str())
    };
    let loses_all = |project: &&observed::Project| {
        let mut inside = seen.workspaces.seen().iter().filter(|it| it.project.as_ref() == Some(&project.id));
        inside.clone().any(|it| removed.contains(&it.id)) && !inside.any(stays)
    };
    seen.projects.seen().iter().filter(loses_all).map(|project| project.name.as_str()).collect()
}

impl<'a> Planner<'a, '_> {
    pub(super) fn removals(&mut self) {
        if self.seen.workspaces.gap().is_none() && self.seen.projects.gap().is_none() {
            self.remove_projects();
        }
        if self.seen.variable_sets.gap().is_none() {
            self.remove_sets();
        }
        if self.seen.pools.gap().is_none() {
            self.remove_pools();
            self.report_pools();
        }
    }

    pub(super) fn remove_workspaces(&mut self) {
        if self.seen.workspaces.gap().is_some() {
            return;
        }
        let kept: BTreeSet<&WorkspaceId> =
            self.links.workspaces.values().filter_map(|standing| Some(&standing.found()?.id)).collect();
        let renamed = old_names(self.want.workspaces.values().map(|wanted| &wanted.was));
        let surplus: Vec<&observed::Workspace> = self
            .seen
            .workspaces
            .seen()
            .iter()
            .filter(|workspace| !kept.contains(&workspace.id) && !self.want.workspaces.contains_key(&workspace.name))
            .filter(|workspace| !renamed.contains(workspace.name.as_str()))
            .collect();
        let ours = surplus.iter().filter(|workspace| self.workspace_owner(workspace) == Ok(Owner::Ours));
        let mistaken = Mistaken::new(
            self.want.workspaces.iter().map(|(name, wanted)| (name.as_str(), wanted.was.as_deref())),
            &self.links.workspaces,
            ours.map(|workspace| workspace.name.as_str()),
        );
        for workspace in surplus {
            let address = workspace_address(&workspace.name);
            match self.workspace_owner(workspace) {
                Ok(Owner::Ours) => {
                    let renamed = mistaken.of(&workspace.name, workspace_address);
                    match renamed.or_else(|| self.looks_renamed(workspace)) {
                        Some(cause) => self.refuse(Rule::LooksLikeRename, address, cause),
                        None => self.remove_workspace(address, workspace),
                    }
                }
                Ok(Owner::Nobody) => self.leave(address, "not in the spec, not ours"),
                Ok(Owner::Fleet(fleet)) => self.leave(address, format!("of the fleet {fleet}")),
                Ok(Owner::Newer(version)) => self.refuse_newer(address, version),
                Err(gap) => self.unread(&address, &gap, "not removed: nothing tells whose it is"),
            }
        }
    }

    fn remove_workspace(&mut self, address: Address, seen: &observed::Workspace) {
        if self.workspace_mark(seen).is_some_and(|mark| mark.is_of_another(&seen.name)) {
            self.wait_for_copy(address);
            return;
        }
        if seen.resources > 0 {
            let what = format!("no longer in the spec, and its state holds {} resources", seen.resources);
            self.wait(address, what, "whoever destroys them, or writes `released: true` to keep the workspace");
            return;
        }
        if let Some(run) = seen.current_run.as_ref().filter(|run| !run.is_final()) {
            let what = format!("no longer in the spec, and {} is {}", run.id, run.status);
            self.wait(address, what, "whoever confirms or discards that run");
            return;
        }
        let foreign = |reason: &String| !reason.starts_with(&lock_reason(self.want.fleet.as_str()));
        if let Some(reason) = seen.locked.as_ref().filter(|reason| foreign(reason)) {
            let what = format!("no longer in the spec, and locked: {reason}");
            self.wait(address, what, "whoever unlocks it");
            return;
        }
        let request = Request::DeleteWorkspace { id: seen.id.clone(), witnesses: self.witnesses_of(&seen.variables) };
        let lost = self.lost_variables(seen);
        self.act(address, &Stewardship::default(), Verb::Remove, lost, gone(), request);
    }

    /// Whoever copies all tags of a thing of ours makes nothing ours by it, nor does a new name make it unwanted.
    fn wait_for_copy(&mut self, address: Address) {
        let what = "not in the spec, and its mark was made for another name: copied from there, or renamed by hand";
        self.wait(address, what, "whoever takes its tag `reconcile` off, or renames it back");
    }

    /// Variables of others go down with their workspace, and nothing else would say so.
    fn lost_variables(&self, seen: &observed::Workspace) -> Vec<Change> {
        let variables = seen.variables.seen().into_iter().flatten();
        let of_others = variables.filter(|variable| self.descriptions.take(&variable.description).is_none());
        of_others
            .map(|variable| Change {
                field: format!("{}/{}", variable.key.category.as_str(), variable.key.key),
                old: match &variable.value {
                    SeenValue::Plain(value) => Shown::text(value),
                    SeenValue::Sensitive(_) => Shown::Secret("of somebody else's".to_owned()),
                },
                new: Shown::Nothing,
                why: Why { cause: Cause::Because("not ours, goes with it".to_owned()), origin: None },
            })
            .collect()
    }

    fn witnesses_of(&self, variables: &Read<Vec<observed::Variable>>) -> Vec<WitnessId> {
        let variables = variables.seen().into_iter().flatten();
        variables.filter_map(|variable| self.witness(&variable.id)).collect()
    }

    fn remove_projects(&mut self) {
        let kept: BTreeSet<&ProjectId> =
            self.links.projects.values().filter_map(|standing| Some(&standing.found()?.id)).collect();
        let renamed = old_names(self.want.projects.values().map(|wanted| &wanted.was));
        let surplus: Vec<&'a observed::Project> = self
            .seen
            .projects
            .seen()
            .iter()
            .filter(|project| !kept.contains(&project.id) && !self.want.projects.contains_key(&project.name))
            .filter(|project| !renamed.contains(project.name.as_str()))
            .collect();
        let holders = self.workspaces_by_project();
        let ours = surplus.iter().filter(|project| self.project_owner(project) == Ok(Owner::Ours));
        let mistaken = Mistaken::new(
            self.want.projects.iter().map(|(name, wanted)| (name.as_str(), wanted.was.as_deref())),
            &self.links.projects,
            ours.map(|project| project.name.as_str()),
        );
        for project in surplus {
            let address = project_address(&project.name);
            match self.project_owner(project) {
                // HCP never removes its default project: ours no longer, it stays.
                Ok(Owner::Ours) if Some(&project.id) == self.seen.organization.default_project.as_ref() => {
                    self.release_project(&address, &Stewardship::default(), project);
                }
                Ok(Owner::Ours) => {
                    if let Some(cause) = mistaken.of(&project.name, project_address) {
                        self.refuse(Rule::LooksLikeRename, address, cause);
                        continue;
                    }
                    let inside = holders.get(&project.id).map_or(&[][..], Vec::as_slice);
                    self.remove_project(address, project, inside);
                }
                Ok(Owner::Newer(version)) => self.refuse_newer(address, version),
                Ok(Owner::Nobody) if Some(&project.id) == self.seen.organization.default_project.as_ref() => {}
                Ok(Owner::Nobody) => self.leave(address, "not in the spec, not ours"),
                Ok(Owner::Fleet(fleet)) => self.leave(address, format!("of the fleet {fleet}")),
                Err(gap) => self.unread(&address, &gap, "not removed: nothing tells whose it is"),
            }
        }
    }

    fn workspaces_by_project(&self) -> BTreeMap<&'a ProjectId, Vec<&'a observed::Workspace>> {
        let mut holders: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for workspace in self.seen.workspaces.seen() {
            if let Some(project) = &workspace.project {
                holders.entry(project).or_default().push(workspace);
            }
        }
        holders
    }

    fn remove_project(&mut self, address: Address, seen: &observed::Project, inside: &[&observed::Workspace]) {
        if let Some(new) = self.project_looks_renamed(inside) {
            let cause = format!("would be removed while its workspaces move to {new}, which is created");
            self.refuse(Rule::LooksLikeRename, address, cause);
            return;
        }
        if self.project_mark(seen).is_some_and(|mark| mark.is_of_another(&seen.name)) {
            self.wait_for_copy(address);
            return;
        }
        let mut emptied = Vec::new();
        let mut stays = Vec::new();
        for workspace in inside {
            match self.leaves_project(workspace) {
                Some(of) => emptied.push(Later::From(Output { of, what: What::Fact(Fact::Gone) })),
                None => stays.push(workspace.name.as_str()),
            }
        }
        if !stays.is_empty() {
            let what = format!("no longer in the spec, and still holds {}", stays.join(", "));
            self.wait(address, what, "whoever moves or removes these workspaces");
            return;
        }
        let request = Request::DeleteProject { id: seen.id.clone(), emptied };
        self.act(address, &Stewardship::default(), Verb::Remove, Vec::new(), gone(), request);
    }

    /// A project that this plan creates and that takes a workspace over from the one that would go.
    fn project_looks_renamed(&self, inside: &[&observed::Workspace]) -> Option<Address> {
        inside
            .iter()
            .filter_map(|workspace| {
                self.want.workspaces.get(self.wanted_name(&workspace.id).unwrap_or(&workspace.name))?.project.as_deref()
            })
            .map(project_address)
            .find(|address| self.is_created(address))
    }

    fn is_created(&self, address: &Address) -> bool {
        self.plan.actions.get(address).is_some_and(|action| action.verb == Verb::Create)
    }

    /// The action of this plan that takes a workspace out of its project.
    fn leaves_project(&self, workspace: &observed::Workspace) -> Option<Address> {
        let wanted = self.wanted_name(&workspace.id).unwrap_or(&workspace.name);
        let address = workspace_address(wanted);
        let leaves = match &self.plan.actions.get(&address)?.request {
            crate::systems::Request::Hcp(Request::DeleteWorkspace { .. }) => true,
            crate::systems::Request::Hcp(Request::UpdateWorkspace { change, .. }) => change.project.is_some(),
            crate::systems::Request::Hcp(_) | crate::systems::Request::Docker(_) | crate::systems::Request::Kube(_) => {
                false
            }
        };
        leaves.then_some(address)
    }

    fn remove_sets(&mut self) {
        let witnesses = witness_set_name(&self.want.fleet);
        let sensitive_left = self.wants_witnesses();
        let linked: BTreeSet<_> =
            self.links.variable_sets.values().filter_map(|standing| Some(&standing.found()?.id)).collect();
        let renamed = old_names(self.want.variable_sets.values().map(|wanted| &wanted.was));
        let surplus: Vec<&observed::VariableSet> = self
            .seen
            .variable_sets
            .seen()
            .iter()
            .filter(|set| !linked.contains(&set.id) && !self.want.variable_sets.contains_key(&set.name))
            .filter(|set| !renamed.contains(set.name.as_str()))
            .filter(|set| set.name != witnesses || !sensitive_left)
            .collect();
        let ours = surplus.iter().filter(|set| set.name != witnesses && self.variable_set_owner(set) == Owner::Ours);
        let mistaken = Mistaken::new(
            self.want.variable_sets.iter().map(|(name, wanted)| (name.as_str(), wanted.was.as_deref())),
            &self.links.variable_sets,
            ours.map(|set| set.name.as_str()),
        );
        for set in surplus {
            let address = variable_set_address(&set.name);
            match self.variable_set_owner(set) {
                Owner::Ours => match mistaken.of(&set.name, variable_set_address) {
                    Some(cause) => self.refuse(Rule::LooksLikeRename, address, cause),
                    None => self.remove_set(address, set),
                },
                Owner::Nobody => self.leave(address, "not in the spec, not ours"),
                Owner::Fleet(fleet) => self.leave(address, format!("of the fleet {fleet}")),
                Owner::Newer(_) => {}
            }
        }
    }

    fn remove_set(&mut self, address: Address, set: &observed::VariableSet) {
        if let Some(new) = self.set_looks_renamed(set) {
            let cause = format!("would be removed while {new} is created with the same variables");
            self.refuse(Rule::LooksLikeRename, address, cause);
            return;
        }
        let own = set.name == witness_set_name(&self.want.fleet);
        let request = Request::DeleteVariableSet {
            id: set.id.clone(),
            // The set of witnesses has none of its own.
            witnesses: if own { Vec::new() } else { self.witnesses_of(&set.variables) },
            unneeded: Vec::new(),
        };
        self.act(address, &Stewardship::default(), Verb::Remove, Vec::new(), gone(), request);
    }

    /// A set that this plan creates and that has the same variables.
    fn set_looks_renamed(&self, seen: &observed::VariableSet) -> Option<Address> {
        let keys: BTreeSet<&VariableKey> = seen.variables.seen()?.iter().map(|variable| &variable.key).collect();
        let alike = |set: &desired::VariableSet| !keys.is_empty() && set.variables.keys().eq(keys.iter().copied());
        let mut sets = self.want.variable_sets.iter().filter(|(_, set)| alike(set));
        sets.find_map(|(name, _)| Some(variable_set_address(name)).filter(|address| self.is_created(address)))
    }

    /// A pool can carry no mark, so one that the spec does not name is never removed.
    fn report_pools(&mut self) {
        let linked: BTreeSet<_> =
            self.links.pools.values().filter_map(super::standing::Standing::thing).map(|pool| &pool.id).collect();
        let surplus: Vec<String> = self
            .seen
            .pools
            .seen()
            .iter()
            .filter(|pool| !linked.contains(&pool.id))
            .map(|pool| pool.name.clone())
            .collect();
        for name in surplus {
            self.leave(super::super::pool_address(&name), "not in the spec");
        }
    }
}
