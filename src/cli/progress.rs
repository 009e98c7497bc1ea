//! What happens during an apply: live lines on a terminal, plain ones elsewhere. Always on standard error.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
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

struct Board {
    output: Output,
    live: Option<(MultiProgress, ProgressBar)>,
    running: BTreeMap<Address, (Instant, Option<ProgressBar>)>,
}

impl Board {
    fn new(output: Output, total: usize) -> Self {
        let live = std::io::stderr().is_terminal().then(|| {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            let count = all.add(ProgressBar::new(total as u64));
            count.set_style(style("  {pos}/{len} done, {elapsed}"));
            count.enable_steady_tick(Duration::from_millis(200));
            (all, count)
        });
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
            // A terminal that went away is no reason to stop.
            Some((all, _)) => drop(all.println(text)),
            None => self.output.note(text),
        }
    }

    fn close(self) {
        if let Some((_, count)) = self.live {
            count.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; the fallback is indicatif's own.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
