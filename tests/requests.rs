//! How many requests it takes to read a fleet. An N+1 is a failing test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use lab::values::{discord, fleet};
use lab::{Lab, failures, lines};
use reconcile::sandbox::IncludeVars;

/// The requests of a plan that finds nothing to do, by what they ask for.
async fn requests_of_a_plan(lab: &Lab, want: &reconcile::spec::desired::Desired) -> Vec<String> {
    lab.sandbox.take_requests();
    let plan = lab.plan(want).await;
    assert!(lines(&plan).is_empty(), "{:#?}", lines(&plan));
    assert!(plan.gaps.is_empty(), "{:#?}", plan.gaps);
    let requests = lab.sandbox.take_requests();
    assert!(requests.iter().all(|request| request.method == "GET"), "a plan writes nothing");
    requests.iter().map(|request| request.path.clone()).collect()
}

#[tokio::test]
async fn a_plan_of_100_workspaces_takes_10_requests_and_110_where_variables_do_not_come_along() {
    let want = fleet(100, 10);
    let lab = Lab::new(&want).await;
    lab.converge(&want).await;
    let requests = requests_of_a_plan(&lab, &want).await;
    assert!(requests.len() <= 10, "{}: {requests:#?}", requests.len());
    for answer in [IncludeVars::Refused, IncludeVars::Ignored] {
        lab.sandbox.with_world(|world| world.switches.workspace_include_vars = answer);
        let requests = requests_of_a_plan(&lab, &want).await;
        assert!(requests.len() <= 110, "{answer:?}: {}", requests.len());
        assert!(requests.len() > 100, "{answer:?}: variables came from nowhere");
    }
}

#[tokio::test]
async fn each_optional_kind_costs_a_request_only_where_it_is_wanted() {
    let mut want = fleet(12, 2);
    let lab = Lab::new(&want).await;
    lab.converge(&want).await;
    let base = requests_of_a_plan(&lab, &want).await.len();
    let name = |n: usize| format!("ws-{n:03}");
    for n in 0..3 {
        want.hcp.workspaces.get_mut(&name(n)).unwrap().notifications = [("chat".to_owned(), discord("CHAT"))].into();
    }
    lab.converge(&want).await;
    assert_eq!(requests_of_a_plan(&lab, &want).await.len(), base + 3, "one for each workspace with notifications");
    for n in 2..4 {
        want.hcp.workspaces.get_mut(&name(n)).unwrap().consumers = Some([name(0), name(1)].into());
    }
    lab.converge(&want).await;
    assert_eq!(requests_of_a_plan(&lab, &want).await.len(), base + 3 + 2, "one for each list of consumers");
    lab.sandbox.with_world(|world| world.switches.variable_set_include_vars = IncludeVars::Ignored);
    let with_sets = requests_of_a_plan(&lab, &want).await.len();
    assert_eq!(with_sets, base + 3 + 2 + 2, "one for the variable set, one for the witnesses");
    lab.sandbox.with_world(|world| world.switches.variable_set_include_vars = IncludeVars::Refused);
    assert_eq!(requests_of_a_plan(&lab, &want).await.len(), with_sets + 1, "and one that is refused");
}

#[tokio::test]
async fn a_variable_set_that_nobody_wants_is_not_looked_into() {
    let mut want = fleet(1, 0);
    let lab = Lab::new(&want).await;
    want.hcp.variable_sets.clear();
    want.hcp.workspaces.values_mut().for_each(|workspace| workspace.variables.clear());
    lab.converge(&want).await;
    let base = requests_of_a_plan(&lab, &want).await.len();
    lab.sandbox.with_world(|world| world.switches.variable_set_include_vars = IncludeVars::Ignored);
    let mut theirs = fleet(0, 0);
    theirs.hcp.fleet = "theirs".parse().unwrap();
    theirs.hcp.projects.clear();
    theirs.hcp.pools.clear();
    theirs.hcp.variable_sets.get_mut("shared").unwrap().reach = reconcile::systems::hcp::desired::Reach::Global;
    lab.beside("theirs", &theirs).await.run(&theirs).await;
    assert_eq!(requests_of_a_plan(&lab, &want).await.len(), base);
}

#[tokio::test]
async fn the_last_notification_of_a_workspace_that_leaves_the_spec_is_found_and_removed() {
    let mut want = fleet(2, 0);
    let lab = Lab::new(&want).await;
    want.hcp.workspaces.get_mut("ws-000").unwrap().notifications = [("chat".to_owned(), discord("CHAT"))].into();
    lab.converge(&want).await;
    want.hcp.workspaces.get_mut("ws-000").unwrap().notifications.clear();
    let plan = lab.plan(&want).await;
    assert!(
        lines(&plan).contains(&"remove hcp/workspace/ws-000/notification/chat []".to_owned()),
        "{:?}",
        lines(&plan)
    );
    lab.converge(&want).await;
    let left = lab.sandbox.with_world(|world| world.notifications.len());
    assert_eq!(left, 1, "the project's");
}

/// How many requests of each kind a first apply takes, its plan included, beside how many actions it has.
async fn first_apply(workspaces: usize) -> (usize, usize, usize) {
    let want = fleet(workspaces, 10);
    let lab = Lab::new(&want).await;
    let plan = lab.plan(&want).await;
    let report = lab.apply(&plan).await;
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
    let requests = lab.sandbox.take_requests();
    let writes = requests.iter().filter(|request| request.is_write()).count();
    (writes, requests.len() - writes, plan.actions.len())
}

#[tokio::test]
async fn a_first_apply_takes_one_write_for_each_thing_and_hardly_a_read() {
    let (few_writes, few_reads, _) = first_apply(5).await;
    let (writes, reads, actions) = first_apply(50).await;
    // Each workspace of this fleet has one sensitive variable, and each of those a witness; so has the variable set.
    let witnesses = 51;
    assert!(writes <= actions + witnesses + 1, "{writes} writes for {actions} actions");
    assert!(reads <= 10, "{reads} reads beside {writes} writes");
    assert_eq!(reads, few_reads, "reads do not grow with the fleet ({few_writes} and {writes} writes)");
}

#[tokio::test]
async fn the_fleet_of_the_benchmarks_is_converged_as_they_demand() {
    let want = lab::fleet("fleet.yaml", &lab::many::spec(3));
    Lab::new(&want).await.converge(&want).await;
}
