//! What can be said about an operator's deployment: the values of its Helm chart, under the chart's names.
//!
//! The shape is that of the chart's `values.yaml` (`hcp-terraform-operator`, 2.9.2 and 2.12.0), so that what the chart's
//! documentation says of a value holds here as well, and so that values written for Helm can be read as they are.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, LocalObjectReference, PodSecurityContext, ResourceRequirements, SeccompProfile,
    SecurityContext, Toleration,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::{Deserialize, Serialize};

/// A version of the operator whose deployment the builder knows. The chart's version and the operator's are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Version {
    /// 2.9.2: four kinds.
    V2_9_2,
    /// 2.12.0: the kinds `AgentToken` and `RunsCollector` as well (both since 2.10.0).
    V2_12_0,
}

impl Version {
    /// Every version that the builder knows, oldest first.
    pub const KNOWN: [Self; 2] = [Self::V2_9_2, Self::V2_12_0];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2_9_2 => "2.9.2",
            Self::V2_12_0 => "2.12.0",
        }
    }

    /// Whether this version has the kind `AgentToken`, and a controller for it.
    #[must_use]
    pub const fn has_agent_tokens(self) -> bool {
        matches!(self, Self::V2_12_0)
    }

    /// Whether this version has the kind `RunsCollector`, and a controller for it.
    #[must_use]
    pub const fn has_runs_collectors(self) -> bool {
        matches!(self, Self::V2_12_0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.as_str().to_owned()
    }
}

/// A version of the operator that the builder does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operator version `{0}` is not known; known are {known}", known = known())]
pub struct UnknownVersion(pub String);

fn known() -> String {
    Version::KNOWN.map(Version::as_str).join(", ")
}

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::KNOWN.into_iter().find(|version| version.as_str() == text).ok_or_else(|| UnknownVersion(text.to_owned()))
    }
}

impl TryFrom<String> for Version {
    type Error = UnknownVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// How often something happens, in whole seconds. Written as the operator's flags take it: `30s`, `15m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Period(u64);

impl Period {
    /// So many seconds.
    #[must_use]
    pub const fn of_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// In seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Period {
    /// In the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0s"),
            seconds if seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            seconds if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

/// A text that is not a period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration in hours, minutes and whole seconds, such as `30s`, `15m` or `1h30m`")]
pub struct NotAPeriod(pub String);

impl FromStr for Period {
    type Err = NotAPeriod;

    /// As Go's `time.ParseDuration` reads it, but for fractions and for units below a second.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || NotAPeriod(text.to_owned());
        let mut total = 0_u64;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let unit = match tail.chars().next() {
                Some('h') => 3600,
                Some('m') if !tail.starts_with("ms") => 60,
                Some('s') => 1,
                _ => return Err(refused()),
            };
            let number: u64 = number.parse().map_err(|_| refused())?;
            total = number.checked_mul(unit).and_then(|part| total.checked_add(part)).ok_or_else(refused)?;
            rest = &tail[1..];
        }
        if text.is_empty() { Err(refused()) } else { Ok(Self(total)) }
    }
}

impl TryFrom<String> for Period {
    type Error = NotAPeriod;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Everything that can be said about an operator's deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Options {
    /// The operator's version, which is the chart's.
    pub version: Version,
    /// In place of the chart's name in the names and labels of objects.
    pub name_override: Option<String>,
    /// In place of the name of the Deployment and the `ServiceAccount`.
    pub fullname_override: Option<String>,
    /// Secrets with credentials for the registries, in the operator's namespace.
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Labels of the operator's pods, beside the ones that select them.
    pub pod_labels: BTreeMap<String, String>,
    /// How many operators run. One of them works, and the others wait for its lease.
    pub replica_count: u32,
    /// The security context of the operator's pods.
    pub security_context: Option<PodSecurityContext>,
    /// The priority class of the operator's pods.
    pub priority_class_name: Option<String>,
    /// The operator itself.
    pub operator: Manager,
    /// The container beside it that guards its metrics.
    pub kube_rbac_proxy: KubeRbacProxy,
    /// How much each controller does at once, and how often it looks at everything again.
    pub controllers: Controllers,
    /// Certificates of authorities, in PEM, that the operator trusts beside the usual ones. In JSON they stand in
    /// base64, as in the chart's values.
    #[serde(rename = "customCAcertificates")]
    pub custom_ca_certificates: Option<ByteString>,
    /// The identity under which the operator speaks to the cluster.
    pub service_account: ServiceAccount,
    /// What the operator may do in the cluster.
    pub rbac: Rbac,
}

