//! The executor: order, concurrency, failures and stopping, without any system behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::cell::{Cell, RefCell};
use std::num::NonZeroUsize;

use reconcile::address::Address;
use reconcile::apply::{Event, Stop, apply};
use reconcile::error::Error;
use reconcile::plan::show::Look;
use reconcile::plan::{Action, Cause, Fact, Later, Output, Plan, Verb, What, Why};
use reconcile::report::{Outcome, Report};
use reconcile::systems::hcp::PoolId;
use reconcile::systems::hcp::request;
use reconcile::systems::{Made, Outputs, Request};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

fn address(name: &str) -> Address {
    format!("hcp/pool/{name}").parse().unwrap()
}

fn output<T>(of: &str, what: What) -> Later<T> {
    Later::From(Output { of: address(of), what })
}

/// An action that needs these others.
fn needing(needs: &[&str]) -> Request {
    Request::Hcp(request::Request::DeletePool {
        id: PoolId("apool-1".to_owned()),
        unused: needs.iter().map(|of| output(of, What::Fact(Fact::Gone))).collect(),
    })
}

/// An action that takes these others if they come.
fn sparing(needs: &[&str]) -> Request {
    Request::Hcp(request::Request::ScopePool {
        pool: Later::Known(PoolId("apool-1".to_owned())),
        organization_scoped: false,
        projects: Vec::new(),
        workspaces: needs.iter().map(|of| output(of, What::Id)).collect(),
        left: Vec::new(),
    })
}

fn plan(actions: &[(&str, Request)]) -> Plan {
    let mut plan = Plan::empty("lab".parse().unwrap());
    for (name, request) in actions {
        plan.actions.insert(
            address(name),
            Action {
                verb: Verb::Change,
                changes: Vec::new(),
                why: Why { cause: Cause::Spec, origin: None },
                request: request.clone(),
            },
        );
    }
    plan
}

