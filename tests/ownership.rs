//! What stands on things that says whose they are, and what comes of it when a run goes wrong or somebody leaves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use lab::values::{env, fleet, plain, sensitive};
use lab::{Lab, failures, lines};
use reconcile::owner::{Content, Mark, Reading, TAG_KEY};
use reconcile::plan::{LetGo, Plan, Rule as Broken, release};
use reconcile::sandbox::World;
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use reconcile::spec::desired::Desired;
use reconcile::systems::Consent;
use reconcile::systems::hcp::desired::Scope;

const WITNESSES: &str = "reconcile-lab";

/// HCP refuses what matches.
fn refused(method: &str, path: &str) -> Faults {
    let rule = Rule {
        method: Some(method.to_owned()),
        path: Some(path.to_owned()),
        ..Rule::new(Fault::Status { code: 403, body: BodyKind::Jsonapi, headers: [].into() })
    };
    Faults { seed: 1, rules: vec![rule] }
}

async fn converged() -> (Lab, Desired) {
    let want = fleet(2, 2);
    let lab = Lab::new(&want).await;
    lab.converge(&want).await;
    (lab, want)
}

fn witnesses(lab: &Lab) -> usize {
    lab.sandbox.with_world(|world| {
        world.variable_sets.values().find(|set| set.name == WITNESSES).map_or(0, |set| set.variables.len())
    })
}

#[tokio::test]
async fn a_removal_that_is_refused_leaves_the_witness() {
    let (lab, want) = converged().await;
    let before = witnesses(&lab);
    let mut without = want.clone();
    without.hcp.workspaces.get_mut("ws-000").unwrap().variables.remove(&env("V0"));
    without.hcp.workspaces.remove("ws-001");
    without.hcp.pools.get_mut("nas").unwrap().stewardship.ignore = ["scope".to_owned()].into();
    let rules = ["workspaces/*/vars/*", "workspaces/*/actions/safe-delete"]
        .map(|path| refused("write", path).rules.remove(0))
        .into();
    lab.sandbox.script(Faults { seed: 1, rules }).unwrap();
    let report = lab.run(&without).await;
    assert_eq!(failures(&report).len(), 2, "{:#?}", failures(&report));
    lab.sandbox.script(Faults::default()).unwrap();
    assert_eq!(witnesses(&lab), before);
    assert_eq!(lines(&lab.plan(&want).await), [""; 0], "the values are still known to be the same");
}

#[tokio::test]
async fn a_witness_that_a_stopped_run_left_is_found_by_the_next_one() {
    let (lab, mut want) = converged().await;
    let before = witnesses(&lab);
    want.hcp.workspaces.get_mut("ws-000").unwrap().variables.remove(&env("V0"));
    lab.sandbox.script(refused("DELETE", "varsets/**")).unwrap();
    let report = lab.run(&want).await;
    assert_eq!(failures(&report).len(), 1, "{:#?}", failures(&report));
    lab.sandbox.script(Faults::default()).unwrap();
    assert_eq!(witnesses(&lab), before);
    let plan = lab.plan(&want).await;
    assert_eq!(lines(&plan), ["change hcp/variable-set/reconcile-lab/witnesses []"]);
    lab.converge(&want).await;
    assert_eq!(witnesses(&lab), before - 1);
}

#[tokio::test]
async fn what_was_let_go_is_forgotten_when_the_spec_no_longer_names_it() {
    let (lab, mut want) = converged().await;
    let before = witnesses(&lab);
    want.hcp.workspaces.get_mut("ws-001").unwrap().stewardship.released = true;
    lab.converge(&want).await;
    assert_eq!(witnesses(&lab), before, "its variables are still read");
    want.hcp.workspaces.remove("ws-001");
    let plan = lab.plan(&want).await;
    assert_eq!(lines(&plan), ["change hcp/variable-set/reconcile-lab/witnesses []"]);
    lab.converge(&want).await;
    assert_eq!(witnesses(&lab), before - 1);
}

