//! What the operator makes of the pools.

use super::super::observed::Live;
use super::super::wanted::{Stage, Wanted};
use super::Planner;
use crate::plan::Rule;

impl Planner<'_, '_> {
    pub(super) fn pools(&mut self, wanted: &[Wanted]) {
        for it in wanted.iter().filter(|it| it.stage == Stage::Pool) {
            let address = self.address_of(it);
            match self.live(it) {
                None => self.is_free(it),
                Some(live) if self.plan.actions.contains_key(&address) || pool_id(live).is_some() => {}
                Some(live) => {
                    let warning = self.cluster.warnings.get(&live.name);
                    let what = warning.map_or_else(
                        || "the operator has not made a pool of it yet".to_owned(),
                        |text| format!("the operator has not made a pool of it: {text}"),
                    );
                    self.wait(address, what, "the operator; the next run goes on");
                }
            }
        }
    }

    /// The operator makes pools and takes none over: one of that name in HCP is in its way for good.
    fn is_free(&mut self, it: &Wanted) {
        let Some(name) = it.object.value["spec"]["name"].as_str() else { return };
        let pools = self.context.observed.hcp.pools.seen();
        if pools.iter().any(|pool| pool.name == name) {
            let cause =
                format!("hcp/pool/{name} is there already, and the operator takes over no pool that it did not make");
            self.refuse(Rule::NameTaken, self.address_of(it), cause);
        }
    }
}

/// The pool that the operator made of a resource, if it has caught up with it.
#[must_use]
pub fn pool_id(live: &Live) -> Option<&str> {
    let (seen, now) = (&live.status["observedGeneration"], &live.value["metadata"]["generation"]);
    let id = live.status["agentPoolID"].as_str().filter(|id| !id.is_empty())?;
    (seen.is_number() && seen == now).then_some(id)
}
