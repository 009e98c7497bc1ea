//! The lines above a plan, out of what was read.

mod docker;

use super::session::{Session, names};
use crate::plan::Gap;
use crate::plan::show::{Header, Reading, SystemLine};
use crate::systems::Observed;
use crate::systems::hcp::desired::Tier;
use crate::systems::hcp::observed::{self, Entitlements};

/// Makes the header of a plan.
pub fn header(session: &Session, observed: &Result<Observed, Gap>, reading: Reading) -> Header {
    let desired = &session.fleet.desired.hcp;
    let seen = observed.as_ref().ok().map(|observed| &observed.hcp);
    let limits = seen.map(limits).unwrap_or_default();
    let facts = if limits.is_empty() { session.hcp_facts.clone() } else { format!("{}; {limits}", session.hcp_facts) };
    Header {
        fleet: desired.fleet.to_string(),
        spec: names(&session.fleet.files),
        profile: session.profile.clone(),
        world: session.world.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        systems: [SystemLine { system: "hcp".to_owned(), name: desired.organization.name.clone(), facts }]
            .into_iter()
            .chain(docker::lines(session, observed.as_ref().ok()))
            .collect(),
        reading,
        unpinned: match (&desired.organization.external_id, seen) {
            (None, Some(seen)) => vec![format!("hcp: {{ externalId: {} }}", seen.organization.external_id)],
            (Some(_), _) | (None, None) => Vec::new(),
        }
        .into_iter()
        .chain(docker::unpinned(session, observed.as_ref().ok()))
        .collect(),
    }
}

/// The tier and how much of it is used, as far as HCP says.
fn limits(seen: &observed::Observed) -> String {
    let Entitlements { tier, agents: _, agents_ceiling, managed_resources, flags: _ } = &seen.organization.entitlements;
    let mut parts = Vec::new();
    if let Some(ceiling) = agents_ceiling {
        parts.push(format!("{ceiling} agent{}", if *ceiling == 1 { "" } else { "s" }));
    }
    if let Some(most) = managed_resources {
        let used: u64 = seen.workspaces.seen().iter().map(|workspace| u64::from(workspace.resources)).sum();
        parts.push(format!("{used}/{most} resources"));
    }
    let tier = tier.map(|tier| match tier {
        Tier::Free => "free",
        Tier::Essentials => "essentials",
        Tier::Standard => "standard",
        Tier::Premium => "premium",
    });
    match (tier, parts.is_empty()) {
        (Some(tier), false) => format!("{tier}: {}", parts.join(", ")),
        (Some(tier), true) => tier.to_owned(),
        (None, _) => parts.join(", "),
    }
}
