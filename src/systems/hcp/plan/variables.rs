//! Variables of workspaces and variable sets.

use std::collections::BTreeMap;

use super::super::desired::{self, Variable, VariableValue};
use super::super::observed::{self, SeenValue};
use super::super::request::{Home, Request, ValueRequest, VariableRequest, WitnessId, WitnessRequest};
use super::{Planner, id_of, witness_set_name};
use crate::address::Address;
use crate::owner::Stewardship;
use crate::plan::{Cause, Change, Gap, Later, Read, Shown, Verb, Why};
use crate::secret::{Compared, SecretRef};
use crate::systems::hcp::{Category, VariableId, VariableKey, VariableSetId, variable_address, variable_set_address};

/// Where a group of variables lies, and what is said of it.
pub(super) struct Drawer<'a> {
    pub(super) at: &'a Address,
    pub(super) home: Home,
    pub(super) want: &'a BTreeMap<VariableKey, Variable>,
    pub(super) exclusive: bool,
    pub(super) stewardship: &'a Stewardship,
}

impl Drawer<'_> {
    /// The spec leaves this variable as it is found.
    fn leaves(&self, key: &VariableKey) -> bool {
        let ignore = &self.stewardship.ignore;
        !ignore.is_empty() && ignore.contains(&format!("{}.{}", key.category.as_str(), key.key))
    }
}

impl Planner<'_, '_> {
    pub(super) fn workspace_variables(
        &mut self,
        at: &Address,
        name: &str,
        workspace: &desired::Workspace,
        seen: Option<&observed::Workspace>,
    ) {
        let Some(id) = self.workspace_id(name) else {
            return;
        };
        let drawer = Drawer {
            at,
            home: Home::Workspace(id),
            want: &workspace.variables,
            exclusive: workspace.exclusive_variables,
            stewardship: &workspace.stewardship,
        };
        self.variables(&drawer, seen.map(|seen| &seen.variables));
    }

    /// Compares one group of variables. `None`: what holds them does not exist yet.
    pub(super) fn variables(&mut self, drawer: &Drawer<'_>, seen: Option<&Read<Vec<observed::Variable>>>) {
        let empty = Vec::new();
        let seen = match seen {
            None => &empty,
            Some(Read::Seen(variables)) => variables,
            // Its own gap stands in the plan already; nothing here is created or removed.
            Some(Read::Unread(_)) => return,
            Some(Read::NotAsked) => {
                if !drawer.want.is_empty() {
                    self.wait(drawer.at.clone(), "its variables were not read", "the next run");
                }
                return;
            }
        };
        let by_key: BTreeMap<&VariableKey, &observed::Variable> = seen.iter().map(|seen| (&seen.key, seen)).collect();
        for (key, variable) in drawer.want {
            match by_key.get(key) {
                None => self.create_variable(drawer, variable_address(drawer.at, key), key, variable),
                Some(seen) if is_as_wanted(variable, seen) => {}
                Some(seen) => self.update_variable(drawer, variable_address(drawer.at, key), variable, seen),
            }
        }
        for variable in seen.iter().filter(|variable| !drawer.want.contains_key(&variable.key)) {
            self.surplus_variable(drawer, variable);
        }
    }

    fn create_variable(&mut self, drawer: &Drawer<'_>, address: Address, key: &VariableKey, variable: &Variable) {
        if let VariableValue::Sensitive(source) = &variable.value
            && self.lacks_secret(&address, drawer.stewardship, [source], "not created")
        {
            return;
        }
        let new = match &variable.value {
            VariableValue::Plain(value) => Shown::text(value),
            VariableValue::Sensitive(source) => Shown::Secret(format!("from {source}")),
        };
        let change = self.change(&Cause::Spec, &address, "value", Shown::Nothing, new);
        let why = self.why(Cause::Spec, &address, "");
        let request = Request::CreateVariable { home: drawer.home.clone(), variable: self.whole(key, variable, None) };
        self.act(address, drawer.stewardship, Verb::Create, vec![change], why, request);
    }

