//! The stand-in for the Kubernetes API and a real API server, held to one list of behaviours.
//!
//! `RECONCILE_LIVE_KUBE=required` makes a missing server a failure; without it the real half is skipped with a line that says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

#[path = "live/kube/mod.rs"]
mod live;
