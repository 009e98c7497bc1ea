//! The organisation, its entitlements and its subscription, and its VCS connections.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::desired::Tier;
use super::super::observed::{self, Entitlements, Mode};
use super::super::settings::OrganizationSettings;
use super::super::{OauthTokenId, ProjectId};
use super::placement::mode;
use super::{Resource, ToMany, ToOne};

/// An organisation; its id is its name.
pub type Organization = Resource<OrganizationAttributes, OrganizationRelations>;

/// An organisation's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OrganizationAttributes {
    /// The id that no rename changes.
    pub external_id: String,
    /// Its settings.
    #[serde(flatten)]
    pub settings: OrganizationSettings,
    /// Where runs go that nobody says anything of.
    pub default_execution_mode: Option<String>,
    /// HCP's word for its plan.
    pub plan_identifier: Option<String>,
    /// What the token may do.
    pub permissions: Option<BTreeMap<String, Value>>,
}

/// What an organisation is related to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct OrganizationRelations {
    /// The pool that runs go to by default. It has two more spellings when it is written.
    pub default_agent_pool: ToOne,
    /// The project that workspaces are in that name none.
    pub default_project: ToOne,
}

/// A subscription's attributes: limits that the entitlement set lacks.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct SubscriptionAttributes {
    /// Agents at a time.
    pub agents_ceiling: Option<u32>,
    /// Managed resources under a contract.
    pub contract_managed_resources_limit: Option<u32>,
    /// Managed resources without one.
    pub free_resource_under_management_monthly_limit: Option<u32>,
}

/// What HCP returns as null for a session's length ("API: Organizations", defaults).
const SESSION_MINUTES: u32 = 20_160;

/// What was seen of the organisation.
#[must_use]
pub fn seen(
    organization: Organization,
    entitlements: Option<BTreeMap<String, Value>>,
    subscription: Option<SubscriptionAttributes>,
) -> observed::Organization {
    let Resource { id: name, attributes, relationships, links: _ } = organization;
    let OrganizationAttributes { external_id, settings, default_execution_mode, plan_identifier, permissions } =
        attributes;
    let word = default_execution_mode.as_deref().unwrap_or("remote");
    let runs_on: Mode = mode(word, relationships.default_agent_pool.id());
    observed::Organization {
        name,
        external_id,
        settings: OrganizationSettings {
            session_timeout: settings.session_timeout.or(Some(SESSION_MINUTES)),
            session_remember: settings.session_remember.or(Some(SESSION_MINUTES)),
            ..settings
        },
        runs_on,
        default_project: relationships.default_project.id().map(|id| ProjectId(id.to_owned())),
        entitlements: limits(plan_identifier.as_deref(), entitlements, subscription),
        permissions: flags(permissions.unwrap_or_default()),
    }
}

fn limits(
    plan: Option<&str>,
    entitlements: Option<BTreeMap<String, Value>>,
    subscription: Option<SubscriptionAttributes>,
) -> Entitlements {
    let SubscriptionAttributes {
        agents_ceiling,
        contract_managed_resources_limit,
        free_resource_under_management_monthly_limit,
    } = subscription.unwrap_or_default();
    let flags = flags(entitlements.unwrap_or_default());
    Entitlements {
        tier: plan.and_then(tier),
        agents: flags.get("agents").copied(),
        agents_ceiling,
        managed_resources: contract_managed_resources_limit.or(free_resource_under_management_monthly_limit),
        flags,
    }
}

fn tier(word: &str) -> Option<Tier> {
    match word {
        "free" => Some(Tier::Free),
        "essentials" => Some(Tier::Essentials),
        "standard" => Some(Tier::Standard),
        "premium" => Some(Tier::Premium),
        _ => None,
    }
}

fn flags(values: BTreeMap<String, Value>) -> BTreeMap<String, bool> {
    values.into_iter().filter_map(|(name, value)| Some((name, value.as_bool()?))).collect()
}

/// A VCS connection.
pub type OauthClient = Resource<OauthClientAttributes, OauthClientRelations>;

/// A VCS connection's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OauthClientAttributes {
    /// Its name; it need not have one.
    #[serde(default)]
    pub name: Option<String>,
    /// `github` and its like.
    #[serde(default)]
    pub service_provider: Option<String>,
}

/// What a VCS connection is related to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct OauthClientRelations {
    /// Its tokens, of which workspaces name one.
    pub oauth_tokens: ToMany,
}

/// A connection, once for each of its tokens.
#[must_use]
pub fn connections(client: OauthClient) -> Vec<observed::Connection> {
    let OauthClientAttributes { name, service_provider } = client.attributes;
    let tokens = client.relationships.oauth_tokens.ids::<OauthTokenId>();
    tokens
        .into_iter()
        .map(|token| observed::Connection {
            token,
            name: name.clone(),
            provider: service_provider.clone().unwrap_or_default(),
        })
        .collect()
}
