//! Networks, and where containers sit in them.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    call::{Answer, Call, Outcome, Payload, Refusal, instant, text, words},
    containers, engine, engine_mut, events,
};
use crate::sandbox::world::{Container, Endpoint, Engine, Network, World, hex};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["networks"]) => list(world, call),
        ("POST", ["networks", "create"]) => create(world, call),
        ("GET", ["networks", name]) => inspect(world, call, name),
        ("POST", ["networks", name, "connect"]) => connect(world, call, name),
        ("POST", ["networks", name, "disconnect"]) => disconnect(world, call, name),
        ("DELETE", ["networks", name]) => remove(world, call, name),
        _ => return None,
    };
    Some(outcome)
}

/// The id of a network: by its id, its name, or the beginning of its id.
fn find(engine: &Engine, name: &str) -> Result<String, Refusal> {
    if engine.networks.contains_key(name) {
        return Ok(name.to_owned());
    }
    let named: Vec<&String> =
        engine.networks.iter().filter(|(_, network)| network.name == name).map(|(id, _)| id).collect();
    let begins: Vec<&String> = engine.networks.keys().filter(|id| !name.is_empty() && id.starts_with(name)).collect();
    let ambiguous = |count: usize, by: &str| {
        Refusal::new(400, format!("{count} matches found based on {by}: network {name} is ambiguous"))
    };
    match (named.as_slice(), begins.as_slice()) {
        ([id], _) | ([], [id]) => Ok((*id).clone()),
        ([], []) => Err(Refusal::new(404, format!("network {name} not found"))),
        ([], several) => Err(ambiguous(several.len(), "ID prefix")),
        (several, _) => Err(ambiguous(several.len(), "name")),
    }
}

fn list(world: &World, call: &Call) -> Outcome {
    let filters = call.filters(&["dangling", "driver", "id", "label", "name", "scope", "type"])?;
    let engine = engine(world, call)?;
    let found = engine.networks.iter().filter(|(id, network)| {
        filters.labels(&network.labels)
            && filters.any("id", |word| id.starts_with(word))
            && filters.any("name", |word| network.name.contains(word))
            && filters.any("driver", |word| network.driver == word)
            && filters.any("scope", |word| word == "local")
            && filters.any("type", |word| (word == "builtin") == network.is_predefined())
    });
    let shown: Vec<Value> = found.map(|(id, network)| render(engine, id, network, false)).collect();
    Ok(Answer::json(json!(shown)).into())
}

fn create(world: &mut World, call: &Call) -> Outcome {
    let body = call.document()?;
    let name = text(&body, "Name").to_owned();
    let driver = match text(&body, "Driver") {
        "" => "bridge",
        driver => driver,
    };
    if name.trim().is_empty() {
        return Err(Refusal::new(500, format!("invalid name: {name}")));
    }
    if ["bridge", "host", "none"].contains(&name.as_str()) {
        return Err(Refusal::new(403, format!("operation is not permitted on predefined {name} network ")));
    }
    let now = world.now;
    let same = engine(world, call)?.networks.iter().find(|(_, network)| network.name == name).map(|(id, _)| id.clone());
    if same.is_some() && body["CheckDuplicate"] == true {
        return Err(Refusal::new(409, format!("network with name {name} already exists")));
    }
    if !["bridge", "host", "null", "ipvlan", "macvlan"].contains(&driver) {
        return Err(Refusal::new(404, format!("plugin \"{driver}\" not found")));
    }
    let warning = same.map(|id| format!("Network with name {name} (id : {id}) already exists")).unwrap_or_default();
    let count = world.counters.entry(format!("docker/{}/network", call.engine)).or_default();
    *count += 1;
    let id = hex(&Sha256::digest(format!("network/{}/{count}", call.engine)));
    let engine = engine_mut(world, call)?;
    let used = |number: &u32| engine.networks.values().any(|network| network.subnet == Some(*number));
    let Some(subnet) = (18..=31).chain(64..=255).find(|number| !used(number)) else {
        let cause = "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network";
        return Err(Refusal::new(500, cause));
    };
    let network = Network {
        name: name.clone(),
        driver: driver.to_owned(),
        subnet: Some(subnet),
        internal: body["Internal"] == true,
        attachable: body["Attachable"] == true,
        labels: words(&body["Labels"]),
        options: words(&body["Options"]),
        created_at: now,
    };
    engine.networks.insert(id.clone(), network);
    events::note(world, &call.engine, "network", "create", &id, &[("name", &name), ("type", driver)], now);
    Ok(Answer::with(201, Payload::Json(json!({ "Id": id, "Warning": warning }))).into())
}

