//! Workspaces: their settings, repository, project and tags. Placement, variables and notifications go by themselves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::desired::{self, Placement};
use super::super::observed;
use super::super::request::{ModeRequest, Request, VcsChange, VcsRequest, WorkspaceRequest};
use super::super::settings::{Fields, WorkspaceSettings, spec_name};
use super::compare::differing;
use super::connections::{Vcs, vcs_fields};
use super::contents::{content_change, name_change, workspace_contents};
use super::marks::{self, PROJECT_ID, tags_value};
use super::placement::ignores_placement;
use super::projects::{forget_ignored, verb, without_mark};
use super::standing::Standing;
use super::{Planner, shown};
use crate::address::Address;
use crate::owner::{Content, Mark, Marked, Stewardship, TAG_KEY};
use crate::plan::{Cause, Change, Later, Read, Shown, Verb};
use crate::systems::hcp::{ProjectId, project_address, workspace_address};

/// What is wanted of a workspace's fields, with every reference resolved.
struct Wanted {
    settings: WorkspaceSettings,
    vcs: Option<VcsChange>,
    project: Option<Later<ProjectId>>,
}

/// How much of a workspace is planned beside its own fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Nothing: it is refused, or something that it needs is not known.
    Nothing,
    /// All but where it runs, which waits for it to be moved to another project.
    AllButPlacement,
    All,
}

/// How a workspace's fields differ from what is wanted.
struct Difference {
    changes: Vec<Change>,
    /// Those settings alone that differ.
    settings: WorkspaceSettings,
    /// Its repository differs.
    vcs: bool,
    /// It is in another project.
    moves: bool,
}

impl Planner<'_, '_> {
    pub(super) fn workspaces(&mut self) {
        let want = self.want;
        for (name, workspace) in &want.workspaces {
            let address = workspace_address(name);
            let standing = self.links.workspaces.get(name.as_str()).copied();
            if workspace.stewardship.released {
                if let Some(Standing::Ours { thing, .. }) = standing {
                    self.release_workspace(&address, &workspace.stewardship, thing);
                }
                continue;
            }
            let planned = match standing {
                Some(Standing::Missing) => self.create_workspace(&address, name, workspace),
                Some(Standing::Ours { thing, renamed }) => {
                    self.update_workspace(&address, name, workspace, thing, (renamed, false))
                }
                Some(Standing::Adopted { thing, renamed }) => {
                    self.update_workspace(&address, name, workspace, thing, (renamed, true))
                }
                Some(Standing::Refused(_) | Standing::Unknown) | None => Depth::Nothing,
            };
            let seen = standing.and_then(|standing| standing.thing());
            match planned {
                Depth::Nothing => continue,
                Depth::AllButPlacement => {}
                Depth::All => self.placement(name, workspace, seen),
            }
            self.workspace_variables(&address, name, workspace, seen);
            self.workspace_notifications(&address, name, workspace, seen);
            self.consumers(&address, name, workspace, seen);
            if let Some(seen) = seen {
                self.unmark_workspace(&address, name, workspace, seen);
            }
        }
    }

    fn wanted_workspace(&mut self, address: &Address, workspace: &desired::Workspace) -> Option<Wanted> {
        let ignored = |field: &str| workspace.stewardship.ignore.contains(field);
        let mut settings = workspace.settings.clone();
        forget_ignored(&workspace.stewardship, |ignored| {
            settings.retain(|field| !ignored(field));
        });
        let vcs = if ignored("vcs") {
            None
        } else {
            match self.connection(address, workspace) {
                Vcs::Known(vcs) => Some(vcs.map_or(VcsChange::Disconnect, VcsChange::Connect)),
                Vcs::Unknown => return None,
            }
        };
        let project = match &workspace.project {
            Some(project) => {
                if let Some(id) = self.project_id(project) {
                    Some(id)
                } else {
                    self.wait(
                        address.clone(),
                        format!("{} could not be read or is refused", project_address(project)),
                        "the next run in which that is settled",
                    );
                    return None;
                }
            }
            None => self.seen.organization.default_project.clone().map(Later::Known),
        };
        Some(Wanted { settings, vcs, project })
    }

