//! The actions of a plan, thing by thing: like ones in one table, changed fields as `old -> new` with their reason.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{Page, Text, Tone, WIDTH};
use super::words;
use crate::address::Address;
use crate::plan::{Action, Cause, Change, Plan, Verb, Why};

/// The widest column of a table.
const COLUMN: usize = 36;
/// The widest column of addresses.
const NAMES: usize = 48;

/// A thing with what is done to itself and to what lies in it.
struct Thing<'a> {
    address: &'a str,
    kind: &'a str,
    /// As it is shown under the heading of where it is.
    name: &'a str,
    own: Option<&'a Action>,
    inner: Vec<(&'a str, &'a Action)>,
}

/// Systems in the order in which they stand on each other.
const ORDER: [&str; 4] = ["hcp", "kube", "docker", "vault"];

/// Writes all actions, one system after the other.
pub(super) fn write(page: &mut Page, plan: &Plan) {
    let mut places: BTreeMap<(usize, &str), Vec<(&Address, &Action)>> = BTreeMap::new();
    for (address, action) in &plan.actions {
        let rank = ORDER.iter().position(|system| *system == address.system()).unwrap_or(ORDER.len());
        places.entry((rank, address.place())).or_default().push((address, action));
    }
    for ((_, place), actions) in places {
        page.gap();
        page.line(&place.replacen('/', " ", 1));
        let things = things(&actions);
        if page.look().full {
            for thing in &things {
                block(page, thing, Some(plan));
            }
        } else {
            folded(page, &things);
        }
    }
}

fn things<'a>(actions: &[(&'a Address, &'a Action)]) -> Vec<Thing<'a>> {
    let mut things: Vec<Thing<'a>> = Vec::new();
    for (address, action) in actions {
        let outer = address.thing();
        if things.last().is_none_or(|thing| thing.address != outer) {
            things.push(Thing {
                address: outer,
                kind: address.kind(),
                name: name_of(address),
                own: None,
                inner: Vec::new(),
            });
        }
        if let Some(thing) = things.last_mut() {
            match address.as_str().strip_prefix(outer).and_then(|rest| rest.strip_prefix('/')) {
                None => thing.own = Some(action),
                Some(rest) => thing.inner.push((rest, action)),
            }
        }
    }
    things
}

fn name_of(address: &Address) -> &str {
    let thing = address.thing();
    thing.strip_prefix(address.place()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(thing)
}

impl Thing<'_> {
    /// All of it is new, so that one line says what it is.
    fn is_creation(&self) -> bool {
        self.own.is_some_and(|own| own.verb == Verb::Create)
            && self.inner.iter().all(|(_, action)| matches!(action.verb, Verb::Create | Verb::Mint))
    }

    fn name(&self) -> &str {
        self.name
    }

    /// The fields of a creation, those of what lies in it included. Where a part of it sets a field anew that the
    /// creation sets too, what it comes to is shown.
    fn fields(&self) -> Vec<(String, String)> {
        let own = self.own.map(|own| own.changes.as_slice()).unwrap_or_default();
        let mut fields: Vec<(String, String)> =
            own.iter().map(|change| (change.field.clone(), words::shown(&change.new, false))).collect();
        for (rest, action) in &self.inner {
            let (name, value) = match action.changes.as_slice() {
                [] => ((*rest).to_owned(), "new".to_owned()),
                [change] => (label(rest, &change.field), words::shown(&change.new, false)),
                several => {
                    let fact = |change: &Change| format!("{} {}", change.field, words::shown(&change.new, false));
                    ((*rest).to_owned(), several.iter().map(fact).collect::<Vec<_>>().join("; "))
                }
            };
            match fields.iter_mut().find(|(other, _)| *other == name) {
                Some(field) => field.1 = value,
                None => fields.push((name, value)),
            }
        }
        fields
    }
}

/// How a field of something inside a thing is called: a part that a thing has once needs no name of its own.
fn label(rest: &str, field: &str) -> String {
    if field == "value" {
        rest.to_owned()
    } else if rest.contains('/') {
        format!("{rest} {field}")
    } else {
        field.to_owned()
    }
}

/// Where a field of something inside a thing stands: with this, its address can be put together.
fn place(rest: &str, field: &str) -> String {
    if field == "value" || field == rest { rest.to_owned() } else { format!("{rest} {field}") }
}

/// The sign of an action, and without colour its word.
fn sign(page: &Page, verb: Verb, depth: usize) -> Text {
    let sign = verb.sign();
    let head = Text::indent((3 + depth).saturating_sub(sign.len())).and(sign, Tone::Sign(verb));
    if page.look().color { head } else { head.and(&format!("{:<7}", verb.as_str()), Tone::Sign(verb)) }
}

