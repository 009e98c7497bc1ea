//! How this process reaches the systems: never a part of the fleet, a plan or a digest.
//!
//! Later beats earlier: what users of terraform and docker already have, the access file in the user's configuration folder, the one
//! beside the spec, `RECONCILE_…`, flags. Every value remembers where it came from.

mod docker;
mod environment;
mod kubernetes;
mod layers;
mod terraform;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reqwest::Url;

pub use self::docker::docker;
pub use self::environment::Environment;
pub use self::kubernetes::kubernetes;
use self::layers::{Layered, TokenSource};
use crate::error::Error;
use crate::secret::{Secret, SecretRef, Secrets};

/// HCP Terraform's address where nothing names another one.
pub const HCP_ADDRESS: &str = "https://app.terraform.io";

/// What the command line says about access.
#[derive(Debug, Default, Clone)]
pub struct Flags {
    /// The profile of the access file; `RECONCILE_AS` where it is not given.
    pub profile: Option<String>,
    /// HCP's address.
    pub hcp_address: Option<String>,
    /// A file that holds HCP's token.
    pub hcp_token_file: Option<PathBuf>,
    /// Ways to Docker Engines, by target.
    pub docker_hosts: Vec<(String, String)>,
    /// Contexts that lead to clusters, by target.
    pub kube_contexts: Vec<(String, String)>,
    /// Whether commands may be run as sources of a token.
    pub commands: bool,
}

/// How to reach HCP Terraform.
#[derive(Debug)]
pub struct Hcp {
    /// `https://app.terraform.io`
    pub address: String,
    /// Its host, for people.
    pub host: String,
    /// Where the address comes from.
    pub address_from: String,
    /// The token.
    pub token: Secret,
    /// Where the token comes from.
    pub token_from: String,
    /// Certificates of an authority of one's own, as PEM.
    pub ca: Option<Vec<u8>>,
    /// The profile that was chosen.
    pub profile: Option<String>,
}

/// Finds out how to reach HCP Terraform. `beside` is the folder of the spec.
///
/// # Errors
/// When a file cannot be read, an address cannot be used, or nothing gives a token: then with all the places looked at.
pub async fn hcp(environment: &Environment, flags: &Flags, beside: &Path) -> Result<Hcp, Error> {
    let layered = layers::read(environment, flags, beside)?;
    let Layered { profile, address, token, ca } = &layered;
    let url = parse_address(&address.value, &address.from)?;
    let host = authority(&url);
    let found = match token {
        Some(token) => token.clone(),
        None => fallback_token(environment, &host, address)?,
    };
    let ca = match ca {
        Some(ca) => Some(environment.read_bytes(&ca.value).map_err(|cause| {
            Error::new(format!("reading the certificates {} ({})", ca.value.display(), ca.from)).because(cause)
        })?),
        None => None,
    };
    Ok(Hcp {
        address: url.as_str().trim_end_matches('/').to_owned(),
        host,
        address_from: address.from.clone(),
        token: read_token(environment, &found, flags.commands).await?,
        token_from: found.from,
        ca,
        profile: profile.clone(),
    })
}

/// A value and the place that it comes from.
#[derive(Clone, Debug)]
struct Sourced<T> {
    value: T,
    from: String,
    /// It comes from a file beside the spec, which whoever wrote the spec may have written.
    beside_spec: bool,
}

