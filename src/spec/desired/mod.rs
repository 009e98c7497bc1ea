//! What the spec means: every reference resolved, every default filled in, one part for each system.

mod agents;
mod kube;
mod notifications;
mod pools;
mod projects;
mod variables;
mod workspaces;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::model::{Delivery, OrganizationDefaults};
use super::node::At;
use super::read::Located;
use super::resolve::{Fleet, RunsOn};
use crate::address::Address;
use crate::origin::{FieldOrigins, Origin, Origins};
use crate::owner::Stewardship;
use crate::systems::hcp::desired::{Organization, Placement, Tier};
use crate::systems::hcp::organization_address;
use crate::systems::hcp::settings::OrganizationSettings;
use crate::systems::{docker, hcp, kube as cluster};

/// Everything that a fleet wants, by system. Destructured in `pipeline.rs`, so that a new system is a compile error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// HCP Terraform.
    pub hcp: hcp::desired::Desired,
    /// Docker hosts.
    pub docker: docker::desired::Desired,
    /// Kubernetes clusters.
    pub kube: cluster::desired::Desired,
    /// Where each field comes from; it explains a plan and decides nothing in it.
    pub origins: Origins,
}

impl Desired {
    /// A fleet that lives in HCP alone, of which no line of a spec is known.
    #[must_use]
    pub fn of_hcp(hcp: hcp::desired::Desired) -> Self {
        let docker = docker::desired::Desired { fleet: hcp.fleet.clone(), targets: BTreeMap::new() };
        let kube = cluster::desired::Desired { fleet: hcp.fleet.clone(), targets: BTreeMap::new() };
        Self { hcp, docker, kube, origins: Origins::default() }
    }
}

/// Makes the meaning of a fleet; references to nothing are reported. What is made of a spec with errors is good for
/// nothing but finding more of them.
pub(super) fn build(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) -> Desired {
    let mut builder = Builder { fleet, origins: Notes::default(), findings };
    let organization = builder.organization();
    let projects = builder.projects();
    let workspaces = builder.workspaces(&projects);
    let variable_sets = builder.variable_sets();
    let pools = builder.pools();
    let docker = builder.docker();
    let kube = builder.kube();
    Desired {
        hcp: hcp::desired::Desired {
            fleet: fleet.spec.fleet.value.clone(),
            organization,
            projects,
            workspaces,
            variable_sets,
            pools,
            runs_agents: !docker.targets.is_empty(),
        },
        docker,
        kube,
        origins: builder.origins.finish(),
    }
}

struct Builder<'f, 's> {
    fleet: &'f Fleet<'s>,
    origins: Notes,
    findings: &'f mut Vec<Finding>,
}

/// Origins as they come, which is one thing after another: each is looked up once, not once for each of its fields.
#[derive(Default)]
struct Notes {
    done: Origins,
    current: Option<(Address, FieldOrigins)>,
}

impl Notes {
    fn note(&mut self, address: &Address, field: impl Into<Cow<'static, str>>, origin: Origin) {
        if let Some((current, fields)) = &mut self.current
            && current == address
        {
            fields.note(field, origin);
            return;
        }
        let mut fields = FieldOrigins::default();
        fields.note(field, origin);
        if let Some((address, fields)) = self.current.replace((address.clone(), fields)) {
            self.done.extend(address, fields);
        }
    }

    fn finish(mut self) -> Origins {
        if let Some((address, fields)) = self.current {
            self.done.extend(address, fields);
        }
        self.done
    }
}

/// What the spec says of the ownership of one thing.
#[derive(Clone, Copy, Default)]
struct Ownership<'s> {
    adopt: Option<&'s Located<bool>>,
    delivery: Option<&'s Located<Delivery>>,
    released: Option<&'s Located<bool>>,
    absent: Option<&'s Located<bool>>,
    ignore: Option<&'s [Located<String>]>,
}

impl Ownership<'_> {
    /// The nearest that says something wins, but for the organisation's `verify`, which nothing inside it undoes.
    fn stewardship(self, above: &Stewardship) -> Stewardship {
        let ignore: BTreeSet<String> =
            self.ignore.iter().flat_map(|list| list.iter()).map(|field| field.value.clone()).collect();
        Stewardship {
            adopt: self.adopt.map_or(above.adopt, |adopt| adopt.value),
            verify: self.delivery.map_or(above.verify, |delivery| delivery.value == Delivery::Verify),
            released: self.released.is_some_and(|released| released.value),
            absent: self.absent.is_some_and(|absent| absent.value),
            ignore,
        }
    }
}

