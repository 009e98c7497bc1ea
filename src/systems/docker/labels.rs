//! Labels on what is ours, and those by which compose knows a stack.

use std::collections::BTreeMap;

use super::desired::container_name;
use super::observed::Container;
use crate::owner::FleetName;

/// Whose it is.
pub const FLEET: &str = "reconcile.dev/fleet";
/// What it was made of: an equal one needs no other container.
pub const DIGEST: &str = "reconcile.dev/digest";
/// The id of the token that it holds.
pub const TOKEN: &str = "reconcile.dev/token-id";
/// The pool that it works for.
pub const POOL: &str = "reconcile.dev/pool";
/// The volume that is filled through a container which is no agent and is never started.
pub const UPLOAD: &str = "reconcile.dev/upload";
/// The compose project that such a container is there for. Compose does not count it in.
pub const FOR_PROJECT: &str = "reconcile.dev/project";
/// The hash of what is in it.
pub const CONTENT: &str = "reconcile.dev/content";

/// Compose's: `docker compose ls`, `ps`, `logs` and `down` look for these
/// (`docker/compose` v5, `pkg/api/labels.go` and `pkg/compose/containers.go`).
pub const PROJECT: &str = "com.docker.compose.project";
/// The service.
pub const SERVICE: &str = "com.docker.compose.service";
/// Which of the service's containers.
pub const NUMBER: &str = "com.docker.compose.container-number";
/// Compose lists what has one, and compares it with its own: ours never fits, so that `up` makes the container anew.
const CONFIG_HASH: &str = "com.docker.compose.config-hash";
const ONEOFF: &str = "com.docker.compose.oneoff";
const VERSION: &str = "com.docker.compose.version";
const NETWORK: &str = "com.docker.compose.network";
const VOLUME: &str = "com.docker.compose.volume";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// What comes after the name of a container that is let finish. It is the lock between two runs.
pub const DRAINING: &str = "-draining";
/// The same where the one before was found, and somebody else has taken over: the lock between those who found it.
pub const DRAINING_AGAIN: &str = "-draining-again";
/// What comes after the name of a container that is about to take another one's place.
pub const NEXT: &str = "-next";

/// The volume that says that all of another one is there.
#[must_use]
pub fn marker_of(volume: &str) -> String {
    format!("{volume}.complete")
}

/// The volume that a marker speaks of.
#[must_use]
pub fn marked_by(marker: &str) -> Option<&str> {
    marker.strip_suffix(".complete")
}

/// The container through which a volume is filled: one for all who fill it.
#[must_use]
pub fn carrier_of(volume: &str) -> String {
    format!("{volume}-upload")
}

fn ours(fleet: &FleetName, project: &str) -> BTreeMap<String, String> {
    [
        (FLEET, fleet.as_str()),
        (MANAGED_BY, "reconcile"),
        (PROJECT, project),
        (VERSION, concat!("reconcile ", env!("CARGO_PKG_VERSION"))),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// Labels of a container, but for the one that says which token it holds.
#[must_use]
pub fn container(
    fleet: &FleetName,
    (project, service, number): (&str, &str, u32),
    pool: &str,
    digest: &str,
) -> BTreeMap<String, String> {
    let mut labels = ours(fleet, project);
    let number = number.to_string();
    let more = [
        (SERVICE, service),
        (NUMBER, &number),
        (ONEOFF, "False"),
        (CONFIG_HASH, digest),
        (DIGEST, digest),
        (POOL, pool),
    ];
    labels.extend(more.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
    labels
}

/// Labels of the network.
#[must_use]
pub fn network(fleet: &FleetName, project: &str) -> BTreeMap<String, String> {
    let mut labels = ours(fleet, project);
    labels.insert(NETWORK.to_owned(), "default".to_owned());
    labels
}

/// Labels of a volume that holds something of a hash.
#[must_use]
pub fn volume(fleet: &FleetName, project: &str, key: &str, hash: &str) -> BTreeMap<String, String> {
    let mut labels = ours(fleet, project);
    labels.insert(VOLUME.to_owned(), key.to_owned());
    labels.insert(CONTENT.to_owned(), hash.to_owned());
    labels
}

/// Labels of a container through which a volume is filled.
#[must_use]
pub fn upload(fleet: &str, project: &str, volume: &str) -> BTreeMap<String, String> {
    [(FLEET, fleet), (MANAGED_BY, "reconcile"), (UPLOAD, volume), (FOR_PROJECT, project)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// The fleet that a thing's labels name.
#[must_use]
pub fn is_ours(labels: &BTreeMap<String, String>, fleet: &FleetName) -> bool {
    labels.get(FLEET).is_some_and(|named| named == fleet.as_str())
}

impl Container {
    /// What a label says.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// The service and the number that it is one of.
    #[must_use]
    pub fn place(&self) -> Option<(&str, u32)> {
        Some((self.label(SERVICE)?, self.label(NUMBER)?.parse().ok()?))
    }

    /// The name that its agent has in HCP: no two containers that followed each other share one.
    #[must_use]
    pub fn agent_name(&self) -> Option<String> {
        Some(agent_name(&self.works_as(), self.label(TOKEN)?))
    }

    /// The name that it was made to work under. Its name now may have something behind it for the time of a change, or be
    /// one that somebody gave it by hand; its agent has that of the beginning in any case.
    #[must_use]
    pub fn works_as(&self) -> String {
        if let (Some(project), Some((service, number))) = (self.label(PROJECT), self.place()) {
            return container_name(project, service, number);
        }
        let base = [DRAINING, DRAINING_AGAIN, NEXT].into_iter().find_map(|end| self.name.strip_suffix(end));
        base.unwrap_or(&self.name).to_owned()
    }

    /// Somebody began to let it finish.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.name.ends_with(DRAINING) || self.name.ends_with(DRAINING_AGAIN)
    }
}

/// The name of an agent: its container's, and the last letters of its token's id.
#[must_use]
pub fn agent_name(container: &str, token: &str) -> String {
    let end: String = token.chars().rev().take(6).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{container}-{end}")
}
