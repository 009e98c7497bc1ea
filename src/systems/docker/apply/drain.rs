//! Letting an agent finish: one word, once. A second TERM would make it leave in the middle of its job.

use std::time::{Duration, SystemTime};

use bollard::query_parameters::KillContainerOptions;
use jiff::Timestamp;
use tokio::time::Instant;

use super::super::labels::{DRAINING, DRAINING_AGAIN};
use super::super::request::{Afterwards, AgentRef, Drain};
use super::Task;
use super::containers::Look;
use super::stop::Stop;
use crate::systems::hcp::observed::{Agent, AgentStatus};

/// A point in time by the clock that nobody sets, and by the one that goes on while the machine is asleep.
struct Moment(Instant, SystemTime);

impl Moment {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// The longer of both: a clock that was set makes it too long at most.
    fn elapsed(&self) -> Duration {
        let Self(instant, time) = self;
        instant.elapsed().max(time.elapsed().unwrap_or_default())
    }
}

/// When HCP had last heard of an agent as the watching of its container began.
enum Heard {
    /// Nobody had to watch: this run made the mark itself.
    Never,
    At(Option<Timestamp>),
}

impl Heard {
    fn is_before(&self, ping: Option<Timestamp>) -> bool {
        match self {
            Self::Never => true,
            Self::At(heard) => ping > *heard,
        }
    }
}

impl Task<'_> {
    /// The name that says so is the lock: one of several who ask gets it, and so with another name among those who find
    /// it. Then one TERM, and patience.
    pub(super) async fn drain(&self, drain: &Drain) -> Result<(), Stop> {
        let Drain { container, name, works_as, agent, found_marked, relieved: _, then } = drain;
        let mut marked = format!("{works_as}{DRAINING}");
        if *name == marked {
            marked = format!("{works_as}{DRAINING_AGAIN}");
        }
        let mut heard = Heard::Never;
        let mut since = Moment::now();
        if *found_marked {
            if let Some(agent) = agent {
                heard = Heard::At(self.agent(agent).await?.and_then(|agent| agent.last_ping_at));
            }
            if self.watch(container).await? {
                return self.afterwards(container, works_as, *then).await;
            }
            since = Moment::now();
        }
        self.rename_once(container, &marked).await?;
        if let Some(agent) = agent
            && let Err(stop) = self.is_idle(agent, &heard).await
        {
            if !found_marked {
                // It took a job between the look and the lock, so it keeps its name.
                self.rename(container, name).await?;
            }
            return Err(stop);
        }
        // Whoever found the mark since then has watched it and may have spoken: what was looked at is too old to act on.
        if since.elapsed() > self.writer.policy.watch / 2 {
            let cause = "too long after it was marked to ask it to finish: another run may have asked it by now";
            return Err(Stop::because(cause, "run it again: the next run watches it for a while, and goes on"));
        }
        let options = KillContainerOptions { signal: "TERM".to_owned() };
        let sent = self.engine.ask().kill_container(container, Some(options));
        let sent = self.engine.answer(format_args!("POST containers/{container}/kill?signal=TERM"), sent).await;
        if let Err(error) = sent {
            let failure = self.engine.failure("asking it to finish", &error);
            // Never again where it may have been heard: the next run watches for a while, and sees.
            if !failure.is_unheard() && failure.status() != Some(409) {
                return Err(failure.into());
            }
        }
        self.ended(container).await?;
        self.afterwards(container, works_as, *then).await
    }

    async fn rename_once(&self, container: &str, to: &str) -> Result<(), Stop> {
        let options = bollard::query_parameters::RenameContainerOptions { name: to.to_owned() };
        let renamed = self.engine.ask().rename_container(container, options);
        let renamed = self.engine.answer(format_args!("POST containers/{container}/rename?name={to}"), renamed).await;
        renamed.map_err(|error| {
            let failure = self.engine.failure("marking the container", &error);
            match failure.status() {
                Some(400 | 404 | 409) => Stop::because(
                    format!("another run is letting it finish: {failure}"),
                    "run it again when that one is done",
                ),
                _ => failure.into(),
            }
        })
    }

    /// Of one that was found with the mark nobody knows whether TERM was sent, so it is watched for longer than any
    /// request may take. True when it ended.
    async fn watch(&self, container: &str) -> Result<bool, Stop> {
        let policy = &self.writer.policy;
        let deadline = Instant::now() + policy.watch;
        loop {
            let late = Instant::now() >= deadline;
            match self.look(container).await? {
                Look::Ended(_) => return Ok(true),
                Look::Up(_) if late => return Ok(false),
                Look::Unheard(failure) if late => return Err(failure.into()),
                Look::Up(_) | Look::Unheard(_) => {}
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
    }

    async fn agent(&self, agent: &AgentRef) -> Result<Option<Agent>, Stop> {
        let AgentRef { pool, name } = agent;
        let agents = self.writer.agents.named(pool, name).await.map_err(|cause| {
            Stop::because(format!("whether its agent {name} has a job could not be read: {cause}"), "run it again")
        })?;
        Ok(agents.into_iter().next())
    }

    /// HCP lists the agent idle, or a complete list lacks it. `heard`: when HCP had heard of it as the watching began. An
    /// idle agent that got a TERM would have left, so one that HCP heard of since then got none.
    async fn is_idle(&self, agent: &AgentRef, heard: &Heard) -> Result<(), Stop> {
        let name = &agent.name;
        let policy = &self.writer.policy;
        let deadline = Instant::now() + policy.patience;
        loop {
            let Some(found) = self.agent(agent).await? else { return Ok(()) };
            let again = "run it again when the job is done; nothing was stopped";
            match &found.status {
                AgentStatus::Errored | AgentStatus::Exited => return Ok(()),
                AgentStatus::Idle if heard.is_before(found.last_ping_at) => return Ok(()),
                AgentStatus::Idle if Instant::now() < deadline => {}
                AgentStatus::Idle => {
                    let cause =
                        format!("its agent {name} is idle, and HCP has not heard of it since the mark was seen");
                    return Err(Stop::because(cause, "run it again"));
                }
                AgentStatus::Busy => return Err(Stop::because(format!("its agent {name} has a job now"), again)),
                AgentStatus::Unknown | AgentStatus::Other(_) => {
                    let cause = format!("its agent {name} is {}: it may have a job", found.status.word());
                    return Err(Stop::because(cause, again));
                }
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
    }

    async fn ended(&self, container: &str) -> Result<(), Stop> {
        let policy = &self.writer.policy;
        let deadline = Instant::now() + policy.patience;
        loop {
            let late = Instant::now() >= deadline;
            match self.look(container).await? {
                Look::Ended(_) => return Ok(()),
                Look::Unheard(failure) if late => return Err(failure.into()),
                Look::Up(_) if late => {
                    return Err(Stop::because(
                        format!("it was asked to finish and has not within {:?}", policy.patience),
                        "run it again: what is under way is left to finish, and is not asked twice",
                    ));
                }
                Look::Up(_) | Look::Unheard(_) => {}
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
    }

    async fn afterwards(&self, container: &str, works_as: &str, then: Afterwards) -> Result<(), Stop> {
        match then {
            Afterwards::Rests => self.rename(container, works_as).await,
            Afterwards::Goes => Ok(()),
        }
    }
}
