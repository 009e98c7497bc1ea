//! Notifications of workspaces and projects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::desired::{self, Destination, Notification};
use super::super::observed;
use super::super::request::{NotificationRequest, Request, Subject};
use super::Planner;
use super::variables::unreadable;
use crate::address::Address;
use crate::owner::Stewardship;
use crate::plan::{Cause, Change, Fact, Later, Output, Read, Shown, Verb, What, Why};
use crate::secret::Compared;
use crate::systems::hcp::notification_address;

/// What the notifications are about, and what is said of it.
struct Subscription<'a> {
    at: &'a Address,
    subject: Subject,
    want: &'a BTreeMap<String, Notification>,
    /// Where notifications that replace these lie: the project of a workspace.
    above: Option<Address>,
    stewardship: &'a Stewardship,
}

impl Planner<'_, '_> {
    pub(super) fn project_notifications(&mut self, at: &Address, name: &str, project: &desired::Project) {
        let Some(id) = self.project_id(name) else {
            return;
        };
        let seen = self.links.projects.get(name).and_then(super::standing::Standing::thing);
        let subscription = Subscription {
            at,
            subject: Subject::Project(id),
            want: &project.notifications,
            above: None,
            stewardship: &project.stewardship,
        };
        self.notifications(&subscription, seen.map(|seen| &seen.notifications));
    }

    pub(super) fn workspace_notifications(
        &mut self,
        at: &Address,
        name: &str,
        workspace: &desired::Workspace,
        seen: Option<&observed::Workspace>,
    ) {
        let Some(id) = self.workspace_id(name) else {
            return;
        };
        let subscription = Subscription {
            at,
            subject: Subject::Workspace(id),
            want: &workspace.notifications,
            above: workspace.project.as_deref().map(super::super::project_address),
            stewardship: &workspace.stewardship,
        };
        self.notifications(&subscription, seen.map(|seen| &seen.notifications));
    }

    fn notifications(&mut self, subscription: &Subscription<'_>, seen: Option<&Read<Vec<observed::Notification>>>) {
        let empty = Vec::new();
        let seen = match seen {
            None => &empty,
            Some(Read::Seen(notifications)) => notifications,
            Some(Read::Unread(_)) => return,
            Some(Read::NotAsked) => {
                if !subscription.want.is_empty() {
                    self.wait(subscription.at.clone(), "its notifications were not read", "the next run");
                }
                return;
            }
        };
        let mut known = BTreeSet::new();
        for (name, want) in subscription.want {
            let address = notification_address(subscription.at, name);
            let marked = self.names.put(name);
            // Of several, the one that needs no change is kept.
            let namesakes = seen.iter().filter(|seen| seen.name == marked);
            let kind = want.destination.wire_type();
            let ours = namesakes.min_by_key(|seen| (seen.destination != kind, seen.url != Some(Compared::Same)));
            let bare = || seen.iter().find(|seen| seen.name == *name);
            let adopts = subscription.stewardship.adopt
                || self.want.organization.stewardship.adopt
                || self.context.consent.adopts(&address);
            match (ours, adopts.then(bare).flatten()) {
                (None, None) => self.create_notification(subscription, address, name, want),
                (Some(seen), _) => {
                    known.insert(&seen.id);
                    self.update_notification(subscription, address, want, seen, None);
                }
                (None, Some(seen)) => {
                    known.insert(&seen.id);
                    self.update_notification(subscription, address, want, seen, Some(marked));
                }
            }
        }
        for seen in seen.iter().filter(|seen| !known.contains(&seen.id)) {
            self.surplus_notification(subscription, seen);
        }
    }

    fn create_notification(
        &mut self,
        subscription: &Subscription<'_>,
        address: Address,
        name: &str,
        want: &Notification,
    ) {
        if self.lacks_secret(&address, subscription.stewardship, want.destination.secrets(), "not created") {
            return;
        }
        let changes = self.whole_notification(&address, want);
        let why = self.why(Cause::Spec, &address, "");
        let request = Request::CreateNotification {
            subject: subscription.subject.clone(),
            marked: self.in_place(subscription.at),
            notification: NotificationRequest {
                name: Some(self.names.put(name)),
                destination: Some(want.destination.clone()),
                enabled: Some(want.enabled),
                triggers: Some(want.triggers.clone()),
            },
        };
        self.act(address, subscription.stewardship, Verb::Create, changes, why, request);
    }

    fn whole_notification(&self, address: &Address, want: &Notification) -> Vec<Change> {
        let Notification { destination, enabled, triggers } = want;
        let mut changes = vec![
            self.change(&Cause::Spec, address, "type", Shown::Nothing, Shown::text(kind(destination))),
            self.change(&Cause::Spec, address, "events", Shown::Nothing, Shown::Value(json!(triggers))),
        ];
        if let Some(url) = destination.url() {
            changes.push(self.change(
                &Cause::Spec,
                address,
                "url",
                Shown::Nothing,
                Shown::Secret(format!("from {url}")),
            ));
        }
        if !enabled {
            changes.push(self.change(&Cause::Spec, address, "enabled", Shown::Nothing, Shown::Value(json!(false))));
        }
        changes
    }

