use reconcile::sandbox::faults::{BodyKind, Fault};

use super::stage::{Stage, fault};
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