#[tokio::test]
async fn no_witness_is_forgotten_where_variables_could_not_be_read() {
    let (lab, mut want) = converged().await;
    // Variables that come along with the list need no request of their own; here they do not come.
    lab.sandbox.with_world(|world| {
        let workspace = world.workspaces.values_mut().find(|it| it.name == "ws-001").unwrap();
        workspace.variables.retain(|_, variable| variable.key != "V0");
    });
    let mut seen = lab.observe(&want).await.unwrap();
    assert_eq!(
        lines(&lab::plan_of(&want, seen.clone(), &Consent::default())).len(),
        2,
        "created anew, and the old witness forgotten"
    );
    let gap = reconcile::plan::Gap {
        address: "hcp/workspace/ws-000".parse().unwrap(),
        doing: "reading its variables".to_owned(),
        cause: "502".to_owned(),
        follows: String::new(),
        hint: String::new(),
        expected: false,
    };
    seen.hcp.workspaces.seen_mut()[0].variables = reconcile::plan::Read::Unread(gap);
    want.hcp.variable_sets.clear();
    let plan = lab::plan_of(&want, seen, &Consent::default());
    let forgotten = "hcp/variable-set/reconcile-lab/witnesses".parse().unwrap();
    assert!(!plan.actions.contains_key(&forgotten), "{:#?}", lines(&plan));
}

/// What the mark of the project says that it holds.
fn held(lab: &Lab) -> Vec<Content> {
    lab.sandbox.with_world(|world| {
        let project = world.projects.values().find(|project| project.name == "main").unwrap();
        let Reading::Mark(mark) = Mark::read(&project.tags[TAG_KEY]) else { panic!("no mark: {:?}", project.tags) };
        mark.contents.into_iter().collect()
    })
}

fn reads_of_notifications(lab: &Lab) -> usize {
    let requests = lab.sandbox.take_requests();
    requests.iter().filter(|request| !request.is_write() && request.path.contains("notification")).count()
}

#[tokio::test]
async fn a_mark_speaks_of_notifications_until_the_last_is_gone() {
    let (lab, mut want) = converged().await;
    assert_eq!(held(&lab), [Content::Notifications]);
    want.hcp.projects.get_mut("main").unwrap().notifications.clear();
    lab.sandbox.script(refused("DELETE", "notification-configurations/*")).unwrap();
    let report = lab.run(&want).await;
    assert_eq!(failures(&report).len(), 2, "the mark waits for the removal: {:#?}", failures(&report));
    assert_eq!(held(&lab), [Content::Notifications], "else nobody would look for it again");
    lab.sandbox.script(Faults::default()).unwrap();
    lab.converge(&want).await;
    assert_eq!(held(&lab), []);
    lab.sandbox.take_requests();
    lab.plan(&want).await;
    assert_eq!(reads_of_notifications(&lab), 0);
}

#[tokio::test]
async fn a_newer_mark_stops_also_what_is_asked_for_alone() {
    let (lab, mut want) = converged().await;
    lab.sandbox.with_world(|world| {
        let workspace = world.workspaces.values_mut().find(|it| it.name == "ws-000").unwrap();
        workspace.tags.insert(TAG_KEY.to_owned(), "lab.workspace.9-anything".to_owned());
    });
    for name in ["ws-000", "ws-001"] {
        want.hcp.workspaces.get_mut(name).unwrap().variables.insert(env("V1"), plain("changed"));
    }
    for asked in ["hcp/workspace/ws-000/env/*", "hcp/workspace/ws-001"] {
        let mut plan = lab.plan(&want).await;
        let pattern: reconcile::address::Pattern = asked.parse().unwrap();
        plan.keep_only(|address| pattern.covers(address));
        assert!(plan.refusals.iter().any(|refusal| refusal.rule == Broken::NewerTool), "{asked}: {plan:#?}");
        assert!(lines(&plan).iter().all(|line| !line.contains("ws-000")), "{:#?}", lines(&plan));
    }
}

