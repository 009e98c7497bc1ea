//! Fleets that are put together from values, for tests that turn one thing at a time.

use std::collections::{BTreeMap, BTreeSet};

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
        runs_agents: false,
    };
    Desired::of_hcp(hcp)
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
        want.hcp.pools.insert(
            pool.to_owned(),
            Pool { was: None, scope, run_by_us: false, made_by: None, stewardship: Stewardship::default() },
        );
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

/// A fleet with a thing of every kind.
pub fn everything() -> Desired {
    let mut want = fleet(4, 2);
    let first = want.hcp.workspaces.get_mut("ws-000").unwrap();
    first.notifications = [("chat".to_owned(), discord("CHAT")), ("alarm".to_owned(), discord("ALARM"))].into();
    first.consumers = Some(["ws-001".to_owned()].into());
    let last = want.hcp.workspaces.get_mut("ws-003").unwrap();
    last.project = Some("old".to_owned());
    last.notifications = [("gone-tomorrow".to_owned(), discord("GONE"))].into();
    let old = Project { notifications: BTreeMap::new(), ..want.hcp.projects["main"].clone() };
    want.hcp.projects.insert("old".to_owned(), old);
    let spare = Pool {
        run_by_us: false,
        made_by: None,
        was: None,
        scope: Scope::Some { projects: BTreeSet::new(), workspaces: BTreeSet::new() },
        stewardship: Stewardship::default(),
    };
    want.hcp.pools.insert("spare".to_owned(), spare);
    let other = VariableSet {
        reach: Reach::Some { projects: BTreeSet::new(), workspaces: ["ws-000".to_owned()].into() },
        variables: [(env("OTHER"), plain("yes"))].into(),
        ..want.hcp.variable_sets["shared"].clone()
    };
    want.hcp.variable_sets.insert("other".to_owned(), other);
    want
}

/// The same a day later: things changed, moved, replaced, renamed and removed, and some that are new.
pub fn next_day() -> Desired {
    let mut want = everything();
    want.hcp.organization.settings.cost_estimation_enabled = Some(true);
    next_day_workspaces(&mut want);
    let main = want.hcp.projects.get_mut("main").unwrap();
    main.settings.description = Some("another".to_owned());
    main.notifications.get_mut("discord").unwrap().triggers = ["run:created".to_owned()].into();
    main.runs_on = Some(Placement::Pool("nas".to_owned()));
    want.hcp.projects.remove("old");
    want.hcp.projects.insert("young".to_owned(), Project { runs_on: None, ..want.hcp.projects["main"].clone() });
    let cluster = want.hcp.pools.remove("cluster").unwrap();
    want.hcp.pools.insert("k8s".to_owned(), Pool { was: Some("cluster".to_owned()), ..cluster });
    want.hcp.pools.get_mut("nas").unwrap().scope = Scope::Organization;
    want.hcp.pools.get_mut("spare").unwrap().stewardship.absent = true;
    want.hcp.pools.insert("extra".to_owned(), want.hcp.pools["nas"].clone());
    want.hcp.variable_sets.remove("shared");
    let other = want.hcp.variable_sets.remove("other").unwrap();
    let renamed = VariableSet {
        was: Some("other".to_owned()),
        description: Some("reworded".to_owned()),
        reach: Reach::Global,
        ..other
    };
    want.hcp.variable_sets.insert("general".to_owned(), renamed);
    let more = VariableSet {
        reach: Reach::Global,
        variables: BTreeMap::new(),
        was: None,
        ..want.hcp.variable_sets["general"].clone()
    };
    want.hcp.variable_sets.insert("more".to_owned(), more);
    want
}

fn next_day_workspaces(want: &mut Desired) {
    let workspaces = &mut want.hcp.workspaces;
    let mut moved = workspaces.remove("ws-002").unwrap();
    moved.was = Some("ws-002".to_owned());
    moved.runs_on = Placement::Local;
    moved.variables.insert(env("V1"), plain("another value"));
    workspaces.insert("renamed".to_owned(), moved);
    workspaces.remove("ws-001");
    let last = workspaces.get_mut("ws-003").unwrap();
    last.project = Some("main".to_owned());
    last.notifications.clear();
    let first = workspaces.get_mut("ws-000").unwrap();
    first.settings.auto_apply = Some(true);
    first.runs_on = Placement::Pool("k8s".to_owned());
    first.notifications.remove("chat");
    let generic = Destination::Generic { url: source_of("ALARM"), token: Some(source_of("KEY")) };
    first.notifications.get_mut("alarm").unwrap().destination = generic;
    first.consumers = Some(["renamed".to_owned()].into());
    first.variables.insert(env("V0"), plain("no secret any more"));
    first.variables.remove(&env("V1"));
    first.variables.insert(env("V2"), sensitive("NEW"));
    let mut fresh = workspace();
    fresh.vcs = None;
    workspaces.insert("fresh".to_owned(), fresh);
}
