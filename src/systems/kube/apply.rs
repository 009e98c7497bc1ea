//! Sends one change to a cluster, and says what came of it.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::{Kind, Writer, Writers};
use super::failure::{Failure, FailureKind};
use super::plan::pool_id;
use super::request::{Apply, ApplySecret, Call, Request, Until};
use super::{labels, token_about, wire};
use crate::address::Address;
use crate::error::Error;
use crate::secret::Secrets;
use crate::systems::Made;

/// What is sent by whom.
struct Task<'a> {
    writer: &'a Writer,
    target: &'a str,
    secrets: &'a Secrets,
}

/// Why it came to nothing.
enum Stop {
    Failed(Failure),
    Because { cause: String, hint: String },
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Stop {
    fn because(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Because { cause: cause.into(), hint: hint.into() }
    }

    fn at(self, address: &Address) -> Error {
        match self {
            Self::Failed(failure) => {
                let hint = failure.remedy().to_owned();
                Error::new("applying").at(address).because(failure).hint(hint)
            }
            Self::Because { cause, hint } => Error::new("applying").at(address).because(cause).hint(hint),
        }
    }
}

/// Sends one request, and says what came of it.
///
/// # Errors
/// When the cluster cannot be reached, is another one, or does not do it.
pub async fn apply(writers: &Writers, request: &Request, address: &Address, secrets: &Secrets) -> Result<Made, Error> {
    let Request { target, call } = request;
    let writer = writers.cluster(target).await.map_err(|failure| Stop::from(failure.clone()).at(address))?;
    Task { writer, target, secrets }.perform(call).await.map_err(|stop| stop.at(address))
}

impl Task<'_> {
    async fn perform(&self, call: &Call) -> Result<Made, Stop> {
        match call {
            Call::Apply(apply) => self.apply(apply).await,
            Call::ApplySecret(apply) => {
                self.apply_secret(apply).await?;
                Ok(Made::default())
            }
            Call::Remove { api_version, kind, namespace, name, uid, unused: _ } => {
                let object = json!({ "apiVersion": api_version, "kind": kind });
                let kind = Kind::of(&object).ok_or_else(|| unknown(kind))?;
                self.remove(&kind, namespace.as_deref(), name, uid).await?;
                Ok(Made::default())
            }
        }
    }

    async fn apply(&self, apply: &Apply) -> Result<Made, Stop> {
        let Apply { object, force, ready: _, until, restarts: _ } = apply;
        self.send(&object.value, *force).await?;
        let kind = Kind::of(&object.value).ok_or_else(|| unknown(&object.kind))?;
        let (namespace, name) = (object.namespace.as_deref(), object.name.as_str());
        match until {
            Until::Accepted => Ok(Made::default()),
            Until::Established => {
                let there = |it: Option<&Value>| it.filter(|it| is_established(it)).map(|_| ());
                self.until(&kind, (namespace, name), there).await?.ok_or_else(|| {
                    Stop::because("the cluster does not serve it yet", "the next apply goes on when it does")
                })?;
                Ok(Made::default())
            }
            Until::Pooled => {
                let pooled = |it: Option<&Value>| pool_id(&wire::live(it?.clone())).map(str::to_owned);
                let Some(id) = self.until(&kind, (namespace, name), pooled).await? else {
                    return Err(self.no_pool(namespace, name).await);
                };
                Ok(Made { id: Some(id), credential: None })
            }
        }
    }

    /// Applies it. Where the answer was lost, once more: that comes to the same.
    async fn send(&self, object: &Value, force: bool) -> Result<(), Stop> {
        match self.writer.apply(object, force).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_unheard() => {
                self.writer.apply(object, force).await?;
                Ok(())
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn until<T>(
        &self,
        kind: &Kind,
        (namespace, name): (Option<&str>, &str),
        look: impl FnMut(Option<&Value>) -> Option<T>,
    ) -> Result<Option<T>, Stop> {
        let deadline = Instant::now() + self.writer.patience();
        Ok(self.writer.cluster().watch_until(kind, namespace, name, deadline, look).await?)
    }

    /// Why there is no pool: the resource itself does not say, but the events about it do.
    async fn no_pool(&self, namespace: Option<&str>, name: &str) -> Stop {
        let events = self.writer.cluster().list(&Kind::EVENT, namespace, None).await;
        let items = events.map(|listing| listing.items).unwrap_or_default();
        let about = |event: &&Value| {
            let object = &event["involvedObject"];
            object["kind"] == "AgentPool" && object["name"] == name && event["type"] == "Warning"
        };
        let last = items.iter().filter(about).max_by_key(|event| event["lastTimestamp"].as_str());
        let said = last.and_then(|event| event["message"].as_str()).unwrap_or("it says nothing of why");
        Stop::because(
            format!("the operator has not made a pool of it: {said}"),
            "`kubectl logs` of the operator says more; the next apply goes on once there is a pool",
        )
    }

    async fn apply_secret(&self, apply: &ApplySecret) -> Result<(), Stop> {
        let ApplySecret { fleet, object, key, value, force, ready: _ } = apply;
        let secret = self.secrets.read(value).await;
        let secret = Arc::new(secret.map_err(|error| Stop::because(error.to_string(), error.remedy()))?);
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let about = token_about(self.target, namespace);
        let fingerprint = self.secrets.fingerprints().of(fleet, &about, &secret).await;
        let Some(fingerprint) = fingerprint else {
            return Err(Stop::because("there is no memory for its fingerprint", "run it again with more memory"));
        };
        let mut whole = object.value.clone();
        whole["metadata"]["annotations"][labels::WITNESS] = json!(fingerprint.to_string());
        let sent = self.writer.apply_secret(&whole, (key, &secret), *force).await;
        match sent {
            Err(failure) if failure.is_unheard() => {
                self.writer.apply_secret(&whole, (key, &secret), *force).await?;
            }
            other => {
                other?;
            }
        }
        Ok(())
    }

    async fn remove(&self, kind: &Kind, namespace: Option<&str>, name: &str, uid: &str) -> Result<(), Stop> {
        match self.writer.delete(kind, namespace, name, uid).await {
            Ok(_) => {}
            Err(failure) if failure.is_unheard() => {}
            // Another one by now, which nobody has planned to remove.
            Err(failure) if matches!(failure.kind(), FailureKind::Conflict { .. }) => return Ok(()),
            Err(failure) => return Err(failure.into()),
        }
        let is_gone = |it: Option<&Value>| match it {
            Some(it) if it["metadata"]["uid"] == uid => None,
            Some(_) | None => Some(()),
        };
        self.until(kind, (namespace, name), is_gone).await?.ok_or_else(|| {
            Stop::because("it is being removed, and not gone yet", "the next apply goes on once it is gone")
        })
    }
}

fn unknown(kind: &str) -> Stop {
    Stop::because(format!("{kind} is no kind that is known here"), "please report it")
}

fn is_established(definition: &Value) -> bool {
    let conditions = definition["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|it| it["type"] == "Established" && it["status"] == "True")
}
