//! What has to be done to the clusters, decided from what is wanted and what was seen and from nothing else.

mod objects;
mod pools;
mod removal;
#[cfg(test)]
mod tests;

use super::desired::{Delivery, Desired, Target};
use super::observed::{Cluster, Live, Observed, Trial};
use super::request::{Call, Request};
use super::wanted::{self, Stage, Wanted};
use super::{labels, operator, target_address};
use crate::address::Address;
use crate::owner::FleetName;
use crate::plan::links::Links;
use crate::plan::{
    Action, Cause, Change, Gap, Holds, Later, Plan, Read, Refusal, Rule, Shown, Untouched, Verb, Wait, Why,
};
use crate::systems::{self, Context};

pub use self::pools::pool_id;

/// Adds to the plan what the clusters need.
pub fn plan(want: &Desired, seen: &Observed, context: &Context<'_>, plan: &mut Plan) {
    for (key, target) in &want.targets {
        match seen.clusters.get(key) {
            Some(Read::Seen(cluster)) => {
                Planner { fleet: &want.fleet, key, target, cluster, seen, context: *context, plan }.cluster();
            }
            Some(Read::Unread(gap)) => plan.gaps.push(gap.clone()),
            Some(Read::NotAsked) | None => {}
        }
    }
}

/// One pass over one cluster.
struct Planner<'a, 'p> {
    fleet: &'a FleetName,
    key: &'a str,
    target: &'a Target,
    cluster: &'a Cluster,
    seen: &'a Observed,
    context: Context<'a>,
    plan: &'p mut Plan,
}

impl<'a> Planner<'a, '_> {
    fn cluster(&mut self) {
        if !self.is_the_pinned_cluster() {
            return;
        }
        let gaps: Vec<Gap> = self.cluster.objects.values().filter_map(|listing| listing.gap().cloned()).collect();
        if !gaps.is_empty() {
            // A part of a cluster says nothing of what may be done to the rest.
            self.plan.gaps.extend(gaps);
            return;
        }
        let definitions = match &self.cluster.definitions {
            Read::Seen(definitions) => definitions.as_slice(),
            Read::Unread(gap) => {
                self.plan.gaps.push(gap.clone());
                return;
            }
            Read::NotAsked => &[],
        };
        let wanted = if self.target.absent {
            Vec::new()
        } else {
            let elsewhere = self.operator_of_others();
            let organization = &self.context.desired.hcp.organization.name;
            let of = wanted::Context { fleet: self.fleet, organization, files: &self.seen.files };
            let all = wanted::objects(&of, self.target, definitions);
            all.into_iter().filter(|it| elsewhere.is_none() || !it.stage.is_operator()).collect()
        };
        for it in &wanted {
            self.object(it, &wanted);
        }
        self.surplus(&wanted);
        self.pools(&wanted);
        self.neighbours(&wanted);
    }

    fn is_the_pinned_cluster(&mut self) -> bool {
        let uid = &self.cluster.identity.uid;
        match &self.target.kube_system_uid {
            Some(pin) if pin != uid => {
                let cause = format!("the spec pins the cluster whose kube-system is {pin}, and this one's is {uid}");
                self.refuse(Rule::WrongIdentity, target_address(self.key), cause);
                false
            }
            Some(_) | None => true,
        }
    }

    /// An operator that somebody else deploys there: it is left to them, unless it is to become ours.
    fn operator_of_others(&mut self) -> Option<&'a Live> {
        let (cluster, fleet) = (self.cluster, self.fleet);
        let theirs = cluster.of_kind("Deployment").iter().find(|live| {
            let is_operator = live.name == operator::CHART || is_an_operator(live);
            is_operator && !labels::is_ours(live, fleet) && labels::deployer(live).is_some()
        })?;
        let address = self.address("Deployment", theirs.namespace.as_deref(), &theirs.name);
        if self.context.consent.adopts(&address) {
            return None;
        }
        let deployer = labels::deployer(theirs).unwrap_or_default();
        self.leave(address, format!("the operator is deployed by {deployer}, and left to it"));
        Some(theirs)
    }

    fn address(&self, kind: &str, namespace: Option<&str>, name: &str) -> Address {
        super::object_address(self.key, kind, namespace, name)
    }

    fn address_of(&self, it: &Wanted) -> Address {
        self.address(&it.object.kind, it.object.namespace.as_deref(), &it.object.name)
    }

    fn live(&self, it: &Wanted) -> Option<&'a Live> {
        self.cluster.object(&it.object.kind, it.object.namespace.as_deref(), &it.object.name)
    }

    fn act(&mut self, address: Address, verb: Verb, changes: Vec<Change>, why: Why, call: Call) {
        match self.target.delivery {
            Delivery::Apply => {}
            Delivery::Verify => {
                return self.differs(address, verb, &changes, "it is only verified (`delivery: verify`)");
            }
            Delivery::Argocd(_) => {
                return self.differs(address, verb, &changes, "Argo CD applies it (`delivery: argocd`)");
            }
        }
        let request = systems::Request::Kube(Request { target: self.key.to_owned(), call });
        self.plan.actions.insert(address, Action { verb, changes, why, request });
    }

    /// Says what would be done where nothing is.
    fn differs(&mut self, address: Address, verb: Verb, changes: &[Change], because: &str) {
        let what = if changes.is_empty() || verb == Verb::Create {
            format!("differs from the spec: would {verb} it")
        } else {
            let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
            format!("differs from the spec in {}", fields.join(", "))
        };
        self.wait(address, what, format!("whoever owns it: here {because}"));
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

    /// The reason of something that follows from the target's entry in the spec.
    fn why(&self, cause: Cause) -> Why {
        let origin = self.context.desired.origins.of(&target_address(self.key), "").cloned();
        Why { cause, origin }
    }

    /// The proof that what an object stands on is in place, for each of it that this plan still has to make.
    fn ready(&self, stage: Stage, wanted: &[Wanted]) -> Vec<Later<Holds>> {
        let before = wanted.iter().filter(|it| stage.stands_on(it.stage));
        let facts = before.map(|it| Links::fact(self.plan, &self.address_of(it), crate::plan::Fact::InPlace));
        facts.filter(|fact| fact.needs().is_some()).collect()
    }

    fn trial(&self, it: &Wanted) -> Option<&'a Trial> {
        self.cluster.trials.get(&it.object.to_string())
    }
}

/// An operator for HCP Terraform by any name: its container runs `/manager` of the image that everybody has of it.
fn is_an_operator(live: &Live) -> bool {
    let containers = live.value["spec"]["template"]["spec"]["containers"].as_array();
    containers
        .into_iter()
        .flatten()
        .any(|container| container["image"].as_str().is_some_and(|image| image.contains("hcp-terraform-operator")))
}

fn change(field: &str, old: Shown, new: Shown, why: &Why) -> Change {
    Change { field: field.to_owned(), old, new, why: why.clone() }
}
