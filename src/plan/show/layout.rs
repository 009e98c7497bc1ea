//! Setting words in lines of at most 100 columns. Nothing is cut off: what does not fit goes on in the next line.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

use super::Look;
use crate::plan::Verb;

/// The widest line, unless a single word is wider.
pub const WIDTH: usize = 100;

/// Where the right column, which says why, begins if there is room.
const WHY: usize = 64;

/// The part that a word plays, which decides its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// No colour.
    #[default]
    Plain,
    /// The sign of an action.
    Sign(Verb),
    /// A value that goes.
    Old,
    /// A value that comes.
    New,
    /// Something that went wrong or could not be done.
    Bad,
    /// Something that waits.
    Waiting,
}

impl Tone {
    fn style(self) -> Style {
        let color = match self {
            Self::Plain => return Style::new(),
            Self::Sign(Verb::Create | Verb::Mint | Verb::Adopt) | Self::New => AnsiColor::Green,
            Self::Sign(Verb::Change | Verb::Rename | Verb::Release) | Self::Waiting => AnsiColor::Yellow,
            Self::Sign(Verb::Replace | Verb::Remove | Verb::Revoke) | Self::Old | Self::Bad => AnsiColor::Red,
        };
        Style::new().fg_color(Some(color.into()))
    }
}

/// Words with their tones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    words: Vec<(String, Tone)>,
}

impl Text {
    /// Words in no colour.
    pub fn plain(text: &str) -> Self {
        Self::default().and(text, Tone::Plain)
    }

    /// So many columns of nothing before what follows.
    pub fn indent(columns: usize) -> Self {
        // Each empty word stands for the blank between it and the next one.
        Self { words: vec![(String::new(), Tone::Plain); columns] }
    }

    /// With more words behind.
    pub fn and(mut self, text: &str, tone: Tone) -> Self {
        if !text.is_empty() {
            self.words.extend(text.split(' ').map(|word| (word.to_owned(), tone)));
        }
        self
    }