/// The operator's own container, and where its pods may run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manager {
    /// Its image. Without a tag, the tag is the operator's version.
    pub image: Image,
    /// Its share of the node.
    pub resources: ResourceRequirements,
    /// More environment variables.
    pub env: BTreeMap<String, String>,
    /// The security context of its container.
    pub security_context: Option<SecurityContext>,
    /// On which nodes the pods may run.
    pub affinity: Option<Affinity>,
    /// Which taints of nodes the pods bear.
    pub tolerations: Vec<Toleration>,
    /// How often every resource is looked at again, changed or not.
    pub sync_period: Period,
    /// The namespaces whose resources it looks after, each once; empty: all of them.
    pub watched_namespaces: Vec<String>,
    /// The address of a Terraform Enterprise, with its scheme; `None`: HCP Terraform.
    pub tfe_address: Option<String>,
    /// Certificates of HCP Terraform or of that Terraform Enterprise are not looked at.
    #[serde(rename = "skipTLSVerify")]
    pub skip_tls_verify: bool,
}

/// An image of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// Where it is kept, with its registry.
    pub repository: String,
    /// Its tag; what `None` means is said where the image is.
    pub tag: Option<String>,
    /// `sha256:…`: exactly this image, whatever the tag says later. The chart has no such value.
    pub digest: Option<String>,
    /// `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: String,
}

/// The container that lets only those read the metrics who may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubeRbacProxy {
    /// Its image. Its tag is always said.
    pub image: Image,
    /// The security context of its container.
    pub security_context: Option<SecurityContext>,
    /// Its share of the node.
    pub resources: ResourceRequirements,
}

/// The operator's controllers, one for each kind. Those that a version does not have are `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Controllers {
    /// Of agent pools.
    pub agent_pool: Controller,
    /// Of agent tokens (since 2.10.0).
    pub agent_token: Option<Controller>,
    /// Of modules.
    pub module: Controller,
    /// Of projects.
    pub project: Controller,
    /// Of collectors of runs (since 2.10.0).
    pub runs_collector: Option<Controller>,
    /// Of workspaces.
    pub workspace: Controller,
}

/// A controller of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Controller {
    /// How many resources it works on at once.
    pub workers: u32,
    /// How often it looks at each resource again.
    pub sync_period: Period,
}

/// The operator's `ServiceAccount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccount {
    /// It is made; else it must be there.
    pub create: bool,
    /// Annotations, such as those that bind it to an identity of a cloud.
    pub annotations: BTreeMap<String, String>,
    /// Its name; `None`: that of the Deployment if it is made, else `default`.
    pub name: Option<String>,
}

/// The operator's roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rbac {
    /// They are made; else what the operator needs must be granted by others.
    pub create: bool,
    /// The Secrets and `ConfigMaps` that it may read and write are those of the watched namespaces only. The chart
    /// cannot say this: there, watched namespaces narrow what the operator looks at, and not what it may. It has no
    /// effect where every namespace is watched.
    #[serde(default)]
    pub narrow_secrets: bool,
}

impl Options {
    /// The chart's defaults for a version (`values.yaml` of the charts 2.9.2 and 2.12.0).
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self {
            version,
            name_override: None,
            fullname_override: None,
            image_pull_secrets: Vec::new(),
            pod_labels: BTreeMap::new(),
            replica_count: 2,
            security_context: Some(PodSecurityContext { run_as_non_root: Some(true), ..PodSecurityContext::default() }),
            priority_class_name: None,
            operator: Manager::default(),
            kube_rbac_proxy: KubeRbacProxy::new(version),
            controllers: Controllers::new(version),
            custom_ca_certificates: None,
            service_account: ServiceAccount { create: true, annotations: BTreeMap::new(), name: None },
            rbac: Rbac { create: true, narrow_secrets: false },
        }
    }
}