    fn whole(&self, key: &VariableKey, variable: &Variable, seen: Option<&VariableId>) -> VariableRequest {
        VariableRequest {
            key: key.clone(),
            value: Some(match &variable.value {
                VariableValue::Plain(value) => ValueRequest::Plain(value.clone()),
                VariableValue::Sensitive(source) => self.sensitive(source, seen),
            }),
            hcl: Some(variable.hcl),
            description: Some(self.descriptions.put(variable.description.as_deref().unwrap_or_default())),
        }
    }

    fn sensitive(&self, source: &SecretRef, seen: Option<&VariableId>) -> ValueRequest {
        ValueRequest::Sensitive {
            source: source.clone(),
            witness: WitnessRequest {
                set: self.witness_set(),
                existing: seen.and_then(|id| self.witness(id)).map(|witness| witness.variable),
            },
        }
    }

    fn witness_set(&self) -> Later<VariableSetId> {
        let name = witness_set_name(&self.want.fleet);
        match self.seen_witness_set() {
            Some(set) => Later::Known(set.id.clone()),
            None => id_of(&variable_set_address(&name)),
        }
    }

    pub(super) fn seen_witness_set(&self) -> Option<&observed::VariableSet> {
        let name = witness_set_name(&self.want.fleet);
        self.seen.variable_sets.seen().iter().find(|set| set.name == name)
    }

    /// What the set of witnesses holds of a variable.
    pub(super) fn witness(&self, id: &VariableId) -> Option<WitnessId> {
        self.links.witnesses.get(id).cloned()
    }

    fn update_variable(&mut self, drawer: &Drawer<'_>, address: Address, want: &Variable, seen: &observed::Variable) {
        if drawer.leaves(&seen.key) {
            return;
        }
        if let (VariableValue::Plain(value), SeenValue::Sensitive(_)) = (&want.value, &seen.value) {
            // HCP never makes a sensitive variable readable again.
            let change =
                self.change(&Cause::Differs, &address, "sensitive", Shown::Value(true.into()), Shown::text(value));
            let why = change.why.clone();
            let request = Request::ReplaceVariable {
                home: drawer.home.clone(),
                id: seen.id.clone(),
                witness: self.witness(&seen.id),
                variable: self.whole(&seen.key, want, None),
            };
            self.act(address, drawer.stewardship, Verb::Replace, vec![change], why, request);
            return;
        }
        let mut changes = Vec::new();
        let value = self.value_change(&address, want, seen, &mut changes);
        // HCL means nothing to an environment variable, and HCP keeps what it likes there.
        let hcl = (seen.key.category == Category::Terraform && want.hcl != seen.hcl).then_some(want.hcl);
        if hcl.is_some() {
            changes.push(self.change(
                &Cause::Differs,
                &address,
                "hcl",
                Shown::Value(seen.hcl.into()),
                Shown::Value(want.hcl.into()),
            ));
        }
        let worded = self.descriptions.take(&seen.description).unwrap_or(&seen.description);
        let wording = want.description.as_deref().filter(|text| *text != worded);
        if let Some(text) = wording {
            changes.push(self.change(&Cause::Differs, &address, "description", Shown::text(worded), Shown::text(text)));
        }
        if changes.is_empty() {
            return;
        }
        let marked = self.descriptions.put(want.description.as_deref().unwrap_or(worded));
        // Documentation and provider disagree whether more than the value of a sensitive variable can be changed in
        // place, so a description goes along only if it must.
        let readable = matches!(want.value, VariableValue::Plain(_));
        let description = (wording.is_some() || (readable && marked != seen.description)).then_some(marked);
        let why = changes.first().map_or_else(|| self.why(Cause::Differs, &address, ""), |change| change.why.clone());
        let request = Request::UpdateVariable {
            home: drawer.home.clone(),
            id: seen.id.clone(),
            variable: VariableRequest { key: seen.key.clone(), value, hcl, description },
        };
        self.act(address, drawer.stewardship, Verb::Change, changes, why, request);
    }

