//! How a container is made.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    super::call::{Answer, Call, Outcome, Payload, Refusal, is_name, text, words},
    super::{engine, engine_mut, events, images, volumes},
    name_is_free,
};
use crate::sandbox::world::{Container, Endpoint, Engine, EnvironmentVariable, Mount, Status, Tree, World, hex};

/// What an engine fills in (recorded on 20.10.24).
const HOST_CONFIG: &str = include_str!("host_config.json");
/// Less than this is refused.
const LEAST_MEMORY: i64 = 6 << 20;

/// What the engine says to a name it does not take.
pub fn bad_name(name: &str) -> String {
    format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
}

/// Makes one, and the volumes that it mounts.
pub fn create(world: &mut World, call: &Call) -> Outcome {
    let body = call.document()?;
    let given = call.parameter("name").unwrap_or_default();
    let given = given.strip_prefix('/').unwrap_or(given);
    if !body
        .as_object()
        .is_some_and(|fields| fields.keys().any(|name| !["HostConfig", "NetworkingConfig"].contains(&name.as_str())))
    {
        return Err(Refusal::new(400, "Config cannot be empty in order to create a container"));
    }
    let wanted = text(&body, "Image");
    let image = match wanted {
        "" => None,
        name => Some(images::find(engine(world, call)?, name).map_err(|_| {
            let shown = if name.contains(['@', ':']) { name.to_owned() } else { format!("{name}:latest") };
            Refusal::new(404, format!("No such image: {shown}"))
        })?),
    };
    let networks = networks(&body)?;
    check_host_config(&body["HostConfig"])?;
    let id = container_id(world, &call.engine);
    let mut container = assemble(world, call, &body, image.as_deref(), &id);
    container.networks = networks;
    if container.command().is_empty() {
        return Err(Refusal::new(400, "No command specified"));
    }
    let name = if given.is_empty() { format!("sandbox_{}", &id[..12]) } else { given.to_owned() };
    if !is_name(&name) {
        return Err(Refusal::new(400, bad_name(&name)));
    }
    name_is_free(engine(world, call)?, &name).map_err(|cause| Refusal::new(409, cause))?;
    container.name = name;
    container.mounts = mounts(world, call, &body, &id)?;
    let now = world.now;
    engine_mut(world, call)?.containers.insert(id.clone(), container);
    events::tell(world, &(call.engine.clone(), id.clone()), "create", &[], now);
    Ok(Answer::with(201, Payload::Json(json!({ "Id": id, "Warnings": [] }))).into())
}

/// 64 digits, the same in every run that does the same.
fn container_id(world: &mut World, engine: &str) -> String {
    let count = world.counters.entry(format!("docker/{engine}")).or_default();
    *count += 1;
    hex(&Sha256::digest(format!("container/{engine}/{count}")))
}

fn assemble(world: &World, call: &Call, body: &Value, image: Option<&str>, id: &str) -> Container {
    let found = image.and_then(|image| engine(world, call).ok()?.images.get(image).cloned());
    let base = found.as_ref().map(|image| image.config.clone()).unwrap_or_default();
    let mut labels = words(&base["Labels"]);
    labels.extend(words(&body["Labels"]));
    let environment = environment(&base["Env"], &body["Env"], id);
    let token = environment.iter().rev().find(|variable| variable.name == "TFC_AGENT_TOKEN");
    let agent_token = token.and_then(|variable| variable.clear.as_ref()).and_then(|clear| world.agent_token(&clear.0));
    Container {
        name: String::new(),
        image: text(body, "Image").to_owned(),
        image_id: image.unwrap_or_default().to_owned(),
        config: config(body, &base, id),
        host_config: host_config(&body["HostConfig"]),
        environment,
        labels,
        networks: BTreeMap::new(),
        mounts: Vec::new(),
        files: found.map_or_else(Tree::default, |image| image.files),
        status: Status::Created,
        exit_code: 0,
        error: String::new(),
        restarts: 0,
        back_off: 0,
        signals: 0,
        ended_by_hand: false,
        kill_at: None,
        restart_at: None,
        agent_token,
        agent: None,
        complaint: None,
        logs: Vec::new(),
        created_at: world.now,
        started_at: None,
        finished_at: None,
    }
}

