//! The HCP Terraform operator: what its deployment consists of, as data.
//!
//! Built here are the objects that its Helm chart renders (`templates/` of `hcp-terraform-operator` 2.9.2 and 2.12.0),
//! so that no Helm is needed. `tests/chart.rs` holds them to what Helm renders, and lists where they are meant to differ.

mod access;
mod deployment;
pub mod options;

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::{Deserialize, Serialize};

pub use options::{Options, Version};

use super::object::Object;

/// The chart's name, which stands in names and labels unless the options say otherwise.
pub const CHART: &str = "hcp-terraform-operator";

/// The key of the `ConfigMap` of certificates, and the name of the volume made of it.
const CERTIFICATES: &str = "ca-certificates";
/// The name of the port at which the metrics are read.
const METRICS_PORT: &str = "https";
/// The number of that port, in the pod and of the Service.
const METRICS_PORT_NUMBER: i32 = 8443;
/// The label that tells the operator's pods from others of the same release.
const CONTROL_PLANE: &str = "control-plane";

/// One operator in a cluster, under the words of Helm: a name that is part of its objects' names, and where it lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

impl Release {
    /// The most characters of a name: a Service's name has at most 63 (RFC 1035), and ours appends 35 to it.
    pub const LONGEST_NAME: usize = 63 - "-controller-manager-metrics-service".len();

    /// What is wrong with the name of the release, if anything: it begins the name of a Service, and so follows its rule.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let name = self.name.as_str();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.len() > Self::LONGEST_NAME {
            let (length, longest) = (name.len(), Self::LONGEST_NAME);
            return Some(format!(
                "`{name}` has {length} characters; at most {longest} fit into the name of its Service"
            ));
        }
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        (!begins || !name.chars().all(fits))
            .then(|| format!("`{name}` must begin with a small letter and consist of small letters, digits and `-`"))
    }
}

/// Every object of the operator's deployment in the order in which they are applied: who it is, what it may do, what it
/// reads, how it is reached, and it itself. Its namespace and its CRDs are not among them.
#[must_use]
pub fn objects(release: &Release, options: &Options) -> Vec<Object> {
    let names = Names::new(release, options);
    let mut objects = Vec::new();
    if options.service_account.create {
        objects.push(Object::of(&service_account(&names, options)));
    }
    if options.rbac.create {
        objects.extend(access::objects(&names, options));
    }
    if let Some(certificates) = &options.custom_ca_certificates {
        objects.push(Object::of(&certificates_map(&names, certificates)));
    }
    objects.push(Object::of(&service(&names)));
    objects.push(Object::of(&deployment::deployment(&names, options)));
    objects
}

/// How the objects of a release are called (`templates/_helpers.tpl` of the chart).
struct Names<'a> {
    release: &'a Release,
    /// The chart's name, or what stands in its place.
    name: String,
    /// The Deployment's name.
    full: String,
    service_account: String,
}

impl<'a> Names<'a> {
    fn new(release: &'a Release, options: &Options) -> Self {
        let name = options.name_override.as_deref().unwrap_or(CHART);
        let full = match &options.fullname_override {
            Some(full) => shortened(full),
            None if release.name.contains(name) => shortened(&release.name),
            None => shortened(&format!("{}-{name}", release.name)),
        };
        let service_account = match &options.service_account.name {
            Some(name) => name.clone(),
            None if options.service_account.create => full.clone(),
            None => "default".to_owned(),
        };
        Self { release, name: shortened(name), full, service_account }
    }

    /// The name of an object of the release.
    fn of(&self, what: &str) -> String {
        format!("{}-{what}", self.release.name)
    }

    /// The metadata of an object in the release's namespace.
    fn here(&self, name: String) -> ObjectMeta {
        ObjectMeta { name: Some(name), namespace: Some(self.release.namespace.clone()), ..ObjectMeta::default() }
    }

    /// The value of the label that tells its pods.
    fn control_plane(&self) -> String {
        self.of("controller-manager")
    }

    /// The labels that a Deployment's pods are known by. They cannot change while it lives.
    fn selector(&self) -> BTreeMap<String, String> {
        labels([("app.kubernetes.io/name", &self.name), ("app.kubernetes.io/instance", &self.release.name)])
    }

    /// The labels of what people look for. Helm's `helm.sh/chart` is not among them: it says that a chart was rendered,
    /// which nobody did here, and tools take what carries it for a release of Helm that they may upgrade. What it tells
    /// beyond that, the version, `app.kubernetes.io/version` tells as well.
    fn labels(&self, version: Version) -> BTreeMap<String, String> {
        let mut all = self.selector();
        all.extend(labels([
            ("app.kubernetes.io/version", version.as_str()),
            ("app.kubernetes.io/managed-by", "reconcile"),
        ]));
        all
    }
}

fn labels<const N: usize>(labels: [(&str, &str); N]) -> BTreeMap<String, String> {
    labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// As the chart shortens names: 63 characters, and no `-` at the end.
fn shortened(name: &str) -> String {
    let short: String = name.chars().take(63).collect();
    short.strip_suffix('-').map(ToOwned::to_owned).unwrap_or(short)
}

fn service_account(names: &Names<'_>, options: &Options) -> ServiceAccount {
    let annotations = &options.service_account.annotations;
    ServiceAccount {
        metadata: ObjectMeta {
            labels: Some(names.labels(options.version)),
            annotations: (!annotations.is_empty()).then(|| annotations.clone()),
            ..names.here(names.service_account.clone())
        },
        ..ServiceAccount::default()
    }
}

fn certificates_map(names: &Names<'_>, certificates: &ByteString) -> ConfigMap {
    ConfigMap {
        metadata: names.here(names.of(CERTIFICATES)),
        binary_data: Some(BTreeMap::from([(CERTIFICATES.to_owned(), certificates.clone())])),
        ..ConfigMap::default()
    }
}

fn service(names: &Names<'_>) -> Service {
    let pods = labels([(CONTROL_PLANE, &names.control_plane())]);
    Service {
        metadata: ObjectMeta {
            labels: Some(pods.clone()),
            ..names.here(names.of("controller-manager-metrics-service"))
        },
        spec: Some(ServiceSpec {
            ports: Some(vec![ServicePort {
                name: Some(METRICS_PORT.to_owned()),
                port: METRICS_PORT_NUMBER,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String(METRICS_PORT.to_owned())),
                ..ServicePort::default()
            }]),
            selector: Some(pods),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

#[cfg(test)]
mod tests;
