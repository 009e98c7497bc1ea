//! What stands above a plan of clusters: the way to each, and what was found there.

use crate::cli::session::Session;
use crate::plan::Read;
use crate::plan::show::{SystemLine, World};
use crate::systems::Observed;
use crate::systems::kube::client::Door;
use crate::systems::kube::observed::{Cluster, Identity};

/// A line for each cluster.
pub fn lines(session: &Session, observed: Option<&Observed>) -> Vec<SystemLine> {
    let targets = &session.fleet.desired.kube.targets;
    let line = |key: &String| {
        let cluster = observed.and_then(|observed| observed.kube.clusters.get(key));
        let what = match cluster {
            Some(Read::Seen(cluster)) => facts(&cluster.identity, &session.world),
            Some(Read::Unread(gap)) if gap.expected => "is away, which it may be".to_owned(),
            Some(Read::Unread(_)) => "could not be looked at".to_owned(),
            Some(Read::NotAsked) | None => "was not looked at".to_owned(),
        };
        let facts = match session.access.kube.doors.get(key) {
            Some(Ok(door)) => way(door, &session.world).map_or_else(|| what.clone(), |way| format!("{way}, {what}")),
            Some(Err(_)) | None => "no way to it is known".to_owned(),
        };
        SystemLine { system: "kube".to_owned(), name: key.clone(), facts }
    };
    targets.keys().map(line).collect()
}

/// The way, where it is no stand-in: that has an address and nothing else.
fn way(door: &Door, world: &World) -> Option<String> {
    let Door { way, from } = door;
    match world {
        World::Live => Some(format!("{way} from {from}")),
        World::Sandbox(_) => None,
    }
}

fn facts(identity: &Identity, world: &World) -> String {
    let Identity { uid: _, version, address, nodes } = identity;
    let address = match world {
        World::Live => address.as_str(),
        World::Sandbox(_) => address.trim_start_matches("http://"),
    };
    let mut parts = vec![address.to_owned(), format!("Kubernetes {}", version.trim_start_matches('v'))];
    parts.extend(nodes.iter().map(|(architecture, count)| format!("{count} x {architecture}")));
    parts.join(", ")
}

/// Clusters whose uids the spec does not have yet, as they can be put into it.
pub fn unpinned(session: &Session, observed: Option<&Observed>) -> Vec<String> {
    let targets = &session.fleet.desired.kube.targets;
    let pin = |(key, cluster): (&String, &Read<Cluster>)| {
        targets.get(key).filter(|target| target.kube_system_uid.is_none() && !target.absent)?;
        let uid = &cluster.seen()?.identity.uid;
        (!uid.is_empty()).then(|| format!("targets: {{ {key}: {{ identity: {{ kubeSystemUid: {uid} }} }} }}"))
    };
    observed.into_iter().flat_map(|observed| &observed.kube.clusters).filter_map(pin).collect()
}