    fn create_workspace(&mut self, address: &Address, name: &str, workspace: &desired::Workspace) -> Depth {
        let Some(Wanted { settings, vcs, project }) = self.wanted_workspace(address, workspace) else {
            return Depth::Nothing;
        };
        let fields = wanted_fields(&settings, vcs.as_ref(), workspace, project.as_ref());
        let mut tags = workspace.tags.clone();
        tags.insert(
            TAG_KEY.to_owned(),
            self.workspace_mark_for((name, workspace), &fields, workspace_contents(workspace)).to_string(),
        );
        let mut changes = Vec::new();
        changes.push(self.change(
            &Cause::Spec,
            address,
            "runsOn",
            Shown::Nothing,
            Shown::Value(super::projects::wanted_placement(&workspace.runs_on)),
        ));
        let documented = WorkspaceSettings::documented().fields();
        let mut told = fields.clone();
        told.remove(PROJECT_ID);
        if let Some(project) = workspace.project.as_ref().filter(|_| !workspace.stewardship.ignore.contains("project"))
        {
            told.insert("project".to_owned(), Value::String(project.clone()));
        }
        for (field, value) in &told {
            if field != "vcs" && documented.get(field) != Some(value) && shown(Some(value)) != Shown::Nothing {
                changes.push(self.change(&Cause::Spec, address, &spec_name(field), Shown::Nothing, shown(Some(value))));
            }
        }
        if let Some(vcs) = &workspace.vcs {
            for (field, value) in vcs_fields(vcs) {
                if shown(Some(&value)) != Shown::Nothing && value != Value::Bool(false) {
                    changes.push(self.change(&Cause::Spec, address, field, Shown::Nothing, Shown::Value(value)));
                }
            }
        }
        let why = self.why(Cause::Spec, address, "");
        let unsealed = unsealed(project.as_ref(), workspace, &fields);
        let request = Request::CreateWorkspace {
            workspace: WorkspaceRequest {
                name: Some(name.to_owned()),
                project,
                settings,
                vcs: vcs.filter(|vcs| *vcs != VcsChange::Disconnect),
                tags: Some(tags),
                unsealed,
            },
            mode: first_mode(workspace),
        };
        self.act(address.clone(), &workspace.stewardship, Verb::Create, changes, why, request);
        Depth::All
    }

