//! What is wanted as a flat list of facts: address, field, value. Explaining and comparing specs stand on it.

pub(in crate::spec) mod kube;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::desired::Desired;
use crate::address::Address;
use crate::owner::Stewardship;
use crate::systems::docker;
use crate::systems::hcp::desired::{
    Destination, Notification, Organization, Placement, Pool, Project, Reach, Scope, Variable, VariableSet,
    VariableValue, Vcs, Workspace,
};
use crate::systems::hcp::settings::{Fields, ProjectSettings, WorkspaceSettings, spec_name};
use crate::systems::hcp::{
    VariableKey, notification_address, organization_address, pool_address, project_address, variable_address,
    variable_set_address, workspace_address,
};

/// A field's value; `None` for one that is left as it is found.
pub type Fact = Option<Value>;

/// All facts, by address and by the field's name in the spec.
pub type Facts = BTreeMap<Address, BTreeMap<String, Fact>>;

/// Everything that is wanted.
#[must_use]
pub fn facts(desired: &Desired) -> Facts {
    let Desired { hcp, docker, kube, origins: _ } = desired;
    let crate::systems::hcp::desired::Desired {
        fleet: _,
        organization,
        projects,
        workspaces,
        variable_sets,
        pools,
        runs_agents: _,
    } = hcp;
    let mut facts = Facts::new();
    facts.insert(organization_address(), of_organization(organization));
    for (name, project) in projects {
        of_project(&mut facts, name, project);
    }
    for (name, workspace) in workspaces {
        of_workspace(&mut facts, name, workspace);
    }
    for (name, set) in variable_sets {
        of_variable_set(&mut facts, name, set);
    }
    for (name, pool) in pools {
        facts.insert(pool_address(name), of_pool(name, pool));
    }
    for (key, target) in &docker.targets {
        of_host(&mut facts, key, target);
    }
    kube::of_all(&mut facts, kube);
    facts
}

/// The fields of one thing.
#[derive(Default)]
struct Thing(BTreeMap<String, Fact>);

impl Thing {
    fn say(&mut self, field: &str, value: impl Into<Value>) {
        self.0.insert(field.to_owned(), Some(value.into()));
    }

    /// A field of which the spec may say nothing, and which is then left as it is found.
    fn may_say(&mut self, field: &str, value: Option<impl Into<Value>>) {
        self.0.insert(field.to_owned(), value.map(Into::into));
    }

    /// A field that is only worth a line where it is said.
    fn if_said(&mut self, field: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.say(field, value);
        }
    }

    fn settings(&mut self, fields: Fields, left: &[&str]) {
        for (field, value) in fields {
            self.say(&spec_name(&field), value);
        }
        for field in left {
            self.0.entry((*field).to_owned()).or_insert(None);
        }
    }

    fn stewardship(&mut self, stewardship: &Stewardship) {
        let Stewardship { adopt, verify, released, absent, ignore } = stewardship;
        for (word, said) in [("adopt", adopt), ("released", released), ("absent", absent)] {
            self.if_said(word, said.then_some(true));
        }
        self.if_said("delivery", verify.then_some("verify"));
        if !ignore.is_empty() {
            self.say("ignore", json!(ignore));
        }
    }
}

fn placement(placement: &Placement) -> String {
    match placement {
        Placement::Pool(name) => format!("pool/{name}"),
        Placement::Cloud => "cloud".to_owned(),
        Placement::Local => "local".to_owned(),
        Placement::Inherited => "inherited".to_owned(),
    }
}

fn tags(tags: &BTreeMap<String, String>) -> Value {
    let tag = |(key, value): (&String, &String)| if value.is_empty() { key.clone() } else { format!("{key}={value}") };
    tags.iter().map(tag).collect::<Vec<_>>().into()
}

