//! What happens, on standard error.

use tracing_subscriber::EnvFilter;

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
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // It can only fail if there is a log already, and then that one holds.
    let _ = match globals.log_format {
        LogFormat::Json => log.json().try_init(),
        LogFormat::Text => log.with_ansi(color).with_target(false).try_init(),
    };
}
