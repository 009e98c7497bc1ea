//! Which revision of Git the files of the spec are of: for the first line of a plan, and for nothing else.

use std::path::{Path, PathBuf};

use super::session::names;
use crate::spec::diff::{folder_and_name, git};

/// A file's place in history.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Revision {
    commit: String,
    state: State,
}

/// How a file differs from that revision; the worse of two is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Clean,
    Modified,
    Untracked,
}

/// The files as the user named them, with their revision: `fleet.yaml @ 7f3c2e1 (clean)`. Outside a checkout, or without
/// Git, the names alone.
pub async fn named(files: &[PathBuf]) -> String {
    let files = files.to_vec();
    let plain = names(&files);
    tokio::task::spawn_blocking(move || with_revisions(&files)).await.unwrap_or(plain)
}

fn with_revisions(files: &[PathBuf]) -> String {
    let revisions: Vec<Option<Revision>> = files.iter().map(|file| revision(file)).collect();
    let commit = |revision: &Option<Revision>| revision.as_ref().map(|revision| revision.commit.clone());
    let first = revisions.first().and_then(commit);
    if revisions.iter().all(|revision| commit(revision) == first) {
        let worst = revisions.iter().flatten().max_by_key(|revision| revision.state);
        return worst.map_or_else(|| names(files), |worst| with(&names(files), worst));
    }
    let each = files.iter().zip(&revisions).map(|(file, revision)| {
        let name = file.display().to_string();
        revision.as_ref().map_or_else(|| name.clone(), |revision| with(&name, revision))
    });
    each.collect::<Vec<_>>().join(" + ")
}

fn with(name: &str, Revision { commit, state }: &Revision) -> String {
    let state = match state {
        State::Clean => "clean",
        State::Modified => "modified",
        State::Untracked => "untracked",
    };
    format!("{name} @ {commit} ({state})")
}

fn revision(file: &Path) -> Option<Revision> {
    let (folder, name) = folder_and_name(file)?;
    let said = |words: &[&str]| {
        let output = git(folder, words).ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()
    };
    let commit = said(&["rev-parse", "--short", "HEAD"])?.trim().to_owned();
    // A file that Git does not follow is not of that revision, whether it was told to ignore it or not.
    let path = format!(":(literal){name}");
    let status = said(&["status", "--porcelain", "--ignored", "--", &path])?;
    let state = match status.get(..2) {
        None => State::Clean,
        Some("??" | "!!") => State::Untracked,
        Some(_) => State::Modified,
    };
    Some(Revision { commit, state })
}
