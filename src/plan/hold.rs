//! Holding actions back: those that nobody asked for, and those that need what no action makes.

use std::collections::BTreeSet;

use super::{Action, Confirmation, Plan, Verb, Wait, What};
use crate::address::Address;
use crate::spec::desired::Desired;
use crate::systems::{Observed, Request, hcp};

/// The most things that are removed without their number being confirmed.
const HANDFUL: usize = 5;

impl Plan {
    /// How many things it removes: not counted are those that another one takes the place of, and the credentials that go
    /// with what held them.
    #[must_use]
    pub fn removals(&self) -> usize {
        self.actions.iter().filter(|(address, action)| self.loses(address, action)).count()
    }

    fn loses(&self, address: &Address, action: &Action) -> bool {
        let replaced = |address: &Address| {
            let outer = self.actions.iter().find(|(other, _)| *other != address && address.is_within(other));
            outer.is_some_and(|(_, outer)| !outer.verb.removes() || outer.verb == Verb::Replace)
        };
        match (&action.request, action.verb) {
            (Request::Docker(_), Verb::Remove) => !replaced(address),
            (Request::Docker(_), _) | (_, Verb::Revoke) => false,
            (Request::Hcp(_), verb) => verb.removes(),
        }
    }

    /// Notes whether its removals have to be confirmed with their number. A few things that left the spec one by one are
    /// not worth a question; a whole project that did is what a file that was left out looks like.
    pub fn confirm_removals(&mut self, desired: &Desired, observed: &Observed) {
        let Desired { hcp: want, docker: _, kube: _, origins: _ } = desired;
        let Observed { hcp: seen, docker: _ } = observed;
        let removals = self.removals();
        let because = match hcp::plan::emptied(want, seen, self).as_slice() {
            [] if removals <= HANDFUL => None,
            [] => Some(format!("more than {HANDFUL} things are removed")),
            [project] => Some(format!("project {project} loses every workspace")),
            several => Some(format!("projects {} lose every workspace", several.join(", "))),
        };
        self.confirmation = because.map(|because| Confirmation { removals, because });
    }

    /// Keeps only the actions that are asked for; what then lacks something it needs becomes a wait.
    pub fn keep_only(&mut self, asked: impl Fn(&Address) -> bool) {
        // A credential belongs to who takes it, wherever it is made.
        let taken: BTreeSet<Address> = self
            .actions
            .iter()
            .filter(|(address, _)| asked(address))
            .flat_map(|(_, action)| action.request.needs())
            .filter(|output| output.what == What::Credential)
            .map(|output| output.of)
            .collect();
        let kept = |address: &Address| asked(address) || taken.contains(address);
        let after = self.revoked_after(kept);
        self.actions.retain(|address, _| kept(address) || after.contains(address));
        self.waits.retain(|wait| asked(&wait.address));
        self.untouched.retain(|thing| asked(&thing.address));
        self.refusals.retain(|refusal| refusal.rule.is_of_all() || asked(&refusal.address));
        self.hold_unmet();
        self.sort();
    }

    /// Keeps only the replacements that are asked for, with all that they need and all that may go after them.
    pub fn keep_replacements(&mut self, asked: impl Fn(&Address) -> bool) {
        let replaced: BTreeSet<Address> = self
            .actions
            .iter()
            .filter(|(address, action)| action.verb == Verb::Replace && asked(address))
            .map(|(address, _)| address.clone())
            .collect();
        let within = |address: &Address| replaced.iter().any(|outer| address.is_within(outer));
        let mut kept: BTreeSet<Address> = self.actions.keys().filter(|address| within(address)).cloned().collect();
        kept.extend(self.revoked_after(within));
        let mut new: Vec<Address> = kept.iter().cloned().collect();
        while let Some(address) = new.pop() {
            let needs = self.needs(&address).into_iter().map(|output| output.of);
            new.extend(needs.filter(|of| self.actions.contains_key(of) && kept.insert(of.clone())));
        }
        self.actions.retain(|address, _| kept.contains(address));
        self.waits.retain(|wait| asked(&wait.address));
        self.untouched.retain(|thing| asked(&thing.address));
        self.refusals.retain(|refusal| refusal.rule.is_of_all() || asked(&refusal.address));
        self.hold_unmet();
        self.sort();
    }

    /// Credentials that go once these actions took their holders away: nobody else will know that they can.
    fn revoked_after(&self, those: impl Fn(&Address) -> bool) -> BTreeSet<Address> {
        let after = self.actions.iter().filter(|(_, action)| {
            action.verb == Verb::Revoke && action.request.needs().iter().any(|output| those(&output.of))
        });
        after.map(|(address, _)| address.clone()).collect()
    }

    /// Turns actions that need what no action of this plan makes into waits, and those that need these in turn. A
    /// credential that nobody takes any more is not minted.
    pub fn hold_unmet(&mut self) {
        self.hold_those_in_need();
        let taken: BTreeSet<Address> = self
            .actions
            .values()
            .flat_map(|action| action.request.needs())
            .filter(|output| output.what == What::Credential)
            .map(|output| output.of)
            .collect();
        self.actions.retain(|address, action| action.verb != Verb::Mint || taken.contains(address));
    }

    fn hold_those_in_need(&mut self) {
        loop {
            let unmet: Vec<(Address, Address)> = self
                .actions
                .iter()
                .filter_map(|(address, action)| {
                    let spares = action.request.spares();
                    let needs = action.request.needs();
                    let missing = needs
                        .into_iter()
                        .find(|output| !spares.contains(output) && !self.actions.contains_key(&output.of))?;
                    Some((address.clone(), missing.of))
                })
                .collect();
            if unmet.is_empty() {
                return;
            }
            for (address, missing) in unmet {
                self.actions.remove(&address);
                self.waits.push(Wait {
                    address,
                    what: format!("needs {missing}, which this plan does not make"),
                    until: "the run that makes it".to_owned(),
                });
            }
        }
    }
}
