//! Agents that never come to HCP, and what their user is told: while an apply waits for them, and by the plans after it.
//! `INSTA_UPDATE=always cargo test --test registration` writes the texts in `tests/snapshots` anew; read their diff.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod yard;

use std::time::Duration;

use jiff::SignedDuration;
use reconcile::sandbox::world::{AgentPool, AgentToken, Sealed, World};
use reconcile::spec::desired::Desired;
use reconcile::systems::Consent;
use yard::Yard;

/// One agent that always runs.
const ALWAYS: &str = "\npools: { nas: { target: nas, agents: { min: 1, max: 1 } } }";
/// How long an apply waits here for an agent that does not come.
const PATIENCE: Duration = Duration::from_millis(200);
const AGENT: &str = "hcp-agents-nas-1";

/// A sleeping host's containers have no route.
fn cut_off(world: &mut World) {
    world.engines.get_mut("nas").unwrap().offline = true;
}

/// HCP goes on listing the token, and refuses what the container has.
fn change_the_token(world: &mut World) {
    for container in world.engines.get_mut("nas").unwrap().containers.values_mut() {
        container.agent_token = Some("at-ofNobody".to_owned());
    }
}

/// The only slot of the tier goes to an agent of somebody else.
fn take_the_slot(world: &mut World) {
    let (pool, token) = (world.mint("apool"), world.mint("at"));
    let theirs = AgentPool {
        name: "theirs".to_owned(),
        organization_scoped: true,
        allowed_workspaces: [].into(),
        allowed_projects: [].into(),
        excluded_workspaces: [].into(),
        created_at: world.now,
    };
    world.agent_pools.insert(pool.clone(), theirs);
    let secret = Sealed::new(&token, "theirs.atlasv1.value");
    let made = AgentToken { pool, description: "laptop".to_owned(), secret, created_at: world.now, last_used_at: None };
    world.agent_tokens.insert(token.clone(), made);
    world.start_agent(&token, "laptop").unwrap();
}

/// The container is stopped by hand and long forgotten by HCP, as after a holiday.
async fn rested(yard: &Yard) {
    yard.stop(AGENT).await;
    yard.sandbox.advance(SignedDuration::from_hours(3));
}

/// Applies what is planned, after something happened that the plan did not see.
async fn told(yard: &Yard, want: &Desired, meanwhile: impl FnOnce(&mut World)) -> String {
    let plan = yard.plan(want).await;
    assert!(plan.refusals.is_empty() && plan.gaps.is_empty() && !plan.actions.is_empty(), "{}", yard.text(&plan));
    yard.sandbox.with_world(meanwhile);
    let failures = yard.failures_within(&plan, PATIENCE).await;
    assert_eq!(failures.len(), 1, "{failures:#?}");
    failures.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_names_a_missing_route() {
    let yard = Yard::new().await;
    let want = yard.fleet(ALWAYS);
    insta::assert_snapshot!(told(&yard, &want, cut_off).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_names_a_token_that_is_refused() {
    let yard = Yard::new().await;
    let want = yard.fleet(ALWAYS);
    yard.converge(&want).await;
    rested(&yard).await;
    insta::assert_snapshot!(told(&yard, &want, change_the_token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_names_the_want_of_a_slot() {
    let yard = Yard::new().await;
    let want = yard.fleet(ALWAYS);
    insta::assert_snapshot!(told(&yard, &want, take_the_slot).await);
}

/// The plan after the container was stopped, something happened, and somebody started it again.
async fn planned(happened: impl FnOnce(&mut World)) -> String {
    let yard = Yard::new().await;
    let want = yard.fleet(ALWAYS);
    yard.converge(&want).await;
    rested(&yard).await;
    yard.sandbox.with_world(happened);
    yard.start(AGENT).await;
    let plan = yard.plan(&want).await;
    yard.text(&plan)
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_names_a_missing_route() {
    insta::assert_snapshot!(Box::pin(planned(cut_off)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_names_a_token_that_is_refused() {
    insta::assert_snapshot!(Box::pin(planned(change_the_token)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_names_who_has_the_slot() {
    insta::assert_snapshot!(Box::pin(planned(take_the_slot)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_replaced_by_a_rotation() {
    let yard = Yard::new().await;
    let want = yard.fleet(ALWAYS);
    yard.converge(&want).await;
    rested(&yard).await;
    yard.sandbox.with_world(change_the_token);
    yard.start(AGENT).await;
    let consent = Consent { rotate: vec!["docker/**".parse().unwrap()], ..Consent::default() };
    yard.apply_all(&yard.plan_with(&want, &consent).await).await;
    yard.is_settled(&want).await;
}
