//! Moments that have a name of their own.

use std::task::Poll;

use jiff::SignedDuration;
use reconcile::owner::Suffix;
use reconcile::plan::Plan;
use reconcile::sandbox::World;
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};

use super::fleets::{CONTAINER, HOST, at_work, situations, spec_text};
use super::lab::{self, Lab, neighbours};
use super::stage::{Case, policy, resume, settle};
use super::walks::Tally;
use super::watch::{Watch, expect_one_word, held};

async fn case(name: &str) -> Case {
    Case::new(situations().into_iter().find(|it| it.name == name).expect("a situation of that name")).await
}

/// Two hosts whose agents run on demand, and the one slot of the free tier.
#[tokio::test]
async fn the_last_slot_is_given_to_one_host() {
    let want = lab::fleet(
        "hosts.yaml",
        "fleet: handoff\n\
         hcp: { organization: example-house, tier: free }\n\
         targets: { nas: { docker: { project: hcp-agents } }, shed: { docker: { project: shed } } }\n\
         pools:\n\
         \x20 nas: { name: nas, target: nas, agents: { min: 0, max: 1 } }\n\
         \x20 shed: { name: shed, target: shed, agents: { min: 0, max: 1 } }\n\
         defaults: { agentImage: 'hashicorp/tfc-agent:1.29.0' }\n\
         projects: { main: { workspaces: { one: { runsOn: nas }, two: { runsOn: shed } } } }\n",
    );
    let lab = Lab::new(&want).await;
    lab.converge(&want).await;
    lab.sandbox.with_world(|world| {
        for name in ["one", "two"] {
            let workspace = world.workspace_named(name).expect("the workspace").to_owned();
            world.start_run(&workspace, "plan_queued").expect("a run");
        }
    });
    let plan = lab.anew(&policy(), &want).await.plan(&want).await;
    let starts: Vec<String> =
        plan.actions.keys().map(ToString::to_string).filter(|it| it.ends_with("/start")).collect();
    assert_eq!(starts, ["docker/nas/container/hcp-agents-nas-1/start"], "{:#?}", plan.waits);
    let [slot] = &*plan.waits else { panic!("{:#?}", plan.waits) };
    assert_eq!(slot.address.to_string(), "docker/shed/container/shed-shed-1/start");
    let names_the_slot = "may have 1 at once: this plan starts nas/container/hcp-agents-nas-1";
    assert!(slot.what.contains(names_the_slot), "{slot:#?}");
}

fn waits_for_a_job(plan: &Plan) -> bool {
    plan.waits.iter().any(|wait| wait.what.contains("has a job"))
}

