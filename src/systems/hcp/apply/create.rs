//! Creations, of which HCP has no way to tell a repetition from a second one.

use serde::de::DeserializeOwned;

use super::super::client::List;
use super::super::wire::Resource;
use super::{Stop, Task};
use crate::http::{Body, Failure};

/// How a thing came to be there.
pub(super) enum Created<T> {
    /// This answer was heard.
    Made(T),
    /// It was found after an answer that was lost, or after another run had been faster.
    Found(T),
}

impl<T> Created<T> {
    pub(super) fn thing(self) -> T {
        match self {
            Self::Made(thing) | Self::Found(thing) => thing,
        }
    }
}

impl Task<'_> {
    /// Creates a thing. `find` looks for it, and gives back only one that carries what is sent here.
    pub(super) async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Body,
        find: impl AsyncFn() -> Result<Option<T>, Stop>,
    ) -> Result<Created<T>, Stop> {
        let policy = self.writer.transport().policy();
        let mut tries = 0;
        loop {
            let failure = match self.writer.post(path, body).await {
                Ok(thing) => return Ok(Created::Made(thing)),
                Err(failure) => failure,
            };
            tries += 1;
            if !failure.is_unheard() && !is_taken(&failure) {
                return Err(failure.into());
            }
            if let Some(thing) = find().await? {
                return Ok(Created::Found(thing));
            }
            if !failure.is_unheard() || tries >= policy.attempts {
                return Err(failure.into());
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
    }

    /// The things of a list, for a look at what is there.
    pub(super) async fn things<A: DeserializeOwned, R: DeserializeOwned + Default>(
        &self,
        path: &str,
        paged: bool,
    ) -> Result<Vec<Resource<A, R>>, Stop> {
        let list = List { path, include: &[], filter: &[], paged, sorted: false };
        Ok(self.writer.reader().list(&list).await.complete()?)
    }
}

/// Why a thing that is there, is ours, and was in no list is not taken for the one that was to be made.
pub(super) fn unlisted() -> Stop {
    Stop::because(
        "it exists and carries this fleet's mark, but the list that was read before did not show it: the token may see \
         only a part of the organisation, or another run has just made it",
        "run it again; if it is said again, use a token that may read all of the organisation",
    )
}

/// The same of one that is not ours.
pub(super) fn of_others() -> Stop {
    Stop::because(
        "one of that name exists without this fleet's mark, but the list that was read before did not show it: the token \
         may see only a part of the organisation, or somebody else has just made it",
        "look at it, and run it again: the plan says whether it can be adopted",
    )
}

/// HCP's words for a name or a key that exists.
fn is_taken(failure: &Failure) -> bool {
    failure.status() == Some(422) && failure.says("already been taken")
}
