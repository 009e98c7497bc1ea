//! What versions of the operator do differently.

use reconcile::sandbox::operator::Outcome;
use serde_json::{Value, json};

use super::stage::{Ground, Stage};

/// Plays while only the kinds of 2.9.2 are defined.
pub async fn a_new_version_waits_for_its_kinds(ground: &Ground) {
    let stage = Stage::new(ground, "2.12.0").await;
    stage.resource(&json!({}), &json!({})).await;
    let passed = stage.operator.pass(stage.sandbox.now()).await;
    assert_eq!((passed.worked.len(), passed.pools), (0, vec![]));
    assert!(passed.idle[0].contains("agenttokens.app.terraform.io is not defined"), "{:?}", passed.idle);
    stage.install("2.9.2").await;
    stage.good_pass().await;
}

pub async fn an_old_version_takes_tokens_beyond_the_first_page_for_lost(ground: &Ground) {
    let stage = Stage::new(ground, "2.9.2").await;
    let names: Vec<Value> = (0..25).map(|number| json!({ "name": format!("token-{number}") })).collect();
    stage.resource(&json!({}), &json!({ "agentTokens": names })).await;
    stage.good_pass().await;
    let first = stage.tokens().await;
    assert_eq!(first.len(), 25);
    // Five more are made, and the ones that were not seen stay.
    stage.good_pass().await;
    assert_eq!(stage.tokens().await.len(), 30);
    // A new version sees all, and takes away those that nobody names any more.
    stage.install("2.12.0").await;
    stage.good_pass().await;
    let last = stage.tokens().await;
    assert_eq!(last.len(), 25);
    assert_ne!(last, first);
    stage.good_pass().await;
    assert_eq!(stage.tokens().await, last);
}

pub async fn an_old_version_knows_no_pause(ground: &Ground) {
    let stage = Stage::new(ground, "2.9.2").await;
    let paused = json!({ "annotations": { "app.terraform.io/paused": "true" } });
    stage.resource(&paused, &json!({})).await;
    stage.good_pass().await;
    assert!(!stage.id().await.is_empty());
    stage.install("2.12.0").await;
    assert_eq!(stage.pass().await, Outcome::Paused);
}
