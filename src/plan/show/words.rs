//! Values and reasons in words.

use serde_json::Value;

use super::layout::{Text, Tone};
use crate::plan::{Cause, Change, Fact, Output, Shown, Verb, What, Why};

/// The longest value that is shown whole unless everything is asked for.
const LONG: usize = 240;

/// A text of somebody else's: control characters would move the cursor, so they are escaped.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_bidi(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Characters that turn the direction of text, so that it reads as something else than it is.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// A value in words.
pub fn value(value: &Value, full: bool) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => string(text, full),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| self::value(item, full)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(_) => string(&value.to_string(), full),
    }
}

fn string(text: &str, full: bool) -> String {
    let blank = text.is_empty() || text.trim() != text;
    let count = text.chars().count();
    if blank {
        format!("\"{}\"", clean(text))
    } else if count > LONG && !full {
        let start: String = text.chars().take(60).collect();
        format!("{}... ({count} characters in {} lines; --full shows them)", clean(&start), text.lines().count())
    } else {
        clean(text)
    }
}

/// What an action makes, in a word.
pub fn what(what: &What) -> &'static str {
    match what {
        What::Id => "id",
        What::Credential => "credential",
        What::Fact(Fact::Allowed(_)) => "permission",
        What::Fact(Fact::InPlace | Fact::Gone | Fact::LetGo) => "done",
    }
}

/// What an action makes, with its maker: `id <- pool/nas`.
pub fn output(output: &Output) -> String {
    let Output { of, what } = output;
    format!("{} <- {}", self::what(what), of.in_system())
}

/// A value as a plan shows it.
pub fn shown(shown: &Shown, full: bool) -> String {
    match shown {
        Shown::Nothing => "(none)".to_owned(),
        Shown::Value(value) => self::value(value, full),
        Shown::Secret(words) => format!("(secret) {}", clean(words)),
        Shown::Later(output) => self::output(output),
    }
}

/// `old -> new`; for what is made just `new`, for what goes just `old`.
pub fn change(verb: Verb, change: &Change, full: bool) -> Text {
    let Change { field: _, old, new, why: _ } = change;
    let text = Text::default();
    match (verb, old, new) {
        (Verb::Create | Verb::Mint, Shown::Nothing, new) => text.and(&shown(new, full), Tone::New),
        (_, Shown::Secret(old), Shown::Secret(new)) => text
            .and("(secret)", Tone::Plain)
            .and(&clean(old), Tone::Old)
            .and("->", Tone::Plain)
            .and(&clean(new), Tone::New),
        (_, Shown::Nothing, Shown::Nothing) => text,
        (_, Shown::Value(Value::Array(old)), Shown::Value(Value::Array(new)))
            if !full && let Some(text) = members(old, new, |item| value(item, full)) =>
        {
            text
        }
        (_, old, new) => {
            let (old, new) = distinct(old, new, full);
            text.and(&old, Tone::Old).and("->", Tone::Plain).and(&new, Tone::New)
        }
    }
}

/// The fewest members of a list that stay for it to be told by what comes and what goes alone.
const MANY: usize = 3;

/// What comes to a long list and what goes of it, as most of it stays. `None` where the whole lists say it better.
pub fn members(old: &[Value], new: &[Value], shown: impl Fn(&Value) -> String) -> Option<Text> {
    let without = |list: &[Value], other: &[Value]| -> Vec<String> {
        list.iter().filter(|item| !other.contains(item)).map(&shown).collect()
    };
    let (gone, come) = (without(old, new), without(new, old));
    let stay = new.len().checked_sub(come.len()).filter(|stay| *stay >= MANY)?;
    if gone.is_empty() && come.is_empty() {
        // Only the order differs.
        return None;
    }
    let mut text = Text::default();
    let signs = [("-", Tone::Old, gone), ("+", Tone::New, come)];
    for (sign, tone, names) in signs {
        for name in names {
            text = text.and(&format!("{sign} {name},"), tone);
        }
    }
    Some(text.and(&format!("{stay} stay"), Tone::Plain))
}

/// Both values in words. Two that differ never look the same, even where they are shortened.
fn distinct(old: &Shown, new: &Shown, full: bool) -> (String, String) {
    let short = (shown(old, full), shown(new, full));
    if short.0 == short.1 && old != new {
        return (shown(old, true), shown(new, true));
    }
    short
}

/// A reason in words.
pub fn why(why: &Why) -> String {
    let Why { cause, origin } = why;
    let origin = origin.as_ref().map(ToString::to_string);
    let cause = match cause {
        Cause::Spec => return origin.unwrap_or_else(|| "spec".to_owned()),
        Cause::Drift => "drift".to_owned(),
        Cause::Differs => "differs".to_owned(),
        Cause::Gone => "gone from the spec".to_owned(),
        Cause::Follows(address) => format!("follows {}", address.in_system()),
        Cause::Because(words) => clean(words),
    };
    match origin {
        Some(origin) => format!("{cause}; {origin}"),
        None => cause,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_of_others_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(clean("caf\u{e9} \u{202e}x"), "caf\u{e9} \\u{202e}x");
    }

    #[test]
    fn long_values_that_begin_alike_are_shown_whole() {
        let long = |end: &str| Shown::text(format!("{}{end}", "a".repeat(300)));
        let (old, new) = distinct(&long("x"), &long("y"), false);
        assert!(old.ends_with('x') && new.ends_with('y'), "{old} {new}");
    }

    #[test]
    fn of_long_lists_what_comes_and_goes_is_said() {
        let list = |names: &str| names.split(' ').map(Value::from).collect::<Vec<_>>();
        let said = |old: &str, new: &str| {
            let text = members(&list(old), &list(new), |item| value(item, false))?;
            let mut page = crate::plan::show::Page::new(crate::plan::show::Look::default());
            page.beside(&Text::default(), 0, &text);
            Some(page.finished().trim_end().to_owned())
        };
        assert_eq!(said("a b c d", "a b c e").as_deref(), Some("- d, + e, 3 stay"));
        assert_eq!(said("a b c", "a b c d e").as_deref(), Some("+ d, + e, 3 stay"));
        assert_eq!(said("a b c d", "b c d").as_deref(), Some("- a, 3 stay"));
        assert_eq!(said("a b", "a c"), None, "short lists are shown whole");
        assert_eq!(said("a b c d", "d c b a"), None, "an order is shown whole");
    }

    #[test]
    fn lists_and_blanks_are_told_apart() {
        assert_eq!(value(&json!(["a", "b"]), false), "[a, b]");
        assert_eq!(value(&json!(""), false), "\"\"");
        assert_eq!(value(&Value::Null, false), "(none)");
    }
}
