//! The organization, who may call, and the switches.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::engine::Clear;
use super::{ClusterSeed, EngineSeed, Mode, Sealed, letters};

/// A plan of HCP Terraform, with what it holds (HCP's overview page of 2026-08-19).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// One run and one agent at a time, 500 managed resources.
    #[default]
    Free,
    /// Three runs and one agent.
    Essentials,
    /// Ten runs and ten agents.
    Standard,
    /// Two hundred runs and three hundred agents.
    Premium,
}

impl Tier {
    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Essentials => "essentials",
            Self::Standard => "standard",
            Self::Premium => "premium",
        }
    }

    /// How many agents may be alive at once.
    pub fn agents(self) -> usize {
        match self {
            Self::Free | Self::Essentials => 1,
            Self::Standard => 10,
            Self::Premium => 300,
        }
    }

    /// How many runs may go on in the cloud at once.
    pub fn runs(self) -> usize {
        match self {
            Self::Free => 1,
            Self::Essentials => 3,
            Self::Standard => 10,
            Self::Premium => 200,
        }
    }

    /// How many managed resources are included.
    pub fn managed_resources(self) -> Option<u32> {
        match self {
            Self::Free => Some(500),
            Self::Essentials | Self::Standard | Self::Premium => None,
        }
    }

    /// Whether the plan is paid for.
    pub fn is_paid(self) -> bool {
        self != Self::Free
    }

    /// Whether health assessments exist here.
    pub fn has_assessments(self) -> bool {
        matches!(self, Self::Standard | Self::Premium)
    }
}

/// What an API token stands for; each may do different things (HCP's page on API tokens, 2026-04-24).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// A person.
    User,
    /// A team; the owners here.
    #[default]
    Team,
    /// The organization: no notifications, no change of the organization.
    Organization,
}

/// Who may call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ApiToken {
    /// A name for request records.
    pub label: String,
    /// What it stands for.
    pub kind: TokenKind,
    /// The token itself, sealed.
    pub secret: Sealed,
}

impl ApiToken {
    /// A token under a label.
    pub fn new(label: &str, kind: TokenKind, token: &str) -> Self {
        Self { label: label.to_owned(), kind, secret: Sealed::new(label, token) }
    }
}

/// A VCS connection that somebody made in HCP's web pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Connection {
    /// Its name; HCP lets it be none, and lets two have the same.
    pub name: Option<String>,
    /// `github`, `gitlab_hosted`, …
    pub service_provider: String,
}

/// What a new world holds: only things that a client looks up and never makes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Seed {
    /// The organization's name.
    pub organization: String,
    /// Its `org-…` id; derived from the name where none is given.
    pub external_id: Option<String>,
    /// Its plan.
    pub tier: Tier,
    /// Its VCS connections.
    pub connections: Vec<Connection>,
    /// Names of its members.
    #[serde(default)]
    pub members: BTreeSet<String>,
    /// What the API token stands for.
    pub token_kind: TokenKind,
    /// Machines with a Docker Engine.
    #[serde(default)]
    pub engines: Vec<EngineSeed>,
    /// Kubernetes clusters.
    #[serde(default)]
    pub clusters: Vec<ClusterSeed>,
    /// API tokens beside the one of whoever runs this, by label: they stand for its team.
    #[serde(skip)]
    pub tokens: Vec<(String, Clear)>,
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            organization: "example".to_owned(),
            external_id: None,
            tier: Tier::Free,
            connections: vec![Connection { name: None, service_provider: "github".to_owned() }],
            members: BTreeSet::new(),
            token_kind: TokenKind::Team,
            engines: Vec::new(),
            clusters: Vec::new(),
            tokens: Vec::new(),
        }
    }
}

/// The organization with its settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the settings are HCP's")]
pub struct Organization {
    /// Its name, which is also its resource id.
    pub name: String,
    /// Its stable id.
    pub external_id: String,
    /// Its plan.
    pub tier: Tier,
    /// Its contact.
    pub email: String,
    /// The project that new workspaces fall into.
    pub default_project: String,
    /// The mode of projects that choose none.
    pub default_execution_mode: Mode,
    /// The pool that goes with it.
    pub default_agent_pool: Option<String>,
    /// Health assessments everywhere.
    pub assessments_enforced: bool,
    /// Whether workspace admins may delete a workspace that holds resources.
    pub allow_force_delete_workspaces: bool,
    /// Cost estimation.
    pub cost_estimation_enabled: bool,
    /// Statuses for speculative plans that nothing triggered.
    pub send_passing_statuses_for_untriggered_speculative_plans: bool,
    /// One status for all workspaces of a commit.
    pub aggregated_commit_status_enabled: bool,
    /// Old speculative plans are cancelled.
    pub speculative_plan_management_enabled: bool,
    /// `password` or `two_factor_mandatory`.
    pub collaborator_auth_policy: String,
    /// Minutes until a session ends; none is HCP's own default.
    pub session_timeout: Option<u32>,
    /// Minutes until a remembered session ends.
    pub session_remember: Option<u32>,
    /// The alert on managed resources, of paid plans.
    pub rum_alert_threshold: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Organization {
    /// With HCP's defaults.
    pub fn new(seed: &Seed, now: Timestamp) -> Self {
        let external_id = seed.external_id.clone();
        Self {
            name: seed.organization.clone(),
            external_id: external_id.unwrap_or_else(|| format!("org-{}", letters(&seed.organization, 16))),
            tier: seed.tier,
            email: "owner@example.com".to_owned(),
            default_project: String::new(),
            default_execution_mode: Mode::Remote,
            default_agent_pool: None,
            assessments_enforced: false,
            allow_force_delete_workspaces: false,
            cost_estimation_enabled: false,
            send_passing_statuses_for_untriggered_speculative_plans: false,
            aggregated_commit_status_enabled: true,
            speculative_plan_management_enabled: true,
            collaborator_auth_policy: "password".to_owned(),
            session_timeout: None,
            session_remember: None,
            rum_alert_threshold: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// What happens to `include=vars`: only HCP's `OpenAPI` file names it for workspaces, so every outcome must be lived with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncludeVars {
    /// The variables come along.
    #[default]
    Served,
    /// 400, as for any include that does not exist.
    Refused,
    /// Accepted, and nothing comes along.
    Ignored,
}

/// How many requests a second are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RateLimit {
    /// What `X-RateLimit-Limit` says.
    pub per_second: u32,
    /// Whether more than that is answered 429, by the real clock.
    pub enforced: bool,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_second: 30, enforced: false }
    }
}

/// What the stand-in may be told to do differently.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Switches {
    /// `include=vars` on workspaces.
    pub workspace_include_vars: IncludeVars,
    /// `include=vars` on variable sets.
    pub variable_set_include_vars: IncludeVars,
    /// Whether tags do not come along with lists: 400, as for any include that does not exist.
    pub refuse_include_tags: bool,
    /// Paths below `/api/v2` that the token may not see, as glob patterns: answered 404 like what does not exist.
    pub forbidden: BTreeSet<String>,
    /// The rate limit.
    pub rate_limit: RateLimit,
    /// How long an agent in a container works on a plan or an apply.
    pub job_seconds: u64,
    /// Operators of clusters do nothing by themselves.
    #[serde(default)]
    pub operators_rest: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            workspace_include_vars: IncludeVars::default(),
            variable_set_include_vars: IncludeVars::default(),
            refuse_include_tags: false,
            forbidden: BTreeSet::new(),
            rate_limit: RateLimit::default(),
            job_seconds: 60,
            operators_rest: false,
        }
    }
}
