//! Variables of workspaces and variable sets.

use std::collections::{BTreeMap, BTreeSet};

use super::{Builder, Ownership};
use crate::address::Address;
use crate::origin::Origin;
use crate::spec::model::{self, ReachWish, VariableWish, Variables, WishedValue};
use crate::systems::hcp::desired::{Reach, Variable, VariableSet, VariableValue};
use crate::systems::hcp::{Category, VariableKey, variable_address, variable_set_address};

impl<'s> Builder<'_, 's> {
    pub(super) fn variables(&mut self, home: &Address, wish: Option<&'s Variables>) -> BTreeMap<VariableKey, Variable> {
        let mut variables = BTreeMap::new();
        let Some(Variables { at: _, env, terraform }) = wish else {
            return variables;
        };
        for (category, named) in [(Category::Env, env), (Category::Terraform, terraform)] {
            for (key, at, wish) in named.iter() {
                let key = VariableKey { category, key: key.to_owned() };
                let address = variable_address(home, &key);
                let place = self.fleet.sources.place(at);
                self.origins.note(&address, "", Origin::Spec(place));
                variables.insert(key, self.variable(&address, wish));
            }
        }
        variables
    }

    fn variable(&mut self, address: &Address, wish: &VariableWish) -> Variable {
        let (value, at, written_as_hcl) = match &wish.value {
            WishedValue::Plain(value) => (VariableValue::Plain(value.value.clone()), value.at, false),
            WishedValue::Hcl(value) => (VariableValue::Plain(value.value.clone()), value.at, true),
            WishedValue::Sensitive(source) => (VariableValue::Sensitive(source.source.clone()), source.at, false),
        };
        self.note_spec(address, "value", at);
        match &wish.hcl {
            Some(hcl) => self.note_spec(address, "hcl", hcl.at),
            None if written_as_hcl => {
                let place = Some(self.fleet.sources.place(at));
                self.origins.note(address, "hcl", Origin::Derived { from: "a list or a map".to_owned(), place });
            }
            None => {}
        }
        if let Some(description) = &wish.description {
            self.note_spec(address, "description", description.at);
        }
        Variable {
            value,
            hcl: wish.hcl.as_ref().map_or(written_as_hcl, |hcl| hcl.value),
            description: wish.description.as_ref().map(|text| text.value.clone()),
        }
    }

    pub(super) fn variable_sets(&mut self) -> BTreeMap<String, VariableSet> {
        let spec = self.fleet.spec;
        let mut sets = BTreeMap::new();
        for (name, at, wish) in spec.variable_sets.iter() {
            let address = variable_set_address(name);
            self.note_spec(&address, "", at);
            self.note_spec(&address, "name", at);
            sets.insert(name.to_owned(), self.variable_set(&address, wish));
        }
        sets
    }

    fn variable_set(&mut self, address: &Address, wish: &'s model::VariableSet) -> VariableSet {
        if let Some(was) = &wish.was {
            self.note_spec(address, "was", was.at);
        }
        if let Some(description) = &wish.description {
            self.note_spec(address, "description", description.at);
        }
        match &wish.priority {
            Some(priority) => self.note_spec(address, "priority", priority.at),
            None => self.origins.note(address, "priority", Origin::Documented),
        }
        let ownership = Ownership {
            adopt: wish.adopt.as_ref(),
            delivery: wish.delivery.as_ref(),
            released: wish.released.as_ref(),
            absent: None,
            ignore: wish.ignore.as_deref(),
        };
        let stewardship = ownership.stewardship(&self.hcp_stewardship());
        self.note_ownership(address, ownership, &stewardship);
        if let Some(exclusive) = &wish.exclusive {
            self.note_spec(address, "exclusive", exclusive.at);
        }
        VariableSet {
            was: wish.was.as_ref().map(|was| was.value.clone()),
            description: wish.description.as_ref().map(|text| text.value.clone()),
            priority: wish.priority.as_ref().is_some_and(|priority| priority.value),
            reach: self.reach(address, wish),
            variables: self.variables(address, wish.variables.as_ref()),
            exclusive_variables: wish.exclusive.as_ref().is_some_and(|exclusive| exclusive.value),
            stewardship,
        }
    }

    fn reach(&mut self, address: &Address, wish: &'s model::VariableSet) -> Reach {
        let some = match &wish.r#for {
            ReachWish::Global => {
                self.note_spec(address, "for", wish.at);
                return Reach::Global;
            }
            ReachWish::Some(some) => some,
        };
        self.note_spec(address, "for", some.at);
        let mut projects = BTreeSet::new();
        for reference in some.projects.iter().flatten() {
            projects.extend(self.fleet.project_named(reference, self.findings).map(str::to_owned));
        }
        let mut workspaces = BTreeSet::new();
        for reference in some.workspaces.iter().flatten() {
            let workspace = self.fleet.workspace_named(reference, self.findings);
            workspaces.extend(workspace.map(|workspace| workspace.name.clone()));
        }
        Reach::Some { projects, workspaces }
    }
}
