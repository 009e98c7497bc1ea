//! What runs on a host as a file for Docker Compose: for the day on which somebody goes on without this program.
//!
//! It is made of the same blueprints as the containers. Nothing here reads such a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::super::desired::{Desired, Log, Service, Target};
use super::super::observed::Upload;
use super::blueprint::{Blueprint, Drawing, Volume};
use crate::plan::{Gap, Read};

/// What lies on this machine and is to be uploaded, by its path.
type Uploads = BTreeMap<std::path::PathBuf, Read<Upload>>;

/// The profile of what a plain `docker compose up` does not start.
const ON_DEMAND: &str = "on-demand";
/// The words that YAML 1.1 does not read as text.
const NO_TEXT: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "null", "~"];

/// A compose file for each target, by its key; the gap of what has to be read for one that is none.
#[must_use]
pub fn compose(want: &Desired, uploads: &Uploads) -> BTreeMap<String, Result<String, Box<Gap>>> {
    let of = |(key, target): (&String, &Target)| {
        let drawing = Drawing { target, uploads };
        (key.clone(), services(&drawing).map(|services| document(want, key, target, &services)))
    };
    want.targets.iter().filter(|(_, target)| !target.absent).map(of).collect()
}

/// A service of compose: containers that are all alike.
struct Entry<'a> {
    /// The key of its pool, after which its containers are named.
    key: &'a str,
    name: String,
    service: &'a Service,
    /// How many of them, and the number of the first.
    scale: u32,
    first: u32,
    /// The variable that its token is taken from.
    token: String,
    blueprint: Blueprint,
}

/// Agents that always run and those on demand differ in what compose says of a whole service, so they are two.
fn services<'a>(drawing: &Drawing<'a>) -> Result<Vec<Entry<'a>>, Box<Gap>> {
    let mut entries = Vec::new();
    let mut tokens = BTreeSet::new();
    for (key, service) in &drawing.target.services {
        let token = token_variable(key, &mut tokens);
        let Service { min, max, .. } = *service;
        for (first, last, always) in [(1, min.min(max), true), (min + 1, max, false)] {
            if first > last {
                continue;
            }
            let name = if always || min == 0 { key.clone() } else { format!("{key}-{ON_DEMAND}") };
            let blueprint = drawing.blueprint(service, first)?;
            entries.push(Entry { key, name, service, scale: last + 1 - first, first, token: token.clone(), blueprint });
        }
    }
    Ok(entries)
}

fn token_variable(key: &str, taken: &mut BTreeSet<String>) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let mut name = format!("TFC_AGENT_TOKEN_{}", key.chars().map(upper).collect::<String>());
    while !taken.insert(name.clone()) {
        name.push('_');
    }
    name
}

