//! One situation: a world, what is wanted of it, and how it looks when that is done without a disturbance.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::{CreateContainerOptions, CreateImageOptions, StartContainerOptions};
use futures::TryStreamExt as _;
use jiff::SignedDuration;
use reconcile::http::Policy;
use reconcile::owner::Suffix;
use reconcile::plan::Plan;
use reconcile::report::Report;
use reconcile::sandbox::world::{AgentToken, Sealed};
use reconcile::sandbox::{Sandbox, World};
use reconcile::spec::desired::Desired;
use reconcile::systems::docker::labels;
use serde::Serialize;

use super::fleets::Situation;
use super::lab::neighbours::{self, THEIRS};
use super::lab::picture::{expect_alike, picture};
use super::lab::{self, Lab};
use super::watch::{Seen, Watch, expect_one_word, held, told};

/// Runs that a world may take to settle.
pub const MOST_RUNS: usize = 3;
/// Longer than the time for which a token that reached nobody is left alone, in minutes.
const GRACE: i64 = 61;

/// The label of the first caller, on HCP's side and on the engine's.
pub const FIRST: &str = "sandbox";

/// As in other tests, but for the two moments that race with each other: a runner who watches a container, and one who is
/// about to ask it to end.
pub fn policy() -> Policy {
    Policy {
        connect_timeout: Duration::from_secs(30),
        request_timeout: Duration::from_secs(30),
        watch: Duration::from_secs(1),
        patience: Duration::from_secs(3),
        ..Policy::test()
    }
}

pub struct Case {
    pub name: &'static str,
    pub start: World,
    pub want: Desired,
    pub plan: Plan,
    /// Writes of the run that nobody disturbs.
    pub writes: u64,
    /// All its requests.
    pub requests: usize,
    end: Vec<String>,
    others: BTreeMap<String, String>,
}

/// What came of one disturbed history.
#[derive(Clone, Copy, Debug, Default)]
pub struct Played {
    pub runs: usize,
    pub adrift: usize,
}

impl Case {
    pub async fn new(situation: Situation) -> Self {
        let Situation { name, before, want, meanwhile, .. } = situation;
        let first = before.as_ref().unwrap_or(&want);
        let lab = Lab::new(first).await.through_own_doors(FIRST, &policy(), first).await;
        lab.sandbox.with_world(neighbours::move_in);
        for host in first.docker.targets.keys() {
            move_in(&lab.sandbox, host).await;
        }
        if let Some(before) = &before {
            lab.converge_one_by_one(before).await;
        }
        lab.sandbox.with_world(|world| {
            stray_tokens(world);
            meanwhile(world);
        });
        Self::of(name, lab.sandbox.snapshot(), want).await
    }

    pub async fn of(name: &'static str, start: World, want: Desired) -> Self {
        let others = of_others(&start, &want);
        let lab = resume(&start, &want).await;
        let plan = lab.plan(&want).await;
        let mut case = Self { name, start, want, plan, writes: 0, requests: 0, end: Vec::new(), others };
        let watch = Watch::begin(&lab.sandbox, &case.want);
        let looked = lab.sandbox.requests().len();
        lab.apply_one_by_one(&case.plan).await;
        case.writes = lab.writes() as u64;
        case.requests = lab.sandbox.requests().len() - looked;
        let how = format!("{name}, undisturbed");
        settle(&lab, &case.want, &how).await;
        later(&lab, &case.want, &how).await;
        case.end = whole_picture(&lab.sandbox.snapshot(), &case.want);
        case.is_as_at_the_end(&lab, &watch.end(&how), &how);
        case
    }

    /// Disturbs the world, and runs until it is settled: at once or after a pause, and once more when every token that
    /// reached nobody is old.
    pub async fn play(&self, pause: i64, how: String, disturb: impl AsyncFnOnce(&Lab) -> Vec<Report>) -> Played {
        let how = format!("{}, {how}, {pause} min later", self.name);
        let lab = resume(&self.start, &self.want).await;
        let watch = Watch::begin(&lab.sandbox, &self.want);
        let reports = disturb(&lab).await;
        lab.sandbox.advance(SignedDuration::from_mins(pause));
        let runs = settle(&lab, &self.want, &how).await;
        later(&lab, &self.want, &how).await;
        let seen = watch.end(&how);
        for report in &reports {
            seen.expect_silent(&format!("{report:?}"), &how);
        }
        self.is_as_at_the_end(&lab, &seen, &how);
        Played { runs, adrift: seen.adrift }
    }

