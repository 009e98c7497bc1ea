//! Names: what HCP takes, and that each is there once.

use std::collections::BTreeMap;

use super::super::finding::{Finding, Rule};
use super::super::node::At;
use super::super::resolve::Fleet;

/// Names of projects: 3 to 40 letters, digits, spaces, `-` and `_` (API, page `projects`).
const PROJECT: std::ops::RangeInclusive<usize> = 3..=40;
/// HashiCorp's advice on names of workspaces: longer ones are cut in the UI.
const WORKSPACE: usize = 90;

pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    organization(fleet, findings);
    projects(fleet, findings);
    workspaces(fleet, findings);
    pools(fleet, findings);
    variable_sets(fleet, findings);
    former(fleet, findings);
}

/// Letters, digits, `-` and `_`: names of workspaces and pools (API, pages `workspaces` and `agents`).
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The name with everything that is not allowed made a dash.
fn plain(name: &str) -> String {
    let dashed: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    dashed.trim_matches('-').to_owned()
}

/// A name that HCP refuses, and why; a star gets its own word, for it is meant to be more than a star.
fn refused(kind: &str, name: &str, at: At) -> Finding {
    if name.contains('*') {
        let message = format!("{kind} `{name}`: the star would be a literal one, and HCP refuses it");
        return Finding::error(Rule::LiteralStar, at, message).remedy("name each thing; nothing is expanded here");
    }
    let article = if kind.starts_with('o') { "an" } else { "a" };
    let finding = Finding::error(Rule::Name, at, format!("HCP refuses the name `{name}` for {article} {kind}"))
        .note("a name is letters, digits, - and _");
    match plain(name) {
        other if other.is_empty() => finding.remedy("give it a name"),
        other => finding.remedy(format!("such as `{other}`")),
    }
}

fn organization(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let hcp = &fleet.spec.hcp;
    if !is_plain(&hcp.organization) {
        findings.push(refused("organisation", &hcp.organization, hcp.organization.at));
    }
    if let Some(id) = hcp.external_id.as_ref().filter(|id| !id.starts_with("org-")) {
        let message = format!("`{}` is not an external id of an organisation", id.value);
        let finding = Finding::error(Rule::WrongValue, id.at, message);
        findings.push(
            finding.remedy("it begins with org-; `plan` prints it, and so does the organisation's settings page"),
        );
    }
}

fn projects(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    for (name, at, _) in fleet.spec.projects.iter() {
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        if letters && PROJECT.contains(&name.len()) {
            continue;
        }
        if name.contains('*') {
            findings.push(refused("project", name, at));
            continue;
        }
        findings.push(
            Finding::error(Rule::Name, at, format!("HCP refuses the name `{name}` for a project"))
                .note("a name is 3 to 40 letters, digits, spaces, - and _")
                .remedy("give it another one; `was: OLD` renames a project that exists"),
        );
    }
}

fn workspaces(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, workspace) in fleet.workspaces.iter().enumerate() {
        by_name.entry(&workspace.name).or_default().push(number);
        if workspace.key.contains('/') {
            let message = format!("the key `{}` of a workspace has a slash in it", workspace.key);
            let finding = Finding::error(Rule::Name, workspace.at, message);
            findings.push(
                finding.remedy("references are PROJECT/KEY: take the slash out, and say `name:` if HCP's name differs"),
            );
        }
        let at = workspace.name_from.map_or(workspace.at, |(template, level)| match level {
            super::super::resolve::Level::Own => template.at,
            super::super::resolve::Level::Default => workspace.at,
        });
        // A hole that cannot be filled in has been reported as such.
        if workspace.name_from.is_some() && workspace.name.contains('{') {
            continue;
        }
        if !is_plain(&workspace.name) {
            let mut finding = refused("workspace", &workspace.name, at);
            if let Some((template, _)) = workspace.name_from.filter(|(template, _)| template.contains('{')) {
                finding = finding.note_at(format!("made of `{}`", template.value), template.at);
            }
            findings.push(finding);
        } else if workspace.name.len() > WORKSPACE {
            let message = format!("the name `{}` has {} characters", workspace.name, workspace.name.len());
            let finding = Finding::warning(Rule::Name, at, message);
            findings.push(finding.remedy(format!("stay within {WORKSPACE}, as HashiCorp advises")));
        }
    }
    for (name, numbers) in by_name.iter().filter(|(_, numbers)| numbers.len() > 1) {
        let all: Vec<_> = numbers.iter().filter_map(|&number| fleet.workspaces.get(number)).collect();
        let Some((first, others)) = all.split_first() else { continue };
        for other in others {
            let mut finding = Finding::error(
                Rule::SameName,
                other.at,
                format!("two workspaces of the name `{name}`: {} and {}", first.path(), other.path()),
            )
            .note_at("the first is here", first.at);
            if let Some((template, _)) = other.name_from {
                finding = finding.note_at(format!("the name is made of `{}`", template.value), template.at);
            }
            findings.push(finding.remedy("names are unique in an organisation: put {project} and {key} into `name`"));
        }
    }
}

