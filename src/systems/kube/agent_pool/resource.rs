//! The kind `AgentPool` of the operator, `app.terraform.io/v1alpha2`, field by field as its CRD has it (charts 2.9.2 and
//! 2.12.0, `crds/app.terraform.io_agentpools.yaml`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, SecretKeySelector};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, NamespaceResourceScope, Resource};
use serde::{Deserialize, Serialize};

/// An agent pool that the operator looks after.
///
/// Fields that must be there are taken for ones that say nothing where they are missing, as the types of Kubernetes do it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentPool {
    /// `app.terraform.io/v1alpha2`
    pub api_version: String,
    /// `AgentPool`
    pub kind: String,
    /// Its name in the cluster, and what else is said of an object.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: Spec,
    /// What the operator says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

impl AgentPool {
    /// A pool that is wanted.
    #[must_use]
    pub fn new(metadata: ObjectMeta, spec: Spec) -> Self {
        let (api_version, kind) = (Self::API_VERSION.to_owned(), Self::KIND.to_owned());
        Self { api_version, kind, metadata, spec, status: None }
    }

    /// The pool's id, once the operator has done all of what is wanted now. It writes the generation only after a pass
    /// in which nothing failed; an id beside an older one may be that of a pool that is no more.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        let status = self.status.as_ref()?;
        let current = self.metadata.generation == Some(status.observed_generation);
        (current && !status.agent_pool_id.is_empty()).then_some(status.agent_pool_id.as_str())
    }
}

impl Resource for AgentPool {
    const API_VERSION: &'static str = "app.terraform.io/v1alpha2";
    const GROUP: &'static str = "app.terraform.io";
    const KIND: &'static str = "AgentPool";
    const VERSION: &'static str = "v1alpha2";
    const URL_PATH_SEGMENT: &'static str = "agentpools";
    type Scope = NamespaceResourceScope;
}

impl Metadata for AgentPool {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// What is wanted of a pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The pool's name in HCP Terraform.
    pub name: String,
    /// The organization that it is in.
    pub organization: String,
    /// The API token with which the operator manages it.
    pub token: Token,
    /// The tokens of its agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_tokens: Option<Vec<AgentToken>>,
    /// Its agents. Without this the operator runs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_deployment: Option<AgentDeployment>,
    /// How many of them run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// What becomes of the pool in HCP Terraform when the resource is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}

/// Where an API token is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Token {
    /// A key of a Secret in the same namespace.
    pub secret_key_ref: SecretKeySelector,
}

/// A token of agents, by name. The operator makes it, and keeps its value in a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentToken {
    /// Its name.
    pub name: String,
    /// Its id in HCP Terraform; only in a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it was made, in seconds since 1970; only in a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// When it was last used, in seconds since 1970; only in a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<i64>,
}

impl AgentToken {
    /// A token that is wanted.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), id: None, created_at: None, last_used_at: None }
    }
}

/// The agents of a pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentDeployment {
    /// How many run, where nothing scales them; 1 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Their pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<PodSpec>,
    /// Annotations of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Labels of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// How the operator chooses the number of agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Autoscaling {
    /// At least so many.
    pub min_replicas: i32,
    /// At most so many.
    pub max_replicas: i32,
    /// How long after a change there is no other one, in either direction; 300 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_period_seconds: Option<i32>,
    /// The same for each direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_period: Option<CooldownPeriod>,
    /// Workspaces whose runs count. Only the way of counting for an old Terraform Enterprise looks at this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_workspaces: Option<Vec<TargetWorkspace>>,
}

/// A workspace whose runs count, or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetWorkspace {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Names with a `*` at either end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wildcard_name: Option<String>,
}

/// How long after a change there is no other one, by the direction of that other one.
///
/// Both directions are always said: of the two, a `scaleDownSeconds` alone holds for scaling up as well
/// (`cooldownSecondsRemaining` in the operator's `agentpool_controller_autoscaling.go`, 2.12.0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CooldownPeriod {
    /// Before there are more agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up_seconds: Option<i32>,
    /// Before there are fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_seconds: Option<i32>,
}

/// What becomes of a pool in HCP Terraform when its resource is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeletionPolicy {
    /// It stays, and its tokens with it.
    #[default]
    Retain,
    /// It is deleted; until no workspace uses it any more, the resource waits for that.
    Destroy,
}

/// What the operator says of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The pool's id in HCP Terraform.
    #[serde(rename = "agentPoolID")]
    pub agent_pool_id: String,
    /// The tokens that it made. Pods use the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent_tokens: Vec<AgentToken>,
    /// The Deployment of the agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_deployment_name: Option<String>,
    /// The generation that it has done all of.
    pub observed_generation: i64,
    /// How it scaled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<AutoscalingStatus>,
}

/// How a pool was scaled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoscalingStatus {
    /// How many agents were wanted last. It outlives the autoscaling, and then wins over the number of replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<i32>,
    /// When that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scaling_event: Option<String>,
}
