//! `check`: every finding at once, without any network.

use serde::Serialize;

use super::Ended;
use super::arguments::{Check, Format, Globals};
use super::exit::Exit;
use super::output::Output;
use super::{plan, session};
use crate::spec::check::{Style, render};
use crate::spec::finding::Findings;
use crate::spec::{self, Loaded};

/// The document of a check.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    format_version: u32,
    errors: usize,
    warnings: usize,
    findings: &'a Findings,
    unchecked: &'a [String],
}

/// `check`
pub fn run(arguments: &Check, globals: &Globals, output: Output) -> Ended {
    let files = session::files(&arguments.spec.files)?;
    let Loaded { spec: _, desired: _, findings, unchecked } = spec::load(&files, &session::options(globals));
    let wrong = findings.errors() > 0 || (arguments.strict && findings.unaccepted_warnings() > 0);
    let exit = if wrong { Exit::Refused } else { Exit::Converged };
    match arguments.format {
        Format::Json => output.result(&plan::document(&Document {
            format_version: 1,
            errors: findings.errors(),
            warnings: findings.warnings(),
            findings: &findings,
            unchecked: &unchecked,
        })?)?,
        Format::Text => {
            let color = output.look(false).color;
            output.result(&format!("{}\n", text(&findings, &unchecked, color, exit)))?;
        }
    }
    Ok(exit)
}

/// Findings as text, with the exit word in the last line.
pub fn text(findings: &Findings, unchecked: &[String], color: bool, exit: Exit) -> String {
    let style = if color { Style::coloured() } else { Style::plain() };
    // A check says nothing of the world.
    let ending = if exit == Exit::Converged { "0: the spec is sound".to_owned() } else { exit.ending() };
    format!("{}   ({ending})", render(findings, unchecked, style).trim_end())
}
