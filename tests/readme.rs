//! README.md shows what the program really prints, and its spec is one that the program takes.
//!
//! After a change that is meant: `README_UPDATE=1 cargo test --test readme`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use reconcile::sandbox::World;
use reconcile::sandbox::world::{Mode, OwnPool, Placement};

const FLEET: &str = "deploy/examples/homelab/fleet.yaml";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn reconcile(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reconcile"))
        .args(arguments)
        .current_dir(root())
        .env_clear()
        .env("NO_COLOR", "1")
        .env("HOME", "/nonexistent")
        // Without Git, as the revision of this very checkout changes with every commit.
        .env("PATH", "/nonexistent")
        .output()
        .unwrap()
}

/// What a command printed, without what differs from machine to machine.
fn shown(command: &str, directory: &Path, code: i32) -> String {
    let sandbox = format!("--sandbox={}", directory.display());
    let mut arguments: Vec<&str> = command.split(' ').collect();
    arguments.extend([sandbox.as_str(), FLEET]);
    let output = reconcile(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{command}\n{text}{errors}");
    let mut lines = vec![format!("$ reconcile {command} --sandbox {FLEET}")];
    lines.extend(text.lines().map(|line| {
        let line = line.replace(directory.to_str().unwrap(), "~/.local/state/reconcile/sandbox/homelab");
        let line = with_number(&line, "127.0.0.1:", "40123");
        let line = with_number(&line, "read in ", "0.0");
        // The digest is over requests, so that it moves with what no reader of README sees.
        match line.strip_prefix("Plan ").and_then(|rest| rest.split_once(':')) {
            Some((_, rest)) => format!("Plan ............:{rest}"),
            None => line,
        }
    }));
    lines.join("\n")
}

/// The line with the number after these words replaced.
fn with_number(line: &str, words: &str, number: &str) -> String {
    let Some((before, after)) = line.split_once(words) else { return line.to_owned() };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    format!("{before}{words}{number}{rest}")
}

/// Somebody clicks in the web page: a setting, a secret, a place to run; and a run waits for an answer.
fn by_hand(directory: &Path) {
    let file = directory.join("world.json");
    let mut world: World = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let id = |world: &World, name: &str| world.workspace_named(name).unwrap().to_owned();
    let grafana = id(&world, "main-cluster-grafana");
    world.workspaces.get_mut(&grafana).unwrap().auto_apply = false;
    let cloudflare = id(&world, "main-cluster-cloudflare");
    let variables = &mut world.workspaces.get_mut(&cloudflare).unwrap().variables;
    variables.values_mut().find(|variable| variable.key == "CLOUDFLARE_API_TOKEN").unwrap().revision += 1;
    let moved = |mode| Placement { mode: Some(mode), pool: OwnPool::Inherited };
    let authentik = id(&world, "main-cluster-authentik");
    world.workspaces.get_mut(&authentik).unwrap().placement = moved(Mode::Local);
    let vault = id(&world, "main-cluster-vault");
    world.workspaces.get_mut(&vault).unwrap().placement = moved(Mode::Remote);
    let run = world.start_run(&vault, "planned").unwrap();
    world.runs.get_mut(&run).unwrap().created_at = "2026-01-05T09:30:00Z".parse().unwrap();
    fs::write(file, serde_json::to_vec(&world).unwrap()).unwrap();
}

/// README.md with the block of this name replaced, and whether it was right.
fn put(readme: &str, name: &str, text: &str) -> (String, bool) {
    let start = format!("<!-- output: {name} -->\n```text\n");
    let (before, rest) = readme.split_once(&start).unwrap_or_else(|| panic!("README.md lacks the block `{name}`"));
    let (old, after) = rest.split_once("\n```\n").unwrap();
    (format!("{before}{start}{text}\n```\n{after}"), old == text)
}

#[test]
fn what_the_readme_shows_is_what_is_printed() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("homelab");
    let first = shown("plan", &directory, 2);
    // One at a time, so that ids are given out in one order: a digest is over requests, which hold them.
    shown("apply --yes --concurrency 1", &directory, 0);
    let second = shown("plan", &directory, 0);
    assert!(second.contains("no changes"), "{second}");
    by_hand(&directory);
    let drifted = shown("plan", &directory, 2);

    let file = root().join("README.md");
    let mut readme = fs::read_to_string(&file).unwrap();
    let mut right = true;
    for (name, text) in [("first plan", &first), ("nothing to do", &second), ("drift", &drifted)] {
        let (new, same) = put(&readme, name, text);
        right &= same;
        readme = new;
    }
    if !right && std::env::var_os("README_UPDATE").is_some() {
        fs::write(file, readme).unwrap();
    } else {
        assert!(right, "README.md shows something else; if that is meant: README_UPDATE=1 cargo test --test readme");
    }
}

#[test]
fn the_spec_in_the_readme_is_one() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let spec = readme.split_once("```yaml\n").unwrap().1.split_once("```\n").unwrap().0;
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("fleet.yaml");
    fs::write(&file, spec).unwrap();
    let output = reconcile(&["check", "--strict", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
