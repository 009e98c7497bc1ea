//! Lists that are not all there is, words that nobody knows, and what follows from what could not be read.

use std::collections::BTreeMap;

use reconcile::plan::Gap;
use reconcile::sandbox::IncludeVars;
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use reconcile::spec::desired::Desired;
use reconcile::systems::Consent;
use reconcile::systems::hcp::desired::Placement;
use serde_json::json;

use crate::lab::proxy::{Answered, Asked};
use crate::lab::values::{discord, fleet};
use crate::lab::{Lab, failures, lines, plan_of};

/// A converged fleet that makes a plan read all of them.
async fn everything() -> (Lab, Desired) {
    let mut want = fleet(3, 2);
    let lab = Lab::new(&want).await;
    lab.sandbox.with_world(|world| {
        world.switches.workspace_include_vars = IncludeVars::Ignored;
        world.switches.variable_set_include_vars = IncludeVars::Ignored;
    });
    let first = want.hcp.workspaces.get_mut("ws-000").unwrap();
    first.notifications = [("chat".to_owned(), discord("CHAT"))].into();
    first.consumers = Some(["ws-001".to_owned()].into());
    lab.converge(&want).await;
    (lab, want)
}

fn on(path: &str, fault: Fault) -> Rule {
    Rule { method: Some("GET".to_owned()), path: Some(path.to_owned()), ..Rule::new(fault) }
}

fn script(lab: &Lab, rules: Vec<Rule>) {
    lab.sandbox.script(Faults { seed: 1, rules }).unwrap();
}

fn status(code: u16, body: BodyKind) -> Fault {
    Fault::Status { code, body, headers: BTreeMap::new() }
}

/// The gaps that a fault leaves; what is planned in spite of it is wrong, since the fleet has converged.
async fn gaps(lab: &Lab, want: &Desired, case: &str) -> Vec<Gap> {
    match lab.observe(want).await {
        Err(gap) => vec![gap],
        Ok(seen) => {
            let gaps = seen.hcp.gaps();
            let plan = plan_of(want, seen, &Consent::default());
            assert!(lines(&plan).is_empty(), "{case}: {:#?}", lines(&plan));
            assert!(plan.refusals.is_empty(), "{case}: {:#?}", plan.refusals);
            gaps
        }
    }
}

#[tokio::test]
async fn a_list_whose_things_move_between_its_pages_is_not_believed() {
    let want = fleet(130, 0);
    let lab = Lab::new(&want).await;
    lab.converge(&want).await;
    let path = "organizations/example/workspaces";
    let turned = |times| Rule { times, query: Some("page[number]=2".to_owned()), ..on(path, Fault::MovePages(7)) };
    script(&lab, vec![turned(Some(1))]);
    assert_eq!(gaps(&lab, &want, "once").await, [], "read once more, it is whole");
    script(&lab, vec![turned(None)]);
    let gaps = gaps(&lab, &want, "always").await;
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert!(gap.cause.contains("counts 130"), "{}", gap.cause);
}

#[tokio::test]
async fn a_page_that_fails_keeps_what_the_others_gave_and_removes_nothing() {
    let mut want = fleet(130, 0);
    let lab = Lab::new(&want).await;
    lab.converge(&want).await;
    want.hcp.workspaces.remove("ws-003");
    let path = "organizations/example/workspaces";
    let second = Rule { query: Some("page[number]=2".to_owned()), ..on(path, status(500, BodyKind::Html)) };
    script(&lab, vec![second]);
    let plan = lab.plan(&want).await;
    assert!(lines(&plan).is_empty(), "{:#?}", lines(&plan));
    assert!(!plan.gaps.is_empty());
    script(&lab, vec![]);
    assert_eq!(lines(&lab.plan(&want).await), ["remove hcp/workspace/ws-003 []"]);
}

