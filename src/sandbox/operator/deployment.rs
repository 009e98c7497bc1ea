//! The Deployment of the agents (`agentpool_controller_deployment.go`).

use serde_json::{Map, Value, json};

use super::{
    events::Type,
    failure::Failure,
    installed::Installed,
    pass::Turn,
    resource::{AgentDeployment, AgentPool, with_resources},
};

/// In whose name the Deployment is made and updated; when it is scaled, it is that of the program.
const MANAGER: &str = "hcp-terraform-operator";
/// The label by which its pods are found, and an annotation.
const POOL_NAME: &str = "agentpool.app.terraform.io/pool-name";
const POOL_ID: &str = "agentpool.app.terraform.io/pool-id";
/// How long an agent has to finish its job where nothing else is said.
const GRACE_SECONDS: u64 = 900;

/// The whole Deployment, without a number of replicas where agents are scaled.
pub fn build(pool: &AgentPool, wanted: &AgentDeployment, installed: &Installed) -> Result<Value, Failure> {
    let mut pod = wanted.spec.clone().unwrap_or_else(|| {
        // No tag, which is the newest.
        json!({ "containers": [{ "name": "tfc-agent", "image": "hashicorp/tfc-agent" }] })
    });
    if pod["terminationGracePeriodSeconds"].is_null() {
        pod["terminationGracePeriodSeconds"] = json!(GRACE_SECONDS);
    }
    with_resources(&mut pod);
    equip(&mut pod, pool, installed)?;
    let selector = json!({ POOL_NAME: pool.name() });
    let mut labels = to_map(wanted.labels.iter().flatten());
    labels.insert(POOL_NAME.to_owned(), json!(pool.name()));
    let mut template = json!({ "metadata": { "labels": labels }, "spec": pod });
    let annotations = to_map(wanted.annotations.iter().flatten());
    if !annotations.is_empty() {
        template["metadata"]["annotations"] = Value::Object(annotations);
    }
    let mut deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": pool.deployment_name(),
            "namespace": pool.namespace(),
            "annotations": { POOL_NAME: pool.name(), POOL_ID: pool.status.agent_pool_id },
            "ownerReferences": [pool.owner_reference()],
        },
        "spec": {
            "selector": { "matchLabels": selector },
            // Never more agents than there may be, not even while they are replaced.
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 0 } },
            "template": template,
        },
    });
    if pool.spec.autoscaling.is_none() {
        deployment["spec"]["replicas"] = json!(wanted.replicas.unwrap_or(1));
    }
    Ok(deployment)
}

fn to_map<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> Map<String, Value> {
    pairs.map(|(key, value)| (key.clone(), json!(value))).collect()
}

