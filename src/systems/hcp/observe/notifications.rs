//! Notifications, and whether they go where the spec says. Their URLs are secrets and end here.

use std::collections::{BTreeMap, BTreeSet};

use super::super::client::List;
use super::super::desired;
use super::super::observed::{self, Recipients};
use super::super::wire::ToMany;
use super::super::wire::notification::{self, Notification, NotificationAttributes, NotificationRelations};
use super::super::{NotificationId, desired::Destination};
use super::gaps::Reading;
use super::members::Members;
use super::projects::Projects;
use super::sources::Sources;
use super::workspaces::Workspaces;
use super::{Compare, Look};
use crate::address::Address;
use crate::http::path;
use crate::owner::Suffix;
use crate::plan::{Gap, Read};
use crate::secret::{Compared, Secret};

/// What notifications are of.
pub(super) enum Home<'a> {
    Workspace(&'a str),
    Project(&'a str),
}

type Wanted = BTreeMap<String, desired::Notification>;

pub(super) async fn list(look: Look<'_>, home: &Home<'_>, address: &Address) -> Result<Vec<Notification>, Gap> {
    let (segments, paged) = match home {
        Home::Workspace(id) => (["workspaces", id, "notification-configurations"], true),
        // A project's list has no pages in the OpenAPI file.
        Home::Project(id) => (["projects", id, "notification-configurations"], false),
    };
    let path = path(&segments);
    let list = List { path: &path, include: &[], filter: &[], paged, sorted: false };
    let listed = look.reader.list::<NotificationAttributes, NotificationRelations>(&list).await;
    let reading = Reading {
        address: address.within(["notification"]),
        doing: "reading its notifications",
        follows: "none of them is created, changed or removed",
        permission: Some(
            "a token of an organisation may not read notifications: use one of a team or of a user that administers \
             the workspace",
        ),
    };
    listed.understood(|found| understood(look, found)).map_err(|trouble| reading.gap(&trouble))
}

/// One of ours of a type that nobody knows cannot be told from one that somebody changed.
fn understood(look: Look<'_>, found: Vec<Notification>) -> Result<Vec<Notification>, String> {
    let names = Suffix::name(&look.want.fleet);
    for NotificationAttributes { name, destination_type, .. } in found.iter().map(|found| &found.attributes) {
        let kind = destination_type.as_deref().unwrap_or_default();
        if names.take(name).is_some() && !["", "generic", "email", "slack", "microsoft-teams"].contains(&kind) {
            return Err(format!("the notification {name} is of the type {kind}, which this version does not know"));
        }
    }
    Ok(found)
}

/// Notes the sources that the notifications which were read are compared with.
pub(super) fn sources(look: Look<'_>, projects: &Projects<'_>, workspaces: &Workspaces<'_>, sources: &mut Sources) {
    let mut add = |wanted: &Wanted| {
        wanted.values().filter_map(|notification| notification.destination.url()).for_each(|url| sources.add(url));
    };
    let some = |read: &Read<Vec<Notification>>| read.seen().is_some_and(|list| !list.is_empty());
    for entry in projects.entries.iter().filter(|entry| some(&entry.notifications)) {
        if let Some(want) = entry.want {
            add(&want.notifications);
        }
    }
    for entry in workspaces.entries.iter().filter(|entry| some(&entry.notifications)) {
        if let Some(want) = entry.want {
            add(&want.notifications);
            if let Some(above) = look.above(want) {
                add(above);
            }
        }
    }
}

impl<'a> Look<'a> {
    /// The notifications of a workspace's project.
    pub(super) fn above(&self, want: &desired::Workspace) -> Option<&'a Wanted> {
        let project = self.want.projects.get(want.project.as_ref()?)?;
        Some(&project.notifications)
    }
}

/// What was seen of notifications.
pub(super) fn seen(
    compare: &Compare<'_>,
    read: Read<Vec<Notification>>,
    wanted: Option<&Wanted>,
    above: Option<&Wanted>,
) -> Read<Vec<observed::Notification>> {
    match read {
        Read::NotAsked => Read::NotAsked,
        Read::Unread(gap) => Read::Unread(gap),
        Read::Seen(notifications) => {
            let mut seen: Vec<_> =
                notifications.into_iter().map(|notification| one(compare, notification, wanted, above)).collect();
            seen.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
            Read::Seen(seen)
        }
    }
}

fn one(
    compare: &Compare<'_>,
    notification: Notification,
    wanted: Option<&Wanted>,
    above: Option<&Wanted>,
) -> observed::Notification {
    let Compare { look, sources, members, .. } = compare;
    let NotificationAttributes { name, destination_type, enabled, url, triggers, email_all_members } =
        notification.attributes;
    let names = Suffix::name(&look.want.fleet);
    let bare = names.take(&name).unwrap_or(&name);
    let want = wanted.and_then(|wanted| wanted.get(bare));
    let kind = destination_type.unwrap_or_default();
    observed::Notification {
        id: NotificationId(notification.id),
        enabled: enabled.unwrap_or(false),
        triggers: triggers.unwrap_or_default(),
        url: want.and_then(|want| url_compared(&want.destination, url.as_ref(), sources)),
        doubles: doubles(above, url.as_ref(), sources),
        recipients: match kind.as_str() {
            "email" => recipients(&notification.relationships.users, email_all_members, members),
            _ => Read::NotAsked,
        },
        destination: kind,
        name,
    }
}

/// Who gets mail, by name, since that is what a spec has.
fn recipients(users: &ToMany, all: Option<bool>, members: &Members) -> Read<Recipients> {
    match members {
        Read::NotAsked => Read::NotAsked,
        Read::Unread(gap) => Read::Unread(gap.clone()),
        Read::Seen(names) => Read::Seen(Recipients {
            users: users.ids::<String>().into_iter().map(|id| names.get(&id).cloned().unwrap_or(id)).collect(),
            all_members: all.unwrap_or(false),
        }),
    }
}

/// Which of the project's notifications go to the same URL.
fn doubles(above: Option<&Wanted>, url: Option<&Secret>, sources: &Sources) -> BTreeSet<String> {
    above
        .into_iter()
        .flatten()
        .filter(|(_, want)| url_compared(&want.destination, url, sources) == Some(Compared::Same))
        .map(|(name, _)| name.clone())
        .collect()
}

/// `None` for what has no URL.
fn url_compared(destination: &Destination, url: Option<&Secret>, sources: &Sources) -> Option<Compared> {
    let source = destination.url()?;
    Some(match (sources.value(source), url) {
        (Err(cause), _) => Compared::Unreadable(cause),
        (Ok(value), Some(url)) if notification::url(destination, value).expose() == url.expose() => Compared::Same,
        // Who moved cannot be told: HCP keeps no version of it.
        (Ok(_), _) => Compared::SourceChanged,
    })
}
