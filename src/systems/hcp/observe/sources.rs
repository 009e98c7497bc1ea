//! Values of secrets for the moment of a comparison: each source is read once, however often it is named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;

use super::super::desired::{Desired, Variable, VariableValue};
use crate::secret::{Secret, SecretRef, Secrets};

/// How many sources are read at a time: some are programs.
const AT_ONCE: usize = 8;

/// Sources, with what they gave once they were read.
#[derive(Default)]
pub(super) struct Sources {
    compared: BTreeMap<SecretRef, Option<Result<Arc<Secret>, String>>>,
    /// Those of which it only matters whether they can be read.
    tested: BTreeSet<SecretRef>,
}

impl Sources {
    /// A source that will be compared with something.
    pub(super) fn add(&mut self, source: &SecretRef) {
        self.compared.entry(source.clone()).or_default();
    }

    /// Every source of the spec that can be read without running anything: an apply that finds one unreadable has by
    /// then written half of what it was going to.
    pub(super) fn test_all(&mut self, want: &Desired) {
        let of_workspaces = want.workspaces.values().map(|workspace| (&workspace.variables, &workspace.notifications));
        let (variables, notifications): (Vec<_>, Vec<_>) = of_workspaces.unzip();
        let of_sets = want.variable_sets.values().map(|set| &set.variables);
        let of_projects = want.projects.values().map(|project| &project.notifications);
        let variables = variables.into_iter().chain(of_sets).flat_map(BTreeMap::values).filter_map(source_of);
        let notifications = notifications.into_iter().chain(of_projects).flat_map(BTreeMap::values);
        let of_notifications = notifications.flat_map(|notification| notification.destination.secrets());
        let quiet = |source: &&SecretRef| match source {
            SecretRef::Env(_) | SecretRef::File(_) => true,
            SecretRef::Command(_) => false,
        };
        self.tested.extend(variables.chain(of_notifications).filter(quiet).cloned());
    }

    pub(super) async fn read(self, secrets: &Secrets) -> Self {
        let Self { compared, mut tested } = self;
        tested.retain(|source| !compared.contains_key(source));
        let wanted = compared.into_keys().map(|source| (source, true)).chain(tested.into_iter().map(|it| (it, false)));
        let compared = futures::stream::iter(wanted)
            .map(|(source, kept)| async move {
                let value = secrets.read(&source).await.map_err(|error| error.to_string());
                // Nothing is kept of a value that is compared with nothing.
                let value = if kept { Some(value.map(Arc::new)) } else { value.err().map(Err) };
                (source, value)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        Self { compared, tested: BTreeSet::new() }
    }

    /// What a source gave.
    pub(super) fn value(&self, source: &SecretRef) -> Result<&Arc<Secret>, String> {
        match self.compared.get(source) {
            Some(Some(Ok(value))) => Ok(value),
            Some(Some(Err(cause))) => Err(cause.clone()),
            Some(None) | None => Err(format!("{source} was not read")),
        }
    }

    /// Those that could not be read, and why.
    pub(super) fn unreadable(&self) -> Vec<(SecretRef, String)> {
        let failed = |(source, value): (&SecretRef, &Option<Result<Arc<Secret>, String>>)| match value {
            Some(Err(cause)) => Some((source.clone(), cause.clone())),
            Some(Ok(_)) | None => None,
        };
        self.compared.iter().filter_map(failed).collect()
    }
}

fn source_of(variable: &Variable) -> Option<&SecretRef> {
    match &variable.value {
        VariableValue::Sensitive(source) => Some(source),
        VariableValue::Plain(_) => None,
    }
}
