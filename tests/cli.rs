//! The real binary, as a person runs it: whole outputs, exit codes, signals.
//!
//! The snapshots are in `tests/cli/snapshots`; `INSTA_UPDATE=always cargo test --test cli` makes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

#[path = "cli/applies.rs"]
mod applies;
#[path = "cli/checks.rs"]
mod checks;
#[path = "cli/clusters.rs"]
mod clusters;
#[path = "cli/docker.rs"]
mod docker;
#[path = "cli/ends.rs"]
mod ends;
#[path = "cli/helps.rs"]
mod helps;
#[path = "cli/plans.rs"]
mod plans;
#[path = "cli/releases.rs"]
mod releases;
#[path = "cli/stage.rs"]
mod stage;
#[cfg(unix)]
#[path = "cli/terminals.rs"]
mod terminals;
