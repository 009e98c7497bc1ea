//! The spec as a whole, the organisation, targets, pools and notifications.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::super::node::{Node, Value};
use super::super::read::{Located, Named, Read, Reader, record, words};
use super::{
    Agents, Defaults, Duration, Event, FilesWish, KubernetesPool, OrganizationName, PlacementWord, Project,
    SecretSource, Target, Tls, VariableSet,
};
use crate::owner::FleetName;
use crate::systems::hcp::desired::Tier;

record! {
    /// A fleet of HCP Terraform workspaces, with all that it stands on.
    pub struct Spec {
        /// The fleet's name, which is in every mark: 1 to 32 of a-z, 0-9 and -. Things are known to be ours by it, so
        /// a new name is a new fleet.
        fleet: Located<FleetName>,
        /// The organisation in HCP Terraform.
        hcp: Hcp,
        /// Where agents run, by key.
        targets: Named<Target>,
        /// Agent pools, by key.
        pools: Named<Pool>,
        /// What is trusted beside the usual authorities.
        tls: Option<Tls>,
        /// Notifications, by key; projects and workspaces name those that they want.
        notify: Named<Notify>,
        /// What holds for every workspace; a project's `defaults`, then a workspace's own keys win.
        defaults: Option<Defaults>,
        /// Projects by their names in HCP.
        projects: Named<Project>,
        /// Variable sets by their names in HCP.
        variable_sets: Named<VariableSet>,
    }
}

words! {
    /// What is done with differences.
    pub enum Delivery {
        /// They are removed.
        Apply "apply",
        /// They are reported, and nothing is written.
        Verify "verify",
    }
}

record! {
    /// The organisation in HCP Terraform.
    pub struct Hcp {
        /// Its name.
        organization: Located<OrganizationName>,
        /// Its external id (`org-…`): any other organisation is refused before the first write. `plan` prints it.
        external_id: Option<Located<String>>,
        /// HCP's tier, whose limits `check` holds the fleet to; `free` if it is not said.
        tier: Option<Located<Tier>>,
        /// Settings of the organisation itself; those that are not named stay as they are.
        organization_defaults: Option<OrganizationDefaults>,
        /// `apply`, or `verify`: compared and reported, never written.
        delivery: Option<Located<Delivery>>,
        /// Things of the fleet's names without our mark become ours.
        adopt: Option<Located<bool>>,
    }
}

record! {
    /// Settings of the organisation. Each is left as it is found unless it is named here.
    pub struct OrganizationDefaults {
        /// Where runs of workspaces go that say nothing of their own, nor their project: a pool's key, `cloud` or `local`.
        runs_on: Option<Located<PlacementWord>>,
        /// Health assessments for every workspace.
        assessments_enforced: Option<Located<bool>>,
        /// Admins of a workspace may delete it although it holds resources.
        allow_force_delete_workspaces: Option<Located<bool>>,
        /// Cost estimates in runs.
        cost_estimation_enabled: Option<Located<bool>>,
        /// Success is reported to the VCS for speculative plans that nothing triggered. Excludes
        /// `aggregatedCommitStatusEnabled`.
        send_passing_statuses_for_untriggered_speculative_plans: Option<Located<bool>>,
        /// One status for all workspaces of a commit.
        aggregated_commit_status_enabled: Option<Located<bool>>,
        /// Speculative plans that a newer commit made useless are cancelled.
        speculative_plan_management_enabled: Option<Located<bool>>,
        /// Minutes until an idle session ends.
        session_timeout: Option<Located<u32>>,
        /// Minutes until a session ends.
        session_remember: Option<Located<u32>>,
        /// `password` or `two_factor_mandatory`.
        collaborator_auth_policy: Option<Located<AuthPolicy>>,
    }
}

words! {
    /// How members sign in.
    pub enum AuthPolicy {
        /// With a password.
        Password "password",
        /// With a second factor.
        TwoFactorMandatory "two_factor_mandatory",
    }
}

