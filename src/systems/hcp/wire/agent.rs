//! Agents, their tokens, and the runs that want them.

use jiff::Timestamp;
use serde::Deserialize;

use super::super::observed::{AgentStatus, Job};
use super::super::{AgentId, RunId, TokenId, observed};
use super::workspace::RunAttributes;
use super::{Resource, ToOne};

/// An agent.
pub type Agent = Resource<AgentAttributes>;

/// A token of agents.
pub type Token = Resource<TokenAttributes>;

/// A run in a list of runs.
pub type Run = Resource<RunAttributes, RunRelations>;

/// An agent's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AgentAttributes {
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// What it does.
    pub status: String,
    /// When it was heard of last.
    #[serde(default)]
    pub last_ping_at: Option<String>,
    /// When it came.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// A token's attributes. Its value is in the answer to its creation alone, and read there by itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TokenAttributes {
    /// Whom it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// When it was minted.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it was used last.
    #[serde(default)]
    pub last_used_at: Option<String>,
}

/// What a run is related to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RunRelations {
    /// Its workspace.
    pub workspace: ToOne,
}

fn instant(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

/// What was seen of an agent.
#[must_use]
pub fn agent(agent: Agent) -> observed::Agent {
    let AgentAttributes { name, status, last_ping_at, created_at } = agent.attributes;
    observed::Agent {
        id: AgentId(agent.id),
        name: name.unwrap_or_default(),
        status: match status.as_str() {
            "idle" => AgentStatus::Idle,
            "busy" => AgentStatus::Busy,
            "unknown" => AgentStatus::Unknown,
            "errored" => AgentStatus::Errored,
            "exited" => AgentStatus::Exited,
            _ => AgentStatus::Other(status),
        },
        last_ping_at: instant(last_ping_at.as_deref()),
        created_at: instant(created_at.as_deref()),
    }
}

/// What was seen of a token.
#[must_use]
pub fn token(token: Token) -> observed::Token {
    let TokenAttributes { description, created_at, last_used_at } = token.attributes;
    observed::Token {
        id: TokenId(token.id),
        description: description.unwrap_or_default(),
        created_at: instant(created_at.as_deref()),
        last_used_at: instant(last_used_at.as_deref()),
    }
}

/// What was seen of a run.
#[must_use]
pub fn job(run: Run) -> Job {
    let RunAttributes { status, created_at: _, status_timestamps: _, plan_only } = run.attributes;
    Job {
        id: RunId(run.id),
        workspace: run.relationships.workspace.id().map(|id| id.to_owned().into()),
        status,
        plan_only: plan_only.unwrap_or(false),
    }
}
