//! A Kubernetes cluster: the HCP Terraform operator in it, and the agent pools that the operator runs.

pub mod agent_pool;
pub mod apply;
pub mod chart;
pub mod client;
pub mod compare;
pub mod desired;
pub mod failure;
pub mod labels;
pub mod object;
pub mod observe;
pub mod observed;
pub mod operator;
pub mod plan;
mod pool;
pub mod request;
pub mod typed;
pub mod wanted;
pub mod wire;
pub mod yaml;

pub use self::desired::target_address;
pub use self::failure::Failure;

use crate::address::Address;
use crate::error::Error;
use crate::plan::{Gap, Plan};
use crate::secret::Secrets;
use crate::systems::{Context, Made, Outputs, System};

/// Kubernetes clusters.
#[derive(Debug)]
pub struct Kube;

impl System for Kube {
    type Desired = desired::Desired;
    type Observed = observed::Observed;
    type Request = request::Request;
    type Reader = client::Reader;
    type Writer = client::Writers;

    /// A cluster that cannot be reached is a gap of its own, beside the others.
    async fn observe(reader: &Self::Reader, want: &Self::Desired, secrets: &Secrets) -> Result<Self::Observed, Gap> {
        Ok(observe::observe(reader, want, secrets).await)
    }

    fn plan(want: &Self::Desired, seen: &Self::Observed, context: &Context<'_>, plan: &mut Plan) {
        plan::plan(want, seen, context, plan);
    }

    async fn apply(
        writer: &Self::Writer,
        request: &Self::Request,
        address: &Address,
        _: &Outputs,
        secrets: &Secrets,
    ) -> Result<Made, Error> {
        apply::apply(writer, request, address, secrets).await
    }
}

/// `kube/TARGET/KIND/NAMESPACE/NAME`; without the namespace where the kind is of the whole cluster.
#[must_use]
pub fn object_address(target: &str, kind: &str, namespace: Option<&str>, name: &str) -> Address {
    Address::new(["kube", target, kind].into_iter().chain(namespace).chain([name]))
}

/// What the fingerprint of the operator's token is about.
fn token_about(target: &str, namespace: &str) -> String {
    format!("kube/{target}/{namespace}/{}/{}", desired::TOKEN_SECRET, desired::TOKEN_KEY)
}
