//! Clients of HCP Terraform's API: one that only reads, and one that changes things.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::identity::{Identity, Wanted, identified};
use super::observe::members;
use super::wire::{self, Document, Included, Pagination, Resource};
use crate::error::Error;
use crate::http::{Body, Call, Endpoint, Failure, Heard, Kind, Method, Policy, Transport, path};
use crate::owner::FleetName;
use crate::secret::Secret;
use crate::secret::fingerprint::Fingerprints;

/// How this process reaches an organisation. None of it is part of a fleet.
#[derive(Debug)]
pub struct Access {
    /// `https://app.terraform.io`, or another installation.
    pub address: String,
    /// The API token.
    pub token: Secret,
    /// Authorities that are trusted beside the system's, in PEM.
    pub ca: Option<Vec<u8>>,
    /// The organisation's name.
    pub organization: String,
    /// The sandbox: any other machine is an error, and fingerprints of made-up secrets may be cheap.
    pub loopback_only: bool,
}

/// Pages of this size are the largest that HCP gives ("API Docs", Pagination).
const PAGE_SIZE: &str = "100";

/// As many things as a full page has: one of the size that is asked for, or of the one that HCP gives unasked.
const FULL_PAGES: [usize; 2] = [100, 20];

/// A list of more pages is a mistake of somebody's.
const MOST_PAGES: u32 = 10_000;

/// A client that has no way to change anything.
#[derive(Debug)]
pub struct Reader {
    transport: Transport,
    organization: String,
    fingerprints: Fingerprints,
}

impl Reader {
    /// A client for an organisation.
    ///
    /// # Errors
    /// When the address, the token or the CA cannot be used.
    pub fn new(access: &Access, policy: &Policy) -> Result<Self, Error> {
        let endpoint = Endpoint {
            address: &access.address,
            token: &access.token,
            ca: access.ca.as_deref(),
            loopback_only: access.loopback_only,
        };
        Ok(Self {
            transport: Transport::new(&endpoint, policy)?,
            organization: access.organization.clone(),
            fingerprints: Fingerprints::new(access.loopback_only),
        })
    }

    /// The HTTP layer below, for its counters.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The organisation's name.
    #[must_use]
    pub fn organization(&self) -> &str {
        &self.organization
    }

    pub(super) fn fingerprints(&self) -> &Fingerprints {
        &self.fingerprints
    }

