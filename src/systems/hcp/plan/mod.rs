//! What has to be done to an organisation, decided from what is wanted and what was seen and from nothing else.

mod compare;
mod connections;
mod consumers;
mod contents;
mod inputs;
mod likeness;
mod limits;
mod links;
mod marks;
mod notifications;
mod organization;
mod placement;
mod pools;
mod projects;
mod release;
mod removal;
mod standing;
#[cfg(test)]
pub(crate) mod tests;
mod variable_sets;
mod variables;
mod witnesses;
mod workspaces;

use serde_json::Value;

use self::links::Links;
pub use self::marks::seal;
pub use self::placement::lock_reason;
pub use self::release::release;
pub use self::removal::emptied;
use super::desired::Desired;
use super::observed::Observed;
use super::request::Request;
use crate::address::Address;
use crate::owner::{Stewardship, Suffix};
use crate::plan::{
    Action, Cause, Change, Fact, Gap, Holds, Later, Output, Plan, Refusal, Rule, Shown, Untouched, Verb,
};
use crate::plan::{Wait, What, Why};
use crate::systems::{self, Context};

/// The name of the variable set that says which sensitive values were written. It is attached to nothing.
#[must_use]
pub fn witness_set_name(fleet: &crate::owner::FleetName) -> String {
    format!("reconcile-{fleet}")
}

/// Adds to the plan what the organisation needs.
pub fn plan(want: &Desired, seen: &Observed, context: &Context<'_>, plan: &mut Plan) {
    plan.gaps.extend(seen.gaps());
    let mut planner = Planner::new(want, seen, context, plan);
    if !planner.is_the_pinned_organization() {
        return;
    }
    planner.limits();
    // Links first: which thing of the spec is which thing over there, or which action makes it.
    planner.link_projects();
    planner.link_pools();
    planner.link_workspaces();
    planner.link_variable_sets();
    planner.pools();
    planner.organization();
    planner.projects();
    planner.workspaces();
    planner.variable_sets();
    planner.hold_placements();
    planner.remove_workspaces();
    planner.scopes();
    planner.removals();
}

/// One pass over one organisation.
struct Planner<'a, 'p> {
    want: &'a Desired,
    seen: &'a Observed,
    context: Context<'a>,
    links: Links<'a>,
    descriptions: Suffix,
    names: Suffix,
    plan: &'p mut Plan,
}

impl<'a, 'p> Planner<'a, 'p> {
    fn new(want: &'a Desired, seen: &'a Observed, context: &Context<'a>, plan: &'p mut Plan) -> Self {
        Self {
            want,
            seen,
            context: *context,
            links: Links::new(seen, &witness_set_name(&want.fleet)),
            descriptions: Suffix::description(&want.fleet),
            names: Suffix::name(&want.fleet),
            plan,
        }
    }
}

impl Planner<'_, '_> {
    /// Plans an action, or, for what is only to be compared, says what it would have been.
    fn act(
        &mut self,
        address: Address,
        stewardship: &Stewardship,
        verb: Verb,
        changes: Vec<Change>,
        why: Why,
        request: Request,
    ) {
        if stewardship.verify || self.want.organization.stewardship.verify {
            let what = if changes.is_empty() || verb == Verb::Create {
                format!("differs from the spec: would {verb} it")
            } else {
                let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
                format!("differs from the spec in {}", fields.join(", "))
            };
            self.wait(address, what, "whoever owns it: here it is only verified (`delivery: verify`)");
            return;
        }
        self.plan.actions.insert(address, Action { verb, changes, why, request: systems::Request::Hcp(request) });
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

    /// Notes that something is not planned because of what could not be read.
    fn unread(&mut self, address: &Address, gap: &Gap, follows: &str) {
        self.plan.gaps.push(Gap { address: address.clone(), follows: follows.to_owned(), ..gap.clone() });
    }

    /// The reason for a difference in a field, with the place of the wanted value.
    fn why(&self, cause: Cause, address: &Address, field: &str) -> Why {
        Why { cause, origin: self.context.desired.origins.of(address, field).cloned() }
    }

    fn change(&self, cause: &Cause, address: &Address, field: &str, old: Shown, new: Shown) -> Change {
        Change { field: field.to_owned(), old, new, why: self.why(cause.clone(), address, field) }
    }

    /// The proof that another thing is as the spec wants it: at once, or when its action has succeeded.
    fn in_place(&self, address: &Address) -> Later<Holds> {
        self.fact(address, Fact::InPlace)
    }

    fn fact(&self, address: &Address, fact: Fact) -> Later<Holds> {
        if self.plan.actions.contains_key(address) {
            Later::From(Output { of: address.clone(), what: What::Fact(fact) })
        } else {
            Later::Known(Holds)
        }
    }
}

fn id_of<T>(address: &Address) -> Later<T> {
    Later::From(Output { of: address.clone(), what: What::Id })
}

/// A value as a plan shows it: nothing for what HCP reads back as nothing.
fn shown(value: Option<&Value>) -> Shown {
    match value {
        None | Some(Value::Null) => Shown::Nothing,
        Some(Value::String(text)) if text.is_empty() => Shown::Nothing,
        Some(Value::Array(items)) if items.is_empty() => Shown::Nothing,
        Some(value) => Shown::Value(value.clone()),
    }
}
