//! Where runs go. A workspace moves only while none of its runs is under way.

use serde_json::{Value, json};

use super::super::desired::{self, Placement, Scope};
use super::super::observed::{self, Mode, SeenPlacement};
use super::super::request::{ModeRequest, Request};
use super::projects::wanted_placement;
use super::standing::Standing;
use super::{Planner, shown};
use crate::address::Address;
use crate::plan::{Cause, Fact, Holds, Later, Output, Shown, Verb, What};
use crate::systems::hcp::{
    PoolId, organization_address, placement_address, pool_address, project_address, project_placement_address,
    scope_address, workspace_address,
};

/// What the reason of a lock of ours begins with.
#[must_use]
pub fn lock_reason(fleet: &str) -> String {
    format!("reconcile {fleet}:")
}

/// The spec leaves where it runs as it is found.
pub(super) fn ignores_placement(workspace: &desired::Workspace) -> bool {
    workspace.stewardship.ignore.contains("runsOn")
}

impl Planner<'_, '_> {
    /// A placement that was seen, as a word of the spec.
    pub(super) fn placement_value(&self, seen: &SeenPlacement) -> Value {
        if seen.own { self.mode_value(&seen.mode) } else { json!("inherited") }
    }

    pub(super) fn mode_value(&self, mode: &Mode) -> Value {
        match mode {
            Mode::Agent(Some(pool)) => json!(format!("pool {}", self.pool_name(pool))),
            Mode::Agent(None) => json!("pool (none)"),
            Mode::Remote => json!("cloud"),
            Mode::Local => json!("local"),
            Mode::Other(word) => json!(word),
        }
    }

    fn pool_or_wait(&mut self, address: &Address, pool: &str) -> Option<Later<PoolId>> {
        let id = self.pool_id(pool);
        if id.is_none() {
            self.wait(
                address.clone(),
                format!("{} could not be read or is refused", pool_address(pool)),
                "the next run in which that is settled",
            );
        }
        id
    }

    /// Where a project's workspaces run by default, if that changes. Its pool has to let it in first, and for that it
    /// has to be there.
    pub(super) fn project_placement(&mut self, name: &str, project: &desired::Project) {
        let Some(placement) = &project.runs_on else {
            return;
        };
        let seen = self.links.projects.get(name).and_then(Standing::thing);
        if project.stewardship.ignore.contains("runsOn") && seen.is_some() {
            return;
        }
        let old = seen.map_or_else(|| json!("inherited"), |seen| self.placement_value(&seen.placement));
        let want = wanted_placement(placement);
        if old == want {
            return;
        }
        let address = project_placement_address(name);
        if seen.is_some_and(|seen| !self.is_understood(&address, &seen.placement)) {
            return;
        }
        if let Some(seen) = seen
            && !self.heirs_may_move(&address, |workspace| workspace.project.as_ref() == Some(&seen.id))
        {
            return;
        }
        let Some(id) = self.project_id(name) else {
            return;
        };
        let Some(mode) = self.mode_request(&address, placement) else {
            return;
        };
        let allowed = match placement {
            Placement::Pool(pool) => self.project_allowed(name, pool, seen),
            Placement::Cloud | Placement::Local | Placement::Inherited => Later::Known(Holds),
        };
        let (cause, verb, old) = match seen {
            Some(_) => (Cause::Differs, Verb::Change, shown(Some(&old))),
            None => (Cause::Spec, Verb::Create, Shown::Nothing),
        };
        let change = self.change(&cause, &project_address(name), "runsOn", old, shown(Some(&want)));
        let why = change.why.clone();
        let heirs = seen.map_or(0, |seen| self.heirs_of_project(seen, placement));
        let request = Request::PlaceProject { project: id, mode, allowed, heirs };
        self.act(address, &project.stewardship, verb, vec![change], why, request);
    }

    /// A mode that nobody knows is nothing that a spec could have meant, so it stays.
    fn is_understood(&mut self, address: &Address, seen: &SeenPlacement) -> bool {
        let Mode::Other(word) = &seen.mode else {
            return true;
        };
        self.wait(
            address.clone(),
            format!("HCP says of where its runs go: {word}, a word that this version does not know"),
            "a newer version of this program, or whoever sets it to another",
        );
        false
    }

    /// The proof that a pool lets a project in.
    fn project_allowed(&self, name: &str, pool: &str, seen: Option<&observed::Project>) -> Later<Holds> {
        let pool_seen = self.links.pools.get(pool).and_then(Standing::thing);
        let open = pool_seen.is_some_and(|pool| {
            pool.organization_scoped || seen.is_some_and(|project| pool.allowed_projects.contains(&project.id))
        });
        if open {
            return Later::Known(Holds);
        }
        let for_all = self.want.pools.get(pool).is_some_and(|pool| pool.scope == Scope::Organization);
        // A pool that is made for everybody is so from the start.
        let of = if for_all && pool_seen.is_none() { self.maker_of_pool(pool) } else { scope_address(pool) };
        Later::From(Output { of, what: What::Fact(Fact::Allowed(name.to_owned())) })
    }

