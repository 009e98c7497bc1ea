//! The settings of a workspace, project and organisation, sparse: a field that is `None` is not spoken of.
//!
//! One type serves what is wanted, what was seen and what is sent, so that comparing is comparing two maps
//! of attributes and a PATCH holds just the attributes that differ. Names on the wire are HCP's.
//! Source: the API's `workspaces`, `projects` and `organizations` pages (`hashicorp/terraform-docs-common`,
//! September 2025) and go-tfe's `WorkspaceCreateOptions`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Attributes by their name on the wire.
pub type Fields = BTreeMap<String, Value>;

macro_rules! settings {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", default)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }

        impl $name {
            /// The attributes that are spoken of.
            #[must_use]
            pub fn fields(&self) -> Fields {
                // A struct of plain values always serialises to a map.
                match serde_json::to_value(self) {
                    Ok(Value::Object(map)) => map.into_iter().collect(),
                    _ => Fields::new(),
                }
            }

            /// Goes on speaking only of some attributes (by their name on the wire); the others stay as they are found.
            pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
                let mut names = Self::names().iter();
                $(if !names.next().is_some_and(|name| keep(name)) { self.$field = None; })*
            }

            /// The names of all attributes, as on the wire.
            #[must_use]
            pub fn names() -> &'static [String] {
                static NAMES: LazyLock<Vec<String>> =
                    LazyLock::new(|| vec![$(stringify!($field).replace('_', "-")),*]);
                &NAMES
            }
        }
    };
}

settings! {
    /// A workspace's settings, but for placement, VCS connection and tags. Texts that HCP reads back as null are "".
    WorkspaceSettings {
        /// Text of a person's.
        description: String,
        /// Apply without asking.
        auto_apply: bool,
        /// Apply without asking what a run trigger began.
        auto_apply_run_trigger: bool,
        /// Allow destroy plans from the UI and API.
        allow_destroy_plan: bool,
        /// Health assessments.
        assessments_enabled: bool,
        /// Destroy after this long without activity ("" is never).
        auto_destroy_activity_duration: String,
        /// Runs only for changes in the paths below.
        file_triggers_enabled: bool,
        /// Paths whose change starts a run.
        trigger_prefixes: Vec<String>,
        /// Glob patterns whose change starts a run.
        trigger_patterns: Vec<String>,
        /// Queue runs before the first configuration was applied.
        queue_all_runs: bool,
        /// Plans for pull requests.
        speculative_enabled: bool,
        /// Structured output of runs in the UI.
        structured_run_output_enabled: bool,
        /// A version or a constraint.
        terraform_version: String,
        /// Where in the repository terraform runs ("" is the root).
        working_directory: String,
        /// All workspaces of the organisation may read the state.
        global_remote_state: bool,
    }
}

settings! {
    /// A project's settings.
    ProjectSettings {
        /// Text of a person's.
        description: String,
        /// Destroy after this long without activity ("" is never).
        auto_destroy_activity_duration: String,
    }
}

settings! {
    /// Those of the organisation's settings that a fleet may hold.
    OrganizationSettings {
        /// Health assessments for every workspace.
        assessments_enforced: bool,
        /// Allow workspace admins to force-delete.
        allow_force_delete_workspaces: bool,
        /// Cost estimates in runs.
        cost_estimation_enabled: bool,
        /// Report success to the VCS for speculative plans that were not triggered.
        send_passing_statuses_for_untriggered_speculative_plans: bool,
        /// One status for all workspaces of a commit.
        aggregated_commit_status_enabled: bool,
        /// Cancel speculative plans that a newer commit made useless.
        speculative_plan_management_enabled: bool,
        /// Minutes until an idle session ends.
        session_timeout: u32,
        /// Minutes until a session ends.
        session_remember: u32,
        /// `password` or `two_factor_mandatory`.
        collaborator_auth_policy: String,
    }
}

impl WorkspaceSettings {
    /// What HCP gives a workspace whose creator says nothing. Description and terraform version are left out:
    /// they stay as found unless the spec names them.
    #[must_use]
    pub fn documented() -> Self {
        Self {
            description: None,
            auto_apply: Some(false),
            auto_apply_run_trigger: Some(false),
            allow_destroy_plan: Some(true),
            assessments_enabled: Some(false),
            auto_destroy_activity_duration: Some(String::new()),
            file_triggers_enabled: Some(true),
            trigger_prefixes: Some(Vec::new()),
            trigger_patterns: Some(Vec::new()),
            queue_all_runs: Some(false),
            speculative_enabled: Some(true),
            structured_run_output_enabled: Some(true),
            terraform_version: None,
            working_directory: Some(String::new()),
            global_remote_state: Some(false),
        }
    }
}

impl ProjectSettings {
    /// What HCP gives a project whose creator says nothing; the description stays as found unless named.
    #[must_use]
    pub fn documented() -> Self {
        Self { description: None, auto_destroy_activity_duration: Some(String::new()) }
    }
}

/// The name of an attribute as a spec has it: `auto-apply` is `autoApply`, `working-directory` is `directory`.
#[must_use]
pub fn spec_name(attribute: &str) -> String {
    if attribute == "working-directory" {
        return "directory".to_owned();
    }
    let mut name = String::with_capacity(attribute.len());
    let mut upper = false;
    for c in attribute.chars() {
        match c {
            '-' | '_' => upper = true,
            c if upper => {
                name.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => name.push(c),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_hold_only_what_is_spoken_of() {
        let settings = WorkspaceSettings { auto_apply: Some(true), ..Default::default() };
        assert_eq!(settings.fields().into_iter().collect::<Vec<_>>(), [("auto-apply".to_owned(), Value::Bool(true))]);
    }

    #[test]
    fn retaining_goes_by_the_name_on_the_wire() {
        let mut settings = WorkspaceSettings::documented();
        settings.retain(|name| name == "auto-apply");
        let only = WorkspaceSettings { auto_apply: Some(false), ..Default::default() };
        assert_eq!(settings, only);
    }
}
