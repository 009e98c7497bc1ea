//! Holding actions back: those that nobody asked for, and those that need what no action makes.

use std::collections::BTreeSet;

use super::{Plan, Rule, Verb, Wait, What};
use crate::address::Address;

impl Plan {
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
        self.actions.retain(|address, _| asked(address) || taken.contains(address));
        self.waits.retain(|wait| asked(&wait.address));
        self.untouched.retain(|thing| asked(&thing.address));
        // The wrong far side is wrong for every part of it.
        self.refusals.retain(|refusal| refusal.rule == Rule::WrongIdentity || asked(&refusal.address));
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
        let after = self.actions.iter().filter(|(_, action)| {
            action.verb == Verb::Revoke && action.request.needs().iter().any(|output| within(&output.of))
        });
        kept.extend(after.map(|(address, _)| address.clone()));
        let mut new: Vec<Address> = kept.iter().cloned().collect();
        while let Some(address) = new.pop() {
            let needs = self.needs(&address).into_iter().map(|output| output.of);
            new.extend(needs.filter(|of| self.actions.contains_key(of) && kept.insert(of.clone())));
        }
        self.actions.retain(|address, _| kept.contains(address));
        self.waits.retain(|wait| asked(&wait.address));
        self.untouched.retain(|thing| asked(&thing.address));
        self.refusals.retain(|refusal| refusal.rule == Rule::WrongIdentity || asked(&refusal.address));
        self.hold_unmet();
        self.sort();
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
