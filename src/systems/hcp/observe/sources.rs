//! Values of secrets for the moment of a comparison: each source is read once, however often it is named.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;

use crate::secret::{Secret, SecretRef, Secrets};

/// How many sources are read at a time: some are programs.
const AT_ONCE: usize = 8;

/// Sources, with what they gave once they were read.
#[derive(Default)]
pub(super) struct Sources(BTreeMap<SecretRef, Option<Result<Arc<Secret>, String>>>);

impl Sources {
    /// A source that will be compared with something.
    pub(super) fn add(&mut self, source: &SecretRef) {
        self.0.entry(source.clone()).or_default();
    }

    pub(super) async fn read(self, secrets: &Secrets) -> Self {
        let read = futures::stream::iter(self.0.into_keys())
            .map(|source| async move {
                let value = secrets.read(&source).await;
                (source, Some(value.map(Arc::new).map_err(|error| error.to_string())))
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        Self(read)
    }

    /// What a source gave.
    pub(super) fn value(&self, source: &SecretRef) -> Result<&Arc<Secret>, String> {
        match self.0.get(source) {
            Some(Some(Ok(value))) => Ok(value),
            Some(Some(Err(cause))) => Err(cause.clone()),
            Some(None) | None => Err(format!("{source} was not read")),
        }
    }
}
