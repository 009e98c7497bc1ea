//! A machine with a Docker Engine, as far as a client of its API can tell it from a real one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Sealed, hex};

/// Files up to this size are saved with the world; of larger ones only size and hash are.
const SMALL_FILE: usize = 64 << 10;

/// What `inspect` shows for a secret that was forgotten when the process ended.
pub const FORGOTTEN: &str = "(not kept by the sandbox)";

/// A machine that a new world holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EngineSeed {
    /// The target's name.
    pub name: String,
    /// The engine's id; derived from the name where none is given.
    pub id: Option<String>,
    /// `x86_64` or `aarch64`.
    pub architecture: String,
    /// Bytes of memory.
    pub memory: u64,
}

impl EngineSeed {
    /// A usual NAS.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), id: None, architecture: "x86_64".to_owned(), memory: 8 << 30 }
    }
}

/// A Docker Engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Engine {
    /// Its id, twelve groups of four characters.
    pub id: String,
    /// The machine's name.
    pub host: String,
    /// `x86_64` or `aarch64`, the kernel's words.
    pub architecture: String,
    /// The version of its API.
    pub api_version: String,
    /// Bytes of memory.
    pub memory: u64,
    /// Whether its containers have no route to HCP.
    pub offline: bool,
    /// Paths of the machine that do not exist; every other does.
    pub missing_paths: BTreeSet<String>,
    /// Containers by id.
    pub containers: BTreeMap<String, Container>,
    /// Networks by id.
    pub networks: BTreeMap<String, Network>,
    /// Volumes by name.
    pub volumes: BTreeMap<String, Volume>,
    /// Images by id.
    pub images: BTreeMap<String, Image>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
}

impl Engine {
    /// A fresh one, with the networks that every engine has.
    pub fn new(seed: &EngineSeed, now: Timestamp) -> Self {
        let id = seed.id.clone().unwrap_or_else(|| engine_id(&seed.name));
        let mut networks = BTreeMap::new();
        for (name, driver, subnet) in [("bridge", "bridge", Some(17)), ("host", "host", None), ("none", "null", None)] {
            let network = Network {
                name: name.to_owned(),
                driver: driver.to_owned(),
                subnet,
                internal: false,
                attachable: false,
                labels: BTreeMap::new(),
                options: BTreeMap::new(),
                created_at: now,
            };
            networks.insert(hex(&Sha256::digest(format!("{id}/network/{name}"))), network);
        }
        Self {
            id,
            host: seed.name.clone(),
            architecture: seed.architecture.clone(),
            api_version: "1.41".to_owned(),
            memory: seed.memory,
            offline: false,
            missing_paths: BTreeSet::new(),
            containers: BTreeMap::new(),
            networks,
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// The architecture in the words of image platforms.
    pub fn platform(&self) -> &str {
        match self.architecture.as_str() {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
    }
}

/// The form of the ids that engines up to 20.10 make.
fn engine_id(seed: &str) -> String {
    let text = data_encoding::BASE32.encode(&Sha256::digest(format!("engine/{seed}")));
    let groups: Vec<&str> =
        text.as_bytes().chunks(4).take(12).filter_map(|chunk| std::str::from_utf8(chunk).ok()).collect();
    groups.join(":")
}

/// How far a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Never started.
    Created,
    /// Its process runs.
    Running,
    /// Its process ended and will be started again.
    Restarting,
    /// Its process ended.
    Exited,
}

impl Status {
    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
        }
    }

    /// What the API calls running: also while it waits for its next start.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Restarting)
    }
}

/// What is not written down and not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Clear(pub String);

impl fmt::Debug for Clear {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Clear(..)")
    }
}

/// One variable of a container's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EnvironmentVariable {
    /// Its name.
    pub name: String,
    /// Its value, unless it is a secret,
    pub value: Option<String>,
    /// and then a hash of it,
    pub sealed: Option<Sealed>,
    /// and the value itself as long as this process lives: `inspect` of a real engine shows it.
    #[serde(skip)]
    pub clear: Option<Clear>,
}