fn folded(page: &mut Page, things: &[Thing<'_>]) {
    let mut n = 0;
    while let Some(thing) = things.get(n) {
        let alike = things[n..].iter().take_while(|other| other.kind == thing.kind).count();
        let of_kind = &things[n..n + alike];
        let (creations, others): (Vec<&Thing<'_>>, Vec<&Thing<'_>>) =
            of_kind.iter().partition(|thing| thing.is_creation());
        for group in same_fields(&creations) {
            table(page, &group);
        }
        blocks(page, &others);
        n += alike;
    }
}

/// Creations that have the same fields, whatever lies in them.
fn same_fields<'t, 'a>(things: &[&'t Thing<'a>]) -> Vec<Vec<&'t Thing<'a>>> {
    let mut groups: Vec<(Vec<&str>, Vec<&'t Thing<'a>>)> = Vec::new();
    for thing in things {
        let fields: Vec<&str> =
            thing.own.iter().flat_map(|own| &own.changes).map(|change| change.field.as_str()).collect();
        match groups.iter_mut().find(|(other, _)| *other == fields) {
            Some((_, of)) => of.push(thing),
            None => groups.push((fields, vec![thing])),
        }
    }
    groups.into_iter().map(|(_, of)| of).collect()
}

/// Creations of one kind: the fields in which they differ as columns, the equal ones once.
fn table(page: &mut Page, things: &[&Thing<'_>]) {
    let rows: Vec<Vec<(String, String)>> = things.iter().map(|thing| thing.fields()).collect();
    let each = if things.len() > 1 { shared(&rows) } else { Vec::new() };
    let names = things.iter().map(|thing| thing.name().chars().count()).max().unwrap_or(0);
    let margin = sign(page, Verb::Create, 0).width() + 1;
    let first = margin + names.min(NAMES) + 2;
    let columns = if things.len() > 1 { columns(&rows, &each, first) } else { Vec::new() };
    if !columns.is_empty() {
        let mut head = String::new();
        for (label, width) in &columns {
            head.push_str(&pad(label, *width));
        }
        page.line(&format!("{}{}", " ".repeat(first), head.trim_end()));
    }
    for (thing, row) in things.iter().zip(&rows) {
        let head = sign(page, Verb::Create, 0).and(thing.name(), Tone::Plain);
        let mut cells = String::new();
        for (label, width) in &columns {
            let cell = row.iter().find(|(name, _)| name == label).map_or("", |(_, value)| value);
            cells.push_str(&pad(cell, *width));
        }
        let in_column = |field: &(String, String)| columns.iter().any(|(label, _)| *label == field.0);
        let rest = pairs(row.iter().filter(|field| !each.contains(field) && !in_column(field)));
        let why = thing.own.filter(|_| row.is_empty()).map(|own| words::why(&own.why)).unwrap_or_default();
        if columns.is_empty() && first + rest.width() <= WIDTH {
            page.row(&head, first, &rest, &why);
        } else {
            page.row(&head, first, &Text::plain(cells.trim_end()), &why);
            if !rest.is_empty() {
                page.beside(&Text::plain("        with"), 14, &rest);
            }
        }
    }
    if !each.is_empty() {
        page.beside(&Text::plain("      each"), 14, &pairs(each.iter()));
    }
}

fn pad(cell: &str, width: usize) -> String {
    use unicode_width::UnicodeWidthStr as _;
    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
}

fn pairs<'a>(fields: impl Iterator<Item = &'a (String, String)>) -> Text {
    let mut fields = fields.peekable();
    let mut text = Text::default();
    while let Some((name, value)) = fields.next() {
        let comma = if fields.peek().is_some() { "," } else { "" };
        text = text.phrase(&format!("{name}: {value}{comma}"));
    }
    text
}

/// Fields that all rows have with the same value, in their order.
fn shared(rows: &[Vec<(String, String)>]) -> Vec<(String, String)> {
    let Some((first, others)) = rows.split_first() else {
        return Vec::new();
    };
    first.iter().filter(|field| others.iter().all(|row| row.contains(field))).cloned().collect()
}

/// The fields that become columns, with their widths: those that most rows have, as many as there is room for.
fn columns(rows: &[Vec<(String, String)>], each: &[(String, String)], first: usize) -> Vec<(String, usize)> {
    use unicode_width::UnicodeWidthStr as _;
    let mut labels: Vec<&str> = Vec::new();
    for (label, _) in rows.iter().flatten() {
        if !labels.contains(&label.as_str()) && !each.iter().any(|(name, _)| name == label) {
            labels.push(label);
        }
    }
    let mut fitting: Vec<(usize, &str, usize)> = labels
        .into_iter()
        .enumerate()
        .filter_map(|(place, label)| {
            let cells: Vec<&str> = rows
                .iter()
                .filter_map(|row| row.iter().find(|(name, _)| name == label))
                .map(|(_, value)| value.as_str())
                .collect();
            let width = cells.iter().map(|cell| cell.width()).max().unwrap_or(0).max(label.width()) + 2;
            (cells.len() * 2 > rows.len() && width <= COLUMN).then_some((width, label, place))
        })
        .collect();
    // The narrowest first, so that as many as possible have room; then in their own order again.
    fitting.sort_unstable();
    let mut room = WIDTH.saturating_sub(first);
    fitting.retain(|(width, _, _)| {
        let fits = *width <= room;
        room -= if fits { *width } else { 0 };
        fits
    });
    fitting.sort_unstable_by_key(|(_, _, place)| *place);
    fitting.into_iter().map(|(width, label, _)| (label.to_owned(), width)).collect()
}

/// A line of a block: what stands on the left, the values, the reason.
#[derive(PartialEq, Eq)]
struct Row {
    sign: Option<Verb>,
    label: String,
    values: Text,
    why: String,
}

fn rows(thing: &Thing<'_>, full: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(own) = thing.own {
        rows.extend(
            own.changes
                .iter()
                .filter(|change| change.old != change.new)
                .map(|change| row(None, change.field.clone(), own, change, full)),
        );
    }
    for (rest, action) in &thing.inner {
        if action.changes.is_empty() {
            rows.push(Row {
                sign: own_sign(action.verb),
                label: (*rest).to_owned(),
                values: Text::default(),
                why: words::why(&action.why),
            });
        }
        for (n, change) in action.changes.iter().filter(|change| change.old != change.new).enumerate() {
            let sign = own_sign(action.verb).filter(|_| n == 0);
            rows.push(row(sign, place(rest, &change.field), action, change, full));
        }
    }
    rows
}

