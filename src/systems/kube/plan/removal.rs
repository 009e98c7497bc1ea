//! What is ours and is not wanted any more.

use std::collections::BTreeSet;

use super::super::labels;
use super::super::observed::Live;
use super::super::request::Call;
use super::super::wanted::Wanted;
use super::Planner;
use crate::address::Address;
use crate::plan::links::Links;
use crate::plan::{Cause, Fact, Holds, Later, Verb, Why};

/// Kinds that serve others beside us, and that hold what is theirs: they are never removed.
const SHARED: [&str; 2] = ["Namespace", "CustomResourceDefinition"];

impl Planner<'_, '_> {
    /// Pools go first: the operator has to see them out, and what they stand on goes after them.
    pub(super) fn surplus(&mut self, wanted: &[Wanted]) {
        let named: BTreeSet<Address> = wanted.iter().map(|it| self.address_of(it)).collect();
        let cluster = self.cluster;
        let ours = cluster.objects.iter().flat_map(|(kind, listing)| listing.seen().iter().map(move |it| (kind, it)));
        let mut leaving: Vec<(&str, &Live)> = ours
            .filter(|(_, live)| labels::is_ours(live, self.fleet))
            .filter(|(kind, live)| !named.contains(&self.address(kind, live.namespace.as_deref(), &live.name)))
            .map(|(kind, live)| (kind.as_str(), live))
            .collect();
        leaving.sort_by_key(|(kind, live)| (*kind != "AgentPool", kind.to_owned(), live.name.clone()));
        let mut pools = Vec::new();
        for (kind, live) in leaving {
            let address = self.address(kind, live.namespace.as_deref(), &live.name);
            if SHARED.contains(&kind) {
                self.leave(address, "serves others too, and stays: `kubectl delete` takes it away");
            } else if live.is_leaving() {
                self.wait(address.clone(), "it is being removed", "the cluster, once its finalizers are gone");
                if kind == "AgentPool" {
                    pools.push(address);
                }
            } else if kind == "AgentPool" && live.value["spec"]["deletionPolicy"] == "destroy" {
                let what = "its deletionPolicy is `destroy`: the pool in HCP and its tokens would go with it";
                self.wait(address, what, "whoever removes it by hand, or sets the policy to `retain`");
            } else {
                self.remove(address.clone(), kind, live, &pools);
                if kind == "AgentPool" {
                    pools.push(address);
                }
            }
        }
    }

    fn remove(&mut self, address: Address, kind: &str, live: &Live, pools: &[Address]) {
        let facts = pools.iter().map(|pool| Links::fact(self.plan, pool, Fact::Gone));
        let unused: Vec<Later<Holds>> = facts.filter(|fact| fact.needs().is_some()).collect();
        let why = Why { cause: Cause::Gone, origin: None };
        let call = Call::Remove {
            api_version: live.value["apiVersion"].as_str().unwrap_or_default().to_owned(),
            kind: kind.to_owned(),
            namespace: live.namespace.clone(),
            name: live.name.clone(),
            uid: live.uid.clone(),
            unused,
        };
        self.act(address, Verb::Remove, Vec::new(), why, call);
    }

    /// Pools in the same namespace that are not ours, and that the operator serves as well.
    pub(super) fn neighbours(&mut self, wanted: &[Wanted]) {
        let named: BTreeSet<&str> =
            wanted.iter().filter(|it| it.object.kind == "AgentPool").map(|it| it.object.name.as_str()).collect();
        let cluster = self.cluster;
        for live in cluster.of_kind("AgentPool") {
            if !labels::is_ours(live, self.fleet) && !named.contains(live.name.as_str()) {
                let address = self.address("AgentPool", live.namespace.as_deref(), &live.name);
                self.leave(address, "not in the spec");
            }
        }
    }
}