fn of_organization(organization: &Organization) -> BTreeMap<String, Fact> {
    let Organization { name, external_id, tier, settings, runs_on, stewardship } = organization;
    let mut thing = Thing::default();
    thing.say("name", name.as_str());
    thing.may_say("externalId", external_id.as_deref());
    thing.say("tier", json!(tier));
    thing.settings(settings.fields(), &[]);
    thing.may_say("runsOn", runs_on.as_ref().map(placement));
    thing.stewardship(stewardship);
    thing.0
}

fn of_project(facts: &mut Facts, name: &str, project: &Project) {
    let Project { was, settings, runs_on, tags: own_tags, notifications, stewardship } = project;
    let address = project_address(name);
    let mut thing = Thing::default();
    thing.say("name", name);
    thing.if_said("was", was.as_deref());
    thing.settings(ProjectSettings::fields(settings), &["description"]);
    thing.may_say("runsOn", runs_on.as_ref().map(placement));
    thing.say("tags", tags(own_tags));
    thing.stewardship(stewardship);
    of_notifications(facts, &address, notifications);
    facts.insert(address, thing.0);
}

fn of_workspace(facts: &mut Facts, name: &str, workspace: &Workspace) {
    let Workspace {
        was,
        project,
        settings,
        runs_on,
        vcs,
        tags: own_tags,
        variables,
        exclusive_variables,
        consumers,
        notifications,
        stewardship,
    } = workspace;
    let address = workspace_address(name);
    let mut thing = Thing::default();
    thing.say("name", name);
    thing.if_said("was", was.as_deref());
    thing.may_say("project", project.as_deref());
    thing.settings(WorkspaceSettings::fields(settings), &["description", "terraformVersion"]);
    thing.say("runsOn", placement(runs_on));
    match vcs {
        Some(Vcs { repository, branch, connection, ingress_submodules, tags_regex }) => {
            thing.say("vcs.repository", repository.as_str());
            thing.say("vcs.branch", branch.as_str());
            thing.say("vcs.connection", connection.as_str());
            thing.say("vcs.submodules", *ingress_submodules);
            thing.say("vcs.tagsRegex", tags_regex.as_str());
        }
        None => thing.say("vcs", "none"),
    }
    thing.say("tags", tags(own_tags));
    thing.if_said("exclusive", exclusive_variables.then_some(true));
    thing.may_say("remoteStateConsumers", consumers.as_ref().map(|consumers| json!(consumers)));
    thing.stewardship(stewardship);
    of_variables(facts, &address, variables);
    of_notifications(facts, &address, notifications);
    facts.insert(address, thing.0);
}

fn of_variables(facts: &mut Facts, home: &Address, variables: &BTreeMap<VariableKey, Variable>) {
    for (key, Variable { value, hcl, description }) in variables {
        let mut thing = Thing::default();
        match value {
            VariableValue::Plain(value) => thing.say("value", value.as_str()),
            VariableValue::Sensitive(source) => thing.say("sensitive", source.to_string()),
        }
        thing.if_said("hcl", hcl.then_some(true));
        thing.may_say("description", description.as_deref());
        facts.insert(variable_address(home, key), thing.0);
    }
}

fn of_notifications(facts: &mut Facts, subject: &Address, notifications: &BTreeMap<String, Notification>) {
    for (name, Notification { destination, enabled, triggers }) in notifications {
        let mut thing = Thing::default();
        let (word, url) = match destination {
            Destination::Generic { url, token } => {
                thing.if_said("token", token.as_ref().map(ToString::to_string));
                ("generic", Some(url))
            }
            Destination::Slack { url } => ("slack", Some(url)),
            Destination::Discord { url } => ("discord", Some(url)),
            Destination::Teams { url } => ("teams", Some(url)),
            Destination::Email { users, all_members } => {
                thing.say("users", json!(users));
                thing.say("allMembers", *all_members);
                ("email", None)
            }
        };
        thing.say("type", word);
        thing.if_said("url", url.map(ToString::to_string));
        thing.say("events", json!(triggers));
        thing.say("enabled", *enabled);
        facts.insert(notification_address(subject, name), thing.0);
    }
}

