//! Which kinds there are: those that are built in, and those that definitions add.

use std::sync::Arc;

use serde_json::{Value, json};

use super::apply::shape::Shape;
use crate::sandbox::world::Cluster;

/// Verbs of a kind whose objects are kept.
const KEPT: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
/// Verbs of a part of an object.
const PART: &[&str] = &["get", "patch", "update"];
/// Verbs of a question.
const ASKED: &[&str] = &["create"];

/// A kind that is built in.
struct BuiltIn {
    group: &'static str,
    plural: &'static str,
    kind: &'static str,
    is_namespaced: bool,
    has_status: bool,
}

const fn built_in(
    group: &'static str,
    plural: &'static str,
    kind: &'static str,
    is_namespaced: bool,
    has_status: bool,
) -> BuiltIn {
    BuiltIn { group, plural, kind, is_namespaced, has_status }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const REVIEWS: &str = "authorization.k8s.io";

/// All are of version `v1`.
const BUILT_IN: &[BuiltIn] = &[
    built_in("", "configmaps", "ConfigMap", true, false),
    built_in("", "events", "Event", true, false),
    built_in("", "namespaces", "Namespace", false, true),
    built_in("", "nodes", "Node", false, true),
    built_in("", "pods", "Pod", true, true),
    built_in("", "secrets", "Secret", true, false),
    built_in("", "serviceaccounts", "ServiceAccount", true, false),
    built_in("", "services", "Service", true, true),
    built_in("apps", "deployments", "Deployment", true, true),
    built_in("apps", "replicasets", "ReplicaSet", true, true),
    built_in(RBAC, "clusterrolebindings", "ClusterRoleBinding", false, false),
    built_in(RBAC, "clusterroles", "ClusterRole", false, false),
    built_in(RBAC, "rolebindings", "RoleBinding", true, false),
    built_in(RBAC, "roles", "Role", true, false),
    built_in("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", false, true),
    built_in("coordination.k8s.io", "leases", "Lease", true, false),
    built_in(REVIEWS, "selfsubjectaccessreviews", "SelfSubjectAccessReview", false, false),
    built_in(REVIEWS, "selfsubjectrulesreviews", "SelfSubjectRulesReview", false, false),
];

/// A kind of objects.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its group; empty for the first one.
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its word in paths.
    pub plural: String,
    /// Its name.
    pub kind: String,
    /// The name of a list of it.
    pub list_kind: String,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
    /// Whether the status is written apart.
    pub has_status: bool,
    /// Its definition, and which of the versions there it is.
    definition: Option<(Arc<Value>, usize)>,
}

impl Resource {
    fn built_in(kind: &BuiltIn) -> Self {
        Self {
            group: kind.group.to_owned(),
            version: "v1".to_owned(),
            plural: kind.plural.to_owned(),
            kind: kind.kind.to_owned(),
            list_kind: format!("{}List", kind.kind),
            is_namespaced: kind.is_namespaced,
            has_status: kind.has_status,
            definition: None,
        }
    }

