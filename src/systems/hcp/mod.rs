//! HCP Terraform: the organisation's defaults, projects, workspaces, variables, notifications and agent pools.

pub mod agents;
pub mod apply;
pub mod client;
pub mod desired;
mod identity;
pub mod observe;
pub mod observed;
pub mod plan;
pub mod request;
pub mod settings;
pub mod wire;
mod witness;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::error::Error;
use crate::plan::{Gap, Plan};
use crate::secret::Secrets;
use crate::systems::{Context, Made, Outputs, System};

/// HCP Terraform.
#[derive(Debug)]
pub struct Hcp;

impl System for Hcp {
    type Desired = desired::Desired;
    type Observed = observed::Observed;
    type Request = request::Request;
    type Reader = client::Reader;
    type Writer = client::Writer;

    async fn observe(reader: &Self::Reader, want: &Self::Desired, secrets: &Secrets) -> Result<Self::Observed, Gap> {
        observe::observe(reader, want, secrets).await
    }

    fn plan(want: &Self::Desired, seen: &Self::Observed, context: &Context<'_>, plan: &mut Plan) {
        plan::plan(want, seen, context, plan);
    }

    async fn apply(
        writer: &Self::Writer,
        request: &Self::Request,
        address: &Address,
        outputs: &Outputs,
        secrets: &Secrets,
    ) -> Result<Made, Error> {
        apply::apply(writer, request, address, outputs, secrets).await
    }
}

/// A newtype for an id that HCP gave out.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }
    )*};
}

ids! {
    /// `prj-…`
    ProjectId
    /// `ws-…`
    WorkspaceId
    /// `var-…`
    VariableId
    /// `varset-…`
    VariableSetId
    /// `apool-…`
    PoolId
    /// `at-…`: the token of agents.
    TokenId
    /// `agent-…`
    AgentId
    /// `nc-…`
    NotificationId
    /// `ot-…`: an OAuth token, which is what a workspace's VCS settings name.
    OauthTokenId
    /// `run-…`
    RunId
}

/// Terraform's two kinds of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// An environment variable of the run.
    Env,
    /// An input variable of the configuration.
    Terraform,
}

impl Category {
    /// The word for it, on the wire and in addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Terraform => "terraform",
        }
    }
}

/// What makes a variable unique within a workspace or a variable set; as text `env/KEY`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariableKey {
    /// Its category.
    pub category: Category,
    /// Its key.
    pub key: String,
}

impl From<VariableKey> for String {
    fn from(VariableKey { category, key }: VariableKey) -> Self {
        format!("{}/{key}", category.as_str())
    }
}

impl TryFrom<String> for VariableKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (category, key) = match text.split_once('/') {
            Some(("env", key)) => (Category::Env, key),
            Some(("terraform", key)) => (Category::Terraform, key),
            _ => return Err(format!("`{text}` is no variable: env/KEY or terraform/KEY")),
        };
        Ok(Self { category, key: key.to_owned() })
    }
}

/// `hcp/organization`: the organisation's own settings.
#[must_use]
pub fn organization_address() -> Address {
    Address::new(["hcp", "organization"])
}

/// `hcp/project/NAME`
#[must_use]
pub fn project_address(name: &str) -> Address {
    Address::new(["hcp", "project", name])
}

/// `hcp/workspace/NAME`
#[must_use]
pub fn workspace_address(name: &str) -> Address {
    Address::new(["hcp", "workspace", name])
}

/// `hcp/workspace/NAME/placement`: where its runs go, which moves at another time than its settings.
#[must_use]
pub fn placement_address(name: &str) -> Address {
    workspace_address(name).within(["placement"])
}

/// `hcp/project/NAME/placement`: where runs of its workspaces go by default, which its pool has to allow first.
#[must_use]
pub fn project_placement_address(name: &str) -> Address {
    project_address(name).within(["placement"])
}

/// `hcp/workspace/NAME/consumers`: who may read its state.
#[must_use]
pub fn consumers_address(name: &str) -> Address {
    workspace_address(name).within(["consumers"])
}

/// `hcp/variable-set/NAME`
#[must_use]
pub fn variable_set_address(name: &str) -> Address {
    Address::new(["hcp", "variable-set", name])
}

/// `hcp/pool/NAME`
#[must_use]
pub fn pool_address(name: &str) -> Address {
    Address::new(["hcp", "pool", name])
}

/// `hcp/pool/NAME/scope`: who may use it, which needs the ids of those it names.
#[must_use]
pub fn scope_address(name: &str) -> Address {
    pool_address(name).within(["scope"])
}

/// `hcp/pool/NAME/token/CONSUMER`: the token of one consumer, which is minted; or by its id, one that is revoked.
#[must_use]
pub fn token_address(pool: &str, of: &str) -> Address {
    pool_address(pool).within(["token", of])
}

/// `hcp/pool/NAME/agent/NAME`
#[must_use]
pub fn agent_address(pool: &str, name: &str) -> Address {
    pool_address(pool).within(["agent", name])
}

/// `…/env/KEY` or `…/terraform/KEY` inside a workspace or a variable set.
#[must_use]
pub fn variable_address(home: &Address, key: &VariableKey) -> Address {
    home.within([key.category.as_str(), &key.key])
}

/// `…/notification/NAME` inside a workspace or a project.
#[must_use]
pub fn notification_address(subject: &Address, name: &str) -> Address {
    subject.within(["notification", name])
}
