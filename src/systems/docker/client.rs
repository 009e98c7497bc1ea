//! Clients of Docker Engines: one that only reads, and one that changes things.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};

use super::failure::Failure;
use super::forward::Forward;
use crate::http::Policy;
use crate::systems::hcp::agents::Watch;

/// How this process reaches the engines of a fleet. None of it is part of a fleet.
#[derive(Debug, Default)]
pub struct Access {
    /// Ways by the key of the target; why there is none where one could not be found.
    pub doors: BTreeMap<String, Result<Door, NoDoor>>,
}

/// Why it is not known how to reach an engine.
#[derive(Clone, Debug)]
pub struct NoDoor {
    /// What is wrong.
    pub cause: String,
    /// What to do.
    pub hint: String,
}

/// The way to one engine.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where it is.
    pub way: Way,
    /// Where that was found, for people.
    pub from: String,
}

/// The ways to an engine.
#[derive(Clone, Debug)]
pub enum Way {
    /// A socket of this machine.
    Socket(PathBuf),
    /// Plain TCP, for which only this machine will do.
    Loopback(String),
    /// TCP with certificates on both sides.
    Tls {
        /// `nas:2376`
        host: String,
        /// Whose certificates are trusted.
        ca: PathBuf,
        /// Ours.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// A socket of another machine, forwarded by `ssh`.
    Ssh {
        /// `user@nas`, as `ssh` understands it.
        destination: String,
        /// Its port, if it is not the usual one.
        port: Option<u16>,
        /// The socket there.
        socket: PathBuf,
    },
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix://{}", path.display()),
            Self::Loopback(host) | Self::Tls { host, .. } => write!(f, "tcp://{host}"),
            Self::Ssh { destination, port: None, .. } => write!(f, "ssh://{destination}"),
            Self::Ssh { destination, port: Some(port), .. } => write!(f, "ssh://{destination}:{port}"),
        }
    }
}

/// A client of one engine that has no way to change anything.
pub struct Engine {
    docker: Docker,
    way: String,
    requests: AtomicU32,
    /// The forwarded socket lives as long as the client.
    _forward: Option<Forward>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("way", &self.way).finish_non_exhaustive()
    }
}

impl Engine {
    /// Prepares to reach an engine.
    ///
    /// # Errors
    /// When the way leads nowhere.
    pub async fn reach(door: &Door, policy: &Policy) -> Result<Self, Failure> {
        let way = door.way.to_string();
        let failed = |error: bollard::errors::Error| Failure::of(&way, "connecting", &error);
        // Set again for what takes longer than a question and its answer.
        let seconds = policy.request_timeout.as_secs().max(1);
        let (docker, forward) = match &door.way {
            Way::Socket(path) => (unix(&path.display().to_string(), seconds).map_err(failed)?, None),
            Way::Loopback(host) => {
                let address = format!("tcp://{host}");
                (Docker::connect_with_http(&address, seconds, API_DEFAULT_VERSION).map_err(failed)?, None)
            }
            Way::Tls { host, ca, cert, key } => {
                // A second installation, as by another client of this process, changes nothing.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let address = format!("tcp://{host}");
                let docker = Docker::connect_with_ssl(&address, key, cert, ca, seconds, API_DEFAULT_VERSION);
                (docker.map_err(failed)?, None)
            }
            Way::Ssh { destination, port, socket } => {
                let forward = Forward::open(destination, *port, socket, policy.connect_timeout).await?;
                (unix(&forward.socket().display().to_string(), seconds).map_err(failed)?, Some(forward))
            }
        };
        let docker = docker.with_timeout(policy.request_timeout);
        Ok(Self { docker, way, requests: AtomicU32::new(0), _forward: forward })
    }

    /// Requests that were sent.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The way to it, for people.
    #[must_use]
    pub fn way(&self) -> &str {
        &self.way
    }

    /// The client below, for one request.
    pub(super) fn ask(&self) -> &Docker {
        self.requests.fetch_add(1, Ordering::Relaxed);
        &self.docker
    }

    /// The same for a request that takes long: a pull, an upload.
    pub(super) fn ask_patiently(&self, patience: Duration) -> Docker {
        self.ask().clone().with_timeout(patience)
    }

    pub(super) fn failure(&self, doing: &'static str, error: &bollard::errors::Error) -> Failure {
        Failure::of(&self.way, doing, error)
    }
}

#[cfg(unix)]
fn unix(path: &str, seconds: u64) -> Result<Docker, bollard::errors::Error> {
    Docker::connect_with_unix(path, seconds, API_DEFAULT_VERSION)
}

#[cfg(not(unix))]
fn unix(path: &str, _: u64) -> Result<Docker, bollard::errors::Error> {
    Err(bollard::errors::Error::UnsupportedURISchemeError { uri: format!("unix://{path}") })
}

/// Clients that cannot change anything, by target.
#[derive(Debug, Default)]
pub struct Reader {
    pub(super) engines: BTreeMap<String, Result<Engine, Failure>>,
    /// Each container of ours is looked into.
    pub(super) deep: bool,
}

impl Reader {
    /// Clients for all targets. One that cannot be reached is a gap of its own.
    pub async fn new(access: &Access, policy: &Policy) -> Self {
        let reach = access.doors.iter().map(|(target, door)| async move {
            let engine = match door {
                Ok(door) => Engine::reach(door, policy).await,
                Err(NoDoor { cause, hint }) => Err(Failure::unknown_way(cause, hint)),
            };
            (target.clone(), engine)
        });
        Self { engines: futures::future::join_all(reach).await.into_iter().collect(), deep: false }
    }

    /// Looks into each container of ours too: one request more for each.
    #[must_use]
    pub fn deeply(self) -> Self {
        Self { deep: true, ..self }
    }

    /// Requests that were sent.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.engines.values().flatten().map(Engine::requests).sum()
    }
}

/// Clients that change things, by target.
#[derive(Debug)]
pub struct Writer {
    pub(super) engines: BTreeMap<String, Result<Engine, Failure>>,
    /// What HCP says of an agent, right before it is stopped.
    pub(super) agents: Watch,
    pub(super) policy: Policy,
}

impl Writer {
    /// Clients for all targets.
    pub async fn new(access: &Access, agents: Watch, policy: &Policy) -> Self {
        let Reader { engines, deep: _ } = Reader::new(access, policy).await;
        Self { engines, agents, policy: policy.clone() }
    }
}
