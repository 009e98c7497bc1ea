//! Observe, plan, apply: the only place where the order is written.
//!
//! What is asynchronous and large is boxed by a plain function: it is compiled here once, and not anew in each crate that awaits it.
//!
//! Every struct here has one field for each system and is destructured, so that a new system is a compile error.

use std::num::NonZeroUsize;
use std::time::Duration;

use futures::future::{BoxFuture, LocalBoxFuture};
use tokio::sync::mpsc::UnboundedSender;

use crate::address::{Address, Pattern};
use crate::apply::{self, Event, Stop};
use crate::error::Error;
use crate::http::Policy;
use crate::owner::FleetName;
use crate::plan::order::Cycle;
use crate::plan::{self, Action, Gap, LetGo, Output, Plan, Refusal, Rule, What};
use crate::report::Report;
use crate::secret::Secrets;
use crate::spec::desired::Desired;
use crate::systems::docker::{self, Docker};
use crate::systems::hcp::agents::Watch;
use crate::systems::hcp::{self, Hcp};
use crate::systems::kube::{self, Kube};
use crate::systems::{Consent, Made, Observed, Outputs, Request, System as _};

/// How every system is reached.
#[derive(Debug)]
pub struct Access {
    /// HCP Terraform.
    pub hcp: hcp::client::Access,
    /// Docker hosts.
    pub docker: docker::client::Access,
    /// Kubernetes clusters.
    pub kube: kube::client::Access,
    /// The limits of every client.
    pub policy: Policy,
}

/// Clients that cannot change anything.
#[derive(Debug)]
pub struct Readers {
    /// HCP Terraform.
    pub hcp: hcp::client::Reader,
    /// Docker hosts.
    pub docker: docker::client::Reader,
    /// Kubernetes clusters.
    pub kube: kube::client::Reader,
}

/// Clients that can. Only an apply makes them, once it was agreed to.
#[derive(Debug)]
pub struct Writers {
    /// HCP Terraform.
    pub hcp: hcp::client::Writer,
    /// Docker hosts.
    pub docker: docker::client::Writer,
    /// Kubernetes clusters.
    pub kube: kube::client::Writers,
}

impl Readers {
    /// Clients for all systems.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn new(access: &Access) -> BoxFuture<'_, Result<Self, Error>> {
        Box::pin(Self::opened(access))
    }

    async fn opened(access: &Access) -> Result<Self, Error> {
        let Access { hcp, docker, kube, policy } = access;
        let hcp = hcp::client::Reader::new(hcp, policy)?;
        let (docker, kube) =
            tokio::join!(docker::client::Reader::new(docker, policy), kube::client::Reader::new(kube, policy));
        Ok(Self { hcp, docker, kube })
    }

    /// Looks also at what lists do not show, one thing after the other.
    #[must_use]
    pub fn deeply(self) -> Self {
        let Self { hcp, docker, kube } = self;
        Self { hcp, docker: docker.deeply(), kube }
    }

    /// Requests sent so far.
    #[must_use]
    pub fn requests(&self) -> u32 {
        let Self { hcp, docker, kube } = self;
        hcp.transport().requests() + docker.requests() + kube.requests()
    }
}

impl Writers {
    /// Clients for all systems, by the ways that these readers have opened.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn new<'a>(
        access: &'a Access,
        readers: &'a Readers,
        fleet: &'a FleetName,
    ) -> BoxFuture<'a, Result<Self, Error>> {
        Box::pin(Self::opened(access, readers, fleet))
    }

    async fn opened(access: &Access, readers: &Readers, fleet: &FleetName) -> Result<Self, Error> {
        let Access { hcp, docker, kube: _, policy } = access;
        let Readers { hcp: _, docker: docker_reader, kube: kube_reader } = readers;
        let watch = Watch::new(hcp, policy)?;
        Ok(Self {
            hcp: hcp::client::Writer::new(hcp, policy, fleet)?,
            docker: docker::client::Writer::new(docker, docker_reader, watch, policy).await,
            kube: kube::client::Writers::new(kube_reader),
        })
    }

    /// Requests that were sent and whose answer is not known.
    #[must_use]
    pub fn unanswered(&self) -> Vec<String> {
        let Self { hcp, docker, kube } = self;
        [hcp.transport().in_flight(), docker.in_flight(), kube.in_flight()].concat()
    }
}

/// Reads everything that a plan needs. A gap here says that a system could not be reached at all.
///
/// # Errors
/// The gap that this is.
pub fn observe<'a>(
    readers: &'a Readers,
    desired: &'a Desired,
    secrets: &'a Secrets,
) -> BoxFuture<'a, Result<Observed, Gap>> {
    Box::pin(observed(readers, desired, secrets))
}

async fn observed(readers: &Readers, desired: &Desired, secrets: &Secrets) -> Result<Observed, Gap> {
    let Readers { hcp, docker, kube } = readers;
    let Desired { hcp: want_hcp, docker: want_docker, kube: want_kube, origins: _ } = desired;
    let (hcp, docker_seen, kube) = tokio::join!(
        Hcp::observe(hcp, want_hcp, secrets),
        Docker::observe(docker, want_docker, secrets),
        Kube::observe(kube, want_kube, secrets),
    );
    let (hcp, mut docker_seen, kube) = (hcp?, docker_seen?, kube?);
    docker::observe::complaints(docker, &want_docker.fleet, hcp.pools.seen(), &mut docker_seen).await;
    Ok(Observed { hcp, docker: docker_seen, kube })
}

/// The longest that a plan waits for a line of its header.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);

