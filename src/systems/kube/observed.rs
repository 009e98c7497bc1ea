//! What was seen of clusters, from one list of each kind: what a list does not show is not asked for one by one.
//!
//! Of Secrets nothing is here but their metadata: a list of it has no values.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::Object;
use crate::plan::{Gap, Listing, Read};
use crate::secret::Compared;

/// Everything that a plan needs to know of clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Clusters by the key of their target; a gap for one that could not be looked at.
    pub clusters: BTreeMap<String, Read<Cluster>>,
    /// Files of this machine that are wanted in a cluster: certificates, which are no secret.
    #[serde(default)]
    pub files: BTreeMap<PathBuf, Read<String>>,
    /// Requests that it took to read all this.
    pub requests: u32,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Which one it is.
    pub identity: Identity,
    /// Objects by kind: every one of a kind of ours in the namespace, or in the cluster.
    pub objects: BTreeMap<String, Listing<Live>>,
    /// What happened to the agent pools, by the resource's name: the newest warning of each.
    pub warnings: BTreeMap<String, String>,
    /// What the server says of each object that is not as it is wanted, by its address below the cluster's.
    pub trials: BTreeMap<String, Trial>,
    /// What the comparison of the operator's token with its source came to; `None` where there is no such Secret of ours.
    pub token: Option<Compared>,
    /// The custom resource definitions of the operator's chart.
    pub definitions: Read<Vec<Object>>,
}

/// Which cluster it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The uid of the namespace `kube-system`, which lives as long as the cluster.
    pub uid: String,
    /// The version of its API server.
    pub version: String,
    /// Where it is.
    pub address: String,
    /// How many nodes of each architecture it has; empty where that could not be read.
    pub nodes: BTreeMap<String, usize>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its id.
    pub uid: String,
    /// All of it but for what is here beside it; of a Secret the metadata alone.
    pub value: Value,
    /// Its status.
    pub status: Value,
    /// Who owns which fields.
    pub managers: Vec<Manager>,
}

/// Who owns fields of an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manager {
    /// Its name.
    pub name: String,
    /// By a server-side apply, and not by a write of another kind.
    pub applies: bool,
    /// For a subresource.
    pub subresource: Option<String>,
    /// Its fields, as the server writes them down (`fieldsV1`).
    pub fields: Value,
}

/// What the server says of an object if it were applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trial {
    /// It would accept it.
    Accepted,
    /// Fields of it are owned by others: manager and field.
    Conflict(Vec<(String, String)>),
    /// It would not.
    Refused(String),
    /// It was not asked: the local comparison stands.
    NotAsked(String),
}

impl Live {
    /// A label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.value["metadata"]["labels"][key].as_str()
    }

    /// An annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.value["metadata"]["annotations"][key].as_str()
    }

    /// The fields that a manager owns by server-side apply.
    #[must_use]
    pub fn applied_by(&self, manager: &str) -> Option<&Value> {
        let own = |it: &&Manager| it.name == manager && it.applies && it.subresource.is_none();
        self.managers.iter().find(own).map(|it| &it.fields)
    }

    /// It is on its way out: something has yet to be done about it.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.value["metadata"]["deletionTimestamp"].is_string()
    }
}

impl Cluster {
    /// Objects of a kind, whether or not they are all there are.
    #[must_use]
    pub fn of_kind(&self, kind: &str) -> &[Live] {
        self.objects.get(kind).map(Listing::seen).unwrap_or_default()
    }

    /// An object.
    #[must_use]
    pub fn object(&self, kind: &str, namespace: Option<&str>, name: &str) -> Option<&Live> {
        self.of_kind(kind).iter().find(|it| it.name == name && it.namespace.as_deref() == namespace)
    }

    /// Why a kind could not be read.
    #[must_use]
    pub fn gap(&self, kind: &str) -> Option<&Gap> {
        self.objects.get(kind).and_then(Listing::gap)
    }
}
