//! What a fleet wants of HCP Terraform: names resolved, defaults filled in, no positions and no secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::VariableKey;
use super::settings::{OrganizationSettings, ProjectSettings, WorkspaceSettings};
use crate::address::Address;
use crate::owner::{FleetName, Stewardship};
use crate::secret::SecretRef;

/// Everything that is wanted of one organisation. Maps are keyed by the names that HCP knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Whose mark our things carry.
    pub fleet: FleetName,
    /// The organisation and what is wanted of itself.
    pub organization: Organization,
    /// Projects by name.
    pub projects: BTreeMap<String, Project>,
    /// Workspaces by name.
    pub workspaces: BTreeMap<String, Workspace>,
    /// Variable sets by name.
    pub variable_sets: BTreeMap<String, VariableSet>,
    /// Agent pools by name.
    pub pools: BTreeMap<String, Pool>,
    /// The fleet has a Docker host: agents of pools that the spec has no more may still run there, on tokens of ours.
    #[serde(default)]
    pub runs_agents: bool,
}

/// The organisation: never created or removed, changed only where the spec names a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    /// Its name, which is its id in the API.
    pub name: String,
    /// Its external id (`org-…`): the pin against writing to another one.
    pub external_id: Option<String>,
    /// The tier that the spec was checked for.
    pub tier: Tier,
    /// Settings that the spec names.
    pub settings: OrganizationSettings,
    /// Where runs of its workspaces go that say nothing of their own.
    pub runs_on: Option<Placement>,
    /// `delivery: verify` for the whole system, and its like.
    pub stewardship: Stewardship,
}

/// HCP's plans. Limits: "HCP Terraform plans and features" (August 2026).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// One remote run and one agent at a time, 500 managed resources, no teams.
    Free,
    /// Three remote runs, one agent.
    Essentials,
    /// Ten of each.
    Standard,
    /// 200 remote runs, 300 agents.
    Premium,
}

impl Tier {
    /// Self-hosted agents at one time ("HCP Terraform plans and features", August 2026). Idle ones count.
    #[must_use]
    pub fn agents(self) -> u32 {
        match self {
            Self::Free | Self::Essentials => 1,
            Self::Standard => 10,
            Self::Premium => 300,
        }
    }
}

/// Where a workspace's runs go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Placement {
    /// On the agents of the pool of this name.
    Pool(String),
    /// On HCP's own machines.
    Cloud,
    /// On the machine of whoever runs terraform; HCP only keeps the state.
    Local,
    /// Wherever the project or the organisation says.
    Inherited,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// The name it had before, if it is to be renamed in place.
    pub was: Option<String>,
    /// Its settings.
    pub settings: ProjectSettings,
    /// Where runs of its workspaces go that say nothing of their own; `None` leaves it as found.
    pub runs_on: Option<Placement>,
    /// Tags that its workspaces inherit, by key; a key alone has the value "".
    pub tags: BTreeMap<String, String>,
    /// Notifications by name (without our mark). `None` when the spec does not speak of them.
    pub notifications: BTreeMap<String, Notification>,
    /// Whose it is.
    pub stewardship: Stewardship,
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workspace {
    /// The name it had before, if it is to be renamed in place.
    pub was: Option<String>,
    /// The name of its project; `None` is the organisation's default project.
    pub project: Option<String>,
    /// Its settings.
    pub settings: WorkspaceSettings,
    /// Where its runs go.
    pub runs_on: Placement,
    /// Its repository. `None`: none, and one that is found is disconnected.
    pub vcs: Option<Vcs>,
    /// Its own tags by key; a key alone has the value "".
    pub tags: BTreeMap<String, String>,
    /// Its variables.
    pub variables: BTreeMap<VariableKey, Variable>,
    /// Variables that the spec does not name are removed instead of reported.
    pub exclusive_variables: bool,
    /// Names of the workspaces that may read its state. `None`: not spoken of.
    pub consumers: Option<BTreeSet<String>>,
    /// Notifications by name (without our mark).
    pub notifications: BTreeMap<String, Notification>,
    /// Whose it is.
    pub stewardship: Stewardship,
}

/// A workspace's repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vcs {
    /// `owner/name`.
    pub repository: String,
    /// The branch; "" is the repository's default.
    pub branch: String,
    /// The VCS connection: its name, its provider (`github`), or the id of its token (`ot-…`).
    pub connection: String,
    /// Fetch submodules.
    pub ingress_submodules: bool,
    /// Runs for tags that match, instead of for pushes; "" is none.
    pub tags_regex: String,
}

