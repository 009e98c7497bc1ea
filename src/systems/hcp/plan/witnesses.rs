//! Witnesses that speak of nothing any more: of variables that somebody removed, or that a run of ours removed before it
//! was stopped.

use std::collections::BTreeSet;

use super::super::observed;
use super::super::request::{Request, WitnessId};
use super::standing::Owner;
use super::{Planner, witness_set_name};
use crate::address::Address;
use crate::owner::{FleetName, Stewardship};
use crate::plan::{Cause, Read, Verb, Why};
use crate::systems::hcp::{VariableId, variable_set_address};

impl Planner<'_, '_> {
    /// Only complete lists can say that a variable is gone.
    pub(super) fn forget_the_gone(&mut self) {
        let Some(variables) = self.every_variable().filter(|_| self.wants_witnesses()) else {
            return;
        };
        let set = self.seen_witness_set().filter(|set| self.variable_set_owner(set) == Owner::Ours);
        if set.is_none() || self.want.organization.stewardship.verify {
            return;
        }
        // What else somebody put into the set is none of ours.
        let gone = |about: &VariableId| about.0.starts_with("var-") && !variables.contains(about);
        let mut witnesses: Vec<WitnessId> =
            self.links.witnesses.iter().filter(|(about, _)| gone(about)).map(|(_, witness)| witness.clone()).collect();
        let words = match witnesses.len() {
            0 => return,
            1 => "1 is of a variable that is gone".to_owned(),
            many => format!("{many} are of variables that are gone"),
        };
        witnesses.sort();
        let why = Why { cause: Cause::Because(words), origin: None };
        let request = Request::ForgetWitnesses { witnesses, unneeded: Vec::new() };
        let address = witnesses_address(&self.want.fleet);
        self.act(address, &Stewardship::default(), Verb::Change, Vec::new(), why, request);
    }

    /// The ids of all variables that a witness may be about, if nothing of them could not be read.
    fn every_variable(&self) -> Option<BTreeSet<&VariableId>> {
        let observed::Observed { workspaces, variable_sets, .. } = self.seen;
        if workspaces.gap().is_some() || variable_sets.gap().is_some() {
            return None;
        }
        let unread = workspaces.seen().iter().any(|workspace| workspace.tags.gap().is_some());
        let in_workspaces = workspaces.seen().iter().map(|workspace| &workspace.variables);
        let in_sets = variable_sets.seen().iter().map(|set| &set.variables);
        let mut ids = BTreeSet::new();
        for variables in in_workspaces.chain(in_sets) {
            match variables {
                Read::Seen(variables) => ids.extend(variables.iter().map(|variable| &variable.id)),
                Read::Unread(_) => return None,
                Read::NotAsked => {}
            }
        }
        (!unread).then_some(ids)
    }
}

/// Where it stands that witnesses are forgotten.
pub(super) fn witnesses_address(fleet: &FleetName) -> Address {
    variable_set_address(&witness_set_name(fleet)).within(["witnesses"])
}
