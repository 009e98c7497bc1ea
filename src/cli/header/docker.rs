//! What stands above a plan of Docker hosts: the way to each, and what was found there.

use crate::cli::session::Session;
use crate::plan::Read;
use crate::plan::show::{SystemLine, World};
use crate::systems::Observed;
use crate::systems::docker::client::Door;
use crate::systems::docker::observed::{Engine, Host};

/// A line for each host.
pub fn lines(session: &Session, observed: Option<&Observed>) -> Vec<SystemLine> {
    let targets = &session.fleet.desired.docker.targets;
    let line = |key: &String| {
        let host = observed.and_then(|observed| observed.docker.hosts.get(key));
        let what = match host {
            Some(Read::Seen(host)) => facts(&host.engine),
            Some(Read::Unread(gap)) if gap.expected => "is away, which it may be".to_owned(),
            Some(Read::Unread(_)) => "could not be looked at".to_owned(),
            Some(Read::NotAsked) | None => "was not looked at".to_owned(),
        };
        let facts = match session.access.docker.doors.get(key) {
            Some(Ok(door)) => format!("{}, {what}", way(door, &session.world)),
            Some(Err(_)) | None => "no way to it is known".to_owned(),
        };
        SystemLine { system: "docker".to_owned(), name: key.clone(), facts }
    };
    targets.keys().map(line).collect()
}

fn way(door: &Door, world: &World) -> String {
    let Door { way, from } = door;
    match world {
        World::Live => format!("{way} from {from}"),
        World::Sandbox(_) => way.to_string().trim_start_matches("tcp://").to_owned(),
    }
}

fn facts(engine: &Engine) -> String {
    let Engine { id: _, name: _, version, api: _, os, architecture: _, memory } = engine;
    let mut parts = vec![format!("engine {version}")];
    if os != "linux" {
        parts.push(os.clone());
    }
    parts.push(engine.platform().to_owned());
    if *memory > 0 {
        parts.push(format!("{} memory", size(*memory)));
    }
    parts.join(", ")
}

/// As a machine is sold: an engine counts a little less than that.
fn size(bytes: u64) -> String {
    match bytes.saturating_add(1 << 29) >> 30 {
        0 => format!("{} MB", bytes >> 20),
        gigabytes => format!("{gigabytes} GB"),
    }
}

/// Engines whose ids the spec does not have yet, as they can be put into it.
pub fn unpinned(session: &Session, observed: Option<&Observed>) -> Vec<String> {
    let targets = &session.fleet.desired.docker.targets;
    let pin = |(key, host): (&String, &Read<Host>)| {
        targets.get(key).filter(|target| target.engine_id.is_none() && !target.absent)?;
        let id = &host.seen()?.engine.id;
        (!id.is_empty()).then(|| format!("targets: {{ {key}: {{ identity: {{ engineId: {id:?} }} }} }}"))
    };
    observed.into_iter().flat_map(|observed| &observed.docker.hosts).filter_map(pin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_said_as_it_is_sold() {
        assert_eq!(size(8_231_112_704), "8 GB");
        assert_eq!(size(1_900_000_000), "2 GB");
        assert_eq!(size(400 << 20), "400 MB");
    }
}
