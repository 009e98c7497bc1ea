//! The program: see the library for everything.

use std::io::Write as _;
use std::process::ExitCode;

use reconcile::cli::{self, Exit};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // What a panic says may hold a value that must not be shown; where it happened says enough.
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let _ = writeln!(std::io::stderr(), "error: a defect of this program, at {place}; please report it");
    }));
    let exit = std::panic::catch_unwind(|| cli::run(std::env::args_os())).unwrap_or(Exit::Failed);
    ExitCode::from(exit.code())
}
