//! The client against made-up servers.

mod server;
mod stand_in;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use self::server::{Answer, Server};
use super::*;
use crate::systems::kube::failure::{FailureKind, FieldConflict};

/// Tests wait in milliseconds.
fn policy() -> Policy {
    Policy { request_timeout: Duration::from_secs(5), ..Policy::test() }
}

async fn reach(server: &Server) -> Cluster {
    let way = Way::Loopback { address: server.address.clone(), token: Secret::new("canary-token".to_owned()) };
    Cluster::reach(&Door { way, from: "a test".to_owned() }, &policy()).await.unwrap()
}

async fn writer(server: &Server) -> Writer {
    Writer::new(Arc::new(reach(server).await))
}

fn secret() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "token", "namespace": "hcp" },
        // `canary-value` in base64.
        "data": { "token": "Y2FuYXJ5LXZhbHVl" },
    })
}

fn deployment() -> Value {
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "operator", "namespace": "hcp" } })
}

/// A `Status` of the API.
fn status(code: u16, reason: &str, message: &str, details: Value) -> Answer {
    let mut body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
        "code": code,
    });
    body["details"] = details;
    Answer::json(code, &body)
}

#[tokio::test]
async fn every_page_of_a_list_is_read() {
    let server = Server::new(|asked| match asked.query("continue").as_deref() {
        None => Answer::json(
            200,
            &json!({ "metadata": { "resourceVersion": "7", "continue": "two" }, "items": [{ "metadata": { "name": "a" } }] }),
        ),
        Some("two") => Answer::json(
            200,
            &json!({ "metadata": { "resourceVersion": "7" }, "items": [{ "metadata": { "name": "b" } }] }),
        ),
        Some(other) => panic!("{other}"),
    });
    let cluster = reach(&server).await;
    let listing = cluster.list(&Kind::DEPLOYMENT, Some("hcp"), Some("a=b,c")).await.unwrap();
    let names: Vec<_> = listing.items.iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!((names, listing.resource_version.as_str()), (vec!["a", "b"], "7"));
    assert_eq!(listing.items[0]["kind"], "Deployment", "what is in a list does not say it by itself");
    let asked = server.asked();
    assert_eq!(asked[1].path, "/apis/apps/v1/namespaces/hcp/deployments");
    assert_eq!(asked[1].query("limit").as_deref(), Some("500"));
    assert_eq!(asked[2].query("labelSelector").as_deref(), Some("a=b,c"));
    assert_eq!(asked[1].header("authorization").as_deref(), Some("Bearer canary-token"));
    assert_eq!(cluster.requests(), 3);
}

#[tokio::test]
async fn a_list_that_is_forgotten_half_way_is_begun_anew_once() {
    let server = Server::new(|asked| match (asked.number, asked.query("continue")) {
        (2 | 4, Some(_)) => status(410, "Expired", "The provided continue parameter is too old", json!({})),
        (1 | 3 | 5, None) => {
            Answer::json(200, &json!({ "metadata": { "continue": "x" }, "items": [{ "metadata": {} }] }))
        }
        (6, Some(_)) => Answer::json(200, &json!({ "metadata": {}, "items": [] })),
        other => panic!("{other:?}"),
    });
    let cluster = reach(&server).await;
    let failure = cluster.list(&Kind::POD, None, None).await.unwrap_err();
    assert_eq!(failure.kind(), &FailureKind::Gone, "{failure}");
    assert_eq!(cluster.list(&Kind::POD, None, None).await.unwrap().items.len(), 1, "nothing is counted twice");
}

#[tokio::test]
async fn pages_that_lead_in_a_circle_end() {
    let server = Server::new(|_| Answer::json(200, &json!({ "metadata": { "continue": "x" }, "items": [] })));
    let failure = reach(&server).await.list(&Kind::POD, None, None).await.unwrap_err();
    assert_eq!(failure.text(), "its pages lead in a circle");
}

#[tokio::test]
async fn a_kind_that_is_not_known_there_is_told_from_an_object_that_is_not_there() {
    let server = Server::new(|asked| match asked.path.as_str() {
        "/apis/app.terraform.io/v1alpha2/namespaces/hcp/agentpools/nas" => {
            status(404, "NotFound", "agentpools.app.terraform.io \"nas\" not found", json!({ "name": "nas" }))
        }
        // As an API server says it of a path that nothing serves.
        _ => Answer::text(404, "404 page not found\n"),
    });
    let cluster = reach(&server).await;
    assert_eq!(cluster.get(&Kind::AGENT_POOL, Some("hcp"), "nas").await.unwrap(), None);
    let failure = cluster.get(&Kind::AGENT_POOL, Some("hcp"), "other").await.unwrap_err();
    assert!(failure.is_not_served(), "{failure}");
    let failure = cluster.list(&Kind::AGENT_POOL, Some("hcp"), None).await.unwrap_err();
    assert!(failure.is_not_served(), "{failure}");
}

