//! Lists that say everything by themselves: pools and VCS connections.

use super::super::client::List;
use super::super::observed::{Connection, Pool};
use super::super::wire::organization::{OauthClientAttributes, OauthClientRelations, connections as each};
use super::super::wire::pool::{self, PoolAttributes, PoolRelations};
use super::gaps::Reading;
use super::{Look, listing};
use crate::address::Address;
use crate::plan::Listing;

pub(super) async fn pools(look: Look<'_>) -> Listing<Pool> {
    let path = look.reader.within(&["agent-pools"]);
    let list = List { path: &path, include: &[], filter: &[], paged: true, sorted: true };
    let listed = look.reader.list::<PoolAttributes, PoolRelations>(&list).await;
    let reading = Reading {
        address: Address::new(["hcp", "pool"]),
        doing: "reading the agent pools",
        follows: "no pool is created or removed",
        permission: Some("reading pools takes the permission \"Manage agent pools\", or a token of the owners"),
    };
    let gap = listed.trouble.as_ref().map(|trouble| reading.gap(trouble));
    let pools = listed.items.into_iter().map(pool::seen).collect();
    listing(pools, gap, |pool: &Pool| &pool.name)
}

/// Read only when a workspace has a repository: nothing else needs them.
pub(super) async fn connections(look: Look<'_>) -> Listing<Connection> {
    let wanted = look.want.workspaces.values().any(|workspace| workspace.vcs.is_some());
    if !wanted {
        return Listing::Complete(Vec::new());
    }
    let path = look.reader.within(&["oauth-clients"]);
    let list = List { path: &path, include: &[], filter: &[], paged: true, sorted: false };
    let listed = look.reader.list::<OauthClientAttributes, OauthClientRelations>(&list).await;
    let reading = Reading {
        address: Address::new(["hcp", "vcs-connection"]),
        doing: "reading the VCS connections",
        follows: "no repository is connected",
        permission: Some("reading them takes the permission \"Manage VCS settings\", or a token of the owners"),
    };
    let gap = listed.trouble.as_ref().map(|trouble| reading.gap(trouble));
    let connections = listed.items.into_iter().flat_map(each).collect();
    listing(connections, gap, |connection: &Connection| &connection.token.0)
}
