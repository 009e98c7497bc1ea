//! What is wanted of clusters, as facts.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use serde::Serialize;
use serde_json::Value;

use super::{Fact, Facts, Thing};
use crate::systems::kube::desired::{
    Agent, Argocd, Chart, ChartSource, Cooldown, Delivery, Desired, External, Mounted, Operator, Pool, ServiceAccount,
    Target, Token, agent_pool_address, target_address,
};

/// Everything that is wanted of clusters.
pub(super) fn of_all(facts: &mut Facts, desired: &Desired) {
    let Desired { fleet: _, organization: _, targets } = desired;
    for (key, target) in targets {
        facts.insert(target_address(key), of_target(target));
        for pool in target.pools.values() {
            facts.insert(agent_pool_address(key, &target.namespace, &pool.resource), of_pool(pool));
        }
    }
}

/// A cluster and its operator.
pub(in crate::spec) fn of_target(target: &Target) -> BTreeMap<String, Fact> {
    let Target { kube_system_uid, may_be_away, namespace, operator, token, pools: _, delivery, absent } = target;
    let mut thing = Thing::default();
    thing.may_say("kubeSystemUid", kube_system_uid.as_deref());
    thing.say("namespace", namespace.as_str());
    thing.if_said("mayBeAway", may_be_away.then_some(true));
    thing.if_said("absent", absent.then_some(true));
    of_delivery(&mut thing, delivery);
    of_token(&mut thing, token.as_ref());
    let Operator { release, options, ca, chart } = operator;
    thing.say("operator.release", release.name.as_str());
    let Chart { source, sha256 } = chart;
    thing.say(
        "operator.chart",
        match source {
            ChartSource::Url(url) => url.clone(),
            ChartSource::Path(path) => path.display().to_string(),
        },
    );
    thing.if_said("operator.chart.sha256", sha256.as_deref());
    thing.if_said("operator.customCa", ca.as_ref().map(|path| path.display().to_string()));
    for (name, value) in members(options) {
        match (name.as_str(), value) {
            // The spec has no `operator` within `operator`.
            ("operator", Value::Object(of)) => {
                of.into_iter().for_each(|(name, value)| leaves(&mut thing, &name, value));
            }
            // The chart has this name twice: of the pod, and of the container in it.
            ("securityContext", value) => leaves(&mut thing, "podSecurityContext", value),
            (name, value) => leaves(&mut thing, name, value),
        }
    }
    thing.0
}

fn members(value: &impl Serialize) -> serde_json::Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members,
        // Nothing of ours is anything else.
        _ => serde_json::Map::new(),
    }
}

/// Each leaf as a field of its own, without those that say nothing. A part that Kubernetes has a type for is one leaf.
fn leaves(thing: &mut Thing, name: &str, value: Value) {
    let last = name.rsplit('.').next().unwrap_or_default();
    let whole = ["affinity", "securityContext", "podSecurityContext"].contains(&last);
    match value {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Object(of) if of.is_empty() => {}
        Value::Object(of) if !whole => {
            of.into_iter().for_each(|(key, value)| leaves(thing, &format!("{name}.{key}"), value));
        }
        value => thing.say(&format!("operator.{name}"), value),
    }
}

fn of_delivery(thing: &mut Thing, delivery: &Delivery) {
    match delivery {
        Delivery::Apply => {}
        Delivery::Verify => thing.say("delivery", "verify"),
        Delivery::Argocd(argocd) => {
            let Argocd { directory, repository, revision, path, application, namespace, project, server } = argocd;
            thing.say("delivery", "argocd");
            thing.say("argocd.directory", directory.display().to_string());
            let said = [
                ("repository", repository),
                ("revision", revision),
                ("path", path),
                ("application", application),
                ("namespace", namespace),
                ("project", project),
                ("server", server),
            ];
            for (field, value) in said {
                thing.say(&format!("argocd.{field}"), value.as_str());
            }
        }
    }
}

