//! Workspaces: the cascade of HCP's documented defaults, the fleet's, the project's and their own.

use std::collections::{BTreeMap, BTreeSet};

use super::{Builder, Ownership, split_tag};
use crate::address::Address;
use crate::origin::Origin;
use crate::spec::finding::{Finding, Rule};
use crate::spec::model::VcsWish;
use crate::spec::read::Located;
use crate::spec::resolve::{Resolved, RunsOn};
use crate::systems::hcp::desired::{Project, Vcs, Workspace};
use crate::systems::hcp::settings::WorkspaceSettings;
use crate::systems::hcp::{consumers_address, project_address, workspace_address};

/// Takes a setting from the cascade, or leaves the documented default in place.
macro_rules! cascade {
    ($builder:ident, $resolved:ident, $address:ident, $settings:ident, $($field:ident $name:literal,)*) => {
        $(match $resolved.said(|common| common.$field.as_ref()) {
            Some((said, level)) => {
                let origin = $builder.fleet.origin(said.at, level);
                $builder.origins.note($address, $name, origin);
                $settings.$field = Some(said.value.clone());
            }
            None => $builder.origins.note($address, $name, Origin::Documented),
        })*
    };
}

impl<'s> Builder<'_, 's> {
    pub(super) fn workspaces(&mut self, projects: &BTreeMap<String, Project>) -> BTreeMap<String, Workspace> {
        let fleet = self.fleet;
        let mut workspaces = BTreeMap::new();
        for resolved in &fleet.workspaces {
            let workspace = self.workspace(resolved, projects.get(resolved.project_name));
            workspaces.insert(resolved.name.clone(), workspace);
        }
        workspaces
    }

    fn workspace(&mut self, resolved: &Resolved<'s>, project: Option<&Project>) -> Workspace {
        let wish = resolved.wish;
        let address = &workspace_address(&resolved.name);
        self.note_spec(address, "", resolved.at);
        match resolved.name_from {
            Some((template, level)) => {
                let origin = self.fleet.origin_of_text(template, level);
                self.origins.note(address, "name", origin);
            }
            None => self.note_spec(address, "name", resolved.at),
        }
        if let Some(was) = &wish.was {
            self.note_spec(address, "was", was.at);
        }
        self.note_spec(address, "project", resolved.at);
        self.note_placement(address, resolved);
        let settings = self.workspace_settings(address, resolved);
        let above = self.project_stewardship(resolved.project);
        let ownership = Ownership {
            adopt: wish.adopt.as_ref(),
            delivery: wish.delivery.as_ref(),
            released: wish.released.as_ref(),
            absent: None,
            ignore: wish.ignore.as_deref(),
        };
        let stewardship = ownership.stewardship(&above);
        self.note_ownership(address, ownership, &stewardship);
        if let Some(exclusive) = &wish.exclusive {
            self.note_spec(address, "exclusive", exclusive.at);
        }
        Workspace {
            was: wish.was.as_ref().map(|was| was.value.clone()),
            project: Some(resolved.project_name.to_owned()),
            settings,
            runs_on: self.placement(resolved.runs_on),
            vcs: self.vcs(address, resolved),
            tags: self.tags(address, resolved),
            variables: self.variables(address, wish.variables.as_ref()),
            exclusive_variables: wish.exclusive.as_ref().is_some_and(|exclusive| exclusive.value),
            consumers: self.consumers(address, resolved),
            notifications: self.workspace_notifications(address, resolved, project),
            stewardship,
        }
    }

    fn note_placement(&mut self, address: &Address, resolved: &Resolved<'s>) {
        let origin = match resolved.said(|common| common.runs_on.as_ref()) {
            Some((word, level)) => self.fleet.origin(word.at, level),
            None => self.inherited_from(resolved),
        };
        self.origins.note(address, "runsOn", origin);
    }

    fn inherited_from(&self, resolved: &Resolved<'s>) -> Origin {
        if resolved.runs_in_the_end_on == RunsOn::Inherited {
            return Origin::Documented;
        }
        let (from, at) = match &resolved.project.default_runs_on {
            Some(word) => (format!("defaultRunsOn of {}", project_address(resolved.project_name)), word.at),
            None => match self.fleet.spec.hcp.organization_defaults.as_ref() {
                Some(defaults) => ("runsOn of hcp/organization".to_owned(), defaults.at),
                None => return Origin::Documented,
            },
        };
        Origin::Derived { from, place: Some(self.fleet.sources.place(at)) }
    }

    fn workspace_settings(&mut self, address: &Address, resolved: &Resolved<'s>) -> WorkspaceSettings {
        let mut settings = WorkspaceSettings::documented();
        cascade!(self, resolved, address, settings,
            auto_apply "autoApply",
            auto_apply_run_trigger "autoApplyRunTrigger",
            allow_destroy_plan "allowDestroyPlan",
            assessments_enabled "assessmentsEnabled",
            auto_destroy_activity_duration "autoDestroyActivityDuration",
            file_triggers_enabled "fileTriggersEnabled",
            queue_all_runs "queueAllRuns",
            speculative_enabled "speculativeEnabled",
            structured_run_output_enabled "structuredRunOutputEnabled",
            global_remote_state "globalRemoteState",
        );
        if let Some(description) = &resolved.wish.description {
            self.note_spec(address, "description", description.at);
            settings.description = Some(description.value.clone());
        }
        if let Some((version, level)) = resolved.said(|common| common.terraform_version.as_ref()) {
            let origin = self.fleet.origin(version.at, level);
            self.origins.note(address, "terraformVersion", origin);
            settings.terraform_version = Some(version.value.0.clone());
        }
        match resolved.said(|common| common.directory.as_ref()) {
            Some((template, level)) => {
                let origin = self.fleet.origin_of_text(template, level);
                self.origins.note(address, "directory", origin);
                settings.working_directory = Some(resolved.fill(template));
            }
            None => self.origins.note(address, "directory", Origin::Documented),
        }
        let prefixes = resolved.said(|common| common.trigger_prefixes.as_ref());
        settings.trigger_prefixes = Some(self.paths(address, "triggerPrefixes", prefixes, resolved));
        let patterns = resolved.said(|common| common.trigger_patterns.as_ref());
        settings.trigger_patterns = Some(self.paths(address, "triggerPatterns", patterns, resolved));
        self.file_triggers(address, resolved, &mut settings);
        settings
    }

    fn paths(
        &mut self,
        address: &Address,
        field: &'static str,
        said: Option<(&'s Vec<Located<String>>, crate::spec::resolve::Level)>,
        resolved: &Resolved<'s>,
    ) -> Vec<String> {
        let Some((list, level)) = said else {
            self.origins.note(address, field, Origin::Documented);
            return Vec::new();
        };
        if let Some(first) = list.first() {
            let origin = self.fleet.origin_of_text(first, level);
            self.origins.note(address, field, origin);
        }
        list.iter().map(|template| resolved.fill(template)).collect()
    }

    /// HCP refuses runs for tags together with runs for changed files (go-tfe's `WorkspaceCreateOptions.valid`), and
    /// its default is the latter.
    fn file_triggers(&mut self, address: &Address, resolved: &Resolved<'s>, settings: &mut WorkspaceSettings) {
        let said = resolved.said(|common| common.file_triggers_enabled.as_ref()).is_some();
        let tags_regex = resolved.vcs(|vcs| vcs.tags_regex.as_ref()).filter(|(regex, _)| !regex.is_empty());
        if let (false, Some((regex, _))) = (said, tags_regex) {
            settings.file_triggers_enabled = Some(false);
            let origin =
                Origin::Derived { from: "vcs.tagsRegex".to_owned(), place: Some(self.fleet.sources.place(regex.at)) };
            self.origins.note(address, "fileTriggersEnabled", origin);
        }
    }

    fn tags(&mut self, address: &Address, resolved: &Resolved<'s>) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        let Some((list, level)) = resolved.said(|common| common.tags.as_ref()) else {
            return tags;
        };
        if let Some(first) = list.first() {
            let origin = self.fleet.origin_of_text(first, level);
            self.origins.note(address, "tags", origin);
        }
        for tag in list {
            let filled = resolved.fill(tag);
            let (key, value) = split_tag(&filled);
            tags.insert(key.to_owned(), value.to_owned());
        }
        tags
    }

    fn vcs(&mut self, address: &Address, resolved: &Resolved<'s>) -> Option<Vcs> {
        let (wish, level) = resolved.vcs_wish()?;
        let at = match wish {
            VcsWish::None(at) => {
                let origin = self.fleet.origin(*at, level);
                self.origins.note(address, "vcs", origin);
                return None;
            }
            VcsWish::Some(vcs) => vcs.at,
        };
        let origin = self.fleet.origin(at, level);
        self.origins.note(address, "vcs", origin);
        let mut text = |field: &'static str, said: Option<(&'s Located<String>, crate::spec::resolve::Level)>| {
            if let Some((text, level)) = said {
                let origin = self.fleet.origin_of_text(text, level);
                self.origins.note(address, field, origin);
                return Some(text.value.as_str());
            }
            self.origins.note(address, field, Origin::Documented);
            None
        };
        let repository = text("vcs.repository", resolved.vcs(|vcs| vcs.repository.as_ref()));
        let connection = text("vcs.connection", resolved.vcs(|vcs| vcs.connection.as_ref()));
        let branch = text("vcs.branch", resolved.vcs(|vcs| vcs.branch.as_ref()));
        let tags_regex = text("vcs.tagsRegex", resolved.vcs(|vcs| vcs.tags_regex.as_ref()));
        let submodules = resolved.vcs(|vcs| vcs.submodules.as_ref());
        let origin = match submodules {
            Some((said, level)) => self.fleet.origin(said.at, level),
            None => Origin::Documented,
        };
        self.origins.note(address, "vcs.submodules", origin);
        for (lacking, key) in [(repository.is_none(), "repository"), (connection.is_none(), "connection")] {
            if lacking {
                let message = format!("a `vcs` block lacks `{key}`, and no defaults say it");
                let remedy = match key {
                    "repository" => "add `repository: OWNER/NAME`",
                    _ => "add `connection:` with the connection's name in HCP, or its provider such as github",
                };
                self.findings.push(Finding::error(Rule::MissingKey, at, message).remedy(remedy));
            }
        }
        Some(Vcs {
            repository: resolved.fill(repository?),
            branch: branch.unwrap_or_default().to_owned(),
            connection: connection?.to_owned(),
            ingress_submodules: submodules.is_some_and(|(said, _)| said.value),
            tags_regex: tags_regex.unwrap_or_default().to_owned(),
        })
    }

    fn consumers(&mut self, address: &Address, resolved: &Resolved<'s>) -> Option<BTreeSet<String>> {
        let list = resolved.wish.remote_state_consumers.as_ref()?;
        let at = list.first().map_or(resolved.at, |first| first.at);
        self.note_spec(address, "remoteStateConsumers", at);
        self.note_spec(&consumers_address(&resolved.name), "", at);
        let mut names = BTreeSet::new();
        for reference in list {
            if let Some(workspace) = self.fleet.workspace_named(reference, self.findings) {
                names.insert(workspace.name.clone());
            }
        }
        Some(names)
    }
}