#[tokio::test]
async fn a_newer_mark_stops_what_is_replaced_and_what_is_let_go() {
    let (lab, want) = converged().await;
    lab.sandbox.with_world(|world| {
        let workspace = world.workspaces.values_mut().find(|it| it.name == "ws-000").unwrap();
        workspace.tags.insert(TAG_KEY.to_owned(), "lab.workspace.9-anything".to_owned());
    });
    let mut replacing = lab.plan(&want).await;
    replacing.keep_replacements(|address| address.as_str().starts_with("docker/"));
    let patterns = vec!["hcp/workspace/ws-001".parse().unwrap()];
    let letting_go = release_plan(&lab, &want, &LetGo { patterns, all: false }).await;
    for plan in [replacing, letting_go] {
        assert!(plan.refusals.iter().any(|refusal| refusal.rule == Broken::NewerTool), "{plan:#?}");
        assert!(lines(&plan).iter().all(|line| !line.contains("ws-000")), "{:#?}", lines(&plan));
    }
}

async fn release_plan(lab: &Lab, want: &Desired, what: &LetGo) -> Plan {
    release(want, &lab.look(want).await, what)
}

/// Everything in the organisation that says whose a thing is.
fn traces(world: &World) -> Vec<String> {
    let mut traces = Vec::new();
    for (id, tags) in world.workspaces.iter().map(|(id, it)| (id, &it.tags)) {
        traces.extend(tags.get(TAG_KEY).map(|mark| format!("{id} {mark}")));
    }
    for (id, tags) in world.projects.iter().map(|(id, it)| (id, &it.tags)) {
        traces.extend(tags.get(TAG_KEY).map(|mark| format!("{id} {mark}")));
    }
    let text = serde_json::to_string(world).unwrap();
    traces.extend(text.matches("[reconcile:").map(str::to_owned));
    traces.extend(text.matches("(lab)").map(str::to_owned));
    traces.extend(text.matches(WITNESSES).map(str::to_owned));
    traces
}

#[tokio::test]
async fn the_way_out_leaves_no_trace_and_the_way_back_is_open() {
    let (lab, mut want) = converged().await;
    let values = |world: &mut World| -> Vec<String> {
        world.workspaces.values().map(|it| format!("{} {:?}", it.name, it.variables.len())).collect()
    };
    let before = lab.sandbox.with_world(values);
    let all = LetGo { patterns: Vec::new(), all: true };
    let plan = release_plan(&lab, &want, &all).await;
    let report = lab.apply(&plan).await;
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
    assert_eq!(lab.sandbox.with_world(|world| traces(world)), [""; 0]);
    assert_eq!(lab.sandbox.with_world(values), before);
    assert!(release_plan(&lab, &want, &all).await.actions.is_empty());
    let plan = lab.plan(&want).await;
    let refused = plan.refusals.iter().filter(|refusal| refusal.rule == Broken::NotOurs).count();
    assert_eq!(refused, 4, "project, set and two workspaces: {:#?}", plan.refusals);
    want.hcp.organization.stewardship.adopt = true;
    lab.converge(&want).await;
}

#[tokio::test]
async fn the_witnesses_stay_while_a_mark_could_not_be_taken_off() {
    let (lab, want) = converged().await;
    let before = witnesses(&lab);
    let plan = release_plan(&lab, &want, &LetGo { patterns: Vec::new(), all: true }).await;
    lab.sandbox.script(refused("PATCH", "workspaces/*")).unwrap();
    let report = lab.apply(&plan).await;
    assert!(!failures(&report).is_empty());
    assert_eq!(witnesses(&lab), before);
    lab.sandbox.script(Faults::default()).unwrap();
    let rest = release_plan(&lab, &want, &LetGo { patterns: Vec::new(), all: true }).await;
    lab.apply(&rest).await;
    assert_eq!(lab.sandbox.with_world(|world| traces(world)), [""; 0]);
}

