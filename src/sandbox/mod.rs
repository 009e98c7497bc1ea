//! An embedded stand-in for HCP Terraform: a real HTTP server on loopback that speaks JSON:API out of a state of its own.
//!
//! Faithful, not polite: it refuses what HCP refuses, hides what HCP hides and calls nobody but its own receiver. It shares no
//! wire types with the client of this program, so that both cannot agree on one mistake.

mod admin;
mod charts;
mod connection;
mod directory;
mod docker;
pub mod faults;
mod gates;
mod hcp;
mod kube;
pub mod operator;
mod operators;
pub mod receiver;
mod server;
mod workers;
pub mod world;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Instant,
};

use axum::{Router, extract::connect_info::IntoMakeServiceWithConnectInfo};
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::{net::TcpListener, task::JoinHandle};

use connection::{CuttableListener, Scissors};
use directory::{Claim, Claimed, Saver};
pub use docker::registry::Platform;
use faults::{Faults, Script};
use operator::{KubeAccess, Operator, OperatorError};
use receiver::Received;
pub use server::RequestRecord;
use server::Shared;
pub use world::{ClusterSeed, Connection, EngineSeed, IncludeVars, RateLimit, Seed, Switches, Tier, TokenKind, World};

/// The API token of a stand-in that lives in memory.
const TOKEN: &str = "sandbox.atlasv1.in-memory";

/// Why a stand-in does not start. A cause is part of the message and no source, so that it is told once.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Files of the directory.
    #[error("starting the sandbox: {doing} {}: {cause}", path.display())]
    Files {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        cause: io::Error,
    },
    /// A world that cannot be read.
    #[error(
        "starting the sandbox: {} is no world of this version: {cause}; remove the directory to begin anew",
        path.display()
    )]
    World {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: serde_json::Error,
    },
    /// A lock that nobody explains.
    #[error(
        "starting the sandbox: {} is locked by a process that does not say where it serves; stop it or choose another directory",
        path.display()
    )]
    Silent {
        /// The file.
        path: PathBuf,
    },
    /// A directory that another process serves.
    #[error("starting the sandbox: {} is already served at {address}; use that, or stop it", path.display())]
    Served {
        /// The directory.
        path: PathBuf,
        /// Where.
        address: String,
    },
    /// An address that cannot be listened on.
    #[error("starting the sandbox: listening on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why it failed.
        cause: io::Error,
    },
    /// An operator that cannot be made.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// An address that others could reach.
    #[error("starting the sandbox: {address} is not a loopback address; use 127.0.0.1:PORT")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
}

/// A running server; dropping it stops it.
pub struct Sandbox {
    shared: Arc<Shared>,
    token: String,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    _claimed: Option<Claimed>,
}

/// How to get into a Kubernetes cluster of the world.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterAccess {
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    /// The bearer token of somebody who may do everything there.
    pub token: String,
}

/// A server for a directory: our own, or that of another process.
pub struct Attachment {
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    /// The API token.
    pub token: String,
    /// Where the Docker Engines are, `tcp://127.0.0.1:PORT`, by their targets' names.
    pub engines: BTreeMap<String, String>,
    /// How to get into the Kubernetes clusters, by their targets' names.
    pub clusters: BTreeMap<String, ClusterAccess>,
    /// The server, if it is ours; it must be kept as long as it is used.
    pub server: Option<Sandbox>,
}

