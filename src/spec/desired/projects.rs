//! Projects.

use std::collections::BTreeMap;

use super::{Builder, Ownership, split_tag};
use crate::address::Address;
use crate::origin::Origin;
use crate::owner::Stewardship;
use crate::spec::model;
use crate::spec::node::At;
use crate::spec::resolve::fill;
use crate::systems::hcp::desired::Project;
use crate::systems::hcp::project_address;
use crate::systems::hcp::settings::ProjectSettings;

impl<'s> Builder<'_, 's> {
    pub(super) fn project_stewardship(&self, project: &'s model::Project) -> Stewardship {
        ownership(project).stewardship(&self.hcp_stewardship())
    }

    pub(super) fn projects(&mut self) -> BTreeMap<String, Project> {
        let spec = self.fleet.spec;
        let mut projects = BTreeMap::new();
        for (name, at, project) in spec.projects.iter() {
            projects.insert(name.to_owned(), self.project(name, at, project));
        }
        projects
    }

    fn project(&mut self, name: &'s str, at: At, wish: &'s model::Project) -> Project {
        let address = project_address(name);
        self.note_spec(&address, "", at);
        self.note_spec(&address, "name", at);
        if let Some(was) = &wish.was {
            self.note_spec(&address, "was", was.at);
        }
        let settings = self.project_settings(&address, wish);
        let runs_on = wish.default_runs_on.as_ref().map(|word| {
            self.note_spec(&address, "runsOn", word.at);
            let placement = self.fleet.runs_on(word, self.findings);
            self.placement(placement)
        });
        let mut tags = BTreeMap::new();
        for tag in wish.tags.iter().flatten() {
            let filled = fill(tag, name, None);
            let (key, value) = split_tag(&filled);
            tags.insert(key.to_owned(), value.to_owned());
        }
        if let Some(first) = wish.tags.as_deref().and_then(<[_]>::first) {
            self.note_spec(&address, "tags", first.at);
        }
        let stewardship = self.project_stewardship(wish);
        self.note_ownership(&address, ownership(wish), &stewardship);
        Project {
            was: wish.was.as_ref().map(|was| was.value.clone()),
            settings,
            runs_on,
            tags,
            notifications: self.project_notifications(&address, wish),
            stewardship,
        }
    }

    fn project_settings(&mut self, address: &Address, wish: &model::Project) -> ProjectSettings {
        let mut settings = ProjectSettings::documented();
        if let Some(description) = &wish.description {
            self.note_spec(address, "description", description.at);
            settings.description = Some(description.value.clone());
        }
        match &wish.auto_destroy_activity_duration {
            Some(duration) => {
                self.note_spec(address, "autoDestroyActivityDuration", duration.at);
                settings.auto_destroy_activity_duration = Some(duration.value.clone());
            }
            None => self.origins.note(address, "autoDestroyActivityDuration", Origin::Documented),
        }
        settings
    }
}

fn ownership(project: &model::Project) -> Ownership<'_> {
    Ownership {
        adopt: project.adopt.as_ref(),
        delivery: project.delivery.as_ref(),
        released: project.released.as_ref(),
        absent: None,
        ignore: project.ignore.as_deref(),
    }
}
