//! Agent pools that the operator runs: the resource that says so, and the Deployment that it makes of it.

pub mod deployment;
pub mod manifest;
pub mod resource;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Affinity, Container, EnvVar, LocalObjectReference, PodSecurityContext, PodSpec, ResourceRequirements,
    SecretKeySelector, SecurityContext, Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

pub use deployment::agents_deployment;
pub use resource::{AgentPool, DeletionPolicy};

use self::resource::{AgentDeployment, AgentToken, Autoscaling, CooldownPeriod, Spec, Token};
use super::object::Object;
// Where an agent's image looks for files is the same on every machine that runs it.
use crate::systems::agent::{Image, Purpose};

/// The name of the agent's container, which the operator uses as well where it makes the pod itself.
pub const CONTAINER: &str = "tfc-agent";
/// What an agent needs at least: 2 GB ("HCP Terraform Agents: Requirements").
const MEMORY: &str = "2Gi";
/// The operator's own grace period (`agentTerminationGracePeriod` in `agentpool_controller_deployment.go`).
const GRACE_PERIOD: u64 = 900;

/// Everything that can be said about an agent pool in a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Options {
    /// The resource's name in the cluster. Names of other things are made of it, see [`Options::refusals`].
    pub name: String,
    /// The namespace of the resource and of everything that the operator makes of it.
    pub namespace: String,
    /// The pool's name in HCP Terraform.
    pub pool: String,
    /// The organization that it is in.
    pub organization: String,
    /// The Secret, in that namespace, with the API token that the operator uses.
    pub token: SecretKey,
    /// The names of the tokens that the operator makes for the agents. All of them use the first one. The value of a
    /// new name is another one, so that agents restart with it, and jobs that run under the old one end.
    pub agent_tokens: Vec<String>,
    /// How many agents run.
    pub scale: Scale,
    /// What each of them is like.
    pub agent: Agent,
    /// What becomes of the pool in HCP Terraform when the resource is deleted.
    pub deletion_policy: DeletionPolicy,
}

/// A key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKey {
    /// The Secret.
    pub name: String,
    /// The key.
    pub key: String,
}

/// How many agents run. Never both: the operator would follow one of them, and not say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Scale {
    /// Always so many.
    Fixed(u32),
    /// As many as there is work for.
    Auto {
        /// At least so many.
        min: u32,
        /// At most so many.
        max: u32,
        /// How long after a change there may be more, in seconds.
        cooldown_up: u32,
        /// How long after a change there may be fewer, in seconds.
        cooldown_down: u32,
    },
}

/// What the pods of agents are like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Agent {
    /// The image.
    pub image: Image,
    /// `Always`, `IfNotPresent` or `Never`.
    pub image_pull_policy: Option<String>,
    /// Secrets with credentials for the registry.
    pub image_pull_secrets: Vec<String>,
    /// The share of the node.
    pub resources: ResourceRequirements,
    /// The identity under which terraform speaks to the cluster.
    pub service_account_name: Option<String>,
    /// Whether pods get a token of that identity; the cluster's own default if nothing is said.
    pub automount_service_account_token: Option<bool>,
    /// How long an agent may go on working after it was asked to stop, in seconds.
    pub grace_period: u64,
    /// Labels of the nodes on which pods may run.
    pub node_selector: BTreeMap<String, String>,
    /// The same in more words.
    pub affinity: Option<Affinity>,
    /// Which taints of nodes the pods bear.
    pub tolerations: Vec<Toleration>,
    /// The priority class.
    pub priority_class_name: Option<String>,
    /// The security context of the pods.
    pub security_context: Option<PodSecurityContext>,
    /// The security context of the agent's container.
    pub container_security_context: Option<SecurityContext>,
    /// Environment variables, beside those that the operator adds.
    pub env: BTreeMap<String, String>,
    /// Files that the agent finds where it looks for them, each in a volume. The name of the volume is of no matter.
    pub files: BTreeMap<Purpose, Volume>,
    /// More volumes of the pod.
    pub volumes: Vec<Volume>,
    /// Where the agent's container finds them.
    pub volume_mounts: Vec<VolumeMount>,
    /// Annotations of the pods.
    pub annotations: BTreeMap<String, String>,
    /// Labels of the pods.
    pub labels: BTreeMap<String, String>,
}

