//! What the replacement of agents costs: how long there is one fewer.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::labels;
use super::observed::Container;
use super::request::{Call, Request};
use crate::address::Address;
use crate::plan::{Plan, Verb};
use crate::systems::hcp::pool_address;
use crate::systems::{self, Observed};

/// An agent that took longer to come was started by something else than what made its container.
const LONGEST_START: i64 = 120;

/// One agent that is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interruption {
    /// Its container.
    pub address: Address,
    /// The pool that it works for.
    pub pool: String,
    /// What that costs.
    pub cost: Cost,
    /// No other agent of its pool works meanwhile.
    pub alone: bool,
}

/// How long an agent is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cost {
    /// Not at all: the new one works before the old one leaves.
    Relieved,
    /// Not at all: it does not run.
    Resting,
    /// About so many seconds: as long as the old one took to come when it was made.
    Seconds(u32),
    /// As long as it takes to come, and nothing tells how long that is.
    Unknown,
}

/// The agents that a plan replaces, and what each costs.
#[must_use]
pub fn interruptions(plan: &Plan, seen: &Observed) -> Vec<Interruption> {
    let replaced = plan.actions.iter().filter(|(_, action)| action.verb == Verb::Replace);
    let mut found: Vec<Interruption> = replaced
        .filter_map(|(address, action)| match &action.request {
            systems::Request::Docker(Request { target, call: Call::Rename { .. } }) => {
                let host = seen.docker.hosts.get(target)?.seen()?;
                let live = host.container(&address.name())?;
                let pool = pool_of(seen, live)?.to_owned();
                let cost = cost(plan, seen, address, live);
                Some(Interruption { address: address.clone(), pool, cost, alone: false })
            }
            systems::Request::Docker(_) | systems::Request::Hcp(_) | systems::Request::Kube(_) => None,
        })
        .collect();
    let missing: BTreeSet<String> = found
        .iter()
        .filter(|it| matches!(it.cost, Cost::Seconds(_) | Cost::Unknown))
        .filter_map(|it| agent_of(seen, &it.address))
        .collect();
    for one in &mut found {
        one.alone = !agents(seen, &one.pool).any(|agent| agent.status.holds_a_slot() && !missing.contains(&agent.name));
    }
    found
}

fn cost(plan: &Plan, seen: &Observed, address: &Address, live: &Container) -> Cost {
    if plan.actions.contains_key(&address.within(["next", "start"])) {
        return Cost::Relieved;
    }
    if !plan.actions.contains_key(&address.within(["drain"])) {
        return Cost::Resting;
    }
    let came = live.agent_name().and_then(|name| {
        let pool = pool_of(seen, live)?;
        agents(seen, pool).filter(|agent| agent.name == name).filter_map(|agent| agent.created_at).min()
    });
    let took = came.zip(live.created_at).map(|(came, made)| came.duration_since(made).as_secs());
    match took.filter(|seconds| (0..=LONGEST_START).contains(seconds)).and_then(|seconds| u32::try_from(seconds).ok()) {
        Some(seconds) => Cost::Seconds(seconds.max(1)),
        None => Cost::Unknown,
    }
}

/// What the pool is called by now whose token a container holds.
fn pool_of<'a>(seen: &'a Observed, container: &'a Container) -> Option<&'a str> {
    let token = container.label(labels::TOKEN)?;
    let holds =
        |pool: &&systems::hcp::observed::Pool| pool.tokens.seen().into_iter().flatten().any(|it| it.id.0 == token);
    let found = seen.hcp.pools.seen().iter().find(holds);
    found.map(|pool| pool.name.as_str()).or_else(|| container.label(labels::POOL))
}

fn agents<'a>(seen: &'a Observed, pool: &str) -> impl Iterator<Item = &'a systems::hcp::observed::Agent> {
    let pool = seen.hcp.pools.seen().iter().find(|found| found.name == pool);
    pool.and_then(|pool| pool.live.seen()).into_iter().flatten()
}

fn agent_of(seen: &Observed, address: &Address) -> Option<String> {
    let host = seen.docker.hosts.get(address.parts().nth(1)?)?.seen()?;
    host.container(&address.name())?.agent_name()
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address: _, pool, cost, alone } = self;
        let pool = pool_address(pool);
        let with = if *alone { "without an agent" } else { "with one agent fewer" };
        let span = format!("{with} in {}, from the end of the old one to the coming of the new one", pool.in_system());
        match cost {
            Cost::Relieved => f.write_str("none: the new agent works before the old one leaves"),
            Cost::Resting => f.write_str("none: its agent does not run"),
            Cost::Seconds(seconds) => write!(f, "about {seconds} s {span}: as long as the old one took to come"),
            Cost::Unknown => write!(f, "some seconds {span}: nothing tells how many it will be"),
        }
    }
}
