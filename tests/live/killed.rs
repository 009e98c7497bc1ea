//! The real program, killed with no chance to say anything, at random moments of its work on a real engine: the next run
//! finishes what it began, and no agent that works is cut off meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reconcile::sandbox::Tier;

use super::dockerd::{self, Daemon, Programs};
use super::events::Events;
use super::others::Others;
use super::program::{Program, Ran};
use super::site::{Site, Wish};

/// Fleets beside each other on the one engine, each with an HCP of its own.
const LANES: usize = 5;
/// What happens to each, one after the other; in the middle of each of these the program is killed.
const STEPS: [Step; 10] = [
    Step::Install,
    Step::Upgrade("2"),
    Step::Rotate,
    Step::Remove,
    Step::Install,
    Step::Rotate,
    Step::Upgrade("1"),
    Step::Upgrade("2"),
    Step::Rotate,
    Step::Remove,
];
/// So many runs may it take after a kill, where a token adrift or a job has to be waited for.
const MOST_RUNS: usize = 3;
/// The least work is so many writes.
const MOST_WRITES: usize = 4;
/// Tokens of one consumer that may be adrift.
const MOST_ADRIFT: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Install,
    Upgrade(&'static str),
    Rotate,
    Remove,
}

impl Step {
    fn words(self) -> &'static str {
        match self {
            Self::Rotate => "rotate agent-tokens --yes",
            Self::Install | Self::Upgrade(_) | Self::Remove => "apply --yes",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Install => "first apply",
            Self::Upgrade(_) => "upgrade",
            Self::Rotate => "rotation",
            Self::Remove => "removal",
        }
    }
}

/// What is told at the end.
#[derive(Debug, Default)]
struct Counts {
    kills: BTreeMap<&'static str, usize>,
    /// Killed before anything was written.
    early: usize,
    amid: usize,
    /// It had ended by itself.
    late: usize,
    /// After how many writes they died.
    writes: BTreeSet<usize>,
    /// Rounds by how many runs they took.
    runs: BTreeMap<usize, usize>,
    adrift: usize,
    waited_for_jobs: usize,
    jobs: usize,
    drained: usize,
}

/// One fleet and its history.
struct Lane<'a> {
    site: Site,
    program: Program,
    events: &'a Events,
    image: &'static str,
    dice: StdRng,
    counts: Counts,
}

#[test]
fn killed_at_fifty_moments_the_next_run_converges() {
    dockerd::with_engine(kill_fifty_times);
}

async fn kill_fifty_times(daemon: Daemon, programs: Programs) {
    let began = Instant::now();
    let events = Events::listen(&daemon.address()).await;
    let mut lanes = Vec::new();
    for number in 0..LANES {
        let tier = if number % 2 == 0 { Tier::Free } else { Tier::Standard };
        let site = Site::new(&daemon, &programs, &format!("lane{number}"), tier).await;
        let program = Program::new(&site);
        let dice = StdRng::seed_from_u64(number as u64);
        lanes.push(Lane { site, program, events: &events, image: "1", dice, counts: Counts::default() });
    }
    let others = Others::move_in(&lanes[0].site, "lane0_default").await;
    let before = others.picture(&lanes[0].site).await;
    // How long each kind of work takes with as much beside it, undisturbed.
    let undisturbed = futures::future::join_all(lanes.iter_mut().map(Lane::undisturbed)).await;
    futures::future::join_all(lanes.iter_mut().zip(&undisturbed).map(|(lane, lengths)| lane.all(lengths))).await;
    assert_eq!(others.picture(&lanes[0].site).await, before, "what others have is changed");
    let rounds: usize = lanes.iter().map(|lane| lane.counts.kills.values().sum::<usize>()).sum();
    let amid: usize = lanes.iter().map(|lane| lane.counts.amid).sum();
    for lane in &lanes {
        println!("{} ({:?}): {:?}", lane.site.name, lane.site.tier, lane.counts);
    }
    println!("{rounds} kills in {:?}, {amid} of them amid writes; undisturbed: {undisturbed:?}", began.elapsed());
    assert_eq!(rounds, LANES * STEPS.len());
    assert!(amid * 3 >= rounds, "only {amid} of {rounds} died amid writes");
}

