//! `render`: what would run on Docker hosts, as files for Docker Compose.

use std::path::Path;

use super::Ended;
use super::arguments::{Globals, Render};
use super::exit::Exit;
use super::output::Output;
use super::session;
use crate::error::Error;
use crate::plan::Gap;
use crate::systems::docker::{observe, plan};

/// `render`
pub async fn run(arguments: &Render, globals: &Globals, output: Output) -> Ended {
    let fleet = match session::load(&arguments.spec.files, globals, output)? {
        Ok(fleet) => fleet,
        Err(exit) => return Ok(exit),
    };
    let want = &fleet.desired.docker;
    let files = plan::compose(want, &observe::uploads(want).await);
    if files.is_empty() {
        return Err(Error::new("rendering compose files")
            .because("the fleet has no Docker host, or has given up all that it had")
            .hint("a host is a target with `docker`, and a pool names it: `target: NAME`"));
    }
    let mut exit = Exit::Converged;
    let mut first = true;
    for (target, file) in &files {
        let text = match file {
            Ok(text) => text,
            Err(gap) => {
                output.error(&unreadable(target, gap));
                exit = exit.or(Exit::Incomplete);
                continue;
            }
        };
        if let Some(folder) = &arguments.out {
            let path = write(folder, target, text)?;
            output.result(&format!("{}\n", path.display()))?;
        } else {
            // Each target is a document of its own.
            output.result(if first { "" } else { "---\n" })?;
            output.result(text)?;
        }
        first = false;
    }
    Ok(exit)
}

fn unreadable(target: &str, gap: &Gap) -> Error {
    Error::new(format!("rendering the compose file of {target}: {}", gap.doing))
        .because(gap.cause.clone())
        .hint(gap.hint.clone())
}

fn write(folder: &Path, target: &str, text: &str) -> Result<std::path::PathBuf, Error> {
    let folder = folder.join(target);
    let path = folder.join("compose.yaml");
    let failed = |cause: std::io::Error| Error::new(format!("writing {}", path.display())).because(cause);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    std::fs::write(&path, text).map_err(failed)?;
    Ok(path)
}
