//! What a fleet wants of its clusters: names resolved, defaults filled in, durations in seconds, no token and no position.

use std::collections::BTreeMap;
use std::path::PathBuf;

use k8s_openapi::api::core::v1::{
    Affinity, LocalObjectReference, PodSecurityContext, ResourceRequirements, Toleration, Volume,
};
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::{Deserialize, Serialize};

use super::operator::{Options, Release};
use crate::address::Address;
use crate::owner::{FleetName, Stewardship};
use crate::secret::SecretRef;
use crate::systems::agent::{Image, Purpose};

/// The namespace of operator and agents where the spec names none.
pub const NAMESPACE: &str = "hcp-terraform";
/// The Secret that we make for the operator's token.
pub const TOKEN_SECRET: &str = "hcp-terraform-operator-token";
/// The key of the operator's token in the Secret that we make for it.
pub const TOKEN_KEY: &str = "token";
/// The version of External Secrets' kinds where the spec says none: that of its releases since 0.16 (External Secrets,
/// release notes of v0.16.0).
pub const EXTERNAL_SECRETS: &str = "external-secrets.io/v1";

/// `kube/TARGET`
#[must_use]
pub fn target_address(target: &str) -> Address {
    Address::new(["kube", target])
}

/// `kube/TARGET/AgentPool/NAMESPACE/NAME`
#[must_use]
pub fn agent_pool_address(target: &str, namespace: &str, resource: &str) -> Address {
    Address::new(["kube", target, "AgentPool", namespace, resource])
}

/// Everything that is wanted of clusters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Whose labels our things carry.
    pub fleet: FleetName,
    /// Clusters by the key of their target: those whose operator the spec speaks of. In any other cluster nothing is ours.
    pub targets: BTreeMap<String, Target>,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The uid of the namespace `kube-system`: the pin against another cluster behind the same context.
    pub kube_system_uid: Option<String>,
    /// It sleeps at times: then it is a gap, and no failure of the run.
    pub may_be_away: bool,
    /// The namespace of operator and agents.
    pub namespace: String,
    /// The operator.
    pub operator: Operator,
    /// The operator's token in HCP; `None` only where there is no pool that needs one.
    pub token: Option<Token>,
    /// Pools whose agents run there, by the pool's key. Those that are to go, and those that are let go, are among them:
    /// their stewardship says so.
    pub pools: BTreeMap<String, Pool>,
    /// How what is wanted gets there.
    pub delivery: Delivery,
    /// All of ours is removed from it.
    pub absent: bool,
}

/// The operator of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// The name that is part of its objects' names, and its namespace.
    pub release: Release,
    /// Its deployment. `custom_ca_certificates` is empty: whoever looks reads them from `ca`.
    pub options: Options,
    /// Certificates in PEM that it trusts beside the usual ones: a file of the machine that this program runs on.
    pub ca: Option<PathBuf>,
    /// Where its custom resource definitions come from.
    pub chart: Chart,
}

/// The archive of a Helm chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    /// Where it is.
    pub source: ChartSource,
    /// Its SHA-256, in hexadecimal; `None` until it is pinned.
    pub sha256: Option<String>,
}

/// Where the archive of a chart is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChartSource {
    /// A server, by HTTPS.
    Url(String),
    /// A file of the machine that this program runs on.
    Path(PathBuf),
}

/// Where the operator's token is. It is an API token, and no agent's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Token {
    /// A value, which we put into a Secret.
    Value(SecretRef),
    /// A Secret that others make, in the operator's namespace.
    Existing {
        /// Its name.
        secret: String,
        /// The key of the token in it.
        key: String,
    },
    /// A Secret that External Secrets makes, of an `ExternalSecret` that we make.
    External(External),
}

/// Where External Secrets finds a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// `external-secrets.io/v1`
    pub api_version: String,
    /// `SecretStore` or `ClusterSecretStore`.
    pub store_kind: String,
    /// The store's name.
    pub store: String,
    /// The secret's key in the store.
    pub key: String,
    /// What of it is the token; `None`: all.
    pub property: Option<String>,
}

impl Token {
    /// The Secret in which agent pools find it.
    #[must_use]
    pub fn secret(&self) -> &str {
        match self {
            Self::Existing { secret, key: _ } => secret,
            Self::Value(_) | Self::External(_) => TOKEN_SECRET,
        }
    }

    /// Its key in that Secret.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Existing { secret: _, key } => key,
            Self::Value(_) | Self::External(_) => TOKEN_KEY,
        }
    }
}

