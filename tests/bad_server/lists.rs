//! A server that answers wrongly, on every endpoint that a plan reads: never a wrong action, and words that help.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use std::collections::BTreeMap;
use std::time::Duration;

use reconcile::http::Policy;
use reconcile::plan::Gap;
use reconcile::sandbox::IncludeVars;
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use reconcile::systems::hcp::desired::{Desired, Placement};
use serde_json::json;
use stage::{Stage, discord, fleet, lines, plan_of};

/// Every endpoint that a plan reads, as a pattern and as it stands in messages.
const ENDPOINTS: [(&str, &str); 11] = [
    ("organizations/example", "GET organizations/example"),
    ("organizations/example/projects", "GET organizations/example/projects"),
    ("organizations/example/workspaces", "GET organizations/example/workspaces"),
    ("organizations/example/varsets", "GET organizations/example/varsets"),
    ("organizations/example/agent-pools", "GET organizations/example/agent-pools"),
    ("organizations/example/oauth-clients", "GET organizations/example/oauth-clients"),
    ("projects/*/notification-configurations", "/notification-configurations"),
    ("workspaces/*/notification-configurations", "/notification-configurations"),
    ("workspaces/*/relationships/remote-state-consumers", "/relationships/remote-state-consumers"),
    ("workspaces/*/vars", "/vars"),
    ("varsets/*/relationships/vars", "/relationships/vars"),
];

/// A converged fleet that makes a plan read all of them.
async fn everything() -> (Stage, Desired) {
    let stage = Stage::new().await;
    stage.sandbox.with_world(|world| {
        world.switches.workspace_include_vars = IncludeVars::Ignored;
        world.switches.variable_set_include_vars = IncludeVars::Ignored;
    });
    let mut want = fleet(3, 2);
    let first = want.workspaces.get_mut("ws-000").unwrap();
    first.notifications = [("chat".to_owned(), discord("CHAT"))].into();
    first.consumers = Some(["ws-001".to_owned()].into());
    stage.converge(&want).await;
    (stage, want)
}

fn on(path: &str, fault: Fault) -> Rule {
    Rule { method: Some("GET".to_owned()), path: Some(path.to_owned()), ..Rule::new(fault) }
}

fn script(stage: &Stage, rules: Vec<Rule>) {
    stage.sandbox.script(Faults { seed: 1, rules }).unwrap();
}

fn status(code: u16, body: BodyKind) -> Fault {
    Fault::Status { code, body, headers: BTreeMap::new() }
}

fn with_header(code: u16, name: &str, value: &str) -> Fault {
    let headers = [(name.to_owned(), value.to_owned())].into();
    Fault::Status { code, body: BodyKind::Jsonapi, headers }
}

/// What stays wrong, and what the message says of it beside the endpoint.
fn lasting() -> Vec<(&'static str, Fault, &'static str)> {
    vec![
        ("too many requests", status(429, BodyKind::Jsonapi), "(429)"),
        ("too many requests, and until when", with_header(429, "Retry-After", "1"), "(429)"),
        ("a broken server", status(500, BodyKind::Html), "(500)"),
        ("a bad gateway", status(502, BodyKind::Html), "(502)"),
        ("no service", status(503, BodyKind::Empty), "(503)"),
        ("a gateway's timeout", status(504, BodyKind::Html), "(504)"),
        ("an expired token", status(401, BodyKind::Jsonapi), "(401)"),
        ("a forbidden endpoint", status(403, BodyKind::Jsonapi), "(403)"),
        ("a hidden endpoint", status(404, BodyKind::Jsonapi), "(404: missing or forbidden)"),
        ("an old shape of errors", status(404, BodyKind::Strings), "(404: missing or forbidden)"),
        ("a proxy's page", status(404, BodyKind::Html), "a web page"),
        ("a login page", status(200, BodyKind::Html), "a web page"),
        ("no JSON", status(200, BodyKind::Garbage), "the answer is no JSON"),
        ("half a document", status(200, BodyKind::Truncated), "the answer ends in the middle"),
        ("nothing", status(200, BodyKind::Empty), "the answer ends in the middle"),
        ("JSON of something else", status(200, BodyKind::Strings), "the answer has another form than documented"),
        ("a cut connection", Fault::Reset, "the connection broke"),
        ("a cut body", Fault::CutBody, "the connection broke"),
        ("a truncated body", Fault::TruncatedBody, "the answer ends in the middle"),
    ]
}

