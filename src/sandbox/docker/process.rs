//! What runs in containers: a simulated agent, or something that sleeps until it is told to end.
//!
//! The agent's exit codes and log lines are not documented; the codes and the lines here are made up in its style, its log format is
//! HashiCorp's ("Agent logging"). Documented, and kept to: one signal finishes the job and says goodbye, a second one ends at
//! once, a revoked token ends at once.

use jiff::{SignedDuration, Timestamp};

use super::events;
use crate::sandbox::{
    operator::agents::Post,
    workers::Refused,
    world::{AgentStatus, Container, Status, World},
};

/// The code of a process that ended because something was wrong.
const FAILED: i64 = 1;
/// The code of a killed process: 128 and the number of the signal.
const KILLED: i64 = 137;
/// The pause before the first start by a restart policy, doubled each time (Docker's page "Start containers automatically").
const FIRST_PAUSE: u64 = 100;
/// The longest such pause.
const LONGEST_PAUSE: u64 = 60_000;
/// A container that ran so long begins with the first pause again.
const STABLE: SignedDuration = SignedDuration::from_secs(10);
/// More happens at once only where something goes round in circles.
const MOST_STEPS: usize = 100_000;

/// A container of an engine.
type Place = (String, String);

/// What is due at an instant.
enum Due {
    JobDone(String),
    Kill(Place),
    Restart(Place),
    GiveUp(String),
    KillPod(Post),
}

impl World {
    /// Lets everything happen that is due at the present time, in its order.
    pub fn settle(&mut self) {
        self.staff_clusters();
        if self.engines.is_empty() && self.workers.is_empty() && self.crews.is_empty() {
            return;
        }
        let now = self.now;
        for _ in 0..MOST_STEPS {
            let Some((at, due)) = self.next_due().filter(|(at, _)| *at <= now) else {
                break;
            };
            match due {
                Due::JobDone(agent) => self.finish_job(&agent, at),
                Due::Kill(place) => self.end(&place, KILLED, at),
                Due::Restart(place) => self.restart(&place, at),
                Due::GiveUp(agent) => self.give_up(&agent, at),
                Due::KillPod(post) => self.kill_pod(&post, at),
            }
            self.react(at);
        }
        self.react(now);
        self.notice_silence(now);
    }

    fn next_due(&self) -> Option<(Timestamp, Due)> {
        let jobs = self.workers.iter().filter_map(|(id, worker)| {
            let ends_at = worker.job.as_ref().filter(|_| worker.lost_at.is_none())?.ends_at?;
            Some((ends_at, Due::JobDone(id.clone())))
        });
        let containers = self.engines.iter().flat_map(|(engine, state)| {
            state.containers.iter().flat_map(move |(id, container)| {
                let place = || (engine.clone(), id.clone());
                let kill = container.kill_at.map(|at| (at, Due::Kill(place())));
                kill.into_iter().chain(container.restart_at.map(|at| (at, Due::Restart(place()))))
            })
        });
        let given_up = self.next_given_up().map(|(at, agent)| (at, Due::GiveUp(agent)));
        let pods = self.next_killed().map(|(at, post)| (at, Due::KillPod(post)));
        jobs.chain(containers).chain(given_up).chain(pods).min_by_key(|(at, _)| *at)
    }

    /// What follows at once, until nothing more does.
    fn react(&mut self, at: Timestamp) {
        let places: Vec<Place> = self
            .engines
            .iter()
            .flat_map(|(engine, state)| {
                let running = state.containers.iter().filter(|(_, container)| container.status == Status::Running);
                running.filter(|(_, container)| container.is_agent()).map(move |(id, _)| (engine.clone(), id.clone()))
            })
            .collect();
        // Twice, as one that leaves may make room for another.
        for place in places.iter().chain(&places) {
            let is_running = self.at(place).is_some_and(|container| container.status == Status::Running);
            if is_running {
                self.work(place, at);
            }
        }
        self.work_in_crews(at);
    }

