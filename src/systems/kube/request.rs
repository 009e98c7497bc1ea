//! One change to a cluster, as plain data: the whole of what will be sent but for the token's value.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::object::Object;
use crate::owner::FleetName;
use crate::plan::{Effect, Holds, Later, Output};
use crate::secret::SecretRef;

/// A request to the cluster of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The key of the target.
    pub target: String,
    /// What is sent.
    pub call: Call,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Call {
    /// A server-side apply.
    Apply(Box<Apply>),
    /// A server-side apply of a Secret with a value in it, and with the value's fingerprint beside it.
    ApplySecret(Box<ApplySecret>),
    /// `DELETE`, of this object and of no other that has its name by then.
    Remove {
        /// The API group and its version.
        api_version: String,
        /// The kind.
        kind: String,
        /// Its namespace.
        namespace: Option<String>,
        /// Its name.
        name: String,
        /// Its id.
        uid: String,
        /// What stands on it is gone.
        unused: Vec<Later<Holds>>,
    },
}

/// An object that is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Apply {
    /// All that we say of it.
    pub object: Object,
    /// Fields that others own become ours: those that the plan shows.
    pub force: bool,
    /// What it stands on is there.
    pub ready: Vec<Later<Holds>>,
    /// When it is done.
    pub until: Until,
    /// Running agents are restarted by it.
    pub restarts: u32,
}

/// When something that was applied is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Until {
    /// When the server has it.
    Accepted,
    /// When the server serves its kind: a custom resource definition.
    Established,
    /// When the operator has made a pool of it, whose id it gives.
    Pooled,
}

/// A Secret that is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplySecret {
    /// Whose fingerprint it is, which holds for no other fleet.
    pub fleet: FleetName,
    /// All that we say of it but for its value.
    pub object: Object,
    /// The key of the value in it.
    pub key: String,
    /// Where the value comes from.
    pub value: SecretRef,
    /// Its key, if somebody else owns it, becomes ours.
    pub force: bool,
    /// What it stands on is there.
    pub ready: Vec<Later<Holds>>,
}

impl Request {
    /// The outputs of other actions that it takes.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Output> {
        let Self { target: _, call } = self;
        let facts = match call {
            Call::Apply(apply) => &apply.ready,
            Call::ApplySecret(apply) => &apply.ready,
            Call::Remove { api_version: _, kind: _, namespace: _, name: _, uid: _, unused } => unused,
        };
        facts.iter().filter_map(Later::needs).cloned().collect()
    }

    /// Those of them that it can do without: none.
    #[must_use]
    pub fn spares(&self) -> BTreeSet<Output> {
        BTreeSet::new()
    }

    /// What it breaks off or moves.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match &self.call {
            Call::Apply(apply) => Effect { agents: apply.restarts, ..Effect::default() },
            Call::ApplySecret(_) | Call::Remove { .. } => Effect::default(),
        }
    }
}
