//! The fleet of one pool, one agent and one workspace, as it is before and after each kind of change.

use jiff::SignedDuration;
use reconcile::sandbox::World;
use reconcile::sandbox::world::{Container, Run, Status};
use reconcile::spec::desired::Desired;

use super::lab::fleet;

/// The one workspace.
pub const WORKSPACE: &str = "one";
/// The one host.
pub const HOST: &str = "nas";
const POOL: &str = "nas";
/// The name that the one agent's container works under.
pub const CONTAINER: &str = "hcp-agents-nas-1";
/// What somebody calls it later.
const RENAMED: &str = "nas-of-the-house";
const OLD: &str = "1.28.1";
const NEW: &str = "1.29.0";

/// What is there, what is wanted of it, and what happened to it in between.
pub struct Situation {
    pub name: &'static str,
    /// What this fleet has converged to; nothing of it is there without.
    pub before: Option<Desired>,
    pub want: Desired,
    /// What somebody, or time, did to it.
    pub meanwhile: fn(&mut World),
    /// The workspace is on the pool all the time, so that a run of it may come at any moment.
    pub works: bool,
}

/// How the fleet of a situation is.
#[derive(Clone, Copy)]
struct Is {
    tier: &'static str,
    min: u32,
    image: &'static str,
    pool: Pool,
    pool_name: &'static str,
    host: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Pool {
    There,
    Absent,
    Forgotten,
}

impl Is {
    const fn always(tier: &'static str) -> Self {
        Self { tier, min: 1, image: NEW, pool: Pool::There, pool_name: POOL, host: true }
    }

    const fn on_demand() -> Self {
        Self { min: 0, ..Self::always("free") }
    }

