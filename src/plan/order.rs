//! The order of a plan's actions, read off what their requests take from each other.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::address::Address;

/// Actions that wait for each other in a ring: a bug of a planner, found before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("actions wait for each other: {}", self.0.iter().map(Address::as_str).collect::<Vec<_>>().join(", "))]
pub struct Cycle(pub Vec<Address>);

/// For each action the actions of the same plan that have to succeed before it.
#[must_use]
pub fn edges(plan: &Plan) -> BTreeMap<&Address, BTreeSet<&Address>> {
    plan.actions
        .iter()
        .map(|(address, action)| {
            let before = action
                .request
                .needs()
                .into_iter()
                .filter_map(|output| plan.actions.get_key_value(&output.of).map(|(key, _)| key))
                .collect();
            (address, before)
        })
        .collect()
}

/// The actions in an order in which they can run; those that could run at once are sorted by address.
///
/// # Errors
/// When some wait for each other.
pub fn order(plan: &Plan) -> Result<Vec<&Address>, Cycle> {
    let before = edges(plan);
    let mut open: BTreeMap<&Address, usize> = before.iter().map(|(address, needs)| (*address, needs.len())).collect();
    let mut after: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    for (address, needs) in &before {
        for need in needs {
            after.entry(need).or_default().push(address);
        }
    }
    let mut ready: BTreeSet<&Address> =
        open.iter().filter(|(_, needs)| **needs == 0).map(|(address, _)| *address).collect();
    let mut sorted = Vec::with_capacity(open.len());
    while let Some(address) = ready.pop_first() {
        open.remove(address);
        sorted.push(address);
        for next in after.get(address).into_iter().flatten() {
            if let Some(needs) = open.get_mut(next) {
                *needs -= 1;
                if *needs == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    if open.is_empty() { Ok(sorted) } else { Err(Cycle(open.into_keys().cloned().collect())) }
}
