//! What a change of the spec means, without a network: for pull requests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Serialize;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::desired::Desired;
use super::facts::{Fact, Facts, facts, shown};
use super::{CheckOptions, Loaded, load_texts};
use crate::address::Address;
use crate::error::Error;
use crate::origin::Origin;
use crate::plan::Verb;
use crate::plan::show::{Look, Page, Text, Tone, members};

/// The differences between two specs, by address.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Differences(pub BTreeMap<Address, Difference>);

/// How one thing differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Difference {
    /// Only the new spec has it.
    Added(BTreeMap<String, Fact>),
    /// Only the old spec has it.
    Removed,
    /// Fields that differ, and the address it had if it is renamed.
    Changed {
        /// The old address.
        #[serde(skip_serializing_if = "Option::is_none")]
        was: Option<Address>,
        /// Field by field: old, new.
        fields: BTreeMap<String, (Fact, Fact)>,
    },
}

/// Compares what two specs mean.
#[must_use]
pub fn diff(old: &Desired, new: &Desired) -> Differences {
    let origins = &new.origins;
    let (old, new) = (facts(old), facts(new));
    let mut moved: BTreeMap<Address, Address> = BTreeMap::new();
    for (address, fields) in &new {
        if let Some(was) = renamed(address, fields, &old, &new) {
            moved.insert(address.clone(), was);
        }
    }
    let mut differences = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (address, fields) in &new {
        let was = old_address(address, &moved);
        let Some(before) = old.get(&was) else {
            // What HCP would do anyway says nothing about the thing.
            let told = |name: &str| !matches!(origins.of(address, name), None | Some(Origin::Documented));
            let said = fields.iter().filter(|(name, value)| value.is_some() && told(name));
            let said = said.map(|(name, value)| (name.clone(), value.clone())).collect();
            differences.insert(address.clone(), Difference::Added(said));
            continue;
        };
        let names: BTreeSet<&String> = before.keys().chain(fields.keys()).collect();
        let changed: BTreeMap<String, (Fact, Fact)> = names
            .into_iter()
            .filter_map(|name| {
                let (one, other) = (before.get(name).cloned().flatten(), fields.get(name).cloned().flatten());
                (one != other).then(|| (name.clone(), (one, other)))
            })
            .collect();
        let renamed = moved.contains_key(address);
        if !changed.is_empty() || renamed {
            let was = renamed.then(|| was.clone());
            differences.insert(address.clone(), Difference::Changed { was, fields: changed });
        }
        taken.insert(was);
    }
    for address in old.keys().filter(|address| !taken.contains(*address)) {
        differences.insert(address.clone(), Difference::Removed);
    }
    Differences(differences)
}

/// The address that a thing had, if it says `was` and the old spec has that.
fn renamed(address: &Address, fields: &BTreeMap<String, Fact>, old: &Facts, new: &Facts) -> Option<Address> {
    let was = fields.get("was")?.as_ref()?.as_str()?;
    let mut parts: Vec<&str> = address.parts().collect();
    parts.pop();
    let former = Address::new(parts).within([was]);
    (old.contains_key(&former) && !new.contains_key(&former) && !old.contains_key(address)).then_some(former)
}

/// The address that a thing had, what lies in a renamed one included.
fn old_address(address: &Address, moved: &BTreeMap<Address, Address>) -> Address {
    for (new, old) in moved {
        if address.is_within(new) {
            let rest = address.as_str().get(new.as_str().len()..).unwrap_or_default();
            if let Ok(address) = format!("{old}{rest}").parse() {
                return address;
            }
        }
    }
    address.clone()
}

impl Differences {
    /// As text, in the signs and colours of a plan.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        let mut page = Page::new(look);
        let (mut added, mut removed, mut changed) = (0, 0, 0);
        for (address, difference) in &self.0 {
            let sign =
                |verb: Verb, what: &str| Text::default().and(verb.sign(), Tone::Sign(verb)).and(what, Tone::Plain);
            match difference {
                Difference::Added(fields) => {
                    added += 1;
                    page.beside(&sign(Verb::Create, address.as_str()), 0, &Text::default());
                    let widest = widest(fields.keys());
                    for (name, value) in fields {
                        field(&mut page, name, widest, &Text::default().and(&shown(value), Tone::New));
                    }
                }
                Difference::Removed => {
                    removed += 1;
                    page.beside(&sign(Verb::Remove, address.as_str()), 0, &Text::default());
                }
                Difference::Changed { was, fields } => {
                    changed += 1;
                    let what = was.as_ref().map_or_else(|| address.to_string(), |was| format!("{was} -> {address}"));
                    page.beside(&sign(Verb::Change, &what), 0, &Text::default());
                    let widest = widest(fields.keys());
                    for (name, (old, new)) in fields {
                        field(&mut page, name, widest, &both(old, new));
                    }
                }
            }
        }
        if self.0.is_empty() {
            page.line("no differences");
        } else {
            page.gap();
            page.line(&format!("{added} added, {changed} changed, {removed} removed."));
        }
        page.finished()
    }
}

