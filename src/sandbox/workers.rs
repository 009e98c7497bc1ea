//! What agents and HCP say to each other: an agent comes with a token, takes what is queued for its pool, and leaves.
//!
//! HashiCorp does not document this protocol. What is documented is its outcome ("Agents" and "Agent Pools" of HCP's pages):
//! who is listed with which status, when a run errors, and that the tier's ceiling holds.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::world::{AgentStatus, Job, Mode, Worker, World};

/// How long an agent that is not heard of stays `unknown`.
const UNTIL_ERRORED: SignedDuration = SignedDuration::from_mins(5);

/// An agent that says nothing for so long is not heard of any more.
const SILENCE: SignedDuration = SignedDuration::from_secs(60);

/// Why an agent is not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The token is none, or was revoked.
    Unauthorized,
    /// The tier holds no more.
    NoSlot(String),
}

impl World {
    /// The id of an agent token.
    pub fn agent_token(&self, value: &str) -> Option<String> {
        self.agent_tokens.iter().find(|(_, token)| token.secret.is(value)).map(|(id, _)| id.clone())
    }

    /// An agent comes.
    pub fn register(&mut self, token: &str, name: &str, at: Timestamp) -> Result<String, Refused> {
        if !self.agent_tokens.contains_key(token) {
            return Err(Refused::Unauthorized);
        }
        let id = self.start_agent(token, name).map_err(Refused::NoSlot)?;
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.created_at = at;
            agent.last_ping_at = Some(at);
        }
        self.workers.insert(id.clone(), Worker { token: token.to_owned(), job: None, lost_at: None });
        Ok(id)
    }

    /// Whether an agent's token still holds.
    pub fn is_authorized(&self, agent: &str) -> bool {
        let holds = self.workers.get(agent).is_some_and(|worker| self.agent_tokens.contains_key(&worker.token));
        holds && self.agents.contains_key(agent)
    }

    /// An agent is heard of; one that was lost is found again.
    pub fn ping(&mut self, agent: &str, at: Timestamp) {
        let found = self.workers.get_mut(agent).and_then(|worker| {
            worker.lost_at.take()?;
            Some(if worker.job.is_some() { AgentStatus::Busy } else { AgentStatus::Idle })
        });
        if let Some(status) = found {
            self.set_status(agent, status, at);
        }
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.last_ping_at = Some(at);
        }
    }

    /// Loses the agents that were silent for long. Those in containers of the stand-in are heard of at every instant.
    pub fn notice_silence(&mut self, at: Timestamp) {
        let silent = |(id, worker): (&String, &Worker)| {
            let last = self.agents.get(id)?.last_ping_at?;
            (worker.lost_at.is_none() && at.duration_since(last) > SILENCE).then(|| id.clone())
        };
        let silent: Vec<String> = self.workers.iter().filter_map(silent).collect();
        for agent in silent {
            self.lose(&agent, at);
        }
    }

    /// Gives an idle agent the oldest run that waits for its pool.
    pub fn take_job(&mut self, agent: &str, at: Timestamp, length: Option<SignedDuration>) -> Option<String> {
        let pool = self.agents.get(agent)?.pool.clone();
        let waits = |status: &str| matches!(status, "pending" | "plan_queued" | "apply_queued");
        let found = self
            .runs
            .iter()
            .filter(|(_, run)| run.mode == Mode::Agent && waits(&run.status))
            .filter(|(id, run)| {
                self.workspaces.get(&run.workspace).is_some_and(|workspace| {
                    workspace.current_run.as_ref() == Some(id)
                        && self.workspace_placement(workspace).1.as_deref() == Some(&*pool)
                })
            })
            .min_by_key(|(id, run)| (run.created_at, (*id).clone()))
            .map(|(id, _)| id.clone())?;
        let run = self.runs.get_mut(&found)?;
        let status = if run.status == "apply_queued" { "applying" } else { "planning" };
        status.clone_into(&mut run.status);
        run.updated_at = at;
        let ends_at = length.and_then(|length| at.checked_add(length).ok());
        let worker = self.workers.get_mut(agent)?;
        worker.job = Some(Job { run: found.clone(), status: status.to_owned(), ends_at });
        self.set_status(agent, AgentStatus::Busy, at);
        Some(found)
    }

    /// The work is done; what comes next in the run is queued.
    pub fn finish_job(&mut self, agent: &str, at: Timestamp) {
        let Some(job) = self.workers.get_mut(agent).and_then(|worker| worker.job.take()) else {
            return;
        };
        self.set_status(agent, AgentStatus::Idle, at);
        let Some(run) = self.runs.get_mut(&job.run).filter(|run| run.status == job.status) else {
            return;
        };
        let applies = self.workspaces.get(&run.workspace).is_some_and(|workspace| workspace.auto_apply);
        let next = match (job.status.as_str(), applies) {
            ("planning", true) => "apply_queued",
            ("planning", false) => "planned",
            _ => "applied",
        };
        next.clone_into(&mut run.status);
        run.updated_at = at;
    }

    /// Whether the run that an agent works on was ended by somebody else.
    pub fn is_job_gone(&self, agent: &str) -> bool {
        let job = self.workers.get(agent).and_then(|worker| worker.job.as_ref());
        job.is_some_and(|job| self.runs.get(&job.run).is_none_or(|run| run.status != job.status))
    }

    /// An agent says goodbye.
    pub fn dismiss(&mut self, agent: &str, at: Timestamp) {
        self.finish_job(agent, at);
        self.workers.remove(agent);
        self.set_status(agent, AgentStatus::Exited, at);
    }

    /// An agent is not heard of any more; its run hangs until it is given up.
    pub fn lose(&mut self, agent: &str, at: Timestamp) {
        if let Some(worker) = self.workers.get_mut(agent) {
            worker.lost_at = Some(at);
        }
        self.set_status(agent, AgentStatus::Unknown, at);
    }

    /// When a lost agent is given up, if there is one.
    pub fn next_given_up(&self) -> Option<(Timestamp, String)> {
        let due =
            |(id, worker): (&String, &Worker)| Some((worker.lost_at?.checked_add(UNTIL_ERRORED).ok()?, id.clone()));
        self.workers.iter().filter_map(due).min()
    }

    /// Gives a lost agent up, and its run with it.
    pub fn give_up(&mut self, agent: &str, at: Timestamp) {
        let Some(worker) = self.workers.remove(agent) else {
            return;
        };
        // Its entry may have been deleted, or set by hand, in the meantime.
        if self.agents.get(agent).is_some_and(|agent| agent.status == AgentStatus::Unknown) {
            self.set_status(agent, AgentStatus::Errored, at);
        }
        if let Some(job) = worker.job
            && let Some(run) = self.runs.get_mut(&job.run).filter(|run| run.status == job.status)
        {
            "errored".clone_into(&mut run.status);
            run.updated_at = at;
        }
    }

    /// What an agent is from now on; only one that is alive is heard of.
    fn set_status(&mut self, agent: &str, status: AgentStatus, at: Timestamp) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.status = status;
            if matches!(status, AgentStatus::Idle | AgentStatus::Busy | AgentStatus::Exited) {
                agent.last_ping_at = Some(at);
            }
        }
    }
}

