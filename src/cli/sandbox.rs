//! `sandbox serve`: the stand-in alone, for any client.

use std::path::PathBuf;

use super::Ended;
use super::arguments::{Globals, Serve};
use super::output::Output;
use super::session;
use super::signals::Signals;
use crate::error::Error;
use crate::sandbox::faults::Faults;
use crate::sandbox::{Sandbox, Seed};

/// Serves until it is stopped.
pub async fn serve(arguments: &Serve, globals: &Globals, output: Output, signals: &Signals) -> Ended {
    let files = session::files(&arguments.spec).ok();
    let seed = match &files {
        Some(files) if arguments.directory.is_none() || !arguments.spec.is_empty() => {
            match session::load(files, globals, output)? {
                Ok(fleet) => session::seed(&fleet.desired),
                Err(exit) => return Ok(exit),
            }
        }
        Some(_) | None => Seed::default(),
    };
    let given = arguments.directory.clone().or_else(|| globals.sandbox.clone().flatten());
    let directory: PathBuf = session::sandbox_directory(given.as_deref(), files.as_deref().unwrap_or_default())?;
    let sandbox = Sandbox::serve(&directory, Some(arguments.listen), &seed)
        .await
        .map_err(|cause| Error::new("serving the sandbox").because(cause))?;
    if let Some(file) = &arguments.faults {
        let failed = || Error::new(format!("reading the script of faults {}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|cause| failed().because(cause))?;
        let faults: Faults = faults(&text).map_err(|cause| failed().because(cause))?;
        sandbox.script(faults).map_err(|cause| failed().because(cause))?;
    }
    output.result(&format!(
        "SANDBOX {}\naddress {}\ntoken   {}\n",
        directory.display(),
        sandbox.address(),
        sandbox.token()
    ))?;
    signals.stop.gently.cancelled().await;
    Ok(signals.exit())
}

/// A script as JSON or YAML; JSON is YAML too, but its messages are better.
fn faults(text: &str) -> Result<Faults, String> {
    use figment::providers::{Format as _, Yaml};
    if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|cause| cause.to_string())
    } else {
        // The YAML reader wants tags for enums; JSON's shape is the documented one.
        let value: serde_json::Value = Yaml::from_str(text).map_err(|cause| cause.to_string())?;
        serde_json::from_value(value).map_err(|cause| cause.to_string())
    }
}
