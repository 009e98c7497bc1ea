//! Tags: at most 10 on a workspace and 10 on a project, keys of at most 128 and values of at most 256 characters out of
//! `A-Z a-z 0-9 _ . = + - @ :`, no key that begins with `hc:` or `hcp:` (API, page `workspaces`, "Tag bindings").

use std::collections::BTreeMap;

use super::super::desired::split_tag;
use super::super::finding::{Finding, Rule};
use super::super::node::At;
use super::super::read::Located;
use super::super::resolve::{Fleet, fill};
use crate::owner::TAG_KEY;

/// One of HCP's ten is our mark.
const MOST: usize = 9;
const KEY: usize = 128;
const VALUE: usize = 256;

pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    for (name, at, project) in fleet.spec.projects.iter() {
        if let Some(tags) = &project.tags {
            let filled: Vec<_> = tags.iter().map(|tag| (fill(tag, name, None), tag.at)).collect();
            list(&format!("project {name}"), &filled, at, findings);
        }
    }
    for workspace in &fleet.workspaces {
        if let Some((tags, _)) = workspace.said(|common| common.tags.as_ref()) {
            let filled: Vec<_> = tags.iter().map(|tag: &Located<String>| (workspace.fill(tag), tag.at)).collect();
            list(&format!("workspace {}", workspace.name), &filled, workspace.at, findings);
        }
    }
}

fn list(of: &str, tags: &[(String, At)], at: At, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (tag, at) in tags {
        let (key, value) = split_tag(tag);
        if let Some(finding) = one(key, value, *at) {
            findings.push(finding);
            continue;
        }
        match seen.get(key) {
            Some(other) if *other != value => {
                let message = format!("{of} has the tag `{key}` with two values");
                findings.push(Finding::error(Rule::Tag, *at, message).remedy("keep one"));
            }
            Some(_) => {}
            None => {
                seen.insert(key, value);
            }
        }
    }
    if seen.len() > MOST {
        findings.push(
            Finding::error(Rule::Tag, at, format!("{of} has {} tags", seen.len()))
                .note(format!("HCP takes 10 on each, and one of them is the mark `{TAG_KEY}`"))
                .remedy(format!("keep {MOST}; tags of the project are inherited and count for the project")),
        );
    }
}

fn one(key: &str, value: &str, at: At) -> Option<Finding> {
    let fits = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.=+-@:".contains(&b));
    // A hole that cannot be filled in has been reported as such.
    if key.contains('{') || value.contains('{') {
        return None;
    }
    let error = |message: String| Finding::error(Rule::Tag, at, message);
    if key.contains('*') || value.contains('*') {
        let message = format!("the tag `{key}`: the star would be a literal one, and HCP refuses it");
        return Some(Finding::error(Rule::LiteralStar, at, message).remedy("write each tag out"));
    }
    if key.is_empty() {
        return Some(error("a tag without a key".to_owned()).remedy("write `key` or `key=value`"));
    }
    if key == TAG_KEY {
        return Some(
            error(format!("the tag `{TAG_KEY}` is the mark by which things are known to be ours"))
                .remedy("use another key"),
        );
    }
    if key.starts_with("hc:") || key.starts_with("hcp:") {
        return Some(
            error(format!("the tag `{key}` begins with a prefix that HCP keeps to itself")).remedy("use another key"),
        );
    }
    if !fits(key) || !fits(value) {
        return Some(
            error(format!("HCP refuses the tag `{key}`"))
                .note("a tag is letters, digits and _ . = + - @ :")
                .remedy("replace the other characters"),
        );
    }
    if key.len() > KEY || value.len() > VALUE {
        let message = format!("a tag of {} and {} characters", key.len(), value.len());
        return Some(error(message).remedy(format!("a key has at most {KEY}, a value at most {VALUE}")));
    }
    None
}