    fn is_as_at_the_end(&self, lab: &Lab, seen: &Seen, how: &str) {
        let world = lab.sandbox.snapshot();
        let requests = lab.sandbox.requests();
        assert!(seen.harm.is_empty(), "{how}: {:#?} {}", seen.harm, told(&requests));
        expect_one_word(&requests, how);
        expect_alike(&whole_picture(&world, &self.want), &self.end, how);
        assert_eq!(of_others(&world, &self.want), self.others, "{how}: things of others");
        let suffix = Suffix::description(&self.want.hcp.fleet);
        let ours = world.agent_tokens.iter().filter(|(_, token)| suffix.take(&token.description).is_some());
        let ours: BTreeSet<String> = ours.map(|(id, _)| id.clone()).collect();
        assert_eq!(ours, held(&world), "{how}: tokens of ours, and those that are held {}", told(&requests));
        for container in world.engines.values().flat_map(|engine| engine.containers.values()) {
            assert_eq!(
                container.agent_token.as_ref(),
                container.labels.get(labels::TOKEN),
                "{how}: {}",
                container.name
            );
        }
        for (id, run) in &world.runs {
            assert_eq!(run.status, "applied", "{how}: {id} {}", told(&requests));
        }
        seen.expect_silent(&serde_json::to_string(&world).unwrap(), how);
    }
}

pub async fn resume(world: &World, want: &Desired) -> Lab {
    let sandbox = Sandbox::resume(world.clone()).await.expect("the sandbox starts");
    Lab::around(sandbox, want).await.through_own_doors(FIRST, &policy(), want).await
}

/// Runs until there is nothing to do but to wait until a token is old, and says how many runs that took. What waits for a
/// job, or for HCP to give an agent up, is given the time.
pub async fn settle(lab: &Lab, want: &Desired, how: &str) -> usize {
    let (mut runs, mut waited) = (0, 0);
    loop {
        let lab = lab.anew(&policy(), want).await;
        let plan = lab.plan(want).await;
        let shown = || format!("{:#?} {:#?} {}", lab::lines(&plan), plan.waits, told(&lab.sandbox.requests()));
        assert!(plan.refusals.is_empty() && plan.gaps.is_empty(), "{how}: {:#?} {:#?}", plan.refusals, plan.gaps);
        expect_no_value(&plan, how);
        if plan.actions.is_empty() {
            let for_age = ["reached nobody", "nobody holds them", "nothing that was seen holds it"];
            if plan.waits.iter().all(|wait| for_age.iter().any(|words| wait.what.contains(words))) {
                return runs;
            }
            waited += 1;
            assert!(waited <= 8, "{how}: waits and waits: {}", shown());
            lab.sandbox.advance(SignedDuration::from_mins(3));
            continue;
        }
        assert!(runs < MOST_RUNS, "{how}: not settled after {runs} runs: {}", shown());
        let report = lab.apply(&plan).await;
        runs += 1;
        assert!(!format!("{report:?}").contains(".atlasv1."), "{how}: the report of a run");
    }
}

/// Settles again, when all that was adrift is old.
async fn later(lab: &Lab, want: &Desired, how: &str) {
    lab.sandbox.advance(SignedDuration::from_mins(GRACE));
    settle(lab, want, &format!("{how}, an hour later")).await;
    let plan = lab.anew(&policy(), want).await.plan(want).await;
    assert!(plan.is_empty(), "{how}: an hour later: {:#?} {:#?}", lab::lines(&plan), plan.waits);
}

fn expect_no_value(plan: &Plan, how: &str) {
    let text = serde_json::to_string(plan).expect("plain data");
    assert!(!text.contains(".atlasv1."), "{how}: a plan");
    let Plan { fleet: _, actions, .. } = plan;
    assert!(!format!("{actions:?}").contains(".atlasv1."), "{how}: a plan for whoever debugs it");
}

