//! How a wanted thing stands with what is there: not there, ours, somebody else's, or not to be told.

use std::collections::BTreeMap;

use super::Planner;
use crate::address::Address;
use crate::owner::{Mark, Marked, Reading, Stewardship, TAG_KEY};
use crate::plan::{Gap, Listing, Rule};

/// How one wanted thing stands.
#[derive(Debug)]
pub(super) enum Standing<'a, T> {
    /// A complete list lacks it.
    Missing,
    /// It is there and ours; `renamed` when it still has its old name.
    Ours { thing: &'a T, renamed: bool },
    /// It is there, is nobody's, and may become ours.
    Adopted { thing: &'a T, renamed: bool },
    /// It is there and is not to be touched; the plan says why.
    Refused(&'a T),
    /// A list or a part of it could not be read.
    Unknown,
}

// Derived, it would ask for a `T` that can be copied.
impl<T> Clone for Standing<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Standing<'_, T> {}

impl<'a, T> Standing<'a, T> {
    /// The thing, whosever it is.
    pub(super) fn found(&self) -> Option<&'a T> {
        match self {
            Self::Ours { thing, .. } | Self::Adopted { thing, .. } | Self::Refused(thing) => Some(thing),
            Self::Missing | Self::Unknown => None,
        }
    }

    /// The thing, if it may be written to.
    pub(super) fn thing(&self) -> Option<&'a T> {
        match self {
            Self::Ours { thing, .. } | Self::Adopted { thing, .. } => Some(thing),
            Self::Missing | Self::Refused(_) | Self::Unknown => None,
        }
    }
}

/// Whose a thing is, as its own mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Ours.
    Ours,
    /// Nobody's that we know.
    Nobody,
    /// Another fleet's.
    Fleet(String),
    /// Marked by a newer tool.
    Newer(u32),
}

/// The things of one kind that were seen, found by name.
pub(super) struct Index<'a, T> {
    by_name: BTreeMap<&'a str, &'a T>,
    gap: Option<&'a Gap>,
}

impl<'a, T> Index<'a, T> {
    pub(super) fn of(listing: &'a Listing<T>, name: impl Fn(&'a T) -> &'a str) -> Self {
        Self { by_name: listing.seen().iter().map(|thing| (name(thing), thing)).collect(), gap: listing.gap() }
    }

    fn named(&self, name: &str) -> Option<&'a T> {
        self.by_name.get(name).copied()
    }
}

impl Planner<'_, '_> {
    /// Whose a thing with these tags of its own is.
    pub(super) fn owner_by_tags(&self, tags: &BTreeMap<String, String>, on: Marked) -> (Owner, Option<Mark>) {
        match tags.get(TAG_KEY).map(|value| Mark::read(value)) {
            Some(Reading::Mark(mark)) if mark.on == on && mark.fleet == self.want.fleet.as_str() => {
                (Owner::Ours, Some(mark))
            }
            Some(Reading::Mark(mark)) if mark.on == on => (Owner::Fleet(mark.fleet.clone()), Some(mark)),
            Some(Reading::Newer { fleet, version }) if fleet == self.want.fleet.as_str() => {
                (Owner::Newer(version), None)
            }
            Some(Reading::Newer { fleet, .. }) => (Owner::Fleet(fleet), None),
            Some(Reading::Mark(_) | Reading::Foreign) | None => (Owner::Nobody, None),
        }
    }

    /// Finds a wanted thing among those that were seen, by its name or by the name it had, and says how it stands.
    pub(super) fn standing<'a, T>(
        &mut self,
        address: &Address,
        (name, was): (&str, Option<&str>),
        index: &Index<'a, T>,
        stewardship: &Stewardship,
        owner: impl Fn(&Self, &T) -> Result<Owner, Gap>,
    ) -> Standing<'a, T> {
        let (thing, renamed) = match (index.named(name), was.and_then(|was| index.named(was))) {
            (Some(_), Some(_)) => {
                let was = was.unwrap_or_default();
                self.refuse(Rule::RenameClash, address.clone(), format!("was: {was}, and both exist"));
                return Standing::Unknown;
            }
            (Some(thing), None) => (thing, false),
            (None, Some(thing)) => (thing, true),
            (None, None) => {
                return match index.gap {
                    None => Standing::Missing,
                    Some(gap) => {
                        self.unread(address, gap, "not created: it may be there");
                        Standing::Unknown
                    }
                };
            }
        };
        match owner(self, thing) {
            Err(gap) => {
                self.unread(address, &gap, "not changed: nothing tells whose it is");
                Standing::Unknown
            }
            Ok(Owner::Ours) => Standing::Ours { thing, renamed },
            Ok(Owner::Nobody) if !stewardship.released && self.may_adopt(address, stewardship) => {
                Standing::Adopted { thing, renamed }
            }
            // What is released already stays so, whoever has it now: only our own mark is ever taken off.
            Ok(Owner::Nobody | Owner::Fleet(_)) if stewardship.released => Standing::Refused(thing),
            // What is only compared may be anybody's.
            Ok(_) if self.is_verified(stewardship) => Standing::Ours { thing, renamed },
            Ok(Owner::Nobody) => {
                self.refuse(Rule::NotOurs, address.clone(), "exists and does not carry this fleet's mark");
                Standing::Refused(thing)
            }
            Ok(Owner::Fleet(fleet)) => {
                self.refuse(Rule::OtherFleet, address.clone(), format!("carries the mark of the fleet {fleet}"));
                Standing::Refused(thing)
            }
            Ok(Owner::Newer(version)) => {
                self.refuse_newer(address.clone(), version);
                Standing::Refused(thing)
            }
        }
    }

    pub(super) fn refuse_newer(&mut self, address: Address, version: u32) {
        let cause = format!("its mark has format {version}, this tool knows up to {}", crate::owner::MARK_VERSION);
        self.refuse(Rule::NewerTool, address, cause);
    }

    fn may_adopt(&self, address: &Address, stewardship: &Stewardship) -> bool {
        stewardship.adopt || self.want.organization.stewardship.adopt || self.context.consent.adopts(address)
    }

    pub(super) fn is_verified(&self, stewardship: &Stewardship) -> bool {
        stewardship.verify || self.want.organization.stewardship.verify
    }
}
