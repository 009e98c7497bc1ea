//! Clients of Docker Engines: one that only reads, and one that changes things.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::CreateContainerOptions;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::failure::Failure;
use super::forward::Forward;
use crate::http::{Policy, Unanswered};
use crate::secret::Secret;
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

/// A container to be made, with a secret in its environment. It can be sent and nothing else, and only in a way that tells
/// nothing of what the engine says of it.
pub(super) struct SecretBody(ContainerCreateBody);

impl SecretBody {
    /// Adds the secret to the environment.
    pub(super) fn new(mut body: ContainerCreateBody, variable: &str, secret: &Secret) -> Self {
        let line = format!("{variable}={}", secret.expose());
        let environment = body.env.get_or_insert_default();
        environment.push(line);
        environment.sort();
        Self(body)
    }
}

/// A client of one engine that has no way to change anything.
pub struct Engine {
    docker: Docker,
    way: String,
    requests: AtomicU32,
    /// The engine's id when it was looked at.
    id: OnceLock<String>,
    /// The forwarded socket lives as long as the client.
    forward: Option<Forward>,
    writes: Unanswered,
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
            Way::Socket(path) => {
                knock_at(path).await.map_err(|error| Failure::silent(&way, &error))?;
                (unix(&path.display().to_string(), seconds).map_err(failed)?, None)
            }
            Way::Loopback(host) => {
                let address = format!("tcp://{host}");
                (Docker::connect_with_http(&address, seconds, API_DEFAULT_VERSION).map_err(failed)?, None)
            }
            Way::Tls { host, ca, cert, key } => {
                // Apart from the client, which says less of what is wrong and waits longer.
                knock(host, policy.connect_timeout).await.map_err(|error| Failure::silent(&way, &error))?;
                // A second installation, as by another client of this process, changes nothing.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let address = format!("tcp://{host}");
                let docker = Docker::connect_with_ssl(&address, key, cert, ca, seconds, API_DEFAULT_VERSION);
                (docker.map_err(failed)?, None)
            }
            Way::Ssh { destination, port, socket } => {
                let patience = (policy.connect_timeout, policy.request_timeout);
                let forward = Forward::open(destination, *port, socket, patience.0, patience.1).await?;
                (unix(&forward.socket().display().to_string(), seconds).map_err(failed)?, Some(forward))
            }
        };
        let docker = docker.with_timeout(policy.request_timeout);
        Ok(Self {
            docker,
            way,
            requests: AtomicU32::new(0),
            id: OnceLock::new(),
            forward,
            writes: Unanswered::default(),
        })
    }

    /// Notes which engine was looked at.
    pub(super) fn is_known_as(&self, id: &str) {
        // It is looked at once.
        let _ = self.id.set(id.to_owned());
    }

    /// What carried requests there has ended.
    fn is_cut_off(&self) -> bool {
        self.forward.as_ref().is_some_and(Forward::has_ended)
    }

    /// The way still leads to the engine that was looked at.
    async fn is_the_same(&self) -> Result<(), Failure> {
        let Some(seen) = self.id.get() else { return Ok(()) };
        let info = self.ask().info().await;
        let info = info.map_err(|error| self.failure("asking whether it is still the same engine", &error))?;
        let now = info.id.unwrap_or_default();
        if now == *seen { Ok(()) } else { Err(Failure::another_engine(&self.way, seen, &now)) }
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

    /// Waits for the answer of a write, which is on the list of those without one until then.
    pub(super) async fn answer<T>(&self, what: impl fmt::Display, write: impl Future<Output = T>) -> T {
        let entry = self.writes.open(format!("{what} ({})", self.way));
        let answer = write.await;
        entry.close();
        answer
    }

    /// Why the first question came to nothing: then it may be that nothing of the kind is there at all.
    pub(super) async fn first_failure(&self, doing: &'static str, error: &bollard::errors::Error) -> Failure {
        let failure = Failure::at_first(&self.way, doing, error);
        let trouble = match &self.forward {
            Some(forward) if failure.is_broken() => forward.trouble().await,
            Some(_) | None => None,
        };
        match trouble {
            Some(trouble) => Failure::through_ssh(&self.way, trouble),
            None => failure,
        }
    }

    /// Makes a container with a secret in it: of the engine's answer only words of ours are told.
    pub(super) async fn make_container(&self, name: &str, body: SecretBody) -> Result<String, Failure> {
        let SecretBody(body) = body;
        let options = CreateContainerOptions { name: Some(name.to_owned()), ..CreateContainerOptions::default() };
        let made = self.ask().create_container(Some(options), body);
        let made = self.answer(format_args!("POST containers/create?name={name}"), made).await;
        let made = made.map_err(|error| Failure::discreet(&self.way, "making the container", &error))?;
        Ok(made.id)
    }

    pub(super) fn failure(&self, doing: &'static str, error: &bollard::errors::Error) -> Failure {
        Failure::of(&self.way, doing, error)
    }
}

