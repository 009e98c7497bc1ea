//! Notifications. Their URLs are secrets that HCP gives back in clear: here they become [`Secret`]s, and they leave
//! this program's eyes only as the word that a comparison comes to.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};

use super::super::desired::Destination;
use super::{Resource, ToMany};
use crate::secret::Secret;

/// A notification.
pub type Notification = Resource<NotificationAttributes, NotificationRelations>;

/// A notification's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NotificationAttributes {
    /// Its name; HCP lets several have the same.
    pub name: String,
    /// `generic`, `slack`, `microsoft-teams`, `email`, or a new word.
    #[serde(default)]
    pub destination_type: Option<String>,
    /// Sent at all.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Where to.
    #[serde(default, deserialize_with = "secret")]
    pub url: Option<Secret>,
    /// What for.
    #[serde(default)]
    pub triggers: Option<BTreeSet<String>>,
    /// Mail to all members; the one attribute that HCP spells with underscores.
    #[serde(default, rename = "email_all_members", alias = "email-all-members")]
    pub email_all_members: Option<bool>,
}

/// What a notification is related to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct NotificationRelations {
    /// Who gets mail.
    pub users: ToMany,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()).map(Secret::new))
}

/// A member of the organisation.
pub type Membership = Resource<super::Unrelated, MembershipRelations>;

/// Who a membership is of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MembershipRelations {
    /// The user.
    pub user: super::ToOne,
}

/// A user's attributes.
#[derive(Debug, Deserialize)]
pub struct UserAttributes {
    /// The name that a spec uses; somebody who is only invited has none.
    #[serde(default)]
    pub username: Option<String>,
}

/// Where a notification goes, given what its source holds. Discord reads Slack's format at the webhook's URL and
/// `/slack` ("Execute Slack-Compatible Webhook", Discord's developer documentation).
#[must_use]
pub fn url(destination: &Destination, source: &Secret) -> Secret {
    let url = source.expose();
    Secret::new(match destination {
        Destination::Discord { .. } if !url.ends_with("/slack") => format!("{}/slack", url.trim_end_matches('/')),
        Destination::Discord { .. }
        | Destination::Generic { .. }
        | Destination::Slack { .. }
        | Destination::Teams { .. }
        | Destination::Email { .. } => url.to_owned(),
    })
}
