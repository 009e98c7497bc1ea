//! What must hold at every moment, looked at while the sandbox's time goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use reconcile::owner::Suffix;
use reconcile::sandbox::world::AgentStatus;
use reconcile::sandbox::{RequestRecord, Sandbox, World};
use reconcile::spec::desired::Desired;
use reconcile::systems::docker::labels;
use tokio::task::JoinHandle;

/// How often a second of the sandbox goes by.
const TICK: Duration = Duration::from_millis(3);

/// Somebody who looks on, and makes the time go by.
pub struct Watch {
    ticker: JoinHandle<()>,
    seen: Arc<Mutex<Seen>>,
}

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// The most tokens of one consumer at a time that nobody held.
    pub adrift: usize,
    /// What must never be.
    pub harm: BTreeSet<String>,
    /// Values of tokens.
    values: BTreeSet<String>,
    /// Agents that were lost before.
    lost: BTreeSet<String>,
}

impl Watch {
    pub fn begin(sandbox: &Arc<Sandbox>, want: &Desired) -> Self {
        let suffix = Suffix::description(&want.hcp.fleet);
        let lost = sandbox.with_world(|world| lost(world));
        let seen = Arc::new(Mutex::new(Seen { lost, ..Seen::default() }));
        let (at, notes) = (Arc::clone(sandbox), Arc::clone(&seen));
        let ticker = tokio::spawn(async move {
            loop {
                at.advance(SignedDuration::from_secs(1));
                at.with_world(|world| notes.lock().unwrap().look(world, &suffix));
                tokio::time::sleep(TICK).await;
            }
        });
        Self { ticker, seen }
    }

    /// What was seen until now.
    pub fn end(self, how: &str) -> Seen {
        assert!(!self.ticker.is_finished(), "{how}: nobody looked on");
        self.ticker.abort();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl Seen {
    fn look(&mut self, world: &World, suffix: &Suffix) {
        let mut adrift: BTreeMap<&str, usize> = BTreeMap::new();
        let held = held(world);
        for (id, token) in &world.agent_tokens {
            if let Some(consumer) = suffix.take(&token.description).filter(|_| !held.contains(id)) {
                *adrift.entry(consumer).or_default() += 1;
            }
        }
        self.adrift = self.adrift.max(adrift.values().copied().max().unwrap_or_default());
        for agent in lost(world).difference(&self.lost) {
            self.harm.insert(format!("agent {agent} was cut off"));
        }
        for (id, run) in world.runs.iter().filter(|(_, run)| run.status == "errored") {
            self.harm.insert(format!("run {id} of {} errored", run.workspace));
        }
        let environments = world.engines.values().flat_map(|it| it.containers.values()).flat_map(|it| &it.environment);
        self.values.extend(environments.filter_map(|it| it.clear.as_ref().map(|clear| clear.0.clone())));
    }

    /// Demands that no value of a token is in a text, nor anything of that form.
    pub fn expect_silent(&self, text: &str, how: &str) {
        let form = text.find(".atlasv1.").map(|at| text.get(at.saturating_sub(60)..at).unwrap_or_default());
        assert_eq!(form, None, "{how}: something like a token");
        assert!(!self.values.iter().any(|value| text.contains(value.as_str())), "{how}: the value of a token");
    }
}

/// Ids of tokens that containers name.
pub fn held(world: &World) -> BTreeSet<String> {
    let containers = world.engines.values().flat_map(|engine| engine.containers.values());
    containers.filter_map(|it| it.labels.get(labels::TOKEN).cloned()).collect()
}

/// Agents that ended without a goodbye.
fn lost(world: &World) -> BTreeSet<String> {
    let is_lost = |status| matches!(status, AgentStatus::Unknown | AgentStatus::Errored);
    world.agents.iter().filter(|(_, agent)| is_lost(agent.status)).map(|(id, _)| id.clone()).collect()
}

/// Demands that no container was asked twice to end, and none but politely, within one life of it.
pub fn expect_one_word(requests: &[RequestRecord], how: &str) {
    let mut asked: BTreeSet<&str> = BTreeSet::new();
    for request in requests.iter().filter(|request| request.done && request.is_write()) {
        let path = request.path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["docker", _, "containers", id, "kill"] => {
                assert!(request.path.ends_with("signal=TERM"), "{how}: {}", request.path);
                assert!(asked.insert(id), "{how}: a second TERM to {id}: {}", told(requests));
            }
            // 304: it ran already.
            ["docker", _, "containers", id, "start"] if request.status != 304 => {
                asked.remove(id);
            }
            ["docker", _, "containers", _, "stop" | "restart"] => panic!("{how}: {}", request.path),
            ["docker", _, "containers", _] => assert!(!request.path.contains("force=true"), "{how}: {}", request.path),
            _ => {}
        }
    }
}

/// Writes, for whoever has to find out what went wrong.
pub fn told(requests: &[RequestRecord]) -> String {
    let writes = requests.iter().filter(|request| request.is_write());
    let lines: Vec<String> =
        writes.map(|it| format!("  {} {} {} -> {}", it.caller, it.method, it.path, it.status)).collect();
    format!("\n{}", lines.join("\n"))
}
