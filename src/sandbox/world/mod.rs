//! The state of the stand-in: plain data, written to `world.json` as it is.
//!
//! Everything is a public field on purpose: a test breaks things by hand here, as a person would in HCP's web pages.

mod cluster;
mod crew;
mod engine;
mod fleet;
mod members;
mod organization;
mod placement;
mod sealed;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use cluster::{ADMINISTRATOR, Account, Change, Cluster, ClusterSeed, Stored, second};
pub use crew::{Crew, Orders, Pod};
pub use engine::{
    Clear, Container, Content, Endpoint, Engine, EngineSeed, EnvironmentVariable, Event, FORGOTTEN, Image, Job,
    LogLine, Mount, Network, Node, NodeKind, Status, Tree, Volume, Worker,
};
pub use fleet::{
    Agent, AgentPool, AgentStatus, AgentToken, Delivery, Lock, Notification, OauthClient, Owner, Project, Run,
    RunTrigger, Subscriber, Tag, TagBindings, Url, Variable, VariableSet, VariableValue, VcsRepository, Workspace,
};
pub use members::{Member, Members, MembershipStatus};
pub use organization::{ApiToken, Connection, IncludeVars, Organization, RateLimit, Seed, Switches, Tier, TokenKind};
pub use placement::{Mode, OwnPool, Placement};
pub use sealed::Sealed;

use crate::sandbox::{docker::registry::Registry, receiver::Inbox};

/// The instant at which the time of every new world begins.
pub const BEGINNING: Timestamp = Timestamp::constant(1_767_600_000, 0);

/// The version that a workspace gets which asks for none: "latest at creation".
pub const LATEST_TERRAFORM: &str = "1.14.3";

/// Everything that the stand-in knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct World {
    /// The time here; nothing else tells the time.
    pub now: Timestamp,
    /// How many ids of each kind were given away.
    pub counters: BTreeMap<String, u64>,
    /// Who may call.
    pub tokens: Vec<ApiToken>,
    /// The one organization.
    pub organization: Organization,
    /// Its members by the ids of their memberships.
    #[serde(default)]
    pub members: Members,
    /// Projects by id.
    pub projects: BTreeMap<String, Project>,
    /// Workspaces by id, with their variables.
    pub workspaces: BTreeMap<String, Workspace>,
    /// Variable sets by id, with their variables.
    pub variable_sets: BTreeMap<String, VariableSet>,
    /// Agent pools by id.
    pub agent_pools: BTreeMap<String, AgentPool>,
    /// Agents by id.
    pub agents: BTreeMap<String, Agent>,
    /// Agent tokens by id.
    pub agent_tokens: BTreeMap<String, AgentToken>,
    /// Notification configurations by id.
    pub notifications: BTreeMap<String, Notification>,
    /// Run triggers by id.
    pub run_triggers: BTreeMap<String, RunTrigger>,
    /// Runs by id.
    pub runs: BTreeMap<String, Run>,
    /// Flat tags by id.
    pub tags: BTreeMap<String, Tag>,
    /// VCS connections by id.
    pub oauth_clients: BTreeMap<String, OauthClient>,
    /// What the stand-in may be told to do differently.
    pub switches: Switches,
    /// What was sent to notification receivers, and how they answer.
    pub inbox: Inbox,
    /// Docker Engines by their targets' names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub engines: BTreeMap<String, Engine>,
    /// Kubernetes clusters by their targets' names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<String, Cluster>,
    /// Agents that have a process, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workers: BTreeMap<String, Worker>,
    /// Agents in pods, by cluster, namespace and Deployment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crews: BTreeMap<String, Crew>,
    /// The last change of each cluster that its agents know of.
    #[serde(skip)]
    pub staffed: BTreeMap<String, u64>,
    /// Images that can be pulled; only those that everybody finds outlive the process.
    #[serde(skip, default = "Registry::built_in")]
    pub registry: Registry,
}

/// What tokens are made from that the bearer of this one mints.
pub fn minting(bearer: &str) -> String {
    hex(&Sha256::digest(format!("mint/{bearer}")))
}

/// The value of an agent token.
pub fn agent_token_value(mint: &str, id: &str) -> String {
    let seed = format!("{mint}/{id}");
    format!("{}.atlasv1.{}", letters(&seed, 14), letters(&format!("{seed}/value"), 32))
}

