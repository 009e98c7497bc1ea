//! The program: see the library for everything.

use std::process::ExitCode;

use reconcile::cli;

fn main() -> ExitCode {
    ExitCode::from(cli::guarded(|| cli::run(std::env::args_os())).code())
}
