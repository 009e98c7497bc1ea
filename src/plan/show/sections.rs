//! What is not done: waits, what could not be read, what is refused, what is left alone.

use std::collections::BTreeMap;

use super::layout::{Page, Text, Tone, WIDTH};
use super::words::clean;
use crate::address::Address;
use crate::plan::{Gap, Plan, Refusal, Rule, Untouched, Wait};

/// The most things of one kind that are named in "left alone" unless everything is asked for.
const FEW: usize = 5;
/// Where the words beside an address begin.
const BESIDE: usize = 42;
/// Where the words below an address begin.
const BELOW: usize = 6;

/// Writes the sections that are not empty.
pub(super) fn write(page: &mut Page, plan: &Plan) {
    waits(page, &plan.waits);
    gaps(page, &plan.gaps);
    refusals(page, &plan.refusals);
    untouched(page, &plan.untouched);
}

fn title(page: &mut Page, text: &str) {
    page.gap();
    page.line(text);
}

fn entry(sign: &str, tone: Tone, words: &str) -> Text {
    Text::indent(2).and(sign, tone).and(words, Tone::Plain)
}

/// A head and what is said of it: beside it if there is room in one line, else below.
fn about(page: &mut Page, head: &Text, text: &Text) {
    if head.width() + 2 <= BESIDE && BESIDE + text.width() <= WIDTH {
        page.beside(head, BESIDE, text);
    } else {
        page.beside(head, 0, &Text::default());
        page.beside(&Text::default(), BELOW, text);
    }
}

/// Addresses as they are shown, the system's name left out where it is HCP's.
fn names(addresses: &[&Address]) -> String {
    addresses.iter().map(|address| address.in_system()).collect::<Vec<_>>().join(", ")
}

fn waits(page: &mut Page, waits: &[Wait]) {
    if waits.is_empty() {
        return;
    }
    title(page, "waits");
    let mut groups: Vec<((&str, &str), Vec<&Address>)> = Vec::new();
    for Wait { address, what, until } in waits {
        let reason = (what.as_str(), until.as_str());
        match groups.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, addresses)) => addresses.push(address),
            None => groups.push((reason, vec![address])),
        }
    }
    for ((what, until), addresses) in groups {
        let head = match addresses.as_slice() {
            [address] => address.in_system().to_owned(),
            several => format!("{} things", several.len()),
        };
        about(page, &entry(".", Tone::Waiting, &head), &Text::plain(&clean(what)));
        page.beside(&Text::plain("      until"), 14, &Text::plain(&clean(until)));
        if addresses.len() > 1 {
            page.beside(&Text::plain("      namely"), 14, &Text::plain(&names(&addresses)));
        }
    }
}

fn gaps(page: &mut Page, gaps: &[Gap]) {
    if gaps.is_empty() {
        return;
    }
    title(page, "could not read");
    // One failed request is one entry, whatever follows from it.
    let mut groups: Vec<(&Gap, Vec<&Gap>)> = Vec::new();
    for gap in gaps {
        let alike = |other: &Gap| (&other.doing, &other.cause, &other.hint) == (&gap.doing, &gap.cause, &gap.hint);
        match groups.iter_mut().find(|(other, _)| alike(other)) {
            Some((_, also)) => also.push(gap),
            None => groups.push((gap, Vec::new())),
        }
    }
    for (first, also) in groups {
        let Gap { address, doing, cause, follows, hint, expected } = first;
        let text = Text::plain(&format!("{}: {}", clean(doing), clean(cause)));
        let tone = if *expected { Tone::Waiting } else { Tone::Bad };
        about(page, &entry("?", tone, address.in_system()), &text);
        if *expected {
            page.beside(&Text::plain("      but"), 14, &Text::plain("the spec says that it may be away"));
        }
        if !follows.is_empty() {
            page.beside(&Text::plain("      so"), 14, &Text::plain(&clean(follows)));
        }
        for (follows, addresses) in by_consequence(&also) {
            let text = format!("{}: {}", names(&addresses), clean(follows));
            page.beside(&Text::plain("      and"), 14, &Text::plain(&text));
        }
        if !hint.is_empty() {
            page.beside(&Text::plain("      do"), 14, &Text::plain(&clean(hint)));
        }
    }
}

/// What follows for whom.
fn by_consequence<'a>(gaps: &[&'a Gap]) -> BTreeMap<&'a str, Vec<&'a Address>> {
    let mut consequences: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
    for gap in gaps {
        consequences.entry(gap.follows.as_str()).or_default().push(&gap.address);
    }
    consequences
}

fn rule_title(rule: Rule) -> &'static str {
    match rule {
        Rule::NotOurs => "exists without our mark",
        Rule::OtherFleet => "belongs to another fleet",
        Rule::NewerTool => "was written by a newer version of this tool",
        Rule::LooksLikeRename => "a removal and a creation that look like one rename",
        Rule::WrongIdentity => "the far side is not the one that the spec pins",
        Rule::BeyondTier => "beyond what the organisation's tier has",
        Rule::UnknownReference => "a name that leads nowhere, or to more than one thing",
        Rule::NameTaken => "a name that is needed belongs to something of others",
        Rule::UnfitHost => "no agent can run there",
        Rule::RenameClash => "both the old and the new name exist",
        Rule::Invalid => "the cluster does not take it as it is written",
    }
}

fn refusals(page: &mut Page, refusals: &[Refusal]) {
    if refusals.is_empty() {
        return;
    }
    title(page, "refused: nothing is applied until this is settled");
    let mut rules: BTreeMap<Rule, Vec<(&Address, &str)>> = BTreeMap::new();
    for Refusal { rule, address, cause } in refusals {
        rules.entry(*rule).or_default().push((address, cause));
    }
    for (rule, cases) in rules {
        page.beside(&entry("!", Tone::Bad, rule_title(rule)), 0, &Text::default());
        for (address, cause) in cases {
            let head = Text::indent(6).and(address.in_system(), Tone::Plain);
            about(page, &head, &Text::plain(&clean(cause)));
        }
        page.beside(&Text::plain("      do"), 14, &Text::plain(rule.remedy()));
    }
}

fn untouched(page: &mut Page, untouched: &[Untouched]) {
    if untouched.is_empty() {
        return;
    }
    title(page, "left alone");
    let many = if page.look().full { usize::MAX } else { FEW };
    for Untouched { address, note } in untouched.iter().take(many) {
        about(page, &entry("=", Tone::Plain, address.in_system()), &Text::plain(&clean(note)));
    }
    if untouched.len() > many {
        page.line(&format!("    {} more: --full", untouched.len() - many));
    }
}