    fn value_change(
        &mut self,
        address: &Address,
        want: &Variable,
        seen: &observed::Variable,
        changes: &mut Vec<Change>,
    ) -> Option<ValueRequest> {
        match (&want.value, &seen.value) {
            (VariableValue::Plain(value), SeenValue::Plain(old)) => (value != old).then(|| {
                changes.push(self.change(&Cause::Differs, address, "value", Shown::text(old), Shown::text(value)));
                ValueRequest::Plain(value.clone())
            }),
            (VariableValue::Sensitive(source), SeenValue::Plain(_)) => {
                if self.lacks_secret(address, &Stewardship::default(), [source], "not made sensitive") {
                    return None;
                }
                let new = Shown::Secret(format!("from {source}, from now on sensitive"));
                changes.push(self.change(&Cause::Differs, address, "value", Shown::Secret("readable".to_owned()), new));
                Some(self.sensitive(source, Some(&seen.id)))
            }
            (VariableValue::Sensitive(source), SeenValue::Sensitive(compared)) => {
                let (cause, words) = match compared {
                    Some(Compared::Same) => return None,
                    Some(Compared::Unreadable(cause)) => {
                        let gap = unreadable(address, source, cause);
                        self.plan.gaps.push(gap);
                        return None;
                    }
                    Some(Compared::SourceChanged) => {
                        (Cause::Spec, "its source has another value than the one last written")
                    }
                    Some(Compared::ReceiverChanged) => (Cause::Drift, "changed behind our back"),
                    Some(Compared::Unwitnessed) | None => (Cause::Differs, "nothing tells what it holds"),
                };
                let new = Shown::Secret(format!("from {source}"));
                changes.push(self.change(&cause, address, "value", Shown::Secret(words.to_owned()), new));
                Some(self.sensitive(source, Some(&seen.id)))
            }
            // Replaced before it comes to this.
            (VariableValue::Plain(_), SeenValue::Sensitive(_)) => None,
        }
    }

    fn surplus_variable(&mut self, drawer: &Drawer<'_>, seen: &observed::Variable) {
        if drawer.leaves(&seen.key) {
            return;
        }
        let address = variable_address(drawer.at, &seen.key);
        let ours = self.descriptions.take(&seen.description).is_some();
        if !ours && !drawer.exclusive {
            self.leave(address, "not in the spec, not ours");
            return;
        }
        let why = Why {
            cause: if ours { Cause::Gone } else { Cause::Because("not in the spec, which is `exclusive`".to_owned()) },
            origin: None,
        };
        let request =
            Request::DeleteVariable { home: drawer.home.clone(), id: seen.id.clone(), witness: self.witness(&seen.id) };
        self.act(address, drawer.stewardship, Verb::Remove, Vec::new(), why, request);
    }
}

/// The common case, told without making an address: nothing to do and nothing to say.
fn is_as_wanted(want: &Variable, seen: &observed::Variable) -> bool {
    let value = match (&want.value, &seen.value) {
        (VariableValue::Plain(value), SeenValue::Plain(old)) => value == old,
        (VariableValue::Sensitive(_), SeenValue::Sensitive(compared)) => *compared == Some(Compared::Same),
        _ => false,
    };
    value && want.description.is_none() && want.hcl == seen.hcl
}

impl Planner<'_, '_> {
    /// Notes that something cannot be written, because one of its secrets cannot be read.
    pub(super) fn lacks_secret<'s>(
        &mut self,
        address: &Address,
        stewardship: &Stewardship,
        sources: impl IntoIterator<Item = &'s SecretRef>,
        follows: &str,
    ) -> bool {
        // What is only compared is not written, whatever can be read.
        if self.is_verified(stewardship) {
            return false;
        }
        let seen = self.seen;
        let lacking = sources
            .into_iter()
            .find_map(|source| seen.unreadable_sources.iter().find(|(unreadable, _)| unreadable == source));
        if let Some((source, cause)) = lacking {
            let gap = Gap { follows: follows.to_owned(), ..unreadable(address, source, cause) };
            self.plan.gaps.push(gap);
        }
        lacking.is_some()
    }
}

/// The gap that an unreadable source of a secret is.
pub(super) fn unreadable(address: &Address, source: &SecretRef, cause: &str) -> Gap {
    Gap {
        address: address.clone(),
        doing: format!("reading its secret from {source}"),
        cause: cause.to_owned(),
        follows: "neither compared nor written".to_owned(),
        hint: "make the source readable for this process, and run it again".to_owned(),
        expected: false,
    }
}
