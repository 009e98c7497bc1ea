//! `sandbox serve`: the stand-in alone, for any client.

use std::path::{Path, PathBuf};

use super::Ended;
use serde_json::{Value, json};

use super::arguments::{Advance, Globals, Queue, Serve};
use super::exit::Exit;
use super::output::Output;
use super::session;
use super::signals::Signals;
use crate::error::Error;
use crate::sandbox::faults::Faults;
use crate::sandbox::{Sandbox, Seed};

/// Serves until it is stopped.
pub async fn serve(arguments: &Serve, globals: &Globals, output: Output, signals: &Signals) -> Ended {
    let files = session::files(&arguments.spec).ok();
    let given = arguments.directory.clone().or_else(|| globals.sandbox.clone().flatten());
    let directory: PathBuf = session::sandbox_directory(given.as_deref(), files.as_deref().unwrap_or_default())?;
    let seed = match &files {
        Some(files) if arguments.directory.is_none() || !arguments.spec.is_empty() => {
            match session::load(files, globals, output)? {
                Ok(fleet) => session::seed_of(&fleet.desired, &directory).await,
                Err(exit) => return Ok(exit),
            }
        }
        Some(_) | None => Seed::default(),
    };
    let sandbox = Sandbox::serve(&directory, Some(arguments.listen), &seed)
        .await
        .map_err(|cause| Error::new("serving the sandbox").because(cause))?;
    if let Some(file) = &arguments.faults {
        let failed = || Error::new(format!("reading the script of faults {}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|cause| failed().because(cause))?;
        let faults: Faults = faults(&text).map_err(|cause| failed().because(cause))?;
        sandbox.script(faults).map_err(|cause| failed().because(cause))?;
    }
    output.result(&served(&directory, &sandbox))?;
    signals.stop.gently.cancelled().await;
    Ok(signals.exit())
}

/// What a client needs to know: where HCP is, and each Docker Engine.
fn served(directory: &Path, sandbox: &Sandbox) -> String {
    let mut lines = vec![
        format!("SANDBOX {}", directory.display()),
        format!("address {}", sandbox.address()),
        format!("token   {}", sandbox.token()),
    ];
    lines.extend(sandbox.engines().into_iter().map(|(target, address)| format!("docker  {address}  {target}")));
    lines.push(String::new());
    lines.join("\n")
}

/// `sandbox queue`
pub async fn queue(Queue { workspace, spec }: &Queue, globals: &Globals, output: Output) -> Ended {
    let body = json!({ "workspace": workspace, "status": "plan_queued" });
    let doing = format!("queueing a run of {workspace} in the sandbox");
    match tell(&spec.files, globals, output, ("runs", &body), &doing).await? {
        Ok(answer) => {
            let run = answer.get("run").and_then(Value::as_str).unwrap_or_default();
            output.result(&format!(
                "{run} is queued in {workspace}; it waits for an agent if the workspace runs on a pool\n"
            ))?;
            Ok(Exit::Converged)
        }
        Err(exit) => Ok(exit),
    }
}

/// `sandbox advance`
pub async fn advance(Advance { time, spec }: &Advance, globals: &Globals, output: Output) -> Ended {
    let body = json!({ "seconds": time });
    match tell(&spec.files, globals, output, ("advance", &body), "letting time pass in the sandbox").await? {
        Ok(answer) => {
            let now = answer.get("now").and_then(Value::as_str).unwrap_or_default();
            output.result(&format!("it is {now} there\n"))?;
            Ok(Exit::Converged)
        }
        Err(exit) => Ok(exit),
    }
}

/// Tells the sandbox of a spec what a person, a repository or the time would do.
async fn tell(
    given: &[PathBuf],
    globals: &Globals,
    output: Output,
    (verb, body): (&str, &Value),
    doing: &str,
) -> Result<Result<Value, Exit>, Error> {
    let fleet = match session::load(given, globals, output)? {
        Ok(fleet) => fleet,
        Err(exit) => return Ok(Err(exit)),
    };
    let directory = session::sandbox_directory(globals.sandbox.clone().flatten().as_deref(), &fleet.files)?;
    let failed = || Error::new(doing.to_owned());
    let attached = Sandbox::attach_or_serve(&directory, &session::seed_of(&fleet.desired, &directory).await)
        .await
        .map_err(|cause| failed().because(cause))?;
    // A second installation, as by another client of this process, changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sent = reqwest::Client::new()
        .post(format!("{}/sandbox/{verb}", attached.address))
        .bearer_auth(&attached.token)
        .header("Content-Type", "application/vnd.api+json")
        .json(body)
        .send()
        .await;
    let answer = sent.map_err(|cause| failed().because(cause))?;
    let fine = answer.status().is_success();
    let text = answer.text().await.map_err(|cause| failed().because(cause))?;
    if !fine {
        return Err(failed().because(text.trim().to_owned()).hint("name a workspace that an apply has made there"));
    }
    serde_json::from_str(&text).map(Ok).map_err(|cause| failed().because(cause))
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