/// A part that changes needs no sign under a thing that changes.
fn own_sign(verb: Verb) -> Option<Verb> {
    (verb != Verb::Change).then_some(verb)
}

fn row(sign: Option<Verb>, label: String, action: &Action, change: &Change, full: bool) -> Row {
    Row { sign, label, values: words::change(action.verb, change, full), why: words::why(&change.why) }
}

/// Things that are changed or removed. Those to which exactly the same is done stand in one block.
fn blocks(page: &mut Page, things: &[&Thing<'_>]) {
    let mut groups: Vec<(Vec<Row>, Vec<&Thing<'_>>)> = Vec::new();
    for thing in things {
        let rows = rows(thing, false);
        let verb = thing.own.map(|own| own.verb);
        let same = groups.iter_mut().find(|(other, of)| {
            !rows.is_empty() && *other == rows && of.iter().all(|one| one.own.map(|own| own.verb) == verb)
        });
        match same {
            Some((_, of)) => of.push(thing),
            None => groups.push((rows, vec![thing])),
        }
    }
    for (rows, of) in &groups {
        match of.as_slice() {
            [thing] => block(page, thing, None),
            [thing, ..] => {
                let title = format!("{} x {}", of.len(), thing.kind);
                page.beside(&heading(page, verb(thing), &title), 0, &Text::default());
                write_rows(page, rows);
                let names: Vec<&str> = of.iter().map(|thing| thing.name()).collect();
                page.beside(&Text::plain("      in"), 10, &Text::plain(&names.join(", ")));
            }
            [] => {}
        }
    }
}

/// A thing of which only a part changes is changed.
fn verb(thing: &Thing<'_>) -> Verb {
    thing.own.map_or(Verb::Change, |own| own.verb)
}

fn heading(page: &Page, verb: Verb, title: &str) -> Text {
    sign(page, verb, 0).and(title, Tone::Plain)
}

/// One thing by itself. `plan`: everything is shown, what each action waits for as well.
fn block(page: &mut Page, thing: &Thing<'_>, plan: Option<&Plan>) {
    let rows = rows(thing, plan.is_some());
    let why = match thing.own {
        Some(own) if own.changes.is_empty() || says_more(&own.why) => words::why(&own.why),
        Some(_) | None => String::new(),
    };
    let head = heading(page, verb(thing), thing.name());
    page.row(&head, head.width(), &Text::default(), &why);
    write_rows(page, &rows);
    if let Some(plan) = plan {
        let producers: Vec<String> = producers(thing, plan).into_iter().collect();
        if !producers.is_empty() {
            page.beside(&Text::plain("      after"), 14, &Text::plain(&producers.join(", ")));
        }
    }
}

/// The reason of the whole says what those of its fields do not.
fn says_more(why: &Why) -> bool {
    let Why { cause, origin: _ } = why;
    match cause {
        Cause::Because(_) | Cause::Follows(_) | Cause::Gone => true,
        Cause::Spec | Cause::Drift | Cause::Differs => false,
    }
}

fn write_rows(page: &mut Page, rows: &[Row]) {
    let heads: Vec<Text> = rows
        .iter()
        .map(|row| match row.sign {
            Some(verb) => sign(page, verb, 2).and(&row.label, Tone::Plain),
            None => Text::indent(6).and(&row.label, Tone::Plain),
        })
        .collect();
    let column = heads.iter().map(Text::width).max().unwrap_or(0).min(NAMES) + 3;
    for (head, row) in heads.iter().zip(rows) {
        page.row(head, column, &row.values, &row.why);
    }
}

/// Other things that have to be done before this one or a part of it.
fn producers(thing: &Thing<'_>, plan: &Plan) -> BTreeSet<String> {
    let inside = |address: &str| {
        address.strip_prefix(thing.address).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    thing
        .own
        .into_iter()
        .chain(thing.inner.iter().map(|(_, action)| *action))
        .flat_map(|action| action.request.needs())
        .filter(|output| plan.actions.contains_key(&output.of) && !inside(output.of.as_str()))
        .map(|output| output.of.in_system().to_owned())
        .collect()
}
