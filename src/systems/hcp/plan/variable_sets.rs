//! Variable sets, and the one of ours that holds the witnesses of sensitive values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::desired::{self, Reach, VariableValue};
use super::super::observed;
use super::super::request::{Home, Request, VariableSetRequest};
use super::inputs::is_variable;
use super::projects::verb;
use super::standing::{Owner, Standing};
use super::variables::Drawer;
use super::{Planner, witness_set_name};
use crate::address::Address;
use crate::owner::Stewardship;
use crate::plan::{Cause, Later, Rule, Shown, Verb, Why};
use crate::systems::hcp::{ProjectId, VariableKey, WorkspaceId, variable_set_address};

impl Planner<'_, '_> {
    pub(super) fn variable_sets(&mut self) {
        let want = self.want;
        for (name, set) in &want.variable_sets {
            let address = variable_set_address(name);
            let standing = self.links.variable_sets.get(name.as_str()).copied();
            match standing {
                Some(Standing::Missing) if set.stewardship.released => continue,
                Some(Standing::Missing) => self.create_set(&address, name, set),
                Some(Standing::Ours { thing, .. }) if set.stewardship.released => {
                    self.release_set(&address, &set.stewardship, thing);
                    continue;
                }
                Some(Standing::Ours { thing, renamed }) => {
                    self.update_set(&address, name, set, thing, (renamed, false));
                }
                Some(Standing::Adopted { thing, renamed }) => {
                    self.update_set(&address, name, set, thing, (renamed, true));
                }
                Some(Standing::Refused(_) | Standing::Unknown) | None => continue,
            }
            let seen = standing.and_then(|standing| standing.thing());
            let Some(id) = self.variable_set_id(name) else {
                continue;
            };
            let drawer = Drawer {
                at: &address,
                home: Home::Set(id),
                want: &set.variables,
                exclusive: set.exclusive_variables,
                stewardship: &set.stewardship,
            };
            self.variables(&drawer, seen.map(|seen| &seen.variables));
            self.reach(&address, name, set, seen);
        }
        self.witnesses();
        self.forget_the_gone();
    }

    fn create_set(&mut self, address: &Address, name: &str, set: &desired::VariableSet) {
        let why = self.why(Cause::Spec, address, "");
        let request = Request::CreateVariableSet(VariableSetRequest {
            name: Some(name.to_owned()),
            description: Some(self.descriptions.put(set.description.as_deref().unwrap_or_default())),
            priority: Some(set.priority),
        });
        self.act(address.clone(), &set.stewardship, Verb::Create, Vec::new(), why, request);
    }

    fn update_set(
        &mut self,
        address: &Address,
        name: &str,
        set: &desired::VariableSet,
        seen: &observed::VariableSet,
        (renamed, adopted): (bool, bool),
    ) {
        let ignored = |field: &str| set.stewardship.ignore.contains(field);
        let worded = self.descriptions.take(&seen.description).unwrap_or(&seen.description);
        let mut changes = Vec::new();
        if renamed {
            changes.push(self.change(&Cause::Spec, address, "name", Shown::text(&seen.name), Shown::text(name)));
        }
        let wording = set.description.as_deref().filter(|text| *text != worded && !ignored("description"));
        if let Some(text) = wording {
            changes.push(self.change(&Cause::Differs, address, "description", Shown::text(worded), Shown::text(text)));
        }
        let priority = (set.priority != seen.priority && !ignored("priority")).then_some(set.priority);
        if let Some(priority) = priority {
            let (old, new) = (Shown::Value(json!(seen.priority)), Shown::Value(json!(priority)));
            changes.push(self.change(&Cause::Differs, address, "priority", old, new));
        }
        if changes.is_empty() && !adopted {
            return;
        }
        let cause = if adopted { Cause::Because("adopted".to_owned()) } else { Cause::Differs };
        let why = self.why(cause, address, "");
        let request = Request::UpdateVariableSet {
            id: seen.id.clone(),
            change: VariableSetRequest {
                name: renamed.then(|| name.to_owned()),
                description: (wording.is_some() || adopted).then(|| self.descriptions.put(wording.unwrap_or(worded))),
                priority,
            },
        };
        self.act(address.clone(), &set.stewardship, verb(renamed, adopted), changes, why, request);
    }

    fn release_set(&mut self, address: &Address, stewardship: &Stewardship, seen: &observed::VariableSet) {
        let worded = self.descriptions.take(&seen.description).unwrap_or_default().to_owned();
        let why = self.why(Cause::Because("released".to_owned()), address, "released");
        let request = Request::UpdateVariableSet {
            id: seen.id.clone(),
            change: VariableSetRequest { description: Some(worded), ..VariableSetRequest::default() },
        };
        self.act(address.clone(), stewardship, Verb::Release, Vec::new(), why, request);
    }

