//! Whose a thing is: the fleet's mark on it, and what the spec says of its ownership.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32HEX_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The name of a fleet, which is in every mark: 1 to 32 of `a-z 0-9 -`, so that it fits each system's labels and tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FleetName(String);

impl FleetName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FleetName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if (1..=32).contains(&text.len()) && letters && !text.starts_with('-') && !text.ends_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a fleet's name: 1 to 32 of a-z, 0-9 and -, not - at an end"))
        }
    }
}

impl TryFrom<String> for FleetName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FleetName> for String {
    fn from(name: FleetName) -> Self {
        name.0
    }
}

impl fmt::Display for FleetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the spec says of the ownership of one thing, or of all in a project or a system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(clippy::struct_excessive_bools)] // Each is a word of the spec, and any of them may stand beside any other.
pub struct Stewardship {
    /// A thing of that name without our mark becomes ours.
    pub adopt: bool,
    /// Compared and reported, never written.
    pub verify: bool,
    /// Our mark is taken off and the thing left as it is.
    pub released: bool,
    /// Removed although the spec still speaks of it: for kinds whose claim is the spec's own entry.
    pub absent: bool,
    /// Fields that stay as they are found, as the spec names them.
    pub ignore: BTreeSet<String>,
}

/// The key of the tag that marks a workspace or a project.
pub const TAG_KEY: &str = "reconcile";

/// What kind of thing a mark was put on: it tells a tag that a workspace inherited from one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Marked {
    /// A workspace.
    Workspace,
    /// A project.
    Project,
}

impl Marked {
    fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Project => "project",
        }
    }
}

/// The value of the tag `reconcile` on a thing of ours: `FLEET.KIND.V-FIELDS-DIGEST-KINDS-TAGS-NAME`.
///
/// `V` is the format's version; `DIGEST` is over the fields that were last written, and `FIELDS` says which these
/// were, so that it can be compared after the spec began to speak of another one; `KINDS` has a letter for each
/// optional kind of content that was put inside; `TAGS` tells our own tags from those of others, so that one which
/// left the spec can be removed; `NAME` tells a mark from its copy on another thing. HCP allows 256 characters of `A-Z a-z 0-9 _ . = + - @ :`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Whose.
    pub fleet: String,
    /// On what.
    pub on: Marked,
    /// The format that it was written in.
    pub version: u32,
    /// Which fields were last written: a bit for each of the kind's fields, in a fixed order.
    pub fields: u64,
    /// Over the fields as last written.
    pub digest: FieldsDigest,
    /// Optional kinds of content.
    pub contents: BTreeSet<Content>,
    /// Fingerprints of the keys of our tags.
    pub tags: BTreeSet<String>,
    /// Fingerprint of the name of the thing that it was made for; the first marks have none.
    pub name: Option<String>,
}

/// The newest format of a mark that this tool reads and the only one that it writes.
pub const MARK_VERSION: u32 = 1;

/// Kinds of content that are read only where the spec or the mark says that there is some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Notifications.
    Notifications,
    /// A list of workspaces that may read the state.
    Consumers,
}

impl Content {
    const ALL: [Self; 2] = [Self::Notifications, Self::Consumers];

    fn letter(self) -> char {
        match self {
            Self::Notifications => 'n',
            Self::Consumers => 'c',
        }
    }
}

/// A short digest over fields as they were last written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldsDigest(String);

impl FieldsDigest {
    /// The digest of fields and their values; field names are part of it.
    #[must_use]
    pub fn of<'a>(fields: impl IntoIterator<Item = (&'a String, &'a serde_json::Value)>) -> Self {
        let mut hash = Sha256::new();
        for (name, value) in fields {
            hash.update(name.as_bytes());
            hash.update([0]);
            hash.update(value.to_string().as_bytes());
            hash.update([0]);
        }
        Self(short(&hash.finalize(), 10))
    }
}

/// The fingerprint of a tag's key in a mark.
#[must_use]
pub fn tag_fingerprint(key: &str) -> String {
    short(&Sha256::digest(key.as_bytes()), 5)
}

/// The fingerprint of a thing's name in a mark.
#[must_use]
pub fn name_fingerprint(name: &str) -> String {
    short(&Sha256::digest(format!("name\0{name}").as_bytes()), 5)
}

fn short(bytes: &[u8], length: usize) -> String {
    BASE32HEX_NOPAD.encode(bytes.get(..length).unwrap_or(bytes)).to_ascii_lowercase()
}

/// What a tag `reconcile` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A mark in a format that we know.
    Mark(Mark),
    /// A mark of a newer tool: nothing under it may be written.
    Newer {
        /// Whose.
        fleet: String,
        /// The format's version.
        version: u32,
    },
    /// Not a mark at all.
    Foreign,
}

