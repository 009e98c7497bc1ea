//! What an apply came to, action by action.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::error::Error;
use crate::plan::Verb;
use crate::plan::show::{Look, Page, Text, Tone, clean};

/// The version of the report's document.
pub const FORMAT_VERSION: u32 = 1;

/// What became of every action of a plan.
#[derive(Debug, Default)]
pub struct Report {
    /// By address.
    pub entries: BTreeMap<Address, Entry>,
}

/// One action, and what became of it.
#[derive(Debug)]
pub struct Entry {
    /// What was to be done.
    pub verb: Verb,
    /// What came of it.
    pub outcome: Outcome,
}

/// What became of an action.
#[derive(Debug)]
pub enum Outcome {
    /// It succeeded.
    Done,
    /// It failed.
    Failed(Error),
    /// It needs something that failed or was skipped.
    Skipped {
        /// What it needs.
        after: Address,
    },
    /// The run was stopped before it.
    NotBegun,
    /// The run was left while it was under way: it may or may not have been done.
    Unknown,
}

/// How many actions came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Succeeded.
    pub done: usize,
    /// Failed.
    pub failed: usize,
    /// Skipped after a failure.
    pub skipped: usize,
    /// Not begun.
    pub not_begun: usize,
    /// Of unknown outcome.
    pub unknown: usize,
}

impl Report {
    /// Counts the outcomes.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for entry in self.entries.values() {
            match entry.outcome {
                Outcome::Done => tally.done += 1,
                Outcome::Failed(_) => tally.failed += 1,
                Outcome::Skipped { .. } => tally.skipped += 1,
                Outcome::NotBegun => tally.not_begun += 1,
                Outcome::Unknown => tally.unknown += 1,
            }
        }
        tally
    }

    /// Everything was done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.tally().done == self.entries.len()
    }

    /// What did not succeed and why, then the counts and the exit word.
    #[must_use]
    pub fn render(&self, look: Look, stopped: bool, ending: &str) -> String {
        let mut page = Page::new(look);
        for (address, Entry { verb, outcome }) in &self.entries {
            match outcome {
                Outcome::Done | Outcome::NotBegun | Outcome::Skipped { .. } => {}
                Outcome::Failed(error) => failed(&mut page, address, *verb, error),
                Outcome::Unknown => {
                    entry(
                        &mut page,
                        "unknown",
                        address,
                        *verb,
                        "left while it was under way: it may or may not be done",
                    );
                }
            }
        }
        self.skipped(&mut page);
        let tally = self.tally();
        if tally.failed + tally.skipped + tally.unknown > 0 {
            page.gap();
        }
        let first = if stopped { "Stopped: " } else { "Applied: " };
        let next = if tally.done == self.entries.len() {
            ""
        } else {
            " The next apply goes on from here; nothing has to be undone."
        };
        let text = Text::plain(&format!("{first}{}.{next}", counts(tally))).phrase(&format!("  ({ending})"));
        page.beside(&Text::default(), 0, &text);
        page.finished()
    }

    fn skipped(&self, page: &mut Page) {
        let mut after: BTreeMap<&Address, Vec<&str>> = BTreeMap::new();
        for (address, entry) in &self.entries {
            if let Outcome::Skipped { after: cause } = &entry.outcome {
                after.entry(cause).or_default().push(address.in_system());
            }
        }
        for (cause, addresses) in after {
            let head = Text::plain("skipped").and(&format!("after {}", cause.in_system()), Tone::Plain);
            page.beside(&head, 10, &Text::default());
            page.beside(&Text::default(), 10, &Text::plain(&addresses.join(", ")));
        }
    }

    /// The report as a document; `docs/plan-json.md` describes it.
    #[must_use]
    pub fn document(&self, digest: String) -> Document {
        Document {
            format_version: FORMAT_VERSION,
            digest,
            tally: self.tally(),
            actions: self
                .entries
                .iter()
                .map(|(address, Entry { verb, outcome })| {
                    let (outcome, error, hint, after) = match outcome {
                        Outcome::Done => ("done", None, None, None),
                        Outcome::Failed(error) => {
                            ("failed", Some(error.chain()), error.remedy().map(str::to_owned), None)
                        }
                        Outcome::Skipped { after } => ("skipped", None, None, Some(after.clone())),
                        Outcome::NotBegun => ("notBegun", None, None, None),
                        Outcome::Unknown => ("unknown", None, None, None),
                    };
                    ActionReport {
                        address: address.clone(),
                        verb: *verb,
                        outcome: outcome.to_owned(),
                        error,
                        hint,
                        after,
                    }
                })
                .collect(),
        }
    }
}

fn counts(tally: Tally) -> String {
    let Tally { done, failed, skipped, not_begun, unknown } = tally;
    let mut parts = vec![format!("{done} done")];
    for (count, word) in
        [(failed, "failed"), (skipped, "skipped"), (not_begun, "not begun"), (unknown, "with an unknown answer")]
    {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(", ")
}

fn entry(page: &mut Page, word: &str, address: &Address, verb: Verb, text: &str) {
    let what = format!("{verb} {}", address.in_system());
    let head = Text::default().and(&format!("{word:<7}"), Tone::Bad).and(&what, Tone::Plain);
    page.beside(&head, 0, &Text::default());
    page.beside(&Text::default(), 10, &Text::plain(&clean(text)));
}

fn failed(page: &mut Page, address: &Address, verb: Verb, error: &Error) {
    entry(page, "failed", address, verb, &error.under(address));
    if let Some(hint) = error.remedy() {
        page.beside(&Text::default(), 10, &Text::plain(&format!("hint: {}", clean(hint))));
    }
}

/// A report as a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// [`FORMAT_VERSION`]
    pub format_version: u32,
    /// The digest of the plan that was applied.
    pub digest: String,
    /// The counts.
    pub tally: Tally,
    /// What became of every action.
    pub actions: Vec<ActionReport>,
}

/// What became of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionReport {
    /// What it was about.
    pub address: Address,
    /// What was to be done.
    pub verb: Verb,
    /// `done`, `failed`, `skipped`, `notBegun` or `unknown`.
    pub outcome: String,
    /// Why it failed, causes included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What it needs that failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Address>,
}
