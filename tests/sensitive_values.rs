//! Sensitive variables converge both ways: a source that changed, and a value that somebody else wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use reconcile::sandbox::world::VariableSet;
use reconcile::secret::Secrets;
use reconcile::systems::hcp::desired::Desired;
use stage::{Stage, env, failures, fleet, lines, sensitive};

const VARIABLE: &str = "change hcp/workspace/ws-000/env/V0 [\"value\"]";

/// One workspace with one sensitive variable, converged.
async fn converged() -> (Stage, Desired) {
    let stage = Stage::new().await;
    let mut want = fleet(1, 1);
    want.variable_sets.clear();
    want.projects.get_mut("main").unwrap().notifications.clear();
    stage.converge(&want).await;
    (stage, want)
}

/// Writes a value as a person would, over the API and past us.
async fn write_behind_our_back(stage: &Stage) {
    let path = stage.sandbox.with_world(|world| {
        let (workspace, body) = world.workspaces.iter().next().unwrap();
        let variable = body.variables.keys().next().unwrap();
        format!("{}/api/v2/workspaces/{workspace}/vars/{variable}", stage.sandbox.address())
    });
    let body = r#"{"data":{"type":"vars","attributes":{"value":"by hand"}}}"#;
    let answer = reqwest::Client::new()
        .patch(path)
        .bearer_auth(stage.sandbox.token())
        .header("Content-Type", "application/vnd.api+json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success());
}

/// Does what is planned, which is this one action, and then there is nothing left to do.
async fn once(stage: &Stage, want: &Desired, why: &str) {
    let plan = stage.plan(want).await;
    assert_eq!(lines(&plan), [VARIABLE]);
    let action = plan.actions.values().next().unwrap();
    let shown = format!("{:?}", action.changes);
    assert!(shown.contains(why), "{shown}");
    let report = stage.perform(want, &plan).await;
    assert!(failures(&report).is_empty(), "{:?}", failures(&report));
    assert_eq!(lines(&stage.plan(want).await), [""; 0]);
}

#[tokio::test]
async fn nothing_changed_and_nothing_is_written() {
    let (stage, want) = converged().await;
    assert_eq!(lines(&stage.plan(&want).await), [""; 0]);
}

#[tokio::test]
async fn a_source_that_changed_is_written_once() {
    let (mut stage, want) = converged().await;
    stage.secrets = Secrets::sandbox("another".to_owned());
    once(&stage, &want, "its source has another value").await;
}

#[tokio::test]
async fn a_value_that_somebody_else_wrote_is_written_over_once() {
    let (stage, want) = converged().await;
    write_behind_our_back(&stage).await;
    once(&stage, &want, "changed behind our back").await;
}

#[tokio::test]
async fn both_at_once_are_one_write() {
    let (mut stage, want) = converged().await;
    write_behind_our_back(&stage).await;
    stage.secrets = Secrets::sandbox("another".to_owned());
    once(&stage, &want, "changed behind our back").await;
}

#[tokio::test]
async fn a_witness_that_somebody_removed_costs_one_write() {
    let (stage, want) = converged().await;
    stage.sandbox.with_world(|world| {
        let witnesses: &mut VariableSet = world.variable_sets.values_mut().next().unwrap();
        witnesses.variables.clear();
    });
    once(&stage, &want, "nothing tells what it holds").await;
}

#[tokio::test]
async fn a_run_that_ends_between_value_and_witness_writes_the_value_again() {
    let (mut stage, want) = converged().await;
    stage.secrets = Secrets::sandbox("another".to_owned());
    let refused = Rule {
        method: Some("write".to_owned()),
        path: Some("varsets/**".to_owned()),
        ..Rule::new(Fault::Status { code: 403, body: BodyKind::Jsonapi, headers: [].into() })
    };
    stage.sandbox.script(Faults { seed: 1, rules: vec![refused] }).unwrap();
    let report = stage.apply(&want).await;
    let [failure] = failures(&report).try_into().unwrap();
    let failure: String = failure;
    assert!(failure.contains("applying hcp/workspace/ws-000/env/V0: PATCH varsets/"), "{failure}");
    assert!(failure.contains("the next apply writes it once more"), "{failure}");
    stage.sandbox.script(Faults::default()).unwrap();
    once(&stage, &want, "changed behind our back").await;
}

#[tokio::test]
async fn two_machines_of_one_fleet_agree() {
    let (stage, want) = converged().await;
    let other = Stage { secrets: Secrets::sandbox("stage".to_owned()), ..stage };
    assert_eq!(lines(&other.plan(&want).await), [""; 0]);
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_a_gap_and_nothing_is_written() {
    let (mut stage, want) = converged().await;
    stage.secrets = Secrets::real(std::env::temp_dir(), false);
    let plan = stage.plan(&want).await;
    assert_eq!(lines(&plan), [""; 0]);
    let gap = plan.gaps.iter().find(|gap| gap.address.as_str() == "hcp/workspace/ws-000/env/V0").unwrap();
    assert!(gap.cause.contains("the environment variable S0 is not set"), "{gap:?}");
}

#[tokio::test]
async fn what_was_readable_becomes_sensitive_in_place_and_its_old_value_is_not_saved() {
    let (stage, mut want) = converged().await;
    let variables = &mut want.workspaces.get_mut("ws-000").unwrap().variables;
    variables.insert(env("LATE"), stage::plain("canary in clear"));
    stage.converge(&want).await;
    want.workspaces.get_mut("ws-000").unwrap().variables.insert(env("LATE"), sensitive("LATE"));
    let seen = stage.observe(&want).await.unwrap();
    assert!(!serde_json::to_string(&seen).unwrap().contains("canary"));
    stage.converge(&want).await;
}

#[tokio::test]
async fn the_witnesses_go_with_what_they_are_about() {
    let (stage, mut want) = converged().await;
    let kept = ("KEPT".to_owned(), sensitive("KEPT"));
    want.workspaces.get_mut("ws-000").unwrap().variables = [(env(&kept.0), kept.1)].into();
    stage.converge(&want).await;
    let witnesses = stage.sandbox.with_world(|world| world.variable_sets.values().next().unwrap().variables.len());
    assert_eq!(witnesses, 1);
}

#[tokio::test]
async fn whoever_reads_the_witnesses_sees_no_value_and_cannot_tell_equal_ones() {
    let stage = Stage::new().await;
    let mut want = fleet(1, 0);
    want.variable_sets.clear();
    let variables = &mut want.workspaces.get_mut("ws-000").unwrap().variables;
    variables.extend([(env("ONE"), sensitive("SAME")), (env("TWO"), sensitive("SAME"))]);
    stage.converge(&want).await;
    let value = stage.secrets.read(&stage::source_of("SAME")).await.unwrap();
    let set = stage.sandbox.with_world(|world| world.variable_sets.values().next().unwrap().clone());
    assert!(set.workspaces.is_empty() && set.projects.is_empty() && !set.global, "attached to nothing");
    let text = serde_json::to_string(&set).unwrap();
    assert!(!text.contains(value.expose()));
    let fingerprints: std::collections::BTreeSet<String> = set
        .variables
        .values()
        .map(|variable| serde_json::to_value(&variable.value).unwrap().to_string())
        .map(|value| value.rsplit('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(fingerprints.len(), 2, "{text}");
}
