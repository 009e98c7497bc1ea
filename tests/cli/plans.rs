use reconcile::sandbox::faults::{BodyKind, Fault};

use reconcile::sandbox::{Sandbox, Seed, TokenKind};

use super::stage::{Ran, Stage, fault};
use crate::assert_output;

#[test]
fn a_first_plan_says_what_would_be_made() {
    assert_output!(Stage::new().show("plan --sandbox=box"));
}

#[test]
fn full_folds_nothing() {
    assert_output!(Stage::new().show("plan --sandbox=box --full"));
}

#[test]
fn only_narrows_the_plan_and_what_then_lacks_something_waits() {
    assert_output!(Stage::new().show("plan --sandbox=box --only hcp/workspace/main-vault"));
}

#[test]
fn a_plan_as_json_reads_back_and_has_no_times() {
    let stage = Stage::new();
    let first = stage.run("plan --sandbox=box --format json --save plan.json");
    assert_eq!(first.code, 2, "{}", first.err);
    let document: reconcile::plan::show::json::Document = serde_json::from_str(&first.out).unwrap();
    assert_eq!((document.format_version, document.world.as_str()), (1, "sandbox"));
    assert_eq!(stage.read("plan.json"), first.out);
    let mut second: serde_json::Value =
        serde_json::from_str(&stage.run("plan --sandbox=box --format json").out).unwrap();
    let mut first: serde_json::Value = serde_json::from_str(&first.out).unwrap();
    for document in [&mut first, &mut second] {
        // The port of the stand-in.
        document["systems"][0]["facts"] = serde_json::Value::Null;
    }
    assert_eq!(first, second);
}

#[test]
fn what_was_read_can_be_saved() {
    let stage = Stage::new();
    assert_eq!(stage.run("plan --sandbox=box --save-observed seen.json").code, 2);
    let seen: reconcile::systems::Observed = serde_json::from_str(&stage.read("seen.json")).unwrap();
    assert_eq!(seen.hcp.organization.name, "example-house");
}