/// The image's variables, then the container's own; a later one of the same name replaces the earlier.
fn environment(base: &Value, own: &Value, salt: &str) -> Vec<EnvironmentVariable> {
    let mut found: Vec<EnvironmentVariable> = Vec::new();
    let read = |list: &Value| -> Vec<EnvironmentVariable> {
        let items = list.as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| Some(EnvironmentVariable::new(salt, item.as_str()?))).collect()
    };
    for variable in read(own) {
        found.push(variable);
    }
    // The engine puts those of the image that are not overwritten behind the container's own.
    for variable in read(base) {
        if !found.iter().any(|known| known.name == variable.name) {
            found.push(variable);
        }
    }
    found
}

fn config(body: &Value, base: &Value, id: &str) -> Value {
    let mut config = json!({
        "Hostname": &id[..12], "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false,
        "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false, "Cmd": null, "Image": "",
        "Volumes": null, "WorkingDir": "", "Entrypoint": null, "OnBuild": null,
    });
    let is_empty = |value: &Value| value.is_null() || *value == json!("") || *value == json!([]);
    let mut own_entrypoint = false;
    for name in [
        "Hostname",
        "Domainname",
        "User",
        "AttachStdin",
        "AttachStdout",
        "AttachStderr",
        "Tty",
        "OpenStdin",
        "StdinOnce",
        "Cmd",
        "Image",
        "Volumes",
        "WorkingDir",
        "Entrypoint",
        "ExposedPorts",
        "Healthcheck",
        "StopSignal",
        "StopTimeout",
    ] {
        let own = body.get(name).filter(|value| !is_empty(value));
        own_entrypoint |= name == "Entrypoint" && own.is_some();
        let inherited = base.get(name).filter(|value| !is_empty(value) && name != "Hostname");
        if let Some(value) = own.or(inherited) {
            config[name] = value.clone();
        }
    }
    // An entrypoint of its own takes the image's command away.
    let own_command = body.get("Cmd").is_some_and(|value| !is_empty(value));
    if own_entrypoint && !own_command {
        config["Cmd"] = Value::Null;
    }
    for name in ["Entrypoint", "Cmd"] {
        if let Some(word) = config[name].as_str() {
            config[name] = json!([word]);
        }
    }
    config
}

fn host_config(given: &Value) -> Value {
    let mut whole: Value = serde_json::from_str(HOST_CONFIG).unwrap_or_default();
    for (name, value) in given.as_object().into_iter().flatten() {
        let is_default = value.is_null() || (*value == json!("") && whole.get(name).is_some());
        if !is_default {
            whole[name] = value.clone();
        }
    }
    whole["RestartPolicy"] = restart_policy(&given["RestartPolicy"]);
    // Twice the memory, swap included, unless said.
    if whole["MemorySwap"] == 0
        && let Some(memory) = whole["Memory"].as_i64().filter(|memory| *memory > 0)
    {
        whole["MemorySwap"] = json!(memory * 2);
    }
    if text(&whole["LogConfig"], "Type").is_empty() {
        whole["LogConfig"] = json!({ "Type": "json-file", "Config": whole["LogConfig"]["Config"] });
    }
    whole
}

/// A restart policy with all its fields.
pub fn restart_policy(given: &Value) -> Value {
    json!({
        "Name": text(given, "Name"),
        "MaximumRetryCount": given["MaximumRetryCount"].as_i64().unwrap_or_default(),
    })
}

/// Refuses a word that is none, and a count where there is nothing to count.
pub fn check_restart_policy(policy: &Value) -> Result<(), Refusal> {
    let (name, count) = (text(policy, "Name"), policy["MaximumRetryCount"].as_i64().unwrap_or_default());
    match name {
        "always" | "unless-stopped" | "no" if count != 0 => {
            Err(Refusal::new(400, format!("maximum retry count cannot be used with restart policy '{name}'")))
        }
        "on-failure" if count < 0 => Err(Refusal::new(400, "maximum retry count cannot be negative")),
        "" | "always" | "unless-stopped" | "no" | "on-failure" => Ok(()),
        other => Err(Refusal::new(400, format!("invalid restart policy '{other}'"))),
    }
}

/// Refuses what the machine cannot give.
pub fn check_resources(resources: &Value) -> Result<(), Refusal> {
    let memory = resources["Memory"].as_i64().unwrap_or_default();
    if memory != 0 && memory < LEAST_MEMORY {
        return Err(Refusal::new(400, "Minimum memory limit allowed is 6MB"));
    }
    Ok(())
}

