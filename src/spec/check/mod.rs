//! What can be said of a spec without a network: one file for each family of rules.

use super::finding::{Finding, Rule, Severity};
use super::model::{Accept, Workspace};

/// How a spec is checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// The environment variable `CI` is set.
    pub ci: bool,
    /// `--allow-commands`: commands as sources of secrets are run even there.
    pub allow_commands: bool,
}

/// Turns what a workspace accepts into a lasting warning.
pub(super) fn accepted(workspace: &Workspace, mut finding: Finding) -> Finding {
    let reason = match &workspace.accept {
        Some(Accept::All(reason)) if Rule::ACCEPTABLE.contains(&finding.rule) => Some(reason),
        Some(Accept::Some(rules)) => rules.get(&finding.rule),
        _ => None,
    };
    if let Some(reason) = reason {
        finding.severity = Severity::Warning;
        finding.accepted = Some(reason.value.clone());
        finding.remedy = None;
    }
    finding
}
