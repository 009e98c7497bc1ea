//! `explain`: where every field of a thing comes from.

use super::Ended;
use super::arguments::{Explain, Format, Globals};
use super::exit::Exit;
use super::output::Output;
use super::{plan, session};
use crate::address::Address;
use crate::spec::explain::explain;

/// `explain`
pub fn run(arguments: &Explain, globals: &Globals, output: Output) -> Ended {
    let fleet = match session::load(&arguments.spec.files, globals, output)? {
        Ok(fleet) => fleet,
        Err(exit) => return Ok(exit),
    };
    let explanation = explain(&fleet.desired, &arguments.address).or_else(|unknown| {
        // Under the heading of a system a plan shows addresses without it, and these can be pasted too.
        let in_hcp = Address::new(["hcp"].into_iter().chain(arguments.address.parts()));
        explain(&fleet.desired, &in_hcp).map_err(|_| unknown)
    })?;
    match arguments.format {
        Format::Text => output.result(&explanation.to_string())?,
        Format::Json => output.result(&plan::document(&explanation)?)?,
    }
    Ok(Exit::Converged)
}
