//! A fleet, an organisation of its own in memory, and this program's real clients between them.
//!
//! A fleet comes from the text of a spec ([`fleet`], [`fleet_of`]) or is put together from values ([`values`]). Looking,
//! deciding and doing go through `pipeline`, as they do in the program: a further system is one more stand-in in
//! [`Lab::access`], and nothing in the tests that do not care.

#![allow(dead_code)] // Each test target uses a part of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

pub mod many;
pub mod neighbours;
pub mod picture;
pub mod proxy;
pub mod schedules;
pub mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use reconcile::apply::Stop;
use reconcile::http::Policy;
use reconcile::pipeline::{self, Access, Readers, Writers};
use reconcile::plan::{Gap, Plan};
use reconcile::report::{Outcome, Report};
use reconcile::sandbox::world::{ApiToken, Clear};
use reconcile::sandbox::{ClusterAccess, ClusterSeed, Connection, EngineSeed, Sandbox, Seed, Tier, TokenKind};
use reconcile::secret::{Secret, Secrets};
use reconcile::spec::desired::Desired;
use reconcile::spec::{CheckOptions, load, load_text};
use reconcile::systems::docker::client::{Door, Way};
use reconcile::systems::hcp::desired::{Tier as WantedTier, VariableValue};
use reconcile::systems::kube::desired::Token;
use reconcile::systems::{Consent, Observed, docker, hcp, kube};
use tempfile::TempDir;

/// An organisation that is looked at and written to as a user's would be, and one who does so.
pub struct Lab {
    pub sandbox: Arc<Sandbox>,
    pub secrets: Secrets,
    pub writers: Writers,
    readers: Readers,
    token: String,
    /// Holds the sockets of doors of its own.
    doors: Option<TempDir>,
}

impl Lab {
    /// An organisation with the name that the fleet uses and nothing in it.
    pub async fn new(want: &Desired) -> Self {
        let seed = Seed { tokens: operator_tokens(want).await, ..seed(want) };
        let sandbox = Sandbox::in_memory(&seed).await.expect("the sandbox starts");
        Self::around(sandbox, want).await
    }

    /// Clients for an organisation that is there already.
    pub async fn around(sandbox: Sandbox, want: &Desired) -> Self {
        let token = sandbox.token().to_owned();
        Self::with(Arc::new(sandbox), token, &Policy::test(), want).await
    }

    /// The same organisation, with clients that keep to other limits.
    pub async fn with_policy(self, policy: &Policy, want: &Desired) -> Self {
        Self { secrets: self.secrets, ..Self::with(self.sandbox, self.token, policy, want).await }
    }

    /// Somebody else at the same organisation, with an API token of this label; of this fleet or of another.
    pub async fn beside(&self, label: &str, want: &Desired) -> Self {
        let token = format!("sandbox.atlasv1.{label}");
        self.sandbox.with_world(|world| {
            if !world.tokens.iter().any(|known| known.label == label) {
                world.tokens.push(ApiToken::new(label, TokenKind::default(), &token));
            }
        });
        Self::with(Arc::clone(&self.sandbox), token, &Policy::test(), want).await
    }

    /// The same caller in another process: what a process takes for the time is what it heard first.
    pub async fn anew(&self, policy: &Policy, want: &Desired) -> Self {
        Self::with(Arc::clone(&self.sandbox), self.token.clone(), policy, want).await
    }

