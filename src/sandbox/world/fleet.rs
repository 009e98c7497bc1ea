//! The things that clients make.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Connection, LATEST_TERRAFORM, Mode, Placement, Sealed, hex};

/// Key/value tags: the value may be empty.
pub type TagBindings = BTreeMap<String, String>;

/// A project.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// What people say about it.
    pub description: Option<String>,
    /// Destroy what is idle for so long.
    pub auto_destroy_activity_duration: Option<String>,
    /// The mode of its workspaces.
    pub placement: Placement,
    /// Its tags, which its workspaces inherit.
    pub tags: TagBindings,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Project {
    /// With HCP's defaults.
    pub fn new(name: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            auto_destroy_activity_duration: None,
            placement: Placement::default(),
            tags: TagBindings::new(),
            created_at: now,
        }
    }
}

/// A link to a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VcsRepository {
    /// `owner/name`.
    pub identifier: String,
    /// The branch; none is the repository's default.
    pub branch: Option<String>,
    /// The connection's token.
    pub oauth_token_id: Option<String>,
    /// Or an installation of the GitHub app.
    pub github_app_installation_id: Option<String>,
    /// Whether submodules come along.
    pub ingress_submodules: bool,
    /// Runs on tags that match.
    pub tags_regex: Option<String>,
}

/// Who holds a workspace, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lock {
    /// The label of the token that locked it.
    pub by: String,
    /// What was said.
    pub reason: Option<String>,
}

/// A workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the settings are HCP's")]
pub struct Workspace {
    /// Its name.
    pub name: String,
    /// Its project's id.
    pub project: String,
    /// What people say about it.
    pub description: Option<String>,
    /// Where its runs go.
    pub placement: Placement,
    /// Applies without confirmation.
    pub auto_apply: bool,
    /// The same for runs that a run trigger started.
    pub auto_apply_run_trigger: bool,
    /// Whether destroy plans may be queued.
    pub allow_destroy_plan: bool,
    /// Health assessments.
    pub assessments_enabled: bool,
    /// Destroy at an instant.
    pub auto_destroy_at: Option<Timestamp>,
    /// Destroy when idle for so long.
    pub auto_destroy_activity_duration: Option<String>,
    /// Whether the project's duration holds.
    pub inherits_project_auto_destroy: bool,
    /// Only changed paths start runs.
    pub file_triggers_enabled: bool,
    /// Those paths.
    pub trigger_prefixes: Vec<String>,
    /// Or patterns of them.
    pub trigger_patterns: Vec<String>,
    /// Runs start before the first one was queued by hand.
    pub queue_all_runs: bool,
    /// Speculative plans for pull requests.
    pub speculative_enabled: bool,
    /// Structured output in the web pages.
    pub structured_run_output_enabled: bool,
    /// A version, or a constraint.
    pub terraform_version: String,
    /// Where in the repository.
    pub working_directory: Option<String>,
    /// Every workspace may read the state.
    pub global_remote_state: bool,
    /// Every workspace of the project may.
    pub project_remote_state: bool,
    /// Or these.
    pub remote_state_consumers: BTreeSet<String>,
    /// Hold your own key; cannot be taken back.
    pub hyok_enabled: bool,
    /// What made it.
    pub source_name: Option<String>,
    /// Where that lives.
    pub source_url: Option<String>,
    /// The repository.
    pub vcs_repo: Option<VcsRepository>,
    /// Key/value tags.
    pub tags: TagBindings,
    /// Ids of flat tags.
    pub flat_tags: BTreeSet<String>,
    /// Who holds it.
    pub lock: Option<Lock>,
    /// Resources in its state.
    pub resources: u32,
    /// While its newest state is being processed, safe-delete is refused.
    pub state_processed_at: Option<Timestamp>,
    /// The newest run.
    pub current_run: Option<String>,
    /// Its variables.
    pub variables: BTreeMap<String, Variable>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Workspace {
    /// With HCP's defaults (documentation of September 2025, "Create a Workspace").
    pub fn new(name: &str, project: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            project: project.to_owned(),
            description: None,
            placement: Placement::default(),
            auto_apply: false,
            auto_apply_run_trigger: false,
            allow_destroy_plan: true,
            assessments_enabled: false,
            auto_destroy_at: None,
            auto_destroy_activity_duration: None,
            inherits_project_auto_destroy: true,
            file_triggers_enabled: true,
            trigger_prefixes: Vec::new(),
            trigger_patterns: Vec::new(),
            queue_all_runs: false,
            speculative_enabled: true,
            structured_run_output_enabled: true,
            terraform_version: LATEST_TERRAFORM.to_owned(),
            working_directory: None,
            global_remote_state: false,
            project_remote_state: false,
            remote_state_consumers: BTreeSet::new(),
            hyok_enabled: false,
            source_name: None,
            source_url: None,
            vcs_repo: None,
            tags: TagBindings::new(),
            flat_tags: BTreeSet::new(),
            lock: None,
            resources: 0,
            state_processed_at: None,
            current_run: None,
            variables: BTreeMap::new(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// A variable's value: in clear, or write-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VariableValue {
    /// Read back as it is.
    Plain(String),
    /// Sensitive: read back as null.
    Sealed(Sealed),
}

impl VariableValue {
    /// Whether this is that value.
    pub fn is(&self, value: &str) -> bool {
        match self {
            Self::Plain(plain) => plain == value,
            Self::Sealed(sealed) => sealed.is(value),
        }
    }

    /// Whether it is write-only.
    pub fn is_sensitive(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }
}

/// A variable of a workspace or of a variable set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Variable {
    /// Its name.
    pub key: String,
    /// `terraform` or `env`.
    pub category: String,
    /// Its value.
    pub value: VariableValue,
    /// What people say about it.
    pub description: Option<String>,
    /// Whether the value is an expression.
    pub hcl: bool,
    /// Counts its writes.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Variable {
    /// What changes with every write, even with one that changes nothing.
    pub fn version_id(&self, id: &str) -> String {
        hex(&Sha256::digest(format!("{id}/{}", self.revision)))[..36].to_owned()
    }
}

/// Who owns a variable set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The organization.
    #[default]
    Organization,
    /// A project.
    Project(String),
}

/// A variable set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VariableSet {
    /// Its name, which also decides precedence.
    pub name: String,
    /// What people say about it.
    pub description: String,
    /// For every workspace.
    pub global: bool,
    /// Beats even values of the command line.
    pub priority: bool,
    /// Who owns it.
    pub owner: Owner,
    /// For these workspaces.
    pub workspaces: BTreeSet<String>,
    /// For the workspaces of these projects.
    pub projects: BTreeSet<String>,
    /// Its variables.
    pub variables: BTreeMap<String, Variable>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An agent pool.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AgentPool {
    /// Its name.
    pub name: String,
    /// Whether everybody may use it.
    pub organization_scoped: bool,
    /// If not, these workspaces,
    pub allowed_workspaces: BTreeSet<String>,
    /// and the workspaces of these projects;
    pub allowed_projects: BTreeSet<String>,
    /// and never these.
    pub excluded_workspaces: BTreeSet<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    /// Waits for work.
    Idle,
    /// Works.
    Busy,
    /// Was not heard of.
    Unknown,
    /// Was not heard of for long.
    Errored,
    /// Said goodbye.
    Exited,
}

impl AgentStatus {
    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Unknown => "unknown",
            Self::Errored => "errored",
            Self::Exited => "exited",
        }
    }

    /// Whether it takes a place of the tier's ceiling.
    pub fn counts(self) -> bool {
        matches!(self, Self::Idle | Self::Busy | Self::Unknown)
    }

    /// Whether its entry may be deleted.
    pub fn is_deletable(self) -> bool {
        matches!(self, Self::Unknown | Self::Errored | Self::Exited)
    }
}

