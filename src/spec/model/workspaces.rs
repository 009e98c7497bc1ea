//! Projects, workspaces, and what cascades to them.

use indexmap::IndexMap;
use schemars::{Schema, SchemaGenerator, json_schema};

use super::super::finding::{Finding, Rule, nearest};
use super::super::node::{At, Node, Value};
use super::super::read::{Located, Named, Read, Reader, record};
use super::fleet::Delivery;
use super::{PlacementWord, TerraformVersion, Variables};

record! {
    /// What cascades: the fleet's `defaults`, then the project's, then the workspace's own. Maps merge, anything else
    /// replaces. Texts marked as templates know `{project}` and `{key}`.
    pub struct Common {
        /// The workspace's name in HCP; a template. `{key}` if it is not said anywhere.
        name: Option<Located<String>>,
        /// Where its runs go: a pool's key, `cloud`, `local`, or `inherited` from project or organisation.
        runs_on: Option<Located<PlacementWord>>,
        /// Where in the repository terraform runs; a template.
        directory: Option<Located<String>>,
        /// Tags, as `key` or `key=value`; templates. At most 9: HCP takes 10, and one is our mark.
        tags: Option<Vec<Located<String>>>,
        /// A version or a constraint, in quotes. Not said anywhere: left as it is.
        terraform_version: Option<Located<TerraformVersion>>,
        /// The repository; `null` or `none` for no repository.
        vcs: Option<VcsWish>,
        /// Apply without asking.
        auto_apply: Option<Located<bool>>,
        /// Apply without asking what a run trigger began.
        auto_apply_run_trigger: Option<Located<bool>>,
        /// Destroy plans may be started from UI and API.
        allow_destroy_plan: Option<Located<bool>>,
        /// Health assessments.
        assessments_enabled: Option<Located<bool>>,
        /// Destroy after this long without activity, such as `14d`; "" is never.
        auto_destroy_activity_duration: Option<Located<String>>,
        /// Runs only for changes in `directory` and in the paths below.
        file_triggers_enabled: Option<Located<bool>>,
        /// Paths whose change starts a run; templates. Excludes `triggerPatterns`.
        trigger_prefixes: Option<Vec<Located<String>>>,
        /// Glob patterns whose change starts a run; `{project}` and `{key}` are filled in.
        trigger_patterns: Option<Vec<Located<String>>>,
        /// Runs are queued before the first configuration was applied.
        queue_all_runs: Option<Located<bool>>,
        /// Plans for pull requests.
        speculative_enabled: Option<Located<bool>>,
        /// Structured output of runs in the UI.
        structured_run_output_enabled: Option<Located<bool>>,
        /// All workspaces of the organisation may read the state.
        global_remote_state: Option<Located<bool>>,
    }
}

record! {
    /// What holds for every workspace unless project or workspace say otherwise.
    pub struct Defaults {
        /// The image of agents whose pool says none; in the fleet's `defaults` only.
        agent_image: Option<Located<String>>,
        ..
        /// The cascading keys.
        common: Common,
    }
}

/// A workspace's repository, or that it has none.
#[derive(Clone, Debug)]
pub enum VcsWish {
    /// No repository.
    None(At),
    /// A repository; keys that are not said come from above.
    Some(Vcs),
}

record! {
    /// A workspace's repository.
    pub struct Vcs {
        /// `owner/name`; a template.
        repository: Option<Located<String>>,
        /// The branch; the repository's default if it is not said.
        branch: Option<Located<String>>,
        /// The VCS connection of the organisation: its name, its provider such as `github`, or a token's id (`ot-…`).
        connection: Option<Located<String>>,
        /// Fetch submodules.
        submodules: Option<Located<bool>>,
        /// Runs for tags that match, instead of for pushes.
        tags_regex: Option<Located<String>>,
    }
}

impl Read for VcsWish {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        match &node.value {
            Value::Null => Some(Self::None(node.at)),
            Value::Text(_) => reader.word_or_map(node, "none").then_some(Self::None(node.at)),
            _ => Vcs::read(node, reader).map(Self::Some),
        }
    }

    fn takes_null() -> bool {
        true
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let some = Vcs::schema(generator);
        json_schema!({ "anyOf": [{ "type": "null" }, { "type": "string", "enum": ["none"] }, some] })
    }
}

