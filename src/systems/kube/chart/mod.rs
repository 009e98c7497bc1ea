//! The archive of the operator's Helm chart: where the CRDs of a version come from.
//!
//! They are half a megabyte of somebody else's text, so they are not part of this program. An archive is taken only if it
//! is the one that the lock file names, and only what is needed is read of it.

mod fetch;
pub mod lock;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use fetch::{Fetching, fetch};
pub use lock::{Lock, Locked};

use super::object::{Object, without_nulls};
use super::operator::{CHART, Version};
use super::yaml;

/// The largest archive that is read. Those of the operator's chart have less than 100 kB.
pub const LARGEST_ARCHIVE: usize = 8 << 20;
/// The most that an archive may unpack to, so that a small one of endless zeros is an error.
const LARGEST_UNPACKED: u64 = 64 << 20;
/// The largest file that is read of it. The CRD of agent pools has 600 kB.
const LARGEST_FILE: u64 = 4 << 20;
/// The most entries of an archive.
const MOST_ENTRIES: usize = 2_000;
/// The group of the operator's kinds.
const GROUP: &str = "app.terraform.io";
/// The CRD without which nothing of ours works.
const AGENT_POOLS: &str = "agentpools.app.terraform.io";

/// What an archive holds of what is needed.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The version of the chart, and so of the operator.
    pub version: Version,
    /// Its CRDs by name.
    pub crds: Vec<Object>,
}

/// Why an archive is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another archive than the one that is locked.
    #[error("its sha256 is {found}, and {expected} is expected")]
    Digest {
        /// As the lock file has it.
        expected: String,
        /// Of the bytes.
        found: String,
    },
    /// More than the limits.
    #[error("{0}")]
    TooLarge(String),
    /// It cannot be unpacked.
    #[error("it is no archive of a chart: {0}")]
    Archive(String),
    /// A file that is not there.
    #[error("it holds no {0}")]
    Missing(String),
    /// A file that cannot be read.
    #[error("{file}: {cause}")]
    File {
        /// Which.
        file: String,
        /// Why.
        cause: String,
    },
    /// Another chart, or another version of it.
    #[error("it is the chart {found}, and {expected} is expected")]
    Other {
        /// `name-version`, as asked for.
        expected: String,
        /// `name-version`, as it says of itself.
        found: String,
    },
}

impl Refused {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Digest { .. } => {
                "if the chart was released anew and you trust it, `reconcile pin` writes its new sha256; else name \
                 the archive that the lock file means"
            }
            Self::TooLarge(_) | Self::Archive(_) | Self::Missing(_) | Self::File { .. } => {
                "name the chart's archive (.tgz) as HashiCorp publishes it, or as `helm pull` writes it"
            }
            Self::Other { .. } => "name the archive of the version that the spec names, or change the spec's version",
        }
    }
}

/// Reads an archive that must be the chart of that version, and the one of that digest.
pub fn read(archive: &[u8], version: Version, locked: &Locked) -> Result<Chart, Refused> {
    let found = digest(archive);
    if !found.eq_ignore_ascii_case(&locked.sha256) {
        return Err(Refused::Digest { expected: locked.sha256.clone(), found });
    }
    read_unlocked(archive, version)
}

/// Reads an archive that must be the chart of that version, and of which nobody has said yet which one it is.
pub fn read_unlocked(archive: &[u8], version: Version) -> Result<Chart, Refused> {
    if archive.len() > LARGEST_ARCHIVE {
        return Err(Refused::TooLarge(format!("it is larger than {} MiB", LARGEST_ARCHIVE >> 20)));
    }
    let files = files(archive)?;
    identify(&files, version)?;
    let mut crds = BTreeMap::new();
    for (file, text) in files.iter().filter(|(file, _)| file.starts_with("crds/")) {
        let refuse = |cause: String| Refused::File { file: file.clone(), cause };
        for value in yaml::values(text.clone(), yaml::BUDGET).map_err(refuse)? {
            let crd = crd(value).map_err(refuse)?;
            if let Some(twice) = crds.insert(crd.name.clone(), crd) {
                return Err(refuse(format!("a second {}", twice.name)));
            }
        }
    }
    if !crds.contains_key(AGENT_POOLS) {
        return Err(Refused::Missing(format!("CRD {AGENT_POOLS} in {CHART}/crds")));
    }
    Ok(Chart { version, crds: crds.into_values().collect() })
}

