//! Agent pools, whose scopes follow from where the workspaces run.

use std::collections::{BTreeMap, BTreeSet};

use super::{Builder, Ownership};
use crate::address::Address;
use crate::origin::Origin;
use crate::spec::model::{self, ScopeWish};
use crate::spec::resolve::RunsOn;
use crate::systems::hcp::desired::{Pool, Scope};
use crate::systems::hcp::pool_address;
use crate::systems::kube::desired as cluster;

impl<'s> Builder<'_, 's> {
    pub(super) fn pools(&mut self, kube: &cluster::Desired) -> BTreeMap<String, Pool> {
        let spec = self.fleet.spec;
        let mut users: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for workspace in &self.fleet.workspaces {
            if let RunsOn::Pool(key) = workspace.runs_on {
                users.entry(key).or_default().insert(workspace.name.clone());
            }
        }
        let mut pools = BTreeMap::new();
        for (key, at, wish) in spec.pools.iter() {
            let name = wish.hcp_name(key);
            let address = pool_address(name);
            self.note_spec(&address, "", at);
            self.note_spec(&address, "name", wish.name.as_ref().map_or(at, |name| name.at));
            if let Some(was) = &wish.was {
                self.note_spec(&address, "was", was.at);
            }
            let ownership = Ownership {
                adopt: wish.adopt.as_ref(),
                delivery: wish.delivery.as_ref(),
                released: wish.released.as_ref(),
                absent: wish.absent.as_ref(),
                ignore: wish.ignore.as_deref(),
            };
            let stewardship = ownership.stewardship(&self.hcp_stewardship());
            self.note_ownership(&address, ownership, &stewardship);
            let pool = Pool {
                was: wish.was.as_ref().map(|was| was.value.clone()),
                scope: self.scope(&address, key, wish, users.remove(key).unwrap_or_default()),
                run_by_us: self.runs_on_docker(wish),
                made_by: kube.resource_of(key),
                stewardship,
            };
            pools.insert(name.to_owned(), pool);
        }
        pools
    }

    /// A workspace can use a pool only if it, its project or everybody is let in (provider issue #1111): those that
    /// name the pool are let in one by one, those that inherit it through their project, and where it is the
    /// organisation's default, everybody.
    fn scope(&mut self, address: &Address, key: &str, wish: &'s model::Pool, workspaces: BTreeSet<String>) -> Scope {
        let fleet = self.fleet;
        let said = wish.scope.as_ref();
        let organization = fleet.spec.hcp.organization_defaults.as_ref();
        let default = organization.and_then(|defaults| defaults.runs_on.as_ref());
        if let Some(default) = default.filter(|default| default.as_str() == key) {
            let origin = Origin::Derived {
                from: "runsOn of hcp/organization".to_owned(),
                place: Some(fleet.sources.place(default.at)),
            };
            self.origins.note(address, "scope", origin);
            return Scope::Organization;
        }
        let mut projects = BTreeSet::new();
        match said.map(|said| &said.value) {
            Some(ScopeWish::Organization) => {
                if let Some(said) = said {
                    self.note_spec(address, "scope", said.at);
                }
                return Scope::Organization;
            }
            Some(ScopeWish::Projects(wanted)) => {
                for reference in wanted.projects.iter().flatten() {
                    projects.extend(fleet.project_named(reference, self.findings).map(str::to_owned));
                }
            }
            None => {}
        }
        for (name, _, project) in fleet.spec.projects.iter() {
            if project.default_runs_on.as_ref().is_some_and(|word| word.as_str() == key) {
                projects.insert(name.to_owned());
            }
        }
        let count = workspaces.len();
        let origin = match said {
            Some(said) => self.spec_at(said.at),
            None => Origin::Derived {
                from: format!("runsOn of {count} workspace{}", if count == 1 { "" } else { "s" }),
                place: None,
            },
        };
        self.origins.note(address, "scope", origin);
        Scope::Some { projects, workspaces }
    }
}
