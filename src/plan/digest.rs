//! The digest of a plan: what a person approves, and what `--only-if` holds an apply to.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Action, Change, Plan, Shown, Verb};
use crate::address::Address;
use crate::systems::Request;

/// The version of the text that the digest is over.
const FORMAT: u32 = 2;

/// SHA-256 over the plan's actions: no times, counters, waits, places in files or secret values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Digest(String);

/// The fewest characters of a digest that stand for it.
const SHORTEST: usize = 12;

impl Digest {
    /// Whether a text can be one, or the beginning of one that is long enough.
    #[must_use]
    pub fn can_be(text: &str) -> bool {
        (SHORTEST..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// Whether a person's text means this digest: any beginning of it that is long enough.
    #[must_use]
    pub fn is_meant_by(&self, text: &str) -> bool {
        text.len() >= SHORTEST && self.0.starts_with(&text.to_ascii_lowercase())
    }

    /// As much of it as a person copies.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..SHORTEST]
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which systems a plan is for. The same actions elsewhere are another plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Site<'a> {
    /// The real systems, or stand-ins.
    pub world: &'a str,
    /// The organisation in HCP, by the spec's name.
    pub organization: &'a str,
}

/// The part of an action that is digested. Why it is done is left out: it names lines of the spec, which move.
#[derive(Serialize)]
struct Canonical<'a> {
    address: &'a Address,
    verb: Verb,
    changes: Vec<(&'a str, &'a Shown, &'a Shown)>,
    request: &'a Request,
}

impl Plan {
    /// The digest of what the plan does, and where.
    #[must_use]
    pub fn digest(&self, site: &Site<'_>) -> Digest {
        let Site { world, organization } = site;
        let mut hash = Sha256::new();
        // JSON, so that no name can end one line and begin the next.
        let head = serde_json::json!([FORMAT, self.fleet, world, organization]);
        hash.update(format!("reconcile plan {head}\n"));
        for (address, action) in &self.actions {
            let Action { verb, changes, why: _, request } = action;
            let canonical = Canonical {
                address,
                verb: *verb,
                changes: changes.iter().map(|Change { field, old, new, why: _ }| (field.as_str(), old, new)).collect(),
                request,
            };
            // Plain data with text keys always serialises.
            hash.update(serde_json::to_vec(&canonical).unwrap_or_default());
            hash.update(b"\n");
        }
        Digest(HEXLOWER.encode(&hash.finalize()))
    }
}