fn at_once(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

fn words(report: &Report) -> Vec<String> {
    report
        .entries
        .iter()
        .map(|(address, entry)| {
            let outcome = match &entry.outcome {
                Outcome::Done => "done".to_owned(),
                Outcome::Failed(error) => format!("failed {}", error.chain()),
                Outcome::Skipped { after } => format!("skipped after {}", after.name()),
                Outcome::NotBegun => "not begun".to_owned(),
                Outcome::Unknown => "unknown".to_owned(),
            };
            format!("{}: {outcome}", address.name())
        })
        .collect()
}

fn heard(receiver: &mut UnboundedReceiver<Event>) -> Vec<String> {
    let mut heard = Vec::new();
    while let Ok(event) = receiver.try_recv() {
        heard.push(match event {
            Event::Started(address, _) => format!("start {}", address.name()),
            Event::Done(address, _) => format!("done {}", address.name()),
            Event::Failed(address, _, _) => format!("fail {}", address.name()),
            Event::Skipped { address, after } => format!("skip {} after {}", address.name(), after.name()),
            Event::Stopping(under_way) => format!("stopping {under_way}"),
        });
    }
    heard
}

#[tokio::test]
async fn one_at_a_time_the_order_is_always_the_same() {
    // c needs a; b needs c; d needs nothing.
    let plan = plan(&[("a", needing(&[])), ("b", needing(&["c"])), ("c", needing(&["a"])), ("d", needing(&[]))]);
    let (sender, mut receiver) = unbounded_channel();
    let report =
        apply(&plan, at_once(1), &Stop::default(), &sender, async |_, _, _| Ok(Made::default())).await.unwrap();
    assert!(report.is_complete());
    assert_eq!(
        heard(&mut receiver),
        ["start a", "done a", "start c", "done c", "start b", "done b", "start d", "done d"]
    );
}

#[tokio::test]
async fn what_an_action_made_is_there_for_those_that_take_it() {
    let plan = plan(&[("a", needing(&[])), ("b", needing(&["a"]))]);
    let (sender, _receiver) = unbounded_channel();
    let taken = RefCell::new(None);
    let perform = async |at: &Address, _: &Action, outputs: &Outputs| {
        if at == &address("b") {
            let output = Output { of: address("a"), what: What::Id };
            *taken.borrow_mut() = outputs.id(&output).map(str::to_owned);
        }
        Ok(Made { id: Some(format!("id-{}", at.name())), credential: None })
    };
    apply(&plan, at_once(4), &Stop::default(), &sender, perform).await.unwrap();
    assert_eq!(taken.into_inner().as_deref(), Some("id-a"));
}

#[tokio::test]
async fn a_failure_skips_what_needs_it_and_nothing_else() {
    let plan = plan(&[
        ("a", needing(&[])),
        ("b", needing(&["a"])),
        ("c", needing(&["b"])),
        ("d", needing(&[])),
        ("e", sparing(&["a", "d"])),
    ]);
    let (sender, mut receiver) = unbounded_channel();
    let perform = async |at: &Address, _: &Action, _: &Outputs| {
        if at == &address("a") {
            Err(Error::new("applying").at(at).because("name has already been taken (422)"))
        } else {
            Ok(Made::default())
        }
    };
    let report = apply(&plan, at_once(1), &Stop::default(), &sender, perform).await.unwrap();
    assert_eq!(
        words(&report),
        [
            "a: failed applying hcp/pool/a: name has already been taken (422)",
            "b: skipped after a",
            "c: skipped after b",
            "d: done",
            "e: done",
        ]
    );
    assert_eq!(
        heard(&mut receiver),
        ["start a", "fail a", "skip b after a", "skip c after b", "start d", "done d", "start e", "done e"]
    );
    insta::assert_snapshot!(report.render(Look::default(), false, "1: failed"), @r"
    failed  change pool/a
              name has already been taken (422)
    skipped after pool/a
              pool/b
    skipped after pool/b
              pool/c

    Applied: 2 done, 1 failed, 2 skipped. The next apply goes on from here; nothing has to be undone.
    (1: failed)
    ");
}

#[tokio::test]
async fn no_more_run_at_once_than_allowed_and_no_fewer() {
    let names: Vec<String> = (0..20).map(|n| format!("p{n:02}")).collect();
    let actions: Vec<(&str, Request)> = names.iter().map(|name| (name.as_str(), needing(&[]))).collect();
    let plan = plan(&actions);
    let (sender, _receiver) = unbounded_channel();
    let (now, most) = (Cell::new(0), Cell::new(0));
    let perform = async |_: &Address, _: &Action, _: &Outputs| {
        now.set(now.get() + 1);
        most.set(most.get().max(now.get()));
        tokio::task::yield_now().await;
        now.set(now.get() - 1);
        Ok(Made::default())
    };
    let report = apply(&plan, at_once(6), &Stop::default(), &sender, perform).await.unwrap();
    assert!(report.is_complete());
    assert_eq!(most.get(), 6);
}

#[tokio::test]
async fn a_gentle_stop_finishes_what_is_under_way_and_begins_nothing() {
    let plan = plan(&[("a", needing(&[])), ("b", needing(&[])), ("c", needing(&["a"]))]);
    let (sender, mut receiver) = unbounded_channel();
    let stop = Stop::default();
    let perform = async |_: &Address, _: &Action, _: &Outputs| {
        stop.gently.cancel();
        tokio::task::yield_now().await;
        Ok(Made::default())
    };
    let report = apply(&plan, at_once(1), &stop, &sender, perform).await.unwrap();
    assert_eq!(words(&report), ["a: done", "b: not begun", "c: not begun"]);
    assert_eq!(heard(&mut receiver), ["start a", "stopping 1", "done a"]);
}

#[tokio::test]
async fn a_stop_at_once_says_whose_answer_is_unknown() {
    let plan = plan(&[("a", needing(&[])), ("b", needing(&[])), ("c", needing(&["a"]))]);
    let (sender, _receiver) = unbounded_channel();
    let stop = Stop::default();
    let perform = async |_: &Address, _: &Action, _: &Outputs| {
        stop.gently.cancel();
        stop.at_once.cancel();
        std::future::pending().await
    };
    let report = apply(&plan, at_once(2), &stop, &sender, perform).await.unwrap();
    assert_eq!(words(&report), ["a: unknown", "b: unknown", "c: not begun"]);
}

#[tokio::test]
async fn a_ring_is_refused_before_anything_runs() {
    let plan = plan(&[("a", needing(&["b"])), ("b", needing(&["a"]))]);
    let (sender, mut receiver) = unbounded_channel();
    let result = apply(&plan, at_once(1), &Stop::default(), &sender, async |_, _, _| Ok(Made::default())).await;
    assert!(result.is_err());
    assert!(heard(&mut receiver).is_empty());
}