fn inspect(world: &World, call: &Call, name: &str) -> Outcome {
    let engine = engine(world, call)?;
    let id = find(engine, name)?;
    let network = engine.networks.get(&id).ok_or_else(|| Refusal::new(404, format!("network {name} not found")))?;
    Ok(Answer::json(render(engine, &id, network, true)).into())
}

/// Only the single form tells who is connected.
fn render(engine: &Engine, id: &str, network: &Network, with_containers: bool) -> Value {
    let mut members = Map::new();
    for (container_id, container) in engine.containers.iter().filter(|_| with_containers) {
        let endpoint = container.networks.values().find(|endpoint| endpoint.network.as_deref() == Some(id));
        let live = endpoint.and_then(|endpoint| Some((endpoint, endpoint.endpoint.as_ref()?)));
        if let Some((endpoint, endpoint_id)) = live {
            let (address, mac) = addresses(network, endpoint);
            let entry = json!({
                "Name": container.name,
                "EndpointID": endpoint_id,
                "MacAddress": mac,
                "IPv4Address": if address.is_empty() { String::new() } else { format!("{address}/16") },
                "IPv6Address": "",
            });
            members.insert(container_id.clone(), entry);
        }
    }
    let config = match network.subnet {
        None => json!([]),
        Some(17) => json!([{ "Subnet": "172.17.0.0/16" }]),
        Some(number) => json!([{ "Subnet": format!("172.{number}.0.0/16"), "Gateway": format!("172.{number}.0.1") }]),
    };
    json!({
        "Name": network.name,
        "Id": id,
        "Created": instant(Some(network.created_at)),
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv6": false,
        "IPAM": { "Driver": "default", "Options": null, "Config": config },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": false,
        "ConfigFrom": { "Network": "" },
        "ConfigOnly": false,
        "Containers": members,
        "Options": network.options,
        "Labels": network.labels,
    })
}

fn addresses(network: &Network, endpoint: &Endpoint) -> (String, String) {
    match network.subnet {
        None => (String::new(), String::new()),
        Some(subnet) => {
            let (high, low) = (endpoint.host_number / 256, endpoint.host_number % 256);
            (format!("172.{subnet}.{high}.{low}"), format!("02:42:ac:{subnet:02x}:{high:02x}:{low:02x}"))
        }
    }
}

/// A container's endpoints, as its list entry and its inspection show them.
pub fn endpoints(engine: &Engine, container: &Container, whole: bool) -> Map<String, Value> {
    let show = |(name, endpoint): (&String, &Endpoint)| {
        let live =
            endpoint.endpoint.as_ref().and_then(|id| Some((id, engine.networks.get(endpoint.network.as_ref()?)?)));
        let (address, mac) = live.map(|(_, network)| addresses(network, endpoint)).unwrap_or_default();
        let subnet = live.and_then(|(_, network)| network.subnet);
        let value = json!({
            "IPAMConfig": null,
            "Links": null,
            "Aliases": endpoint.aliases.as_ref().filter(|_| whole),
            "NetworkID": endpoint.network.clone().unwrap_or_default(),
            "EndpointID": live.map(|(id, _)| id.clone()).unwrap_or_default(),
            "Gateway": subnet.map(|number| format!("172.{number}.0.1")).unwrap_or_default(),
            "IPAddress": address,
            "IPPrefixLen": if subnet.is_some() { 16 } else { 0 },
            "IPv6Gateway": "",
            "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0,
            "MacAddress": mac,
            "DriverOpts": null,
        });
        (name.clone(), value)
    };
    container.networks.iter().map(show).collect()
}

/// Why a container cannot start for the sake of its networks. One that was started before asks for the network of that
/// time by its id, also where another one has its name by now; one that was not asks by name, and takes no one of several.
pub fn trouble(engine: &Engine, container: &str) -> Option<Refusal> {
    let container = engine.containers.get(container)?;
    container.networks.iter().find_map(|(name, endpoint)| match &endpoint.network {
        Some(id) if engine.networks.contains_key(id) => None,
        Some(id) => Some(Refusal::new(404, format!("network {id} not found"))),
        None => match engine.networks.values().filter(|network| network.name == *name).count() {
            0 => Some(Refusal::new(404, format!("network {name} not found"))),
            1 => None,
            several => {
                let message = format!("network {name} is ambiguous ({several} matches found on name)");
                Some(Refusal::new(400, message))
            }
        },
    })
}