    /// The same caller, who comes to the hosts through doors that carry this label, with clients that keep to other limits.
    ///
    /// These are Unix sockets: each request to an engine takes a connection of its own, and there are many.
    pub async fn through_own_doors(self, label: &str, policy: &Policy, want: &Desired) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |target: &String| {
            let path = folder.path().join(target);
            self.sandbox.open_socket(target, label, &path).expect("the sandbox has the host");
            (target.clone(), Way::Socket(path))
        };
        let ways = want.docker.targets.keys().map(open).collect();
        let lab = Self::through(self.sandbox, self.token, policy, want, ways).await;
        Self { secrets: self.secrets, doors: Some(folder), ..lab }
    }

    /// The same organisation, with engines that are not its own: those to which these ways lead.
    pub async fn with_engines(
        sandbox: Arc<Sandbox>,
        ways: BTreeMap<String, Way>,
        policy: &Policy,
        want: &Desired,
    ) -> Self {
        let token = sandbox.token().to_owned();
        Self::through(sandbox, token, policy, want, ways).await
    }

    /// The same organisation through somebody in between, see [`proxy`].
    pub async fn through_proxy(
        self,
        want: &Desired,
        alter: impl Fn(&proxy::Asked, proxy::Answered) -> proxy::Answered + Send + Sync + 'static,
    ) -> Self {
        let Self { sandbox, secrets, writers: _, readers: _, token, doors } = self;
        let address = proxy::between(sandbox.address(), alter).await;
        let loopback = |address: &str| Way::Loopback(address.trim_start_matches("tcp://").to_owned());
        let ways = sandbox.engines().iter().map(|(target, address)| (target.clone(), loopback(address))).collect();
        let hcp = hcp::client::Access { address, ..hcp_of(&sandbox, &token, want) };
        let lab = Self::reaching(sandbox, token, hcp, &Policy::test(), want, ways).await;
        Self { secrets, doors, ..lab }
    }

    async fn with(sandbox: Arc<Sandbox>, token: String, policy: &Policy, want: &Desired) -> Self {
        let loopback = |address: &str| Way::Loopback(address.trim_start_matches("tcp://").to_owned());
        let ways = sandbox.engines().iter().map(|(target, address)| (target.clone(), loopback(address))).collect();
        Self::through(sandbox, token, policy, want, ways).await
    }

    async fn through(
        sandbox: Arc<Sandbox>,
        token: String,
        policy: &Policy,
        want: &Desired,
        ways: BTreeMap<String, Way>,
    ) -> Self {
        let hcp = hcp_of(&sandbox, &token, want);
        Self::reaching(sandbox, token, hcp, policy, want, ways).await
    }

    async fn reaching(
        sandbox: Arc<Sandbox>,
        token: String,
        hcp: hcp::client::Access,
        policy: &Policy,
        want: &Desired,
        ways: BTreeMap<String, Way>,
    ) -> Self {
        let door = |way| Ok(Door { way, from: "the lab".to_owned() });
        let doors = ways.into_iter().map(|(target, way)| (target, door(way))).collect();
        let docker = docker::client::Access { doors };
        let access = Access { hcp, docker, kube: kube_of(&sandbox, want), policy: policy.clone() };
        let readers = Readers::new(&access).await.expect("readers");
        let writers = Writers::new(&access, &readers, &want.hcp.fleet).await.expect("writers");
        Self { sandbox, secrets: Secrets::sandbox("lab".to_owned()), writers, readers, token, doors: None }
    }

    /// Reads all that a plan needs, or says why it cannot be read at all.
    pub async fn observe(&self, want: &Desired) -> Result<Observed, Gap> {
        Box::pin(pipeline::observe(&self.readers, want, &self.secrets)).await
    }

    pub async fn look(&self, want: &Desired) -> Observed {
        self.observe(want).await.expect("the organisation can be read")
    }

    pub async fn plan(&self, want: &Desired) -> Plan {
        self.plan_with(want, &Consent::default()).await
    }

    pub async fn plan_with(&self, want: &Desired, consent: &Consent) -> Plan {
        plan_of(want, self.look(want).await, consent)
    }

    pub async fn apply(&self, plan: &Plan) -> Report {
        self.apply_at_once(plan, 8).await
    }

    /// One action at a time, so that the same plan always sends the same requests in the same order.
    pub async fn apply_one_by_one(&self, plan: &Plan) -> Report {
        self.apply_at_once(plan, 1).await
    }

    pub async fn apply_at_once(&self, plan: &Plan, at_once: usize) -> Report {
        let (events, _nobody) = tokio::sync::mpsc::unbounded_channel();
        let at_once = NonZeroUsize::new(at_once).expect("at least one");
        let stop = Stop::default();
        let applied = pipeline::apply(plan, &self.writers, &self.secrets, at_once, &stop, &events);
        // It is large, and everybody here awaits it.
        Box::pin(applied).await.expect("no cycle")
    }

    /// Plans and applies, whatever comes of it.
    pub async fn run(&self, want: &Desired) -> Report {
        self.apply(&self.plan(want).await).await
    }

    /// Applies, and demands that all of it succeeded and that nothing is left to do.
    pub async fn converge(&self, want: &Desired) {
        self.converge_at_once(want, 8).await;
    }

    /// The same with one action at a time, so that every id is the same in every run.
    pub async fn converge_one_by_one(&self, want: &Desired) {
        self.converge_at_once(want, 1).await;
    }

    async fn converge_at_once(&self, want: &Desired, at_once: usize) {
        let first = self.plan(want).await;
        assert!(first.refusals.is_empty() && first.gaps.is_empty(), "{:#?} {:#?}", first.refusals, first.gaps);
        let report = self.apply_at_once(&first, at_once).await;
        assert!(report.is_complete(), "{:#?}", failures(&report));
        let ignored: BTreeSet<String> =
            self.sandbox.requests().into_iter().flat_map(|request| request.ignored).collect();
        assert!(ignored.is_empty(), "sent, and heeded by nobody: {ignored:?}");
        self.expect_settled(want).await;
    }

    /// Demands that nothing is left to do, to wait for or to complain of.
    pub async fn expect_settled(&self, want: &Desired) {
        let seen = self.look(want).await;
        // What was seen must survive being saved.
        let saved = serde_json::to_string(&seen).expect("it can be saved");
        assert_eq!(seen, serde_json::from_str::<Observed>(&saved).expect("it can be read back"));
        let again = plan_of(want, seen, &Consent::default());
        assert!(again.is_empty(), "the second run is not empty: {:#?} {:#?}", again.actions, again.waits);
        assert!(again.gaps.is_empty() && again.refusals.is_empty(), "{:#?} {:#?}", again.gaps, again.refusals);
    }

    /// Runs until there is nothing left to do, and says how many runs that took.
    pub async fn settle(&self, want: &Desired, most: usize, case: &str) -> usize {
        let mut runs = 0;
        let mut pauses = 0;
        loop {
            // A process takes for the time what it heard first, so each run is a process of its own.
            let seen = if pauses == 0 {
                self.look(want).await
            } else {
                let later = self.anew(&Policy::test(), want).await;
                Box::pin(pipeline::observe(&later.readers, want, &self.secrets)).await.expect("it can be read")
            };
            let plan = plan_of(want, seen, &Consent::default());
            assert!(plan.refusals.is_empty() && plan.gaps.is_empty(), "{case}: {:#?} {:#?}", plan.refusals, plan.gaps);
            if plan.is_empty() {
                return runs;
            }
            assert!(runs < most, "{case}: not settled after {most} runs: {:#?} {:#?}", lines(&plan), plan.waits);
            if plan.actions.is_empty() && plan.waits.iter().any(|wait| wait.address.as_str().contains("/token/")) {
                // A token that reached nobody is left alone for an hour, and then revoked.
                pauses += 1;
                assert!(pauses <= most, "{case}: a token waits for good: {:#?}", plan.waits);
                self.sandbox.advance(SignedDuration::from_mins(61));
            } else {
                self.apply(&plan).await;
                runs += 1;
            }
        }
    }

    /// Demands that every sensitive variable holds what its source gives.
    pub async fn expect_secrets(&self, want: &Desired, case: &str) {
        let world = self.sandbox.snapshot();
        let workspaces = world.workspaces.values().map(|it| (it.name.as_str(), &it.variables));
        let sets = world.variable_sets.values().map(|it| (it.name.as_str(), &it.variables));
        let there: BTreeMap<_, _> = workspaces.chain(sets).collect();
        let workspaces = want.hcp.workspaces.iter().map(|(name, it)| (name, &it.variables));
        let sets = want.hcp.variable_sets.iter().map(|(name, it)| (name, &it.variables));
        for (name, variables) in workspaces.chain(sets) {
            for (key, variable) in variables {
                let VariableValue::Sensitive(source) = &variable.value else { continue };
                let value = self.secrets.read(source).await.expect("a value");
                let held = there[name.as_str()].values().find(|held| held.key == key.key).expect("the variable");
                assert!(held.value.is_sensitive() && held.value.is(value.expose()), "{case}: {name}/{}", key.key);
            }
        }
    }

    /// How many requests of ours so far changed something; operators of clusters do so by themselves.
    pub fn writes(&self) -> usize {
        let requests = self.sandbox.requests();
        requests.iter().filter(|request| request.is_write() && !request.caller.starts_with("operator")).count()
    }
}

