//! The mark of a workspace or a project: what is written with it, and what it proves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::super::settings::{Fields, ProjectSettings, WorkspaceSettings};
use super::compare::canonical;
use crate::owner::{
    Content, FieldsDigest, FleetName, MARK_VERSION, Mark, Marked, Reading, TAG_KEY, name_fingerprint, tag_fingerprint,
};
use crate::plan::Cause;
use crate::systems::hcp::ProjectId;

/// The field that says in which project a workspace is.
pub(super) const PROJECT_ID: &str = "project-id";

/// The fields of a kind that a digest can be over, in an order that only ever grows at its end.
fn order(on: Marked) -> &'static [String] {
    // The project's name was part of the digest once. It changes with the project, so its id took over; marks of
    // before are still read.
    static WORKSPACE: LazyLock<Vec<String>> =
        LazyLock::new(|| with(WorkspaceSettings::names(), &["vcs", "project", "tags", PROJECT_ID]));
    // A project's placement goes by itself, as a workspace's does; its place in the order stays taken.
    static PROJECT: LazyLock<Vec<String>> = LazyLock::new(|| with(ProjectSettings::names(), &["runs-on", "tags"]));
    match on {
        Marked::Workspace => &WORKSPACE,
        Marked::Project => &PROJECT,
    }
}

fn with(names: &[String], more: &[&str]) -> Vec<String> {
    names.iter().cloned().chain(more.iter().map(ToString::to_string)).collect()
}

/// A mark for the thing of this name with these fields.
pub(super) fn mark(
    fleet: &FleetName,
    (on, name): (Marked, &str),
    fields: &Fields,
    contents: BTreeSet<Content>,
    tags: &BTreeMap<String, String>,
) -> Mark {
    Mark {
        fleet: fleet.to_string(),
        on,
        version: MARK_VERSION,
        fields: mask(on, fields),
        digest: digest(fields),
        contents,
        tags: tags.keys().map(|key| tag_fingerprint(key)).collect(),
        name: Some(name_fingerprint(name)),
    }
}

/// The mark of a workspace once the id of its project is known, which this plan made.
#[must_use]
pub fn seal(mark: &str, fields: &Fields, project: &ProjectId) -> Option<String> {
    let Reading::Mark(mark) = Mark::read(mark) else {
        return None;
    };
    let mut fields = fields.clone();
    fields.insert(PROJECT_ID.to_owned(), Value::String(project.0.clone()));
    Some(Mark { fields: mask(mark.on, &fields), digest: digest(&fields), ..mark }.to_string())
}

