//! Letting things go: our marks are taken off, and everything stays as it is.

use std::collections::BTreeSet;

use super::super::desired::Desired;
use super::super::observed::{self, Observed};
use super::super::request::{
    Home, NotificationRequest, ProjectRequest, Request, VariableRequest, VariableSetRequest, WitnessId,
    WorkspaceRequest,
};
use super::projects::without_mark;
use super::standing::Owner;
use super::witnesses::witnesses_address;
use super::{Planner, witness_set_name};
use crate::address::Address;
use crate::owner::Stewardship;
use crate::plan::{
    Action, Cause, Change, Fact, Gap, Holds, Later, LetGo, Output, Plan, Read, Rule, Shown, Verb, What, Why,
};
use crate::systems::hcp::{
    VariableSetId, notification_address, organization_address, project_address, variable_address, variable_set_address,
    workspace_address,
};
use crate::systems::{self, Context};

/// Adds to the plan what takes our marks off.
pub fn release(want: &Desired, seen: &Observed, context: &Context<'_>, what: &LetGo, plan: &mut Plan) {
    plan.gaps.extend(seen.gaps());
    let planner = Planner::new(want, seen, context, plan);
    let mut release = Release { planner, what, forgotten: Vec::new(), unneeded: BTreeSet::new() };
    if !release.planner.is_the_pinned_organization() {
        return;
    }
    release.refuse_newer();
    for project in seen.projects.seen() {
        release.project(project);
    }
    for workspace in seen.workspaces.seen() {
        release.workspace(workspace);
    }
    for set in seen.variable_sets.seen() {
        release.set(set);
    }
    release.witnesses();
    release.strays();
}

/// One release.
struct Release<'a, 'p> {
    planner: Planner<'a, 'p>,
    what: &'a LetGo,
    /// Witnesses of variables that are let go.
    forgotten: Vec<WitnessId>,
    /// The actions that let them go.
    unneeded: BTreeSet<Address>,
}

impl Release<'_, '_> {
    /// Takes one mark off. `delivery: verify` is no reason against it: who says this asks for it.
    fn let_go(&mut self, address: Address, request: Request) {
        let fleet = Shown::text(self.planner.want.fleet.as_str());
        let why = Why { cause: Cause::Because("released".to_owned()), origin: None };
        let change = Change { field: "mark".to_owned(), old: fleet, new: Shown::Nothing, why: why.clone() };
        let request = systems::Request::Hcp(request);
        self.planner.plan.actions.insert(address, Action { verb: Verb::Release, changes: vec![change], why, request });
    }

    /// Who is too old for one mark of the fleet may misread the rest of it too, so it does not matter what is asked for.
    fn refuse_newer(&mut self) {
        let seen = self.planner.seen;
        let projects =
            seen.projects.seen().iter().map(|it| (project_address(&it.name), self.planner.project_owner(it)));
        let workspaces =
            seen.workspaces.seen().iter().map(|it| (workspace_address(&it.name), self.planner.workspace_owner(it)));
        let owners: Vec<(Address, Result<Owner, Gap>)> = projects.chain(workspaces).collect();
        for (address, owner) in owners {
            if let Ok(Owner::Newer(version)) = owner {
                self.planner.refuse_newer(address, version);
            }
        }
    }

    /// Whether a thing is asked for and ours.
    fn is_meant(&mut self, address: &Address, owner: Result<Owner, Gap>) -> bool {
        if !self.what.covers(address) {
            return false;
        }
        match owner {
            Ok(Owner::Ours) => true,
            Ok(Owner::Nobody | Owner::Fleet(_) | Owner::Newer(_)) => false,
            Err(gap) => {
                self.planner.unread(address, &gap, "not let go: nothing tells whose it is");
                false
            }
        }
    }

    fn project(&mut self, seen: &observed::Project) {
        let address = project_address(&seen.name);
        let owner = self.planner.project_owner(seen);
        if self.is_meant(&address, owner)
            && let Read::Seen(tags) = &seen.tags
        {
            let change = ProjectRequest { tags: Some(without_mark(&tags.own)), ..ProjectRequest::default() };
            self.let_go(address.clone(), Request::UpdateProject { id: seen.id.clone(), change });
            let said = self.planner.want.projects.get(&seen.name).map(|project| &project.stewardship);
            self.still_named(&address, said);
        }
        self.notifications(&address, &seen.notifications);
    }

    fn workspace(&mut self, seen: &observed::Workspace) {
        let address = workspace_address(&seen.name);
        let owner = self.planner.workspace_owner(seen);
        if self.is_meant(&address, owner)
            && let Read::Seen(tags) = &seen.tags
        {
            let change = WorkspaceRequest { tags: Some(without_mark(&tags.own)), ..WorkspaceRequest::default() };
            self.let_go(address.clone(), Request::UpdateWorkspace { id: seen.id.clone(), change, moves: false });
            let said = self.planner.want.workspaces.get(&seen.name).map(|workspace| &workspace.stewardship);
            self.still_named(&address, said);
        }
        self.variables(&address, &Home::Workspace(Later::Known(seen.id.clone())), &seen.variables);
        self.notifications(&address, &seen.notifications);
    }

