//! Agent pools, and who may use them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::desired::{self, Scope};
use super::super::observed;
use super::super::request::Request;
use super::standing::Standing;
use super::{Planner, id_of};
use crate::address::Address;
use crate::plan::{Cause, Fact, Holds, Later, Output, Shown, Verb, What};
use crate::systems::hcp::{
    ProjectId, WorkspaceId, placement_address, pool_address, project_address, project_placement_address, scope_address,
    workspace_address,
};

/// Who is let in: projects and workspaces.
type LetIn = (BTreeSet<Later<ProjectId>>, BTreeSet<Later<WorkspaceId>>);

/// Who uses a pool now, and is moved away from it by this plan.
#[derive(Default)]
struct Leaving {
    workspaces: BTreeSet<WorkspaceId>,
    projects: BTreeSet<ProjectId>,
    /// That they have left.
    left: Vec<Later<Holds>>,
    /// That those are gone which are removed. They lose a pool with their lives, so nobody who comes waits for that: a
    /// scope that named one of them after its end would be refused.
    removed: Vec<Later<Holds>>,
}

/// Why a difference in a pool is ours to mend although a pool can carry no mark.
fn claimed() -> Cause {
    Cause::Because("claimed by name".to_owned())
}

impl Planner<'_, '_> {
    pub(super) fn pools(&mut self) {
        let want = self.want;
        for (name, pool) in &want.pools {
            let address = pool_address(name);
            match self.links.pools.get(name.as_str()).copied() {
                Some(Standing::Missing)
                    if pool.made_by.is_none() && !pool.stewardship.absent && !pool.stewardship.released =>
                {
                    self.create_pool(&address, name, pool);
                }
                Some(Standing::Ours { thing, renamed: true })
                    if pool.made_by.is_none() && !pool.stewardship.absent && !pool.stewardship.released =>
                {
                    let change =
                        self.change(&Cause::Spec, &address, "name", Shown::text(&thing.name), Shown::text(name));
                    let why = self.why(Cause::Spec, &address, "was");
                    let request = Request::RenamePool {
                        id: thing.id.clone(),
                        name: name.clone(),
                        organization_scoped: thing.organization_scoped,
                    };
                    self.act(address, &pool.stewardship, Verb::Rename, vec![change], why, request);
                }
                _ => {}
            }
        }
    }

    fn create_pool(&mut self, address: &Address, name: &str, pool: &desired::Pool) {
        let organization_scoped = pool.scope == Scope::Organization;
        let scope = if organization_scoped { "organization" } else { "none yet" };
        let change = self.change(&Cause::Spec, address, "scope", Shown::Nothing, Shown::text(scope));
        let why = self.why(Cause::Spec, address, "");
        let request = Request::CreatePool { name: name.to_owned(), organization_scoped };
        self.act(address.clone(), &pool.stewardship, Verb::Create, vec![change], why, request);
    }

    /// Scopes come after the workspaces: which placements are planned decides who can lose a pool now.
    pub(super) fn scopes(&mut self) {
        let want = self.want;
        for (name, pool) in &want.pools {
            if pool.stewardship.absent || pool.stewardship.released || pool.stewardship.ignore.contains("scope") {
                continue;
            }
            match self.links.pools.get(name.as_str()).copied() {
                Some(Standing::Missing) => self.scope(name, pool, None),
                Some(Standing::Ours { thing, .. } | Standing::Adopted { thing, .. }) => {
                    self.scope(name, pool, Some(thing));
                }
                Some(Standing::Refused(_) | Standing::Unknown) | None => {}
            }
        }
    }

