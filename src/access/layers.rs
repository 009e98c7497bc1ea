//! The layers of access, merged by figment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::providers::{Format as _, Yaml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Deserialize;

use super::{Environment, Flags, HCP_ADDRESS, Sourced};
use crate::error::Error;
use crate::secret::{Secret, SecretRef};

/// The file's name, beside the spec and in the user's configuration folder.
const FILE: &str = "access.yaml";

/// What the layers come to.
#[derive(Debug)]
pub(super) struct Layered {
    pub(super) profile: Option<String>,
    pub(super) address: Sourced<String>,
    pub(super) token: Option<Sourced<TokenSource>>,
    pub(super) ca: Option<Sourced<PathBuf>>,
}

/// Where a token is read from, or the token itself where it stood among other things.
#[derive(Clone, Debug)]
pub(super) enum TokenSource {
    Reference(SecretRef),
    Read(std::sync::Arc<Secret>),
}

/// What the layers say of the way to one engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DockerLayers {
    pub(super) way: Option<Way>,
    pub(super) socket: Option<PathBuf>,
    pub(super) tls: Option<Tls>,
}

/// What the layers say of the way to one cluster, each with where it was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KubernetesLayers {
    pub(super) context: Option<(String, String)>,
    pub(super) kubeconfig: Option<(PathBuf, String)>,
}

/// An address, or a context of docker's that has one; and where it was said.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Way {
    Host { host: String, from: String },
    Context { context: String, from: String },
}

/// Files with certificates for both sides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) ca: PathBuf,
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

