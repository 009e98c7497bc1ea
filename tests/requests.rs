//! How many requests it takes to read a fleet. An N+1 is a failing test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use reconcile::sandbox::IncludeVars;
use stage::{Stage, fleet, lines};

/// The requests of a plan that finds nothing to do, by what they ask for.
async fn requests_of_a_plan(stage: &Stage, want: &reconcile::systems::hcp::desired::Desired) -> Vec<String> {
    stage.sandbox.take_requests();
    let plan = stage.plan(want).await;
    assert!(lines(&plan).is_empty(), "{:#?}", lines(&plan));
    assert!(plan.gaps.is_empty(), "{:#?}", plan.gaps);
    let requests = stage.sandbox.take_requests();
    assert!(requests.iter().all(|request| request.method == "GET"), "a plan writes nothing");
    requests.iter().map(|request| request.path.clone()).collect()
}

#[tokio::test]
async fn a_plan_of_100_workspaces_takes_10_requests_and_110_where_variables_do_not_come_along() {
    let stage = Stage::new().await;
    let want = fleet(100, 10);
    stage.converge(&want).await;
    let requests = requests_of_a_plan(&stage, &want).await;
    assert!(requests.len() <= 10, "{}: {requests:#?}", requests.len());
    for answer in [IncludeVars::Refused, IncludeVars::Ignored] {
        stage.sandbox.with_world(|world| world.switches.workspace_include_vars = answer);
        let requests = requests_of_a_plan(&stage, &want).await;
        assert!(requests.len() <= 110, "{answer:?}: {}", requests.len());
        assert!(requests.len() > 100, "{answer:?}: variables came from nowhere");
    }
}