#[tokio::test]
async fn a_server_that_is_asked_too_fast_is_given_the_time_that_it_asks_for() {
    let server = Server::new(|asked| match asked.number {
        1 => status(429, "TooManyRequests", "too many", json!({})).with("Retry-After", "0"),
        2 => status(500, "InternalError", "etcdserver: request timed out", json!({})),
        3 => Answer::Cut,
        _ => Answer::json(200, &json!({ "metadata": { "name": "a" } })),
    });
    let cluster = reach(&server).await;
    assert!(cluster.get(&Kind::NODE, None, "a").await.unwrap().is_some());
    assert_eq!(cluster.requests(), 5, "the version, and four attempts");
}

#[tokio::test]
async fn a_refusal_says_what_has_to_be_granted() {
    let words =
        "pods is forbidden: User \"u\" cannot list resource \"pods\" in API group \"\" in the namespace \"hcp\"";
    let server = Server::new(move |_| status(403, "Forbidden", words, json!({ "kind": "pods" })));
    let failure = reach(&server).await.list(&Kind::POD, Some("hcp"), None).await.unwrap_err();
    assert_eq!((failure.kind(), failure.status()), (&FailureKind::Denied, Some(403)));
    assert_eq!(failure.text(), words);
    let rule = "{ apiGroups: [\"\"], resources: [pods], verbs: [list] } in the namespace hcp";
    assert_eq!(failure.remedy(), format!("grant it with a rule of a role: {rule}"));
}

#[tokio::test]
async fn what_somebody_else_owns_is_named_with_its_owner() {
    let causes = json!({ "name": "operator", "causes": [
        { "reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using apps/v1", "field": ".spec.replicas" },
        { "reason": "FieldManagerConflict", "message": "conflict with \"he said \\\"mine\\\"\" with subresource \"status\"", "field": ".spec.template" },
    ] });
    let server = Server::new(move |_| status(409, "Conflict", "Apply failed with 2 conflicts", causes.clone()));
    let cluster = reach(&server).await;
    let failure = cluster.dry_run(&deployment(), false).await.unwrap_err();
    let conflict = |manager: &str, field: &str, message: &str| FieldConflict {
        manager: manager.to_owned(),
        field: field.to_owned(),
        message: message.to_owned(),
    };
    let causes = vec![
        conflict("kubectl-edit", ".spec.replicas", "conflict with \"kubectl-edit\" using apps/v1"),
        conflict(
            "he said \"mine\"",
            ".spec.template",
            "conflict with \"he said \\\"mine\\\"\" with subresource \"status\"",
        ),
    ];
    assert_eq!(failure.kind(), &FailureKind::Conflict { causes });
    let asked = &server.asked()[1];
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("PATCH", "/apis/apps/v1/namespaces/hcp/deployments/operator")
    );
    let query = ["dryRun", "fieldManager", "fieldValidation", "force"].map(|key| asked.query(key).unwrap());
    assert_eq!(query, ["All", "reconcile", "Strict", "false"]);
    assert_eq!(asked.header("content-type").as_deref(), Some("application/apply-patch+yaml"));
}

#[tokio::test]
async fn nothing_of_a_secret_is_told_whatever_the_server_says() {
    let answers = [
        (400, "strict decoding error: unknown field \"data.canary-value\""),
        (409, "conflict with \"Y2FuYXJ5LXZhbHVl\" using v1"),
        (422, "Secret \"token\" is invalid: data[token]: Invalid value: \"canary-value\""),
        (500, "canary-value"),
    ];
    for (code, words) in answers {
        let causes = json!({ "causes": [
            { "reason": "FieldManagerConflict", "message": words, "field": ".data.canary-value" },
            { "reason": "FieldValueInvalid", "message": words, "field": words },
        ] });
        let server =
            Server::new(move |_| status(code, "canary-value", words, causes.clone()).with("Audit-Id", "canary-value"));
        let failure = writer(&server).await.apply(&secret(), false).await.unwrap_err();
        let told = format!("{failure} {failure:?} {} {}", failure.remedy(), failure.error("applying").chain());
        for canary in ["canary", "Y2FuYXJ5"] {
            assert!(!told.contains(canary), "{code}: {told}");
        }
        assert_eq!(failure.status(), Some(code), "{told}");
    }
}

