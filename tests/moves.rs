//! Moving a workspace to other machines never lets a run fail, and leaves no lock behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use lab::values::fleet;
use lab::{Lab, failures, lines};
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use reconcile::sandbox::world::{Lock, Workspace};
use reconcile::spec::desired::Desired;
use reconcile::systems::hcp::desired::Placement;

/// One workspace that runs in HCP's cloud, converged, and that is to run locally.
async fn about_to_move() -> (Lab, Desired) {
    let mut want = fleet(3, 0);
    let lab = Lab::new(&want).await;
    want.hcp.workspaces.remove("ws-000");
    want.hcp.workspaces.remove("ws-001");
    want.hcp.pools.clear();
    lab.converge(&want).await;
    want.hcp.workspaces.get_mut("ws-002").unwrap().runs_on = Placement::Local;
    (lab, want)
}

fn with_workspace<T>(lab: &Lab, with: impl FnOnce(&mut Workspace) -> T) -> T {
    lab.sandbox.with_world(|world| {
        let workspace = world.workspaces.values_mut().find(|workspace| workspace.name == "ws-002").unwrap();
        with(workspace)
    })
}

fn is_locked(lab: &Lab) -> bool {
    with_workspace(lab, |workspace| workspace.lock.is_some())
}

fn start_run(lab: &Lab) -> String {
    lab.sandbox.with_world(|world| {
        let id = world.workspace_named("ws-002").unwrap().to_owned();
        world.start_run(&id, "planned").unwrap()
    })
}

/// A fleet of one new workspace in HCP's cloud, with variables of its own and of a set that is for its project.
fn new_in_cloud() -> Desired {
    let mut want = fleet(3, 2);
    want.hcp.workspaces.remove("ws-000");
    want.hcp.workspaces.remove("ws-001");
    want.hcp.pools.clear();
    want
}

#[tokio::test]
async fn a_new_workspace_runs_nothing_until_all_that_its_runs_take_is_there() {
    let want = new_in_cloud();
    let lab = Lab::new(&want).await;
    let plan = lab.plan(&want).await;
    let needs = plan.needs(&"hcp/workspace/ws-002/placement".parse().unwrap());
    let before: Vec<&str> = needs.iter().map(|output| output.of.as_str()).collect();
    for input in [
        "hcp/variable-set/shared/env/SHARED",
        "hcp/variable-set/shared/env/SHARED_TOKEN",
        "hcp/variable-set/shared/reach",
        "hcp/workspace/ws-002/env/V0",
        "hcp/workspace/ws-002/env/V1",
    ] {
        assert!(before.contains(&input), "{input} is not waited for: {before:?}");
    }
    lab.apply(&plan).await;
    let requests = lab.sandbox.take_requests();
    let id = lab.sandbox.with_world(|world| world.workspace_named("ws-002").unwrap().to_owned());
    let last_input = requests.iter().rposition(|it| it.is_write() && it.path.contains("vars")).unwrap();
    let placed = requests.iter().position(|it| it.method == "PATCH" && it.path == format!("workspaces/{id}")).unwrap();
    assert!(last_input < placed, "{requests:#?}");
    lab.converge(&want).await;
}

#[tokio::test]
async fn a_workspace_whose_variable_failed_is_not_placed() {
    for (path, after) in
        [("workspaces/*/vars", "hcp/workspace/ws-002/env/V"), ("varsets/*", "hcp/variable-set/shared/reach")]
    {
        let want = new_in_cloud();
        let lab = Lab::new(&want).await;
        let refused = Rule {
            method: Some("write".to_owned()),
            path: Some(path.to_owned()),
            ..Rule::new(Fault::Status { code: 422, body: BodyKind::Jsonapi, headers: [].into() })
        };
        lab.sandbox.script(Faults { seed: 1, rules: vec![refused] }).unwrap();
        let report = lab.run(&want).await;
        let skipped = format!("hcp/workspace/ws-002/placement skipped after {after}");
        assert!(failures(&report).iter().any(|it| it.starts_with(&skipped)), "{:#?}", failures(&report));
        let mode = with_workspace(&lab, |workspace| format!("{:?}", workspace.placement));
        assert!(mode.to_lowercase().contains("local"), "a push would run without it: {mode}");
        lab.sandbox.script(Faults::default()).unwrap();
        lab.converge(&want).await;
    }
}

#[tokio::test]
async fn a_workspace_without_inputs_is_made_where_it_runs() {
    let mut want = new_in_cloud();
    let lab = Lab::new(&want).await;
    want.hcp.variable_sets.clear();
    want.hcp.workspaces.get_mut("ws-002").unwrap().variables.clear();
    let plan = lab.plan(&want).await;
    let placement = "hcp/workspace/ws-002/placement".parse().unwrap();
    assert!(!plan.actions.contains_key(&placement), "{:#?}", lines(&plan));
    lab.converge(&want).await;
}

#[tokio::test]
async fn a_move_locks_looks_moves_and_unlocks() {
    let (lab, want) = about_to_move().await;
    let plan = lab.plan(&want).await;
    assert_eq!(lines(&plan), ["change hcp/workspace/ws-002/placement [\"runsOn\"]"]);
    lab.sandbox.take_requests();
    lab.apply(&plan).await;
    let requests: Vec<String> = lab
        .sandbox
        .take_requests()
        .iter()
        .map(|request| {
            let path = request.path.split('?').next().unwrap();
            format!("{} {}", request.method, path.rsplit('/').next().unwrap())
        })
        .collect();
    let id = with_workspace(&lab, |workspace| workspace.name.clone());
    assert_eq!(id, "ws-002");
    assert_eq!(requests.len(), 4, "{requests:?}");
    assert_eq!(requests[0], "POST lock");
    assert!(requests[1].starts_with("GET ws-") && requests[2].starts_with("PATCH ws-"), "{requests:?}");
    assert_eq!(requests[3], "POST unlock");
    assert!(!is_locked(&lab));
}

