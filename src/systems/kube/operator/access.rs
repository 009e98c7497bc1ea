//! What the operator may do in the cluster: its roles, and their bindings to it.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Names, Options, Version};
use crate::systems::kube::object::Object;

/// The group of roles.
const GROUP: &str = "rbac.authorization.k8s.io";
/// The group of the operator's own kinds.
const TERRAFORM: &str = "app.terraform.io";
/// Everything that can be done to a resource, but for deleting many at once.
const CRUD: [&str; 7] = ["create", "delete", "get", "list", "patch", "update", "watch"];

const MANAGER_ROLE: &str = "manager-role";
const MANAGER_BINDING: &str = "manager-rolebinding";
const PROXY_ROLE: &str = "proxy-role";
const PROXY_BINDING: &str = "proxy-rolebinding";
const METRICS_ROLE: &str = "metrics-reader";
const LEADER_ROLE: &str = "leader-election-role";
const LEADER_BINDING: &str = "leader-election-rolebinding";

/// Roles and bindings, each role before its binding.
pub(super) fn objects(names: &Names<'_>, options: &Options) -> Vec<Object> {
    let cluster_role = |what: &str, rules: Vec<PolicyRule>| {
        Object::of(&ClusterRole {
            metadata: cluster_wide(names.of(what)),
            rules: Some(rules),
            ..ClusterRole::default()
        })
    };
    let binding = |what: &str, role: &str| {
        Object::of(&ClusterRoleBinding {
            metadata: cluster_wide(names.of(what)),
            role_ref: reference("ClusterRole", names.of(role)),
            subjects: Some(vec![subject(names)]),
        })
    };
    let narrow = narrow_to(options);
    let mut objects = vec![
        cluster_role(MANAGER_ROLE, manager_rules(options.version, narrow.is_empty())),
        cluster_role(METRICS_ROLE, vec![metrics_rule()]),
        cluster_role(PROXY_ROLE, proxy_rules()),
        binding(MANAGER_BINDING, MANAGER_ROLE),
        binding(PROXY_BINDING, PROXY_ROLE),
    ];
    objects.extend(role(names, &names.release.namespace, [LEADER_ROLE, LEADER_BINDING], leader_rules()));
    for namespace in narrow {
        objects.extend(role(names, namespace, [MANAGER_ROLE, MANAGER_BINDING], vec![secrets_rule(options.version)]));
    }
    objects
}

/// The namespaces to which the permission on Secrets is narrowed; none: it holds everywhere.
fn narrow_to(options: &Options) -> BTreeSet<&str> {
    let watched = options.operator.watched_namespaces.iter().map(String::as_str);
    watched.filter(|_| options.rbac.narrow_secrets).collect()
}

/// A role of one namespace and its binding.
fn role(names: &Names<'_>, namespace: &str, [role, binding]: [&str; 2], rules: Vec<PolicyRule>) -> [Object; 2] {
    let metadata =
        |name| ObjectMeta { name: Some(name), namespace: Some(namespace.to_owned()), ..ObjectMeta::default() };
    [
        Object::of(&Role { metadata: metadata(names.of(role)), rules: Some(rules) }),
        Object::of(&RoleBinding {
            metadata: metadata(names.of(binding)),
            role_ref: reference("Role", names.of(role)),
            subjects: Some(vec![subject(names)]),
        }),
    ]
}

fn cluster_wide(name: String) -> ObjectMeta {
    ObjectMeta { name: Some(name), ..ObjectMeta::default() }
}

fn reference(kind: &str, name: String) -> RoleRef {
    RoleRef { api_group: GROUP.to_owned(), kind: kind.to_owned(), name }
}

fn subject(names: &Names<'_>) -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: names.service_account.clone(),
        namespace: Some(names.release.namespace.clone()),
        ..Subject::default()
    }
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn manager_rules(version: Version, secrets: bool) -> Vec<PolicyRule> {
    let kinds = kinds(version);
    let parts = |part: &str| kinds.iter().map(|kind| format!("{kind}/{part}")).collect::<Vec<_>>();
    let of_parts =
        |part: &str, verbs: &[&str]| PolicyRule { resources: Some(parts(part)), ..rule(TERRAFORM, &[], verbs) };
    let mut rules = Vec::new();
    if secrets {
        rules.push(secrets_rule(version));
    }
    rules.extend([
        rule("", &["events"], &["create", "patch"]),
        rule(TERRAFORM, &kinds, &CRUD),
        of_parts("finalizers", &["update"]),
        of_parts("status", &["get", "patch", "update"]),
        rule("apps", &["deployments"], &CRUD),
    ]);
    rules
}

/// What it may do with Secrets. It reads them from a list that it watches, so that it never gets a single one; 2.12.0
/// patches them.
fn secrets_rule(version: Version) -> PolicyRule {
    let mut verbs = vec!["create", "list", "update", "watch"];
    if version >= Version::V2_12_0 {
        verbs.push("patch");
    }
    rule("", &["configmaps", "secrets"], &verbs)
}

/// The operator's own kinds.
fn kinds(version: Version) -> Vec<&'static str> {
    let mut kinds = vec!["agentpools"];
    if version.has_agent_tokens() {
        kinds.push("agenttokens");
    }
    kinds.extend(["modules", "projects"]);
    if version.has_runs_collectors() {
        kinds.push("runscollectors");
    }
    kinds.push("workspaces");
    kinds
}

fn metrics_rule() -> PolicyRule {
    PolicyRule {
        non_resource_urls: Some(vec!["/metrics".to_owned()]),
        verbs: vec!["get".to_owned()],
        ..PolicyRule::default()
    }
}

fn proxy_rules() -> Vec<PolicyRule> {
    vec![
        rule("authentication.k8s.io", &["tokenreviews"], &["create"]),
        rule("authorization.k8s.io", &["subjectaccessreviews"], &["create"]),
    ]
}

fn leader_rules() -> Vec<PolicyRule> {
    let all = ["get", "list", "watch", "create", "update", "patch", "delete"];
    vec![
        rule("", &["configmaps"], &all),
        rule("coordination.k8s.io", &["leases"], &all),
        rule("", &["events"], &["create", "patch"]),
    ]
}