/// Gives a starting container its addresses.
pub fn plug_in(engine: &mut Engine, id: &str) {
    let names: Vec<String> =
        engine.containers.get(id).map(|container| container.networks.keys().cloned().collect()).unwrap_or_default();
    for name in names {
        let known = engine.containers.get(id).and_then(|it| it.networks.get(&name)?.network.clone());
        let Some(network) = known.or_else(|| find(engine, &name).ok()) else {
            continue;
        };
        let taken: Vec<u32> = endpoints_of(engine, &network).map(|endpoint| endpoint.host_number).collect();
        let number = (2..=0xffff).find(|number| !taken.contains(number)).unwrap_or_default();
        let Some(container) = engine.containers.get_mut(id) else {
            return;
        };
        let is_own = !["bridge", "host", "none"].contains(&name.as_str());
        if let Some(endpoint) = container.networks.get_mut(&name) {
            endpoint.endpoint = Some(hex(&Sha256::digest(format!("endpoint/{network}/{id}"))));
            endpoint.network = Some(network);
            endpoint.host_number = number;
            if is_own {
                let aliases = endpoint.aliases.get_or_insert_default();
                if !aliases.iter().any(|alias| *alias == id[..12]) {
                    aliases.push(id[..12].to_owned());
                }
            }
        }
    }
}

fn endpoints_of<'a>(engine: &'a Engine, network: &'a str) -> impl Iterator<Item = &'a Endpoint> {
    let all = engine.containers.values().flat_map(|container| container.networks.values());
    all.filter(move |endpoint| endpoint.endpoint.is_some() && endpoint.network.as_deref() == Some(network))
}

fn connect(world: &mut World, call: &Call, name: &str) -> Outcome {
    let body = call.document()?;
    let container_name = text(&body, "Container").to_owned();
    let now = world.now;
    let engine = engine_mut(world, call)?;
    let network = find(engine, name)?;
    let id = containers::find(engine, &container_name)?;
    let network_name = engine.networks.get(&network).map(|network| network.name.clone()).unwrap_or_default();
    let Some(container) = engine.containers.get_mut(&id) else {
        return Err(Refusal::new(404, format!("No such container: {container_name}")));
    };
    if container.networks.contains_key(&network_name) && container.status.is_alive() {
        let message = format!("endpoint with name {} already exists in network {network_name}", container.name);
        return Err(Refusal::new(403, message));
    }
    let aliases = body["EndpointConfig"]["Aliases"].as_array();
    let aliases = aliases.map(|items| items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect());
    let endpoint = Endpoint { network: Some(network.clone()), endpoint: None, host_number: 0, aliases };
    container.networks.insert(network_name.clone(), endpoint);
    if container.status.is_alive() {
        plug_in(engine, &id);
    }
    events::note(
        world,
        &call.engine,
        "network",
        "connect",
        &network,
        &[("name", &network_name), ("container", &id)],
        now,
    );
    Ok(Answer::status(200).into())
}

fn disconnect(world: &mut World, call: &Call, name: &str) -> Outcome {
    let body = call.document()?;
    let now = world.now;
    let engine = engine_mut(world, call)?;
    let network = find(engine, name)?;
    let id = containers::find(engine, text(&body, "Container"))?;
    let network_name = engine.networks.get(&network).map(|network| network.name.clone()).unwrap_or_default();
    let gone = engine.containers.get_mut(&id).and_then(|container| container.networks.remove(&network_name));
    if gone.is_none() {
        return Err(Refusal::new(500, format!("container {id} is not connected to network {network_name}")));
    }
    let attributes = [("name", network_name.as_str()), ("container", &id)];
    events::note(world, &call.engine, "network", "disconnect", &network, &attributes, now);
    Ok(Answer::status(200).into())
}

fn remove(world: &mut World, call: &Call, name: &str) -> Outcome {
    let now = world.now;
    let engine = engine_mut(world, call)?;
    let id = find(engine, name)?;
    let own = engine.networks.get(&id).map(|network| network.name.clone()).unwrap_or_default();
    if ["bridge", "host", "none"].contains(&own.as_str()) {
        return Err(Refusal::new(403, format!("{own} is a pre-defined network and cannot be removed")));
    }
    if endpoints_of(engine, &id).next().is_some() {
        let message = format!("error while removing network: network {own} id {id} has active endpoints");
        return Err(Refusal::new(403, message));
    }
    engine.networks.remove(&id);
    events::note(world, &call.engine, "network", "destroy", &id, &[("name", &own)], now);
    Ok(Answer::status(204).into())
}
