//! What the plan says of one world and one spec: each folder of `tests/scenarios` is one case.
//!
//! - `before.yaml` is applied first, if it is there;
//! - `hands.json` is what others do then: requests to HCP, in which `{workspace NAME}` and its like stand for ids;
//! - `fleet.yaml` is what is planned, with the patterns of `adopt.json` adopted;
//! - `release.json`, if it is there, is what `release` is asked for then, instead of a plan: patterns, or `--all`;
//! - `plan.txt` is what the plan then has to say. `UPDATE=1 cargo test --test scenarios` writes it anew.
//!
//! A plan that can be applied is, and what is left after it is what it waited for and nothing else.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod lab;

use std::collections::BTreeSet;
use std::path::Path;

use reconcile::plan::show::{self, Header, Look};
use reconcile::plan::{self, LetGo, Plan};
use reconcile::sandbox::World;
use reconcile::spec::desired::Desired;
use reconcile::systems::Consent;
use serde::Deserialize;
use serde_json::Value;

use lab::Lab;

/// One request of somebody else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hand {
    method: String,
    path: String,
    #[serde(default)]
    body: Value,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_plans_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut cases: Vec<_> = std::fs::read_dir(&folder).expect("scenarios").map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 50, "scenarios are missing: {cases:?}");
    let mut wrong = Vec::new();
    for case in &cases {
        if let Err(difference) = play(case).await {
            wrong.push(format!("{}:\n{difference}", case.file_name().unwrap().display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

async fn play(case: &Path) -> Result<(), String> {
    let want = lab::fleet("fleet.yaml", &std::fs::read_to_string(case.join("fleet.yaml")).expect("a fleet"));
    let before = std::fs::read_to_string(case.join("before.yaml")).ok().map(|text| lab::fleet("before.yaml", &text));
    let lab = Lab::new(before.as_ref().unwrap_or(&want)).await;
    if let Some(before) = &before {
        lab.converge_one_by_one(before).await;
    }
    for hand in read::<Vec<Hand>>(&case.join("hands.json")) {
        by_hand(&lab, &hand).await;
    }
    let consent = Consent {
        adopt: read::<Vec<String>>(&case.join("adopt.json")).iter().map(|glob| glob.parse().unwrap()).collect(),
        ..Consent::default()
    };
    let asked = read::<Vec<String>>(&case.join("release.json"));
    if !asked.is_empty() {
        return play_release(case, &lab, &want, &asked).await;
    }
    let seen = lab.look(&want).await;
    let plan = plan::plan(&want, &seen, &consent);
    golden(&case.join("plan.txt"), &text(&plan))?;
    if plan.refusals.is_empty() {
        let report = lab.apply(&plan).await;
        if !report.is_complete() {
            return Err(format!("applying it failed: {report:#?}"));
        }
        let second = lab.plan(&want).await;
        let waits = |plan: &Plan| plan.waits.iter().map(|wait| wait.address.clone()).collect::<BTreeSet<_>>();
        if !second.actions.is_empty() || !waits(&second).is_subset(&waits(&plan)) {
            return Err(format!("the second run is not empty:\n{}", text(&second)));
        }
    }
    Ok(())
}

/// What is let go is let go once, and nothing of it carries a mark then.
async fn play_release(case: &Path, lab: &Lab, want: &Desired, asked: &[String]) -> Result<(), String> {
    let all = asked == ["--all"];
    let patterns = if all { Vec::new() } else { asked.iter().map(|glob| glob.parse().unwrap()).collect() };
    let what = LetGo { patterns, all };
    let plan = plan::release(want, &lab.look(want).await, &what);
    golden(&case.join("plan.txt"), &text(&plan))?;
    if plan.refusals.is_empty() {
        let report = lab.apply(&plan).await;
        if !report.is_complete() {
            return Err(format!("letting go failed: {report:#?}"));
        }
        let second = plan::release(want, &lab.look(want).await, &what);
        if !second.actions.is_empty() {
            return Err(format!("the second release is not empty:\n{}", text(&second)));
        }
    }
    Ok(())
}

/// A list that is empty where the file is not there.
fn read<T: for<'de> Deserialize<'de> + Default>(path: &Path) -> T {
    let Ok(text) = std::fs::read_to_string(path) else {
        return T::default();
    };
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The plan without its header, whose facts are of no scenario.
fn text(plan: &Plan) -> String {
    let text = show::render(plan, &Header::default(), Look { color: false, full: false }, "");
    text.split_once("\n\n").map_or(text.as_str(), |(_, body)| body).to_owned()
}

fn golden(path: &Path, text: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, text).expect("the golden file can be written");
        return Ok(());
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == text {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(expected.as_str(), text);
    Err(diff.unified_diff().header("plan.txt", "the plan now").to_string())
}

async fn by_hand(lab: &Lab, hand: &Hand) {
    let fill = |text: &str| lab.sandbox.with_world(|world| filled(text, world));
    let body = fill(&hand.body.to_string());
    let prefix = if hand.path.starts_with("/sandbox/") { "" } else { "/api/v2" };
    let url = format!("{}{prefix}{}", lab.sandbox.address(), fill(&hand.path));
    let method = hand.method.parse().expect("a method");
    let request = reqwest::Client::new()
        .request(method, &url)
        .bearer_auth(lab.sandbox.token())
        .header("Content-Type", "application/vnd.api+json");
    let answer = if hand.body.is_null() { request } else { request.body(body) }.send().await.expect("an answer");
    let status = answer.status();
    assert!(status.is_success(), "{} {url}: {status} {}", hand.method, answer.text().await.unwrap_or_default());
}

/// Puts ids where the names of things stand: `{workspace NAME}`, `{mark WORKSPACE}`, `{variable WORKSPACE KEY}`.
fn filled(text: &str, world: &World) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let id = after.split_once('}').and_then(|(inside, tail)| Some((id(inside, world)?, tail)));
        if let Some((id, tail)) = id {
            out.push_str(&id);
            rest = tail;
        } else {
            out.push('{');
            rest = after;
        }
    }
    out + rest
}

fn id(inside: &str, world: &World) -> Option<String> {
    let (kind, name) = inside.split_once(' ')?;
    match kind {
        "workspace" => world.workspaces.iter().find(|(_, it)| it.name == name).map(|(id, _)| id.clone()),
        "project" => world.projects.iter().find(|(_, it)| it.name == name).map(|(id, _)| id.clone()),
        "set" => world.variable_sets.iter().find(|(_, it)| it.name == name).map(|(id, _)| id.clone()),
        "pool" => world.agent_pools.iter().find(|(_, it)| it.name == name).map(|(id, _)| id.clone()),
        "notification" => world.notifications.iter().find(|(_, it)| it.name == name).map(|(id, _)| id.clone()),
        // Its mark, to be put on something else.
        "mark" => world.workspaces.values().find(|it| it.name == name)?.tags.get("reconcile").cloned(),
        "variable" => {
            let (workspace, key) = name.split_once(' ')?;
            let workspace = world.workspaces.values().find(|it| it.name == workspace)?;
            workspace.variables.iter().find(|(_, it)| it.key == key).map(|(id, _)| id.clone())
        }
        _ => None,
    }
}