    fn scope(&mut self, name: &str, pool: &desired::Pool, seen: Option<&observed::Pool>) {
        let address = scope_address(name);
        let Scope::Some { projects, workspaces } = &pool.scope else {
            if let Some(seen) = seen.filter(|seen| !seen.organization_scoped) {
                self.open_pool(&address, name, pool, seen);
            }
            return;
        };
        let Some(wanted_projects) = self.scope_projects(&address, projects) else {
            return;
        };
        let (mut wanted, all_known) = self.scope_workspaces(workspaces);
        let mut leaving = Leaving::default();
        if let Some(seen) = seen {
            self.keep_users(name, seen, projects, &mut wanted, &mut leaving);
            self.leaving_projects(seen, &wanted_projects, &mut leaving);
            if !all_known {
                // Those that cannot be told now keep what they have.
                wanted.extend(seen.allowed_workspaces.iter().cloned().map(Later::Known));
            }
        }
        let same = match seen {
            Some(seen) => {
                !seen.organization_scoped
                    && wanted.iter().eq(&known(&seen.allowed_workspaces))
                    && wanted_projects.iter().eq(&known(&seen.allowed_projects))
            }
            // What an operator makes is open to everybody at first.
            None => pool.made_by.is_none() && wanted.is_empty() && wanted_projects.is_empty(),
        };
        if same {
            return;
        }
        let old = seen.map_or(Shown::Nothing, |seen| Shown::Value(self.seen_scope(seen)));
        let Leaving { workspaces: leavers, projects: leaving_projects, mut left, removed } = leaving;
        let gains = seen.is_some_and(|seen| {
            let lets_in = wanted.is_subset(&known(&seen.allowed_workspaces))
                && wanted_projects.is_subset(&known(&seen.allowed_projects));
            !seen.organization_scoped && !lets_in
        });
        if !gains {
            left.extend(removed);
        }
        if gains && !left.is_empty() {
            // Whoever leaves may wait for a pool whose own leavers wait for this one: so it opens first, and closes
            // behind them.
            let wider = (
                wanted_projects.union(&known(&leaving_projects)).cloned().collect(),
                wanted.union(&known(&leavers)).cloned().collect(),
            );
            let between = Shown::Value(self.wanted_scope(&wider.0, &wider.1));
            self.scope_action(&address, (name, pool), seen, (old, wider), Vec::new());
            left.push(self.in_place(&address));
            let narrow = address.within(["narrow"]);
            self.scope_action(&narrow, (name, pool), seen, (between, (wanted_projects, wanted)), left);
        } else {
            self.scope_action(&address, (name, pool), seen, (old, (wanted_projects, wanted)), left);
        }
    }

    fn scope_action(
        &mut self,
        address: &Address,
        (name, pool): (&str, &desired::Pool),
        seen: Option<&observed::Pool>,
        (old, (projects, workspaces)): (Shown, LetIn),
        left: Vec<Later<Holds>>,
    ) {
        let new = self.wanted_scope(&projects, &workspaces);
        let cause = if seen.is_some() { claimed() } else { Cause::Spec };
        let pool_at = pool_address(name);
        let change = self.change(&cause, &pool_at, "scope", old, Shown::Value(new));
        let why = change.why.clone();
        let verb = if seen.is_some() { Verb::Change } else { Verb::Create };
        let request = Request::ScopePool {
            pool: seen.map_or_else(|| id_of(&self.maker_of_pool(name)), |seen| Later::Known(seen.id.clone())),
            organization_scoped: false,
            projects: projects.into_iter().collect(),
            workspaces: workspaces.into_iter().collect(),
            left,
        };
        self.act(address.clone(), &pool.stewardship, verb, vec![change], why, request);
    }

    /// Projects that lose the pool and are placed elsewhere by this plan lose it after that.
    fn leaving_projects(&self, seen: &observed::Pool, wanted: &BTreeSet<Later<ProjectId>>, leaving: &mut Leaving) {
        for (name, standing) in &self.links.projects {
            let Some(project) = standing.thing().filter(|project| seen.allowed_projects.contains(&project.id)) else {
                continue;
            };
            let of = project_placement_address(name);
            if !wanted.contains(&Later::Known(project.id.clone())) && self.plan.actions.contains_key(&of) {
                leaving.projects.insert(project.id.clone());
                leaving.left.push(Later::From(Output { of, what: What::Fact(Fact::LetGo) }));
            }
        }
    }

    fn scope_projects(&mut self, address: &Address, names: &BTreeSet<String>) -> Option<BTreeSet<Later<ProjectId>>> {
        let mut ids = BTreeSet::new();
        for name in names {
            let Some(id) = self.project_id(name) else {
                let what = format!("{} could not be read or is refused", project_address(name));
                self.wait(address.clone(), what, "the next run in which that is settled");
                return None;
            };
            ids.insert(id);
        }
        Some(ids)
    }

    /// The workspaces that are let in, and whether these are all that should be.
    fn scope_workspaces(&self, names: &BTreeSet<String>) -> (BTreeSet<Later<WorkspaceId>>, bool) {
        let mut ids = BTreeSet::new();
        for name in names {
            match self.workspace_id(name) {
                // One that is refused or held back is not let in either.
                Some(Later::From(output)) if !self.plan.actions.contains_key(&output.of) => {}
                Some(id) => {
                    ids.insert(id);
                }
                None => {}
            }
        }
        let all = ids.len() == names.len();
        (ids, all)
    }

