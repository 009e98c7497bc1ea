//! What was seen of Docker hosts, from their lists alone: what a list does not show is not asked for one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::desired::Log;
use crate::plan::{Gap, Listing, Read};

/// Everything that a plan needs to know of Docker hosts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Hosts by the key of their target; a gap for one that could not be looked at.
    pub hosts: BTreeMap<String, Read<Host>>,
    /// What lies on this machine and is to be uploaded: its content's hash.
    pub uploads: BTreeMap<PathBuf, Read<Upload>>,
    /// Requests that it took to read all this.
    pub requests: u32,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// The engine.
    pub engine: Engine,
    /// All containers, whosever they are.
    pub containers: Listing<Container>,
    /// All networks.
    pub networks: Listing<Network>,
    /// All volumes.
    pub volumes: Listing<Volume>,
    /// All images.
    pub images: Listing<Image>,
    /// What containers of ours are like inside, by their ids; only where a deep look was asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Read<Details>>,
}

/// An engine, and the machine that it runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Its id.
    pub id: String,
    /// The host's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The API that it speaks.
    pub api: String,
    /// `linux`
    pub os: String,
    /// `x86_64`, `aarch64`
    pub architecture: String,
    /// In bytes.
    pub memory: u64,
}

impl Engine {
    /// Its processor as images name it: `amd64`, `arm64`.
    #[must_use]
    pub fn platform(&self) -> &str {
        match self.architecture.as_str() {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
    }
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name, without the slash.
    pub name: String,
    /// The image as it was named when it was made.
    pub image: String,
    /// The image that it was made of.
    pub image_id: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it does.
    pub state: State,
    /// What the engine says of that: `Exited (0) 3 minutes ago`. Never part of an action, for it holds a time.
    pub status: String,
    /// Names of the networks that it is in. One that it was started in and that is gone since is none: it cannot start
    /// in another one of that name.
    pub networks: BTreeSet<String>,
    /// Volumes and paths of the host that it sees, by the path where it sees them.
    pub mounts: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// Why its agent did not come to HCP, where it runs and is not listed there.
    #[serde(default)]
    pub complaint: Option<Complaint>,
}

/// What a container said last, and what that means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// Which of the usual reasons it gives.
    pub reason: Reason,
    /// Its last line, without what may be secret.
    pub said: String,
}

/// Why an agent does not come to HCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// HCP refuses its token.
    Token,
    /// The organisation has no slot for it.
    Slot,
    /// It does not get to HCP.
    Route,
    /// It does not trust what it gets to.
    Certificate,
    /// It does not say.
    Other,
}

impl Reason {
    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Token => {
                "another token: the next apply gives it one if HCP lists this one no more; else `reconcile rotate agent-tokens` does"
            }
            Self::Slot => "a free slot: another agent that stops, or another tier",
            Self::Route => {
                "a way to HCP: look at the host's network and resolver, and at app.terraform.io:443 from there"
            }
            Self::Certificate => {
                "trust in the certificate that it is shown: `tls.ca` gives it an authority of your own"
            }
            Self::Other => "whoever reads its whole log on the host: `docker logs`",
        }
    }
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It was never started.
    Created,
    /// It runs.
    Running,
    /// It ended, and the engine starts it again.
    Restarting,
    /// It is frozen.
    Paused,
    /// It ended.
    Exited,
    /// The engine is removing it, or failed to.
    Leaving,
    /// A word that we do not know.
    Other(String),
}

impl State {
    /// A process of it lives, or may.
    #[must_use]
    pub fn is_up(&self) -> bool {
        match self {
            Self::Running | Self::Restarting | Self::Paused | Self::Other(_) => true,
            Self::Created | Self::Exited | Self::Leaving => false,
        }
    }

    /// As a plan says it.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Created => "not started",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Paused => "paused",
            Self::Exited => "stopped",
            Self::Leaving => "being removed",
            Self::Other(word) => word,
        }
    }
}

/// What an engine shows of a container only to who asks for this one.
///
/// It shows the whole environment in clear. Of that only variables are kept that agents of the spec have, and never the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Its environment, but for its token, its name, and what the spec does not speak of.
    pub environment: BTreeMap<String, String>,
    /// Its restart policy: `no`, `unless-stopped`, …
    pub restart: String,
    /// How long a stop waits for it, in seconds.
    pub stop_timeout: Option<u64>,
    /// The most memory, in bytes.
    pub memory: Option<u64>,
    /// The most processor time, in billionths of a processor.
    pub nanocpus: Option<u64>,
    /// Where its output goes.
    pub log: Log,
    /// Where it may write into volumes and paths of the host.
    pub writable: BTreeSet<String>,
    /// Further names by which others in its networks find it.
    pub aliases: BTreeSet<String>,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its id.
    pub id: String,
    /// Its name, which need not be unique.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When it was made: of several of one name the oldest is the one that counts.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name, which is its id.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Everything that belongs into it is there; `None` where nothing of ours is to be in it.
    pub complete: Option<bool>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: String,
    /// `hashicorp/tfc-agent:1.29.0`
    pub tags: BTreeSet<String>,
    /// `hashicorp/tfc-agent@sha256:…`
    pub digests: BTreeSet<String>,
}

/// What is to be uploaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The hash of its Nix archive, as `nix-hash --type sha256 --base32` prints it.
    pub hash: String,
    /// How much is in its files.
    pub bytes: u64,
    /// Of a mirror of providers: the platforms, `linux_amd64`, that it has for each `HOST/NAMESPACE/TYPE`.
    pub providers: BTreeMap<String, BTreeSet<String>>,
    /// What is odd about it and no reason not to upload it.
    pub notes: BTreeSet<String>,
}

impl Host {
    /// What of its lists could not be read.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        let Self { engine: _, containers, networks, volumes, images, details: _ } = self;
        [containers.gap(), networks.gap(), volumes.gap(), images.gap()].into_iter().flatten()
    }

    /// The container of a name.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.seen().iter().find(|container| container.name == name)
    }

    /// The image that a reference stands for here.
    #[must_use]
    pub fn image(&self, wanted: &super::desired::Image) -> Option<&Image> {
        self.images.seen().iter().find(|image| match wanted.pinned() {
            Some(pinned) => image.digests.contains(&pinned),
            None => image.tags.contains(&wanted.tagged()),
        })
    }
}
