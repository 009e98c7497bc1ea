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

#[tokio::test]
async fn a_script_in_short_is_taken_and_a_wrong_one_says_what_is_wrong() {
    let probe = Probe::new().await;
    probe.workspace("one").await;
    let http = crate::probe::http();
    let arm = async |rules: Value| {
        let url = format!("{}/sandbox/faults", probe.sandbox.address());
        let sent = http.post(url).bearer_auth(probe.sandbox.token()).json(&json!({ "rules": rules })).send();
        let reply = sent.await.unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
    };
    let rules = json!([{ "on": "GET organizations/*/workspaces", "do": "login-page", "times": 1 }]);
    assert_eq!(arm(rules).await.0, 200);
    let page = probe.get("organizations/example/workspaces").await.expect(200);
    assert!(page.text.contains("<title>Sign in</title>"), "{}", page.text);
    assert_eq!(probe.get("organizations/example/workspaces").await.ids().len(), 1, "only once");
    for (rule, says) in [
        (json!({ "on": "GET a", "do": "login" }), "login is no name of a fault"),
        (json!({ "on": "GTE a", "do": "reset" }), "begins with GTE"),
        (json!({ "on": "GET a", "path": "b", "do": "reset" }), "leave one out"),
        (json!({ "on": "GET a[", "do": "reset" }), "is no pattern"),
    ] {
        let (status, reply) = arm(json!([rule])).await;
        assert_eq!(status, 422);
        assert!(reply["error"].as_str().unwrap().contains(says), "{reply}");
    }
}

#[tokio::test]
async fn bytes_come_in_other_wrappings() {
    let probe = Probe::new().await;
    let ask = async |fault: Fault| {
        probe.sandbox.script(one(Rule::new(fault))).unwrap();
        probe.request(Method::GET, "organizations/example").send().await.unwrap()
    };
    let old = ask(Fault::Http10).await;
    assert_eq!(old.version(), reqwest::Version::HTTP_10);
    assert!(old.text().await.unwrap().starts_with("{\"data\""));
    let other = ask(Fault::ContentType("text/plain".into())).await;
    assert_eq!(other.headers()["content-type"], "text/plain");
    let packed = ask(Fault::Gzip).await;
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert!(packed.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]));
    let padded = ask(Fault::Padding(3 << 20)).await.text().await.unwrap();
    assert!(padded.len() > 3 << 20);
    assert_eq!(serde_json::from_str::<Value>(&padded).unwrap()["data"]["id"], "example");
    let began = std::time::Instant::now();
    let drops = ask(Fault::Dribble(200)).await.text().await.unwrap();
    assert!(drops.ends_with('}') && began.elapsed().as_millis() >= 190);
}

#[tokio::test]
async fn lists_lie_about_themselves() {
    let probe = Probe::new().await;
    for name in ["a", "b", "c"] {
        probe.workspace(name).await;
    }
    let page = async |fault: Fault, number: usize| {
        probe.sandbox.script(one(Rule::new(fault))).unwrap();
        probe.get(&format!("organizations/example/workspaces?page[size]=2&page[number]={number}")).await
    };
    let lies = page(Fault::Total(1), 1).await;
    assert_eq!(lies.body["meta"]["pagination"]["total-count"], 4);
    let twice = page(Fault::Duplicate, 1).await.ids();
    assert_eq!(twice[0], twice[1]);
    let (first, ninth) = (page(Fault::RepeatPages, 1).await, page(Fault::RepeatPages, 9).await);
    assert_eq!(first.ids(), ninth.ids());
    assert_eq!(ninth.body["meta"]["pagination"]["next-page"], 10);
    let words = page(Fault::UnknownWords, 1).await;
    assert_eq!(words.body["data"][0]["attributes"]["execution-mode"], "entangled");
}

#[tokio::test]
async fn a_connection_dies_after_its_answer() {
    let probe = Probe::new().await;
    let ask = async || probe.request(Method::GET, "ping").send().await;
    probe.sandbox.script(one(Rule { times: Some(1), ..Rule::new(Fault::StaleConnection) })).unwrap();
    assert_eq!(ask().await.unwrap().status(), 204, "the answer came");
    assert!(ask().await.is_err(), "and then the connection was dead");
    let asked = probe.sandbox.requests().len();
    assert_eq!(asked, 1, "before the request was read");
    assert_eq!(ask().await.unwrap().status(), 204, "a new connection lives");
    probe.sandbox.script(one(Rule { times: Some(1), ..Rule::new(Fault::CloseIdle) })).unwrap();
    let closing = ask().await.unwrap();
    assert!(!closing.headers().contains_key("connection"), "without a word");
}
