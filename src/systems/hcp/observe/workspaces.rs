//! Workspaces, with their tags, variables, notifications and consumers.

use std::collections::BTreeSet;

use super::super::client::{List, Page, Trouble};
use super::super::desired;
use super::super::observed::{self, SeenTags, Workspace};
use super::super::wire::tags::{Tag, TagAttributes, TagRelations, seen as seen_tags};
use super::super::wire::variable::{self, Variable, VariableAttributes};
use super::super::wire::workspace::{self, WorkspaceAttributes, WorkspaceRelations};
use super::super::wire::{Resource, Unrelated, notification};
use super::super::{WorkspaceId, workspace_address};
use super::gaps::Reading;
use super::notifications::{self, Home};
use super::variables::Wanted;
use super::{Compare, Look, listing, read};
use crate::address::Address;
use crate::http::path;
use crate::owner::{Content, Marked};
use crate::plan::{Gap, Listing, Read};

/// What comes along with the list of workspaces, the surest first. Tags and runs are documented; `vars` stands in the
/// `OpenAPI` file alone, and may be refused or silently left out.
const INCLUDE: [&str; 3] = ["effective_tag_bindings", "current_run", "vars"];

/// The workspaces as far as they are read.
pub(super) struct Workspaces<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    gap: Option<Gap>,
}

pub(super) struct Entry<'a> {
    thing: observed::Workspace,
    pub(super) want: Option<&'a desired::Workspace>,
    /// Variables as they came along with the list, and the page that they came with.
    along: Option<(Vec<Resource<VariableAttributes>>, Page)>,
    pub(super) variables: Read<Vec<Variable>>,
    pub(super) notifications: Read<Vec<notification::Notification>>,
}

