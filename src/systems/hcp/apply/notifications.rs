//! Notifications. HCP sends a test delivery at every save of an enabled one, and saves nothing unless it is taken.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::client::related;
use super::super::desired::Destination;
use super::super::request::{NotificationRequest, Subject};
use super::super::wire::notification::{Notification, url};
use super::super::{NotificationId, ProjectId, WorkspaceId};
use super::create::Created;
use super::pools::refs;
use super::{Named, Stop, Task};
use crate::http::{Body, Kind, Method, path};
use crate::secret::{Carried, Secret, SecretRef};

/// HCP's documentation writes the singular, its `OpenAPI` file and go-tfe the plural.
const KIND: &str = "notification-configurations";

/// A notification as it is sent; secrets are borrowed, so that they are nowhere but in the body.
#[derive(Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Attributes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Carried<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<SentToken<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    triggers: Option<&'a BTreeSet<String>>,
    #[serde(rename = "email_all_members", skip_serializing_if = "Option::is_none")]
    email_all_members: Option<bool>,
}

/// A key as it is sent.
#[derive(Serialize)]
#[serde(untagged)]
enum SentToken<'a> {
    /// "" takes the key away.
    Off(&'static str),
    Is(Carried<'a>),
}

/// What a destination takes, for the time of one request.
#[derive(Default)]
struct Delivery {
    url: Option<Secret>,
    token: Token,
    users: Option<Vec<String>>,
    all_members: Option<bool>,
}

/// What becomes of the key that deliveries are signed with.
#[derive(Default)]
enum Token {
    /// It stays.
    #[default]
    Kept,
    /// There is none, or none any more.
    Off,
    /// It is this one.
    Is(Secret),
}

impl Task<'_> {
    pub(super) async fn create_notification(
        &self,
        subject: &Subject,
        notification: &NotificationRequest,
        instead_of: Option<&NotificationId>,
    ) -> Result<String, Stop> {
        let path = self.subscriptions(subject)?;
        let delivery = self.delivery(notification).await?;
        let body = body(notification, &delivery, true);
        let namesakes = async || {
            let mut found = self.namesakes(&path, notification, subject).await?;
            found.retain(|found| instead_of.is_none_or(|old| old.0 != found.id));
            Ok::<_, Stop>(found)
        };
        let find = async || Ok(namesakes().await?.into_iter().next());
        let created = match self.create(&path, &body, find).await {
            Ok(created) => created,
            Err(stop) => return Err(stop.unverified(notification)),
        };
        let (Created::Made(made) | Created::Found(made)) = created;
        // HCP takes several of one name, so two runs at once may each have made one. Both then keep the same.
        let mut same = namesakes().await?.into_iter();
        let Some(kept) = same.next() else {
            return Ok(made.id);
        };
        for surplus in same {
            self.delete_notification(&NotificationId(surplus.id)).await?;
        }
        Ok(kept.id)
    }

    /// Those of its name, in the order of their ids.
    async fn namesakes(
        &self,
        path: &str,
        notification: &NotificationRequest,
        subject: &Subject,
    ) -> Result<Vec<Notification>, Stop> {
        let paged = matches!(subject, Subject::Workspace(_));
        let mut all: Vec<Notification> = self.things(path, paged).await?;
        all.retain(|found| Some(&found.attributes.name) == notification.name.as_ref());
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    fn subscriptions(&self, subject: &Subject) -> Result<String, Stop> {
        Ok(match subject {
            Subject::Workspace(id) => {
                let WorkspaceId(id) = self.id(id)?;
                path(&["workspaces", &id, KIND])
            }
            Subject::Project(id) => {
                let ProjectId(id) = self.id(id)?;
                path(&["projects", &id, KIND])
            }
        })
    }

    pub(super) async fn update_notification(
        &self,
        id: &NotificationId,
        notification: &NotificationRequest,
    ) -> Result<(), Stop> {
        let delivery = self.delivery(notification).await?;
        let body = body(notification, &delivery, false);
        let updated = self.writer.patch::<Notification>(&path(&[KIND, &id.0]), &body).await;
        match updated {
            Ok(_) => Ok(()),
            Err(failure) => Err(Stop::from(failure).unverified(notification)),
        }
    }

    pub(super) async fn delete_notification(&self, id: &NotificationId) -> Result<(), Stop> {
        let path = path(&[KIND, &id.0]);
        let Err(failure) = self.writer.tell(Method::Delete, &path, None).await else {
            return Ok(());
        };
        if failure.kind() != Kind::NotFound {
            return Err(failure.into());
        }
        // Gone, unless it can still be seen: then we may only not remove it.
        match self.writer.reader().one::<Named>(&path, &[]).await {
            Err(gone) if gone.kind() == Kind::NotFound => Ok(()),
            Ok(_) | Err(_) => Err(failure.into()),
        }
    }

    async fn delivery(&self, notification: &NotificationRequest) -> Result<Delivery, Stop> {
        let Some(destination) = &notification.destination else {
            return Ok(Delivery::default());
        };
        let mut delivery = Delivery::default();
        if let Some(source) = destination.url() {
            delivery.url = Some(url(destination, &self.secrets.read(source).await?));
        }
        match destination {
            Destination::Generic { url: _, token } => {
                delivery.token = match token {
                    Some(source) => Token::Is(self.secrets.read(source).await?),
                    None => Token::Off,
                };
            }
            Destination::Email { users, all_members } => {
                delivery.users = Some(self.users(users).await?);
                delivery.all_members = Some(*all_members);
            }
            Destination::Slack { .. } | Destination::Discord { .. } | Destination::Teams { .. } => {}
        }
        Ok(delivery)
    }

    async fn users(&self, names: &BTreeSet<String>) -> Result<Vec<String>, Stop> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let members = self.writer.members().await?;
        names
            .iter()
            .map(|name| {
                members.get(name).cloned().ok_or_else(|| {
                    Stop::because(
                        format!("the organisation has no member {name}"),
                        "correct the name in the spec, or invite that user",
                    )
                })
            })
            .collect()
    }
}

