//! What is wrong with a spec: one finding for each cause, with its place and its remedy.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use super::node::{At, LONG_LINE, Sources};
use crate::origin::Place;

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident $id:literal,)*) => {
        /// What a finding is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])* $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The rule's name, in `accept` and in JSON.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }
        }
    };
}

rules! {
    /// A file that cannot be read.
    Unreadable "unreadable",
    /// Not YAML, JSON or TOML.
    Syntax "syntax",
    /// More than the budget.
    TooMuch "too-much",
    /// One key twice in a map.
    DuplicateKey "duplicate-key",
    /// A key that means nothing there.
    UnknownKey "unknown-key",
    /// A key that must be there.
    MissingKey "missing-key",
    /// A value of the wrong kind.
    WrongKind "wrong-kind",
    /// A number where a version is meant.
    UnquotedVersion "unquoted-version",
    /// A value that is not one of those that are possible.
    WrongValue "wrong-value",
    /// A name that stands for nothing.
    UnknownReference "unknown-reference",
    /// A `*` where it would be a literal star.
    LiteralStar "literal-star",
    /// A literal where a secret must be a reference.
    LiteralSecret "literal-secret",
    /// A plain value that looks like a secret.
    PlainSecret "plain-secret",
    /// A command as a source of a secret, where commands are not run.
    SecretCommand "secret-command",
    /// A template that cannot be filled in.
    Template "template",
    /// A name that HCP or Kubernetes refuses.
    Name "name",
    /// Two things of one name.
    SameName "same-name",
    /// A tag that HCP refuses.
    Tag "tag",
    /// A variable that HCP refuses.
    Variable "variable",
    /// Variables on a workspace for which nothing evaluates them.
    LocalVariables "local-variables",
    /// Notifications of a workspace for which none are sent.
    LocalNotifications "local-notifications",
    /// A notification that HCP refuses.
    Notification "notification",
    /// A notification that comes twice.
    NotifiedTwice "notified-twice",
    /// Settings that exclude one another.
    Exclusive "exclusive-settings",
    /// A workspace stands on what it makes itself.
    SelfManagement "self-management",
    /// More agents than the tier holds.
    TierAgents "tier-agents",
    /// What the tier lacks.
    TierLacks "tier-lacks",
    /// One pool on two targets.
    PoolOnTwoTargets "pool-on-two-targets",
    /// A version of the operator whose deployment is not known.
    OperatorVersion "operator-version",
    /// Less memory than an agent wants.
    AgentMemory "agent-memory",
    /// An image of agents that is another one tomorrow.
    MovingImage "moving-image",
    /// Words about ownership that exclude one another.
    Ownership "ownership",
    /// Something that nothing uses.
    Unused "unused",
}

impl Rule {
    /// The rules whose findings a workspace may accept with a reason.
    pub const ACCEPTABLE: &[Self] =
        &[Self::SelfManagement, Self::LocalNotifications, Self::NotifiedTwice, Self::PlainSecret];
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is done with such a spec.
    Error,
    /// Said, and gone on.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is about.
    pub rule: Rule,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub at: At,
    /// What is wrong.
    pub message: String,
    /// Facts that it follows from.
    pub notes: Vec<Note>,
    /// What to do.
    pub remedy: Option<String>,
    /// The reason for which it is accepted.
    pub accepted: Option<String>,
}

/// A fact that a finding follows from.
#[derive(Clone, Debug)]
pub struct Note {
    /// The fact.
    pub text: String,
    /// Where it stands, if that is another place.
    pub at: Option<At>,
}

impl Finding {
    /// An error.
    #[must_use]
    pub fn error(rule: Rule, at: At, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: Severity::Error,
            at,
            message: message.into(),
            notes: Vec::new(),
            remedy: None,
            accepted: None,
        }
    }

    /// A warning.
    #[must_use]
    pub fn warning(rule: Rule, at: At, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(rule, at, message) }
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(Note { text: text.into(), at: None });
        self
    }

    /// Adds a fact that stands elsewhere.
    #[must_use]
    pub fn note_at(mut self, text: impl Into<String>, at: At) -> Self {
        self.notes.push(Note { text: text.into(), at: Some(at) });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(mut self, text: impl Into<String>) -> Self {
        self.remedy = Some(text.into());
        self
    }
}