#[tokio::test]
async fn what_is_made_with_its_project_knows_it_by_its_id() {
    let mut want = fleet(1, 0);
    let lab = Lab::new(&want).await;
    want.hcp.workspaces.get_mut("ws-000").unwrap().variables.insert(env("TOKEN"), sensitive("TOKEN"));
    lab.converge(&want).await;
    let mut other = want.hcp.projects["main"].clone();
    other.notifications.clear();
    want.hcp.projects.insert("other".to_owned(), other);
    lab.converge(&want).await;
    let cause = |plan: &Plan| {
        let action = &plan.actions[&"hcp/workspace/ws-000".parse().unwrap()];
        action.changes.iter().find(|change| change.field == "project").unwrap().why.cause.clone()
    };
    let mut moved = want.clone();
    moved.hcp.workspaces.get_mut("ws-000").unwrap().project = Some("other".to_owned());
    assert_eq!(cause(&lab.plan(&moved).await), reconcile::plan::Cause::Spec);
    lab.sandbox.with_world(|world| {
        let other = world.projects.iter().find(|(_, it)| it.name == "other").unwrap().0.clone();
        world.workspaces.values_mut().next().unwrap().project = other;
    });
    assert_eq!(cause(&lab.plan(&want).await), reconcile::plan::Cause::Drift);
}

/// What is left of ours: names, witnesses, and what the project's mark speaks of.
fn left(lab: &Lab) -> Vec<String> {
    let mut left = lab.sandbox.with_world(|world| {
        let mut names: Vec<String> =
            world.notifications.values().map(|it| format!("notification {}", it.name)).collect();
        for workspace in world.workspaces.values() {
            let keys = workspace.variables.values().map(|it| format!("{}/{}", workspace.name, it.key));
            names.extend(keys.chain([format!(
                "{} read by {}",
                workspace.name,
                workspace.remote_state_consumers.len()
            )]));
        }
        names.extend(world.variable_sets.values().map(|it| format!("{} of {}", it.name, it.variables.len())));
        names.sort();
        names
    });
    left.push(format!("{:?}", held(lab)));
    left
}

/// Plans and applies until nothing is left to do.
async fn settle(lab: &Lab, want: &Desired) -> usize {
    for runs in 0..=3 {
        let plan = lab.plan(want).await;
        assert!(plan.refusals.is_empty() && plan.gaps.is_empty(), "{plan:#?}");
        if plan.is_empty() {
            return runs;
        }
        lab.apply(&plan).await;
    }
    panic!("not settled: {:#?}", lines(&lab.plan(want).await));
}

#[tokio::test]
async fn a_run_that_takes_things_away_may_stop_anywhere() {
    let (lab, mut want) = converged().await;
    want.hcp.workspaces.get_mut("ws-000").unwrap().consumers = Some(["ws-001".to_owned()].into());
    lab.converge(&want).await;
    let world = lab.sandbox.snapshot();
    let resumed = async || Lab::around(reconcile::sandbox::Sandbox::resume(world.clone()).await.unwrap(), &want).await;
    let mut less = want.clone();
    less.hcp.projects.get_mut("main").unwrap().notifications.clear();
    less.hcp.variable_sets.clear();
    less.hcp.workspaces.remove("ws-001");
    less.hcp.pools.get_mut("nas").unwrap().scope = Scope::Some { projects: [].into(), workspaces: [].into() };
    let kept = less.hcp.workspaces.get_mut("ws-000").unwrap();
    kept.consumers = None;
    kept.variables.insert(env("V0"), plain("no secret any more"));
    kept.variables.insert(env("V2"), sensitive("NEW"));
    let whole = resumed().await;
    whole.sandbox.take_requests();
    assert_eq!(settle(&whole, &less).await, 1, "one run takes all of it away");
    let writes = whole.sandbox.take_requests().iter().filter(|request| request.is_write()).count() as u64;
    let end = left(&whole);
    assert!(writes > 10 && end.contains(&"[]".to_owned()), "{writes} {end:?}");
    for after in 0..=writes {
        let lab = resumed().await;
        let mut dead = Rule::new(Fault::Reset);
        dead.method = Some("write".to_owned());
        dead.from = Some(after + 1);
        let plan = lab.plan(&less).await;
        lab.sandbox.script(Faults { seed: 0, rules: vec![dead] }).unwrap();
        lab.apply(&plan).await;
        lab.sandbox.script(Faults::default()).unwrap();
        let runs = settle(&lab, &less).await;
        assert_eq!(left(&lab), end, "stopped after {after} writes, settled after {runs} runs");
    }
}

