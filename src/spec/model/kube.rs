//! Clusters: the operator, its token, how things get there, and what agents are like there.

use k8s_openapi::api::core::v1::{Affinity, LocalObjectReference, PodSecurityContext, Toleration, Volume};
use k8s_openapi::api::rbac::v1::PolicyRule;
use schemars::{Schema, SchemaGenerator, json_schema};

use super::super::finding::{Finding, Rule};
use super::super::node::{At, Node, Value};
use super::super::read::{Located, Named, Part, Read, Reader, Typed, record, words};
use super::{Ca, Duration, Quantity, SecretSource};

use crate::systems::kube::desired::NAMESPACE;
use crate::systems::kube::operator::Version;

record! {
    /// A Kubernetes cluster. With `operator` all that makes its agents run is ours; without it nothing there is.
    pub struct KubernetesTarget {
        /// The namespace of operator and agents; `hcp-terraform` if it is not said.
        namespace: Option<Located<String>>,
        /// The operator for HCP Terraform.
        operator: Option<Operator>,
        /// The operator's API token in HCP: a value to be put into a Secret, or the Secret that others make. The token
        /// of a team or a user that may manage agent pools; an agent's is none.
        token: Option<TokenWish>,
        /// `apply`, `argocd`, or `verify`.
        delivery: Option<Located<ClusterDelivery>>,
        /// What `delivery: argocd` needs to know.
        argocd: Option<ArgocdWish>,
    }
}

impl KubernetesTarget {
    /// The namespace of operator and agents.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_ref().map_or(NAMESPACE, |namespace| namespace)
    }
}

words! {
    /// How what is wanted gets into a cluster.
    pub enum ClusterDelivery {
        /// It is applied.
        Apply "apply",
        /// It is written into a directory for Git, and Argo CD applies it.
        Argocd "argocd",
        /// Differences are reported, and nothing is written.
        Verify "verify",
    }
}

record! {
    /// How Argo CD gets at what it is to apply.
    pub struct ArgocdWish {
        /// A folder of the machine that runs this program, relative to the spec, in which the manifests are written.
        directory: Option<Located<String>>,
        /// The URL of the Git repository that holds this folder.
        repository: Option<Located<String>>,
        /// The path of this folder in the repository.
        path: Option<Located<String>>,
        /// The branch, tag or commit that Argo CD follows; `HEAD` if it is not said.
        revision: Option<Located<String>>,
        /// The name of the Application; `hcp-terraform-operator` if it is not said.
        application: Option<Located<String>>,
        /// The namespace of Argo CD; `argocd` if it is not said.
        namespace: Option<Located<String>>,
        /// Argo CD's project; `default` if it is not said.
        project: Option<Located<String>>,
        /// The cluster's API as Argo CD knows it; `https://kubernetes.default.svc`, its own cluster, if it is not said.
        server: Option<Located<String>>,
    }
}

record! {
    /// The operator for HCP Terraform: values of its Helm chart, under the chart's names, without the `operator.` of
    /// some. What is not said has the chart's default.
    pub struct Operator {
        /// Its version, which is the chart's. The deployment of each version is built in, so only some are known.
        version: Located<Version>,
        /// The release's name, which is part of its objects' names, as Helm has it; `hcp-terraform-operator` if it is not
        /// said.
        release: Option<Located<String>>,
        /// The archive of its chart, of which the custom resource definitions come: an https URL, or a path relative to
        /// the spec; HashiCorp's server if it is not said.
        chart: Option<Located<String>>,
        /// In place of the chart's name in names and labels.
        name_override: Option<Located<String>>,
        /// In place of the name of Deployment and service account.
        fullname_override: Option<Located<String>>,
        /// How many operators run; one works, the others wait. 2 if it is not said.
        replica_count: Option<Located<u32>>,
        /// Its image.
        image: Option<ImageWish>,
        /// Its share of the node.
        resources: Option<Resources>,
        /// Variables of its environment, such as `HTTPS_PROXY`. No place for a token.
        env: Named<Located<String>>,
        /// On which nodes it may run.
        affinity: Option<Typed<Affinity>>,
        /// Which taints of nodes it bears.
        tolerations: Option<Vec<Typed<Toleration>>>,
        /// How often it looks at everything again; an hour if it is not said.
        sync_period: Option<Located<Duration>>,
        /// The namespaces that it watches, its own among them; all if it is not said.
        watched_namespaces: Option<Vec<Located<String>>>,
        /// Its controllers.
        controllers: Option<ControllersWish>,
        /// The container that guards its metrics.
        kube_rbac_proxy: Option<ProxyWish>,
        /// Secrets with credentials for its registry: `[{ name: NAME }]`.
        image_pull_secrets: Option<Vec<Typed<LocalObjectReference>>>,
        /// Labels of its pods.
        pod_labels: Named<Located<String>>,
        /// Its priority class.
        priority_class_name: Option<Located<String>>,
        /// Certificates that it trusts beside the usual ones: the chart's `customCAcertificates`, from a file.
        custom_ca: Option<Ca>,
        /// Its service account.
        service_account: Option<ServiceAccountWish>,
        /// Its permissions in the cluster.
        rbac: Option<RbacWish>,
    }
}