fn of_token(thing: &mut Thing, token: Option<&Token>) {
    match token {
        None => {}
        Some(Token::Value(source)) => thing.say("token", source.to_string()),
        Some(Token::Existing { secret, key }) => {
            thing.say("token.secret", secret.as_str());
            thing.say("token.key", key.as_str());
        }
        Some(Token::External(External { api_version, store_kind, store, key, property })) => {
            thing.say("token.externalSecret.store", format!("{store_kind}/{store}"));
            thing.say("token.externalSecret.apiVersion", api_version.as_str());
            thing.say("token.externalSecret.key", key.as_str());
            thing.if_said("token.externalSecret.property", property.as_deref());
        }
    }
}

/// A pool, and what its agents are like. Whose it is stands with the pool in HCP.
pub(in crate::spec) fn of_pool(pool: &Pool) -> BTreeMap<String, Fact> {
    let Pool {
        resource,
        name,
        was,
        tokens,
        min,
        max,
        cooldown,
        longest_apply,
        deletion,
        agent,
        rules,
        cluster_rules,
        stewardship: _,
    } = pool;
    let Cooldown { up, down } = cooldown;
    let mut thing = Thing::default();
    thing.say("resource", resource.as_str());
    thing.say("name", name.as_str());
    thing.if_said("was", was.as_deref());
    thing.say("tokens", tokens.clone());
    thing.say("min", *min);
    thing.say("max", *max);
    thing.say("cooldown.up", format!("{up}s"));
    thing.say("cooldown.down", format!("{down}s"));
    thing.say("longestApply", format!("{longest_apply}s"));
    thing.say("deletionPolicy", deletion.word());
    for (namespace, rules) in rules {
        list(&mut thing, &format!("rules.{namespace}"), rules);
    }
    list(&mut thing, "clusterRules", cluster_rules);
    of_agent(&mut thing, agent);
    thing.0
}

fn list(thing: &mut Thing, field: &str, of: &[impl Serialize]) {
    if !of.is_empty() {
        part(thing, field, Some(&of));
    }
}

fn part(thing: &mut Thing, field: &str, of: Option<&impl Serialize>) {
    thing.if_said(field, of.and_then(|of| serde_json::to_value(of).ok()));
}

fn texts(thing: &mut Thing, field: &str, of: &BTreeMap<String, String>) {
    for (key, value) in of {
        thing.say(&format!("{field}.{key}"), value.as_str());
    }
}

fn of_agent(thing: &mut Thing, agent: &Agent) {
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
    } = agent;
    thing.say("image", image.to_string());
    list(thing, "imagePullSecrets", image_pull_secrets);
    texts(thing, "environment", environment);
    let ResourceRequirements { claims: _, limits, requests } = resources;
    for (word, amounts) in [("limits", limits), ("requests", requests)] {
        for (name, amount) in amounts.iter().flatten() {
            thing.say(&format!("resources.{word}.{name}"), amount.0.as_str());
        }
    }
    let ServiceAccount { name, create, annotations: of_account } = service_account;
    thing.say("serviceAccount.name", name.as_str());
    thing.say("serviceAccount.create", *create);
    texts(thing, "serviceAccount.annotations", of_account);
    part(thing, "securityContext", security_context.as_ref());
    texts(thing, "nodeSelector", node_selector);
    part(thing, "affinity", affinity.as_ref());
    list(thing, "tolerations", tolerations);
    thing.if_said("priorityClassName", priority_class_name.as_deref());
    for (purpose, volume) in files {
        part(thing, purpose.word(), Some(volume));
    }
    thing.if_said("ca", ca.as_ref().map(|path| path.display().to_string()));
    for (name, Mounted { volume, mount_path, sub_path, read_only }) in volumes {
        part(thing, &format!("volumes.{name}.source"), Some(volume));
        thing.say(&format!("volumes.{name}.mountPath"), mount_path.as_str());
        thing.if_said(&format!("volumes.{name}.subPath"), sub_path.as_deref());
        thing.say(&format!("volumes.{name}.readOnly"), *read_only);
    }
    texts(thing, "annotations", annotations);
    texts(thing, "labels", labels);
}
