use reqwest::Method;
use serde_json::{Value, json};

use crate::probe::{Probe, resource};
use reconcile::sandbox::{RateLimit, Seed, TokenKind};

#[tokio::test]
async fn every_answer_carries_the_headers_of_the_service() {
    let probe = Probe::new().await;
    for path in ["organizations/example", "organizations/nobody"] {
        let reply = probe.get(path).await;
        assert_eq!(reply.headers["x-ratelimit-limit"], "30");
        let reset: f64 = reply.headers["x-ratelimit-reset"].to_str().unwrap().parse().unwrap();
        assert!(reset > 0.0 && reset <= 1.0);
        assert_eq!(reply.headers["tfp-appname"], "HCP Terraform");
        assert_eq!(reply.headers["date"], "Mon, 05 Jan 2026 08:00:00 GMT");
        assert_eq!(reply.headers["x-request-id"].len(), 36);
        assert!(reply.headers["content-type"].to_str().unwrap().starts_with("application/vnd.api+json"));
    }
}

#[tokio::test]
async fn without_a_right_token_there_is_nothing() {
    let probe = Probe::new().await;
    let url = format!("{}/api/v2/organizations/example", probe.sandbox.address());
    let ask = || crate::probe::http().get(&url);
    assert_eq!(ask().send().await.unwrap().status(), 401);
    assert_eq!(ask().bearer_auth("wrong").send().await.unwrap().status(), 401);
    assert_eq!(ask().bearer_auth(probe.sandbox.token()).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn writes_need_their_content_type_even_without_a_body() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    for method in [Method::POST, Method::PATCH, Method::DELETE] {
        let reply = probe.send(probe.request(method, &format!("workspaces/{id}"))).await;
        assert_eq!(reply.status, 415);
    }
    assert_eq!(probe.get(&format!("workspaces/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_missing_thing_and_a_forbidden_one_look_alike() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let missing = probe.get("workspaces/ws-nothing").await.expect(404);
    assert_eq!(missing.body, json!({ "errors": [{ "status": "404", "title": "not found" }] }));
    probe.sandbox.with_world(|world| world.switches.forbidden.insert("workspaces/*/vars".into()));
    let forbidden = probe.get(&format!("workspaces/{id}/vars")).await.expect(404);
    assert_eq!(forbidden.body, missing.body);
    probe.get(&format!("workspaces/{id}")).await.expect(200);
}

#[tokio::test]
async fn the_rate_limit_is_enforced_when_told() {
    let probe = Probe::new().await;
    probe.sandbox.with_world(|world| {
        world.switches.rate_limit = RateLimit { per_second: 2, enforced: true };
    });
    let mut limited = 0;
    for _ in 0..4 {
        let reply = probe.get("ping").await;
        if reply.status == 429 {
            limited += 1;
            assert_eq!(reply.body["errors"][0]["status"], json!(429));
            assert_eq!(reply.headers["x-ratelimit-remaining"], "0");
        }
    }
    assert!(limited >= 1, "four requests within a second are more than two");
}

#[tokio::test]
async fn lists_come_in_pages_and_by_name() {
    let probe = Probe::new().await;
    for number in 0..25 {
        probe.workspace(&format!("w{number:02}")).await;
    }
    let path = "organizations/example/workspaces?sort=name";
    let first = probe.get(path).await.expect(200);
    assert_eq!(first.ids().len(), 20);
    assert_eq!(first.body["data"][0]["attributes"]["name"], "w00");
    assert_eq!(first.body["meta"]["pagination"]["total-count"], 25);
    let next = first.body["links"]["next"].as_str().unwrap();
    let rest = next.strip_prefix(probe.sandbox.address()).unwrap().strip_prefix("/api/v2/").unwrap();
    let second = probe.get(rest).await.expect(200);
    assert_eq!(second.body["data"][0]["attributes"]["name"], "w20");
    assert_eq!(second.body["links"]["next"], Value::Null);
    let beyond = probe.get(&format!("{path}&page[number]=9")).await.expect(200);
    assert!(beyond.ids().is_empty());
}

#[tokio::test]
async fn an_include_that_does_not_exist_is_refused() {
    let probe = Probe::new().await;
    let reply = probe.get("organizations/example/workspaces?include=nonsense").await.expect(400);
    assert!(reply.detail().contains("include parameter"));
}

#[tokio::test]
async fn terraform_finds_the_api() {
    let probe = Probe::new().await;
    let url = format!("{}/.well-known/terraform.json", probe.sandbox.address());
    let body: Value = crate::probe::http().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(body["tfe.v2"], "/api/v2/");
}

#[tokio::test]
async fn the_organization_comes_with_what_its_plan_holds() {
    let probe = Probe::new().await;
    let reply =
        probe.get("organizations/example?include=subscription,entitlement_set,default-project").await.expect(200);
    assert_eq!(reply.id(), "example");
    let included = reply.body["included"].as_array().unwrap();
    let of = |kind: &str| included.iter().find(|item| item["type"] == kind).unwrap();
    assert_eq!(of("subscriptions")["attributes"]["agents-ceiling"], 1);
    assert_eq!(of("subscriptions")["attributes"]["free-resource-under-management-monthly-limit"], 500);
    assert_eq!(of("entitlement-sets")["attributes"]["teams"], false);
    assert_eq!(of("projects")["id"], reply.relationship("default-project")["id"]);
}

#[tokio::test]
async fn an_organization_token_sees_no_notifications_and_changes_no_organization() {
    let probe = Probe::with(&Seed { token_kind: TokenKind::Organization, ..Seed::default() }).await;
    let id = probe.workspace("one").await;
    probe.get(&format!("workspaces/{id}/notification-configurations")).await.expect(404);
    let change = resource("organizations", json!({ "email": "a@example.com" }));
    probe.patch("organizations/example", change).await.expect(404);
    let account = probe.get("account/details").await.expect(200);
    assert_eq!(account.relationship("authenticated-resource")["type"], "organizations");
}

#[tokio::test]
async fn requests_are_recorded_without_their_bodies() {
    let probe = Probe::new().await;
    let id = probe.workspace("one").await;
    let body = resource(
        "vars",
        json!({ "key": "k", "category": "env", "value": "canary", "sensitive": true, "valeu": "canary" }),
    );
    probe.post(&format!("workspaces/{id}/vars"), body).await.expect(201);
    let records = probe.sandbox.requests();
    assert_eq!(records.iter().filter(|record| record.is_write()).count(), 2);
    let last = records.last().unwrap();
    assert_eq!((last.status, last.done, last.ignored.clone()), (201, true, vec!["valeu".to_owned()]));
    assert!(!format!("{records:?}").contains("canary"));
    assert!(!format!("{:?}", probe.sandbox).contains("canary"));
}

#[tokio::test]
async fn a_dropped_sandbox_answers_no_more() {
    let probe = Probe::new().await;
    let http = crate::probe::http();
    let url = format!("{}/api/v2/ping", probe.sandbox.address());
    let ask = || http.get(&url).bearer_auth("sandbox.atlasv1.in-memory").send();
    assert_eq!(ask().await.unwrap().status(), 204);
    drop(probe);
    assert!(ask().await.is_err());
}