    /// Whoever uses the pool and is not moved away by this plan keeps it; whoever is moved loses it after that.
    fn keep_users(
        &mut self,
        name: &str,
        seen: &observed::Pool,
        projects: &BTreeSet<String>,
        wanted: &mut BTreeSet<Later<WorkspaceId>>,
        leaving: &mut Leaving,
    ) {
        for id in seen.workspaces.intersection(&seen.allowed_workspaces) {
            let later = Later::Known(id.clone());
            if wanted.contains(&later) {
                continue;
            }
            let user = self.workspace_name(id);
            let in_spec = self.wanted_name(id).and_then(|name| self.want.workspaces.get(name));
            let project = in_spec.and_then(|workspace| workspace.project.as_ref());
            // Where the list could not be read, nothing tells what it is called, and so whether the spec has it.
            let listed = self.seen.workspaces.gap().is_none();
            let unknown = listed && in_spec.is_none() && !self.want.workspaces.contains_key(&user);
            if project.is_some_and(|project| projects.contains(project)) {
                continue;
            }
            if let Some(of) = self.leaves_pool(id, &user) {
                let let_go = Later::From(Output { of: of.clone(), what: What::Fact(Fact::LetGo) });
                if of == workspace_address(&user) {
                    leaving.removed.push(let_go);
                } else {
                    leaving.workspaces.insert(id.clone());
                    leaving.left.push(let_go);
                }
                continue;
            }
            if unknown {
                let note = format!("not in the spec, runs on {}: keeps it", pool_address(name));
                self.leave(workspace_address(&user), note);
            }
            wanted.insert(later);
        }
    }

    /// The action of this plan that takes a workspace off its pool.
    fn leaves_pool(&self, id: &WorkspaceId, user: &str) -> Option<Address> {
        let placement = self.placement_of(id).filter(|at| self.plan.actions.contains_key(at));
        placement.or_else(|| {
            let at = workspace_address(user);
            let removed = self.plan.actions.get(&at).is_some_and(|action| action.verb == Verb::Remove);
            removed.then_some(at)
        })
    }

    /// Where the placement of the workspace with this id is planned, if the spec knows it.
    fn placement_of(&self, id: &WorkspaceId) -> Option<Address> {
        self.wanted_name(id).map(placement_address)
    }

    fn open_pool(&mut self, address: &Address, name: &str, pool: &desired::Pool, seen: &observed::Pool) {
        let pool_at = pool_address(name);
        let old = Shown::Value(self.seen_scope(seen));
        let change = self.change(&claimed(), &pool_at, "scope", old, Shown::text("organization"));
        let why = change.why.clone();
        let request = Request::ScopePool {
            pool: Later::Known(seen.id.clone()),
            organization_scoped: true,
            projects: Vec::new(),
            workspaces: Vec::new(),
            left: Vec::new(),
        };
        self.act(address.clone(), &pool.stewardship, Verb::Change, vec![change], why, request);
    }

    fn seen_scope(&self, seen: &observed::Pool) -> Value {
        if seen.organization_scoped {
            return json!("organization");
        }
        let mut names: Vec<String> =
            seen.allowed_projects.iter().map(|id| format!("project {}", self.project_name(id))).collect();
        names.extend(seen.allowed_workspaces.iter().map(|id| self.workspace_name(id)));
        names.sort();
        json!(names)
    }

    fn wanted_scope(&self, projects: &BTreeSet<Later<ProjectId>>, workspaces: &BTreeSet<Later<WorkspaceId>>) -> Value {
        let mut names: Vec<String> = projects
            .iter()
            .map(|id| match id {
                Later::Known(id) => format!("project {}", self.project_name(id)),
                Later::From(output) => format!("project {}", output.of.name()),
            })
            .collect();
        names.extend(workspaces.iter().map(|id| match id {
            Later::Known(id) => self.workspace_name(id),
            Later::From(output) => output.of.name(),
        }));
        names.sort();
        json!(names)
    }

    /// Pools that the spec wants gone. A pool in use cannot be removed, so its users have to leave first.
    pub(super) fn remove_pools(&mut self) {
        let want = self.want;
        for (name, pool) in want.pools.iter().filter(|(_, pool)| pool.stewardship.absent) {
            let Some(Standing::Ours { thing, .. }) = self.links.pools.get(name.as_str()).copied() else {
                continue;
            };
            let address = pool_address(name);
            let mut unused = Vec::new();
            let mut stays = Vec::new();
            for id in &thing.workspaces {
                let user = self.workspace_name(id);
                match self.leaves_pool(id, &user) {
                    Some(of) => unused.push(Later::From(Output { of, what: What::Fact(Fact::LetGo) })),
                    None => stays.push(user),
                }
            }
            if !stays.is_empty() {
                let what = format!("still used by {}", stays.join(", "));
                self.wait(address, what, "whoever moves these workspaces elsewhere");
                continue;
            }
            let why = self.why(Cause::Spec, &address, "absent");
            let request = Request::DeletePool { id: thing.id.clone(), unused };
            self.act(address, &pool.stewardship, Verb::Remove, Vec::new(), why, request);
        }
    }
}

fn known<T: Clone + Ord>(ids: &BTreeSet<T>) -> BTreeSet<Later<T>> {
    ids.iter().cloned().map(Later::Known).collect()
}
