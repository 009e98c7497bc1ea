//! Wrong usage that clap's definition cannot tell by itself. It ends as all wrong usage does.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use super::arguments::{Arguments, Diff, Init, SandboxVerb, Serve, Verb};
use super::diff::Sides;
use crate::plan::digest::Digest;
use crate::spec::Format;

/// Reads the command line.
///
/// # Errors
/// When it makes no sense, or asks for help.
pub fn read(words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Arguments, clap::Error> {
    let arguments = Arguments::try_parse_from(words)?;
    match complaint(&arguments) {
        None => Ok(arguments),
        Some((verb, message)) => Err(error(verb, &message)),
    }
}

/// The verb, and what is wrong with its arguments.
fn complaint(arguments: &Arguments) -> Option<(&'static [&'static str], String)> {
    let (verb, message): (&[&str], _) = match &arguments.verb {
        Verb::Init(init) => (&["init"], of_init(init)),
        Verb::Apply(apply) => (&["apply"], apply.assent.only_if.as_deref().and_then(of_only_if)),
        Verb::Release(release) => (&["release"], release.assent.only_if.as_deref().and_then(of_only_if)),
        Verb::Diff(diff) => (&["diff"], of_diff(diff)),
        Verb::Sandbox(SandboxVerb::Serve(serve)) => (&["sandbox", "serve"], of_serve(serve)),
        _ => return None,
    };
    Some((verb, message?))
}

fn of_init(Init { file, organization: _ }: &Init) -> Option<String> {
    let name = file.display().to_string();
    (Format::of(&name) != Format::Yaml)
        .then(|| format!("a first spec is written as YAML: give it a name that ends in .yaml, not `{name}`"))
}

fn of_only_if(wanted: &str) -> Option<String> {
    (!Digest::can_be(wanted) && !Path::new(wanted).exists()).then(|| {
        format!("`--only-if {wanted}`: neither a digest (12 hexadecimal digits or more) nor a file that is there")
    })
}

fn of_diff(diff: &Diff) -> Option<String> {
    Sides::of(diff).err()
}

fn of_serve(serve: &Serve) -> Option<String> {
    let address = serve.listen;
    (!address.ip().is_loopback())
        .then(|| format!("`--listen {address}`: not a loopback address; use 127.0.0.1:{}", address.port()))
}

/// As clap would say it, with the usage of the verb.
fn error(verb: &[&str], message: &str) -> clap::Error {
    fn within<'c>(command: &'c mut clap::Command, verb: &[&str]) -> Option<&'c mut clap::Command> {
        match verb {
            [] => Some(command),
            [word, rest @ ..] => within(command.find_subcommand_mut(word)?, rest),
        }
    }
    let mut command = Arguments::command();
    command.build();
    match within(&mut command, verb) {
        Some(command) => command.error(ErrorKind::ValueValidation, message),
        None => clap::Error::raw(ErrorKind::ValueValidation, message),
    }
}
