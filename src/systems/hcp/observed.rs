//! What was seen of an organisation: no secret value, and beside what was read, what could not be.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::desired::{Reach, Tier};
use super::settings::{OrganizationSettings, ProjectSettings, WorkspaceSettings};
use super::{
    AgentId, NotificationId, OauthTokenId, PoolId, ProjectId, RunId, TokenId, VariableId, VariableKey, VariableSetId,
    WorkspaceId,
};
use crate::plan::{Gap, Listing, Read};
use crate::secret::{Compared, SecretRef};

/// Everything that a plan needs to know of an organisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The server's clock in its first answer.
    pub now: Timestamp,
    /// The organisation itself.
    pub organization: Organization,
    /// Its projects.
    pub projects: Listing<Project>,
    /// Its workspaces.
    pub workspaces: Listing<Workspace>,
    /// Its variable sets.
    pub variable_sets: Listing<VariableSet>,
    /// Its agent pools.
    pub pools: Listing<Pool>,
    /// Its VCS connections; read only when a workspace has a repository.
    pub connections: Listing<Connection>,
    /// Runs that want an agent of a pool that we run, or have one.
    pub jobs: Read<Vec<Job>>,
    /// Sources of secrets that could not be read, and why. A command is only tried where there is something to compare.
    #[serde(default)]
    pub unreadable_sources: Vec<(SecretRef, String)>,
    /// Requests that it took to read all this.
    pub requests: u32,
}

/// The organisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// Its external id.
    pub external_id: String,
    /// Its settings.
    pub settings: OrganizationSettings,
    /// Where runs go by default.
    pub runs_on: Mode,
    /// The project that workspaces are in that name none.
    pub default_project: Option<ProjectId>,
    /// What it may do and how much of it.
    pub entitlements: Entitlements,
    /// What our token may do: `can-update` and its like, where HCP says so.
    pub permissions: BTreeMap<String, bool>,
}

/// Whose API token it is that this process sends. It is shown and never part of what a plan is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenOwner {
    /// A person, by name.
    User(String),
    /// A team, by its id: its name would take a request more.
    Team(String),
    /// An organisation, by name.
    Organization(String),
    /// A run, by its id.
    Run(String),
}

/// The organisation's limits, as HCP gives them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entitlements {
    /// The plan's name where it is one that we know.
    pub tier: Option<Tier>,
    /// Whether self-hosted agents may be used.
    pub agents: Option<bool>,
    /// How many agents at a time.
    pub agents_ceiling: Option<u32>,
    /// How many managed resources.
    pub managed_resources: Option<u32>,
    /// All that the entitlement set answers with yes or no.
    pub flags: BTreeMap<String, bool>,
}

/// Where runs go, with the pool's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// `agent`
    Agent(Option<PoolId>),
    /// `remote`
    Remote,
    /// `local`
    Local,
    /// A word that we do not know.
    Other(String),
}

/// Where the runs of a project or a workspace go, and whether it says so itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenPlacement {
    /// The mode in force.
    pub mode: Mode,
    /// It is the thing's own choice and not inherited.
    pub own: bool,
}

/// Tags that were seen on a thing, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenTags {
    /// Its own.
    pub own: BTreeMap<String, String>,
    /// Those of its project.
    pub inherited: BTreeMap<String, String>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Its settings.
    pub settings: ProjectSettings,
    /// Where runs of its workspaces go by default.
    pub placement: SeenPlacement,
    /// Its tags.
    pub tags: Read<SeenTags>,
    /// Its notifications, if they were asked for.
    pub notifications: Read<Vec<Notification>>,
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: Option<ProjectId>,
    /// Its settings.
    pub settings: WorkspaceSettings,
    /// Where its runs go.
    pub placement: SeenPlacement,
    /// Its repository.
    pub vcs: Option<SeenVcs>,
    /// Its tags.
    pub tags: Read<SeenTags>,
    /// Its variables.
    pub variables: Read<Vec<Variable>>,
    /// Its notifications, if they were asked for.
    pub notifications: Read<Vec<Notification>>,
    /// Who may read its state, if that was asked for.
    pub consumers: Read<BTreeSet<WorkspaceId>>,
    /// The run it is busy with or was last.
    pub current_run: Option<Run>,
    /// Why it is locked, if it is ("" when nobody said why).
    pub locked: Option<String>,
    /// Resources in its state.
    pub resources: u32,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// HCP's word for where it stands.
    pub status: String,
    /// Since when it exists.
    pub created_at: Option<Timestamp>,
    /// When it came to where it stands.
    pub changed_at: Option<Timestamp>,
}