    pub(super) fn mode_request(&mut self, address: &Address, placement: &Placement) -> Option<ModeRequest> {
        Some(match placement {
            Placement::Pool(name) => ModeRequest::Agent(self.pool_or_wait(address, name)?),
            Placement::Cloud => ModeRequest::Remote,
            Placement::Local => ModeRequest::Local,
            Placement::Inherited => ModeRequest::Inherited,
        })
    }

    /// Where a workspace's runs go, if that changes.
    pub(super) fn placement(&mut self, name: &str, workspace: &desired::Workspace, seen: Option<&observed::Workspace>) {
        let address = placement_address(name);
        if workspace.stewardship.ignore.contains("runsOn") && seen.is_some() {
            return;
        }
        if seen.is_some_and(|seen| !self.is_understood(&address, &seen.placement)) {
            return;
        }
        let want = wanted_placement(&workspace.runs_on);
        let old = match seen {
            Some(seen) => self.placement_value(&seen.placement),
            // How `first_mode` made it.
            None if workspace.runs_on == Placement::Cloud => json!("cloud"),
            None => json!("local"),
        };
        let locked_by_us = seen
            .and_then(|seen| seen.locked.as_deref())
            .is_some_and(|reason| reason.starts_with(&lock_reason(self.want.fleet.as_str())));
        if old == want && !locked_by_us {
            return;
        }
        if let Some(seen) = seen
            && !self.may_move(&address, seen, locked_by_us)
        {
            return;
        }
        let Some(mode) = self.mode_request(&address, &workspace.runs_on) else {
            return;
        };
        let Some(id) = self.workspace_id(name) else {
            return;
        };
        let Some(allowed) = self.allowed(&address, name, workspace, seen) else {
            return;
        };
        let origin = workspace_address(name);
        let (cause, field) = if old == want {
            (Cause::Because("a run of ours was stopped while it held this lock".to_owned()), "lock")
        } else if seen.is_none() {
            (Cause::Spec, "runsOn")
        } else {
            (Cause::Differs, "runsOn")
        };
        let change = if field == "lock" {
            self.change(&cause, &origin, field, Shown::text("locked by us"), Shown::Nothing)
        } else {
            let old = if seen.is_some() { shown(Some(&old)) } else { Shown::Nothing };
            self.change(&cause, &origin, field, old, shown(Some(&want)))
        };
        let why = change.why.clone();
        let verb = if seen.is_some() { Verb::Change } else { Verb::Create };
        let moves = seen.is_some();
        // What its runs take is not planned yet, and is added then.
        let ready = Vec::new();
        let request = Request::PlaceWorkspace { workspace: id, mode, allowed, ready, moves, locked_by_us };
        self.act(address, &workspace.stewardship, verb, vec![change], why, request);
    }

    /// Whether a workspace that inherits where it runs runs elsewhere in the project that it is to be in.
    pub(super) fn moves_with_project(&self, workspace: &desired::Workspace, seen: &observed::Workspace) -> bool {
        let project = workspace.project.as_deref();
        let said = project.and_then(|name| self.want.projects.get(name)?.runs_on.as_ref());
        let found = project.and_then(|name| self.links.projects.get(name)?.thing());
        let of_project = match (said, found) {
            (Some(Placement::Inherited), _) => None,
            (Some(said), _) => Some(wanted_placement(said)),
            (None, Some(found)) if found.placement.own => Some(self.mode_value(&found.placement.mode)),
            (None, _) => None,
        };
        let new = of_project.unwrap_or_else(|| match &self.want.organization.runs_on {
            Some(said) if *said != Placement::Inherited => wanted_placement(said),
            Some(_) | None => self.mode_value(&self.seen.organization.runs_on),
        });
        !seen.placement.own && self.mode_value(&seen.placement.mode) != new
    }

    fn heirs_of_project(&self, seen: &observed::Project, placement: &Placement) -> u32 {
        let organization = &self.want.organization.runs_on;
        let new = match (placement, organization) {
            (Placement::Inherited, Some(placement)) if *placement != Placement::Inherited => {
                wanted_placement(placement)
            }
            (Placement::Inherited, _) => self.mode_value(&self.seen.organization.runs_on),
            (own, _) => wanted_placement(own),
        };
        if self.mode_value(&seen.placement.mode) == new {
            return 0;
        }
        self.heirs(|workspace| workspace.project.as_ref() == Some(&seen.id))
    }

