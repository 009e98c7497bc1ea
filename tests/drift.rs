//! What is changed by hand, thing by thing and field by field: told as drift where the mark proves it, repaired by one
//! apply, or refused or waited for with a reason; then there is nothing left to do, and nothing of others was touched.
//!
//! The fields are those that HCP's stand-in keeps and those that our settings name: a new one is covered, or is put on
//! the list of those that nobody speaks of, or fails.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod lab;

use std::collections::{BTreeMap, BTreeSet};

use reconcile::owner::TAG_KEY;
use reconcile::plan::{Cause, Plan, Rule};
use reconcile::sandbox::world::{Lock, Workspace};
use reconcile::sandbox::{Connection, Sandbox, World};
use reconcile::spec::desired::Desired;
use reconcile::systems::hcp::desired::{Destination, Notification, Placement, Variable};
use reconcile::systems::hcp::settings::{OrganizationSettings, ProjectSettings, WorkspaceSettings, spec_name};
use reconcile::systems::hcp::{Category, VariableKey};
use serde_json::{Value, json};

use lab::picture::{expect_alike, picture};
use lab::{Lab, lines, neighbours, values};

/// What the plan has to say of a change by hand.
enum Told {
    /// These actions, and that somebody else moved.
    Drift(Vec<String>),
    /// These actions, without a word about who moved.
    Differs(Vec<String>),
    /// Nothing may be applied until this is settled.
    Refused(Rule, &'static str),
    /// It goes on when others are done: the address that waits, and words of the reason.
    Waits(&'static str, &'static str),
    /// Nothing: it is left as it is found.
    Left,
}

fn drift(line: impl Into<String>) -> Told {
    Told::Drift(vec![line.into()])
}

fn differs(line: impl Into<String>) -> Told {
    Told::Differs(vec![line.into()])
}

/// A fleet in which every setting is named, converged, with things of others beside and inside it.
struct Stand {
    want: Desired,
    world: World,
    picture: Vec<String>,
    others: BTreeMap<String, String>,
}

impl Stand {
    async fn new() -> Self {
        let mut want = values::everything();
        name_everything(&mut want);
        let lab = Lab::new(&want).await;
        lab.sandbox.with_world(|world| {
            neighbours::move_in(world);
            world.connect(&Connection { name: Some("other".to_owned()), service_provider: "gitlab_hosted".to_owned() });
            want.hcp.organization.settings = organization_settings(world);
        });
        lab.converge_one_by_one(&want).await;
        lab.sandbox.with_world(|world| neighbours::move_into(world, "ws-000", "main"));
        lab.expect_settled(&want).await;
        let world = lab.sandbox.snapshot();
        Self { want, picture: picture(&world), others: neighbours::of_others(&world), world }
    }

    async fn after(&self, by_hand: impl FnOnce(&mut World)) -> Lab {
        let mut world = self.world.clone();
        by_hand(&mut world);
        Lab::around(Sandbox::resume(world).await.unwrap(), &self.want).await
    }

    /// Changes something by hand, and holds the plan and what comes of it to what should be told.
    async fn check(&self, what: &str, told: Told, by_hand: impl FnOnce(&mut World)) {
        let lab = self.after(by_hand).await;
        self.check_plan(what, told, &lab).await;
    }

    async fn check_plan(&self, what: &str, told: Told, lab: &Lab) {
        let plan = lab.plan(&self.want).await;
        let causes = causes(&plan);
        match told {
            Told::Drift(expected) => {
                assert_eq!(lines(&plan), expected, "{what}: {:#?} {:#?}", plan.refusals, plan.waits);
                assert!(causes.iter().all(|cause| *cause == Cause::Drift), "{what}: {causes:?}");
            }
            Told::Differs(expected) => {
                assert_eq!(lines(&plan), expected, "{what}: {:#?} {:#?}", plan.refusals, plan.waits);
                assert!(!causes.contains(&Cause::Drift), "{what}: {causes:?}");
            }
            Told::Refused(rule, address) => {
                let refusals = plan.refusals.iter().filter(|it| it.rule == rule && it.address.as_str() == address);
                assert_eq!(refusals.count(), 1, "{what}: {:#?}", plan.refusals);
                return;
            }
            Told::Waits(address, words) => {
                let mut waits = plan.waits.iter().filter(|it| it.address.as_str() == address);
                assert!(waits.any(|wait| wait.what.contains(words)), "{what}: {:#?}", plan.waits);
                assert_eq!(lines(&plan), [""; 0], "{what}");
                return;
            }
            Told::Left => {
                assert!(
                    plan.is_empty() && plan.refusals.is_empty(),
                    "{what}: {:#?} {:#?}",
                    lines(&plan),
                    plan.refusals
                );
                neighbours_are_reported(what, &plan);
                return;
            }
        }
        neighbours_are_reported(what, &plan);
        let report = lab.apply(&plan).await;
        assert!(report.is_complete(), "{what}: {:#?}", lab::failures(&report));
        lab.expect_settled(&self.want).await;
        let world = lab.sandbox.snapshot();
        expect_alike(&without_orphans(&world), &self.picture, what);
        assert_eq!(neighbours::of_others(&world), self.others, "{what}: things of others");
    }