/// How what is wanted gets into a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Delivery {
    /// We apply it.
    Apply,
    /// We write it into a directory for Git, and Argo CD applies it.
    Argocd(Argocd),
    /// Compared and reported, never written.
    Verify,
}

/// How Argo CD gets at what it is to apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argocd {
    /// Where manifests are written: a folder of the machine that this program runs on.
    pub directory: PathBuf,
    /// The Git repository that has this folder.
    pub repository: String,
    /// The branch, tag or commit of it that Argo CD follows.
    pub revision: String,
    /// The folder's path in the repository.
    pub path: String,
    /// The name of the Application.
    pub application: String,
    /// The namespace of the Application: Argo CD's own.
    pub namespace: String,
    /// Argo CD's project.
    pub project: String,
    /// The cluster's API as Argo CD knows it.
    pub server: String,
}

/// An agent pool that the operator makes, and its agents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// The name of the resource `AgentPool`.
    pub resource: String,
    /// The pool's name in HCP.
    pub name: String,
    /// The name that it had there before.
    pub was: Option<String>,
    /// The names of its tokens. All agents use the first one (operator 2.12.0: pods get that of `status.agentTokens[0]`),
    /// and a token of another name is another token.
    pub tokens: Vec<String>,
    /// Agents that always run.
    pub min: u32,
    /// The most agents at once.
    ///
    /// A pool whose `min` is its `max` is scaled all the same, and has no `replicas`: after `autoscaling` has left a
    /// resource, what its status last said of it still wins over `replicas` (operator 2.12.0, `updateDeployment`).
    pub max: u32,
    /// How long to wait before changing the number of agents. Both are always said: `scaleDownSeconds` alone holds in both
    /// directions (operator 2.12.0, the cooldown of its autoscaling).
    pub cooldown: Cooldown,
    /// How long the longest apply takes, in seconds: how long an agent that is stopped may go on.
    pub longest_apply: u64,
    /// What becomes of the pool in HCP when the resource goes.
    pub deletion: Deletion,
    /// What every agent of it is like.
    pub agent: Agent,
    /// What the agents may do in namespaces, by namespace.
    pub rules: BTreeMap<String, Vec<PolicyRule>>,
    /// What they may do in the whole cluster.
    pub cluster_rules: Vec<PolicyRule>,
    /// Whose it is.
    pub stewardship: Stewardship,
}

/// How long to wait before changing the number of agents, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooldown {
    /// Before one more is started.
    pub up: u64,
    /// Before idle ones are stopped.
    pub down: u64,
}

/// What becomes of a pool in HCP when its resource goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Deletion {
    /// It stays, with its tokens.
    Retain,
    /// It goes with it.
    Destroy,
}

impl Deletion {
    /// The operator's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Retain => "retain",
            Self::Destroy => "destroy",
        }
    }
}

/// What an agent's pod is like. A change of any of it makes new pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Its image.
    pub image: Image,
    /// Secrets with credentials for its registry.
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Its environment, but for its name and its token, which the operator adds, and for what `files` and `ca` bring.
    pub environment: BTreeMap<String, String>,
    /// Its share of the node.
    pub resources: ResourceRequirements,
    /// The identity under which its terraform speaks to the cluster.
    pub service_account: ServiceAccount,
    /// The security context of the pod; `None`: that of the image.
    pub security_context: Option<PodSecurityContext>,
    /// Labels that its node has.
    pub node_selector: BTreeMap<String, String>,
    /// On which nodes it may run.
    pub affinity: Option<Affinity>,
    /// Which taints of nodes it bears.
    pub tolerations: Vec<Toleration>,
    /// Its priority class.
    pub priority_class_name: Option<String>,
    /// Volumes where the agent looks for files by itself. Each has the name of its purpose.
    pub files: BTreeMap<Purpose, Volume>,
    /// Certificates in PEM that it trusts beside the usual ones: a file of the machine that this program runs on.
    pub ca: Option<PathBuf>,
    /// Further volumes, by name.
    pub volumes: BTreeMap<String, Mounted>,
    /// Annotations of the pod.
    pub annotations: BTreeMap<String, String>,
    /// Labels of the pod.
    pub labels: BTreeMap<String, String>,
}

/// A `ServiceAccount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// Its name.
    pub name: String,
    /// We make it; else others do.
    pub create: bool,
    /// Its annotations, if we make it.
    pub annotations: BTreeMap<String, String>,
}

/// A volume, and where an agent finds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mounted {
    /// The volume, with its name.
    pub volume: Volume,
    /// Where in the agent's file system.
    pub mount_path: String,
    /// A path in the volume; `None`: all of it.
    pub sub_path: Option<String>,
    /// The agent cannot write to it.
    pub read_only: bool,
}
