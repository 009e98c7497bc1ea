//! What happens, on standard error.

use tracing::{Level, Metadata};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, filter};

use super::arguments::{Globals, LogFormat};

/// Starts the log. `RUST_LOG` is more exact than `-v`, and wins.
pub fn start(globals: &Globals, color: bool) {
    let level = match globals.verbose {
        0 => "warn",
        1 => "reconcile=info,warn",
        2 => "reconcile=debug,warn",
        _ => "reconcile=trace,info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = match globals.log_format {
        LogFormat::Json => log.json().boxed(),
        LogFormat::Text => log.with_ansi(color).with_target(false).boxed(),
    };
    // It can only fail if there is a log already, and then that one holds.
    let _ = tracing_subscriber::registry().with(filter).with(filter::filter_fn(is_discreet)).with(log).try_init();
}

/// Whether a message may be written, whatever the level that was asked for: the client of Docker Engines writes out the
/// bodies of its requests, and a container's environment has a token in it.
fn is_discreet(message: &Metadata<'_>) -> bool {
    !message.target().starts_with("bollard") || *message.level() <= Level::INFO
}
