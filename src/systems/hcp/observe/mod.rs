//! Reads of an organisation all that a plan needs, in as few requests as HCP allows.
//!
//! Lists, never one thing after the other to see whether it is there. What needs a request for each workspace is read
//! for those workspaces alone that the spec or our mark speaks of. A request that fails leaves a gap beside what was
//! read; only an organisation that cannot be read at all is a failure of the whole.

mod account;
mod agents;
mod gaps;
mod lists;
pub(super) mod members;
mod notifications;
mod organization;
mod projects;
mod sources;
mod variable_sets;
mod variables;
mod workspaces;

use jiff::Timestamp;

pub use self::account::token_owner;
use self::sources::Sources;
use super::client::Reader;
use super::desired::Desired;
use super::observed::Observed;
use crate::owner::{Content, Mark, Marked, Reading, Suffix, TAG_KEY};
use crate::plan::{Gap, Listing, Read};
use crate::secret::Secrets;

/// One look at one organisation.
#[derive(Clone, Copy)]
struct Look<'a> {
    reader: &'a Reader,
    want: &'a Desired,
}

/// What live things are compared with while secrets are known.
struct Compare<'a> {
    look: Look<'a>,
    sources: &'a Sources,
    witnesses: &'a variables::Witnesses,
    members: &'a members::Members,
}

/// Reads all that a plan needs.
///
/// # Errors
/// When the organisation itself cannot be read.
pub async fn observe(reader: &Reader, want: &Desired, secrets: &Secrets) -> Result<Observed, Gap> {
    let before = reader.transport().requests();
    let look = Look { reader, want };
    // First and alone: whether this is the right organisation decides whether anything else is worth a look.
    let organization = organization::read(reader).await?;
    let (mut projects, mut workspaces, mut sets, mut pools, connections, members, jobs) = tokio::join!(
        projects::list(look, &organization.runs_on),
        workspaces::list(look),
        variable_sets::list(look),
        lists::pools(look),
        lists::connections(look),
        members::members(look),
        agents::jobs(look),
    );
    tokio::join!(
        projects::complete(look, &mut projects),
        workspaces::complete(look, &mut workspaces),
        variable_sets::complete(look, &mut sets),
        agents::complete(look, &mut pools),
    );
    let mut sources = Sources::default();
    variables::sources(&workspaces, &sets, &mut sources);
    notifications::sources(look, &projects, &workspaces, &mut sources);
    sources.test_all(want);
    let sources = sources.read(secrets).await;
    let witnesses = variable_sets::witnesses(look, &sets);
    let compare = Compare { look, sources: &sources, witnesses: &witnesses, members: &members };
    let (workspaces, variable_sets) = tokio::join!(workspaces.seen(&compare), sets.seen(&compare));
    let projects = projects.seen(&compare);
    Ok(Observed {
        now: reader.transport().first_date().unwrap_or_else(Timestamp::now),
        organization,
        projects,
        workspaces,
        variable_sets,
        pools,
        connections,
        jobs,
        unreadable_sources: sources.unreadable(),
        requests: reader.transport().requests() - before,
    })
}

/// What was seen of a list, with the gap in it if there is one, in the order of names.
fn listing<T>(mut items: Vec<T>, gap: Option<Gap>, name: impl Fn(&T) -> &str) -> Listing<T> {
    items.sort_by(|a, b| name(a).cmp(name(b)));
    match gap {
        None => Listing::Complete(items),
        Some(gap) => Listing::Partial(items, gap),
    }
}

/// What was read, or the gap.
fn read<T>(result: Result<T, Gap>) -> Read<T> {
    match result {
        Ok(value) => Read::Seen(value),
        Err(gap) => Read::Unread(gap),
    }
}

impl Look<'_> {
    /// Our mark on a thing with these tags of its own. A mark of a newer tool is one too, and says nothing else.
    fn mark(&self, tags: &Read<super::observed::SeenTags>, on: Marked) -> Option<OurMark> {
        let value = tags.seen()?.own.get(TAG_KEY)?;
        match Mark::read(value) {
            Reading::Mark(mark) if mark.on == on && mark.fleet == self.want.fleet.as_str() => Some(OurMark(Some(mark))),
            Reading::Newer { fleet, .. } if fleet == self.want.fleet.as_str() => Some(OurMark(None)),
            Reading::Mark(_) | Reading::Newer { .. } | Reading::Foreign => None,
        }
    }

    fn is_marked(&self, description: &str) -> bool {
        Suffix::description(&self.want.fleet).take(description).is_some()
    }
}

/// That a thing is ours.
struct OurMark(Option<Mark>);

impl OurMark {
    fn says(&self, content: Content) -> bool {
        self.0.as_ref().is_some_and(|mark| mark.contents.contains(&content))
    }
}
