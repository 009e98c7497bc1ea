//! A fleet, an organisation of the sandbox, and the real client between them over real HTTP.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use reconcile::apply::{Stop, apply};
use reconcile::http::Policy;
use reconcile::origin::Origins;
use reconcile::owner::Stewardship;
use reconcile::plan::{Gap, Plan, plan};
use reconcile::report::Report;
use reconcile::sandbox::{Connection, Sandbox, Seed, Tier as SandboxTier};
use reconcile::secret::{Secret, SecretRef, Secrets};
use reconcile::spec;
use reconcile::systems::hcp::client::{Access, Reader, Writer};
use reconcile::systems::hcp::desired::{
    Desired, Destination, Notification, Organization, Placement, Pool, Project, Reach, Scope, Tier, Variable,
    VariableSet, VariableValue, Vcs, Workspace,
};
use reconcile::systems::hcp::observe::observe;
use reconcile::systems::hcp::observed::Observed;
use reconcile::systems::hcp::settings::{OrganizationSettings, ProjectSettings, WorkspaceSettings};
use reconcile::systems::hcp::{self, Category, VariableKey};
use reconcile::systems::{Consent, Request};

pub const ORGANIZATION: &str = "example";

/// A workspace of the project `main` in HCP's cloud, with a repository and nothing else.
pub fn workspace() -> Workspace {
    Workspace {
        was: None,
        project: Some("main".to_owned()),
        settings: WorkspaceSettings::documented(),
        runs_on: Placement::Cloud,
        vcs: Some(Vcs {
            repository: "example/code".to_owned(),
            branch: "main".to_owned(),
            connection: "github".to_owned(),
            ingress_submodules: false,
            tags_regex: String::new(),
        }),
        tags: [("team".to_owned(), "infra".to_owned())].into(),
        variables: BTreeMap::new(),
        exclusive_variables: false,
        consumers: None,
        notifications: BTreeMap::new(),
        stewardship: Stewardship::default(),
    }
}

pub fn env(key: &str) -> VariableKey {
    VariableKey { category: Category::Env, key: key.to_owned() }
}

pub fn plain(value: &str) -> Variable {
    Variable { value: VariableValue::Plain(value.to_owned()), hcl: false, description: None }
}

pub fn sensitive(source: &str) -> Variable {
    Variable { value: VariableValue::Sensitive(source_of(source)), hcl: false, description: None }
}

