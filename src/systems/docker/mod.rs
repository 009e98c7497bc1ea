//! Docker hosts: the network, images, volumes and agent containers of a compose project.

pub mod apply;
pub mod client;
pub mod desired;
mod failure;
mod forward;
mod inspect;
pub mod interruption;
pub mod labels;
mod logs;
pub mod observe;
pub mod observed;
pub mod pin;
pub mod plan;
pub mod request;
mod upload;
pub mod wire;

pub use failure::Failure;

use crate::address::Address;
use crate::error::Error;
use crate::plan::{Gap, Plan};
use crate::secret::Secrets;
use crate::systems::{Context, Made, Outputs, System};

/// Docker hosts.
#[derive(Debug)]
pub struct Docker;

impl System for Docker {
    type Desired = desired::Desired;
    type Observed = observed::Observed;
    type Request = request::Request;
    type Reader = client::Reader;
    type Writer = client::Writer;

    /// A host that cannot be reached is a gap of its own, beside the others.
    async fn observe(reader: &Self::Reader, want: &Self::Desired, _: &Secrets) -> Result<Self::Observed, Gap> {
        Ok(observe::observe(reader, want).await)
    }

    fn plan(want: &Self::Desired, seen: &Self::Observed, context: &Context<'_>, plan: &mut Plan) {
        plan::plan(want, seen, context, plan);
    }

    async fn apply(
        writer: &Self::Writer,
        request: &Self::Request,
        address: &Address,
        outputs: &Outputs,
        _: &Secrets,
    ) -> Result<Made, Error> {
        apply::apply(writer, request, address, outputs).await
    }
}

/// `docker/TARGET`
#[must_use]
pub fn target_address(target: &str) -> Address {
    Address::new(["docker", target])
}

/// `docker/TARGET/container/NAME`
#[must_use]
pub fn container_address(target: &str, name: &str) -> Address {
    Address::new(["docker", target, "container", name])
}

/// `docker/TARGET/network/NAME`
#[must_use]
pub fn network_address(target: &str, name: &str) -> Address {
    Address::new(["docker", target, "network", name])
}

/// `docker/TARGET/volume/NAME`
#[must_use]
pub fn volume_address(target: &str, name: &str) -> Address {
    Address::new(["docker", target, "volume", name])
}

/// `docker/TARGET/image/REFERENCE`
#[must_use]
pub fn image_address(target: &str, reference: &str) -> Address {
    // A reference's own slashes part it, so that it reads as it is written.
    Address::new(["docker", target, "image"].into_iter().chain(reference.split('/')))
}
