//! What a container looks like: in a list, and alone.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::{
    call::{Answer, Call, Filters, Outcome, Refusal, instant},
    engine, images, networks, volumes,
};
use super::find;
use crate::sandbox::world::{Container, Engine, EnvironmentVariable, Mount, Status, World};

/// The newest first; only what runs, unless asked.
pub fn list(world: &World, call: &Call) -> Outcome {
    let filters = call.filters(&[
        "ancestor",
        "before",
        "exited",
        "expose",
        "health",
        "id",
        "is-task",
        "isolation",
        "label",
        "name",
        "network",
        "publish",
        "since",
        "status",
        "volume",
    ])?;
    let engine = engine(world, call)?;
    let all = call.flag("all") || filters.has("status") || filters.has("exited");
    let mut found: Vec<(&String, &Container)> = engine
        .containers
        .iter()
        .filter(|(_, container)| all || container.status.is_alive())
        .filter(|(id, container)| fits(engine, id, container, &filters))
        .collect();
    found.sort_by_key(|(id, container)| (std::cmp::Reverse(container.created_at), (*id).clone()));
    let limit = call.parameter("limit").and_then(|text| text.parse::<usize>().ok()).filter(|limit| *limit > 0);
    let found = found.into_iter().take(limit.unwrap_or(usize::MAX));
    let shown: Vec<Value> = found.map(|(id, container)| summary(engine, id, container, world.now)).collect();
    Ok(Answer::json(json!(shown)).into())
}

fn fits(engine: &Engine, id: &str, container: &Container, filters: &Filters) -> bool {
    let image = |word: &str| {
        container.image == word
            || container.image_id.ends_with(word)
            || images::find(engine, word).is_ok_and(|found| found == container.image_id)
    };
    filters.labels(&container.labels)
        && filters.any("id", |word| id.starts_with(word))
        && filters.any("name", |word| matches_name(word, &container.name))
        && filters.any("status", |word| container.status.word() == word)
        && filters.any("exited", |word| container.status == Status::Exited && word == container.exit_code.to_string())
        && filters.any("ancestor", image)
        && filters.any("network", |word| {
            container.networks.iter().any(|(name, endpoint)| name == word || endpoint.network.as_deref() == Some(word))
        })
        && filters
            .any("volume", |word| container.mounts.iter().any(|mount| mount.source == word || mount.target == word))
}

/// The engine reads a regular expression; anchors and plain text are what clients send.
fn matches_name(pattern: &str, name: &str) -> bool {
    let whole = format!("/{name}");
    let (from_start, rest) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
    let (to_end, rest) = rest.strip_suffix('$').map_or((false, rest), |rest| (true, rest));
    [name, whole.as_str()].iter().any(|name| match (from_start, to_end) {
        (true, true) => *name == rest,
        (true, false) => name.starts_with(rest),
        (false, true) => name.ends_with(rest),
        (false, false) => name.contains(rest),
    })
}

fn summary(engine: &Engine, id: &str, container: &Container, now: Timestamp) -> Value {
    let image_is_named = images::find(engine, &container.image).is_ok_and(|found| found == container.image_id);
    let mounts = container.mounts.iter().map(|mount| show_mount(mount, &container.host_config)).collect::<Vec<Value>>();
    json!({
        "Id": id,
        "Names": [format!("/{}", container.name)],
        "Image": if image_is_named { &container.image } else { &container.image_id },
        "ImageID": container.image_id,
        "Command": container.command().join(" "),
        "Created": container.created_at.as_second(),
        "Ports": [],
        "Labels": container.labels,
        "State": container.status.word(),
        "Status": status(container, now),
        "HostConfig": { "NetworkMode": container.host_config["NetworkMode"] },
        "NetworkSettings": { "Networks": networks::endpoints(engine, container, false) },
        "Mounts": mounts,
    })
}

fn status(container: &Container, now: Timestamp) -> String {
    let since = |at: Option<Timestamp>| human(at.map(|at| now.duration_since(at)).unwrap_or_default());
    match container.status {
        Status::Created => "Created".to_owned(),
        Status::Running => format!("Up {}", since(container.started_at)),
        Status::Restarting => format!("Restarting ({}) {} ago", container.exit_code, since(container.finished_at)),
        Status::Exited => format!("Exited ({}) {} ago", container.exit_code, since(container.finished_at)),
    }
}