impl Mark {
    /// It was made for a thing of another name: it was copied from there, or the thing was renamed by hand.
    #[must_use]
    pub fn is_of_another(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|made_for| *made_for != name_fingerprint(name))
    }

    /// Reads the value of a tag `reconcile`.
    #[must_use]
    pub fn read(value: &str) -> Reading {
        Self::parse(value).unwrap_or(Reading::Foreign)
    }

    fn parse(value: &str) -> Option<Reading> {
        let mut parts = value.splitn(3, '.');
        let (fleet, on, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let on = match on {
            "workspace" => Marked::Workspace,
            "project" => Marked::Project,
            _ => return None,
        };
        let mut words = rest.split('-');
        let version: u32 = words.next()?.parse().ok()?;
        if version > MARK_VERSION {
            return Some(Reading::Newer { fleet: fleet.to_owned(), version });
        }
        let fields = u64::from_str_radix(words.next()?, 16).ok()?;
        let digest = FieldsDigest(words.next()?.to_owned());
        let letters = words.next()?;
        let tags = words.next()?;
        Some(Reading::Mark(Self {
            fleet: fleet.to_owned(),
            on,
            version,
            fields,
            digest,
            contents: Content::ALL.into_iter().filter(|content| letters.contains(content.letter())).collect(),
            tags: tags.split(':').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
            name: words.next().filter(|name| !name.is_empty()).map(str::to_owned),
        }))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fleet, on, version, fields, digest, contents, tags, name } = self;
        write!(f, "{fleet}.{}.{version}-{fields:x}-{}-", on.as_str(), digest.0)?;
        for content in contents {
            write!(f, "{}", content.letter())?;
        }
        f.write_str("-")?;
        for (n, tag) in tags.iter().enumerate() {
            write!(f, "{}{tag}", if n == 0 { "" } else { ":" })?;
        }
        if let Some(name) = name {
            write!(f, "-{name}")?;
        }
        Ok(())
    }
}

/// What a description or a name of ours ends with, where a kind can carry no tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suffix(String);

impl Suffix {
    /// For descriptions: ` [reconcile:FLEET]`.
    #[must_use]
    pub fn description(fleet: &FleetName) -> Self {
        Self(format!("[reconcile:{fleet}]"))
    }

    /// For names: ` (FLEET)`.
    #[must_use]
    pub fn name(fleet: &FleetName) -> Self {
        Self(format!("({fleet})"))
    }

    /// The text with the suffix.
    #[must_use]
    pub fn put(&self, text: &str) -> String {
        if text.is_empty() { self.0.clone() } else { format!("{text} {}", self.0) }
    }

    /// The text without the suffix, if it ends with it.
    #[must_use]
    pub fn take<'a>(&self, text: &'a str) -> Option<&'a str> {
        let rest = text.strip_suffix(&self.0)?;
        Some(rest.strip_suffix(' ').unwrap_or(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            fleet: "homelab-2".to_owned(),
            on: Marked::Workspace,
            version: MARK_VERSION,
            fields: 0b101,
            digest: FieldsDigest::of([]),
            contents: [Content::Notifications].into(),
            tags: ["a", "b"].into_iter().map(tag_fingerprint).collect(),
            name: Some(name_fingerprint("main-vault")),
        }
    }

    #[test]
    fn a_mark_reads_back_and_fits_a_tag() {
        let text = mark().to_string();
        assert_eq!(Mark::read(&text), Reading::Mark(mark()));
        let most = Mark {
            fleet: "f".repeat(32),
            fields: u64::MAX,
            tags: (0..10).map(|n| tag_fingerprint(&n.to_string())).collect(),
            contents: Content::ALL.into(),
            ..mark()
        };
        assert!(most.to_string().len() <= 256, "{most}");
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.=+-@:".contains(&b)), "{text}");
    }

    #[test]
    fn a_mark_of_before_names_were_in_it_is_of_no_other_thing() {
        let old = Mark { name: None, ..mark() };
        assert_eq!(Mark::read(&old.to_string()), Reading::Mark(old.clone()));
        assert!(!old.is_of_another("main-dns"));
        assert!(mark().is_of_another("main-dns") && !mark().is_of_another("main-vault"));
    }

    #[test]
    fn a_newer_mark_is_known_as_such_whatever_follows() {
        assert_eq!(Mark::read("homelab.project.7~anything"), Reading::Foreign, "a version ends at a dash");
        assert_eq!(Mark::read("homelab.project.7-x"), Reading::Newer { fleet: "homelab".to_owned(), version: 7 });
    }

    #[test]
    fn a_suffix_comes_off_as_it_went_on() {
        let suffix = Suffix::description(&"homelab".parse().unwrap());
        for text in ["", "the zone's token"] {
            assert_eq!(suffix.take(&suffix.put(text)), Some(text));
        }
        assert_eq!(suffix.take("somebody else's"), None);
    }
}
