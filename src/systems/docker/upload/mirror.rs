//! A filesystem mirror of providers, as terraform looks for one (`hashicorp/terraform`,
//! `internal/getproviders/filesystem_search.go`): packed or not, side by side if need be.

use std::collections::{BTreeMap, BTreeSet};

use super::Trouble;
use super::archive::{Entry, Kind};

/// What a mirror holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mirror {
    /// Platforms, `linux_amd64`, for which there is a package, by `HOST/NAMESPACE/TYPE`.
    pub(super) providers: BTreeMap<String, BTreeSet<String>>,
    /// What terraform would stumble over.
    pub(super) notes: BTreeSet<String>,
}

/// What a mirror holds; what is missing where it is none.
pub(super) fn look(entries: &[Entry]) -> Result<Mirror, Trouble> {
    let mut mirror = Mirror::default();
    let mut places = BTreeSet::new();
    for Entry { path, kind } in entries {
        let parts: Vec<&str> = path.split('/').collect();
        let Some(provider) = provider(&parts) else { continue };
        let platform = match (parts.as_slice(), kind) {
            ([_, _, _], Kind::Folder) => {
                places.insert(provider);
                continue;
            }
            ([_, _, kind, file], Kind::File { .. } | Kind::Link(_)) => packed(kind, file),
            ([_, _, _, version, platform], Kind::Folder | Kind::Link(_)) => {
                let fits = is_version(version) && is_platform(platform);
                if fits && matches!(kind, Kind::Folder) {
                    mirror.notes.extend(program(entries, path, parts.get(2).copied().unwrap_or_default()));
                }
                fits.then(|| (*platform).to_owned())
            }
            _ => None,
        };
        if let Some(platform) = platform {
            mirror.providers.entry(provider).or_default().insert(platform);
        }
    }
    if mirror.providers.is_empty() {
        return Err(no_mirror(entries));
    }
    let empty = places.iter().filter(|place| !mirror.providers.contains_key(*place));
    mirror.notes.extend(empty.map(|place| format!("{place} holds no package, so terraform looks elsewhere for it")));
    Ok(mirror)
}

fn provider(parts: &[&str]) -> Option<String> {
    let [host, namespace, kind, ..] = parts else { return None };
    let host_fits = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || "-.:".contains(c));
    let name_fits = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c));
    (host_fits && name_fits(namespace) && name_fits(kind)).then(|| format!("{host}/{namespace}/{kind}"))
}

/// The platform of `terraform-provider-TYPE_VERSION_OS_ARCH.zip`.
fn packed(kind: &str, file: &str) -> Option<String> {
    let file = file.to_lowercase();
    let rest = file.strip_prefix(&format!("terraform-provider-{}_", kind.to_lowercase()))?.strip_suffix(".zip")?;
    let mut parts = rest.split('_');
    let (version, os, architecture) = (parts.next()?, parts.next()?, parts.next()?);
    let platform = format!("{os}_{architecture}");
    (is_version(version) && is_platform(&platform)).then_some(platform)
}

fn is_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = core.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_platform(text: &str) -> bool {
    let parts: Vec<&str> = text.split('_').collect();
    parts.len() == 2 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// What is wrong with the program of a package that is not packed.
fn program(entries: &[Entry], package: &str, kind: &str) -> Option<String> {
    let name = format!("{package}/terraform-provider-{kind}");
    let mut programs = entries.iter().filter(|entry| {
        entry.path.strip_prefix(&name).is_some_and(|rest| !rest.contains('/')) && entry.kind != Kind::Folder
    });
    let Some(first) = programs.next() else {
        return Some(format!("{package} holds no terraform-provider-{kind}, so terraform cannot run it"));
    };
    let may_run = first.kind != Kind::File { executable: false };
    (!may_run).then(|| format!("{} is not executable, so terraform cannot run it", first.path))
}

fn no_mirror(entries: &[Entry]) -> Trouble {
    let file = |entry: &&Entry| entry.kind != Kind::Folder;
    let named = |entry: &&Entry| {
        entry.path.rsplit('/').next().is_some_and(|name| name.starts_with("terraform-provider-")) && file(entry)
    };
    let example = entries.iter().find(named).or_else(|| entries.iter().find(file));
    let there = match example {
        Some(entry) => format!("there is {}", entry.path),
        None => "it is empty".to_owned(),
    };
    Trouble {
        cause: format!(
            "it is no mirror of providers: it has neither a HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/ nor a \
             HOST/NAMESPACE/TYPE/terraform-provider-TYPE_VERSION_OS_ARCH.zip; {there}"
        ),
        hint: "`terraform providers mirror -platform=linux_amd64 FOLDER` makes one; a provider of your own goes below \
               the address by which your code asks for it, such as registry.terraform.io/acme/nas/1.0.0/linux_amd64/"
            .to_owned(),
    }
}