/// Whose credentials these are, if the systems say so: for the header of a plan, which shows it and is not made of it.
pub async fn token_owner(readers: &Readers) -> Option<hcp::observed::TokenOwner> {
    let Readers { hcp, docker: _, kube: _ } = readers;
    tokio::time::timeout(HEADER_PATIENCE, hcp::observe::token_owner(hcp)).await.ok().flatten()
}

/// Decides what is done. Nothing is, where a system could not be reached: the plan then says why.
#[must_use]
pub fn decide(desired: &Desired, observed: &Result<Observed, Gap>, consent: &Consent, only: &[Pattern]) -> Plan {
    let mut plan = match observed {
        Ok(observed) => plan::plan(desired, observed, consent),
        Err(gap) => {
            let mut plan = Plan::empty(desired.hcp.fleet.clone());
            plan.gaps.push(gap.clone());
            plan
        }
    };
    let mut strays = strays(desired, &plan, ("--only", only));
    strays.extend(self::strays(desired, &plan, ("--adopt", &consent.adopt)));
    if consent.rotate.is_empty() {
        if !only.is_empty() {
            plan.keep_only(|address| only.iter().any(|pattern| pattern.covers(address)));
        }
    } else {
        plan.keep_replacements(|address| consent.rotates(address));
    }
    plan.refusals.extend(strays);
    if let Ok(observed) = observed {
        plan.confirm_removals(desired, observed);
    }
    plan
}

/// Decides how things are let go. Nothing is, where a system could not be reached.
#[must_use]
pub fn release(desired: &Desired, observed: &Result<Observed, Gap>, what: &LetGo) -> Plan {
    match observed {
        Ok(observed) => plan::release(desired, observed, what),
        Err(gap) => {
            let mut plan = Plan::empty(desired.hcp.fleet.clone());
            plan.gaps.push(gap.clone());
            plan
        }
    }
}

/// Patterns that cover nothing at all: a slip of the pen must not read as "nothing to do". What could not be read may be
/// what is meant.
fn strays(desired: &Desired, plan: &Plan, (flag, patterns): (&str, &[Pattern])) -> Vec<Refusal> {
    let Plan { fleet: _, actions, waits, gaps, refusals, untouched, confirmation: _ } = plan;
    if !gaps.is_empty() {
        return Vec::new();
    }
    let known = || {
        let wanted = desired.origins.iter().map(|(address, _)| address);
        let waits = waits.iter().map(|wait| &wait.address);
        let refusals = refusals.iter().map(|refusal| &refusal.address);
        let untouched = untouched.iter().map(|thing| &thing.address);
        wanted.chain(actions.keys()).chain(waits).chain(refusals).chain(untouched)
    };
    patterns
        .iter()
        .filter(|pattern| !known().any(|address| pattern.covers(address)))
        .map(|pattern| Refusal {
            rule: Rule::UnknownReference,
            address: Address::new(pattern.as_str().split('/').filter(|part| !part.is_empty())),
            cause: format!("`{flag} {pattern}` covers nothing of this fleet"),
        })
        .collect()
}

/// Does what the plan says.
///
/// # Errors
/// When actions of the plan wait for each other; then none is done.
pub fn apply<'a>(
    plan: &'a Plan,
    writers: &'a Writers,
    secrets: &'a Secrets,
    at_once: NonZeroUsize,
    stop: &'a Stop,
    events: &'a UnboundedSender<Event>,
) -> LocalBoxFuture<'a, Result<Report, Cycle>> {
    Box::pin(applied(plan, writers, secrets, at_once, stop, events))
}

async fn applied(
    plan: &Plan,
    writers: &Writers,
    secrets: &Secrets,
    at_once: NonZeroUsize,
    stop: &Stop,
    events: &UnboundedSender<Event>,
) -> Result<Report, Cycle> {
    let perform = async |address: &Address, action: &Action, outputs: &Outputs| {
        perform(writers, address, action, outputs, secrets).await
    };
    apply::apply(plan, at_once, stop, events, perform).await
}

async fn perform(
    writers: &Writers,
    address: &Address,
    action: &Action,
    outputs: &Outputs,
    secrets: &Secrets,
) -> Result<Made, Error> {
    let Writers { hcp, docker, kube } = writers;
    match &action.request {
        Request::Hcp(request) => Hcp::apply(hcp, request, address, outputs, secrets).await,
        Request::Kube(request) => Kube::apply(kube, request, address, outputs, secrets).await,
        Request::Docker(request) => {
            let done = Docker::apply(docker, request, address, outputs, secrets).await;
            if done.as_ref().is_err_and(Error::is_undone) {
                give_back(hcp, action, outputs, secrets).await;
            }
            done
        }
    }
}

/// Revokes a token whose receiver was surely not made. Left to the next run it would have to be an hour old first, as one
/// may be on its way; and two of them keep a third from being minted.
async fn give_back(hcp: &hcp::client::Writer, action: &Action, outputs: &Outputs, secrets: &Secrets) {
    let taken = action.request.needs().into_iter().filter(|output| output.what == What::Credential);
    for Output { of, what: _ } in taken {
        let Some(id) = outputs.id(&Output { of: of.clone(), what: What::Id }) else { continue };
        let request = hcp::request::Request::RevokeToken { id: id.to_owned().into(), unused: Vec::new() };
        match Hcp::apply(hcp, &request, &of, outputs, secrets).await {
            Ok(_) => tracing::info!(token = id, "revoked again: nobody got it"),
            Err(error) => tracing::warn!(token = id, error = error.chain(), "not revoked, though nobody got it"),
        }
    }
}
