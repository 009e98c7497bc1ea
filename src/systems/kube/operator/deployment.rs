//! The Deployment: the operator, and the container beside it that guards its metrics.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, ContainerPort, EnvVar, HTTPGetAction, PodSpec, PodTemplateSpec, Probe, Volume,
    VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::options::{Controller, Image, KubeRbacProxy};
use super::{CERTIFICATES, CONTROL_PLANE, METRICS_PORT, METRICS_PORT_NUMBER, Names, Options};

/// Where the operator finds more certificates of authorities: a file of the folder in which Go programs look for them.
const CERTIFICATES_FILE: &str = "/etc/ssl/certs/custom-ca-certificates.crt";
/// At which the operator says whether it is well.
const HEALTH_PORT: i32 = 8081;

pub(super) fn deployment(names: &Names<'_>, options: &Options) -> Deployment {
    let control_plane = || (CONTROL_PLANE.to_owned(), names.control_plane());
    let mut labels = names.labels(options.version);
    labels.extend([control_plane()]);
    let mut selector = names.selector();
    selector.extend([control_plane()]);
    Deployment {
        metadata: ObjectMeta { labels: Some(labels), ..names.here(names.full.clone()) },
        spec: Some(DeploymentSpec {
            replicas: Some(options.replica_count.try_into().unwrap_or(i32::MAX)),
            selector: LabelSelector { match_labels: Some(selector.clone()), ..LabelSelector::default() },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(pod_labels(selector, options)), ..ObjectMeta::default() }),
                spec: Some(pod(names, options)),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

/// The labels that select the pods win: without them the Deployment would be refused.
fn pod_labels(selector: BTreeMap<String, String>, options: &Options) -> BTreeMap<String, String> {
    let mut labels = options.pod_labels.clone();
    labels.extend(selector);
    labels
}

fn pod(names: &Names<'_>, options: &Options) -> PodSpec {
    let volume = Volume {
        name: CERTIFICATES.to_owned(),
        config_map: Some(ConfigMapVolumeSource { name: names.of(CERTIFICATES), ..ConfigMapVolumeSource::default() }),
        ..Volume::default()
    };
    PodSpec {
        priority_class_name: options.priority_class_name.clone(),
        image_pull_secrets: some(options.image_pull_secrets.clone()),
        containers: vec![manager(options), proxy(&options.kube_rbac_proxy, options)],
        affinity: options.operator.affinity.clone(),
        tolerations: some(options.operator.tolerations.clone()),
        service_account_name: Some(names.service_account.clone()),
        security_context: options.security_context.clone(),
        termination_grace_period_seconds: Some(10),
        volumes: options.custom_ca_certificates.as_ref().map(|_| vec![volume]),
        ..PodSpec::default()
    }
}

/// A list that says something; an empty one would be a field of ours that says nothing.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn manager(options: &Options) -> Container {
    let mount = VolumeMount {
        name: CERTIFICATES.to_owned(),
        mount_path: CERTIFICATES_FILE.to_owned(),
        sub_path: Some(CERTIFICATES.to_owned()),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    Container {
        name: "manager".to_owned(),
        image: Some(image(&options.operator.image, options)),
        image_pull_policy: Some(options.operator.image.pull_policy.clone()),
        args: Some(arguments(options)),
        command: Some(vec!["/manager".to_owned()]),
        env: some(environment(options)),
        liveness_probe: Some(probe("/healthz", 15, 20)),
        readiness_probe: Some(probe("/readyz", 5, 10)),
        resources: Some(options.operator.resources.clone()),
        security_context: options.operator.security_context.clone(),
        volume_mounts: options.custom_ca_certificates.as_ref().map(|_| vec![mount]),
        ..Container::default()
    }
}

/// A digest says which image it is, and the tag beside it what people call it. Without a tag, it is the version's.
fn image(image: &Image, options: &Options) -> String {
    let Image { repository, tag, digest, pull_policy: _ } = image;
    let tag = tag.as_deref().unwrap_or(options.version.as_str());
    match digest {
        Some(digest) => format!("{repository}:{tag}@{digest}"),
        None => format!("{repository}:{tag}"),
    }
}

/// The operator's flags in the order of the chart. Those of controllers that the version lacks would stop it.
fn arguments(options: &Options) -> Vec<String> {
    let controllers = &options.controllers;
    let (tokens, collectors) = (options.version.has_agent_tokens(), options.version.has_runs_collectors());
    let all: [(&str, Option<Controller>); 6] = [
        ("agent-pool", Some(controllers.agent_pool)),
        ("agent-token", controllers.agent_token.filter(|_| tokens)),
        ("module", Some(controllers.module)),
        ("project", Some(controllers.project)),
        ("runs-collector", controllers.runs_collector.filter(|_| collectors)),
        ("workspace", Some(controllers.workspace)),
    ];
    let mut arguments = vec![format!("--sync-period={}", options.operator.sync_period)];
    for (name, controller) in all {
        if let Some(Controller { workers, sync_period }) = controller {
            arguments.push(format!("--{name}-workers={workers}"));
            arguments.push(format!("--{name}-sync-period={sync_period}"));
        }
    }
    arguments.extend(options.operator.watched_namespaces.iter().map(|namespace| format!("--namespace={namespace}")));
    arguments
}

/// The environment. A variable that the operator's own settings make is not said twice.
fn environment(options: &Options) -> Vec<EnvVar> {
    let mut own = BTreeMap::new();
    if options.operator.skip_tls_verify {
        own.insert("TFC_TLS_SKIP_VERIFY", "true");
    }
    if let Some(address) = &options.operator.tfe_address {
        own.insert("TFE_ADDRESS", address);
    }
    let said = options.operator.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    said.filter(|(name, _)| !own.contains_key(name))
        .chain(own.iter().map(|(&name, &value)| (name, value)))
        .map(|(name, value)| EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None })
        .collect()
}

fn probe(path: &str, delay: i32, period: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(HEALTH_PORT),
            ..HTTPGetAction::default()
        }),
        initial_delay_seconds: Some(delay),
        period_seconds: Some(period),
        ..Probe::default()
    }
}

fn proxy(proxy: &KubeRbacProxy, options: &Options) -> Container {
    let arguments =
        ["--secure-listen-address=0.0.0.0:8443", "--upstream=http://127.0.0.1:8080/", "--logtostderr=true", "--v=0"];
    Container {
        name: "kube-rbac-proxy".to_owned(),
        image: Some(image(&proxy.image, options)),
        image_pull_policy: Some(proxy.image.pull_policy.clone()),
        args: Some(arguments.map(ToOwned::to_owned).into()),
        ports: Some(vec![ContainerPort {
            container_port: METRICS_PORT_NUMBER,
            name: Some(METRICS_PORT.to_owned()),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        resources: Some(proxy.resources.clone()),
        security_context: proxy.security_context.clone(),
        ..Container::default()
    }
}
