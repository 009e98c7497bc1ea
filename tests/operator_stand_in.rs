//! The sandbox's operator against a real API server and against the stand-in: what it makes, what it takes back, how it fails.
//!
//! Needs the operator's definitions in `data/operator-chart` of the folder that `RECONCILE_REFERENCE` names, and for the real server
//! what `tests/live/kube` needs; without them it is skipped with a line that says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

#[allow(dead_code)]
mod live {
    #[path = "../live/kube/cluster.rs"]
    pub mod cluster;
    #[path = "../live/kube/subject.rs"]
    pub mod subject;
}
#[path = "operator_stand_in/agents.rs"]
mod agents;
#[path = "operator_stand_in/endings.rs"]
mod endings;
#[path = "operator_stand_in/failures.rs"]
mod failures;
#[path = "operator_stand_in/makings.rs"]
mod makings;
#[path = "operator_stand_in/scalings.rs"]
mod scalings;
#[path = "operator_stand_in/stage.rs"]
mod stage;
#[path = "operator_stand_in/versions.rs"]
mod versions;

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use live::cluster::{ADMIN, with_cluster};
use live::subject::Door;
use reconcile::sandbox::{ClusterSeed, Sandbox, Seed};
use stage::{Ground, definitions};

/// One cluster for all: it takes seconds to start one.
#[test]
fn the_operator_does_as_the_real_one_does() {
    let (Some(old), Some(new)) = (definitions("2.9.2"), definitions("2.12.0")) else {
        return;
    };
    with_cluster(async |cluster| play(&Ground::new(&cluster.door(ADMIN)), &old, &new).await);
}

/// The same scenes on the stand-in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_the_same_in_the_stand_in() {
    let (Some(old), Some(new)) = (definitions("2.9.2"), definitions("2.12.0")) else {
        return;
    };
    let seed = Seed { clusters: vec![ClusterSeed::new("home")], ..Seed::default() };
    let sandbox = Sandbox::in_memory(&seed).await.unwrap();
    sandbox.with_world(|world| world.switches.operators_rest = true);
    let access = sandbox.cluster("home").unwrap();
    let door = Door { address: access.address, authority: None, token: access.token };
    play(&Ground::new(&door), &old, &new).await;
}

/// What only the stand-in can show, as nothing else has pods that run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_of_its_pods_register_and_work() {
    if let Some(new) = definitions("2.12.0") {
        agents::a_run_is_taken_by_an_agent_that_comes_for_it(&new).await;
    }
}

async fn play(ground: &Ground, old: &[String], new: &[String]) {
    let mut broken = Vec::new();
    macro_rules! play {
        ($($scene:path),* $(,)?) => {
            $(if AssertUnwindSafe($scene(ground)).catch_unwind().await.is_err() {
                broken.push(stringify!($scene));
            })*
        };
    }
    ground.define(old).await;
    play!(versions::a_new_version_waits_for_its_kinds);
    ground.define(new).await;
    play!(
        versions::an_old_version_takes_tokens_beyond_the_first_page_for_lost,
        versions::an_old_version_knows_no_pause,
        makings::a_pool_its_tokens_and_its_agents_are_made,
        makings::what_others_change_is_taken_back,
        makings::what_is_lost_in_the_cluster_stays_lost,
        makings::an_operator_sees_only_its_namespaces,
        scalings::agents_follow_the_runs,
        scalings::a_number_that_was_once_scaled_outlives_its_rule,
        failures::a_name_that_is_taken_is_not_adopted,
        failures::a_token_of_the_wrong_kind_is_refused,
        failures::a_refused_deployment_is_told_and_the_pool_is_kept,
        failures::an_invalid_resource_is_told_once_and_left,
        failures::without_tokens_it_breaks_down,
        endings::a_pool_that_is_gone_is_made_anew,
        endings::a_pool_is_adopted_by_its_recipe,
        endings::a_retained_pool_outlives_its_resource,
        endings::a_pool_in_use_is_not_destroyed,
    );
    assert_eq!(broken, [""; 0]);
}