    /// A path inside the organisation.
    pub(super) fn within(&self, segments: &[&str]) -> String {
        path(&[&["organizations", self.organization.as_str()], segments].concat())
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Document<T>, Failure> {
        self.ask(path, query).await.map(|heard| heard.value)
    }

    /// Reads the one thing that has this path: another one in its place is none.
    pub(super) async fn one<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Document<T>, Failure> {
        let call = Call { method: Method::Get, path, query, body: None };
        let Heard { value: (answered, document), request_id } = self.transport.send(&call, identified).await?;
        match Wanted::at(path, &Identity::default()).mistaken(&answered) {
            None => Ok(document),
            Some(words) => Err(Failure::mistaken(&call, &words, request_id)),
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Heard<Document<T>>, Failure> {
        let call = Call { method: Method::Get, path, query, body: None };
        self.transport.send(&call, wire::document).await
    }

    /// Reads a whole list: every page, counted, each thing once.
    pub(super) async fn list<A: DeserializeOwned, R: DeserializeOwned + Default>(
        &self,
        list: &List<'_>,
    ) -> Listed<Resource<A, R>> {
        let mut includes = list.include;
        loop {
            let listed = self.list_twice(list, includes).await;
            match (&listed.trouble, includes.split_last()) {
                // HCP answers 400 to an include that it does not know; the ones named first are the surer ones.
                (Some(Trouble::Failed(failure)), Some((_, fewer))) if refuses_include(failure) => includes = fewer,
                _ => return listed,
            }
        }
    }

    /// A list whose things move between its pages while it is read is read once more.
    async fn list_twice<A: DeserializeOwned, R: DeserializeOwned + Default>(
        &self,
        list: &List<'_>,
        includes: &[&str],
    ) -> Listed<Resource<A, R>> {
        let first = self.list_once(list, includes).await;
        match first.trouble {
            Some(Trouble::Moved { .. } | Trouble::Twice(_)) => self.list_once(list, includes).await,
            Some(Trouble::Failed(_) | Trouble::Strange { .. } | Trouble::Endless(_) | Trouble::Astray { .. })
            | None => first,
        }
    }

    async fn list_once<A: DeserializeOwned, R: DeserializeOwned + Default>(
        &self,
        list: &List<'_>,
        wanted: &[&str],
    ) -> Listed<Resource<A, R>> {
        let mut things: BTreeMap<String, Resource<A, R>> = BTreeMap::new();
        let mut included = Included::default();
        let mut totals: Vec<usize> = Vec::new();
        let mut page = 1_u32;
        let (mut twice, mut at_last) = (None, None);
        let trouble = loop {
            let Heard { value, request_id } = match self.page(list, wanted, page).await {
                Ok(heard) => heard,
                Err(failure) => break Some(Trouble::Failed(failure)),
            };
            let at = Page { path: list.path.to_owned(), number: page, request_id };
            at_last = Some(at.clone());
            let Document { data, included: along, meta, links } = value;
            included.extend(along);
            let (before, came) = (things.len(), data.len());
            things.extend(data.into_iter().map(|item: Resource<A, R>| (item.id.clone(), item)));
            let new = things.len() - before;
            if new < came {
                twice.get_or_insert(at.clone());
            }
            let next = match (meta.pagination, links.next) {
                (Some(Pagination { next_page, total_count }), _) => {
                    totals.extend(total_count);
                    next_page
                }
                (None, Some(_)) => Some(page + 1),
                // A full page of a list with pages may be the first of many.
                (None, None) if list.paged && FULL_PAGES.contains(&came) => break Some(Trouble::Endless(at)),
                (None, None) => None,
            };
            match following(page, next) {
                // Or it would go on for ever.
                Ok(Some(_)) if new == 0 => break Some(Trouble::Twice(at)),
                Ok(Some(next)) => page = next,
                Ok(None) => break moved(at, things.len(), &totals).or(twice.map(Trouble::Twice)),
                Err(next) => break Some(Trouble::Astray { at, next }),
            }
        };
        Listed { items: things.into_values().collect(), included, trouble, at: at_last }
    }

    async fn page<T: DeserializeOwned>(
        &self,
        list: &List<'_>,
        includes: &[&str],
        number: u32,
    ) -> Result<Heard<Document<Vec<T>>>, Failure> {
        let (number, include) = (number.to_string(), includes.join(","));
        let mut query: Vec<(&str, &str)> = list.filter.to_vec();
        if !include.is_empty() {
            query.push(("include", &include));
        }
        if list.paged {
            query.extend([("page[number]", number.as_str()), ("page[size]", PAGE_SIZE)]);
        }
        if list.sorted {
            query.push(("sort", "name"));
        }
        self.ask(list.path, &query).await
    }
}

/// Its words would say so too, but a proxy may have taken them away; without includes the same list is asked for anyway.
fn refuses_include(failure: &Failure) -> bool {
    failure.status() == Some(400)
}

/// The page to read next. A list that goes on somewhere else than forwards is not one that has ended.
fn following(page: u32, next: Option<u32>) -> Result<Option<u32>, u32> {
    match next {
        None => Ok(None),
        Some(next) if next > page && next <= MOST_PAGES => Ok(Some(next)),
        Some(next) => Err(next),
    }
}

/// Each page says how many things there are in all; all pages must agree, with each other and with what came.
fn moved(at: Page, seen: usize, totals: &[usize]) -> Option<Trouble> {
    let wrong = totals.iter().copied().find(|total| *total != seen)?;
    Some(Trouble::Moved { at, seen, total: wrong })
}

/// A page that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    path: String,
    number: u32,
    request_id: Option<String>,
}

/// Which list, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a> {
    pub(super) path: &'a str,
    /// What to send along, the surest first.
    pub(super) include: &'a [&'a str],
    /// Only those things that fit.
    pub(super) filter: &'a [(&'a str, &'a str)],
    /// It has pages.
    pub(super) paged: bool,
    /// It can be sorted by name, so that nothing slips from page to page when something is made meanwhile.
    pub(super) sorted: bool,
}

