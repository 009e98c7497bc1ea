//! Two runs of one fleet at once, each with an API token of its own: nothing is there twice, nothing of others is
//! touched, and the next run finds little or nothing left to do.
//!
//! Each request of either waits until the test lets it through, so the test decides who goes on. A bad interleaving
//! needs few switches: all schedules with at most two are walked, and a thousand that are drawn have as many as they
//! like.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

mod lab;

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reconcile::plan::Plan;
use reconcile::sandbox::{Sandbox, World};
use reconcile::spec::desired::Desired;

use lab::picture::{expect_alike, picture};
use lab::schedules::{Runner, side_by_side};
use lab::{Lab, neighbours, values};

/// The labels of their API tokens: that of the sandbox itself, and another.
const LABELS: [&str; 2] = ["sandbox", "second"];
/// Clean runs afterwards.
const MOST_RUNS: usize = 3;
/// Schedules that are drawn.
const DRAWN: u64 = 1_000;

/// When the second one looks at the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// Before the first has begun, as the first does.
    Before,
    /// When its turn comes.
    AtItsTurn,
}

struct Case {
    name: &'static str,
    start: World,
    want: Desired,
    plan: Plan,
    end: Vec<String>,
    others: BTreeMap<String, String>,
    /// Requests of one run that nobody disturbs.
    steps: usize,
}

impl Case {
    async fn new(name: &'static str, before: Option<&Desired>, want: Desired) -> Self {
        let lab = Lab::new(&want).await;
        lab.sandbox.with_world(neighbours::move_in);
        if let Some(before) = before {
            lab.converge_one_by_one(before).await;
            lab.sandbox.with_world(|world| neighbours::move_into(world, "ws-000", "main"));
        }
        let start = lab.sandbox.snapshot();
        let plan = lab.plan(&want).await;
        lab.sandbox.take_requests();
        assert!(lab.apply_one_by_one(&plan).await.is_complete());
        let steps = lab.sandbox.take_requests().len();
        lab.expect_settled(&want).await;
        let end = picture(&lab.sandbox.snapshot());
        Self { name, others: neighbours::of_others(&start), start, want, plan, end, steps }
    }

    /// A workspace on a pool with a variable, a secret and its witness, a notification and a set: smaller than the
    /// example, since the number of schedules grows with the square of the requests.
    async fn first() -> Self {
        Self::new("first apply of a small fleet", None, small()).await
    }

    /// Every kind of request.
    async fn later() -> Self {
        let before = values::everything();
        Self::new("later apply of every kind", Some(&before), values::next_day()).await
    }

    /// Plays one schedule, settles, and says how many requests each sent and whether both got through.
    async fn play(&self, looks: Looks, how: &str, choose: impl FnMut([bool; 2]) -> usize) -> Played {
        let how = format!("{}, {looks:?}, {how}", self.name);
        let sandbox = Sandbox::resume(self.start.clone()).await.expect("the sandbox starts");
        let one = Lab::around(sandbox, &self.want).await;
        let two = one.beside(LABELS[1], &self.want).await;
        let plan = |looks| (looks == Looks::Before).then(|| self.plan.clone());
        let runners = [
            Runner { lab: &one, label: LABELS[0], plan: Some(self.plan.clone()) },
            Runner { lab: &two, label: LABELS[1], plan: plan(looks) },
        ];
        let reports = side_by_side(&self.want, runners, choose).await;
        let failures = reports.iter().flat_map(lab::failures).collect();
        let runs = one.settle(&self.want, MOST_RUNS, &how).await;
        let world = one.sandbox.snapshot();
        expect_alike(&picture(&world), &self.end, &how);
        assert_eq!(neighbours::of_others(&world), self.others, "{how}: things of others");
        assert!(world.workspaces.values().all(|workspace| workspace.lock.is_none()), "{how}: a lock is left");
        one.expect_secrets(&self.want, &how).await;
        Played { runs, failures }
    }

    /// All schedules with at most two switches: the first goes `i` steps, the second `j`, then the first to its end,
    /// and the second to its own.
    async fn walk(&self, looks: Looks) {
        let mut tally = Tally::default();
        for i in 0..=self.steps {
            for j in 0_usize.. {
                let (mut first, mut second) = (i, j);
                let played = self
                    .play(looks, &format!("{i} steps, then {j}"), |[one, two]| {
                        if one && first > 0 {
                            first -= 1;
                            0
                        } else if two && (second > 0 || !one) {
                            second = second.saturating_sub(1);
                            1
                        } else {
                            0
                        }
                    })
                    .await;
                tally.add(played);
                // The second had ended before it was told to stop: more steps change nothing.
                if second > 0 {
                    break;
                }
            }
        }
        tally.say(&format!("{}, {looks:?}, at most two switches", self.name));
        assert!(tally.schedules > self.steps, "too few schedules");
    }

    async fn draw(&self, looks: Looks, seeds: std::ops::Range<u64>) {
        let mut tally = Tally::default();
        for seed in seeds {
            let mut dice = StdRng::seed_from_u64(seed);
            let choose =
                |can: [bool; 2]| if can == [true, true] { dice.random_range(0..2) } else { usize::from(can[1]) };
            tally.add(self.play(looks, &format!("seed {seed}"), choose).await);
        }
        tally.say(&format!("{}, {looks:?}, drawn", self.name));
    }
}

struct Played {
    runs: usize,
    failures: Vec<String>,
}

#[derive(Default)]
struct Tally {
    schedules: usize,
    clean: usize,
    worst: usize,
    /// What actions failed with, without what differs from run to run.
    reasons: BTreeSet<String>,
}

impl Tally {
    fn add(&mut self, Played { runs, failures }: Played) {
        self.schedules += 1;
        self.clean += usize::from(failures.is_empty());
        self.worst = self.worst.max(runs);
        self.reasons.extend(failures.iter().map(|failure| {
            let words = failure.split(' ').filter(|word| !word.chars().any(|c| c.is_ascii_digit()));
            words.collect::<Vec<_>>().join(" ")
        }));
    }

    fn say(&self, what: &str) {
        let Self { schedules, clean, worst, reasons } = self;
        println!("{what}: {schedules} schedules, in {clean} of them nothing failed; settled within {worst} more runs");
        for reason in reasons {
            println!("  {reason}");
        }
    }
}

fn small() -> Desired {
    let mut want = values::fleet(1, 2);
    want.hcp.pools.remove("nas");
    want.hcp.variable_sets.get_mut("shared").unwrap().variables.remove(&values::env("SHARED_TOKEN"));
    want
}

#[tokio::test]
async fn all_schedules_of_two_first_applies() {
    let case = Case::first().await;
    case.walk(Looks::Before).await;
    case.walk(Looks::AtItsTurn).await;
}

#[tokio::test]
async fn all_schedules_of_two_later_applies() {
    let case = Case::later().await;
    case.walk(Looks::Before).await;
    case.walk(Looks::AtItsTurn).await;
}

#[tokio::test]
async fn a_thousand_drawn_schedules() {
    for (case, seeds) in [(Case::first().await, 0..DRAWN / 2), (Case::later().await, DRAWN / 2..DRAWN)] {
        let middle = seeds.start.midpoint(seeds.end);
        case.draw(Looks::Before, seeds.start..middle).await;
        case.draw(Looks::AtItsTurn, middle..seeds.end).await;
    }
}
