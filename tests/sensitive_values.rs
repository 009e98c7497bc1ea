//! Sensitive variables converge both ways: a source that changed, and a value that somebody else wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod lab;

use std::collections::BTreeSet;

use lab::schedules::{self, Runner};
use lab::values::{env, fleet, sensitive};
use lab::{Lab, failures, lines};
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use reconcile::sandbox::world::{ApiToken, VariableSet};
use reconcile::sandbox::{Sandbox, TokenKind, World};
use reconcile::secret::Secrets;
use reconcile::spec::desired::Desired;
use sha2::{Digest as _, Sha256};

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
    lab.sandbox.take_requests();
    let report = lab.apply(&plan).await;
    assert!(failures(&report).is_empty(), "{:?}", failures(&report));
    assert_eq!(lab.writes(), 2, "the value, and its witness");
    assert_eq!(lines(&lab.plan(want).await), [""; 0]);
    assert_eq!(lab.writes(), 2, "a plan wrote something");
    lab.expect_secrets(want, why).await;
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

/// Another machine: an API token of its own, and a source.
fn another_machine(lab: &Lab, want: &Desired, source: &str) -> Lab {
    let mut other = lab.beside("another-machine", want).await;
    other.secrets = Secrets::sandbox(source.to_owned());
    other
}

#[tokio::test]
async fn two_machines_of_one_fleet_agree_whatever_their_api_tokens_are() {
    let (mut lab, want) = converged().await;
    let other = another_machine(&lab, &want, "lab");
    assert_eq!(lines(&other.plan(&want).await), [""; 0]);
    // What one finds and repairs the other takes as repaired, both ways.
    write_behind_our_back(&lab).await;
    once(&other, &want, "changed behind our back").await;
    assert_eq!(lines(&lab.plan(&want).await), [""; 0]);
    let other = another_machine(&lab, &want, "rotated");
    lab.secrets = Secrets::sandbox("rotated".to_owned());
    once(&lab, &want, "its source has another value").await;
    assert_eq!(lines(&other.plan(&want).await), [""; 0]);
}

#[tokio::test]
async fn a_run_that_dies_before_value_witness_or_end_is_gone_on_from() {
    let (mut lab, want) = converged().await;
    lab.secrets = Secrets::sandbox("another".to_owned());
    let start = lab.sandbox.snapshot();
    let plan = lab.plan(&want).await;
    for (after, why) in [(0, "its source has another value"), (1, "changed behind our back")] {
        for goes_on in ["the same machine", "another machine"] {
            let mut lab = Lab::around(Sandbox::resume(start.clone()).await.unwrap(), &want).await;
            lab.secrets = Secrets::sandbox("another".to_owned());
            schedules::die_after(&lab, &plan, after).await;
            let next = if goes_on == "the same machine" { lab } else { another_machine(&lab, &want, "another") };
            once(&next, &want, why).await;
        }
    }
    schedules::die_after(&lab, &plan, 2).await;
    assert_eq!(lines(&lab.plan(&want).await), [""; 0], "nothing was left to do");
}

#[tokio::test]
async fn a_source_that_changes_again_while_the_witness_is_missing_is_written_once() {
    let (mut lab, want) = converged().await;
    lab.secrets = Secrets::sandbox("another".to_owned());
    let plan = lab.plan(&want).await;
    schedules::die_after(&lab, &plan, 1).await;
    lab.secrets = Secrets::sandbox("a third".to_owned());
    once(&lab, &want, "changed behind our back").await;
    // And back to a value that was there before.
    lab.secrets = Secrets::sandbox("another".to_owned());
    once(&lab, &want, "its source has another value").await;
}

/// One schedule of two machines that write one value at the same time: the first takes `i` steps, the second `j`, then
/// the first ends and the second does. Says how many of the steps were too many.
async fn play(start: &World, want: &Desired, sources: [&str; 2], (i, j): (usize, usize)) -> [usize; 2] {
    let mut one = Lab::around(Sandbox::resume(start.clone()).await.unwrap(), want).await;
    one.secrets = Secrets::sandbox(sources[0].to_owned());
    let two = another_machine(&one, want, sources[1]);
    let runners = [
        Runner { lab: &one, label: "sandbox", plan: Some(one.plan(want).await) },
        Runner { lab: &two, label: "another-machine", plan: Some(two.plan(want).await) },
    ];
    let mut left = [i, j];
    let choose = |can: [bool; 2]| {
        let n = usize::from(!(can[0] && (left[0] > 0 || !can[1] || left[1] == 0)));
        left[n] = left[n].saturating_sub(1);
        n
    };
    let reports = schedules::side_by_side(want, runners, choose).await;
    let how = format!("{sources:?}, {i} steps, then {j}");
    let failed: Vec<String> = reports.iter().flat_map(failures).collect();
    assert!(failed.is_empty(), "{how}: {failed:#?}");
    // The witness may say too little, and never that a value is there which is not.
    for machine in [&one, &two] {
        if lines(&machine.plan(want).await).is_empty() {
            machine.expect_secrets(want, &how).await;
        }
    }
    one.settle(want, 1, &how).await;
    one.expect_secrets(want, &how).await;
    let there = one.sandbox.with_world(|world| {
        let values: usize = world.workspaces.values().map(|workspace| workspace.variables.len()).sum();
        let witnesses: usize = world.variable_sets.values().map(|set| set.variables.len()).sum();
        (values, witnesses)
    });
    assert_eq!(there, (1, 1), "{how}: values and witnesses");
    left
}