// By hand, as the rest holds tokens and URLs.
impl fmt::Debug for Sandbox {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sandbox").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ClusterAccess {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, token: _ } = self;
        out.debug_struct("ClusterAccess").field("address", address).finish_non_exhaustive()
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, token: _, engines: _, clusters: _, server: _ } = self;
        out.debug_struct("Attachment").field("address", address).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// In memory, at a time that stands still unless it is told.
    pub async fn in_memory(seed: &Seed) -> Result<Self, SandboxError> {
        Self::resume(World::new(seed, TOKEN)).await
    }

    /// The same, from a state that was copied from another one.
    pub async fn resume(world: World) -> Result<Self, SandboxError> {
        Self::start(world, TOKEN.to_owned(), None, None).await
    }

    /// In a directory, saved after every write; time goes on as it does outside.
    pub async fn serve(directory: &Path, listen: Option<SocketAddr>, seed: &Seed) -> Result<Self, SandboxError> {
        match directory::claim(directory).await? {
            Claim::Ours(claimed) => Self::serve_claimed(claimed, listen, seed).await,
            Claim::Theirs(address, ..) => Err(SandboxError::Served { path: directory.to_owned(), address }),
        }
    }

    /// The server of a directory, started if there is none.
    pub async fn attach_or_serve(directory: &Path, seed: &Seed) -> Result<Attachment, SandboxError> {
        match directory::claim(directory).await? {
            Claim::Ours(claimed) => {
                let server = Self::serve_claimed(claimed, None, seed).await?;
                Ok(Attachment {
                    address: server.address().to_owned(),
                    token: server.token().to_owned(),
                    engines: server.engines(),
                    clusters: server.clusters(),
                    server: Some(server),
                })
            }
            Claim::Theirs(address, engines, clusters) => {
                let token = directory::token(directory)?;
                let access = |(name, address): (String, String)| {
                    let token = kube::serve::token_of(&token, &name);
                    (name, ClusterAccess { address, token })
                };
                let clusters = clusters.into_iter().map(access).collect();
                Ok(Attachment { address, token, engines, clusters, server: None })
            }
        }
    }

    async fn serve_claimed(claimed: Claimed, listen: Option<SocketAddr>, seed: &Seed) -> Result<Self, SandboxError> {
        let (world, token) = claimed.load(seed)?;
        Self::start(world, token, listen, Some(claimed)).await
    }

    /// A world is large, and so is what starts it. It is compiled here once, and not anew in each crate that awaits it.
    fn start(
        world: World,
        token: String,
        listen: Option<SocketAddr>,
        claimed: Option<Claimed>,
    ) -> BoxFuture<'static, Result<Self, SandboxError>> {
        Box::pin(Self::started(world, token, listen, claimed))
    }

    async fn started(
        world: World,
        token: String,
        listen: Option<SocketAddr>,
        claimed: Option<Claimed>,
    ) -> Result<Self, SandboxError> {
        let address = listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        if !address.ip().is_loopback() {
            return Err(SandboxError::NotLoopback { address });
        }
        let failed = |cause| SandboxError::Listen { address, cause };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let origin = format!("http://{}", listener.local_addr().map_err(failed)?);
        let saver = claimed.as_ref().map(|_| Saver::new());
        let pace = claimed.as_ref().map(|_| Instant::now());
        let shared = Arc::new(Shared::new(world, origin.clone(), saver.clone(), pace));
        let mut tasks = Box::pin(open_doors(&shared, &token)).await.map_err(failed)?;
        let mut claimed = claimed;
        tasks.extend(operators::start(&shared, &token, failed).await?);
        if let (Some(claimed), Some(saver)) = (&mut claimed, saver) {
            tasks.push(tokio::spawn(saver.run(claimed.directory().to_owned(), Arc::clone(&shared.world))));
            let engines = shared.engines.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let clusters = shared.clusters.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let clusters = clusters.into_iter().map(|(name, access)| (name, access.address)).collect();
            claimed.announce(&origin, &engines, &clusters)?;
        }
        tasks.push(tokio::spawn(listen_on(listener, Arc::clone(&shared))));
        Ok(Self { shared, token, tasks: Mutex::new(tasks), _claimed: claimed })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.shared.origin
    }

    /// The API token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where the Docker Engines are, `tcp://127.0.0.1:PORT`, by their targets' names.
    pub fn engines(&self) -> BTreeMap<String, String> {
        self.shared.engines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the Docker Engine of a target is.
    pub fn engine_address(&self, target: &str) -> Option<String> {
        self.engines().remove(target)
    }

    /// One more address of an engine, for a caller of another label: rules and gates can tell two runners apart by it.
    pub async fn open_door(&self, target: &str, label: &str) -> Result<String, SandboxError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let failed = |cause| SandboxError::Listen { address, cause };
        let (address, task) = docker::serve::open(&self.shared, target, label).await.map_err(failed)?;
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        Ok(format!("tcp://{address}"))
    }

    /// How to get into the Kubernetes clusters, by their targets' names.
    pub fn clusters(&self) -> BTreeMap<String, ClusterAccess> {
        self.shared.clusters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How to get into the Kubernetes cluster of a target.
    pub fn cluster(&self, target: &str) -> Option<ClusterAccess> {
        self.clusters().remove(target)
    }

    /// One more way into a cluster, for a caller of another label; the token is the same.
    pub async fn open_cluster(&self, target: &str, label: &str) -> Result<ClusterAccess, SandboxError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let failed = |cause| SandboxError::Listen { address, cause };
        let token = kube::serve::token_of(&self.token, target);
        let (address, task) = kube::serve::open(&self.shared, target, label, &token).await.map_err(failed)?;
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        Ok(ClusterAccess { address: format!("http://{address}"), token })
    }

    /// The operators of a cluster, as a client that comes by a door of its own label. It does nothing before it is told to pass.
    pub async fn operator(&self, target: &str, label: &str) -> Result<Operator, SandboxError> {
        let ClusterAccess { address, token } = self.open_cluster(target, label).await?;
        Ok(Operator::new(KubeAccess { address, token, ca: None }, self.address(), operator::NEWEST)?)
    }

    /// The same at a Unix socket.
    #[cfg(unix)]
    pub fn open_socket(&self, target: &str, label: &str, path: &Path) -> Result<String, SandboxError> {
        let failed = |cause| SandboxError::Files { doing: "listening on", path: path.to_owned(), cause };
        let task = docker::serve::open_socket(&self.shared, target, label, path).map_err(failed)?;
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        Ok(format!("unix://{}", path.display()))
    }

    /// Puts an image into the registry below `/v2/`; the answer is the digest of its list of platforms.
    pub fn publish(&self, repository: &str, tag: &str, platforms: &[Platform]) -> String {
        self.with_world(|world| world.registry.publish(repository, tag, platforms))
    }

    /// What was asked so far, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was asked since the last time, and forgets it.
    pub fn take_requests(&self) -> Vec<RequestRecord> {
        std::mem::take(&mut *self.shared.records.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Moves the time on.
    pub fn advance(&self, pause: SignedDuration) {
        self.with_world(|world| world.now = world.now.saturating_add(pause).unwrap_or(Timestamp::MAX));
    }

    /// The time here.
    pub fn now(&self) -> Timestamp {
        self.shared.world().now
    }

    /// Misbehaves from now on as a script says, instead of the one before; or says which pattern is none.
    pub fn script(&self, faults: Faults) -> Result<(), String> {
        let script = Script::new(faults)?;
        *self.shared.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
        Ok(())
    }

    /// Looks at the state or breaks it by hand. In a directory it is saved with the next write.
    pub fn with_world<T>(&self, use_it: impl FnOnce(&mut World) -> T) -> T {
        use_it(&mut self.shared.world())
    }

    /// A copy of the state, to go on from with [`Sandbox::resume`].
    pub fn snapshot(&self) -> World {
        self.shared.world().clone()
    }

    /// A hash of the state without its times: equal for worlds that a client cannot tell apart.
    pub fn fingerprint(&self) -> String {
        self.shared.world().fingerprint()
    }

    /// Lets so many requests pass a gate, now or when they come.
    pub fn release(&self, gate: &str, count: u64) {
        self.shared.gates.release(gate, count);
    }

    /// Lets one of the requests pass that wait at a gate now, the n-th in the order of method and path, and says which it is.
    pub fn admit(&self, gate: &str, nth: usize) -> Option<String> {
        self.shared.gates.admit(gate, nth)
    }

    /// Waits until so many requests came to a gate, in all.
    pub async fn arrived(&self, gate: &str, count: u64) {
        self.shared.gates.arrived(gate, count).await;
    }

    /// How many requests wait at a gate.
    pub fn waiting(&self, gate: &str) -> u64 {
        self.shared.gates.waiting(gate)
    }

    /// A URL for a notification; every other URL is delivered here as well.
    pub fn receiver_url(&self, name: &str) -> String {
        format!("{}/receiver/{name}", self.shared.origin)
    }

    /// What notification receivers got.
    pub fn received(&self) -> Vec<Received> {
        self.shared.world().inbox.received.clone()
    }

    /// What notification receivers answer from now on; none is 200.
    pub fn answer_deliveries(&self, status: Option<u16>) {
        self.with_world(|world| world.inbox.answer = status);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            task.abort();
        }
    }
}

