//! `release`: takes our marks off, and leaves everything as it is.

use super::Ended;
use super::apply::{self, Way};
use super::arguments::{Globals, ReleaseArguments};
use super::output::Output;
use super::plan;
use super::signals::Signals;
use crate::pipeline;
use crate::plan::{Gap, LetGo};
use crate::spec::desired::Desired;
use crate::systems::Observed;

/// `release`
pub async fn run(arguments: &ReleaseArguments, globals: &Globals, output: Output, signals: &Signals) -> Ended {
    let ReleaseArguments { things, all, spec, format, full, assent } = arguments;
    let what = LetGo { patterns: things.clone(), all: *all };
    let decide = |desired: &Desired, observed: &Result<Observed, Gap>| pipeline::release(desired, observed, &what);
    match Box::pin(plan::read_and(decide, spec, globals, output, signals)).await? {
        Ok(planned) => {
            let way = Way { assent, format: *format, full: *full };
            apply::go(&planned, &way, output, signals).await
        }
        Err(exit) => Ok(exit),
    }
}
