//! The ways to the Docker Engines of a fleet.
//!
//! What names a target beats what does not: `--docker-host`, `RECONCILE_DOCKER_…`, the access files. What docker's users
//! have (`DOCKER_HOST`, contexts, the socket of this machine) names none, so it is looked at only where it can mean one
//! engine alone, or where the spec pins which one it must lead to.

mod here;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::Url;

use super::layers::{self, DockerLayers, Tls, Way as Said};
use super::{Environment, Flags, is_loopback, shown};
use crate::error::Error;
use crate::systems::docker::client::{Access, Door, NoDoor, Way};

/// Where an engine's socket is, unless somebody moved it.
const SOCKET: &str = "/var/run/docker.sock";

/// The forms of a way, for messages.
const FORMS: &str =
    "a way looks like ssh://nas, ssh://user@nas:22/path/to.sock, unix:///var/run/docker.sock or tcp://nas:2376";

/// Finds the ways to the engines of these targets; each comes with whether its engine is pinned. `beside` is the folder
/// of the spec. What is wrong with one way leaves the others alone: that target is then one which cannot be reached.
///
/// # Errors
/// When an access file cannot be read, or what was said is about no target.
pub fn docker(
    environment: &Environment,
    flags: &Flags,
    beside: &Path,
    targets: &BTreeMap<String, bool>,
) -> Result<Access, Error> {
    for (target, _) in &flags.docker_hosts {
        if !targets.contains_key(target) {
            return Err(unknown(target, targets));
        }
    }
    if targets.is_empty() {
        return Ok(Access::default());
    }
    unmistakable(environment, targets)?;
    let names: Vec<&str> = targets.keys().map(String::as_str).collect();
    let mut layered = layers::docker(environment, flags, beside, &names)?;
    let doors = targets.iter().map(|(target, pinned)| {
        let said = layered.remove(target).unwrap_or_default();
        (target.clone(), door(environment, target, said, targets.len() == 1 || *pinned))
    });
    Ok(Access { doors: doors.collect() })
}

/// The beginning of the variables about a target.
pub(super) fn variable(target: &str) -> String {
    format!("RECONCILE_DOCKER_{}", target.to_uppercase().replace('-', "_"))
}

fn unknown(target: &str, targets: &BTreeMap<String, bool>) -> Error {
    let known: Vec<&str> = targets.keys().map(String::as_str).collect();
    let cause = if known.is_empty() {
        "the fleet has no Docker target".to_owned()
    } else {
        format!("the fleet's Docker targets are {}", known.join(", "))
    };
    let about = if target.is_empty() { "…".to_owned() } else { format!("{target}=…") };
    Error::new(format!("reading --docker-host {about}")).because(cause).hint("write --docker-host TARGET=URL")
}

/// One variable must not speak of two targets.
fn unmistakable(environment: &Environment, targets: &BTreeMap<String, bool>) -> Result<(), Error> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for target in targets.keys() {
        let stem = variable(target);
        let is_set = ["HOST", "CONTEXT", "CERT_PATH"]
            .iter()
            .any(|word| environment.variable(&format!("{stem}_{word}")).is_some());
        if let Some(other) = known.insert(stem.clone(), target).filter(|_| is_set) {
            return Err(Error::new(format!("reading {stem}_…"))
                .because(format!("it could mean the target {other} or the target {target}"))
                .hint("say it in access.yaml, or with --docker-host"));
        }
    }
    Ok(())
}

fn no_door(cause: impl Into<String>, hint: impl Into<String>) -> NoDoor {
    NoDoor { cause: cause.into(), hint: hint.into() }
}

