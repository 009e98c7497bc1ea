//! What happened, as a list and as a stream.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::{Call, Filters, Outcome, Refusal, Reply, Stream};
use crate::sandbox::world::{Engine, Event, World};

/// So many are kept, as by a real engine.
const MOST: usize = 256;

/// Remembers something about a container.
pub fn tell(world: &mut World, place: &(String, String), action: &str, more: &[(&str, &str)], at: Timestamp) {
    let found = world.engines.get(&place.0).and_then(|engine| engine.containers.get(&place.1));
    let Some(container) = found else {
        return;
    };
    let mut attributes = container.labels.clone();
    attributes.insert("image".to_owned(), container.image.clone());
    attributes.insert("name".to_owned(), container.name.clone());
    attributes.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    push(world, &place.0, "container", action, &place.1, attributes, at);
}

/// Remembers something about anything else.
pub fn note(
    world: &mut World,
    engine: &str,
    kind: &str,
    action: &str,
    id: &str,
    attributes: &[(&str, &str)],
    at: Timestamp,
) {
    let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    push(world, engine, kind, action, id, attributes, at);
}

fn push(
    world: &mut World,
    engine: &str,
    kind: &str,
    action: &str,
    id: &str,
    attributes: BTreeMap<String, String>,
    at: Timestamp,
) {
    let Some(engine) = world.engines.get_mut(engine) else {
        return;
    };
    let event =
        Event { kind: kind.to_owned(), action: action.to_owned(), id: id.to_owned(), attributes, happened_at: at };
    engine.events.push(event);
    if engine.events.len() > MOST {
        engine.events.remove(0);
    }
}

/// How the process of a container ended that may be gone.
pub fn last_exit(engine: &Engine, container: &str) -> i64 {
    let ends = engine.events.iter().rev().filter(|event| event.id == container && event.action == "die");
    let mut codes = ends.filter_map(|event| event.attributes.get("exitCode")?.parse().ok());
    codes.next().unwrap_or_default()
}

/// From an instant on, or from now on; to an instant, or for ever.
pub fn route(world: &World, call: &Call) -> Outcome {
    let filters = call.filters(&[
        "config",
        "container",
        "daemon",
        "event",
        "image",
        "label",
        "network",
        "node",
        "plugin",
        "scope",
        "secret",
        "service",
        "type",
        "volume",
    ])?;
    let since = instant(call, "since", world)?;
    let until = instant(call, "until", world)?;
    let events = &super::engine(world, call)?.events;
    let seen = match since {
        None => events.len(),
        Some(since) => events.iter().take_while(|event| event.happened_at < since).count(),
    };
    Ok(Reply::Flow(Stream::Events { filters, seen, until }))
}

/// Seconds since 1970 with a fraction, an RFC 3339 time, or a duration before now.
fn instant(call: &Call, name: &str, world: &World) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = call.parameter(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let bad = || {
        Refusal::new(
            400,
            format!("invalid value for \"{name}\": failed to parse value as time or duration: \"{text}\""),
        )
    };
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Some(at));
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if let (Ok(seconds), Ok(_)) = (seconds.parse::<i64>(), fraction.parse::<u64>()) {
        let padded = format!("{fraction:0<9}");
        let nanoseconds = padded.get(..9).and_then(|digits| digits.parse::<i32>().ok()).unwrap_or_default();
        return Timestamp::new(seconds, nanoseconds).map(Some).map_err(|_| bad());
    }
    let pause: jiff::SignedDuration = text.parse().map_err(|_| bad())?;
    world.now.checked_sub(pause).map(Some).map_err(|_| bad())
}

/// The events after so many, as lines; and how many there are.
pub fn since(
    world: &World,
    engine: &str,
    filters: &Filters,
    seen: usize,
    until: Option<Timestamp>,
) -> (Vec<Value>, usize) {
    let Some(engine) = world.engines.get(engine) else {
        return (Vec::new(), seen);
    };
    let new = engine.events.iter().skip(seen);
    let fits = |event: &&Event| {
        until.is_none_or(|until| event.happened_at <= until)
            && filters.any("type", |word| event.kind == word)
            && filters.any("event", |word| event.action == word)
            && filters.labels(&event.attributes)
            && ["container", "image", "network", "volume"].into_iter().all(|kind| {
                !filters.has(kind)
                    || event.kind == kind
                        && filters.any(kind, |word| {
                            event.id.starts_with(word) || event.attributes.get("name").is_some_and(|name| name == word)
                        })
            })
    };
    (new.filter(fits).map(render).collect(), engine.events.len())
}

fn render(event: &Event) -> Value {
    let mut shown = json!({
        "Type": event.kind,
        "Action": event.action,
        "Actor": { "ID": event.id, "Attributes": event.attributes },
        "scope": "local",
        "time": event.happened_at.as_second(),
        "timeNano": i64::try_from(event.happened_at.as_nanosecond()).unwrap_or(i64::MAX),
    });
    if event.kind == "container" || event.kind == "image" {
        shown["status"] = json!(event.action);
        shown["id"] = json!(event.id);
    }
    if let Some(image) = event.attributes.get("image").filter(|_| event.kind == "container") {
        shown["from"] = json!(image);
    }
    shown
}
