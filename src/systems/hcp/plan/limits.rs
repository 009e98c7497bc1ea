//! What the organisation's plan allows, held against the fleet. HCP's own answer wins over any table.

use super::super::desired::Placement;
use super::Planner;
use crate::plan::Rule;
use crate::systems::hcp::organization_address;

impl Planner<'_, '_> {
    pub(super) fn limits(&mut self) {
        let entitlements = &self.seen.organization.entitlements;
        let on_agents =
            self.want.workspaces.values().filter(|workspace| matches!(workspace.runs_on, Placement::Pool(_))).count();
        let address = organization_address();
        if entitlements.agents == Some(false) && on_agents > 0 {
            let cause = format!("its entitlements say that it has no agents, and {on_agents} workspaces run on some");
            self.refuse(Rule::BeyondTier, address.clone(), cause);
        }
        let without = |flag: &str| entitlements.flags.get(flag) == Some(&false);
        let with_vcs = self.want.workspaces.values().filter(|workspace| workspace.vcs.is_some()).count();
        if without("vcs-integrations") && with_vcs > 0 {
            let cause =
                format!("its entitlements say that it has no VCS integrations, and {with_vcs} workspaces use one");
            self.refuse(Rule::BeyondTier, address.clone(), cause);
        }
        let resources: u64 = self.seen.workspaces.seen().iter().map(|workspace| u64::from(workspace.resources)).sum();
        if let Some(ceiling) = entitlements.managed_resources.map(u64::from)
            && resources > ceiling
        {
            self.leave(
                address.clone(),
                format!("{resources} resources in its states, above the {ceiling} managed ones that its plan includes"),
            );
        }
        if let Some(tier) = entitlements.tier
            && tier != self.want.organization.tier
        {
            let said = format!("{:?}", self.want.organization.tier).to_lowercase();
            let is = format!("{tier:?}").to_lowercase();
            self.leave(address, format!("its tier is {is}; the spec was checked for {said}"));
        }
    }
}
