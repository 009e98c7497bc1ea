//! A plan as people and programs read it. Everything here is pure: what is shown comes in as data.

pub mod compare;
pub mod json;
mod layout;
mod sections;
mod text;
mod things;
mod words;

use std::time::Duration;

pub(crate) use self::layout::{Page, Text, Tone};
pub use self::text::render;
pub(crate) use self::words::{clean, members};
use super::Plan;
use super::digest::{Digest, Site};

/// Where, as whom and with what: the lines that stand above every plan.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// The fleet's name.
    pub fleet: String,
    /// The files of the spec as the user named them, and their revision where it is known.
    pub spec: String,
    /// The profile of the access file, if one was chosen.
    pub profile: Option<String>,
    /// The real systems, or stand-ins.
    pub world: World,
    /// The organisation in HCP, as the spec names it.
    pub organization: String,
    /// This program's version.
    pub version: String,
    /// One line for each system.
    pub systems: Vec<SystemLine>,
    /// What it took to read all this.
    pub reading: Reading,
    /// Identities that the spec does not pin yet, ready to paste.
    pub unpinned: Vec<String>,
    /// What whoever runs this should know of the way in which the systems are reached.
    pub warnings: Vec<String>,
}

impl Header {
    /// The digest of a plan for these systems.
    #[must_use]
    pub fn digest(&self, plan: &Plan) -> Digest {
        plan.digest(&Site { world: self.world.key(), organization: &self.organization })
    }
}

/// Which systems a run is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum World {
    /// The real ones.
    #[default]
    Live,
    /// Stand-ins that live in this directory.
    Sandbox(String),
}

impl World {
    /// The word in documents and digests.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox(_) => "sandbox",
        }
    }

    /// The word of the first line.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Sandbox(_) => "SANDBOX",
        }
    }
}

/// A system, and who we are there.
#[derive(Clone, Debug, Default)]
pub struct SystemLine {
    /// `hcp`, `kube`, …
    pub system: String,
    /// The organisation, the target, …
    pub name: String,
    /// Host, credential and limits.
    pub facts: String,
}

/// What it took to read the world.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Requests that only read.
    pub requests: u32,
    /// How long it took.
    pub took: Duration,
}

/// How a text is set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Signs in colour. Without it each sign has its word beside it.
    pub color: bool,
    /// Nothing is folded.
    pub full: bool,
}

/// The counts of a plan in one line, without its digest: `create 13, change 2; 7 waiting, 1 unread`.
#[must_use]
pub fn counts(plan: &Plan) -> String {
    let done: Vec<String> = super::Verb::ALL
        .into_iter()
        .map(|verb| (verb, plan.count(verb)))
        .filter(|(_, count)| *count > 0)
        .map(|(verb, count)| format!("{verb} {count}"))
        .collect();
    let Plan { fleet: _, actions: _, waits, gaps, refusals, untouched, confirmation: _ } = plan;
    let rest: Vec<String> = [
        (waits.len(), "waiting"),
        (gaps.len(), "unread"),
        (refusals.len(), "refused"),
        (untouched.len(), "left alone"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    let done = match done.as_slice() {
        // What could not be read may be what has to change.
        [] if !gaps.is_empty() => "nothing planned".to_owned(),
        [] => "no changes".to_owned(),
        some => some.join(", "),
    };
    if rest.is_empty() { done } else { format!("{done}; {}", rest.join(", ")) }
}

#[cfg(test)]
mod tests;