    /// A container, if it is still there.
    fn at(&mut self, place: &Place) -> Option<&mut Container> {
        self.engines.get_mut(&place.0)?.containers.get_mut(&place.1)
    }

    /// What the agent in a running container does next.
    fn work(&mut self, place: &Place, at: Timestamp) {
        let Some(agent) = self.at(place).and_then(|container| container.agent.clone()) else {
            self.come(place, at);
            return;
        };
        if !self.is_authorized(&agent) {
            self.say(place, at, "[ERROR] agent: Agent token is no longer valid, exiting: code=401");
            self.end(place, FAILED, at);
            return;
        }
        self.ping(&agent, at);
        if self.is_job_gone(&agent) {
            self.finish_job(&agent, at);
        }
        let is_busy = self.workers.get(&agent).is_some_and(|worker| worker.job.is_some());
        let Some(container) = self.at(place) else {
            return;
        };
        match (is_busy, container.signals) {
            (true, _) => {}
            (false, 0) => {
                let length = SignedDuration::from_secs(i64::try_from(self.switches.job_seconds).unwrap_or(i64::MAX));
                if let Some(run) = self.take_job(&agent, at, Some(length)) {
                    self.say(place, at, &format!("[INFO]  core: Job received: job_id={run}"));
                }
            }
            (false, _) => {
                self.say(place, at, "[INFO]  core: Shutdown complete");
                self.end(place, 0, at);
            }
        }
    }

    /// An agent that is not registered tries to.
    fn come(&mut self, place: &Place, at: Timestamp) {
        let offline = self.engines.get(&place.0).is_some_and(|engine| engine.offline);
        let Some(container) = self.at(place) else {
            return;
        };
        let name = container.variable("TFC_AGENT_NAME").unwrap_or(&place.1[..12]).to_owned();
        if container.signals > 0 {
            self.end(place, 0, at);
            return;
        }
        if offline {
            let text =
                "[ERROR] core: Unable to register, retrying: error=\"dial tcp: lookup app.terraform.io: i/o timeout\"";
            self.complain(place, at, text);
            return;
        }
        let token = container.agent_token.clone().unwrap_or_default();
        match self.register(&token, &name, at) {
            Ok(agent) => {
                let pool = self.agents.get(&agent).map(|agent| agent.pool.clone()).unwrap_or_default();
                let text = format!(
                    "[INFO]  core: Agent registered successfully with HCP Terraform: agent_id={agent} agent_pool_id={pool}"
                );
                self.say(place, at, &text);
                if let Some(container) = self.at(place) {
                    container.agent = Some(agent);
                    container.complaint = None;
                }
                self.work(place, at);
            }
            Err(Refused::Unauthorized) => {
                self.say(place, at, "[ERROR] agent: Agent registration failed: code=401 message=\"unauthorized\"");
                self.end(place, FAILED, at);
            }
            Err(Refused::NoSlot(cause)) => {
                let text = format!("[ERROR] core: Agent registration failed, retrying: code=422 message=\"{cause}\"");
                self.complain(place, at, &text);
            }
        }
    }

