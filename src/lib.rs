//! `reconcile`: one declarative spec of an HCP Terraform fleet, and one program that makes the world match it.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

pub mod access;
pub mod address;
pub mod apply;
pub mod error;
pub mod origin;
pub mod owner;
pub mod plan;
pub mod report;
pub mod secret;
pub mod spec;
pub mod systems;