record! {
    /// An agent pool.
    pub struct Pool {
        /// Its name in HCP; the key if it is not said.
        name: Option<Located<String>>,
        /// The name it had before; it is renamed in place.
        was: Option<Located<String>>,
        /// Where its agents run: the key of a target. One pool is on one target.
        target: Option<Located<String>>,
        /// How many agents.
        agents: Option<Agents>,
        /// How long an apply may take: the one duration that grace periods and deadlines follow from; an hour if it is not said.
        longest_apply: Option<Located<Duration>>,
        /// How old the token of an agent may get before it is replaced, such as `90d`; for agents on a Docker host. Not
        /// said: as old as it likes.
        rotate_after: Option<Located<Duration>>,
        /// A filesystem mirror of providers that terraform uses in the agents.
        providers: Option<FilesWish>,
        /// Programs that the agents call before and after terraform.
        hooks: Option<FilesWish>,
        /// What is said of agents in a cluster alone.
        kubernetes: Option<KubernetesPool>,
        /// Who may use it. Not said: the workspaces that run on it. `organization`: all. `{ projects: […] }`: those
        /// projects, and the workspaces that run on it.
        scope: Option<Located<ScopeWish>>,
        /// It is to go: removed once nothing uses it. A pool that only leaves the spec is reported and stays.
        absent: Option<Located<bool>>,
        /// A pool of that name becomes ours.
        adopt: Option<Located<bool>>,
        /// `apply`, or `verify`: compared and reported, never written.
        delivery: Option<Located<Delivery>>,
        /// It is left as it is.
        released: Option<Located<bool>>,
        /// Fields that stay as they are found.
        ignore: Option<Vec<Located<String>>>,
    }
}

/// Who may use a pool.
#[derive(Clone, Debug)]
pub enum ScopeWish {
    /// Every workspace of the organisation.
    Organization,
    /// The projects of these keys, and the workspaces that run on it.
    Projects(ScopeProjects),
}

record! {
    /// Projects that may use a pool.
    pub struct ScopeProjects {
        /// Keys of projects.
        projects: Option<Vec<Located<String>>>,
    }
}

impl Read for ScopeWish {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        match &node.value {
            Value::Text(_) => reader.word_or_map(node, "organization").then_some(Self::Organization),
            _ => ScopeProjects::read(node, reader).map(Self::Projects),
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let projects = ScopeProjects::schema(generator);
        json_schema!({ "anyOf": [{ "type": "string", "enum": ["organization"] }, projects] })
    }
}

words! {
    /// How a notification is written.
    pub enum NotifyType {
        /// HCP's JSON, signed with HMAC-SHA512 if there is a `token`.
        Generic "generic",
        /// For Slack.
        Slack "slack",
        /// For Discord, which understands Slack's format at its webhook's `/slack`.
        Discord "discord",
        /// For Microsoft Teams.
        Teams "teams",
        /// Mail to members of the organisation.
        Email "email",
    }
}

record! {
    /// A notification.
    pub struct Notify {
        /// How it is written.
        r#type: Located<NotifyType>,
        /// Where it goes; not for `email`. For `discord` the webhook's own URL, without `/slack`.
        url: Option<SecretSource>,
        /// What a `generic` one is signed with.
        token: Option<SecretSource>,
        /// Names of users of the organisation, for `email`.
        users: Option<Vec<Located<String>>>,
        /// To all members of the organisation, for `email`.
        all_members: Option<Located<bool>>,
        /// What it is sent for.
        events: Vec<Located<Event>>,
        /// Sent at all; true if it is not said. HCP calls the URL when an enabled one is saved, and refuses it without
        /// an answer.
        enabled: Option<Located<bool>>,
    }
}

impl Pool {
    /// Its name in HCP.
    #[must_use]
    pub fn hcp_name<'a>(&'a self, key: &'a str) -> &'a str {
        self.name.as_ref().map_or(key, |name| name)
    }

    /// The name of its `AgentPool`, if its agents run in a cluster.
    #[must_use]
    pub fn resource<'a>(&'a self, key: &'a str) -> &'a str {
        self.kubernetes.as_ref().and_then(|own| own.resource.as_ref()).map_or(key, |resource| resource)
    }

    /// Agents that always run.
    #[must_use]
    pub fn min(&self) -> u32 {
        self.agents.as_ref().and_then(|agents| agents.min.as_ref()).map_or(0, |min| min.value)
    }

    /// The most agents at once.
    #[must_use]
    pub fn max(&self) -> u32 {
        let said = self.agents.as_ref().and_then(|agents| agents.max.as_ref()).map(|max| max.value);
        said.unwrap_or_else(|| self.min().max(1))
    }
}
