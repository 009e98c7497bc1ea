use serde_json::{Value, json};

use crate::probe::{Probe, resource};
use reconcile::sandbox::world::AgentStatus;

#[tokio::test]
async fn an_update_that_says_nothing_of_the_scope_opens_the_pool() {
    let probe = Probe::new().await;
    let path = format!("agent-pools/{}", probe.pool("pool").await);
    let closed = resource("agent-pools", json!({ "organization-scoped": false }));
    assert_eq!(probe.patch(&path, closed).await.expect(200).attribute("organization-scoped"), false);
    let renamed = resource("agent-pools", json!({ "name": "other" }));
    assert_eq!(probe.patch(&path, renamed).await.expect(200).attribute("organization-scoped"), true);
}

#[tokio::test]
async fn a_token_is_shown_once() {
    let probe = Probe::new().await;
    let path = format!("agent-pools/{}/authentication-tokens", probe.pool("pool").await);
    let body = || resource("authentication-tokens", json!({ "description": "same" }));
    let made = probe.post(&path, body()).await.expect(201);
    let secret = made.attribute("token").as_str().unwrap().to_owned();
    assert!(secret.contains(".atlasv1."));
    let twin = probe.post(&path, body()).await.expect(201);
    assert_ne!(twin.id(), made.id(), "descriptions need not differ");
    let listed = probe.get(&path).await.expect(200);
    assert_eq!(listed.ids().len(), 2);
    assert!(!listed.text.contains(&secret));
    assert!(!serde_json::to_string(&probe.sandbox.snapshot()).unwrap().contains(&secret));
    probe.delete(&format!("authentication-tokens/{}", made.id()), Value::Null).await.expect(204);
    assert_eq!(probe.get(&path).await.ids(), [twin.id()]);
}

#[tokio::test]
async fn agents_are_counted_listed_and_forgotten_when_dead() {
    let probe = Probe::new().await;
    let pool = probe.pool("pool").await;
    let body = resource("authentication-tokens", json!({ "description": "one" }));
    let token = probe.post(&format!("agent-pools/{pool}/authentication-tokens"), body).await.id();
    let agent = probe.sandbox.with_world(|world| world.start_agent(&token, "agent-1")).unwrap();
    assert!(probe.sandbox.with_world(|world| world.start_agent(&token, "agent-2")).is_err());
    assert_eq!(probe.get(&format!("agent-pools/{pool}")).await.attribute("agent-count"), 1);
    let used = probe.get(&format!("authentication-tokens/{token}")).await;
    assert_ne!(used.attribute("last-used-at"), &Value::Null);
    probe.delete(&format!("agents/{agent}"), Value::Null).await.expect(412);
    probe.sandbox.advance(jiff::SignedDuration::from_hours(1));
    let since = probe.sandbox.now().to_string();
    let lately = format!("agent-pools/{pool}/agents?filter[last-ping-since]={since}");
    assert!(probe.get(&lately).await.expect(200).ids().is_empty());
    probe.sandbox.with_world(|world| world.agents.get_mut(&agent).unwrap().status = AgentStatus::Exited);
    probe.delete(&format!("agents/{agent}"), Value::Null).await.expect(204);
}
