//! What stands between this program and a Docker Engine or a cluster, each with its cause and its remedy, as a reader sees it:
//! `tests/preflight/NAME.txt`. `RECONCILE_UPDATE=1 cargo test --test preflight` writes the texts anew; read their diff.
//!
//! The real binary against real sockets, made-up servers on loopback, and a made-up `ssh` on the PATH.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "preflight/answers.rs"]
mod answers;
#[path = "preflight/engines.rs"]
mod engines;
#[path = "preflight/kube.rs"]
mod kube;
#[path = "preflight/ssh.rs"]
mod ssh;
#[path = "preflight/stage.rs"]
mod stage;
#[path = "preflight/ways.rs"]
mod ways;
