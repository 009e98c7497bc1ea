//! Runs whose requests are served in an order that a test chooses, and runs that die.
//!
//! All of it wants a runtime of one thread: then who is under way and who waits for the server is known exactly, and
//! the same choices make the same run.

use std::num::NonZeroUsize;

use reconcile::apply::{Event, Stop};
use reconcile::pipeline;
use reconcile::plan::Plan;
use reconcile::report::Report;
use reconcile::sandbox::faults::{Fault, Faults, Rule};
use reconcile::spec::desired::Desired;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use super::Lab;

/// The gate of those requests that a process which is dead did not send.
const DEAD: &str = "dead";
/// The gate at which every request of one runner waits.
const ALL: &str = "all";

/// Applies one by one, and dies before it sends write number `after` + 1.
pub async fn die_after(lab: &Lab, plan: &Plan, after: u64) {
    let gate =
        Rule { method: Some("write".to_owned()), from: Some(after + 1), ..Rule::new(Fault::Gate(DEAD.to_owned())) };
    lab.sandbox.script(Faults { seed: 0, rules: vec![gate] }).expect("a script");
    tokio::select! {
        _ = lab.apply_one_by_one(plan) => {}
        () = lab.sandbox.arrived(DEAD, 1) => {}
    }
    lab.sandbox.script(Faults::default()).expect("a script");
}

/// Applies, several actions at once. Whenever all that is under way waits for the server, `choose` is told how many
/// requests these are and says which one is served; with none the process dies.
pub async fn in_order(
    lab: &Lab,
    plan: &Plan,
    at_once: usize,
    mut choose: impl FnMut(usize) -> Option<usize>,
) -> Option<Report> {
    let gate = Rule::new(Fault::Gate(ALL.to_owned()));
    lab.sandbox.script(Faults { seed: 0, rules: vec![gate] }).expect("a script");
    let (events, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (at_once, stop) = (NonZeroUsize::new(at_once).expect("at least one"), Stop::default());
    let doing = Box::pin(pipeline::apply(plan, &lab.writers, &lab.secrets, at_once, &stop, &events));
    let report = tokio::select! {
        report = doing => Some(report.expect("no cycle")),
        () = serve(lab, &mut heard, &mut choose) => None,
    };
    lab.sandbox.script(Faults::default()).expect("a script");
    report
}

/// Serves one request at a time, until the process dies.
async fn serve(lab: &Lab, heard: &mut UnboundedReceiver<Event>, choose: &mut impl FnMut(usize) -> Option<usize>) {
    let (mut under_way, mut arrived) = (0_usize, 0);
    loop {
        let waiting = usize::try_from(lab.sandbox.waiting(ALL)).expect("a small number");
        if under_way > 0 && waiting == under_way && heard.is_empty() {
            let Some(nth) = choose(waiting) else {
                return;
            };
            assert!(lab.sandbox.admit(ALL, nth).is_some(), "{nth} of {waiting}");
            continue;
        }
        tokio::select! {
            biased;
            event = heard.recv() => match event {
                Some(Event::Started(..)) => under_way += 1,
                Some(Event::Done(..) | Event::Failed(..)) => under_way -= 1,
                Some(Event::Skipped { .. } | Event::Stopping(_)) => {}
                None => std::future::pending().await,
            },
            () = lab.sandbox.arrived(ALL, arrived + 1) => arrived += 1,
        }
    }
}

/// One of two who apply the same fleet to the same organisation.
pub struct Runner<'a> {
    /// With an API token of its own, whose label is its gate.
    pub lab: &'a Lab,
    pub label: &'static str,
    /// What it made of the world before either began; else it looks when its turn comes.
    pub plan: Option<Plan>,
}

/// Two runners, one request at a time; `choose` is told who can go on and says who does. It is asked once more after
/// every request.
pub async fn side_by_side(
    want: &Desired,
    runners: [Runner<'_>; 2],
    choose: impl FnMut([bool; 2]) -> usize,
) -> [Report; 2] {
    side_by_side_at(None, want, runners, choose).await
}

/// The same where only requests of one method wait for their turn: `write` where what one runner looks at, and how often,
/// depends on how long the other takes.
pub async fn side_by_side_at(
    method: Option<&str>,
    want: &Desired,
    runners: [Runner<'_>; 2],
    mut choose: impl FnMut([bool; 2]) -> usize,
) -> [Report; 2] {
    let sandbox = &runners[0].lab.sandbox;
    sandbox.script(Faults::default()).expect("a script");
    let (go, done) =
        ([watch::Sender::new(false), watch::Sender::new(false)], [(); 2].map(|()| watch::Sender::new(false)));
    let run = async |n: usize| {
        let runner = &runners[n];
        // The senders live as long as this.
        let _ = go[n].subscribe().wait_for(|go| *go).await;
        let looked;
        let plan = if let Some(plan) = &runner.plan {
            plan
        } else {
            looked = runner.lab.plan(want).await;
            &looked
        };
        let rules = (0..2).filter(|other| *go[*other].borrow()).map(|other| Rule {
            method: method.map(str::to_owned),
            caller: Some(runners[other].label.to_owned()),
            ..Rule::new(Fault::Gate(runners[other].label.to_owned()))
        });
        sandbox.script(Faults { seed: 0, rules: rules.collect() }).expect("a script");
        let report = runner.lab.apply_one_by_one(plan).await;
        done[n].send_replace(true);
        report
    };
    let serving = async {
        let mut arrived = [0; 2];
        loop {
            let can = [0, 1].map(|n| !*done[n].borrow());
            if can == [false, false] {
                return;
            }
            let n = choose(can);
            assert!(can[n], "runner {n} has ended");
            if arrived[n] == 0 {
                go[n].send_replace(true);
            } else {
                sandbox.release(runners[n].label, 1);
            }
            // Until it has been answered, and either asks the next thing or has ended.
            let mut ended = done[n].subscribe();
            tokio::select! {
                () = sandbox.arrived(runners[n].label, arrived[n] + 1) => arrived[n] += 1,
                _ = ended.wait_for(|ended| *ended) => {}
            }
        }
    };
    let (first, second, ()) = tokio::join!(Box::pin(run(0)), Box::pin(run(1)), Box::pin(serving));
    sandbox.script(Faults::default()).expect("a script");
    [first, second]
}
