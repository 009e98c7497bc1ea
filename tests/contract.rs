//! The stand-in for HCP Terraform, held to the words of others: the `OpenAPI` file, the documentation's samples, and what is known of
//! the service's behaviour.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

#[path = "contract/probe.rs"]
mod probe;

#[path = "contract/behaviour/mod.rs"]
mod behaviour;

#[path = "contract/description/mod.rs"]
mod description;

#[path = "contract/reference.rs"]
mod reference;

#[path = "contract/samples/mod.rs"]
mod samples;

#[path = "contract/suite.rs"]
mod suite;
