//! The organisation itself.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::client::Reader;
use super::super::wire::organization::{self, Organization, SubscriptionAttributes};
use super::super::wire::{Document, Included, Resource, Unrelated};
use super::super::{ProjectId, observed, organization_address};
use super::gaps::Reading;
use crate::http::Failure;
use crate::plan::Gap;

const INCLUDE: [(&str, &str); 1] = [("include", "subscription,entitlement_set,default-project")];

pub(super) async fn read(reader: &Reader) -> Result<observed::Organization, Gap> {
    let reading = Reading {
        address: organization_address(),
        doing: "reading the organisation",
        follows: "nothing else was read, and nothing is done",
        permission: Some("check `organization` in the spec, and that the token belongs to that organisation"),
    };
    let document = document(reader).await.map_err(|failure| reading.failed(failure))?;
    let mut included = Included::default();
    included.extend(document.included);
    let entitlements = match included.first("entitlement-sets") {
        Some(set) => Some(set),
        None => along(reader, "entitlement-set").await,
    };
    let subscription = match included.first("subscriptions") {
        Some(subscription) => Some(subscription),
        None => along(reader, "subscription").await,
    };
    let entitlements = entitlements.map(|set: Resource<BTreeMap<String, Value>>| set.attributes);
    let subscription = subscription.map(|subscription: Resource<SubscriptionAttributes>| subscription.attributes);
    let default_project: Option<Resource<Unrelated>> = included.first("projects");
    let seen = organization::seen(document.data, entitlements, subscription);
    Ok(observed::Organization {
        // Samples lack the relationship, and the project itself comes along.
        default_project: seen.default_project.or(default_project.map(|project| ProjectId(project.id))),
        ..seen
    })
}

/// With all that may come along, or, where the server does not know that, without it.
async fn document(reader: &Reader) -> Result<Document<Organization>, Failure> {
    let path = reader.within(&[]);
    match reader.one(&path, &INCLUDE).await {
        Err(failure) if failure.status() == Some(400) => reader.one(&path, &[]).await,
        other => other,
    }
}

/// What did not come along, by itself. Tokens that may do all else may not see it, so that it is no gap: without it
/// there is only less to hold the fleet against.
async fn along<A: serde::de::DeserializeOwned>(reader: &Reader, what: &str) -> Option<Resource<A>> {
    let path = reader.within(&[what]);
    let document: Document<Resource<A>> = reader.get(&path, &[]).await.ok()?;
    Some(document.data)
}
