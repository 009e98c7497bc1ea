//! What happens during an apply: live lines on a terminal, plain ones elsewhere. Always on standard error.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use tokio::sync::mpsc::UnboundedReceiver;

use super::output::Output;
use crate::address::Address;
use crate::apply::Event;
use crate::plan::show::clean;

/// The most actions that have a live line; the others only have their end.
const LIVE: usize = 12;

/// Shows events until there are no more.
pub async fn show(mut events: UnboundedReceiver<Event>, output: Output, total: usize, at_most: Duration) {
    let mut board = Board::new(output, total);
    while let Some(event) = events.recv().await {
        board.note(&event, at_most);
    }
    board.close();
}

/// The board of now, for what is said beside it.
static BOARD: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Says something while there may be a board: above it then.
pub fn aside(output: Output, text: &str) {
    let board = BOARD.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match board {
        Some(all) => all.suspend(|| output.note(text)),
        None => output.note(text),
    }
}

struct Board {
    output: Output,
    live: Option<(MultiProgress, ProgressBar)>,
    running: BTreeMap<Address, (Instant, Option<ProgressBar>)>,
}

impl Board {
    fn new(output: Output, total: usize) -> Self {
        let live = Output::live().then(|| {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::term_like_with_hz(
                Box::new(Screen(Term::stderr())),
                10,
            ));
            let count = all.add(ProgressBar::new(total as u64));
            count.set_style(style("  {pos}/{len} done, {elapsed}"));
            count.enable_steady_tick(Duration::from_millis(200));
            (all, count)
        });
        *BOARD.lock().unwrap_or_else(PoisonError::into_inner) = live.as_ref().map(|(all, _)| all.clone());
        Self { output, live, running: BTreeMap::new() }
    }

    fn note(&mut self, event: &Event, at_most: Duration) {
        match event {
            Event::Started(address, verb) => {
                let line = self.live.as_ref().filter(|_| self.running.len() < LIVE).map(|(all, count)| {
                    let line = all.insert_before(count, ProgressBar::new_spinner());
                    line.set_style(style("  {spinner} {msg} {elapsed}"));
                    line.set_message(format!("{verb} {}", address.in_system()));
                    line.enable_steady_tick(Duration::from_millis(100));
                    line
                });
                self.running.insert(address.clone(), (Instant::now(), line));
            }
            Event::Done(address, verb) => self.end("ok", address, verb.as_str()),
            Event::Failed(address, verb, why) => self.end("failed", address, &format!("{verb}: {}", clean(why))),
            Event::Skipped { address, after } => {
                self.say(&format!("  skipped {:<44} after {}", address.in_system(), after.in_system()));
                self.count();
            }
            Event::Stopping(under_way) => self.say(&format!(
                "finishing {under_way} {} ({} s at most); Ctrl-C again leaves at once",
                if *under_way == 1 { "action" } else { "actions" },
                at_most.as_secs()
            )),
        }
    }

    fn end(&mut self, word: &str, address: &Address, text: &str) {
        let took = match self.running.remove(address) {
            Some((began, line)) => {
                if let Some(line) = line {
                    line.finish_and_clear();
                }
                began.elapsed()
            }
            None => Duration::ZERO,
        };
        self.say(&format!("  {word:<7} {:<44} {text}  {:.1} s", address.in_system(), took.as_secs_f64()));
        self.count();
    }

    fn count(&self) {
        if let Some((_, count)) = &self.live {
            count.inc(1);
        }
    }

    fn say(&self, text: &str) {
        match &self.live {
            // As a line of its own: what is printed through the board is filled with blanks up to the edge and not
            // ended, so that such lines run together when they are copied or the window changes its width.
            Some((all, _)) => all.suspend(|| self.output.note(text)),
            None => self.output.note(text),
        }
    }

    fn close(self) {
        *BOARD.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some((_, count)) = self.live {
            count.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; the fallback is indicatif's own.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// The terminal, as long as there is one. One that went away is no reason to stop, and the board would panic on it.
#[derive(Debug)]
struct Screen(Term);

impl Screen {
    #[allow(clippy::unnecessary_wraps)] // The trait has it so.
    fn try_to(&self, draw: impl FnOnce(&Term) -> io::Result<()>) -> io::Result<()> {
        let _ = draw(&self.0);
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        TermLike::width(&self.0)
    }

    fn height(&self) -> u16 {
        TermLike::height(&self.0)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.try_to(|term| TermLike::move_cursor_up(term, lines))
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.try_to(|term| TermLike::move_cursor_down(term, lines))
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.try_to(|term| TermLike::move_cursor_right(term, columns))
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.try_to(|term| TermLike::move_cursor_left(term, columns))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.try_to(|term| TermLike::write_line(term, text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.try_to(|term| TermLike::write_str(term, text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.try_to(TermLike::clear_line)
    }

    /// The end of a drawing. The board leaves the cursor behind the last column, where the `^C` that a terminal shows for
    /// that key would begin a line that the board knows nothing of.
    fn flush(&self) -> io::Result<()> {
        self.try_to(|term| TermLike::write_str(term, "\r").and_then(|()| TermLike::flush(term)))
    }
}