/// What came of a list.
#[derive(Debug)]
pub(super) struct Listed<T> {
    pub(super) items: Vec<T>,
    pub(super) included: Included,
    pub(super) trouble: Option<Trouble>,
    /// The last page that was read.
    pub(super) at: Option<Page>,
}

impl<T> Listed<T> {
    /// All of it, or why not.
    pub(super) fn complete(self) -> Result<Vec<T>, Trouble> {
        match self.trouble {
            None => Ok(self.items),
            Some(trouble) => Err(trouble),
        }
    }

    /// All of it if it can be made sense of, or why not.
    pub(super) fn understood<U>(self, read: impl FnOnce(Vec<T>) -> Result<U, String>) -> Result<U, Trouble> {
        let at = self.at.clone().unwrap_or_default();
        read(self.complete()?).map_err(|what| Trouble::Strange { at, what })
    }
}

/// Why a list is not all there is.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// A request failed.
    Failed(Failure),
    /// It was changed while it was read, twice.
    Moved { at: Page, seen: usize, total: usize },
    /// A page gave again what it or an earlier one had given, or nothing and yet was not the last, twice.
    Twice(Page),
    /// A thing says of itself what nobody knows, in these words.
    Strange { at: Page, what: String },
    /// A full page that says nothing of whether another one follows.
    Endless(Page),
    /// A page names one as the next that cannot be.
    Astray { at: Page, next: u32 },
}

