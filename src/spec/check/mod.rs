//! What can be said of a spec without a network: one file for each family of rules.

mod agents;
mod cycles;
mod kube;
mod names;
mod notifications;
mod ownership;
mod render;
mod secrets;
mod settings;
mod tags;
mod unchecked;
mod unused;
mod variables;

pub use render::{Style, render};

use super::finding::{Finding, Rule, Severity};
use super::model::{Accept, Workspace};
use super::resolve::Fleet;

/// How a spec is checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// The environment variable `CI` is set.
    pub ci: bool,
    /// `--allow-commands`: commands as sources of secrets are run even there.
    pub allow_commands: bool,
}

/// Holds a fleet to every rule. Returns what could not be checked without a network.
pub(super) fn run(fleet: &Fleet<'_>, options: CheckOptions, findings: &mut Vec<Finding>) -> Vec<String> {
    names::check(fleet, findings);
    tags::check(fleet, findings);
    settings::check(fleet, findings);
    variables::check(fleet, findings);
    notifications::check(fleet, findings);
    secrets::check(fleet, options, findings);
    agents::check(fleet, findings);
    kube::check(fleet, findings);
    ownership::check(fleet, findings);
    cycles::check(fleet, findings);
    unused::check(fleet, findings);
    unchecked::list(fleet)
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

/// `1 workspace`, `3 workspaces`
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
