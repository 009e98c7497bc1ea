//! One name for one thing, the same in findings, plans, logs, marks, `--only` and `explain`.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

/// `hcp/workspace/main-cluster-vault`, `hcp/workspace/main-cluster-vault/env/TF_LOG`, `targets/nas`.
///
/// A thing that lies in another one has the other's address as a prefix, so that a pattern for the
/// outer thing covers the inner ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address: expected parts separated by `/`, such as hcp/workspace/main-cluster-vault")]
pub struct NotAnAddress(String);

/// Kinds of a Kubernetes cluster that lie in none of its namespaces.
const OF_CLUSTERS: [&str; 4] = ["Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"];

impl Address {
    /// The address made of these parts; a `/`, a space or a control character inside a part is escaped.
    #[must_use]
    pub fn new<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for part in parts {
            if !text.is_empty() {
                text.push('/');
            }
            escape(part, &mut text);
        }
        Self(text)
    }

    /// The address of something inside this thing.
    #[must_use]
    pub fn within<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = self.0.clone();
        for part in parts {
            text.push('/');
            escape(part, &mut text);
        }
        Self(text)
    }

    /// The parts as written, escapes included.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The first part: `hcp`, `kube`, `docker`, `vault`, or a section of the spec.
    #[must_use]
    pub fn system(&self) -> &str {
        self.parts().next().unwrap_or_default()
    }

    /// The address without its first part, as it is shown under the system's heading.
    #[must_use]
    pub fn in_system(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, rest)| rest)
    }

    /// How many parts say where the thing is: systems that are in several places have a second one for that.
    fn where_parts(&self) -> usize {
        match self.system() {
            "docker" | "kube" => 2,
            _ => 1,
        }
    }

    /// Where the thing is: `hcp`, `docker/nas`.
    #[must_use]
    pub fn place(&self) -> &str {
        self.up_to(self.where_parts())
    }

    /// The address without that, as it is shown under a heading that says it.
    #[must_use]
    pub fn in_place(&self) -> &str {
        self.0.strip_prefix(self.place()).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default()
    }

    /// The kind of thing: `workspace`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.parts().nth(self.where_parts()).unwrap_or_default()
    }

    /// The thing that this is or lies in: `hcp/workspace/main-vault` of `hcp/workspace/main-vault/env/TF_LOG`.
    #[must_use]
    pub fn thing(&self) -> &str {
        match (self.system(), self.kind()) {
            // A reference to an image has slashes of its own.
            ("docker", "image") => &self.0,
            // What lies in a namespace is named with it.
            ("kube", kind) if !OF_CLUSTERS.contains(&kind) => self.up_to(self.where_parts() + 3),
            _ => self.up_to(self.where_parts() + 2),
        }
    }

    fn up_to(&self, parts: usize) -> &str {
        self.0.match_indices('/').nth(parts.saturating_sub(1)).map_or(&self.0, |(end, _)| &self.0[..end])
    }

    /// The last part, unescaped: the name that a person gave the thing.
    #[must_use]
    pub fn name(&self) -> String {
        unescape(self.0.rsplit('/').next().unwrap_or_default())
    }

    /// True when `self` is `outer` or lies in it.
    #[must_use]
    pub fn is_within(&self, outer: &Self) -> bool {
        self.0.strip_prefix(&outer.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The text of the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn escape(part: &str, into: &mut String) {
    use fmt::Write as _;
    for c in part.chars() {
        if c == '/' || c == '%' || c.is_whitespace() || c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(into, "%{byte:02X}");
            }
        } else {
            into.push(c);
        }
    }
}

fn unescape(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = (first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        if let Some(byte) = code {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let broken = text.is_empty()
            || text.split('/').any(str::is_empty)
            || text.contains(|c: char| c.is_whitespace() || c.is_control());
        if broken { Err(NotAnAddress(text.to_owned())) } else { Ok(Self(text.to_owned())) }
    }
}

impl TryFrom<String> for Address {
    type Error = NotAnAddress;

    fn try_from(text: String) -> Result<Self, NotAnAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of addresses: `hcp/workspace/main-cluster-*`, `hcp/**`. It covers what it names and all that lies in that.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    glob: GlobMatcher,
}

/// Why a text is not a pattern of addresses.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a pattern of addresses: {cause}")]
pub struct NotAPattern {
    text: String,
    cause: String,
}

impl Pattern {
    /// True when the pattern names this address or something that it lies in. Under a system's heading a plan shows
    /// addresses without the system, and these can be pasted too.
    #[must_use]
    pub fn covers(&self, address: &Address) -> bool {
        let as_shown = [address.as_str(), address.in_system(), address.in_place()];
        as_shown.into_iter().any(|text| self.covers_text(text))
    }

    /// The same, of the whole address alone.
    #[must_use]
    pub fn covers_as_written(&self, address: &Address) -> bool {
        self.covers_text(address.as_str())
    }

    fn covers_text(&self, text: &str) -> bool {
        self.glob.is_match(text) || text.match_indices('/').any(|(end, _)| self.glob.is_match(&text[..end]))
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Pattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let refused = |cause: String| NotAPattern { text: text.to_owned(), cause };
        if text.trim().is_empty() {
            // A blank filter must not mean "everything".
            return Err(refused("it is empty".to_owned()));
        }
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .build()
            .map_err(|error| refused(error.kind().to_string()))?;
        Ok(Self { text: text.to_owned(), glob: glob.compile_matcher() })
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slash_stays_one_part() {
        let address = Address::new(["hcp", "variable-set", "team a/b 100%"]);
        assert_eq!(address.as_str(), "hcp/variable-set/team%20a%2Fb%20100%25");
        assert_eq!(address.name(), "team a/b 100%");
        assert_eq!(address.as_str().parse(), Ok(address));
    }

    #[test]
    fn a_pattern_covers_what_lies_inside() {
        let variable = Address::new(["hcp", "workspace", "main-vault", "env", "TF_LOG"]);
        for text in ["hcp/workspace/main-*", "workspace/main-vault", "hcp/**", "hcp/*/main-vault/env/*"] {
            assert!(text.parse::<Pattern>().unwrap().covers(&variable), "{text}");
        }
        for text in ["hcp/workspace/mai", "vault/**", "hcp/workspace/main-vault/terraform/*"] {
            assert!(!text.parse::<Pattern>().unwrap().covers(&variable), "{text}");
        }
    }

    #[test]
    fn a_thing_on_a_host_is_told_from_where_it_is() {
        let part = Address::new(["docker", "nas", "container", "hcp-agents-nas-1", "drain"]);
        assert_eq!((part.place(), part.kind()), ("docker/nas", "container"));
        assert_eq!(part.in_place(), "container/hcp-agents-nas-1/drain");
        assert_eq!(part.thing(), "docker/nas/container/hcp-agents-nas-1");
        let image = Address::new(["docker", "nas", "image", "hashicorp", "tfc-agent:1.29.0"]);
        assert_eq!(image.thing(), image.as_str());
        let role = Address::new(["kube", "cluster", "ClusterRole", "manager"]);
        let pool = Address::new(["kube", "cluster", "AgentPool", "hcp-terraform", "home"]);
        assert_eq!((role.thing(), role.in_place()), (role.as_str(), "ClusterRole/manager"));
        assert_eq!((pool.thing(), pool.place()), (pool.as_str(), "kube/cluster"));
        assert!("container/hcp-*".parse::<Pattern>().unwrap().covers(&part));
    }

    #[test]
    fn a_blank_pattern_is_refused_rather_than_matching_everything() {
        assert!(" ".parse::<Pattern>().is_err());
    }
}
