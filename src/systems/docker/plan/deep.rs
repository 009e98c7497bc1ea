//! How a container differs inside from what it is to be: what no list shows. Nothing is known of it, and nothing differs,
//! unless a deep look was asked for.

use std::collections::BTreeMap;

use super::super::desired::Log;
use super::super::labels;
use super::super::observed::{Container, Details};
use super::blueprint::Blueprint;
use super::{Planner, change};
use crate::address::Address;
use crate::plan::{Cause, Change, Read, Shown, Why};

/// Says what differs.
struct Comparison {
    why: Why,
    changes: Vec<Change>,
}

impl Planner<'_, '_> {
    pub(super) fn differs_inside(&self, pool: &Address, container: &Container, blueprint: &Blueprint) -> Vec<Change> {
        let Some(details) = self.host.details.get(&container.id).and_then(Read::seen) else { return Vec::new() };
        // One that was made of something else was made as the spec then was.
        let made_of_the_same = container.label(labels::DIGEST) == Some(&blueprint.digest);
        let why = if made_of_the_same {
            Why { cause: Cause::Drift, origin: None }
        } else {
            self.why(Cause::Spec, pool, "agents")
        };
        let mut comparison = Comparison { why, changes: Vec::new() };
        comparison.compare(details, blueprint);
        comparison.changes
    }
}

/// `2 GiB`, and the bytes where they make no round number.
fn size(bytes: u64) -> String {
    [("GiB", 1 << 30), ("MiB", 1 << 20)]
        .into_iter()
        .find(|(_, unit)| bytes.is_multiple_of(*unit))
        .map_or_else(|| format!("{bytes} bytes"), |(word, unit)| format!("{} {word}", bytes / unit))
}

impl Comparison {
    fn compare(&mut self, details: &Details, blueprint: &Blueprint) {
        let Details { environment, restart, stop_timeout, memory, nanocpus, log, writable, aliases } = details;
        self.variables("environment", environment, &blueprint.environment);
        let restarts = if blueprint.always { "unless-stopped" } else { "no" };
        self.texts("restart policy", Some(restart.clone()), Some(restarts.to_owned()));
        let seconds = |seconds: u64| format!("{seconds} s");
        self.texts("stop timeout", stop_timeout.map(seconds), Some(seconds(blueprint.stop_timeout)));
        self.texts("memory", memory.map(size), blueprint.memory.map(size));
        let cpus = |billionths: u64| {
            let text = format!("{}.{:09}", billionths / 1_000_000_000, billionths % 1_000_000_000);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        let wanted = blueprint.millicpus.map(|millicpus| u64::from(millicpus) * 1_000_000);
        self.texts("cpus", nanocpus.map(cpus), wanted.map(cpus));
        // What the engine does by default is its owner's to say.
        if let Some(Log { driver, options }) = &blueprint.log {
            self.texts("log driver", Some(log.driver.clone()), Some(driver.clone()));
            self.variables("log option", &log.options, options);
            for key in log.options.keys().filter(|key| !options.contains_key(*key)) {
                self.texts(&format!("log option {key}"), log.options.get(key).cloned(), None);
            }
        }
        for path in blueprint.mounts.keys().filter(|path| writable.contains(*path)) {
            self.texts(path, Some("writable".to_owned()), Some("read-only".to_owned()));
        }
        if !aliases.is_empty() {
            let names = super::joined(aliases.iter().map(String::as_str));
            self.texts("network aliases", Some(names), None);
        }
    }

    fn variables(&mut self, of: &str, seen: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) {
        for (name, value) in wanted {
            self.texts(&format!("{of} {name}"), seen.get(name).cloned(), Some(value.clone()));
        }
    }

    fn texts(&mut self, field: &str, seen: Option<String>, wanted: Option<String>) {
        if seen != wanted {
            let shown = |text: Option<String>| text.map_or(Shown::Nothing, Shown::text);
            self.changes.push(change(field, shown(seen), shown(wanted), &self.why));
        }
    }
}
