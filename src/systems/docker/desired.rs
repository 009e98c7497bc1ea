//! What a fleet wants of its Docker hosts: names resolved, durations in seconds, no token and no position.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::owner::FleetName;
pub use crate::systems::agent::{Image, Purpose};

/// The variable that holds an agent's token ("Agents: Configuration", HCP Terraform).
pub const TOKEN_VARIABLE: &str = "TFC_AGENT_TOKEN";
/// The variable that names an agent.
pub const NAME_VARIABLE: &str = "TFC_AGENT_NAME";

/// Everything that is wanted of Docker hosts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Whose labels our things carry.
    pub fleet: FleetName,
    /// Hosts by the key of their target.
    pub targets: BTreeMap<String, Target>,
}

/// A host with a Docker Engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The id of the engine: the pin against another one behind the same address.
    pub engine_id: Option<String>,
    /// It sleeps at times: then it is a gap, and no failure of the run.
    pub may_be_away: bool,
    /// The compose project of all that is ours there.
    pub project: String,
    /// Agents of pools, by service: the pool's key.
    pub services: BTreeMap<String, Service>,
    /// Compared and reported, never written.
    pub verify: bool,
    /// All of ours is removed from it.
    pub absent: bool,
}

/// The agents of one pool on a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// The pool's name in HCP.
    pub pool: String,
    /// Agents that always run.
    pub min: u32,
    /// The most agents at once.
    pub max: u32,
    /// How long an agent is idle before it is stopped, in seconds.
    pub cooldown_down: u64,
    /// How old an agent's token may get, in seconds; `None`: as old as it likes.
    pub rotate_after: Option<u64>,
    /// What every agent of it is like.
    pub agent: Agent,
}

/// What an agent's container is like. A change of any of it makes a new container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Its image.
    pub image: Image,
    /// How long its longest apply takes, in seconds: how long a stop waits for it.
    pub longest_apply: u64,
    /// Its environment, but for its name and its token, which each container has of its own.
    pub environment: BTreeMap<String, String>,
    /// The most memory, in bytes.
    pub memory: Option<u64>,
    /// The most processor time, in thousandths of a processor.
    pub millicpus: Option<u32>,
    /// The log driver and its options; the engine's default where nothing is said.
    pub log: Option<Log>,
    /// Files that it finds in its file system.
    pub files: BTreeSet<Files>,
}

/// How an engine keeps a container's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// `json-file`, `local`, …
    pub driver: String,
    /// As the driver knows them.
    pub options: BTreeMap<String, String>,
}

/// Files that a container finds below one path, read-only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Files {
    /// What they are for.
    pub purpose: Purpose,
    /// Where they come from.
    pub source: Source,
}

/// Where files come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A file or folder of the machine that this program runs on: put into a volume named by its content.
    Upload(PathBuf),
    /// A path on the host.
    OnHost(String),
}

/// The name of the n-th container of a service, as compose would name it.
#[must_use]
pub fn container_name(project: &str, service: &str, number: u32) -> String {
    format!("{project}-{service}-{number}")
}

impl Target {
    /// The name of the n-th container of a service, as compose would name it.
    #[must_use]
    pub fn container(&self, service: &str, number: u32) -> String {
        container_name(&self.project, service, number)
    }

    /// The name of the network of all agents, as compose would name it.
    #[must_use]
    pub fn network(&self) -> String {
        format!("{}_default", self.project)
    }
}
