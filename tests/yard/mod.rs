//! A folder with a spec and what it uploads, a Docker host and an organisation of the sandbox, and this program's real
//! clients between them.

#![allow(dead_code)] // Each test target uses a part of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use reconcile::apply::Stop;
use reconcile::http::Policy;
use reconcile::pipeline::{self, Access, Readers, Writers};
use reconcile::plan::Plan;
use reconcile::plan::show::{self, Header, Look};
use reconcile::report::Outcome;
use reconcile::sandbox::{EngineSeed, Sandbox, Seed};
use reconcile::secret::{Secret, Secrets};
use reconcile::spec::desired::Desired;
use reconcile::spec::{CheckOptions, load};
use reconcile::systems::docker::client::{Door, Way};
use reconcile::systems::{Consent, docker, hcp, kube};
use serde_json::Value;

pub struct Yard {
    folder: tempfile::TempDir,
    pub sandbox: Sandbox,
    secrets: Secrets,
}

impl Yard {
    pub async fn new() -> Self {
        Self::on("x86_64").await
    }

    /// The same with a host of another architecture.
    pub async fn on(architecture: &str) -> Self {
        let engine = EngineSeed { architecture: architecture.to_owned(), ..EngineSeed::new("nas") };
        let seed = Seed { organization: "example".to_owned(), engines: vec![engine], ..Seed::default() };
        Self {
            folder: tempfile::tempdir().unwrap(),
            sandbox: Sandbox::in_memory(&seed).await.unwrap(),
            secrets: Secrets::sandbox("yard".to_owned()),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A fleet of one Docker host and what is said beside that.
    pub fn fleet(&self, rest: &str) -> Desired {
        self.fleet_at("{ docker: {} }", rest)
    }

    pub fn fleet_at(&self, target: &str, rest: &str) -> Desired {
        let rest = rest.lines().map(str::trim_start).collect::<Vec<_>>().join("\n");
        let text = format!(
            "fleet: lab\nhcp: {{ organization: example }}\ntargets: {{ nas: {target} }}\n\
             defaults: {{ agentImage: \"hashicorp/tfc-agent:1.29.0\" }}\n{rest}"
        );
        let file = self.path("fleet.yaml");
        fs::write(&file, text).unwrap();
        let loaded = load(&[file], &CheckOptions::default());
        loaded.desired.unwrap_or_else(|| panic!("the spec is refused: {:#?}", loaded.findings))
    }

    fn access(&self) -> Access {
        // A pull and an upload may take longer where many tests run at once.
        self.access_within(Duration::from_secs(20))
    }

    fn access_within(&self, patience: Duration) -> Access {
        let engine = self.sandbox.engine_address("nas").unwrap();
        let way = Way::Loopback(engine.trim_start_matches("tcp://").to_owned());
        Access {
            hcp: hcp::client::Access {
                address: self.sandbox.address().to_owned(),
                token: Secret::new(self.sandbox.token().to_owned()),
                ca: None,
                organization: "example".to_owned(),
                loopback_only: true,
            },
            kube: kube::client::Access::default(),
            docker: docker::client::Access {
                doors: [("nas".to_owned(), Ok(Door { way, from: "the test".to_owned() }))].into(),
            },
            policy: Policy { patience, ..Policy::test() },
        }
    }

    pub async fn plan(&self, want: &Desired) -> Plan {
        self.plan_with(want, &Consent::default()).await
    }

    pub async fn plan_with(&self, want: &Desired, consent: &Consent) -> Plan {
        let readers = Readers::new(&self.access()).await.unwrap();
        let seen = pipeline::observe(&readers, want, &self.secrets).await;
        pipeline::decide(want, &seen, consent, &[])
    }

    /// Applies a plan; what failed, with causes and hints.
    pub async fn failures(&self, plan: &Plan) -> Vec<String> {
        self.failures_of(plan, self.access()).await
    }

    /// The same by one who waits no longer for what the server says will pass.
    pub async fn failures_within(&self, plan: &Plan, patience: Duration) -> Vec<String> {
        self.failures_of(plan, self.access_within(patience)).await
    }

    async fn failures_of(&self, plan: &Plan, access: Access) -> Vec<String> {
        let readers = Readers::new(&access).await.unwrap();
        let writers = Writers::new(&access, &readers, &plan.fleet).await.unwrap();
        let (events, _nobody) = tokio::sync::mpsc::unbounded_channel();
        let at_once = NonZeroUsize::new(4).unwrap();
        let report = pipeline::apply(plan, &writers, &self.secrets, at_once, &Stop::default(), &events).await.unwrap();
        let told = report.entries.values().filter_map(|entry| match &entry.outcome {
            Outcome::Failed(error) => Some(format!("{}\nhint: {}", error.chain(), error.remedy().unwrap_or_default())),
            _ => None,
        });
        told.collect()
    }

    pub async fn apply_all(&self, plan: &Plan) {
        let failures = self.failures(plan).await;
        assert!(failures.is_empty(), "{failures:#?}");
    }

    /// Nothing is left to do.
    pub async fn is_settled(&self, want: &Desired) {
        let plan = self.plan(want).await;
        assert!(plan.is_empty() && plan.gaps.is_empty() && plan.refusals.is_empty(), "{}", self.text(&plan));
    }

    pub async fn converge(&self, want: &Desired) {
        let plan = self.plan(want).await;
        assert!(plan.gaps.is_empty() && plan.refusals.is_empty(), "{}", self.text(&plan));
        self.apply_all(&plan).await;
        self.is_settled(want).await;
    }

    /// The plan without its header, and without what is another in every run.
    pub fn text(&self, plan: &Plan) -> String {
        let text = show::render(plan, &Header::default(), Look { color: false, full: false }, "");
        let body = text.split_once("\n\n").map_or(text.as_str(), |(_, body)| body);
        self.without_folder(body)
    }

    pub fn without_folder(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }

    fn engine(&self) -> String {
        self.sandbox.engine_address("nas").unwrap().replace("tcp://", "http://")
    }

    pub async fn inspect(&self, container: &str) -> Value {
        let url = format!("{}/v1.41/containers/{container}/json", self.engine());
        let answer = reqwest::Client::new().get(&url).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    pub async fn stop(&self, container: &str) {
        self.ask_of(container, "stop").await;
    }

    pub async fn start(&self, container: &str) {
        self.ask_of(container, "start").await;
    }

    async fn ask_of(&self, container: &str, what: &str) {
        let url = format!("{}/v1.41/containers/{container}/{what}", self.engine());
        let answer = reqwest::Client::new().post(&url).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
    }

    pub async fn make_volume(&self, name: &str) {
        let body = serde_json::json!({ "Name": name });
        let url = format!("{}/v1.41/volumes/create", self.engine());
        let answer = reqwest::Client::new().post(&url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
    }

    /// What a container sees below a path: permissions, and the text of files, by path.
    pub async fn files_in(&self, container: &str, path: &str) -> BTreeMap<String, (u32, Option<String>)> {
        let url = format!("{}/v1.41/containers/{container}/archive?path={path}/.", self.engine());
        let answer = reqwest::Client::new().get(&url).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        let bytes = answer.bytes().await.unwrap();
        let mut archive = tar::Archive::new(bytes.as_ref());
        let mut found = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string().trim_start_matches("./").to_owned();
            let mode = entry.header().mode().unwrap();
            let is_file = entry.header().entry_type().is_file();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            if !matches!(name.as_str(), "" | ".") {
                found.insert(name, (mode, is_file.then_some(text)));
            }
        }
        found
    }

    pub fn volumes(&self) -> Vec<String> {
        self.sandbox.with_world(|world| world.engines["nas"].volumes.keys().cloned().collect())
    }

    /// Containers through which something is or was uploaded.
    pub fn carriers(&self) -> usize {
        self.sandbox.with_world(|world| {
            world.engines["nas"].containers.values().filter(|container| container.name.ends_with("-upload")).count()
        })
    }
}
