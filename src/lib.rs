//! `reconcile`: one declarative spec of an HCP Terraform fleet, and one program that makes the world match it.
//!
//! ```text
//!   fleet.yaml | .json | .toml | Nix             access: how this process reaches the systems
//!          |  check: every finding at once,           |
//!          v         no network                       v
//!       Desired -----------------+           Readers (and, to apply, Writers)
//!          | what to look at     |                    |
//!          v                     |                    |
//!   HCP ---+ observe: few        | <------------------+
//!          | requests, gaps kept |
//!          v                     |       no secret value is ever in
//!       Observed ----------------+       Spec, Desired, Observed or Plan
//!                                |
//!                plan(Desired, Observed) -> Plan       pure, sync, deterministic
//!                                |
//!              show / digest <---+---> apply: in dependency order, values flow action -> action
//!                                               |
//!                                               v
//!                                            Report
//! ```
//!
//! Seven nouns: **spec, desired, observed, plan, action, report, secret.** Each has a module of its name, and each system
//! under [`systems`] has the same files: `wire`, `client`, `observe`, `plan`, `apply`. What to know beyond that:
//!
//! - A plan is data. Its only holes are [`plan::Later`]: values that another of its actions makes. The order of the actions
//!   is read off these and declared nowhere.
//! - What could not be read is a [`plan::Gap`] and never an absence; only [`plan::Listing::Complete`] says that something is
//!   gone.
//! - There is no state file. Whose a thing is, and what was last written to it, stands on the thing itself ([`owner`]).
//! - A secret's value lives in `apply`, and in `observe` for the moment of a comparison ([`secret`]).
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)
)]

pub mod access;
pub mod address;
pub mod apply;
pub mod cli;
pub mod error;
pub mod http;
pub mod origin;
pub mod owner;
pub mod pipeline;
pub mod plan;
pub mod report;
pub mod sandbox;
pub mod secret;
pub mod spec;
pub mod systems;