impl Tls {
    /// By the names that docker gives them.
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { ca: folder.join("ca.pem"), cert: folder.join("cert.pem"), key: folder.join("key.pem") }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    hcp: HcpConfig,
    #[serde(default)]
    docker: BTreeMap<String, DockerConfig>,
    #[serde(default)]
    kubernetes: BTreeMap<String, KubernetesConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct KubernetesConfig {
    context: Option<Placed>,
    kubeconfig: Option<Placed>,
}

/// A word and where it was said.
#[derive(Debug, Deserialize)]
struct Placed {
    value: String,
    from: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DockerConfig {
    // Lists of one: figment merges maps key by key, which would make one way of two.
    way: Option<[Way; 1]>,
    tls: Option<[Tls; 1]>,
    socket: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HcpConfig {
    address: Option<String>,
    // A list of one: figment merges maps key by key, which would make one token of two.
    token: Option<[SecretRef; 1]>,
    ca: Option<PathBuf>,
}

/// One source of values with its name.
struct Layer {
    name: String,
    profiles: Map<Profile, Dict>,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(self.profiles.clone())
    }
}

/// The access file in the user's configuration folder.
pub(super) fn users_file(environment: &Environment) -> Option<PathBuf> {
    environment.config().map(|folder| folder.join("reconcile").join(FILE))
}

/// Reads what all layers say of HCP.
pub(super) fn read(environment: &Environment, flags: &Flags, beside: &Path) -> Result<Layered, Error> {
    let Merged { figment, config, profile } = merge(environment, flags, beside, Vec::new())?;
    let beside = beside.join(FILE).display().to_string();
    let from = |key: &str| figment.find_metadata(key).map(|metadata| metadata.name.to_string());
    let sourced = |from: String| Sourced { value: (), beside_spec: from == beside, from };
    Ok(Layered {
        profile,
        address: match config.hcp.address {
            Some(address) => sourced(from("hcp.address").unwrap_or_default()).with(address),
            None => sourced("HCP's own".to_owned()).with(HCP_ADDRESS.to_owned()),
        },
        token: config.hcp.token.map(|[token]| {
            let layer = from("hcp.token").unwrap_or_default();
            let name = if layer == token.to_string() || matches!(token, SecretRef::Env(ref name) if *name == layer) {
                layer
            } else {
                format!("{token}, {layer}")
            };
            sourced(name).with(TokenSource::Reference(token))
        }),
        ca: config.hcp.ca.map(|ca| sourced(from("hcp.ca").unwrap_or_default()).with(ca)),
    })
}

/// Reads what all layers say of the Docker Engines of these targets.
pub(super) fn docker(
    environment: &Environment,
    flags: &Flags,
    beside: &Path,
    targets: &[&str],
) -> Result<BTreeMap<String, DockerLayers>, Error> {
    let said = docker_layers(environment, flags, targets);
    let Merged { figment: _, config, profile: _ } = merge(environment, flags, beside, said)?;
    let layers = config.docker.into_iter().map(|(target, DockerConfig { way, tls, socket })| {
        (target, DockerLayers { way: way.map(|[way]| way), socket, tls: tls.map(|[tls]| tls) })
    });
    Ok(layers.collect())
}

/// Reads what all layers say of the clusters of these targets.
pub(super) fn kubernetes(
    environment: &Environment,
    flags: &Flags,
    beside: &Path,
    targets: &[&str],
) -> Result<BTreeMap<String, KubernetesLayers>, Error> {
    let said = kubernetes_layers(environment, flags, targets);
    let Merged { figment: _, config, profile: _ } = merge(environment, flags, beside, said)?;
    let layers = config.kubernetes.into_iter().map(|(target, KubernetesConfig { context, kubeconfig })| {
        let context = context.map(|Placed { value, from }| (value, from));
        let kubeconfig = kubeconfig.map(|Placed { value, from }| (PathBuf::from(value), from));
        (target, KubernetesLayers { context, kubeconfig })
    });
    Ok(layers.collect())
}

/// All layers in one.
struct Merged {
    figment: Figment,
    config: Config,
    profile: Option<String>,
}

/// `said` is what the environment and the command line say of one system's targets.
fn merge(environment: &Environment, flags: &Flags, beside: &Path, said: Vec<Layer>) -> Result<Merged, Error> {
    let profile = match (&flags.profile, environment.variable("RECONCILE_AS")) {
        (Some(name), _) => Some((name.clone(), "--as")),
        (None, Some(name)) => Some((name.to_owned(), "RECONCILE_AS")),
        (None, None) => None,
    };
    let beside = beside.join(FILE);
    let files = file_layers(environment, &beside)?;
    if let Some((name, from)) = &profile {
        known_profile(name, from, &files, environment, &beside)?;
    }
    let own = own_layers(environment, flags).into_iter().chain(said);
    let mut figment = Figment::new();
    for layer in terraform_layers(environment).into_iter().chain(files).chain(own) {
        figment = figment.merge(layer);
    }
    if let Some((name, _)) = &profile {
        figment = figment.select(Profile::new(name));
    }
    let config: Config = figment.extract().map_err(|cause| described(&figment, &cause))?;
    Ok(Merged { figment, config, profile: profile.map(|(name, _)| name) })
}

impl Sourced<()> {
    fn with<T>(self, value: T) -> Sourced<T> {
        let Self { value: (), from, beside_spec } = self;
        Sourced { value, from, beside_spec }
    }
}

fn described(figment: &Figment, cause: &figment::Error) -> Error {
    let place = cause.metadata.as_ref().map_or_else(|| "access.yaml".to_owned(), |metadata| metadata.name.to_string());
    let profile = figment.profile();
    let at = if cause.path.is_empty() {
        format!("profile {profile}")
    } else {
        format!("{} of profile {profile}", cause.path.join("."))
    };
    Error::new(format!("reading how to reach the systems: {place}, {at}"))
        .because(cause.kind.to_string())
        .hint("the keys are hcp.address, hcp.token ({env: NAME}, {file: PATH} or {command: [..]}), hcp.ca (a path), docker.TARGET with host or context, socket, tls, and kubernetes.TARGET with context, kubeconfig")
}

fn known_profile(
    name: &str,
    from: &str,
    files: &[Layer],
    environment: &Environment,
    beside: &Path,
) -> Result<(), Error> {
    let profiles: Vec<String> = files.iter().flat_map(|layer| layer.profiles.keys()).map(ToString::to_string).collect();
    // Figment compares profiles without regard to case.
    if profiles.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let mut places = vec![beside.display().to_string()];
    places.extend(users_file(environment).map(|file| file.display().to_string()));
    let known = if profiles.is_empty() {
        "there is no access file".to_owned()
    } else {
        format!("the profiles are {}", profiles.join(", "))
    };
    Err(Error::new(format!("choosing the profile `{name}` ({from})"))
        .because(known)
        .hint(format!("write it into {}", places.join(" or "))))
}

/// The access files that are there, the user's first.
fn file_layers(environment: &Environment, beside: &Path) -> Result<Vec<Layer>, Error> {
    let mut layers = Vec::new();
    for path in users_file(environment).into_iter().chain([beside.to_owned()]) {
        let failed = || Error::new(format!("reading the access file {}", path.display()));
        let Some(text) = environment.read_if_there(&path).map_err(|cause| failed().because(cause))? else {
            continue;
        };
        if text.trim().is_empty() {
            continue;
        }
        // The parser's own message may quote the line, and a careless user may have put a token there.
        let profiles = Yaml::from_str::<Map<String, Dict>>(&text).map_err(|_| {
            failed()
                .because("it is not a YAML file of profiles, each a map")
                .hint("write `default: { hcp: { token: { file: ~/.hcp-token } } }`, and other profiles beside it")
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut prepared = Map::new();
        for (name, mut dict) in profiles {
            prepare(&mut dict, environment, &folder).map_err(|cause| failed().because(cause))?;
            prepare_docker(&mut dict, environment, &path, &folder)
                .map_err(|cause| failed().because(cause).hint(DOCKER_KEYS))?;
            prepare_kubernetes(&mut dict, environment, &path, &folder)
                .map_err(|cause| failed().because(cause).hint(KUBERNETES_KEYS))?;
            prepared.insert(Profile::new(&name), dict);
        }
        layers.push(Layer { name: path.display().to_string(), profiles: prepared });
    }
    Ok(layers)
}

/// Makes paths absolute and a token one value.
fn prepare(profile: &mut Dict, environment: &Environment, folder: &Path) -> Result<(), String> {
    let Some(Value::Dict(_, hcp)) = profile.get_mut("hcp") else {
        return Ok(());
    };
    let absolute = |value: &mut Value| {
        if let Value::String(_, text) = value {
            *text = environment.path(Path::new(text.as_str()), folder).display().to_string();
        }
    };
    if let Some(ca) = hcp.get_mut("ca") {
        absolute(ca);
    }
    let Some(token) = hcp.get_mut("token") else {
        return Ok(());
    };
    match token {
        Value::Dict(tag, reference) => {
            if let Some(file) = reference.get_mut("file") {
                absolute(file);
            }
            let tag = *tag;
            *token = Value::Array(tag, vec![Value::Dict(tag, std::mem::take(reference))]);
            Ok(())
        }
        _ => Err("hcp.token is not a reference: a token itself does not belong into this file".to_owned()),
    }
}

/// What may be said of an engine.
const DOCKER_KEYS: &str = "of a Docker target it says `host: ssh://nas` (or unix:///path, tcp://nas:2376) or `context: NAME`, `socket: /path` for ssh, and `tls: { ca: FILE, cert: FILE, key: FILE }`";

/// Makes of each engine's way one value that knows where it came from, and paths absolute.
fn prepare_docker(profile: &mut Dict, environment: &Environment, file: &Path, folder: &Path) -> Result<(), String> {
    let targets = match profile.get_mut("docker") {
        Some(Value::Dict(_, targets)) => targets,
        Some(_) => return Err("docker is not a map of targets".to_owned()),
        None => return Ok(()),
    };
    for (target, said) in targets {
        let Value::Dict(_, said) = said else { return Err(format!("docker.{target} is not a map")) };
        if let Some(stray) = said.keys().find(|key| !["host", "context", "socket", "tls"].contains(&key.as_str())) {
            return Err(format!("docker.{target} has a key `{stray}`, which means nothing"));
        }
        let way: Vec<(&str, Value)> =
            ["host", "context"].into_iter().filter_map(|key| Some((key, said.remove(key)?))).collect();
        match way.as_slice() {
            [] => {}
            [(key, Value::String(_, text))] => {
                said.insert("way".to_owned(), way_value(key, text, &file.display().to_string()));
            }
            [(key, _)] => return Err(format!("docker.{target}.{key} is not a text")),
            _ => return Err(format!("docker.{target} has both a host and a context, and one is enough")),
        }
        match said.remove("tls") {
            None => {}
            Some(Value::Dict(tag, mut files)) => {
                let mut keys: Vec<&str> = files.keys().map(String::as_str).collect();
                keys.sort_unstable();
                if keys != ["ca", "cert", "key"] {
                    return Err(format!("docker.{target}.tls does not have just ca, cert and key"));
                }
                for value in files.values_mut() {
                    let Value::String(_, text) = value else {
                        return Err(format!("docker.{target}.tls names something that is not a file"));
                    };
                    *text = environment.path(Path::new(text.as_str()), folder).display().to_string();
                }
                said.insert("tls".to_owned(), Value::Array(tag, vec![Value::Dict(tag, files)]));
            }
            Some(_) => return Err(format!("docker.{target}.tls is not a map")),
        }
    }
    Ok(())
}

fn way_value(key: &str, text: &str, from: &str) -> Value {
    let way = [(key, text), ("from", from)].map(|(key, text)| (key.to_owned(), Value::from(text)));
    Value::from(vec![Value::from(Dict::from(way))])
}

/// What the environment and the command line say of engines.
fn docker_layers(environment: &Environment, flags: &Flags, targets: &[&str]) -> Vec<Layer> {
    let layer = |name: &str, target: &str, key: &str, value: Value| {
        let said = Dict::from([(key.to_owned(), value)]);
        let docker = Dict::from([(target.to_owned(), Value::from(said))]);
        let dict = Dict::from([("docker".to_owned(), Value::from(docker))]);
        Layer { name: name.to_owned(), profiles: Map::from([(Profile::Global, dict)]) }
    };
    let mut layers = Vec::new();
    for target in targets {
        let stem = super::docker::variable(target);
        // An address is the more exact of the two, so it comes last.
        for (word, key) in [("CONTEXT", "context"), ("HOST", "host")] {
            let name = format!("{stem}_{word}");
            if let Some(text) = environment.variable(&name) {
                layers.push(layer(&name, target, "way", way_value(key, text, &name)));
            }
        }
        let name = format!("{stem}_CERT_PATH");
        if let Some(folder) = environment.variable(&name) {
            let Tls { ca, cert, key } = Tls::in_folder(Path::new(folder));
            let files = [("ca", ca), ("cert", cert), ("key", key)]
                .map(|(key, path)| (key.to_owned(), Value::from(path.display().to_string())));
            layers.push(layer(&name, target, "tls", Value::from(vec![Value::from(Dict::from(files))])));
        }
    }
    for (target, host) in &flags.docker_hosts {
        layers.push(layer("--docker-host", target, "way", way_value("host", host, "--docker-host")));
    }
    layers
}

/// What may be said of a cluster.
const KUBERNETES_KEYS: &str =
    "of a Kubernetes target it says `context: NAME`, and `kubeconfig: FILE` where that is not the usual one";

/// Makes of each word about a cluster one that knows where it was said, and paths absolute.
fn prepare_kubernetes(profile: &mut Dict, environment: &Environment, file: &Path, folder: &Path) -> Result<(), String> {
    let targets = match profile.get_mut("kubernetes") {
        Some(Value::Dict(_, targets)) => targets,
        Some(_) => return Err("kubernetes is not a map of targets".to_owned()),
        None => return Ok(()),
    };
    for (target, said) in targets {
        let Value::Dict(_, said) = said else { return Err(format!("kubernetes.{target} is not a map")) };
        if let Some(stray) = said.keys().find(|key| !["context", "kubeconfig"].contains(&key.as_str())) {
            return Err(format!("kubernetes.{target} has a key `{stray}`, which means nothing"));
        }
        for (key, value) in said {
            let Value::String(_, text) = value else {
                return Err(format!("kubernetes.{target}.{key} is not a text"));
            };
            let text = match key.as_str() {
                "kubeconfig" => environment.path(Path::new(text.as_str()), folder).display().to_string(),
                _ => text.clone(),
            };
            *value = placed(&text, &file.display().to_string());
        }
    }
    Ok(())
}

fn placed(value: &str, from: &str) -> Value {
    let pair = [("value", value), ("from", from)].map(|(key, text)| (key.to_owned(), Value::from(text)));
    Value::from(Dict::from(pair))
}

/// What the environment and the command line say of clusters.
fn kubernetes_layers(environment: &Environment, flags: &Flags, targets: &[&str]) -> Vec<Layer> {
    let layer = |name: &str, target: &str, key: &str, value: &str| {
        let said = Dict::from([(key.to_owned(), placed(value, name))]);
        let kubernetes = Dict::from([(target.to_owned(), Value::from(said))]);
        let dict = Dict::from([("kubernetes".to_owned(), Value::from(kubernetes))]);
        Layer { name: name.to_owned(), profiles: Map::from([(Profile::Global, dict)]) }
    };
    let mut layers = Vec::new();
    for target in targets {
        let stem = super::kubernetes::variable(target);
        for (word, key) in [("KUBECONFIG", "kubeconfig"), ("CONTEXT", "context")] {
            let name = format!("{stem}_{word}");
            layers.extend(environment.variable(&name).map(|text| layer(&name, target, key, text)));
        }
    }
    let said = flags.kube_contexts.iter();
    layers.extend(said.map(|(target, context)| layer("--kube-context", target, "context", context)));
    layers
}

/// A layer that says one thing. The profile `global` wins over all others, `default` over none.
fn one(name: &str, profile: Profile, key: &str, value: impl Into<Value>) -> Layer {
    let hcp = Dict::from([(key.to_owned(), value.into())]);
    let dict = Dict::from([("hcp".to_owned(), Value::from(hcp))]);
    Layer { name: name.to_owned(), profiles: Map::from([(profile, dict)]) }
}

fn token(kind: &str, value: &str) -> Value {
    Value::from(vec![Value::from(Dict::from([(kind.to_owned(), Value::from(value))]))])
}

/// go-tfe reads `TFE_ADDRESS`, an address, then `TFE_HOSTNAME`, a host (go-tfe v1, `DefaultConfig`).
fn terraform_layers(environment: &Environment) -> Vec<Layer> {
    ["TFE_HOSTNAME", "TFE_ADDRESS"]
        .into_iter()
        .filter_map(|name| Some(one(name, Profile::Default, "address", environment.variable(name)?)))
        .collect()
}

fn own_layers(environment: &Environment, flags: &Flags) -> Vec<Layer> {
    let global = || Profile::Global;
    let mut layers = Vec::new();
    if let Some(address) = environment.variable("RECONCILE_HCP_ADDRESS") {
        layers.push(one("RECONCILE_HCP_ADDRESS", global(), "address", address));
    }
    if let Some(path) = environment.variable("RECONCILE_HCP_CA_FILE") {
        layers.push(one("RECONCILE_HCP_CA_FILE", global(), "ca", path));
    }
    if let Some(path) = environment.variable("RECONCILE_HCP_TOKEN_FILE") {
        layers.push(one("RECONCILE_HCP_TOKEN_FILE", global(), "token", token("file", path)));
    }
    if environment.variable("RECONCILE_HCP_TOKEN").is_some() {
        let reference = token("env", "RECONCILE_HCP_TOKEN");
        layers.push(one("RECONCILE_HCP_TOKEN", global(), "token", reference));
    }
    if let Some(address) = &flags.hcp_address {
        layers.push(one("--hcp-address", global(), "address", address.as_str()));
    }
    if let Some(path) = &flags.hcp_token_file {
        let path = path.display().to_string();
        layers.push(one("--hcp-token-file", global(), "token", token("file", &path)));
    }
    layers
}
