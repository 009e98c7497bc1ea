//! An `AgentPool` resource, as the operator reads and writes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The group of the operator's kinds.
pub const GROUP: &str = "/apis/app.terraform.io/v1alpha2";
/// What keeps a deleted `AgentPool` until its turn has come.
pub const FINALIZER: &str = "agentpool.app.terraform.io/finalizer";
/// Stops the turns of a resource.
const PAUSED: &str = "app.terraform.io/paused";

/// `spec`, as far as the operator looks at it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The pool's name in HCP.
    pub name: String,
    /// Whose pool it is.
    pub organization: String,
    /// With what HCP is asked.
    pub token: TokenSource,
    /// The agents' tokens.
    pub agent_tokens: Vec<SpecToken>,
    /// The agents; none are wanted without it.
    pub agent_deployment: Option<AgentDeployment>,
    /// Whether their number follows the runs.
    pub autoscaling: Option<Autoscaling>,
    /// `retain` or `destroy`.
    pub deletion_policy: String,
}

/// Where the API token is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenSource {
    /// In a Secret of its namespace.
    pub secret_key_ref: SecretKey,
}

/// A key of a Secret.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretKey {
    /// The Secret.
    pub name: String,
    /// What it is under there.
    pub key: String,
}

/// A token that is wanted; more than its name is refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SpecToken {
    /// Its name.
    pub name: String,
    /// Not to be said.
    pub id: String,
    /// Not to be said.
    pub created_at: Option<i64>,
    /// Not to be said.
    pub last_used_at: Option<i64>,
}

/// What the Deployment of the agents is made from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentDeployment {
    /// How many; one where nothing is said, and nothing where they are scaled.
    pub replicas: Option<i64>,
    /// The pod.
    pub spec: Option<Value>,
    /// The pod's annotations.
    pub annotations: Option<BTreeMap<String, String>>,
    /// The pod's labels.
    pub labels: Option<BTreeMap<String, String>>,
}

/// How many agents there may be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Autoscaling {
    /// At least so many.
    pub min_replicas: i64,
    /// At most so many.
    pub max_replicas: i64,
    /// The definition gives it 300.
    pub cooldown_period_seconds: i64,
    /// What else holds of it.
    pub cooldown_period: Option<CooldownPeriod>,
}

/// The pauses of each direction.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CooldownPeriod {
    /// Before there are more.
    pub scale_up_seconds: Option<i64>,
    /// Before there are fewer, or more, where only this is set.
    pub scale_down_seconds: Option<i64>,
}

/// `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The pool's id.
    #[serde(rename = "agentPoolID")]
    pub agent_pool_id: String,
    /// The tokens that were made; all agents have the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent_tokens: Vec<StatusToken>,
    /// The generation that was last done whole.
    pub observed_generation: i64,
    /// The Deployment that was once made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub agent_deployment_name: String,
    /// What scaling came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Scaled>,
}

/// A token that the operator made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusToken {
    /// Its name.
    pub name: String,
    /// Its id in HCP.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// When it was made, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// When it had last been used by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<i64>,
}

/// How many agents there are, and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scaled {
    /// The last number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<i64>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scaling_event: Option<Timestamp>,
}

/// One resource.
pub struct AgentPool {
    /// All of it, as it was read; its status may be older than [`Self::status`].
    object: Value,
    /// What is wanted.
    pub spec: Spec,
    /// What is known, as it will be written next.
    pub status: Status,
}

impl AgentPool {
    /// Reads one; or says what does not fit the kind.
    pub fn read(mut object: Value) -> Result<Self, String> {
        object["apiVersion"] = json!("app.terraform.io/v1alpha2");
        object["kind"] = json!("AgentPool");
        let spec = Spec::deserialize(&object["spec"]).map_err(|cause| cause.to_string())?;
        let status = match &object["status"] {
            Value::Null => Status::default(),
            status => Status::deserialize(status).map_err(|cause| cause.to_string())?,
        };
        Ok(Self { object, spec, status })
    }

