//! The fleet that a run is about, and how its systems are reached.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::arguments::Globals;
use super::check;
use super::exit::Exit;
use super::output::Output;
use crate::access::{self, Environment, Flags};
use crate::error::Error;
use crate::http::Policy;
use crate::pipeline::Access;
use crate::plan::show::World;
use crate::sandbox::world::Clear;
use crate::sandbox::{Attachment, ClusterAccess, ClusterSeed, Connection, EngineSeed, Sandbox, Seed};
use crate::secret::{Secret, Secrets};
use crate::spec::desired::Desired;
use crate::spec::{self, CheckOptions, Loaded};
use crate::systems::docker::client::{Door, NoDoor, Way};
use crate::systems::hcp::desired::{Destination, Tier};
use crate::systems::kube::chart::{self, Lock};
use crate::systems::kube::desired::Token;
use crate::systems::{docker, hcp, kube};

/// A spec without errors.
#[derive(Debug)]
pub struct Fleet {
    /// Its files.
    pub files: Vec<PathBuf>,
    /// What it means.
    pub desired: Desired,
}

/// A fleet whose systems can be reached.
#[derive(Debug)]
pub struct Session {
    /// The fleet.
    pub fleet: Fleet,
    /// The real systems or stand-ins.
    pub world: World,
    /// How they are reached.
    pub access: Access,
    /// How secrets are read.
    pub secrets: Secrets,
    /// HCP's host.
    pub host: String,
    /// Where the token is from; the sandbox has its own.
    pub token_from: Option<String>,
    /// The profile of the access file.
    pub profile: Option<String>,
    /// The stand-in, if this process serves it: it lives as long as the session.
    pub _server: Option<Sandbox>,
}

/// The files of the spec: those that are given, else `RECONCILE_SPEC`, else `fleet.{yaml,json,toml}` here.
pub fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    if let Some(paths) = std::env::var_os("RECONCILE_SPEC").filter(|paths| !paths.is_empty()) {
        return Ok(std::env::split_paths(&paths).collect());
    }
    let here: Vec<PathBuf> = ["fleet.yaml", "fleet.json", "fleet.toml"]
        .into_iter()
        .map(PathBuf::from)
        .filter(|file| file.exists())
        .collect();
    match here.as_slice() {
        [_] => Ok(here),
        [] => Err(Error::new("looking for the spec")
            .because("no file was given, RECONCILE_SPEC is not set, and there is no fleet.yaml, fleet.json or fleet.toml here")
            .hint("name the file, or write a first one with `reconcile init`")),
        several => Err(Error::new("looking for the spec")
            .because(format!("there are {}", names(several)))
            .hint("name the one that is meant, or both in the order in which they are merged")),
    }
}

/// Files as a person names them.
pub fn names(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" + ")
}

/// What a check may take for granted.
pub fn options(globals: &Globals) -> CheckOptions {
    CheckOptions {
        ci: std::env::var_os("CI").is_some_and(|value| !value.is_empty()),
        // In the sandbox no command is run, so there is nothing to forbid.
        allow_commands: globals.allow_commands || globals.sandbox.is_some(),
    }
}

/// Loads and checks the spec; its findings go beside the result.
pub fn load(given: &[PathBuf], globals: &Globals, output: Output) -> Result<Result<Fleet, Exit>, Error> {
    let files = files(given)?;
    let loaded = spec::load(&files, &options(globals));
    Ok(sound(files, loaded, output))
}

/// The fleet of a spec that was loaded, if there is no error in it; its findings go beside the result.
pub fn sound(files: Vec<PathBuf>, loaded: Loaded, output: Output) -> Result<Fleet, Exit> {
    let Loaded { spec: _, desired, findings, unchecked: _ } = loaded;
    let Some(desired) = desired else {
        output.note(&check::text(&findings, &[], output.colored_notes(), Exit::Refused));
        return Err(Exit::Refused);
    };
    if findings.unaccepted_warnings() > 0 {
        output.note(&check::text(&findings, &[], output.colored_notes(), Exit::Converged));
    }
    Ok(Fleet { files, desired })
}

impl Session {
    /// Finds out how to reach the systems of a fleet, or starts their stand-ins.
    pub async fn open(fleet: Fleet, globals: &Globals) -> Result<Self, Error> {
        match &globals.sandbox {
            Some(directory) => Self::in_sandbox(fleet, directory.as_deref()).await,
            None => Self::live(fleet, globals).await,
        }
    }

