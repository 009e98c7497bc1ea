//! A server that answers wrongly, on every endpoint that a plan reads: never a wrong action, and words that help.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use std::collections::BTreeMap;
use std::time::Duration;

use lab::values::{discord, fleet};
use lab::{Lab, lines, plan_of};
use reconcile::http::Policy;
use reconcile::plan::Gap;
use reconcile::sandbox::IncludeVars;
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use reconcile::spec::desired::Desired;
use reconcile::systems::Consent;
use reconcile::systems::hcp::desired::Placement;
use serde_json::json;

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
async fn what_stays_wrong_is_a_gap_that_names_endpoint_status_request_and_remedy() {
    let (lab, want) = everything().await;
    let mut complaints = Vec::new();
    for (path, endpoint) in ENDPOINTS {
        for (name, fault, says) in lasting() {
            script(&lab, vec![on(path, fault)]);
            let case = format!("{name} on {path}");
            let gaps = gaps(&lab, &want, &case).await;
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
    let (lab, want) = everything().await;
    let hasty = Policy { request_timeout: Duration::from_millis(300), attempts: 1, ..Policy::test() };
    let lab = lab.with_policy(&hasty, &want);
    for (path, endpoint) in ENDPOINTS {
        script(&lab, vec![on(path, Fault::Delay(10_000))]);
        let gaps = gaps(&lab, &want, path).await;
        let told = gaps.iter().any(|gap| is_useful(gap, endpoint, "no answer within 300ms").is_ok());
        assert!(told, "{path}: {gaps:?}");
    }
}

#[tokio::test]
async fn what_passes_leaves_no_trace() {
    let (lab, want) = everything().await;
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
            script(&lab, vec![Rule { times: Some(1), ..on(path, fault.clone()) }]);
            let gaps = gaps(&lab, &want, path).await;
            assert!(gaps.is_empty(), "{fault:?} on {path}: {gaps:?}");
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
