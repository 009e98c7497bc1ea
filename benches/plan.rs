#![allow(clippy::expect_used, clippy::panic)] // A benchmark that cannot be set up has nothing to report.
//! How long the pure plan takes for a fleet that is as it should be: `cargo bench --bench plan`.
//!
//! The goal is 150 ms at 10,000 workspaces of 10 variables, and linear growth.

use std::collections::{BTreeMap, BTreeSet};

use divan::Bencher;
use jiff::Timestamp;
use reconcile::origin::Origins;
use reconcile::owner::Stewardship;
use reconcile::plan::digest::Site;
use reconcile::plan::{Listing, Plan, Read, plan};
use reconcile::spec::desired::Desired;
use reconcile::systems::hcp::desired::{
    self, Organization, Placement, Pool, Project, Reach, Scope, Tier, Variable, VariableSet, VariableValue, Workspace,
};
use reconcile::systems::hcp::observed::{self, Mode, SeenPlacement, SeenTags, SeenValue};
use reconcile::systems::hcp::request::Request;
use reconcile::systems::hcp::settings::{OrganizationSettings, ProjectSettings, WorkspaceSettings};
use reconcile::systems::hcp::{
    Category, PoolId, ProjectId, VariableId, VariableKey, VariableSetId, WorkspaceId, project_address,
    workspace_address,
};
use reconcile::systems::{self, Consent, Observed, docker, kube};

fn main() {
    divan::main();
}

/// A plan of nothing, for a fleet of this many workspaces of 10 variables.
#[divan::bench(args = [100, 1_000, 10_000], sample_count = 10, sample_size = 1)]
fn no_changes(bencher: Bencher, workspaces: usize) {
    let want = fleet(workspaces, 10);
    let seen = converged(&want);
    let consent = Consent::default();
    let first = plan(&want, &seen, &consent);
    assert!(first.is_empty(), "not converged: {:?} {:?}", first.actions.keys().next(), first.waits.first());
    bencher.bench_local(|| plan(&want, &seen, &consent));
}

/// A plan that creates everything, with its digest.
#[divan::bench(args = [100, 1_000, 10_000], sample_count = 10, sample_size = 1)]
fn first_apply(bencher: Bencher, workspaces: usize) {
    let want = fleet(workspaces, 10);
    let seen = Observed::of_hcp(nothing());
    let consent = Consent::default();
    bencher.bench_local(|| plan(&want, &seen, &consent).digest(&Site { world: "live", organization: "bench" }));
}

fn key(n: usize) -> VariableKey {
    VariableKey {
        category: if n.is_multiple_of(2) { Category::Env } else { Category::Terraform },
        key: format!("KEY_{n}"),
    }
}

fn variables(count: usize) -> BTreeMap<VariableKey, Variable> {
    let variable =
        |n: usize| Variable { value: VariableValue::Plain(format!("value {n}")), hcl: false, description: None };
    (0..count).map(|n| (key(n), variable(n))).collect()
}

fn fleet(count: usize, variables_each: usize) -> Desired {
    let workspace = |n: usize| Workspace {
        was: None,
        project: Some("main".to_owned()),
        settings: WorkspaceSettings {
            working_directory: Some(format!("tf/{n}")),
            terraform_version: Some("~> 1.14.0".to_owned()),
            ..WorkspaceSettings::documented()
        },
        runs_on: Placement::Pool("pool".to_owned()),
        vcs: None,
        tags: [("main".to_owned(), String::new())].into(),
        variables: variables(variables_each),
        exclusive_variables: false,
        consumers: None,
        notifications: BTreeMap::new(),
        stewardship: Stewardship::default(),
    };
    let workspaces: BTreeMap<String, Workspace> = (0..count).map(|n| (format!("main-{n}"), workspace(n))).collect();
    let names: BTreeSet<String> = workspaces.keys().cloned().collect();
    Desired {
        hcp: desired::Desired {
            fleet: "bench".parse().expect("a fleet's name"),
            organization: Organization {
                name: "example".to_owned(),
                external_id: Some("org-1".to_owned()),
                tier: Tier::Standard,
                settings: OrganizationSettings::default(),
                runs_on: None,
                stewardship: Stewardship::default(),
            },
            projects: [(
                "main".to_owned(),
                Project {
                    was: None,
                    settings: ProjectSettings::documented(),
                    runs_on: None,
                    tags: BTreeMap::new(),
                    notifications: BTreeMap::new(),
                    stewardship: Stewardship::default(),
                },
            )]
            .into(),
            workspaces,
            variable_sets: [(
                "shared".to_owned(),
                VariableSet {
                    was: None,
                    description: None,
                    priority: false,
                    reach: Reach::Some { projects: ["main".to_owned()].into(), workspaces: BTreeSet::new() },
                    variables: variables(4),
                    exclusive_variables: false,
                    stewardship: Stewardship::default(),
                },
            )]
            .into(),
            pools: [(
                "pool".to_owned(),
                Pool {
                    was: None,
                    scope: Scope::Some { projects: BTreeSet::new(), workspaces: names },
                    run_by_us: false,
                    made_by: None,
                    stewardship: Stewardship::default(),
                },
            )]
            .into(),
            runs_agents: false,
        },
        docker: docker::desired::Desired { fleet: "bench".parse().expect("a fleet's name"), targets: BTreeMap::new() },
        kube: kube::desired::Desired {
            fleet: "bench".parse().expect("a fleet's name"),
            organization: "bench".to_owned(),
            targets: BTreeMap::new(),
        },
        origins: Origins::default(),
    }
}

