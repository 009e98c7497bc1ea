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
    /// Where each kind of files is seen, wanted or not.
    pub(super) places: BTreeMap<Purpose, String>,
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
    pub(super) bytes: u64,
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
        let Agent { image, longest_apply, environment: own, memory, millicpus, log, files } = &service.agent;
        let mut environment = own.clone();
        let mut mounts = BTreeMap::new();
        let mut volumes = Vec::new();
        for Files { purpose, source } in files {
            match source {
                Source::OnHost(path) => {
                    mounts.insert(purpose.path(own), path.clone());
                }
                Source::Upload(path) => {
                    let upload = match self.uploads.get(path) {
                        Some(Read::Seen(upload)) => upload,
                        Some(Read::Unread(gap)) => return Err(Box::new(gap.clone())),
                        Some(Read::NotAsked) | None => continue,
                    };
                    let volume = self.upload(*purpose, path, upload);
                    mounts.insert(purpose.path(own), volume.name.clone());
                    volumes.push(volume);
                }
            }
            environment.extend(purpose.variable(own));
        }
        let mut blueprint = Blueprint {
            image: image.clone(),
            environment,
            network: self.target.network(),
            mounts,
            places: Purpose::ALL.into_iter().map(|purpose| (purpose, purpose.path(own))).collect(),
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
            content: Content { path: path.to_owned(), hash: upload.hash.clone() },
            bytes: upload.bytes,
        }
    }
}

/// Names of the variables that containers of an agent get, but for its name and its token.
pub fn variable_names(agent: &Agent) -> BTreeSet<String> {
    let of_files =
        agent.files.iter().filter_map(|files| files.purpose.variable(&agent.environment)).map(|(name, _)| name);
    agent.environment.keys().cloned().chain(of_files).collect()
}

impl Blueprint {
    fn made_of(&self) -> String {
        let Self {
            image,
            environment,
            network,
            mounts,
            places: _,
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
