//! `rotate`: credentials made anew that are still good.

use super::Ended;
use super::apply::{self, Way};
use super::arguments::{Globals, RotateAgentTokens};
use super::output::Output;
use super::plan;
use super::signals::Signals;
use crate::address::Pattern;
use crate::error::Error;
use crate::pipeline;
use crate::plan::Gap;
use crate::spec::desired::Desired;
use crate::systems::docker::interruption::interruptions;
use crate::systems::{Consent, Observed};

/// Agents' containers on all Docker hosts.
const ALL: &str = "docker/*/container/*";

/// `rotate agent-tokens`: an apply in which every agent's container is replaced, and nothing else is done.
pub async fn run(arguments: &RotateAgentTokens, globals: &Globals, output: Output, signals: &Signals) -> Ended {
    let RotateAgentTokens { spec, only, format, full, assent } = arguments;
    let rotate = if only.is_empty() { vec![all()?] } else { only.clone() };
    let consent = Consent { rotate, ..Consent::default() };
    let decide =
        |desired: &Desired, observed: &Result<Observed, Gap>| pipeline::decide(desired, observed, &consent, only);
    match Box::pin(plan::read_and(decide, (&spec.files, false), globals, output, signals)).await? {
        Ok(planned) => {
            let costs =
                planned.observed.as_ref().map_or_else(|_| Vec::new(), |seen| interruptions(&planned.plan, seen));
            let way = Way { assent, format: *format, full: *full, interruptions: costs };
            apply::go(&planned, &way, output, signals).await
        }
        Err(exit) => Ok(exit),
    }
}

fn all() -> Result<Pattern, Error> {
    ALL.parse().map_err(|cause| Error::new("choosing all agents").because(cause))
}
