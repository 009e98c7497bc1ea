//! Agents that we run: their tokens, they themselves, and the runs that want them. A request each for a pool, and one
//! for all runs: none for an agent.

use super::super::client::List;
use super::super::observed::{Job, Pool};
use super::super::wire::Unrelated;
use super::super::wire::agent::{self, AgentAttributes, RunRelations, TokenAttributes};
use super::super::wire::workspace::RunAttributes;
use super::super::{PoolId, pool_address};
use super::gaps::Reading;
use super::{Look, read};
use crate::address::Address;
use crate::http::path;
use crate::plan::{Gap, Listing, Read};

const PERMISSION: &str = "reading it takes the permission \"Manage agent pools\", or a token of the owners";

/// Reads what a pool holds that we run. One of a name that the spec has no more may still hold tokens of ours, so where
/// the fleet runs agents at all, those that the spec does not name are looked at too.
pub(super) async fn complete(look: Look<'_>, pools: &mut Listing<Pool>) {
    if !look.runs_agents() {
        return;
    }
    let each = pools.seen_mut().iter_mut().filter(|pool| look.may_run(pool)).map(|pool| async move {
        let address = pool_address(&pool.name);
        let PoolId(id) = pool.id.clone();
        let (tokens, live) = tokio::join!(tokens(look, &id, &address), live(look, &id, &address));
        pool.tokens = read(tokens);
        pool.live = read(live);
    });
    futures::future::join_all(each).await;
}

async fn tokens(look: Look<'_>, id: &str, address: &Address) -> Result<Vec<super::super::observed::Token>, Gap> {
    let path = path(&["agent-pools", id, "authentication-tokens"]);
    let list = List { path: &path, include: &[], filter: &[], paged: true, sorted: false };
    let reading = Reading {
        address: address.within(["token"]),
        doing: "reading its tokens",
        follows: "none is minted or revoked there",
        permission: Some(PERMISSION),
    };
    let listed = look.reader.list::<TokenAttributes, Unrelated>(&list).await;
    let tokens = listed.complete().map_err(|trouble| reading.gap(&trouble))?;
    Ok(tokens.into_iter().map(agent::token).collect())
}

/// Agents on demand leave many rows behind them, so only those are asked for that can still matter.
async fn live(look: Look<'_>, id: &str, address: &Address) -> Result<Vec<super::super::observed::Agent>, Gap> {
    let path = path(&["agent-pools", id, "agents"]);
    let since = look.reader.transport().first_date().map(|now| now - jiff::SignedDuration::from_hours(1));
    let since = since.map(|since| since.to_string()).unwrap_or_default();
    let filter = [("filter[last-ping-since]", since.as_str())];
    let filter = if since.is_empty() { &[][..] } else { &filter[..] };
    let list = List { path: &path, include: &[], filter, paged: true, sorted: false };
    let reading = Reading {
        address: address.within(["agent"]),
        doing: "reading its agents",
        follows: "none is started or stopped",
        permission: Some(PERMISSION),
    };
    let listed = look.reader.list::<AgentAttributes, Unrelated>(&list).await;
    let agents = listed.complete().map_err(|trouble| reading.gap(&trouble))?;
    Ok(agents.into_iter().map(agent::agent).collect())
}

/// The runs that want an agent of a pool that we run, or have one: the query of HashiCorp's own operator
/// (`hashicorp/hcp-terraform-operator` v2.12.0, `agentpool_controller_autoscaling.go`).
pub(super) async fn jobs(look: Look<'_>) -> Read<Vec<Job>> {
    let mut names: Vec<&str> = Vec::new();
    for (name, pool) in look.want.pools.iter().filter(|(_, pool)| pool.run_by_us) {
        names.push(name);
        names.extend(pool.was.as_deref());
    }
    if names.is_empty() {
        return Read::NotAsked;
    }
    let names = names.join(",");
    let filter = [("filter[agent_pool_names]", names.as_str()), ("filter[status_group]", "non_final")];
    let path = look.reader.within(&["runs"]);
    let list = List { path: &path, include: &[], filter: &filter, paged: true, sorted: false };
    let reading = Reading {
        address: Address::new(["hcp", "run"]),
        doing: "reading which runs want an agent",
        follows: "no agent is started or stopped on demand",
        permission: None,
    };
    let listed = look.reader.list::<RunAttributes, RunRelations>(&list).await;
    read(
        listed
            .complete()
            .map(|runs| runs.into_iter().map(agent::job).collect())
            .map_err(|trouble| reading.gap(&trouble)),
    )
}

impl Look<'_> {
    fn runs_agents(&self) -> bool {
        self.want.runs_agents || self.want.pools.values().any(|pool| pool.run_by_us)
    }

    fn may_run(&self, pool: &Pool) -> bool {
        let was = |other: &super::super::desired::Pool| other.was.as_deref() == Some(pool.name.as_str());
        match self.want.pools.get(&pool.name) {
            Some(wanted) => wanted.run_by_us,
            None => self.want.pools.values().find(|other| was(other)).is_none_or(|wanted| wanted.run_by_us),
        }
    }
}
