//! `check`: every finding at once, without any network.

use serde::Serialize;

use super::Ended;
use super::arguments::{Check, Format, Globals};
use super::exit::Exit;
use super::output::Output;
use super::{plan, session};
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
            let mut text = render(&findings);
            let counts = counts(findings.errors(), findings.warnings());
            let last = if unchecked.is_empty() {
                format!("{counts}   ({})\n", ending(exit))
            } else {
                let unchecked = unchecked.join(", ");
                format!("{counts}\nNot checked without network: {unchecked}.   ({})\n", ending(exit))
            };
            text.push_str(&last);
            output.result(&text)?;
        }
    }
    Ok(exit)
}

/// A check says nothing of the world.
fn ending(exit: Exit) -> String {
    if exit == Exit::Converged { "0: the spec is sound".to_owned() } else { exit.ending() }
}

fn counts(errors: usize, warnings: usize) -> String {
    let count = |number: usize, word: &str| match number {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        many => format!("{many} {word}s"),
    };
    format!("{}, {}.", count(errors, "error"), count(warnings, "warning"))
}

/// The findings as text.
pub fn render(findings: &Findings) -> String {
    let mut text = String::new();
    for finding in findings.iter() {
        text.push_str(&format!("{:?}  {}  {}\n", finding.severity, finding.message, findings.place(finding.at)));
    }
    text
}