pub(super) async fn list(look: Look<'_>) -> Workspaces<'_> {
    let path = look.reader.within(&["workspaces"]);
    let list = List { path: &path, include: &INCLUDE, filter: &[], paged: true, sorted: true };
    let listed = look.reader.list::<WorkspaceAttributes, WorkspaceRelations>(&list).await;
    let reading = Reading {
        address: Address::new(["hcp", "workspace"]),
        doing: "reading the workspaces",
        follows: "no workspace is created or removed",
        permission: None,
    };
    let entries = listed
        .items
        .iter()
        .map(|item| {
            let thing = workspace::seen(item, &listed.included);
            Entry {
                want: look.wanted_workspace(&thing.name),
                thing,
                along: variable::along(&item.relationships.vars, &listed.included)
                    .map(|along| (along, listed.at.clone().unwrap_or_default())),
                variables: Read::NotAsked,
                notifications: Read::NotAsked,
            }
        })
        .collect();
    Workspaces { entries, gap: listed.trouble.as_ref().map(|trouble| reading.gap(trouble)) }
}

/// What takes a request for each: only for workspaces that the spec or our mark speaks of.
pub(super) async fn complete(look: Look<'_>, workspaces: &mut Workspaces<'_>) {
    let each = workspaces.entries.iter_mut().map(|entry| complete_one(look, entry));
    futures::future::join_all(each).await;
}

async fn complete_one(look: Look<'_>, entry: &mut Entry<'_>) {
    let address = workspace_address(&entry.thing.name);
    let WorkspaceId(id) = entry.thing.id.clone();
    if matches!(entry.thing.tags, Read::NotAsked) {
        entry.thing.tags = read(tags(look, &["workspaces", &id], &address).await);
    }
    let mark = look.mark(&entry.thing.tags, Marked::Workspace);
    if entry.want.is_none() && mark.is_none() {
        return;
    }
    let says = |content| mark.as_ref().is_some_and(|mark| mark.says(content));
    let want_notifications = entry.want.is_some_and(|want| {
        // One that is about to become ours may hold what its project is about to send as well.
        let doubled = mark.is_none() && look.above(want).is_some_and(|above| !above.is_empty());
        !want.notifications.is_empty() || doubled
    });
    let want_consumers = entry.want.is_some_and(|want| want.consumers.is_some());
    let variables = variables(look, (&id, &address), entry.along.take(), entry.want.map(|want| &want.variables));
    let notifications = async {
        if want_notifications || says(Content::Notifications) {
            read(notifications::list(look, &Home::Workspace(&id), &address).await)
        } else {
            Read::NotAsked
        }
    };
    let consumers = async {
        if want_consumers || says(Content::Consumers) {
            read(consumers(look, &id, &address).await)
        } else {
            Read::NotAsked
        }
    };
    let (variables, notifications, consumers) = tokio::join!(variables, notifications, consumers);
    entry.variables = read(variables);
    entry.notifications = notifications;
    entry.thing.consumers = consumers;
}

/// Tags in force of one project or workspace, where they did not come along with the list.
pub(super) async fn tags(look: Look<'_>, home: &[&str; 2], address: &Address) -> Result<SeenTags, Gap> {
    let [kind, id] = home;
    let path = path(&[kind, id, "effective-tag-bindings"]);
    let list = List { path: &path, include: &[], filter: &[], paged: false, sorted: false };
    let reading = Reading {
        address: address.clone(),
        doing: "reading its tags",
        follows: "not changed and not removed: nothing tells whose it is",
        permission: None,
    };
    let tags: Vec<Tag> = look
        .reader
        .list::<TagAttributes, TagRelations>(&list)
        .await
        .complete()
        .map_err(|trouble| reading.gap(&trouble))?;
    Ok(seen_tags(tags))
}

async fn variables(
    look: Look<'_>,
    (id, address): (&str, &Address),
    along: Option<(Vec<Resource<VariableAttributes>>, Page)>,
    want: Option<&Wanted>,
) -> Result<Vec<Variable>, Gap> {
    let path = path(&["workspaces", id, "vars"]);
    let list = List { path: &path, include: &[], filter: &[], paged: false, sorted: false };
    let reading = Reading {
        address: address.clone(),
        doing: "reading its variables",
        follows: "none of them is created, changed or removed",
        permission: Some("the token's team must be able to read the workspace's variables"),
    };
    let matters = |key: &str| want.is_some_and(|want| want.keys().any(|wanted| wanted.key == key));
    let understood = match along {
        Some((resources, at)) => variable::all(resources, matters).map_err(|what| Trouble::Strange { at, what }),
        None => look
            .reader
            .list::<VariableAttributes, Unrelated>(&list)
            .await
            .understood(|resources| variable::all(resources, matters)),
    };
    understood.map_err(|trouble| reading.gap(&trouble))
}

async fn consumers(look: Look<'_>, id: &str, address: &Address) -> Result<BTreeSet<WorkspaceId>, Gap> {
    let path = path(&["workspaces", id, "relationships", "remote-state-consumers"]);
    let list = List { path: &path, include: &[], filter: &[], paged: true, sorted: false };
    let reading = Reading {
        address: address.within(["consumers"]),
        doing: "reading who may read its state",
        follows: "that is not changed",
        permission: None,
    };
    let consumers =
        look.reader.list::<Unrelated, Unrelated>(&list).await.complete().map_err(|trouble| reading.gap(&trouble))?;
    Ok(consumers.into_iter().map(|consumer| WorkspaceId(consumer.id)).collect())
}

impl<'a> Look<'a> {
    /// What is wanted of a workspace that has this name, or had it.
    fn wanted_workspace(&self, name: &str) -> Option<&'a desired::Workspace> {
        let workspaces = &self.want.workspaces;
        let by_old_name = || workspaces.values().find(|workspace| workspace.was.as_deref() == Some(name));
        workspaces.get(name).or_else(by_old_name)
    }
}

impl Workspaces<'_> {
    pub(super) async fn seen(self, compare: &Compare<'_>) -> Listing<Workspace> {
        let seen = self.entries.into_iter().map(|entry| async move {
            let Entry { thing, want, along: _, variables, notifications } = entry;
            let above = want.and_then(|want| compare.look.above(want));
            let wanted = want.map(|want| &want.notifications);
            Workspace {
                variables: compare.variables(variables, want.map(|want| &want.variables)).await,
                notifications: notifications::seen(compare, notifications, wanted, above),
                ..thing
            }
        });
        let seen = futures::future::join_all(seen).await;
        listing(seen, self.gap, |workspace: &Workspace| &workspace.name)
    }
}
