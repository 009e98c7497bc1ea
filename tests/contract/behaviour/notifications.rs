use serde_json::{Value, json};

use crate::probe::{Probe, resource};

fn notification(name: &str, url: &str, enabled: bool) -> Value {
    resource(
        "notification-configurations",
        json!({
            "name": name,
            "destination-type": "generic",
            "url": url,
            "enabled": enabled,
            "triggers": ["run:errored"],
        }),
    )
}

#[tokio::test]
async fn saving_an_enabled_one_calls_its_receiver_first() {
    let probe = Probe::new().await;
    let path = format!("workspaces/{}/notification-configurations", probe.workspace("one").await);
    let url = probe.sandbox.receiver_url("hook");
    probe.sandbox.answer_deliveries(Some(404));
    let refused = probe.post(&path, notification("hook", &url, true)).await.expect(400);
    assert!(refused.detail().contains("404"));
    assert!(probe.get(&path).await.ids().is_empty(), "nothing was saved");
    probe.post(&path, notification("quiet", &url, false)).await.expect(201);
    probe.sandbox.answer_deliveries(None);
    let saved = probe.post(&path, notification("hook", &url, true)).await.expect(201);
    assert_eq!(saved.attribute("delivery-responses")[0]["successful"], "true");
    let codes: Vec<u16> = probe.sandbox.received().iter().map(|received| received.code).collect();
    assert_eq!(codes, [404, 200]);
}

#[tokio::test]
async fn a_token_is_written_signed_with_and_never_read() {
    let probe = Probe::new().await;
    let path = format!("workspaces/{}/notification-configurations", probe.workspace("one").await);
    let mut body = notification("hook", "https://hooks.example/canary-url", true);
    body["data"]["attributes"]["token"] = json!("canary-token");
    let saved = probe.post(&path, body).await.expect(201);
    assert_eq!(saved.attribute("token"), &Value::Null);
    assert_eq!(saved.attribute("url"), "https://hooks.example/canary-url", "HCP returns it in clear");
    assert!(!serde_json::to_string(&probe.sandbox.snapshot()).unwrap().contains("canary-token"));
    let received = probe.sandbox.received();
    assert_eq!(received[0].host, "hooks.example");
    assert_eq!(received[0].signature.as_ref().unwrap().len(), 128);
    assert!(!format!("{received:?}{:?}", probe.sandbox.snapshot()).contains("canary"));
}

#[tokio::test]
async fn the_destination_type_never_changes_and_triggers_are_known() {
    let probe = Probe::new().await;
    let path = format!("workspaces/{}/notification-configurations", probe.workspace("one").await);
    let id = probe.post(&path, notification("hook", "https://a.example", false)).await.expect(201).id();
    let own = format!("notification-configurations/{id}");
    let change = |attributes| resource("notification-configurations", attributes);
    probe.patch(&own, change(json!({ "destination-type": "slack" }))).await.expect(422);
    probe.patch(&own, change(json!({ "triggers": ["run:everything"] }))).await.expect(422);
    probe.patch(&own, change(json!({ "triggers": [] }))).await.expect(200);
}

#[tokio::test]
async fn twenty_are_held_and_a_project_lists_without_pages() {
    let probe = Probe::new().await;
    let path = format!("workspaces/{}/notification-configurations", probe.workspace("one").await);
    for number in 0..20 {
        probe.post(&path, notification(&format!("n{number}"), "https://a.example", false)).await.expect(201);
    }
    probe.post(&path, notification("more", "https://a.example", false)).await.expect(422);
    let project = probe.project("Main").await;
    let path = format!("projects/{project}/notification-configurations");
    probe.post(&path, notification("one", "https://a.example", true)).await.expect(201);
    let listed = probe.get(&path).await.expect(200);
    assert_eq!((listed.ids().len(), listed.body.get("meta")), (1, None));
    assert_eq!(listed.body["data"][0]["relationships"]["subscribable"]["data"]["type"], "projects");
}

#[tokio::test]
async fn ten_verifications_a_minute() {
    let probe = Probe::new().await;
    let path = format!("workspaces/{}/notification-configurations", probe.workspace("one").await);
    let id = probe.post(&path, notification("hook", "https://a.example", false)).await.id();
    let verify = format!("notification-configurations/{id}/actions/verify");
    for _ in 0..10 {
        probe.post(&verify, Value::Null).await.expect(200);
    }
    probe.post(&verify, Value::Null).await.expect(429);
    probe.sandbox.advance(jiff::SignedDuration::from_mins(1));
    probe.post(&verify, Value::Null).await.expect(200);
}