fn is_useful(gap: &Gap, endpoint: &str, says: &str) -> Result<(), String> {
    let complaint = |what: &str| Err(format!("{what}: {gap:?}"));
    match gap {
        _ if !gap.cause.contains(endpoint) => complaint("which endpoint?"),
        _ if !gap.cause.contains(says) => complaint("what happened?"),
        _ if !gap.cause.contains("broke") && !gap.cause.contains("within") && !gap.cause.contains(", request ") => {
            complaint("which request?")
        }
        _ if gap.hint.is_empty() || gap.follows.is_empty() || gap.doing.is_empty() => complaint("what to do?"),
        _ => Ok(()),
    }
}

/// The gaps that a fault leaves; what is planned in spite of it is wrong, since the fleet has converged.
async fn gaps(stage: &Stage, want: &Desired, case: &str) -> Vec<Gap> {
    match stage.observe(want).await {
        Err(gap) => vec![gap],
        Ok(seen) => {
            let gaps = seen.gaps();
            let plan = plan_of(want, seen);
            assert!(lines(&plan).is_empty(), "{case}: {:#?}", lines(&plan));
            assert!(plan.refusals.is_empty(), "{case}: {:#?}", plan.refusals);
            gaps
        }
    }
}

#[tokio::test]
async fn what_stays_wrong_is_a_gap_that_names_endpoint_status_request_and_remedy() {
    let (stage, want) = everything().await;
    let mut complaints = Vec::new();
    for (path, endpoint) in ENDPOINTS {
        for (name, fault, says) in lasting() {
            script(&stage, vec![on(path, fault)]);
            let case = format!("{name} on {path}");
            let gaps = gaps(&stage, &want, &case).await;
            if gaps.is_empty() {
                complaints.push(format!("{case}: no gap"));
            }
            let wrong = gaps.iter().filter_map(|gap| is_useful(gap, endpoint, says).err());
            complaints.extend(wrong.map(|complaint| format!("{case}: {complaint}")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_a_gap() {
    let (mut stage, want) = everything().await;
    stage.policy = Policy { request_timeout: Duration::from_millis(300), attempts: 1, ..Policy::test() };
    for (path, endpoint) in ENDPOINTS {
        script(&stage, vec![on(path, Fault::Delay(10_000))]);
        let gaps = gaps(&stage, &want, path).await;
        let told = gaps.iter().any(|gap| is_useful(gap, endpoint, "no answer within 300ms").is_ok());
        assert!(told, "{path}: {gaps:?}");
    }
}

#[tokio::test]
async fn what_passes_leaves_no_trace() {
    let (stage, want) = everything().await;
    let passing = [
        status(429, BodyKind::Jsonapi),
        with_header(429, "Retry-After", "0.01"),
        with_header(503, "Retry-After", "0.01"),
        status(500, BodyKind::Html),
        status(502, BodyKind::Html),
        status(503, BodyKind::Empty),
        status(504, BodyKind::Html),
        status(200, BodyKind::Truncated),
        Fault::Reset,
        Fault::CutBody,
        Fault::TruncatedBody,
    ];
    for (path, _) in ENDPOINTS {
        for fault in &passing {
            script(&stage, vec![Rule { times: Some(1), ..on(path, fault.clone()) }]);
            let gaps = gaps(&stage, &want, path).await;
            assert!(gaps.is_empty(), "{fault:?} on {path}: {gaps:?}");
        }
    }
}

#[tokio::test]
async fn a_list_whose_things_move_between_its_pages_is_not_believed() {
    let stage = Stage::new().await;
    let want = fleet(130, 0);
    stage.converge(&want).await;
    let path = "organizations/example/workspaces";
    let turned = |times| Rule { times, query: Some("page[number]=2".to_owned()), ..on(path, Fault::MovePages(7)) };
    script(&stage, vec![turned(Some(1))]);
    assert_eq!(gaps(&stage, &want, "once").await, [], "read once more, it is whole");
    script(&stage, vec![turned(None)]);
    let gaps = gaps(&stage, &want, "always").await;
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert!(gap.cause.contains("counts 130"), "{}", gap.cause);
}

#[tokio::test]
async fn a_page_that_fails_keeps_what_the_others_gave_and_removes_nothing() {
    let stage = Stage::new().await;
    let mut want = fleet(130, 0);
    stage.converge(&want).await;
    want.workspaces.remove("ws-003");
    let path = "organizations/example/workspaces";
    let second = Rule { query: Some("page[number]=2".to_owned()), ..on(path, status(500, BodyKind::Html)) };
    script(&stage, vec![second]);
    let plan = stage.plan(&want).await;
    assert!(lines(&plan).is_empty(), "{:#?}", lines(&plan));
    assert!(!plan.gaps.is_empty());
    script(&stage, vec![]);
    assert_eq!(lines(&stage.plan(&want).await), ["remove hcp/workspace/ws-003 []"]);
}

#[tokio::test]
async fn words_that_hcp_invents_are_read_and_stop_nothing_else() {
    let (stage, want) = everything().await;
    for (path, attribute) in [
        ("organizations/example", "plan-identifier"),
        ("organizations/example", "collaborator-auth-policy"),
        ("organizations/example/workspaces", "source"),
        ("organizations/example/workspaces", "auto-destroy-status"),
        ("organizations/example/oauth-clients", "service-provider-display-name"),
    ] {
        let value = json!("quantum");
        script(&stage, vec![on(path, Fault::Attribute { name: attribute.to_owned(), value })]);
        assert_eq!(gaps(&stage, &want, attribute).await, [], "{attribute} on {path}");
    }
}

#[tokio::test]
async fn a_run_in_a_state_that_nobody_knows_is_not_over() {
    let (stage, mut want) = everything().await;
    let run = |world: &mut reconcile::sandbox::World| {
        let id = world.workspace_named("ws-002").unwrap().to_owned();
        world.start_run(&id, "entangled").unwrap()
    };
    let id = stage.sandbox.with_world(run);
    want.workspaces.get_mut("ws-002").unwrap().runs_on = Placement::Local;
    let plan = stage.plan(&want).await;
    assert!(lines(&plan).is_empty(), "{:#?}", lines(&plan));
    let waits: Vec<&str> = plan.waits.iter().map(|wait| wait.what.as_str()).collect();
    assert!(waits.iter().any(|what| what.contains(&id) && what.contains("entangled")), "{waits:?}");
}

#[tokio::test]
async fn an_organization_that_is_not_there_says_where_to_look() {
    let (stage, want) = everything().await;
    script(&stage, vec![on("organizations/example", status(404, BodyKind::Jsonapi))]);
    let gap = stage.observe(&want).await.unwrap_err();
    assert!(gap.hint.contains("`organization`"), "{gap:?}");
    let last = stage.sandbox.take_requests().pop().unwrap();
    let path = last.path.split('?').next().unwrap_or_default();
    assert!(path.ends_with("organizations/example"), "and nothing else is read: {last:?}");
}

#[tokio::test]
async fn witnesses_that_cannot_be_read_make_no_difference() {
    let (stage, want) = everything().await;
    let path = "varsets/*/relationships/vars";
    script(&stage, vec![on(path, status(403, BodyKind::Jsonapi))]);
    let plan = stage.plan(&want).await;
    assert!(lines(&plan).is_empty(), "no secret is written again: {:#?}", lines(&plan));
    let address = "hcp/workspace/ws-000/env/V0";
    let gap = plan.gaps.iter().find(|gap| gap.address.as_str() == address).unwrap();
    assert!(gap.cause.contains("what was written last is not known"), "{gap:?}");
}