/// What terraform's users have: its credentials belong to a host, so they are safe with any address; `TFE_TOKEN` is not.
fn fallback_token(
    environment: &Environment,
    host: &str,
    address: &Sourced<String>,
) -> Result<Sourced<TokenSource>, Error> {
    let mut looked = vec![
        "--hcp-token-file".to_owned(),
        "RECONCILE_HCP_TOKEN, RECONCILE_HCP_TOKEN_FILE".to_owned(),
        "hcp.token in access.yaml beside the spec".to_owned(),
    ];
    if let Some(file) = layers::users_file(environment) {
        looked.push(format!("hcp.token in {}", file.display()));
    }
    if let Some(name) = terraform::token_variable(environment, host) {
        return Ok(from_variable(&name));
    }
    looked.push(terraform::variable_name(host));
    if address.beside_spec {
        looked.push(format!(
            "TFE_TOKEN was not looked at: the address {} comes from {}, and the token might not be meant for it",
            address.value, address.from
        ));
    } else {
        if environment.variable("TFE_TOKEN").is_some() {
            return Ok(from_variable("TFE_TOKEN"));
        }
        looked.push("TFE_TOKEN".to_owned());
    }
    for file in terraform::files(environment) {
        if let Some(token) = terraform::token_in(environment, &file, host)? {
            return Ok(Sourced {
                value: TokenSource::Read(token.into()),
                from: file.display().to_string(),
                beside_spec: false,
            });
        }
        looked.push(format!("credentials \"{host}\" in {}", file.display()));
    }
    Err(Error::new(format!("looking for a token for {host}"))
        .because(format!("there is none; looked at:\n  {}", looked.join("\n  ")))
        .hint(format!(
            "run `terraform login {host}`, or set TFE_TOKEN; to try the tool without an account, use --sandbox"
        )))
}

fn from_variable(name: &str) -> Sourced<TokenSource> {
    Sourced {
        value: TokenSource::Reference(SecretRef::Env(name.to_owned())),
        from: name.to_owned(),
        beside_spec: false,
    }
}

async fn read_token(environment: &Environment, token: &Sourced<TokenSource>, commands: bool) -> Result<Secret, Error> {
    let failed = || Error::new(format!("reading HCP's token from {}", token.from));
    let text = match &token.value {
        TokenSource::Read(secret) => secret.expose().to_owned(),
        TokenSource::Reference(SecretRef::Env(name)) => environment
            .variable(name)
            .map(str::to_owned)
            .ok_or_else(|| failed().because(format!("the environment variable {name} is not set")))?,
        TokenSource::Reference(SecretRef::File(path)) => {
            environment.read(path).map_err(|cause| failed().because(cause))?
        }
        TokenSource::Reference(command @ SecretRef::Command(_)) => {
            let directory = std::env::current_dir().unwrap_or_default();
            let secret = Secrets::real(directory, commands).read(command).await;
            let secret = secret.map_err(|cause| {
                let remedy = cause.remedy();
                failed().because(cause).hint(remedy)
            })?;
            secret.expose().to_owned()
        }
    };
    let secret = Secret::new(text.trim().to_owned());
    let bytes = secret.expose().as_bytes();
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(failed()
            .because("it is empty, or holds characters that no token has")
            .hint("the file or variable should hold the token and nothing else"));
    }
    Ok(secret)
}

fn parse_address(text: &str, from: &str) -> Result<Url, Error> {
    let refused = |cause: &str| {
        Error::new(format!("using the address `{}` from {from}", shown(text)))
            .because(cause.to_owned())
            .hint("an address looks like https://app.terraform.io or app.eu.terraform.io")
    };
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&whole).map_err(|cause| refused(&cause.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it holds a user name or a password"));
    }
    if !url.path().trim_matches('/').is_empty() || url.query().is_some() || url.fragment().is_some() {
        return Err(refused("it has more than a host and a port"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(refused("without TLS the token would be readable on the way")),
        _ => Err(refused("it is not an https address")),
    }
}

/// The schemes that addresses have.
const SCHEMES: [&str; 6] = ["http", "https", "npipe", "ssh", "tcp", "unix"];

/// An address as messages may show it: without what stands before the last `@`, where passwords and tokens are written,
/// and without a query. Only the name of a user of ssh stays: it is no secret, and needed to see what is wrong.
pub fn shown(address: &str) -> String {
    let (before, rest) = address.rsplit_once('@').map_or((None, address), |(before, rest)| (Some(before), rest));
    let end = rest.find(['?', '#']);
    let rest = end.map_or_else(|| rest.to_owned(), |end| format!("{}…", rest.get(..=end).unwrap_or_default()));
    let Some(before) = before else { return rest };
    let (scheme, user) = before.split_once("://").unwrap_or_default();
    let is_name = !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match SCHEMES.iter().find(|known| **known == scheme) {
        Some(&"ssh") if is_name => format!("ssh://{user}@{rest}"),
        Some(scheme) => format!("{scheme}://…@{rest}"),
        None => format!("…@{rest}"),
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests;