#[tokio::test]
async fn the_mark_of_a_project_does_not_speak_of_tags_that_are_ignored() {
    let spec = |description: &str| {
        lab::fleet(
            "ignoring.yaml",
            &format!(
                "fleet: lab\nhcp: {{ organization: example }}\nprojects:\n  main:\n    description: {description}\n    \
                 tags: [spec]\n    ignore: [tags]\n"
            ),
        )
    };
    let lab = Lab::new(&spec("old")).await;
    lab.converge(&spec("old")).await;
    lab.sandbox.with_world(|world| {
        let project = world.projects.values_mut().find(|it| it.name == "main").unwrap();
        project.tags.remove("spec");
    });
    let plan = lab.plan(&spec("new")).await;
    let causes: Vec<_> = plan.actions.values().flat_map(|action| &action.changes).map(|it| &it.why.cause).collect();
    assert_eq!(causes, [&reconcile::plan::Cause::Spec], "{:#?}", lines(&plan));
    lab.converge(&spec("new")).await;
}

/// Between the plan and the removal a person may think for an hour.
#[tokio::test]
async fn what_lost_its_mark_since_the_plan_is_not_removed() {
    let (lab, mut want) = converged().await;
    want.hcp.workspaces.clear();
    want.hcp.projects.clear();
    want.hcp.variable_sets.clear();
    let plan = lab.plan(&want).await;
    let removed = lines(&plan).iter().filter(|line| line.starts_with("remove ")).count();
    lab.sandbox.with_world(|world| {
        world.workspaces.values_mut().for_each(|it| drop(it.tags.remove(TAG_KEY)));
        world.projects.values_mut().for_each(|it| drop(it.tags.remove(TAG_KEY)));
        world.variable_sets.values_mut().for_each(|it| it.description.clear());
    });
    let before = lab.sandbox.snapshot();
    let report = lab.apply(&plan).await;
    let said = failures(&report).iter().filter(|it| it.contains("no longer carries this fleet's mark")).count();
    let world = lab.sandbox.snapshot();
    assert_eq!(world.workspaces.len(), before.workspaces.len(), "{:#?}", failures(&report));
    assert_eq!(world.variable_sets.len(), before.variable_sets.len(), "{:#?}", failures(&report));
    assert_eq!(world.projects.len(), before.projects.len(), "{:#?}", failures(&report));
    assert!(removed > 2 && said > 2, "{removed} {:#?}", failures(&report));
}

/// The list may have shown only a part, or another run may have been faster: neither was somebody else.
#[tokio::test]
async fn what_is_ours_and_was_in_no_list_is_not_called_somebody_elses() {
    let fleet = |color: &str| {
        let text = format!(
            "fleet: lab\nhcp: {{ organization: example-house }}\nprojects:\n  main:\n    workspaces:\n      \
             dns: {{ name: dns, runsOn: local, tags: [{color}] }}\n"
        );
        lab::fleet("fleet.yaml", &text)
    };
    let (want, other) = (fleet("red"), fleet("blue"));
    let lab = Lab::new(&want).await;
    let plan = lab.plan(&want).await;
    lab.converge(&other).await;
    let failures = lab::failures(&lab.apply(&plan).await).join("\n");
    assert!(failures.contains("carries this fleet's mark"), "{failures}");
    assert!(!failures.contains("somebody else"), "{failures}");
}
