//! The HCP Terraform operator: what its deployment consists of, as data.

pub mod options;

pub use options::{Options, Version};
