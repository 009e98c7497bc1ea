//! What is printed for editors, shells and readers.

use std::path::Path;

use clap::CommandFactory as _;

use super::Ended;
use super::arguments::Arguments;
use super::exit::Exit;
use super::output::Output;
use crate::error::Error;
use crate::spec;

/// The JSON Schema of the spec.
pub fn schema(output: Output) -> Ended {
    let schema = serde_json::to_string_pretty(&spec::schema())
        .map_err(|cause| Error::new("writing the schema").because(cause))?;
    output.result(&format!("{schema}\n"))?;
    Ok(Exit::Converged)
}

/// Completions for a shell.
pub fn completions(shell: clap_complete::Shell, output: Output) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "reconcile", &mut script);
    output.result(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Converged)
}

/// The manual page, or those of all verbs into a folder.
pub fn man(folder: Option<&Path>, output: Output) -> Ended {
    let failed = |cause: std::io::Error| Error::new("writing the manual").because(cause);
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(failed)?;
        clap_mangen::generate_to(Arguments::command(), folder).map_err(failed)?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Arguments::command()).render(&mut page).map_err(failed)?;
        output.result(&String::from_utf8_lossy(&page))?;
    }
    Ok(Exit::Converged)
}
