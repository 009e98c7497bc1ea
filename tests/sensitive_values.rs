//! Sensitive variables converge both ways: a source that changed, and a value that somebody else wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use lab::values::{env, fleet, sensitive};
use lab::{Lab, failures, lines};
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use reconcile::sandbox::world::VariableSet;
use reconcile::secret::Secrets;
use reconcile::spec::desired::Desired;

const VARIABLE: &str = "change hcp/workspace/ws-000/env/V0 [\"value\"]";

/// One workspace with one sensitive variable, converged.
async fn converged() -> (Lab, Desired) {
    let mut want = fleet(1, 1);
    let lab = Lab::new(&want).await;
    want.hcp.variable_sets.clear();
    want.hcp.projects.get_mut("main").unwrap().notifications.clear();
    lab.converge(&want).await;
    (lab, want)
}

/// Writes a value as a person would, over the API and past us.
async fn write_behind_our_back(lab: &Lab) {
    let path = lab.sandbox.with_world(|world| {
        let (workspace, body) = world.workspaces.iter().next().unwrap();
        let variable = body.variables.keys().next().unwrap();
        format!("{}/api/v2/workspaces/{workspace}/vars/{variable}", lab.sandbox.address())
    });
    let body = r#"{"data":{"type":"vars","attributes":{"value":"by hand"}}}"#;
    let answer = reqwest::Client::new()
        .patch(path)
        .bearer_auth(lab.sandbox.token())
        .header("Content-Type", "application/vnd.api+json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success());
}

/// Does what is planned, which is this one action, and then there is nothing left to do.
async fn once(lab: &Lab, want: &Desired, why: &str) {
    let plan = lab.plan(want).await;
    assert_eq!(lines(&plan), [VARIABLE]);
    let action = plan.actions.values().next().unwrap();
    let shown = format!("{:?}", action.changes);
    assert!(shown.contains(why), "{shown}");
    let report = lab.apply(&plan).await;
    assert!(failures(&report).is_empty(), "{:?}", failures(&report));
    assert_eq!(lines(&lab.plan(want).await), [""; 0]);
}

#[tokio::test]
async fn nothing_changed_and_nothing_is_written() {
    let (lab, want) = converged().await;
    assert_eq!(lines(&lab.plan(&want).await), [""; 0]);
}

#[tokio::test]
async fn a_source_that_changed_is_written_once() {
    let (mut lab, want) = converged().await;
    lab.secrets = Secrets::sandbox("another".to_owned());
    once(&lab, &want, "its source has another value").await;
}

#[tokio::test]
async fn a_value_that_somebody_else_wrote_is_written_over_once() {
    let (lab, want) = converged().await;
    write_behind_our_back(&lab).await;
    once(&lab, &want, "changed behind our back").await;
}

#[tokio::test]
async fn both_at_once_are_one_write() {
    let (mut lab, want) = converged().await;
    write_behind_our_back(&lab).await;
    lab.secrets = Secrets::sandbox("another".to_owned());
    once(&lab, &want, "changed behind our back").await;
}

#[tokio::test]
async fn a_witness_that_somebody_removed_costs_one_write() {
    let (lab, want) = converged().await;
    lab.sandbox.with_world(|world| {
        let witnesses: &mut VariableSet = world.variable_sets.values_mut().next().unwrap();
        witnesses.variables.clear();
    });
    once(&lab, &want, "nothing tells what it holds").await;
}

#[tokio::test]
async fn a_run_that_ends_between_value_and_witness_writes_the_value_again() {
    let (mut lab, want) = converged().await;
    lab.secrets = Secrets::sandbox("another".to_owned());
    let refused = Rule {
        method: Some("write".to_owned()),
        path: Some("varsets/**".to_owned()),
        ..Rule::new(Fault::Status { code: 403, body: BodyKind::Jsonapi, headers: [].into() })
    };
    lab.sandbox.script(Faults { seed: 1, rules: vec![refused] }).unwrap();
    let report = lab.run(&want).await;
    let [failure] = failures(&report).try_into().unwrap();
    let failure: String = failure;
    assert!(failure.contains("applying hcp/workspace/ws-000/env/V0: PATCH varsets/"), "{failure}");
    assert!(failure.contains("the next apply writes it once more"), "{failure}");
    lab.sandbox.script(Faults::default()).unwrap();
    once(&lab, &want, "changed behind our back").await;
}

#[tokio::test]
async fn two_machines_of_one_fleet_agree() {
    let (lab, want) = converged().await;
    let other = lab.beside("another-machine", &want);
    assert_eq!(lines(&other.plan(&want).await), [""; 0]);
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_a_gap_and_nothing_is_written() {
    let (mut lab, want) = converged().await;
    lab.secrets = Secrets::real(std::env::temp_dir(), false);
    let plan = lab.plan(&want).await;
    assert_eq!(lines(&plan), [""; 0]);
    let gap = plan.gaps.iter().find(|gap| gap.address.as_str() == "hcp/workspace/ws-000/env/V0").unwrap();
    assert!(gap.cause.contains("the environment variable S0 is not set"), "{gap:?}");
}

#[tokio::test]
async fn what_was_readable_becomes_sensitive_in_place_and_its_old_value_is_not_saved() {
    let (lab, mut want) = converged().await;
    let variables = &mut want.hcp.workspaces.get_mut("ws-000").unwrap().variables;
    variables.insert(env("LATE"), lab::values::plain("canary in clear"));
    lab.converge(&want).await;
    want.hcp.workspaces.get_mut("ws-000").unwrap().variables.insert(env("LATE"), sensitive("LATE"));
    let seen = lab.observe(&want).await.unwrap();
    assert!(!serde_json::to_string(&seen).unwrap().contains("canary"));
    lab.converge(&want).await;
}

#[tokio::test]
async fn the_witnesses_go_with_what_they_are_about() {
    let (lab, mut want) = converged().await;
    let kept = ("KEPT".to_owned(), sensitive("KEPT"));
    want.hcp.workspaces.get_mut("ws-000").unwrap().variables = [(env(&kept.0), kept.1)].into();
    lab.converge(&want).await;
    let witnesses = lab.sandbox.with_world(|world| world.variable_sets.values().next().unwrap().variables.len());
    assert_eq!(witnesses, 1);
}

#[tokio::test]
async fn whoever_reads_the_witnesses_sees_no_value_and_cannot_tell_equal_ones() {
    let mut want = fleet(1, 0);
    let lab = Lab::new(&want).await;
    want.hcp.variable_sets.clear();
    let variables = &mut want.hcp.workspaces.get_mut("ws-000").unwrap().variables;
    variables.extend([(env("ONE"), sensitive("SAME")), (env("TWO"), sensitive("SAME"))]);
    lab.converge(&want).await;
    let value = lab.secrets.read(&lab::values::source_of("SAME")).await.unwrap();
    let set = lab.sandbox.with_world(|world| world.variable_sets.values().next().unwrap().clone());
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
