//! Agents in the pods of a Deployment.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How the agents of a Deployment should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Orders {
    /// How many.
    pub count: u32,
    /// The id of the agent token that they come with; without one no pod can be started.
    pub token: Option<String>,
    /// What their pods are made from: a pod of another template is replaced.
    pub template: String,
    /// How long one may finish its job in when it has to go.
    pub grace: SignedDuration,
}

/// The pods of a Deployment, as far as agents are in them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Crew {
    /// How it should be.
    pub orders: Orders,
    /// How many pods there ever were.
    pub made: u64,
    /// The pods by name.
    pub pods: BTreeMap<String, Pod>,
}

/// A pod with an agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pod {
    /// Later pods have higher ones.
    pub number: u64,
    /// What it was made from.
    pub template: String,
    /// The id of the agent token in its environment.
    pub token: Option<String>,
    /// How long it may take to go.
    pub grace: SignedDuration,
    /// Its agent, once it is registered.
    pub agent: Option<String>,
    /// When it is killed, if it has been told to go.
    pub kill_at: Option<Timestamp>,
}
