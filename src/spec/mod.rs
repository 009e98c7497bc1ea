//! The spec: what a fleet should be, as its user writes it.
//!
//! [`load()`] reads files into one tree that knows where everything stands, a collecting walk makes the [`model`] of it,
//! [`resolve`] follows its references, [`check`] holds it to its rules, and [`desired`] says what it means.

pub mod check;
pub mod desired;
pub mod diff;
pub mod explain;
pub mod facts;
pub mod finding;
mod load;
pub mod model;
pub mod node;
pub mod own;
pub mod read;
pub mod resolve;

use std::path::PathBuf;
use std::sync::Arc;

pub use check::CheckOptions;
use desired::Desired;
use finding::{Finding, Findings, Rule, Severity};
pub use load::{Format, document};
use model::Spec;
use node::{At, Sources};
use read::{Read as _, Reader};

/// A spec, read and checked.
#[derive(Debug)]
pub struct Loaded {
    /// What it says, if that much could be read.
    pub spec: Option<Spec>,
    /// What it means: only of a spec without errors.
    pub desired: Option<Desired>,
    /// Everything that is wrong with it.
    pub findings: Findings,
    /// What `check` does not look at: it needs a network, or is for who applies to read.
    pub unchecked: Vec<String>,
}

/// Reads and checks a spec of one or several files. Nothing else is touched: no secret is resolved, no command is run.
#[must_use]
pub fn load(paths: &[PathBuf], options: &CheckOptions) -> Loaded {
    let mut sources = Sources::default();
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        match read_file(path) {
            Ok(text) => files.push((sources.add(&name, text), Format::of(&name))),
            Err(error) => {
                let at = At { file: sources.add(&name, String::new()), line: 1, column: 1 };
                findings.push(
                    Finding::error(Rule::Unreadable, at, format!("cannot read the file: {error}"))
                        .remedy("name a file that is there and can be read, as UTF-8 text"),
                );
            }
        }
    }
    finish(sources, &files, findings, *options)
}

fn read_file(path: &std::path::Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let limit = node::Budget::default().bytes;
    let mut text = String::new();
    // One byte more than the budget, so that a file which never ends is an error and not a hang.
    std::fs::File::open(path)?.take(limit as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// The JSON Schema of a spec, with the comments of the model as descriptions.
#[must_use]
pub fn schema() -> serde_json::Value {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Spec>();
    schema.insert("$id".to_owned(), "https://reconcile.dev/schema/fleet.json".into());
    schema.insert("title".to_owned(), "A fleet of HCP Terraform workspaces".into());
    schema.into()
}

/// Reads and checks texts, each with a name that says its format.
#[must_use]
pub fn load_texts(texts: &[(&str, String)], options: &CheckOptions) -> Loaded {
    let mut sources = Sources::default();
    let files: Vec<_> = texts.iter().map(|(name, text)| (sources.add(name, text.clone()), Format::of(name))).collect();
    finish(sources, &files, Vec::new(), *options)
}

/// Reads and checks one text; its name says its format.
#[must_use]
pub fn load_text(name: &str, text: &str, options: &CheckOptions) -> Loaded {
    load_texts(&[(name, text.to_owned())], options)
}

fn finish(sources: Sources, files: &[(u16, Format)], mut findings: Vec<Finding>, options: CheckOptions) -> Loaded {
    let sources = Arc::new(sources);
    let unreadable = !findings.is_empty();
    let tree = load::tree(&sources, files, &mut findings).filter(|_| !unreadable);
    let mut reader = Reader::new(findings);
    let spec = tree.as_ref().and_then(|tree| Spec::read(tree, &mut reader));
    let (mut findings, hidden) = reader.finish();
    let mut desired = None;
    let mut unchecked = Vec::new();
    if let Some(spec) = &spec {
        let fleet = resolve::Fleet::new(spec, &sources, &mut findings);
        let built = desired::build(&fleet, &mut findings);
        unchecked = check::run(&fleet, options, &mut findings);
        desired = Some(built);
    }
    let sound = !findings.iter().any(|finding| finding.severity == Severity::Error);
    Loaded { spec, desired: desired.filter(|_| sound), findings: Findings::new(sources, findings, hidden), unchecked }
}

#[cfg(test)]
mod tests;