/// Whether anybody is there.
async fn knock(host: &str, patience: Duration) -> std::io::Result<()> {
    let silent = || std::io::Error::from(std::io::ErrorKind::TimedOut);
    tokio::time::timeout(patience, TcpStream::connect(host)).await.map_err(|_| silent())?.map(|_| ())
}

#[cfg(unix)]
async fn knock_at(socket: &Path) -> std::io::Result<()> {
    tokio::net::UnixStream::connect(socket).await.map(|_| ())
}

#[cfg(not(unix))]
async fn knock_at(_: &Path) -> std::io::Result<()> {
    Err(std::io::Error::from(std::io::ErrorKind::Unsupported))
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
    pub(super) engines: BTreeMap<String, Result<Arc<Engine>, Failure>>,
    /// Each container of ours is looked into.
    pub(super) deep: bool,
}

impl Reader {
    /// Clients for all targets. One that cannot be reached is a gap of its own.
    pub async fn new(access: &Access, policy: &Policy) -> Self {
        let reach = access.doors.iter().map(|(target, door)| async move {
            let engine = match door {
                Ok(door) => Engine::reach(door, policy).await.map(Arc::new),
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
        self.engines.values().flatten().map(|engine| engine.requests()).sum()
    }
}

/// Clients that change things, by target.
#[derive(Debug)]
pub struct Writer {
    engines: BTreeMap<String, Result<Opened, Failure>>,
    /// What HCP says of an agent, right before it is stopped.
    pub(super) agents: Watch,
    pub(super) policy: Policy,
}

/// An engine that may be written to, once it is known to be the one that the plan was made of.
#[derive(Debug)]
struct Opened {
    engine: Arc<Engine>,
    same: OnceCell<()>,
}

impl Writer {
    /// Clients for all targets. They go the ways that the reader has opened: a plan that was agreed to is about what was
    /// found there.
    pub async fn new(access: &Access, reader: &Reader, agents: Watch, policy: &Policy) -> Self {
        let engines = reader.engines.iter().map(|(target, engine)| async move {
            let engine = match (engine, access.doors.get(target)) {
                (Ok(engine), Some(Ok(door))) if engine.is_cut_off() => again(engine, door, policy).await,
                (Ok(engine), _) => Ok(Arc::clone(engine)),
                (Err(failure), _) => Err(failure.clone()),
            };
            (target.clone(), engine.map(|engine| Opened { engine, same: OnceCell::new() }))
        });
        let engines = futures::future::join_all(engines).await.into_iter().collect();
        Self { engines, agents, policy: policy.clone() }
    }

    /// Writes whose answer is not known: under way, or given up.
    #[must_use]
    pub fn in_flight(&self) -> Vec<String> {
        let engines = self.engines.values().filter_map(|opened| opened.as_ref().ok());
        engines.flat_map(|opened| opened.engine.writes.list()).collect()
    }

    /// The engine of a target, which is asked before the first write whether it is still the same. `None`: nothing says
    /// how to reach it.
    pub(super) async fn engine(&self, target: &str) -> Option<Result<&Engine, Failure>> {
        let Opened { engine, same } = match self.engines.get(target)? {
            Ok(opened) => opened,
            Err(failure) => return Some(Err(failure.clone())),
        };
        Some(same.get_or_try_init(|| engine.is_the_same()).await.map(|()| &**engine))
    }
}

/// Goes a way again that was cut off meanwhile.
async fn again(engine: &Engine, door: &Door, policy: &Policy) -> Result<Arc<Engine>, Failure> {
    let reached = Engine::reach(door, policy).await?;
    if let Some(id) = engine.id.get() {
        reached.is_known_as(id);
    }
    Ok(Arc::new(reached))
}