    fn desired(self) -> Desired {
        let Self { tier, min, image, pool, pool_name, host } = self;
        let place = if pool == Pool::There { "nas" } else { "cloud" };
        let pool = match pool {
            Pool::Forgotten => "{}".to_owned(),
            pool => pools(pool_name, min, image, pool == Pool::Absent),
        };
        fleet("handoff.yaml", &text(tier, host, &pool, place))
    }
}

fn text(tier: &str, host: bool, pools: &str, place: &str) -> String {
    format!(
        "fleet: handoff\n\
         hcp: {{ organization: example-house, tier: {tier} }}\n\
         targets: {{ nas: {{ absent: {}, docker: {{ project: hcp-agents }} }} }}\n\
         pools: {pools}\n\
         projects: {{ main: {{ workspaces: {{ one: {{ runsOn: {place}, autoApply: true }} }} }} }}\n",
        !host
    )
}

fn pools(name: &str, min: u32, image: &str, absent: bool) -> String {
    format!(
        "{{ nas: {{ name: {name}, target: nas, longestApply: 1h, rotateAfter: 30d, absent: {absent}, \
         agents: {{ min: {min}, max: 1, image: \"hashicorp/tfc-agent:{image}\" }} }} }}"
    )
}

/// The spec of this fleet for whoever reads files.
pub fn spec_text(tier: &str, min: u32, image: &str) -> String {
    text(tier, true, &pools(POOL, min, image, false), "nas")
}

fn nothing(_: &mut World) {}

/// Queues a run of the one workspace, unless one is under way.
pub fn queue(world: &mut World) {
    let workspace = world.workspace_named(WORKSPACE).expect("the workspace").to_owned();
    if world.runs.values().all(Run::is_final) {
        world.start_run(&workspace, "plan_queued").expect("a run");
    }
}

/// The agent takes a job that takes longer than a run of ours has patience.
pub fn at_work(world: &mut World) {
    world.switches.job_seconds = 600;
    queue(world);
}

fn passes(world: &mut World, time: SignedDuration) {
    world.now = world.now.checked_add(time).expect("a time");
}

/// The labels of the container go on saying what the pool was called.
fn pool_renamed(world: &mut World) {
    let pool = world.agent_pools.values_mut().find(|it| it.name == POOL).expect("the pool");
    RENAMED.clone_into(&mut pool.name);
}

fn pool_renamed_and_at_work(world: &mut World) {
    pool_renamed(world);
    at_work(world);
}

fn a_month_passes(world: &mut World) {
    passes(world, SignedDuration::from_hours(31 * 24));
}

/// A job is done and its agent idle for longer than the cooldown.
fn a_job_was_done(world: &mut World) {
    queue(world);
    start(world);
    world.settle();
    for _ in 0..4 {
        passes(world, SignedDuration::from_mins(5));
        world.settle();
    }
}

fn live(world: &mut World) -> &mut Container {
    let containers = &mut world.engines.get_mut(HOST).expect("the host").containers;
    containers.values_mut().find(|it| it.name == CONTAINER).expect("the container")
}

fn place(world: &World) -> (String, String) {
    let mut containers = world.engines[HOST].containers.iter();
    let id = containers.find(|(_, it)| it.name == CONTAINER).expect("the container").0;
    (HOST.to_owned(), id.clone())
}

fn start(world: &mut World) {
    let (place, now) = (place(world), world.now);
    world.begin(&place, now);
}

fn token_revoked(world: &mut World) {
    world.agent_tokens.clear();
}

fn stopped(world: &mut World) {
    let (place, now) = (place(world), world.now);
    live(world).ended_by_hand = true;
    world.signal(&place, 15, now);
    assert_eq!(live(world).status, Status::Exited);
}

/// `docker rm -f`
fn removed(world: &mut World) {
    let (place, now) = (place(world), world.now);
    live(world).ended_by_hand = true;
    world.end(&place, 137, now);
    world.engines.get_mut(HOST).expect("the host").containers.remove(&place.1);
}

fn network_deleted(world: &mut World) {
    let engine = world.engines.get_mut(HOST).expect("the host");
    engine.networks.retain(|_, network| network.name != "hcp-agents_default");
}

fn network_deleted_and_a_run_queued(world: &mut World) {
    network_deleted(world);
    queue(world);
}

/// All of them.
pub fn situations() -> Vec<Situation> {
    let (always, on_demand) = (Is::always("free"), Is::on_demand());
    let roomy = Is::always("standard");
    let old = |is: Is| Some(Is { image: OLD, ..is }.desired());
    let make = |name, before: Option<Desired>, want: Is, meanwhile| Situation {
        name,
        works: before.is_some() && want.pool == Pool::There && want.host,
        before,
        want: want.desired(),
        meanwhile,
    };
    let same = |name, is: Is, meanwhile| make(name, Some(is.desired()), is, meanwhile);
    vec![
        make("first apply, on demand", None, on_demand, nothing),
        make("first apply, always", None, always, nothing),
        same("rotation, stopped", on_demand, a_month_passes),
        same("rotation, running, one slot", always, a_month_passes),
        same("rotation, running, several slots", roomy, a_month_passes),
        make("upgrade, stopped", old(on_demand), on_demand, nothing),
        make("upgrade, idle, one slot", old(always), always, nothing),
        make("upgrade, idle, several slots", old(roomy), roomy, nothing),
        make("upgrade, busy, one slot", old(always), always, at_work),
        make("upgrade, busy, several slots", old(roomy), roomy, at_work),
        make("pool leaves the spec", Some(always.desired()), Is { pool: Pool::Forgotten, ..always }, nothing),
        make("pool leaves the spec, busy", Some(always.desired()), Is { pool: Pool::Forgotten, ..always }, at_work),
        make("pool is absent", Some(always.desired()), Is { pool: Pool::Absent, ..always }, nothing),
        make("pool is absent, busy", Some(always.desired()), Is { pool: Pool::Absent, ..always }, at_work),
        make("target is absent", Some(always.desired()), Is { host: false, ..always }, nothing),
        make("target is absent, busy", Some(roomy.desired()), Is { host: false, ..roomy }, at_work),
        make(
            "pool renamed, target is absent, busy",
            Some(roomy.desired()),
            Is { host: false, pool_name: RENAMED, ..roomy },
            pool_renamed_and_at_work,
        ),
        make("pool renamed, upgrade, busy", old(roomy), Is { pool_name: RENAMED, ..roomy }, pool_renamed_and_at_work),
        make("pool renamed, upgrade", old(always), Is { pool_name: RENAMED, ..always }, pool_renamed),
        same("a run is queued", on_demand, queue),
        same("cooled down", on_demand, a_job_was_done),
        same("token revoked, running", always, token_revoked),
        same("token revoked, stopped", on_demand, token_revoked),
        same("removed by hand", always, removed),
        same("removed by hand, stopped", on_demand, removed),
        same("stopped by hand", always, stopped),
        same("network deleted by hand", on_demand, network_deleted),
        same("network deleted by hand and a run is queued", on_demand, network_deleted_and_a_run_queued),
    ]
}