#[tokio::test]
async fn who_owns_a_field_of_a_secret_is_no_secret() {
    let causes = json!({ "causes": [{ "reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using v1", "field": ".data.token" }] });
    let server = Server::new(move |_| status(409, "Conflict", "Apply failed", causes.clone()));
    let failure = writer(&server).await.apply(&secret(), false).await.unwrap_err();
    let FailureKind::Conflict { causes } = failure.kind() else { panic!("{failure}") };
    assert_eq!((causes[0].manager.as_str(), causes[0].field.as_str()), ("kubectl-edit", ".data.token"));
}

#[tokio::test]
async fn of_a_secret_only_the_metadata_is_asked_for_and_handed_on() {
    let server = Server::new(|asked| {
        let object = json!({
            "metadata": { "name": "token", "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "canary", "a": "b" } },
            "data": { "token": "Y2FuYXJ5" },
        });
        let body = if asked.path.ends_with("/secrets") { json!({ "metadata": {}, "items": [object] }) } else { object };
        Answer::json(200, &body)
    });
    let writer = writer(&server).await;
    let cluster = writer.cluster();
    let seen = [
        cluster.get(&Kind::SECRET, Some("hcp"), "token").await.unwrap().unwrap(),
        cluster.list(&Kind::SECRET, Some("hcp"), None).await.unwrap().items.remove(0),
        cluster.dry_run(&secret(), false).await.unwrap(),
        writer.apply(&secret(), false).await.unwrap(),
    ];
    for object in seen {
        let expected = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "token", "annotations": { "a": "b" } } });
        assert_eq!(object, expected);
    }
    for asked in &server.asked()[1..] {
        let accept = asked.header("accept").unwrap();
        assert!(accept.contains("as=PartialObjectMetadata"), "{} {}: {accept}", asked.method, asked.path);
    }
    let value = cluster.secret_value("hcp", "token", "token").await.unwrap().unwrap();
    assert_eq!(value.expose(), "canary");
    assert!(cluster.secret_value("hcp", "token", "other").await.unwrap().is_none());
    assert_eq!(server.asked().last().unwrap().header("accept").as_deref(), Some("application/json"));
}