impl Default for Manager {
    fn default() -> Self {
        Self {
            image: Image::new("hashicorp/hcp-terraform-operator", None),
            resources: resources(),
            env: BTreeMap::new(),
            security_context: Some(unprivileged()),
            affinity: None,
            tolerations: Vec::new(),
            sync_period: Period::of_seconds(3600),
            watched_namespaces: Vec::new(),
            tfe_address: None,
            skip_tls_verify: false,
        }
    }
}

impl KubeRbacProxy {
    fn new(version: Version) -> Self {
        let tag = match version {
            Version::V2_9_2 => "v0.19.1",
            Version::V2_12_0 => "v0.20.1",
        };
        Self {
            image: Image::new("quay.io/brancz/kube-rbac-proxy", Some(tag)),
            security_context: Some(unprivileged()),
            resources: resources(),
        }
    }
}

impl Controllers {
    fn new(version: Version) -> Self {
        let every = |seconds| Controller { workers: 1, sync_period: Period::of_seconds(seconds) };
        Self {
            agent_pool: every(30),
            agent_token: version.has_agent_tokens().then(|| every(900)),
            module: every(300),
            project: every(300),
            runs_collector: version.has_runs_collectors().then(|| every(15)),
            workspace: every(300),
        }
    }
}

impl Image {
    fn new(repository: &str, tag: Option<&str>) -> Self {
        Self {
            repository: repository.to_owned(),
            tag: tag.map(ToOwned::to_owned),
            digest: None,
            pull_policy: "IfNotPresent".to_owned(),
        }
    }
}

/// What both containers get.
fn resources() -> ResourceRequirements {
    let amounts = |cpu: &str, memory: &str| {
        BTreeMap::from([
            ("cpu".to_owned(), Quantity(cpu.to_owned())),
            ("memory".to_owned(), Quantity(memory.to_owned())),
        ])
    };
    ResourceRequirements {
        limits: Some(amounts("500m", "128Mi")),
        requests: Some(amounts("50m", "64Mi")),
        ..ResourceRequirements::default()
    }
}

/// What both containers may not do.
fn unprivileged() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
        ..SecurityContext::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_not_known_is_refused_with_those_that_are() {
        assert_eq!("2.12.0".parse(), Ok(Version::V2_12_0));
        let refused = "2.11.0".parse::<Version>().unwrap_err();
        assert_eq!(refused.to_string(), "operator version `2.11.0` is not known; known are 2.9.2, 2.12.0");
        assert!(Version::V2_9_2 < Version::V2_12_0);
    }

    #[test]
    fn periods_are_read_and_written_as_the_flags_take_them() {
        for (text, seconds, written) in
            [("30s", 30, "30s"), ("15m", 900, "15m"), ("1h", 3600, "1h"), ("1h30m", 5400, "90m"), ("0s", 0, "0s")]
        {
            let period: Period = text.parse().unwrap();
            assert_eq!((period.seconds(), period.to_string()), (seconds, written.to_owned()));
        }
        for text in ["", "5", "m", "5ms", "1.5h", "-1m", "18446744073709551615h", "1h ", "5é"] {
            assert!(text.parse::<Period>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn options_survive_a_round_through_json_under_the_charts_names() {
        for version in Version::KNOWN {
            let mut options = Options::new(version);
            options.custom_ca_certificates = Some(ByteString(b"-----BEGIN CERTIFICATE-----".to_vec()));
            let value = serde_json::to_value(&options).unwrap();
            assert_eq!(value["operator"]["skipTLSVerify"], false);
            assert_eq!(value["controllers"]["agentPool"]["syncPeriod"], "30s");
            assert_eq!(value["customCAcertificates"], "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t");
            assert_eq!(serde_json::from_value::<Options>(value).unwrap(), options);
        }
    }

    #[test]
    fn an_older_version_has_fewer_controllers() {
        let options = Options::new(Version::V2_9_2);
        assert_eq!((options.controllers.agent_token, options.controllers.runs_collector), (None, None));
        assert_eq!(options.kube_rbac_proxy.image.tag.as_deref(), Some("v0.19.1"));
    }
}