fn pools(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let mut by_name: BTreeMap<&str, (&str, At)> = BTreeMap::new();
    for (key, at, pool) in fleet.spec.pools.iter() {
        if matches!(key, "cloud" | "local" | "inherited") {
            let message = format!("a pool cannot have the key `{key}`: `runsOn: {key}` means something else");
            findings
                .push(Finding::error(Rule::Name, at, message).remedy("give it another key; `name:` keeps HCP's name"));
        }
        let name = pool.hcp_name(key);
        let name_at = pool.name.as_ref().map_or(at, |name| name.at);
        if !is_plain(name) {
            findings.push(refused("pool", name, name_at));
        }
        let Some((other, other_at)) = by_name.insert(name, (key, name_at)) else { continue };
        let target = |key: &str| fleet.spec.pools.get(key).and_then(|pool| pool.target.as_ref());
        let finding = match (target(other), target(key)) {
            (Some(one), Some(two)) if one.value != two.value => Finding::error(
                Rule::PoolOnTwoTargets,
                name_at,
                format!("the pool `{name}` is on two targets: {} and {}", one.value, two.value),
            )
            .note_at(format!("pools.{other} puts it on {}", one.value), one.at)
            .note_at(format!("pools.{key} puts it on {}", two.value), two.at)
            .note("the operator in a cluster deletes every token of its pool that it did not make")
            .remedy("give each target a pool of its own name"),
            _ => Finding::error(Rule::SameName, name_at, format!("two pools of the name `{name}`: {other} and {key}"))
                .note_at("the first is here", other_at)
                .remedy("keep one of them, or give one another `name`"),
        };
        findings.push(finding);
    }
}

fn variable_sets(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let reserved = format!("reconcile-{}", fleet.spec.fleet.value);
    for (name, at, _) in fleet.spec.variable_sets.iter() {
        if name.trim().is_empty() {
            findings.push(Finding::error(Rule::Name, at, "a variable set without a name").remedy("give it one"));
        } else if name == reserved {
            let message = format!("`{name}` is the variable set in which sensitive values have their witnesses");
            findings.push(Finding::error(Rule::Name, at, message).remedy("give yours another name"));
        }
    }
}

/// `was` names something that is to be called otherwise.
fn former(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let names: BTreeMap<&str, At> =
        fleet.workspaces.iter().map(|workspace| (workspace.name.as_str(), workspace.at)).collect();
    let mut claimed: BTreeMap<&str, At> = BTreeMap::new();
    for workspace in &fleet.workspaces {
        let Some(was) = &workspace.wish.was else { continue };
        if was.value == workspace.name {
            let message = format!("`was: {}` is the name that it has", was.value);
            findings.push(Finding::warning(Rule::Unused, was.at, message).remedy("take `was` out"));
        } else if let Some(other) = names.get(was.as_str()) {
            findings.push(
                Finding::error(Rule::SameName, was.at, format!("`{}` cannot be renamed: it is wanted too", was.value))
                    .note_at("here", *other)
                    .remedy("take one of the two out of the spec"),
            );
        }
        if let Some(other) = claimed.insert(was, was.at) {
            findings.push(
                Finding::error(Rule::SameName, was.at, format!("two workspaces were `{}`", was.value))
                    .note_at("the other one", other)
                    .remedy("only one can be made of it"),
            );
        }
    }
    for (name, _, project) in fleet.spec.projects.iter() {
        if let Some(was) = &project.was
            && fleet.spec.projects.knows(was)
        {
            let message = format!("project `{name}` was `{}`, which is wanted too", was.value);
            findings
                .push(Finding::error(Rule::SameName, was.at, message).remedy("take one of the two out of the spec"));
        }
    }
}