/// Puts a container, a network and a volume of others beside ours, and a container into the project that is ours.
async fn move_in(sandbox: &Sandbox, host: &str) {
    let address = sandbox.engine_address(host).expect("the host");
    let docker = Docker::connect_with_http(&address, 5, bollard::API_DEFAULT_VERSION).expect("an address");
    let image = "hashicorp/tfc-agent:1.28.0";
    let options = CreateImageOptions { from_image: Some(image.to_owned()), ..CreateImageOptions::default() };
    docker.create_image(Some(options), None, None).try_collect::<Vec<_>>().await.expect("the image");
    let request = NetworkCreateRequest { name: THEIRS.to_owned(), ..NetworkCreateRequest::default() };
    docker.create_network(request).await.expect("a network");
    let request = VolumeCreateRequest { name: Some(THEIRS.to_owned()), ..VolumeCreateRequest::default() };
    docker.create_volume(request).await.expect("a volume");
    for (name, project) in [(THEIRS, "another"), ("theirs-beside-ours", "hcp-agents")] {
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            entrypoint: Some(vec!["sleep".to_owned()]),
            labels: Some([(labels::PROJECT.to_owned(), project.to_owned())].into()),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptions { name: Some(name.to_owned()), ..CreateContainerOptions::default() };
        let made = docker.create_container(Some(options), body).await.expect("a container");
        docker.start_container(&made.id, None::<StartContainerOptions>).await.expect("it starts");
    }
}

/// Puts tokens of others into every pool: one that nobody marked, and one of another fleet that says it is for our agent.
fn stray_tokens(world: &mut World) {
    for pool in world.agent_pools.keys().cloned().collect::<Vec<_>>() {
        for description in ["of somebody else", "docker/nas/hcp-agents-nas-1 [reconcile:another]"] {
            let id = world.mint("at");
            let token = AgentToken {
                pool: pool.clone(),
                description: description.to_owned(),
                secret: Sealed::new(&id, "theirs"),
                created_at: world.now,
                last_used_at: None,
            };
            world.agent_tokens.insert(id, token);
        }
    }
}

/// All that others have, to the byte.
fn of_others(world: &World, want: &Desired) -> BTreeMap<String, String> {
    let mut all = neighbours::of_others(world);
    let suffix = Suffix::description(&want.hcp.fleet);
    // A pool that is to go takes all of its tokens along.
    let goes = |pool: &str| want.hcp.pools.get(pool).is_some_and(|pool| pool.stewardship.absent);
    let goes = |id: &str| world.agent_pools.get(id).is_none_or(|pool| goes(&pool.name));
    for (id, token) in &world.agent_tokens {
        if suffix.take(&token.description).is_none() && !goes(&token.pool) {
            all.insert(format!("token {id}"), text(token));
        }
    }
    for engine in world.engines.values() {
        let containers = engine.containers.iter().filter(|(_, it)| it.name.starts_with(THEIRS));
        all.extend(containers.map(|(id, it)| (format!("container {id}"), text(it))));
        let networks = engine.networks.iter().filter(|(_, it)| it.name == THEIRS || it.is_predefined());
        all.extend(networks.map(|(id, it)| (format!("network {id}"), text(it))));
        let volumes = engine.volumes.iter().filter(|(name, _)| *name == THEIRS);
        all.extend(volumes.map(|(id, it)| (format!("volume {id}"), text(it))));
    }
    all
}

fn text(thing: &impl Serialize) -> String {
    serde_json::to_string(thing).expect("plain data")
}

/// HCP's side and the hosts', without what differs from run to run.
fn whole_picture(world: &World, want: &Desired) -> Vec<String> {
    let mut bare = world.clone();
    bare.workspaces.values_mut().for_each(|workspace| workspace.current_run = None);
    let mut lines = picture(&bare);
    for (host, engine) in &world.engines {
        let ours = |labels: &BTreeMap<String, String>| labels::is_ours(labels, &want.docker.fleet);
        for container in engine.containers.values().filter(|it| ours(&it.labels)) {
            let mut labels = container.labels.clone();
            labels.remove(labels::TOKEN);
            let environment = container.environment.iter().filter(|it| it.name != "TFC_AGENT_NAME");
            let environment: Vec<_> = environment.map(|it| (&it.name, &it.value)).collect();
            lines.push(format!(
                "container {host}/{}: {} {} {:?} {labels:?} {environment:?} {:?}",
                container.name,
                container.image,
                if container.status.is_alive() { "runs" } else { "rests" },
                container.networks.keys(),
                container.host_config,
            ));
        }
        for network in engine.networks.values().filter(|it| ours(&it.labels)) {
            lines.push(format!("network {host}/{}: {:?}", network.name, network.labels));
        }
        for (name, volume) in engine.volumes.iter().filter(|(_, it)| it.labels.as_ref().is_some_and(ours)) {
            lines.push(format!("volume {host}/{name}: {:?}", volume.labels));
        }
    }
    lines.sort();
    lines
}