fn check_host_config(given: &Value) -> Result<(), Refusal> {
    check_restart_policy(&given["RestartPolicy"])?;
    check_resources(given)?;
    if given["AutoRemove"] == true && !matches!(text(&given["RestartPolicy"], "Name"), "" | "no") {
        return Err(Refusal::new(400, "can't create 'AutoRemove' container with restart policy"));
    }
    Ok(())
}

/// The one network that an engine below 1.44 connects at once.
fn networks(body: &Value) -> Result<BTreeMap<String, Endpoint>, Refusal> {
    let endpoint = |settings: &Value| Endpoint {
        network: None,
        endpoint: None,
        host_number: 0,
        aliases: settings["Aliases"]
            .as_array()
            .map(|items| items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()),
    };
    let given = body["NetworkingConfig"]["EndpointsConfig"].as_object();
    let mode = match text(&body["HostConfig"], "NetworkMode") {
        "" | "default" => "bridge",
        mode => mode,
    };
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Ok(BTreeMap::from([(mode.to_owned(), endpoint(&Value::Null))]));
    };
    if given.len() > 1 {
        let names: Vec<&str> = given.keys().map(String::as_str).collect();
        return Err(Refusal::new(
            400,
            format!("Container cannot be connected to network endpoints: {}", names.join(", ")),
        ));
    }
    Ok(given
        .iter()
        .map(|(name, settings)| (if name == "default" { "bridge" } else { name }.to_owned(), endpoint(settings)))
        .collect())
}

fn mounts(world: &mut World, call: &Call, body: &Value, id: &str) -> Result<Vec<Mount>, Refusal> {
    let host = &body["HostConfig"];
    let mut found: Vec<Mount> = Vec::new();
    for bind in host["Binds"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let parts: Vec<&str> = bind.split(':').collect();
        let [source, target, rest @ ..] = parts.as_slice() else {
            return Err(Refusal::new(400, format!("invalid volume specification: '{bind}'")));
        };
        let kind = if source.starts_with('/') { "bind" } else { "volume" };
        let read_only = rest.first().is_some_and(|mode| mode.split(',').any(|word| word == "ro"));
        found.push(mount(kind, source, target, read_only));
    }
    for (index, given) in host["Mounts"].as_array().into_iter().flatten().enumerate() {
        let (kind, target) = (text(given, "Type"), text(given, "Target"));
        if target.is_empty() {
            return Err(Refusal::new(
                400,
                format!("invalid mount config for type \"{kind}\": field Target must not be empty"),
            ));
        }
        let is_missing = |path: &str| engine(world, call).is_ok_and(|engine| engine.missing_paths.contains(path));
        if kind == "bind" && is_missing(text(given, "Source")) {
            let path = text(given, "Source");
            let message = format!("invalid mount config for type \"bind\": bind source path does not exist: {path}");
            return Err(Refusal::new(400, message));
        }
        let source = match (kind, text(given, "Source")) {
            ("volume", "") => hex(&Sha256::digest(format!("volume/{id}/{index}"))),
            (_, source) => source.to_owned(),
        };
        found.push(mount(kind, &source, target, given["ReadOnly"] == true));
    }
    let mut targets: Vec<&str> = found.iter().map(|mount| mount.target.as_str()).collect();
    targets.sort_unstable();
    let twice = targets.windows(2).find_map(|pair| (pair.first() == pair.last()).then(|| pair.first()).flatten());
    if let Some(target) = twice {
        return Err(Refusal::new(400, format!("Duplicate mount point: {target}")));
    }
    for mount in found.iter().filter(|mount| mount.kind == "volume") {
        volumes::provide(world, call, &mount.source)?;
    }
    Ok(found)
}

fn mount(kind: &str, source: &str, target: &str, read_only: bool) -> Mount {
    Mount { kind: kind.to_owned(), source: source.to_owned(), target: target.to_owned(), read_only }
}

/// Whether any container mounts a volume.
pub fn users_of_volume(engine: &Engine, volume: &str) -> Vec<String> {
    let uses =
        |container: &Container| container.mounts.iter().any(|mount| mount.kind == "volume" && mount.source == volume);
    engine.containers.iter().filter(|(_, container)| uses(container)).map(|(id, _)| id.clone()).collect()
}
