//! All worlds that an interruption can leave.

use std::panic::AssertUnwindSafe;

use futures::{FutureExt as _, StreamExt as _};
use jiff::SignedDuration;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use reconcile::sandbox::faults::{Fault, Faults, Rule};

use super::fleets::{Situation, queue, situations};
use super::lab::schedules::die_after;
use super::stage::{Case, Played, policy};

/// Histories that are played at a time: most of each is waiting.
const AT_ONCE: usize = 8;
/// Pairs of deaths that are drawn for each situation.
const DRAWN: usize = 40;
/// Pauses before somebody goes on, in minutes: none, and longer than a token on its way is left alone.
const PAUSES: [i64; 2] = [0, 61];

/// What was seen of all histories of a situation.
#[derive(Default)]
pub struct Tally {
    histories: usize,
    runs: usize,
    adrift: usize,
}

impl Tally {
    pub fn of(played: &[Played]) -> Self {
        let mut tally = Self { histories: played.len(), ..Self::default() };
        for Played { runs, adrift } in played {
            tally.runs = tally.runs.max(*runs);
            tally.adrift = tally.adrift.max(*adrift);
        }
        tally
    }

    pub fn say(&self, case: &str, what: &str) -> usize {
        let Self { histories, runs, adrift } = self;
        println!("{case}: {what}: {histories} histories, settled within {runs} runs, at most {adrift} tokens adrift");
        *histories
    }
}

/// Plays all of them, also where one goes wrong: what the others do says what kind of wrong it is.
pub async fn all<F: Future<Output = Played>>(histories: impl Iterator<Item = F>) -> Vec<Played> {
    let whole = histories.map(|history| AssertUnwindSafe(history).catch_unwind());
    let ends: Vec<_> = futures::stream::iter(whole).buffer_unordered(AT_ONCE).collect().await;
    let wrong = ends.iter().filter(|end| end.is_err()).count();
    assert!(wrong == 0, "{wrong} of {} histories went wrong, as is told above", ends.len());
    ends.into_iter().flatten().collect()
}

/// Does the same to every situation, a few at a time, and says how many histories that were.
pub async fn each_situation(
    what: &str,
    most_adrift: usize,
    takes_part: impl Fn(&Situation) -> bool,
    play: impl AsyncFn(&Case) -> Vec<Played>,
) {
    let (mut sum, mut wrong) = (0, Vec::new());
    for situation in situations().into_iter().filter(takes_part) {
        let name = situation.name;
        let played = AssertUnwindSafe(async { play(&Case::new(situation).await).await }).catch_unwind().await;
        match played {
            Ok(played) => {
                let tally = Tally::of(&played);
                sum += tally.say(name, what);
                if tally.adrift > most_adrift {
                    wrong.push(format!("{name}: {} tokens adrift", tally.adrift));
                }
            }
            Err(_) => wrong.push(name.to_owned()),
        }
    }
    println!("{what}: {sum} histories in all");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

impl Case {
    /// The process dies before every write, and after the last.
    pub async fn die_everywhere(&self) -> Vec<Played> {
        let worlds = (0..=self.writes).flat_map(|after| PAUSES.map(|pause| (after, pause)));
        all(worlds.map(|(after, pause)| {
            self.play(pause, format!("dead after {after} of {} writes", self.writes), async move |lab| {
                die_after(lab, &self.plan, after).await;
                Vec::new()
            })
        }))
        .await
    }

    /// It dies, and whoever goes on after a pause dies too: some that are drawn of all such worlds.
    async fn die_twice(&self) -> Vec<Played> {
        let mut dice = StdRng::seed_from_u64(self.writes);
        let firsts = (0..=self.writes).flat_map(|first| PAUSES.map(|pause| (first, pause)));
        let worlds: Vec<_> =
            firsts.flat_map(|(first, pause)| (0..=self.writes).map(move |second| (first, pause, second))).collect();
        let drawn = worlds.sample(&mut dice, DRAWN).copied().collect::<Vec<_>>();
        println!("{}: {} of {} pairs of deaths", self.name, drawn.len(), worlds.len());
        let histories = drawn.into_iter().enumerate().map(|(n, (first, between, second))| {
            let how = format!("dead after {first} writes, and {between} min later after {second}");
            self.play(PAUSES[n % 2], how, async move |lab| {
                die_after(lab, &self.plan, first).await;
                lab.sandbox.advance(SignedDuration::from_mins(between));
                let again = lab.anew(&policy(), &self.want).await;
                die_after(&again, &again.plan(&self.want).await, second).await;
                Vec::new()
            })
        });
        all(histories).await
    }

    async fn lose_each(&self) -> Vec<Played> {
        let worlds = (1..=self.writes).flat_map(|nth| PAUSES.map(|pause| (nth, pause)));
        all(worlds.map(|(nth, pause)| {
            self.play(pause, format!("the answer to write {nth} of {} lost", self.writes), async move |lab| {
                lab.sandbox.script(nth_write(nth, Fault::LostAnswer)).unwrap();
                let report = lab.apply_one_by_one(&self.plan).await;
                lab.sandbox.script(Faults::default()).unwrap();
                vec![report]
            })
        }))
        .await
    }

    /// Right before each write a run is queued, and whoever is free takes it.
    async fn work_comes_at_each(&self) -> Vec<Played> {
        all((1..=self.writes).map(|nth| {
            self.play(0, format!("a run is queued before write {nth} of {}", self.writes), async move |lab| {
                lab.sandbox.script(nth_write(nth, Fault::Gate("work".to_owned()))).unwrap();
                let come = async {
                    lab.sandbox.arrived("work", 1).await;
                    lab.sandbox.with_world(queue);
                    lab.sandbox.release("work", 1);
                    std::future::pending::<()>().await;
                };
                let report = tokio::select! {
                    report = lab.apply_one_by_one(&self.plan) => report,
                    () = come => unreachable!("it never ends"),
                };
                lab.sandbox.script(Faults::default()).unwrap();
                vec![report]
            })
        }))
        .await
    }
}

pub fn nth_write(nth: u64, fault: Fault) -> Faults {
    Faults { seed: 1, rules: vec![Rule { method: Some("write".to_owned()), nth: Some(nth), ..Rule::new(fault) }] }
}

#[tokio::test]
async fn it_dies_anywhere_and_arrives_later() {
    each_situation("deaths", 2, |_| true, Case::die_everywhere).await;
}

#[tokio::test]
async fn it_dies_twice_and_arrives_later() {
    each_situation("two deaths", 2, |_| true, Case::die_twice).await;
}

#[tokio::test]
async fn every_answer_is_lost_once() {
    each_situation("lost answers", 2, |_| true, Case::lose_each).await;
}

#[tokio::test]
async fn work_that_comes_amid_a_change_is_not_cut_off() {
    each_situation("runs queued on the way", 2, |it| it.works, Case::work_comes_at_each).await;
}