impl<'s> Builder<'_, 's> {
    fn spec_at(&self, at: At) -> Origin {
        Origin::Spec(self.fleet.sources.place(at))
    }

    fn note_spec(&mut self, address: &Address, field: impl Into<Cow<'static, str>>, at: At) {
        let origin = self.spec_at(at);
        self.origins.note(address, field, origin);
    }

    /// Notes where the words about a thing's ownership stand; one that it does not say comes from what it lies in.
    fn note_ownership(&mut self, address: &Address, ownership: Ownership<'s>, stewardship: &Stewardship) {
        let Ownership { adopt, delivery, released, absent, ignore } = ownership;
        let Stewardship { adopt: adopts, verify, .. } = stewardship;
        let first = ignore.and_then(|list| list.first()).map(|field| field.at);
        let said = [
            ("adopt", adopt.map(|said| said.at), *adopts),
            ("delivery", delivery.map(|said| said.at), *verify),
            ("released", released.map(|said| said.at), false),
            ("absent", absent.map(|said| said.at), false),
            ("ignore", first, false),
        ];
        for (word, at, inherited) in said {
            match at {
                Some(at) => self.note_spec(address, word, at),
                None if inherited => {
                    let origin = Origin::Derived { from: "what it lies in".to_owned(), place: None };
                    self.origins.note(address, word, origin);
                }
                None => {}
            }
        }
    }

    fn hcp_stewardship(&self) -> Stewardship {
        self.hcp_ownership().stewardship(&Stewardship::default())
    }

    fn hcp_ownership(&self) -> Ownership<'s> {
        let hcp = &self.fleet.spec.hcp;
        Ownership { adopt: hcp.adopt.as_ref(), delivery: hcp.delivery.as_ref(), ..Ownership::default() }
    }

    /// The placement in HCP's terms: pools by their names there.
    fn placement(&self, runs_on: RunsOn<'_>) -> Placement {
        match runs_on {
            RunsOn::Pool(key) => {
                Placement::Pool(self.fleet.spec.pools.get(key).map_or(key, |pool| pool.hcp_name(key)).to_owned())
            }
            RunsOn::Cloud => Placement::Cloud,
            RunsOn::Local => Placement::Local,
            RunsOn::Inherited | RunsOn::Unknown => Placement::Inherited,
        }
    }

    fn organization(&mut self) -> Organization {
        let hcp = &self.fleet.spec.hcp;
        let address = organization_address();
        self.note_spec(&address, "", hcp.organization.at);
        self.note_spec(&address, "name", hcp.organization.at);
        if let Some(pin) = &hcp.external_id {
            self.note_spec(&address, "externalId", pin.at);
        }
        let stewardship = self.hcp_stewardship();
        let ownership = self.hcp_ownership();
        self.note_ownership(&address, ownership, &stewardship);
        let mut settings = OrganizationSettings::default();
        let mut runs_on = None;
        if let Some(defaults) = &hcp.organization_defaults {
            settings = self.organization_settings(&address, defaults);
            if let Some(word) = &defaults.runs_on {
                let placement = self.fleet.runs_on(word, self.findings);
                runs_on = Some(self.placement(placement));
                self.note_spec(&address, "runsOn", word.at);
            }
        }
        match &hcp.tier {
            Some(tier) => self.note_spec(&address, "tier", tier.at),
            None => self.origins.note(&address, "tier", Origin::Documented),
        }
        Organization {
            name: hcp.organization.value.0.clone(),
            external_id: hcp.external_id.as_ref().map(|id| id.value.clone()),
            tier: hcp.tier.as_ref().map_or(Tier::Free, |tier| tier.value),
            settings,
            runs_on,
            stewardship,
        }
    }

    fn organization_settings(&mut self, address: &Address, defaults: &'s OrganizationDefaults) -> OrganizationSettings {
        let OrganizationDefaults {
            at: _,
            runs_on: _,
            assessments_enforced,
            allow_force_delete_workspaces,
            cost_estimation_enabled,
            send_passing_statuses_for_untriggered_speculative_plans,
            aggregated_commit_status_enabled,
            speculative_plan_management_enabled,
            session_timeout,
            session_remember,
            collaborator_auth_policy,
        } = defaults;
        let mut flag = |field: &'static str, said: &Option<Located<bool>>| {
            said.as_ref().map(|said| {
                self.note_spec(address, field, said.at);
                said.value
            })
        };
        let mut settings = OrganizationSettings {
            assessments_enforced: flag("assessmentsEnforced", assessments_enforced),
            allow_force_delete_workspaces: flag("allowForceDeleteWorkspaces", allow_force_delete_workspaces),
            cost_estimation_enabled: flag("costEstimationEnabled", cost_estimation_enabled),
            send_passing_statuses_for_untriggered_speculative_plans: flag(
                "sendPassingStatusesForUntriggeredSpeculativePlans",
                send_passing_statuses_for_untriggered_speculative_plans,
            ),
            aggregated_commit_status_enabled: flag("aggregatedCommitStatusEnabled", aggregated_commit_status_enabled),
            speculative_plan_management_enabled: flag(
                "speculativePlanManagementEnabled",
                speculative_plan_management_enabled,
            ),
            ..OrganizationSettings::default()
        };
        let mut minutes = |field: &'static str, said: &Option<Located<u32>>| {
            said.as_ref().map(|said| {
                self.note_spec(address, field, said.at);
                said.value
            })
        };
        settings.session_timeout = minutes("sessionTimeout", session_timeout);
        settings.session_remember = minutes("sessionRemember", session_remember);
        settings.collaborator_auth_policy = collaborator_auth_policy.as_ref().map(|policy| {
            self.note_spec(address, "collaboratorAuthPolicy", policy.at);
            policy.word().to_owned()
        });
        settings
    }
}

/// A tag as the spec writes it: `key` or `key=value`.
pub(super) fn split_tag(tag: &str) -> (&str, &str) {
    tag.split_once('=').unwrap_or((tag, ""))
}
