//! What crosses from one system to another: a pool's id, an agent's token, the runs that want an agent.
//!
//! The one place that sees across systems. Each answer is given once, so that every system plans by itself.
//!
//! A token has one consumer. Whoever receives it keeps its id beside the value, in the same write: that is the only record
//! of a delivery. The value is never read again, so whoever needs another container needs another token.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Action, Cause, Change, Holds, Later, Output, Plan, Read, Shown, Untouched, Verb, Wait, What, Why};
use crate::address::Address;
use crate::owner::Suffix;
use crate::systems::docker::labels;
use crate::systems::hcp::observed::{Agent, AgentStatus, Job, Mode, Pool, Token};
use crate::systems::hcp::request::Request;
use crate::systems::hcp::{self, PoolId, TokenId, pool_address, token_address};
use crate::systems::{self, hcp::desired, hcp::observed};

/// How long a token that reached nobody is left alone: longer than any run takes, by HCP's clock.
pub const GRACE: SignedDuration = SignedDuration::from_mins(60);

/// Tokens that may be on their way to one consumer at a time.
const MOST_ADRIFT: usize = 2;

/// What HCP wants and shows, for the systems beside it.
#[derive(Debug)]
pub struct Links<'a> {
    want: &'a desired::Desired,
    seen: &'a observed::Observed,
    mark: Suffix,
}

/// What became of a token that a receiver names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Witness<'a> {
    /// HCP still lists it.
    Alive(&'a Token),
    /// A complete list lacks it.
    Dead,
    /// The list could not be read.
    Unread,
}

/// What HCP says of an agent of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence<'a> {
    /// It is listed; of several of that name the youngest.
    Listed(&'a Agent),
    /// A complete list lacks it.
    Absent,
    /// The list could not be read.
    Unread,
}

/// What a pool asks for at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How many agents its runs want.
    pub agents: u32,
    /// Those runs.
    pub runs: Vec<String>,
}

/// Why no token is minted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What is waited for.
    pub what: String,
    /// Who ends it.
    pub until: String,
}

/// What holds tokens of ours, read off the receivers.
#[derive(Debug, Default)]
pub struct Receivers {
    /// For each token's id, who holds it, and the action that takes the holder away, if this plan has one.
    witnessed: BTreeMap<String, BTreeMap<Address, Option<Address>>>,
    /// All targets of the spec.
    targets: BTreeSet<String>,
    /// Targets all of whose receivers were seen, and how sure it is that these are theirs.
    pub complete: BTreeMap<String, Identity>,
    /// Consumers that the spec has or that were seen, with whatever token.
    pub consumers: BTreeSet<String>,
}

/// Whether a machine that was looked at is the one that a target is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The spec says so, or whoever runs this.
    Said,
    /// It answers where that one is looked for.
    Assumed,
}

impl<'a> Links<'a> {
    /// From HCP's part of the spec and of what was seen.
    #[must_use]
    pub fn new(want: &'a desired::Desired, seen: &'a observed::Observed) -> Self {
        Self { want, seen, mark: Suffix::description(&want.fleet) }
    }

