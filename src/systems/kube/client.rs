//! Clients of clusters: one that only reads, and one that changes things.
//!
//! Objects come and go as JSON. Of Secrets only the metadata is ever asked for, whatever is done with them; their values have
//! a way of their own, [`Cluster::secret_value`].

mod cluster;
mod connect;
mod exec;
mod kind;
mod line;
mod rules;
mod watch;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

pub use self::cluster::{Cluster, Listing, Version};
pub use self::kind::Kind;
pub use self::rules::{Rule, Rules};
pub use self::writer::{Deleted, Writer, Writers};
use super::chart::{self, Fetching, Lock};
use super::desired::{self, ChartSource};
use super::failure::{Failure, NO_TARGET};
use super::object::Object;
use super::operator::{self, Version as OperatorVersion};
use crate::error::Error;
use crate::http::Policy;
use crate::secret::Secret;

/// The name under which this program owns fields.
pub const FIELD_MANAGER: &str = "reconcile";

/// How this process reaches the clusters of a fleet. None of it is part of a fleet.
#[derive(Debug, Default)]
pub struct Access {
    /// Ways by the key of the target; why there is none where one could not be found.
    pub doors: BTreeMap<String, Result<Door, NoDoor>>,
    /// Where charts of the operator are.
    pub charts: Charts,
}

/// How this process gets at charts of the operator.
#[derive(Clone, Debug, Default)]
pub struct Charts {
    /// Which archives are the right ones.
    pub lock: Lock,
    /// The only server that is asked, and whose archives nobody has locked: the sandbox.
    pub stand_in: Option<String>,
    /// The folder of the spec.
    pub folder: PathBuf,
    /// Certificates in PEM of authorities that are trusted beside the system's.
    pub ca: Option<Vec<u8>>,
}

/// Why it is not known how to reach a cluster.
#[derive(Clone, Debug)]
pub struct NoDoor {
    /// What is wrong.
    pub cause: String,
    /// What to do.
    pub hint: String,
}

/// The way to one cluster.
#[derive(Debug)]
pub struct Door {
    /// Where it is.
    pub way: Way,
    /// Where that was found, for people.
    pub from: String,
}

/// The ways to a cluster.
#[derive(Debug)]
pub enum Way {
    /// A context of kubeconfig files, which are merged as `kubectl` merges them.
    Kubeconfig {
        /// The files.
        paths: Vec<PathBuf>,
        /// The context in them.
        context: String,
    },
    /// The service account of the pod that this process runs in.
    InCluster,
    /// A stand-in on this machine.
    Loopback {
        /// `http://127.0.0.1:4711`
        address: String,
        /// What it wants to see.
        token: Secret,
    },
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubeconfig { paths: _, context } => write!(f, "context {context}"),
            Self::InCluster => f.write_str("the cluster that this runs in"),
            Self::Loopback { address, token: _ } => f.write_str(address),
        }
    }
}

/// Clients that cannot change anything, by target.
#[derive(Debug)]
pub struct Reader {
    clusters: BTreeMap<String, Result<Arc<Cluster>, Failure>>,
    charts: Charts,
    policy: Policy,
}

impl Reader {
    /// Clients for all targets. Each cluster is asked for its version, so that one which cannot be reached is known as such:
    /// it is a gap of its own.
    pub async fn new(access: &Access, policy: &Policy) -> Self {
        let reach = access.doors.iter().map(|(target, door)| async move {
            let cluster = match door {
                Ok(door) => Cluster::reach(door, policy).await.map(Arc::new),
                Err(NoDoor { cause, hint }) => Err(Failure::unknown_way(cause, hint)),
            };
            (target.clone(), cluster)
        });
        let clusters = futures::future::join_all(reach).await.into_iter().collect();
        Self { clusters, charts: access.charts.clone(), policy: policy.clone() }
    }

    /// The cluster of a target, or why it cannot be reached.
    ///
    /// # Errors
    /// The latter.
    pub fn cluster(&self, target: &str) -> Result<&Cluster, &Failure> {
        match self.clusters.get(target) {
            Some(Ok(cluster)) => Ok(cluster),
            Some(Err(failure)) => Err(failure),
            None => Err(&NO_TARGET),
        }
    }

    /// The definitions that come with a version of the operator.
    ///
    /// # Errors
    /// When its chart cannot be got, or is not the one that is locked.
    pub async fn definitions(&self, chart: &desired::Chart, version: OperatorVersion) -> Result<Vec<Object>, Error> {
        let Charts { lock, stand_in, folder, ca } = &self.charts;
        let how = Fetching { policy: &self.policy, ca: ca.as_deref(), loopback_only: stand_in.is_some(), folder };
        let (place, locked) = match (stand_in, &chart.source) {
            (Some(server), _) => (format!("{server}/{}-{version}.tgz", operator::CHART), None),
            (None, ChartSource::Path(path)) => (path.display().to_string(), Some(lock.chart(version))),
            (None, ChartSource::Url(url)) => (url.clone(), Some(lock.chart(version))),
        };
        let doing = || Error::new(format!("reading the operator's chart {place}"));
        let locked = locked.transpose().map_err(|error| {
            let remedy = error.remedy();
            doing().because(error).hint(remedy)
        })?;
        let archive = chart::fetch(&place, &how).await?;
        let read = match locked {
            Some(locked) => chart::read(&archive, version, locked),
            None => chart::read_unlocked(&archive, version),
        };
        let read = read.map_err(|refused| {
            let remedy = refused.remedy();
            doing().because(refused).hint(remedy)
        })?;
        Ok(read.crds)
    }

    /// Requests that were sent.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.clusters.values().flatten().map(|cluster| cluster.requests()).sum()
    }

    /// The way that leads to a target, to be gone again by a writer.
    fn shared(&self) -> impl Iterator<Item = (&String, Result<Arc<Cluster>, Failure>)> {
        self.clusters.iter().map(|(target, cluster)| (target, cluster.as_ref().map(Arc::clone).map_err(Clone::clone)))
    }
}

/// A secret in an answer.
struct Received(Secret);

impl<'de> Deserialize<'de> for Received {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        String::deserialize(reader).map(|value| Self(Secret::new(value)))
    }
}

#[cfg(test)]
mod tests;
