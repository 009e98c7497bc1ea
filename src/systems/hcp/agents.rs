//! What HCP says of one agent at this moment, for whoever is about to stop it.

use super::client::{Access, List, Reader};
use super::observed::Agent;
use super::wire::Unrelated;
use super::wire::agent::{self, AgentAttributes};
use crate::error::Error;
use crate::http::{Policy, path};

/// A client that looks at agents.
#[derive(Debug)]
pub struct Watch {
    reader: Reader,
}

impl Watch {
    /// A client for an organisation.
    ///
    /// # Errors
    /// When the address, the token or the CA cannot be used.
    pub fn new(access: &Access, policy: &Policy) -> Result<Self, Error> {
        Ok(Self { reader: Reader::new(access, policy)? })
    }

    /// The agents of this name in a pool, the youngest first: all of them, or why they cannot be told.
    ///
    /// # Errors
    /// When the list is not complete.
    pub async fn named(&self, pool: &str, name: &str) -> Result<Vec<Agent>, String> {
        let path = path(&["agent-pools", pool, "agents"]);
        let list = List { path: &path, include: &[], filter: &[], paged: true, sorted: false };
        let listed = self.reader.list::<AgentAttributes, Unrelated>(&list).await;
        let agents = listed.complete().map_err(|trouble| trouble.to_string())?;
        let mut agents: Vec<Agent> = agents.into_iter().map(agent::agent).filter(|agent| agent.name == name).collect();
        agents.sort_by_key(|agent| std::cmp::Reverse(agent.created_at));
        Ok(agents)
    }
}
