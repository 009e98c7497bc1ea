//! The command line: arguments in, results on standard output, an exit code.

mod apply;
mod arguments;
mod check;
mod diff;
mod documents;
mod exit;
mod explain;
mod header;
mod init;
mod logging;
mod output;
mod pin;
mod plan;
mod progress;
mod release;
mod render;
mod revision;
mod rotate;
mod sandbox;
mod session;
mod signals;
mod usage;

use std::ffi::OsString;
use std::io::Write as _;
use std::panic::UnwindSafe;

use self::arguments::{Arguments, RotateVerb, SandboxVerb, Verb};
pub use self::exit::Exit;
use self::output::Output;
use self::signals::Signals;
use crate::error::Error;

/// What a verb comes to: an end, or an error that is shown by whoever called.
type Ended = Result<Exit, Error>;

/// Runs the program such that a panic shows none of its values and ends as an error does.
pub fn guarded(run: impl FnOnce() -> Exit + UnwindSafe) -> Exit {
    std::panic::set_hook(Box::new(|panic| {
        // What a panic says may hold a value that must not be shown; where it happened says enough.
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let _ = writeln!(std::io::stderr(), "error: a defect of this program, at {place}; please report it");
    }));
    std::panic::catch_unwind(run).unwrap_or(Exit::Failed)
}

/// Reads the command line and does what it says.
#[must_use]
pub fn run(words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Exit {
    let arguments = match usage::read(words) {
        Ok(arguments) => arguments,
        Err(refused) => {
            // A reader that went away is no error.
            let _ = refused.print();
            return if refused.use_stderr() { Exit::Usage } else { Exit::Converged };
        }
    };
    let output = Output::new(arguments.globals.color);
    logging::start(&arguments.globals, output);
    ended(&arguments, output).unwrap_or_else(|error| {
        output.error(&error);
        Exit::Failed
    })
}

fn ended(arguments: &Arguments, output: Output) -> Ended {
    let globals = &arguments.globals;
    match &arguments.verb {
        Verb::Init(init) => init::run(init, output),
        Verb::Check(check) => check::run(check, globals, output),
        Verb::Explain(explain) => explain::run(explain, globals, output),
        Verb::Diff(diff) => diff::run(diff, globals, output),
        Verb::Schema => documents::schema(output),
        Verb::Completions { shell } => documents::completions(*shell, output),
        Verb::Man { out } => documents::man(out.as_deref(), output),
        Verb::Plan(plan) => on_runtime(async |signals| plan::run(plan, globals, output, &signals).await),
        Verb::Apply(apply) => on_runtime(async |signals| apply::run(apply, globals, output, &signals).await),
        Verb::Rotate(RotateVerb::AgentTokens(rotate)) => {
            on_runtime(async |signals| rotate::run(rotate, globals, output, &signals).await)
        }
        Verb::Pin(pin) => on_runtime(async |signals| pin::run(pin, globals, output, &signals).await),
        Verb::Render(render) => on_runtime(async |_| render::run(render, globals, output).await),
        Verb::Release(release) => on_runtime(async |signals| release::run(release, globals, output, &signals).await),
        Verb::Sandbox(SandboxVerb::Queue(queue)) => on_runtime(async |_| sandbox::queue(queue, globals, output).await),
        Verb::Sandbox(SandboxVerb::Advance(advance)) => {
            on_runtime(async |_| sandbox::advance(advance, globals, output).await)
        }
        Verb::Sandbox(SandboxVerb::Serve(serve)) => {
            on_runtime(async |signals| sandbox::serve(serve, globals, output, &signals).await)
        }
    }
}

/// Runs what waits for networks and signals. What still reads a terminal when it ends is not waited for.
fn on_runtime(work: impl AsyncFnOnce(Signals) -> Ended) -> Ended {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|cause| Error::new("starting").because(cause))?;
    let (ended, signals) = runtime.block_on(async {
        let signals = Signals::listen();
        (work(signals.clone()).await, signals)
    });
    runtime.shutdown_background();
    // A group of its own hears nothing of a Ctrl-C, and is not waited for either.
    crate::secret::stop_commands();
    match ended {
        // Whoever hung up reads nothing any more; that nothing could be written says no more than that.
        Err(_) if signals.hung_up() => Ok(signals.exit()),
        ended => ended,
    }
}
