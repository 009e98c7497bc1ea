use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::super::desired::{
    self, Destination, Notification, Organization, Placement, Pool, Project, Scope, Tier, Variable, VariableValue, Vcs,
    Workspace,
};
use super::super::observed::{self, Mode, Run, SeenPlacement, SeenTags, SeenValue};
use super::super::request::{ModeRequest, Request};
use super::super::settings::{OrganizationSettings, ProjectSettings, WorkspaceSettings};
use super::super::{
    Category, NotificationId, PoolId, ProjectId, RunId, VariableId, VariableKey, VariableSetId, WorkspaceId,
    workspace_address,
};
use crate::owner::{Stewardship, TAG_KEY};
use crate::plan::{Gap, Listing, Plan, Read, order, plan};
use crate::secret::{Compared, SecretRef};
use crate::spec::desired::Desired;
use crate::systems::{Consent, Observed};

fn workspace() -> Workspace {
    Workspace {
        was: None,
        project: Some("main".to_owned()),
        settings: WorkspaceSettings::documented(),
        runs_on: Placement::Pool("nas".to_owned()),
        vcs: None,
        tags: BTreeMap::new(),
        variables: BTreeMap::new(),
        exclusive_variables: false,
        consumers: None,
        notifications: BTreeMap::new(),
        stewardship: Stewardship::default(),
    }
}

/// A project, a pool, and a workspace `vault` that runs on it.
fn fleet() -> desired::Desired {
    let project = Project {
        was: None,
        settings: ProjectSettings::documented(),
        runs_on: None,
        tags: BTreeMap::new(),
        notifications: BTreeMap::new(),
        stewardship: Stewardship::default(),
    };
    desired::Desired {
        fleet: "lab".parse().unwrap(),
        organization: Organization {
            name: "example".to_owned(),
            external_id: Some("org-1".to_owned()),
            tier: Tier::Free,
            settings: OrganizationSettings::default(),
            runs_on: None,
            stewardship: Stewardship::default(),
        },
        projects: [("main".to_owned(), project)].into(),
        workspaces: [("vault".to_owned(), workspace())].into(),
        variable_sets: BTreeMap::new(),
        pools: [("nas".to_owned(), pool(&["vault"]))].into(),
        runs_agents: false,
    }
}

fn pool(workspaces: &[&str]) -> Pool {
    Pool {
        was: None,
        scope: Scope::Some {
            projects: BTreeSet::new(),
            workspaces: workspaces.iter().map(ToString::to_string).collect(),
        },
        run_by_us: false,
        made_by: None,
        stewardship: Stewardship::default(),
    }
}

