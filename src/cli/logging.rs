//! What happens, on standard error.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, filter};

use super::arguments::{Globals, LogFormat};
use super::output::Output;
use super::progress;
use crate::http::WAITING;
use crate::plan::show::clean;

/// Starts the log. `RUST_LOG` is more exact than `-v`, and wins.
pub fn start(globals: &Globals, output: Output) {
    let level = match globals.verbose {
        0 => "warn",
        1 => "reconcile=info,warn",
        2 => "reconcile=debug,warn",
        _ => "reconcile=trace,info",
    };
    let given = EnvFilter::try_from_default_env().ok();
    // Whoever asks for a log reads there what is waited for.
    let waits = (given.is_none() && globals.verbose == 0 && Output::live()).then_some(Waits(output));
    let waits = waits.with_filter(filter::filter_fn(|message| message.target() == WAITING));
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = match globals.log_format {
        LogFormat::Json => log.json().boxed(),
        LogFormat::Text => log.with_ansi(output.colored_notes()).with_target(false).boxed(),
    };
    let filter = given.unwrap_or_else(|| EnvFilter::new(level));
    let log = log.with_filter(filter).with_filter(filter::filter_fn(is_discreet));
    // It can only fail if there is a log already, and then that one holds.
    let _ = tracing_subscriber::registry().with(waits).with(log).try_init();
}

/// Whether a message may be written, whatever the level that was asked for: the client of Docker Engines writes out the
/// bodies of its requests, and a container's environment has a token in it.
fn is_discreet(message: &Metadata<'_>) -> bool {
    !message.target().starts_with("bollard") || *message.level() <= Level::INFO
}

/// Tells a person what is being waited for: minutes without a word look like a program that hangs.
struct Waits(Output);

impl<S: Subscriber> Layer<S> for Waits {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words(String::new());
        event.record(&mut words);
        progress::aside(self.0, &clean(&words.0));
    }
}

/// The words of a message.
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