    /// For whom the set is. It is attached once its variables are in place, so that no run sees half of them.
    fn reach(&mut self, at: &Address, name: &str, set: &desired::VariableSet, seen: Option<&observed::VariableSet>) {
        if set.stewardship.ignore.contains("for") {
            return;
        }
        let address = at.within(["reach"]);
        let mut projects: Vec<Later<ProjectId>> = Vec::new();
        let mut workspaces: Vec<Later<WorkspaceId>> = Vec::new();
        let global = match &set.reach {
            Reach::Global => true,
            Reach::Some { projects: wanted_projects, workspaces: wanted_workspaces } => {
                for project in wanted_projects {
                    let Some(id) = self.project_id(project) else {
                        self.wait(address, format!("project {project} is not settled"), "the next run");
                        return;
                    };
                    projects.push(id);
                }
                for workspace in wanted_workspaces {
                    let Some(id) = self.workspace_id(workspace) else {
                        self.wait(address, format!("workspace {workspace} is not settled"), "the next run");
                        return;
                    };
                    workspaces.push(id);
                }
                false
            }
        };
        projects.sort();
        workspaces.sort();
        let same = seen.is_some_and(|seen| {
            seen.global == global
                && (global || (known(&seen.projects) == projects && known(&seen.workspaces) == workspaces))
        });
        let nobody = seen.is_none() && !global && projects.is_empty() && workspaces.is_empty();
        if same || nobody {
            return;
        }
        let old = seen.map_or(Shown::Nothing, |seen| {
            let reach = seen.reach(|id| self.project_name(id), |id| self.workspace_name(id));
            Shown::Value(reach_value(&reach))
        });
        let cause = if seen.is_some() { Cause::Differs } else { Cause::Spec };
        let change = self.change(&cause, at, "for", old, Shown::Value(reach_value(&set.reach)));
        let why = change.why.clone();
        let filled = self.written_in(at, is_variable).into_iter().collect();
        let Some(id) = self.variable_set_id(name) else {
            return;
        };
        let verb = if seen.is_some() { Verb::Change } else { Verb::Create };
        let request = Request::ReachVariableSet { set: id, global, projects, workspaces, filled };
        self.act(address, &set.stewardship, verb, vec![change], why, request);
    }

    /// The set of witnesses is wanted as soon as a sensitive value is.
    fn witnesses(&mut self) {
        let name = witness_set_name(&self.want.fleet);
        let address = variable_set_address(&name);
        if !self.wants_witnesses() {
            return;
        }
        match self.seen_witness_set().map(|set| (self.variable_set_owner(set), set.is_detached())) {
            None if self.seen.variable_sets.gap().is_none() => {
                let why = Why {
                    cause: Cause::Because(
                        "says which sensitive values were written last; attached to nothing".to_owned(),
                    ),
                    origin: None,
                };
                let request = Request::CreateVariableSet(VariableSetRequest {
                    name: Some(name),
                    description: Some(
                        self.descriptions
                            .put("Which sensitive values were written last. It enters no run; do not attach it."),
                    ),
                    priority: Some(false),
                });
                self.act(address, &Stewardship::default(), Verb::Create, Vec::new(), why, request);
            }
            None | Some((Owner::Ours, true)) => {}
            Some((Owner::Ours, false)) => {
                self.wait(
                    address,
                    "somebody attached it, so that its witnesses enter runs as variables",
                    "whoever detaches it from its workspaces and projects",
                );
            }
            Some((Owner::Nobody | Owner::Fleet(_) | Owner::Newer(_), _)) => {
                self.refuse(Rule::NotOurs, address, "has the name of this fleet's witnesses and not its mark");
            }
        }
    }
}

impl Planner<'_, '_> {
    /// Some sensitive value is wanted.
    pub(super) fn wants_witnesses(&self) -> bool {
        let sensitive = |variables: &BTreeMap<VariableKey, desired::Variable>| {
            variables.values().any(|variable| matches!(variable.value, VariableValue::Sensitive(_)))
        };
        self.want.workspaces.values().any(|workspace| sensitive(&workspace.variables))
            || self.want.variable_sets.values().any(|set| sensitive(&set.variables))
    }
}

fn known<T: Clone + Ord>(ids: &BTreeSet<T>) -> Vec<Later<T>> {
    ids.iter().cloned().map(Later::Known).collect()
}

fn reach_value(reach: &Reach) -> Value {
    match reach {
        Reach::Global => json!("global"),
        Reach::Some { projects, workspaces } => {
            let projects = projects.iter().map(|name| format!("project {name}"));
            json!(projects.chain(workspaces.iter().cloned()).collect::<Vec<_>>())
        }
    }
}