#[tokio::test]
async fn words_that_hcp_invents_are_read_and_stop_nothing_else() {
    let (lab, want) = everything().await;
    for (path, attribute) in [
        ("organizations/example", "plan-identifier"),
        ("organizations/example", "collaborator-auth-policy"),
        ("organizations/example/workspaces", "source"),
        ("organizations/example/workspaces", "auto-destroy-status"),
        ("organizations/example/oauth-clients", "service-provider-display-name"),
    ] {
        let value = json!("quantum");
        script(&lab, vec![on(path, Fault::Attribute { name: attribute.to_owned(), value })]);
        assert_eq!(gaps(&lab, &want, attribute).await, [], "{attribute} on {path}");
    }
}

#[tokio::test]
async fn a_run_in_a_state_that_nobody_knows_is_not_over() {
    let (lab, mut want) = everything().await;
    let run = |world: &mut reconcile::sandbox::World| {
        let id = world.workspace_named("ws-002").unwrap().to_owned();
        world.start_run(&id, "entangled").unwrap()
    };
    let id = lab.sandbox.with_world(run);
    want.hcp.workspaces.get_mut("ws-002").unwrap().runs_on = Placement::Local;
    let plan = lab.plan(&want).await;
    assert!(lines(&plan).is_empty(), "{:#?}", lines(&plan));
    let waits: Vec<&str> = plan.waits.iter().map(|wait| wait.what.as_str()).collect();
    assert!(waits.iter().any(|what| what.contains(&id) && what.contains("entangled")), "{waits:?}");
}

#[tokio::test]
async fn an_organization_that_is_not_there_says_where_to_look() {
    let (lab, want) = everything().await;
    script(&lab, vec![on("organizations/example", status(404, BodyKind::Jsonapi))]);
    let gap = lab.observe(&want).await.unwrap_err();
    assert!(gap.hint.contains("`organization`"), "{gap:?}");
    let last = lab.sandbox.take_requests().pop().unwrap();
    let path = last.path.split('?').next().unwrap_or_default();
    assert!(path.ends_with("organizations/example"), "and nothing else is read: {last:?}");
}

#[tokio::test]
async fn witnesses_that_cannot_be_read_make_no_difference() {
    let (lab, want) = everything().await;
    let path = "varsets/*/relationships/vars";
    script(&lab, vec![on(path, status(403, BodyKind::Jsonapi))]);
    let plan = lab.plan(&want).await;
    assert!(lines(&plan).is_empty(), "no secret is written again: {:#?}", lines(&plan));
    let address = "hcp/workspace/ws-000/env/V0";
    let gap = plan.gaps.iter().find(|gap| gap.address.as_str() == address).unwrap();
    assert!(gap.cause.contains("what was written last is not known"), "{gap:?}");
}

/// Lists that tell how many things there are, each with two at least.
const PAGED: [&str; 5] = [
    "organizations/example/agent-pools",
    "organizations/example/projects",
    "organizations/example/varsets",
    "organizations/example/workspaces",
    "workspaces/*/notification-configurations",
];

async fn two_of_each() -> (Lab, Desired) {
    let (lab, mut want) = everything().await;
    let first = want.hcp.workspaces.get_mut("ws-000").unwrap();
    first.notifications.insert("second".to_owned(), discord("SECOND"));
    lab.converge(&want).await;
    (lab, want)
}

#[tokio::test]
async fn a_total_that_lies_is_not_believed_and_neither_is_the_list() {
    let (lab, want) = two_of_each().await;
    for path in PAGED {
        script(&lab, vec![on(path, Fault::Total(1))]);
        let gaps = gaps(&lab, &want, path).await;
        assert!(gaps.iter().any(|gap| gap.cause.contains(" things and counts ")), "{path}: {gaps:?}");
    }
}

#[tokio::test]
async fn a_thing_that_comes_twice_may_hide_another() {
    let (lab, want) = two_of_each().await;
    let unpaged = ["projects/*/notification-configurations", "workspaces/*/vars", "varsets/*/relationships/vars"];
    for path in PAGED.into_iter().chain(unpaged) {
        script(&lab, vec![on(path, Fault::Duplicate)]);
        let gaps = gaps(&lab, &want, path).await;
        let few = path == "projects/*/notification-configurations";
        let told = gaps.iter().any(|gap| gap.cause.contains("gives what was given") || gap.cause.contains("counts"));
        assert!(told || few, "{path}: {gaps:?}");
    }
}

