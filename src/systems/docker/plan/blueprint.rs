//! What a container of an agent is made of, and the digest by which one that exists is known to be made of the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::desired::{Agent, Files, Image, Log, Purpose, Service, Source, Target};
use super::super::labels;
use super::super::observed::Upload;
use super::super::request::Content;
use super::Planner;
use crate::plan::{Gap, Read};

/// The format of the digest: another one makes every container anew.
const FORMAT: u32 = 1;

/// What a container is made of: all but its name, its number, its token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blueprint {
    pub(super) image: Image,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) network: String,
    /// Volumes and paths of the host by where they are seen.
    pub(super) mounts: BTreeMap<String, String>,
    pub(super) volumes: Vec<Volume>,
    pub(super) always: bool,
    pub(super) stop_timeout: u64,
    pub(super) memory: Option<u64>,
    pub(super) millicpus: Option<u32>,
    pub(super) log: Option<Log>,
    pub(super) digest: String,
}

/// A volume that a container needs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) key: String,
    pub(super) hash: String,
    pub(super) content: Content,
}

impl Planner<'_, '_> {
    /// What the n-th container of a service is made of; the gap of what has to be read for that.
    pub(super) fn blueprint(&self, service: &Service, number: u32) -> Result<Blueprint, Box<Gap>> {
        Drawing { target: self.target, uploads: &self.seen.uploads }.blueprint(service, number)
    }

    /// Labels of a container made of this.
    pub(super) fn labels(&self, service: &str, number: u32, pool: &str, blueprint: &Blueprint) -> super::Labels {
        labels::container(self.fleet, (&self.target.project, service, number), pool, &blueprint.digest)
    }
}

/// What blueprints are drawn from: the spec, and what lies on this machine to be uploaded. No host has to be seen.
pub(super) struct Drawing<'a> {
    pub(super) target: &'a Target,
    pub(super) uploads: &'a BTreeMap<PathBuf, Read<Upload>>,
}

impl Drawing<'_> {
    /// What the n-th container of a service is made of; the gap of what has to be read for that.
    pub(super) fn blueprint(&self, service: &Service, number: u32) -> Result<Blueprint, Box<Gap>> {
        let Agent { image, longest_apply, environment, memory, millicpus, log, files } = &service.agent;
        let mut environment = environment.clone();
        let mut mounts = BTreeMap::new();
        let mut volumes = Vec::new();
        for Files { purpose, source } in files {
            match source {
                Source::OnHost(path) => {
                    mounts.insert(purpose.path().to_owned(), path.clone());
                }
                Source::Upload(path) => {
                    let upload = match self.uploads.get(path) {
                        Some(Read::Seen(upload)) => upload,
                        Some(Read::Unread(gap)) => return Err(Box::new(gap.clone())),
                        Some(Read::NotAsked) | None => continue,
                    };
                    let volume = self.upload(*purpose, path, upload);
                    mounts.insert(purpose.path().to_owned(), volume.name.clone());
                    volumes.push(volume);
                }
            }
            environment.extend(variables(*purpose));
        }
        let mut blueprint = Blueprint {
            image: image.clone(),
            environment,
            network: self.target.network(),
            mounts,
            volumes,
            always: number <= service.min,
            stop_timeout: *longest_apply,
            memory: *memory,
            millicpus: *millicpus,
            log: log.clone(),
            digest: String::new(),
        };
        blueprint.digest = blueprint.made_of();
        Ok(blueprint)
    }

    fn upload(&self, purpose: Purpose, path: &Path, upload: &Upload) -> Volume {
        let short = upload.hash.get(..12).unwrap_or(&upload.hash);
        let key = format!("{}-{short}", purpose.word());
        Volume {
            name: format!("{}_{key}", self.target.project),
            key,
            hash: upload.hash.clone(),
            content: Content { upload: Some((path.to_owned(), upload.hash.clone())), files: BTreeMap::new() },
        }
    }
}

/// Names of the variables that containers of an agent get, but for its name and its token.
pub fn variable_names(agent: &Agent) -> BTreeSet<String> {
    let of_files = agent.files.iter().filter_map(|files| variables(files.purpose)).map(|(name, _)| name);
    agent.environment.keys().cloned().chain(of_files).collect()
}

/// What a container has to know of files that it finds.
fn variables(purpose: Purpose) -> Option<(String, String)> {
    match purpose {
        // Go programs read the system's bundle and, beside it, the folders that this names; the agent, terraform and its
        // providers are Go programs (`crypto/x509`, root_unix.go).
        Purpose::Ca => Some(("SSL_CERT_DIR".to_owned(), format!("/etc/ssl/certs:{}", purpose.path()))),
        Purpose::Providers | Purpose::Hooks => None,
    }
}

impl Blueprint {
    fn made_of(&self) -> String {
        let Self {
            image,
            environment,
            network,
            mounts,
            volumes: _,
            always,
            stop_timeout,
            memory,
            millicpus,
            log,
            digest: _,
        } = self;
        let parts =
            json!([FORMAT, image.exact(), environment, network, mounts, always, stop_timeout, memory, millicpus, log]);
        let hash = HEXLOWER.encode(&Sha256::digest(parts.to_string().as_bytes()));
        hash.get(..32).unwrap_or(&hash).to_owned()
    }
}
