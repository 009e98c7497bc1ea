//! A workspace is placed only when what its runs take is there, so that no push in between runs without it.

use std::collections::BTreeSet;

use super::super::desired::{self, Reach};
use super::super::request::{ModeRequest, Request};
use super::projects::wanted_placement;
use super::{Planner, id_of};
use crate::address::Address;
use crate::plan::{Action, Cause, Fact, Holds, Later, Output, Shown, Verb, What};
use crate::systems;
use crate::systems::hcp::{placement_address, variable_set_address, workspace_address};

impl Planner<'_, '_> {
    /// Lets every placement of this plan wait for the variables and variable sets of its workspace that this plan
    /// writes. Known only when all of them are planned.
    pub(super) fn hold_placements(&mut self) {
        let want = self.want;
        let sets: Vec<(&desired::VariableSet, BTreeSet<Later<Holds>>)> = want
            .variable_sets
            .iter()
            .map(|(name, set)| (set, self.written_in(&variable_set_address(name), |_| true)))
            .filter(|(_, written)| !written.is_empty())
            .collect();
        for (name, workspace) in &want.workspaces {
            let at = workspace_address(name);
            let place = placement_address(name);
            let made_in_cloud = self.plan.actions.get(&at).is_some_and(is_made_in_cloud);
            if !made_in_cloud && !self.plan.actions.contains_key(&place) {
                continue;
            }
            let mut ready = self.written_in(&at, is_variable);
            for (_, written) in sets.iter().filter(|(set, _)| is_for(set, name, workspace)) {
                ready.extend(written.iter().cloned());
            }
            if ready.is_empty() {
                continue;
            }
            if made_in_cloud {
                self.place_later(&at, place, workspace, ready);
            } else if let Some(action) = self.plan.actions.get_mut(&place) {
                wait_for(action, ready);
            }
        }
    }

    /// Makes a workspace for HCP's cloud as one that runs nothing, and places it when its inputs are there.
    fn place_later(
        &mut self,
        at: &Address,
        place: Address,
        workspace: &desired::Workspace,
        ready: BTreeSet<Later<Holds>>,
    ) {
        if let Some(Action {
            request: systems::Request::Hcp(Request::CreateWorkspace { workspace: _, mode }), ..
        }) = self.plan.actions.get_mut(at)
        {
            *mode = ModeRequest::Local;
        }
        let wanted = Shown::Value(wanted_placement(&workspace.runs_on));
        let change = self.change(&Cause::Spec, at, "runsOn", Shown::Nothing, wanted);
        let why = change.why.clone();
        let request = Request::PlaceWorkspace {
            workspace: id_of(at),
            mode: ModeRequest::Remote,
            allowed: Later::Known(Holds),
            ready: ready.into_iter().collect(),
            moves: false,
            locked_by_us: false,
        };
        self.act(place, &workspace.stewardship, Verb::Create, vec![change], why, request);
    }

    /// That what this plan writes at or in a thing is in place.
    pub(super) fn written_in(&self, at: &Address, counts: impl Fn(&Request) -> bool) -> BTreeSet<Later<Holds>> {
        let inside = self.plan.actions.range(at.clone()..).take_while(|(it, _)| it.as_str().starts_with(at.as_str()));
        inside
            .filter(|(it, action)| it.is_within(at) && action.verb != Verb::Remove)
            .filter(|(_, action)| action.request.hcp().is_some_and(&counts))
            .map(|(it, _)| Later::From(Output { of: it.clone(), what: What::Fact(Fact::InPlace) }))
            .collect()
    }
}

/// The request writes a variable.
pub(super) fn is_variable(request: &Request) -> bool {
    matches!(request, Request::CreateVariable { .. } | Request::UpdateVariable { .. } | Request::ReplaceVariable { .. })
}

fn is_made_in_cloud(action: &Action) -> bool {
    matches!(action.request.hcp(), Some(Request::CreateWorkspace { workspace: _, mode: ModeRequest::Remote }))
}

fn is_for(set: &desired::VariableSet, name: &str, workspace: &desired::Workspace) -> bool {
    match &set.reach {
        Reach::Global => true,
        Reach::Some { projects, workspaces } => {
            workspaces.contains(name) || workspace.project.as_ref().is_some_and(|project| projects.contains(project))
        }
    }
}

/// A placement waits, unless nothing runs where it leads, or it only takes a lock of ours off.
fn wait_for(action: &mut Action, inputs: BTreeSet<Later<Holds>>) {
    let unlocks = action.changes.iter().all(|change| change.field == "lock");
    let systems::Request::Hcp(request) = &mut action.request else { return };
    if let Request::PlaceWorkspace { mode, ready, .. } = request
        && *mode != ModeRequest::Local
        && !unlocks
    {
        *ready = inputs.into_iter().collect();
    }
}
