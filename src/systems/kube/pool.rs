//! The resource by which the operator knows a pool.

use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, Volume, VolumeMount};

use super::agent_pool::{self, DeletionPolicy, Options, Scale, SecretKey};
use super::desired::{Agent, Cooldown, Deletion, Mounted, Pool, Target, Token};
use super::object::Object;
use crate::systems::agent::Purpose;

/// The resource of a pool.
pub(super) fn resource(organization: &str, target: &Target, pool: &Pool) -> Object {
    options(organization, target, pool).object()
}

/// What the operator is told of a pool.
pub(super) fn options(organization: &str, target: &Target, pool: &Pool) -> Options {
    let Pool {
        resource,
        name,
        was: _,
        tokens,
        min,
        max,
        cooldown: Cooldown { up, down },
        longest_apply,
        deletion,
        agent: wanted,
        rules: _,
        cluster_rules: _,
        stewardship: _,
    } = pool;
    let seconds = |long: u64| u32::try_from(long).unwrap_or(u32::MAX);
    // A pool without a token of its operator is refused where the spec is checked.
    let key = |token: &Token| SecretKey { name: token.secret().to_owned(), key: token.key().to_owned() };
    Options {
        name: resource.clone(),
        namespace: target.namespace.clone(),
        pool: name.clone(),
        organization: organization.to_owned(),
        token: target.token.as_ref().map(key).unwrap_or_default(),
        agent_tokens: tokens.clone(),
        scale: Scale::Auto { min: *min, max: *max, cooldown_up: seconds(*up), cooldown_down: seconds(*down) },
        agent: agent(resource, wanted, *longest_apply),
        deletion_policy: match deletion {
            Deletion::Retain => DeletionPolicy::Retain,
            Deletion::Destroy => DeletionPolicy::Destroy,
        },
    }
}

/// The `ConfigMap` of the certificates that a pool's agents trust.
pub(super) fn certificates_name(resource: &str) -> String {
    format!("{resource}-ca")
}

fn agent(resource: &str, wanted: &Agent, longest_apply: u64) -> agent_pool::Agent {
    let Agent {
        image,
        image_pull_secrets,
        environment,
        resources,
        service_account,
        security_context,
        node_selector,
        affinity,
        tolerations,
        priority_class_name,
        files,
        ca,
        volumes,
        annotations,
        labels,
    } = wanted;
    let mut files = files.clone();
    if ca.is_some() {
        let config_map =
            ConfigMapVolumeSource { name: certificates_name(resource), ..ConfigMapVolumeSource::default() };
        let volume = Volume { name: Purpose::Ca.word().to_owned(), config_map: Some(config_map), ..Volume::default() };
        files.insert(Purpose::Ca, volume);
    }
    let mount = |it: &Mounted| VolumeMount {
        name: it.volume.name.clone(),
        mount_path: it.mount_path.clone(),
        sub_path: it.sub_path.clone(),
        read_only: it.read_only.then_some(true),
        ..VolumeMount::default()
    };
    agent_pool::Agent {
        image_pull_secrets: image_pull_secrets.iter().map(|secret| secret.name.clone()).collect(),
        resources: resources.clone(),
        service_account_name: Some(service_account.name.clone()),
        grace_period: longest_apply,
        node_selector: node_selector.clone(),
        affinity: affinity.clone(),
        tolerations: tolerations.clone(),
        priority_class_name: priority_class_name.clone(),
        security_context: security_context.clone(),
        env: environment.clone(),
        files,
        volumes: volumes.values().map(|it| it.volume.clone()).collect(),
        volume_mounts: volumes.values().map(mount).collect(),
        annotations: annotations.clone(),
        labels: labels.clone(),
        ..agent_pool::Agent::new(image.clone())
    }
}
