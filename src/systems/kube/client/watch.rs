//! Waiting for something to become of an object.

use std::time::Duration;

use http_body_util::BodyExt as _;
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::cluster::{grant, shaped};
use super::line::{Ask, METADATA, Refused};
use super::{Cluster, Kind};
use crate::systems::kube::failure::{Failure, FailureKind};

/// For how long one watch is asked for. A connection that died without a word is noticed after a little more than that.
const ONE_WATCH: Duration = Duration::from_mins(2);

/// An event is not larger than an object, and etcd takes none above 1.5 MiB.
const LINE_LIMIT: usize = 8 << 20;

/// One line of a watch.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

/// How a watch came to its end.
enum End<T> {
    /// With what was waited for.
    Found(T),
    /// As it was bound to: it goes on from this version.
    Over(Option<String>),
    /// Nobody knows what was missed.
    Lost,
    /// Watching is not possible here.
    Refused(Failure),
}

impl Cluster {
    /// Waits until an object is as it is waited for: `look` is given each version of it, and `None` while there is none.
    /// `Ok(None)`: that did not come to be before the deadline.
    ///
    /// Where the cluster forbids watching, the object is read again and again.
    ///
    /// # Errors
    /// When the object cannot be read.
    pub async fn watch_until<T>(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        deadline: Instant,
        mut look: impl FnMut(Option<&Value>) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let policy = self.line.policy().clone();
        let mut pause = policy.shortest_pause;
        let mut can_watch = true;
        loop {
            let Ok(read) = timeout_at(deadline, self.get(kind, namespace, name)).await else { return Ok(None) };
            let object = read?;
            if let Some(found) = look(object.as_ref()) {
                return Ok(Some(found));
            }
            let mut version = object.as_ref().and_then(resource_version);
            while can_watch && Instant::now() < deadline {
                match self.watch(kind, namespace, name, version.take(), deadline, &mut look).await {
                    End::Found(found) => return Ok(Some(found)),
                    End::Over(Some(last)) => {
                        pause = policy.shortest_pause;
                        version = Some(last);
                    }
                    End::Over(None) | End::Lost => break,
                    End::Refused(failure) => {
                        tracing::debug!(%failure, "reading in place of watching");
                        can_watch = false;
                    }
                }
            }
            if Instant::now() + pause >= deadline {
                // One last look, at the end of the time that there is.
                tokio::time::sleep_until(deadline).await;
                return Ok(look(self.get(kind, namespace, name).await?.as_ref()));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(policy.longest_pause);
        }
    }

    /// One watch.
    async fn watch<T>(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        mut version: Option<String>,
        deadline: Instant,
        look: &mut impl FnMut(Option<&Value>) -> Option<T>,
    ) -> End<T> {
        let ask = watching(kind, namespace, name, version.as_deref(), deadline);
        // A server ends a watch by itself; one that does not is given up a little later.
        let limit = deadline.min(Instant::now() + ONE_WATCH + self.line.policy().request_timeout);
        let Ok(answer) = timeout_at(limit, self.line.open(&ask)).await else { return End::Lost };
        let Ok((response, generation)) = answer else { return End::Lost };
        let status = response.status().as_u16();
        if status != 200 {
            let refused = Refused { status, body: &[], audit_id: None, pause: None, generation };
            let failure = self.line.refused(&ask, refused).await;
            return match failure.kind {
                FailureKind::Denied | FailureKind::NotFound | FailureKind::Invalid { .. } => End::Refused(failure),
                _ => End::Lost,
            };
        }
        let mut lines = Lines { body: response.into_body(), rest: Vec::new() };
        loop {
            let line = match timeout_at(limit, lines.next()).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None)) => return End::Over(version),
                Ok(Err(())) | Err(_) => return End::Lost,
            };
            let Ok(Event { kind: event, object }) = serde_json::from_slice(&line) else { return End::Lost };
            let seen = resource_version(&object);
            match event.as_str() {
                "BOOKMARK" => {}
                "ADDED" | "MODIFIED" => {
                    if let Some(found) = look(Some(&shaped(kind, object))) {
                        return End::Found(found);
                    }
                }
                "DELETED" => {
                    if let Some(found) = look(None) {
                        return End::Found(found);
                    }
                }
                // Such as 410: that version is forgotten.
                _ => return End::Lost,
            }
            version = seen.or(version);
        }
    }
}

/// The request for one object's events.
fn watching(kind: &Kind, namespace: Option<&str>, name: &str, version: Option<&str>, deadline: Instant) -> Ask {
    let left = deadline.saturating_duration_since(Instant::now()).min(ONE_WATCH);
    let mut query = vec![
        ("watch", "true".to_owned()),
        ("fieldSelector", format!("metadata.name={name}")),
        ("allowWatchBookmarks", "true".to_owned()),
        ("timeoutSeconds", left.as_secs().max(1).to_string()),
    ];
    // Without one, a watch begins with what there is.
    query.extend(version.map(|version| ("resourceVersion", version.to_owned())));
    let ask = Ask::get(kind.path(namespace, None), format!("watching {}", kind.named(namespace, name)));
    let accept = if kind.is_secret() { METADATA } else { ask.accept };
    Ask { query, accept, grant: grant("watch", kind, namespace), ..ask }
}

fn resource_version(object: &Value) -> Option<String> {
    object.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned)
}

/// A body, line by line.
struct Lines {
    body: Body,
    rest: Vec<u8>,
}

impl Lines {
    /// The next line that is whole; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, ()> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let rest = self.rest.split_off(end + 1);
                return Ok(Some(std::mem::replace(&mut self.rest, rest)));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.rest.extend_from_slice(frame.data_ref().map_or(&[], |chunk| chunk)),
                // What is left is no whole line.
                None => return Ok(None),
                Some(Err(_)) => return Err(()),
            }
            if self.rest.len() > LINE_LIMIT {
                return Err(());
            }
        }
    }
}
