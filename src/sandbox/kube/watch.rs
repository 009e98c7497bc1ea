//! Watches: what happens to objects, line by line, from a number on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    call::{Call, Refusal},
    read::{View, revision_of},
    select::Selection,
};
use crate::sandbox::world::{Change, Cluster};

/// A watch that nobody ended ends after so long: between 30 and 60 minutes on a real server.
const LONGEST: Duration = Duration::from_mins(30);

/// How far a watch is.
#[derive(Debug, Clone)]
pub struct Watch {
    view: View,
    selection: Selection,
    /// The last change that was looked at.
    seen: u64,
    /// What is said before any change.
    first: Vec<Value>,
    /// When it ends.
    until: Instant,
    /// Whether it says at its end how far it came.
    has_bookmarks: bool,
    /// Whether it ended for a reason that was said.
    is_over: bool,
}

impl Watch {
    /// From the number of a query, or from all that is there.
    pub fn new(cluster: &Cluster, call: &Call, view: View, selection: Selection) -> Result<Self, Refusal> {
        let asked = call.parameter("resourceVersion").map(revision_of).transpose()?.unwrap_or_default();
        let seconds = call.parameter("timeoutSeconds").and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let mut watch = Self {
            view,
            selection,
            seen: asked,
            first: Vec::new(),
            until: Instant::now() + seconds.unwrap_or(LONGEST).min(LONGEST),
            has_bookmarks: call.flag("allowWatchBookmarks"),
            is_over: false,
        };
        if call.flag("sendInitialEvents") || asked == 0 {
            let objects = cluster.all(&watch.view.resource.id()).filter(|(_, object)| watch.selection.holds(object));
            watch.first = objects.map(|(_, object)| event("ADDED", &watch.view.show(object))).collect();
            watch.seen = cluster.revision;
            if call.flag("sendInitialEvents") {
                watch.first.push(watch.bookmark(&json!({ "k8s.io/initial-events-end": "true" })));
            }
        } else if asked < cluster.oldest() {
            let text = format!("too old resource version: {asked} ({})", cluster.oldest());
            watch.first = vec![event("ERROR", &Refusal::new(410, "Expired", text).document())];
            watch.is_over = true;
        }
        Ok(watch)
    }

    fn bookmark(&self, annotations: &Value) -> Value {
        let mut metadata = json!({ "resourceVersion": self.seen.to_string() });
        if annotations.is_object() {
            metadata["annotations"] = annotations.clone();
        }
        event("BOOKMARK", &self.view.mark(&metadata))
    }

    /// What is to be said now, and whether that was the last of it.
    pub fn next(&mut self, cluster: &Cluster) -> (Vec<Value>, bool) {
        let mut lines = std::mem::take(&mut self.first);
        if self.is_over {
            return (lines, true);
        }
        if self.seen < cluster.oldest() {
            let text = "The resourceVersion for the provided watch is too old.";
            lines.push(event("ERROR", &Refusal::new(410, "Expired", text).document()));
            return (lines, true);
        }
        let id = self.view.resource.id();
        let changes = cluster.since(self.seen).filter(|change| change.resource == id);
        lines.extend(changes.filter_map(|change| self.tell(change)));
        self.seen = self.seen.max(cluster.revision);
        let is_over = Instant::now() >= self.until;
        if is_over && self.has_bookmarks {
            lines.push(self.bookmark(&Value::Null));
        }
        (lines, is_over)
    }

    /// A change in the eyes of who selects: what comes into the selection is new, what leaves it is gone.
    fn tell(&self, change: &Change) -> Option<Value> {
        let was_in = change.before.as_ref().is_some_and(|object| self.selection.holds(object));
        let now = change.after.as_ref().filter(|object| self.selection.holds(object));
        match (was_in, now) {
            (false, Some(object)) => Some(event("ADDED", &self.view.show(object))),
            (true, Some(object)) => Some(event("MODIFIED", &self.view.show(object))),
            (true, None) => {
                let last = change.last.as_ref().or(change.before.as_ref())?;
                let mut shown = self.view.show(last);
                shown["metadata"]["resourceVersion"] = json!(change.revision.to_string());
                Some(event("DELETED", &shown))
            }
            (false, None) => None,
        }
    }
}

fn event(kind: &str, object: &Value) -> Value {
    json!({ "type": kind, "object": object })
}