    /// HCP's clock in its first answer.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.seen.now
    }

    /// A pool as it was seen, by its name or by the one it had.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&'a Pool> {
        let was = self.want.pools.get(name).and_then(|pool| pool.was.as_deref());
        let pools = self.seen.pools.seen();
        let named = |name: &str| pools.iter().find(|pool| pool.name == name);
        named(name).or_else(|| was.and_then(named))
    }

    /// A pool's id, or the action that makes it.
    fn pool_id(&self, name: &str, plan: &Plan) -> Option<Later<PoolId>> {
        if let Some(pool) = self.pool(name) {
            return Some(Later::Known(pool.id.clone()));
        }
        let of = pool_address(name);
        let made = plan.actions.get(&of).is_some_and(|action| action.verb == Verb::Create);
        made.then_some(Later::From(Output { of, what: What::Id }))
    }

    /// What became of a token that a receiver of a pool's names.
    #[must_use]
    pub fn witness(&self, pool: &str, token: &str) -> Witness<'a> {
        let Some(pool) = self.pool(pool) else {
            return if self.seen.pools.gap().is_some() { Witness::Unread } else { Witness::Dead };
        };
        match pool.tokens.seen() {
            Some(tokens) => match tokens.iter().find(|found| found.id.0 == token) {
                Some(found) => Witness::Alive(found),
                None => Witness::Dead,
            },
            None => Witness::Unread,
        }
    }

    /// What HCP says of the agent of this name that came with this token, and the id of the pool that the token is of. The
    /// token tells the pool: what that is called, and which one the spec means by now, may have changed since. `was` is
    /// what it was called when the container was made.
    #[must_use]
    pub fn agent(&self, token: &str, was: &str, name: &str) -> (Option<&'a PoolId>, Presence<'a>) {
        let pools = self.seen.pools.seen();
        let live = pools.iter().flat_map(|pool| pool.live.seen().into_iter().flatten().map(move |agent| (pool, agent)));
        let named = live.filter(|(_, agent)| agent.name == name).max_by_key(|(_, agent)| agent.created_at);
        if let Some((pool, agent)) = named {
            return (Some(&pool.id), Presence::Listed(agent));
        }
        let holds = |pool: &&Pool| pool.tokens.seen().into_iter().flatten().any(|found| found.id.0 == token);
        if let Some(pool) = pools.iter().find(holds) {
            let presence = if pool.live.seen().is_some() { Presence::Absent } else { Presence::Unread };
            return (Some(&pool.id), presence);
        }
        let unread = |pool: &Pool| {
            let asked = !matches!((&pool.tokens, &pool.live), (Read::NotAsked, _) | (_, Read::NotAsked));
            pool.tokens.gap().is_some() || pool.live.gap().is_some() || (!asked && pool.name == was)
        };
        let unknown = self.seen.pools.gap().is_some() || pools.iter().any(unread);
        (None, if unknown { Presence::Unread } else { Presence::Absent })
    }

    /// How many agents the runs of a pool want now; `None` where that could not be read.
    #[must_use]
    pub fn demand(&self, pool: &str) -> Option<Demand> {
        let jobs = self.seen.jobs.seen()?;
        let Some(pool) = self.pool(pool) else {
            return Some(Demand { agents: 0, runs: Vec::new() });
        };
        let here = self.workspaces_on(&pool.id);
        let mine = |job: &&Job| job.workspace.as_ref().is_some_and(|id| here.contains(id)) && job.wants_an_agent();
        let jobs: Vec<&Job> = jobs.iter().filter(mine).collect();
        // Runs of one workspace come one after the other, but for those that only plan.
        let applying: BTreeSet<_> = jobs.iter().filter(|job| !job.plan_only).map(|job| &job.workspace).collect();
        let planning = jobs.iter().filter(|job| job.plan_only).count();
        Some(Demand {
            agents: u32::try_from(applying.len() + planning).unwrap_or(u32::MAX),
            runs: jobs.iter().map(|job| job.id.0.clone()).collect(),
        })
    }

    fn workspaces_on(&self, pool: &PoolId) -> BTreeSet<&hcp::WorkspaceId> {
        let on = |mode: &Mode| matches!(mode, Mode::Agent(Some(id)) if id == pool);
        self.seen.workspaces.seen().iter().filter(|it| on(&it.placement.mode)).map(|it| &it.id).collect()
    }

    /// When a run of the pool's came to rest last.
    #[must_use]
    pub fn last_work(&self, pool: &str) -> Option<Timestamp> {
        let here = self.workspaces_on(&self.pool(pool)?.id);
        let runs = self.seen.workspaces.seen().iter().filter(|it| here.contains(&it.id));
        runs.filter_map(|it| it.current_run.as_ref()?.changed_at).max()
    }

    /// How many agents the organisation may have at once.
    #[must_use]
    pub fn ceiling(&self) -> u32 {
        self.seen.organization.entitlements.agents_ceiling.unwrap_or_else(|| self.want.organization.tier.agents())
    }

    /// Agents that hold a slot now, in words for who waits for one: `1 of pool/cluster (idle)`.
    #[must_use]
    pub fn holders(&self) -> Option<(u32, Vec<String>)> {
        if self.seen.pools.gap().is_some() {
            return None;
        }
        let pools = self.seen.pools.seen();
        let used = pools.iter().map(|pool| pool.agents).fold(0, u32::saturating_add);
        let words = pools.iter().filter(|pool| pool.agents > 0).map(|pool| {
            let live = pool.live.seen().into_iter().flatten().filter(|agent| agent.status.holds_a_slot());
            let states: Vec<String> = live.map(|agent| format!("{} is {}", agent.name, agent.status.word())).collect();
            if states.is_empty() {
                format!("{} of {}", pool.agents, pool_address(&pool.name).in_system())
            } else {
                format!("{} of {} ({})", pool.agents, pool_address(&pool.name).in_system(), states.join(", "))
            }
        });
        Some((used, words.collect()))
    }

    /// Agents that hold a slot and that HCP has not heard of for a while, with their pools.
    #[must_use]
    pub fn lost_agents(&self) -> Vec<(&'a str, &'a Agent)> {
        let pools = self.seen.pools.seen().iter();
        pools
            .flat_map(|pool| {
                let live = pool.live.seen().into_iter().flatten();
                live.filter(|agent| agent.status == AgentStatus::Unknown).map(|agent| (pool.name.as_str(), agent))
            })
            .collect()
    }

    /// Plans a token for a consumer, and says where its value will come from. It is minted when all else that its receiver
    /// stands on is there.
    ///
    /// # Errors
    /// When it has to wait.
    pub fn mint(
        &self,
        plan: &mut Plan,
        (pool, consumer): (&str, &str),
        ready: Vec<Later<Holds>>,
        receivers: &Receivers,
        why: &Why,
    ) -> Result<Output, Held> {
        let Some(id) = self.pool_id(pool, plan) else {
            let what = format!("{} is not there, or could not be read", pool_address(pool));
            return Err(Held { what, until: "the run in which it is".to_owned() });
        };
        self.few_adrift(pool, consumer, receivers)?;
        let of = token_address(pool, name_of(consumer));
        let description = self.mark.put(consumer);
        let new = Shown::Secret(format!("goes into {consumer} and nowhere else"));
        let change = Change { field: "value".to_owned(), old: Shown::Nothing, new, why: why.clone() };
        let request = systems::Request::Hcp(Request::MintToken { pool: id, description, ready });
        plan.actions.insert(of.clone(), Action { verb: Verb::Mint, changes: vec![change], why: why.clone(), request });
        Ok(Output { of, what: What::Credential })
    }

    /// Not too many tokens of a consumer are held by nobody and have to be left alone yet: they are young, or nothing tells
    /// how old they are.
    fn few_adrift(&self, pool: &str, consumer: &str, receivers: &Receivers) -> Result<(), Held> {
        let tokens = self.pool(pool).and_then(|pool| pool.tokens.seen()).into_iter().flatten();
        let adrift = tokens
            .filter(|token| self.mark.take(&token.description) == Some(consumer))
            .filter(|token| !receivers.witnessed.contains_key(&token.id.0) && !self.is_old(token));
        let (dated, undated): (Vec<&Token>, Vec<&Token>) = adrift.partition(|token| token.created_at.is_some());
        let count = dated.len() + undated.len();
        if count < MOST_ADRIFT {
            return Ok(());
        }
        Err(if undated.is_empty() {
            Held {
                what: format!("{count} tokens were minted for it within the hour, and nobody holds them"),
                until: "the run in which these are an hour old and are revoked".to_owned(),
            }
        } else {
            let ids: Vec<&str> = undated.iter().map(|token| token.id.0.as_str()).collect();
            Held {
                what: format!("{count} tokens were minted for it that nobody holds, and HCP does not say when"),
                until: format!("whoever revokes {} in the settings of {}", ids.join(", "), pool_address(pool)),
            }
        })
    }

    fn is_old(&self, token: &Token) -> bool {
        token.created_at.is_some_and(|made| self.seen.now.duration_since(made) >= GRACE)
    }

    /// How many tokens of ours for consumers of a target were used by an agent.
    #[must_use]
    pub fn used(&self, target: &Address) -> usize {
        let tokens = self.seen.pools.seen().iter().filter_map(|pool| pool.tokens.seen()).flatten();
        let of_target =
            |consumer: &str| consumer.strip_prefix(target.as_str()).is_some_and(|rest| rest.starts_with('/'));
        tokens
            .filter(|token| token.last_used_at.is_some() && self.mark.take(&token.description).is_some_and(of_target))
            .count()
    }

    /// Plans that tokens of ours go which nobody holds: at once where this plan takes the holder away, and else when they
    /// are so old that nobody can be about to deliver them.
    pub fn revoke(&self, plan: &mut Plan, receivers: &Receivers) {
        for pool in self.seen.pools.seen() {
            let verify = self.want.organization.stewardship.verify
                || self.want.pools.get(&pool.name).is_some_and(|pool| pool.stewardship.verify);
            for token in pool.tokens.seen().into_iter().flatten() {
                let Some(consumer) = self.mark.take(&token.description) else { continue };
                if verify {
                    continue;
                }
                self.revoke_one(plan, pool, (token, consumer), receivers);
            }
        }
    }

    fn revoke_one(&self, plan: &mut Plan, pool: &Pool, (token, consumer): (&Token, &str), receivers: &Receivers) {
        let address = token_address(&pool.name, &token.id.0);
        let (unused, cause) = if let Some(holders) = receivers.witnessed.get(&token.id.0) {
            // A copy of a container holds the token of the first.
            let leaving: Option<Vec<&Address>> = holders.values().map(Option::as_ref).collect();
            let Some((last, _)) = leaving.as_ref().and_then(|leaving| leaving.split_last()) else { return };
            let gone = |of: &Address| Output { of: of.clone(), what: What::Fact(super::Fact::Gone) };
            let unused = leaving.iter().flatten().map(|of| Later::From(gone(of))).collect();
            (unused, Cause::Follows((*last).clone()))
        } else if let Some(identity) = receivers.identity(consumer) {
            if let Err(Held { what, until }) = self.is_done_with(pool, (token, consumer), identity, receivers) {
                plan.waits.push(Wait { address, what, until });
                return;
            }
            (Vec::new(), Cause::Because(format!("nobody holds it; it was for {consumer}")))
        } else {
            if !receivers.targets.contains(target_of(consumer)) {
                let note = format!(
                    "was made for {consumer}, and that target is not in the spec: what runs there may hold it still; \
                     `absent: true` on the target takes both away"
                );
                plan.untouched.push(Untouched { address, note });
            }
            return;
        };
        let why = Why { cause, origin: None };
        let request = systems::Request::Hcp(Request::RevokeToken { id: token.id.clone(), unused });
        plan.actions.insert(address, Action { verb: Verb::Revoke, changes: Vec::new(), why, request });
    }

    /// A token that no receiver names is held by nobody and will be by nobody. One that was used was held once: where it
    /// may still be, on a machine that was not the one looked at, its agent would be cut off in the middle of a job.
    fn is_done_with(
        &self,
        pool: &Pool,
        (token, consumer): (&Token, &str),
        identity: Identity,
        receivers: &Receivers,
    ) -> Result<(), Held> {
        let Token { id: TokenId(id), description: _, created_at, last_used_at } = token;
        let was_used = last_used_at.is_some();
        if !self.is_old(token) {
            let until = created_at.and_then(|made| made.checked_add(GRACE).ok());
            let until = until.map_or_else(
                || "whoever revokes it: HCP does not say how old it is".to_owned(),
                |at| format!("the run after {at}, which revokes it"),
            );
            let what = if was_used {
                format!("was used for {consumer}, and nothing that was seen holds it")
            } else {
                format!("was minted for {consumer} and reached nobody, or is on its way")
            };
            return Err(Held { what, until });
        }
        if !was_used {
            return Ok(());
        }
        let agent = labels::agent_name(name_of(consumer), id);
        match self.agent(id, &pool.name, &agent).1 {
            Presence::Unread => {
                let what = format!("whether its agent {agent} is at work could not be read");
                return Err(Held { what, until: "a run that can read it".to_owned() });
            }
            Presence::Listed(found) if found.status.holds_a_slot() => {
                let what =
                    format!("HCP lists the agent {agent} as {}, that nobody saw the container of", found.status.word());
                let until = "the end of that agent, or a look at the machine that it is on".to_owned();
                return Err(Held { what, until });
            }
            Presence::Listed(_) | Presence::Absent => {}
        }
        let next_was_used = pool.tokens.seen().into_iter().flatten().any(|next| {
            next.last_used_at.is_some()
                && receivers.witnessed.contains_key(&next.id.0)
                && self.mark.take(&next.description) == Some(consumer)
        });
        if identity == Identity::Said || next_was_used || !receivers.consumers.contains(consumer) {
            return Ok(());
        }
        let what = format!("was used for {consumer}, and what has its place has not been used yet");
        let until = "the run after its first use; or `identity.engineId` of the target, by which it is known that \
                     this is the host that held it";
        Err(Held { what, until: until.to_owned() })
    }

    /// A fact about an action: at once if this plan has none at that address.
    #[must_use]
    pub fn fact(plan: &Plan, of: &Address, fact: super::Fact) -> Later<Holds> {
        if plan.actions.contains_key(of) {
            Later::From(Output { of: of.clone(), what: What::Fact(fact) })
        } else {
            Later::Known(Holds)
        }
    }
}

/// The last part of a consumer's name: a pool's consumers are all on one target.
fn name_of(consumer: &str) -> &str {
    consumer.rsplit('/').next().unwrap_or(consumer)
}

/// The target that a consumer is on.
fn target_of(consumer: &str) -> &str {
    consumer.split('/').nth(1).unwrap_or_default()
}

impl Receivers {
    /// Of a fleet with these targets.
    pub fn of(targets: impl IntoIterator<Item = String>) -> Self {
        Self { targets: targets.into_iter().collect(), ..Self::default() }
    }

    /// Somebody holds a token.
    pub fn hold(&mut self, token: &str, holder: Address) {
        self.witnessed.entry(token.to_owned()).or_default().insert(holder, None);
    }

    /// An action of this plan takes the holder away.
    pub fn leave(&mut self, token: &str, holder: Address, by: Address) {
        self.witnessed.entry(token.to_owned()).or_default().insert(holder, Some(by));
    }

    /// All that could hold a token of this consumer was looked at; where its target left the spec, whatever runs there
    /// still may hold it.
    fn identity(&self, consumer: &str) -> Option<Identity> {
        self.complete.get(target_of(consumer)).copied()
    }
}