#[tokio::test]
async fn two_machines_that_write_one_value_at_once_leave_one_and_a_true_witness() {
    let (lab, want) = converged().await;
    let there = lab.sandbox.snapshot();
    lab.sandbox.with_world(|world| {
        world.workspaces.values_mut().for_each(|workspace| workspace.variables.clear());
        world.variable_sets.values_mut().for_each(|set| set.variables.clear());
    });
    let missing = lab.sandbox.snapshot();
    for (what, world) in [("changed", &there), ("made", &missing)] {
        for sources in [["rotated", "rotated"], ["rotated", "not yet rotated"]] {
            let mut schedules = 0;
            // More steps than a run has change nothing.
            'all: for i in 0.. {
                for j in 0.. {
                    let [first, second] = play(world, &want, sources, (i, j)).await;
                    schedules += 1;
                    if first > 0 {
                        break 'all;
                    }
                    if second > 0 {
                        break;
                    }
                }
            }
            assert!(schedules >= 9, "{what} from {sources:?}: only {schedules} schedules");
            println!("{what} by two machines from {sources:?}: {schedules} schedules");
        }
    }
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

/// What somebody reads who may read variable sets and nothing else: key, value and description of each witness.
async fn read_as_attacker(lab: &Lab) -> Vec<[String; 3]> {
    let token = "sandbox.atlasv1.reader";
    lab.sandbox.with_world(|world| world.tokens.push(ApiToken::new("reader", TokenKind::User, token)));
    let set = lab.sandbox.with_world(|world| world.variable_sets.keys().next().unwrap().clone());
    let address = format!("{}/api/v2/varsets/{set}/relationships/vars", lab.sandbox.address());
    let answer = reqwest::Client::new().get(address).bearer_auth(token).send().await.unwrap();
    let text = answer.error_for_status().unwrap().text().await.unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let variables = document["data"].as_array().unwrap().iter();
    let text = |variable: &serde_json::Value, name: &str| variable["attributes"][name].as_str().unwrap().to_owned();
    let mut witnesses: Vec<[String; 3]> =
        variables.map(|variable| ["key", "value", "description"].map(|name| text(variable, name))).collect();
    witnesses.sort();
    witnesses
}

/// The fingerprint of a guess, computed from what `docs/decisions/0004-witness.md` says and from nothing of ours.
fn guess(fleet: &str, variable: &str, value: &str) -> String {
    let salt = Sha256::digest(format!("reconcile witness\n{fleet}\n{variable}"));
    let cost = argon2::Params::new(64, 1, 1, Some(16)).unwrap();
    let mut hash = [0; 16];
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cost)
        .hash_password_into(value.as_bytes(), &salt[..16], &mut hash)
        .unwrap();
    format!("s{}", data_encoding::BASE32HEX_NOPAD.encode(&hash).to_ascii_lowercase())
}

#[tokio::test]
async fn whoever_reads_the_witnesses_can_guess_and_nothing_more() {
    let mut want = fleet(1, 0);
    let mut lab = Lab::new(&want).await;
    want.hcp.variable_sets.clear();
    let variables = &mut want.hcp.workspaces.get_mut("ws-000").unwrap().variables;
    variables.extend([(env("ONE"), sensitive("SAME")), (env("TWO"), sensitive("SAME"))]);
    lab.converge(&want).await;
    let set = lab.sandbox.with_world(|world| world.variable_sets.values().next().unwrap().clone());
    assert!(set.workspaces.is_empty() && set.projects.is_empty() && !set.global, "attached to nothing");
    let value = lab.secrets.read(&lab::values::source_of("SAME")).await.unwrap();
    let before = read_as_attacker(&lab).await;
    let mut fingerprints = BTreeSet::new();
    for [key, witness, about] in &before {
        assert!(key.starts_with("var-") && about.starts_with("hcp/workspace/ws-000/env/"), "{key} {about}");
        // A version and 128 bits of a hash, however long the value is, and no part of it.
        let (version, fingerprint) = witness.rsplit_once('.').unwrap();
        assert_eq!((version.len(), fingerprint.len()), (36, 27), "{witness}");
        for part in value.expose().as_bytes().windows(8).map(|part| std::str::from_utf8(part).unwrap()) {
            assert!(!witness.contains(part) && !about.contains(part), "{witness} holds a part of the value");
        }
        fingerprints.insert(fingerprint.to_owned());
        // The right guess is known as such, at one whole Argon2id each; what was computed for one variable is of no use
        // for another.
        assert_eq!(guess("lab", key, value.expose()), fingerprint);
        assert_ne!(guess("lab", key, "hunter2"), fingerprint);
    }
    assert_eq!((before.len(), fingerprints.len()), (2, 2), "equal values look different");
    // A reader learns when a value changes, and whether one came back that was there before.
    lab.secrets = Secrets::sandbox("another".to_owned());
    lab.converge(&want).await;
    let changed = read_as_attacker(&lab).await;
    lab.secrets = Secrets::sandbox("lab".to_owned());
    lab.converge(&want).await;
    let back = read_as_attacker(&lab).await;
    for ((first, second), third) in before.iter().zip(&changed).zip(&back) {
        let [first, second, third] = [first, second, third].map(|[_, witness, _]| witness.rsplit_once('.').unwrap());
        assert!(first.0 != second.0 && second.0 != third.0 && first.0 != third.0, "each write has its version");
        assert!(first.1 != second.1 && first.1 == third.1, "the value came back, and it shows");
    }
}