#[tokio::test]
async fn what_is_allowed_is_read_in_one_question() {
    let review = json!({ "status": { "incomplete": true, "evaluationError": "webhook says no more", "nonResourceRules": [], "resourceRules": [
        { "verbs": ["get", "list"], "apiGroups": ["apps"], "resources": ["deployments"] },
        { "verbs": ["*"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["token"] },
        { "verbs": ["patch"], "apiGroups": ["*"], "resources": ["*/status"], "resourceNames": null },
        { "verbs": ["watch"], "apiGroups": null, "resources": ["*"] },
    ] } });
    let server = Server::new(move |asked| match asked.path.rsplit('/').next().unwrap() {
        "selfsubjectrulesreviews" => Answer::json(201, &review),
        _ => Answer::json(201, &json!({ "status": { "allowed": asked.body.contains("\"verb\":\"get\"") } })),
    });
    let cluster = reach(&server).await;
    let rules = cluster.rules("hcp").await.unwrap();
    assert!(rules.incomplete && rules.trouble.as_deref() == Some("webhook says no more"));
    for (verb, group, resource, name, allowed) in [
        ("get", "apps", "deployments", None, true),
        ("get", "", "deployments", None, false),
        ("delete", "apps", "deployments", None, false),
        ("get", "apps", "deployments/status", None, false),
        ("patch", "apps", "deployments/status", Some("x"), true),
        ("patch", "", "secrets", Some("token"), true),
        ("patch", "", "secrets", Some("other"), false),
        ("create", "", "secrets", None, false),
        ("watch", "", "pods", None, false),
    ] {
        assert_eq!(rules.allows(verb, group, resource, name), allowed, "{verb} {group}/{resource} {name:?}");
    }
    let asked = server.asked();
    let body: Value = serde_json::from_str(&asked[1].body).unwrap();
    assert_eq!((asked[1].method.as_str(), &body["spec"]), ("POST", &json!({ "namespace": "hcp" })));
    assert!(cluster.allowed("get", &Kind::NODE, None, None).await.unwrap());
    assert!(!cluster.allowed("list", &Kind::NODE, None, None).await.unwrap());
}

/// An event of a watch.
fn event(kind: &str, version: &str, replicas: u32) -> String {
    let object =
        json!({ "metadata": { "name": "operator", "resourceVersion": version }, "spec": { "replicas": replicas } });
    json!({ "type": kind, "object": object }).to_string() + "\n"
}

/// The object as a `get` gives it.
fn object(version: &str, replicas: u32) -> Answer {
    Answer::json(
        200,
        &json!({ "metadata": { "name": "operator", "resourceVersion": version }, "spec": { "replicas": replicas } }),
    )
}

async fn watched(server: &Server, time: Duration) -> Result<Option<u64>, Failure> {
    let cluster = reach(server).await;
    let until = Instant::now() + time;
    let look = |seen: Option<&Value>| seen?.pointer("/spec/replicas")?.as_u64().filter(|count| *count >= 3);
    cluster.watch_until(&Kind::DEPLOYMENT, Some("hcp"), "operator", until, look).await
}

#[tokio::test]
async fn a_watch_goes_on_where_the_last_one_ended() {
    let server = Server::new(|asked| match (asked.number, asked.query("resourceVersion").as_deref()) {
        (1, None) => object("10", 0),
        (2, Some("10")) => Answer::stream(event("MODIFIED", "11", 1) + &event("BOOKMARK", "20", 0)),
        (3, Some("20")) => Answer::stream(event("MODIFIED", "21", 3)),
        other => panic!("{other:?}"),
    });
    assert_eq!(watched(&server, Duration::from_secs(10)).await.unwrap(), Some(3));
    let asked = &server.asked()[2];
    assert_eq!(asked.path, "/apis/apps/v1/namespaces/hcp/deployments");
    assert_eq!(asked.query("fieldSelector").as_deref(), Some("metadata.name=operator"));
}

#[tokio::test]
async fn a_watch_that_lost_its_place_begins_with_a_look() {
    let gone =
        json!({ "type": "ERROR", "object": { "kind": "Status", "code": 410, "reason": "Expired" } }).to_string() + "\n";
    let server = Server::new(move |asked| match asked.number {
        1 => object("10", 0),
        2 => Answer::stream(gone.clone()),
        3 => object("30", 1),
        // A line that ends in the middle is no line.
        4 => Answer::stream(event("MODIFIED", "31", 3).replace('\n', "")),
        5 => Answer::Cut,
        6 => object("40", 3),
        other => panic!("{other}"),
    });
    assert_eq!(watched(&server, Duration::from_secs(10)).await.unwrap(), Some(3));
    let asked = server.asked();
    let watches: Vec<_> = asked.iter().map(|asked| asked.query("resourceVersion").unwrap_or_default()).collect();
    assert_eq!(watches, ["", "", "10", "", "30", "30", ""]);
}

#[tokio::test]
async fn where_watching_is_forbidden_the_object_is_read_again() {
    let server = Server::new(|asked| match (asked.query("watch"), asked.number) {
        (Some(_), 2) => status(403, "Forbidden", "no", json!({ "kind": "deployments" })),
        (None, number) => object("1", u32::try_from(number).unwrap() / 2),
        other => panic!("{other:?}"),
    });
    assert_eq!(watched(&server, Duration::from_secs(10)).await.unwrap(), Some(3));
}

#[tokio::test]
async fn what_does_not_come_to_be_is_waited_for_until_the_deadline_and_no_longer() {
    let server = Server::new(|asked| match asked.query("watch") {
        Some(_) => Answer::Mute,
        None => status(404, "NotFound", "not found", json!({ "name": "operator" })),
    });
    let begun = Instant::now();
    assert_eq!(watched(&server, Duration::from_millis(300)).await.unwrap(), None);
    let took = begun.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(3)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn an_object_that_goes_is_seen_to_go() {
    let server = Server::new(|asked| match asked.query("watch") {
        Some(_) => Answer::stream(event("DELETED", "11", 0)),
        None => object("10", 0),
    });
    let cluster = reach(&server).await;
    let until = Instant::now() + Duration::from_secs(10);
    let look = |seen: Option<&Value>| seen.is_none().then_some(());
    let gone = cluster.watch_until(&Kind::DEPLOYMENT, Some("hcp"), "operator", until, look).await.unwrap();
    assert_eq!((gone, server.asked().len()), (Some(()), 3));
}

#[tokio::test]
async fn a_write_is_sent_again_only_where_that_does_no_harm() {
    let server = Server::new(|_| Answer::Cut);
    let writer = writer(&server).await;
    let attempts = policy().attempts;
    let count = |method: &str| server.asked().iter().filter(|asked| asked.method == method).count();
    let failure = writer.create(&Kind::DEPLOYMENT, &deployment()).await.unwrap_err();
    assert!(failure.is_unheard(), "{failure}");
    assert_eq!(count("POST"), 1);
    let failure = writer.apply(&deployment(), true).await.unwrap_err();
    assert!(failure.is_unheard(), "{failure}");
    assert_eq!(count("PATCH"), attempts);
    let failure = writer.delete(&Kind::DEPLOYMENT, Some("hcp"), "operator", "u-1").await.unwrap_err();
    assert!(failure.is_unheard(), "{failure}");
    assert_eq!(count("DELETE"), attempts);
    let asked = server.asked();
    let options: Value = serde_json::from_str(&asked.last().unwrap().body).unwrap();
    assert_eq!(options["preconditions"], json!({ "uid": "u-1" }));
    assert!(writer.in_flight().is_empty(), "each of them was given up with a word");
}

#[tokio::test]
async fn a_write_that_is_given_up_stays_on_the_list() {
    let server = Server::new(|_| Answer::Mute);
    let writer = writer(&server).await;
    let given_up = tokio::time::timeout(Duration::from_millis(100), writer.apply(&deployment(), false)).await;
    assert!(given_up.is_err());
    let left = format!("PATCH apis/apps/v1/namespaces/hcp/deployments/operator ({})", server.address);
    assert_eq!(writer.in_flight(), [left]);
}

#[tokio::test]
async fn a_deletion_is_done_waits_or_was_done_before() {
    let server = Server::new(|asked| match asked.number {
        1 => Answer::json(200, &json!({ "kind": "Status", "status": "Success" })),
        2 => Answer::json(
            200,
            &json!({ "metadata": { "name": "operator", "deletionTimestamp": "2026-01-01T00:00:00Z" } }),
        ),
        3 => status(404, "NotFound", "not found", json!({ "name": "operator" })),
        _ => status(409, "Conflict", "the UID in the precondition does not match", json!({ "name": "operator" })),
    });
    let writer = writer(&server).await;
    let kind = Kind::DEPLOYMENT;
    let delete = || writer.delete(&kind, Some("hcp"), "operator", "u-1");
    assert_eq!(delete().await.unwrap(), Deleted::Gone);
    assert_eq!(delete().await.unwrap(), Deleted::Going);
    assert_eq!(delete().await.unwrap(), Deleted::Gone);
    assert_eq!(delete().await.unwrap_err().kind(), &FailureKind::Conflict { causes: Vec::new() });
}

#[tokio::test]
async fn nothing_is_written_to_another_cluster_than_the_one_that_was_looked_at() {
    let server = Server::new(|asked| match asked.path.as_str() {
        "/api/v1/namespaces/kube-system" => Answer::json(200, &json!({ "metadata": { "uid": "u-2" } })),
        other => panic!("{other}"),
    });
    let way = Way::Loopback { address: server.address.clone(), token: Secret::new("t".to_owned()) };
    let door = Door { way, from: "a test".to_owned() };
    let doors = BTreeMap::from([("cluster".to_owned(), Ok(door))]);
    let access = Access { doors, charts: Charts::default() };
    let reader = Reader::new(&access, &policy()).await;
    reader.cluster("cluster").unwrap().is_known_as("u-1");
    let writers = Writers::new(&reader);
    let failure = writers.cluster("cluster").await.unwrap_err();
    assert!(failure.to_string().contains("the plan is about the cluster u-1, and u-2 answers there now"), "{failure}");
    assert_eq!(reader.requests(), 2);
    let none = writers.cluster("other").await.unwrap_err();
    assert_eq!(none.to_string(), "no way to it was looked for");
}

#[tokio::test]
async fn an_object_that_cannot_be_sent_is_not() {
    let server = Server::new(|asked| panic!("{}", asked.path));
    let cluster = reach(&server).await;
    for object in [
        json!({ "apiVersion": "v1", "kind": "Lemon", "metadata": { "name": "a" } }),
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a" } }),
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "a", "namespace": "b" } }),
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {} }),
    ] {
        assert!(cluster.dry_run(&object, false).await.is_err(), "{object}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let server = Server::new(|_| Answer::text(200, &"x".repeat(3 << 20)));
    let way = Way::Loopback { address: server.address.clone(), token: Secret::new("t".to_owned()) };
    let policy = Policy { body_limit: 1 << 20, ..policy() };
    let cluster = Cluster::reach(&Door { way, from: "a test".to_owned() }, &policy).await.unwrap();
    let failure = cluster.get(&Kind::NODE, None, "a").await.unwrap_err();
    assert_eq!(failure.text(), "the answer is larger than 1 MiB");
}

#[tokio::test]
async fn nothing_that_can_be_printed_holds_the_token() {
    let server = Server::new(|_| Answer::Cut);
    let cluster = reach(&server).await;
    let way = Way::Loopback { address: String::new(), token: Secret::new("canary-token".to_owned()) };
    assert!(!format!("{cluster:?} {way:?}").contains("canary"));
}
