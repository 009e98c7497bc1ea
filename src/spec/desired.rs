//! What the spec means: every reference resolved, every default filled in, one part for each system.

use serde::{Deserialize, Serialize};

use crate::origin::Origins;
use crate::systems::hcp;

/// Everything that a fleet wants, by system. Destructured in `pipeline.rs`, so that a new system is a compile error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// HCP Terraform.
    pub hcp: hcp::desired::Desired,
    /// Where each field comes from; it explains a plan and decides nothing in it.
    pub origins: Origins,
}
