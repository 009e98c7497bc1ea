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

/// What is compared.
pub enum Sides<'a> {
    /// Two files.
    Files(&'a str, &'a str),
    /// Two revisions of these files; none given, of the spec that is here.
    Revisions {
        /// The old revision.
        old: &'a str,
        /// The new one.
        new: &'a str,
        /// The files.
        files: &'a [String],
    },
}

impl<'a> Sides<'a> {
    /// What the command line means, or what is wrong with it.
    pub fn of(arguments: &'a Diff) -> Result<Self, String> {
        match arguments.sides.as_slice() {
            [range, files @ ..] if is_range(range) => {
                let (old, new) = revisions(range).map_err(|error| error.chain())?;
                Ok(Self::Revisions { old, new, files })
            }
            [old, new] => Ok(Self::Files(old, new)),
            [one] => Err(format!("`{one}` is one file: name the one to compare it with, or two revisions: main..HEAD")),
            several => {
                Err(format!("two files are compared, or two revisions (main..HEAD); here are {}", several.len()))
            }
        }
    }
}

/// `diff`
pub fn run(arguments: &Diff, globals: &Globals, output: Output) -> Ended {
    let options = session::options(globals);
    let sides = Sides::of(arguments).map_err(|cause| Error::new("comparing two specs").because(cause))?;
    let (old, new) = match sides {
        Sides::Revisions { old, new, files } => {
            let given: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            let files = session::files(&given)?;
            (load_revision(old, &files, &options)?, load_revision(new, &files, &options)?)
        }
        Sides::Files(old, new) => (spec::load(&[old.into()], &options), spec::load(&[new.into()], &options)),
    };
    let (Some(old), Some(new)) = (sound(old, "the old spec", output), sound(new, "the new spec", output)) else {
        return Ok(Exit::Refused);
    };
    let differences = diff(&old, &new);
    match arguments.format {
        Format::Text => output.result(&differences.render(output.look(false)))?,
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