pub(crate) fn nothing() -> observed::Observed {
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

fn make(want: &desired::Desired, seen: &observed::Observed) -> Plan {
    make_with(want, seen, &Consent::default())
}

fn make_with(want: &desired::Desired, seen: &observed::Observed, consent: &Consent) -> Plan {
    let desired = Desired::of_hcp(want.clone());
    plan(&desired, &Observed::of_hcp(seen.clone()), consent)
}

/// The world of `fleet()` after its first apply, marks included.
fn converged(want: &desired::Desired) -> observed::Observed {
    let first = make(want, &nothing());
    let mut seen = nothing();
    let tags = |address| {
        let request = first.actions[&address].request.hcp().expect("a request to HCP");
        let own = match request {
            Request::CreateProject(project) => project.tags.clone(),
            Request::CreateWorkspace { workspace, mode: _ } => workspace.tags.clone(),
            other => panic!("{address} is not created: {other:?}"),
        };
        Read::Seen(SeenTags { own: own.unwrap_or_default(), inherited: BTreeMap::new() })
    };
    seen.projects.seen_mut().push(observed::Project {
        id: ProjectId("prj-main".to_owned()),
        name: "main".to_owned(),
        settings: ProjectSettings::documented(),
        placement: SeenPlacement { mode: Mode::Remote, own: false },
        tags: tags(super::super::project_address("main")),
        notifications: Read::NotAsked,
    });
    for (name, wanted) in &want.workspaces {
        seen.workspaces.seen_mut().push(observed::Workspace {
            id: WorkspaceId(format!("ws-{name}")),
            name: name.clone(),
            project: Some(ProjectId("prj-main".to_owned())),
            settings: WorkspaceSettings {
                description: Some(String::new()),
                terraform_version: Some("1.14.0".to_owned()),
                ..wanted.settings.clone()
            },
            placement: SeenPlacement { mode: Mode::Agent(Some(PoolId("apool-nas".to_owned()))), own: true },
            vcs: None,
            tags: tags(workspace_address(name)),
            variables: Read::Seen(Vec::new()),
            notifications: Read::NotAsked,
            consumers: Read::NotAsked,
            current_run: None,
            locked: None,
            resources: 0,
        });
    }
    let all: BTreeSet<_> = seen.workspaces.seen().iter().map(|workspace| workspace.id.clone()).collect();
    seen.pools.seen_mut().push(observed::Pool {
        id: PoolId("apool-nas".to_owned()),
        name: "nas".to_owned(),
        organization_scoped: false,
        allowed_workspaces: all.clone(),
        allowed_projects: BTreeSet::new(),
        workspaces: all,
        agents: 0,
        tokens: Read::NotAsked,
        live: Read::NotAsked,
    });
    seen
}

fn vault(seen: &mut observed::Observed) -> &mut observed::Workspace {
    &mut seen.workspaces.seen_mut()[0]
}

fn gap() -> Gap {
    Gap {
        address: "hcp".parse().unwrap(),
        doing: "GET".to_owned(),
        cause: "502".to_owned(),
        follows: String::new(),
        hint: String::new(),
        expected: false,
    }
}

/// One line for each action, wait, refusal and untouched thing.
fn lines(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> = plan
        .actions
        .iter()
        .map(|(address, action)| {
            let fields: Vec<&str> = action.changes.iter().map(|change| change.field.as_str()).collect();
            format!("{} {address} [{}]", action.verb, fields.join(" "))
        })
        .collect();
    lines.extend(plan.waits.iter().map(|wait| format!("wait {}: {}", wait.address, wait.what)));
    lines.extend(plan.refusals.iter().map(|refusal| format!("refuse {}: {:?}", refusal.address, refusal.rule)));
    lines.extend(plan.untouched.iter().map(|thing| format!("leave {}", thing.address)));
    lines
}

fn assert_lines(plan: &Plan, expected: &[&str]) {
    assert_eq!(lines(plan), expected, "{plan:#?}");
}

#[test]
fn a_new_workspace_is_placed_only_when_its_pool_lets_it_in() {
    let plan = make(&fleet(), &nothing());
    let order: Vec<&str> = order::order(&plan).unwrap().into_iter().map(crate::address::Address::as_str).collect();
    assert_eq!(
        order,
        [
            "hcp/pool/nas",
            "hcp/project/main",
            "hcp/workspace/vault",
            "hcp/pool/nas/scope",
            "hcp/workspace/vault/placement"
        ]
    );
    let create = plan.actions[&workspace_address("vault")].request.hcp();
    assert!(
        matches!(create, Some(Request::CreateWorkspace { mode: ModeRequest::Local, .. })),
        "a push could start a run in the cloud: {create:?}"
    );
}

#[test]
fn a_converged_world_needs_nothing() {
    assert_lines(&make(&fleet(), &converged(&fleet())), &[]);
}

#[test]
fn drift_and_a_changed_spec_are_told_apart() {
    let cause = |want: &desired::Desired, seen: &observed::Observed| {
        let plan = make(want, seen);
        assert_lines(&plan, &["change hcp/workspace/vault [autoApply]"]);
        plan.actions[&workspace_address("vault")].changes[0].why.cause.clone()
    };
    let mut drifted = converged(&fleet());
    vault(&mut drifted).settings.auto_apply = Some(true);
    assert_eq!(cause(&fleet(), &drifted), crate::plan::Cause::Drift);
    let mut changed = fleet();
    changed.workspaces.get_mut("vault").unwrap().settings.auto_apply = Some(true);
    assert_eq!(cause(&changed, &converged(&fleet())), crate::plan::Cause::Spec);
}

#[test]
fn an_incomplete_list_creates_and_removes_nothing() {
    let mut seen = converged(&fleet());
    seen.workspaces = Listing::Partial(Vec::new(), gap());
    let mut want = fleet();
    want.projects.clear();
    want.workspaces.get_mut("vault").unwrap().project = None;
    let plan = make(&want, &seen);
    assert!(plan.actions.is_empty(), "{:?}", lines(&plan));
    assert!(plan.gaps.iter().any(|gap| gap.address == workspace_address("vault")), "{:?}", plan.gaps);
}

#[test]
fn a_thing_without_our_mark_is_refused_unless_it_may_be_adopted() {
    let mut seen = converged(&fleet());
    vault(&mut seen).tags = Read::Seen(SeenTags::default());
    assert_lines(&make(&fleet(), &seen), &["refuse hcp/workspace/vault: NotOurs"]);
    let consent = Consent { adopt: vec!["hcp/**".parse().unwrap()], ..Consent::default() };
    assert_lines(&make_with(&fleet(), &seen, &consent), &["adopt hcp/workspace/vault []"]);
}

#[test]
fn marks_of_others_and_of_newer_tools_are_respected() {
    for (mark, line) in [
        ("other.workspace.1-0-x--", "refuse hcp/workspace/vault: OtherFleet"),
        ("lab.workspace.2-whatever", "refuse hcp/workspace/vault: NewerTool"),
        // A project's mark that the workspace inherited by a copy is no workspace's mark.
        ("lab.project.1-0-x--", "refuse hcp/workspace/vault: NotOurs"),
    ] {
        let mut seen = converged(&fleet());
        vault(&mut seen).tags =
            Read::Seen(SeenTags { own: [(TAG_KEY.to_owned(), mark.to_owned())].into(), inherited: BTreeMap::new() });
        assert_lines(&make(&fleet(), &seen), &[line]);
    }
}

#[test]
fn a_run_under_way_keeps_a_workspace_where_it_is() {
    let mut want = fleet();
    want.workspaces.get_mut("vault").unwrap().runs_on = Placement::Cloud;
    want.pools = [("nas".to_owned(), pool(&[]))].into();
    let mut seen = converged(&fleet());
    vault(&mut seen).current_run =
        Some(Run { id: RunId("run-1".to_owned()), status: "planned".to_owned(), created_at: None, changed_at: None });
    assert_lines(
        &make(&want, &seen),
        &["wait hcp/workspace/vault/placement: run-1 is planned; a move would make it fail"],
    );
    vault(&mut seen).current_run = None;
    let plan = make(&want, &seen);
    assert_lines(&plan, &["change hcp/pool/nas/scope [scope]", "change hcp/workspace/vault/placement [runsOn]"]);
    let order = order::order(&plan).unwrap();
    assert_eq!(order[0].as_str(), "hcp/workspace/vault/placement", "it loses the pool after it left");
}

#[test]
fn a_lock_of_ours_is_taken_off_and_one_of_others_is_waited_for() {
    let mut seen = converged(&fleet());
    vault(&mut seen).locked = Some("reconcile lab: moving to pool nas".to_owned());
    assert_lines(&make(&fleet(), &seen), &["change hcp/workspace/vault/placement [lock]"]);
    vault(&mut seen).locked = Some("maintenance".to_owned());
    vault(&mut seen).placement.mode = Mode::Local;
    assert_lines(&make(&fleet(), &seen), &["wait hcp/workspace/vault/placement: the workspace is locked: maintenance"]);
}

#[test]
fn removal_is_for_what_is_ours_holds_nothing_and_is_not_a_rename() {
    let mut want = fleet();
    want.workspaces.clear();
    want.pools = [("nas".to_owned(), pool(&[]))].into();
    let mut seen = converged(&fleet());
    seen.pools.seen_mut()[0].workspaces.clear();
    seen.pools.seen_mut()[0].allowed_workspaces.clear();
    assert_lines(&make(&want, &seen), &["remove hcp/workspace/vault []"]);
    vault(&mut seen).resources = 12;
    assert_lines(
        &make(&want, &seen),
        &["wait hcp/workspace/vault: no longer in the spec, and its state holds 12 resources"],
    );
    vault(&mut seen).tags = Read::Seen(SeenTags::default());
    assert_lines(&make(&want, &seen), &["leave hcp/workspace/vault"]);
}

#[test]
fn a_rename_has_to_be_said() {
    let vcs = Vcs {
        repository: "example/infra".to_owned(),
        branch: String::new(),
        connection: "github".to_owned(),
        ingress_submodules: false,
        tags_regex: String::new(),
    };
    let mut want = fleet();
    let renamed = Workspace { vcs: Some(vcs), runs_on: Placement::Local, ..workspace() };
    want.workspaces = [("main-vault".to_owned(), renamed)].into();
    want.pools.clear();
    let mut seen = converged(&fleet());
    seen.pools.seen_mut().clear();
    seen.connections.seen_mut().push(observed::Connection {
        token: super::super::OauthTokenId("ot-1".to_owned()),
        name: None,
        provider: "github".to_owned(),
    });
    vault(&mut seen).placement.mode = Mode::Local;
    vault(&mut seen).vcs = Some(observed::SeenVcs {
        repository: "example/infra".to_owned(),
        branch: String::new(),
        token: Some(super::super::OauthTokenId("ot-1".to_owned())),
        installation: None,
        ingress_submodules: false,
        tags_regex: String::new(),
    });
    assert_lines(
        &make(&want, &seen),
        &[
            "create hcp/workspace/main-vault [runsOn project vcs.repository vcs.connection]",
            "refuse hcp/workspace/vault: LooksLikeRename",
        ],
    );
    want.workspaces.get_mut("main-vault").unwrap().was = Some("vault".to_owned());
    assert_lines(&make(&want, &seen), &["rename hcp/workspace/main-vault [name]"]);
}

fn variable_world() -> (desired::Desired, observed::Observed) {
    (fleet(), converged(&fleet()))
}

fn key(key: &str) -> VariableKey {
    VariableKey { category: Category::Env, key: key.to_owned() }
}

fn seen_variable(name: &str, description: &str, value: SeenValue) -> observed::Variable {
    observed::Variable {
        id: VariableId(format!("var-{name}")),
        key: key(name),
        hcl: false,
        description: description.to_owned(),
        value,
    }
}

fn want_variable(want: &mut desired::Desired, name: &str, value: VariableValue) {
    want.workspaces
        .get_mut("vault")
        .unwrap()
        .variables
        .insert(key(name), Variable { value, hcl: false, description: None });
}

#[test]
fn variables_of_others_stay_and_ours_that_left_the_spec_go() {
    let (want, mut seen) = variable_world();
    vault(&mut seen).variables = Read::Seen(vec![
        seen_variable("OURS", "[reconcile:lab]", SeenValue::Plain("1".to_owned())),
        seen_variable("THEIRS", "by hand", SeenValue::Plain("2".to_owned())),
    ]);
    assert_lines(
        &make(&want, &seen),
        &["remove hcp/workspace/vault/env/OURS []", "leave hcp/workspace/vault/env/THEIRS"],
    );
}

#[test]
fn a_sensitive_value_is_written_when_its_source_or_its_receiver_moved_and_else_never() {
    let source = SecretRef::Env("TOKEN".to_owned());
    for (compared, line) in [
        (Compared::Same, None),
        (Compared::SourceChanged, Some("change hcp/workspace/vault/env/TOKEN [value]")),
        (Compared::ReceiverChanged, Some("change hcp/workspace/vault/env/TOKEN [value]")),
        (Compared::Unwitnessed, Some("change hcp/workspace/vault/env/TOKEN [value]")),
        (Compared::Unreadable("not set".to_owned()), None),
    ] {
        let (mut want, mut seen) = variable_world();
        want_variable(&mut want, "TOKEN", VariableValue::Sensitive(source.clone()));
        let unread = matches!(compared, Compared::Unreadable(_));
        vault(&mut seen).variables =
            Read::Seen(vec![seen_variable("TOKEN", "[reconcile:lab]", SeenValue::Sensitive(Some(compared)))]);
        seen.variable_sets.seen_mut().push(observed::VariableSet {
            id: VariableSetId("varset-w".to_owned()),
            name: "reconcile-lab".to_owned(),
            description: "[reconcile:lab]".to_owned(),
            priority: false,
            global: false,
            projects: BTreeSet::new(),
            workspaces: BTreeSet::new(),
            variables: Read::Seen(Vec::new()),
        });
        let plan = make(&want, &seen);
        assert_lines(&plan, line.as_slice());
        assert_eq!(!plan.gaps.is_empty(), unread);
    }
}

#[test]
fn what_was_sensitive_is_replaced_to_become_readable() {
    let (mut want, mut seen) = variable_world();
    want_variable(&mut want, "LEVEL", VariableValue::Plain("info".to_owned()));
    vault(&mut seen).variables = Read::Seen(vec![seen_variable("LEVEL", "", SeenValue::Sensitive(None))]);
    assert_lines(&make(&want, &seen), &["replace hcp/workspace/vault/env/LEVEL [sensitive]"]);
}

#[test]
fn a_notification_that_would_come_twice_goes_after_its_successor_is_there() {
    let url = SecretRef::Env("URL".to_owned());
    let notification = Notification {
        destination: Destination::Slack { url },
        enabled: true,
        triggers: ["run:errored".to_owned()].into(),
    };
    let mut want = fleet();
    want.projects.get_mut("main").unwrap().notifications = [("chat".to_owned(), notification)].into();
    let mut seen = converged(&fleet());
    seen.projects.seen_mut()[0].notifications = Read::Seen(Vec::new());
    let old = |name: &str| observed::Notification {
        id: NotificationId(format!("nc-{name}")),
        name: name.to_owned(),
        destination: "slack".to_owned(),
        enabled: true,
        triggers: BTreeSet::new(),
        url: None,
        doubles: ["chat".to_owned()].into(),
        recipients: Read::NotAsked,
    };
    vault(&mut seen).notifications = Read::Seen(vec![old("chat (lab)"), old("by hand")]);
    let plan = make(&want, &seen);
    assert_lines(
        &plan,
        &[
            "change hcp/project/main [mark]",
            "create hcp/project/main/notification/chat [type events url]",
            "remove hcp/workspace/vault/notification/chat []",
            "leave hcp/workspace/vault/notification/by%20hand",
        ],
    );
    let order: Vec<&str> = order::order(&plan).unwrap().into_iter().map(crate::address::Address::as_str).collect();
    assert_eq!(order[2], "hcp/workspace/vault/notification/chat", "{order:?}");
}

#[test]
fn another_organization_gets_nothing() {
    let mut seen = nothing();
    seen.organization.external_id = "org-2".to_owned();
    assert_lines(&make(&fleet(), &seen), &["refuse hcp/organization: WrongIdentity"]);
}

#[test]
fn verifying_compares_and_writes_nothing() {
    let mut want = fleet();
    want.organization.stewardship.verify = true;
    let mut seen = converged(&fleet());
    vault(&mut seen).tags = Read::Seen(SeenTags::default());
    assert_lines(&make(&want, &seen), &[]);
    vault(&mut seen).settings.auto_apply = Some(true);
    assert_lines(&make(&want, &seen), &["wait hcp/workspace/vault: differs from the spec in autoApply"]);
}

#[test]
fn releasing_takes_the_mark_off_and_nothing_else() {
    let mut want = fleet();
    want.workspaces.get_mut("vault").unwrap().stewardship.released = true;
    let mut seen = converged(&fleet());
    vault(&mut seen).settings.auto_apply = Some(true);
    let plan = make(&want, &seen);
    assert_lines(&plan, &["release hcp/workspace/vault []"]);
    vault(&mut seen).tags = Read::Seen(SeenTags::default());
    assert_lines(&make(&want, &seen), &[]);
}

#[test]
fn an_ignored_field_stays_as_it_is_found() {
    let mut want = fleet();
    want.workspaces.get_mut("vault").unwrap().stewardship.ignore = ["autoApply".to_owned(), "runsOn".to_owned()].into();
    let mut seen = converged(&want);
    vault(&mut seen).settings.auto_apply = Some(true);
    vault(&mut seen).placement.mode = Mode::Remote;
    assert_lines(&make(&want, &seen), &[]);
}

/// Two pools, and a workspace on each.
fn two_pools() -> (desired::Desired, observed::Observed) {
    let mut want = fleet();
    want.workspaces.insert("grafana".to_owned(), workspace());
    let mut seen = converged(&want);
    let on = |id: &str| [WorkspaceId(id.to_owned())].into();
    let pools = seen.pools.seen_mut();
    pools[0].allowed_workspaces = on("ws-grafana");
    pools[0].workspaces = on("ws-grafana");
    let other = observed::Pool {
        id: PoolId("apool-lab".to_owned()),
        name: "lab".to_owned(),
        allowed_workspaces: on("ws-vault"),
        workspaces: on("ws-vault"),
        ..pools[0].clone()
    };
    pools.push(other);
    let vault = seen.workspaces.seen_mut().iter_mut().find(|seen| seen.name == "vault").unwrap();
    vault.placement.mode = Mode::Agent(Some(PoolId("apool-lab".to_owned())));
    want.pools = [("nas".to_owned(), pool(&["grafana"])), ("lab".to_owned(), pool(&["vault"]))].into();
    want.workspaces.get_mut("vault").unwrap().runs_on = Placement::Pool("lab".to_owned());
    (want, seen)
}

#[test]
fn two_workspaces_change_places() {
    let (mut want, seen) = two_pools();
    assert_lines(&make(&want, &seen), &[]);
    want.pools = [("nas".to_owned(), pool(&["vault"])), ("lab".to_owned(), pool(&["grafana"]))].into();
    want.workspaces.get_mut("vault").unwrap().runs_on = Placement::Pool("nas".to_owned());
    want.workspaces.get_mut("grafana").unwrap().runs_on = Placement::Pool("lab".to_owned());
    let plan = make(&want, &seen);
    let order: Vec<&str> = order::order(&plan).unwrap().into_iter().map(crate::address::Address::as_str).collect();
    let at = |address: &str| order.iter().position(|other| *other == address).unwrap();
    for pool in ["hcp/pool/lab/scope", "hcp/pool/nas/scope"] {
        for placement in ["hcp/workspace/grafana/placement", "hcp/workspace/vault/placement"] {
            assert!(at(pool) < at(placement), "{order:?}");
        }
    }
    assert!(at("hcp/workspace/grafana/placement") < at("hcp/pool/nas/scope/narrow"), "{order:?}");
    assert!(at("hcp/workspace/vault/placement") < at("hcp/pool/lab/scope/narrow"), "{order:?}");
}

#[test]
fn a_renamed_pool_moves_nobody() {
    let mut want = fleet();
    let seen = converged(&want);
    want.pools = [("attic".to_owned(), Pool { was: Some("nas".to_owned()), ..pool(&["vault"]) })].into();
    want.workspaces.get_mut("vault").unwrap().runs_on = Placement::Pool("attic".to_owned());
    assert_lines(&make(&want, &seen), &["rename hcp/pool/attic [name]"]);
}

#[test]
fn a_project_is_placed_once_its_pool_lets_it_in() {
    let mut want = fleet();
    want.projects.get_mut("main").unwrap().runs_on = Some(Placement::Pool("nas".to_owned()));
    want.workspaces.get_mut("vault").unwrap().runs_on = Placement::Inherited;
    let scope = Scope::Some { projects: ["main".to_owned()].into(), workspaces: BTreeSet::new() };
    want.pools.get_mut("nas").unwrap().scope = scope;
    let plan = make(&want, &nothing());
    let order: Vec<&str> = order::order(&plan).unwrap().into_iter().map(crate::address::Address::as_str).collect();
    let at = |address: &str| order.iter().position(|other| *other == address).unwrap();
    assert!(at("hcp/project/main") < at("hcp/pool/nas/scope"), "{order:?}");
    assert!(at("hcp/pool/nas/scope") < at("hcp/project/main/placement"), "{order:?}");
    assert!(at("hcp/project/main/placement") < at("hcp/workspace/vault/placement"), "{order:?}");
}

#[test]
fn what_a_project_inherits_is_in_place_before_its_workspaces_inherit_it() {
    let mut want = fleet();
    let seen = converged(&want);
    want.organization.runs_on = Some(Placement::Local);
    want.workspaces.get_mut("vault").unwrap().runs_on = Placement::Inherited;
    want.pools.get_mut("nas").unwrap().scope = Scope::Some { projects: BTreeSet::new(), workspaces: BTreeSet::new() };
    let plan = make(&want, &seen);
    let order: Vec<&str> = order::order(&plan).unwrap().into_iter().map(crate::address::Address::as_str).collect();
    assert_eq!(order[..2], ["hcp/organization", "hcp/workspace/vault/placement"]);
}

#[test]
fn the_mark_of_another_fleet_is_never_taken_off() {
    let mut want = fleet();
    let mut seen = converged(&want);
    let Read::Seen(tags) = &mut vault(&mut seen).tags else { panic!("its tags were read") };
    let mark = tags.own.get_mut(TAG_KEY).unwrap();
    *mark = mark.replace("lab.", "other.");
    want.workspaces.get_mut("vault").unwrap().stewardship =
        Stewardship { released: true, verify: true, ..Stewardship::default() };
    assert_lines(&make(&want, &seen), &[]);
    want.workspaces.get_mut("vault").unwrap().stewardship = Stewardship { released: true, ..Stewardship::default() };
    assert_lines(&make(&want, &seen), &[]);
}

#[test]
fn an_ignored_variable_stays_even_where_the_spec_is_exclusive() {
    let (mut want, mut seen) = variable_world();
    vault(&mut seen).variables = Read::Seen(vec![seen_variable("THEIRS", "", SeenValue::Plain("1".to_owned()))]);
    let workspace = want.workspaces.get_mut("vault").unwrap();
    workspace.exclusive_variables = true;
    assert_lines(&make(&want, &seen), &["remove hcp/workspace/vault/env/THEIRS []"]);
    want.workspaces.get_mut("vault").unwrap().stewardship.ignore = ["env.THEIRS".to_owned()].into();
    assert_lines(&make(&want, &seen), &[]);
}

#[test]
fn ignored_tags_do_not_make_a_changed_spec_look_like_drift() {
    let mut want = fleet();
    let workspace = want.workspaces.get_mut("vault").unwrap();
    workspace.tags = [("lab".to_owned(), String::new())].into();
    workspace.stewardship.ignore = ["tags".to_owned()].into();
    let mut seen = converged(&want);
    let Read::Seen(tags) = &mut vault(&mut seen).tags else { panic!("its tags were read") };
    tags.own.remove("lab");
    want.workspaces.get_mut("vault").unwrap().settings.auto_apply = Some(true);
    let plan = make(&want, &seen);
    assert_eq!(plan.actions[&workspace_address("vault")].why.cause, crate::plan::Cause::Spec);
}

#[test]
fn the_default_project_is_let_go_and_never_removed() {
    let mut want = fleet();
    let mut seen = converged(&want);
    seen.organization.default_project = Some(ProjectId("prj-main".to_owned()));
    want.projects.clear();
    want.workspaces.get_mut("vault").unwrap().project = None;
    let plan = make(&want, &seen);
    assert_eq!(plan.actions[&super::super::project_address("main")].verb, crate::plan::Verb::Release, "{plan:#?}");
}

#[test]
fn a_default_does_not_move_while_a_run_of_an_heir_is_under_way() {
    let mut want = fleet();
    let mut seen = converged(&want);
    want.workspaces.get_mut("vault").unwrap().runs_on = Placement::Inherited;
    want.pools = [("nas".to_owned(), pool(&[]))].into();
    let pool = &mut seen.pools.seen_mut()[0];
    pool.allowed_workspaces.clear();
    vault(&mut seen).placement = SeenPlacement { mode: Mode::Remote, own: false };
    assert_lines(&make(&want, &seen), &[]);
    vault(&mut seen).current_run =
        Some(Run { id: RunId("run-1".to_owned()), status: "planned".to_owned(), created_at: None, changed_at: None });
    let what = "run-1 of vault, which inherits it, is planned; a move would make it fail";
    want.projects.get_mut("main").unwrap().runs_on = Some(Placement::Local);
    assert_lines(&make(&want, &seen), &[&format!("wait hcp/project/main/placement: {what}")]);
    want.projects.get_mut("main").unwrap().runs_on = None;
    want.organization.runs_on = Some(Placement::Local);
    assert_lines(&make(&want, &seen), &[&format!("wait hcp/organization: {what}")]);
    seen.projects.seen_mut()[0].placement = SeenPlacement { mode: Mode::Remote, own: true };
    assert_lines(&make(&want, &seen), &["change hcp/organization [runsOn]"]);
}

#[test]
fn of_workspaces_in_an_unread_list_nothing_is_said() {
    let want = fleet();
    let mut seen = converged(&want);
    seen.workspaces = Listing::Partial(Vec::new(), gap());
    let plan = make(&want, &seen);
    assert!(!plan.gaps.is_empty());
    assert_eq!(plan.untouched, [], "they may well be in the spec");
}

#[test]
fn an_heir_changes_its_project_only_while_no_run_is_under_way() {
    let mut want = fleet();
    let mut seen = converged(&want);
    want.pools = [("nas".to_owned(), pool(&[]))].into();
    seen.pools.seen_mut()[0].allowed_workspaces.clear();
    let mut other = want.projects["main"].clone();
    other.runs_on = Some(Placement::Local);
    want.projects.insert("other".to_owned(), other);
    let workspace = want.workspaces.get_mut("vault").unwrap();
    workspace.runs_on = Placement::Inherited;
    workspace.project = Some("other".to_owned());
    vault(&mut seen).placement = SeenPlacement { mode: Mode::Remote, own: false };
    let plan = make(&want, &seen);
    assert_eq!(plan.effect().moved, 1, "{:?}", lines(&plan));
    vault(&mut seen).current_run =
        Some(Run { id: RunId("run-1".to_owned()), status: "planned".to_owned(), created_at: None, changed_at: None });
    let plan = make(&want, &seen);
    assert!(!plan.actions.contains_key(&workspace_address("vault")), "{:?}", lines(&plan));
    assert!(plan.waits.iter().any(|wait| wait.what.contains("a move would make it fail")), "{:?}", plan.waits);
    want.projects.get_mut("other").unwrap().runs_on = Some(Placement::Cloud);
    let plan = make(&want, &seen);
    assert!(plan.actions.contains_key(&workspace_address("vault")), "{:?}", lines(&plan));
    assert_eq!(plan.effect().moved, 0, "it runs where it ran");
}