fn hcp_of(sandbox: &Sandbox, token: &str, want: &Desired) -> hcp::client::Access {
    hcp::client::Access {
        address: sandbox.address().to_owned(),
        token: Secret::new(token.to_owned()),
        ca: None,
        organization: want.hcp.organization.name.clone(),
        loopback_only: true,
    }
}

/// What is planned for what was seen.
pub fn plan_of(want: &Desired, seen: Observed, consent: &Consent) -> Plan {
    pipeline::decide(want, &Ok(seen), consent, &[])
}

/// What a real organisation would have before this program comes: its name, its tier and its VCS connection.
pub fn seed(want: &Desired) -> Seed {
    let hcp::desired::Organization { name, tier, .. } = &want.hcp.organization;
    Seed {
        organization: name.clone(),
        tier: match tier {
            WantedTier::Free => Tier::Free,
            WantedTier::Essentials => Tier::Essentials,
            WantedTier::Standard => Tier::Standard,
            WantedTier::Premium => Tier::Premium,
        },
        connections: vec![Connection { name: None, service_provider: "github".to_owned() }],
        engines: want.docker.targets.keys().map(|target| EngineSeed::new(target)).collect(),
        clusters: want.kube.targets.iter().map(|(key, target)| cluster_seed(key, target)).collect(),
        ..Seed::default()
    }
}