/// Takes away what a list says of its pages.
fn mute(asked: &Asked, answered: Answered, path: &str) -> Answered {
    let mut body = answered.json();
    match body.as_object_mut() {
        Some(document) if asked.path.contains(path) && document["data"].is_array() => {
            document.remove("meta");
            document.remove("links");
            answered.with_json(&body)
        }
        _ => answered,
    }
}

#[tokio::test]
async fn a_full_page_that_says_nothing_of_others_is_not_all() {
    let mut want = fleet(130, 0);
    let lab = Lab::new(&want).await;
    lab.converge(&want).await;
    want.hcp.workspaces.remove("ws-003");
    let lab = lab.through_proxy(&want, |asked, answered| mute(asked, answered, "example/workspaces?")).await;
    let plan = lab.plan(&want).await;
    assert!(lines(&plan).is_empty(), "{:#?}", lines(&plan));
    let told = |gap: &Gap| gap.cause.contains("its page 1 is full, and does not say whether it is the last one");
    assert!(plan.gaps.iter().any(told), "{:#?}", plan.gaps);
}

#[tokio::test]
async fn a_short_page_that_says_nothing_of_others_is_all() {
    let want = fleet(3, 0);
    let lab = Lab::new(&want).await;
    lab.converge(&want).await;
    let lab = lab.through_proxy(&want, |asked, answered| mute(asked, answered, "")).await;
    let plan = lab.plan(&want).await;
    assert!(plan.is_empty() && plan.gaps.is_empty(), "{:#?} {:#?}", lines(&plan), plan.gaps);
}

#[tokio::test]
async fn an_answer_about_another_organization_stops_the_plan() {
    let (lab, want) = everything().await;
    let other = |asked: &Asked, answered: Answered| {
        let mut body = answered.json();
        if asked.path.starts_with("organizations/example?") {
            body["data"]["id"] = json!("another");
        }
        answered.with_json(&body)
    };
    let gap = lab.through_proxy(&want, other).await.observe(&want).await.unwrap_err();
    assert!(gap.cause.contains("asked for the id example, it has another (200)"), "{gap:?}");
}

#[tokio::test]
async fn an_answer_about_another_thing_is_a_failure() {
    for (method, part, value) in [
        ("POST", "/data/attributes/name", "elsewhere"),
        ("POST", "/data/type", "teams"),
        ("PATCH", "/data/id", "ws-elsewhere"),
    ] {
        let mut want = fleet(2, 0);
        let lab = Lab::new(&want).await;
        if method == "PATCH" {
            lab.converge(&want).await;
            want.hcp.workspaces.get_mut("ws-000").unwrap().runs_on = Placement::Local;
        }
        let alter = move |asked: &Asked, answered: Answered| {
            let mut body = answered.json();
            let about = asked.method == method && asked.path.contains("workspaces") && !asked.path.contains("/vars");
            match body.pointer_mut(part) {
                Some(place) if about => *place = json!(value),
                _ => return answered,
            }
            answered.with_json(&body)
        };
        let report = lab.through_proxy(&want, alter).await.run(&want).await;
        let failed = failures(&report);
        let told = |failure: &String| failure.contains("the answer is about another thing") && failure.contains(value);
        assert!(failed.iter().any(told), "{method} {part}: {failed:#?}");
    }
}

#[tokio::test]
async fn a_page_that_repeats_for_ever_is_read_twice_and_no_more() {
    let (lab, want) = two_of_each().await;
    for path in PAGED {
        script(&lab, vec![on(path, Fault::RepeatPages)]);
        lab.sandbox.take_requests();
        let gaps = gaps(&lab, &want, path).await;
        assert!(gaps.iter().any(|gap| gap.cause.contains("its page 2 gives what was given")), "{path}: {gaps:?}");
        let asked = lab.sandbox.take_requests().len();
        assert!(asked < 40, "{path}: {asked} requests");
    }
}