fn nothing() -> observed::Observed {
    observed::Observed {
        now: Timestamp::UNIX_EPOCH,
        organization: observed::Organization {
            name: "example".to_owned(),
            external_id: "org-1".to_owned(),
            settings: OrganizationSettings::default(),
            runs_on: Mode::Remote,
            default_project: None,
            entitlements: observed::Entitlements::default(),
            permissions: BTreeMap::new(),
        },
        projects: Listing::Complete(Vec::new()),
        workspaces: Listing::Complete(Vec::new()),
        variable_sets: Listing::Complete(Vec::new()),
        pools: Listing::Complete(Vec::new()),
        connections: Listing::Complete(Vec::new()),
        jobs: Read::NotAsked,
        unreadable_sources: Vec::new(),
        requests: 0,
    }
}

/// What would be seen after the first apply: tags are taken from its requests, since marks are made there.
fn converged(want: &Desired) -> Observed {
    let mut seen = nothing();
    let first = plan(want, &Observed::of_hcp(seen.clone()), &Consent::default());
    let project = ProjectId("prj-1".to_owned());
    let hcp = &want.hcp;
    *seen.projects.seen_mut() = hcp
        .projects
        .iter()
        .map(|(name, wanted)| observed::Project {
            id: project.clone(),
            name: name.clone(),
            settings: wanted.settings.clone(),
            placement: SeenPlacement { mode: Mode::Remote, own: false },
            tags: own_tags(&first, &project_address(name)),
            notifications: Read::NotAsked,
        })
        .collect();
    *seen.workspaces.seen_mut() = hcp
        .workspaces
        .iter()
        .map(|(name, wanted)| observed::Workspace {
            id: WorkspaceId(format!("ws-{name}")),
            name: name.clone(),
            project: Some(project.clone()),
            settings: wanted.settings.clone(),
            placement: SeenPlacement { mode: Mode::Agent(Some(PoolId("apool-1".to_owned()))), own: true },
            vcs: None,
            tags: own_tags(&first, &workspace_address(name)),
            variables: Read::Seen(seen_variables(name, &wanted.variables)),
            notifications: Read::NotAsked,
            consumers: Read::NotAsked,
            current_run: None,
            locked: None,
            resources: 3,
        })
        .collect();
    let allowed: BTreeSet<WorkspaceId> = seen.workspaces.seen().iter().map(|workspace| workspace.id.clone()).collect();
    *seen.pools.seen_mut() = vec![observed::Pool {
        id: PoolId("apool-1".to_owned()),
        name: "pool".to_owned(),
        organization_scoped: false,
        workspaces: allowed.clone(),
        allowed_workspaces: allowed,
        allowed_projects: BTreeSet::new(),
        agents: 1,
        tokens: Read::NotAsked,
        live: Read::NotAsked,
    }];
    *seen.variable_sets.seen_mut() = hcp
        .variable_sets
        .iter()
        .map(|(name, wanted)| observed::VariableSet {
            id: VariableSetId("varset-1".to_owned()),
            name: name.clone(),
            description: "[reconcile:bench]".to_owned(),
            priority: wanted.priority,
            global: false,
            projects: [project.clone()].into(),
            workspaces: BTreeSet::new(),
            variables: Read::Seen(seen_variables(name, &wanted.variables)),
        })
        .collect();
    Observed::of_hcp(seen)
}

fn own_tags(first: &Plan, address: &reconcile::address::Address) -> Read<SeenTags> {
    let systems::Request::Hcp(request) = &first.actions[address].request else { panic!("{address} is HCP's") };
    let tags = match request {
        Request::CreateProject(project) => &project.tags,
        Request::CreateWorkspace { workspace, mode: _ } => &workspace.tags,
        other => panic!("the first plan creates {address}: {other:?}"),
    };
    Read::Seen(SeenTags { own: tags.clone().unwrap_or_default(), inherited: BTreeMap::new() })
}

fn seen_variables(home: &str, wanted: &BTreeMap<VariableKey, Variable>) -> Vec<observed::Variable> {
    wanted
        .iter()
        .map(|(key, variable)| observed::Variable {
            id: VariableId(format!("var-{home}-{}", key.key)),
            key: key.clone(),
            hcl: variable.hcl,
            description: "[reconcile:bench]".to_owned(),
            value: match &variable.value {
                VariableValue::Plain(value) => SeenValue::Plain(value.clone()),
                VariableValue::Sensitive(_) => SeenValue::Sensitive(None),
            },
        })
        .collect()
}