    fn say(&mut self, place: &Place, at: Timestamp, text: &str) {
        if let Some(container) = self.at(place) {
            container.say(at, &format!("{} {text}", at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ")));
        }
    }

    fn complain(&mut self, place: &Place, at: Timestamp, text: &str) {
        let is_new = self.at(place).is_some_and(|container| container.complaint.as_deref() != Some(text));
        if is_new {
            self.say(place, at, text);
            if let Some(container) = self.at(place) {
                container.complaint = Some(text.to_owned());
            }
        }
    }

    /// Starts a container's process.
    pub fn begin(&mut self, place: &Place, at: Timestamp) {
        let Some(engine) = self.engines.get_mut(&place.0) else {
            return;
        };
        super::networks::plug_in(engine, &place.1);
        let Some(container) = engine.containers.get_mut(&place.1) else {
            return;
        };
        container.status = Status::Running;
        container.error = String::new();
        container.exit_code = 0;
        container.signals = 0;
        container.ended_by_hand = false;
        container.agent = None;
        container.complaint = None;
        container.kill_at = None;
        container.restart_at = None;
        container.started_at = Some(at);
        if container.is_agent() {
            let name = container.variable("TFC_AGENT_NAME").unwrap_or_default().to_owned();
            self.say(place, at, &format!("[INFO]  agent: Starting: agent_name={name}"));
        }
        events::tell(self, place, "start", &[], at);
    }

    fn restart(&mut self, place: &Place, at: Timestamp) {
        if let Some(container) = self.at(place) {
            container.restarts += 1;
        }
        self.begin(place, at);
    }

    /// Sends a signal to a running container's process.
    pub fn signal(&mut self, place: &Place, number: u8, at: Timestamp) {
        let Some(container) = self.at(place) else {
            return;
        };
        let is_agent = container.is_agent();
        match number {
            9 => self.end(place, KILLED, at),
            // INT, QUIT and TERM.
            2 | 3 | 15 => {
                container.signals += 1;
                match (is_agent, container.signals) {
                    (false, _) => self.end(place, 0, at),
                    (true, 1) => {
                        self.say(place, at, "[INFO]  agent: Received shutdown signal, waiting for the current job");
                        self.work(place, at);
                    }
                    (true, _) => {
                        self.say(place, at, "[WARN]  agent: Received second signal, exiting immediately");
                        self.end(place, FAILED, at);
                    }
                }
            }
            _ => {}
        }
    }

    /// A container's process is gone, or is not going to be started again.
    pub fn end(&mut self, place: &Place, code: i64, at: Timestamp) {
        let Some(container) = self.at(place) else {
            return;
        };
        let was_running = container.status == Status::Running;
        let agent = container.agent.take();
        if was_running {
            container.exit_code = code;
            container.finished_at = Some(at);
        }
        container.kill_at = None;
        container.restart_at = None;
        container.status = Status::Exited;
        for endpoint in container.networks.values_mut() {
            endpoint.endpoint = None;
        }
        let ran = container.started_at.map(|began| at.duration_since(began)).unwrap_or_default();
        container.back_off = match container.back_off {
            0 => FIRST_PAUSE,
            _ if ran > STABLE => FIRST_PAUSE,
            last => (last * 2).min(LONGEST_PAUSE),
        };
        if was_running && starts_again(container) {
            container.status = Status::Restarting;
            let pause = SignedDuration::from_millis(i64::try_from(container.back_off).unwrap_or_default());
            container.restart_at = at.checked_add(pause).ok();
        }
        let vanishes = container.status == Status::Exited && container.host_config["AutoRemove"] == true;
        if was_running {
            events::tell(self, place, "die", &[("exitCode", &code.to_string())], at);
        }
        if let Some(agent) = agent {
            self.part(&agent, code, at);
        }
        if vanishes {
            super::containers::discard(self, place, true, at);
        }
    }

    /// What HCP makes of an agent whose process is gone.
    fn part(&mut self, agent: &str, code: i64, at: Timestamp) {
        let is_idle = self.workers.get(agent).is_some_and(|worker| worker.job.is_none());
        if code == 0 && is_idle {
            self.dismiss(agent, at);
        } else if self.agents.get(agent).is_some_and(|agent| agent.status != AgentStatus::Exited) {
            self.lose(agent, at);
        }
    }
}

fn starts_again(container: &Container) -> bool {
    if container.ended_by_hand {
        return false;
    }
    match container.restart_policy() {
        ("always" | "unless-stopped", _) => true,
        ("on-failure", most) => container.exit_code != 0 && (most == 0 || container.restarts < most),
        _ => false,
    }
}
