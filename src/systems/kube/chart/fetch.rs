//! Getting an archive: from a file, or over HTTP.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use reqwest::redirect;

use super::LARGEST_ARCHIVE;
use crate::error::Error;
use crate::http::Policy;

/// How many times a server may send us elsewhere.
const MOST_REDIRECTS: usize = 5;

/// How an archive is got.
#[derive(Clone, Copy, Debug)]
pub struct Fetching<'a> {
    /// How long and how often is tried.
    pub policy: &'a Policy,
    /// Certificates in PEM of authorities that are trusted beside the system's.
    pub ca: Option<&'a [u8]>,
    /// Any host but this machine is an error.
    pub loopback_only: bool,
    /// The folder to which a path is relative: that of the lock file.
    pub folder: &'a Path,
}

/// Why an attempt came to nothing, and whether another one is worth it.
struct Failed {
    cause: String,
    again: bool,
}

/// Gets an archive from an address or a path, whatever it holds.
///
/// # Errors
/// When it is not there, cannot be reached, or is larger than any chart.
pub async fn fetch(url: &str, how: &Fetching<'_>) -> Result<Vec<u8>, Error> {
    let doing = || Error::new(format!("getting the operator's chart from {url}"));
    let remedy = "name an archive that this machine can reach, or put it beside the spec and run `reconcile pin` with \
                  its path";
    let got = if url.starts_with("https://") || url.starts_with("http://") {
        over_http(url, how).await
    } else {
        file(how.folder.join(url)).await
    };
    got.map_err(|cause| doing().because(cause).hint(remedy))
}

fn too_large() -> String {
    format!("it is larger than {} MiB", LARGEST_ARCHIVE >> 20)
}

async fn file(path: PathBuf) -> Result<Vec<u8>, String> {
    let read = move || {
        let mut bytes = Vec::new();
        let limit = LARGEST_ARCHIVE as u64 + 1;
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map(|_| bytes)
    };
    let bytes = tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())?;
    let bytes = bytes.map_err(|error| error.to_string())?;
    if bytes.len() > LARGEST_ARCHIVE { Err(too_large()) } else { Ok(bytes) }
}

async fn over_http(url: &str, how: &Fetching<'_>) -> Result<Vec<u8>, String> {
    let url = reqwest::Url::parse(url).map_err(|error| error.to_string())?;
    if how.loopback_only && !is_loopback(&url) {
        return Err("with a sandbox, nothing but this machine is asked".to_owned());
    }
    let client = client(how)?;
    let pauses = ExponentialBuilder::default()
        .with_min_delay(how.policy.shortest_pause)
        .with_max_delay(how.policy.longest_pause)
        .with_max_times(how.policy.attempts.saturating_sub(1))
        .with_jitter();
    let got = (|| attempt(&client, url.clone())).retry(pauses).when(|failed: &Failed| failed.again).await;
    got.map_err(|failed| failed.cause)
}

fn client(how: &Fetching<'_>) -> Result<reqwest::Client, String> {
    // A second installation, as by another client of this process, changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redirects =
        if how.loopback_only { redirect::Policy::none() } else { redirect::Policy::limited(MOST_REDIRECTS) };
    let builder = reqwest::Client::builder()
        .user_agent(concat!("reconcile/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(how.policy.connect_timeout)
        .timeout(how.policy.request_timeout.max(Duration::from_secs(1)))
        .redirect(redirects);
    let builder = match how.ca {
        _ if how.loopback_only => builder.no_proxy().tls_certs_only([]),
        Some(pem) => {
            let authorities = reqwest::Certificate::from_pem_bundle(pem).map_err(|error| error.to_string())?;
            builder.tls_certs_merge(authorities)
        }
        None => builder,
    };
    builder.build().map_err(|error| root_cause(&error))
}

fn is_loopback(url: &reqwest::Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

async fn attempt(client: &reqwest::Client, url: reqwest::Url) -> Result<Vec<u8>, Failed> {
    let broken = |error: reqwest::Error| Failed { cause: root_cause(&error), again: !error.is_redirect() };
    let mut response = client.get(url).send().await.map_err(broken)?;
    let status = response.status();
    if !status.is_success() {
        let again = status.is_server_error() || status == reqwest::StatusCode::TOO_MANY_REQUESTS;
        return Err(Failed { cause: format!("the server says {status}"), again });
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > LARGEST_ARCHIVE {
            return Err(Failed { cause: too_large(), again: false });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The last of the causes: those above it say again what was being done.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
