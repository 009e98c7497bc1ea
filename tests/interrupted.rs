//! Stop it anywhere, run it again: it arrives, nothing is there twice, and nothing of others was touched.
//!
//! "After request k with the answer lost" and "before request k+1" are one world once the process is dead, and a read
//! leaves none: an apply of W writes can leave W+1 worlds. All of them are walked, with and without a pause of an hour
//! between the runs, and each must settle. Where eight actions are under way at once, a thousand orders of serving
//! their requests stand for all of them.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

mod lab;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reconcile::owner::{Suffix, TAG_KEY};
use reconcile::sandbox::{Sandbox, World};
use reconcile::spec::desired::Desired;

use lab::picture::{expect_alike, picture};
use lab::{Lab, neighbours, schedules, values};

/// Clean runs that a world may take to settle.
const MOST_RUNS: usize = 3;
/// How old a credential must be before it counts as abandoned, in hours; a run that goes on after it meets other rules.
const GRACE: i64 = 1;
/// Orders of serving requests that are tried.
const SCHEDULES: u64 = 1_000;

/// A world, what is wanted of it, and how it looks when that is done without a disturbance.
struct Case {
    name: &'static str,
    start: World,
    want: Desired,
    end: Vec<String>,
    others: BTreeMap<String, String>,
}

impl Case {
    async fn new(name: &'static str, start: World, want: Desired) -> Self {
        let others = neighbours::of_others(&start);
        assert!(others.len() >= 8, "{name}: others have only {others:#?}");
        let lab = resume(&start, &want).await;
        assert_eq!(lab.settle(&want, 1, name).await, 1, "{name}: there is something to do");
        let end = picture(&lab.sandbox.snapshot());
        let case = Self { name, start, want, end, others };
        case.is_as_at_the_end(&lab, "undisturbed").await;
        case
    }

    /// The example, in an organisation where others are at home.
    async fn first() -> Self {
        let want = lab::example_without_operator();
        Self::new("first apply of the example", fresh(&want).await, want).await
    }

    /// A fleet of every kind of thing, a day later.
    async fn later() -> Self {
        let before = values::everything();
        Self::new("later apply", inhabited(&before).await, values::next_day()).await
    }

    /// The same fleet of which somebody else made everything.
    async fn adoption() -> Self {
        let mut want = values::everything();
        let mut start = inhabited(&want).await;
        let fleet = want.hcp.fleet.clone();
        start.projects.values_mut().for_each(|it| drop(it.tags.remove(TAG_KEY)));
        start.workspaces.values_mut().for_each(|it| drop(it.tags.remove(TAG_KEY)));
        start.variable_sets.retain(|_, set| set.name != format!("reconcile-{fleet}"));
        let (names, descriptions) = (Suffix::name(&fleet), Suffix::description(&fleet));
        for set in start.variable_sets.values_mut() {
            if let Some(bare) = descriptions.take(&set.description) {
                set.description = bare.to_owned();
            }
        }
        for notification in start.notifications.values_mut() {
            if let Some(bare) = names.take(&notification.name) {
                notification.name = bare.to_owned();
            }
        }
        want.hcp.organization.stewardship.adopt = true;
        Self::new("adoption", start, want).await
    }

    /// Runs what is left, and compares with the undisturbed end.
    async fn settles(&self, lab: &Lab, how: &str) -> usize {
        let runs = lab.settle(&self.want, MOST_RUNS, &format!("{}, {how}", self.name)).await;
        self.is_as_at_the_end(lab, how).await;
        runs
    }

    async fn is_as_at_the_end(&self, lab: &Lab, how: &str) {
        let world = lab.sandbox.snapshot();
        let how = format!("{}, {how}", self.name);
        expect_alike(&picture(&world), &self.end, &how);
        assert_eq!(neighbours::of_others(&world), self.others, "{how}: things of others");
        assert!(world.workspaces.values().all(|workspace| workspace.lock.is_none()), "{how}: a lock is left");
        lab.expect_secrets(&self.want, &how).await;
    }
}

async fn resume(world: &World, want: &Desired) -> Lab {
    Lab::around(Sandbox::resume(world.clone()).await.expect("the sandbox starts"), want).await
}

/// An organisation in which only others have things.
async fn fresh(want: &Desired) -> World {
    let lab = Lab::new(want).await;
    lab.sandbox.with_world(neighbours::move_in);
    lab.sandbox.snapshot()
}

