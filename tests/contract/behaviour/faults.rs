use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use crate::probe::{Probe, resource};
use reconcile::sandbox::{
    Sandbox, Seed,
    faults::{BodyKind, Fault, Faults, Rule},
};

fn one(rule: Rule) -> Faults {
    Faults { seed: 1, rules: vec![rule] }
}

fn writes(fault: Fault) -> Rule {
    Rule { method: Some("write".into()), ..Rule::new(fault) }
}

async fn create(probe: &Probe, name: &str) -> reqwest::Result<reqwest::Response> {
    let body = resource("workspaces", json!({ "name": name })).to_string();
    probe
        .request(Method::POST, "organizations/example/workspaces")
        .header("content-type", "application/vnd.api+json")
        .body(body)
        .send()
        .await
}

async fn names(probe: &Probe) -> usize {
    probe.get("organizations/example/workspaces").await.expect(200).ids().len()
}

#[tokio::test]
async fn an_answer_is_lost_after_the_deed_and_a_reset_comes_before_it() {
    let probe = Probe::new().await;
    probe.sandbox.script(one(writes(Fault::LostAnswer))).unwrap();
    assert!(create(&probe, "lost").await.is_err());
    assert_eq!(names(&probe).await, 1);
    probe.sandbox.script(one(writes(Fault::Reset))).unwrap();
    assert!(create(&probe, "reset").await.is_err());
    assert_eq!(names(&probe).await, 1);
    let records = probe.sandbox.requests();
    let fates: Vec<(u16, bool)> =
        records.iter().filter(|record| record.is_write()).map(|record| (record.status, record.done)).collect();
    assert_eq!(fates, [(0, true), (0, false)]);
}

#[tokio::test]
async fn an_answer_breaks_off_in_its_middle() {
    let probe = Probe::new().await;
    probe.sandbox.script(one(Rule::new(Fault::CutBody))).unwrap();
    let response = probe.request(Method::GET, "organizations/example").send().await.unwrap();
    assert_eq!(response.status(), 200, "the head came");
    assert!(response.text().await.is_err(), "the body did not");
}

#[tokio::test]
async fn half_an_answer_can_look_whole() {
    let probe = Probe::new().await;
    probe.sandbox.script(one(Rule::new(Fault::TruncatedBody))).unwrap();
    let reply = probe.get("organizations/example").await;
    assert_eq!((reply.status, &reply.body), (200, &Value::Null));
    assert!(reply.text.starts_with('{'));
}

#[tokio::test]
async fn any_status_with_any_body_and_header() {
    let probe = Probe::new().await;
    for (body, start) in [
        (BodyKind::Jsonapi, "{\"errors\":[{"),
        (BodyKind::Strings, "{\"errors\":[\""),
        (BodyKind::Html, "<!doctype html>"),
        (BodyKind::Empty, ""),
    ] {
        let fault = Fault::Status { code: 503, body, headers: [("Retry-After".to_owned(), "7".to_owned())].into() };
        probe.sandbox.script(one(Rule::new(fault))).unwrap();
        let reply = probe.get("organizations/example").await.expect(503);
        assert_eq!(reply.headers["retry-after"], "7");
        assert!(reply.text.starts_with(start), "{}", reply.text);
    }
}

#[tokio::test]
async fn an_enumeration_grows_a_word() {
    let probe = Probe::new().await;
    probe.workspace("one").await;
    let fault = Fault::Attribute { name: "execution-mode".into(), value: json!("quantum") };
    probe.sandbox.script(one(Rule::new(fault))).unwrap();
    let reply = probe.get("organizations/example/workspaces").await;
    assert_eq!(reply.body["data"][0]["attributes"]["execution-mode"], "quantum");
}

#[tokio::test]
async fn items_move_between_pages() {
    let probe = Probe::new().await;
    for number in 0..6 {
        probe.workspace(&format!("w{number}")).await;
    }
    probe.sandbox.script(one(Rule::new(Fault::MovePages(1)))).unwrap();
    let mut seen = Vec::new();
    for page in 1..=3 {
        let path = format!("organizations/example/workspaces?sort=name&page[size]=2&page[number]={page}");
        seen.extend(probe.get(&path).await.ids());
    }
    let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (6, 5), "one is missing, one comes twice");
}

#[tokio::test]
async fn a_gate_chooses_who_goes_first() {
    let probe = Arc::new(Probe::new().await);
    probe.sandbox.script(one(writes(Fault::Gate("door".into())))).unwrap();
    let waiting = tokio::spawn({
        let probe = Arc::clone(&probe);
        async move { probe.workspace("first").await }
    });
    probe.sandbox.arrived("door", 1).await;
    assert_eq!((names(&probe).await, probe.sandbox.waiting("door")), (0, 1));
    probe.sandbox.release("door", 1);
    waiting.await.unwrap();
    assert_eq!(names(&probe).await, 1);
}

#[tokio::test]
async fn a_state_goes_on_elsewhere_and_is_known_by_its_hash() {
    let one = Probe::new().await;
    one.workspace("one").await;
    let two = Probe::of(Sandbox::resume(one.sandbox.snapshot()).await.unwrap());
    assert_eq!(one.sandbox.fingerprint(), two.sandbox.fingerprint());
    two.workspace("two").await;
    assert_ne!(one.sandbox.fingerprint(), two.sandbox.fingerprint());
    one.sandbox.advance(jiff::SignedDuration::from_hours(1));
    one.workspace("two").await;
    assert_eq!(one.sandbox.fingerprint(), two.sandbox.fingerprint(), "times are left out");
}

#[tokio::test]
async fn a_directory_has_one_server_and_a_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("world");
    let first = Sandbox::attach_or_serve(&path, &Seed::default()).await.unwrap();
    let second = Sandbox::attach_or_serve(&path, &Seed::default()).await.unwrap();
    assert!(first.server.is_some() && second.server.is_none());
    assert_eq!((&first.address, &first.token), (&second.address, &second.token));
    let probe = Probe::of(first.server.unwrap());
    probe.workspace("kept").await;
    drop(probe);
    let again = Probe::of(Sandbox::serve(&path, None, &Seed::default()).await.unwrap());
    assert_eq!(names(&again).await, 1);
    assert_eq!(again.sandbox.token(), second.token);
}

#[tokio::test]
async fn curl_can_break_things() {
    let probe = Probe::new().await;
    probe.workspace("one").await;
    let http = crate::probe::http();
    let ask = |path: &str, body: Value| {
        let url = format!("{}/sandbox/{path}", probe.sandbox.address());
        http.post(url).bearer_auth(probe.sandbox.token()).json(&body).send()
    };
    let run = ask("runs", json!({ "workspace": "one", "status": "planning" })).await.unwrap();
    assert_eq!(run.status(), 200);
    ask("state", json!({ "workspace": "one", "resources": 3 })).await.unwrap();
    let script = json!({ "rules": [{ "path": "account/details", "do": { "status": { "code": 500 } } }] });
    assert_eq!(ask("faults", script).await.unwrap().status(), 200);
    probe.get("account/details").await.expect(500);
    let found = probe.get("organizations/example/workspaces/one").await;
    assert_eq!(found.attribute("resource-count"), 3);
    assert_eq!(ask("faults", json!({ "rules": [{ "do": "nonsense" }] })).await.unwrap().status(), 422);
}
