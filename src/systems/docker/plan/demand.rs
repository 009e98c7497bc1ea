//! Which agents are to run at this moment: those that always do, and as many more as runs want.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::super::desired::Service;
use super::super::labels;
use super::Planner;
use super::slots::Slot;
use crate::plan::links::{Demand, Presence};
use crate::plan::{Action, Cause, Fact, Holds, Later, Read, Verb, Why};
use crate::systems;
use crate::systems::hcp::agent_address;
use crate::systems::hcp::observed::AgentStatus;
use crate::systems::hcp::request::Request;

/// What is wanted of one agent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// It runs, for this reason.
    Run(Cause),
    /// It rests.
    Rest,
    /// It goes on doing what it does.
    Stay,
}

impl<'a> Planner<'a, '_> {
    /// What is wanted of each place of a service.
    pub(super) fn wishes(&mut self, service: &'a Service, slots: &[Slot<'a>]) -> Vec<Wish> {
        let mut wishes: Vec<Wish> = slots
            .iter()
            .map(|slot| {
                if slot.number <= service.min {
                    Wish::Run(Cause::Because("it always runs".to_owned()))
                } else {
                    Wish::Stay
                }
            })
            .collect();
        let Some(Demand { agents, runs }) = self.links.demand(&service.pool) else {
            return wishes;
        };
        let needed = usize::try_from(agents.max(service.min).min(service.max)).unwrap_or(usize::MAX);
        let up = |slot: &Slot<'_>| [slot.live, slot.next].into_iter().flatten().any(|it| it.state.is_up());
        let at_work = |wishes: &[Wish]| {
            slots.iter().zip(wishes).filter(|(slot, wish)| matches!(wish, Wish::Run(_)) || up(slot)).count()
        };
        for n in 0..slots.len() {
            if at_work(&wishes) >= needed {
                break;
            }
            if let (Some(slot), Some(wish)) = (slots.get(n), wishes.get_mut(n))
                && *wish == Wish::Stay
                && !up(slot)
            {
                *wish = Wish::Run(Cause::Because(wanted_by(&runs)));
            }
        }
        let mut surplus = at_work(&wishes).saturating_sub(needed);
        for n in (0..slots.len()).rev() {
            if surplus == 0 {
                break;
            }
            if let (Some(slot), Some(wish)) = (slots.get(n), wishes.get_mut(n))
                && *wish == Wish::Stay
                && up(slot)
            {
                surplus -= 1;
                if self.has_cooled_down(service, slot) {
                    *wish = Wish::Rest;
                }
            }
        }
        wishes
    }

    /// An idle agent is stopped when nothing came for a while after its last job, and after its own coming.
    fn has_cooled_down(&mut self, service: &Service, slot: &Slot<'a>) -> bool {
        let Some((_, _, Presence::Listed(agent))) = slot.live.and_then(|live| self.agent(live)) else { return false };
        if agent.status != AgentStatus::Idle {
            return false;
        }
        let Some(since) = agent.created_at.max(self.links.last_work(&service.pool)) else { return false };
        let cooldown = SignedDuration::from_secs(i64::try_from(service.cooldown_down).unwrap_or(i64::MAX));
        let rested = self.links.now().duration_since(since);
        if rested < cooldown {
            let end = since.checked_add(cooldown).map(|end| end.to_string()).unwrap_or_default();
            self.leave(slot.address.clone(), format!("its agent is idle, and is stopped by a run after {end}"));
            return false;
        }
        true
    }

    /// How many more agents the tier holds; `None` where that cannot be told.
    pub(super) fn free_slots(&self) -> Option<u32> {
        let (used, _) = self.links.holders()?;
        // What runs and was not heard of yet will hold one as well.
        let soon = u32::try_from(self.coming().len() + self.started.len()).unwrap_or(u32::MAX);
        Some(self.links.ceiling().saturating_sub(used).saturating_sub(soon))
    }

    /// Agents of ours on any host whose containers run, and that HCP does not list yet.
    fn coming(&self) -> BTreeSet<String> {
        let containers = self.seen.hosts.values().filter_map(Read::seen).flat_map(|host| host.containers.seen());
        containers
            .filter(|it| it.state.is_up() && labels::is_ours(&it.labels, self.fleet))
            .filter_map(|it| self.agent(it))
            .filter(|(_, _, presence)| *presence == Presence::Absent)
            .map(|(name, _, _)| name)
            .collect()
    }

    /// That the tier has room for one more agent, at once or when one that HCP lost sight of is off its list; if not, the
    /// plan says who holds it.
    pub(super) fn room(&mut self, slot: &Slot<'a>, wish: &Wish) -> Option<Vec<Later<Holds>>> {
        let Wish::Run(cause) = wish else { return None };
        if self.free_slots().is_none_or(|free| free > 0) {
            return Some(Vec::new());
        }
        if let Some(gone) = self.forget_one() {
            return Some(vec![gone]);
        }
        let why = match cause {
            Cause::Because(words) => words.as_str(),
            _ => "it is to run",
        };
        let mut holders = self.links.holders().map(|(_, holders)| holders).unwrap_or_default();
        holders.extend(self.coming().into_iter().map(|name| format!("{name} is starting")));
        holders.extend(self.started.iter().map(|of| format!("this plan starts {}", of.in_system())));
        let (ceiling, holders) = (self.links.ceiling(), holders.join(", "));
        let what = format!("{why}; the organisation may have {ceiling} at once: {holders}");
        let until = self.until_a_slot_is_free();
        self.wait(slot.address.within(["start"]), what, until);
        None
    }

    /// Who holds the organisation's slots, if they all do.
    pub(super) fn full(&self) -> Option<String> {
        let (used, holders) = self.links.holders()?;
        let ceiling = self.links.ceiling();
        (used >= ceiling).then(|| format!("it may have {ceiling} at once: {}", holders.join(", ")))
    }

    /// Who ends it that no agent can come.
    pub(super) fn until_a_slot_is_free(&self) -> String {
        match self.links.lost_agents().first() {
            Some((pool, agent)) => {
                let address = agent_address(pool, &agent.name);
                format!("HCP giving it up five minutes after its last word, or --forget '{address}' if it is gone")
            }
            None => "one of these agents stopping".to_owned(),
        }
    }

    /// Takes one agent that HCP lost sight of off its list, if that is allowed; each gives back one slot.
    pub(super) fn forget_one(&mut self) -> Option<Later<Holds>> {
        let lost = self.links.lost_agents();
        let (pool, agent) = lost.into_iter().find(|(pool, agent)| {
            let address = agent_address(pool, &agent.name);
            self.context.consent.forgets(&address) && !self.plan.actions.contains_key(&address)
        })?;
        let address = agent_address(pool, &agent.name);
        let why =
            Why { cause: Cause::Because("HCP has not heard of it, and it holds a slot".to_owned()), origin: None };
        let request = systems::Request::Hcp(Request::ForgetAgent { id: agent.id.clone() });
        let action = Action { verb: Verb::Remove, changes: Vec::new(), why, request };
        self.plan.actions.insert(address.clone(), action);
        Some(self.fact(&address, Fact::Gone))
    }
}

fn wanted_by(runs: &[String]) -> String {
    match runs {
        [] => "a run wants it".to_owned(),
        [one] => format!("{one} wants it"),
        [one, others @ ..] => format!("{one} and {} more want it", others.len()),
    }
}
