//! One place for an agent after the other: who has its name, who is about to have it, who is about to lose it.
//!
//! A container works under a fixed name. One that takes its place is made as `NAME-next`; one that is let finish is
//! `NAME-draining`, or `NAME-draining-again` where somebody else has taken that over. Each of these names is a lock, for an
//! engine gives a name to one of several who ask. Wherever a run is stopped, the names say what is left to do.

use super::super::desired::Service;
use super::super::labels;
use super::super::observed::{Complaint, Container};
use super::super::request::{Afterwards, AgentRef, Call, Drain, NewContainer, Registration};
use super::blueprint::Blueprint;
use super::demand::Wish;
use super::{Planner, change, id_of};
use crate::address::Address;
use crate::plan::links::{Held, Presence, Witness};
use crate::plan::{Cause, Change, Fact, Holds, Later, Output, Rule, Shown, Verb, What, Why};
use crate::systems::hcp::observed::AgentStatus;
use crate::systems::hcp::{PoolId, pool_address, token_address};

/// A place for an agent, and who is in it.
pub(super) struct Slot<'a> {
    pub(super) key: &'a str,
    pub(super) service: &'a Service,
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) address: Address,
    pub(super) live: Option<&'a Container>,
    pub(super) next: Option<&'a Container>,
    pub(super) draining: Option<&'a Container>,
}

/// Why a container is not what it should be.
pub(super) struct Misfit(Vec<Change>);

