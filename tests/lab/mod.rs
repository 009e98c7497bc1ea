//! A fleet, an organisation of its own in memory, and this program's real client between them.

#![allow(dead_code)] // Each test target uses a part of it.

use std::num::NonZeroUsize;
use std::path::Path;

use reconcile::apply::{self, Stop};
use reconcile::http::Policy;
use reconcile::plan::{Plan, plan};
use reconcile::report::Report;
use reconcile::sandbox::{Connection, Sandbox, Seed};
use reconcile::secret::Secrets;
use reconcile::spec::desired::Desired;
use reconcile::spec::{CheckOptions, load_text};
use reconcile::systems::hcp::client::{Access, Reader, Writer};
use reconcile::systems::hcp::{self, Hcp};
use reconcile::systems::{self, Consent, Observed, System as _};

/// An organisation that is looked at and written to as a user's would be.
pub struct Lab {
    pub sandbox: Sandbox,
    reader: Reader,
    writer: Writer,
    secrets: Secrets,
}

impl Lab {
    /// An organisation with the name that the fleet uses and nothing in it.
    pub async fn new(want: &Desired) -> Self {
        let sandbox = Sandbox::in_memory(&seed(want)).await.expect("the sandbox starts");
        Self::around(sandbox, want)
    }

    /// Clients for an organisation that is there already.
    pub fn around(sandbox: Sandbox, want: &Desired) -> Self {
        Self::limited(sandbox, &Policy::test(), want)
    }

    /// The same organisation, with clients that keep to other limits.
    pub fn with_policy(self, policy: &Policy, want: &Desired) -> Self {
        Self::limited(self.sandbox, policy, want)
    }

    fn limited(sandbox: Sandbox, policy: &Policy, want: &Desired) -> Self {
        let access = || Access {
            address: sandbox.address().to_owned(),
            token: reconcile::secret::Secret::new(sandbox.token().to_owned()),
            ca: None,
            organization: want.hcp.organization.name.clone(),
            loopback_only: true,
        };
        let reader = Reader::new(&access(), policy).expect("a reader");
        let writer = Writer::new(&access(), policy, &want.hcp.fleet).expect("a writer");
        Self { sandbox, reader, writer, secrets: Secrets::sandbox("lab".to_owned()) }
    }

    /// Reads secrets elsewhere from now on.
    pub fn use_secrets(&mut self, secrets: Secrets) {
        self.secrets = secrets;
    }

    pub async fn look(&self, want: &Desired) -> Observed {
        let seen = Hcp::observe(&self.reader, &want.hcp, &self.secrets).await;
        Observed { hcp: seen.expect("the organisation can be read") }
    }

    pub async fn plan(&self, want: &Desired) -> Plan {
        self.plan_with(want, &Consent::default()).await
    }

    pub async fn plan_with(&self, want: &Desired, consent: &Consent) -> Plan {
        plan(want, &self.look(want).await, consent)
    }

    pub async fn apply(&self, plan: &Plan) -> Report {
        self.apply_at_once(plan, 8).await
    }

    /// One action at a time, so that the same plan always sends the same requests in the same order.
    pub async fn apply_one_by_one(&self, plan: &Plan) -> Report {
        self.apply_at_once(plan, 1).await
    }

    async fn apply_at_once(&self, plan: &Plan, at_once: usize) -> Report {
        let (events, _nobody) = tokio::sync::mpsc::unbounded_channel();
        let at_once = NonZeroUsize::new(at_once).expect("at least one");
        let perform = async |address: &_, action: &reconcile::plan::Action, outputs: &_| match &action.request {
            systems::Request::Hcp(request) => Hcp::apply(&self.writer, request, address, outputs, &self.secrets).await,
        };
        apply::apply(plan, at_once, &Stop::default(), &events, perform).await.expect("no cycle")
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
        assert!(report.is_complete(), "{report:#?}");
        let second = self.plan(want).await;
        assert!(second.is_empty(), "the second run is not empty: {:#?} {:#?}", second.actions, second.waits);
    }

    /// How many requests so far changed something.
    pub fn writes(&self) -> usize {
        self.sandbox.requests().iter().filter(|request| request.is_write()).count()
    }
}

/// What a real organisation would have before this program comes: its name, its tier and its VCS connection.
pub fn seed(want: &Desired) -> Seed {
    let hcp::desired::Organization { name, .. } = &want.hcp.organization;
    Seed {
        organization: name.clone(),
        connections: vec![Connection { name: None, service_provider: "github".to_owned() }],
        ..Seed::default()
    }
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