#[tokio::test]
async fn an_agent_at_work_is_waited_for_and_then_replaced() {
    for name in [
        "upgrade, busy, one slot",
        "upgrade, busy, several slots",
        "target is absent, busy",
        "pool renamed, upgrade, busy",
        "pool renamed, target is absent, busy",
    ] {
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

#[tokio::test]
async fn a_host_that_is_asked_for_alone_gives_its_old_token_back() {
    for name in ["rotation, stopped", "rotation, running, one slot"] {
        let case = case(name).await;
        let lab = resume(&case.start, &case.want).await;
        let mut plan = lab.plan(&case.want).await;
        plan.keep_only(|address| address.as_str().starts_with("docker/"));
        let report = lab.apply(&plan).await;
        assert!(report.is_complete(), "{name}: {:#?}", lab::failures(&report));
        let suffix = Suffix::description(&case.want.hcp.fleet);
        assert_eq!(ours_adrift(&lab.sandbox.snapshot(), &suffix), 0, "{name}: {:#?}", lab::lines(&plan));
    }
}

fn ours_adrift(world: &World, suffix: &Suffix) -> usize {
    let held = held(world);
    let ours = world.agent_tokens.iter().filter(|(_, token)| suffix.take(&token.description).is_some());
    ours.filter(|(id, _)| !held.contains(*id)).count()
}

/// Who knows that nobody got a token does not leave it to the next run.
#[tokio::test]
async fn a_container_that_is_refused_costs_no_token() {
    let case = case("first apply, always").await;
    let suffix = Suffix::description(&case.want.hcp.fleet);
    let lab = resume(&case.start, &case.want).await;
    let refused = Fault::Status { code: 400, body: BodyKind::Jsonapi, headers: [].into() };
    let rule = Rule::short(&format!("POST docker/{HOST}/containers/create"), refused);
    lab.sandbox.script(Faults { seed: 0, rules: vec![rule] }).unwrap();
    for _ in 0..4 {
        let report = lab.anew(&policy(), &case.want).await.run(&case.want).await;
        assert!(lab::failures(&report).iter().any(|it| it.contains("making the container")), "{report:#?}");
        assert_eq!(ours_adrift(&lab.sandbox.snapshot(), &suffix), 0);
    }
    lab.sandbox.script(Faults::default()).unwrap();
    settle(&lab, &case.want, "a container that is refused").await;
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

/// A runner has marked an agent, hears that it is idle, and falls asleep. Another one watches the agent and asks it to
/// finish, right as it takes a job; then the first wakes up.
#[tokio::test]
async fn a_word_that_comes_late_is_not_said() {
    for name in ["cooled down", "upgrade, idle, one slot"] {
        let case = case(name).await;
        let lab = resume(&case.start, &case.want).await;
        let watch = Watch::begin(&lab.sandbox, &case.want);
        let looked = || {
            let requests = lab.sandbox.requests();
            let marked = requests.iter().position(|it| it.path.contains("-draining"));
            marked.is_some_and(|at| requests[at..].iter().any(|it| it.path.contains("/agents")))
        };
        let mut first = std::pin::pin!(lab.apply_one_by_one(&case.plan));
        // Until its look was answered, and without it hearing that.
        std::future::poll_fn(|context| {
            if looked() {
                return Poll::Ready(());
            }
            assert!(first.as_mut().poll(context).is_pending(), "{name}: it never marked the agent");
            Poll::Pending
        })
        .await;
        let gate = Rule::short("POST docker/*/containers/*/kill", Fault::Gate("word".to_owned()));
        lab.sandbox.script(Faults { seed: 0, rules: vec![gate] }).unwrap();
        let second = lab.beside("second", &case.want).await.through_own_doors("second", &policy(), &case.want).await;
        let comes = async {
            lab.sandbox.arrived("word", 1).await;
            lab.sandbox.with_world(at_work);
            lab.sandbox.release("word", 1);
            lab.sandbox.script(Faults::default()).unwrap();
            while !lab.sandbox.requests().iter().any(|it| it.path.contains("/kill")) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            report = second.run(&case.want) => panic!("{name}: the second one said nothing: {report:#?}"),
            () = comes => {}
        }
        let late = first.await;
        assert!(!late.is_complete(), "{name}: it knows that it is late");
        settle(&lab, &case.want, name).await;
        let seen = watch.end(name);
        expect_one_word(&lab.sandbox.requests(), name);
        assert!(seen.harm.is_empty(), "{name}: {:#?}", seen.harm);
    }
}

/// A run died when it had marked an agent. Two others find the mark at the same time, and watch; and a job comes between
/// the look of both and their word.
#[tokio::test]
async fn of_two_who_find_a_mark_one_speaks() {
    for mark in ["-draining", "-draining-again"] {
        let mut case = case("cooled down").await;
        let containers = &mut case.start.engines.get_mut(HOST).unwrap().containers;
        containers.values_mut().find(|it| it.name == CONTAINER).unwrap().name = format!("{CONTAINER}{mark}");
        let lab = resume(&case.start, &case.want).await;
        let second = lab.beside("second", &case.want).await.through_own_doors("second", &policy(), &case.want).await;
        let watch = Watch::begin(&lab.sandbox, &case.want);
        let plans = [lab.plan(&case.want).await, second.plan(&case.want).await];
        let gate = Rule::short("POST docker/*/containers/*/kill", Fault::Gate("word".to_owned()));
        lab.sandbox.script(Faults { seed: 0, rules: vec![gate] }).unwrap();
        let comes = async {
            lab.sandbox.arrived("word", 1).await;
            // As long as the other one could take to come here too.
            tokio::time::sleep(policy().watch * 2).await;
            let words = lab.sandbox.waiting("word");
            lab.sandbox.with_world(at_work);
            lab.sandbox.release("word", 2);
            words
        };
        let (_, _, words) = tokio::join!(lab.apply(&plans[0]), second.apply(&plans[1]), comes);
        lab.sandbox.script(Faults::default()).unwrap();
        settle(&lab, &case.want, mark).await;
        let seen = watch.end(mark);
        assert_eq!(words, 1, "{mark}: only one has something to say");
        expect_one_word(&lab.sandbox.requests(), mark);
        assert!(seen.harm.is_empty(), "{mark}: {:#?}", seen.harm);
    }
}

/// An apply that is given up amid a request to an engine says of which one the answer is not known.
#[tokio::test]
async fn a_request_to_an_engine_that_is_given_up_is_listed() {
    let case = case("a run is queued").await;
    let lab = resume(&case.start, &case.want).await;
    let gate = Rule::short("POST docker/*/containers/*/start", Fault::Gate("start".to_owned()));
    lab.sandbox.script(Faults { seed: 0, rules: vec![gate] }).unwrap();
    tokio::select! {
        report = lab.apply_one_by_one(&case.plan) => panic!("the gate is shut: {report:#?}"),
        () = lab.sandbox.arrived("start", 1) => {}
    }
    let [request] = &*lab.writers.unanswered() else { panic!("{:?}", lab.writers.unanswered()) };
    assert!(request.starts_with("POST containers/") && request.contains("/start (unix://"), "{request}");
}

/// A look that gets no answer ends neither a drain nor a start: it is asked again.
#[tokio::test]
async fn a_look_without_an_answer_is_repeated() {
    for name in ["cooled down", "a run is queued"] {
        let case = case(name).await;
        let lab = resume(&case.start, &case.want).await;
        let cut = Rule { times: Some(2), ..Rule::short("GET docker/*/containers/*/json", Fault::Reset) };
        lab.sandbox.script(Faults { seed: 0, rules: vec![cut] }).unwrap();
        let report = lab.apply_one_by_one(&case.plan).await;
        assert!(report.is_complete(), "{name}: {report:#?}");
    }
}

/// The one that is to take over never comes to HCP: however often somebody runs it, the one that works stays.
#[tokio::test]
async fn nobody_is_relieved_by_one_who_does_not_come() {
    let case = case("upgrade, idle, several slots").await;
    let lab = resume(&case.start, &case.want).await;
    let watch = Watch::begin(&lab.sandbox, &case.want);
    lab.sandbox.with_world(|world| world.engines.get_mut(HOST).unwrap().offline = true);
    for _ in 0..3 {
        lab.anew(&policy(), &case.want).await.run(&case.want).await;
        let idle = lab.sandbox.with_world(|world| world.agents.values().filter(|it| it.status.counts()).count());
        assert_eq!(idle, 1, "the old one works on");
    }
    lab.sandbox.with_world(|world| world.engines.get_mut(HOST).unwrap().offline = false);
    settle(&lab, &case.want, "the way is back").await;
    let seen = watch.end("nobody comes");
    assert!(seen.harm.is_empty(), "{:#?}", seen.harm);
    expect_one_word(&lab.sandbox.requests(), "nobody comes");
}

/// The program itself at its most talkative, with the clients below it: what it says of a token is its id.
#[tokio::test]
async fn no_log_tells_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("fleet.yaml");
    let log = |min: u32, image: &str| {
        std::fs::write(&spec, spec_text("free", min, image)).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_reconcile"))
            .env("RUST_LOG", "trace,bollard=trace,log=trace")
            .args(["apply", "--yes", "-vvv"])
            .arg(format!("--sandbox={}", folder.path().join("sandbox").display()))
            .arg(&spec)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    for said in [log(0, "1.28.1"), log(0, "1.29.0"), log(1, "1.29.0")] {
        assert!(said.contains("TRACE"), "nothing was logged: {said}");
        assert!(!said.contains(".atlasv1."), "a token: {}", said.lines().find(|it| it.contains(".atlasv1.")).unwrap());
    }
}

/// The homelab example, which dies before every write of its first apply.
#[tokio::test]
async fn the_example_dies_anywhere_and_arrives_later() {
    let want = lab::example_without_operator();
    let lab = Lab::new(&want).await;
    lab.sandbox.with_world(neighbours::move_in);
    let case = Case::of("the example", lab.sandbox.snapshot(), want).await;
    let played = Tally::of(&case.die_everywhere().await);
    assert!(played.say(case.name, "deaths") > 40);
}