    fn update_workspace(
        &mut self,
        address: &Address,
        name: &str,
        workspace: &desired::Workspace,
        seen: &observed::Workspace,
        (renamed, adopted): (bool, bool),
    ) -> Depth {
        let Read::Seen(seen_tags) = &seen.tags else {
            return Depth::Nothing;
        };
        let Some(mut wanted) = self.wanted_workspace(address, workspace) else {
            return Depth::Nothing;
        };
        let depth = self.hold_move(address, workspace, seen, &mut wanted);
        let old_mark = self.workspace_mark(seen);
        let keep_tags = workspace.stewardship.ignore.contains("tags");
        let tags = marks::tags(&workspace.tags, &seen_tags.own, old_mark.as_ref(), keep_tags);
        let want = wanted_fields(&wanted.settings, wanted.vcs.as_ref(), workspace, wanted.project.as_ref());
        let live = self.live_fields(seen, &tags.ours);
        let different = differing(&want, &live);
        let same = different.is_empty() && !matches!(wanted.project, Some(Later::From(_)));
        let cause = if adopted || same { Cause::Differs } else { marks::cause(old_mark.as_ref(), &live) };
        let project_cause = marks::cause_of_project(old_mark.as_ref(), &cause);
        let causes = (&cause, &project_cause);
        let difference = self.workspace_difference(address, workspace, seen, &wanted, (different, &live), causes);
        let contents = self.contents_of_workspace(workspace, seen, old_mark.as_ref());
        let mut changes = difference.changes;
        if renamed {
            let (old, new) = (Shown::text(&seen.name), Shown::text(name));
            changes.insert(0, self.change(&Cause::Spec, address, "name", old, new));
        }
        if !adopted && !self.is_verified(&workspace.stewardship) {
            changes.extend(name_change(old_mark.as_ref(), &seen.name));
            changes.extend(content_change(old_mark.as_ref(), &contents));
        }
        if changes.is_empty() && !adopted {
            return depth;
        }
        let mut all_tags = tags.wanted;
        let mark = self.workspace_mark_for((name, workspace), &want, contents);
        all_tags.insert(TAG_KEY.to_owned(), mark.to_string());
        let because = if adopted { Cause::Because("adopted".to_owned()) } else { cause };
        let why = self.why(because, address, "");
        let unsealed = unsealed(wanted.project.as_ref(), workspace, &want);
        let request = Request::UpdateWorkspace {
            id: seen.id.clone(),
            change: WorkspaceRequest {
                name: renamed.then(|| name.to_owned()),
                project: wanted.project.filter(|_| difference.moves),
                settings: difference.settings,
                vcs: wanted.vcs.filter(|_| difference.vcs),
                tags: Some(all_tags),
                unsealed,
            },
            // One that gets a placement of its own is moved by that.
            moves: difference.moves
                && self.moves_with_project(workspace, seen)
                && (workspace.runs_on == Placement::Inherited || ignores_placement(workspace)),
        };
        self.act(address.clone(), &workspace.stewardship, verb(renamed, adopted), changes, why, request);
        depth
    }

    /// Leaves it in its project as long as the way to another one would take its runs elsewhere in the middle of one.
    fn hold_move(
        &mut self,
        address: &Address,
        workspace: &desired::Workspace,
        seen: &observed::Workspace,
        wanted: &mut Wanted,
    ) -> Depth {
        let takes_runs_along = is_to_move(workspace, seen, wanted) && self.moves_with_project(workspace, seen);
        if !takes_runs_along || self.is_verified(&workspace.stewardship) || self.may_move(address, seen, false) {
            return Depth::All;
        }
        wanted.project = seen.project.clone().map(Later::Known);
        Depth::AllButPlacement
    }

    fn live_fields(&self, seen: &observed::Workspace, tags: &BTreeMap<String, String>) -> Fields {
        let mut live = seen.settings.fields();
        live.insert("tags".to_owned(), tags_value(tags));
        live.insert("vcs".to_owned(), seen_vcs(seen.vcs.as_ref()));
        let project = seen.project.as_ref().map(|id| self.project_name(id));
        live.insert("project".to_owned(), Value::String(project.unwrap_or_default()));
        live.insert(PROJECT_ID.to_owned(), seen.project.as_ref().map_or(Value::Null, |id| Value::String(id.0.clone())));
        live
    }

    fn workspace_difference(
        &self,
        address: &Address,
        workspace: &desired::Workspace,
        seen: &observed::Workspace,
        wanted: &Wanted,
        (mut different, live): (Fields, &Fields),
        (cause, project_cause): (&Cause, &Cause),
    ) -> Difference {
        // Told by the ids, of which one may only be made by this plan.
        different.remove(PROJECT_ID);
        let moves = is_to_move(workspace, seen, wanted);
        let vcs = different.remove("vcs").is_some();
        let mut changes = Vec::new();
        if moves {
            let new = workspace.project.as_deref().unwrap_or("the default project");
            let old = shown(live.get("project"));
            changes.push(self.change(project_cause, address, "project", old, Shown::text(new)));
        }
        changes.extend(self.field_changes(cause, address, &different, live));
        if vcs {
            changes.extend(self.vcs_changes(cause, address, workspace.vcs.as_ref(), seen.vcs.as_ref()));
        }
        let mut settings = wanted.settings.clone();
        settings.retain(|field| different.contains_key(field));
        Difference { changes, settings, vcs, moves }
    }