/// Gives every container, an agent or not, what an agent needs. All agents share the first token of the status.
fn equip(pod: &mut Value, pool: &AgentPool, installed: &Installed) -> Result<(), Failure> {
    let Some(token) = pool.status.agent_tokens.first() else {
        return Err(Failure::Panic("runtime error: index out of range [0] with length 0"));
    };
    let key = json!({ "name": pool.secret_name(), "key": token.name });
    let token = json!({ "name": "TFC_AGENT_TOKEN", "valueFrom": { "secretKeyRef": key } });
    let name = json!({ "name": "TFC_AGENT_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } });
    let update = json!({ "name": "TFC_AGENT_AUTO_UPDATE", "value": "disabled" });
    let keeps = installed.version.keeps_environment();
    let mut given = if keeps { vec![update, token, name] } else { vec![token, name, update] };
    given.extend(installed.other_address.as_ref().map(|address| json!({ "name": "TFC_ADDRESS", "value": address })));
    let containers = pod.get_mut("containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let mut environment = container["env"].as_array().cloned().unwrap_or_default();
        for variable in &given {
            if !(keeps && environment.iter().any(|one| one["name"] == variable["name"])) {
                environment.push(variable.clone());
            }
        }
        container["env"] = Value::Array(environment);
    }
    Ok(())
}

impl Turn<'_> {
    /// The step after the tokens.
    pub async fn reconcile_deployment(&mut self) -> Result<(), Failure> {
        let found = self.operator.cluster.get(&self.deployment_path()).await?;
        match (found, self.pool.spec.agent_deployment.clone()) {
            (None, None) => Ok(()),
            (Some(_), None) => self.delete_deployment().await,
            (Some(found), Some(wanted)) => self.update_deployment(&found, &wanted).await,
            (None, Some(wanted)) => {
                let made = self.create_deployment(&wanted).await;
                if let Err(cause @ (Failure::Kube { .. } | Failure::Own(_) | Failure::Unanswered(_))) = &made {
                    self.tell(Type::Warning, "Deployment creation failed", &cause.to_string()).await;
                }
                made
            }
        }
    }

    fn deployments(&self) -> String {
        format!("/apis/apps/v1/namespaces/{}/deployments", self.pool.namespace())
    }

    fn deployment_path(&self) -> String {
        format!("{}/{}", self.deployments(), self.pool.deployment_name())
    }

    async fn create_deployment(&mut self, wanted: &AgentDeployment) -> Result<(), Failure> {
        if self.pool.status.agent_tokens.is_empty() {
            return Err(Failure::Own("not enough tokens available".to_owned()));
        }
        let mut deployment = build(&self.pool, wanted, self.installed)?;
        if let Some(bounds) = &self.pool.spec.autoscaling {
            deployment["spec"]["replicas"] = json!(bounds.min_replicas);
        }
        self.operator.cluster.create(&self.deployments(), MANAGER, &deployment).await?;
        self.pool.status.agent_deployment_name = self.pool.deployment_name();
        Ok(())
    }

    /// Written in every turn, changed or not, and whole: what others added is gone. A number that autoscaling once left in the
    /// status wins, even after `autoscaling` has left the spec.
    async fn update_deployment(&mut self, found: &Value, wanted: &AgentDeployment) -> Result<(), Failure> {
        let mut deployment = build(&self.pool, wanted, self.installed)?;
        if let Some(scaled) = &self.pool.status.autoscaling {
            deployment["spec"]["replicas"] = json!(scaled.desired_replicas);
        }
        if deployment["spec"]["replicas"].is_null() {
            deployment["spec"]["replicas"] = found["spec"]["replicas"].clone();
        }
        match self.operator.cluster.update(&self.deployment_path(), MANAGER, &deployment).await {
            Ok(_) => Ok(()),
            Err(cause) => {
                self.tell(Type::Warning, "Deployment update failed", &cause.to_string()).await;
                Err(cause)
            }
        }
    }

    /// Its name stays in the status.
    async fn delete_deployment(&mut self) -> Result<(), Failure> {
        match self.operator.cluster.delete(&self.deployment_path()).await {
            Err(cause) if !cause.is_not_found() => {
                self.tell(Type::Warning, "Deployment deletion failed", &cause.to_string()).await;
                Err(cause)
            }
            Err(_) => Ok(()),
            Ok(()) => {
                // These are its words for it.
                self.tell(Type::Normal, "Deployment creation succeeded", "").await;
                Ok(())
            }
        }
    }

    async fn deployment(&self) -> Result<Value, Failure> {
        let name = self.pool.deployment_name();
        let found = self.operator.cluster.get(&self.deployment_path()).await?;
        found.ok_or_else(|| Failure::Kube { status: 404, message: format!("deployments.apps {name:?} not found") })
    }

    /// How many agents are wanted now.
    pub async fn replicas(&self) -> Result<i64, Failure> {
        Ok(self.deployment().await?["spec"]["replicas"].as_i64().unwrap_or(1))
    }

    /// Changes that and nothing else.
    pub async fn scale_to(&self, replicas: i64) -> Result<(), Failure> {
        let mut deployment = self.deployment().await?;
        deployment["spec"]["replicas"] = json!(replicas);
        self.operator.cluster.update(&self.deployment_path(), "manager", &deployment).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::version::Version, *};

    fn installed(version: &str, other_address: Option<&str>) -> Installed {
        Installed {
            namespace: "hcp".into(),
            name: "operator".into(),
            version: Version::parse(version).unwrap(),
            watched: BTreeSet::new(),
            other_address: other_address.map(str::to_owned),
            unreadable_switch: None,
            process: String::new(),
        }
    }

    fn pool(spec: &Value) -> AgentPool {
        AgentPool::read(json!({
            "metadata": { "name": "main", "namespace": "agents", "uid": "uid-1" },
            "spec": spec,
            "status": { "agentPoolID": "apool-1", "agentTokens": [{ "name": "one", "id": "at-1" }] },
        }))
        .unwrap()
    }

    fn built(spec: &Value, installed: &Installed) -> Value {
        let pool = pool(spec);
        build(&pool, &pool.spec.agent_deployment.clone().unwrap(), installed).unwrap()
    }

    #[test]
    fn what_is_not_said_has_defaults() {
        let deployment = built(&json!({ "agentDeployment": {} }), &installed("2.12.0", None));
        assert_eq!(
            deployment,
            json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "name": "agents-of-main",
                    "namespace": "agents",
                    "annotations": {
                        "agentpool.app.terraform.io/pool-name": "main",
                        "agentpool.app.terraform.io/pool-id": "apool-1",
                    },
                    "ownerReferences": [{
                        "apiVersion": "app.terraform.io/v1alpha2",
                        "kind": "AgentPool",
                        "name": "main",
                        "uid": "uid-1",
                        "controller": true,
                        "blockOwnerDeletion": true,
                    }],
                },
                "spec": {
                    "replicas": 1,
                    "selector": { "matchLabels": { "agentpool.app.terraform.io/pool-name": "main" } },
                    "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 0 } },
                    "template": {
                        "metadata": { "labels": { "agentpool.app.terraform.io/pool-name": "main" } },
                        "spec": {
                            "terminationGracePeriodSeconds": 900,
                            "containers": [{
                                "name": "tfc-agent",
                                "image": "hashicorp/tfc-agent",
                                "resources": {},
                                "env": [
                                    { "name": "TFC_AGENT_AUTO_UPDATE", "value": "disabled" },
                                    { "name": "TFC_AGENT_TOKEN", "valueFrom": {
                                        "secretKeyRef": { "name": "main-agent-pool", "key": "one" },
                                    } },
                                    { "name": "TFC_AGENT_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                                ],
                            }],
                        },
                    },
                },
            })
        );
    }

    #[test]
    fn what_is_said_is_kept_by_new_versions_only() {
        let spec = json!({ "agentDeployment": {
            "replicas": 3,
            "labels": { "team": "a", "agentpool.app.terraform.io/pool-name": "other" },
            "annotations": { "note": "b" },
            "spec": {
                "terminationGracePeriodSeconds": 3600,
                "containers": [
                    { "name": "agent", "env": [{ "name": "TFC_AGENT_AUTO_UPDATE", "value": "patch" }] },
                    { "name": "sidecar", "image": "i", "resources": { "limits": { "cpu": "1" } } },
                ],
            },
        } });
        let names = |deployment: &Value, container: usize| -> Vec<String> {
            let path = format!("/spec/template/spec/containers/{container}/env");
            let all = deployment.pointer(&path).unwrap().as_array().unwrap();
            all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        let new = built(&spec, &installed("2.12.0", Some("https://tfe.example.com/api/v2/")));
        assert_eq!(names(&new, 0), ["TFC_AGENT_AUTO_UPDATE", "TFC_AGENT_TOKEN", "TFC_AGENT_NAME", "TFC_ADDRESS"]);
        assert_eq!(new.pointer("/spec/template/spec/containers/0/env/0/value").unwrap(), "patch");
        assert_eq!(names(&new, 1).len(), 4);
        assert_eq!(new["spec"]["replicas"], 3);
        assert_eq!(new.pointer("/spec/template/spec/terminationGracePeriodSeconds").unwrap(), 3600);
        assert_eq!(new.pointer("/spec/template/metadata/annotations").unwrap(), &json!({ "note": "b" }));
        assert_eq!(
            new.pointer("/spec/template/metadata/labels").unwrap(),
            &json!({ "team": "a", "agentpool.app.terraform.io/pool-name": "main" })
        );
        let old = built(&spec, &installed("2.9.2", None));
        assert_eq!(
            names(&old, 0),
            ["TFC_AGENT_AUTO_UPDATE", "TFC_AGENT_TOKEN", "TFC_AGENT_NAME", "TFC_AGENT_AUTO_UPDATE"]
        );
    }

    #[test]
    fn agents_that_are_scaled_have_no_number_of_their_own() {
        let spec =
            json!({ "agentDeployment": { "replicas": 3 }, "autoscaling": { "minReplicas": 0, "maxReplicas": 2 } });
        assert!(built(&spec, &installed("2.12.0", None))["spec"]["replicas"].is_null());
    }

    #[test]
    fn without_a_token_it_breaks_down() {
        let mut pool = pool(&json!({ "agentDeployment": {} }));
        pool.status.agent_tokens.clear();
        let wanted = pool.spec.agent_deployment.clone().unwrap();
        assert!(matches!(build(&pool, &wanted, &installed("2.12.0", None)), Err(Failure::Panic(_))));
    }
}