impl Read for Version {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let known = || Self::KNOWN.map(Self::as_str).join(", ");
        if let Value::Number(number) = &node.value {
            let message = format!("`{}` is the number {number}, not a version", reader.path());
            let finding = Finding::error(Rule::UnquotedVersion, node.at, message);
            reader.push(finding.remedy(format!("write one of {} in quotes", known())));
            return None;
        }
        let text = reader.text(node, "a version in quotes")?;
        let version = text.parse().ok();
        if version.is_none() {
            let message = format!("`{}`: the operator's version `{text}` is not known here", reader.path());
            let finding = Finding::error(Rule::OperatorVersion, node.at, message)
                .note("what its deployment consists of is built in, version by version");
            reader.push(finding.remedy(format!("known are {}", known())));
        }
        version
    }

    fn stand_in() -> Option<Self> {
        Self::KNOWN.last().copied()
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::KNOWN.map(Self::as_str) })
    }
}

record! {
    /// An image of the operator's pods.
    pub struct ImageWish {
        /// Without tag and digest.
        repository: Option<Located<String>>,
        /// The operator's version if it is not said.
        tag: Option<Located<String>>,
        /// `sha256:…`, which wins over the tag.
        digest: Option<Located<String>>,
        /// `IfNotPresent` if it is not said.
        pull_policy: Option<Located<PullPolicy>>,
    }
}

words! {
    /// When a node pulls an image.
    pub enum PullPolicy {
        /// Each time.
        Always "Always",
        /// Where it has none.
        IfNotPresent "IfNotPresent",
        /// Never.
        Never "Never",
    }
}

record! {
    /// A container's share of its node.
    pub struct Resources {
        /// The most that it gets: `{ cpu: 500m, memory: 128Mi }`.
        limits: Named<Located<Quantity>>,
        /// What is kept for it.
        requests: Named<Located<Quantity>>,
    }
}

record! {
    /// The operator's controllers.
    pub struct ControllersWish {
        /// Of agent pools.
        agent_pool: Option<ControllerWish>,
        /// Of agent tokens; since 2.10.0.
        agent_token: Option<ControllerWish>,
        /// Of modules.
        module: Option<ControllerWish>,
        /// Of projects.
        project: Option<ControllerWish>,
        /// Of collectors of runs; since 2.10.0.
        runs_collector: Option<ControllerWish>,
        /// Of workspaces.
        workspace: Option<ControllerWish>,
    }
}

record! {
    /// One of the operator's controllers.
    pub struct ControllerWish {
        /// How many things it works on at once.
        workers: Option<Located<u32>>,
        /// How often it looks at each again.
        sync_period: Option<Located<Duration>>,
    }
}

record! {
    /// The container that guards the operator's metrics.
    pub struct ProxyWish {
        /// Its image.
        image: Option<ImageWish>,
        /// Its share of the node.
        resources: Option<Resources>,
    }
}

record! {
    /// A service account.
    pub struct ServiceAccountWish {
        /// Its name.
        name: Option<Located<String>>,
        /// It is made; `false`: it must be there. True if it is not said.
        create: Option<Located<bool>>,
        /// Its annotations, such as those that bind it to an identity of a cloud.
        annotations: Named<Located<String>>,
    }
}

record! {
    /// The operator's permissions in the cluster.
    pub struct RbacWish {
        /// They are made; `false`: others grant them. True if it is not said.
        create: Option<Located<bool>>,
        /// Secrets and config maps only of the watched namespaces, where the chart grants those of the whole cluster.
        narrow_secrets: Option<Located<bool>>,
    }
}

/// Where the operator's token comes from.
#[derive(Clone, Debug)]
pub enum TokenWish {
    /// A value, which is put into a Secret.
    Value(SecretSource),
    /// A Secret that others make.
    Existing(TokenSecret),
    /// A Secret that External Secrets makes.
    External(TokenExternalSecret),
}

record! {
    /// A Secret that others make, in the operator's namespace.
    pub struct TokenSecret {
        /// The Secret.
        secret: ExistingSecret,
    }
}

record! {
    /// A Secret that External Secrets makes.
    pub struct TokenExternalSecret {
        /// Where External Secrets finds it.
        external_secret: ExternalSecret,
    }
}

record! {
    /// A Secret in the operator's namespace.
    pub struct ExistingSecret {
        /// Its name.
        name: Located<String>,
        /// The key of the token in it; `token` if it is not said.
        key: Option<Located<String>>,
    }
}

record! {
    /// Where External Secrets finds a secret.
    pub struct ExternalSecret {
        /// Its store.
        store: StoreWish,
        /// The secret's key in the store.
        key: Located<String>,
        /// What of it is the token; all if it is not said.
        property: Option<Located<String>>,
        /// The version of External Secrets' kinds; `external-secrets.io/v1` if it is not said.
        api_version: Option<Located<String>>,
    }
}

record! {
    /// A store of External Secrets.
    pub struct StoreWish {
        /// Its name.
        name: Located<String>,
        /// `SecretStore`, which is the default, or `ClusterSecretStore`.
        kind: Option<Located<StoreKind>>,
    }
}

