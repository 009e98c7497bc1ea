//! Words about whose a thing is, and fields that are left alone.

use super::super::finding::{Finding, Rule, nearest};
use super::super::model::Delivery;
use super::super::node::At;
use super::super::read::Located;
use super::super::resolve::Fleet;
use super::agents::first_of;
use crate::systems::hcp::settings::{ProjectSettings, WorkspaceSettings, spec_name};

/// What the spec says of one thing.
struct Words<'s> {
    of: String,
    adopt: Option<&'s Located<bool>>,
    released: Option<&'s Located<bool>>,
    absent: Option<&'s Located<bool>>,
    /// What it says of how it is treated, or else what it lies in.
    delivery: Option<&'s Located<Delivery>>,
    /// What is said of all of the organisation: nothing inside undoes its `verify`.
    of_all: Option<&'s Located<Delivery>>,
    ignore: Option<&'s [Located<String>]>,
}

pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let of_workspaces = of_workspace();
    let mut of_projects: Vec<String> = ProjectSettings::names().iter().map(|name| spec_name(name)).collect();
    of_projects.extend(["tags", "runsOn"].map(str::to_owned));
    let of_all = fleet.spec.hcp.delivery.as_ref();
    for (key, _, pool) in fleet.spec.pools.iter() {
        let words = Words {
            of: format!("pools.{key}"),
            adopt: pool.adopt.as_ref(),
            released: pool.released.as_ref(),
            absent: pool.absent.as_ref(),
            delivery: pool.delivery.as_ref(),
            of_all,
            ignore: pool.ignore.as_deref(),
        };
        one(&words, &["scope".to_owned()], findings);
        let absent = pool.absent.as_ref().filter(|absent| absent.value);
        let users = if absent.is_some() { fleet.users_of(key) } else { Vec::new() };
        if let Some(absent) = absent.filter(|_| !users.is_empty()) {
            let message = format!("pools.{key} is to go, and {} runs on it", first_of(&users));
            let finding = Finding::error(Rule::Ownership, absent.at, message);
            findings.push(finding.remedy("let them run elsewhere first"));
        }
    }
    for (name, _, project) in fleet.spec.projects.iter() {
        let words = Words {
            of: format!("project {name}"),
            adopt: project.adopt.as_ref(),
            released: project.released.as_ref(),
            absent: None,
            delivery: project.delivery.as_ref(),
            of_all,
            ignore: project.ignore.as_deref(),
        };
        one(&words, &of_projects, findings);
    }
    for workspace in &fleet.workspaces {
        let words = Words {
            of: workspace.name.clone(),
            adopt: workspace.wish.adopt.as_ref(),
            released: workspace.wish.released.as_ref(),
            absent: None,
            delivery: workspace.wish.delivery.as_ref().or(workspace.project.delivery.as_ref()),
            of_all,
            ignore: workspace.wish.ignore.as_deref(),
        };
        one(&words, &of_workspaces, findings);
    }
    let of_sets = ["description", "for", "priority"].map(str::to_owned);
    for (name, _, set) in fleet.spec.variable_sets.iter() {
        let words = Words {
            of: format!("variable set {name}"),
            adopt: set.adopt.as_ref(),
            released: set.released.as_ref(),
            absent: None,
            delivery: set.delivery.as_ref(),
            of_all,
            ignore: set.ignore.as_deref(),
        };
        one(&words, &of_sets, findings);
    }
}

fn of_workspace() -> Vec<String> {
    let mut fields: Vec<String> = WorkspaceSettings::names().iter().map(|name| spec_name(name)).collect();
    fields.extend(["tags", "runsOn", "vcs", "project", "remoteStateConsumers"].map(str::to_owned));
    fields
}

fn one(words: &Words<'_>, fields: &[String], findings: &mut Vec<Finding>) {
    let Words { of, adopt, released, absent, delivery, of_all, ignore } = words;
    let on = |said: Option<&Located<bool>>| said.filter(|said| said.value).map(|said| said.at);
    let pairs: [(Option<At>, &str, Option<At>, &str); 3] = [
        (on(*released), "released", on(*adopt), "adopt"),
        (on(*released), "released", on(*absent), "absent"),
        (on(*adopt), "adopt", on(*absent), "absent"),
    ];
    for (one, one_word, other, other_word) in pairs {
        if let (Some(at), Some(other)) = (one, other) {
            let message = format!("{of} says both `{one_word}` and `{other_word}`");
            let finding = Finding::error(Rule::Ownership, at, message);
            findings.push(finding.note_at(other_word, other).remedy("keep one of them"));
        }
    }
    if let Some(at) = on(*released)
        && let Some(verify) = [*delivery, *of_all].into_iter().flatten().find(|said| said.value == Delivery::Verify)
    {
        let message =
            format!("{of} is to be released, and `delivery: verify` lets nothing be written, its mark neither");
        let finding = Finding::error(Rule::Ownership, at, message).note_at("delivery: verify", verify.at);
        findings.push(finding.remedy("take `released` out and run `reconcile release` on it, or take `verify` away"));
    }
    for field in ignore.iter().flat_map(|list| list.iter()) {
        let text = field.as_str();
        let variable =
            ["env.", "terraform."].iter().any(|kind| text.strip_prefix(kind).is_some_and(|key| !key.is_empty()));
        if variable || fields.iter().any(|known| known == text) {
            continue;
        }
        let finding = Finding::error(Rule::UnknownReference, field.at, format!("{of} has no field `{text}` to ignore"));
        let remedy = match nearest(text, fields.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("possible are {}", fields.join(", ")),
        };
        findings.push(finding.remedy(remedy));
    }
}
