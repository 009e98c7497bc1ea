//! `init`: a first spec from what lies around.

mod found;
mod write;

use std::io::Write as _;
use std::path::Path;

use self::found::Found;
use super::Ended;
use super::arguments::Init;
use super::exit::Exit;
use super::output::Output;
use crate::error::Error;

/// `init`
pub fn run(arguments: &Init, output: Output) -> Ended {
    let failed = || Error::new(format!("writing a first spec to {}", arguments.file.display()));
    let Found { organization, modules, repository } = found::look(Path::new("."), output)?;
    let organization = arguments.organization.clone().or(organization).ok_or_else(|| {
        failed()
            .because("no `cloud {}` block in a *.tf file here names an organisation")
            .hint("name it: reconcile init --organization NAME")
    })?;
    let text = write::spec(&organization, &modules, repository.as_ref());
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&arguments.file).map_err(|cause| {
        let there = cause.kind() == std::io::ErrorKind::AlreadyExists;
        let error = failed().because(cause);
        if there { error.hint("it is never overwritten: give another name, or move it away") } else { error }
    })?;
    file.write_all(text.as_bytes()).map_err(|cause| failed().because(cause))?;
    let file = arguments.file.display();
    output.result(&format!(
        "wrote {file}: organisation {organization}, {} from *.tf files{}\n\
         next:  reconcile check {file}                   every finding, without network\n       \
         reconcile plan --sandbox {file}          against a stand-in: no account needed\n       \
         reconcile plan --adopt 'hcp/**' {file}   what exists already and would be taken over\n",
        if modules.len() == 1 { "1 workspace".to_owned() } else { format!("{} workspaces", modules.len()) },
        repository.map_or_else(String::new, |repository| format!(", repository {}", repository.name)),
    ))?;
    Ok(Exit::Converged)
}
