//! The plan as text: who and where, what is done, what is not, and what it comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use super::layout::{Page, Text, Tone, WIDTH};
use super::words::clean;
use super::{Header, Look, Reading, SystemLine, World, counts, sections, things};
use crate::origin::{FileName, Origin, Place};
use crate::plan::{Confirmation, Effect, Plan};

/// A plan with more lines says what it comes to at its top too.
const SCREEN: usize = 50;

/// The plan as text. `ending` is the exit word, which is the last thing that it says.
#[must_use]
pub fn render(plan: &Plan, header: &Header, look: Look, ending: &str) -> String {
    let mut body = Page::new(look);
    things::write(&mut body, &with_short_places(plan));
    sections::write(&mut body, plan);
    let body = body.finished();
    let mut page = Page::new(look);
    head(&mut page, header, plan);
    let summary = format!("Plan {}: {}.", header.digest(plan).short(), counts(plan));
    if body.lines().count() > SCREEN {
        page.line(&summary);
    }
    let mut text = page.finished();
    text.push_str(&body);
    let mut page = Page::new(look);
    page.gap();
    if plan.actions.is_empty() {
        last(&mut page, &summary, ending);
    } else {
        page.beside(&Text::default(), 0, &Text::plain(&summary));
        if let Some(Confirmation { removals, because }) = &plan.confirmation {
            let text = format!("Needs --removals {removals}: {because}. Was a file of the spec left out?");
            page.beside(&Text::default(), 0, &Text::plain(&clean(&text)));
        }
        last(&mut page, &effect(plan.effect()), ending);
    }
    text.push_str(&page.finished());
    text
}

/// The plan with the files of its reasons by their names alone, as long as each name is one file's: the header has
/// the paths.
fn with_short_places(plan: &Plan) -> Plan {
    let mut files: BTreeMap<FileName, BTreeSet<FileName>> = BTreeMap::new();
    let mut plan = plan.clone();
    for place in places(&mut plan) {
        files.entry(name_of(&place.file)).or_default().insert(place.file.clone());
    }
    for place in places(&mut plan) {
        let name = name_of(&place.file);
        if files.get(&name).is_some_and(|paths| paths.len() == 1) {
            place.file = name;
        }
    }
    plan
}

fn name_of(path: &FileName) -> FileName {
    let name = Path::new(path.as_str()).file_name().and_then(|name| name.to_str());
    name.map_or_else(|| path.clone(), FileName::from)
}

/// The places in the spec that the reasons of a plan name.
fn places(plan: &mut Plan) -> impl Iterator<Item = &mut Place> {
    plan.actions.values_mut().flat_map(|action| {
        let whys = action.changes.iter_mut().map(|change| &mut change.why).chain([&mut action.why]);
        whys.filter_map(|why| match &mut why.origin {
            Some(Origin::Spec(place) | Origin::Default(place) | Origin::Template(place)) => Some(place),
            Some(Origin::Derived { from: _, place }) => place.as_mut(),
            Some(Origin::Documented) | None => None,
        })
    })
}

fn last(page: &mut Page, text: &str, ending: &str) {
    let text = Text::plain(text);
    if ending.is_empty() {
        page.beside(&Text::default(), 0, &text);
    } else {
        page.beside(&Text::default(), 0, &text.phrase(&format!("  ({ending})")));
    }
}

/// The lines above a plan.
pub(super) fn head(page: &mut Page, header: &Header, plan: &Plan) {
    let Header { fleet, spec, profile, world, organization: _, version, systems, reading, unpinned, warnings } = header;
    let mut words = vec![format!("fleet {fleet}"), clean(spec)];
    words.extend(profile.iter().map(|profile| format!("as {}", clean(profile))));
    words.push(world.word().to_owned());
    first_line(page, &words, &format!("reconcile {version}"));
    if let World::Sandbox(directory) = world {
        page.line(&format!("  sandbox {}", clean(directory)));
    }
    let width = systems.iter().map(|line| line.system.len()).max().unwrap_or(0).max(6);
    for SystemLine { system, name, facts } in systems {
        let head = Text::indent(2).and(&format!("{system:<width$} {}", clean(name)), Tone::Plain);
        page.beside(&head, head.width() + 2, &Text::plain(&clean(facts)));
    }
    let Reading { requests, took } = reading;
    let unread = match plan.gaps.len() {
        0 => "everything could be read".to_owned(),
        1 => "1 thing could not be read".to_owned(),
        many => format!("{many} things could not be read"),
    };
    let noun = if *requests == 1 { "request" } else { "requests" };
    page.line(&format!("  read in {}, {requests} {noun}, 0 writes; {unread}", seconds(*took)));
    for pin in unpinned {
        let line = Text::plain(&format!("  not pinned yet: {}", clean(pin)));
        if line.width() <= WIDTH {
            page.beside(&line, 0, &Text::default());
        } else {
            // YAML in braces may be broken wherever there is a space, so this can still be put into a spec.
            page.line("  not pinned yet:");
            page.beside(&Text::default(), 6, &Text::plain(&clean(pin)));
        }
    }
    for warning in warnings {
        page.beside(&Text::indent(2).and("warning:", Tone::Waiting), 11, &Text::plain(&clean(warning)));
    }
}

/// Words with wide gaps and one at the right edge; what does not fit goes on in the next line.
fn first_line(page: &mut Page, words: &[String], right: &str) {
    const GAP: &str = "   ";
    let mut line = String::new();
    for word in words {
        if !line.trim().is_empty() && line.width() + GAP.len() + word.width() > WIDTH {
            page.line(&line);
            line = String::from("  ");
        } else if !line.is_empty() {
            line.push_str(GAP);
        }
        line.push_str(word);
    }
    if line.width() + GAP.len() + right.width() > WIDTH {
        page.line(&line);
        line = String::from(" ");
    }
    let blank = WIDTH.saturating_sub(line.width() + right.width());
    page.line(&format!("{line}{:blank$}{right}", ""));
}

/// A duration as a person says it.
#[must_use]
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn effect(effect: Effect) -> String {
    let Effect { agents, revoked, moved, workspaces } = effect;
    let count = |count: u32, none: &str, verb: &str, one: &str| match count {
        0 => none.to_owned(),
        1 => format!("{verb} 1 {one}"),
        many => format!("{verb} {many} {one}s"),
    };
    let mut parts = vec![
        // By construction: what would is a wait.
        "interrupts no run".to_owned(),
        count(agents, "restarts no agent", "restarts", "agent"),
        count(revoked, "revokes nothing", "revokes", "credential"),
    ];
    if moved > 0 {
        parts.push(count(moved, "", "moves the runs of", "workspace"));
    }
    if workspaces > 0 {
        parts.push(count(workspaces, "", "removes", "workspace"));
    }
    format!("Effect: {}.", parts.join(", "))
}
