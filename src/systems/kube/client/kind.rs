//! The kinds of objects that are spoken of, and where the API has them.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::http::path;

/// A kind of object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// `apps`; empty for the core group.
    pub group: Cow<'static, str>,
    /// `v1`
    pub version: Cow<'static, str>,
    /// `Deployment`
    pub kind: Cow<'static, str>,
    /// `deployments`
    pub plural: Cow<'static, str>,
    /// Its objects live in namespaces.
    pub namespaced: bool,
}

const RBAC: &str = "rbac.authorization.k8s.io";
const OPERATOR: &str = "app.terraform.io";

impl Kind {
    /// `v1 Namespace`
    pub const NAMESPACE: Self = Self::of_cluster("", "v1", "Namespace", "namespaces");
    /// `v1 ServiceAccount`
    pub const SERVICE_ACCOUNT: Self = Self::of_namespace("", "v1", "ServiceAccount", "serviceaccounts");
    /// `v1 Secret`. Wherever it is read or written, only its metadata is asked for, but by [`super::Cluster::secret_value`].
    pub const SECRET: Self = Self::of_namespace("", "v1", "Secret", "secrets");
    /// `v1 ConfigMap`
    pub const CONFIG_MAP: Self = Self::of_namespace("", "v1", "ConfigMap", "configmaps");
    /// `v1 Service`
    pub const SERVICE: Self = Self::of_namespace("", "v1", "Service", "services");
    /// `v1 Event`
    pub const EVENT: Self = Self::of_namespace("", "v1", "Event", "events");
    /// `v1 Node`
    pub const NODE: Self = Self::of_cluster("", "v1", "Node", "nodes");
    /// `v1 Pod`
    pub const POD: Self = Self::of_namespace("", "v1", "Pod", "pods");
    /// `apps/v1 Deployment`
    pub const DEPLOYMENT: Self = Self::of_namespace("apps", "v1", "Deployment", "deployments");
    /// `rbac.authorization.k8s.io/v1 ClusterRole`
    pub const CLUSTER_ROLE: Self = Self::of_cluster(RBAC, "v1", "ClusterRole", "clusterroles");
    /// `rbac.authorization.k8s.io/v1 ClusterRoleBinding`
    pub const CLUSTER_ROLE_BINDING: Self = Self::of_cluster(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings");
    /// `rbac.authorization.k8s.io/v1 Role`
    pub const ROLE: Self = Self::of_namespace(RBAC, "v1", "Role", "roles");
    /// `rbac.authorization.k8s.io/v1 RoleBinding`
    pub const ROLE_BINDING: Self = Self::of_namespace(RBAC, "v1", "RoleBinding", "rolebindings");
    /// `apiextensions.k8s.io/v1 CustomResourceDefinition`
    pub const CUSTOM_RESOURCE_DEFINITION: Self =
        Self::of_cluster("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
    /// `app.terraform.io/v1alpha2 AgentPool` of the HCP Terraform operator.
    pub const AGENT_POOL: Self = Self::of_namespace(OPERATOR, "v1alpha2", "AgentPool", "agentpools");
    /// `external-secrets.io/v1 ExternalSecret` of the External Secrets Operator.
    pub const EXTERNAL_SECRET: Self =
        Self::of_namespace("external-secrets.io", "v1", "ExternalSecret", "externalsecrets");
    /// `external-secrets.io/v1 SecretStore`
    pub const SECRET_STORE: Self = Self::of_namespace("external-secrets.io", "v1", "SecretStore", "secretstores");
    /// `external-secrets.io/v1 ClusterSecretStore`
    pub const CLUSTER_SECRET_STORE: Self =
        Self::of_cluster("external-secrets.io", "v1", "ClusterSecretStore", "clustersecretstores");
    /// `argoproj.io/v1alpha1 Application` of Argo CD.
    pub const APPLICATION: Self = Self::of_namespace("argoproj.io", "v1alpha1", "Application", "applications");

    /// Those that have a name here, and so are recognised in an object.
    const KNOWN: [Self; 19] = [
        Self::NAMESPACE,
        Self::SERVICE_ACCOUNT,
        Self::SECRET,
        Self::CONFIG_MAP,
        Self::SERVICE,
        Self::EVENT,
        Self::NODE,
        Self::POD,
        Self::DEPLOYMENT,
        Self::CLUSTER_ROLE,
        Self::CLUSTER_ROLE_BINDING,
        Self::ROLE,
        Self::ROLE_BINDING,
        Self::CUSTOM_RESOURCE_DEFINITION,
        Self::AGENT_POOL,
        Self::EXTERNAL_SECRET,
        Self::SECRET_STORE,
        Self::CLUSTER_SECRET_STORE,
        Self::APPLICATION,
    ];

    const fn of_namespace(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self::of_scope(group, version, kind, plural, true)
    }

    const fn of_cluster(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Self {
        Self::of_scope(group, version, kind, plural, false)
    }

    const fn of_scope(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
        namespaced: bool,
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
            namespaced,
        }
    }

    /// The same kind in another version of its group.
    #[must_use]
    pub fn at_version(mut self, version: &str) -> Self {
        self.version = Cow::Owned(version.to_owned());
        self
    }

    /// The kind of an object, by its `apiVersion` and `kind`: one of those that have a name here, in whatever version it says.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        let api_version = object.get("apiVersion")?.as_str()?;
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let name = object.get("kind")?.as_str()?;
        let known = Self::KNOWN.into_iter().find(|known| known.group == group && known.kind == name)?;
        Some(if known.version == version { known } else { known.at_version(version) })
    }

    /// `apps/v1`
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, as `kubectl` takes it.
    #[must_use]
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_string() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Values of its objects are secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && self.kind == "Secret"
    }

    /// Where its objects are: all of them, those of a namespace, or one.
    pub(super) fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let mut segments = if self.group.is_empty() { vec!["api"] } else { vec!["apis", &self.group] };
        segments.push(&self.version);
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            segments.extend(["namespaces", namespace]);
        }
        segments.push(&self.plural);
        segments.extend(name);
        path(&segments)
    }

    /// `deployments.apps hcp-agents/operator`, for messages.
    pub(super) fn named(&self, namespace: Option<&str>, name: &str) -> String {
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{self} {namespace}/{name}"),
            None => format!("{self} {name}"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_where_the_api_has_them() {
        let paths = [
            Kind::POD.path(None, None),
            Kind::POD.path(Some("hcp"), Some("a")),
            Kind::NAMESPACE.path(Some("hcp"), Some("kube-system")),
            Kind::CLUSTER_ROLE.path(None, Some("system:node/x")),
            Kind::AGENT_POOL.path(Some("hcp"), None),
        ];
        assert_eq!(
            paths,
            [
                "api/v1/pods",
                "api/v1/namespaces/hcp/pods/a",
                "api/v1/namespaces/kube-system",
                "apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode%2Fx",
                "apis/app.terraform.io/v1alpha2/namespaces/hcp/agentpools",
            ]
        );
    }

    #[test]
    fn an_object_says_its_kind_and_version() {
        let of = |api_version: &str, kind: &str| Kind::of(&json!({ "apiVersion": api_version, "kind": kind }));
        assert_eq!(of("apps/v1", "Deployment"), Some(Kind::DEPLOYMENT));
        assert_eq!(of("v1", "Deployment"), None);
        assert_eq!(
            of("external-secrets.io/v1beta1", "ExternalSecret").map(|kind| kind.api_version()),
            Some("external-secrets.io/v1beta1".to_owned())
        );
        assert_eq!(Kind::of(&json!({})), None);
    }
}
