//! Notifications of projects and workspaces. HCP sends both a project's and a workspace's; what both would send to one
//! URL is left to the project's, so that nothing comes twice.

use std::collections::{BTreeMap, BTreeSet};

use super::Builder;
use crate::address::Address;
use crate::origin::Origin;
use crate::spec::finding::{Finding, Rule};
use crate::spec::model::{self, NotifyType};
use crate::spec::read::Located;
use crate::spec::resolve::{Resolved, named};
use crate::systems::hcp::desired::{Destination, Notification, Project};
use crate::systems::hcp::notification_address;

impl<'s> Builder<'_, 's> {
    pub(super) fn project_notifications(
        &mut self,
        address: &Address,
        wish: &'s model::Project,
    ) -> BTreeMap<String, Notification> {
        let mut notifications = BTreeMap::new();
        for reference in wish.notify.iter().flatten() {
            if let Some((key, notification)) = self.notification(reference) {
                self.note_notification(address, key, reference);
                notifications.insert(key.to_owned(), notification);
            }
        }
        notifications
    }

    pub(super) fn workspace_notifications(
        &mut self,
        address: &Address,
        resolved: &Resolved<'s>,
        project: Option<&Project>,
    ) -> BTreeMap<String, Notification> {
        let mut notifications = BTreeMap::new();
        for reference in resolved.wish.notify.iter().flatten() {
            let Some((key, mut notification)) = self.notification(reference) else {
                continue;
            };
            let others = project.iter().flat_map(|project| &project.notifications);
            let mut twice = BTreeSet::new();
            let mut sender = None;
            for (name, other) in others.filter(|(_, other)| other.enabled && same_receiver(other, &notification)) {
                let common: Vec<String> = notification.triggers.intersection(&other.triggers).cloned().collect();
                if !common.is_empty() {
                    sender = Some(name.clone());
                    twice.extend(common);
                }
            }
            notification.triggers.retain(|trigger| !twice.contains(trigger));
            if let Some(sender) = sender {
                let list = twice.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                let message = format!(
                    "{} of workspace {} would come twice: its project's `{sender}` sends {} to the same receiver",
                    key, resolved.name, list
                );
                let finding = Finding::warning(Rule::NotifiedTwice, reference.at, message)
                    .note("the project's is kept; the workspace sends what is left")
                    .remedy(format!("take `{key}` out of the workspace, or its events apart from the project's"));
                self.findings.push(super::super::check::accepted(resolved.wish, finding));
                if notification.triggers.is_empty() {
                    continue;
                }
            }
            self.note_notification(address, key, reference);
            notifications.insert(key.to_owned(), notification);
        }
        notifications
    }

    fn note_notification(&mut self, subject: &Address, key: &str, reference: &Located<String>) {
        let address = notification_address(subject, key);
        self.note_spec(&address, "", reference.at);
        let Some(wish) = self.fleet.spec.notify.get(key) else {
            return;
        };
        self.note_spec(&address, "type", wish.r#type.at);
        for (field, source) in [("url", &wish.url), ("token", &wish.token)] {
            if let Some(source) = source {
                self.note_spec(&address, field, source.at);
            }
        }
        if let Some(first) = wish.users.as_ref().and_then(|users| users.first()) {
            self.note_spec(&address, "users", first.at);
        }
        match &wish.all_members {
            Some(all) => self.note_spec(&address, "allMembers", all.at),
            None if wish.r#type.value == NotifyType::Email => {
                self.origins.note(&address, "allMembers", Origin::Documented);
            }
            None => {}
        }
        if let Some(first) = wish.events.first() {
            self.note_spec(&address, "events", first.at);
        }
        match &wish.enabled {
            Some(enabled) => self.note_spec(&address, "enabled", enabled.at),
            None => self.origins.note(
                &address,
                "enabled",
                Origin::Derived { from: "the notification being in the spec".to_owned(), place: None },
            ),
        }
    }

    fn notification(&mut self, reference: &'s Located<String>) -> Option<(&'s str, Notification)> {
        let notify = &self.fleet.spec.notify;
        let key = named("notification", notify, reference, self.findings)?;
        let wish = notify.get(key)?;
        let destination = destination(wish)?;
        let notification = Notification {
            destination,
            enabled: wish.enabled.as_ref().is_none_or(|enabled| enabled.value),
            triggers: wish.events.iter().map(|event| event.value.0.clone()).collect(),
        };
        Some((key, notification))
    }
}

/// `None` where a key is missing, which the checks report at the notification itself.
fn destination(wish: &model::Notify) -> Option<Destination> {
    let url = || wish.url.as_ref().map(|url| url.source.clone());
    Some(match wish.r#type.value {
        NotifyType::Generic => {
            Destination::Generic { url: url()?, token: wish.token.as_ref().map(|token| token.source.clone()) }
        }
        NotifyType::Slack => Destination::Slack { url: url()? },
        NotifyType::Discord => Destination::Discord { url: url()? },
        NotifyType::Teams => Destination::Teams { url: url()? },
        NotifyType::Email => Destination::Email {
            users: wish.users.iter().flatten().map(|user| user.value.clone()).collect(),
            all_members: wish.all_members.as_ref().is_some_and(|all| all.value),
        },
    })
}

/// One receiver: the same URL's reference, or the same mail.
fn same_receiver(one: &Notification, other: &Notification) -> bool {
    match (&one.destination, &other.destination) {
        (Destination::Email { .. }, Destination::Email { .. }) => one.destination == other.destination,
        (one, other) => one.url().is_some() && one.url() == other.url(),
    }
}
