//! The list, run against both.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::behaviour;
use super::dockerd;
use super::subject::Subject;

/// A behaviour by its name.
pub type Behaviour = (&'static str, for<'a> fn(&'a Subject) -> LocalBoxFuture<'a, ()>);

/// So long may one take.
const MOST: Duration = Duration::from_secs(30);

/// Names functions of this suite as behaviours.
macro_rules! behaviours {
    ($($function:path),+ $(,)?) => {
        &[$((stringify!($function), |subject| $function(subject).boxed_local())),+]
    };
}

const ALL: &[Behaviour] = behaviours![
    behaviour::engine::ping_says_who_it_is,
    behaviour::engine::version_and_info_tell_the_machine,
    behaviour::engine::versions_in_paths_are_bounded,
    behaviour::engine::what_is_no_endpoint_is_not_found,
    behaviour::engine::events_tell_what_happened,
    behaviour::images::a_pull_tells_its_progress,
    behaviour::images::a_pull_by_digest_has_no_tag,
    behaviour::images::a_pull_that_fails_says_why,
    behaviour::images::images_are_listed_and_inspected,
    behaviour::images::an_image_in_use_stays,
    behaviour::containers::creation_is_refused_with_reasons,
    behaviour::containers::a_container_is_what_it_was_made_from,
    behaviour::containers::a_container_is_started_and_stopped,
    behaviour::containers::signals_reach_the_process,
    behaviour::containers::renames_are_refused_with_reasons,
    behaviour::containers::a_rename_to_one_name_is_won_once,
    behaviour::containers::a_name_is_given_once,
    behaviour::containers::a_running_container_is_not_removed,
    behaviour::containers::an_update_changes_the_policy,
    behaviour::containers::lists_are_filtered,
    behaviour::containers::waiting_ends_with_the_process,
    behaviour::containers::it_is_waited_for_what_comes_next,
    behaviour::containers::commands_and_mounts_are_shown,
    behaviour::containers::what_does_not_exist_is_not_found,
    behaviour::networks::networks_are_made_and_removed,
    behaviour::networks::containers_are_connected,
    behaviour::networks::a_container_may_sit_in_two,
    behaviour::networks::a_missing_network_stops_a_start,
    behaviour::volumes::volumes_are_made_and_removed,
    behaviour::volumes::a_volume_in_use_stays,
    behaviour::volumes::archives_go_in_and_out,
    behaviour::volumes::archives_are_refused_with_reasons,
    behaviour::agents::an_agent_comes_and_goes,
    behaviour::agents::a_busy_agent_finishes_its_job,
    behaviour::agents::a_second_signal_cuts_it_off,
    behaviour::agents::a_second_stop_is_a_second_signal,
    behaviour::agents::a_stop_goes_on_without_its_caller,
    behaviour::agents::a_killed_agent_is_lost,
    behaviour::agents::a_wrong_token_is_said_and_tried_again,
    behaviour::agents::between_two_starts_it_counts_as_running,
    behaviour::agents::a_revoked_token_ends_it,
    behaviour::agents::an_agent_ended_by_hand_stays_so,
    behaviour::agents::logs_are_framed,
];

/// Runs all of them and fails with all failures.
async fn hold(subject: Subject) {
    let only = std::env::var("RECONCILE_LIVE_ONLY").unwrap_or_default();
    let mut failed = Vec::new();
    let mut count = 0;
    for (name, behaviour) in ALL.iter().filter(|(name, _)| name.contains(&only)) {
        count += 1;
        for image in [subject.sleeper(), subject.agent()] {
            subject.pull(&image).await;
        }
        let outcome = AssertUnwindSafe(tokio::time::timeout(MOST, behaviour(&subject))).catch_unwind().await;
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(_)) => failed.push(format!("{name}: it took more than {} s", MOST.as_secs())),
            Err(_) => failed.push((*name).to_owned()),
        }
    }
    println!("{count} behaviours, {} failed", failed.len());
    assert!(count > 0, "no behaviour is named {only}");
    assert!(failed.is_empty(), "not as described:\n  {}", failed.join("\n  "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stand_in_behaves_as_described() {
    // Its programs are simulated, so their bytes do not matter.
    hold(Subject::stand_in(&(b"agent".to_vec(), b"sleeper".to_vec())).await).await;
}

#[test]
fn a_real_engine_behaves_the_same() {
    dockerd::with_engine(async |daemon, programs| {
        hold(Subject::real(daemon.address(), &programs).await).await;
    });
}
