//! Loading and checking a spec of 100, 1,000 and 10,000 workspaces with ten variables each. The goal is one second for the
//! largest: `cargo bench --bench load`.

use std::fmt::Write as _;

use reconcile::spec::{CheckOptions, Loaded, load_text};

const VARIABLES: usize = 10;

fn main() {
    divan::main();
}

/// A fleet of a hundred workspaces in each project, every variable written out.
fn fleet(workspaces: usize) -> String {
    let mut text = "fleet: bench
hcp: { organization: example, tier: premium }
targets:
  cluster: { kubernetes: {} }
pools:
  cluster: { target: cluster, agents: { min: 0, max: 10 } }
notify:
  discord: { type: discord, url: { env: WEBHOOK }, events: [\"run:errored\"] }
defaults:
  name: \"{project}-{key}\"
  runsOn: cluster
  directory: \"tf/{key}\"
  tags: [\"{project}\", \"{key}\"]
  terraformVersion: \"~> 1.14.0\"
  vcs: { repository: example/infrastructure, branch: main, connection: github }
projects:
"
    .to_owned();
    for workspace in 0..workspaces {
        if workspace % 100 == 0 {
            let _ = write!(text, "  project-{}:\n    notify: [discord]\n    workspaces:\n", workspace / 100);
        }
        let _ = write!(text, "      w{workspace}:\n        autoApply: true\n        variables:\n          env:\n");
        for variable in 0..VARIABLES {
            let _ = match variable {
                0 => writeln!(text, "            SECRET_{variable}: {{ sensitive: {{ env: S{workspace} }} }}"),
                _ => writeln!(text, "            NAME_{variable}: value {variable} of {workspace}"),
            };
        }
    }
    text
}

/// What comes back is dropped outside of the measurement.
fn loads_soundly(name: &str, text: &str) -> Loaded {
    let loaded = load_text(name, text, &CheckOptions::default());
    assert_eq!(loaded.findings.errors(), 0);
    loaded
}

#[divan::bench(args = [100, 1_000, 10_000], sample_count = 15, sample_size = 1)]
fn yaml(bencher: divan::Bencher<'_, '_>, workspaces: usize) {
    let text = fleet(workspaces);
    bencher.bench_local(|| loads_soundly("fleet.yaml", &text));
}

/// As a Nix module renders it: one line.
#[divan::bench(args = [100, 1_000, 10_000], sample_count = 15, sample_size = 1)]
fn json(bencher: divan::Bencher<'_, '_>, workspaces: usize) {
    let text = as_json(workspaces);
    bencher.bench_local(|| loads_soundly("fleet.json", &text));
}

fn as_json(workspaces: usize) -> String {
    let mut projects = serde_json::Map::new();
    for workspace in 0..workspaces {
        let mut env = serde_json::Map::new();
        for variable in 0..VARIABLES {
            let value = match variable {
                0 => serde_json::json!({ "sensitive": { "env": format!("S{workspace}") } }),
                _ => format!("value {variable} of {workspace}").into(),
            };
            env.insert(format!("NAME_{variable}"), value);
        }
        let project = projects
            .entry(format!("project-{}", workspace / 100))
            .or_insert_with(|| serde_json::json!({ "workspaces": {} }));
        project["workspaces"][format!("w{workspace}")] =
            serde_json::json!({ "autoApply": true, "runsOn": "cloud", "variables": { "env": env } });
    }
    serde_json::json!({
        "fleet": "bench",
        "hcp": { "organization": "example", "tier": "premium" },
        "defaults": { "name": "{project}-{key}", "tags": ["{project}", "{key}"] },
        "projects": projects,
    })
    .to_string()
}
