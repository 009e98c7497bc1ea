//! What the operator tells of a resource: Events, which are all that is ever heard of a failure.
//!
//! They go through the filter that every Go client has (client-go v0.34.1, `tools/record/events_cache.go`): of one object and type
//! 25 at once, then one in five minutes; the rest is never sent. The four events of a good turn use theirs up in minutes, and a
//! failure that repeats does the same with its own. That more than ten like texts are merged into one is left out.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{cluster::Cluster, resource::AgentPool};

/// How many events of an object and type are sent at once.
const BURST: u32 = 25;
/// After this long there is one more.
const REFILL: SignedDuration = SignedDuration::from_secs(300);
/// The name that the operator gives its recorder.
const SOURCE: &str = "AgentPoolController";
/// Names that are tried before an event is given up: an operator that was started anew begins with the same ones.
const MOST_NAMES: u32 = 100;

/// Whether an event tells of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    Normal,
    Warning,
}

impl Type {
    fn word(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What one process has told so far.
#[derive(Debug, Default)]
pub struct Recorder {
    buckets: BTreeMap<(String, Type), Bucket>,
    /// By uid, type, reason and message: the name of the event, and how often it was told.
    told: BTreeMap<(String, Type, String, String), (String, u64)>,
}

/// Room for events.
#[derive(Debug)]
struct Bucket {
    left: u32,
    since: Timestamp,
}

impl Bucket {
    fn take(&mut self, now: Timestamp) -> bool {
        let grown = now.duration_since(self.since).as_secs().max(0) / REFILL.as_secs();
        if grown > 0 {
            self.left = BURST.min(self.left.saturating_add(u32::try_from(grown).unwrap_or(BURST)));
            self.since = self
                .since
                .saturating_add(REFILL.saturating_mul(i32::try_from(grown).unwrap_or(i32::MAX)))
                .unwrap_or(now);
        }
        let is_free = self.left > 0;
        if self.left == BURST {
            self.since = now;
        }
        self.left = self.left.saturating_sub(1);
        is_free
    }
}

impl Recorder {
    /// Whether one more may be sent.
    fn admits(&mut self, uid: &str, kind: Type, now: Timestamp) -> bool {
        let bucket = self.buckets.entry((uid.to_owned(), kind)).or_insert(Bucket { left: BURST, since: now });
        bucket.take(now)
    }

    /// Tells something. What cannot be sent is lost, as it is for the operator.
    pub async fn tell(
        &mut self,
        cluster: &Cluster,
        pool: &AgentPool,
        (kind, reason, message): (Type, &str, &str),
        now: Timestamp,
    ) {
        let key = (pool.uid().to_owned(), kind, reason.to_owned(), message.to_owned());
        if !self.admits(pool.uid(), kind, now) {
            tracing::debug!(pool = pool.name(), reason, message, "an event is one too many");
            return;
        }
        let path = format!("/api/v1/namespaces/{}/events", pool.namespace());
        let at = seconds(now);
        if let Some((name, count)) = self.told.get_mut(&key) {
            let again = json!({ "count": *count + 1, "lastTimestamp": at, "message": message });
            match cluster.merge(&format!("{path}/{name}"), "manager", &again).await {
                Ok(_) => {
                    *count += 1;
                    return;
                }
                // It has outlived its hour, and is told as a new one.
                Err(cause) if cause.is_not_found() => {}
                Err(cause) => {
                    tracing::debug!(%cause, reason, "an event could not be told again");
                    return;
                }
            }
        }
        for number in 0..MOST_NAMES {
            let name = name(pool, now, number);
            match cluster.create(&path, "manager", &event(pool, &name, (kind, reason, message), at)).await {
                Ok(_) => {
                    self.told.insert(key, (name, 1));
                    return;
                }
                Err(cause) if cause.is_conflict() => {}
                Err(cause) => {
                    tracing::debug!(%cause, reason, "an event could not be told");
                    return;
                }
            }
        }
    }
}

/// The name of an event is that of its object and a time that no other event has.
fn name(pool: &AgentPool, now: Timestamp, number: u32) -> String {
    format!("{}.{:x}", pool.name(), now.as_nanosecond().saturating_add(i128::from(number)))
}

fn event(pool: &AgentPool, name: &str, (kind, reason, message): (Type, &str, &str), at: Timestamp) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": name, "namespace": pool.namespace() },
        "involvedObject": {
            "apiVersion": "app.terraform.io/v1alpha2",
            "kind": "AgentPool",
            "namespace": pool.namespace(),
            "name": pool.name(),
            "uid": pool.uid(),
            "resourceVersion": pool.resource_version(),
        },
        "type": kind.word(),
        "reason": reason,
        "message": message,
        "source": { "component": SOURCE },
        "reportingComponent": SOURCE,
        "reportingInstance": "",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    })
}

/// The API's times have no fraction.
pub fn seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_there_is_one_event_in_five_minutes() {
        let mut recorder = Recorder::default();
        let start: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        let told = (0..40).filter(|_| recorder.admits("u", Type::Warning, at(0))).count();
        assert_eq!(told, 25);
        assert!(!recorder.admits("u", Type::Warning, at(299)));
        assert!(recorder.admits("u", Type::Warning, at(300)));
        assert!(!recorder.admits("u", Type::Warning, at(301)));
        // Each type and each object has its own.
        assert!(recorder.admits("u", Type::Normal, at(301)));
        assert!(recorder.admits("v", Type::Warning, at(301)));
        let later = (0..40).filter(|_| recorder.admits("u", Type::Warning, at(86_400))).count();
        assert_eq!(later, 25);
    }
}