pub fn source_of(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

pub fn discord(source: &str) -> Notification {
    Notification {
        destination: Destination::Discord { url: source_of(source) },
        enabled: true,
        triggers: ["run:completed".to_owned(), "run:errored".to_owned()].into(),
    }
}

/// A project with a notification, no workspaces, no pools.
pub fn empty() -> Desired {
    let main = Project {
        was: None,
        settings: ProjectSettings::documented(),
        runs_on: None,
        tags: BTreeMap::new(),
        notifications: [("discord".to_owned(), discord("DISCORD"))].into(),
        stewardship: Stewardship::default(),
    };
    Desired {
        fleet: "lab".parse().unwrap(),
        organization: Organization {
            name: ORGANIZATION.to_owned(),
            external_id: None,
            tier: Tier::Standard,
            settings: OrganizationSettings::default(),
            runs_on: None,
            stewardship: Stewardship::default(),
        },
        projects: [("main".to_owned(), main)].into(),
        workspaces: BTreeMap::new(),
        variable_sets: BTreeMap::new(),
        pools: BTreeMap::new(),
    }
}

/// The fleet of the request budget: so many workspaces of so many variables, one variable set, two pools, one VCS
/// connection, and a notification on the project.
pub fn fleet(workspaces: usize, variables: usize) -> Desired {
    let mut want = empty();
    let names: Vec<String> = (0..workspaces).map(|n| format!("ws-{n:03}")).collect();
    for (n, name) in names.iter().enumerate() {
        let mut workspace = workspace();
        workspace.runs_on = match n % 4 {
            0 => Placement::Pool("cluster".to_owned()),
            1 => Placement::Pool("nas".to_owned()),
            2 => Placement::Cloud,
            _ => Placement::Inherited,
        };
        workspace.variables = (0..variables)
            .map(|v| {
                let variable = if v == 0 { sensitive(&format!("S{n}")) } else { plain(&format!("{n}/{v}")) };
                (env(&format!("V{v}")), variable)
            })
            .collect();
        want.workspaces.insert(name.clone(), workspace);
    }
    let on = |pool: &str| -> BTreeSet<String> {
        let place = Placement::Pool(pool.to_owned());
        want.workspaces.iter().filter(|(_, w)| w.runs_on == place).map(|(name, _)| name.clone()).collect()
    };
    for pool in ["cluster", "nas"] {
        let scope = Scope::Some { projects: BTreeSet::new(), workspaces: on(pool) };
        want.pools.insert(pool.to_owned(), Pool { was: None, scope, stewardship: Stewardship::default() });
    }
    let set = VariableSet {
        was: None,
        description: Some("for all of main".to_owned()),
        priority: false,
        reach: Reach::Some { projects: ["main".to_owned()].into(), workspaces: BTreeSet::new() },
        variables: [(env("SHARED"), plain("yes")), (env("SHARED_TOKEN"), sensitive("SHARED"))].into(),
        exclusive_variables: false,
        stewardship: Stewardship::default(),
    };
    want.variable_sets.insert("shared".to_owned(), set);
    want
}

/// An organisation, and the client of it.
pub struct Stage {
    pub sandbox: Sandbox,
    pub secrets: Secrets,
    pub policy: Policy,
}

impl Stage {
    pub async fn new() -> Self {
        let seed = Seed {
            organization: ORGANIZATION.to_owned(),
            tier: SandboxTier::Standard,
            connections: vec![Connection { name: None, service_provider: "github".to_owned() }],
            ..Seed::default()
        };
        Self {
            sandbox: Sandbox::in_memory(&seed).await.unwrap(),
            secrets: Secrets::sandbox("stage".to_owned()),
            policy: Policy::test(),
        }
    }

    pub fn access(&self) -> Access {
        Access {
            address: self.sandbox.address().to_owned(),
            token: Secret::new(self.sandbox.token().to_owned()),
            ca: None,
            organization: ORGANIZATION.to_owned(),
            loopback_only: true,
        }
    }

    pub fn reader(&self) -> Reader {
        Reader::new(&self.access(), &self.policy).unwrap()
    }

    pub fn writer(&self, want: &Desired) -> Writer {
        Writer::new(&self.access(), &self.policy, &want.fleet).unwrap()
    }

    pub async fn observe(&self, want: &Desired) -> Result<Observed, Gap> {
        observe(&self.reader(), want, &self.secrets).await
    }

    /// What was seen must survive being saved, so every plan here is made from what was saved.
    pub async fn plan(&self, want: &Desired) -> Plan {
        let seen = self.observe(want).await.unwrap();
        let text = serde_json::to_string(&seen).unwrap();
        let again: Observed = serde_json::from_str(&text).unwrap();
        assert_eq!(seen, again);
        plan_of(want, again)
    }

    pub async fn apply(&self, want: &Desired) -> Report {
        let plan = self.plan(want).await;
        self.perform(want, &plan).await
    }

    pub async fn perform(&self, want: &Desired, plan: &Plan) -> Report {
        let writer = self.writer(want);
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let perform = async |address: &_, action: &reconcile::plan::Action, outputs: &_| {
            let Request::Hcp(request) = &action.request;
            hcp::apply::apply(&writer, request, address, outputs, &self.secrets).await
        };
        apply(plan, NonZeroUsize::new(8).unwrap(), &Stop::default(), &events, perform).await.unwrap()
    }

    /// Applies, which must go through, and plans again, which must be empty.
    pub async fn converge(&self, want: &Desired) {
        let report = self.apply(want).await;
        assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
        let ignored: BTreeSet<String> =
            self.sandbox.requests().into_iter().flat_map(|request| request.ignored).collect();
        assert!(ignored.is_empty(), "sent, and heeded by nobody: {ignored:?}");
        let again = self.plan(want).await;
        assert!(lines(&again).is_empty(), "{:#?}", lines(&again));
        assert!(again.waits.is_empty(), "{:#?}", again.waits);
        assert!(again.gaps.is_empty(), "{:#?}", again.gaps);
        assert!(again.refusals.is_empty(), "{:#?}", again.refusals);
    }
}

pub fn plan_of(want: &Desired, seen: Observed) -> Plan {
    let desired = spec::desired::Desired { hcp: want.clone(), origins: Origins::default() };
    plan(&desired, &reconcile::systems::Observed { hcp: seen }, &Consent::default())
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
            reconcile::report::Outcome::Failed(error) => {
                Some(format!("{}; hint: {}", error.chain(), error.remedy().unwrap_or_default()))
            }
            reconcile::report::Outcome::Skipped { after } => Some(format!("{address} skipped after {after}")),
            _ => None,
        })
        .collect()
}