impl Trouble {
    /// What to do about it.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::Failed(failure) => failure.remedy(),
            Self::Moved { .. } | Self::Twice(_) => "somebody changes it at this moment: run it again",
            Self::Strange { .. } => "use a newer version of this program, or change it back in HCP's web pages",
            Self::Endless(_) | Self::Astray { .. } => {
                "something between here and HCP changes its answers: check the address and proxies"
            }
        }
    }

    /// The kind of the request's failure.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Failed(failure) => Some(failure.kind()),
            Self::Moved { .. } | Self::Twice(_) | Self::Strange { .. } | Self::Endless(_) | Self::Astray { .. } => None,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Page { path, number, request_id } = match self {
            Self::Failed(failure) => return failure.fmt(f),
            Self::Moved { at, .. }
            | Self::Twice(at)
            | Self::Strange { at, .. }
            | Self::Endless(at)
            | Self::Astray { at, .. } => at,
        };
        write!(f, "GET {path}: ")?;
        match self {
            Self::Failed(_) => {}
            Self::Moved { seen, total, .. } => {
                write!(f, "it gave {seen} things and counts {total}, at two attempts")?;
            }
            Self::Strange { what, .. } => f.write_str(what)?,
            Self::Twice(_) => write!(f, "its page {number} gives what was given already, at two attempts")?,
            Self::Endless(_) => write!(f, "its page {number} is full, and does not say whether it is the last one")?,
            Self::Astray { next, .. } => write!(f, "its page {number} says that page {next} is the next one")?,
        }
        write!(f, " (200)")?;
        match request_id {
            Some(id) => write!(f, ", request {id}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Trouble {}

/// A client that changes things. It reads as well: to look for what a lost answer may have made, and behind locks.
#[derive(Debug)]
pub struct Writer {
    reader: Reader,
    fleet: FleetName,
    members: OnceCell<BTreeMap<String, String>>,
}

impl Writer {
    /// A client for an organisation and a fleet, whose name stands in locks and witnesses.
    ///
    /// # Errors
    /// When the address, the token or the CA cannot be used.
    pub fn new(access: &Access, policy: &Policy, fleet: &FleetName) -> Result<Self, Error> {
        Ok(Self { reader: Reader::new(access, policy)?, fleet: fleet.clone(), members: OnceCell::new() })
    }

    /// The HTTP layer below, for its counters and for what is under way.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.reader.transport
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    pub(super) fn fleet(&self) -> &FleetName {
        &self.fleet
    }

    /// Ids of the organisation's members by their names, read once however many notifications name somebody.
    pub(super) async fn members(&self) -> Result<&BTreeMap<String, String>, Trouble> {
        let read = async || {
            let names = members::names(&self.reader).await?;
            Ok(names.into_iter().map(|(id, name)| (name, id)).collect())
        };
        self.members.get_or_try_init(read).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Body) -> Result<T, Failure> {
        self.write(Method::Post, path, body).await
    }

    pub(super) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &Body) -> Result<T, Failure> {
        self.write(Method::Patch, path, body).await
    }

    async fn write<T: DeserializeOwned>(&self, method: Method, path: &str, body: &Body) -> Result<T, Failure> {
        let call = Call { method, path, query: &[], body: Some(body) };
        let heard = self.transport().send(&call, identified).await?;
        let (sent, (answered, document)) = (Identity::of(body.bytes()), heard.value);
        let wanted = match method {
            Method::Post => Wanted { id: None, ..Wanted::sent(&sent) },
            Method::Patch | Method::Get | Method::Delete => Wanted { name: None, ..Wanted::at(path, &sent) },
        };
        match wanted.mistaken(&answered) {
            None => Ok(document.data),
            Some(words) => Err(Failure::mistaken(&call, &words, heard.request_id)),
        }
    }

    /// A write whose answer holds nothing of worth, or nothing at all.
    pub(super) async fn tell(&self, method: Method, path: &str, body: Option<&Body>) -> Result<(), Failure> {
        let call = Call { method, path, query: &[], body };
        self.transport().send(&call, nothing_of_worth).await.map(|_| ())
    }
}

#[derive(Deserialize)]
struct Deed {
    #[serde(default)]
    errors: Option<IgnoredAny>,
}

/// What is answered to a deed whose answer holds nothing of worth: nothing, or a document that is none of errors.
fn nothing_of_worth(body: &[u8]) -> Result<(), serde_json::Error> {
    if body.is_empty() {
        return Ok(());
    }
    let deed: Deed = serde_json::from_slice(body)?;
    match deed.errors {
        None => Ok(()),
        Some(IgnoredAny) => Err(serde::de::Error::custom("errors in the answer to a success")),
    }
}

/// A document to send.
#[derive(Debug, Serialize)]
pub(super) struct Sent<A, R> {
    data: SentData<A, R>,
}

#[derive(Debug, Serialize)]
struct SentData<A, R> {
    #[serde(rename = "type")]
    kind: &'static str,
    attributes: A,
    #[serde(skip_serializing_if = "Option::is_none")]
    relationships: Option<R>,
}

/// A body of attributes.
pub(super) fn attributes(kind: &'static str, attributes: &impl Serialize) -> Body {
    let data = SentData { kind, attributes, relationships: None::<()> };
    Body::of(&Sent { data })
}

/// A body of attributes and relationships.
pub(super) fn related(kind: &'static str, attributes: &impl Serialize, relationships: &impl Serialize) -> Body {
    let data = SentData { kind, attributes, relationships: Some(relationships) };
    Body::of(&Sent { data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_does_not_go_forwards_has_not_ended() {
        assert_eq!(following(1, None), Ok(None));
        assert_eq!(following(1, Some(2)), Ok(Some(2)));
        for next in [0, 2, 1, MOST_PAGES + 1] {
            assert_eq!(following(2, Some(next)), Err(next));
        }
        let at = Page { path: "projects".to_owned(), number: 2, request_id: Some("abc".to_owned()) };
        let said = Trouble::Astray { at, next: 1 }.to_string();
        assert_eq!(said, "GET projects: its page 2 says that page 1 is the next one (200), request abc");
    }
}