impl World {
    /// A world that holds only what a client looks up and never makes.
    pub fn new(seed: &Seed, token: &str) -> Self {
        let mut world = Self {
            now: BEGINNING,
            counters: BTreeMap::new(),
            tokens: vec![ApiToken::new("sandbox", seed.token_kind, token)],
            organization: Organization::new(seed, BEGINNING),
            members: Members::new(),
            projects: BTreeMap::new(),
            workspaces: BTreeMap::new(),
            variable_sets: BTreeMap::new(),
            agent_pools: BTreeMap::new(),
            agents: BTreeMap::new(),
            agent_tokens: BTreeMap::new(),
            notifications: BTreeMap::new(),
            run_triggers: BTreeMap::new(),
            runs: BTreeMap::new(),
            tags: BTreeMap::new(),
            oauth_clients: BTreeMap::new(),
            switches: Switches::default(),
            inbox: Inbox::default(),
            engines: BTreeMap::new(),
            clusters: BTreeMap::new(),
            workers: BTreeMap::new(),
            crews: BTreeMap::new(),
            staffed: BTreeMap::new(),
            registry: Registry::built_in(),
        };
        world.provide(seed);
        let project = world.mint("prj");
        world.projects.insert(project.clone(), Project::new("Default Project", BEGINNING));
        world.organization.default_project = project;
        for connection in &seed.connections {
            world.connect(connection);
        }
        for username in &seed.members {
            world.join(username);
        }
        world
    }

    /// Adds the machines and clusters of a seed that are not here yet.
    pub fn provide(&mut self, seed: &Seed) {
        for (label, Clear(value)) in &seed.tokens {
            if !self.tokens.iter().any(|token| token.secret.is(value)) {
                self.tokens.push(ApiToken::new(label, TokenKind::Team, value));
            }
            // Of what a saved world forgot, this and what was made with it can be told again.
            let mint = minting(value);
            let made = self.agent_tokens.iter().map(|(id, token)| (agent_token_value(&mint, id), token));
            let own = made.filter(|(value, token)| token.secret.is(value)).map(|(value, _)| value);
            let known: Vec<String> = own.chain([value.clone()]).collect();
            for cluster in self.clusters.values_mut() {
                for value in &known {
                    cluster.recall(value);
                }
            }
        }
        for machine in &seed.engines {
            let now = self.now;
            self.engines.entry(machine.name.clone()).or_insert_with(|| Engine::new(machine, now));
        }
        for cluster in &seed.clusters {
            let now = self.now;
            self.clusters.entry(cluster.name.clone()).or_insert_with(|| Cluster::new(cluster, now));
        }
    }

    /// A VCS connection with one token.
    pub fn connect(&mut self, connection: &Connection) -> String {
        let id = self.mint("oc");
        let token = self.mint("ot");
        let client = OauthClient::new(connection, &token, self.now);
        self.oauth_clients.insert(id, client);
        token
    }

    /// The next id of a kind: HCP's form (a prefix and 16 characters), the same in every run that does the same.
    pub fn mint(&mut self, prefix: &str) -> String {
        let count = self.counters.entry(prefix.to_owned()).or_default();
        *count += 1;
        format!("{prefix}-{}", letters(&format!("{prefix}/{count}"), 16))
    }

    /// A hash of what a client could tell apart, times left out: for walking the worlds of an interrupted run.
    pub fn fingerprint(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(top) = value.as_object_mut() {
            top.remove("now");
            top.remove("counters");
            top.remove("inbox");
            for engine in members(top.get_mut("engines")) {
                // What happened, and lines that begin with a time.
                forget(engine, "events");
                members(engine.get_mut("containers")).for_each(|container| forget(container, "logs"));
            }
            members(top.get_mut("clusters")).for_each(cluster::forget_volatile);
        }
        forget_times(&mut value);
        hex(&Sha256::digest(value.to_string()))
    }

    /// The workspace of a name.
    pub fn workspace_named(&self, name: &str) -> Option<&str> {
        self.workspaces.iter().find(|(_, workspace)| workspace.name == name).map(|(id, _)| id.as_str())
    }

    /// The project of a name.
    pub fn project_named(&self, name: &str) -> Option<&str> {
        self.projects.iter().find(|(_, project)| project.name == name).map(|(id, _)| id.as_str())
    }

