//! A write that HCP does and whose answer is lost while we live: found, and never done twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod lab;

use std::collections::{BTreeMap, BTreeSet};

use lab::picture::{expect_alike, picture};
use lab::values::{everything, next_day};
use lab::{Lab, failures, lines};
use reconcile::plan::Plan;
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use reconcile::sandbox::{Sandbox, World};
use reconcile::spec::desired::Desired;
use reconcile::systems::hcp;

fn nth_write(nth: u64, fault: Fault) -> Faults {
    Faults { seed: 1, rules: vec![Rule { method: Some("write".to_owned()), nth: Some(nth), ..Rule::new(fault) }] }
}

/// What is there before a disturbed run, what is wanted of it, and how the undisturbed end looks.
struct Case {
    start: World,
    want: Desired,
    end: Vec<String>,
    /// Writes of the undisturbed run.
    writes: u64,
    /// The kinds of request that it is made of.
    kinds: BTreeSet<String>,
}

async fn resume(world: &World, want: &Desired) -> Lab {
    Lab::around(Sandbox::resume(world.clone()).await.unwrap(), want).await
}

impl Case {
    async fn new(before: Option<Desired>, want: Desired) -> Self {
        let lab = Lab::new(&want).await;
        if let Some(before) = before {
            lab.converge_one_by_one(&before).await;
            // Deleted by hand: its witness stays behind, and is to be forgotten.
            lab.sandbox.with_world(|world| {
                let id = world.workspace_named("ws-003").unwrap().to_owned();
                world.workspaces.get_mut(&id).unwrap().variables.retain(|_, variable| variable.key != "V0");
            });
        }
        let start = lab.sandbox.snapshot();
        let kinds = kinds_of(&lab.plan(&want).await);
        lab.sandbox.take_requests();
        lab.converge_one_by_one(&want).await;
        let writes = lab.writes().try_into().unwrap();
        Self { end: picture(&lab.sandbox.snapshot()), start, want, writes, kinds }
    }

    async fn first() -> Self {
        Self::new(None, everything()).await
    }

    async fn later() -> Self {
        Self::new(Some(everything()), next_day()).await
    }

    /// Loses the answer of each write in turn, in a world of its own.
    async fn lose_each(&self, fault: fn() -> Fault) {
        for nth in 1..=self.writes {
            let lab = resume(&self.start, &self.want).await;
            lab.sandbox.script(nth_write(nth, fault())).unwrap();
            let report = lab.run(&self.want).await;
            assert!(failures(&report).is_empty(), "write {nth}: {:#?}", failures(&report));
            lab.sandbox.script(Faults::default()).unwrap();
            let again = lab.plan(&self.want).await;
            assert!(lines(&again).is_empty(), "write {nth}: {:#?}", lines(&again));
            expect_alike(&picture(&lab.sandbox.snapshot()), &self.end, &format!("write {nth}"));
        }
        println!("{} writes, each answered by {:?} once", self.writes, fault());
    }
}

/// The kinds of request in a plan, as they are saved.
fn kinds_of(plan: &Plan) -> BTreeSet<String> {
    let kind = |action: &reconcile::plan::Action| {
        let request = action.request.hcp().expect("a request to HCP");
        serde_json::to_value(request).unwrap().as_object().unwrap().keys().next().unwrap().clone()
    };
    plan.actions.values().map(kind).collect()
}

/// All kinds of request that there are: whoever reads a saved one says so of a word that is none.
fn all_kinds() -> BTreeSet<String> {
    let error = serde_json::from_str::<hcp::request::Request>(r#"{"none":0}"#).unwrap_err().to_string();
    let (_, list) = error.split_once("expected one of ").unwrap();
    let words = list.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_kind_of_request_is_among_those_whose_answers_are_lost() {
    let all = all_kinds();
    assert!(all.len() > 20 && all.contains("deleteNotification"), "{all:?}");
    let mut sent = Case::first().await.kinds;
    sent.extend(Case::later().await.kinds);
    // Tokens and agents need a Docker host: `handoff` loses the answers to these.
    let of_agents = ["mintToken", "revokeToken", "forgetAgent"];
    let missing: Vec<_> = all.difference(&sent).filter(|kind| !of_agents.contains(&kind.as_str())).collect();
    assert!(missing.is_empty(), "put a thing that is sent so into `values::everything` or `next_day`: {missing:?}");
    println!("{} kinds of request", sent.len());
}

#[tokio::test]
async fn a_first_apply_makes_nothing_twice_when_an_answer_is_lost() {
    Case::first().await.lose_each(|| Fault::LostAnswer).await;
}

#[tokio::test]
async fn a_later_apply_does_nothing_twice_when_an_answer_is_lost() {
    Case::later().await.lose_each(|| Fault::LostAnswer).await;
}

#[tokio::test]
async fn a_write_whose_connection_is_cut_before_it_is_done_is_done_later() {
    Case::first().await.lose_each(|| Fault::Reset).await;
    Case::later().await.lose_each(|| Fault::Reset).await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_lost_one() {
    for case in [Case::first().await, Case::later().await] {
        case.lose_each(|| Fault::CutBody).await;
        case.lose_each(|| Fault::TruncatedBody).await;
    }
}

#[tokio::test]
async fn a_write_that_is_refused_for_its_haste_is_done_later() {
    for case in [Case::first().await, Case::later().await] {
        case.lose_each(|| Fault::Status { code: 429, body: BodyKind::Jsonapi, headers: BTreeMap::new() }).await;
        case.lose_each(|| Fault::Status { code: 503, body: BodyKind::Html, headers: BTreeMap::new() }).await;
    }
}