/// A duration as `docker ps` says it.
fn human(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match (seconds, minutes, hours) {
        (..1, _, _) => "Less than a second".to_owned(),
        (1, _, _) => "1 second".to_owned(),
        (..60, _, _) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, ..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".to_owned(),
        (_, _, ..48) => format!("{hours} hours"),
        (_, _, ..336) => format!("{} days", hours / 24),
        (_, _, ..1440) => format!("{} weeks", hours / 24 / 7),
        (_, _, ..17520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

fn show_mount(mount: &Mount, host_config: &Value) -> Value {
    // The old form of a mount carries the mode that was written.
    let is_bind_form = host_config["Binds"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|bind| bind.split(':').nth(1) == Some(&mount.target));
    let mode = match (is_bind_form, mount.read_only) {
        (true, true) => "ro",
        _ if mount.kind == "volume" => "z",
        _ => "",
    };
    let mut shown = json!({ "Type": mount.kind });
    if mount.kind == "volume" {
        shown["Name"] = json!(mount.source);
        shown["Driver"] = json!("local");
        shown["Source"] = json!(volumes::mount_point(&mount.source));
    } else {
        shown["Source"] = json!(mount.source);
    }
    shown["Destination"] = json!(mount.target);
    shown["Mode"] = json!(mode);
    shown["RW"] = json!(!mount.read_only);
    shown["Propagation"] = json!(if mount.kind == "bind" { "rprivate" } else { "" });
    shown
}

/// Everything about one.
pub fn inspect(world: &World, call: &Call, name: &str) -> Outcome {
    let engine = engine(world, call)?;
    let id = find(engine, name)?;
    let container =
        engine.containers.get(&id).ok_or_else(|| Refusal::new(404, format!("No such container: {name}")))?;
    let command = container.command();
    let root = format!("/var/lib/docker/containers/{id}");
    let path = |file: &str| if container.started_at.is_some() { format!("{root}/{file}") } else { String::new() };
    let running = container.status == Status::Running;
    let mounts: Vec<Value> = container.mounts.iter().map(|mount| show_mount(mount, &container.host_config)).collect();
    let environment: Vec<String> = container.environment.iter().map(EnvironmentVariable::shown).collect();
    let mut config = container.config.clone();
    config["Env"] = if environment.is_empty() { Value::Null } else { json!(environment) };
    config["Labels"] = json!(container.labels);
    let networks = networks::endpoints(engine, container, true);
    let bridge = networks.get("bridge").cloned().unwrap_or_default();
    let of_bridge = |name: &str, empty: Value| bridge.get(name).cloned().unwrap_or(empty);
    let body = json!({
        "Id": id,
        "Created": instant(Some(container.created_at)),
        "Path": command.first(),
        "Args": command.get(1..).unwrap_or_default(),
        "State": {
            "Status": container.status.word(),
            "Running": container.status.is_alive(),
            "Paused": false,
            "Restarting": container.status == Status::Restarting,
            "OOMKilled": false,
            "Dead": false,
            "Pid": if running { 4242 } else { 0 },
            "ExitCode": container.exit_code,
            "Error": container.error,
            "StartedAt": instant(container.started_at),
            "FinishedAt": instant(container.finished_at),
        },
        "Image": container.image_id,
        "ResolvConfPath": path("resolv.conf"),
        "HostnamePath": path("hostname"),
        "HostsPath": path("hosts"),
        "LogPath": path(&format!("{id}-json.log")),
        "Name": format!("/{}", container.name),
        "RestartCount": container.restarts,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": null,
        "HostConfig": container.host_config,
        "GraphDriver": { "Data": null, "Name": "overlay2" },
        "Mounts": mounts,
        "Config": config,
        "NetworkSettings": {
            "Bridge": "", "SandboxID": "", "HairpinMode": false, "LinkLocalIPv6Address": "", "LinkLocalIPv6PrefixLen": 0,
            "Ports": {}, "SandboxKey": "", "SecondaryIPAddresses": null, "SecondaryIPv6Addresses": null,
            "EndpointID": of_bridge("EndpointID", json!("")), "Gateway": of_bridge("Gateway", json!("")),
            "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "IPAddress": of_bridge("IPAddress", json!("")),
            "IPPrefixLen": of_bridge("IPPrefixLen", json!(0)), "IPv6Gateway": "",
            "MacAddress": of_bridge("MacAddress", json!("")), "Networks": networks,
        },
    });
    Ok(Answer::json(body).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_those_of_docker_ps() {
        let said = |seconds| human(SignedDuration::from_secs(seconds));
        assert_eq!(said(0), "Less than a second");
        assert_eq!(said(59), "59 seconds");
        assert_eq!(said(100), "About a minute");
        assert_eq!(said(3 * 60), "3 minutes");
        assert_eq!(said(3600), "About an hour");
        assert_eq!(said(86_400 * 3), "3 days");
    }

    #[test]
    fn a_name_matches_with_and_without_its_slash() {
        assert!(matches_name("^/a1$", "a1"));
        assert!(matches_name("a", "a1"));
        assert!(!matches_name("^a$", "a1"));
    }
}
