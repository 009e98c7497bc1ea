//! The lock file beside a spec: which archive of the operator's chart a version means.
//!
//! It is JSON, which every bot can read and write, and it names the archive by its sha256: who changes the version in
//! the spec gets exactly what was looked at when the lock was written, or an error.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Refused, digest, read_unlocked};
use crate::systems::kube::operator::{CHART, Version};

/// The name of the file, beside the first file of the spec.
pub const FILE: &str = "reconcile.lock";
/// The repository in which HashiCorp publishes its charts.
const REPOSITORY: &str = "https://helm.releases.hashicorp.com";
/// The version of the file's form.
const FORMAT: u32 = 1;

/// What a lock file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Archives by the version of the chart. A version that this program does not know may be among them: another one
    /// wrote it.
    pub charts: BTreeMap<String, Locked>,
}

/// One archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Where it is: an address that begins with `https://` or `http://`, or a path, relative to the lock file's folder.
    pub url: String,
    /// The sha256 of the archive, in hexadecimal.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    format_version: u32,
    charts: BTreeMap<String, Locked>,
}

/// Why a lock file is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read.
    #[error("it cannot be understood: {0}")]
    Syntax(String),
    /// A later form of it.
    #[error("its formatVersion is {0}, and this program reads {FORMAT}")]
    Format(u32),
    /// A digest that is none.
    #[error("the sha256 of chart {version} is not 64 hexadecimal digits")]
    Digest {
        /// Of which chart.
        version: String,
    },
    /// A version that is not in it.
    #[error("it does not name the chart of version {0}")]
    Absent(Version),
}

impl Unusable {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Syntax(_) | Self::Digest { .. } => {
                "`reconcile pin` writes it; take it from version control again, or remove it and run that"
            }
            Self::Format(_) => "use the program that wrote it, or a later one",
            Self::Absent(_) => "run `reconcile pin`, look at what it changed in the lock file, and commit it",
        }
    }
}

impl Lock {
    /// Reads the text of a lock file.
    pub fn read(text: &str) -> Result<Self, Unusable> {
        // A later form may have members that this one lacks, so its number is looked at first.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Form {
            format_version: u32,
        }
        let syntax = |error: serde_json::Error| Unusable::Syntax(error.to_string());
        let Form { format_version } = serde_json::from_str(text).map_err(syntax)?;
        if format_version != FORMAT {
            return Err(Unusable::Format(format_version));
        }
        let Document { format_version: _, charts } = serde_json::from_str(text).map_err(syntax)?;
        let sound = |sha256: &str| sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        match charts.iter().find(|(_, locked)| !sound(&locked.sha256)) {
            Some((version, _)) => Err(Unusable::Digest { version: version.clone() }),
            None => Ok(Self { charts }),
        }
    }

    /// The text of the lock file. The same lock is always the same text.
    #[must_use]
    pub fn text(&self) -> String {
        let document = Document { format_version: FORMAT, charts: self.charts.clone() };
        // Its keys are texts, so there is always a JSON of it.
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The archive of a version.
    pub fn chart(&self, version: Version) -> Result<&Locked, Unusable> {
        self.charts.get(version.as_str()).ok_or(Unusable::Absent(version))
    }

    /// Where the archive of a version is, by this lock or by where charts are published.
    #[must_use]
    pub fn url(&self, version: Version) -> String {
        self.charts.get(version.as_str()).map_or_else(|| published(version), |locked| locked.url.clone())
    }

    /// Takes an archive from there for the one that its version means. It must be the chart of that version.
    pub fn pin(&mut self, version: Version, url: &str, archive: &[u8]) -> Result<(), Refused> {
        read_unlocked(archive, version)?;
        let locked = Locked { url: url.to_owned(), sha256: digest(archive) };
        self.charts.insert(version.as_str().to_owned(), locked);
        Ok(())
    }
}

/// Where HashiCorp publishes the archive of a version.
#[must_use]
pub fn published(version: Version) -> String {
    format!("{REPOSITORY}/{CHART}-{version}.tgz")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let locked = Locked { url: "charts/a.tgz".to_owned(), sha256: "a1".repeat(32) };
        Lock { charts: BTreeMap::from([("2.12.0".to_owned(), locked)]) }
    }

    #[test]
    fn a_lock_reads_back_and_is_written_alike() {
        let text = lock().text();
        assert_eq!(Lock::read(&text), Ok(lock()));
        assert_eq!(Lock::read(&text).unwrap().text(), text);
        assert_eq!(
            text,
            format!(
                "{{\n  \"formatVersion\": 1,\n  \"charts\": {{\n    \"2.12.0\": {{\n      \
                 \"url\": \"charts/a.tgz\",\n      \"sha256\": \"{}\"\n    }}\n  }}\n}}\n",
                "a1".repeat(32)
            )
        );
    }

    #[test]
    fn a_lock_that_is_of_no_use_says_why() {
        let refusal = |text: &str| Lock::read(text).unwrap_err().to_string();
        assert!(refusal("{").starts_with("it cannot be understood: "));
        assert_eq!(refusal(r#"{"formatVersion": 2, "new": 1}"#), "its formatVersion is 2, and this program reads 1");
        assert!(refusal(r#"{"formatVersion": 1, "chart": {}}"#).contains("unknown field `chart`"));
        for sha256 in ["abc", &"g".repeat(64)] {
            let text = format!(r#"{{"formatVersion":1,"charts":{{"2.9.2":{{"url":"a","sha256":"{sha256}"}}}}}}"#);
            assert_eq!(refusal(&text), "the sha256 of chart 2.9.2 is not 64 hexadecimal digits");
        }
        let absent = lock().chart(Version::V2_9_2).unwrap_err();
        assert_eq!(absent.to_string(), "it does not name the chart of version 2.9.2");
        assert!(absent.remedy().contains("reconcile pin"));
    }

    #[test]
    fn an_archive_is_looked_for_where_the_lock_says_or_where_charts_are_published() {
        assert_eq!(lock().url(Version::V2_12_0), "charts/a.tgz");
        let published = "https://helm.releases.hashicorp.com/hcp-terraform-operator-2.9.2.tgz";
        assert_eq!(lock().url(Version::V2_9_2), published);
    }
}