    async fn live(fleet: Fleet, globals: &Globals) -> Result<Self, Error> {
        let flags = Flags {
            profile: globals.profile.clone(),
            hcp_address: globals.hcp_address.clone(),
            hcp_token_file: globals.hcp_token_file.clone(),
            docker_hosts: globals.docker_hosts.clone(),
            kube_contexts: globals.kube_contexts.clone(),
            commands: globals.allow_commands || std::env::var_os("CI").is_none_or(|value| value.is_empty()),
        };
        let beside = folder(&fleet.files);
        let environment = Environment::real();
        let found = access::hcp(&environment, &flags, &beside).await?;
        let targets = &fleet.desired.docker.targets;
        let pinned = targets.iter().map(|(key, target)| (key.clone(), target.engine_id.is_some())).collect();
        let docker = access::docker(&environment, &flags, &beside, &pinned)?;
        let clusters = &fleet.desired.kube.targets;
        let pinned = clusters.iter().map(|(key, target)| (key.clone(), target.kube_system_uid.is_some())).collect();
        let ways = access::kubernetes(&environment, &flags, &beside, &pinned)?;
        let charts = kube::client::Charts { lock: lock(&beside)?, folder: beside.clone(), ..Default::default() };
        let kube = kube::client::Access { charts, ..ways };
        Ok(Self {
            world: World::Live,
            host: found.host,
            token_from: Some(found.token_from),
            profile: found.profile,
            secrets: Secrets::real(beside, flags.commands),
            access: Access {
                hcp: hcp::client::Access {
                    address: found.address,
                    token: found.token,
                    ca: found.ca,
                    organization: fleet.desired.hcp.organization.name.clone(),
                    loopback_only: false,
                },
                docker,
                kube,
                policy: Policy::live(),
            },
            fleet,
            _server: None,
        })
    }

    async fn in_sandbox(fleet: Fleet, directory: Option<&Path>) -> Result<Self, Error> {
        let directory = sandbox_directory(directory, &fleet.files)?;
        let shown = directory.display().to_string();
        let secrets = Secrets::sandbox(shown.clone());
        let seed = seed_of(&fleet.desired, &directory).await;
        let Attachment { address, token, engines, clusters, server } = Sandbox::attach_or_serve(&directory, &seed)
            .await
            .map_err(|cause| Error::new("using the sandbox").because(cause))?;
        let charts = format!("{address}/charts");
        Ok(Self {
            host: address.trim_start_matches("http://").to_owned(),
            token_from: None,
            profile: None,
            secrets,
            world: World::Sandbox(shown),
            access: Access {
                hcp: hcp::client::Access {
                    address,
                    token: Secret::new(token),
                    ca: None,
                    organization: fleet.desired.hcp.organization.name.clone(),
                    loopback_only: true,
                },
                docker: stand_ins(&fleet.desired, &engines),
                kube: cluster_stand_ins(&fleet.desired, clusters, charts),
                policy: Policy::sandbox(),
            },
            fleet,
            _server: server,
        })
    }
}

/// The folder of the first file of the spec. A bare name has no folder in it, and no process can be started in "".
pub fn folder(files: &[PathBuf]) -> PathBuf {
    let folder = files.first().and_then(|file| file.parent()).filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// The directory of the sandbox: the one that is given, else one that belongs to the spec's path.
pub fn sandbox_directory(given: Option<&Path>, files: &[PathBuf]) -> Result<PathBuf, Error> {
    use etcetera::BaseStrategy as _;
    if let Some(directory) = given {
        return std::path::absolute(directory)
            .map_err(|cause| Error::new(format!("using the sandbox {}", directory.display())).because(cause));
    }
    let base = etcetera::choose_base_strategy().map_err(|cause| {
        Error::new("looking for your state directory").because(cause).hint("give one: --sandbox=DIR")
    })?;
    let state = base.state_dir().unwrap_or_else(|| base.data_dir());
    let file = files.first().cloned().unwrap_or_else(|| PathBuf::from("fleet.yaml"));
    let whole = file.canonicalize().or_else(|_| std::path::absolute(&file)).unwrap_or(file);
    let text = whole.display().to_string();
    let name = whole.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())[..4]);
    Ok(state.join("reconcile").join("sandbox").join(format!("{}-{hash}", name.unwrap_or_else(|| "fleet".to_owned()))))
}

/// The ways to the stand-ins of a fleet's Docker hosts.
fn stand_ins(desired: &Desired, engines: &BTreeMap<String, String>) -> docker::client::Access {
    let doors = desired.docker.targets.keys().map(|target| {
        let door = engines.get(target).map(|address| Door {
            way: Way::Loopback(address.trim_start_matches("tcp://").to_owned()),
            from: "the sandbox".to_owned(),
        });
        let none = || NoDoor {
            cause: "the sandbox has no such host".to_owned(),
            hint: "stop the `sandbox serve` of this directory, which was begun without it, and run it again".to_owned(),
        };
        (target.clone(), door.ok_or_else(none))
    });
    docker::client::Access { doors: doors.collect() }
}

