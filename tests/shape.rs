//! The shape of the repository: what a reviewer would otherwise have to look for by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longer than this and a file holds more than one thing.
const MOST_LINES: usize = 800;

/// Names that say nothing of what is in a file.
const EMPTY_NAMES: [&str; 5] = ["utils", "util", "common", "helpers", "manager"];

/// What every system's folder holds, each as a file or as a folder.
const SYSTEM_PARTS: [&str; 5] = ["wire", "client", "observe", "plan", "apply"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a path of the repository, without what is built.
fn files(below: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().unwrap();
            // `.git` is a file in a second work tree, and names the first one.
            if name == ".git" || name.starts_with("target") || name == "result" {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn rust_files(below: &str) -> Vec<PathBuf> {
    let found: Vec<_> =
        files(below).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect();
    assert!(!found.is_empty(), "no Rust file below {below}: is this the right place?");
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Fails with all complaints at once.
fn none(what: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{what}:\n  {}", complaints.join("\n  "));
}

/// The lines of a source file that are part of the program: no comments, and nothing from the tests at its end on.
fn program_lines(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<_> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod ") && pair[1].ends_with('{')
    });
    lines
        .into_iter()
        .take(tests.unwrap_or(usize::MAX))
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
        .collect()
}

/// A file that is compiled for tests alone: `tests.rs`, or below a folder `tests`.
fn is_test_file(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs")
}

fn occurrences(path: &Path, words: &[&str]) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    program_lines(&text)
        .into_iter()
        .flat_map(|(number, line)| {
            words.iter().filter(move |word| line.contains(**word)).map(move |word| (number, *word))
        })
        .map(|(number, word)| format!("{}:{number}: {word}", shown(path)))
        .collect()
}

#[test]
fn no_source_file_is_too_long() {
    let long: Vec<_> = rust_files("src")
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > MOST_LINES).then(|| format!("{} has {lines} lines", shown(&path)))
        })
        .collect();
    none(&format!("over {MOST_LINES} lines; make it a folder, split by kind"), &long);
}

