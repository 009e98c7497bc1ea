//! 10,000 broken specs: none makes the loader panic, overflow its stack or go on for ever, and of each the same is said
//! twice. Seeded, so that a failure names the mutation that made it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reconcile::spec::check::{Style, render};
use reconcile::spec::{self, CheckOptions};

const MUTATIONS: u64 = 10_000;

/// Pieces that readers of specs have stumbled over.
const PIECES: &[&str] = &[
    "",
    " ",
    "\n",
    "\t",
    "\r\n",
    "\0",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{1f600}",
    "\u{202e}",
    ":",
    ": ",
    "- ",
    "? ",
    "? - a\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "\\",
    "\\u",
    "\\ud800",
    "#",
    "&a ",
    "*a",
    "*",
    "&x [*x]",
    "<<: *a\n",
    "<<: [1]\n",
    "!!str ",
    "!x ",
    "!!binary |\n  AA==\n",
    "|\n",
    ">-\n",
    "|9\n",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "null",
    "~",
    "true",
    "yes",
    "1.10",
    "0x",
    "1e999",
    "-",
    ".",
    "..",
    "=",
    "[[",
    "]]",
    "[[projects]]\n",
    "[projects.main]\n",
    "a.b.c = 1\n",
    "= 1\n",
    "1979-05-27T07:32:00Z",
    "'''",
    "\"\"\"",
    "{project}",
    "{key}",
    "{",
    "*",
    "**",
    "[a-",
    "hcp/**",
    "../",
    "/",
    "//",
    "cloud",
    "local",
    "inherited",
    "reconcile",
    "hcp:",
    "99999999999999999999",
    "-1",
    "0",
    "1h",
    "999999999999d",
    "env",
    "file",
    "command",
    "sensitive",
    "accept",
    "manages",
    "was",
];

fn example() -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/examples/homelab/fleet.yaml")).unwrap()
}

fn as_json(yaml: &str) -> serde_json::Value {
    let figment = figment::Figment::from(<figment::providers::Yaml as figment::providers::Format>::string(yaml));
    serde_json::to_value(figment.extract::<figment::value::Value>().unwrap()).unwrap()
}

fn as_toml(json: &serde_json::Value) -> String {
    let mut text = String::new();
    table("", json, &mut text);
    text
}

/// A map as a table of its own, so that headers are mutated too.
fn table(name: &str, json: &serde_json::Value, text: &mut String) {
    let map = json.as_object().unwrap();
    let key = |key: &str| serde_json::Value::from(key).to_string();
    for (name, value) in map.iter().filter(|(_, value)| !value.is_object()) {
        writeln!(text, "{} = {}", key(name), inline(value)).unwrap();
    }
    for (inner, value) in map.iter().filter(|(_, value)| value.is_object()) {
        let path = if name.is_empty() { key(inner) } else { format!("{name}.{}", key(inner)) };
        writeln!(text, "[{path}]").unwrap();
        table(&path, value, text);
    }
}

/// A value on one line; TOML's maps have `=` where JSON's have `:`.
fn inline(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::Object(map) => {
            let members =
                map.iter().map(|(key, value)| format!("{} = {}", serde_json::Value::from(key.as_str()), inline(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn place(text: &str, random: &mut StdRng) -> usize {
    let mut at = random.random_range(0..=text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn mutate(text: &mut String, random: &mut StdRng) {
    let (one, other) = (place(text, random), place(text, random));
    let (start, end) = (one.min(other), one.max(other));
    let short = {
        let mut end = end.min(start + 12);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        start..end
    };
    match random.random_range(0..9) {
        0 => text.replace_range(short, ""),
        1 => text.replace_range(short, PIECES[random.random_range(0..PIECES.len())]),
        2 | 3 => text.insert_str(start, PIECES[random.random_range(0..PIECES.len())]),
        4 => {
            let piece = text[start..end].to_owned();
            let at = place(text, random);
            text.insert_str(at, &piece[..piece.char_indices().nth(200).map_or(piece.len(), |(end, _)| end)]);
        }
        5 => text.truncate(end),
        6 => {
            let mut lines: Vec<&str> = text.lines().collect();
            let count = lines.len();
            if count > 1 {
                lines.swap(random.random_range(0..count), random.random_range(0..count));
            }
            *text = lines.join("\n");
        }
        7 => {
            let deep = random.random_range(1..20_000);
            let piece = ["[", "{a: ", "- ", "{\"a\":", "a.", "? "][random.random_range(0..6)];
            text.insert_str(start, &piece.repeat(deep));
        }
        _ => {
            let width = random.random_range(2..12);
            let mut bomb = "zz0: &zz0 [x, x]\n".to_owned();
            for n in 1..random.random_range(2..30) {
                let items = vec![format!("*zz{}", n - 1); width].join(", ");
                writeln!(bomb, "zz{n}: &zz{n} [{items}]").unwrap();
            }
            let line = text[..start].rfind('\n').map_or(0, |end| end + 1);
            text.insert_str(line, &bomb);
        }
    }
}

fn said(name: &str, text: &str) -> String {
    let loaded = spec::load_text(name, text, &CheckOptions { ci: true, allow_commands: false });
    assert_eq!(loaded.desired.is_some(), loaded.findings.errors() == 0, "{name}:\n{text}");
    let json = serde_json::to_string(&loaded.findings).unwrap();
    format!("{}{json}", render(&loaded.findings, &loaded.unchecked, Style::coloured()))
}

/// Returns how many of the mutations left a sound spec.
fn walk(seeds: impl Iterator<Item = u64>) -> u64 {
    let yaml = example();
    let json = as_json(&yaml);
    let formats = [("fleet.yaml", yaml.clone()), ("fleet.json", format!("{json:#}")), ("fleet.toml", as_toml(&json))];
    let mut sound = 0;
    for seed in seeds {
        let mut random = StdRng::seed_from_u64(seed);
        let (name, mut text) = formats[usize::try_from(seed % 3).unwrap()].clone();
        for _ in 0..random.random_range(1..4) {
            mutate(&mut text, &mut random);
        }
        let result = std::panic::catch_unwind(|| said(name, &text));
        let Ok(first) = result else { panic!("seed {seed} panics:\n{text}") };
        if seed % 16 == 0 {
            assert_eq!(first, said(name, &text), "seed {seed} is said otherwise the second time");
        }
        sound += u64::from(first.starts_with("0 errors"));
    }
    sound
}

#[test]
fn no_broken_spec_panics_hangs_or_is_said_differently_twice() {
    for (name, text) in [("fleet.json", as_json(&example()).to_string()), ("fleet.toml", as_toml(&as_json(&example())))]
    {
        assert!(said(name, &text).starts_with("0 errors"), "{}", said(name, &text));
    }
    let workers: Vec<_> = (0..2)
        .map(|worker| std::thread::spawn(move || walk((0..MUTATIONS).filter(move |seed| seed % 2 == worker))))
        .collect();
    let sound: u64 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    println!("{MUTATIONS} mutated specs, {sound} of them sound");
    // Mutations that break nothing, or everything at once, would test little.
    assert!((100..MUTATIONS / 2).contains(&sound), "{sound} of {MUTATIONS} are sound");
}
