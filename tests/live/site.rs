//! A fleet whose agents run on a real engine, with a stand-in for HCP Terraform whose clock goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use reconcile::http::Policy;
use reconcile::sandbox::world::{AgentStatus, Job};
use reconcile::sandbox::{Sandbox, Seed, Tier};
use reconcile::spec::desired::Desired;
use reconcile::systems::docker::client::Way;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::dockerd::{Daemon, HERE, Programs};
use super::subject::Subject;
use super::{image, lab, wire};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The key of the target.
pub const TARGET: &str = "nas";

/// What the spec says of the agents.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Agents that always run.
    pub min: u32,
    /// A tag of the agent's image, pinned or not.
    pub image: &'a str,
    /// How long a job takes; `None`: until somebody ends the run.
    pub job_seconds: Option<u32>,
    /// All of ours is to go.
    pub absent: bool,
}

/// One fleet on the engine.
pub struct Site {
    /// The fleet's name, and its compose project's.
    pub name: String,
    pub tier: Tier,
    pub sandbox: Arc<Sandbox>,
    /// `unix://…`
    pub engine: String,
    /// The images' registry, as the engine reaches it.
    registry: String,
    /// HCP, as agents reach it.
    outlet: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Site {
    /// A fleet with nothing in place. Its agent's image has the tags `1` and `2`.
    pub async fn new(daemon: &Daemon, programs: &Programs, name: &str, tier: Tier) -> Self {
        let seed = Seed { organization: "example-house".to_owned(), tier, ..Seed::default() };
        let sandbox = Arc::new(Sandbox::in_memory(&seed).await.unwrap());
        image::publish(&sandbox, programs);
        image::publish_agent(&sandbox, "2", &programs.0);
        let engine = daemon.address();
        // The stand-in listens on loopback, which a container's network does not lead to.
        let listener = TcpListener::bind((HERE, 0)).await.unwrap();
        let outlet = format!("http://{}", listener.local_addr().unwrap());
        let registry = sandbox.address().trim_start_matches("http://").to_owned();
        let tasks =
            vec![tokio::spawn(forward(listener, registry.clone())), tokio::spawn(keep_time(Arc::clone(&sandbox)))];
        Self { name: name.to_owned(), tier, sandbox, engine, registry, outlet, tasks }
    }

    /// A spec; the fleet and the project have one name.
    pub fn spec(&self, wish: &Wish<'_>) -> String {
        let Self { name, registry, outlet, .. } = self;
        let Wish { min, image, job_seconds, absent } = wish;
        let tier = match self.tier {
            Tier::Free => "free",
            _ => "standard",
        };
        let job = job_seconds.map_or_else(String::new, |seconds| format!(", JOB_SECONDS: \"{seconds}\""));
        format!(
            "fleet: {name}
hcp: {{ organization: example-house, tier: {tier} }}
targets: {{ {TARGET}: {{ docker: {{ project: {name} }}, absent: {absent} }} }}
pools:
  {TARGET}:
    name: {name}-pool
    target: {TARGET}
    longestApply: 10m
    agents:
      min: {min}
      max: 1
      image: \"{registry}/probe/agent:{image}\"
      cooldown: {{ down: 20s }}
      environment: {{ TFC_ADDRESS: \"{outlet}\"{job} }}
projects: {{ main: {{ workspaces: {{ backup: {{ runsOn: {TARGET}, autoApply: true }} }} }} }}
"
        )
    }

    pub fn want(&self, wish: &Wish<'_>) -> Desired {
        lab::fleet("fleet.yaml", &self.spec(wish))
    }

    /// This program's own clients, with a real engine at the other end.
    pub async fn lab(&self, want: &Desired) -> lab::Lab {
        let way = Way::Socket(self.engine.trim_start_matches("unix://").into());
        let ways = BTreeMap::from([(TARGET.to_owned(), way)]);
        lab::Lab::with_engines(Arc::clone(&self.sandbox), ways, &Policy::sandbox(), want).await
    }

    /// The name of the one agent's container.
    pub fn container(&self) -> String {
        format!("{}-{TARGET}-1", self.name)
    }

    pub fn sleeper(&self) -> String {
        format!("{}/probe/sleeper:1", self.registry)
    }

    /// The digest under which the registry has a tag of the agent's image.
    pub fn digest(&self, tag: &str) -> String {
        self.sandbox.with_world(|world| world.registry.digest_of("probe/agent", tag).unwrap().to_owned())
    }

    pub async fn get(&self, path: &str) -> Value {
        wire::ask(&self.engine, "GET", path, "", b"").await.json()
    }

    pub async fn inspect(&self, container: &str) -> Value {
        self.get(&format!("/containers/{container}/json")).await
    }

    /// Names of our containers and networks, by our label.
    pub async fn ours(&self) -> (Vec<String>, Vec<String>) {
        let label = format!("reconcile.dev/fleet={}", self.name);
        let filters = Subject::filters(&serde_json::json!({ "label": [label] }));
        let containers = self.get(&format!("/containers/json?all=1&{filters}")).await;
        let networks = self.get(&format!("/networks?{filters}")).await;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> =
            list(&containers).iter().map(|it| it["Names"][0].as_str().unwrap()[1..].to_owned()).collect();
        names.sort();
        (names, list(&networks).iter().map(|it| it["Name"].as_str().unwrap().to_owned()).collect())
    }

    /// Queues a run in the workspace of the fleet; its id.
    pub fn queue(&self) -> String {
        self.sandbox.with_world(|world| {
            let workspace = world.workspaces.keys().next().expect("the workspace").clone();
            world.start_run(&workspace, "plan_queued").unwrap()
        })
    }

    /// A run's status.
    pub fn status(&self, run: &str) -> String {
        self.sandbox.with_world(|world| world.runs[run].status.clone())
    }

    /// Somebody ends a run.
    pub fn end(&self, run: &str) {
        self.sandbox.with_world(|world| "discarded".clone_into(&mut world.runs.get_mut(run).unwrap().status));
    }

    /// Whether any agent of the fleet has a job.
    pub fn is_busy(&self) -> bool {
        self.sandbox.with_world(|world| world.agents.values().any(|agent| agent.status == AgentStatus::Busy))
    }

    /// Whether any has a job, or is about to take the next one.
    pub fn is_at_work(&self) -> bool {
        let (queued, alive) = self.sandbox.with_world(|world| {
            let queued = world.runs.values().any(|run| matches!(run.status.as_str(), "plan_queued" | "apply_queued"));
            (queued, world.agents.values().any(|agent| agent.status.counts()))
        });
        self.is_busy() || (queued && alive)
    }

    /// Agents that HCP lost: none of ours may ever be.
    pub fn lost(&self) -> Vec<String> {
        self.sandbox.with_world(|world| {
            let lost = |status| matches!(status, AgentStatus::Unknown | AgentStatus::Errored);
            let agents = world.agents.iter().filter(|(_, it)| lost(it.status));
            let agents = agents.map(|(id, it)| format!("{id} ({:?}) is {}", it.name, it.status.word()));
            let hung = world.workers.iter().filter_map(|(id, worker)| {
                let Job { run, .. } = worker.job.as_ref()?;
                (world.runs.get(run)?.status == "errored").then(|| format!("{run} of {id} errored"))
            });
            agents.chain(hung).collect()
        })
    }

    /// The ids of all tokens that HCP has.
    pub fn tokens(&self) -> Vec<String> {
        self.sandbox.with_world(|world| world.agent_tokens.keys().cloned().collect())
    }

    /// Lets HCP's clock go on, by less than after which a silent agent is given up.
    pub fn pass(&self, seconds: i64) {
        self.sandbox.advance(SignedDuration::from_secs(seconds));
    }

    /// Looks again and again until something holds.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !holds().await {
            assert!(began.elapsed() < PATIENCE, "{}: it never came: {what}", self.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a run has a status.
    pub async fn until_run(&self, run: &str, status: &str) {
        self.until(&format!("{run} is {status}"), async || self.status(run) == status).await;
    }
}

/// Takes connections from a container's network to loopback.
async fn forward(listener: TcpListener, to: String) {
    loop {
        let Ok((mut from, _)) = listener.accept().await else { continue };
        let to = to.clone();
        tokio::spawn(async move {
            if let Ok(mut there) = TcpStream::connect(to).await {
                let _ = tokio::io::copy_bidirectional(&mut from, &mut there).await;
            }
        });
    }
}

/// HCP's clock goes as this machine's does.
async fn keep_time(sandbox: Arc<Sandbox>) {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = Instant::now();
        if let Ok(pause) = SignedDuration::try_from(now - last) {
            sandbox.advance(pause);
        }
        last = now;
    }
}
