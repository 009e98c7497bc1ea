//! Where runs go, which HCP spells differently for workspaces and projects.

use serde::Deserialize;

use super::super::PoolId;
use super::super::observed::{Mode, SeenPlacement};

/// Which settings are a thing's own and which are inherited. Projects call the first `default-execution-mode` in the
/// `OpenAPI` file and `execution-mode` in the documentation's samples.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Overwrites {
    /// The mode.
    #[serde(alias = "default-execution-mode")]
    pub execution_mode: Option<bool>,
}

/// A mode in HCP's word, with its pool.
#[must_use]
pub fn mode(word: &str, pool: Option<&str>) -> Mode {
    match word {
        "agent" => Mode::Agent(pool.map(|id| PoolId(id.to_owned()))),
        "remote" => Mode::Remote,
        "local" => Mode::Local,
        other => Mode::Other(other.to_owned()),
    }
}

/// A placement. A server that says nothing of overwriting knows no inheritance, so that what it says is the thing's own.
#[must_use]
pub fn placement(mode: Mode, overwrites: Option<&Overwrites>) -> SeenPlacement {
    SeenPlacement { mode, own: overwrites.and_then(|overwrites| overwrites.execution_mode).unwrap_or(true) }
}
