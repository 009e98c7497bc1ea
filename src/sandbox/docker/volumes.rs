//! Volumes.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    call::{Answer, Call, Outcome, Payload, Refusal, instant, is_name, text, words},
    containers::users_of_volume,
    engine, engine_mut, events,
};
use crate::sandbox::world::{Tree, Volume, World, hex};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["volumes"]) => list(world, call),
        ("POST", ["volumes", "create"]) => create(world, call),
        ("GET", ["volumes", name]) => inspect(world, call, name),
        ("DELETE", ["volumes", name]) => remove(world, call, name),
        _ => return None,
    };
    Some(outcome)
}

/// Where a volume lies on the machine.
pub fn mount_point(name: &str) -> String {
    format!("/var/lib/docker/volumes/{name}/_data")
}

fn missing(name: &str) -> Refusal {
    Refusal::new(404, format!("get {name}: no such volume"))
}

fn list(world: &World, call: &Call) -> Outcome {
    let filters = call.filters(&["dangling", "driver", "label", "name"])?;
    let engine = engine(world, call)?;
    let is_used = |name: &str| !users_of_volume(engine, name).is_empty();
    let found = engine.volumes.iter().filter(|(name, volume)| {
        let labels = volume.labels.clone().unwrap_or_default();
        filters.labels(&labels)
            && filters.any("name", |word| name.contains(word))
            && filters.any("driver", |word| word == "local")
            && filters.any("dangling", |word| matches!(word, "true" | "1") != is_used(name))
    });
    let shown: Vec<Value> = found.map(|(name, volume)| render(name, volume)).collect();
    Ok(Answer::json(json!({ "Volumes": shown, "Warnings": Value::Null })).into())
}

fn render(name: &str, volume: &Volume) -> Value {
    json!({
        "CreatedAt": instant(Some(volume.created_at)).split('.').next().map(|text| format!("{}Z", text.trim_end_matches('Z'))),
        "Driver": "local",
        "Labels": volume.labels,
        "Mountpoint": mount_point(name),
        "Name": name,
        "Options": volume.options,
        "Scope": "local",
    })
}

/// One that exists is answered as it is: 201 says nothing about who made it, and its labels stay.
fn create(world: &mut World, call: &Call) -> Outcome {
    let body = call.document()?;
    let given = text(&body, "Name").to_owned();
    let now = world.now;
    let count = world.counters.entry(format!("docker/{}/volume", call.engine)).or_default();
    *count += 1;
    let nameless = hex(&Sha256::digest(format!("volume/{}/{count}", call.engine)));
    let name = if given.is_empty() { nameless } else { given };
    if !is_name(&name) {
        return Err(Refusal::new(400, bad_name(&name)));
    }
    let driver = text(&body, "Driver");
    if !matches!(driver, "" | "local") {
        let message = format!("create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found");
        return Err(Refusal::new(404, message));
    }
    let given_words = |name: &str| body.get(name).filter(|value| value.is_object()).map(words);
    let engine = engine_mut(world, call)?;
    let is_new = !engine.volumes.contains_key(&name);
    let volume = engine.volumes.entry(name.clone()).or_insert_with(|| Volume {
        labels: given_words("Labels"),
        options: given_words("DriverOpts").filter(|options| !options.is_empty()),
        files: Tree::default(),
        created_at: now,
    });
    let shown = render(&name, volume);
    if is_new {
        events::note(world, &call.engine, "volume", "create", &name, &[("driver", "local")], now);
    }
    Ok(Answer::with(201, Payload::Json(shown)).into())
}

fn bad_name(name: &str) -> String {
    if name.len() == 1 {
        return format!(
            "create {name}: volume name is too short, names should be at least two alphanumeric characters"
        );
    }
    format!(
        "create {name}: \"{name}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are \
         allowed. If you intended to pass a host directory, use absolute path"
    )
}

/// A volume that a container mounts, made if it is not there.
pub fn provide(world: &mut World, call: &Call, name: &str) -> Result<(), Refusal> {
    if !is_name(name) {
        return Err(Refusal::new(400, bad_name(name)));
    }
    let now = world.now;
    let engine = engine_mut(world, call)?;
    if engine.volumes.contains_key(name) {
        return Ok(());
    }
    let volume = Volume { labels: None, options: None, files: Tree::default(), created_at: now };
    engine.volumes.insert(name.to_owned(), volume);
    events::note(world, &call.engine, "volume", "create", name, &[("driver", "local")], now);
    Ok(())
}

fn inspect(world: &World, call: &Call, name: &str) -> Outcome {
    let volume = engine(world, call)?.volumes.get(name).ok_or_else(|| missing(name))?;
    Ok(Answer::json(render(name, volume)).into())
}

/// Even by force not while a container mounts it; by force what is not there is gone.
fn remove(world: &mut World, call: &Call, name: &str) -> Outcome {
    let now = world.now;
    let force = call.flag("force");
    let engine = engine_mut(world, call)?;
    if !engine.volumes.contains_key(name) {
        return if force { Ok(Answer::status(204).into()) } else { Err(missing(name)) };
    }
    let users = users_of_volume(engine, name);
    if !users.is_empty() {
        let message = format!("remove {name}: volume is in use - [{}]", users.join(", "));
        return Err(Refusal::new(409, message));
    }
    engine.volumes.remove(name);
    events::note(world, &call.engine, "volume", "destroy", name, &[("driver", "local")], now);
    Ok(Answer::status(204).into())
}
