//! `check`: every finding at once, without any network.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use super::Ended;
use super::arguments::{Check, Format, Globals};
use super::exit::Exit;
use super::output::Output;
use super::{plan, session};
use crate::error::Error;
use crate::spec::check::{Style, render};
use crate::spec::finding::Findings;
use crate::spec::{self, Loaded};
use crate::systems::kube::agent_pool::manifest::{self, Checked};
use crate::systems::kube::yaml;

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

/// The document of a check of a manifest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestDocument<'a> {
    format_version: u32,
    errors: usize,
    warnings: usize,
    findings: &'a Findings,
    /// Lines of a spec that mean the same.
    spec: Option<&'a str>,
}

/// `check`
pub fn run(arguments: &Check, globals: &Globals, output: Output) -> Ended {
    if let Some(file) = &arguments.manifest {
        return of_manifest(file, arguments, output);
    }
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

/// An `AgentPool` manifest that exists already. It is no spec: what is right about it is said as one.
fn of_manifest(file: &Path, arguments: &Check, output: Output) -> Ended {
    let name = file.display().to_string();
    // One byte more than is read of it, so that a file which never ends is an error and not a hang.
    let limit = yaml::BUDGET.bytes as u64 + 1;
    let mut text = String::new();
    File::open(file).and_then(|file| file.take(limit).read_to_string(&mut text)).map_err(|cause| {
        Error::new(format!("reading the manifest {name}")).because(cause).hint("name a file of YAML that can be read")
    })?;
    let Checked { findings, lines } = manifest::check(&name, text);
    let wrong = findings.errors() > 0 || (arguments.strict && findings.unaccepted_warnings() > 0);
    let exit = if wrong { Exit::Refused } else { Exit::Converged };
    match arguments.format {
        Format::Json => output.result(&plan::document(&ManifestDocument {
            format_version: 1,
            errors: findings.errors(),
            warnings: findings.warnings(),
            findings: &findings,
            spec: lines.as_deref(),
        })?)?,
        Format::Text => {
            let style = if output.look(false).color { Style::coloured() } else { Style::plain() };
            let ending = if wrong { exit.ending() } else { "0: the manifest is sound".to_owned() };
            let lines =
                lines.map(|lines| format!("In a spec, what this file means is:\n\n{lines}\n")).unwrap_or_default();
            let shown = render(&findings, &[], style);
            output.result(&format!("{lines}{}   ({ending})\n", shown.trim_end()))?;
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
