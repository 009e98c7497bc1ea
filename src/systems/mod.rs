//! The systems that a fleet lives in, all of the same shape.

pub mod agent;
pub mod docker;
pub mod hcp;
pub mod kube;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::error::Error;
use crate::plan::{Effect, Gap, Output, Plan};
use crate::secret::{Secret, Secrets};
use crate::spec::desired::Desired;

/// The shape of a system. It is never a trait object: its worth is that the compiler minds it.
///
/// Looking and changing take different clients: a plan is made without ever constructing a writer.
#[allow(async_fn_in_trait)] // Nobody is generic over systems, so nobody needs bounds on the futures.
pub trait System {
    /// What is wanted of it.
    type Desired;
    /// What was seen of it.
    type Observed;
    /// What can be sent to it.
    type Request;
    /// A client that cannot change anything.
    type Reader;
    /// A client that can.
    type Writer;

    /// Reads all that a plan needs. It fails as a whole only when the system cannot be reached.
    async fn observe(reader: &Self::Reader, want: &Self::Desired, secrets: &Secrets) -> Result<Self::Observed, Gap>;

    /// Adds to the plan what this system needs. Pure: no client, clock, environment or randomness.
    fn plan(want: &Self::Desired, seen: &Self::Observed, context: &Context<'_>, plan: &mut Plan);

    /// Sends one request, and says what came of it.
    async fn apply(
        writer: &Self::Writer,
        request: &Self::Request,
        address: &Address,
        outputs: &Outputs,
        secrets: &Secrets,
    ) -> Result<Made, Error>;
}

/// What every system's plan may look at beside its own part.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// All that is wanted, with the origin of each field.
    pub desired: &'a Desired,
    /// All that was seen.
    pub observed: &'a Observed,
    /// What the user allows for this run.
    pub consent: &'a Consent,
}

/// What the user allows for one run, beyond what the spec says.
#[derive(Debug, Default, Clone)]
pub struct Consent {
    /// Things without our mark that may become ours.
    pub adopt: Vec<crate::address::Pattern>,
    /// Agents' containers that get a new token in this run, however old theirs is.
    pub rotate: Vec<crate::address::Pattern>,
    /// Agents that HCP has not heard of for a while and that may be taken off its list, so that their slots are free; and
    /// targets whose earlier machine is no more, so that what it held is held by nobody.
    pub forget: Vec<crate::address::Pattern>,
}

impl Consent {
    /// Whether a thing at this address may be adopted.
    #[must_use]
    pub fn adopts(&self, address: &Address) -> bool {
        self.adopt.iter().any(|pattern| pattern.covers(address))
    }

    /// Whether the agent's container at this address is to get a new token.
    #[must_use]
    pub fn rotates(&self, address: &Address) -> bool {
        self.rotate.iter().any(|pattern| pattern.covers(address))
    }

    /// Whether the agent at this address may be taken off HCP's list, or the earlier machine of this target is no more.
    #[must_use]
    pub fn forgets(&self, address: &Address) -> bool {
        self.forget.iter().any(|pattern| pattern.covers(address))
    }
}

/// Everything that was seen, by system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// HCP Terraform.
    pub hcp: hcp::observed::Observed,
    /// Docker hosts.
    #[serde(default)]
    pub docker: docker::observed::Observed,
}

impl Observed {
    /// An organisation, and nothing beside it.
    #[must_use]
    pub fn of_hcp(hcp: hcp::observed::Observed) -> Self {
        Self { hcp, docker: docker::observed::Observed::default() }
    }
}

/// What one action came to: what others may take from it.
#[derive(Debug, Default)]
pub struct Made {
    /// The id of what was made.
    pub id: Option<String>,
    /// The credential that was made.
    pub credential: Option<Secret>,
}

/// What the actions of this run have made so far. An entry says that the action succeeded, so that its facts hold.
///
/// Each place is filled once, so that actions under way can read what others have made while more is made.
#[derive(Debug, Default)]
pub struct Outputs(BTreeMap<Address, OnceLock<Made>>);

impl Outputs {
    /// Empty places for actions that are going to run.
    #[must_use]
    pub fn awaiting(actions: impl IntoIterator<Item = Address>) -> Self {
        Self(actions.into_iter().map(|address| (address, OnceLock::new())).collect())
    }

    /// Notes that an action succeeded for which there is a place.
    pub fn fill(&self, address: &Address, made: Made) {
        if let Some(place) = self.0.get(address) {
            // An action runs once.
            let _ = place.set(made);
        }
    }

    /// Notes that an action succeeded.
    pub fn insert(&mut self, address: Address, made: Made) {
        self.0.insert(address, OnceLock::from(made));
    }

    fn made(&self, output: &Output) -> Option<&Made> {
        self.0.get(&output.of)?.get()
    }

    /// Whether the output can be taken.
    #[must_use]
    pub fn has(&self, output: &Output) -> bool {
        self.made(output).is_some()
    }

    /// The id that an action made.
    #[must_use]
    pub fn id(&self, output: &Output) -> Option<&str> {
        self.made(output)?.id.as_deref()
    }

    /// The credential that an action made.
    #[must_use]
    pub fn credential(&self, output: &Output) -> Option<&Secret> {
        self.made(output)?.credential.as_ref()
    }
}

/// One change to one system, as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// To HCP Terraform.
    Hcp(hcp::request::Request),
    /// To a Docker host.
    Docker(docker::request::Request),
}

impl Request {
    /// The outputs that it takes.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Output> {
        match self {
            Self::Hcp(request) => request.needs(),
            Self::Docker(request) => request.needs(),
        }
    }

    /// What it is, if it goes to HCP Terraform.
    #[must_use]
    pub fn hcp(&self) -> Option<&hcp::request::Request> {
        match self {
            Self::Hcp(request) => Some(request),
            Self::Docker(_) => None,
        }
    }

    /// Those of them that it can do without, once it is known that they will not come.
    #[must_use]
    pub fn spares(&self) -> BTreeSet<Output> {
        match self {
            Self::Hcp(request) => request.spares(),
            Self::Docker(request) => request.spares(),
        }
    }

    /// What it breaks off or moves.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::Hcp(request) => request.effect(),
            Self::Docker(request) => request.effect(),
        }
    }
}