/// An agent that registered itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Agent {
    /// Its pool.
    pub pool: String,
    /// Its name, if it said one.
    pub name: Option<String>,
    /// What it does.
    pub status: AgentStatus,
    /// Where from.
    pub ip_address: Option<String>,
    /// When it was last heard of.
    pub last_ping_at: Option<Timestamp>,
    /// When it came.
    pub created_at: Timestamp,
}

/// An agent token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AgentToken {
    /// Its pool.
    pub pool: String,
    /// The only thing that tells it from others; not unique.
    pub description: String,
    /// The token, shown once.
    pub secret: Sealed,
    /// When it was made.
    pub created_at: Timestamp,
    /// When an agent last came with it.
    pub last_used_at: Option<Timestamp>,
}

/// What a notification belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subscriber {
    /// One workspace.
    Workspace(String),
    /// Every workspace of a project.
    Project(String),
}

/// A receiver's URL: a secret that HCP returns in clear, and that nothing here prints.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Url(pub String);

impl fmt::Debug for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Url(..)")
    }
}

/// How a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Delivery {
    /// The status.
    pub code: u16,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// A notification configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Notification {
    /// Whose it is.
    pub subscriber: Subscriber,
    /// Its name; not unique.
    pub name: String,
    /// `generic`, `email`, `slack` or `microsoft-teams`; never changes.
    pub destination_type: String,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Where to; HCP returns it in clear.
    pub url: Option<Url>,
    /// The signing key, sealed by signing the verification's body with it.
    pub signature: Option<String>,
    /// When to send.
    pub triggers: Vec<String>,
    /// Users who get mail.
    pub users: BTreeSet<String>,
    /// Whether all members of the organization do.
    #[serde(default)]
    pub all_members: bool,
    /// Addresses that get mail.
    pub email_addresses: Vec<String>,
    /// Answers so far, the newest last.
    pub deliveries: Vec<Delivery>,
    /// Instants of the `verify` action, for its own limit.
    pub verified: Vec<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A run trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunTrigger {
    /// Whose runs start.
    pub workspace: String,
    /// After whose applies.
    pub sourceable: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Run {
    /// Its workspace.
    pub workspace: String,
    /// HCP's word for how far it is.
    pub status: String,
    /// Why it is.
    pub message: String,
    /// The mode that its workspace had when it began.
    pub mode: Mode,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Run {
    /// Whether nothing more will happen to it (HCP's page on run states).
    pub fn is_final(&self) -> bool {
        matches!(
            self.status.as_str(),
            "applied"
                | "discarded"
                | "errored"
                | "canceled"
                | "force_canceled"
                | "planned_and_finished"
                | "policy_soft_failed"
        )
    }
}

/// A flat tag of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A VCS connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OauthClient {
    /// Its name, if any.
    pub name: Option<String>,
    /// Its kind.
    pub service_provider: String,
    /// Its tokens.
    pub tokens: BTreeSet<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl OauthClient {
    /// A connection with one token.
    pub fn new(connection: &Connection, token: &str, now: Timestamp) -> Self {
        Self {
            name: connection.name.clone(),
            service_provider: connection.service_provider.clone(),
            tokens: BTreeSet::from([token.to_owned()]),
            created_at: now,
        }
    }
}
