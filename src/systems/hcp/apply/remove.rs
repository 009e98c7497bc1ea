//! Removals. A 404 can mean that it is gone and that we may not see it, so the list decides.

use super::super::client::List;
use super::super::wire::Unrelated;
use super::{Stop, Task};
use crate::http::{Kind, Method};

impl Task<'_> {
    /// Removes a thing that one of these lists has.
    pub(super) async fn remove(&self, path: &str, id: &str, list: &List<'_>) -> Result<(), Stop> {
        match self.writer.tell(Method::Delete, path, None).await {
            Ok(()) => Ok(()),
            // An earlier attempt did it, and its answer was lost.
            Err(failure) if failure.kind() == Kind::NotFound && failure.is_unheard() => Ok(()),
            Err(failure) if failure.kind() == Kind::NotFound && !self.is_listed(list, id).await? => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn is_listed(&self, list: &List<'_>, id: &str) -> Result<bool, Stop> {
        let listed = self.writer.reader().list::<Unrelated, Unrelated>(list).await;
        Ok(listed.complete()?.iter().any(|thing| thing.id == id))
    }
}

/// A list with pages, to look a thing up in.
pub(super) fn pages(path: &str) -> List<'_> {
    List { path, include: &[], filter: &[], paged: true, sorted: false }
}