/// A cluster with the namespaces of others in which agents may do something.
fn cluster_seed(key: &str, target: &kube::desired::Target) -> ClusterSeed {
    let named = target.pools.values().flat_map(|pool| pool.rules.keys());
    let namespaces = named.filter(|name| **name != target.namespace).cloned().collect();
    ClusterSeed { namespaces, ..ClusterSeed::new(key) }
}

/// What the operators of a fleet's clusters show to HCP.
pub async fn operator_tokens(want: &Desired) -> Vec<(String, Clear)> {
    let secrets = Secrets::sandbox("lab".to_owned());
    let mut tokens = Vec::new();
    for (key, target) in &want.kube.targets {
        if let Some(Token::Value(source)) = &target.token {
            let value = secrets.read(source).await.expect("a made-up token");
            tokens.push((format!("operator of {key}"), Clear(value.expose().to_owned())));
        }
    }
    tokens
}

/// The ways to the stand-ins of a fleet's clusters, and to the charts beside them.
fn kube_of(sandbox: &Sandbox, want: &Desired) -> kube::client::Access {
    let door = |(target, access): (String, ClusterAccess)| {
        let way = kube::client::Way::Loopback { address: access.address, token: Secret::new(access.token) };
        (target, Ok(kube::client::Door { way, from: "the lab".to_owned() }))
    };
    let wanted = sandbox.clusters().into_iter().filter(|(target, _)| want.kube.targets.contains_key(target));
    let stand_in = Some(format!("{}/charts", sandbox.address()));
    let charts = kube::client::Charts { stand_in, ..kube::client::Charts::default() };
    kube::client::Access { doors: wanted.map(door).collect(), charts }
}

/// The fleet of a spec that has no errors.
pub fn fleet(name: &str, text: &str) -> Desired {
    let loaded = load_text(name, text, &CheckOptions::default());
    loaded.desired.unwrap_or_else(|| panic!("{name} is refused: {:#?}", loaded.findings))
}

/// The fleet of a file.
pub fn fleet_of(path: &Path) -> Desired {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fleet(&path.display().to_string(), &text)
}

/// The fleet of the example that comes with the program.
pub fn example() -> Desired {
    fleet_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/examples/homelab/fleet.yaml"))
}

/// The files of that fleet with a cluster that is left to somebody else.
pub fn example_files_without_operator() -> [PathBuf; 2] {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["deploy/examples/homelab/fleet.yaml", "tests/lab/without-operator.yaml"].map(|file| root.join(file))
}

/// The same fleet.
pub fn example_without_operator() -> Desired {
    let loaded = load(&example_files_without_operator(), &CheckOptions::default());
    let want = loaded.desired.unwrap_or_else(|| panic!("the example is refused: {:#?}", loaded.findings));
    assert!(want.kube.targets.is_empty(), "its cluster has an operator of ours");
    want
}

/// What a plan does: `change hcp/workspace/x [field field]`.
pub fn lines(plan: &Plan) -> Vec<String> {
    plan.actions
        .iter()
        .map(|(address, action)| {
            let fields: Vec<&str> = action.changes.iter().map(|change| change.field.as_str()).collect();
            format!("{} {address} {fields:?}", action.verb)
        })
        .collect()
}

/// What failed, with all causes.
pub fn failures(report: &Report) -> Vec<String> {
    report
        .entries
        .iter()
        .filter_map(|(address, entry)| match &entry.outcome {
            Outcome::Failed(error) => Some(format!("{}; hint: {}", error.chain(), error.remedy().unwrap_or_default())),
            Outcome::Skipped { after } => Some(format!("{address} skipped after {after}")),
            Outcome::Done | Outcome::NotBegun | Outcome::Unknown => None,
        })
        .collect()
}
