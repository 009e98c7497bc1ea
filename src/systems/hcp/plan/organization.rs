//! The organisation itself: is it the right one, and the settings that the spec names.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::desired::Placement;
use super::super::observed::Workspace;
use super::super::request::Request;
use super::super::settings::spec_name;
use super::Planner;
use super::compare::differing;
use super::projects::wanted_placement;
use crate::plan::{Cause, Rule, Shown, Verb};
use crate::systems::hcp::{ProjectId, organization_address};

impl Planner<'_, '_> {
    /// The pin: another organisation behind the same name or address gets nothing.
    pub(super) fn is_the_pinned_organization(&mut self) -> bool {
        let seen = &self.seen.organization;
        match &self.want.organization.external_id {
            Some(pinned) if *pinned != seen.external_id => {
                let cause =
                    format!("the spec pins {pinned}, and the organisation {} is {}", seen.name, seen.external_id);
                self.refuse(Rule::WrongIdentity, organization_address(), cause);
                false
            }
            Some(_) | None => true,
        }
    }

    pub(super) fn organization(&mut self) {
        let want = &self.want.organization;
        let seen = &self.seen.organization;
        let address = organization_address();
        let mut settings = want.settings.clone();
        let live = seen.settings.fields();
        let mut different = differing(&settings.fields(), &live);
        let (mut mode, mut heirs) = (None, 0);
        let mut live = live;
        live.insert("runs-on".to_owned(), self.mode_value(&seen.runs_on));
        if let Some(placement) = want.runs_on.as_ref().filter(|placement| **placement != Placement::Inherited) {
            let value: Value = wanted_placement(placement);
            let projects = self.seen.projects.seen();
            let own: BTreeSet<_> = projects.iter().filter(|seen| seen.placement.own).map(|seen| &seen.id).collect();
            let heir = |workspace: &Workspace| workspace.project.as_ref().is_none_or(|project| !own.contains(project));
            if live.get("runs-on") != Some(&value) && self.heirs_may_move(&address, heir) {
                match self.mode_request(&address, placement) {
                    Some(request) => mode = Some(request),
                    None => return,
                }
                let placed = self.projects_to_be_placed();
                heirs = self.heirs(|workspace| heir(workspace) && !is_in(workspace, &placed));
                different.insert("runs-on".to_owned(), value);
            }
        }
        if different.is_empty() {
            return;
        }
        settings.retain(|field| different.contains_key(field));
        let changes: Vec<_> = different
            .iter()
            .map(|(field, value)| {
                let old = live.get(field).cloned().map_or(Shown::Nothing, Shown::Value);
                self.change(&Cause::Differs, &address, &spec_name(field), old, Shown::Value(value.clone()))
            })
            .collect();
        let why = self.why(Cause::Differs, &address, "");
        let request = Request::UpdateOrganization { name: seen.name.clone(), settings, mode, heirs };
        let stewardship = want.stewardship.clone();
        self.act(address, &stewardship, Verb::Change, changes, why, request);
    }

    /// Projects that are to have a placement of their own, so that theirs is what their workspaces move with.
    fn projects_to_be_placed(&self) -> BTreeSet<ProjectId> {
        let placed = self.want.projects.iter().filter(|(_, project)| {
            project.runs_on.as_ref().is_some_and(|placement| *placement != Placement::Inherited)
        });
        placed.filter_map(|(name, _)| Some(self.links.projects.get(name.as_str())?.thing()?.id.clone())).collect()
    }
}

fn is_in(workspace: &Workspace, projects: &BTreeSet<ProjectId>) -> bool {
    workspace.project.as_ref().is_some_and(|project| projects.contains(project))
}