    fn defined(definition: &Arc<Value>, place: usize) -> Self {
        let spec = &definition["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let version = &spec["versions"][place];
        let kind = text(&spec["names"]["kind"]);
        let list_kind = spec["names"]["listKind"].as_str().map_or_else(|| format!("{kind}List"), str::to_owned);
        Self {
            group: text(&spec["group"]),
            version: text(&version["name"]),
            plural: text(&spec["names"]["plural"]),
            kind,
            list_kind,
            is_namespaced: spec["scope"] == "Namespaced",
            has_status: version["subresources"]["status"].is_object(),
            definition: Some((Arc::clone(definition), place)),
        }
    }

    /// `deployments.apps`, as messages have it.
    pub fn id(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether a definition added it.
    pub fn is_custom(&self) -> bool {
        self.definition.is_some()
    }

    /// Whether its definition goes, and its objects with it.
    pub fn is_ending(&self) -> bool {
        self.definition.as_ref().is_some_and(|(definition, _)| definition["metadata"]["deletionTimestamp"].is_string())
    }

    /// The schema of its objects, if a definition has one.
    pub fn schema(&self) -> Option<&Value> {
        let (definition, place) = self.definition.as_ref()?;
        Some(&definition["spec"]["versions"][place]["schema"]["openAPIV3Schema"])
    }

    /// What a merge has to know.
    pub fn shape(&self) -> Shape<'_> {
        match self.schema() {
            Some(schema) => Shape::Custom(schema),
            None => Shape::of_kind(&self.kind),
        }
    }

    /// Whether its objects are only asked and never kept.
    pub fn is_question(&self) -> bool {
        self.group == REVIEWS
    }

    /// The place of an object.
    pub fn key(&self, namespace: &str, name: &str) -> String {
        if self.is_namespaced { format!("{namespace}/{name}") } else { name.to_owned() }
    }

    /// Whether `metadata.generation` counts changes of the rest.
    pub fn has_generation(&self) -> bool {
        self.is_custom()
            || ["Deployment", "ReplicaSet", "CustomResourceDefinition", "Pod"].contains(&self.kind.as_str())
    }
}

/// Versions of kinds that definitions add and that are served.
fn defined(cluster: &Cluster) -> Vec<Resource> {
    let established = |definition: &Value| {
        let conditions = definition["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|one| one["type"] == "Established" && one["status"] == "True")
    };
    let definitions = cluster.all("customresourcedefinitions.apiextensions.k8s.io");
    definitions
        .filter(|(_, definition)| established(definition))
        .flat_map(|(_, definition)| {
            let versions = definition["spec"]["versions"].as_array().map_or(0, Vec::len);
            let served = (0..versions).filter(|place| definition["spec"]["versions"][place]["served"] == true);
            served.map(|place| Resource::defined(definition, place)).collect::<Vec<Resource>>()
        })
        .collect()
}

/// All kinds.
pub fn all(cluster: &Cluster) -> Vec<Resource> {
    BUILT_IN.iter().map(Resource::built_in).chain(defined(cluster)).collect()
}

/// Whether a group is one that every cluster has.
pub fn is_built_in(group: &str) -> bool {
    BUILT_IN.iter().any(|kind| kind.group == group)
}

/// The kind of a path.
pub fn find(cluster: &Cluster, group: &str, version: &str, plural: &str) -> Option<Resource> {
    if let Some(kind) = BUILT_IN.iter().find(|kind| kind.group == group && kind.plural == plural && version == "v1") {
        return Some(Resource::built_in(kind));
    }
    let is_it = |one: &Resource| one.group == group && one.version == version && one.plural == plural;
    defined(cluster).into_iter().find(is_it)
}

/// A kind by its id.
pub fn of_id(cluster: &Cluster, id: &str) -> Option<Resource> {
    all(cluster).into_iter().find(|one| one.id() == id)
}

/// Answers what is asked about kinds; none if it is about objects.
pub fn discover(cluster: &Cluster, path: &[&str]) -> Option<Value> {
    match path {
        ["version"] => Some(version(cluster)),
        ["api"] => {
            let address = json!([{ "clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1" }]);
            Some(json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": address }))
        }
        ["apis"] => Some(groups(cluster)),
        // Nobody here reads the types that a server publishes.
        ["openapi", "v3"] => Some(json!({ "paths": {} })),
        ["apis", name] => {
            let mut group = groups(cluster)["groups"].as_array()?.iter().find(|one| one["name"] == *name)?.clone();
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            Some(group)
        }
        ["api", version] => resources(cluster, "", version),
        ["apis", group, version] => resources(cluster, group, version),
        _ => None,
    }
}

fn version(cluster: &Cluster) -> Value {
    let mut parts = cluster.version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    json!({
        "major": major,
        "minor": minor,
        "gitVersion": cluster.version,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.26.0",
        "compiler": "gc",
        "platform": "linux/arm64",
    })
}

fn groups(cluster: &Cluster) -> Value {
    let mut names: Vec<(String, Vec<String>)> = Vec::new();
    for kind in all(cluster).into_iter().filter(|kind| !kind.group.is_empty()) {
        match names.iter_mut().find(|(name, _)| *name == kind.group) {
            Some((_, versions)) if versions.contains(&kind.version) => {}
            Some((_, versions)) => versions.push(kind.version),
            None => names.push((kind.group, vec![kind.version])),
        }
    }
    let show = |(name, mut versions): (String, Vec<String>)| {
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        let shown: Vec<Value> = versions
            .iter()
            .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
            .collect();
        json!({ "name": name, "versions": shown, "preferredVersion": shown.first() })
    };
    let groups: Vec<Value> = names.into_iter().map(show).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// Stable versions before beta before alpha, and newer before older (apimachinery, `pkg/version/helpers.go`).
fn priority(version: &str) -> (u8, u32, u32) {
    let number = |text: &str| text.parse().unwrap_or_default();
    let rest = version.trim_start_matches('v');
    match (rest.split_once("alpha"), rest.split_once("beta")) {
        (Some((major, minor)), _) => (0, number(major), number(minor)),
        (_, Some((major, minor))) => (1, number(major), number(minor)),
        (None, None) => (2, number(rest), 0),
    }
}

fn resources(cluster: &Cluster, group: &str, version: &str) -> Option<Value> {
    let found: Vec<Resource> =
        all(cluster).into_iter().filter(|kind| kind.group == group && kind.version == version).collect();
    let first = found.first()?;
    let mut shown = Vec::new();
    for kind in &found {
        let entry = |name: String, verbs: &[&str]| {
            json!({ "name": name, "singularName": kind.kind.to_lowercase(), "namespaced": kind.is_namespaced,
                "kind": kind.kind, "verbs": verbs })
        };
        shown.push(entry(kind.plural.clone(), if kind.is_question() { ASKED } else { KEPT }));
        if kind.has_status {
            let mut part = entry(format!("{}/status", kind.plural), PART);
            part["singularName"] = json!("");
            shown.push(part);
        }
    }
    let version = first.api_version();
    Some(json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": shown }))
}