    /// A run in a given status, the newest of its workspace.
    pub fn start_run(&mut self, workspace: &str, status: &str) -> Option<String> {
        let mode = self.workspace_placement(self.workspaces.get(workspace)?).0;
        let id = self.mint("run");
        let run = Run {
            workspace: workspace.to_owned(),
            status: status.to_owned(),
            message: "Triggered by hand".to_owned(),
            mode,
            created_at: self.now,
            updated_at: self.now,
        };
        self.runs.insert(id.clone(), run);
        self.workspaces.get_mut(workspace)?.current_run = Some(id.clone());
        Some(id)
    }

    /// A push to a branch: a run in every workspace that follows it, each with the mode that the workspace has now.
    pub fn push(&mut self, repository: &str, branch: &str) -> Vec<String> {
        let follows = |repo: &VcsRepository| {
            repo.identifier == repository && repo.branch.as_deref().is_none_or(|followed| followed == branch)
        };
        let ids: Vec<String> = self
            .workspaces
            .iter()
            .filter(|(_, workspace)| workspace.vcs_repo.as_ref().is_some_and(follows))
            .filter(|(_, workspace)| self.workspace_placement(workspace).0 != Mode::Local)
            .map(|(id, _)| id.clone())
            .collect();
        ids.iter().filter_map(|id| self.start_run(id, "pending")).collect()
    }

    /// An agent that a token starts in its pool, refused beyond what the tier holds.
    pub fn start_agent(&mut self, token: &str, name: &str) -> Result<String, String> {
        let ceiling = self.organization.tier.agents();
        let counted = self.agents.values().filter(|agent| agent.status.counts()).count();
        if counted >= ceiling {
            return Err(format!("agent limit reached: the organization has {counted} of {ceiling}"));
        }
        let now = self.now;
        let Some(used) = self.agent_tokens.get_mut(token) else {
            return Err(format!("no agent token {token}"));
        };
        used.last_used_at = Some(now);
        let agent = Agent {
            pool: used.pool.clone(),
            name: Some(name.to_owned()),
            status: AgentStatus::Idle,
            ip_address: Some("192.0.2.7".to_owned()),
            last_ping_at: Some(now),
            created_at: now,
        };
        let id = self.mint("agent");
        self.agents.insert(id.clone(), agent);
        Ok(id)
    }
}

fn members(map: Option<&mut serde_json::Value>) -> impl Iterator<Item = &mut serde_json::Value> {
    map.and_then(serde_json::Value::as_object_mut).into_iter().flat_map(serde_json::Map::values_mut)
}

fn forget(value: &mut serde_json::Value, name: &str) {
    if let Some(map) = value.as_object_mut() {
        map.remove(name);
    }
}

fn forget_times(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.retain(|key, _| !key.ends_with("-at") || key == "auto-destroy-at");
            map.values_mut().for_each(forget_times);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(forget_times),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

/// Lowercase hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Letters and digits that depend on the seed alone.
pub fn letters(seed: &str, count: usize) -> String {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    Sha256::digest(seed)
        .iter()
        .cycle()
        .take(count)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_in_every_run_and_never_twice() {
        let mut one = World::new(&Seed::default(), "t");
        let mut two = World::new(&Seed::default(), "t");
        let first = one.mint("ws");
        assert_eq!(first, two.mint("ws"));
        assert_ne!(first, one.mint("ws"));
        assert_eq!(first.len(), "ws-".len() + 16);
    }

    #[test]
    fn the_fingerprint_sees_a_setting_and_no_time() {
        let mut world = World::new(&Seed::default(), "t");
        let before = world.fingerprint();
        world.now = world.now.saturating_add(jiff::SignedDuration::from_hours(1)).unwrap();
        world.organization.updated_at = world.now;
        assert_eq!(before, world.fingerprint());
        world.organization.cost_estimation_enabled = true;
        assert_ne!(before, world.fingerprint());
    }

    #[test]
    fn the_free_tier_holds_one_agent() {
        let mut world = World::new(&Seed::default(), "t");
        let token = AgentToken {
            pool: "apool-1".into(),
            description: "one".into(),
            secret: Sealed::new("at-1", "value"),
            created_at: world.now,
            last_used_at: None,
        };
        world.agent_tokens.insert("at-1".into(), token);
        assert!(world.start_agent("at-1", "first").is_ok());
        assert!(world.start_agent("at-1", "second").unwrap_err().contains("1 of 1"));
        assert!(world.agent_tokens["at-1"].last_used_at.is_some());
    }
}
