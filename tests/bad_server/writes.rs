//! Everything that an apply asks, reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use reconcile::http::Policy;
use reconcile::sandbox::World;
use reconcile::sandbox::faults::names::NAMES;
use reconcile::spec::desired::Desired;

use crate::lab::{Lab, failures, lines};
use crate::worlds::{first_day, foreign, inventory, neighbours, next_day, resume};
use crate::{Fate, behave, complaint, endpoints, fate, impatient, misbehave};

/// Every endpoint that the first apply asks.
const FIRST: [&str; 15] = [
    "GET organizations/example/organization-memberships",
    "GET projects/*/notification-configurations",
    "GET workspaces/*/notification-configurations",
    "PATCH agent-pools/*",
    "PATCH varsets/*",
    "PATCH workspaces/*",
    "PATCH workspaces/*/relationships/remote-state-consumers",
    "POST organizations/example/agent-pools",
    "POST organizations/example/projects",
    "POST organizations/example/varsets",
    "POST organizations/example/workspaces",
    "POST projects/*/notification-configurations",
    "POST varsets/*/relationships/vars",
    "POST workspaces/*/notification-configurations",
    "POST workspaces/*/vars",
];

/// Every endpoint that an apply of changes asks.
const LATER: [&str; 16] = [
    "DELETE notification-configurations/*",
    "DELETE varsets/*",
    "DELETE varsets/*/relationships/vars/*",
    "DELETE workspaces/*/vars/*",
    "GET varsets/*",
    "GET workspaces/*",
    "GET workspaces/*/effective-tag-bindings",
    "PATCH agent-pools/*",
    "PATCH notification-configurations/*",
    "PATCH projects/*",
    "PATCH workspaces/*",
    "PATCH workspaces/*/relationships/remote-state-consumers",
    "POST workspaces/*/actions/lock",
    "POST workspaces/*/actions/safe-delete",
    "POST workspaces/*/actions/unlock",
    "POST workspaces/*/vars",
];

struct Scene {
    /// The organisation before.
    before: World,
    want: Desired,
    /// What is there after an apply that nothing disturbs.
    end: Vec<String>,
    foreign: BTreeMap<String, serde_json::Value>,
    asked: BTreeSet<String>,
}

async fn scene(steps: &[Desired]) -> Scene {
    let lab = neighbours().await;
    let (want, before) = steps.split_last().unwrap();
    for step in before {
        lab.converge(step).await;
    }
    let before = lab.sandbox.snapshot();
    let plan = lab.plan(want).await;
    lab.sandbox.take_requests();
    let report = lab.apply(&plan).await;
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
    let asked = endpoints(&lab.sandbox.take_requests());
    lab.converge(want).await;
    let after = lab.sandbox.snapshot();
    Scene { want: want.clone(), end: inventory(&after), foreign: foreign(&before), before, asked }
}

/// Applies while one endpoint misbehaves, then once more when it does not; what is wrong with that.
async fn judge(scene: &Scene, on: &str, name: &str, times: Option<u64>) -> Vec<String> {
    let Scene { before, want, end, foreign: theirs, asked: _ } = scene;
    let lab = resume(before.clone(), Policy::test()).await;
    let often = if times.is_some() { "once" } else { "always" };
    let case = |what: &str, details: &str| format!("{name} {often} on {on}: {what} {details}");
    let mut wrong = Vec::new();
    let plan = lab.plan(want).await;
    let lab = lab.with_policy(&impatient(name), want).await;
    misbehave(&lab, on, name, times);
    let report = lab.apply(&plan).await;
    behave(&lab);
    let lab = lab.with_policy(&Policy::test(), want).await;
    let failed = failures(&report);
    if fate(name) == Fate::Fine && !failed.is_empty() {
        wrong.push(case("it was fine, and yet", &format!("{failed:?}")));
    }
    for failure in failed.iter().filter(|failure| !failure.contains(" skipped after ")) {
        let (text, remedy) = failure.rsplit_once("; hint: ").unwrap();
        wrong.extend(complaint(text, None, None, remedy).map(|complaint| case(complaint, failure)));
    }
    let second = lab.run(want).await;
    if !failures(&second).is_empty() {
        wrong.push(case("the next run fails", &format!("{:?}", failures(&second))));
    }
    wrong.extend(left_over(&lab, want).await.map(|left| case("the run after that is not empty", &left)));
    let after = lab.sandbox.snapshot();
    let differ = difference(&inventory(&after), end);
    if !differ.is_empty() {
        wrong.push(case("another end", &format!("{differ:?}")));
    }
    if foreign(&after) != *theirs {
        wrong.push(case("somebody else's things were touched", ""));
    }
    wrong
}

/// What one list has more or less often than another.
fn difference(names: &[String], end: &[String]) -> Vec<String> {
    let count = |list: &[String], name: &String| list.iter().filter(|other| *other == name).count();
    let all: BTreeSet<&String> = names.iter().chain(end).collect();
    all.into_iter()
        .map(|name| (name, count(names, name), count(end, name)))
        .filter(|(_, here, there)| here != there)
        .map(|(name, here, there)| format!("{name}: {here} instead of {there}"))
        .collect()
}

async fn left_over(lab: &Lab, want: &Desired) -> Option<String> {
    let plan = lab.plan(want).await;
    let (lines, waits) = (lines(&plan), &plan.waits);
    let empty = lines.is_empty() && waits.is_empty() && plan.gaps.is_empty() && plan.refusals.is_empty();
    (!empty).then(|| format!("{lines:?} {waits:?} {:?} {:?}", plan.gaps, plan.refusals))
}

async fn misbehave_everywhere(scene: &Scene, listed: &[&str]) {
    let listed: BTreeSet<String> = listed.iter().map(|endpoint| (*endpoint).to_owned()).collect();
    assert_eq!(scene.asked, listed, "the list of endpoints");
    let cases = listed.iter().flat_map(|on| {
        let names = NAMES.iter().map(|known| known.name);
        names.flat_map(move |name| [(on.as_str(), name, Some(1)), (on.as_str(), name, None)])
    });
    let judged: Vec<Vec<String>> = futures::stream::iter(cases)
        .map(|(on, name, times)| judge(scene, on, name, times))
        .buffer_unordered(4)
        .collect()
        .await;
    println!("{} names on {} endpoints: {} applies", NAMES.len(), listed.len(), judged.len());
    let complaints: Vec<String> = judged.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_apply_that_is_answered_wrongly_arrives_in_one_more_run() {
    misbehave_everywhere(&scene(&[first_day()]).await, &FIRST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_apply_that_is_answered_wrongly_arrives_in_one_more_run() {
    misbehave_everywhere(&scene(&[first_day(), next_day()]).await, &LATER).await;
}