    fn release_workspace(&mut self, address: &Address, stewardship: &Stewardship, seen: &observed::Workspace) {
        let Read::Seen(tags) = &seen.tags else {
            return;
        };
        let request = Request::UpdateWorkspace {
            id: seen.id.clone(),
            change: WorkspaceRequest { tags: Some(without_mark(&tags.own)), ..WorkspaceRequest::default() },
            moves: false,
        };
        let why = self.why(Cause::Because("released".to_owned()), address, "released");
        self.act(address.clone(), stewardship, Verb::Release, Vec::new(), why, request);
    }

    fn workspace_mark_for(
        &self,
        (name, workspace): (&str, &desired::Workspace),
        fields: &Fields,
        contents: BTreeSet<Content>,
    ) -> Mark {
        marks::mark(&self.want.fleet, (Marked::Workspace, name), fields, contents, &workspace.tags)
    }
}

fn is_to_move(workspace: &desired::Workspace, seen: &observed::Workspace, wanted: &Wanted) -> bool {
    let here = seen.project.clone().map(Later::Known);
    wanted.project.is_some() && wanted.project != here && !workspace.stewardship.ignore.contains("project")
}

/// Where a workspace's runs go until it is placed: nowhere, if they are to go to a pool or to wherever others
/// say that is still going to change. What its runs take may change this for HCP's cloud too.
fn first_mode(workspace: &desired::Workspace) -> ModeRequest {
    match &workspace.runs_on {
        Placement::Cloud => ModeRequest::Remote,
        Placement::Pool(_) | Placement::Local | Placement::Inherited => ModeRequest::Local,
    }
}

/// The fields that a mark cannot be over yet, because this plan only makes the project.
fn unsealed(project: Option<&Later<ProjectId>>, workspace: &desired::Workspace, fields: &Fields) -> Option<Fields> {
    let made = matches!(project, Some(Later::From(_))) && !workspace.stewardship.ignore.contains("project");
    made.then(|| fields.clone())
}

fn wanted_fields(
    settings: &WorkspaceSettings,
    vcs: Option<&VcsChange>,
    workspace: &desired::Workspace,
    project: Option<&Later<ProjectId>>,
) -> Fields {
    let mut fields = settings.fields();
    // What is left as it is found is not written, so the mark does not speak of it.
    let ignored = |field: &str| workspace.stewardship.ignore.contains(field);
    if !ignored("tags") {
        fields.insert("tags".to_owned(), tags_value(&workspace.tags));
    }
    match vcs {
        Some(VcsChange::Connect(VcsRequest { repository, branch, token, ingress_submodules, tags_regex })) => {
            let value = vcs_value(repository, branch, &token.0, *ingress_submodules, tags_regex);
            fields.insert("vcs".to_owned(), value);
        }
        Some(VcsChange::Disconnect) => {
            fields.insert("vcs".to_owned(), Value::Null);
        }
        None => {}
    }
    if let Some(Later::Known(ProjectId(id))) = project.filter(|_| !ignored("project")) {
        fields.insert(PROJECT_ID.to_owned(), Value::String(id.clone()));
    }
    fields
}

fn seen_vcs(vcs: Option<&observed::SeenVcs>) -> Value {
    vcs.map(|vcs| {
        let token = vcs.token.as_ref().map(|token| token.0.clone());
        let connection = token.or_else(|| vcs.installation.clone()).unwrap_or_default();
        vcs_value(&vcs.repository, &vcs.branch, &connection, vcs.ingress_submodules, &vcs.tags_regex)
    })
    .unwrap_or_default()
}

fn vcs_value(repository: &str, branch: &str, connection: &str, submodules: bool, tags_regex: &str) -> Value {
    serde_json::json!([repository, branch, connection, submodules, tags_regex])
}
