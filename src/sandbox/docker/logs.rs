//! What a container wrote, framed as the engine frames it.

use super::{
    call::{Answer, Call, Outcome, Payload, Refusal, Reply, Stream},
    containers, engine,
};
use crate::sandbox::world::{LogLine, World};
use jiff::Timestamp;

/// How lines are written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the parameters are the API's")]
pub struct Form {
    stdout: bool,
    stderr: bool,
    timestamps: bool,
    is_terminal: bool,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// At once, or as they come.
pub fn route(world: &World, call: &Call, name: &str) -> Outcome {
    let engine = engine(world, call)?;
    let form = Form {
        stdout: call.flag("stdout"),
        stderr: call.flag("stderr"),
        timestamps: call.flag("timestamps"),
        is_terminal: false,
        since: seconds(call, "since"),
        until: seconds(call, "until"),
    };
    if !form.stdout && !form.stderr {
        return Err(Refusal::new(400, "Bad parameters: you must choose at least one stream"));
    }
    let id = containers::find(engine, name)?;
    let Some(container) = engine.containers.get(&id) else {
        return Err(Refusal::new(404, format!("No such container: {name}")));
    };
    let form = Form { is_terminal: container.config["Tty"] == true, ..form };
    let wanted: Vec<&LogLine> = container.logs.iter().filter(|line| form.wants(line)).collect();
    let most = call.parameter("tail").and_then(|text| text.parse::<usize>().ok()).unwrap_or(usize::MAX);
    let skipped = wanted.len().saturating_sub(most);
    if call.flag("follow") {
        return Ok(Reply::Flow(Stream::Logs { container: id, form, sent: skipped }));
    }
    let bytes = wanted.into_iter().skip(skipped).flat_map(|line| form.frame(line)).collect();
    Ok(Answer::with(200, Payload::Bytes("", bytes)).into())
}

fn seconds(call: &Call, name: &str) -> Option<Timestamp> {
    let whole = call.parameter(name)?.split('.').next()?.parse::<i64>().ok()?;
    Timestamp::from_second(whole).ok().filter(|_| whole > 0)
}

impl Form {
    fn wants(&self, line: &LogLine) -> bool {
        let stream = if line.is_error { self.stderr } else { self.stdout };
        stream
            && self.since.is_none_or(|since| line.written_at >= since)
            && self.until.is_none_or(|until| line.written_at <= until)
    }

    /// A stream's number, the length, the line; a terminal's has no frame.
    fn frame(&self, line: &LogLine) -> Vec<u8> {
        let mut text = String::new();
        if self.timestamps {
            text.push_str(&line.written_at.strftime("%Y-%m-%dT%H:%M:%S.%9fZ ").to_string());
        }
        text.push_str(&line.text);
        text.push('\n');
        if self.is_terminal {
            return text.into_bytes();
        }
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let mut bytes = vec![if line.is_error { 2 } else { 1 }, 0, 0, 0];
        bytes.extend(length.to_be_bytes());
        bytes.extend(text.into_bytes());
        bytes
    }
}

/// The frames of lines after so many, how many there are, and whether no more will come.
pub fn after(world: &World, engine: &str, container: &str, form: &Form, sent: usize) -> (Vec<u8>, usize, bool) {
    let found = world.engines.get(engine).and_then(|engine| engine.containers.get(container));
    let Some(container) = found else {
        return (Vec::new(), sent, true);
    };
    let wanted: Vec<&LogLine> = container.logs.iter().filter(|line| form.wants(line)).collect();
    let bytes = wanted.iter().skip(sent).flat_map(|line| form.frame(line)).collect();
    (bytes, wanted.len(), !container.status.is_alive())
}