    fn set(&mut self, seen: &observed::VariableSet) {
        if seen.name == witness_set_name(&self.planner.want.fleet) {
            return;
        }
        let address = variable_set_address(&seen.name);
        let owner = self.planner.variable_set_owner(seen);
        if self.is_meant(&address, Ok(owner))
            && let Some(worded) = self.planner.descriptions.take(&seen.description)
        {
            let change = VariableSetRequest { description: Some(worded.to_owned()), ..VariableSetRequest::default() };
            self.let_go(address.clone(), Request::UpdateVariableSet { id: seen.id.clone(), change });
            let said = self.planner.want.variable_sets.get(&seen.name).map(|set| &set.stewardship);
            self.still_named(&address, said);
        }
        self.variables(&address, &Home::Set(Later::Known(seen.id.clone())), &seen.variables);
    }

    fn variables(&mut self, at: &Address, home: &Home, seen: &Read<Vec<observed::Variable>>) {
        for variable in seen.seen().into_iter().flatten() {
            let address = variable_address(at, &variable.key);
            if !self.what.covers(&address) {
                continue;
            }
            if let Some(worded) = self.planner.descriptions.take(&variable.description) {
                let change = VariableRequest {
                    key: variable.key.clone(),
                    value: None,
                    hcl: None,
                    description: Some(worded.to_owned()),
                };
                let request = Request::UpdateVariable { home: home.clone(), id: variable.id.clone(), variable: change };
                self.let_go(address.clone(), request);
            }
            // One that was adopted carries no mark of its own; it goes with what it lies in.
            let by = [&address, at].into_iter().find(|by| self.planner.plan.actions.contains_key(*by)).cloned();
            if let (Some(by), Some(witness)) = (by, self.planner.witness(&variable.id)) {
                self.unneeded.insert(by);
                self.forgotten.push(witness);
            }
        }
    }

    fn notifications(&mut self, at: &Address, seen: &Read<Vec<observed::Notification>>) {
        for seen in seen.seen().into_iter().flatten() {
            let Some(name) = self.planner.names.take(&seen.name).map(str::to_owned) else {
                continue;
            };
            let mut address = notification_address(at, &name);
            if !self.what.covers(&address) {
                continue;
            }
            if self.planner.plan.actions.contains_key(&address) {
                address = address.within([seen.id.0.as_str()]);
            }
            let notification =
                NotificationRequest { name: Some(name), destination: None, enabled: None, triggers: None };
            self.let_go(address, Request::UpdateNotification { id: seen.id.clone(), notification });
        }
    }

    /// What is let go and stays in the spec comes back with the next apply, or stops it.
    fn still_named(&mut self, address: &Address, said: Option<&Stewardship>) {
        let Some(said) = said.filter(|said| !self.what.all && !said.released) else {
            return;
        };
        let what = if said.adopt || self.planner.want.organization.stewardship.adopt {
            "still in the spec with `adopt`: the next apply takes it over again"
        } else {
            "still in the spec: the next apply refuses everything because of it"
        };
        self.planner.wait(address.clone(), what, "whoever writes `released: true` on it, or takes it out of the spec");
    }

    /// Witnesses go behind the marks: until then they keep values from being written again.
    fn witnesses(&mut self) {
        let planner = &mut self.planner;
        let ours = |set: &&observed::VariableSet| planner.variable_set_owner(set) == Owner::Ours;
        let Some(set) = planner.seen_witness_set().filter(ours).map(|set| set.id.clone()) else {
            return;
        };
        if self.what.all {
            self.remove_witness_set(set);
        } else if !self.forgotten.is_empty() {
            let words = format!("{} of what is let go", self.forgotten.len());
            let unneeded = self.unneeded.iter().map(in_place).collect();
            let mut witnesses = std::mem::take(&mut self.forgotten);
            witnesses.sort();
            let request = systems::Request::Hcp(Request::ForgetWitnesses { witnesses, unneeded });
            let why = Why { cause: Cause::Because(words), origin: None };
            let action = Action { verb: Verb::Change, changes: Vec::new(), why, request };
            self.planner.plan.actions.insert(witnesses_address(&self.planner.want.fleet), action);
        }
    }

    /// Only when all marks are known: else it may still be needed.
    fn remove_witness_set(&mut self, id: VariableSetId) {
        if !self.planner.plan.gaps.is_empty() || !self.planner.plan.refusals.is_empty() {
            return;
        }
        let unneeded = self.planner.plan.actions.keys().map(in_place).collect();
        let address = variable_set_address(&witness_set_name(&self.planner.want.fleet));
        let why = Why { cause: Cause::Because("the way out of this tool".to_owned()), origin: None };
        let request = systems::Request::Hcp(Request::DeleteVariableSet { id, witnesses: Vec::new(), unneeded });
        self.planner.plan.actions.insert(address, Action { verb: Verb::Remove, changes: Vec::new(), why, request });
    }

    /// A pattern that covers nothing with a mark is a slip of the pen; and whoever leaves has a spec that lies around.
    fn strays(&mut self) {
        for pattern in &self.what.patterns {
            let plan = &self.planner.plan;
            let known = plan.actions.keys().chain(plan.refusals.iter().map(|refusal| &refusal.address));
            if !known.into_iter().any(|address| pattern.covers(address)) && plan.gaps.is_empty() {
                let address = Address::new(pattern.as_str().split('/').filter(|part| !part.is_empty()));
                let cause = format!("`{pattern}` covers nothing that carries the mark of {}", plan.fleet);
                self.planner.refuse(Rule::UnknownReference, address, cause);
            }
        }
        if self.what.all && !self.planner.plan.actions.is_empty() {
            let note = "the spec still names what is let go: an apply of it would refuse that, or adopt it again";
            self.planner.leave(organization_address(), note);
        }
    }
}

fn in_place(of: &Address) -> Later<Holds> {
    Later::From(Output { of: of.clone(), what: What::Fact(Fact::InPlace) })
}
