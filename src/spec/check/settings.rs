//! Settings that exclude one another, that the tier lacks, or that cannot be.

use super::super::finding::{Finding, Rule};
use super::super::read::Located;
use super::super::resolve::{Fleet, Resolved};
use crate::systems::hcp::desired::Tier;

pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    organization(fleet, findings);
    for (_, _, project) in fleet.spec.projects.iter() {
        if let Some(duration) = &project.auto_destroy_activity_duration {
            auto_destroy(duration, tier(fleet), findings);
        }
        if let Some(description) = project.description.as_ref().filter(|text| text.chars().count() > 256) {
            let message = "a project's description has more than 256 characters";
            let finding = Finding::error(Rule::WrongValue, description.at, message);
            findings.push(finding.remedy("HCP takes no more"));
        }
    }
    for workspace in &fleet.workspaces {
        triggers(workspace, findings);
        state(workspace, findings);
        repository(workspace, findings);
        if let Some((duration, _)) = workspace.said(|common| common.auto_destroy_activity_duration.as_ref()) {
            auto_destroy(duration, tier(fleet), findings);
        }
        if let Some((health, _)) = workspace.said(|common| common.assessments_enabled.as_ref()) {
            assessments(health, tier(fleet), findings);
        }
    }
}

fn tier(fleet: &Fleet<'_>) -> Tier {
    fleet.spec.hcp.tier.as_ref().map_or(Tier::Free, |tier| tier.value)
}

pub(super) fn word(tier: Tier) -> &'static str {
    match tier {
        Tier::Free => "free",
        Tier::Essentials => "essentials",
        Tier::Standard => "standard",
        Tier::Premium => "premium",
    }
}

/// Health assessments come with Standard and Premium ("HCP Terraform plans and features", August 2026).
fn assessments(said: &Located<bool>, tier: Tier, findings: &mut Vec<Finding>) {
    if said.value && tier < Tier::Standard {
        let message = format!("tier {} has no health assessments", word(tier));
        let finding = Finding::error(Rule::TierLacks, said.at, message);
        findings.push(finding.remedy("leave it out, or say the tier that the organisation has: `hcp.tier`"));
    }
}

fn auto_destroy(said: &Located<String>, tier: Tier, findings: &mut Vec<Finding>) {
    if said.is_empty() {
        return;
    }
    let number = said.strip_suffix(['d', 'h']).unwrap_or_default();
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        let message = format!("`{}` is not a time that HCP destroys after", said.value);
        let finding = Finding::error(Rule::WrongValue, said.at, message);
        findings.push(finding.remedy("write days or hours, such as 14d or 24h; \"\" is never"));
    } else if tier < Tier::Standard {
        let message = format!("tier {} may lack automatic destruction", word(tier));
        let finding = Finding::warning(Rule::TierLacks, said.at, message);
        findings.push(finding.remedy("leave it out, or say the tier that the organisation has: `hcp.tier`"));
    }
}

fn organization(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let Some(defaults) = &fleet.spec.hcp.organization_defaults else {
        return;
    };
    if let Some(health) = &defaults.assessments_enforced {
        assessments(health, tier(fleet), findings);
    }
    // "HCP Terraform plans and features" (August 2026): Free has no cost estimation.
    if let Some(said) = defaults.cost_estimation_enabled.as_ref().filter(|said| said.value)
        && tier(fleet) == Tier::Free
    {
        let finding = Finding::error(Rule::TierLacks, said.at, "tier free has no cost estimation");
        findings.push(finding.remedy("leave it out, or say the tier that the organisation has: `hcp.tier`"));
    }
    let on = |said: &Option<Located<bool>>| said.as_ref().filter(|said| said.value).map(|said| said.at);
    // API, page `organizations`: the two exclude one another.
    if let (Some(one), Some(other)) = (
        on(&defaults.send_passing_statuses_for_untriggered_speculative_plans),
        on(&defaults.aggregated_commit_status_enabled),
    ) {
        findings.push(
            Finding::error(
                Rule::Exclusive,
                one,
                "sendPassingStatusesForUntriggeredSpeculativePlans excludes aggregatedCommitStatusEnabled",
            )
            .note_at("which is true here", other)
            .remedy("keep one of them"),
        );
    }
}

