//! Two runs of one fleet at once, each with an API token and a door of its own.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::lab::schedules::{Runner, side_by_side_at};
use super::stage::{Case, FIRST, Played, policy};
use super::walks::{all, each_situation};

/// The label of the second caller.
const SECOND: &str = "second";
/// Schedules of all requests that are drawn for each situation, of those with two switches and of any.
const DRAWN: usize = 20;

/// When the second one looks at the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// Before the first has begun, as the first does.
    Before,
    /// When its turn comes.
    AtItsTurn,
}

const LOOKS: [Looks; 2] = [Looks::Before, Looks::AtItsTurn];

impl Case {
    async fn pair(
        &self,
        how: String,
        method: Option<&str>,
        looks: Looks,
        choose: impl FnMut([bool; 2]) -> usize,
    ) -> Played {
        self.play(0, format!("{looks:?}, {how}"), async |lab| {
            let beside = lab.beside(SECOND, &self.want).await.through_own_doors(SECOND, &policy(), &self.want).await;
            let plan = (looks == Looks::Before).then(|| self.plan.clone());
            let runners = [
                Runner { lab, label: FIRST, plan: Some(self.plan.clone()) },
                Runner { lab: &beside, label: SECOND, plan },
            ];
            side_by_side_at(method, &self.want, runners, choose).await.into()
        })
        .await
    }

    /// All schedules of writes with at most two switches: the first goes `i` steps, the second `j`, then the first to its
    /// end, and the second to its own. A step ends where the next write waits for its turn.
    async fn walk_pairs(&self) -> Vec<Played> {
        let steps = usize::try_from(self.writes).unwrap() + 1;
        let schedules = LOOKS.into_iter().flat_map(|looks| (0..=steps).map(move |i| (looks, i)));
        let schedules = schedules.flat_map(|(looks, i)| (1..=steps).map(move |j| (looks, i, j)));
        all(schedules
            .map(|(looks, i, j)| self.pair(format!("{i} steps, then {j}"), Some("write"), looks, two_switches(i, j))))
        .await
    }

    /// The same where each request is a step, reads too: some that are drawn of all with at most two switches, and some
    /// with as many as they like.
    async fn draw_pairs(&self) -> Vec<Played> {
        let steps = self.requests + 1;
        let mut dice = StdRng::seed_from_u64(steps as u64);
        let pairs: Vec<(usize, usize)> = (0..=steps).flat_map(|i| (1..=steps).map(move |j| (i, j))).collect();
        let few: Vec<_> = pairs.sample(&mut dice, DRAWN).copied().collect();
        let mut played = all(few
            .iter()
            .enumerate()
            .map(|(n, (i, j))| self.pair(format!("{i} requests, then {j}"), None, LOOKS[n % 2], two_switches(*i, *j))))
        .await;
        println!("{}: {} of {} schedules of {steps} requests and two switches", self.name, few.len(), 2 * pairs.len());
        let many = (0..DRAWN).map(|seed| {
            let mut dice = StdRng::seed_from_u64(seed as u64);
            let choose =
                move |can: [bool; 2]| if can == [true, true] { dice.random_range(0..2) } else { usize::from(can[1]) };
            self.pair(format!("seed {seed}"), None, LOOKS[seed % 2], choose)
        });
        played.extend(all(many).await);
        played
    }
}

fn two_switches(mut first: usize, mut second: usize) -> impl FnMut([bool; 2]) -> usize {
    move |[one, two]| {
        if one && first > 0 {
            first -= 1;
            0
        } else if two && (second > 0 || !one) {
            second = second.saturating_sub(1);
            1
        } else {
            0
        }
    }
}

#[tokio::test]
async fn two_runs_at_once_arrive() {
    each_situation("two runs, writes in all orders of two switches", 3, |_| true, Case::walk_pairs).await;
}

#[tokio::test]
async fn two_runs_whose_every_request_takes_turns_arrive() {
    each_situation("two runs, requests in orders that are drawn", 3, |_| true, Case::draw_pairs).await;
}