impl Stop {
    /// A save that HCP answers with 400 is one whose test delivery nobody took.
    fn unverified(self, notification: &NotificationRequest) -> Self {
        let sources = sources(notification);
        self.map_failure(|failure| {
            if failure.status() != Some(400) {
                return Self::from(failure).about(&sources);
            }
            let at = match sources.first() {
                Some(source) => format!("the receiver at the address in {source}"),
                None => "the receiver".to_owned(),
            };
            Self::said(
                "the test delivery failed, and HCP saved nothing",
                failure,
                format!("make {at} answer 2xx to a delivery without a run, or write `enabled: false` until it does"),
            )
        })
    }
}

/// Where the secrets of a notification come from: its address first.
fn sources(notification: &NotificationRequest) -> Vec<&SecretRef> {
    let destination = notification.destination.as_ref();
    let token = match destination {
        Some(Destination::Generic { url: _, token }) => token.as_ref(),
        Some(
            Destination::Email { .. }
            | Destination::Slack { .. }
            | Destination::Discord { .. }
            | Destination::Teams { .. },
        )
        | None => None,
    };
    destination.and_then(Destination::url).into_iter().chain(token).collect()
}

fn body(notification: &NotificationRequest, delivery: &Delivery, whole: bool) -> Body {
    let NotificationRequest { name, destination, enabled, triggers } = notification;
    let attributes = Attributes {
        name: name.as_deref(),
        // It cannot be changed, and naming it again would be a change to some.
        destination_type: destination.as_ref().filter(|_| whole).map(Destination::wire_type),
        enabled: *enabled,
        url: delivery.url.as_ref().map(Secret::carried),
        token: match &delivery.token {
            Token::Kept => None,
            Token::Off => (!whole).then_some(SentToken::Off("")),
            Token::Is(token) => Some(SentToken::Is(token.carried())),
        },
        triggers: triggers.as_ref(),
        email_all_members: delivery.all_members,
    };
    let relationships: Value = match &delivery.users {
        Some(users) => json!({ "users": refs("users", users) }),
        None => json!({}),
    };
    related(KIND, &attributes, &relationships)
}