    fn workspace(&self, name: &str) -> String {
        self.world.workspace_named(name).unwrap().to_owned()
    }

    fn project(&self, name: &str) -> String {
        self.world.project_named(name).unwrap().to_owned()
    }

    fn pool(&self, name: &str) -> String {
        id_of(&self.world.agent_pools, |it| it.name == name)
    }

    fn set(&self, name: &str) -> String {
        id_of(&self.world.variable_sets, |it| it.name == name)
    }

    fn notification(&self, name: &str) -> String {
        id_of(&self.world.notifications, |it| it.name == name)
    }

    fn variable(&self, workspace: &str, key: &str) -> String {
        id_of(&self.world.workspaces[&self.workspace(workspace)].variables, |it| it.key == key)
    }
}

fn id_of<T>(things: &BTreeMap<String, T>, is_it: impl Fn(&T) -> bool) -> String {
    things.iter().find(|(_, it)| is_it(it)).expect("it is there").0.clone()
}

/// Things of others beside ours stand in the plan, as left alone.
fn neighbours_are_reported(what: &str, plan: &Plan) {
    let reported: BTreeSet<&str> = plan.untouched.iter().map(|thing| thing.address.as_str()).collect();
    for address in [
        "hcp/project/theirs",
        "hcp/workspace/theirs",
        "hcp/variable-set/theirs",
        "hcp/pool/theirs",
        "hcp/workspace/ws-000/env/THEIRS",
        "hcp/workspace/ws-000/notification/theirs",
        "hcp/project/main/notification/theirs",
    ] {
        assert!(reported.contains(address), "{what}: {address} is not among {reported:?}");
    }
}

/// A picture without the witnesses of variables that somebody deleted by hand: these stay, are about nothing, and are
/// read by nobody.
fn without_orphans(world: &World) -> Vec<String> {
    let mut lines = picture(world);
    lines.retain(|line| !line.starts_with("variable reconcile-lab/var-"));
    lines
}

/// Who moved, as each changed field says.
fn causes(plan: &Plan) -> Vec<Cause> {
    plan.actions.values().flat_map(|action| &action.changes).map(|change| change.why.cause.clone()).collect()
}

/// Every setting that HCP keeps, as it is there now: those that nobody set get a value.
fn organization_settings(world: &World) -> OrganizationSettings {
    let known = serde_json::to_value(&world.organization).unwrap();
    let field = |name: &String| {
        let value = known.get(name).unwrap_or_else(|| panic!("the stand-in knows no {name} of the organisation"));
        (name.clone(), if value.is_null() { json!(60) } else { value.clone() })
    };
    let all: serde_json::Map<String, Value> = OrganizationSettings::names().iter().map(field).collect();
    serde_json::from_value(all.into()).unwrap()
}

fn name_everything(want: &mut Desired) {
    want.hcp.organization.runs_on = Some(Placement::Cloud);
    let main = want.hcp.projects.get_mut("main").unwrap();
    main.settings.description = Some("worded".to_owned());
    main.tags = [("area".to_owned(), "core".to_owned())].into();
    main.runs_on = Some(Placement::Cloud);
    let first = want.hcp.workspaces.get_mut("ws-000").unwrap();
    first.settings.description = Some("worded".to_owned());
    first.settings.terraform_version = Some("1.14.0".to_owned());
    let hcl = VariableKey { category: Category::Terraform, key: "zones".to_owned() };
    let worded = Variable { hcl: true, description: Some("worded".to_owned()), ..values::plain("[1, 2]") };
    first.variables.insert(hcl, worded);
    let sent = |destination| Notification { destination, enabled: true, triggers: ["run:errored".to_owned()].into() };
    let source = values::source_of;
    first.notifications.extend([
        ("signed".to_owned(), sent(Destination::Generic { url: source("URL"), token: Some(source("KEY")) })),
        ("teams".to_owned(), sent(Destination::Teams { url: source("TEAMS") })),
        ("slack".to_owned(), sent(Destination::Slack { url: source("SLACK") })),
    ]);
}

/// Turns a part of the world into data, and back with a change.
fn edit(world: &mut World, path: &[&str], with: impl FnOnce(&mut Value)) {
    let mut whole = serde_json::to_value(&*world).unwrap();
    let mut at = &mut whole;
    for part in path {
        at = at.get_mut(part).unwrap_or_else(|| panic!("{part} of {path:?}"));
    }
    with(at);
    *world = serde_json::from_value(whole).unwrap_or_else(|error| panic!("{path:?}: {error}"));
}

/// Another value of the same kind.
fn another(name: &str, value: &Value) -> Value {
    match value {
        Value::Bool(yes) => json!(!yes),
        Value::Number(number) => json!(number.as_u64().unwrap() + 1),
        Value::Null | Value::String(_) if name.ends_with("-duration") => json!("7d"),
        Value::String(word) if word == "password" => json!("two_factor_mandatory"),
        Value::Null | Value::String(_) => json!("by-hand"),
        Value::Array(items) => json!([items.as_slice(), &[json!("by/hand")]].concat()),
        Value::Object(_) => panic!("{name} is no plain value"),
    }
}

/// All fields of a thing as the stand-in keeps it.
fn fields(thing: &impl serde::Serialize) -> BTreeSet<String> {
    serde_json::to_value(thing).unwrap().as_object().unwrap().keys().cloned().collect()
}

/// Each field is covered by this file, or on the list of those that a fleet does not speak of.
fn all_are_accounted_for(kind: &str, all: &BTreeSet<String>, covered: &[&str], settings: &[String], unspoken: &[&str]) {
    let spoken = covered.iter().chain(unspoken).map(ToString::to_string).chain(settings.iter().cloned());
    let listed: BTreeSet<String> = spoken.collect();
    let new: Vec<_> = all.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(all).collect();
    assert!(new.is_empty() && gone.is_empty(), "{kind}: nobody checks {new:?}; there is no {gone:?}");
}

#[tokio::test]
async fn each_setting_of_a_workspace() {
    let stand = Stand::new().await;
    let id = stand.workspace("ws-000");
    // Placement, VCS, tags, project and what lies inside have tests of their own.
    let covered = ["name", "project", "placement", "vcs-repo", "tags", "variables", "remote-state-consumers", "lock"];
    let unspoken = [
        "auto-destroy-at",
        "inherits-project-auto-destroy",
        "project-remote-state",
        "hyok-enabled",
        "source-name",
        "source-url",
        "flat-tags",
        "resources",
        "state-processed-at",
        "current-run",
        "created-at",
        "updated-at",
    ];
    let all = fields(&stand.world.workspaces[&id]);
    all_are_accounted_for("workspace", &all, &covered, WorkspaceSettings::names(), &unspoken);
    for name in WorkspaceSettings::names() {
        let line = format!("change hcp/workspace/ws-000 [{:?}]", spec_name(name));
        stand
            .check(name, drift(line), |world| {
                edit(world, &["workspaces", &id, name], |value| *value = another(name, value));
            })
            .await;
    }
}

#[tokio::test]
async fn each_setting_of_a_project() {
    let stand = Stand::new().await;
    let id = stand.project("main");
    let all = fields(&stand.world.projects[&id]);
    all_are_accounted_for("project", &all, &["name", "placement", "tags"], ProjectSettings::names(), &["created-at"]);
    for name in ProjectSettings::names() {
        let line = format!("change hcp/project/main [{:?}]", spec_name(name));
        stand
            .check(name, drift(line), |world| {
                edit(world, &["projects", &id, name], |value| *value = another(name, value));
            })
            .await;
    }
}

#[tokio::test]
async fn each_setting_of_the_organization() {
    let stand = Stand::new().await;
    let all = fields(&stand.world.organization);
    let unspoken = ["name", "external-id", "tier", "email", "default-project", "rum-alert-threshold"];
    let unspoken = [&unspoken[..], &["created-at", "updated-at"]].concat();
    let covered = ["default-execution-mode", "default-agent-pool"];
    all_are_accounted_for("organization", &all, &covered, OrganizationSettings::names(), &unspoken);
    for name in OrganizationSettings::names() {
        let line = format!("change hcp/organization [{:?}]", spec_name(name));
        stand
            .check(name, differs(line), |world| {
                edit(world, &["organization", name], |value| *value = another(name, value));
            })
            .await;
    }
    let pool = stand.pool("nas");
    stand
        .check("default placement", differs("change hcp/organization [\"runsOn\"]"), |world| {
            edit(world, &["organization"], |it| {
                it["default-execution-mode"] = json!("agent");
                it["default-agent-pool"] = json!(pool);
            });
        })
        .await;
}

#[tokio::test]
async fn each_field_of_a_repository() {
    let stand = Stand::new().await;
    let id = stand.workspace("ws-000");
    let repository = stand.world.workspaces[&id].vcs_repo.clone().unwrap();
    let other = stand.world.oauth_clients.values().find(|it| it.service_provider == "gitlab_hosted").unwrap();
    let other = other.tokens.first().unwrap().clone();
    for name in fields(&repository) {
        let (field, value) = match name.as_str() {
            "identifier" => ("vcs.repository", json!("somebody/elses")),
            "branch" => ("vcs.branch", json!("by-hand")),
            "oauth-token-id" => ("vcs.connection", json!(other)),
            "github-app-installation-id" => ("vcs.connection", json!("ghain-by-hand")),
            "ingress-submodules" => ("vcs.submodules", json!(true)),
            "tags-regex" => ("vcs.tagsRegex", json!("v.*")),
            new => panic!("nobody checks {new} of a repository"),
        };
        let line = format!("change hcp/workspace/ws-000 [{field:?}]");
        stand
            .check(&name, drift(line), |world| {
                edit(world, &["workspaces", &id, "vcs-repo"], |it| {
                    if name == "github-app-installation-id" {
                        it["oauth-token-id"] = Value::Null;
                    }
                    it[&name] = value;
                });
            })
            .await;
    }
    let all = ["vcs.repository", "vcs.branch", "vcs.connection", "vcs.submodules", "vcs.tagsRegex"];
    stand
        .check("disconnected", drift(format!("change hcp/workspace/ws-000 {all:?}")), |world| {
            world.workspaces.get_mut(&id).unwrap().vcs_repo = None;
        })
        .await;
}

#[tokio::test]
async fn tags_and_marks() {
    let stand = Stand::new().await;
    let (id, project) = (stand.workspace("ws-000"), stand.project("main"));
    let tags = |world: &mut World, with: &dyn Fn(&mut BTreeMap<String, String>)| {
        with(&mut world.workspaces.get_mut(&id).unwrap().tags);
    };
    let line = "change hcp/workspace/ws-000 [\"tags\"]";
    stand.check("a tag removed", drift(line), |world| tags(world, &|tags| drop(tags.remove("team")))).await;
    let revalued = |tags: &mut BTreeMap<_, _>| drop(tags.insert("team".to_owned(), "by-hand".to_owned()));
    stand.check("a tag changed", drift(line), |world| tags(world, &revalued)).await;
    let line = "change hcp/project/main [\"tags\"]";
    let of_project = |world: &mut World, with: &dyn Fn(&mut BTreeMap<String, String>)| {
        with(&mut world.projects.get_mut(&project).unwrap().tags);
    };
    stand.check("a project's tag removed", drift(line), |it| of_project(it, &|tags| drop(tags.remove("area")))).await;
    let revalued = |tags: &mut BTreeMap<_, _>| drop(tags.insert("area".to_owned(), "by-hand".to_owned()));
    stand.check("a project's tag changed", drift(line), |it| of_project(it, &revalued)).await;
    let added = |tags: &mut BTreeMap<_, _>| drop(tags.insert("more".to_owned(), String::new()));
    stand.check("a tag of others", Told::Left, |world| tags(world, &added)).await;
    for (what, rule, mark) in [
        ("no mark", Rule::NotOurs, None),
        ("a mark that is none", Rule::NotOurs, Some("by hand")),
        ("another fleet's", Rule::OtherFleet, Some("another.KIND.1-0-0000000000000000--")),
        ("a newer tool's", Rule::NewerTool, Some("lab.KIND.9-0")),
    ] {
        let set = |tags: &mut BTreeMap<String, String>, kind: &str| match mark {
            None => drop(tags.remove(TAG_KEY)),
            Some(mark) => drop(tags.insert(TAG_KEY.to_owned(), mark.replace("KIND", kind))),
        };
        let told = Told::Refused(rule, "hcp/workspace/ws-000");
        stand.check(what, told, |world| tags(world, &|tags| set(tags, "workspace"))).await;
        let told = Told::Refused(rule, "hcp/project/main");
        stand.check(what, told, |world| of_project(world, &|tags| set(tags, "project"))).await;
    }
}

#[tokio::test]
async fn where_runs_go() {
    let stand = Stand::new().await;
    let (id, project, nas) = (stand.workspace("ws-000"), stand.project("main"), stand.pool("nas"));
    let elsewhere = [
        ("the cloud", json!({ "mode": "remote", "pool": { "own": null } })),
        ("local", json!({ "mode": "local", "pool": { "own": null } })),
        ("another pool", json!({ "mode": "agent", "pool": { "own": nas } })),
        ("wherever the project says", json!({ "mode": null, "pool": "inherited" })),
    ];
    let line = "change hcp/workspace/ws-000/placement [\"runsOn\"]";
    for (what, place) in &elsewhere {
        let put = |world: &mut World| edit(world, &["workspaces", &id, "placement"], |it| *it = place.clone());
        stand.check(what, differs(line), put).await;
        let held = |world: &mut World| {
            put(world);
            let lock = Lock { by: "somebody".to_owned(), reason: Some("audit".to_owned()) };
            world.workspaces.get_mut(&id).unwrap().lock = Some(lock);
        };
        stand.check(what, Told::Waits("hcp/workspace/ws-000/placement", "locked: audit"), held).await;
        let busy = |world: &mut World| {
            put(world);
            world.start_run(&id, "planned").unwrap();
        };
        stand.check(what, Told::Waits("hcp/workspace/ws-000/placement", "is planned"), busy).await;
    }
    let line = "change hcp/project/main/placement [\"runsOn\"]";
    for (what, place) in elsewhere.iter().filter(|(what, _)| *what != "the cloud") {
        let put = |world: &mut World| edit(world, &["projects", &project, "placement"], |it| *it = place.clone());
        stand.check(&format!("a project to {what}"), differs(line), put).await;
    }
}

#[tokio::test]
async fn a_lock_alone_is_no_drift() {
    let stand = Stand::new().await;
    let id = stand.workspace("ws-000");
    stand
        .check("locked", Told::Left, |world| {
            let lock = Lock { by: "somebody".to_owned(), reason: None };
            world.workspaces.get_mut(&id).unwrap().lock = Some(lock);
        })
        .await;
    // HCP lets settings of a locked workspace be changed.
    let lab = stand
        .after(|world| {
            let workspace = world.workspaces.get_mut(&id).unwrap();
            workspace.lock = Some(Lock { by: "somebody".to_owned(), reason: None });
            workspace.auto_apply = true;
        })
        .await;
    assert!(lab.run(&stand.want).await.is_complete());
    assert!(lab.sandbox.with_world(|world| world.workspaces[&id].lock.is_some()), "their lock is theirs");
    lab.expect_settled(&stand.want).await;
}

#[tokio::test]
async fn who_may_read_the_state() {
    let stand = Stand::new().await;
    let (id, other) = (stand.workspace("ws-000"), stand.workspace("ws-002"));
    let line = "change hcp/workspace/ws-000/consumers [\"remoteStateConsumers\"]";
    let consumers = |world: &mut World, with: &dyn Fn(&mut BTreeSet<String>)| {
        with(&mut world.workspaces.get_mut(&id).unwrap().remote_state_consumers);
    };
    stand.check("one more", differs(line), |it| consumers(it, &|them| them.extend([other.clone()]))).await;
    stand.check("none", differs(line), |it| consumers(it, &BTreeSet::clear)).await;
}

#[tokio::test]
async fn moved_renamed_replaced_and_deleted() {
    let stand = Stand::new().await;
    let (id, old) = (stand.workspace("ws-000"), stand.project("old"));
    let line = "change hcp/workspace/ws-000 [\"project\"]";
    stand
        .check("moved to another project", drift(line), |it| {
            it.workspaces.get_mut(&id).unwrap().project.clone_from(&old);
        })
        .await;
    let told = Told::Refused(Rule::LooksLikeRename, "hcp/workspace/by-hand");
    stand
        .check("a renamed workspace", told, |it| {
            it.workspaces.get_mut(&id).unwrap().name = "by-hand".to_owned();
        })
        .await;
    let told = Told::Refused(Rule::LooksLikeRename, "hcp/project/by-hand");
    stand
        .check("a renamed project", told, |it| {
            it.projects.get_mut(&old).unwrap().name = "by-hand".to_owned();
        })
        .await;
    let set = stand.set("shared");
    let told = Told::Refused(Rule::LooksLikeRename, "hcp/variable-set/by-hand");
    stand
        .check("a renamed set", told, |it| {
            it.variable_sets.get_mut(&set).unwrap().name = "by-hand".to_owned();
        })
        .await;
    let told = Told::Refused(Rule::NotOurs, "hcp/workspace/ws-000");
    stand
        .check("another one of its name", told, |it| {
            let project = it.workspaces[&id].project.clone();
            it.workspaces.insert(id.clone(), Workspace::new("ws-000", &project, it.now));
        })
        .await;
    let told = Told::Refused(Rule::NotOurs, "hcp/variable-set/shared");
    stand
        .check("another set of its name", told, |it| {
            it.variable_sets.get_mut(&set).unwrap().description = "by hand".to_owned();
        })
        .await;
}

/// Removes a thing over the API, as the web pages do.
async fn delete(lab: &Lab, path: &str) {
    let address = format!("{}/api/v2/{path}", lab.sandbox.address());
    let request = reqwest::Client::new().delete(address).bearer_auth(lab.sandbox.token());
    let answer = request.header("Content-Type", "application/vnd.api+json").send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

#[tokio::test]
async fn a_deleted_workspace_comes_back_with_all_that_it_had() {
    let stand = Stand::new().await;
    let lab = stand.after(|_| {}).await;
    delete(&lab, &format!("workspaces/{}", stand.workspace("ws-002"))).await;
    let expected = [
        "create hcp/workspace/ws-002 [\"runsOn\", \"project\", \"tags\", \"vcs.repository\", \"vcs.branch\", \"vcs.connection\"]",
        "create hcp/workspace/ws-002/env/V0 [\"value\"]",
        "create hcp/workspace/ws-002/env/V1 [\"value\"]",
    ];
    let expected = expected.map(str::to_owned).to_vec();
    let plan = lab.plan(&stand.want).await;
    let told: Vec<_> = lines(&plan).into_iter().filter(|line| line.contains("ws-002")).collect();
    assert_eq!(told, expected);
    assert!(lab.apply(&plan).await.is_complete());
    lab.settle(&stand.want, 1, "a deleted workspace").await;
    expect_alike(&without_orphans(&lab.sandbox.snapshot()), &stand.picture, "a deleted workspace");
}

#[tokio::test]
async fn what_is_deleted_is_made_again() {
    let stand = Stand::new().await;
    let workspace = stand.workspace("ws-000");
    let create = |line: &str| differs(format!("create hcp/{line}"));
    let cases = [
        ("agent-pools", stand.pool("spare"), create("pool/spare [\"scope\"]")),
        (
            "notification-configurations",
            stand.notification("chat (lab)"),
            create("workspace/ws-000/notification/chat [\"type\", \"events\", \"url\"]"),
        ),
        (
            "notification-configurations",
            stand.notification("discord (lab)"),
            create("project/main/notification/discord [\"type\", \"events\", \"url\"]"),
        ),
        ("vars", stand.variable("ws-000", "V0"), create("workspace/ws-000/env/V0 [\"value\"]")),
        ("vars", stand.variable("ws-000", "V1"), create("workspace/ws-000/env/V1 [\"value\"]")),
    ];
    for (kind, id, told) in cases {
        let lab = stand.after(|_| {}).await;
        let path = if kind == "vars" { format!("workspaces/{workspace}/vars/{id}") } else { format!("{kind}/{id}") };
        delete(&lab, &path).await;
        stand.check_plan(&format!("deleted {path}"), told, &lab).await;
    }
    let lab = stand.after(|_| {}).await;
    delete(&lab, &format!("varsets/{}", stand.set("other"))).await;
    let made = ["create hcp/variable-set/other []", "create hcp/variable-set/other/env/OTHER [\"value\"]"];
    let made = [made[0], made[1], "create hcp/variable-set/other/reach [\"for\"]"].map(str::to_owned);
    stand.check_plan("a deleted set", Told::Differs(made.to_vec()), &lab).await;
}

#[tokio::test]
async fn each_field_of_a_variable() {
    let stand = Stand::new().await;
    let id = stand.workspace("ws-000");
    let all = fields(&stand.world.workspaces[&id].variables[&stand.variable("ws-000", "V1")]);
    // A key and a category are what makes a variable this one: another is another variable.
    let covered = ["value", "description", "hcl", "key", "category"];
    all_are_accounted_for("variable", &all, &covered, &[], &["revision", "created-at"]);
    let set = stand.set("shared");
    let in_set = id_of(&stand.world.variable_sets[&set].variables, |it| it.key == "SHARED");
    let secret_in_set = id_of(&stand.world.variable_sets[&set].variables, |it| it.key == "SHARED_TOKEN");
    let (plain, secret, hcl) =
        (stand.variable("ws-000", "V1"), stand.variable("ws-000", "V0"), stand.variable("ws-000", "zones"));
    let inside = ["workspaces", id.as_str(), "variables"];
    let by_hand = json!({ "plain": "by hand" });
    let again = |variable: &mut Value| variable["revision"] = json!(variable["revision"].as_u64().unwrap() + 1);
    let value = |line: &str| format!("change hcp/{line} [\"value\"]");
    let path = |variable: &str| -> Vec<String> {
        let home = if [&in_set, &secret_in_set].iter().any(|it| it.as_str() == variable) {
            ["variable-sets", set.as_str(), "variables"]
        } else {
            inside
        };
        home.iter().chain([&variable]).map(ToString::to_string).collect()
    };
    let set_field = |world: &mut World, variable: &str, with: &dyn Fn(&mut Value)| {
        let path = path(variable);
        edit(world, &path.iter().map(String::as_str).collect::<Vec<_>>(), |it| with(it));
    };
    let another_value = |it: &mut Value| {
        it["value"] = by_hand.clone();
        again(it);
    };
    stand.check("a value", differs(value("workspace/ws-000/env/V1")), |it| set_field(it, &plain, &another_value)).await;
    let told = differs(value("variable-set/shared/env/SHARED"));
    stand.check("a set's value", told, |it| set_field(it, &in_set, &another_value)).await;
    stand.check("a secret", drift(value("workspace/ws-000/env/V0")), |it| set_field(it, &secret, &again)).await;
    let told = drift(value("variable-set/shared/env/SHARED_TOKEN"));
    stand.check("a set's secret", told, |it| set_field(it, &secret_in_set, &again)).await;
    let told = differs(value("workspace/ws-000/env/V0"));
    stand.check("a secret that became readable", told, |it| set_field(it, &secret, &another_value)).await;
    let told = differs("replace hcp/workspace/ws-000/env/V1 [\"sensitive\"]");
    let sealed = json!({ "sealed": { "salt": "s", "hash": "h" } });
    stand.check("hidden", told, |it| set_field(it, &plain, &|it| it["value"] = sealed.clone())).await;
    let told = differs("change hcp/workspace/ws-000/terraform/zones [\"hcl\"]");
    stand.check("hcl", told, |it| set_field(it, &hcl, &|it| it["hcl"] = json!(false))).await;
    let told = differs("change hcp/workspace/ws-000/terraform/zones [\"description\"]");
    stand.check("worded", told, |it| set_field(it, &hcl, &|it| it["description"] = json!("by hand"))).await;
    let told = Told::Differs(vec![
        "remove hcp/workspace/ws-000/env/BY_HAND []".to_owned(),
        "create hcp/workspace/ws-000/env/V1 [\"value\"]".to_owned(),
    ]);
    stand.check("another key", told, |it| set_field(it, &plain, &|it| it["key"] = json!("BY_HAND"))).await;
    let told = Told::Differs(vec![
        "create hcp/workspace/ws-000/env/V1 [\"value\"]".to_owned(),
        "remove hcp/workspace/ws-000/terraform/V1 []".to_owned(),
    ]);
    stand.check("another category", told, |it| set_field(it, &plain, &|it| it["category"] = json!("terraform"))).await;
}

#[tokio::test]
async fn each_field_of_a_variable_set() {
    let stand = Stand::new().await;
    let (set, workspace, project) = (stand.set("other"), stand.workspace("ws-001"), stand.project("main"));
    let all = fields(&stand.world.variable_sets[&set]);
    let covered = ["name", "description", "global", "priority", "workspaces", "projects", "variables"];
    all_are_accounted_for("variable set", &all, &covered, &[], &["owner", "created-at", "updated-at"]);
    let at = |world: &mut World, name: &str, value: Value| {
        edit(world, &["variable-sets", &set, name], |it| *it = value);
    };
    let own = "change hcp/variable-set/other";
    let reach = || differs(format!("{own}/reach [\"for\"]"));
    let reworded = json!("by hand [reconcile:lab]");
    stand.check("worded", differs(format!("{own} [\"description\"]")), |it| at(it, "description", reworded)).await;
    stand.check("priority", differs(format!("{own} [\"priority\"]")), |it| at(it, "priority", json!(true))).await;
    stand.check("global", reach(), |it| at(it, "global", json!(true))).await;
    stand.check("attached to others", reach(), |it| at(it, "workspaces", json!([workspace]))).await;
    stand.check("attached to nobody", reach(), |it| at(it, "workspaces", json!([]))).await;
    stand.check("attached to a project", reach(), |it| at(it, "projects", json!([project]))).await;
    let witnesses = stand.set("reconcile-lab");
    let told = Told::Waits("hcp/variable-set/reconcile-lab", "attached");
    stand
        .check("attached witnesses", told, |it| {
            it.variable_sets.get_mut(&witnesses).unwrap().workspaces = [workspace.clone()].into();
        })
        .await;
}

#[tokio::test]
async fn each_field_of_a_pool() {
    let stand = Stand::new().await;
    let pool = stand.pool("cluster");
    let all = fields(&stand.world.agent_pools[&pool]);
    let covered = ["name", "organization-scoped", "allowed-workspaces", "allowed-projects"];
    all_are_accounted_for("pool", &all, &covered, &[], &["excluded-workspaces", "created-at"]);
    let (workspace, project) = (stand.workspace("ws-002"), stand.project("main"));
    let line = "change hcp/pool/cluster/scope [\"scope\"]";
    let at = |world: &mut World, name: &str, value: Value| {
        edit(world, &["agent-pools", &pool, name], |it| *it = value);
    };
    stand.check("opened", differs(line), |it| at(it, "organization-scoped", json!(true))).await;
    stand
        .check("one more", differs(line), |it| {
            it.agent_pools.get_mut(&pool).unwrap().allowed_workspaces.insert(workspace.clone());
        })
        .await;
    stand.check("a project", differs(line), |it| at(it, "allowed-projects", json!([project]))).await;
    stand.check("nobody", differs(line), |it| at(it, "allowed-workspaces", json!([]))).await;
    // A pool carries no mark: one of another name is another pool, and ours is made anew. Its users move over.
    let lab = stand.after(|it| it.agent_pools.get_mut(&pool).unwrap().name = "by-hand".to_owned()).await;
    let plan = lab.plan(&stand.want).await;
    let told: Vec<_> = lines(&plan);
    let expected = [
        "create hcp/pool/cluster [\"scope\"]",
        "create hcp/pool/cluster/scope [\"scope\"]",
        "change hcp/workspace/ws-000/placement [\"runsOn\"]",
    ];
    assert_eq!(told, expected);
    assert!(plan.untouched.iter().any(|it| it.address.as_str() == "hcp/pool/by-hand"), "{:#?}", plan.untouched);
    assert!(lab.apply(&plan).await.is_complete());
    lab.expect_settled(&stand.want).await;
}

#[tokio::test]
async fn each_field_of_a_notification() {
    let stand = Stand::new().await;
    let (chat, signed) = (stand.notification("chat (lab)"), stand.notification("signed (lab)"));
    let all = fields(&stand.world.notifications[&chat]);
    let covered = ["name", "destination-type", "enabled", "url", "signature", "triggers", "subscriber"];
    // Nobody in this fleet gets mail.
    let mail = ["users", "email-addresses"];
    let unspoken = [&mail[..], &["deliveries", "verified", "created-at", "updated-at"]].concat();
    all_are_accounted_for("notification", &all, &covered, &[], &unspoken);
    let at = |world: &mut World, id: &str, name: &str, value: Value| {
        edit(world, &["notifications", id, name], |it| *it = value);
    };
    let own = "hcp/workspace/ws-000/notification";
    let field = |field: &str| differs(format!("change {own}/chat [{field:?}]"));
    stand.check("another address", field("url"), |it| at(it, &chat, "url", json!("https://by.hand/"))).await;
    stand.check("disabled", field("enabled"), |it| at(it, &chat, "enabled", json!(false))).await;
    stand.check("other events", field("events"), |it| at(it, &chat, "triggers", json!(["run:created"]))).await;
    let told = differs(format!("replace {own}/chat [\"type\"]"));
    stand.check("another kind", told, |it| at(it, &chat, "destination-type", json!("microsoft-teams"))).await;
    // HCP never reads a key back and keeps no version of it.
    stand.check("another key to sign with", Told::Left, |it| at(it, &signed, "signature", json!("by hand"))).await;
    let made = "[\"type\", \"events\", \"url\"]";
    for (what, name, value) in [
        ("another name", "name", json!("by hand")),
        ("of another workspace", "subscriber", json!({ "workspace": stand.workspace("ws-001") })),
    ] {
        let lab = stand.after(|it| at(it, &chat, name, value)).await;
        let plan = lab.plan(&stand.want).await;
        assert_eq!(lines(&plan), [format!("create {own}/chat {made}")], "{what}");
        assert!(lab.apply(&plan).await.is_complete(), "{what}");
        lab.expect_settled(&stand.want).await;
    }
}
