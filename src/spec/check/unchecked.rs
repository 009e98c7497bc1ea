//! What cannot be known without a network, or without the secrets, said in words.

use std::collections::BTreeSet;

use super::super::model::NotifyType;
use super::super::resolve::Fleet;
use super::{counted, secrets};
use crate::secret::SecretRef;

pub(super) fn list(fleet: &Fleet<'_>) -> Vec<String> {
    let mut unchecked = Vec::new();
    let mut connections = BTreeSet::new();
    let mut versions = BTreeSet::new();
    for workspace in &fleet.workspaces {
        connections.extend(workspace.vcs(|vcs| vcs.connection.as_ref()).map(|(connection, _)| connection.as_str()));
        let version = workspace.said(|common| common.terraform_version.as_ref());
        versions.extend(version.map(|(version, _)| version.value.0.as_str()));
    }
    let names = |set: &BTreeSet<&str>| set.iter().copied().collect::<Vec<_>>().join(", ");
    match connections.len() {
        0 => {}
        1 => unchecked.push(format!("the VCS connection {}", names(&connections))),
        count => unchecked.push(format!("{count} VCS connections ({})", names(&connections))),
    }
    let real = |source: &&SecretRef| **source != SecretRef::Env(String::new());
    let secrets: BTreeSet<_> = secrets::all(fleet).map(|source| &source.source).filter(real).collect();
    if !secrets.is_empty() {
        // No matter of the network: who checks a spec need not be who can read its secrets.
        unchecked.push(format!("{} (read by `plan`)", counted(secrets.len(), "secret")));
    }
    if !versions.is_empty() {
        unchecked.push(format!("terraform {}", names(&versions)));
    }
    let mail = fleet.spec.notify.iter().any(|(_, _, notify)| {
        notify.r#type.value == NotifyType::Email && notify.users.as_ref().is_some_and(|users| !users.is_empty())
    });
    if mail {
        unchecked.push("users of mail notifications".to_owned());
    }
    unchecked.push("entitlements".to_owned());
    unchecked
}
