//! Sources of secrets. None is resolved here.

use super::super::finding::{Finding, Rule};
use super::super::model::{SecretSource, TokenWish, WishedValue};
use super::super::resolve::Fleet;
use super::CheckOptions;
use super::variables::each;
use crate::secret::SecretRef;

pub(super) fn check(fleet: &Fleet<'_>, options: CheckOptions, findings: &mut Vec<Finding>) {
    if !options.ci || options.allow_commands {
        return;
    }
    for source in all(fleet) {
        if matches!(source.source, SecretRef::Command(_)) {
            findings.push(
                Finding::error(Rule::SecretCommand, source.at, "a secret comes from a command, and CI is set")
                    .note("whoever can change the spec in a pull request could run anything there")
                    .remedy(
                        "add --allow-commands if only trusted people start this, or take the secret from env or file",
                    ),
            );
        }
    }
}

/// Every reference to a secret.
pub(super) fn all<'f>(fleet: &'f Fleet<'_>) -> impl Iterator<Item = &'f SecretSource> {
    let of_workspaces = fleet.workspaces.iter().filter_map(|workspace| workspace.wish.variables.as_ref());
    let of_sets = fleet.spec.variable_sets.iter().filter_map(|(_, _, set)| set.variables.as_ref());
    let of_variables = of_workspaces.chain(of_sets).flat_map(each).filter_map(|(_, _, _, wish)| match &wish.value {
        WishedValue::Sensitive(source) => Some(source),
        WishedValue::Plain(_) | WishedValue::Hcl(_) => None,
    });
    let of_notifications =
        fleet.spec.notify.iter().flat_map(|(_, _, notify)| notify.url.iter().chain(notify.token.iter()));
    let of_operators = fleet.spec.targets.iter().filter_map(|(_, _, target)| {
        match target.kubernetes.as_ref().and_then(|cluster| cluster.token.as_ref()) {
            Some(TokenWish::Value(source)) => Some(source),
            Some(TokenWish::Existing(_) | TokenWish::External(_)) | None => None,
        }
    });
    of_variables.chain(of_notifications).chain(of_operators)
}