/// The sha256 of an archive as it stands in a lock file.
#[must_use]
pub fn digest(archive: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(archive) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The texts of an archive that are read, by their path below the chart's folder.
fn files(archive: &[u8]) -> Result<BTreeMap<String, String>, Refused> {
    let broken = |error: std::io::Error| Refused::Archive(error.to_string());
    // One byte more than the limit, so that who reaches it is found out.
    let plain = MultiGzDecoder::new(archive).take(LARGEST_UNPACKED + 1);
    let mut plain = tar::Archive::new(plain);
    let (mut files, mut unpacked, mut entries) = (BTreeMap::new(), 0_u64, 0);
    let too_large = || Refused::TooLarge(format!("it unpacks to more than {} MiB", LARGEST_UNPACKED >> 20));
    for entry in plain.entries().map_err(broken)? {
        let mut entry =
            entry.map_err(|error| if unpacked >= LARGEST_UNPACKED { too_large() } else { broken(error) })?;
        entries += 1;
        unpacked = unpacked.saturating_add(entry.size());
        if unpacked > LARGEST_UNPACKED {
            return Err(too_large());
        }
        if entries > MOST_ENTRIES {
            return Err(Refused::TooLarge(format!("it has more than {MOST_ENTRIES} entries")));
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some(file) = wanted(&path).filter(|_| entry.header().entry_type().is_file()) else { continue };
        if entry.size() > LARGEST_FILE {
            return Err(Refused::TooLarge(format!("{file} is larger than {} MiB", LARGEST_FILE >> 20)));
        }
        let mut text = String::new();
        let refuse = |error: std::io::Error| Refused::File { file: file.to_owned(), cause: error.to_string() };
        entry.read_to_string(&mut text).map_err(refuse)?;
        if files.insert(file.to_owned(), text).is_some() {
            return Err(Refused::File { file: file.to_owned(), cause: "it is there twice".to_owned() });
        }
    }
    Ok(files)
}

/// The path below the chart's folder of a file that is read: what the chart is, and its CRDs. Others of its parts are
/// charts of their own, or templates that only Helm understands.
fn wanted(path: &str) -> Option<&str> {
    let below = path.strip_prefix("./").unwrap_or(path).strip_prefix(CHART)?.strip_prefix('/')?;
    let crd = below.strip_prefix("crds/").is_some_and(|name| {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        !name.contains('/') && matches!(ending, Some("yaml" | "yml"))
    });
    (crd || below == "Chart.yaml").then_some(below)
}

/// Holds the chart's own word of what it is to what is asked for.
fn identify(files: &BTreeMap<String, String>, version: Version) -> Result<(), Refused> {
    let file = "Chart.yaml";
    let text = files.get(file).ok_or_else(|| Refused::Missing(format!("{CHART}/{file}")))?;
    let values = yaml::values(text.clone(), yaml::BUDGET);
    let values = values.map_err(|cause| Refused::File { file: file.to_owned(), cause })?;
    let said = |key: &str| match values.first().and_then(|chart| chart.get(key)) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "?".to_owned(),
    };
    let found = format!("{}-{}", said("name"), said("version"));
    let expected = format!("{CHART}-{version}");
    if found == expected { Ok(()) } else { Err(Refused::Other { expected, found }) }
}

/// A CRD of the operator, without what a cluster writes into it.
fn crd(value: Value) -> Result<Object, String> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    if (api_version.as_str(), kind.as_str()) != ("apiextensions.k8s.io/v1", "CustomResourceDefinition") {
        return Err(format!(
            "a `{kind}` of `{api_version}`, and no CustomResourceDefinition of apiextensions.k8s.io/v1"
        ));
    }
    let group = text("/spec/group");
    if group != GROUP {
        return Err(format!("a CustomResourceDefinition of the group `{group}`, and not of {GROUP}"));
    }
    if name != format!("{}.{group}", text("/spec/names/plural")) {
        return Err(format!("the name `{name}` does not fit the kind that it defines"));
    }
    let mut value = without_nulls(value);
    if let Some(members) = value.as_object_mut() {
        members.remove("status");
    }
    Ok(Object { api_version, kind, namespace: None, name, value })
}

#[cfg(test)]
mod tests;
