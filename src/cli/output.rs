//! Results on standard output, everything else on standard error.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use super::arguments::Color;
use crate::error::Error;
use crate::plan::show::{Look, clean};

/// Where to write, and how.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    color: Color,
}

impl Output {
    /// With colours as the user wants them.
    pub fn new(color: Color) -> Self {
        Self { color }
    }

    fn colored(self, terminal: bool) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            // https://no-color.org: set and not empty.
            Color::Auto => terminal && !is_dumb() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    /// Whether lines beside the result may be drawn over.
    pub fn live() -> bool {
        io::stderr().is_terminal() && !is_dumb()
    }

    /// How a result is set.
    pub fn look(self, full: bool) -> Look {
        Look { color: self.colored(io::stdout().is_terminal()), full }
    }

    /// Whether messages beside the result may have colours.
    pub fn colored_notes(self) -> bool {
        self.colored(io::stderr().is_terminal())
    }

    /// Writes a part of the result. A reader that went away is no error.
    pub fn result(self, text: &str) -> Result<(), Error> {
        let mut out = anstream::AutoStream::new(io::stdout(), self.choice(io::stdout().is_terminal())).lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match written {
            Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
                Err(Error::new("writing to standard output").because(cause))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Says something beside the result.
    pub fn note(self, text: &str) {
        let mut out = anstream::AutoStream::new(io::stderr(), self.choice(io::stderr().is_terminal())).lock();
        // There is nowhere left to say that nothing can be said.
        let _ = writeln!(out, "{text}");
    }

    /// Says what went wrong, why, and what to do.
    pub fn error(self, error: &Error) {
        // Lines that we wrote stay lines; what others sent cannot move the cursor.
        let lines: Vec<String> = error.chain().lines().map(clean).collect();
        self.note(&format!("error: {}", lines.join("\n")));
        if let Some(hint) = error.remedy() {
            self.note(&format!("hint: {}", clean(hint)));
        }
    }

    fn choice(self, terminal: bool) -> anstream::ColorChoice {
        if self.colored(terminal) { anstream::ColorChoice::Always } else { anstream::ColorChoice::Never }
    }
}

/// A terminal that can do nothing but print.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|name| name == "dumb")
}
