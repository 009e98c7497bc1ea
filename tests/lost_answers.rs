//! A write that HCP does and whose answer is lost while we live: found, and never done twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod lab;

use std::collections::BTreeMap;

use lab::values::{discord, fleet, plain};
use lab::{Lab, failures, lines};
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use reconcile::spec::desired::Desired;
use reconcile::systems::hcp::desired::Placement;

/// A fleet with a thing of every kind.
fn everything() -> Desired {
    let mut want = fleet(3, 2);
    let first = want.hcp.workspaces.get_mut("ws-000").unwrap();
    first.notifications = [("chat".to_owned(), discord("CHAT"))].into();
    first.consumers = Some(["ws-001".to_owned()].into());
    want
}

/// The same a day later: things changed, moved, replaced, renamed and removed.
fn next_day() -> Desired {
    let mut want = everything();
    let mut moved = want.hcp.workspaces.remove("ws-002").unwrap();
    moved.was = Some("ws-002".to_owned());
    moved.runs_on = Placement::Local;
    want.hcp.workspaces.insert("renamed".to_owned(), moved);
    want.hcp.workspaces.remove("ws-001");
    want.hcp.pools.get_mut("nas").unwrap().scope = reconcile::systems::hcp::desired::Scope::Organization;
    let first = want.hcp.workspaces.get_mut("ws-000").unwrap();
    first.settings.auto_apply = Some(true);
    first.notifications.clear();
    first.consumers = Some(["renamed".to_owned()].into());
    first.variables.insert(lab::values::env("V0"), plain("no secret any more"));
    first.variables.remove(&lab::values::env("V1"));
    let project = want.hcp.projects.get_mut("main").unwrap();
    project.settings.description = Some("another".to_owned());
    project.notifications.get_mut("discord").unwrap().triggers = ["run:created".to_owned()].into();
    want.hcp.variable_sets.clear();
    want
}

fn nth_write(nth: u64, fault: Fault) -> Faults {
    Faults { seed: 1, rules: vec![Rule { method: Some("write".to_owned()), nth: Some(nth), ..Rule::new(fault) }] }
}

async fn writes(want: &[Desired]) -> u64 {
    let lab = Lab::new(&want[0]).await;
    for want in want.iter().take(want.len() - 1) {
        lab.converge(want).await;
    }
    lab.sandbox.take_requests();
    lab.converge(want.last().unwrap()).await;
    lab.sandbox.take_requests().iter().filter(|request| request.method != "GET").count().try_into().unwrap()
}

/// The end of an undisturbed run.
async fn end(want: &[Desired]) -> BTreeMap<&'static str, usize> {
    let lab = Lab::new(&want[0]).await;
    for want in want {
        lab.converge(want).await;
    }
    count(&lab)
}

fn count(lab: &Lab) -> BTreeMap<&'static str, usize> {
    lab.sandbox.with_world(|world| {
        let variables: usize = world.workspaces.values().map(|workspace| workspace.variables.len()).sum();
        let in_sets: usize = world.variable_sets.values().map(|set| set.variables.len()).sum();
        let locked = world.workspaces.values().filter(|workspace| workspace.lock.is_some()).count();
        [
            ("projects", world.projects.len()),
            ("workspaces", world.workspaces.len()),
            ("variables", variables),
            ("variable sets", world.variable_sets.len()),
            ("variables in sets", in_sets),
            ("pools", world.agent_pools.len()),
            ("notifications", world.notifications.len()),
            ("locked", locked),
        ]
        .into()
    })
}

/// Loses the answer of each write in turn, in a world of its own.
async fn lose_each(want: &[Desired], fault: fn() -> Fault) {
    let (writes, end) = (writes(want).await, end(want).await);
    let last = want.last().unwrap();
    for nth in 1..=writes {
        let lab = Lab::new(&want[0]).await;
        for want in want.iter().take(want.len() - 1) {
            lab.converge(want).await;
        }
        lab.sandbox.script(nth_write(nth, fault())).unwrap();
        let plan = lab.plan(last).await;
        let report = lab.apply(&plan).await;
        assert!(failures(&report).is_empty(), "write {nth}: {:#?}", failures(&report));
        lab.sandbox.script(Faults::default()).unwrap();
        let again = lab.plan(last).await;
        assert!(lines(&again).is_empty(), "write {nth}: {:#?}", lines(&again));
        assert_eq!(count(&lab), end, "write {nth}");
    }
    println!("{writes} writes, each answered by {:?} once", fault());
}

#[tokio::test]
async fn a_first_apply_makes_nothing_twice_when_an_answer_is_lost() {
    lose_each(&[everything()], || Fault::LostAnswer).await;
}

#[tokio::test]
async fn a_later_apply_does_nothing_twice_when_an_answer_is_lost() {
    lose_each(&[everything(), next_day()], || Fault::LostAnswer).await;
}

#[tokio::test]
async fn a_write_whose_connection_is_cut_before_it_is_done_is_done_later() {
    lose_each(&[everything(), next_day()], || Fault::Reset).await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_lost_one() {
    lose_each(&[everything()], || Fault::CutBody).await;
    lose_each(&[everything()], || Fault::TruncatedBody).await;
}

#[tokio::test]
async fn a_write_that_is_refused_for_its_haste_is_done_later() {
    let too_fast = || Fault::Status { code: 429, body: BodyKind::Jsonapi, headers: BTreeMap::new() };
    lose_each(&[everything(), next_day()], too_fast).await;
    let overloaded = || Fault::Status { code: 503, body: BodyKind::Html, headers: BTreeMap::new() };
    lose_each(&[everything()], overloaded).await;
}
