//! `explain`: where every field of a thing comes from.

use super::Ended;
use super::arguments::{Explain, Format, Globals};
use super::exit::Exit;
use super::output::Output;
use super::{plan, session};
use crate::spec;
use crate::spec::explain::explain;

/// `explain`
pub fn run(arguments: &Explain, globals: &Globals, output: Output) -> Ended {
    let files = session::files(&arguments.spec.files)?;
    let loaded = spec::load(&files, &session::options(globals));
    let own = loaded.own();
    let fleet = match session::sound(files, loaded, output) {
        Ok(fleet) => fleet,
        Err(exit) => return Ok(exit),
    };
    let explanation = explain(&fleet.desired, &own, &arguments.address)?;
    match arguments.format {
        Format::Text => output.result(&explanation.render(output.look(false)))?,
        Format::Json => output.result(&plan::document(&explanation)?)?,
    }
    Ok(Exit::Converged)
}
