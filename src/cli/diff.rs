//! `diff`: what a change of the spec means.

use std::path::{Path, PathBuf};

use super::Ended;
use super::arguments::{Diff, Format, Globals};
use super::exit::Exit;
use super::output::Output;
use super::{check, plan, session};
use crate::error::Error;
use crate::spec::desired::Desired;
use crate::spec::diff::{diff, load_revision, revisions};
use crate::spec::{self, Loaded};

/// `diff`
pub fn run(arguments: &Diff, globals: &Globals, output: Output) -> Ended {
    let options = session::options(globals);
    let (old, new) = match arguments.sides.as_slice() {
        [range, files @ ..] if is_range(range) => {
            let given: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            let files = session::files(&given)?;
            let (old, new) = revisions(range)?;
            (load_revision(old, &files, &options)?, load_revision(new, &files, &options)?)
        }
        [old, new] => (spec::load(&[old.into()], &options), spec::load(&[new.into()], &options)),
        _ => {
            return Err(Error::new("comparing two specs")
                .because("neither two files nor two revisions were given")
                .hint("reconcile diff OLD NEW, or reconcile diff main..HEAD fleet.yaml"));
        }
    };
    let (Some(old), Some(new)) = (sound(old, "the old spec", output), sound(new, "the new spec", output)) else {
        return Ok(Exit::Refused);
    };
    let differences = diff(&old, &new);
    match arguments.format {
        Format::Text => output.result(&differences.to_string())?,
        Format::Json => output.result(&plan::document(&differences)?)?,
    }
    Ok(Exit::Converged)
}

/// Two revisions; a file of that name is meant as a file.
fn is_range(text: &str) -> bool {
    text.contains("..") && !Path::new(text).exists() && !text.starts_with("../") && !text.contains("/../")
}

/// What a spec means, or its findings.
fn sound(loaded: Loaded, which: &str, output: Output) -> Option<Desired> {
    let Loaded { spec: _, desired, findings, unchecked: _ } = loaded;
    if desired.is_none() {
        output.note(&format!("{which}:\n{}", check::text(&findings, &[], output.colored_notes(), Exit::Refused)));
    }
    desired
}
