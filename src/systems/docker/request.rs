//! One change to a Docker host, as plain data: the whole of what will be sent but for the token's value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::desired::{Image, Log};
use crate::plan::{Effect, Holds, Later, Output};

/// A request to the host of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The key of the target.
    pub target: String,
    /// What is sent.
    pub call: Call,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Call {
    /// `POST /images/create`
    PullImage {
        /// Which.
        image: Image,
    },
    /// `POST /networks/create`
    CreateNetwork {
        /// Its name.
        name: String,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
    /// `DELETE /networks/:id`
    RemoveNetwork {
        /// Which.
        id: String,
        /// Its name.
        name: String,
        /// Nothing is in it any more.
        empty: Vec<Later<Holds>>,
    },
    /// A volume, what belongs into it, and the marker that says that all of it is there.
    FillVolume {
        /// Its name.
        name: String,
        /// Its labels.
        labels: BTreeMap<String, String>,
        /// What belongs into it.
        content: Content,
        /// An image to make the container of through which files get into a volume; it is never started.
        image: Image,
        /// That image is there.
        pulled: Later<Holds>,
    },
    /// `DELETE /volumes/:name`
    RemoveVolume {
        /// Which.
        name: String,
        /// Nothing uses it any more.
        unused: Vec<Later<Holds>>,
    },
    /// `POST /containers/create`
    CreateContainer(Box<NewContainer>),
    /// `POST /containers/:id/start`
    Start {
        /// Its id.
        container: Later<String>,
        /// What has to be there first: its name is its own by now.
        ready: Vec<Later<Holds>>,
        /// The agent works from then on where another one did before.
        restarts: bool,
        /// As whom its agent comes to HCP; it is done when HCP lists it.
        registers: Option<Registration>,
    },
    /// The name that says so, one TERM, and patience until it has ended.
    Drain(Drain),
    /// `POST /containers/:id/rename`
    Rename {
        /// Its id.
        container: Later<String>,
        /// Its new name.
        to: String,
        /// Who had the name before is gone, or has it no more.
        free: Vec<Later<Holds>>,
    },
    /// `DELETE /containers/:id`
    RemoveContainer {
        /// Which.
        id: String,
        /// It has ended.
        ended: Vec<Later<Holds>>,
    },
}

/// What belongs into a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Where it lies on this machine. Another one has it elsewhere, so this is no part of what is planned.
    #[serde(skip)]
    pub path: PathBuf,
    /// The hash that it had when the plan was made.
    pub hash: String,
}

/// A container to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewContainer {
    /// The name under which it is made, which is the lock between two runs.
    pub name: String,
    /// The name that it works under, of which the agent's name is made.
    pub works_as: String,
    /// Its image.
    pub image: Image,
    /// That image is there.
    pub pulled: Later<Holds>,
    /// Its labels, but for the one that says which token it has.
    pub labels: BTreeMap<String, String>,
    /// Its environment, but for name and token.
    pub environment: BTreeMap<String, String>,
    /// The token: its id becomes a label, its value stands in the environment and nowhere else.
    pub token: Output,
    /// The network, by name.
    pub network: String,
    /// That network is there, and is the only one of its name.
    pub connected: Vec<Later<Holds>>,
    /// Volumes and paths of the host, by the path where the container sees them, read-only.
    pub mounts: BTreeMap<String, String>,
    /// Those volumes hold what they are to hold.
    pub filled: Vec<Later<Holds>>,
    /// Who had its name before is gone.
    pub free: Vec<Later<Holds>>,
    /// The engine starts it again when it ends or the host boots.
    pub always: bool,
    /// How long a stop waits for it, in seconds.
    pub stop_timeout: u64,
    /// The most memory, in bytes.
    pub memory: Option<u64>,
    /// The most processor time, in thousandths of a processor.
    pub millicpus: Option<u32>,
    /// Where its output goes.
    pub log: Option<Log>,
}

/// An agent that is let finish and stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drain {
    /// The container's id.
    pub container: String,
    /// Its name.
    pub name: String,
    /// The name that it works under, and has again if it rests.
    pub works_as: String,
    /// The pool in which HCP lists it, and the name that it has there.
    pub agent: Option<AgentRef>,
    /// It was found with the mark of a drain that somebody began: whether TERM was sent is not known.
    pub found_marked: bool,
    /// Who has to be at work before this one leaves.
    pub relieved: Vec<Later<Holds>>,
    /// What becomes of it afterwards.
    pub then: Afterwards,
}

/// What becomes of a container that was drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Afterwards {
    /// It gets its name back and rests until it is needed.
    Rests,
    /// Another action removes it.
    Goes,
}

/// As whom an agent comes to HCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The pool's id.
    pub pool: Later<String>,
    /// The name that its container works under.
    pub works_as: String,
    /// The id of the token that it holds.
    pub token: Later<String>,
}

/// An agent as HCP lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRef {
    /// The pool's id.
    pub pool: String,
    /// The agent's name.
    pub name: String,
}

impl Request {
    /// The outputs of other actions that it takes.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Output> {
        let Self { target: _, call } = self;
        let mut needs = BTreeSet::new();
        let mut facts = |facts: &[Later<Holds>]| needs.extend(facts.iter().filter_map(Later::needs).cloned());
        match call {
            Call::PullImage { image: _ } | Call::CreateNetwork { name: _, labels: _ } => {}
            Call::RemoveNetwork { id: _, name: _, empty } => facts(empty),
            Call::FillVolume { name: _, labels: _, content: _, image: _, pulled } => {
                facts(std::slice::from_ref(pulled));
            }
            Call::RemoveVolume { name: _, unused } => facts(unused),
            Call::CreateContainer(new) => {
                facts(std::slice::from_ref(&new.pulled));
                facts(&new.connected);
                facts(&new.filled);
                facts(&new.free);
                needs.insert(new.token.clone());
            }
            Call::Start { container, ready, restarts: _, registers } => {
                facts(ready);
                needs.extend(container.needs().cloned());
                if let Some(Registration { pool, works_as: _, token }) = registers {
                    needs.extend([pool, token].into_iter().filter_map(Later::needs).cloned());
                }
            }
            Call::Drain(drain) => facts(&drain.relieved),
            Call::Rename { container, to: _, free } => {
                facts(free);
                needs.extend(container.needs().cloned());
            }
            Call::RemoveContainer { id: _, ended } => facts(ended),
        }
        needs
    }

    /// Those of them that it can do without: none.
    #[must_use]
    pub fn spares(&self) -> BTreeSet<Output> {
        BTreeSet::new()
    }

    /// What it breaks off or moves.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match &self.call {
            Call::Start { restarts: true, .. } => Effect { agents: 1, ..Effect::default() },
            _ => Effect::default(),
        }
    }
}
