//! A container's life: started, told to end, waited for.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::{
    call::{Answer, Call, Outcome, Refusal, Waiting},
    engine, engine_mut, events, networks,
};
use super::place;
use crate::sandbox::world::{Status, World};

/// What a signal's number is; names with and without `SIG`.
const SIGNALS: [(&str, u8); 31] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
];

fn signal(word: &str) -> Option<u8> {
    if let Ok(number) = word.parse::<u8>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = word.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    SIGNALS.iter().find(|(name, _)| *name == bare).map(|(_, number)| *number)
}

/// 304 where it runs.
pub fn start(world: &mut World, call: &Call, name: &str) -> Outcome {
    let place = place(world, call, name)?;
    let now = world.now;
    let engine = engine_mut(world, call)?;
    let trouble = networks::trouble(engine, &place.1);
    if let Some(container) = engine.containers.get_mut(&place.1) {
        if container.status.is_alive() {
            return Ok(Answer::status(304).into());
        }
        if let Some(refusal) = trouble {
            container.error.clone_from(&refusal.message);
            container.exit_code = 128;
            return Err(refusal);
        }
        container.back_off = 0;
        container.restarts = 0;
    }
    world.begin(&place, now);
    Ok(Answer::status(204).into())
}

/// One signal, and a kill when it did not help in time. Every call sends one.
pub fn stop(world: &mut World, call: &Call, name: &str, start: bool) -> Outcome {
    let place = place(world, call, name)?;
    let now = world.now;
    let engine = engine_mut(world, call)?;
    let Some(container) = engine.containers.get_mut(&place.1) else {
        return Err(Refusal::new(404, format!("No such container: {name}")));
    };
    let waiting = Waiting::Stopped { container: place.1.clone(), start };
    match container.status {
        Status::Created | Status::Exited if start => return Ok(waiting.into()),
        Status::Created | Status::Exited => return Ok(Answer::status(304).into()),
        Status::Restarting => {
            container.ended_by_hand = true;
            world.end(&place, 0, now);
            return Ok(waiting.into());
        }
        Status::Running => {}
    }
    let own = container.config["StopTimeout"].as_i64().unwrap_or(10);
    let seconds = match call.parameter("t").map(str::parse::<i64>) {
        None => own,
        Some(Ok(seconds)) => seconds,
        Some(Err(_)) => {
            let given = call.parameter("t").unwrap_or_default();
            return Err(Refusal::new(500, format!("strconv.Atoi: parsing \"{given}\": invalid syntax")));
        }
    };
    let number = container.config["StopSignal"].as_str().and_then(signal).unwrap_or(15);
    container.ended_by_hand = true;
    if seconds >= 0 {
        let at = now.checked_add(SignedDuration::from_secs(seconds)).ok();
        container.kill_at = container.kill_at.into_iter().chain(at).min();
    }
    events::tell(world, &place, "kill", &[("signal", &number.to_string())], now);
    world.signal(&place, number, now);
    Ok(waiting.into())
}

impl From<Waiting> for super::super::call::Reply {
    fn from(waiting: Waiting) -> Self {
        Self::Later(waiting)
    }
}

/// Any signal; also one that ends nothing means that the container is not started again.
pub fn kill(world: &mut World, call: &Call, name: &str) -> Outcome {
    let number = match call.parameter("signal").unwrap_or_default() {
        "" => 9,
        given => signal(given).ok_or_else(|| Refusal::new(400, format!("Invalid signal: {given}")))?,
    };
    let refused =
        |refusal: Refusal| Refusal::new(refusal.status, format!("Cannot kill container: {name}: {}", refusal.message));
    let place = place(world, call, name).map_err(refused)?;
    let now = world.now;
    let engine = engine_mut(world, call)?;
    let Some(container) = engine.containers.get_mut(&place.1) else {
        return Err(refused(Refusal::new(404, format!("No such container: {name}"))));
    };
    match container.status {
        Status::Created | Status::Exited => {
            return Err(refused(Refusal::new(409, format!("Container {} is not running", place.1))));
        }
        Status::Restarting => {
            container.ended_by_hand = true;
            world.end(&place, 0, now);
        }
        Status::Running => {
            container.ended_by_hand = true;
            events::tell(world, &place, "kill", &[("signal", &number.to_string())], now);
            world.signal(&place, number, now);
        }
    }
    Ok(Answer::status(204).into())
}

/// Waits for an end: the present one, the next one, or until it is gone.
pub fn wait(world: &mut World, call: &Call, name: &str) -> Outcome {
    let (_, id) = place(world, call, name)?;
    let found = engine(world, call)?.containers.get(&id);
    let before = found.and_then(|container| container.finished_at);
    let began = found.filter(|container| container.status.is_alive()).and_then(|container| container.started_at);
    Ok(match call.parameter("condition") {
        Some("next-exit") => Waiting::NextExit { container: id, before },
        Some("removed") => Waiting::Ended { container: id, removed: true, began },
        _ => Waiting::Ended { container: id, removed: false, began },
    }
    .into())
}

/// What is answered by now, if anything.
pub fn resume(world: &mut World, name: &str, waiting: &Waiting) -> Option<Answer> {
    let now = world.now;
    let engine = world.engines.get(name)?;
    let code = |code: i64| Answer::json(json!({ "Error": Value::Null, "StatusCode": code }));
    match waiting {
        Waiting::Stopped { container: id, start } => {
            let place = (name.to_owned(), id.clone());
            let found = engine.containers.get(id);
            if found.is_some_and(|container| container.status.is_alive()) {
                return None;
            }
            if found.is_some() {
                events::tell(world, &place, "stop", &[], now);
                if *start {
                    world.begin(&place, now);
                    events::tell(world, &place, "restart", &[], now);
                }
            }
            Some(Answer::status(204))
        }
        Waiting::Ended { container: id, removed, began } => match engine.containers.get(id) {
            None => Some(code(events::last_exit(engine, id))),
            Some(container) => {
                let ended_since = began.is_some() && container.finished_at > *began;
                let is_over = !container.status.is_alive() || ended_since;
                (is_over && !removed).then(|| code(container.exit_code))
            }
        },
        Waiting::NextExit { container: id, before } => match engine.containers.get(id) {
            None => Some(code(events::last_exit(engine, id))),
            Some(container) => (container.finished_at != *before).then(|| code(container.exit_code)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        assert_eq!(signal("SIGTERM"), Some(15));
        assert_eq!(signal("term"), Some(15));
        assert_eq!(signal("9"), Some(9));
        assert_eq!(signal("0"), None);
        assert_eq!(signal("NOPE"), None);
    }
}
