//! Stop it anywhere, run it again: it arrives, and nothing is there twice.
//!
//! "After request k with the answer lost" and "before request k+1" are one world once the process is dead, and a read
//! leaves none: an apply of W writes can leave W+1 worlds. All of them are walked, two deep, and each must settle.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

mod lab;

use std::collections::{BTreeMap, BTreeSet};

use reconcile::sandbox::faults::{Fault, Faults, Rule};
use reconcile::sandbox::{Sandbox, World};
use reconcile::spec::desired::Desired;

use lab::Lab;

/// Clean runs that a world may take to settle.
const MOST_RUNS: usize = 3;

async fn resume(world: World, want: &Desired) -> Lab {
    Lab::around(Sandbox::resume(world).await.expect("the sandbox starts"), want)
}

/// From write number `after` + 1 on, every connection is cut: what a process that is dead sends.
fn dead_after(after: u64) -> Faults {
    let mut dead = Rule::new(Fault::Reset);
    dead.method = Some("write".to_owned());
    dead.from = Some(after + 1);
    Faults { seed: 0, rules: vec![dead] }
}

/// Names of all that is there, so that a thing that is there twice stands here twice.
fn inventory(world: &World) -> Vec<String> {
    let mut names: Vec<String> = world.projects.values().map(|it| format!("project {}", it.name)).collect();
    for workspace in world.workspaces.values() {
        names.push(format!("workspace {}", workspace.name));
        names.extend(workspace.variables.values().map(|it| format!("variable {}/{}", workspace.name, it.key)));
    }
    for set in world.variable_sets.values() {
        names.push(format!("set {}", set.name));
        // The witnesses' keys are ids, which differ from run to run.
        let witness = |key: &str| key.starts_with("var-");
        let keys = set.variables.values().map(|it| if witness(&it.key) { "witness" } else { it.key.as_str() });
        names.extend(keys.map(|key| format!("variable {}/{key}", set.name)));
    }
    names.extend(world.agent_pools.values().map(|it| format!("pool {}", it.name)));
    names.extend(world.notifications.values().map(|it| format!("notification {}", it.name)));
    names.sort();
    names
}

/// Runs until there is nothing left to do.
async fn settle(world: World, want: &Desired) -> (usize, World) {
    let lab = resume(world, want).await;
    for runs in 0..=MOST_RUNS {
        let plan = lab.plan(want).await;
        assert!(plan.refusals.is_empty() && plan.gaps.is_empty(), "{:#?} {:#?}", plan.refusals, plan.gaps);
        if plan.is_empty() {
            return (runs, lab.sandbox.snapshot());
        }
        assert!(runs < MOST_RUNS, "not settled after {MOST_RUNS} runs: {:#?} {:#?}", plan.actions, plan.waits);
        lab.apply(&plan).await;
    }
    unreachable!("the last run returns or fails")
}

/// How many writes one undisturbed apply takes from here.
async fn writes_from(world: World, want: &Desired) -> u64 {
    let lab = resume(world, want).await;
    let plan = lab.plan(want).await;
    lab.apply(&plan).await;
    lab.writes() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_apply_that_dies_anywhere_arrives_later() {
    let want = lab::example();
    let fresh = Lab::new(&want).await.sandbox.snapshot();
    let (_, end) = settle(fresh.clone(), &want).await;
    let end = inventory(&end);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut edge = vec![fresh];
    let (mut stopped, mut worst) = (0, 0);
    for depth in 1..=2 {
        let mut next = Vec::new();
        for world in std::mem::take(&mut edge) {
            for after in 0..=writes_from(world.clone(), &want).await {
                let lab = resume(world.clone(), &want).await;
                let plan = lab.plan(&want).await;
                lab.sandbox.script(dead_after(after)).expect("a script");
                lab.apply_one_by_one(&plan).await;
                stopped += 1;
                let left = lab.sandbox.snapshot();
                if seen.insert(lab.sandbox.fingerprint(), depth).is_some() {
                    continue;
                }
                let (runs, settled) = settle(left.clone(), &want).await;
                worst = worst.max(runs);
                assert_eq!(inventory(&settled), end, "stopped after {after} writes, depth {depth}");
                next.push(left);
            }
        }
        edge = next;
    }
    println!("{stopped} stopped runs, {} different worlds, each settled within {worst} runs", seen.len());
    assert!(seen.len() > 20, "too few worlds to mean anything: {}", seen.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_makes_nothing_twice() {
    let want = lab::example();
    let fresh = Lab::new(&want).await.sandbox.snapshot();
    let (_, end) = settle(fresh.clone(), &want).await;
    let writes = writes_from(fresh.clone(), &want).await;
    let mut lost_kinds = BTreeSet::new();
    for nth in 1..=writes {
        let lab = resume(fresh.clone(), &want).await;
        let plan = lab.plan(&want).await;
        let mut lost = Rule::new(Fault::LostAnswer);
        lost.method = Some("write".to_owned());
        lost.nth = Some(nth);
        lab.sandbox.script(Faults { seed: 0, rules: vec![lost] }).expect("a script");
        lab.apply_one_by_one(&plan).await;
        let cut = lab.sandbox.requests().into_iter().find(|request| request.status == 0).expect("one was cut");
        lost_kinds.insert(format!("{} {}", cut.method, cut.path.split('/').next_back().unwrap_or_default()));
        let (_, settled) = settle(lab.sandbox.snapshot(), &want).await;
        assert_eq!(inventory(&settled), inventory(&end), "the answer to write {nth}, {cut:?}, was lost");
    }
    println!("{writes} answers lost, of {} kinds of request", lost_kinds.len());
}
