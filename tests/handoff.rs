//! The way of a token from HCP to a container, interrupted: wherever a run dies, whichever answer is lost, whoever else
//! runs at the same time, it arrives, and no agent is cut off at work.
//!
//! One pool, one agent, one workspace, in every situation that an agent can be in; two stand-ins in one process, whose
//! writes are counted together. Time goes on while all this happens: a second of the sandbox in some milliseconds. What
//! must hold at every moment is looked at with each of these seconds.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]
// A whole lab is in each of them, and a few are under way at a time.
#![allow(clippy::large_futures)]

#[path = "handoff/fleets.rs"]
mod fleets;
mod lab;
#[path = "handoff/moments.rs"]
mod moments;
#[path = "handoff/pairs.rs"]
mod pairs;
#[path = "handoff/stage.rs"]
mod stage;
#[path = "handoff/walks.rs"]
mod walks;
#[path = "handoff/watch.rs"]
mod watch;
