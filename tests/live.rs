//! The stand-in for the Docker Engine and a real `dockerd`, held to one list of behaviours.
//!
//! `RECONCILE_LIVE_DOCKER=required` makes a missing engine a failure; without it the real half is skipped with a line that says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

#[path = "live/behaviour/mod.rs"]
mod behaviour;

#[path = "live/docker.rs"]
mod docker;

#[path = "live/dockerd.rs"]
mod dockerd;

#[path = "live/image.rs"]
mod image;

#[path = "live/subject.rs"]
mod subject;

#[path = "live/wire.rs"]
mod wire;
