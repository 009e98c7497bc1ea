//! Moments that have a name of their own.

use std::io::Write;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use reconcile::owner::Suffix;
use reconcile::plan::Plan;
use reconcile::sandbox::World;
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use tracing_subscriber::fmt::MakeWriter;

use super::fleets::{HOST, at_work, situations};
use super::lab::schedules::{Runner, side_by_side_at};
use super::lab::{self, Lab, neighbours};
use super::stage::{Case, FIRST, policy, resume, settle};
use super::walks::{Tally, nth_write};
use super::watch::{Watch, expect_one_word, held};

async fn case(name: &str) -> Case {
    Case::new(situations().into_iter().find(|it| it.name == name).expect("a situation of that name")).await
}

fn waits_for_a_job(plan: &Plan) -> bool {
    plan.waits.iter().any(|wait| wait.what.contains("has a job"))
}

#[tokio::test]
async fn an_agent_at_work_is_waited_for_and_then_replaced() {
    for name in ["upgrade, busy, one slot", "upgrade, busy, several slots", "target is absent, busy"] {
        let case = case(name).await;
        let lab = resume(&case.start, &case.want).await;
        assert!(waits_for_a_job(&case.plan), "{name}: {:#?}", case.plan.waits);
        let before = lab.sandbox.fingerprint();
        assert!(lab.run(&case.want).await.is_complete());
        assert_eq!(lab.sandbox.fingerprint(), before, "{name}: nothing happens while it works");
        // The plan of the run takes ten minutes, and its apply as long.
        for _ in 0..19 {
            lab.sandbox.advance(SignedDuration::from_mins(1));
            let again = lab.anew(&policy(), &case.want).await;
            assert!(waits_for_a_job(&again.plan(&case.want).await), "{name}: still at work");
        }
        lab.sandbox.advance(SignedDuration::from_mins(2));
        let watch = Watch::begin(&lab.sandbox, &case.want);
        assert_eq!(settle(&lab, &case.want, name).await, 1, "{name}: it goes on");
        assert!(watch.end(name).harm.is_empty());
        assert!(lab.sandbox.snapshot().runs.values().all(|run| run.status == "applied"), "{name}");
    }
}

fn ours_adrift(world: &World, suffix: &Suffix) -> usize {
    let held = held(world);
    let ours = world.agent_tokens.iter().filter(|(_, token)| suffix.take(&token.description).is_some());
    ours.filter(|(id, _)| !held.contains(*id)).count()
}

#[tokio::test]
async fn a_host_that_takes_no_container_costs_two_tokens_and_not_one_for_each_run() {
    let case = case("first apply, always").await;
    let suffix = Suffix::description(&case.want.hcp.fleet);
    let lab = resume(&case.start, &case.want).await;
    let refused = Fault::Status { code: 500, body: BodyKind::Jsonapi, headers: [].into() };
    let rule = Rule::short(&format!("POST docker/{HOST}/containers/create"), refused);
    lab.sandbox.script(Faults { seed: 0, rules: vec![rule] }).unwrap();
    let (mut most, mut revoked) = (0, 0);
    for _ in 0..60 {
        let run = lab.anew(&policy(), &case.want).await;
        let plan = run.plan(&case.want).await;
        run.apply(&plan).await;
        revoked += plan.count(reconcile::plan::Verb::Revoke);
        most = most.max(lab.sandbox.with_world(|world| ours_adrift(world, &suffix)));
        lab.sandbox.advance(SignedDuration::from_mins(5));
    }
    assert_eq!(most, 2, "tokens that reached nobody");
    assert!(revoked >= 6, "two an hour, and these are revoked: {revoked}");
    lab.sandbox.script(Faults::default()).unwrap();
    lab.sandbox.advance(SignedDuration::from_mins(61));
    settle(&lab, &case.want, "the host takes containers again").await;
    assert_eq!(held(&lab.sandbox.snapshot()).len(), 1);
}

/// A runner has marked an agent, found it idle, and is asleep for long. Another one watches and sends it home, right as
/// it takes a job; then the first wakes up.
#[tokio::test]
async fn a_word_that_comes_late_is_not_said() {
    for name in ["cooled down", "upgrade, idle, one slot"] {
        let case = case(name).await;
        let lab = resume(&case.start, &case.want).await;
        let beside = lab.beside("second", &case.want).await.through_own_doors("second", &policy(), &case.want).await;
        let watch = Watch::begin(&lab.sandbox, &case.want);
        let writes = lab.sandbox.requests().len();
        let kills = |caller: &str| {
            let requests = lab.sandbox.requests();
            requests[writes..].iter().filter(|it| it.caller == caller && it.path.contains("/kill")).count()
        };
        let marks = |caller: &str| {
            let requests = lab.sandbox.requests();
            requests[writes..].iter().filter(|it| it.caller == caller && it.path.contains("-draining")).count()
        };
        let (mut asleep, mut queued) = (false, false);
        let runners = [
            Runner { lab: &lab, label: FIRST, plan: Some(case.plan.clone()) },
            Runner { lab: &beside, label: "second", plan: None },
        ];
        side_by_side_at(Some("write"), &case.want, runners, |[one, two]| {
            asleep |= marks(FIRST) > 0;
            if !asleep && one {
                return 0;
            }
            if kills("second") == 0 && two {
                // Whatever the second one does next may be its word; the run comes right before each.
                if !queued && lab.sandbox.waiting("second") > 0 {
                    lab.sandbox.with_world(at_work);
                    queued = true;
                }
                return 1;
            }
            usize::from(!one)
        })
        .await;
        settle(&lab, &case.want, name).await;
        let seen = watch.end(name);
        assert!(queued, "{name}: the second one had nothing to say");
        expect_one_word(&lab.sandbox.requests(), name);
        assert!(seen.harm.is_empty(), "{name}: {:#?}", seen.harm);
    }
}

#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<u8>>>);

impl Write for Everything {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Everything {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The log of a first apply, of an upgrade and of a rotation that fails half-way, at its most talkative.
#[tokio::test]
async fn no_log_tells_a_token() {
    let log = Everything::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("trace")
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let _while = tracing::subscriber::set_default(subscriber);
    for name in ["first apply, always", "upgrade, idle, several slots", "rotation, running, one slot"] {
        let case = case(name).await;
        let lab = resume(&case.start, &case.want).await;
        let watch = Watch::begin(&lab.sandbox, &case.want);
        let report = lab.apply_one_by_one(&case.plan).await;
        lab.sandbox.script(nth_write(2, Fault::LostAnswer)).unwrap();
        settle(&lab, &case.want, name).await;
        let seen = watch.end(name);
        assert!(seen.values() > 0, "{name}: no token was in any container");
        seen.expect_silent(&format!("{report:?}"), name);
        let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
        assert!(text.contains("reconcile::"), "{name}: nothing was logged");
        seen.expect_silent(&text, name);
    }
}

/// The homelab example, which dies before every write of its first apply.
#[tokio::test]
async fn the_example_dies_anywhere_and_arrives_later() {
    let want = lab::example();
    let lab = Lab::new(&want).await;
    lab.sandbox.with_world(neighbours::move_in);
    let case = Case::of("the example", lab.sandbox.snapshot(), want).await;
    let played = Tally::of(&case.die_everywhere().await);
    assert!(played.say(case.name, "deaths") > 40);
}
