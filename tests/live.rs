//! The stand-in for the Docker Engine and a real `dockerd`, held to one list of behaviours.
//!
//! Then this program's own work on a real engine: the life of a stack, its end at any moment, and where its token is.
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

#[path = "live/canary.rs"]
mod canary;

#[path = "live/docker.rs"]
mod docker;

#[path = "live/dockerd.rs"]
mod dockerd;

#[path = "live/events.rs"]
mod events;

#[path = "live/image.rs"]
mod image;

#[path = "live/killed.rs"]
mod killed;

mod lab;

#[path = "live/others.rs"]
mod others;

#[path = "live/program.rs"]
mod program;

#[path = "live/site.rs"]
mod site;

#[path = "live/stack.rs"]
mod stack;

#[path = "live/subject.rs"]
mod subject;

#[path = "live/wire.rs"]
mod wire;