    /// How many workspaces inherit a placement and go on doing so: those that get one of their own are moved by that.
    pub(super) fn heirs(&self, heir: impl Fn(&observed::Workspace) -> bool) -> u32 {
        let goes_on = |seen: &observed::Workspace| {
            let name = self.wanted_name(&seen.id).unwrap_or(&seen.name);
            let wanted = self.want.workspaces.get(name);
            wanted.is_none_or(|wanted| wanted.runs_on == Placement::Inherited || ignores_placement(wanted))
        };
        let seen = self.seen.workspaces.seen().iter();
        let heirs = seen.filter(|seen| !seen.placement.own && heir(seen) && goes_on(seen)).count();
        u32::try_from(heirs).unwrap_or(u32::MAX)
    }

    /// Who inherits a placement moves with it, so it waits for their runs too.
    pub(super) fn heirs_may_move(&mut self, address: &Address, heir: impl Fn(&observed::Workspace) -> bool) -> bool {
        let seen = self.seen;
        if let Some(gap) = seen.workspaces.gap() {
            self.unread(address, gap, "not changed: nothing tells whether a run of those who inherit it is under way");
            return false;
        }
        let mut heirs = seen.workspaces.seen().iter().filter(|workspace| !workspace.placement.own && heir(workspace));
        let busy = heirs.find_map(|workspace| {
            Some((workspace, workspace.current_run.as_ref()?)).filter(|(_, run)| !run.is_final())
        });
        if let Some((workspace, run)) = busy {
            self.wait(
                address.clone(),
                format!(
                    "{} of {}, which inherits it, is {}; a move would make it fail",
                    run.id, workspace.name, run.status
                ),
                "whoever confirms or discards that run; the next apply goes on",
            );
        }
        busy.is_none()
    }

    /// A move while a run is under way makes that run fail, so it waits.
    pub(super) fn may_move(&mut self, address: &Address, seen: &observed::Workspace, locked_by_us: bool) -> bool {
        if let Some(run) = seen.current_run.as_ref().filter(|run| !run.is_final()) {
            let since = run.created_at.map(|at| format!(" since {at}")).unwrap_or_default();
            self.wait(
                address.clone(),
                format!("{} is {}{since}; a move would make it fail", run.id, run.status),
                "whoever confirms or discards that run; the next apply goes on",
            );
            return false;
        }
        if let Some(reason) = seen.locked.as_ref().filter(|_| !locked_by_us) {
            let reason = if reason.is_empty() { "without a reason" } else { reason };
            self.wait(
                address.clone(),
                format!("the workspace is locked: {reason}"),
                "whoever unlocks it; the next apply goes on",
            );
            return false;
        }
        true
    }

    /// The proof that a workspace may run where it is to run.
    fn allowed(
        &mut self,
        address: &Address,
        name: &str,
        workspace: &desired::Workspace,
        seen: Option<&observed::Workspace>,
    ) -> Option<Later<Holds>> {
        let pool = match &workspace.runs_on {
            Placement::Cloud | Placement::Local => return Some(Later::Known(Holds)),
            Placement::Inherited => return Some(self.inherited_in_place(workspace)),
            Placement::Pool(pool) => pool,
        };
        let pool_seen = match self.links.pools.get(pool.as_str())? {
            Standing::Missing => None,
            Standing::Ours { thing, .. } | Standing::Adopted { thing, .. } | Standing::Refused(thing) => Some(*thing),
            Standing::Unknown => return None,
        };
        let holds = pool_seen.is_some_and(|pool| {
            pool.organization_scoped
                || seen.is_some_and(|seen| {
                    pool.allowed_workspaces.contains(&seen.id)
                        || seen.project.as_ref().is_some_and(|project| pool.allowed_projects.contains(project))
                })
        });
        if holds {
            return Some(Later::Known(Holds));
        }
        let scope = &self.want.pools.get(pool)?.scope;
        let of = match scope {
            Scope::Organization => match pool_seen {
                // A pool that is made for everybody is so from the start.
                None => self.maker_of_pool(pool),
                Some(_) => scope_address(pool),
            },
            Scope::Some { projects, workspaces } => {
                let project = workspace.project.as_ref().is_some_and(|project| projects.contains(project));
                if !project && !workspaces.contains(name) {
                    self.wait(
                        address.clone(),
                        format!("{} does not let it in", pool_address(pool)),
                        "whoever adds it to the pool's `scope`",
                    );
                    return None;
                }
                scope_address(pool)
            }
        };
        Some(Later::From(Output { of, what: What::Fact(Fact::Allowed(name.to_owned())) }))
    }

    fn inherited_in_place(&self, workspace: &desired::Workspace) -> Later<Holds> {
        let project = workspace.project.as_deref();
        match project.and_then(|name| Some((name, self.want.projects.get(name)?.runs_on.as_ref()?))) {
            Some((name, Placement::Pool(_) | Placement::Cloud | Placement::Local)) => {
                self.in_place(&project_placement_address(name))
            }
            // What the project inherits in turn.
            Some((_, Placement::Inherited)) | None => self.in_place(&organization_address()),
        }
    }
}
