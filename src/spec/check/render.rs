//! Findings as text: what, where, the line, why, and what to do; 100 columns, no boxes.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style as Ansi};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::super::finding::{Finding, Findings, Severity};
use super::counted;

const WIDTH: usize = 100;
const INDENT: usize = 9;

/// Colours, or none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    error: Ansi,
    warning: Ansi,
    quiet: Ansi,
}

impl Style {
    /// No colours.
    #[must_use]
    pub fn plain() -> Self {
        Self::default()
    }

    /// For a terminal.
    #[must_use]
    pub fn coloured() -> Self {
        Self {
            error: AnsiColor::Red.on_default().bold(),
            warning: AnsiColor::Yellow.on_default().bold(),
            quiet: Ansi::new().dimmed(),
        }
    }
}

/// All findings, then their number and what was not checked. The exit word is the caller's.
#[must_use]
pub fn render(findings: &Findings, unchecked: &[String], style: Style) -> String {
    let mut text = String::new();
    for finding in findings.iter() {
        one(findings, finding, style, &mut text);
    }
    let errors = counted(findings.errors(), "error");
    let warnings = counted(findings.warnings(), "warning");
    let _ = writeln!(text, "{errors}, {warnings}.");
    if !unchecked.is_empty() {
        for line in wrapped(&format!("Not checked here: {}.", unchecked.join(", ")), WIDTH) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

fn one(findings: &Findings, finding: &Finding, style: Style, text: &mut String) {
    let (word, colour) = match finding.severity {
        Severity::Error => ("error", style.error),
        Severity::Warning => ("warning", style.warning),
    };
    let place = format!("{:#}", findings.place(finding.at));
    let room = WIDTH.saturating_sub(INDENT + place.width() + 2).max(30);
    let mut lines = wrapped(&finding.message, room).into_iter();
    let first = lines.next().unwrap_or_default();
    let gap = WIDTH.saturating_sub(INDENT + first.width() + place.width()).max(2);
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        text,
        "{colour}{word}{colour:#}{:pad$}{first}{:gap$}{quiet}{place}{quiet:#}",
        "",
        "",
        pad = INDENT.saturating_sub(word.len()),
        quiet = style.quiet
    );
    for line in lines {
        let _ = writeln!(text, "{:INDENT$}{line}", "");
    }
    if let Some(line) = findings.excerpt(finding) {
        excerpt(line, usize::try_from(finding.at.column).unwrap_or(1), style, text);
    }
    for note in &finding.notes {
        let place = note.at.map(|at| format!("  {:#}", findings.place(at))).unwrap_or_default();
        paragraph("", &format!("{}{place}", note.text), text);
    }
    if let Some(reason) = &finding.accepted {
        paragraph("accepted: ", &format!("\"{reason}\""), text);
    }
    if let Some(remedy) = &finding.remedy {
        paragraph("do: ", remedy, text);
    }
}

fn paragraph(head: &str, body: &str, text: &mut String) {
    let room = WIDTH - INDENT - head.len();
    for (n, line) in wrapped(body, room).into_iter().enumerate() {
        let lead = if n == 0 { head } else { "" };
        let _ = writeln!(text, "{:INDENT$}{lead:head$}{line}", "", head = head.len());
    }
}

/// The line of the spec and a caret below the column, cut to a window around it where it is long.
fn excerpt(line: &str, column: usize, style: Style, text: &mut String) {
    let room = WIDTH - INDENT - 2;
    let clean: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let column = column.min(clean.len() + 1).max(1) - 1;
    let indented = clean.iter().take_while(|c| c.is_whitespace()).count();
    let indented = indented.min(column);
    let near = clean.len() - indented <= room || column - indented <= room / 2;
    let start = if near { indented } else { column - room / 2 };
    let mut shown = String::new();
    let mut caret = 0;
    for (n, c) in clean.iter().enumerate().skip(start) {
        if n == column {
            caret = shown.width();
        }
        if shown.width() + c.width().unwrap_or(0) > room {
            break;
        }
        shown.push(*c);
    }
    if column >= clean.len() {
        caret = shown.width();
    }
    let quiet = style.quiet;
    let _ = writeln!(text, "{:INDENT$}{quiet}|{quiet:#} {}", "", shown.trim_end());
    let _ = writeln!(text, "{:INDENT$}{quiet}|{quiet:#} {:caret$}{}^{:#}", "", "", style.warning, style.warning);
}

/// Broken at spaces; what is longer than a line is broken anywhere.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.width() + 1 + word.width() > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars().filter(|c| !c.is_control()) {
            if line.width() + c.width().unwrap_or(0) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_never_run_over() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }

    #[test]
    fn a_long_line_is_cut_around_its_column() {
        let mut text = String::new();
        let line = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
        excerpt(&line, 501, Style::plain(), &mut text);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.width() <= WIDTH), "{text}");
        let caret = lines[1].find('^').unwrap();
        assert_eq!(lines[0].get(caret..caret + 4), Some("HERE"));
    }
}