/// Who moved, if the wanted fields and these live ones differ: live fields that are as we last wrote them prove that
/// it was the spec.
pub(super) fn cause(mark: Option<&Mark>, live: &Fields) -> Cause {
    let Some(mark) = mark else {
        return Cause::Differs;
    };
    let written: Fields = order(mark.on)
        .iter()
        .enumerate()
        .filter(|(bit, _)| mark.fields >> bit & 1 == 1)
        .filter_map(|(_, name)| live.get_key_value(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if digest(&written) == mark.digest { Cause::Spec } else { Cause::Drift }
}

/// The same for a workspace's project. Where the mark does not speak of it, nothing proves who moved.
pub(super) fn cause_of_project(mark: Option<&Mark>, cause: &Cause) -> Cause {
    let bits =
        order(Marked::Workspace).iter().enumerate().filter(|(_, name)| *name == PROJECT_ID || *name == "project");
    let spoken_of = |mark: &Mark| bits.fold(0, |mask, (bit, _)| mask | 1_u64 << bit) & mark.fields != 0;
    if mark.is_some_and(spoken_of) { cause.clone() } else { Cause::Differs }
}

fn mask(on: Marked, fields: &Fields) -> u64 {
    order(on)
        .iter()
        .enumerate()
        .filter(|(_, name)| fields.contains_key(*name))
        .fold(0, |mask, (bit, _)| mask | 1 << bit)
}

fn digest(fields: &Fields) -> FieldsDigest {
    let canonical: Fields = fields.iter().map(|(name, value)| (name.clone(), canonical(value))).collect();
    FieldsDigest::of(&canonical)
}

/// The tags of a thing, told apart.
pub(super) struct Tags {
    /// Ours: those that the spec names now and those that it named when the mark was written.
    pub(super) ours: BTreeMap<String, String>,
    /// All that should be there, without the mark.
    pub(super) wanted: BTreeMap<String, String>,
}

/// Tells our tags from those of others, which stay.
pub(super) fn tags(
    want: &BTreeMap<String, String>,
    seen: &BTreeMap<String, String>,
    mark: Option<&Mark>,
    ignored: bool,
) -> Tags {
    let mine = |key: &String| mark.is_some_and(|mark| mark.tags.contains(&tag_fingerprint(key)));
    let live = seen.iter().filter(|(key, _)| *key != TAG_KEY);
    let ours = live
        .clone()
        .filter(|(key, _)| want.contains_key(*key) || mine(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut wanted: BTreeMap<String, String> =
        live.filter(|(key, _)| ignored || !mine(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    if !ignored {
        wanted.extend(want.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    Tags { ours, wanted }
}

/// Tags as a value that can be digested and shown: `key` or `key=value`.
pub(super) fn tags_value(tags: &BTreeMap<String, String>) -> Value {
    tags.iter()
        .map(|(key, value)| if value.is_empty() { json!(key) } else { json!(format!("{key}={value}")) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(auto_apply: bool, directory: &str) -> Fields {
        Fields::from([("auto-apply".to_owned(), json!(auto_apply)), ("working-directory".to_owned(), json!(directory))])
    }

    fn marked(fields: &Fields) -> Mark {
        mark(&"f".parse().unwrap(), (Marked::Workspace, "w"), fields, BTreeSet::new(), &BTreeMap::new())
    }

    #[test]
    fn what_is_as_we_wrote_it_was_not_changed_by_others() {
        assert_eq!(cause(Some(&marked(&fields(true, "a"))), &fields(true, "a")), Cause::Spec);
        assert_eq!(cause(Some(&marked(&fields(true, "a"))), &fields(true, "b")), Cause::Drift);
        assert_eq!(cause(None, &fields(true, "a")), Cause::Differs);
    }

    #[test]
    fn a_field_that_we_never_wrote_proves_nothing() {
        let mut live = fields(true, "a");
        live.insert("terraform-version".to_owned(), json!("1.9.0"));
        assert_eq!(cause(Some(&marked(&fields(true, "a"))), &live), Cause::Spec);
    }

    #[test]
    fn a_mark_that_does_not_speak_of_the_project_proves_nothing_of_it() {
        let mut with_project = fields(true, "a");
        with_project.insert(PROJECT_ID.to_owned(), json!("prj-1"));
        assert_eq!(cause_of_project(Some(&marked(&with_project)), &Cause::Spec), Cause::Spec);
        assert_eq!(cause_of_project(Some(&marked(&fields(true, "a"))), &Cause::Spec), Cause::Differs);
        let mut by_name = fields(true, "a");
        by_name.insert("project".to_owned(), json!("main"));
        assert_eq!(cause_of_project(Some(&marked(&by_name)), &Cause::Drift), Cause::Drift, "marks of before");
    }

    #[test]
    fn tags_of_others_stay_and_ours_that_left_the_spec_go() {
        let map = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), String::new())).collect::<BTreeMap<_, _>>();
        let old = mark(
            &"f".parse().unwrap(),
            (Marked::Workspace, "w"),
            &Fields::new(),
            BTreeSet::new(),
            &map(&["mine", "old"]),
        );
        let tags = tags(&map(&["mine", "new"]), &map(&["mine", "old", "theirs", TAG_KEY]), Some(&old), false);
        assert_eq!(tags.wanted, map(&["mine", "new", "theirs"]));
        assert_eq!(tags.ours, map(&["mine", "old"]));
    }
}
