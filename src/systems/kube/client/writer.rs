//! A client that changes things.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use zeroize::{Zeroize as _, Zeroizing};

use super::cluster::grant;
use super::line::{Ask, JSON};
use super::{Cluster, FIELD_MANAGER, Kind, Reader};
use crate::secret::Secret;
use crate::systems::kube::failure::{Failure, FailureKind};

/// A patch that says only what changes (RFC 7386).
const MERGE: &str = "application/merge-patch+json";

/// Clients that change things, by target. They go the ways that the reader has opened: a plan that was agreed to is about
/// what was found there.
#[derive(Debug, Default)]
pub struct Writers(BTreeMap<String, Result<Opened, Failure>>);

/// A cluster that may be written to, once it is known to be the one that the plan was made of.
#[derive(Debug)]
struct Opened {
    writer: Writer,
    same: OnceCell<()>,
}

impl Writers {
    /// Clients for all targets of a reader.
    #[must_use]
    pub fn new(reader: &Reader) -> Self {
        let opened = |cluster: Arc<Cluster>| Opened { writer: Writer(cluster), same: OnceCell::new() };
        Self(reader.shared().map(|(target, cluster)| (target.clone(), cluster.map(opened))).collect())
    }

    /// The cluster of a target, which is asked before the first write whether it is still the same.
    ///
    /// # Errors
    /// When it is another one, or cannot be reached.
    pub async fn cluster(&self, target: &str) -> Result<&Writer, Failure> {
        let Some(opened) = self.0.get(target) else { return Err(super::NO_TARGET.clone()) };
        let Opened { writer, same } = opened.as_ref().map_err(Clone::clone)?;
        same.get_or_try_init(|| writer.is_the_same()).await?;
        Ok(writer)
    }

    /// Writes whose answer is not known: under way, or given up.
    #[must_use]
    pub fn in_flight(&self) -> Vec<String> {
        self.0.values().flatten().flat_map(|opened| opened.writer.in_flight()).collect()
    }
}

/// A client that changes things in one cluster. After a failure that [`Failure::is_unheard`], look with
/// [`Cluster::get`] what became of it.
#[derive(Clone, Debug)]
pub struct Writer(Arc<Cluster>);

/// What became of an object that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone, or was before.
    Gone,
    /// It goes once its finalizers are done.
    Going,
}

impl Writer {
    /// On top of a client that reads.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>) -> Self {
        Self(cluster)
    }

    /// The client that reads.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.0
    }

    /// Writes whose answer is not known: under way, or given up.
    #[must_use]
    pub fn in_flight(&self) -> Vec<String> {
        self.0.line.in_flight()
    }

    /// The way still leads to the cluster that was looked at.
    async fn is_the_same(&self) -> Result<(), Failure> {
        let Some(seen) = self.0.known_as() else { return Ok(()) };
        let system = self.0.get(&Kind::NAMESPACE, None, "kube-system").await?;
        let now = system.as_ref().and_then(|system| system.pointer("/metadata/uid")).and_then(Value::as_str);
        if now == Some(seen) {
            return Ok(());
        }
        Err(Failure::of(
            FailureKind::Conflict { causes: Vec::new() },
            self.0.address(),
            "asking whether it is still the same cluster",
            format!("the plan is about the cluster {seen}, and {} answers there now", now.unwrap_or("another one")),
            "nothing was written there; look where the context leads, then make a new plan",
        ))
    }

    /// Applies an object as the manager [`FIELD_MANAGER`]; `force` takes fields away from others. What became of it, of a
    /// Secret only the metadata.
    ///
    /// # Errors
    /// When it was not taken, or nobody knows.
    pub async fn apply(&self, object: &Value, force: bool) -> Result<Value, Failure> {
        let (kind, ask) = self.0.applying(object, force, "applying")?;
        let answer = self.0.line.write(&ask).await?;
        self.0.object(&kind, &ask, &answer)
    }

    /// Applies a Secret with a value under this key.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub async fn apply_secret(
        &self,
        object: &Value,
        (key, secret): (&str, &Secret),
        force: bool,
    ) -> Result<Value, Failure> {
        let mut whole = object.clone();
        let encoded = Zeroizing::new(BASE64.encode(secret.expose().as_bytes()));
        whole["data"] = json!({ key: encoded.as_str() });
        let applied = self.apply(&whole, force).await;
        if let Some(Value::String(value)) = whole.pointer_mut("/data").and_then(|data| data.get_mut(key)) {
            value.zeroize();
        }
        applied
    }

    /// For how long something is waited for that this client began.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.0.line.policy().patience
    }

    /// Makes an object that must not be there yet.
    ///
    /// # Errors
    /// When it was not made, or nobody knows. [`FailureKind::AlreadyExists`]: somebody else did.
    pub async fn create(&self, kind: &Kind, object: &Value) -> Result<Value, Failure> {
        let (_, namespace, name) = self.0.identity(object)?;
        let namespace = namespace.as_deref();
        let query = vec![("fieldManager", FIELD_MANAGER.to_owned()), ("fieldValidation", "Strict".to_owned())];
        let ask = Ask {
            method: http::Method::POST,
            query,
            repeats: false,
            grant: grant("create", kind, namespace),
            ..Ask::get(kind.path(namespace, None), format!("making {}", kind.named(namespace, &name)))
        };
        let ask = ask.with_object(kind, object, JSON);
        let answer = self.0.line.write(&ask).await?;
        self.0.object(kind, &ask, &answer)
    }

    /// Deletes the object that has this uid, and no other one that came in its place.
    ///
    /// # Errors
    /// When it was not deleted, or nobody knows. [`FailureKind::Conflict`]: there is another object of that name.
    pub async fn delete(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        uid: &str,
    ) -> Result<Deleted, Failure> {
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": { "uid": uid },
            "propagationPolicy": "Background",
        });
        let path = kind.path(namespace, Some(name));
        let ask = Ask {
            method: http::Method::DELETE,
            body: Some((JSON, options.to_string().into_bytes())),
            accept: if kind.is_secret() { super::line::METADATA } else { JSON },
            grant: grant("delete", kind, namespace),
            ..Ask::get(path, format!("deleting {}", kind.named(namespace, name)))
        };
        match self.0.line.write(&ask).await {
            Ok(answer) => {
                let left: Value = self.0.read(&ask, &answer)?;
                let waits = left.pointer("/metadata/deletionTimestamp").is_some();
                Ok(if waits { Deleted::Going } else { Deleted::Gone })
            }
            Err(failure) if failure.kind == FailureKind::NotFound && !failure.unserved => Ok(Deleted::Gone),
            Err(failure) => Err(failure),
        }
    }

    /// Changes parts of an object's status.
    ///
    /// # Errors
    /// When it was not changed, or nobody knows.
    pub async fn patch_status(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        status: &Value,
    ) -> Result<Value, Failure> {
        let path = format!("{}/status", kind.path(namespace, Some(name)));
        let query = vec![("fieldManager", FIELD_MANAGER.to_owned()), ("fieldValidation", "Strict".to_owned())];
        let part = Kind { plural: format!("{}/status", kind.plural).into(), ..kind.clone() };
        let ask = Ask {
            method: http::Method::PATCH,
            query,
            body: Some((MERGE, json!({ "status": status }).to_string().into_bytes())),
            grant: grant("patch", &part, namespace),
            ..Ask::get(path, format!("changing the status of {}", kind.named(namespace, name)))
        };
        let answer = self.0.line.write(&ask).await?;
        self.0.object(kind, &ask, &answer)
    }
}
