//! Notifications: what each kind needs, and how many there may be.

use super::super::finding::{Finding, Rule, nearest};
use super::super::model::{Event, Notify, NotifyType};
use super::super::node::At;
use super::super::resolve::{Fleet, RunsOn};
use super::accepted;

/// HCP's limit for one workspace (API, page `notification-configurations`).
const MOST: usize = 20;

pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    for (key, at, notify) in fleet.spec.notify.iter() {
        keys(key, at, notify, findings);
        events(key, at, notify, findings);
    }
    for workspace in &fleet.workspaces {
        let Some(list) = workspace.wish.notify.as_ref().filter(|list| !list.is_empty()) else { continue };
        let at = list.first().map_or(workspace.at, |first| first.at);
        if list.len() > MOST {
            let message = format!("{} has {} notifications", workspace.name, list.len());
            findings.push(Finding::error(Rule::Notification, at, message).remedy(format!("HCP takes {MOST} on each")));
        }
        // "Not delivered for … workspaces in local execution mode" (terraform-docs-common, `workspaces/settings/notifications`).
        if workspace.runs_in_the_end_on == RunsOn::Local {
            let message = format!("nothing is sent for {}, which runs local", workspace.name);
            let finding = Finding::warning(Rule::LocalNotifications, at, message)
                .note("HCP sends notifications for runs on agents and in its cloud only")
                .remedy("take `notify` out");
            findings.push(accepted(workspace.wish, finding));
        }
    }
    for (name, _, project) in fleet.spec.projects.iter() {
        if let Some(list) = project.notify.as_ref().filter(|list| list.len() > MOST) {
            let at = list.first().map_or(project.at, |first| first.at);
            let message = format!("project {name} has {} notifications", list.len());
            findings.push(Finding::error(Rule::Notification, at, message).remedy(format!("HCP takes {MOST} on each")));
        }
    }
}

fn keys(key: &str, at: At, notify: &Notify, findings: &mut Vec<Finding>) {
    let Notify { at: _, r#type, url, token, users, all_members, events: _, enabled: _ } = notify;
    let kind = r#type.value;
    let mut error = |at: At, message: String, remedy: &str| {
        findings.push(Finding::error(Rule::Notification, at, message).remedy(remedy));
    };
    let word = kind.word();
    if kind == NotifyType::Email {
        if let Some(url) = url {
            error(url.at, format!("notify.{key} is mail and has a `url`"), "take it out, or say another type");
        }
        let all = all_members.as_ref().is_some_and(|all| all.value);
        if !all && users.as_ref().is_none_or(Vec::is_empty) {
            error(at, format!("notify.{key} is mail to nobody"), "name `users`, or say `allMembers: true`");
        }
    } else {
        if url.is_none() {
            error(
                at,
                format!("notify.{key} lacks a `url`"),
                "add `url: { env: NAME }`: a URL of that kind is a secret",
            );
        }
        let mail = users.as_ref().and_then(|users| users.first()).map(|user| user.at);
        if let Some(at) = mail.or(all_members.as_ref().map(|all| all.at)) {
            error(at, format!("notify.{key} is for {word}, and names members"), "that is for `type: email`");
        }
    }
    // API, page `notification-configurations`: the token signs the generic payload, others have none.
    if let Some(token) = token.as_ref().filter(|_| kind != NotifyType::Generic) {
        let message = format!("notify.{key} is for {word}, which cannot be signed");
        error(token.at, message, "take `token` out, or say `type: generic`");
    }
}

fn events(key: &str, at: At, notify: &Notify, findings: &mut Vec<Finding>) {
    if notify.events.is_empty() {
        let finding = Finding::warning(Rule::Notification, at, format!("notify.{key} is sent for nothing: no events"));
        findings.push(finding.remedy("name events, such as run:errored"));
    }
    for event in &notify.events {
        let name = event.value.0.as_str();
        if name.contains('*') {
            let message = format!("the event `{name}`: the star would be a literal one");
            let finding = Finding::error(Rule::LiteralStar, event.at, message);
            findings
                .push(finding.remedy(format!("name each: {}", Event::KNOWN.get(..6).unwrap_or_default().join(", "))));
        } else if !Event::KNOWN.contains(&name) {
            // HCP adds events now and then, so one that is not known here is no error.
            let finding = Finding::warning(Rule::Notification, event.at, format!("`{name}` is not a documented event"));
            let remedy = match nearest(name, Event::KNOWN.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("documented are {}", Event::KNOWN.join(", ")),
            };
            findings.push(finding.remedy(remedy));
        }
    }
}