/// States after which nothing more happens to a run.
const FINAL: [&str; 6] = ["applied", "planned_and_finished", "discarded", "errored", "canceled", "force_canceled"];

impl Run {
    /// Nothing more will happen to it. A status that we do not know is not final, nor are `planned_and_saved` and
    /// `policy_soft_failed`, which somebody can still confirm or override.
    /// Source: "Run States and Stages" (`hashicorp/web-unified-docs`, HCP Terraform, `run/states`).
    #[must_use]
    pub fn is_final(&self) -> bool {
        FINAL.contains(&self.status.as_str())
    }
}

/// A workspace's repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenVcs {
    /// `owner/name`.
    pub repository: String,
    /// The branch; "" is the default one.
    pub branch: String,
    /// The connection's token, if it is an OAuth connection.
    pub token: Option<OauthTokenId>,
    /// The installation of the GitHub app, if it is that.
    pub installation: Option<String>,
    /// Fetch submodules.
    pub ingress_submodules: bool,
    /// Runs for tags; "" is none.
    pub tags_regex: String,
}

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Its id.
    pub id: VariableId,
    /// Its key.
    pub key: VariableKey,
    /// The value is an HCL expression.
    pub hcl: bool,
    /// Text of a person's; "" is none.
    pub description: String,
    /// What it holds.
    pub value: SeenValue,
}

/// What a variable was seen to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SeenValue {
    /// A value that anybody may see. It may be a secret of somebody careless, so plans do not show values of
    /// variables that the spec does not name.
    Plain(String),
    /// A value that HCP keeps, compared with its source where the spec names one.
    Sensitive(Option<Compared>),
}

/// A variable set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariableSet {
    /// Its id.
    pub id: VariableSetId,
    /// Its name.
    pub name: String,
    /// Text of a person's; "" is none.
    pub description: String,
    /// Its values win.
    pub priority: bool,
    /// For whom it is: ids here, where a spec has names.
    pub global: bool,
    /// Its projects.
    pub projects: BTreeSet<ProjectId>,
    /// Its workspaces.
    pub workspaces: BTreeSet<WorkspaceId>,
    /// Its variables, if they were asked for.
    pub variables: Read<Vec<Variable>>,
}

/// An agent pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// Its name.
    pub name: String,
    /// Every workspace may use it.
    pub organization_scoped: bool,
    /// Workspaces that may use it.
    pub allowed_workspaces: BTreeSet<WorkspaceId>,
    /// Projects that may use it.
    pub allowed_projects: BTreeSet<ProjectId>,
    /// Workspaces that do use it.
    pub workspaces: BTreeSet<WorkspaceId>,
    /// Agents that are idle, busy or unknown.
    pub agents: u32,
    /// Its tokens, where they are ours to keep.
    pub tokens: Read<Vec<Token>>,
    /// Its agents one by one, where they are ours to run: those that were heard of lately.
    pub live: Read<Vec<Agent>>,
}

/// A token of agents. Its value is in the answer to its creation and nowhere after that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whom it is for; ours end with our mark.
    pub description: String,
    /// When it was minted.
    pub created_at: Option<Timestamp>,
    /// When an agent used it last.
    pub last_used_at: Option<Timestamp>,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its name; two may have the same.
    pub name: String,
    /// What it does.
    pub status: AgentStatus,
    /// When it was heard of last.
    pub last_ping_at: Option<Timestamp>,
    /// When it came.
    pub created_at: Option<Timestamp>,
}

/// What an agent does, in HCP's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AgentStatus {
    /// It waits for a job.
    Idle,
    /// It has one.
    Busy,
    /// It was not heard of for a while, and still holds its slot.
    Unknown,
    /// It was not heard of for long.
    Errored,
    /// It said good-bye.
    Exited,
    /// A word that we do not know.
    Other(String),
}

impl AgentStatus {
    /// The word.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Unknown => "unknown",
            Self::Errored => "errored",
            Self::Exited => "exited",
            Self::Other(word) => word,
        }
    }

    /// It holds one of the slots that the organisation's tier has.
    #[must_use]
    pub fn holds_a_slot(&self) -> bool {
        match self {
            Self::Idle | Self::Busy | Self::Unknown | Self::Other(_) => true,
            Self::Errored | Self::Exited => false,
        }
    }
}