impl Lane<'_> {
    fn wish(&self, step: Step) -> Wish<'static> {
        Wish { min: 1, image: self.image, job_seconds: Some(1), absent: step == Step::Remove }
    }

    async fn undisturbed(&mut self) -> BTreeMap<&'static str, Duration> {
        let mut lengths = BTreeMap::new();
        for step in [Step::Install, Step::Upgrade("2"), Step::Rotate, Step::Remove] {
            self.prepare(step);
            let began = Instant::now();
            let ran = self.program.run(step.words()).await;
            lengths.insert(step.name(), began.elapsed());
            assert_eq!(ran.code, Some(0), "{} {step:?}: {ran:#?}", self.site.name);
        }
        self.image = "1";
        lengths
    }

    fn prepare(&mut self, step: Step) {
        if let Step::Upgrade(image) = step {
            self.image = image;
        }
        self.program.write(&self.site, &self.wish(step));
    }

    async fn all(&mut self, lengths: &BTreeMap<&'static str, Duration>) {
        for (round, step) in STEPS.into_iter().enumerate() {
            let case = format!("{}, round {round}, {}", self.site.name, step.name());
            if step == Step::Install {
                self.image = "1";
            }
            self.prepare(step);
            let moment = lengths[step.name()].mul_f64(self.dice.random_range(0.0..1.0));
            // Most of the time it waits for agents, so in every other round a number of writes says when.
            let writes = (round % 2 == 1).then(|| self.dice.random_range(1..=MOST_WRITES));
            self.kill(step, (moment, writes), &case).await;
            self.settle(step, &format!("{case}, killed after {moment:?} or {writes:?} writes")).await;
        }
        self.counts.drained = self.events.of(&self.site.name).iter().filter(|event| event.action == "die").count();
    }

    /// How much was changed so far, on both systems.
    fn written(&self) -> usize {
        let hcp = self.site.sandbox.requests();
        let hcp = hcp.iter().filter(|it| it.is_write() && it.done && !it.path.contains("/agent/")).count();
        let engine = self.events.of(&self.site.name);
        let ours = ["create", "start", "rename", "kill", "destroy"];
        hcp + engine.iter().filter(|event| ours.contains(&event.action.as_str())).count()
    }

    async fn kill(&mut self, step: Step, (moment, writes): (Duration, Option<usize>), case: &str) {
        self.site.sandbox.take_requests();
        let before = self.written();
        // In every other round a run comes while the program is at work: the agent may take it at any moment.
        let comes = step != Step::Install && self.dice.random_bool(0.5);
        let moment = if writes.is_some() { moment.min(Duration::from_millis(300)) } else { moment };
        let first = if comes { moment.mul_f64(self.dice.random_range(0.0..1.0)) } else { Duration::ZERO };
        let mut child = self.program.command(step.words()).spawn().unwrap();
        tokio::time::sleep(first).await;
        if comes {
            self.site.queue();
            self.counts.jobs += 1;
        }
        match writes {
            None => tokio::time::sleep(moment.saturating_sub(first)).await,
            Some(writes) => {
                while self.written() - before < writes && child.try_wait().unwrap().is_none() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
        child.kill().unwrap();
        let ran: Ran = child.wait_with_output().unwrap().into();
        *self.counts.kills.entry(step.name()).or_default() += 1;
        // The engine goes on with what was asked of it, a start above all; then nothing more comes of the one that is dead.
        tokio::time::sleep(Duration::from_secs(1)).await;
        match (ran.code, self.written() - before) {
            (Some(code), _) => {
                // One that took a job between the look and the drain is left alone, and that is said.
                let left_alone = code == 1 && ran.says("has a job now");
                assert!(matches!(code, 0 | 2) || left_alone, "{case}: {ran:#?}");
                self.counts.late += 1;
            }
            (None, 0) => self.counts.early += 1,
            (None, writes) => {
                self.counts.amid += 1;
                self.counts.writes.insert(writes);
            }
        }
    }

    /// One more run, and where that has to wait for something, what it waits for and another one.
    async fn settle(&mut self, step: Step, case: &str) {
        let mut runs = 0;
        loop {
            runs += 1;
            let ran = self.program.run("apply --yes").await;
            self.nothing_is_cut_off(case);
            let adrift = self.adrift().await;
            assert!(adrift <= MOST_ADRIFT, "{case}: {adrift} tokens adrift");
            if ran.code == Some(0) {
                break;
            }
            let job = ran.says("has a job");
            // One that reached nobody, or whose container went before the run that would have revoked it.
            let token = ran.says("reached nobody") || ran.says("nothing that was seen holds it");
            let waits = ran.code == Some(2) || (ran.code == Some(1) && ran.says("has a job now"));
            assert!(waits && runs < MOST_RUNS, "{case}, run {runs}: {ran:#?}");
            assert!(job || token, "{case}: it waits for something else: {ran:#?}");
            if job {
                self.counts.waited_for_jobs += 1;
                self.site.until("the run is done", async || !self.site.is_at_work()).await;
            }
            if token {
                self.counts.adrift += adrift;
                self.an_hour_passes();
            }
        }
        *self.counts.runs.entry(runs).or_default() += 1;
        let then = self.program.run("plan").await;
        assert!(then.code == Some(0) && then.out.contains("no changes"), "{case}: {then:#?}");
        self.is_as_it_should_be(step, case).await;
    }

    /// For tokens only: agents are heard of all the time.
    fn an_hour_passes(&self) {
        self.site.sandbox.with_world(|world| {
            for token in world.agent_tokens.values_mut() {
                token.created_at -= SignedDuration::from_mins(61);
            }
        });
    }

    /// The tokens that containers of ours name.
    async fn held(&self) -> Vec<String> {
        let mut held = Vec::new();
        for name in self.site.ours().await.0 {
            let container = self.site.inspect(&name).await;
            held.push(container["Config"]["Labels"]["reconcile.dev/token-id"].as_str().unwrap().to_owned());
        }
        held.sort();
        held
    }

    async fn adrift(&self) -> usize {
        let held = self.held().await;
        self.site.tokens().iter().filter(|token| !held.contains(token)).count()
    }

    fn nothing_is_cut_off(&self, case: &str) {
        assert_eq!(self.events.harm(&self.site.name), [""; 0], "{case}");
        assert_eq!(self.site.lost(), [""; 0], "{case}");
    }

    async fn is_as_it_should_be(&self, step: Step, case: &str) {
        let (containers, networks) = self.site.ours().await;
        if step == Step::Remove {
            assert_eq!((containers.len(), networks.len()), (0, 0), "{case}: {containers:?} {networks:?}");
        } else {
            assert_eq!(containers, [self.site.container()], "{case}");
            let container = self.site.inspect(&self.site.container()).await;
            assert_eq!(container["State"]["Running"], true, "{case}: {:#}", container["State"]);
            let tag = container["Config"]["Labels"]["of.tag"].as_str().unwrap_or("1");
            assert_eq!(tag, self.image, "{case}");
        }
        assert_eq!(self.site.tokens(), self.held().await, "{case}: a token for each that runs, and no other");
        let (pools, workspaces) =
            self.site.sandbox.with_world(|world| (world.agent_pools.len(), world.workspaces.len()));
        assert_eq!((pools, workspaces), (1, 1), "{case}: something is there twice");
        // What was queued for an agent that left has no place in the next round.
        self.site.until("the job is done", async || !self.site.is_busy()).await;
        self.site.sandbox.with_world(|world| {
            for run in world.runs.values_mut().filter(|run| !run.is_final()) {
                "discarded".clone_into(&mut run.status);
            }
        });
    }
}
