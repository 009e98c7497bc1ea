//! Removals. A 404 can mean that it is gone and that we may not see it, so the list decides.

use super::super::client::List;
use super::super::wire::Unrelated;
use super::super::wire::tags::{KIND, TagAttributes, TagRelations, seen};
use super::{Stop, Task};
use crate::http::{Kind, Method, path};
use crate::owner::{Mark, Marked, Reading, TAG_KEY};

impl Task<'_> {
    /// Looks once more whose a workspace or a project is. Between a plan and its removals a person may have thought for an
    /// hour, and somebody else have taken our mark off meanwhile to keep the thing.
    pub(super) async fn expect_ours(&self, home: [&str; 2], on: Marked) -> Result<(), Stop> {
        let path = path(&[home[0], home[1], KIND]);
        let list = List { path: &path, include: &[], filter: &[], paged: false, sorted: false };
        let listed = self.writer.reader().list::<TagAttributes, TagRelations>(&list).await;
        let tags = match listed.complete() {
            Ok(tags) => seen(tags),
            // What is gone, or not for us to see, the removal tells apart.
            Err(trouble) if trouble.kind() == Some(Kind::NotFound) => return Ok(()),
            Err(trouble) => return Err(trouble.into()),
        };
        match tags.own.get(TAG_KEY).map(|value| Mark::read(value)) {
            Some(Reading::Mark(mark)) if mark.on == on && mark.fleet == self.writer.fleet().as_str() => Ok(()),
            Some(Reading::Mark(_) | Reading::Newer { .. } | Reading::Foreign) | None => Err(not_ours_any_more()),
        }
    }

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

/// Why something is not removed after all.
pub(super) fn not_ours_any_more() -> Stop {
    Stop::because(
        "it no longer carries this fleet's mark: somebody took it off since the plan was made, so it stays",
        "run it again: the next plan says whose it is",
    )
}

/// A list with pages, to look a thing up in.
pub(super) fn pages(path: &str) -> List<'_> {
    List { path, include: &[], filter: &[], paged: true, sorted: false }
}