impl Agent {
    /// An agent of this image that has what it needs at least, and everything else as the operator would have it.
    #[must_use]
    pub fn new(image: Image) -> Self {
        let memory = BTreeMap::from([("memory".to_owned(), Quantity(MEMORY.to_owned()))]);
        Self {
            image,
            image_pull_policy: None,
            image_pull_secrets: Vec::new(),
            resources: ResourceRequirements { requests: Some(memory), ..ResourceRequirements::default() },
            service_account_name: None,
            automount_service_account_token: None,
            grace_period: GRACE_PERIOD,
            node_selector: BTreeMap::new(),
            affinity: None,
            tolerations: Vec::new(),
            priority_class_name: None,
            security_context: None,
            container_security_context: None,
            env: BTreeMap::new(),
            files: BTreeMap::new(),
            volumes: Vec::new(),
            volume_mounts: Vec::new(),
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    /// The pod.
    fn pod(&self) -> PodSpec {
        let files = self.files.iter().map(|(purpose, volume)| Volume { name: volume_name(*purpose), ..volume.clone() });
        let secrets = self.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
        PodSpec {
            containers: vec![self.container()],
            image_pull_secrets: some(secrets.collect()),
            service_account_name: self.service_account_name.clone(),
            automount_service_account_token: self.automount_service_account_token,
            termination_grace_period_seconds: Some(i64::try_from(self.grace_period).unwrap_or(i64::MAX)),
            node_selector: some_pairs(&self.node_selector),
            affinity: self.affinity.clone(),
            tolerations: some(self.tolerations.clone()),
            priority_class_name: self.priority_class_name.clone(),
            security_context: self.security_context.clone(),
            volumes: some(files.chain(self.volumes.iter().cloned()).collect()),
            ..PodSpec::default()
        }
    }

    fn container(&self) -> Container {
        let mut env = self.env.clone();
        env.extend(self.files.keys().filter_map(|purpose| purpose.variable(&self.env)));
        let variable = |(name, value)| EnvVar { name, value: Some(value), value_from: None };
        let mount = |purpose: &Purpose| VolumeMount {
            name: volume_name(*purpose),
            mount_path: purpose.path(&self.env),
            read_only: Some(true),
            ..VolumeMount::default()
        };
        let mounts = self.files.keys().map(mount).chain(self.volume_mounts.iter().cloned());
        Container {
            name: CONTAINER.to_owned(),
            image: Some(self.image.to_string()),
            image_pull_policy: self.image_pull_policy.clone(),
            env: some(env.into_iter().map(variable).collect()),
            resources: Some(self.resources.clone()),
            security_context: self.container_security_context.clone(),
            volume_mounts: some(mounts.collect()),
            ..Container::default()
        }
    }
}

/// The volume of files of ours, which no other volume is called.
fn volume_name(purpose: Purpose) -> String {
    format!("reconcile-{}", purpose.word())
}

/// A list that says something; an empty one would be a field of ours that says nothing.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// The same for a map.
fn some_pairs(pairs: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    (!pairs.is_empty()).then(|| pairs.clone())
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl Options {
    /// The resource.
    #[must_use]
    pub fn resource(&self) -> AgentPool {
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            ..ObjectMeta::default()
        };
        let (replicas, autoscaling) = match self.scale {
            Scale::Fixed(replicas) => (Some(signed(replicas)), None),
            Scale::Auto { min, max, cooldown_up, cooldown_down } => {
                let cooldown_period = Some(CooldownPeriod {
                    scale_up_seconds: Some(signed(cooldown_up)),
                    scale_down_seconds: Some(signed(cooldown_down)),
                });
                let (min_replicas, max_replicas) = (signed(min), signed(max));
                (None, Some(Autoscaling { min_replicas, max_replicas, cooldown_period, ..Autoscaling::default() }))
            }
        };
        let SecretKey { name, key } = self.token.clone();
        let spec = Spec {
            name: self.pool.clone(),
            organization: self.organization.clone(),
            token: Token { secret_key_ref: SecretKeySelector { name, key, ..SecretKeySelector::default() } },
            agent_tokens: some(self.agent_tokens.iter().map(|name| AgentToken::named(name)).collect()),
            agent_deployment: Some(AgentDeployment {
                replicas,
                spec: Some(self.agent.pod()),
                annotations: some_pairs(&self.agent.annotations),
                labels: some_pairs(&self.agent.labels),
            }),
            autoscaling,
            deletion_policy: Some(self.deletion_policy),
        };
        AgentPool::new(metadata, spec)
    }

    /// The resource as it is sent.
    #[must_use]
    pub fn object(&self) -> Object {
        Object::of(&self.resource())
    }

    /// What the cluster or the operator would refuse, although the kind's schema lets it pass.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        let mut refusals = Vec::new();
        refusals.extend(name_refusal(&self.name));
        if self.agent_tokens.is_empty() {
            refusals.push("without a token for its agents, the operator makes no agent".to_owned());
        }
        let mut names = BTreeSet::new();
        for name in &self.agent_tokens {
            refusals.extend(token_refusal(name));
            if !names.insert(name) {
                refusals.push(format!("the agents' token `{name}` is there twice"));
            }
        }
        if let Scale::Auto { min, max, .. } = self.scale
            && min > max
        {
            refusals.push(format!("at least {min} agents and at most {max}"));
        }
        for (what, map) in [("annotation", &self.agent.annotations), ("label", &self.agent.labels)] {
            let empty = map.iter().filter(|(_, value)| value.is_empty());
            refusals.extend(empty.map(|(key, _)| format!("the {what} `{key}` of the pods has no value")));
        }
        refusals
    }
}

/// What is wrong with the name of an `AgentPool`, if anything: it is an object's name, and the value of the label by which
/// the operator's Deployment knows its pods (`agentPodMatchLabels` in its `agentpool_controller_deployment.go`).
#[must_use]
pub fn name_refusal(name: &str) -> Option<String> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = name.chars().all(|c| inside(c) || c == '-' || c == '.');
    let length = name.len();
    if length > 63 {
        return Some(format!("the name `{name}` has {length} characters, and a label of its pods holds at most 63"));
    }
    (!fits || !name.starts_with(inside) || !name.ends_with(inside)).then(|| {
        format!("the name `{name}` must consist of small letters, digits, `-` and `.`, and begin and end with one of the first two")
    })
}

/// What is wrong with the name of an agents' token, if anything: it is the key of its value in a Secret.
#[must_use]
pub fn token_refusal(name: &str) -> Option<String> {
    let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let sound = fits && (1..=253).contains(&name.len()) && name != "." && !name.starts_with("..");
    (!sound).then(|| {
        format!("the agents' token `{name}` must consist of letters, digits, `-`, `_` and `.`: it is a key of a Secret")
    })
}

#[cfg(test)]
mod tests;
