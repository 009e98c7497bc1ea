//! Projects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::desired::{self, Placement};
use super::super::observed;
use super::super::request::{ProjectRequest, Request};
use super::super::settings::{Fields, ProjectSettings, spec_name};
use super::compare::differing;
use super::contents::{content_change, name_change, project_contents};
use super::marks::{self, tags_value};
use super::standing::Standing;
use super::{Planner, shown};
use crate::address::Address;
use crate::owner::{Content, Mark, Marked, Stewardship, TAG_KEY};
use crate::plan::{Cause, Change, Read, Shown, Verb};
use crate::systems::hcp::project_address;

impl Planner<'_, '_> {
    pub(super) fn projects(&mut self) {
        let want = self.want;
        for (name, project) in &want.projects {
            let address = project_address(name);
            match self.links.projects.get(name.as_str()).copied() {
                Some(Standing::Missing) if project.stewardship.released => continue,
                Some(Standing::Missing) => self.create_project(&address, name, project),
                Some(Standing::Ours { thing, renamed }) => {
                    if project.stewardship.released {
                        self.release_project(&address, &project.stewardship, thing);
                        continue;
                    }
                    self.update_project(&address, name, project, thing, renamed, false);
                }
                Some(Standing::Adopted { thing, renamed }) => {
                    self.update_project(&address, name, project, thing, renamed, true);
                }
                Some(Standing::Refused(_) | Standing::Unknown) | None => continue,
            }
            self.project_placement(name, project);
            self.project_notifications(&address, name, project);
            if let Some(seen) = self.links.projects.get(name.as_str()).and_then(Standing::thing) {
                self.unmark_project(&address, project, seen);
            }
        }
    }

    fn create_project(&mut self, address: &Address, name: &str, project: &desired::Project) {
        let mut settings = project.settings.clone();
        forget_ignored(&project.stewardship, |ignored| settings.retain(|field| !ignored(field)));
        let fields = wanted_fields(&settings, project);
        let mut tags = project.tags.clone();
        let mark = self.project_mark_for((name, project), &fields, project_contents(project));
        tags.insert(TAG_KEY.to_owned(), mark.to_string());
        let changes = fields
            .iter()
            .filter(|(_, value)| shown(Some(value)) != Shown::Nothing)
            .map(|(field, value)| {
                self.change(&Cause::Spec, address, &spec_name(field), Shown::Nothing, shown(Some(value)))
            })
            .collect();
        let why = self.why(Cause::Spec, address, "");
        let request =
            Request::CreateProject(ProjectRequest { name: Some(name.to_owned()), settings, tags: Some(tags) });
        self.act(address.clone(), &project.stewardship, Verb::Create, changes, why, request);
    }

    fn update_project(
        &mut self,
        address: &Address,
        name: &str,
        project: &desired::Project,
        seen: &observed::Project,
        renamed: bool,
        adopted: bool,
    ) {
        let Read::Seen(seen_tags) = &seen.tags else {
            return;
        };
        let ignored = |field: &str| project.stewardship.ignore.contains(field);
        let mut settings = project.settings.clone();
        forget_ignored(&project.stewardship, |ignored| settings.retain(|field| !ignored(field)));
        let mark = self.project_mark(seen);
        let tags = marks::tags(&project.tags, &seen_tags.own, mark.as_ref(), ignored("tags"));
        let want = wanted_fields(&settings, project);
        let mut live = seen.settings.fields();
        live.insert("tags".to_owned(), tags_value(&tags.ours));
        let cause = if adopted { Cause::Differs } else { marks::cause(mark.as_ref(), &live) };
        let different = differing(&want, &live);
        let mut changes = self.field_changes(&cause, address, &different, &live);
        if renamed {
            changes.insert(0, self.change(&Cause::Spec, address, "name", Shown::text(&seen.name), Shown::text(name)));
        }
        let contents = self.contents_of_project(project, seen, mark.as_ref());
        if !adopted && !self.is_verified(&project.stewardship) {
            changes.extend(name_change(mark.as_ref(), &seen.name));
            changes.extend(content_change(mark.as_ref(), &contents));
        }
        let new_mark = self.project_mark_for((name, project), &want, contents);
        if changes.is_empty() && !adopted {
            return;
        }
        let mut all_tags = tags.wanted;
        all_tags.insert(TAG_KEY.to_owned(), new_mark.to_string());
        settings.retain(|field| different.contains_key(field));
        let verb = verb(renamed, adopted);
        let why = self.why(if adopted { Cause::Because("adopted".to_owned()) } else { cause }, address, "");
        let request = Request::UpdateProject {
            id: seen.id.clone(),
            change: ProjectRequest { name: renamed.then(|| name.to_owned()), settings, tags: Some(all_tags) },
        };
        self.act(address.clone(), &project.stewardship, verb, changes, why, request);
    }

    pub(super) fn release_project(&mut self, address: &Address, stewardship: &Stewardship, seen: &observed::Project) {
        let Read::Seen(tags) = &seen.tags else {
            return;
        };
        let request = Request::UpdateProject {
            id: seen.id.clone(),
            change: ProjectRequest { tags: Some(without_mark(&tags.own)), ..ProjectRequest::default() },
        };
        let why = self.why(Cause::Because("released".to_owned()), address, "released");
        self.act(address.clone(), stewardship, Verb::Release, Vec::new(), why, request);
    }

    fn project_mark_for(
        &self,
        (name, project): (&str, &desired::Project),
        fields: &Fields,
        contents: BTreeSet<Content>,
    ) -> Mark {
        marks::mark(&self.want.fleet, (Marked::Project, name), fields, contents, &project.tags)
    }

    /// Fields that differ, as changes; names on the wire become names of the spec.
    pub(super) fn field_changes(
        &self,
        cause: &Cause,
        address: &Address,
        different: &Fields,
        live: &Fields,
    ) -> Vec<Change> {
        different
            .iter()
            .map(|(field, value)| {
                self.change(cause, address, &spec_name(field), shown(live.get(field)), shown(Some(value)))
            })
            .collect()
    }
}

fn wanted_fields(settings: &ProjectSettings, project: &desired::Project) -> Fields {
    let mut fields = settings.fields();
    // What is left as it is found is not written, so the mark does not speak of it.
    if !project.stewardship.ignore.contains("tags") {
        fields.insert("tags".to_owned(), tags_value(&project.tags));
    }
    fields
}

/// A placement as a word of the spec.
pub(super) fn wanted_placement(placement: &Placement) -> Value {
    match placement {
        Placement::Pool(name) => json!(format!("pool {name}")),
        Placement::Cloud => json!("cloud"),
        Placement::Local => json!("local"),
        Placement::Inherited => json!("inherited"),
    }
}

/// Own tags without the mark: what is left when a thing is let go.
pub(super) fn without_mark(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut rest = tags.clone();
    rest.remove(TAG_KEY);
    rest
}

/// Lets a caller drop the settings that stay as they are found; most things ignore nothing.
pub(super) fn forget_ignored(stewardship: &Stewardship, drop: impl FnOnce(&dyn Fn(&str) -> bool)) {
    if !stewardship.ignore.is_empty() {
        drop(&|field| stewardship.ignore.contains(&spec_name(field)));
    }
}

/// What to call an update.
pub(super) fn verb(renamed: bool, adopted: bool) -> Verb {
    match (renamed, adopted) {
        (_, true) => Verb::Adopt,
        (true, false) => Verb::Rename,
        (false, false) => Verb::Change,
    }
}