#[tokio::test]
async fn drift_is_told_with_its_old_and_new_value() {
    let stage = Stage::new();
    let sandbox = stage.sandbox().await;
    assert_eq!(stage.run_beside("apply --yes --sandbox=box").await.code, 0);
    let path = "organizations/example-house/workspaces/main-vault";
    stage.ask(&sandbox, "PATCH", path, "workspaces", &serde_json::json!({"auto-apply": false})).await;
    let ran = stage.run_beside("plan --sandbox=box").await;
    assert_eq!(ran.code, 2);
    assert_output!(stage.steady(&ran.out));
    assert_eq!(stage.run_beside("apply --yes --sandbox=box").await.code, 0);
    assert_eq!(stage.run_beside("plan --sandbox=box").await.code, 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_ends_in_3() {
    let stage = Stage::new();
    let sandbox = stage.sandbox().await;
    let missing = Fault::Status { code: 404, body: BodyKind::Jsonapi, headers: [].into() };
    sandbox.script(fault("GET", "organizations/*/agent-pools", missing)).unwrap();
    let ran = stage.run_beside("plan --sandbox=box").await;
    assert_eq!(ran.code, 3, "{}", ran.out);
    assert_output!(stage.steady(&ran.out));
}

#[tokio::test]
async fn an_organisation_that_cannot_be_reached_is_a_gap_and_plans_nothing() {
    let stage = Stage::new();
    let sandbox = stage.sandbox().await;
    let denied = Fault::Status { code: 401, body: BodyKind::Jsonapi, headers: [].into() };
    sandbox.script(fault("GET", "**", denied)).unwrap();
    let ran = stage.run_beside("plan --sandbox=box").await;
    assert_eq!(ran.code, 3, "{}", ran.out);
    assert_output!(stage.steady(&ran.out));
}

/// The line of HCP and the warnings in the header of a plan.
fn told(ran: &Ran) -> Vec<&str> {
    let lines = ran.out.lines().take_while(|line| !line.is_empty());
    lines.filter(|line| line.starts_with("  hcp ") || line.contains("warning:")).collect()
}

#[tokio::test]
async fn the_header_says_whose_token_it_is() {
    for (kind, words, warnings) in [
        (TokenKind::Team, "token of team owners", 0),
        (TokenKind::User, "token of user sandbox", 0),
        (TokenKind::Organization, "token of organisation example-house", 1),
    ] {
        let stage = Stage::new();
        let seed = Seed {
            organization: "example-house".to_owned(),
            external_id: Some("org-Lab0000000000001".to_owned()),
            token_kind: kind,
            ..Seed::default()
        };
        let sandbox = Sandbox::serve(&stage.path("box"), None, &seed).await.unwrap();
        let ran = stage.run_beside("plan --sandbox=box").await;
        let told = told(&ran);
        assert!(told[0].contains(words), "{kind:?}: {told:?}");
        assert_eq!(told.len(), 1 + warnings, "{kind:?}: {told:?}");
        drop(sandbox);
    }
}

#[tokio::test]
async fn a_token_of_which_hcp_says_nothing_is_no_gap() {
    let stage = Stage::new();
    let sandbox = stage.sandbox().await;
    let denied = Fault::Status { code: 404, body: BodyKind::Jsonapi, headers: [].into() };
    sandbox.script(fault("GET", "account/details", denied)).unwrap();
    let ran = stage.run_beside("plan --sandbox=box").await;
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.out.contains("everything could be read") && !ran.out.contains("token of"), "{}", ran.out);
    let mut command = stage.command("plan");
    command.env("TFE_ADDRESS", sandbox.address()).env("TFE_TOKEN", sandbox.token());
    let ran = tokio::task::spawn_blocking(move || Ran::of(&command.output().unwrap())).await.unwrap();
    assert!(told(&ran)[0].contains(", token from TFE_TOKEN"), "{}{}", ran.out, ran.err);
}

/// `tests/requests.rs` counts what a plan is made of; this is the whole, with what only the header shows.
#[tokio::test]
async fn a_plan_of_100_workspaces_takes_10_requests_in_all() {
    let stage = Stage::new();
    let many: Vec<String> =
        (0..97).map(|n| format!("      extra{n}: {{ variables: {{ env: {{ A: one }} }} }}\n")).collect();
    let text = stage.read("fleet.yaml");
    stage.write("fleet.yaml", &format!("{text}{}", many.concat()));
    assert_eq!(stage.run("apply --yes --sandbox=box").code, 0);
    let ran = stage.run("plan --sandbox=box");
    assert_eq!(ran.code, 0, "{}", ran.out);
    let requests = ran.out.split_once(" requests, 0 writes").unwrap().0.rsplit(' ').next().unwrap();
    assert!(requests.parse::<u32>().unwrap() <= 10, "{}", ran.out);
}

#[test]
fn the_header_names_the_revision_of_the_spec() {
    let stage = Stage::new();
    let first = |words: &str| stage.run(words).out.lines().next().unwrap().to_owned();
    assert!(first("plan --sandbox=box").starts_with("fleet lab   fleet.yaml   SANDBOX"), "outside of a checkout");
    let git = |words: &[&str]| stage.git(words);
    git(&["init"]);
    assert!(first("plan --sandbox=box").starts_with("fleet lab   fleet.yaml   SANDBOX"), "nothing is committed");
    git(&["add", "fleet.yaml"]);
    git(&["commit", "-m", "one"]);
    let commit = stage.git(&["rev-parse", "--short", "HEAD"]);
    let commit = commit.trim();
    let said = |state: &str| format!("fleet lab   fleet.yaml @ {commit} ({state})   SANDBOX");
    assert!(first("plan --sandbox=box").starts_with(&said("clean")), "{}", first("plan --sandbox=box"));
    let digest = |ran: &Ran| ran.out.lines().find_map(|line| line.strip_prefix("Plan ")).unwrap().to_owned();
    let clean = digest(&stage.run("plan --sandbox=box"));
    stage.edit("autoApply: true", "autoApply: true ");
    let modified = stage.run("plan --sandbox=box");
    assert!(modified.out.starts_with(&said("modified")), "{}", modified.out);
    assert_eq!(digest(&modified), clean, "the revision is no part of the digest");
    stage.write("more.yaml", "fleet: lab\n");
    let two = first("plan --sandbox=box fleet.yaml more.yaml");
    assert!(two.starts_with(&format!("fleet lab   fleet.yaml + more.yaml @ {commit} (untracked)")), "{two}");
    let mut command = stage.command("plan --sandbox=box");
    let ran = Ran::of(&command.env("PATH", "/nonexistent").output().unwrap());
    assert!(ran.out.starts_with("fleet lab   fleet.yaml   SANDBOX"), "without git: {}", ran.out);
}
