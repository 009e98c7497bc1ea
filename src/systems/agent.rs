//! What is the same of HashiCorp's agent wherever it runs: its image, its environment, and where it looks for files.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The variable for the agent's data directory ("Agents: Configuration", HCP Terraform).
const DATA_DIRECTORY: &str = "TFC_AGENT_DATA_DIR";
/// The variable for the folders in which Go programs look for certificates.
const CERTIFICATES: &str = "SSL_CERT_DIR";

/// What files of an agent are for; it says where they are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// A filesystem mirror of providers.
    Providers,
    /// Certificates of an authority of one's own.
    Ca,
    /// Programs that the agent calls before and after terraform.
    Hooks,
}

impl Purpose {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Providers, Self::Ca, Self::Hooks];

    /// The word in names of volumes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Providers => "providers",
            Self::Ca => "ca",
            Self::Hooks => "hooks",
        }
    }

    /// Where a container finds them.
    ///
    /// Providers lie where terraform looks by itself: `docs/decisions/0011-provider-mirror.md` says why there. The agent
    /// looks for hooks in `hooks` of its data directory. Its usual one is not in its image, and an engine makes what is
    /// missing above a mount as root's, where the agent could write nothing; `/tmp` is there, and anybody's.
    #[must_use]
    pub fn path(self, environment: &BTreeMap<String, String>) -> String {
        match self {
            Self::Providers => "/usr/local/share/terraform/plugins".to_owned(),
            Self::Ca => "/reconcile/ca".to_owned(),
            Self::Hooks => {
                let data = environment.get(DATA_DIRECTORY).map_or("/tmp", |path| path.trim_end_matches('/'));
                format!("{data}/hooks")
            }
        }
    }

    /// The variable that makes a container find them there, if it takes one.
    #[must_use]
    pub fn variable(self, environment: &BTreeMap<String, String>) -> Option<(String, String)> {
        match self {
            // Go programs read the system's bundle and, beside it, all of these folders; the agent, terraform and its
            // providers are Go programs. The variable takes the place of the folders that they know themselves, which
            // are the first two (`golang/go`, `crypto/x509`, `root_unix.go` and `root_linux.go`).
            Self::Ca => {
                let known = environment.get(CERTIFICATES).map_or("/etc/ssl/certs:/etc/pki/tls/certs", String::as_str);
                Some((CERTIFICATES.to_owned(), format!("{known}:{}", self.path(environment))))
            }
            Self::Hooks if !environment.contains_key(DATA_DIRECTORY) => {
                Some((DATA_DIRECTORY.to_owned(), "/tmp".to_owned()))
            }
            Self::Hooks | Self::Providers => None,
        }
    }
}

/// A reference to an image: `hashicorp/tfc-agent:1.29.0`, with `@sha256:…` if it is pinned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Image {
    /// `hashicorp/tfc-agent`, with the registry if it is not Docker's.
    pub repository: String,
    /// `1.29.0`
    pub tag: Option<String>,
    /// `sha256:…`
    pub digest: Option<String>,
}

impl Image {
    /// The reference as engines list it among an image's tags: without the digest.
    #[must_use]
    pub fn tagged(&self) -> String {
        format!("{}:{}", self.repository, self.tag.as_deref().unwrap_or("latest"))
    }

    /// The reference as engines list it among an image's digests.
    #[must_use]
    pub fn pinned(&self) -> Option<String> {
        self.digest.as_ref().map(|digest| format!("{}@{digest}", self.repository))
    }

    /// What an engine is asked to pull and to run: the digest alone if there is one, so that a moved tag is no matter.
    #[must_use]
    pub fn exact(&self) -> String {
        self.pinned().unwrap_or_else(|| self.tagged())
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repository, tag, digest } = self;
        f.write_str(repository)?;
        if let Some(tag) = tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Image {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is not a reference to an image such as hashicorp/tfc-agent:1.29.0");
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let hex = digest.strip_prefix("sha256:").ok_or_else(refused)?;
                if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
                    return Err(format!("`{digest}` is not a digest: sha256: and 64 of 0-9 and a-f"));
                }
                (rest, Some(digest.to_owned()))
            }
            None => (text, None),
        };
        // The last colon may belong to a port of the registry.
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag.to_owned())),
            Some(_) | None => (rest, None),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
        let tag_fits = tag
            .as_ref()
            .is_none_or(|tag| !tag.is_empty() && tag.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)));
        if repository.is_empty() || !repository.chars().all(fits) || repository.starts_with('/') || !tag_fits {
            return Err(refused());
        }
        Ok(Self { repository: repository.to_owned(), tag, digest })
    }
}

impl TryFrom<String> for Image {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Image> for String {
    fn from(image: Image) -> Self {
        image.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_back() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for text in [
            "hashicorp/tfc-agent:1.29.0",
            "localhost:5000/tfc-agent",
            &format!("localhost:5000/tfc-agent:1.29.0@{digest}"),
            &format!("tfc-agent@{digest}"),
        ] {
            assert_eq!(text.parse::<Image>().map(|image| image.to_string()), Ok(text.to_owned()));
        }
        for text in ["", ":1", "a b", "tfc-agent@sha256:short", "tfc-agent:"] {
            assert!(text.parse::<Image>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_spec_says_of_an_agents_folders_holds() {
        let none = BTreeMap::new();
        assert_eq!(Purpose::Hooks.path(&none), "/tmp/hooks");
        assert_eq!(Purpose::Hooks.variable(&none), Some(("TFC_AGENT_DATA_DIR".to_owned(), "/tmp".to_owned())));
        let own: BTreeMap<String, String> = [("TFC_AGENT_DATA_DIR", "/data/"), ("SSL_CERT_DIR", "/certs")]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(Purpose::Hooks.path(&own), "/data/hooks");
        assert_eq!(Purpose::Hooks.variable(&own), None);
        assert_eq!(Purpose::Ca.variable(&own), Some(("SSL_CERT_DIR".to_owned(), "/certs:/reconcile/ca".to_owned())));
    }

    #[test]
    fn a_pinned_image_is_asked_for_by_its_digest_alone() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let image: Image = format!("hashicorp/tfc-agent:1.29.0@{digest}").parse().unwrap();
        assert_eq!(image.exact(), format!("hashicorp/tfc-agent@{digest}"));
        assert_eq!(image.tagged(), "hashicorp/tfc-agent:1.29.0");
    }
}