/// All findings of a spec, sorted by place.
#[derive(Clone, Debug)]
pub struct Findings {
    sources: Arc<Sources>,
    list: Vec<Finding>,
    hidden: BTreeSet<(u16, u32)>,
}

impl Findings {
    /// Sorts them; `hidden` are lines that hold what must not be shown.
    #[must_use]
    pub fn new(sources: Arc<Sources>, mut list: Vec<Finding>, hidden: BTreeSet<(u16, u32)>) -> Self {
        list.sort_by(|one, other| {
            (one.at, one.rule, &one.message, one.severity).cmp(&(other.at, other.rule, &other.message, other.severity))
        });
        list.dedup_by(|one, other| (one.at, one.rule, &one.message) == (other.at, other.rule, &other.message));
        Self { sources, list, hidden }
    }

    /// All of them, sorted by place.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    /// How many errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.count(|finding| finding.severity == Severity::Error)
    }

    /// How many warnings, those included that are accepted.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.count(|finding| finding.severity == Severity::Warning)
    }

    /// How many warnings that nobody accepted: what `--strict` refuses.
    #[must_use]
    pub fn unaccepted_warnings(&self) -> usize {
        self.count(|finding| finding.severity == Severity::Warning && finding.accepted.is_none())
    }

    fn count(&self, which: impl Fn(&Finding) -> bool) -> usize {
        self.list.iter().filter(|finding| which(finding)).count()
    }

    /// The texts that they are about.
    #[must_use]
    pub(super) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// A place as people read it.
    #[must_use]
    pub fn place(&self, at: At) -> Place {
        self.sources.place(at)
    }

    /// The line that a finding is about, unless it may hold a secret.
    #[must_use]
    pub fn excerpt(&self, finding: &Finding) -> Option<&str> {
        let line = self.sources.line(finding.at).filter(|line| line.len() <= LONG_LINE)?;
        let lower = line.to_ascii_lowercase();
        let telling = ["sensitive", "secret", "token", "passw", "private", "webhook"];
        let hide = self.hidden.contains(&(finding.at.file, finding.at.line))
            || matches!(finding.rule, Rule::LiteralSecret | Rule::PlainSecret)
            || telling.iter().any(|word| lower.contains(word));
        let line = if hide { before_the_value(finding, line)? } else { line };
        (!line.trim().is_empty()).then_some(line)
    }
}

/// The line up to the colon after a key that begins it: as much as can be shown where the value may be a secret.
fn before_the_value<'l>(finding: &Finding, line: &'l str) -> Option<&'l str> {
    let key = line.trim_start();
    let indented = line.len() - key.len();
    let begins = usize::try_from(finding.at.column).ok()? == indented + 1;
    let word =
        key.bytes().all(|b| b.is_ascii_graphic() || b == b' ') && key.starts_with(|c: char| c.is_ascii_alphabetic());
    let end = key.find(':')?;
    (begins && word).then(|| line.get(..=indented + end)).flatten()
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            id: &'static str,
            severity: Severity,
            place: Place,
            message: &'a str,
            notes: Vec<ShownNote<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            remedy: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            accepted: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct ShownNote<'a> {
            text: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            place: Option<Place>,
        }
        let mut list = serializer.serialize_seq(Some(self.list.len()))?;
        for finding in &self.list {
            let Finding { rule, severity, at, message, notes, remedy, accepted } = finding;
            let note = |note: &Note| note.at.map(|at| self.place(at));
            list.serialize_element(&Shown {
                id: rule.id(),
                severity: *severity,
                place: self.place(*at),
                message,
                notes: notes.iter().map(|each| ShownNote { text: &each.text, place: note(each) }).collect(),
                remedy: remedy.as_deref(),
                accepted: accepted.as_deref(),
            })?;
        }
        list.end()
    }
}

/// The name that was probably meant: `did you mean …?`
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The comparison takes the product of both lengths, and a name is short.
    const LONGEST: usize = 200;
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_lowercase();
    known
        .into_iter()
        .filter(|name| name.len() <= LONGEST)
        .map(|name| (strsim::jaro_winkler(&written, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity >= 0.82)
        .max_by(|(one, name), (other, other_name)| one.total_cmp(other).then_with(|| other_name.cmp(name)))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["runsOn", "remoteStateConsumers", "tags"];
        assert_eq!(nearest("runson", known), Some("runsOn"));
        assert_eq!(nearest("tag", known), Some("tags"));
        assert_eq!(nearest("zebra", known), None);
    }
}
