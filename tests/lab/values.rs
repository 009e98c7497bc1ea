//! Fleets that are put together from values, for tests that turn one thing at a time.

use std::collections::{BTreeMap, BTreeSet};

use reconcile::origin::Origins;
use reconcile::owner::Stewardship;
use reconcile::secret::SecretRef;
use reconcile::spec::desired::Desired;
use reconcile::systems::hcp::desired::{
    self as hcp, Destination, Notification, Organization, Placement, Pool, Project, Reach, Scope, Tier, Variable,
    VariableSet, VariableValue, Vcs, Workspace,
};
use reconcile::systems::hcp::settings::{OrganizationSettings, ProjectSettings, WorkspaceSettings};
use reconcile::systems::hcp::{Category, VariableKey};

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
    let hcp = hcp::Desired {
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
    };
    Desired { hcp, origins: Origins::default() }
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
        want.hcp.workspaces.insert(name.clone(), workspace);
    }
    let on = |pool: &str| -> BTreeSet<String> {
        let place = Placement::Pool(pool.to_owned());
        want.hcp.workspaces.iter().filter(|(_, w)| w.runs_on == place).map(|(name, _)| name.clone()).collect()
    };
    for pool in ["cluster", "nas"] {
        let scope = Scope::Some { projects: BTreeSet::new(), workspaces: on(pool) };
        want.hcp.pools.insert(pool.to_owned(), Pool { was: None, scope, stewardship: Stewardship::default() });
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
    want.hcp.variable_sets.insert("shared".to_owned(), set);
    want
}
