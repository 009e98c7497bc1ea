//! The lines above a plan, out of what was read.

mod docker;
mod kube;

use super::revision;
use super::session::Session;
use crate::plan::Gap;
use crate::plan::show::{Header, Reading, SystemLine};
use crate::systems::Observed;
use crate::systems::hcp::desired::Tier;
use crate::systems::hcp::observed::{self, Entitlements, TokenOwner};

/// Makes the header of a plan.
pub async fn header(
    session: &Session,
    observed: &Result<Observed, Gap>,
    owner: Option<&TokenOwner>,
    reading: Reading,
) -> Header {
    let desired = &session.fleet.desired.hcp;
    let seen = observed.as_ref().ok().map(|observed| &observed.hcp);
    Header {
        fleet: desired.fleet.to_string(),
        spec: revision::named(&session.fleet.files).await,
        profile: session.profile.clone(),
        world: session.world.clone(),
        organization: desired.organization.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        systems: [SystemLine {
            system: "hcp".to_owned(),
            name: desired.organization.name.clone(),
            facts: facts(session, owner, seen),
        }]
        .into_iter()
        .chain(kube::lines(session, observed.as_ref().ok()))
        .chain(docker::lines(session, observed.as_ref().ok()))
        .collect(),
        reading,
        unpinned: match (&desired.organization.external_id, seen) {
            (None, Some(seen)) => vec![format!("hcp: {{ externalId: {} }}", seen.organization.external_id)],
            (Some(_), _) | (None, None) => Vec::new(),
        }
        .into_iter()
        .chain(kube::unpinned(session, observed.as_ref().ok()))
        .chain(docker::unpinned(session, observed.as_ref().ok()))
        .collect(),
        warnings: owner.and_then(warning).into_iter().collect(),
    }
}

/// Host, whose token, and the limits; where HCP does not say whose, where the token is from.
fn facts(session: &Session, owner: Option<&TokenOwner>, seen: Option<&observed::Observed>) -> String {
    let mut facts = session.host.clone();
    match (owner, &session.token_from) {
        (Some(owner), _) => {
            facts.push_str(", token of ");
            facts.push_str(&whose(owner, seen));
        }
        (None, Some(place)) => {
            facts.push_str(", token from ");
            facts.push_str(place);
        }
        (None, None) => {}
    }
    let limits = seen.map(limits).unwrap_or_default();
    if limits.is_empty() { facts } else { format!("{facts}; {limits}") }
}

fn whose(owner: &TokenOwner, seen: Option<&observed::Observed>) -> String {
    // Nobody but the owners may destroy an organisation, and a team's name would take a request more.
    let owns = seen.is_some_and(|seen| seen.organization.permissions.get("can-destroy") == Some(&true));
    match owner {
        TokenOwner::User(name) => format!("user {name}"),
        TokenOwner::Team(_) if owns => "team owners".to_owned(),
        TokenOwner::Team(id) => format!("team {id}"),
        TokenOwner::Organization(name) => format!("organisation {name}"),
        TokenOwner::Run(id) => format!("run {id}"),
    }
}

/// What a token of that kind cannot do although it seems to work.
fn warning(owner: &TokenOwner) -> Option<String> {
    match owner {
        TokenOwner::Organization(_) => Some(
            "HCP hides notifications from an organisation's token and lets it change no setting of the organisation: \
             use a team's or a user's"
                .to_owned(),
        ),
        TokenOwner::User(_) | TokenOwner::Team(_) | TokenOwner::Run(_) => None,
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