/// A variable of a workspace or a variable set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// What it holds.
    pub value: VariableValue,
    /// The value is an HCL expression.
    pub hcl: bool,
    /// Text of a person's; `None` leaves it as found.
    pub description: Option<String>,
}

/// A variable's value, or where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VariableValue {
    /// A value that anybody may see.
    Plain(String),
    /// A value that HCP never gives back.
    Sensitive(SecretRef),
}

/// A variable set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariableSet {
    /// The name it had before, if it is to be renamed in place.
    pub was: Option<String>,
    /// Text of a person's.
    pub description: Option<String>,
    /// Its values win over those of workspaces and of the command line.
    pub priority: bool,
    /// For whom it is.
    pub reach: Reach,
    /// Its variables.
    pub variables: BTreeMap<VariableKey, Variable>,
    /// Variables that the spec does not name are removed instead of reported.
    pub exclusive_variables: bool,
    /// Whose it is.
    pub stewardship: Stewardship,
}

/// For whom a variable set is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// Every workspace of the organisation.
    Global,
    /// These alone, by name.
    Some {
        /// Projects.
        projects: BTreeSet<String>,
        /// Workspaces.
        workspaces: BTreeSet<String>,
    },
}

/// An agent pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// The name it had before, if it is to be renamed in place.
    pub was: Option<String>,
    /// Who may use it.
    pub scope: Scope,
    /// Its agents run on a Docker host of the fleet: their tokens are ours to mint and to revoke.
    pub run_by_us: bool,
    /// The resource by which an operator makes it, where it is not ours to make.
    pub made_by: Option<Address>,
    /// Whose it is.
    pub stewardship: Stewardship,
}

/// Who may use a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Every workspace of the organisation.
    Organization,
    /// These alone, by name.
    Some {
        /// Projects.
        projects: BTreeSet<String>,
        /// Workspaces: those that run on it.
        workspaces: BTreeSet<String>,
    },
}

/// A notification of a workspace or a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Where it goes, and how it is written.
    pub destination: Destination,
    /// Sent at all.
    pub enabled: bool,
    /// What it is sent for, as HCP names it (`run:completed`); names we do not know are passed on.
    pub triggers: BTreeSet<String>,
}

/// Where a notification goes. HCP cannot change the kind of one that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Destination {
    /// HCP's JSON, signed with HMAC-SHA512 if there is a token.
    Generic {
        /// Where to.
        url: SecretRef,
        /// What to sign with.
        token: Option<SecretRef>,
    },
    /// Slack's format.
    Slack {
        /// Where to.
        url: SecretRef,
    },
    /// Slack's format, to the endpoint that Discord has for it (the URL of the webhook and `/slack`).
    Discord {
        /// The webhook, without `/slack`.
        url: SecretRef,
    },
    /// Microsoft Teams' format.
    Teams {
        /// Where to.
        url: SecretRef,
    },
    /// Mail.
    Email {
        /// Names of users of the organisation.
        users: BTreeSet<String>,
        /// To all members of the organisation.
        all_members: bool,
    },
}

impl Destination {
    /// HCP's word for the kind.
    #[must_use]
    pub fn wire_type(&self) -> &'static str {
        match self {
            Self::Generic { .. } => "generic",
            Self::Slack { .. } | Self::Discord { .. } => "slack",
            Self::Teams { .. } => "microsoft-teams",
            Self::Email { .. } => "email",
        }
    }

    /// Where the URL is read from.
    #[must_use]
    pub fn url(&self) -> Option<&SecretRef> {
        match self {
            Self::Generic { url, .. } | Self::Slack { url } | Self::Discord { url } | Self::Teams { url } => Some(url),
            Self::Email { .. } => None,
        }
    }

    /// Where the token is read from that deliveries are signed with.
    #[must_use]
    pub fn token(&self) -> Option<&SecretRef> {
        match self {
            Self::Generic { url: _, token } => token.as_ref(),
            Self::Slack { .. } | Self::Discord { .. } | Self::Teams { .. } | Self::Email { .. } => None,
        }
    }

    /// All that is secret of it.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.url().into_iter().chain(self.token())
    }
}
