//! The engine itself.

use serde_json::{Value, json};

use super::{
    call::{Answer, Call, Outcome, Payload, instant},
    engine, events,
};
use crate::sandbox::world::{Status, World};

/// The release that the stand-in follows.
const VERSION: &str = "20.10.24";
/// The kernel that it claims.
const KERNEL: &str = "5.10.55+";

/// Answers what is the engine's.
pub fn route(world: &World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET" | "HEAD", ["_ping"]) => Ok(ping(call).into()),
        ("GET", ["version"]) => version(world, call),
        ("GET", ["info"]) => info(world, call),
        ("GET", ["events"]) => events::route(world, call),
        ("GET", ["system", "df"]) => usage(world, call),
        _ => return None,
    };
    Some(outcome)
}

fn ping(call: &Call) -> Answer {
    let body = if call.method == "HEAD" { "" } else { "OK" };
    let mut answer = Answer::with(200, Payload::Text(body));
    answer.headers.push(("cache-control", "no-cache, no-store, must-revalidate".to_owned()));
    answer.headers.push(("pragma", "no-cache".to_owned()));
    answer
}

fn version(world: &World, call: &Call) -> Outcome {
    let engine = engine(world, call)?;
    let details = json!({
        "ApiVersion": engine.api_version, "Arch": engine.platform(), "BuildTime": "2023-04-04T18:16:57.000000000+00:00",
        "Experimental": "false", "GitCommit": "5d6db84", "GoVersion": "go1.19.7", "KernelVersion": KERNEL,
        "MinAPIVersion": "1.12", "Os": "linux",
    });
    let body = json!({
        "Platform": { "Name": "" },
        "Components": [{ "Name": "Engine", "Version": VERSION, "Details": details }],
        "Version": VERSION,
        "ApiVersion": engine.api_version,
        "MinAPIVersion": "1.12",
        "GitCommit": "5d6db84",
        "GoVersion": "go1.19.7",
        "Os": "linux",
        "Arch": engine.platform(),
        "KernelVersion": KERNEL,
        "BuildTime": "2023-04-04T18:16:57.000000000+00:00",
    });
    Ok(Answer::json(body).into())
}

fn info(world: &World, call: &Call) -> Outcome {
    let engine = engine(world, call)?;
    let count = |status: Status| engine.containers.values().filter(|container| container.status == status).count();
    let running = count(Status::Running) + count(Status::Restarting);
    let mut body = json!({
        "ID": engine.id,
        "Containers": engine.containers.len(),
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": engine.containers.len() - running,
        "Images": engine.images.len(),
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "btrfs"], ["Supports d_type", "true"], ["Native Overlay Diff", "true"]],
        "Plugins": {
            "Volume": ["local"], "Network": ["bridge", "host", "ipvlan", "macvlan", "null", "overlay"],
            "Authorization": null, "Log": ["json-file", "local", "syslog"],
        },
        "Debug": false,
        "SystemTime": instant(Some(world.now)),
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": "1",
        "NEventsListener": 0,
        "KernelVersion": KERNEL,
        "OperatingSystem": "Sandbox NAS",
        "OSVersion": "",
        "OSType": "linux",
        "Architecture": engine.architecture,
        "IndexServerAddress": "https://index.docker.io/v1/",
        "NCPU": 4,
        "MemTotal": engine.memory,
        "DockerRootDir": "/var/lib/docker",
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": engine.host,
        "Labels": [],
        "ExperimentalBuild": false,
        "ServerVersion": VERSION,
        "DefaultRuntime": "runc",
        "Swarm": { "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "", "RemoteManagers": null },
        "LiveRestoreEnabled": false,
        "Isolation": "",
        "SecurityOptions": ["name=seccomp,profile=default"],
        "Warnings": null,
    });
    for ability in [
        "MemoryLimit",
        "SwapLimit",
        "CpuCfsPeriod",
        "CpuCfsQuota",
        "CPUShares",
        "CPUSet",
        "PidsLimit",
        "IPv4Forwarding",
    ] {
        body[ability] = json!(true);
    }
    Ok(Answer::json(body).into())
}

/// How much lies where; details that nobody asks for are left out.
fn usage(world: &World, call: &Call) -> Outcome {
    let engine = engine(world, call)?;
    let images: u64 = engine.images.values().map(|image| image.size).sum();
    let body = json!({
        "LayersSize": images,
        "Images": Value::Null,
        "Containers": Value::Null,
        "Volumes": Value::Null,
        "BuildCache": Value::Null,
        "BuilderSize": 0,
    });
    Ok(Answer::json(body).into())
}