    fn update_notification(
        &mut self,
        subscription: &Subscription<'_>,
        address: Address,
        want: &Notification,
        seen: &observed::Notification,
        adopt_as: Option<String>,
    ) {
        if seen.destination != want.destination.wire_type() {
            if self.lacks_secret(&address, subscription.stewardship, want.destination.secrets(), "not replaced") {
                return;
            }
            let (old, new) = (Shown::text(&seen.destination), Shown::text(want.destination.wire_type()));
            let change = self.change(&Cause::Differs, &address, "type", old, new);
            let why = change.why.clone();
            let request = Request::ReplaceNotification {
                id: seen.id.clone(),
                subject: subscription.subject.clone(),
                notification: NotificationRequest {
                    name: Some(adopt_as.unwrap_or_else(|| seen.name.clone())),
                    destination: Some(want.destination.clone()),
                    enabled: Some(want.enabled),
                    triggers: Some(want.triggers.clone()),
                },
            };
            self.act(address, subscription.stewardship, Verb::Replace, vec![change], why, request);
            return;
        }
        let mut changes = Vec::new();
        let url_differs = self.url_change(&address, want, seen, &mut changes);
        let recipients_differ = self.recipients_change(&address, want, seen, &mut changes);
        if seen.enabled != want.enabled {
            let (old, new) = (Shown::Value(json!(seen.enabled)), Shown::Value(json!(want.enabled)));
            changes.push(self.change(&Cause::Differs, &address, "enabled", old, new));
        }
        if seen.triggers != want.triggers {
            let (old, new) = (Shown::Value(json!(seen.triggers)), Shown::Value(json!(want.triggers)));
            changes.push(self.change(&Cause::Differs, &address, "events", old, new));
        }
        if changes.is_empty() && adopt_as.is_none() {
            return;
        }
        let verb = if adopt_as.is_some() { Verb::Adopt } else { Verb::Change };
        let why = changes.first().map_or_else(|| self.why(Cause::Differs, &address, ""), |change| change.why.clone());
        let request = Request::UpdateNotification {
            id: seen.id.clone(),
            notification: NotificationRequest {
                name: adopt_as,
                destination: (url_differs || recipients_differ).then(|| want.destination.clone()),
                enabled: (seen.enabled != want.enabled).then_some(want.enabled),
                triggers: (seen.triggers != want.triggers).then(|| want.triggers.clone()),
            },
        };
        self.act(address, subscription.stewardship, verb, changes, why, request);
    }

    fn recipients_change(
        &mut self,
        address: &Address,
        want: &Notification,
        seen: &observed::Notification,
        changes: &mut Vec<Change>,
    ) -> bool {
        let (Destination::Email { users, all_members }, Read::Seen(recipients)) = (&want.destination, &seen.recipients)
        else {
            return false;
        };
        let wanted = observed::Recipients { users: users.clone(), all_members: *all_members };
        if *recipients == wanted {
            return false;
        }
        let (old, new) = (Shown::Value(mail(recipients)), Shown::Value(mail(&wanted)));
        changes.push(self.change(&Cause::Differs, address, "recipients", old, new));
        true
    }

    fn url_change(
        &mut self,
        address: &Address,
        want: &Notification,
        seen: &observed::Notification,
        changes: &mut Vec<Change>,
    ) -> bool {
        let Some(source) = want.destination.url() else {
            return false;
        };
        match &seen.url {
            Some(Compared::Same) => false,
            Some(Compared::Unreadable(cause)) => {
                let gap = unreadable(address, source, cause);
                self.plan.gaps.push(gap);
                false
            }
            Some(Compared::SourceChanged | Compared::ReceiverChanged | Compared::Unwitnessed) | None => {
                let old = Shown::Secret("another address than its source gives".to_owned());
                let new = Shown::Secret(format!("from {source}"));
                changes.push(self.change(&Cause::Differs, address, "url", old, new));
                true
            }
        }
    }

    fn surplus_notification(&mut self, subscription: &Subscription<'_>, seen: &observed::Notification) {
        let doubled = subscription.above.as_ref().zip(seen.doubles.first());
        let Some(name) = self.names.take(&seen.name).map(str::to_owned) else {
            let address = notification_address(subscription.at, &seen.name);
            let note = match doubled {
                Some((above, double)) => format!(
                    "not ours, and goes where {} goes: everything comes twice while both are there",
                    notification_address(above, double)
                ),
                None => "not in the spec, not ours".to_owned(),
            };
            self.leave(address, note);
            return;
        };
        let address = notification_address(subscription.at, &name);
        let replaced = doubled
            .map(|(above, double)| notification_address(above, double))
            .filter(|by| self.plan.actions.contains_key(by))
            .map(|of| Later::From(Output { of, what: What::Fact(Fact::InPlace) }));
        // HCP takes several of one name. The others have an address of their own, for the name's is that of the one
        // which is kept.
        let second = subscription.want.contains_key(&name) || self.plan.actions.contains_key(&address);
        let why = Why {
            cause: match doubled {
                _ if second => Cause::Because("a second one of this name".to_owned()),
                Some((above, double)) => Cause::Follows(notification_address(above, double)),
                None => Cause::Gone,
            },
            origin: None,
        };
        let request = Request::DeleteNotification { id: seen.id.clone(), replaced: replaced.into_iter().collect() };
        let address = if second { address.within([seen.id.0.as_str()]) } else { address };
        self.act(address, subscription.stewardship, Verb::Remove, Vec::new(), why, request);
    }
}

/// Who gets mail, as a plan shows it.
fn mail(recipients: &observed::Recipients) -> serde_json::Value {
    let observed::Recipients { users, all_members } = recipients;
    if *all_members { json!("all members") } else { json!(users) }
}

fn kind(destination: &Destination) -> &'static str {
    match destination {
        Destination::Discord { .. } => "discord",
        Destination::Teams { .. } => "teams",
        other => other.wire_type(),
    }
}
