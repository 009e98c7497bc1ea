//! What lies on this machine and is to be uploaded: read, hashed, packed, and looked over for what its purpose wants.

mod archive;
mod mirror;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use self::archive::{Contents, Entry, Kind};
use super::desired::Purpose;
use super::observed::Upload;

pub(super) use self::archive::Packed;

/// Names of hooks ("Hooks", HCP Terraform agents).
const HOOKS: [&str; 4] = ["terraform-pre-plan", "terraform-post-plan", "terraform-pre-apply", "terraform-post-apply"];

/// Why something is not uploaded, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) cause: String,
    pub(super) hint: String,
}

impl Trouble {
    fn new(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { cause: cause.into(), hint: hint.into() }
    }

    /// The task that read it did not come back.
    pub(super) fn ended() -> Self {
        Self::new("the reading task ended", "run it again")
    }
}

/// Reads what lies there, and holds it to what it is for.
pub(super) fn read(path: &Path, purposes: &BTreeSet<Purpose>) -> Result<Upload, Trouble> {
    let contents = archive::read(path).map_err(|error| unreadable(&error))?;
    let Contents { hash, bytes, entries } = &contents;
    stays_inside(entries)?;
    let mut upload = Upload { hash: hash.clone(), bytes: *bytes, ..Upload::default() };
    for purpose in purposes {
        match purpose {
            Purpose::Providers => {
                folder(entries, "a mirror of providers")?;
                let mirror::Mirror { providers, notes } = mirror::look(entries)?;
                upload.providers = providers;
                upload.notes.extend(notes);
            }
            Purpose::Hooks => {
                folder(entries, "what holds hooks")?;
                hooks(entries)?;
            }
            Purpose::Ca => certificates(path, entries)?,
        }
    }
    Ok(upload)
}

/// Reads what lies there, and packs it.
pub(super) fn pack(path: &Path) -> Result<Packed, Trouble> {
    archive::pack(path).map_err(|error| unreadable(&error))
}

fn unreadable(error: &io::Error) -> Trouble {
    let hint = "name a file or a folder that is there and can be read, relative to the spec";
    match error.kind() {
        io::ErrorKind::NotFound => Trouble::new("there is no such file or folder", hint),
        io::ErrorKind::Other if error.to_string().starts_with("it holds more") => Trouble::new(
            format!("{error}, which is more than is uploaded"),
            "put it on the host by other means, and name it there with `onHost`",
        ),
        _ => Trouble::new(error.to_string(), hint),
    }
}

/// A link that leads out of what is uploaded leads nowhere in the container.
fn stays_inside(entries: &[Entry]) -> Result<(), Trouble> {
    for Entry { path, kind } in entries {
        let Kind::Link(to) = kind else { continue };
        let mut depth = path.matches('/').count();
        let leaves = to.starts_with('/')
            || to.split('/').any(|part| match part {
                "" | "." => false,
                ".." => match depth.checked_sub(1) {
                    Some(less) => {
                        depth = less;
                        false
                    }
                    None => true,
                },
                _ => {
                    depth += 1;
                    false
                }
            });
        if leaves {
            return Err(Trouble::new(
                format!("{path} is a link to {to}, which is not uploaded with it"),
                "put the file itself there: `cp -rL` follows links, and so does a derivation that copies",
            ));
        }
    }
    Ok(())
}

fn folder(entries: &[Entry], what: &str) -> Result<(), Trouble> {
    match entries.first() {
        Some(Entry { kind: Kind::Folder, .. }) => Ok(()),
        Some(_) | None => Err(Trouble::new(format!("it is a file, and {what} is a folder"), "name the folder")),
    }
}

fn hooks(entries: &[Entry]) -> Result<(), Trouble> {
    let found: Vec<&Entry> = entries.iter().filter(|entry| HOOKS.contains(&entry.path.as_str())).collect();
    if found.is_empty() {
        let there = entries.iter().find(|entry| entry.kind != Kind::Folder);
        let there = there.map_or_else(|| "it is empty".to_owned(), |entry| format!("there is {}", entry.path));
        return Err(Trouble::new(
            format!("it holds no hook; {there}"),
            format!("the agent calls programs of these names alone: {}", HOOKS.join(", ")),
        ));
    }
    match found.iter().find(|entry| matches!(entry.kind, Kind::File { executable: false } | Kind::Folder)) {
        Some(Entry { path, .. }) => {
            let cause = format!("{path} is not executable, so the agent cannot call it");
            Err(Trouble::new(cause, format!("chmod +x {path}")))
        }
        None => Ok(()),
    }
}

/// Certificates in PEM, and nothing that must not leave this machine.
fn certificates(path: &Path, entries: &[Entry]) -> Result<(), Trouble> {
    let hint = "name a file in PEM that holds the certificates of your authority and nothing else";
    if let Some(Entry { kind: Kind::Folder, .. }) = entries.first() {
        return Err(Trouble::new("it is a folder, and certificates are a file", hint));
    }
    let text = std::fs::read(path).map_err(|error| unreadable(&error))?;
    if text.windows(16).any(|window| window == b"PRIVATE KEY-----") {
        return Err(Trouble::new("it holds a private key, which is for no agent", hint));
    }
    let read: Result<Vec<CertificateDer<'_>>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(Trouble::new("it holds no certificate: no `-----BEGIN CERTIFICATE-----`", hint))
        }
        Ok(_) => Ok(()),
        Err(_) => Err(Trouble::new("it is no PEM: a part of it does not end, or is not in base64", hint)),
    }
}
