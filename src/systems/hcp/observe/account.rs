//! Whose token it is.

use super::super::client::Reader;
use super::super::observed::TokenOwner;
use super::super::wire::account::{self, Account};
use crate::http::path;

/// Whose token it is, if HCP says so. It is only told: that it cannot be read is no gap, and nothing follows from it.
pub async fn token_owner(reader: &Reader) -> Option<TokenOwner> {
    let document = reader.get::<Account>(&path(&["account", "details"]), &[]).await.ok()?;
    account::owner(document.data)
}
