//! What has to be done to the Docker hosts, decided from what is wanted and what was seen and from nothing else.

mod blueprint;
mod compose;
mod deep;
mod demand;
mod receivers;
mod removal;
mod slots;
mod stack;
#[cfg(test)]
mod tests;
mod unfit;

use std::collections::{BTreeMap, BTreeSet};

pub use self::blueprint::variable_names;
pub use self::compose::compose;
use super::container_address;
use super::desired::{Desired, Target};
use super::observed::{Host, Observed};
use super::request::{Call, Request};
use crate::address::Address;
use crate::owner::FleetName;
use crate::plan::links::{Links, Receivers};
use crate::plan::{
    Action, Cause, Change, Gap, Holds, Later, Output, Plan, Read, Refusal, Rule, Shown, Untouched, Verb, Wait, What,
    Why,
};
use crate::systems::{self, Context};

/// Adds to the plan what the hosts need, and what happens to the tokens of their agents.
pub fn plan(want: &Desired, seen: &Observed, context: &Context<'_>, plan: &mut Plan) {
    if want.targets.is_empty() {
        return;
    }
    let links = Links::new(&context.desired.hcp, &context.observed.hcp);
    let mut receivers = receivers::witnesses(want, seen);
    let mut started = Vec::new();
    for (key, target) in &want.targets {
        match seen.hosts.get(key) {
            Some(Read::Seen(host)) => {
                let mut planner = Planner {
                    fleet: &want.fleet,
                    key,
                    target,
                    host,
                    seen,
                    context: *context,
                    links: &links,
                    receivers: &mut receivers,
                    started: &mut started,
                    plan,
                };
                planner.host();
            }
            Some(Read::Unread(gap)) => plan.gaps.push(gap.clone()),
            Some(Read::NotAsked) | None => {}
        }
    }
    links.revoke(plan, &receivers);
}

/// One pass over one host.
struct Planner<'a, 'p> {
    fleet: &'a FleetName,
    key: &'a str,
    target: &'a Target,
    host: &'a Host,
    seen: &'a Observed,
    context: Context<'a>,
    links: &'a Links<'a>,
    receivers: &'p mut Receivers,
    /// Containers that this plan starts, on any host, and whose agents hold no slot yet.
    started: &'p mut Vec<Address>,
    plan: &'p mut Plan,
}

impl Planner<'_, '_> {
    fn host(&mut self) {
        if !self.is_the_pinned_engine() || !self.can_run_agents() {
            return;
        }
        self.note_completeness();
        self.plan.gaps.extend(self.host.gaps().cloned());
        if self.host.gaps().next().is_some() {
            // A part of a host says nothing of what may be done to the rest.
            return;
        }
        self.plan.gaps.extend(self.host.details.values().filter_map(Read::gap).cloned());
        if !self.target.absent {
            for key in self.target.services.keys().cloned().collect::<Vec<_>>() {
                self.service(&key);
            }
        }
        self.surplus();
        self.neighbours();
    }

    fn address(&self) -> Address {
        Address::new(["docker", self.key])
    }

    fn container_address(&self, name: &str) -> Address {
        container_address(self.key, name)
    }

    fn is_the_pinned_engine(&mut self) -> bool {
        match &self.target.engine_id {
            Some(pin) if *pin != self.host.engine.id => {
                let cause = format!("the spec pins the engine {pin}, and this one is {}", self.host.engine.id);
                self.refuse(Rule::WrongIdentity, self.address(), cause);
                false
            }
            Some(_) | None => true,
        }
    }

    /// What no agent can run on is said before anything is made there.
    fn can_run_agents(&mut self) -> bool {
        if self.target.absent {
            // Whatever it is, what is ours there can go.
            return true;
        }
        let images = self.target.services.values().map(|service| &service.agent.image);
        let Some(trouble) = unfit::trouble(&self.host.engine, images) else { return true };
        self.refuse(Rule::UnfitHost, self.address(), trouble);
        false
    }

    fn act(&mut self, address: Address, verb: Verb, changes: Vec<Change>, why: Why, call: Call) {
        if self.target.verify {
            self.differs(address, verb, &changes);
            return;
        }
        let request = systems::Request::Docker(Request { target: self.key.to_owned(), call });
        self.plan.actions.insert(address, Action { verb, changes, why, request });
    }

    /// Says what would be done where nothing is.
    fn differs(&mut self, address: Address, verb: Verb, changes: &[Change]) {
        let what = if changes.is_empty() || verb == Verb::Create {
            format!("differs from the spec: would {verb} it")
        } else {
            let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
            format!("differs from the spec in {}", fields.join(", "))
        };
        self.wait(address, what, "whoever owns it: here it is only verified (`delivery: verify`)");
    }

    fn wait(&mut self, address: Address, what: impl Into<String>, until: impl Into<String>) {
        self.plan.waits.push(Wait { address, what: what.into(), until: until.into() });
    }

    fn refuse(&mut self, rule: Rule, address: Address, cause: impl Into<String>) {
        self.plan.refusals.push(Refusal { rule, address, cause: cause.into() });
    }

    fn leave(&mut self, address: Address, note: impl Into<String>) {
        self.plan.untouched.push(Untouched { address, note: note.into() });
    }

    fn unread(&mut self, address: &Address, gap: &Gap, follows: &str) {
        self.plan.gaps.push(Gap { address: address.clone(), follows: follows.to_owned(), ..gap.clone() });
    }

    /// The reason of something that follows from a field of a pool or a target, with its place.
    fn why(&self, cause: Cause, address: &Address, field: &str) -> Why {
        Why { cause, origin: self.context.desired.origins.of(address, field).cloned() }
    }

    fn fact(&self, of: &Address, fact: crate::plan::Fact) -> Later<Holds> {
        Links::fact(self.plan, of, fact)
    }
}

fn change(field: &str, old: Shown, new: Shown, why: &Why) -> Change {
    Change { field: field.to_owned(), old, new, why: why.clone() }
}

fn id_of(of: &Address) -> Later<String> {
    Later::From(Output { of: of.clone(), what: What::Id })
}

/// Names of a set, each once.
fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

/// Labels without those of others.
type Labels = BTreeMap<String, String>;