    fn metadata(&self, field: &str) -> &str {
        self.object["metadata"][field].as_str().unwrap_or_default()
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.metadata("name")
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> &str {
        self.metadata("namespace")
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        self.metadata("uid")
    }

    /// `metadata.resourceVersion`.
    pub fn resource_version(&self) -> &str {
        self.metadata("resourceVersion")
    }

    /// `metadata.generation`.
    pub fn generation(&self) -> i64 {
        self.object["metadata"]["generation"].as_i64().unwrap_or_default()
    }

    /// Whether its turns are stopped.
    pub fn is_paused(&self) -> bool {
        self.object["metadata"]["annotations"][PAUSED] == "true"
    }

    /// Whether it is on its way out.
    pub fn is_deleted(&self) -> bool {
        self.object["metadata"]["deletionTimestamp"].is_string()
    }

    /// Whether it waits for the operator before it goes.
    pub fn has_finalizer(&self) -> bool {
        let finalizers = self.object["metadata"]["finalizers"].as_array();
        finalizers.is_some_and(|all| all.iter().any(|one| one == FINALIZER))
    }

    /// Its path in the API.
    pub fn path(&self) -> String {
        format!("{GROUP}/namespaces/{}/agentpools/{}", self.namespace(), self.name())
    }

    /// The name of the Secret with the tokens.
    pub fn secret_name(&self) -> String {
        format!("{}-agent-pool", self.name())
    }

    /// The name of the agents' Deployment.
    pub fn deployment_name(&self) -> String {
        format!("agents-of-{}", self.name())
    }

    /// What makes another object go with this one.
    pub fn owner_reference(&self) -> Value {
        json!({
            "apiVersion": "app.terraform.io/v1alpha2",
            "kind": "AgentPool",
            "name": self.name(),
            "uid": self.uid(),
            "controller": true,
            "blockOwnerDeletion": true,
        })
    }

    /// The whole object with another set of finalizers.
    pub fn with_finalizer(&self, wanted: bool) -> Value {
        let mut object = self.as_go_writes_it();
        let all = object["metadata"]["finalizers"].as_array().into_iter().flatten();
        let mut finalizers: Vec<Value> = all.filter(|one| *one != FINALIZER).cloned().collect();
        if wanted {
            finalizers.push(json!(FINALIZER));
        }
        object["metadata"]["finalizers"] = json!(finalizers);
        object
    }

    /// The whole object with the present status.
    pub fn with_status(&self) -> Value {
        let mut object = self.as_go_writes_it();
        object["status"] = json!(self.status);
        object
    }

    /// What the operator reads into its types and writes back: a container's `resources` is there even if it is empty, as Go
    /// leaves no struct out (`omitempty`). So a first finalizer changes `spec`, and with it the generation.
    fn as_go_writes_it(&self) -> Value {
        let mut object = self.object.clone();
        if let Some(pod) = object.pointer_mut("/spec/agentDeployment/spec") {
            with_resources(pod);
        }
        object
    }

    /// Takes what the API server answered to a write. A status that was not written yet stays.
    pub fn refresh(&mut self, answer: Value) {
        if let Ok(fresh) = Self::read(answer) {
            self.object = fresh.object;
            self.spec = fresh.spec;
        }
    }
}

/// Gives every container of a pod its `resources`.
pub fn with_resources(pod: &mut Value) {
    for kind in ["initContainers", "containers"] {
        let containers = pod.get_mut(kind).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(container) = container.as_object_mut() {
                container.entry("resources").or_insert_with(|| json!({}));
            }
        }
    }
}

/// `namespace/name`.
pub fn full_name(object: &Value) -> String {
    let part = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", part("namespace"), part("name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> AgentPool {
        AgentPool::read(json!({
            "metadata": { "name": "main", "namespace": "hcp", "uid": "u", "generation": 3, "finalizers": ["other"] },
            "spec": {
                "name": "k8s",
                "organization": "example",
                "token": { "secretKeyRef": { "name": "api", "key": "token" } },
                "agentTokens": [{ "name": "one" }],
                "agentDeployment": { "spec": { "containers": [{ "name": "a", "image": "i" }] } },
                "autoscaling": { "minReplicas": 0, "maxReplicas": 2, "cooldownPeriod": { "scaleDownSeconds": 9 } },
            },
            "status": { "agentPoolID": "apool-1", "observedGeneration": 2, "agentTokens": [{ "name": "one", "id": "at-1" }] },
        }))
        .unwrap()
    }

    #[test]
    fn a_resource_is_read_whole() {
        let pool = pool();
        assert_eq!((pool.generation(), pool.status.observed_generation), (3, 2));
        assert_eq!(pool.spec.autoscaling.unwrap().cooldown_period.unwrap().scale_down_seconds, Some(9));
        assert_eq!(pool.status.agent_tokens[0].id, "at-1");
        assert_eq!(pool.spec.token.secret_key_ref.key, "token");
    }

    #[test]
    fn a_finalizer_comes_and_goes_beside_others() {
        let with = pool().with_finalizer(true);
        assert_eq!(with["metadata"]["finalizers"], json!(["other", FINALIZER]));
        assert_eq!(with["spec"]["agentDeployment"]["spec"]["containers"][0]["resources"], json!({}));
        let there = AgentPool::read(with).unwrap();
        assert!(there.has_finalizer());
        assert_eq!(there.with_finalizer(false)["metadata"]["finalizers"], json!(["other"]));
    }

    #[test]
    fn what_is_required_of_a_status_is_always_written() {
        assert_eq!(json!(Status::default()), json!({ "agentPoolID": "", "observedGeneration": 0 }));
    }
}
