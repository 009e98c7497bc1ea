//! The Deployment that the operator makes of an `AgentPool`. It is built here as well, so that a dry run of it finds what
//! the CRD accepts and a Deployment refuses, before the operator is left alone with that.
//!
//! It follows `agentPoolDeployment` and `decorateDeployment` of the operator's `agentpool_controller_deployment.go`.

use std::collections::BTreeMap;

use k8s_openapi::Metadata as _;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Container, EnvVar, EnvVarSource, ObjectFieldSelector, PodSpec, PodTemplateSpec, SecretKeySelector,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::resource::{AgentDeployment, AgentPool};
use super::{CONTAINER, GRACE_PERIOD};
use crate::systems::docker::desired::{NAME_VARIABLE, TOKEN_VARIABLE};

/// The label and annotation with the name of the resource.
pub const POOL_NAME: &str = "agentpool.app.terraform.io/pool-name";
/// The annotation with the pool's id.
pub const POOL_ID: &str = "agentpool.app.terraform.io/pool-id";
/// The image where no pod is said.
const IMAGE: &str = "hashicorp/tfc-agent";

/// The Deployment's name.
#[must_use]
pub fn deployment_name(pool: &str) -> String {
    format!("agents-of-{pool}")
}

/// The name of the Secret in which the operator keeps the values of the agents' tokens, by their names.
#[must_use]
pub fn secret_name(pool: &str) -> String {
    format!("{pool}-agent-pool")
}

/// The Deployment of a pool's agents; `None` for a pool without any. The address is that of a Terraform Enterprise.
///
/// Its token is the first that the resource names. The operator takes the first of its status, which is the same one once
/// it has made them. It is as many as at first: where they are scaled, the lowest number.
#[must_use]
pub fn agents_deployment(pool: &AgentPool, address: Option<&str>) -> Option<Deployment> {
    let AgentDeployment { replicas, spec, annotations, labels } = pool.spec.agent_deployment.as_ref()?;
    let metadata = pool.metadata();
    let name = metadata.name.clone().unwrap_or_default();
    let selector = BTreeMap::from([(POOL_NAME.to_owned(), name.clone())]);
    let replicas = match &pool.spec.autoscaling {
        Some(autoscaling) => autoscaling.min_replicas,
        None => replicas.unwrap_or(1),
    };
    let id = pool.status.as_ref().map(|status| status.agent_pool_id.clone()).unwrap_or_default();
    let mut pod_labels = labels.clone().unwrap_or_default();
    pod_labels.extend(selector.clone());
    let none_extra = RollingUpdateDeployment { max_surge: Some(IntOrString::Int(0)), max_unavailable: None };
    Some(Deployment {
        metadata: ObjectMeta {
            name: Some(deployment_name(&name)),
            namespace: metadata.namespace.clone(),
            annotations: Some(BTreeMap::from([(POOL_NAME.to_owned(), name), (POOL_ID.to_owned(), id)])),
            ..ObjectMeta::default()
        },
        spec: Some(DeploymentSpec {
            replicas: Some(replicas),
            selector: LabelSelector { match_labels: Some(selector), ..LabelSelector::default() },
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(none_extra),
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(pod_labels),
                    annotations: annotations.clone(),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(pool, spec.as_ref(), address)),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    })
}

fn pod(pool: &AgentPool, said: Option<&PodSpec>, address: Option<&str>) -> PodSpec {
    let own = || PodSpec {
        containers: vec![Container {
            name: CONTAINER.to_owned(),
            image: Some(IMAGE.to_owned()),
            ..Container::default()
        }],
        ..PodSpec::default()
    };
    let mut pod = said.cloned().unwrap_or_else(own);
    if pod.termination_grace_period_seconds.is_none() {
        pod.termination_grace_period_seconds = i64::try_from(GRACE_PERIOD).ok();
    }
    let variables = variables(pool, address);
    // Every container gets them, whatever it is there for, and keeps what it has of its own (since 2.11.4).
    for container in &mut pod.containers {
        let env = container.env.get_or_insert_default();
        for variable in &variables {
            if !env.iter().any(|own| own.name == variable.name) {
                env.push(variable.clone());
            }
        }
    }
    pod
}

fn variables(pool: &AgentPool, address: Option<&str>) -> Vec<EnvVar> {
    let plain =
        |name: &str, value: &str| EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None };
    let from =
        |name: &str, source: EnvVarSource| EnvVar { name: name.to_owned(), value: None, value_from: Some(source) };
    let secret = SecretKeySelector {
        name: secret_name(pool.metadata.name.as_deref().unwrap_or_default()),
        key: pool.spec.agent_tokens.iter().flatten().next().map(|token| token.name.clone()).unwrap_or_default(),
        optional: None,
    };
    let own_name = ObjectFieldSelector { field_path: "metadata.name".to_owned(), api_version: None };
    let mut variables = vec![
        from(TOKEN_VARIABLE, EnvVarSource { secret_key_ref: Some(secret), ..EnvVarSource::default() }),
        from(NAME_VARIABLE, EnvVarSource { field_ref: Some(own_name), ..EnvVarSource::default() }),
        plain("TFC_AGENT_AUTO_UPDATE", "disabled"),
    ];
    variables.extend(address.map(|address| plain("TFC_ADDRESS", address)));
    variables
}