impl EnvironmentVariable {
    /// From `NAME=value`.
    pub fn new(salt: &str, text: &str) -> Self {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let upper = name.to_ascii_uppercase();
        let is_secret = ["TOKEN", "SECRET", "PASSWORD"].iter().any(|word| upper.contains(word));
        Self {
            name: name.to_owned(),
            value: (!is_secret).then(|| value.to_owned()),
            sealed: is_secret.then(|| Sealed::new(&format!("{salt}/{name}"), value)),
            clear: is_secret.then(|| Clear(value.to_owned())),
        }
    }

    /// As `inspect` shows it.
    pub fn shown(&self) -> String {
        let Self { name, value, sealed: _, clear } = self;
        let clear = clear.as_ref().map(|Clear(value)| value);
        format!("{name}={}", value.as_ref().or(clear).map_or(FORGOTTEN, String::as_str))
    }
}

/// Where a container sits in a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Endpoint {
    /// The network's id, known from the first start on.
    pub network: Option<String>,
    /// Its id while the container runs.
    pub endpoint: Option<String>,
    /// The last part of its address.
    pub host_number: u32,
    /// Other names there.
    pub aliases: Option<Vec<String>>,
}

/// A file system that a container sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mount {
    /// `volume`, `bind` or `tmpfs`.
    pub kind: String,
    /// The volume's name, or the path of the machine.
    pub source: String,
    /// Where.
    pub target: String,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// One line that a process wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LogLine {
    /// Whether it went to the standard error.
    pub is_error: bool,
    /// The line.
    pub text: String,
    /// When.
    pub written_at: Timestamp,
}

/// A container.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Container {
    /// Its name, without the slash.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// The image's id.
    pub image_id: String,
    /// `Config` without the environment and the labels, defaults filled in.
    pub config: Value,
    /// `HostConfig`, defaults filled in.
    pub host_config: Value,
    /// The environment, the image's first.
    pub environment: Vec<EnvironmentVariable>,
    /// Labels, the image's among them.
    pub labels: BTreeMap<String, String>,
    /// Networks by name.
    pub networks: BTreeMap<String, Endpoint>,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Its own files.
    pub files: Tree,
    /// How far it is.
    pub status: Status,
    /// How its process ended.
    pub exit_code: i64,
    /// Why it could not be started.
    pub error: String,
    /// How often it was started again by its policy.
    pub restarts: u64,
    /// The pause before the next such start, in milliseconds.
    pub back_off: u64,
    /// Signals that ask the process to end, since it started.
    pub signals: u32,
    /// Whether somebody ended it, so that it is not started again.
    pub ended_by_hand: bool,
    /// When a `stop` kills it.
    pub kill_at: Option<Timestamp>,
    /// When it is started again.
    pub restart_at: Option<Timestamp>,
    /// The agent token in its environment, by id.
    pub agent_token: Option<String>,
    /// The agent that runs in it, by id.
    pub agent: Option<String>,
    /// What the agent last complained about, so that it does so once.
    pub complaint: Option<String>,
    /// What it wrote.
    pub logs: Vec<LogLine>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// When its process last ended.
    pub finished_at: Option<Timestamp>,
}

