//! What a mark says that a thing holds of ours: a letter for each kind, from before the first until after the last.
//!
//! Without its letter nothing would be looked for once the spec is silent, so a letter goes only when a read shows
//! that nothing is left, or behind the removals of this very plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::desired;
use super::super::observed;
use super::super::request::{Request, Subject};
use super::{Planner, shown};
use crate::address::Address;
use crate::owner::{Content, Mark, Reading, Stewardship, TAG_KEY};
use crate::plan::{Cause, Change, Fact, Holds, Later, Output, Read, Shown, Verb, What, Why};
use crate::systems::hcp::{NotificationId, consumers_address};

/// A kind of content of which this plan removes the last, and the proof that it is gone.
type Leaving = (Content, Vec<Later<Holds>>);

/// What the spec puts into a workspace.
pub(super) fn workspace_contents(workspace: &desired::Workspace) -> BTreeSet<Content> {
    let mut contents = BTreeSet::new();
    if !workspace.notifications.is_empty() {
        contents.insert(Content::Notifications);
    }
    if workspace.consumers.is_some() {
        contents.insert(Content::Consumers);
    }
    contents
}

/// What the spec puts into a project.
pub(super) fn project_contents(project: &desired::Project) -> BTreeSet<Content> {
    if project.notifications.is_empty() { BTreeSet::new() } else { [Content::Notifications].into() }
}

/// The change of a mark that speaks of something else than the thing is going to hold.
pub(super) fn content_change(old: Option<&Mark>, new: &BTreeSet<Content>) -> Option<Change> {
    let none = BTreeSet::new();
    let old = old.map_or(&none, |mark| &mark.contents);
    if old == new {
        return None;
    }
    let because = if new.is_subset(old) { "the last of it is gone" } else { "so that a later run looks there" };
    Some(letters(because, old, new))
}

/// The change of a mark that was made for a thing of another name, as one that was renamed by hand has.
pub(super) fn name_change(old: Option<&Mark>, name: &str) -> Option<Change> {
    let why = Why { cause: Cause::Because("renamed by hand, or copied".to_owned()), origin: None };
    let (field, old_name) = ("mark".to_owned(), Shown::text("made for another name"));
    old?.is_of_another(name).then(|| Change { field, old: old_name, new: Shown::text(name), why })
}

/// The change of what a mark says that a thing holds.
fn letters(because: &str, old: &BTreeSet<Content>, new: &BTreeSet<Content>) -> Change {
    let held = |contents: &BTreeSet<Content>| shown(Some(&json!(contents)));
    let why = Why { cause: Cause::Because(because.to_owned()), origin: None };
    Change { field: "mark".to_owned(), old: held(old), new: held(new), why }
}

impl Planner<'_, '_> {
    /// What the mark of a workspace has to speak of: what is wanted, and what was there and is not seen to be gone.
    pub(super) fn contents_of_workspace(
        &self,
        workspace: &desired::Workspace,
        seen: &observed::Workspace,
        old: Option<&Mark>,
    ) -> BTreeSet<Content> {
        let left = |content: &Content| match content {
            Content::Notifications => self.may_hold_notifications(&seen.notifications),
            Content::Consumers => seen.consumers.seen().is_none_or(|ids| !ids.is_empty()),
        };
        let mut contents = workspace_contents(workspace);
        contents.extend(old.into_iter().flat_map(|mark| &mark.contents).filter(|content| left(content)));
        contents
    }

    /// The same for a project.
    pub(super) fn contents_of_project(
        &self,
        project: &desired::Project,
        seen: &observed::Project,
        old: Option<&Mark>,
    ) -> BTreeSet<Content> {
        let mut contents = project_contents(project);
        if self.may_hold_notifications(&seen.notifications) {
            contents.extend(old.into_iter().flat_map(|mark| &mark.contents));
        }
        contents
    }

    /// Only a read can say that there is none of ours.
    fn may_hold_notifications(&self, seen: &Read<Vec<observed::Notification>>) -> bool {
        seen.seen().is_none_or(|all| all.iter().any(|one| self.names.take(&one.name).is_some()))
    }

