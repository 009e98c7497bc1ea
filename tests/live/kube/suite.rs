//! The list, run against both.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::LocalBoxFuture;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use reconcile::sandbox::{ClusterSeed, Sandbox, Seed, world::Account};

use super::behaviour;
use super::cluster::{self, ADMIN, Cluster, VISITOR};
use super::fixtures::Kind;
use super::histories::{self, Side};
use super::subject::{Door, Subject};

/// A behaviour by its name.
pub type Behaviour = (&'static str, for<'a> fn(&'a Subject) -> LocalBoxFuture<'a, ()>);

/// So long may one take.
const MOST: Duration = Duration::from_mins(1);

/// So many run at once: each has a namespace of its own, and most of their time is waiting.
const AT_ONCE: usize = 8;

/// Names functions of this suite as behaviours.
macro_rules! behaviours {
    ($($function:path),+ $(,)?) => {
        &[$((stringify!($function), |subject| $function(subject).boxed_local())),+]
    };
}

/// What both do.
const ALL: &[Behaviour] = behaviours![
    behaviour::discovery::the_version_is_told,
    behaviour::discovery::it_says_that_it_is_ready,
    behaviour::discovery::groups_are_listed_with_their_versions,
    behaviour::discovery::kinds_are_listed_with_their_verbs,
    behaviour::discovery::what_is_no_path_is_not_found,
    behaviour::discovery::who_is_unknown_is_told_so,
    behaviour::discovery::answers_are_json,
    behaviour::objects::a_new_object_gets_what_the_server_gives,
    behaviour::objects::a_name_is_given_once,
    behaviour::objects::a_name_may_be_left_to_the_server,
    behaviour::objects::names_have_rules,
    behaviour::objects::body_and_path_have_to_agree,
    behaviour::objects::a_namespace_has_to_be_there,
    behaviour::objects::what_does_not_exist_is_not_found,
    behaviour::objects::a_body_has_to_be_readable,
    behaviour::objects::an_update_replaces_the_whole,
    behaviour::objects::an_update_of_an_older_version_is_refused,
    behaviour::objects::an_update_of_another_uid_is_refused,
    behaviour::objects::a_custom_object_is_updated_by_version_only,
    behaviour::objects::what_cannot_change_stays,
    behaviour::objects::a_dry_run_makes_nothing,
    behaviour::objects::of_many_who_make_one_name_one_succeeds,
    behaviour::objects::of_many_who_change_one_version_one_succeeds,
    behaviour::lists::a_list_names_its_kind_once,
    behaviour::lists::items_of_a_custom_kind_say_what_they_are,
    behaviour::lists::a_list_comes_in_pages,
    behaviour::lists::pages_of_a_selection_hold_what_is_selected,
    behaviour::lists::a_page_that_nobody_promised_is_refused,
    behaviour::lists::labels_select,
    behaviour::lists::fields_select,
    behaviour::lists::a_list_may_span_all_namespaces,
    behaviour::lists::a_list_of_metadata_holds_nothing_else,
    behaviour::lists::a_list_of_metadata_has_pages_and_selections,
    behaviour::lists::one_object_may_be_asked_for_its_metadata,
    behaviour::lists::a_write_may_be_answered_with_metadata,
    behaviour::lists::lists_of_kinds_with_generations_show_them,
    behaviour::patches::a_merge_patch_changes_what_it_names,
    behaviour::patches::a_merge_patch_that_changes_nothing_is_not_stored,
    behaviour::patches::a_merge_patch_may_be_tried,
    behaviour::patches::a_merge_patch_of_another_object_is_refused,
    behaviour::patches::a_json_patch_takes_away_and_tests,
    behaviour::patches::patches_have_kinds,
    behaviour::deletion::a_deletion_is_answered_with_what_went,
    behaviour::deletion::a_deletion_may_be_of_one_uid_only,
    behaviour::deletion::a_finalizer_keeps_an_object,
    behaviour::deletion::a_name_is_taken_until_its_object_is_gone,
    behaviour::deletion::what_is_owned_goes_after_its_owner,
    behaviour::deletion::what_is_owned_may_go_first,
    behaviour::deletion::what_is_owned_may_be_orphaned,
    behaviour::deletion::what_nobody_owns_any_more_goes,
    behaviour::deletion::an_owner_is_named_whole,
    behaviour::deletion::a_deletion_has_one_of_three_ways,
    behaviour::deletion::options_in_a_body_stand_for_those_of_the_query,
    behaviour::apply::an_apply_makes_what_is_not_there,
    behaviour::apply::an_apply_that_changes_nothing_is_not_stored,
    behaviour::apply::an_apply_may_be_tried,
    behaviour::apply::an_apply_has_a_manager,
    behaviour::apply::an_apply_says_what_it_applies,
    behaviour::apply::an_apply_may_be_yaml,
    behaviour::apply::an_apply_may_hold_the_version,
    behaviour::apply::an_apply_may_hold_the_uid,
    behaviour::apply::a_field_of_another_manager_is_in_conflict,
    behaviour::apply::a_field_that_somebody_updated_is_in_conflict,
    behaviour::apply::conflicts_with_several_managers_are_all_told,
    behaviour::apply::force_takes_a_field_over,
    behaviour::apply::an_equal_value_is_shared,
    behaviour::apply::a_field_that_is_left_out_goes_with_its_only_owner,
    behaviour::apply::a_field_that_an_update_owns_too_stays,
    behaviour::apply::labels_and_annotations_have_an_owner_each,
    behaviour::apply::finalizers_are_a_set,
    behaviour::apply::null_is_as_if_it_were_left_out,
    behaviour::apply::a_default_returns_with_the_field,
    behaviour::apply::an_apply_needs_its_place,
    behaviour::apply::an_empty_map_in_place_of_a_full_one_is_refused_in_a_custom_object,
    behaviour::merging::containers_are_known_by_name,
    behaviour::merging::environment_is_known_by_name,
    behaviour::merging::ports_are_known_by_number_and_protocol,
    behaviour::merging::mounts_and_volumes_have_keys,
    behaviour::merging::tolerations_and_arguments_are_one_value,
    behaviour::merging::a_selector_is_one_value,
    behaviour::merging::resources_have_an_owner_each,
    behaviour::merging::rules_of_roles_are_one_value,
    behaviour::merging::lists_of_a_custom_kind_follow_its_schema,
    behaviour::merging::a_key_stands_in_a_list_once,
    behaviour::managers::an_entry_has_seven_parts,
    behaviour::managers::a_creation_owns_what_it_says_and_what_is_filled_in,
    behaviour::managers::without_a_manager_it_is_the_program,
    behaviour::managers::an_update_owns_what_it_changes,
    behaviour::managers::one_name_may_apply_and_update,
    behaviour::managers::a_status_is_written_down_apart,
    behaviour::managers::a_custom_object_owns_no_defaults_by_apply,
    behaviour::spelling::quantities_are_kept_in_one_spelling,
    behaviour::spelling::what_says_nothing_is_left_out_and_owned,
    behaviour::spelling::a_port_by_name_or_number_stays_what_it_is,
    behaviour::spelling::empty_maps_of_metadata_are_left_out,
    behaviour::spelling::annotations_have_a_size,
    behaviour::spelling::labels_have_a_form,
    behaviour::validation::an_unknown_field_is_refused_where_strictness_is_asked_for,
    behaviour::validation::an_unknown_field_is_warned_of_otherwise,
    behaviour::validation::a_field_that_stands_twice_is_refused,
    behaviour::validation::an_apply_knows_no_unknown_fields,
    behaviour::validation::an_apply_holds_types_to_the_schema,
    behaviour::validation::a_wrong_type_is_refused,
    behaviour::validation::what_is_required_has_to_be_there,
    behaviour::validation::several_faults_are_told_at_once,
    behaviour::validation::a_custom_object_follows_its_schema,
    behaviour::validation::a_custom_object_gets_its_defaults,
    behaviour::validation::a_custom_object_loses_what_its_schema_lacks,
    behaviour::validation::an_apply_of_a_custom_object_follows_its_schema,
    behaviour::crds::a_kind_is_served_once_it_is_established,
    behaviour::crds::a_definition_applied_twice_is_stored_once,
    behaviour::crds::a_new_field_is_served_after_an_upgrade,
    behaviour::crds::a_definition_takes_its_objects_along,
    behaviour::crds::a_definition_has_rules,
    behaviour::crds::definitions_are_listed_by_label,
    behaviour::status::a_status_is_written_by_its_own_path,
    behaviour::status::a_status_is_held_to_its_schema,
    behaviour::status::a_status_is_updated_whole,
    behaviour::status::a_generation_counts_changes_of_what_is_asked_for,
    behaviour::status::a_deployment_counts_too,
    behaviour::status::readiness_can_be_said_by_hand,
    behaviour::status::an_applied_status_is_neither_kept_nor_owned,
    behaviour::watch::what_happens_is_told_in_order,
    behaviour::watch::without_a_version_it_begins_with_what_is_there,
    behaviour::watch::what_leaves_a_selection_is_told_as_deleted,
    behaviour::watch::one_object_may_be_watched,
    behaviour::watch::a_watch_ends_when_its_time_is_over,
    behaviour::watch::a_version_from_before_is_too_old,
    behaviour::watch::a_version_is_a_number,
    behaviour::watch::a_watch_of_metadata_tells_nothing_else,
    behaviour::events::events_are_found_by_what_they_are_about,
    behaviour::events::an_event_may_be_counted_on,
    behaviour::events::an_event_is_in_the_namespace_of_its_object,
    behaviour::access::without_rights_nothing_is_shown,
    behaviour::access::what_does_not_exist_is_forbidden_all_the_same,
    behaviour::access::discovery_is_for_everybody,
    behaviour::access::a_role_allows_what_it_says,
    behaviour::access::a_trial_needs_the_rights_of_the_deed,
    behaviour::access::metadata_needs_the_rights_of_the_whole,
    behaviour::access::rules_can_be_asked_for,
    behaviour::access::one_right_can_be_asked_for,
    behaviour::access::nobody_grants_more_than_they_have,
    behaviour::namespaces::a_namespace_is_active_at_once,
    behaviour::namespaces::the_cluster_is_known_by_kube_system,
    behaviour::namespaces::some_namespaces_stay,
    behaviour::namespaces::an_ending_namespace_takes_nothing_in,
    behaviour::namespaces::a_namespace_with_nothing_in_it_ends,
    behaviour::namespaces::who_applies_nothing_owns_nothing,
    behaviour::secrets::a_secret_is_opaque_unless_it_says_otherwise,
    behaviour::secrets::a_secret_holds_base64,
    behaviour::secrets::text_is_written_and_never_shown,
    behaviour::secrets::applied_text_is_never_taken_away,
    behaviour::secrets::applied_data_has_an_owner_each,
    behaviour::secrets::a_trial_shows_what_a_secret_holds,
    behaviour::secrets::what_is_immutable_stays,
    behaviour::defaults::a_deployment_is_filled_in,
    behaviour::defaults::a_container_is_filled_in,
    behaviour::defaults::a_service_is_filled_in,
    behaviour::defaults::an_account_and_roles_are_kept_as_they_are,
    behaviour::defaults::a_binding_is_filled_in,
    behaviour::defaults::a_binding_keeps_its_role,
    behaviour::defaults::a_config_map_may_hold_bytes,
    behaviour::defaults::a_lease_is_kept_as_it_is,
    behaviour::chart::the_operators_objects_are_applied_once,
    behaviour::chart::the_operators_agent_pools_are_defined_and_upgraded,
];

/// What only a real one can show.
const REAL_ONLY: &[Behaviour] = behaviours![
    // A stand-in has no controllers that would make ReplicaSets and pods, and tell of it.
    behaviour::events::controllers_tell_what_they_do,
    behaviour::events::a_deployment_gets_its_pods,
    behaviour::events::a_deployment_is_available_once_its_pods_are_said_to_be_ready,
    // A stand-in records the requests themselves (`Sandbox::requests`), and keeps no such log.
    behaviour::audit::reads_of_secrets_are_written_down,
];

/// Runs one; why it failed.
async fn hold_one((name, behaviour): &Behaviour, subject: &Subject) -> Option<String> {
    let began = Instant::now();
    let outcome = AssertUnwindSafe(tokio::time::timeout(MOST, behaviour(subject))).catch_unwind().await;
    if std::env::var_os("RECONCILE_LIVE_TIMES").is_some() {
        println!("{:6} ms {name}", began.elapsed().as_millis());
    }
    match outcome {
        Ok(Ok(())) => None,
        Ok(Err(_)) => Some(format!("{name}: it took more than {} s", MOST.as_secs())),
        Err(cause) => {
            let text = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
            Some(format!("{name}: {}", text.unwrap_or_default()))
        }
    }
}

/// Runs all of them and fails with all failures.
async fn hold(subject: &Subject, behaviours: &[&[Behaviour]]) {
    let only = std::env::var("RECONCILE_LIVE_ONLY").unwrap_or_default();
    let chosen: Vec<_> = behaviours.iter().copied().flatten().filter(|(name, _)| name.contains(&only)).collect();
    let mut failed: Vec<_> = futures::stream::iter(&chosen)
        .map(|behaviour| hold_one(behaviour, subject))
        .buffer_unordered(AT_ONCE)
        .filter_map(async |failure| failure)
        .collect()
        .await;
    failed.sort();
    println!("{} behaviours, {} failed", chosen.len(), failed.len());
    assert!(!chosen.is_empty(), "no behaviour is named {only}");
    assert!(failed.is_empty(), "not as described:\n  {}", failed.join("\n  "));
}

/// The library that this program uses gets in by a kubeconfig of the cluster, and is who it says.
async fn a_client_gets_in(cluster: &Cluster) {
    for (user, may_list) in [(ADMIN, true), (VISITOR, false)] {
        let path = cluster.write_kubeconfig(user).unwrap();
        let options = KubeConfigOptions { context: Some(user.to_owned()), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(path).unwrap(), &options).await.unwrap();
        let client = Client::try_from(config).unwrap();
        let namespaces = Api::<Namespace>::all(client).list(&ListParams::default()).await;
        assert_eq!(namespaces.is_ok(), may_list, "{user}: {namespaces:?}");
    }
}

/// The stand-in, which lives as long as the first of these.
async fn stand_in() -> (Sandbox, Subject) {
    let seed = Seed { clusters: vec![ClusterSeed::new("home")], ..Seed::default() };
    let sandbox = Sandbox::in_memory(&seed).await.unwrap();
    sandbox.with_world(|world| {
        let accounts = &mut world.clusters.get_mut("home").unwrap().accounts;
        accounts.insert(VISITOR.to_owned(), Account::new(VISITOR, "visitor-token", Vec::new()));
    });
    let access = sandbox.cluster("home").unwrap();
    let door = |token: &str| Door { address: access.address.clone(), authority: None, token: token.to_owned() };
    let subject = Subject::new(&door(&access.token), &door("visitor-token"), None);
    (sandbox, subject)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stand_in_behaves_as_described() {
    let (_sandbox, subject) = stand_in().await;
    hold(&subject, &[ALL]).await;
}

#[test]
fn a_real_api_server_behaves_as_described() {
    cluster::with_cluster(async |cluster| {
        a_client_gets_in(&cluster).await;
        hold(&cluster.subject(), &[ALL, REAL_ONLY]).await;
    });
}

#[test]
fn a_real_api_server_and_the_stand_in_live_through_the_same() {
    cluster::with_cluster(async |cluster| {
        let (real, (_sandbox, stand_in)) = (cluster.subject(), stand_in().await);
        let (theirs, ours) = (Kind::defined(&real).await, Kind::defined(&stand_in).await);
        let (real, stand_in) = (Side { subject: &real, kind: &theirs }, Side { subject: &stand_in, kind: &ours });
        // First with itself: what is compared depends on nothing but what was asked.
        for (name, other) in [("itself", real), ("the stand-in", stand_in)] {
            let differences = histories::live_all(real, other).await;
            let count = differences.len();
            assert!(count == 0, "it differs from {name} in {count}:\n{}", differences.join("\n\n"));
        }
    });
}