/// What a real agent process asks; the protocol is this program's own.
pub fn answer(world: &mut World, token: &str, path: &str, body: &Value) -> (u16, Value) {
    let now = world.now;
    let parts: Vec<&str> = path.split('/').collect();
    let Some(token) = world.agent_token(token) else {
        return (401, json!({ "error": "unauthorized" }));
    };
    if let ["register"] = parts.as_slice() {
        return match world.register(&token, body["name"].as_str().unwrap_or_default(), now) {
            Ok(agent) => (200, json!({ "agent": agent, "pool": world.agents.get(&agent).map(|agent| &agent.pool) })),
            Err(Refused::Unauthorized) => (401, json!({ "error": "unauthorized" })),
            Err(Refused::NoSlot(cause)) => (409, json!({ "error": cause })),
        };
    }
    let [agent, verb] = parts.as_slice() else {
        return (404, json!({ "error": "no such thing here" }));
    };
    let is_own = world.workers.get(*agent).is_some_and(|worker| worker.token == token);
    if !is_own || !world.is_authorized(agent) {
        return (401, json!({ "error": "unauthorized" }));
    }
    world.ping(agent, now);
    match *verb {
        "poll" => {
            if world.is_job_gone(agent) {
                world.finish_job(agent, now);
            }
            let known = world.workers.get(*agent).and_then(|worker| worker.job.as_ref()).map(|job| job.run.clone());
            // An agent that is on its way out takes no more work.
            let takes = body["takes"].as_bool().unwrap_or(true);
            let job = known.or_else(|| takes.then(|| world.take_job(agent, now, None)).flatten());
            (200, json!({ "job": job }))
        }
        "done" => {
            world.finish_job(agent, now);
            (200, json!({}))
        }
        "exit" => {
            world.dismiss(agent, now);
            (200, json!({}))
        }
        // What HCP finds out by silence is said here, so that no test waits for it.
        "lost" => {
            world.lose(agent, now);
            (200, json!({}))
        }
        _ => (404, json!({ "error": "no such thing here" })),
    }
}