    /// With words that stay in one line if they fit in one.
    pub fn phrase(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.words.push((text.to_owned(), Tone::Plain));
        }
        self
    }

    /// True when there is no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Columns that it takes in one line.
    pub fn width(&self) -> usize {
        self.words.iter().map(|(word, _)| word.width() + 1).sum::<usize>().saturating_sub(1)
    }

    /// Set in lines of at most so many columns.
    fn lines(&self, width: usize) -> Vec<Self> {
        let width = width.max(20);
        let mut lines = Vec::new();
        let mut line = Self::default();
        for (word, tone) in &self.words {
            let whole = word.width() <= width;
            for part in word.split(if whole { '\0' } else { ' ' }) {
                for piece in pieces(part, width) {
                    let mut piece = piece;
                    if !line.is_empty() && line.width() + 1 + piece.width() > width {
                        lines.push(std::mem::take(&mut line));
                        // Blanks that set it off from what stood before it.
                        piece = piece.trim_start();
                    }
                    line.words.push((piece.to_owned(), *tone));
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    fn write(&self, look: Look, out: &mut String) {
        for (n, (word, tone)) in self.words.iter().enumerate() {
            if n > 0 {
                out.push(' ');
            }
            let style = tone.style();
            // Writing to a String cannot fail.
            let _ = if look.color && *tone != Tone::Plain {
                write!(out, "{style}{word}{style:#}")
            } else {
                write!(out, "{word}")
            };
        }
    }
}

/// A word that is wider than a line, in pieces that are not.
fn pieces(word: &str, width: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while rest.width() > width {
        let mut end = 0;
        let mut taken = 0;
        for (at, c) in rest.char_indices() {
            let next = taken + c.to_string().width();
            if next > width && at > 0 {
                break;
            }
            taken = next;
            end = at + c.len_utf8();
        }
        let (piece, tail) = rest.split_at(end);
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    pieces
}

/// A text that grows line by line.
#[derive(Debug)]
pub struct Page {
    text: String,
    look: Look,
}

impl Page {
    /// An empty one.
    pub fn new(look: Look) -> Self {
        Self { text: String::new(), look }
    }

    /// How it is set.
    pub fn look(&self) -> Look {
        self.look
    }

    /// One line as it is.
    pub fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A blank line.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A head of a given width and a body that is wrapped beside it.
    pub fn beside(&mut self, head: &Text, column: usize, body: &Text) {
        self.row(head, column, body, "");
    }

    /// A head, a body beside it, and the reason in the right column.
    pub fn row(&mut self, head: &Text, column: usize, body: &Text, why: &str) {
        let mut lines = body.lines(WIDTH.saturating_sub(column)).into_iter();
        let mut out = String::new();
        head.write(self.look, &mut out);
        let mut used = head.width();
        if used > 0 && used >= column && !body.is_empty() && used + 2 + body.width() > WIDTH {
            self.line(&out);
            out.clear();
            used = 0;
        }
        if let Some(first) = lines.next() {
            let pad = column.saturating_sub(used).max(if used == 0 { column } else { 2 });
            out.push_str(&" ".repeat(pad));
            first.write(self.look, &mut out);
            used += pad + first.width();
            for line in lines {
                self.line(&out);
                out.clear();
                out.push_str(&" ".repeat(column));
                line.write(self.look, &mut out);
                used = column + line.width();
            }
        }
        self.finish(out, used, why);
    }

    /// Puts the reason at the end of a line, or below it if there is no room.
    fn finish(&mut self, mut out: String, used: usize, why: &str) {
        if why.is_empty() {
            self.line(&out);
            return;
        }
        let wide = why.width();
        let column = if WHY + wide <= WIDTH { WHY } else { WIDTH.saturating_sub(wide) };
        if used + 2 <= column {
            out.push_str(&" ".repeat(column - used));
            out.push_str(why);
            self.line(&out);
        } else if used + 2 + wide <= WIDTH {
            out.push_str(&" ".repeat(WIDTH - wide - used));
            out.push_str(why);
            self.line(&out);
        } else {
            self.line(&out);
            let column = if column < 8 { 8 } else { column.min(WHY) };
            for line in Text::plain(why).lines(WIDTH - column) {
                let mut below = " ".repeat(column);
                line.write(self.look, &mut below);
                self.line(&below);
            }
        }
    }

    /// The whole text.
    pub fn finished(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page::new(Look::default())
    }

    #[test]
    fn nothing_is_wider_than_a_page_and_nothing_is_lost() {
        let words = "alpha beta gamma ".repeat(30);
        let mut page = page();
        page.row(&Text::plain("      field"), 20, &Text::plain(words.trim()), "spec fleet.yaml:88");
        let text = page.finished();
        assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
        assert_eq!(text.matches("gamma").count(), 30);
        assert!(text.contains("spec fleet.yaml:88"));
    }

    #[test]
    fn a_word_without_end_is_broken() {
        let word = "x".repeat(250);
        let mut page = page();
        page.beside(&Text::plain("  a"), 10, &Text::plain(&word));
        let text = page.finished();
        assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
        assert_eq!(text.matches('x').count(), 250);
    }

    #[test]
    fn a_reason_without_room_stands_below() {
        let mut page = page();
        page.row(&Text::plain("head"), 10, &Text::plain(&"y".repeat(85)), "default at fleet.yaml:1");
        assert_eq!(page.finished().lines().count(), 2);
    }

    #[test]
    fn colour_is_on_the_sign_and_on_values_alone() {
        let mut page = Page::new(Look { color: true, full: false });
        let body = Text::plain("").and("1", Tone::Old).and("->", Tone::Plain).and("2", Tone::New);
        page.row(&Text::plain("field"), 10, &body, "drift");
        let text = page.finished();
        assert!(text.contains("\u{1b}[31m1\u{1b}[0m -> \u{1b}[32m2\u{1b}[0m"), "{text:?}");
        assert!(text.starts_with("field "), "{text:?}");
    }
}
