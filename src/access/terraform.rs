//! The credentials that terraform's users already have.
//!
//! Sources: terraform-provider-tfe `internal/client/config.go` for the files and their order; `OpenTofu`,
//! `internal/command/cliconfig/credentials.go` (of the same lineage as terraform's) for `TF_TOKEN_…`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Environment;
use crate::error::Error;
use crate::secret::Secret;

/// The variable that terraform reads for a host: dots become `_`, dashes `__`.
pub(super) fn variable_name(host: &str) -> String {
    format!("TF_TOKEN_{}", host.replace('-', "__").replace('.', "_"))
}

/// That variable as it is set, whatever its case.
pub(super) fn token_variable(environment: &Environment, host: &str) -> Option<String> {
    let wanted = variable_name(host);
    let name = environment.names().find(|name| name.eq_ignore_ascii_case(&wanted))?;
    environment.variable(name)?;
    Some(name.to_owned())
}

/// The files that may hold credentials, the one that wins first.
pub(super) fn files(environment: &Environment) -> Vec<PathBuf> {
    let home = environment.home();
    let main = ["TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG"]
        .into_iter()
        .find_map(|name| environment.variable(name))
        .map(|text| environment.path(Path::new(text), Path::new("")))
        .or_else(|| home.map(|home| home.join(".terraformrc")));
    let login = home.map(|home| home.join(".terraform.d").join("credentials.tfrc.json"));
    main.into_iter().chain(login).collect()
}

/// The token that a file has for a host.
pub(super) fn token_in(environment: &Environment, file: &Path, host: &str) -> Result<Option<Secret>, Error> {
    let failed = || Error::new(format!("reading terraform's credentials in {}", file.display()));
    let Some(text) = environment.read_if_there(file).map_err(|cause| failed().because(cause))? else {
        return Ok(None);
    };
    let found = if text.trim_start().starts_with('{') { from_json(&text, host) } else { from_hcl(&text, host) };
    // A parser's message would quote what it stumbled over, which may be the token.
    found.map_err(|()| {
        failed()
            .because("it is not a file that terraform would read")
            .hint("run `terraform login` again, or set TFE_TOKEN")
    })
}

fn from_json(text: &str, host: &str) -> Result<Option<Secret>, ()> {
    let value: Value = serde_json::from_str(text).map_err(|_| ())?;
    let Some(hosts) = value.get("credentials").and_then(Value::as_object) else {
        return Ok(None);
    };
    Ok(hosts
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(host))
        .and_then(|(_, credentials)| credentials.get("token"))
        .and_then(Value::as_str)
        .map(|token| Secret::new(token.to_owned())))
}

fn from_hcl(text: &str, host: &str) -> Result<Option<Secret>, ()> {
    let body = hcl::parse(text).map_err(|_| ())?;
    let token = body
        .blocks()
        .filter(|block| block.identifier() == "credentials")
        .filter(|block| block.labels().first().is_some_and(|label| label.as_str().eq_ignore_ascii_case(host)))
        .flat_map(|block| block.body().attributes())
        .find(|attribute| attribute.key() == "token")
        .and_then(|attribute| match attribute.expr() {
            hcl::Expression::String(token) => Some(Secret::new(token.clone())),
            _ => None,
        });
    Ok(token)
}