/// `old -> new`; of two long lists what comes and what goes.
fn both(old: &Fact, new: &Fact) -> Text {
    if let (Some(Value::Array(old)), Some(Value::Array(new))) = (old, new)
        && let Some(text) = members(old, new, |item| shown(&Some(item.clone())))
    {
        return text;
    }
    Text::default().and(&shown(old), Tone::Old).and("->", Tone::Plain).and(&shown(new), Tone::New)
}

fn widest<'a>(names: impl Iterator<Item = &'a String>) -> usize {
    names.map(|name| name.width()).max().unwrap_or_default()
}

fn field(page: &mut Page, name: &str, widest: usize, value: &Text) {
    page.beside(&Text::indent(4).and(name, Tone::Plain), 4 + widest + 2, value);
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Look::default()))
    }
}

/// `REV..REV`
///
/// # Errors
/// When the text names no two revisions.
pub fn revisions(text: &str) -> Result<(&str, &str), Error> {
    let refused = |cause: &str| {
        Err(Error::new(format!("reading the revisions `{text}`"))
            .because(cause.to_owned())
            .hint("write two revisions of Git with two dots between them, such as main..HEAD"))
    };
    if text.contains("...") {
        return refused("three dots mean the changes since a common ancestor, and two specs are compared");
    }
    let Some((old, new)) = text.split_once("..") else {
        return refused("there are no two dots in it");
    };
    for revision in [old, new] {
        // An option of Git's would begin with a dash, a path would follow a colon.
        if revision.is_empty() || revision.starts_with(['-', '.']) || revision.contains([':', '\0']) {
            return refused("there must be a revision on both sides");
        }
    }
    Ok((old, new))
}

/// Reads and checks the spec as it was in a revision of Git.
///
/// # Errors
/// When Git does not give out a file.
pub fn load_revision(revision: &str, paths: &[PathBuf], options: &CheckOptions) -> Result<Loaded, Error> {
    let mut texts = Vec::new();
    for path in paths {
        texts.push((format!("{revision}:{}", path.display()), file_of_revision(revision, path)?));
    }
    let texts: Vec<(&str, String)> = texts.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    Ok(load_texts(&texts, options))
}

/// The file's text in a revision. `cat-file` runs none of the filters that a repository can ask for.
fn file_of_revision(revision: &str, path: &Path) -> Result<String, Error> {
    let doing = || Error::new(format!("reading {} as it was in {revision}", path.display()));
    let Some((folder, name)) = folder_and_name(path) else {
        return Err(doing().because("the path names no file".to_owned()).hint("name the file of the spec"));
    };
    let output = git(folder, &["cat-file", "blob", &format!("{revision}:./{name}")])
        .map_err(|error| doing().because(error).hint("install git, or compare two files"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(doing().because(said).hint("run it in the checkout, with revisions in which the file was there"));
    }
    String::from_utf8(output.stdout).map_err(|error| doing().because(error).hint("a spec is UTF-8 text"))
}

/// The folder that a file is in and its name there.
pub(crate) fn folder_and_name(path: &Path) -> Option<(&Path, &str)> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some((folder, name))
}

/// Asks Git in a folder. It takes no lock and starts no monitor: whoever only looks leaves nothing behind.
pub(crate) fn git(folder: &Path, words: &[&str]) -> std::io::Result<Output> {
    Command::new("git")
        .args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"])
        .arg(folder)
        .args(words)
        .stdin(Stdio::null())
        .output()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_no_option_and_no_path() {
        assert_eq!(revisions("main..HEAD~1").unwrap(), ("main", "HEAD~1"));
        for text in ["main", "..HEAD", "main..", "--output=x..HEAD", "main..HEAD:secret", "a...b"] {
            assert!(revisions(text).is_err(), "{text}");
        }
    }
}