/// What the lock file beside a spec says.
fn lock(beside: &Path) -> Result<Lock, Error> {
    let path = beside.join(chart::lock::FILE);
    let doing = || Error::new(format!("reading the lock file {}", path.display()));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Lock::default()),
        Err(error) => return Err(doing().because(error)),
    };
    Lock::read(&text).map_err(|unusable| {
        let remedy = unusable.remedy();
        doing().because(unusable).hint(remedy)
    })
}

/// What operators of the sandbox show to its HCP: whatever the spec's source gives there.
async fn operator_tokens(desired: &Desired, secrets: &Secrets) -> Vec<(String, Clear)> {
    let mut tokens = Vec::new();
    for (key, target) in &desired.kube.targets {
        let Some(Token::Value(source)) = &target.token else { continue };
        if let Ok(secret) = secrets.read(source).await {
            tokens.push((format!("operator of {key}"), Clear(secret.expose().to_owned())));
        }
    }
    tokens
}

/// The ways to the stand-ins of a fleet's clusters, and to the charts that are served beside them.
fn cluster_stand_ins(
    desired: &Desired,
    mut clusters: BTreeMap<String, ClusterAccess>,
    charts: String,
) -> kube::client::Access {
    let doors = desired.kube.targets.keys().map(|target| {
        let door = clusters.remove(target).map(|ClusterAccess { address, token }| kube::client::Door {
            way: kube::client::Way::Loopback { address, token: Secret::new(token) },
            from: "the sandbox".to_owned(),
        });
        let none = || kube::client::NoDoor {
            cause: "the sandbox has no such cluster".to_owned(),
            hint: "stop the `sandbox serve` of this directory, which was begun without it, and run it again".to_owned(),
        };
        (target.clone(), door.ok_or_else(none))
    });
    let doors = doors.collect();
    kube::client::Access {
        doors,
        charts: kube::client::Charts { stand_in: Some(charts), ..kube::client::Charts::default() },
    }
}

/// What the sandbox in a directory is filled with, and what it is told anew each time, since it keeps no secret: the tokens
/// of operators.
pub async fn seed_of(desired: &Desired, directory: &Path) -> Seed {
    let secrets = Secrets::sandbox(directory.display().to_string());
    Seed { tokens: operator_tokens(desired, &secrets).await, ..seed(desired) }
}

/// What a new sandbox is filled with: only what is looked up and never made.
fn seed(desired: &Desired) -> Seed {
    let Desired { hcp, docker, kube, origins: _ } = desired;
    let mut connections: Vec<Connection> = Vec::new();
    for vcs in hcp.workspaces.values().filter_map(|workspace| workspace.vcs.as_ref()) {
        let connection = connection(&vcs.connection);
        if !connections.contains(&connection) {
            connections.push(connection);
        }
    }
    Seed {
        organization: hcp.organization.name.clone(),
        external_id: hcp.organization.external_id.clone(),
        tier: match hcp.organization.tier {
            Tier::Free => crate::sandbox::Tier::Free,
            Tier::Essentials => crate::sandbox::Tier::Essentials,
            Tier::Standard => crate::sandbox::Tier::Standard,
            Tier::Premium => crate::sandbox::Tier::Premium,
        },
        connections,
        engines: docker.targets.keys().map(|target| EngineSeed::new(target)).collect(),
        clusters: kube.targets.iter().map(|(key, target)| cluster_seed(key, target)).collect(),
        members: members(hcp),
        ..Seed::default()
    }
}

/// A cluster with the namespaces that agents may do something in: others made them.
fn cluster_seed(key: &str, target: &kube::desired::Target) -> ClusterSeed {
    let named = target.pools.values().flat_map(|pool| pool.rules.keys());
    let namespaces = named.filter(|name| **name != target.namespace).cloned().collect();
    ClusterSeed { namespaces, ..ClusterSeed::new(key) }
}

/// Whom notifications name: people join in HCP's web pages, and are only looked up.
fn members(hcp: &hcp::desired::Desired) -> BTreeSet<String> {
    let of_projects = hcp.projects.values().flat_map(|project| project.notifications.values());
    let of_workspaces = hcp.workspaces.values().flat_map(|workspace| workspace.notifications.values());
    of_projects
        .chain(of_workspaces)
        .filter_map(|notification| match &notification.destination {
            Destination::Email { users, all_members: _ } => Some(users),
            Destination::Generic { .. }
            | Destination::Slack { .. }
            | Destination::Discord { .. }
            | Destination::Teams { .. } => None,
        })
        .flatten()
        .cloned()
        .collect()
}

/// HCP's words for providers begin like this ("OAuth Clients" of the API's documentation); any other word is a name.
fn connection(word: &str) -> Connection {
    let is_provider = ["github", "gitlab", "bitbucket", "ado"]
        .iter()
        .any(|provider| word.strip_prefix(provider).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')));
    if is_provider {
        Connection { name: None, service_provider: word.to_owned() }
    } else {
        Connection { name: Some(word.to_owned()), service_provider: "github".to_owned() }
    }
}
