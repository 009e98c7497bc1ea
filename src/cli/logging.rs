//! What happens, on standard error.

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

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
    let _ = tracing_subscriber::registry().with(log).with(filter).with(filter_fn(is_harmless)).try_init();
}

/// The client of Docker's API writes the bodies of requests and answers to its log, and an agent's token is in some: no
/// `RUST_LOG` gets to see them.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("bollard") || *metadata.level() <= Level::WARN
}