/// A run that wants an agent, or has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The run.
    pub id: RunId,
    /// Its workspace.
    pub workspace: Option<WorkspaceId>,
    /// HCP's word for where it stands.
    pub status: String,
    /// It only plans, so that several of one workspace run at once.
    pub plan_only: bool,
}

impl Job {
    /// It needs an agent now: neither does one that waits for others or for a person.
    /// Source: `hashicorp/hcp-terraform-operator` v2.12.0, `agentpool_controller_autoscaling.go`.
    #[must_use]
    pub fn wants_an_agent(&self) -> bool {
        const RESTING: [&str; 8] = [
            "pending",
            "planned",
            "planned_and_saved",
            "cost_estimated",
            "policy_checked",
            "policy_override",
            "post_plan_awaiting_decision",
            "post_plan_completed",
        ];
        !RESTING.contains(&self.status.as_str()) && !FINAL.contains(&self.status.as_str())
    }
}

/// A VCS connection, once for each of its tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The token that a workspace's settings name.
    pub token: OauthTokenId,
    /// The connection's name, which need not be there nor be unique.
    pub name: Option<String>,
    /// HCP's word for the provider: `github`, `gitlab_hosted`, …
    pub provider: String,
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// Its name, our suffix included.
    pub name: String,
    /// HCP's word for its kind.
    pub destination: String,
    /// Sent at all.
    pub enabled: bool,
    /// What it is sent for.
    pub triggers: BTreeSet<String>,
    /// Its URL against the source that the spec names for the notification of this name; `None`: no source to compare with.
    pub url: Option<Compared>,
    /// Names of desired notifications (of the project above) that go to the same URL: this one would come twice.
    pub doubles: BTreeSet<String>,
    /// Who gets mail, if it is mail.
    pub recipients: Read<Recipients>,
}

/// Who gets the mail of a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipients {
    /// Names of users; ids of those who are no members any more.
    pub users: BTreeSet<String>,
    /// All members of the organisation.
    pub all_members: bool,
}

fn mail_gaps(notifications: &Read<Vec<Notification>>) -> impl Iterator<Item = Gap> {
    let all = notifications.seen().into_iter().flatten();
    all.filter_map(|notification| notification.recipients.gap().cloned())
}

impl Observed {
    /// Everything that could not be read, sorted.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let Self {
            now: _,
            organization: _,
            projects,
            workspaces,
            variable_sets,
            pools,
            connections,
            jobs,
            unreadable_sources: _,
            requests: _,
        } = self;
        let mut gaps: Vec<Gap> =
            [projects.gap(), workspaces.gap(), variable_sets.gap(), pools.gap(), connections.gap()]
                .into_iter()
                .flatten()
                .cloned()
                .collect();
        for project in projects.seen() {
            gaps.extend(project.tags.gap().cloned());
            gaps.extend(project.notifications.gap().cloned());
            gaps.extend(mail_gaps(&project.notifications));
        }
        for workspace in workspaces.seen() {
            gaps.extend(workspace.tags.gap().cloned());
            gaps.extend(workspace.variables.gap().cloned());
            gaps.extend(workspace.notifications.gap().cloned());
            gaps.extend(mail_gaps(&workspace.notifications));
            gaps.extend(workspace.consumers.gap().cloned());
        }
        for set in variable_sets.seen() {
            gaps.extend(set.variables.gap().cloned());
        }
        for pool in pools.seen() {
            gaps.extend(pool.tokens.gap().cloned());
            gaps.extend(pool.live.gap().cloned());
        }
        gaps.extend(jobs.gap().cloned());
        gaps.sort();
        gaps.dedup();
        gaps
    }
}

impl VariableSet {
    /// True when the set is for nobody: how the set that holds our witnesses is kept.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        !self.global && self.projects.is_empty() && self.workspaces.is_empty()
    }

    /// The reach in the terms of a spec, names for ids where they are known.
    #[must_use]
    pub fn reach(&self, project: impl Fn(&ProjectId) -> String, workspace: impl Fn(&WorkspaceId) -> String) -> Reach {
        if self.global {
            Reach::Global
        } else {
            Reach::Some {
                projects: self.projects.iter().map(project).collect(),
                workspaces: self.workspaces.iter().map(workspace).collect(),
            }
        }
    }
}