impl Container {
    /// The value of an environment variable that is no secret.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().rev().find(|variable| variable.name == name)?.value.as_deref()
    }

    /// The whole command line.
    pub fn command(&self) -> Vec<String> {
        let part = |name: &str| {
            let words = self.config[name].as_array().cloned().unwrap_or_default();
            words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect::<Vec<String>>()
        };
        let mut words = part("Entrypoint");
        words.extend(part("Cmd"));
        words
    }

    /// Whether its process is HashiCorp's agent.
    pub fn is_agent(&self) -> bool {
        self.command().first().is_some_and(|word| word.rsplit('/').next() == Some("tfc-agent"))
    }

    /// Its restart policy: the word, and how often at most.
    pub fn restart_policy(&self) -> (&str, u64) {
        let policy = &self.host_config["RestartPolicy"];
        (policy["Name"].as_str().unwrap_or_default(), policy["MaximumRetryCount"].as_u64().unwrap_or_default())
    }

    /// Writes a line.
    pub fn say(&mut self, at: Timestamp, text: &str) {
        self.logs.push(LogLine { is_error: false, text: text.to_owned(), written_at: at });
    }
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Network {
    /// Its name; two may have the same.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// The second number of its addresses, `172.N.0.0/16`.
    pub subnet: Option<u32>,
    /// Whether it leads nowhere.
    pub internal: bool,
    /// Whether swarm's containers may join.
    pub attachable: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Network {
    /// Whether every engine has it.
    pub fn is_predefined(&self) -> bool {
        ["bridge", "host", "none"].contains(&self.name.as_str())
    }
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Volume {
    /// Labels, as they were when it was made.
    pub labels: Option<BTreeMap<String, String>>,
    /// The driver's options.
    pub options: Option<BTreeMap<String, String>>,
    /// What is in it.
    pub files: Tree,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Image {
    /// `name:tag`.
    pub tags: BTreeSet<String>,
    /// `name@sha256:…`.
    pub digests: BTreeSet<String>,
    /// The architecture it is for.
    pub architecture: String,
    /// Bytes.
    pub size: u64,
    /// `config` of its configuration: environment, entrypoint, labels and so on.
    pub config: Value,
    /// Hashes of its layers.
    pub layers: Vec<String>,
    /// What is in it.
    pub files: Tree,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Event {
    /// `container`, `network`, `volume` or `image`.
    pub kind: String,
    /// What.
    pub action: String,
    /// To what.
    pub id: String,
    /// What else is known.
    pub attributes: BTreeMap<String, String>,
    /// When.
    pub happened_at: Timestamp,
}

/// Files by path, without a slash at the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree(pub BTreeMap<String, Node>);

/// A file, a folder or a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its permissions.
    pub mode: u32,
    /// When it changed, in seconds since 1970.
    pub modified: u64,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A folder.
    Folder,
    /// A link to there.
    Link(String),
    /// A file.
    File(Content),
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Content {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of it.
    pub hash: String,
    /// The bytes of a small file, in base64.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    small: Option<String>,
    /// The bytes of a large one, as long as this process lives.
    #[serde(skip)]
    large: Option<Arc<[u8]>>,
}

impl Content {
    /// From bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let is_small = bytes.len() <= SMALL_FILE;
        Self {
            size: bytes.len() as u64,
            hash: hex(&Sha256::digest(bytes)),
            small: is_small.then(|| data_encoding::BASE64.encode(bytes)),
            large: (!is_small).then(|| Arc::from(bytes)),
        }
    }

    /// The bytes, unless they went with the process that took them.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let Self { size: _, hash: _, small, large } = self;
        match (small, large) {
            (Some(text), _) => data_encoding::BASE64.decode(text.as_bytes()).ok(),
            (None, Some(bytes)) => Some(bytes.to_vec()),
            (None, None) => None,
        }
    }
}

/// An agent's process, in a container or elsewhere, as HCP knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Worker {
    /// The agent token's id.
    pub token: String,
    /// What it works on.
    pub job: Option<Job>,
    /// Since when it has not been heard of.
    pub lost_at: Option<Timestamp>,
}

/// A part of a run that an agent does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Job {
    /// The run.
    pub run: String,
    /// The status that the run has meanwhile.
    pub status: String,
    /// When it is done; an agent outside says so itself.
    pub ends_at: Option<Timestamp>,
}

impl Tree {
    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        let sizes = self.0.values().map(|node| match &node.kind {
            NodeKind::File(content) => content.size,
            NodeKind::Folder | NodeKind::Link(_) => 0,
        });
        sizes.sum()
    }
}