#[tokio::test]
async fn a_run_that_begins_after_the_plan_stops_the_move_and_not_the_run() {
    let (lab, want) = about_to_move().await;
    let plan = lab.plan(&want).await;
    let run = start_run(&lab);
    let report = lab.apply(&plan).await;
    let [failure] = failures(&report).try_into().unwrap();
    let failure: String = failure;
    assert!(failure.contains(&format!("{run} is planned; a move would make it fail")), "{failure}");
    assert!(failure.contains("confirm or discard it; the next apply goes on"), "{failure}");
    assert!(!is_locked(&lab), "nobody could confirm the run in a locked workspace");
    let status = lab.sandbox.with_world(|world| world.runs[&run].status.clone());
    assert_eq!(status, "planned");
}

#[tokio::test]
async fn a_lock_of_somebody_else_is_not_touched() {
    let (lab, want) = about_to_move().await;
    let plan = lab.plan(&want).await;
    lab.sandbox.with_world(|world| {
        let workspace = world.workspaces.values_mut().find(|workspace| workspace.name == "ws-002").unwrap();
        workspace.lock = Some(Lock { by: "somebody".to_owned(), reason: Some("audit".to_owned()) });
    });
    let report = lab.apply(&plan).await;
    let [failure] = failures(&report).try_into().unwrap();
    let failure: String = failure;
    assert!(failure.contains("it is locked: audit"), "{failure}");
    assert!(is_locked(&lab));
    let waits = lab.plan(&want).await.waits;
    assert!(waits.iter().any(|wait| wait.what.contains("locked: audit")), "{waits:?}");
}

#[tokio::test]
async fn a_move_that_fails_takes_its_lock_off() {
    let (lab, want) = about_to_move().await;
    let refused = Rule {
        method: Some("PATCH".to_owned()),
        path: Some("workspaces/*".to_owned()),
        ..Rule::new(Fault::Status { code: 422, body: BodyKind::Jsonapi, headers: [].into() })
    };
    lab.sandbox.script(Faults { seed: 1, rules: vec![refused] }).unwrap();
    let report = lab.run(&want).await;
    assert_eq!(failures(&report).len(), 1, "{:?}", failures(&report));
    assert!(!is_locked(&lab));
}

#[tokio::test]
async fn a_lock_that_a_stopped_run_of_ours_left_is_known_and_taken_off() {
    let (lab, want) = about_to_move().await;
    let never = |path: &str| Rule {
        method: Some("write".to_owned()),
        path: Some(path.to_owned()),
        ..Rule::new(Fault::Status { code: 403, body: BodyKind::Jsonapi, headers: [].into() })
    };
    let rules = vec![never("workspaces/*"), never("workspaces/*/actions/unlock")];
    lab.sandbox.script(Faults { seed: 1, rules }).unwrap();
    let report = lab.run(&want).await;
    assert!(failures(&report)[0].contains("our lock is still on it; the next apply takes it off"), "{report:?}");
    assert!(is_locked(&lab));
    lab.sandbox.script(Faults::default()).unwrap();
    lab.converge(&want).await;
    assert!(!is_locked(&lab));
}

/// One workspace that runs where its project says, in one of two projects.
fn heir_in(project: &str, auto_apply: bool) -> Desired {
    let workspace = format!("workspaces: {{ ws-002: {{ name: ws-002, runsOn: inherited, autoApply: {auto_apply} }} }}");
    let (here, there) = if project == "here" { (workspace.as_str(), "") } else { ("", workspace.as_str()) };
    lab::fleet(
        "heir.yaml",
        &format!(
            "fleet: lab\nhcp: {{ organization: example }}\n\
             projects:\n  here: {{ defaultRunsOn: cloud, {here} }}\n  there: {{ defaultRunsOn: local, {there} }}\n"
        ),
    )
}

#[tokio::test]
async fn all_but_the_move_is_repaired_while_the_move_waits() {
    let first = heir_in("here", false);
    let lab = Lab::new(&first).await;
    lab.converge(&first).await;
    let run = start_run(&lab);
    let want = heir_in("there", true);
    let plan = lab.plan(&want).await;
    assert_eq!(lines(&plan), ["change hcp/workspace/ws-002 [\"autoApply\"]"], "{:#?}", plan.waits);
    assert!(plan.waits.iter().any(|wait| wait.what.contains(&run)), "{:#?}", plan.waits);
    assert!(lab.apply(&plan).await.is_complete());
    let again = lab.plan(&want).await;
    assert!(again.actions.is_empty(), "{:#?}", lines(&again));
    lab.sandbox.with_world(|world| "applied".clone_into(&mut world.runs.get_mut(&run).unwrap().status));
    let moving = lab.plan(&want).await;
    let causes: Vec<_> = moving.actions.values().flat_map(|action| &action.changes).map(|it| &it.why.cause).collect();
    assert_eq!(causes, [&reconcile::plan::Cause::Spec], "{:#?}", lines(&moving));
    lab.converge(&want).await;
}
