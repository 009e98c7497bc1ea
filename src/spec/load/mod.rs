//! From files to one tree: YAML, JSON or TOML, several of them laid over one another.

mod json;
mod toml;
mod yaml;

use super::finding::{Finding, Rule};
use super::node::{At, Budget, Node, Sources, Value};

/// The formats of a spec, by the ending of a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.yaml`, `.yml`, and every name without a known ending.
    Yaml,
    /// `.json`
    Json,
    /// `.toml`
    Toml,
}

impl Format {
    /// The format that a file's name promises.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        match ending.as_str() {
            "json" => Self::Json,
            "toml" => Self::Toml,
            _ => Self::Yaml,
        }
    }
}

/// Reads every source and lays them over one another in their order. `None` if one of them leaves no tree.
pub(super) fn tree(sources: &Sources, files: &[(u16, Format)], findings: &mut Vec<Finding>) -> Option<Node> {
    let budget = Budget::default();
    // All are read, so that every broken one is told.
    let trees: Vec<Option<Node>> =
        files.iter().map(|&(file, format)| one(sources, file, format, budget, findings)).collect();
    let mut merged: Option<Node> = None;
    for tree in trees {
        let tree = tree?;
        match &mut merged {
            None => merged = Some(tree),
            Some(below) => below.overlay(tree),
        }
    }
    merged
}

/// Reads one document of YAML that is no spec, such as a manifest. `None` if it says nothing, or after an error that
/// leaves no tree. The text is as long as the caller lets it be.
pub fn document(file: u16, text: &str, budget: Budget, findings: &mut Vec<Finding>) -> Option<Node> {
    yaml::read(file, text, budget, findings)
}

fn one(sources: &Sources, file: u16, format: Format, budget: Budget, findings: &mut Vec<Finding>) -> Option<Node> {
    let text = sources.text(file);
    let top = At { file, line: 1, column: 1 };
    if text.len() > budget.bytes {
        let message = format!("more than {} MiB in one file", budget.bytes >> 20);
        findings.push(Finding::error(Rule::TooMuch, top, message).remedy("split the fleet"));
        return None;
    }
    let node = match format {
        Format::Yaml => yaml::read(file, text, budget, findings),
        Format::Json => json::read(file, sources, budget, findings),
        Format::Toml => toml::read(file, sources, budget, findings),
    };
    match node {
        Some(Node { value: Value::Map(map), .. }) if map.is_empty() && format == Format::Toml => empty(top, findings),
        Some(node) if !matches!(node.value, Value::Null) => Some(node),
        _ if findings.iter().any(|finding| finding.at.file == file) => None,
        _ => empty(top, findings),
    }
}

fn empty(top: At, findings: &mut Vec<Finding>) -> Option<Node> {
    let finding = Finding::error(Rule::Syntax, top, "the file says nothing")
        .remedy("begin with `fleet:` and `hcp:`; `reconcile init` writes a first spec");
    findings.push(finding);
    None
}