fn document(want: &Desired, key: &str, target: &Target, entries: &[Entry<'_>]) -> String {
    let mut page = Page::default();
    page.text.push_str(&heading(want, key, entries));
    page.line(0, "");
    page.line(0, &format!("name: {}", scalar(&target.project)));
    page.line(0, "");
    page.line(0, if entries.is_empty() { "services: {}" } else { "services:" });
    for entry in entries {
        page.service(target, entry);
    }
    page.line(0, "");
    page.line(0, "networks:");
    page.line(1, "default:");
    page.line(2, &format!("name: {}", scalar(&target.network())));
    let volumes: BTreeMap<&str, &Volume> =
        entries.iter().flat_map(|entry| &entry.blueprint.volumes).map(|volume| (volume.key.as_str(), volume)).collect();
    if !volumes.is_empty() {
        page.line(0, "");
        page.line(0, "# Filled by reconcile, and found here. On another host they have to be filled first.");
        page.line(0, "volumes:");
    }
    for (key, Volume { name, key: _, hash, content, bytes: _ }) in volumes {
        page.line(1, &format!("{}:", scalar(key)));
        page.line(2, &format!("# {}, sha256:{hash}", one_line(&content.path.display().to_string())));
        page.line(2, &format!("name: {}", scalar(name)));
        page.line(2, "external: true");
    }
    page.text
}

/// What to know before the first `up`.
fn heading(want: &Desired, key: &str, entries: &[Entry<'_>]) -> String {
    let mut text = format!(
        "\
# The agents of the target {key} of the fleet {fleet}, for Docker Compose.
#
# `reconcile render` wrote this file and nothing of reconcile reads it: it is for the day on which you go on
# without reconcile. Until then `docker compose ls`, `ps` and `logs` show the stack without it.
#
# The first `docker compose up -d` makes every running container anew, once: compose knows a container by a
# hash of its own, which reconcile does not imitate. Network and volumes stay. So, before it:
#   - let reconcile no longer run for this host: the new containers are not its own, and it would refuse them;
#   - see in HCP that the agents are idle. Compose asks the old one to finish, once, and waits as long as
#     `stop_grace_period` says. Never run `up` again meanwhile: a second TERM ends the agent in its job;
#   - put the tokens into `.env` beside this file, readable by you alone. HCP shows a token only when it is
#     made and reconcile keeps none, so make new ones: Settings, Agents, the pool, New token.
",
        fleet = want.fleet,
    );
    if entries.iter().any(|entry| !entry.blueprint.always) {
        text.push_str(
            "\
#
# Compose does not start an agent when a run waits for it, nor stop it afterwards. What reconcile ran on demand has
# the profile `on-demand`: a plain `up` leaves it alone, `docker compose --profile on-demand up -d` starts it.
",
        );
    }
    text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, depth: usize, text: &str) {
        if !text.is_empty() {
            self.text.push_str(&"  ".repeat(depth));
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn service(&mut self, target: &Target, entry: &Entry<'_>) {
        let Entry { key, name, service, scale, first, token, blueprint } = entry;
        let Blueprint {
            image,
            environment,
            network: _,
            mounts,
            places: _,
            volumes,
            always,
            stop_timeout,
            memory,
            millicpus,
            log,
            digest: _,
        } = blueprint;
        self.line(1, &format!("{}:", scalar(name)));
        self.line(2, &format!("image: {}", scalar(&image.to_string())));
        if !always {
            self.line(2, &format!("profiles: [{ON_DEMAND}]"));
        }
        if *scale > 1 {
            self.line(2, &format!("scale: {scale}"));
        }
        self.line(2, if *always { "restart: unless-stopped" } else { "restart: \"no\"" });
        self.line(2, &format!("stop_grace_period: {stop_timeout}s"));
        if let Some(bytes) = memory {
            self.line(2, &format!("mem_limit: {bytes}"));
        }
        if let Some(millicpus) = millicpus {
            self.line(2, &format!("cpus: {}", f64::from(*millicpus) / 1000.0));
        }
        self.line(2, "environment:");
        self.line(3, &format!("# A token of the pool {}.", one_line(&service.pool)));
        // Without it nothing at all is stopped or started.
        self.line(3, &format!("TFC_AGENT_TOKEN: \"${{{token}:?make one in HCP, see above}}\""));
        if *scale == 1 {
            let agent = scalar(&target.container(key, *first));
            self.line(3, &format!("TFC_AGENT_NAME: {agent}"));
        }
        for (key, value) in environment {
            self.line(3, &format!("{}: {}", scalar(key), quoted(value)));
        }
        if let Some(Log { driver, options }) = log {
            self.line(2, "logging:");
            self.line(3, &format!("driver: {}", scalar(driver)));
            if !options.is_empty() {
                self.line(3, "options:");
            }
            for (key, value) in options {
                self.line(4, &format!("{}: {}", scalar(key), quoted(value)));
            }
        }
        self.mounts(mounts, volumes);
    }

    fn mounts(&mut self, mounts: &BTreeMap<String, String>, volumes: &[Volume]) {
        if !mounts.is_empty() {
            self.line(2, "volumes:");
        }
        for (path, source) in mounts {
            let on_host = source.starts_with('/');
            let key = volumes.iter().find(|volume| volume.name == *source).map(|volume| &volume.key);
            self.line(3, if on_host { "- type: bind" } else { "- type: volume" });
            self.line(4, &format!("source: {}", scalar(key.unwrap_or(source))));
            self.line(4, &format!("target: {}", scalar(path)));
            self.line(4, "read_only: true");
            if on_host {
                self.line(4, "bind: { create_host_path: false }");
            }
        }
    }
}

/// A text that nobody takes for anything else. Compose puts variables in wherever a dollar stands alone.
fn scalar(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-./:@".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain = begins && text.chars().all(fits) && !text.ends_with(':');
    if plain && !NO_TEXT.contains(&text.to_ascii_lowercase().as_str()) { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '$' => quoted.push_str("$$"),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// In a comment nothing may begin another line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