    /// Takes letters off a workspace's mark behind the last of what they stand for.
    pub(super) fn unmark_workspace(
        &mut self,
        at: &Address,
        name: &str,
        workspace: &desired::Workspace,
        seen: &observed::Workspace,
    ) {
        let wanted = workspace_contents(workspace);
        let mut leaving = Vec::new();
        if !wanted.contains(&Content::Notifications) {
            leaving.extend(self.leaving_notifications(at, &seen.notifications));
        }
        let consumers = consumers_address(name);
        if !wanted.contains(&Content::Consumers) && self.plan.actions.contains_key(&consumers) {
            leaving.push((Content::Consumers, vec![self.in_place(&consumers)]));
        }
        let subject = Subject::Workspace(Later::Known(seen.id.clone()));
        self.unmark(at, &workspace.stewardship, (subject, &seen.tags), leaving);
    }

    /// The same for a project.
    pub(super) fn unmark_project(&mut self, at: &Address, project: &desired::Project, seen: &observed::Project) {
        let mut leaving = Vec::new();
        if project.notifications.is_empty() {
            leaving.extend(self.leaving_notifications(at, &seen.notifications));
        }
        let subject = Subject::Project(Later::Known(seen.id.clone()));
        self.unmark(at, &project.stewardship, (subject, &seen.tags), leaving);
    }

    /// That all notifications of ours are gone, if this plan removes them all.
    fn leaving_notifications(&self, at: &Address, seen: &Read<Vec<observed::Notification>>) -> Option<Leaving> {
        let ours: BTreeSet<&NotificationId> =
            seen.seen()?.iter().filter(|one| self.names.take(&one.name).is_some()).map(|one| &one.id).collect();
        let inside = at.within(["notification"]);
        let removals = self.plan.actions.iter().filter(|(address, _)| address.is_within(&inside));
        let gone: BTreeMap<&NotificationId, Later<Holds>> = removals
            .filter_map(|(address, action)| match action.request.hcp()? {
                Request::DeleteNotification { id, replaced: _ } => {
                    let output = Output { of: address.clone(), what: What::Fact(Fact::Gone) };
                    Some((id, Later::From(output)))
                }
                _ => None,
            })
            .collect();
        let all = !ours.is_empty() && ours.iter().all(|id| gone.contains_key(*id));
        all.then(|| (Content::Notifications, gone.into_values().collect()))
    }

    fn unmark(
        &mut self,
        at: &Address,
        stewardship: &Stewardship,
        (subject, seen): (Subject, &Read<observed::SeenTags>),
        leaving: Vec<Leaving>,
    ) {
        let Some(seen) = seen.seen().filter(|_| !self.is_verified(stewardship)) else {
            return;
        };
        let planned = self.plan.actions.get(at).and_then(|action| match action.request.hcp()? {
            Request::UpdateWorkspace { id: _, change, moves: _ } => change.tags.as_ref(),
            Request::UpdateProject { id: _, change } => change.tags.as_ref(),
            _ => None,
        });
        let mut tags = planned.unwrap_or(&seen.own).clone();
        let Some(Reading::Mark(mut mark)) = tags.get(TAG_KEY).map(|value| Mark::read(value)) else {
            return;
        };
        let old = mark.contents.clone();
        let mut emptied = Vec::new();
        for (content, gone) in leaving {
            if mark.contents.remove(&content) {
                emptied.extend(gone);
            }
        }
        if emptied.is_empty() {
            return;
        }
        // Both write all tags, and this one has to come last.
        if let Later::From(before) = self.in_place(at) {
            emptied.push(Later::From(before));
        }
        tags.insert(TAG_KEY.to_owned(), mark.to_string());
        let change = letters("the last of it goes", &old, &mark.contents);
        let why = change.why.clone();
        let request = Request::UpdateMark { subject, tags, emptied };
        self.act(at.within(["mark"]), stewardship, Verb::Change, vec![change], why, request);
    }
}
