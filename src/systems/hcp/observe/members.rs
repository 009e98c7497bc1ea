//! Names of the organisation's members: a spec names those who get mail, and HCP knows them by id.

use std::collections::BTreeMap;

use super::super::client::{List, Reader, Trouble};
use super::super::desired::Destination;
use super::super::wire::notification::{MembershipRelations, UserAttributes};
use super::super::wire::{Resource, Unrelated};
use super::gaps::Reading;
use super::{Look, read};
use crate::address::Address;
use crate::plan::Read;

/// Members' names by their ids.
pub(super) type Members = Read<BTreeMap<String, String>>;

/// Read only when the spec names somebody who gets mail.
pub(super) async fn members(look: Look<'_>) -> Members {
    let projects = look.want.projects.values().flat_map(|project| project.notifications.values());
    let workspaces = look.want.workspaces.values().flat_map(|workspace| workspace.notifications.values());
    let mail =
        projects.chain(workspaces).any(|notification| matches!(notification.destination, Destination::Email { .. }));
    if !mail {
        return Read::NotAsked;
    }
    let reading = Reading {
        address: Address::new(["hcp", "member"]),
        doing: "reading the organisation's members",
        follows: "who gets mail is not changed",
        permission: Some("reading members takes a token of a team or a user that may see them"),
    };
    read(names(look.reader).await.map_err(|trouble| reading.gap(&trouble)))
}

/// Members' names by their ids.
pub(in super::super) async fn names(reader: &Reader) -> Result<BTreeMap<String, String>, Trouble> {
    let path = reader.within(&["organization-memberships"]);
    let list = List { path: &path, include: &["user"], filter: &[], paged: true, sorted: false };
    let listed = reader.list::<Unrelated, MembershipRelations>(&list).await;
    if let Some(trouble) = listed.trouble {
        return Err(trouble);
    }
    let name = |id: &str| {
        let user: Resource<UserAttributes> = listed.included.get("users", id)?;
        Some((id.to_owned(), user.attributes.username?))
    };
    let users = listed.items.iter().filter_map(|item| item.relationships.user.id());
    Ok(users.filter_map(name).collect())
}