impl<'a> Planner<'a, '_> {
    pub(super) fn service(&mut self, key: &str) {
        let Some((key, service)) = self.target.services.get_key_value(key) else { return };
        if self.links.pool(&service.pool).is_some_and(|pool| pool.tokens.seen().is_none()) {
            // The gap is in the plan already.
            return;
        }
        self.remarks(service);
        let mut slots = Vec::new();
        for number in 1..=service.max {
            if let Some(slot) = self.slot_of(key, service, number) {
                slots.push(slot);
            }
        }
        if !slots.is_empty() {
            self.network();
        }
        let wishes = self.wishes(service, &slots);
        for (slot, wish) in slots.iter().zip(wishes) {
            self.slot(slot, &wish);
        }
    }

    /// A place and who is in it, unless somebody else's container has one of its names.
    fn slot_of(&mut self, key: &'a str, service: &'a Service, number: u32) -> Option<Slot<'a>> {
        let name = self.target.container(key, number);
        let address = self.container_address(&name);
        let mut found = [None; 4];
        let ends = ["", labels::NEXT, labels::DRAINING, labels::DRAINING_AGAIN];
        for (place, end) in found.iter_mut().zip(ends) {
            let full = format!("{name}{end}");
            let Some(container) = self.host.container(&full) else { continue };
            let ours = labels::is_ours(&container.labels, self.fleet)
                && container.label(labels::PROJECT) == Some(&self.target.project);
            if !ours {
                let cause = format!("the container {full} exists and does not carry this fleet's label");
                self.refuse(Rule::NameTaken, address, cause);
                return None;
            }
            *place = Some(container);
        }
        let [live, next, draining, again] = found;
        let draining = draining.or(again);
        Some(Slot { key, service, number, name, address, live, next, draining })
    }

    fn slot(&mut self, slot: &Slot<'a>, wish: &Wish) {
        let blueprint = match self.blueprint(slot.service, slot.number) {
            Ok(blueprint) => self.as_rotated(slot, blueprint),
            Err(gap) => {
                self.unread(&slot.address, &gap, "not made, not replaced");
                // What is there works as it did: files that cannot be read here keep no run waiting.
                if let (Some(live), None, None) = (slot.live, slot.next, slot.draining) {
                    self.keep(slot, live, wish);
                }
                return;
            }
        };
        let free = match slot.draining {
            Some(marked) => match self.marked(slot, marked, &blueprint, wish) {
                Some(free) => free,
                None => return,
            },
            None => Vec::new(),
        };
        match (slot.live, slot.next) {
            (None, Some(next)) if next.state.is_up() || self.misfit(slot, next, &blueprint).is_none() => {
                self.promote(slot, next, free, wish);
            }
            (None, next) => self.create(slot, next, &blueprint, free, wish),
            (Some(live), next) => match self.misfit(slot, live, &blueprint).or_else(|| self.rotation(slot)) {
                None => {
                    self.discard(slot, next);
                    self.keep(slot, live, wish);
                }
                Some(misfit) => self.replace(slot, (live, misfit), next, &blueprint, wish),
            },
        }
    }

    /// A rotation stays with the image that is there: a token that leaked is not to wait for one that cannot be pulled.
    fn as_rotated(&self, slot: &Slot<'a>, blueprint: Blueprint) -> Blueprint {
        let image = slot.live.filter(|_| self.context.consent.rotates(&slot.address)).map(|live| live.image.parse());
        match image {
            Some(Ok(image)) => Blueprint { image, ..blueprint },
            Some(Err(_)) | None => blueprint,
        }
    }

    /// One that was found with the mark of a drain: it is watched, and then rests under its name again or goes. What is
    /// given back is when its place is free; nothing where it is still held.
    fn marked(
        &mut self,
        slot: &Slot<'a>,
        marked: &'a Container,
        blueprint: &Blueprint,
        wish: &Wish,
    ) -> Option<Vec<Later<Holds>>> {
        let stays = slot.live.is_none() && slot.next.is_none() && self.misfit(slot, marked, blueprint).is_none();
        let why = Why { cause: Cause::Because("somebody began to let it finish".to_owned()), origin: None };
        let mut ended = Vec::new();
        if marked.state.is_up() {
            if !self.may_stop(marked, &slot.address) {
                return None;
            }
            let then = if stays { Afterwards::Rests } else { Afterwards::Goes };
            let at = slot.address.within(["drain"]);
            self.drain(at.clone(), &slot.name, marked, (true, Vec::new(), then), why.clone());
            ended.push(self.fact(&at, Fact::Gone));
        } else if stays {
            let shown = change("name", Shown::text(&marked.name), Shown::text(&slot.name), &why);
            let call =
                Call::Rename { container: Later::Known(marked.id.clone()), to: slot.name.clone(), free: Vec::new() };
            self.act(slot.address.clone(), Verb::Change, vec![shown], why, call);
        }
        if stays {
            let ready = if ended.is_empty() { vec![self.fact(&slot.address, Fact::InPlace)] } else { ended };
            self.start(slot, (Later::Known(marked.id.clone()), marked.label(labels::TOKEN)), ready, wish);
            return None;
        }
        Some(vec![self.take_away(&slot.address.within(["old"]), marked, ended)])
    }

    /// Takes the name that nobody has for the one that waits for it.
    fn promote(&mut self, slot: &Slot<'a>, next: &'a Container, free: Vec<Later<Holds>>, wish: &Wish) {
        let why = Why { cause: Cause::Because("a run was stopped before it got its name".to_owned()), origin: None };
        let shown = change("name", Shown::text(&next.name), Shown::text(&slot.name), &why);
        let id = Later::Known(next.id.clone());
        let call = Call::Rename { container: id.clone(), to: slot.name.clone(), free };
        self.act(slot.address.clone(), Verb::Change, vec![shown], why, call);
        if !next.state.is_up() {
            let ready = vec![self.fact(&slot.address, Fact::InPlace)];
            self.start(slot, (id, next.label(labels::TOKEN)), ready, wish);
        }
    }

    fn create(
        &mut self,
        slot: &Slot<'a>,
        stale: Option<&'a Container>,
        blueprint: &Blueprint,
        mut free: Vec<Later<Holds>>,
        wish: &Wish,
    ) {
        let why = self.why(Cause::Spec, &pool_address(&slot.service.pool), "");
        if let Some(stale) = stale {
            free.push(self.take_away(&slot.address.within(["stale"]), stale, Vec::new()));
        }
        let changes = described(slot, blueprint, &why);
        if self.make(slot, (&slot.name, slot.address.clone()), blueprint, (free, changes, why)) {
            let ready = Vec::new();
            self.start(slot, (id_of(&slot.address), None), ready, wish);
        }
    }

    /// Plans a container with a token of its own; false where it cannot be, or the token has to wait.
    fn make(
        &mut self,
        slot: &Slot<'a>,
        (name, address): (&str, Address),
        blueprint: &Blueprint,
        (free, changes, why): (Vec<Later<Holds>>, Vec<Change>, Why),
    ) -> bool {
        let pool = slot.service.pool.as_str();
        if self.target.verify {
            self.wait(address, "is not there", "whoever owns it: here it is only verified (`delivery: verify`)");
            return false;
        }
        let Some(filled) = self.volumes(&slot.address, blueprint, pool) else { return false };
        let pulled = self.image(&blueprint.image, pool);
        let connected = self.network();
        let mut ready = vec![pulled.clone()];
        ready.extend(connected.iter().chain(&filled).chain(&free).cloned());
        let consumer = super::receivers::consumer(self.key, &slot.name);
        let token = match self.links.mint(self.plan, (pool, &consumer), ready, self.receivers, &why) {
            Ok(token) => token,
            Err(Held { what, until }) => {
                self.wait(slot.address.clone(), what, until);
                return false;
            }
        };
        let new = NewContainer {
            name: name.to_owned(),
            works_as: slot.name.clone(),
            image: blueprint.image.clone(),
            pulled,
            labels: self.labels(slot.key, slot.number, pool, blueprint),
            environment: blueprint.environment.clone(),
            token,
            network: blueprint.network.clone(),
            connected,
            mounts: blueprint.mounts.clone(),
            filled,
            free,
            always: blueprint.always,
            stop_timeout: blueprint.stop_timeout,
            memory: blueprint.memory,
            millicpus: blueprint.millicpus,
            log: blueprint.log.clone(),
        };
        self.act(address, Verb::Create, changes, why, Call::CreateContainer(Box::new(new)));
        true
    }

    /// One that is as it should be runs or rests, as is wanted.
    fn keep(&mut self, slot: &Slot<'a>, live: &'a Container, wish: &Wish) {
        match wish {
            Wish::Run(_) if !live.state.is_up() => {
                self.start(slot, (Later::Known(live.id.clone()), live.label(labels::TOKEN)), Vec::new(), wish);
            }
            Wish::Run(_) | Wish::Stay if live.complaint.is_some() => self.silent(slot, live),
            Wish::Rest if live.state.is_up() => {
                let why = Why { cause: Cause::Because("no run wants it".to_owned()), origin: None };
                self.drain(
                    slot.address.within(["drain"]),
                    &slot.name,
                    live,
                    (false, Vec::new(), Afterwards::Rests),
                    why,
                );
            }
            Wish::Run(_) | Wish::Rest | Wish::Stay => {}
        }
    }

    /// One that runs, and whose agent HCP does not list.
    fn silent(&mut self, slot: &Slot<'a>, live: &'a Container) {
        let Some(Complaint { reason, said }) = &live.complaint else { return };
        let (name, state) = (live.agent_name().unwrap_or_default(), live.state.word());
        let Some(holders) = self.full() else {
            let what = format!("its agent {name} is not in HCP; it is {state}, and says: {said}");
            self.wait(slot.address.clone(), what, reason.remedy());
            return;
        };
        // Whatever it says: HCP takes no more of them.
        if self.forget_one().is_none() {
            let what = format!(
                "its agent {name} is not in HCP, which takes no more: {holders}; it is {state}, and says: {said}"
            );
            let until = self.until_a_slot_is_free();
            self.wait(slot.address.clone(), what, until);
        }
    }

    fn replace(
        &mut self,
        slot: &Slot<'a>,
        (live, Misfit(changes)): (&'a Container, Misfit),
        next: Option<&'a Container>,
        blueprint: &Blueprint,
        wish: &Wish,
    ) {
        if self.target.verify {
            self.differs(slot.address.clone(), Verb::Replace, &changes);
            return;
        }
        let up = live.state.is_up();
        if up && !self.may_stop(live, &slot.address) {
            return;
        }
        let why =
            changes.first().map_or_else(|| Why { cause: Cause::Differs, origin: None }, |change| change.why.clone());
        let usable = next.filter(|next| self.misfit(slot, next, blueprint).is_none());
        let has_room = self.links.holders().is_some_and(|(used, _)| used < self.links.ceiling());
        if up
            && has_room
            && let Some(next) = usable.filter(|next| next.complaint.is_some())
        {
            // It runs and does not come to HCP, and not for want of a slot: the one that does stays.
            self.silent(slot, next);
            return;
        }
        let id = if let Some(next) = usable {
            Later::Known(next.id.clone())
        } else {
            let at = slot.address.within(["next"]);
            if let Some(stale) = next.filter(|stale| stale.state.is_up()) {
                // Whoever made it may be at work on it: one that runs is let finish, and the next run goes on.
                if self.may_stop(stale, &at) {
                    let then = (false, Vec::new(), Afterwards::Goes);
                    self.drain(slot.address.within(["drain"]), &slot.name, stale, then, why);
                }
                return;
            }
            let stale = next.map(|stale| self.take_away(&slot.address.within(["stale"]), stale, Vec::new()));
            let free = stale.into_iter().collect();
            let takes_over = Why { cause: Cause::Because("takes its place".to_owned()), origin: None };
            let name = format!("{}{}", slot.name, labels::NEXT);
            if !self.make(slot, (&name, at.clone()), blueprint, (free, Vec::new(), takes_over)) {
                return;
            }
            id_of(&at)
        };
        let token = usable.and_then(|next| next.label(labels::TOKEN));
        let runs = up || matches!(wish, Wish::Run(_));
        let before_up = usable.is_some_and(|next| next.state.is_up());
        // Nobody is sent away before the one who takes over is there.
        let made = self.fact(&slot.address.within(["next"]), Fact::InPlace);
        let mut relieved = vec![made.clone()];
        let first = up && !before_up && self.free_slots().is_some_and(|free| free > 0);
        if first {
            let at = slot.address.within(["next", "start"]);
            self.begin(at.clone(), slot, (id.clone(), token), (Vec::new(), true), &why);
            relieved.push(self.fact(&at, Fact::InPlace));
        }
        let mut ended = vec![made];
        if up {
            let at = slot.address.within(["drain"]);
            self.drain(at.clone(), &slot.name, live, (false, relieved, Afterwards::Goes), why.clone());
            ended.push(self.fact(&at, Fact::Gone));
        }
        let gone = self.take_away(&slot.address.within(["old"]), live, ended);
        let call = Call::Rename { container: id.clone(), to: slot.name.clone(), free: vec![gone] };
        self.act(slot.address.clone(), Verb::Replace, changes, why.clone(), call);
        if runs && !first && !before_up {
            let ready = vec![self.fact(&slot.address, Fact::InPlace)];
            let at = slot.address.within(["start"]);
            // The one that it replaces gave its slot of the tier back.
            let room = if up { Some(Vec::new()) } else { self.room(slot, wish) };
            if let Some(room) = room {
                let ready = ready.into_iter().chain(room).collect();
                self.begin(at, slot, (id, token), (ready, up), &why);
            }
        }
    }

    /// Removes the one that was to take over, where nothing is to be taken over.
    fn discard(&mut self, slot: &Slot<'a>, next: Option<&'a Container>) {
        let Some(next) = next else { return };
        let mut ended = Vec::new();
        if next.state.is_up() {
            if !self.may_stop(next, &slot.address.within(["next"])) {
                return;
            }
            let why = Why { cause: Cause::Because("the one that works is as it should be".to_owned()), origin: None };
            let at = slot.address.within(["next", "drain"]);
            self.drain(at.clone(), &slot.name, next, (false, Vec::new(), Afterwards::Goes), why);
            ended.push(self.fact(&at, Fact::Gone));
        }
        self.take_away(&slot.address.within(["stale"]), next, ended);
    }

    /// Removes a container that has ended, or will have by then.
    pub(super) fn take_away(&mut self, at: &Address, container: &Container, ended: Vec<Later<Holds>>) -> Later<Holds> {
        let why = Why { cause: Cause::Because("another one has its place".to_owned()), origin: None };
        let call = Call::RemoveContainer { id: container.id.clone(), ended };
        self.act(at.clone(), Verb::Remove, Vec::new(), why, call);
        if let Some(token) = container.label(labels::TOKEN).filter(|_| !self.target.verify) {
            self.receivers.leave(token, self.container_address(&container.name), at.clone());
        }
        self.fact(at, Fact::Gone)
    }

    pub(super) fn drain(
        &mut self,
        at: Address,
        works_as: &str,
        container: &Container,
        (found_marked, relieved, then): (bool, Vec<Later<Holds>>, Afterwards),
        why: Why,
    ) {
        let agent = self.agent(container).and_then(|(name, pool, _)| Some(AgentRef { pool: pool?.0.clone(), name }));
        let end = match then {
            Afterwards::Rests => "stopped",
            Afterwards::Goes => "gone",
        };
        let shown = change("state", Shown::text(container.state.word()), Shown::text(end), &why);
        let drain = Drain {
            container: container.id.clone(),
            name: container.name.clone(),
            works_as: works_as.to_owned(),
            agent,
            found_marked,
            relieved,
            then,
        };
        self.act(at, Verb::Change, vec![shown], why, Call::Drain(drain));
    }

    /// Whether an agent may be stopped now; if not, the plan says what it waits for.
    pub(super) fn may_stop(&mut self, container: &Container, at: &Address) -> bool {
        let Some((name, _, presence)) = self.agent(container) else { return true };
        let (what, until) = match presence {
            Presence::Absent => return true,
            Presence::Listed(agent) => match &agent.status {
                AgentStatus::Idle | AgentStatus::Errored | AgentStatus::Exited => return true,
                AgentStatus::Busy => {
                    (format!("its agent {name} has a job"), "the end of that job; the next apply goes on")
                }
                AgentStatus::Unknown | AgentStatus::Other(_) => (
                    format!("its agent {name} is {}, so nobody knows whether it has a job", agent.status.word()),
                    "its next word to HCP, or HCP giving it up five minutes after the last one",
                ),
            },
            Presence::Unread => (format!("what its agent {name} does could not be read"), "a run that can read it"),
        };
        self.wait(at.clone(), what, until);
        false
    }

    /// The name of a container's agent, the pool that its token is of, and what HCP says of it. `None`: it never had one.
    pub(super) fn agent(&self, container: &Container) -> Option<(String, Option<&'a PoolId>, Presence<'a>)> {
        let (name, token) = (container.agent_name()?, container.label(labels::TOKEN)?);
        let (pool, presence) = self.links.agent(token, container.label(labels::POOL).unwrap_or_default(), &name);
        Some((name, pool, presence))
    }

    /// Starts a container if it is to run and the tier has room for its agent.
    fn start(
        &mut self,
        slot: &Slot<'a>,
        container: (Later<String>, Option<&str>),
        ready: Vec<Later<Holds>>,
        wish: &Wish,
    ) {
        let Wish::Run(cause) = wish else { return };
        let why = Why { cause: cause.clone(), origin: None };
        // One that is let finish before gives its slot of the tier back.
        let relieves = slot.live.is_none() && slot.draining.is_some_and(|marked| marked.state.is_up());
        let room = if relieves { Some(Vec::new()) } else { self.room(slot, wish) };
        if let Some(room) = room {
            let ready = ready.into_iter().chain(room).collect();
            self.begin(slot.address.within(["start"]), slot, container, (ready, false), &why);
        }
    }

    fn begin(
        &mut self,
        at: Address,
        slot: &Slot<'a>,
        (container, token): (Later<String>, Option<&str>),
        (mut ready, restarts): (Vec<Later<Holds>>, bool),
        why: &Why,
    ) {
        ready.extend(self.network());
        let token = match (token, &container) {
            (Some(token), _) => Some(Later::Known(token.to_owned())),
            (None, Later::From(_)) => {
                let of = token_address(&slot.service.pool, &slot.name);
                Some(Later::From(Output { of, what: What::Id }))
            }
            (None, Later::Known(_)) => None,
        };
        let registers = token.map(|token| Registration {
            pool: self.links.pool(&slot.service.pool).map_or_else(
                || Later::From(Output { of: pool_address(&slot.service.pool), what: What::Id }),
                |pool| Later::Known(pool.id.0.clone()),
            ),
            works_as: slot.name.clone(),
            token,
        });
        let shown = change("state", Shown::text("stopped"), Shown::text("running"), why);
        self.started.push(slot.address.clone());
        let call = Call::Start { container, ready, restarts, registers };
        self.act(at, Verb::Change, vec![shown], why.clone(), call);
    }

    /// How a container differs from what it should be.
    pub(super) fn misfit(&self, slot: &Slot<'a>, container: &Container, blueprint: &Blueprint) -> Option<Misfit> {
        let pool = pool_address(&slot.service.pool);
        let mut changes = Vec::new();
        let differs =
            |field: &str, old: String, new: String, why: &Why| change(field, Shown::text(old), Shown::text(new), why);
        let spec = self.why(Cause::Spec, &pool, "image");
        let image = self.host.image(&blueprint.image);
        if container.image != blueprint.image.exact() {
            changes.push(differs("image", container.image.clone(), blueprint.image.to_string(), &spec));
        } else if image.is_some_and(|image| image.id != container.image_id) {
            let why = Why { cause: Cause::Because("its tag is another image by now".to_owned()), origin: None };
            changes.push(differs(
                "image",
                short(&container.image_id),
                short(&image.map_or_else(String::new, |image| image.id.clone())),
                &why,
            ));
        }
        let drift = Why { cause: Cause::Drift, origin: None };
        if !container.networks.contains(&blueprint.network) {
            let old = super::joined(container.networks.iter().map(String::as_str));
            changes.push(differs("network", old, blueprint.network.clone(), &drift));
        }
        changes.extend(self.other_files(&pool, container, blueprint));
        changes.extend(self.differs_inside(&pool, container, blueprint));
        if changes.is_empty() && container.label(labels::DIGEST) != Some(&blueprint.digest) {
            let why = self.why(Cause::Spec, &pool, "agents");
            changes.push(differs("settings", "as it was made".to_owned(), "as the spec says now".to_owned(), &why));
        }
        changes.extend(self.token_trouble(slot, container));
        (!changes.is_empty()).then_some(Misfit(changes))
    }

    /// Files that the container does not have, has others of, or is to have no more.
    fn other_files(&self, pool: &Address, container: &Container, blueprint: &Blueprint) -> Vec<Change> {
        let shown = |source: Option<&String>| match source {
            None => Shown::Nothing,
            Some(source) => {
                let wanted = blueprint.volumes.iter().find(|volume| volume.name == *source).map(|volume| &volume.hash);
                let volumes = self.host.volumes.seen();
                let there = || volumes.iter().find(|volume| volume.name == *source)?.labels.get(labels::CONTENT);
                let hash = wanted.or_else(there);
                Shown::text(hash.map_or_else(|| source.clone(), |hash| format!("sha256:{hash}")))
            }
        };
        let mut changes = Vec::new();
        for (purpose, path) in &blueprint.places {
            let (seen, wanted) = (container.mounts.get(path), blueprint.mounts.get(path));
            if seen != wanted {
                let cause = match (seen, wanted) {
                    (Some(_), Some(_)) => Cause::Because("these are other files".to_owned()),
                    (Some(_), None) => Cause::Gone,
                    (None, _) => Cause::Spec,
                };
                let why = self.why(cause, pool, "files");
                changes.push(change(purpose.word(), shown(seen), shown(wanted), &why));
            }
        }
        changes
    }

    /// One that is as it should be gets another token because somebody asks for that. Who was to take its place has a newer
    /// one already, so of that it is never asked.
    fn rotation(&self, slot: &Slot<'a>) -> Option<Misfit> {
        let why = Why { cause: Cause::Because("rotation was asked for".to_owned()), origin: None };
        let (old, new) = (Shown::Secret("the one that it has".to_owned()), Shown::Secret("a new one".to_owned()));
        self.context.consent.rotates(&slot.address).then(|| Misfit(vec![change("token", old, new, &why)]))
    }

    fn token_trouble(&self, slot: &Slot<'a>, container: &Container) -> Option<Change> {
        let because = |words: &str| Why { cause: Cause::Because(words.to_owned()), origin: None };
        let fresh = || Shown::Secret("a new one".to_owned());
        let pool = &slot.service.pool;
        let id = container.label(labels::TOKEN).unwrap_or_default();
        match self.links.witness(pool, id) {
            Witness::Unread => None,
            Witness::Dead => Some(change(
                "token",
                Shown::Secret("not in HCP any more".to_owned()),
                fresh(),
                &because("it was revoked"),
            )),
            Witness::Alive(token) => {
                let most = slot.service.rotate_after?;
                let age = self.links.now().duration_since(token.created_at?).as_secs();
                let due = u64::try_from(age).is_ok_and(|age| age >= most);
                let why = self.why(Cause::Because("rotation".to_owned()), &pool_address(pool), "rotateAfter");
                due.then(|| change("token", Shown::Secret("older than it may be".to_owned()), fresh(), &why))
            }
        }
    }
}

/// The first letters of an image's id.
fn short(id: &str) -> String {
    id.trim_start_matches("sha256:").chars().take(12).collect()
}

/// What is worth knowing of a container that is made.
fn described(slot: &Slot<'_>, blueprint: &Blueprint, why: &Why) -> Vec<Change> {
    let agents = if blueprint.always { "always runs" } else { "starts when a run wants it" };
    vec![
        change("image", Shown::Nothing, Shown::text(blueprint.image.to_string()), why),
        change("pool", Shown::Nothing, Shown::text(&slot.service.pool), why),
        change("agent", Shown::Nothing, Shown::text(agents), why),
    ]
}
