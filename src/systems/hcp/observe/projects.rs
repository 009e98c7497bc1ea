//! Projects, their tags and their notifications.

use super::super::client::List;
use super::super::desired;
use super::super::observed::{Mode, Project};
use super::super::wire::notification;
use super::super::wire::project::{self, ProjectAttributes, ProjectRelations};
use super::super::{ProjectId, project_address};
use super::gaps::Reading;
use super::notifications::{self, Home};
use super::workspaces::tags;
use super::{Compare, Look, listing, read};
use crate::address::Address;
use crate::owner::{Content, Marked};
use crate::plan::{Gap, Listing, Read};

/// The projects as far as they are read.
pub(super) struct Projects<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    gap: Option<Gap>,
}

pub(super) struct Entry<'a> {
    thing: Project,
    pub(super) want: Option<&'a desired::Project>,
    pub(super) notifications: Read<Vec<notification::Notification>>,
}

pub(super) async fn list<'a>(look: Look<'a>, organization: &Mode) -> Projects<'a> {
    let path = look.reader.within(&["projects"]);
    let list = List { path: &path, include: &["effective_tag_bindings"], filter: &[], paged: true, sorted: true };
    let listed = look.reader.list::<ProjectAttributes, ProjectRelations>(&list).await;
    let reading = Reading {
        address: Address::new(["hcp", "project"]),
        doing: "reading the projects",
        follows: "no project is created or removed",
        permission: None,
    };
    let entries = listed
        .items
        .iter()
        .map(|item| {
            let thing = project::seen(item, &listed.included, organization);
            let want = look.wanted_project(&thing.name);
            Entry { thing, want, notifications: Read::NotAsked }
        })
        .collect();
    Projects { entries, gap: listed.trouble.as_ref().map(|trouble| reading.gap(trouble)) }
}

/// What takes a request for each.
pub(super) async fn complete(look: Look<'_>, projects: &mut Projects<'_>) {
    let each = projects.entries.iter_mut().map(|entry| complete_one(look, entry));
    futures::future::join_all(each).await;
}

async fn complete_one(look: Look<'_>, entry: &mut Entry<'_>) {
    let address = project_address(&entry.thing.name);
    if matches!(entry.thing.tags, Read::NotAsked) {
        entry.thing.tags = read(tags(look, &["projects", &entry.thing.id.0], &address).await);
    }
    let wanted = entry.want.is_some_and(|want| !want.notifications.is_empty());
    let marked = look.mark(&entry.thing.tags, Marked::Project).is_some_and(|mark| mark.says(Content::Notifications));
    if wanted || marked {
        let ProjectId(id) = &entry.thing.id;
        entry.notifications = read(notifications::list(look, &Home::Project(id), &address).await);
    }
}

impl<'a> Look<'a> {
    /// What is wanted of a project that has this name, or had it.
    pub(super) fn wanted_project(&self, name: &str) -> Option<&'a desired::Project> {
        let projects = &self.want.projects;
        let by_old_name = || projects.values().find(|project| project.was.as_deref() == Some(name));
        projects.get(name).or_else(by_old_name)
    }
}

impl Projects<'_> {
    pub(super) fn seen(self, compare: &Compare<'_>) -> Listing<Project> {
        let seen = self.entries.into_iter().map(|entry| {
            let Entry { thing, want, notifications } = entry;
            let wanted = want.map(|want| &want.notifications);
            Project { notifications: notifications::seen(compare, notifications, wanted, None), ..thing }
        });
        listing(seen.collect(), self.gap, |project: &Project| &project.name)
    }
}