fn door(environment: &Environment, target: &str, said: DockerLayers, plain: bool) -> Result<Door, NoDoor> {
    let DockerLayers { way, socket, tls } = said;
    let socket = socket.as_deref();
    match way {
        Some(Said::Host { host, from }) => Ok(Door { way: way_of(&host, &from, socket, tls)?, from }),
        Some(Said::Context { context, from }) => {
            let (host, its_tls) = here::context(environment, &context, &from)?;
            let from = format!("context {context}, {from}");
            Ok(Door { way: way_of(&host, &from, socket, tls.or(its_tls))?, from })
        }
        None if plain => {
            let here::Found { host, from, tls: its_tls } = here::find(environment)?;
            Ok(Door { way: way_of(&host, &from, socket, tls.or(its_tls))?, from })
        }
        None => Err(no_door(
            "nothing says how to reach it: DOCKER_HOST, docker's contexts and the socket of this machine name no target, and are looked at only if the fleet has one Docker target, or pins the engine of this one",
            format!(
                "write `default: {{ docker: {{ {target}: {{ host: ssh://{target} }} }} }}` into access.yaml, or set {}_HOST",
                variable(target)
            ),
        )),
    }
}

/// A way as it is written. The socket is the one on the far side of ssh.
fn way_of(host: &str, from: &str, socket: Option<&Path>, tls: Option<Tls>) -> Result<Way, NoDoor> {
    let refused = |cause: &str, hint: &str| no_door(format!("using `{}` from {from}: {cause}", shown(host)), hint);
    if let Some(path) = host.strip_prefix("unix://") {
        return if path.starts_with('/') {
            Ok(Way::Socket(path.into()))
        } else {
            Err(refused("the path of a socket begins with /: unix:///var/run/docker.sock", FORMS))
        };
    }
    let url = Url::parse(host).map_err(|_| refused("it is no address of a Docker Engine", FORMS))?;
    if url.password().is_some() {
        return Err(refused(
            "a password in it would be seen by everybody",
            "give the host a key of yours: `ssh-copy-id`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused("it has more than a host, a port and a path", FORMS));
    }
    let name = url.host_str().filter(|name| !name.is_empty() && !name.starts_with('-'));
    let Some(name) = name else { return Err(refused("it names no host", FORMS)) };
    match url.scheme() {
        "ssh" => ssh(&url, name, socket).map_err(|cause| refused(cause, FORMS)),
        "tcp" => {
            if !url.path().trim_matches('/').is_empty() || !url.username().is_empty() {
                return Err(refused("it has more than a host and a port", FORMS));
            }
            let at = |port: u16| format!("{name}:{}", url.port().unwrap_or(port));
            match tls {
                Some(Tls { ca, cert, key }) => Ok(Way::Tls { host: at(2376), ca, cert, key }),
                None if is_loopback(&url) => Ok(Way::Loopback(at(2375))),
                None => Err(refused(
                    "without certificates on both sides whoever is on the way is root on that host",
                    "use ssh:// instead, or give `tls: { ca, cert, key }` (DOCKER_TLS_VERIFY and DOCKER_CERT_PATH)",
                )),
            }
        }
        "http" | "https" => Err(refused("it is written tcp://", "with certificates it is TLS")),
        _ => Err(refused("it is no kind of way that is known", FORMS)),
    }
}

fn ssh(url: &Url, name: &str, socket: Option<&Path>) -> Result<Way, &'static str> {
    let user = url.username();
    if user.contains('%') || user.starts_with('-') {
        return Err("the user's name has signs that do not belong there");
    }
    // ssh itself wants addresses without brackets.
    let name = name.trim_matches(['[', ']']);
    let path = url.path();
    Ok(Way::Ssh {
        destination: if user.is_empty() { name.to_owned() } else { format!("{user}@{name}") },
        port: url.port(),
        socket: match (path.trim_matches('/').is_empty(), socket) {
            // A colon would end the path where ssh reads it.
            (false, _) if path.contains([':', '%']) => {
                return Err("the path of the socket has signs that ssh cannot take");
            }
            (false, _) => PathBuf::from(path),
            (true, Some(socket)) => socket.to_owned(),
            (true, None) => PathBuf::from(SOCKET),
        },
    })
}

#[cfg(test)]
mod tests;