fn of_variable_set(facts: &mut Facts, name: &str, set: &VariableSet) {
    let VariableSet { was, description, priority, reach, variables, exclusive_variables, stewardship } = set;
    let address = variable_set_address(name);
    let mut thing = Thing::default();
    thing.say("name", name);
    thing.if_said("was", was.as_deref());
    thing.may_say("description", description.as_deref());
    thing.say("priority", *priority);
    thing.say(
        "for",
        match reach {
            Reach::Global => json!("global"),
            Reach::Some { projects, workspaces } => members(projects, workspaces),
        },
    );
    thing.if_said("exclusive", exclusive_variables.then_some(true));
    thing.stewardship(stewardship);
    of_variables(facts, &address, variables);
    facts.insert(address, thing.0);
}

fn members(projects: &BTreeSet<String>, workspaces: &BTreeSet<String>) -> Value {
    let projects = projects.iter().map(|name| format!("project/{name}"));
    projects.chain(workspaces.iter().map(|name| format!("workspace/{name}"))).collect::<Vec<_>>().into()
}

fn of_pool(name: &str, pool: &Pool) -> BTreeMap<String, Fact> {
    let Pool { was, scope, run_by_us: _, stewardship } = pool;
    let mut thing = Thing::default();
    thing.say("name", name);
    thing.if_said("was", was.as_deref());
    thing.say(
        "scope",
        match scope {
            Scope::Organization => json!("organization"),
            Scope::Some { projects, workspaces } => members(projects, workspaces),
        },
    );
    thing.stewardship(stewardship);
    thing.0
}

fn of_host(facts: &mut Facts, key: &str, target: &docker::desired::Target) {
    let docker::desired::Target { engine_id, may_be_away, project, services, verify, absent } = target;
    let mut thing = Thing::default();
    thing.may_say("engineId", engine_id.as_deref());
    thing.say("project", project.as_str());
    thing.if_said("mayBeAway", may_be_away.then_some(true));
    thing.if_said("absent", absent.then_some(true));
    thing.if_said("delivery", verify.then_some("verify"));
    facts.insert(docker::target_address(key), thing.0);
    for (name, service) in services {
        for number in 1..=service.max {
            let address = docker::container_address(key, &target.container(name, number));
            facts.insert(address, of_agent(service, number));
        }
    }
}

fn of_agent(service: &docker::desired::Service, number: u32) -> BTreeMap<String, Fact> {
    let docker::desired::Service { pool, min, max: _, cooldown_down, rotate_after, agent } = service;
    let docker::desired::Agent { image, longest_apply, environment, memory, millicpus, log, files } = agent;
    let mut thing = Thing::default();
    thing.say("pool", pool.as_str());
    thing.say("image", image.to_string());
    thing.say("always", number <= *min);
    thing.say("longestApply", format!("{longest_apply}s"));
    thing.say("cooldown.down", format!("{cooldown_down}s"));
    thing.if_said("rotateAfter", rotate_after.map(|seconds| format!("{seconds}s")));
    thing.if_said("memory", memory.map(Value::from));
    thing.if_said("millicpus", millicpus.map(Value::from));
    thing.if_said("log", log.as_ref().map(|log| json!(log)));
    for (key, value) in environment {
        thing.say(&format!("environment.{key}"), value.as_str());
    }
    for docker::desired::Files { purpose, source } in files {
        let shown = match source {
            docker::desired::Source::Upload(path) => format!("upload {}", path.display()),
            docker::desired::Source::OnHost(path) => format!("onHost {path}"),
        };
        thing.say(purpose.word(), shown);
    }
    thing.0
}

/// A value on one line, as explanations and differences show it.
#[must_use]
pub fn shown(fact: &Fact) -> String {
    match fact {
        None => "(as found)".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "\"\"".to_owned(),
        Some(Value::String(text)) => text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| shown(&Some(item.clone()))).collect();
            format!("[{}]", items.join(", "))
        }
        Some(value) => value.to_string(),
    }
}
