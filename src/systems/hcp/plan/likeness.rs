//! Whether a thing that would be removed is one that the spec now calls otherwise. To ask once too often costs a line of
//! the spec, or a second apply; to remove once too often costs a workspace with its history.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::desired::{self, VariableValue};
use super::super::observed::{self, SeenValue};
use super::Planner;
use super::standing::Standing;
use crate::address::Address;
use crate::spec::finding::nearest;
use crate::systems::hcp::{ProjectId, workspace_address};

/// Old names that lead nowhere although the new thing is not there either, each with the thing that would go and that
/// was probably meant. Where the new thing is there, it was renamed long ago.
pub(super) struct Mistaken<'a>(BTreeMap<&'a str, (&'a str, &'a str)>);

impl<'a> Mistaken<'a> {
    pub(super) fn new<T>(
        wanted: impl Iterator<Item = (&'a str, Option<&'a str>)>,
        links: &BTreeMap<&'a str, Standing<'a, T>>,
        going: impl Iterator<Item = &'a str>,
    ) -> Self {
        let going: Vec<&str> = going.collect();
        let mut mistaken = BTreeMap::new();
        for (new, was) in wanted {
            let missing = matches!(links.get(new), Some(Standing::Missing));
            let Some(was) = was.filter(|_| missing) else { continue };
            // The key in the spec, where HCP's name was to be written, is how most such names come about.
            let ends_so = going.iter().find(|name| name.ends_with(was)).copied();
            let meant = ends_so.or_else(|| nearest(was, going.iter().copied())).or_else(|| going.first().copied());
            if let Some(meant) = meant {
                mistaken.entry(meant).or_insert((new, was));
            }
        }
        Self(mistaken)
    }

    /// Why the thing of this name is not removed.
    pub(super) fn of(&self, going: &str, address: impl Fn(&str) -> Address) -> Option<String> {
        let (new, was) = self.0.get(going)?;
        let new = address(new);
        Some(format!(
            "would be removed while {new} is created, whose `was: {was}` names nothing: did you mean `{going}`?"
        ))
    }
}

impl Planner<'_, '_> {
    /// Why a workspace is not removed, if one that is missing looks like it.
    pub(super) fn looks_renamed(&self, seen: &observed::Workspace) -> Option<String> {
        // Nothing is removed where all is only compared.
        if self.want.organization.stewardship.verify {
            return None;
        }
        let missing = self.want.workspaces.iter().filter(|(name, wanted)| {
            let standing = self.links.workspaces.get(name.as_str());
            matches!(standing, Some(Standing::Missing)) && !wanted.stewardship.released
        });
        let alike: Vec<(&str, &desired::Workspace)> = missing
            .filter(|(name, wanted)| self.is_alike((name, wanted), seen))
            .map(|(name, wanted)| (name.as_str(), wanted))
            .collect();
        let at_the_same_place = alike.iter().find(|(_, wanted)| directory(wanted) == seen_directory(seen));
        let new = match at_the_same_place {
            Some((name, _)) => *name,
            None => {
                nearest(&seen.name, alike.iter().map(|(name, _)| *name)).or(alike.first().map(|(name, _)| *name))?
            }
        };
        let new = workspace_address(new);
        Some(format!("would be removed while {new} is created, which looks like the same one"))
    }

    /// The same code; or the same project, and nothing that shows them to be two things.
    fn is_alike(&self, (name, wanted): (&str, &desired::Workspace), seen: &observed::Workspace) -> bool {
        let same_project = self.is_same_project(wanted.project.as_deref(), seen.project.as_ref());
        if same_project && (is_same_description(wanted, seen) || is_same_variables(wanted, seen)) {
            return true;
        }
        let same_repository = match (&wanted.vcs, &seen.vcs) {
            (Some(new), Some(old)) => new.repository.eq_ignore_ascii_case(&old.repository),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let (new, old) = (directory(wanted), seen_directory(seen));
        // Without a repository, the root of it says nothing.
        let same_code = new == old && (wanted.vcs.is_some() || !new.is_empty());
        same_repository && (same_code || same_project && moves_along((name, new), (&seen.name, old)))
    }

    /// The same one, or a new one in place of one that leaves the spec too.
    fn is_same_project(&self, wanted: Option<&str>, seen: Option<&ProjectId>) -> bool {
        let Some(name) = wanted else {
            return seen == self.seen.organization.default_project.as_ref();
        };
        match self.links.projects.get(name) {
            Some(Standing::Missing) => {
                let mut wanted = self.links.projects.values().filter_map(Standing::found);
                !wanted.any(|project| Some(&project.id) == seen)
            }
            Some(standing) => standing.found().map(|project| &project.id) == seen,
            None => false,
        }
    }
}

fn directory(wanted: &desired::Workspace) -> &str {
    wanted.settings.working_directory.as_deref().unwrap_or_default()
}

fn seen_directory(seen: &observed::Workspace) -> &str {
    seen.settings.working_directory.as_deref().unwrap_or_default()
}

fn is_same_description(wanted: &desired::Workspace, seen: &observed::Workspace) -> bool {
    let new = wanted.settings.description.as_deref().unwrap_or_default();
    !new.is_empty() && seen.settings.description.as_deref() == Some(new)
}

/// The same keys with the same values, as far as values can be seen.
fn is_same_variables(wanted: &desired::Workspace, seen: &observed::Workspace) -> bool {
    let Some(old) = seen.variables.seen().filter(|old| !old.is_empty() && old.len() == wanted.variables.len()) else {
        return false;
    };
    old.iter().all(|old| match (wanted.variables.get(&old.key).map(|new| &new.value), &old.value) {
        (Some(VariableValue::Plain(new)), SeenValue::Plain(old)) => new == old,
        (Some(VariableValue::Sensitive(_)), SeenValue::Sensitive(_)) => true,
        _ => false,
    })
}

/// The directories are the same, or differ only where each is called like its workspace: `tf/{key}` moves with the key.
fn moves_along((new_name, new): (&str, &str), (old_name, old): (&str, &str)) -> bool {
    let (new, old) = (Path::new(new), Path::new(old));
    let pairs = || new.iter().zip(old.iter()).map(|(new, old)| (new.to_string_lossy(), old.to_string_lossy()));
    new.iter().count() == old.iter().count()
        && pairs().all(|(new, old)| new == old || new_name.contains(&*new) && old_name.contains(&*old))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_moves_along_with_its_name_and_no_other_does() {
        let along = |new: (&str, &str), old: (&str, &str)| moves_along(new, old);
        assert!(along(("main-vaultx", "tf/vaultx"), ("main-vault", "tf/vault")));
        assert!(along(("main-vaultx", ""), ("main-vault", "")));
        assert!(along(("prod-vault", "prod/tf/vault"), ("main-vault", "main/tf/vault")));
        assert!(!along(("main-web", "tf/web"), ("main-vault", "tf/secrets")));
        assert!(!along(("main-web", "web"), ("main-vault", "tf/vault")));
    }
}