/// One in which this fleet has converged, and others put things inside ours.
async fn inhabited(want: &Desired) -> World {
    let lab = resume(&fresh(want).await, want).await;
    lab.converge_one_by_one(want).await;
    lab.sandbox.with_world(|world| neighbours::move_into(world, "ws-000", "main"));
    lab.sandbox.snapshot()
}

/// Walks all worlds that a death can leave, so many deaths deep.
async fn walk(case: &Case, depth: usize) {
    let mut seen: BTreeSet<(String, i64)> = BTreeSet::new();
    let mut edge = vec![(case.start.clone(), 0)];
    let (mut stopped, mut settled, mut worst) = (0, 0, 0);
    for deep in 1..=depth {
        let mut next = Vec::new();
        for (world, hours) in std::mem::take(&mut edge) {
            let lab = resume(&world, &case.want).await;
            let plan = lab.plan(&case.want).await;
            lab.apply_one_by_one(&plan).await;
            for after in 0..=lab.writes() as u64 {
                let lab = resume(&world, &case.want).await;
                schedules::die_after(&lab, &plan, after).await;
                stopped += 1;
                if !seen.insert((lab.sandbox.fingerprint(), hours)) {
                    continue;
                }
                for pause in [0, GRACE] {
                    lab.sandbox.advance(SignedDuration::from_hours(pause));
                    let left = lab.sandbox.snapshot();
                    let again = resume(&left, &case.want).await;
                    let how = format!("dead after {after} writes, {deep} deep, {pause} h later");
                    worst = worst.max(case.settles(&again, &how).await);
                    settled += 1;
                    next.push((left, hours + pause));
                }
            }
        }
        edge = next;
    }
    println!(
        "{}: {stopped} deaths left {} different worlds; {settled} times gone on from, settled within {worst} runs",
        case.name,
        seen.len()
    );
    assert!(seen.len() > 20, "too few worlds to mean anything: {}", seen.len());
}

#[tokio::test]
async fn a_first_apply_that_dies_anywhere_twice_arrives_later() {
    walk(&Case::first().await, 2).await;
}

#[tokio::test]
async fn a_later_apply_that_dies_anywhere_arrives_later() {
    walk(&Case::later().await, 1).await;
}

#[tokio::test]
async fn an_adoption_that_dies_anywhere_arrives_later() {
    walk(&Case::adoption().await, 1).await;
}

/// Serves the requests of eight actions at once in orders that are drawn, and lets half of the runs die on the way.
async fn serve_in_many_orders(case: &Case, seeds: std::ops::Range<u64>) {
    let lab = resume(&case.start, &case.want).await;
    let plan = lab.plan(&case.want).await;
    let requests = lab.sandbox.requests().len();
    lab.apply(&plan).await;
    let steps = lab.sandbox.requests().len() - requests;
    let (mut orders, mut died, mut worst) = (BTreeSet::new(), 0, 0);
    for seed in seeds.clone() {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut left = if seed % 2 == 0 { usize::MAX } else { dice.random_range(0..steps) };
        let lab = resume(&case.start, &case.want).await;
        let mut order = Vec::new();
        let report = schedules::in_order(&lab, &plan, 8, |waiting| {
            left = left.checked_sub(1)?;
            order.push(dice.random_range(0..waiting));
            order.last().copied()
        })
        .await;
        died += usize::from(report.is_none());
        if let Some(report) = report {
            assert!(report.is_complete(), "{}, seed {seed}: {:#?}", case.name, lab::failures(&report));
        }
        orders.insert(order);
        // The one that died is gone: nothing that it still had to say is ever served.
        let again = resume(&lab.sandbox.snapshot(), &case.want).await;
        worst = worst.max(case.settles(&again, &format!("seed {seed}")).await);
    }
    println!(
        "{}: {} seeds, {} different orders of about {steps} requests, {died} cut; settled within {worst} runs",
        case.name,
        seeds.count(),
        orders.len()
    );
    assert!(died > 0 && orders.len() > 10);
}

#[tokio::test]
async fn a_first_apply_of_many_orders_of_eight_at_once_arrives() {
    serve_in_many_orders(&Case::first().await, 0..SCHEDULES / 2).await;
}

#[tokio::test]
async fn a_later_apply_of_many_orders_of_eight_at_once_arrives() {
    serve_in_many_orders(&Case::later().await, SCHEDULES / 2..SCHEDULES).await;
}
