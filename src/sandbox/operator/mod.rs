//! The HCP Terraform operator of the embedded sandbox: an ordinary client of a Kubernetes API and of HCP's.
//!
//! It runs against the stand-in for Kubernetes and against a real API server alike, and knows nothing that it has not asked for:
//! to HCP it goes with the token that an `AgentPool` names. What it does, in which order and in which words it fails is what
//! `hashicorp/hcp-terraform-operator` does (`internal/controller/agentpool_controller*.go` at the tags v2.9.2 and v2.12.0, its
//! behaviour retold, none of its code). Of its controllers there is the one of `AgentPool`s, in one process for each Deployment.
//!
//! Nothing here waits or measures time: a pass does everything that is due, once, at the time that it is told.

pub mod agents;
mod cluster;
mod deployment;
mod events;
mod failure;
mod hcp;
mod installed;
mod pass;
mod pool;
mod resource;
mod scaling;
mod tokens;
mod validation;
mod version;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use cluster::Cluster;
use events::Recorder;
pub use failure::Failure;
use installed::Installed;
pub use pass::Outcome;
use version::Version;

/// The version that is taken for that of an image which names none.
pub const NEWEST: &str = "2.12.0";

/// How a client gets into a cluster.
#[derive(Clone)]
pub struct KubeAccess {
    /// `http://…` or `https://…`.
    pub address: String,
    /// A bearer token.
    pub token: String,
    /// Certificates of the authority that signed the server's, in PEM; without them the address must not be `https`.
    pub ca: Option<Vec<u8>>,
}

// By hand, as it holds a token.
impl fmt::Debug for KubeAccess {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, token: _, ca: _ } = self;
        out.debug_struct("KubeAccess").field("address", address).finish_non_exhaustive()
    }
}

/// Why an operator cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// Certificates or a client that cannot be had.
    #[error("preparing the sandbox's operator: {0}")]
    Client(String),
    /// A version that is none.
    #[error("preparing the sandbox's operator: {0:?} is no version like 2.12.0")]
    Version(String),
}

/// What a pass came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// Deployments of the operator that worked, as `namespace/name version`.
    pub worked: Vec<String>,
    /// Why others did not, or why nothing could be looked at.
    pub idle: Vec<String>,
    /// `AgentPool`s by `namespace/name`, in the order in which they had their turn.
    pub pools: Vec<(String, Outcome)>,
}

/// What one process of the operator remembers, and forgets when it is started anew.
#[derive(Debug, Default)]
struct Process {
    recorder: Recorder,
    /// `AgentPool`s that were found invalid, by uid, with their generation: they are not looked at before they change.
    invalid: BTreeMap<String, i64>,
    /// Whether every kind that it serves was there.
    started: bool,
}

/// All operators of a cluster.
pub struct Operator {
    cluster: Cluster,
    client: reqwest::Client,
    hcp_address: String,
    version: Version,
    /// By what they run: another pod template is another process.
    processes: Mutex<BTreeMap<String, Process>>,
}

impl fmt::Debug for Operator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Operator").field("hcp", &self.hcp_address).finish_non_exhaustive()
    }
}

impl Operator {
    /// For a cluster and the stand-in for HCP. The version is that of a Deployment whose image names none, only a digest.
    ///
    /// # Errors
    /// When the certificates or the version cannot be used.
    pub fn new(kube: KubeAccess, hcp_address: &str, version: &str) -> Result<Self, OperatorError> {
        // A second installation, as by another client of this process, changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let failed = |cause: reqwest::Error| OperatorError::Client(cause.to_string());
        let authorities = kube.ca.as_deref().map(reqwest::Certificate::from_pem_bundle).transpose().map_err(failed)?;
        let builder = |agent: String| {
            let builder = reqwest::Client::builder().user_agent(agent).no_proxy();
            builder.connect_timeout(Duration::from_secs(10)).timeout(Duration::from_secs(30))
        };
        // The name of the operator's program: the API server makes the field manager from it.
        let client = builder("manager/v0.0.0".to_owned()).tls_certs_only(authorities.unwrap_or_default());
        let known = Version::parse(version).ok_or_else(|| OperatorError::Version(version.to_owned()))?;
        Ok(Self {
            cluster: Cluster::new(client.build().map_err(failed)?, &kube.address, Zeroizing::new(kube.token)),
            client: builder(format!("HCPTerraformOperator/v{known}")).tls_certs_only([]).build().map_err(failed)?,
            hcp_address: hcp_address.trim_end_matches('/').to_owned(),
            version: known,
            processes: Mutex::default(),
        })
    }

    /// Lets every `AgentPool` have one turn that an operator of this cluster watches.
    pub async fn pass(&self, now: Timestamp) -> Passed {
        let mut processes = self.processes.lock().await;
        let mut passed = Passed::default();
        let deployments = match self.cluster.list("/apis/apps/v1/deployments").await {
            Ok(list) => list.unwrap_or_default(),
            Err(cause) => {
                passed.idle.push(format!("listing Deployments: {cause}"));
                return passed;
            }
        };
        let installed = installed::of(&deployments, self.version, &mut passed.idle);
        processes.retain(|key, _| installed.iter().any(|one| one.process == *key));
        for one in &installed {
            let process = processes.entry(one.process.clone()).or_default();
            match self.start(one, process).await {
                Ok(()) => self.work(one, process, now, &mut passed).await,
                Err(cause) => passed.idle.push(format!("{}/{}: {cause}", one.namespace, one.name)),
            }
        }
        passed
    }

    /// A pass at every beat, for as long as it is not dropped.
    pub async fn run(&self, every: Duration) {
        let mut beat = tokio::time::interval(every);
        loop {
            beat.tick().await;
            let passed = self.pass(Timestamp::now()).await;
            tracing::debug!(?passed, "the sandbox's operator passed");
        }
    }

    /// Of a kind that is not defined no cache ever fills, and the whole program ends (controller-runtime's
    /// `CacheSyncTimeout`, two minutes). What it may do until then is left out here.
    async fn start(&self, installed: &Installed, process: &mut Process) -> Result<(), Failure> {
        if process.started {
            return Ok(());
        }
        for plural in installed.version.kinds() {
            if self.cluster.list(&format!("{}/{plural}", resource::GROUP)).await?.is_none() {
                return Err(Failure::Own(format!(
                    "{plural}.app.terraform.io is not defined, and {} needs it",
                    installed.version
                )));
            }
        }
        process.started = true;
        Ok(())
    }

    async fn work(&self, installed: &Installed, process: &mut Process, now: Timestamp, passed: &mut Passed) {
        passed.worked.push(format!("{}/{} {}", installed.namespace, installed.name, installed.version));
        for path in installed.lists() {
            let objects = match self.cluster.list(&path).await {
                Ok(found) => found.unwrap_or_default(),
                Err(cause) => {
                    passed.idle.push(format!("listing AgentPools: {cause}"));
                    continue;
                }
            };
            for object in objects {
                let name = resource::full_name(&object);
                let outcome = pass::turn(self, installed, process, now, object).await;
                passed.pools.push((name, outcome));
            }
        }
    }
}