/// A door to each engine and each cluster of the world.
async fn open_doors(shared: &Arc<Shared>, token: &str) -> io::Result<Vec<JoinHandle<()>>> {
    let mut tasks = Vec::new();
    let names: Vec<String> = shared.world().engines.keys().cloned().collect();
    for name in names {
        let (address, task) = docker::serve::open(shared, &name, "docker").await?;
        shared.engines.lock().unwrap_or_else(PoisonError::into_inner).insert(name, format!("tcp://{address}"));
        tasks.push(task);
    }
    let names: Vec<String> = shared.world().clusters.keys().cloned().collect();
    for name in names {
        let key = kube::serve::token_of(token, &name);
        let (address, task) = kube::serve::open(shared, &name, "kube", &key).await?;
        let access = ClusterAccess { address: format!("http://{address}"), token: key };
        shared.clusters.lock().unwrap_or_else(PoisonError::into_inner).insert(name, access);
        tasks.push(task);
    }
    Ok(tasks)
}

async fn listen_on(listener: TcpListener, shared: Arc<Shared>) {
    let listener = CuttableListener::new(listener, Arc::clone(&shared.stopped));
    let router = Router::new().fallback(server::serve).with_state(shared);
    let service: IntoMakeServiceWithConnectInfo<Router, Scissors> = router.into_make_service_with_connect_info();
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!(%error, "the sandbox stopped listening");
    }
}