#[test]
fn the_program_never_gives_up_on_its_own() {
    let words = [".unwrap()", ".unwrap_err()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "unreachable!("];
    let found: Vec<_> = rust_files("src")
        .iter()
        .filter(|path| !is_test_file(path))
        .flat_map(|path| occurrences(path, &words))
        .collect();
    none("outside tests an error is a value that is handed on", &found);
}

/// Where a secret's value is looked at, each with what is done there. A body that is sent is no such place: it takes
/// `carried()`, by which it knows that what is answered to it must not be quoted.
const EXPOSED: [&str; 13] = [
    "src/access.rs",                            // read from its place, and held to what a token looks like
    "src/http/mod.rs",                          // the header with the token
    "src/secret.rs",                            // whether it is empty; `carried()` itself
    "src/systems/docker/client.rs", // the environment of a container, in a type that only a discreet request takes
    "src/systems/hcp/observe/notifications.rs", // compared
    "src/systems/hcp/wire/notification.rs", // an address in the form that HCP takes
    "src/secret/fingerprint.rs",    // the fingerprint
    "src/cli/session.rs",           // a made-up one, which the sandbox is to know
    "src/systems/kube/client/writer.rs", // a value of a Secret, which goes in base64
    "src/systems/kube/client/connect.rs", // the stand-in's token, and a certificate that a credential plugin gave
    "src/systems/kube/client/exec.rs", // a token that a credential plugin gave
    "src/systems/kube/client/cluster.rs", // a value of a Secret, which comes in base64
    "src/sandbox",                  // made up
];

#[test]
fn a_secret_is_looked_at_in_few_places() {
    let found: Vec<_> = rust_files("src")
        .iter()
        .filter(|path| !is_test_file(path))
        .filter(|path| !EXPOSED.iter().any(|place| shown(path).starts_with(place)))
        .flat_map(|path| occurrences(path, &[".expose()", "Secret::expose"]))
        .collect();
    none("send it as `carried()`, or name the place and the reason in EXPOSED", &found);
}

#[test]
fn a_file_is_named_after_what_is_in_it() {
    let found: Vec<_> = files("src")
        .iter()
        .filter(|path| {
            let relative = path.strip_prefix(root()).unwrap();
            relative.iter().any(|part| {
                let part = part.to_str().unwrap();
                EMPTY_NAMES.contains(&part.strip_suffix(".rs").unwrap_or(part))
            })
        })
        .map(|path| shown(path))
        .collect();
    none("a name that says nothing", &found);
}

#[test]
fn every_system_has_the_same_parts() {
    let systems = root().join("src/systems");
    let mut missing = Vec::new();
    let mut seen = 0;
    for entry in fs::read_dir(&systems).unwrap().map(Result::unwrap) {
        let folder = entry.path();
        if !folder.is_dir() {
            continue;
        }
        seen += 1;
        if !folder.join("mod.rs").is_file() {
            missing.push(format!("{}/mod.rs", shown(&folder)));
        }
        for part in SYSTEM_PARTS {
            let is_there = folder.join(format!("{part}.rs")).is_file() || folder.join(part).join("mod.rs").is_file();
            if !is_there {
                missing.push(format!("{}/{part}", shown(&folder)));
            }
        }
    }
    assert!(seen > 0, "no system below src/systems");
    none("a system lacks a part", &missing);
}

#[test]
fn deciding_looks_at_nothing_but_its_arguments() {
    let words = [
        "async fn",
        ".await",
        "std::env",
        "std::fs",
        "Timestamp::now",
        "Zoned::now",
        "Instant",
        "SystemTime",
        "reqwest",
        "tokio",
        "rand::",
    ];
    let mut pure = rust_files("src/plan");
    for entry in fs::read_dir(root().join("src/systems")).unwrap().map(Result::unwrap) {
        pure.extend(files(&format!("{}/plan", shown(&entry.path()))));
        pure.extend(Some(entry.path().join("plan.rs")).filter(|path| path.is_file()));
    }
    let found: Vec<_> =
        pure.iter().filter(|path| !is_test_file(path)).flat_map(|path| occurrences(path, &words)).collect();
    none("a plan follows from the spec and what was observed, and from nothing else", &found);
}

#[test]
fn the_client_and_the_sandbox_share_no_wire_types() {
    let mut found = Vec::new();
    for path in files("src/sandbox") {
        found.extend(occurrences(&path, &["crate::systems", "crate::http"]));
    }
    for path in files("src/systems").into_iter().filter(|path| !is_test_file(path)) {
        found.extend(occurrences(&path, &["crate::sandbox"]));
    }
    none("two that share a mistake cannot find it in each other", &found);
}

#[test]
fn nothing_names_the_machine_it_was_made_on() {
    // Put together here, so that this file does not name one itself.
    let paths = [["/wo", "rk/"], ["/ro", "ot/"], ["/Us", "ers/"]].map(|parts| parts.concat());
    let mut found = Vec::new();
    for path in files("") {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (index, line) in text.lines().enumerate() {
            for machine in paths.iter().filter(|machine| names_a_path(line, machine)) {
                found.push(format!("{}:{}: {machine}", shown(&path), index + 1));
            }
        }
    }
    none("a path of one machine", &found);
}

/// Whether an absolute path begins so in this line: `a/b/` does not hold `/b/`.
fn names_a_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || ".-_*}".contains(c)))
    })
}

/// The text that users read.
fn documentation() -> String {
    let mut text = fs::read_to_string(root().join("README.md")).expect("README.md");
    for path in markdown("docs") {
        text.push_str(&fs::read_to_string(path).unwrap());
    }
    text
}

fn markdown(below: &str) -> Vec<PathBuf> {
    files(below).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The commands of the binary, as its own help lists them.
fn commands(of: &[&str]) -> BTreeSet<String> {
    let help =
        Command::new(env!("CARGO_BIN_EXE_reconcile")).args(of).arg("--help").env("NO_COLOR", "1").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_is_in_the_documentation() {
    let text = documentation();
    let top = commands(&[]);
    assert!(top.len() > 5, "`reconcile --help` lists only {top:?}");
    let all = top.iter().flat_map(|command| {
        let below = commands(&[command]);
        if below.is_empty() {
            vec![command.clone()]
        } else {
            below.iter().map(|inner| format!("{command} {inner}")).collect()
        }
    });
    let missing: Vec<_> =
        all.map(|command| format!("reconcile {command}")).filter(|command| !text.contains(command.as_str())).collect();
    none("commands that neither README.md nor docs/ names", &missing);
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut pages = markdown("docs");
    pages.extend(["README.md", "CHANGELOG.md", "deploy/README.md"].map(|page| root().join(page)));
    let mut dead = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", shown(page)));
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            if !page.parent().unwrap().join(target).exists() {
                dead.push(format!("{}: {target}", shown(page)));
            }
        }
    }
    none("links to files that are not there", &dead);
}

#[test]
fn decisions_are_numbered_without_a_gap() {
    let numbers: Vec<_> = markdown("docs/decisions")
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.split('-').next()?.parse::<usize>().ok())
        .collect();
    let expected: Vec<_> = (1..=numbers.len()).collect();
    assert_eq!(numbers, expected, "docs/decisions/NNNN-title.md");
}