words! {
    /// The kinds of stores of External Secrets.
    pub enum StoreKind {
        /// One of the operator's namespace.
        SecretStore "SecretStore",
        /// One for the whole cluster.
        ClusterSecretStore "ClusterSecretStore",
    }
}

impl TokenWish {
    /// Where it stands.
    #[must_use]
    pub fn at(&self) -> At {
        match self {
            Self::Value(source) => source.at,
            Self::Existing(existing) => existing.at,
            Self::External(external) => external.at,
        }
    }
}

impl Read for TokenWish {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        // One that cannot be read has been reported, and is there.
        let unknown = || Self::Value(SecretSource::unknown(node.at));
        let has = |key: &str| matches!(&node.value, Value::Map(map) if map.get(key).is_some());
        if has("secret") {
            Some(TokenSecret::read(node, reader).map_or_else(unknown, Self::Existing))
        } else if has("externalSecret") {
            Some(TokenExternalSecret::read(node, reader).map_or_else(unknown, Self::External))
        } else {
            SecretSource::read(node, reader).map(Self::Value)
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let value = SecretSource::schema(generator);
        let existing = TokenSecret::schema(generator);
        let external = TokenExternalSecret::schema(generator);
        json_schema!({ "anyOf": [value, existing, external] })
    }
}

record! {
    /// What is said of a pool's agents in a cluster alone.
    pub struct KubernetesPool {
        /// The name of its `AgentPool`; the pool's key if it is not said.
        resource: Option<Located<String>>,
        /// The names of its tokens, of which the first is the agents'; `agents` if it is not said. Agents of a token that
        /// is renamed lose it at once.
        tokens: Option<Vec<Located<String>>>,
        /// The identity under which terraform speaks to the cluster; one of the pool's own, `agents-of-` and the name of
        /// its `AgentPool`, if it is not said.
        service_account: Option<ServiceAccountWish>,
        /// What terraform may do in namespaces, by namespace: rules as those of a Role.
        rules: Named<Vec<Typed<PolicyRule>>>,
        /// What terraform may do in the whole cluster: rules as those of a `ClusterRole`.
        cluster_rules: Option<Vec<Typed<PolicyRule>>>,
        /// The agents' share of the node; `memory` and `cpus` of `agents` are the limits of it.
        resources: Option<Resources>,
        /// Labels that their nodes have.
        node_selector: Named<Located<String>>,
        /// On which nodes they may run.
        affinity: Option<Typed<Affinity>>,
        /// Which taints of nodes they bear.
        tolerations: Option<Vec<Typed<Toleration>>>,
        /// Their priority class.
        priority_class_name: Option<Located<String>>,
        /// Secrets with credentials for the registry of their image: `[{ name: NAME }]`.
        image_pull_secrets: Option<Vec<Typed<LocalObjectReference>>>,
        /// The security context of their pods.
        security_context: Option<Typed<PodSecurityContext>>,
        /// Further volumes, by name.
        volumes: Named<VolumeWish>,
        /// Annotations of their pods. A change of one makes new pods.
        annotations: Named<Located<String>>,
        /// Labels of their pods.
        labels: Named<Located<String>>,
        /// What becomes of the pool in HCP when the `AgentPool` goes: `retain`, which is the default, or `destroy`.
        deletion_policy: Option<Located<DeletionPolicy>>,
    }
}

record! {
    /// A volume of agents.
    pub struct VolumeWish {
        /// What it is, as Kubernetes writes it, without a name: `{ persistentVolumeClaim: { claimName: cache } }`.
        source: Typed<Volume>,
        /// Where agents find it.
        mount_path: Located<String>,
        /// A path in it; all of it if it is not said.
        sub_path: Option<Located<String>>,
        /// Agents cannot write to it; true if it is not said.
        read_only: Option<Located<bool>>,
    }
}

words! {
    /// What becomes of a pool in HCP when its resource goes.
    pub enum DeletionPolicy {
        /// It stays.
        Retain "retain",
        /// It goes as well.
        Destroy "destroy",
    }
}

impl Part for Affinity {
    const WHAT: &'static str = "an affinity";
    const EXPLAINED: &'static str = "pod.spec.affinity";
}

impl Part for Toleration {
    const WHAT: &'static str = "a toleration";
    const EXPLAINED: &'static str = "pod.spec.tolerations";
}

impl Part for LocalObjectReference {
    const WHAT: &'static str = "the name of a Secret";
    const EXPLAINED: &'static str = "pod.spec.imagePullSecrets";
}

impl Part for PodSecurityContext {
    const WHAT: &'static str = "a security context";
    const EXPLAINED: &'static str = "pod.spec.securityContext";
}

impl Part for Volume {
    const WHAT: &'static str = "a volume";
    const EXPLAINED: &'static str = "pod.spec.volumes";
    const SAID_OTHERWISE: Option<&'static str> = Some("name");
}

impl Part for PolicyRule {
    const WHAT: &'static str = "a rule of a role";
    const EXPLAINED: &'static str = "role.rules";
}
