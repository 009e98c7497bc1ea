//! Everything that a plan reads.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use reconcile::plan::Gap;
use reconcile::sandbox::World;
use reconcile::sandbox::faults::names::NAMES;
use reconcile::systems::hcp::desired::Desired;

use crate::stage::{Stage, lines, plan_of};
use crate::worlds::{first_day, neighbours, resume};
use crate::{Fate, complaint, endpoints, fate, impatient, misbehave};

/// Every endpoint that a plan reads, with the part of it that a message always has.
const ENDPOINTS: [(&str, &str); 14] = [
    ("GET organizations/example", "GET organizations/example"),
    ("GET organizations/example/agent-pools", "GET organizations/example/agent-pools"),
    ("GET organizations/example/oauth-clients", "GET organizations/example/oauth-clients"),
    ("GET organizations/example/organization-memberships", "GET organizations/example/organization-memberships"),
    ("GET organizations/example/projects", "GET organizations/example/projects"),
    ("GET organizations/example/varsets", "GET organizations/example/varsets"),
    ("GET organizations/example/workspaces", "GET organizations/example/workspaces"),
    ("GET projects/*/effective-tag-bindings", "/effective-tag-bindings"),
    ("GET projects/*/notification-configurations", "/notification-configurations"),
    ("GET varsets/*/relationships/vars", "/relationships/vars"),
    ("GET workspaces/*/effective-tag-bindings", "/effective-tag-bindings"),
    ("GET workspaces/*/notification-configurations", "/notification-configurations"),
    ("GET workspaces/*/relationships/remote-state-consumers", "/relationships/remote-state-consumers"),
    ("GET workspaces/*/vars", "/vars"),
];

/// A converged fleet that makes a plan read all of them, with the requests of one plan.
async fn converged() -> (World, Desired, BTreeSet<String>) {
    let stage = neighbours().await;
    let want = first_day();
    stage.converge(&want).await;
    stage.sandbox.take_requests();
    stage.plan(&want).await;
    let asked = endpoints(&stage.sandbox.take_requests());
    (stage.sandbox.snapshot(), want, asked)
}

/// The gaps that a fault leaves; what is planned in spite of it is wrong, since the fleet has converged.
async fn gaps(stage: &Stage, want: &Desired) -> Result<Vec<Gap>, String> {
    match stage.observe(want).await {
        Err(gap) => Ok(vec![gap]),
        Ok(seen) => {
            let gaps = seen.gaps();
            let plan = plan_of(want, seen);
            let wrong = lines(&plan);
            if !wrong.is_empty() {
                return Err(format!("{wrong:#?}"));
            }
            // A refusal does nothing, but only a word that nobody knows is a reason for one.
            if plan.refusals.iter().any(|refusal| !refusal.cause.contains("entangled")) {
                return Err(format!("{:#?}", plan.refusals));
            }
            Ok(gaps)
        }
    }
}

#[tokio::test]
async fn the_list_holds_every_endpoint_of_a_plan() {
    let (_, _, asked) = converged().await;
    let listed: BTreeSet<String> = ENDPOINTS.iter().map(|(endpoint, _)| (*endpoint).to_owned()).collect();
    assert_eq!(asked, listed);
}

/// Judges one name on one endpoint for as long as it lasts.
async fn lasting(world: World, want: &Desired, (on, endpoint): (&str, &str), name: &str) -> Vec<String> {
    let stage = resume(world, impatient(name)).await;
    misbehave(&stage, on, name, None);
    let case = |what: &str| format!("{name} on {on}: {what}");
    let gaps = match gaps(&stage, want).await {
        Ok(gaps) => gaps,
        Err(wrong) => return vec![case(&format!("a wrong action: {wrong}"))],
    };
    let says = match fate(name) {
        Fate::Fine if gaps.is_empty() => return Vec::new(),
        Fate::Fine => return vec![case(&format!("it was fine, and yet: {gaps:?}"))],
        Fate::Useless(_) if gaps.is_empty() => return vec![case("no gap")],
        Fate::Useless(says) => Some(says),
        Fate::Depends => None,
    };
    let judge = |gap: &Gap| {
        let wrong = complaint(&gap.cause, Some(endpoint), says, &gap.hint)
            .or((gap.follows.is_empty() || gap.doing.is_empty()).then_some("what follows?"))?;
        Some(case(&format!("{wrong} {gap:?}")))
    };
    gaps.iter().filter_map(judge).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_wrong_is_a_gap_that_names_endpoint_status_request_and_remedy() {
    let (world, want, _) = converged().await;
    let cases = ENDPOINTS.iter().flat_map(|endpoint| NAMES.iter().map(|known| (*endpoint, known.name)));
    let judged: Vec<Vec<String>> = futures::stream::iter(cases)
        .map(|(endpoint, name)| lasting(world.clone(), &want, endpoint, name))
        .buffer_unordered(4)
        .collect()
        .await;
    println!("{} names on {} endpoints: {} plans", NAMES.len(), ENDPOINTS.len(), judged.len());
    let complaints: Vec<String> = judged.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What goes by when it is asked again.
fn passes(name: &str) -> bool {
    let useless = matches!(fate(name), Fate::Useless(_));
    let lasts = [
        "unauthorized",
        "forbidden",
        "not-found",
        "not-found-texts",
        "not-found-page",
        "invalid",
        "login-page",
        "redirect",
        "huge",
        "timeout",
        "dribble",
    ];
    useless && !lasts.contains(&name)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_leaves_no_trace() {
    let (world, want, _) = converged().await;
    let cases: Vec<(&str, &str)> = ENDPOINTS
        .iter()
        .flat_map(|(on, _)| NAMES.iter().filter(|known| passes(known.name)).map(move |known| (*on, known.name)))
        .collect();
    let judged: Vec<Option<String>> = futures::stream::iter(cases)
        .map(async |(on, name)| {
            let stage = resume(world.clone(), impatient(name)).await;
            misbehave(&stage, on, name, Some(1));
            let gaps = gaps(&stage, &want).await;
            (gaps != Ok(Vec::new())).then(|| format!("{name} on {on}: {gaps:?}"))
        })
        .buffer_unordered(4)
        .collect()
        .await;
    let complaints: Vec<String> = judged.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