/// What starts runs: go-tfe's `WorkspaceCreateOptions.valid` refuses the same.
fn triggers(workspace: &Resolved<'_>, findings: &mut Vec<Finding>) {
    let prefixes = workspace.said(|common| common.trigger_prefixes.as_ref()).filter(|(list, _)| !list.is_empty());
    let patterns = workspace.said(|common| common.trigger_patterns.as_ref()).filter(|(list, _)| !list.is_empty());
    let tags = workspace.vcs(|vcs| vcs.tags_regex.as_ref()).filter(|(regex, _)| !regex.is_empty());
    let files = workspace.said(|common| common.file_triggers_enabled.as_ref()).filter(|(said, _)| said.value);
    let name = &workspace.name;
    if let (Some((prefixes, _)), Some((patterns, _))) = (prefixes, patterns) {
        let places = prefixes.first().zip(patterns.first());
        if let Some((prefix, pattern)) = places {
            findings.push(
                Finding::error(
                    Rule::Exclusive,
                    workspace.at,
                    format!("{name} has both triggerPrefixes and triggerPatterns"),
                )
                .note_at("triggerPrefixes", prefix.at)
                .note_at("triggerPatterns", pattern.at)
                .remedy("patterns can say all that prefixes say: `PATH/**/*`; `[]` empties the other list"),
            );
        }
    }
    let mut excludes = |what: &str, at| {
        if let Some((regex, _)) = tags {
            findings.push(
                Finding::error(Rule::Exclusive, workspace.at, format!("{name} has both vcs.tagsRegex and {what}"))
                    .note_at("vcs.tagsRegex", regex.at)
                    .note_at(what.to_owned(), at)
                    .remedy("runs start for tags or for changed files, not both; `[]` empties a list from above"),
            );
        }
    };
    if let Some(first) = prefixes.and_then(|(list, _)| list.first()) {
        excludes("triggerPrefixes", first.at);
    }
    if let Some(first) = patterns.and_then(|(list, _)| list.first()) {
        excludes("triggerPatterns", first.at);
    }
    if let Some((said, _)) = files {
        excludes("fileTriggersEnabled", said.at);
    }
    for prefix in prefixes.iter().flat_map(|(list, _)| list.iter()).filter(|prefix| prefix.contains('*')) {
        let message = format!("triggerPrefixes are no patterns: the star of `{}` would be a literal one", prefix.value);
        let finding = Finding::error(Rule::LiteralStar, prefix.at, message);
        findings.push(finding.remedy("use triggerPatterns"));
    }
    if let Some((directory, _)) =
        workspace.said(|common| common.directory.as_ref()).filter(|(path, _)| path.contains('*'))
    {
        let message = format!("the star of the directory `{}` would be a literal one", directory.value);
        findings.push(Finding::error(Rule::LiteralStar, directory.at, message).remedy("name one directory"));
    }
}

fn state(workspace: &Resolved<'_>, findings: &mut Vec<Finding>) {
    let global = workspace.said(|common| common.global_remote_state.as_ref()).filter(|(said, _)| said.value);
    let consumers = workspace.wish.remote_state_consumers.as_ref().and_then(|list| list.first());
    if let (Some((global, _)), Some(consumer)) = (global, consumers) {
        findings.push(
            Finding::error(
                Rule::Exclusive,
                workspace.at,
                format!("{} names remoteStateConsumers, and all workspaces may read its state", workspace.name),
            )
            .note_at("globalRemoteState", global.at)
            .note_at("remoteStateConsumers", consumer.at)
            .remedy("globalRemoteState: false, or no list"),
        );
    }
}

fn repository(workspace: &Resolved<'_>, findings: &mut Vec<Finding>) {
    if let Some((repository, _)) = workspace.vcs(|vcs| vcs.repository.as_ref()) {
        let filled = workspace.fill(repository);
        let parts: Vec<&str> = filled.split('/').collect();
        if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) || filled.contains("://") {
            let message = format!("`{filled}` is not a repository as HCP names it");
            let finding = Finding::error(Rule::WrongValue, repository.at, message);
            findings.push(finding.remedy("write OWNER/NAME, without host and without .git"));
        }
    }
}
