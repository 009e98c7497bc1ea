//! What stands in the spec and does nothing.

use std::collections::BTreeSet;

use super::super::finding::{Finding, Rule, Severity};
use super::super::model::{Accept, ReachWish};
use super::super::resolve::{Fleet, RunsOn};

/// Only where there is no error: a reference that is misspelt makes what it means look unused.
pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return;
    }
    let spec = fleet.spec;
    let mut pools: BTreeSet<&str> = BTreeSet::new();
    for workspace in &fleet.workspaces {
        for runs_on in [workspace.runs_on, workspace.runs_in_the_end_on] {
            if let RunsOn::Pool(key) = runs_on {
                pools.insert(key);
            }
        }
    }
    let defaults = spec.hcp.organization_defaults.as_ref().and_then(|defaults| defaults.runs_on.as_ref());
    let of_projects = spec.projects.iter().filter_map(|(_, _, project)| project.default_runs_on.as_ref());
    pools.extend(defaults.into_iter().chain(of_projects).map(|word| word.as_str()));
    let unused = |at, message: String, remedy: &str| Finding::warning(Rule::Unused, at, message).remedy(remedy);
    for (key, at, pool) in spec.pools.iter() {
        let spoken_of =
            pool.scope.is_some() || [&pool.absent, &pool.released].into_iter().flatten().any(|said| said.value);
        if !pools.contains(key) && !spoken_of {
            let message = format!("nothing runs on pools.{key}, and nothing may");
            findings.push(unused(at, message, "let a workspace run on it, give it a `scope`, or take it out"));
        }
    }
    let targets: BTreeSet<&str> =
        spec.pools.iter().filter_map(|(_, _, pool)| pool.target.as_ref()).map(|target| target.as_str()).collect();
    for (key, at, _) in spec.targets.iter().filter(|(key, _, _)| !targets.contains(key)) {
        findings.push(unused(at, format!("no pool is on targets.{key}"), "give a pool this target, or take it out"));
    }
    let of_projects = spec.projects.iter().filter_map(|(_, _, project)| project.notify.as_ref());
    let of_workspaces = fleet.workspaces.iter().filter_map(|workspace| workspace.wish.notify.as_ref());
    let notified: BTreeSet<&str> = of_projects.chain(of_workspaces).flatten().map(|key| key.as_str()).collect();
    for (key, at, _) in spec.notify.iter().filter(|(key, _, _)| !notified.contains(key)) {
        let message = format!("neither a project nor a workspace names notify.{key}");
        findings.push(unused(at, message, "add it to a project's `notify`, or take it out"));
    }
    for (name, at, set) in spec.variable_sets.iter() {
        let nobody = match &set.r#for {
            ReachWish::Global => false,
            ReachWish::Some(some) => [&some.projects, &some.workspaces].into_iter().flatten().all(Vec::is_empty),
        };
        if nobody {
            findings.push(unused(
                at,
                format!("the variable set `{name}` is for nobody"),
                "name projects or workspaces",
            ));
        }
    }
    accepts(fleet, findings);
}

/// A reason that accepts nothing any more: called last, when every other finding is known.
fn accepts(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let used: BTreeSet<String> = findings.iter().filter_map(|finding| finding.accepted.clone()).collect();
    for workspace in &fleet.workspaces {
        let reasons = match &workspace.wish.accept {
            None => continue,
            Some(Accept::All(reason)) => vec![reason],
            Some(Accept::Some(rules)) => rules.values().collect(),
        };
        for reason in reasons.into_iter().filter(|reason| !used.contains(&reason.value)) {
            let message = format!("{} accepts a finding that there is not", workspace.name);
            let finding = Finding::warning(Rule::Unused, reason.at, message);
            findings.push(finding.remedy("take `accept` out: what it was for is gone"));
        }
    }
}
