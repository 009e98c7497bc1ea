//! The documentation's samples, read by the client's own types. Whole values are compared, so that every attribute
//! that is read has its word here, and a new one breaks the test until it has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use reconcile::plan::Read;
use reconcile::systems::hcp::observed::{
    Connection, Entitlements, Mode, Organization, Pool, Project, SeenPlacement, SeenTags, SeenValue, SeenVcs, Variable,
    VariableSet, Workspace,
};
use reconcile::systems::hcp::settings::{OrganizationSettings, ProjectSettings, WorkspaceSettings};
use reconcile::systems::hcp::wire::{self, Document, Included, Resource, Unrelated};
use reconcile::systems::hcp::{
    Category, OauthTokenId, PoolId, ProjectId, VariableId, VariableKey, VariableSetId, WorkspaceId,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Samples that are not read, by the beginning of their names, and why.
const NOT_READ: [(&str, &str); 42] = [
    ("_template--", "a template of the documentation's authors"),
    ("agent-tokens--", "agent tokens come with the targets that agents run on"),
    ("agents--02", "agents are not part of a fleet's HCP side yet"),
    ("agents--04", "agents are not part of a fleet's HCP side yet"),
    ("agents--05", "sent, not read"),
    ("agents--06", "sent, not read"),
    ("configuration-versions--", "runs are started by others"),
    ("index--01", "sent, not read"),
    ("notification-configurations--01", "what a receiver gets"),
    ("notification-configurations--02", "what a receiver gets"),
    ("notification-configurations--03", "what a receiver gets"),
    ("notification-configurations--04", "what a receiver gets"),
    ("notification-configurations--05", "what a receiver gets"),
    ("notification-configurations--06", "sent, not read"),
    ("notification-configurations--07", "sent, not read"),
    ("notification-configurations--12", "sent, not read"),
    ("notification-configurations--13", "sent, not read"),
    ("oauth-clients--03", "connections are looked up, never made"),
    ("oauth-clients--05", "connections are looked up, never made"),
    ("oauth-clients--07", "connections are looked up, never made"),
    ("oauth-clients--08", "connections are looked up, never made"),
    ("oauth-tokens--", "their ids come with the connections"),
    ("organization-memberships--01", "members are looked up, never invited"),
    ("organization-tags--", "flat tags are left alone"),
    ("organization-tokens--", "made by hand"),
    ("organizations--03", "organisations are never made"),
    ("organizations--05", "sent, not read"),
    ("organizations--08", "the private registry is not managed"),
    ("polic", "policies come later"),
    ("project-team-access--", "teams come later"),
    ("projects--02", "sent, not read"),
    ("projects--06", "tags in force are read, which say more"),
    ("projects--07", "sent, not read"),
    ("projects--08", "not used: tags are replaced with the project itself"),
    ("projects--09", "not used: a workspace is moved by its own project"),
    ("run", "runs and run triggers come later; a workspace's current run has no sample"),
    ("state-version", "state upload comes later"),
    ("team", "teams come later"),
    ("variable-sets--04", "sent, not read"),
    ("variable-sets--06", "sent, not read"),
    ("variable-sets--09", "not used: a set's reach is replaced as a whole"),
    ("variable-sets--1", "not used: a set's reach is replaced as a whole"),
];

/// Samples that are sent by us or have a form that only writes have.
const SENT: [&str; 12] = [
    "variables--01",
    "variables--04",
    "workspace-variables--01",
    "workspace-variables--04",
    "workspaces--10",
    "workspaces--11",
    "workspaces--12",
    "workspaces--14",
    "workspaces--15",
    "workspaces--19",
    "workspaces--20",
    "workspaces--21",
];

/// Legacy or additive endpoints that we do not call.
const OTHER_TAGS: [&str; 3] = ["workspaces--16", "workspaces--17", "workspaces--22"];

/// The samples that nobody has read yet.
struct Samples(BTreeMap<String, Vec<u8>>);

impl Samples {
    /// `None` where there is no published data, unless it was asked for.
    fn load() -> Option<Self> {
        let asked = std::env::var_os("RECONCILE_REFERENCE").map(PathBuf::from);
        let root = asked.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
        let Ok(entries) = std::fs::read_dir(root.join("data/hcp-samples")) else {
            assert!(asked.is_none(), "RECONCILE_REFERENCE has no data/hcp-samples");
            println!("skipped: no published samples at {}; set RECONCILE_REFERENCE", root.display());
            return None;
        };
        let read = entries.map(|entry| {
            let path = entry.unwrap().path();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
        });
        Some(Self(read.collect()))
    }

    fn take(&mut self, begins: &str) -> Vec<u8> {
        let name = self.0.keys().find(|name| name.starts_with(begins)).unwrap_or_else(|| panic!("{begins} is gone"));
        let name = name.clone();
        self.0.remove(&name).unwrap()
    }

    fn document<T: DeserializeOwned>(&mut self, begins: &str) -> (T, Included) {
        let Document { data, included: along, .. } =
            wire::document(&self.take(begins)).unwrap_or_else(|error| panic!("{begins}: {error}"));
        let mut included = Included::default();
        included.extend(along);
        (data, included)
    }

    fn drop_all(&mut self, begins: &str) -> usize {
        let before = self.0.len();
        self.0.retain(|name, _| !name.starts_with(begins));
        before - self.0.len()
    }
}

#[test]
fn every_sample_is_read_or_has_a_reason() {
    let Some(mut samples) = Samples::load() else { return };
    pools(&mut samples);
    variables(&mut samples);
    variable_sets(&mut samples);
    projects(&mut samples);
    organizations(&mut samples);
    limits(&mut samples);
    connections(&mut samples);
    members(&mut samples);
    notifications(&mut samples);
    workspaces(&mut samples);
    refusals(&mut samples);
    let reasons = NOT_READ.map(|(begins, _)| begins);
    for begins in reasons.iter().chain(&SENT).chain(&OTHER_TAGS) {
        assert!(samples.drop_all(begins) > 0, "{begins} names no sample any more");
    }
    let left: Vec<&String> = samples.0.keys().collect();
    assert!(left.is_empty(), "neither read nor excused: {left:#?}");
}

fn pools(samples: &mut Samples) {
    let (list, _) = samples.document::<Vec<wire::pool::Pool>>("agents--01");
    let pool = Pool {
        tokens: reconcile::plan::Read::NotAsked,
        live: reconcile::plan::Read::NotAsked,
        id: PoolId("apool-yoGUFz5zcRMMz53i".to_owned()),
        name: "example-pool".to_owned(),
        organization_scoped: false,
        allowed_workspaces: [WorkspaceId("ws-x9taqV23mxrGcDrn".to_owned())].into(),
        allowed_projects: BTreeSet::new(),
        workspaces: [WorkspaceId("ws-9EEkcEQSA3XgWyGe".to_owned())].into(),
        agents: 3,
    };
    assert_eq!(list.into_iter().map(wire::pool::seen).collect::<Vec<_>>(), std::slice::from_ref(&pool));
    let pool = Pool { agents: 0, ..pool };
    let (shown, _) = samples.document("agents--03");
    assert_eq!(wire::pool::seen(shown), pool);
    // The answer to an update lacks the scope, which is then the default.
    let (updated, _) = samples.document("agents--07");
    assert_eq!(wire::pool::seen(updated), Pool { organization_scoped: true, ..pool });
}

fn variable(id: &str, key: &str, value: &str, description: &str) -> Variable {
    Variable {
        id: VariableId(id.to_owned()),
        key: VariableKey { category: Category::Terraform, key: key.to_owned() },
        hcl: false,
        description: description.to_owned(),
        value: SeenValue::Plain(value.to_owned()),
    }
}

type VariableResource = Resource<wire::variable::VariableAttributes>;

fn variables(samples: &mut Samples) {
    let version = "1aa07d63ea8ff4df941c94ca9ddfd5d2bd04";
    let some = variable("var-EavQ1LztoRTQHSNT", "some_key", "some_value", "some description");
    let listed = variable("var-AD4pibb9nxo1468E", "name", "hello", "some description");
    let updated = variable("var-yRmifb4PJj7cLkMG", "name", "mars", "some description");
    let in_set = "g6e45ae7564a17e81ef62fd1c7fa86138";
    let value = "61e400d5ccffb3782f215344481e6c82";
    let one = |samples: &mut Samples, begins: &str, want: &Variable, version: &str| {
        let (resource, _) = samples.document::<VariableResource>(begins);
        let read = wire::variable::Variable::of(resource).unwrap();
        assert_eq!(read.version, version, "{begins}");
        assert_eq!(read.seen(false, None), *want, "{begins}");
    };
    one(samples, "workspace-variables--02", &some, version);
    one(samples, "workspace-variables--05", &updated, version);
    one(samples, "variables--02", &some, "");
    one(samples, "variables--05", &Variable { description: "new description".to_owned(), ..updated }, "");
    one(samples, "variable-sets--05", &variable("var-EavQ1LztoRTQHSNT", in_set, value, "cheeeese"), "");
    one(samples, "variable-sets--07", &variable("var-EavQ1LztoRTQHSNT", in_set, value, "new cheeeese"), "");
    let many = |samples: &mut Samples, begins: &str, want: Variable| {
        let (list, _) = samples.document::<Vec<VariableResource>>(begins);
        let read = list.into_iter().filter_map(wire::variable::Variable::of).map(|read| read.seen(false, None));
        assert_eq!(read.collect::<Vec<_>>(), [want], "{begins}");
    };
    many(samples, "workspace-variables--03", listed.clone());
    many(samples, "variables--03", listed);
    let key = "F115037558b045dd82da40b089e5db745";
    let value = "1754288480dfd3060e2c37890422905f";
    many(samples, "variable-sets--08", variable("var-134r1k34nj5kjn", key, value, ""));
}

fn variable_sets(samples: &mut Samples) {
    let projects = ["prj-1JMwvPHFsdpsPhnt", "prj-SLDGqbYqELXE1obp"].map(|id| ProjectId(id.to_owned()));
    let workspaces = ["ws-UohFdKAHUGsQ8Dtf", "ws-XhGhaaCrsx9ATson"].map(|id| WorkspaceId(id.to_owned()));
    let set = VariableSet {
        id: VariableSetId("varset-kjkN545LH2Sfercv".to_owned()),
        name: "MyVarset".to_owned(),
        description: "Full of vars and such for mass reuse".to_owned(),
        priority: false,
        global: false,
        projects: projects.into(),
        workspaces: workspaces.into(),
        variables: Read::NotAsked,
    };
    let (shown, included) = samples.document::<wire::variable_set::VariableSet>("variable-sets--02");
    assert_eq!(wire::variable_set::seen(&shown), set);
    assert_eq!(shown.relationships.vars.data.as_ref().map(Vec::len), Some(5));
    let along = wire::variable::along(&shown.relationships.vars, &included);
    assert!(along.is_none(), "ids without variables are not an empty set");
    let (list, _) = samples.document::<Vec<wire::variable_set::VariableSet>>("variable-sets--03");
    assert_eq!(list.iter().map(wire::variable_set::seen).collect::<Vec<_>>(), std::slice::from_ref(&set));
    let (updated, _) = samples.document("variable-sets--01");
    let want = VariableSet {
        description: "Full of vars and such for mass reuse. Now global!".to_owned(),
        priority: true,
        global: true,
        projects: [ProjectId("prj-kFjgSzcZSr5c3imE".to_owned())].into(),
        workspaces: [WorkspaceId("ws-FRFwkYoUoGn1e34b".to_owned())].into(),
        ..set
    };
    assert_eq!(wire::variable_set::seen(&updated), want);
}

fn projects(samples: &mut Samples) {
    let project = |id: &str, name: &str, description: &str| Project {
        id: ProjectId(id.to_owned()),
        name: name.to_owned(),
        settings: ProjectSettings {
            description: Some(description.to_owned()),
            auto_destroy_activity_duration: Some(String::new()),
        },
        // The samples are older than a project's own mode.
        placement: SeenPlacement { mode: Mode::Local, own: false },
        // Links alone say nothing of how many tags there are.
        tags: Read::NotAsked,
        notifications: Read::NotAsked,
    };
    let seen = |project: &_, included: &_| wire::project::seen(project, included, &Mode::Local);
    let (created, included) = samples.document("projects--01");
    let text = "An example project for documentation.";
    assert_eq!(seen(&created, &included), project("prj-WsVcWRr7SfxRci1v", "Test Project", text));
    let infrastructure = project("prj-WsVcWRr7SfxRci1v", "Infrastructure Project", "");
    let (updated, included) = samples.document("projects--03");
    assert_eq!(seen(&updated, &included), infrastructure);
    let (shown, included) = samples.document("projects--05");
    let mut want = infrastructure;
    want.settings.auto_destroy_activity_duration = Some("2d".to_owned());
    assert_eq!(seen(&shown, &included), want);
    let body = samples.take("projects--04");
    let Document { data, meta, .. } = wire::document::<Vec<wire::project::Project>>(&body).unwrap();
    let read: Vec<Project> = data.iter().map(|project| seen(project, &Included::default())).collect();
    let want = [
        project("prj-W6k9K23oSXRHGpj3", "Default Project", ""),
        project("prj-YoriCxAawTMDLswn", "Infrastructure Project", ""),
    ];
    assert_eq!(read, want);
    let pages = meta.pagination.unwrap();
    assert_eq!((pages.next_page, pages.total_count), (None, Some(2)));
}

fn organizations(samples: &mut Samples) {
    let (shown, included) = samples.document::<wire::organization::Organization>("organizations--02");
    let entitlements: Option<Resource<BTreeMap<String, Value>>> = included.first("entitlement-sets");
    assert!(entitlements.is_none());
    let organization = wire::organization::seen(shown, None, None);
    assert_eq!(organization.permissions.len(), 23);
    assert!(organization.permissions["can-update"]);
    assert!(!organization.permissions["can-update-agent-pools"]);
    let want = Organization {
        name: "hashicorp".to_owned(),
        external_id: "org-WV6DfwfxxXvLfvfs".to_owned(),
        settings: OrganizationSettings {
            assessments_enforced: Some(false),
            allow_force_delete_workspaces: Some(false),
            cost_estimation_enabled: Some(false),
            send_passing_statuses_for_untriggered_speculative_plans: Some(false),
            aggregated_commit_status_enabled: Some(true),
            speculative_plan_management_enabled: Some(true),
            session_timeout: Some(20_160),
            session_remember: Some(20_160),
            collaborator_auth_policy: Some("password".to_owned()),
        },
        runs_on: Mode::Remote,
        default_project: None,
        entitlements: Entitlements::default(),
        permissions: organization.permissions.clone(),
    };
    assert_eq!(organization, want);
    let (updated, _) = samples.document("organizations--06");
    let updated = wire::organization::seen(updated, None, None);
    assert_eq!(updated.external_id, "org-Bzyc2JuegvVLAibn");
    assert_eq!(updated.settings.allow_force_delete_workspaces, None, "what is left out is not said to be off");
    let (created, included) = samples.document("organizations--04");
    let entitlements: Resource<BTreeMap<String, Value>> = included.first("entitlement-sets").unwrap();
    let created = wire::organization::seen(created, Some(entitlements.attributes), None);
    assert_eq!(created.entitlements.flags.get("vcs-integrations"), Some(&true));
    let (list, _) = samples.document::<Vec<wire::organization::Organization>>("organizations--01");
    let tiers = list.into_iter().map(|one| {
        let seen = wire::organization::seen(one, None, None);
        (seen.name, seen.entitlements.tier)
    });
    let free = Some(reconcile::systems::hcp::desired::Tier::Free);
    let want = [("hashicorp".to_owned(), None), ("hashicorp-two".to_owned(), free)];
    assert_eq!(tiers.collect::<Vec<_>>(), want, "`developer` is a word that we do not know");
}

fn limits(samples: &mut Samples) {
    let (set, _) = samples.document::<Resource<BTreeMap<String, Value>>>("organizations--07");
    let (subscription, _) =
        samples.document::<Resource<wire::organization::SubscriptionAttributes>>("subscriptions--01");
    samples.document::<Resource<wire::organization::SubscriptionAttributes>>("subscriptions--02");
    let organization = Resource {
        id: "x".to_owned(),
        attributes: serde_json::from_value(json!({ "external-id": "org-x" })).unwrap(),
        relationships: wire::organization::OrganizationRelations::default(),
        links: BTreeMap::new(),
    };
    let seen = wire::organization::seen(organization, Some(set.attributes), Some(subscription.attributes));
    assert_eq!(seen.entitlements.agents, Some(false));
    assert_eq!(seen.entitlements.agents_ceiling, Some(0));
    assert_eq!(seen.entitlements.managed_resources, None);
    assert_eq!(seen.entitlements.flags.get("vcs-integrations"), Some(&true));
    assert_eq!(seen.entitlements.flags.get("user-limit"), None, "a number is no yes and no no");
}

fn connections(samples: &mut Samples) {
    for begins in ["oauth-clients--02", "oauth-clients--04", "oauth-clients--06"] {
        let (client, _) = samples.document::<wire::organization::OauthClient>(begins);
        assert_eq!(client.attributes.name, None);
        assert_eq!(client.attributes.service_provider.as_deref(), Some("github"));
        assert_eq!(wire::organization::connections(client), [], "a client without a token connects nothing");
    }
    let body: Value = serde_json::from_slice(&samples.take("oauth-clients--01")).unwrap();
    let mut client = body["data"][0].clone();
    client["relationships"]["oauth-tokens"]["data"] = json!([{ "id": "ot-1", "type": "oauth-tokens" }]);
    let want = Connection { token: OauthTokenId("ot-1".to_owned()), name: None, provider: "github".to_owned() };
    assert_eq!(wire::organization::connections(serde_json::from_value(client).unwrap()), [want]);
}

fn members(samples: &mut Samples) {
    type Membership = wire::notification::Membership;
    let (invited, included) = samples.document::<Membership>("organization-memberships--02");
    let id = invited.relationships.user.id().unwrap();
    assert_eq!(id, "user-J8oxGmRk5eC2WLfX");
    let user: Resource<wire::notification::UserAttributes> = included.get("users", id).unwrap();
    assert_eq!(user.attributes.username, None, "who is invited has no name yet");
    let (list, _) = samples.document::<Vec<Membership>>("organization-memberships--03");
    let users: Vec<_> = list.iter().filter_map(|member| member.relationships.user.id()).collect();
    assert_eq!(users, ["user-vaQqszES9JnuK4eB", "user-oqCgH7NgTn95jTGc", "user-UntUdBTHsVRQMzC8"]);
    let (own, _) = samples.document::<Vec<Membership>>("organization-memberships--04");
    assert!(own.iter().all(|member| member.relationships.user.id().is_some()));
    let (shown, _) = samples.document::<Membership>("organization-memberships--05");
    assert!(shown.relationships.user.id().is_some());
}

fn notifications(samples: &mut Samples) {
    type Notification = wire::notification::Notification;
    let runs = ["applying", "completed", "created", "errored", "needs_attention", "planning"];
    let triggers: BTreeSet<String> = runs.map(|word| format!("run:{word}")).into();
    let check = |notification: &Notification, triggers: &BTreeSet<String>| {
        let attributes = &notification.attributes;
        assert_eq!(notification.id, "nc-AeUQ2zfKZzW9TiGZ");
        assert_eq!(attributes.name, "Webhook server test");
        assert_eq!(attributes.destination_type.as_deref(), Some("generic"));
        assert_eq!(attributes.enabled, Some(true));
        assert_eq!(attributes.url.as_ref().unwrap().expose(), "https://httpstat.us/200");
        assert_eq!(attributes.triggers.as_ref(), Some(triggers));
        assert_eq!(attributes.email_all_members, None);
        assert_eq!(notification.relationships.users.data, None);
        assert!(!format!("{notification:?}").contains("httpstat"), "a URL is a secret");
    };
    for begins in ["08", "10", "11"] {
        let (one, _) = samples.document(&format!("notification-configurations--{begins}"));
        check(&one, &triggers);
    }
    let (list, _) = samples.document::<Vec<Notification>>("notification-configurations--09");
    check(&list[1], &triggers);
    assert_eq!(list[0].attributes.name, "Slack: #devops");
    assert_eq!(list[0].attributes.enabled, Some(false));
    assert_eq!(list[0].attributes.destination_type.as_deref(), Some("slack"));
    // Teams' notifications have the same form.
    let (of_team, _) = samples.document("notification-configurations--14");
    check(&of_team, &["change_request:created".to_owned()].into());
    let (of_team, _) = samples.document::<Vec<Notification>>("notification-configurations--15");
    assert_eq!(of_team.len(), 2);
}

/// There is no sample of a workspace that is read, so those that are sent stand in: the attributes are the same.
fn workspaces(samples: &mut Samples) {
    let mut read = |begins: &str| {
        let mut body: Value = serde_json::from_slice(&samples.take(begins)).unwrap();
        body["data"]["id"] = json!("ws-1");
        let workspace = serde_json::from_value(body["data"].take()).unwrap();
        wire::workspace::seen(&workspace, &Included::default())
    };
    let bare = Workspace {
        id: WorkspaceId("ws-1".to_owned()),
        name: "workspace-1".to_owned(),
        project: None,
        settings: WorkspaceSettings {
            description: Some(String::new()),
            auto_destroy_activity_duration: Some(String::new()),
            trigger_prefixes: Some(Vec::new()),
            trigger_patterns: Some(Vec::new()),
            working_directory: Some(String::new()),
            ..WorkspaceSettings::default()
        },
        placement: SeenPlacement { mode: Mode::Other(String::new()), own: true },
        vcs: None,
        tags: Read::NotAsked,
        variables: Read::NotAsked,
        notifications: Read::NotAsked,
        consumers: Read::NotAsked,
        current_run: None,
        locked: None,
        resources: 0,
    };
    assert_eq!(read("workspaces--01"), bare);
    assert_eq!(read("workspaces--02"), bare);
    let vcs = SeenVcs {
        repository: "example/terraform-test-proj".to_owned(),
        branch: String::new(),
        token: Some(OauthTokenId("ot-hmAyP66qk2AMVdbJ".to_owned())),
        installation: None,
        ingress_submodules: false,
        tags_regex: String::new(),
    };
    assert_eq!(read("workspaces--03").vcs, Some(vcs.clone()));
    let monorepo = read("workspaces--04");
    let vcs = SeenVcs { repository: "example/terraform-test-proj-monorepo".to_owned(), ..vcs };
    assert_eq!(monorepo.vcs, Some(vcs));
    assert_eq!(monorepo.settings.file_triggers_enabled, Some(true));
    assert_eq!(monorepo.settings.trigger_prefixes, Some(vec!["/modules".to_owned(), "/vendor".to_owned()]));
    assert_eq!(monorepo.settings.working_directory.as_deref(), Some("/networking"));
    assert_eq!(read("workspaces--05").settings.trigger_patterns.map(|patterns| patterns.len()), Some(3));
    let on_agents = read("workspaces--06").placement;
    assert_eq!(on_agents, SeenPlacement { mode: Mode::Agent(None), own: true }, "the pool is read as a relationship");
    assert!(!read("workspaces--07").placement.own);
    assert_eq!(read("workspaces--08").project, Some(ProjectId("prj-jT92VLSFpv8FwKtc".to_owned())));
    assert_eq!(read("workspaces--09").name, "workspace-in-project");
    let (consumers, _) = samples.document::<Vec<wire::Ref>>("workspaces--13");
    assert_eq!(consumers.len(), 1);
    let (tags, _) = samples.document::<Vec<wire::tags::Tag>>("workspaces--18");
    let want = SeenTags {
        own: [("costcenter".to_owned(), "123".to_owned())].into(),
        inherited: [("dept".to_owned(), "r+d".to_owned())].into(),
    };
    assert_eq!(wire::tags::seen(tags), want);
    let _: Resource<Unrelated> = serde_json::from_value(json!({ "id": "x", "attributes": {} })).unwrap();
}

/// Refusals are read by the HTTP layer, whose own tests hold these shapes.
fn refusals(samples: &mut Samples) {
    let limited: Value = serde_json::from_slice(&samples.take("index--02")).unwrap();
    assert!(limited["errors"][0]["status"].is_number(), "a number here, a text elsewhere");
    let forbidden: Value = serde_json::from_slice(&samples.take("projects--10")).unwrap();
    assert!(forbidden["errors"][0]["status"].is_string());
}