record! {
    /// A project.
    pub struct Project {
        /// The name it had before; it is renamed in place.
        was: Option<Located<String>>,
        /// What it is for; left as it is if it is not said.
        description: Option<Located<String>>,
        /// Workspaces of it are destroyed after this long without activity, such as `14d`; "" is never.
        auto_destroy_activity_duration: Option<Located<String>>,
        /// Where runs of its workspaces go that inherit: a pool's key, `cloud` or `local`.
        default_runs_on: Option<Located<PlacementWord>>,
        /// Tags that its workspaces inherit, as `key` or `key=value`; templates that know `{project}`.
        tags: Option<Vec<Located<String>>>,
        /// Notifications for all of its workspaces: keys of `notify`.
        notify: Option<Vec<Located<String>>>,
        /// What holds for its workspaces.
        defaults: Option<Defaults>,
        /// Its workspaces, by key.
        workspaces: Named<Workspace>,
        /// A project of that name without our mark, and all in it, become ours.
        adopt: Option<Located<bool>>,
        /// `apply`, or `verify`: it and all in it are compared and reported, never written.
        delivery: Option<Located<Delivery>>,
        /// Our mark is taken off and the project left as it is.
        released: Option<Located<bool>>,
        /// Fields that stay as they are found.
        ignore: Option<Vec<Located<String>>>,
    }
}

record! {
    /// A workspace.
    pub struct Workspace {
        /// The name it had before; it is renamed in place.
        was: Option<Located<String>>,
        /// What it is for; left as it is if it is not said.
        description: Option<Located<String>>,
        /// Its variables.
        variables: Option<Variables>,
        /// Variables that the spec does not name are removed instead of reported.
        exclusive: Option<Located<bool>>,
        /// Workspaces that may read its state, as `KEY` or `PROJECT/KEY`; all others may not. Not said: left as it is.
        remote_state_consumers: Option<Vec<Located<String>>>,
        /// Notifications beside its project's: keys of `notify`.
        notify: Option<Vec<Located<String>>>,
        /// Addresses of what its terraform code makes, such as `targets/cluster`: it must not stand on that itself.
        manages: Option<Vec<Located<String>>>,
        /// Findings that are meant to be: `{ FINDING: "reason" }`, or one reason for all.
        accept: Option<Accept>,
        /// A workspace of that name without our mark becomes ours.
        adopt: Option<Located<bool>>,
        /// `apply`, or `verify`: compared and reported, never written.
        delivery: Option<Located<Delivery>>,
        /// Our mark is taken off and the workspace left as it is.
        released: Option<Located<bool>>,
        /// Fields that stay as they are found, by their names here; a variable as `env.KEY` or `terraform.KEY`.
        ignore: Option<Vec<Located<String>>>,
        ..
        /// The cascading keys.
        common: Common,
    }
}

/// Findings that are meant to be.
#[derive(Clone, Debug)]
pub enum Accept {
    /// All that can be accepted.
    All(Located<String>),
    /// These.
    Some(IndexMap<Rule, Located<String>>),
}

impl Read for Accept {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let Value::Map(map) = &node.value else {
            let reason = reason(node, reader)?;
            return Some(Self::All(reason));
        };
        let ids = || Rule::ACCEPTABLE.iter().map(|rule| rule.id());
        let mut accepted = IndexMap::new();
        for (id, member) in map.iter() {
            let Some(rule) = Rule::ACCEPTABLE.iter().find(|rule| rule.id() == id) else {
                let message = format!("`{id}` is not a finding that can be accepted");
                let possible = ids().collect::<Vec<_>>().join(", ");
                let remedy = match nearest(id, ids()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("possible are {possible}"),
                };
                reader.push(Finding::error(Rule::UnknownKey, member.key_at, message).remedy(remedy));
                continue;
            };
            if let Some(reason) = reader.within(id, |reader| reason(&member.node, reader)) {
                accepted.insert(*rule, reason);
            }
        }
        Some(Self::Some(accepted))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        let reasons: serde_json::Map<_, _> = Rule::ACCEPTABLE
            .iter()
            .map(|rule| (rule.id().to_owned(), serde_json::json!({ "type": "string", "minLength": 1 })))
            .collect();
        json_schema!({
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "object", "properties": reasons, "additionalProperties": false },
            ]
        })
    }
}

fn reason(node: &Node, reader: &mut Reader<'_>) -> Option<Located<String>> {
    if let Value::Text(text) = &node.value
        && !text.trim().is_empty()
    {
        return Some(Located { at: node.at, value: text.as_ref().to_owned() });
    }
    let message = format!("`{}` must be the reason, in words", reader.path());
    let remedy = "say why it is meant to be, for whoever reads the warning next year";
    reader.push(Finding::error(Rule::WrongKind, node.at, message).remedy(remedy));
    None
}
