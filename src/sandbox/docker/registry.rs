//! An image registry that can only be read (Distribution API, version 2), filled with a made-up agent image.
//!
//! A real engine can pull from it too: manifests are lists of platforms, digests are those of the bytes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    archive,
    call::{Answer, Payload, text},
};
use crate::sandbox::world::{Tree, hex};

/// The media type of a manifest list.
const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The media type of a manifest.
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of a configuration.
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// The media type of a layer.
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// What every new world's registry holds.
static BUILT_IN: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::default();
    for version in ["1.28.0", "1.28.1", "1.29.0"] {
        registry.publish("hashicorp/tfc-agent", version, &agent_image(version));
    }
    registry
});

/// An image for one platform, to be published.
#[derive(Debug, Clone)]
pub struct Platform {
    /// `amd64` or `arm64`.
    pub architecture: String,
    /// `config` of its configuration: `Entrypoint`, `Env`, `Labels`, …
    pub config: Value,
    /// Its layers as tar archives, not packed.
    pub layers: Vec<Vec<u8>>,
}

/// Bytes with a media type.
#[derive(Debug, Clone)]
struct Blob {
    kind: &'static str,
    bytes: Arc<[u8]>,
}

/// The registry.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Digests by repository and tag.
    tags: BTreeMap<String, BTreeMap<String, String>>,
    /// Manifests and blobs by digest, of each repository.
    blobs: BTreeMap<(String, String), Blob>,
}

/// An image as an engine takes it.
#[derive(Debug)]
pub struct Found {
    /// The digest that was asked for, or that the tag leads to.
    pub digest: String,
    /// The configuration's digest: the image's id.
    pub id: String,
    /// The architecture.
    pub architecture: String,
    /// `config` of the configuration.
    pub config: Value,
    /// The layers: digest and packed size.
    pub layers: Vec<(String, u64)>,
    /// Hashes of the plain layers.
    pub hashes: Vec<String>,
    /// What is in it.
    pub files: Tree,
    /// Bytes when unpacked.
    pub size: u64,
}

/// Why there is no such image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// No such repository.
    Repository,
    /// No such tag or digest in it.
    Manifest,
    /// Not for this platform.
    Platform,
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Packs a layer, the same in every run.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// The made-up image: the folders that HashiCorp's has, and a text where its program would be.
fn agent_image(version: &str) -> Vec<Platform> {
    let platform = |architecture: &str| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |name: &str, mode: u32, content: Option<&str>| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(if content.is_some() { tar::EntryType::Regular } else { tar::EntryType::Directory });
            header.set_mode(mode);
            header.set_mtime(1_767_600_000);
            header.set_size(content.map_or(0, |text| text.len() as u64));
            // Writing to memory does not fail.
            let _ = builder.append_data(&mut header, name, content.unwrap_or_default().as_bytes());
        };
        for folder in ["etc", "etc/ssl", "etc/ssl/certs", "home", "home/tfc-agent", "home/tfc-agent/.tfc-agent", "tmp"]
        {
            add(folder, 0o755, None);
        }
        add(
            "home/tfc-agent/bin/tfc-agent",
            0o755,
            Some(&format!("a stand-in for tfc-agent {version} on {architecture}\n")),
        );
        Platform {
            architecture: architecture.to_owned(),
            config: json!({
                "Entrypoint": ["/home/tfc-agent/bin/tfc-agent"],
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Labels": { "org.opencontainers.image.version": version },
                "User": "tfc-agent",
                "WorkingDir": "/home/tfc-agent",
            }),
            layers: vec![builder.into_inner().unwrap_or_default()],
        }
    };
    vec![platform("amd64"), platform("arm64")]
}

impl Registry {
    /// With the made-up agent image.
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    fn keep(&mut self, repository: &str, kind: &'static str, bytes: Vec<u8>) -> Value {
        let digest = digest(&bytes);
        let descriptor = json!({ "mediaType": kind, "size": bytes.len(), "digest": digest });
        self.blobs.insert((repository.to_owned(), digest), Blob { kind, bytes: Arc::from(bytes) });
        descriptor
    }

    /// Adds an image under a tag; the answer is the digest of its list of platforms.
    pub fn publish(&mut self, repository: &str, tag: &str, platforms: &[Platform]) -> String {
        let mut manifests = Vec::new();
        for platform in platforms {
            let hashes: Vec<String> = platform.layers.iter().map(|layer| digest(layer)).collect();
            let config = json!({
                "architecture": platform.architecture,
                "os": "linux",
                "created": "2026-01-05T08:00:00Z",
                "config": platform.config,
                "rootfs": { "type": "layers", "diff_ids": hashes },
                "history": hashes.iter().map(|_| json!({ "created": "2026-01-05T08:00:00Z" })).collect::<Vec<Value>>(),
            });
            let layers: Vec<Value> =
                platform.layers.iter().map(|layer| self.keep(repository, LAYER, packed(layer))).collect();
            let config = self.keep(repository, CONFIG, config.to_string().into_bytes());
            let manifest =
                json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers }).to_string();
            let mut entry = self.keep(repository, MANIFEST, manifest.into_bytes());
            entry["platform"] = json!({ "architecture": platform.architecture, "os": "linux" });
            manifests.push(entry);
        }
        let list = json!({ "schemaVersion": 2, "mediaType": LIST, "manifests": manifests }).to_string();
        let digest = text(&self.keep(repository, LIST, list.into_bytes()), "digest").to_owned();
        self.tags.entry(repository.to_owned()).or_default().insert(tag.to_owned(), digest.clone());
        digest
    }

    /// The digest that a tag leads to.
    pub fn digest_of(&self, repository: &str, tag: &str) -> Option<&str> {
        self.tags.get(repository)?.get(tag).map(String::as_str)
    }

    /// The tags of a repository.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        self.tags.get(repository).map(|tags| tags.keys().cloned().collect()).unwrap_or_default()
    }

    fn blob(&self, repository: &str, digest: &str) -> Option<&Blob> {
        self.blobs.get(&(repository.to_owned(), digest.to_owned()))
    }

    fn document(&self, repository: &str, digest: &str) -> Option<Value> {
        serde_json::from_slice(&self.blob(repository, digest)?.bytes).ok()
    }

    /// The image of a tag or digest for an architecture.
    pub fn find(&self, repository: &str, reference: &str, architecture: &str) -> Result<Found, Missing> {
        if !self.tags.contains_key(repository) {
            return Err(Missing::Repository);
        }
        let digest = match reference.strip_prefix("sha256:") {
            Some(_) => reference.to_owned(),
            None => self.digest_of(repository, reference).ok_or(Missing::Manifest)?.to_owned(),
        };
        let top = self.document(repository, &digest).ok_or(Missing::Manifest)?;
        let manifest = match top["manifests"].as_array() {
            None => top,
            Some(entries) => {
                let fits = |entry: &&Value| entry["platform"]["architecture"] == architecture;
                let entry = entries.iter().find(fits).ok_or(Missing::Platform)?;
                self.document(repository, text(entry, "digest")).ok_or(Missing::Manifest)?
            }
        };
        let id = text(&manifest["config"], "digest").to_owned();
        let config = self.document(repository, &id).ok_or(Missing::Manifest)?;
        let mut files = Tree::default();
        let mut layers = Vec::new();
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            let name = text(layer, "digest");
            layers.push((name.to_owned(), layer["size"].as_u64().unwrap_or_default()));
            let blob = self.blob(repository, name).ok_or(Missing::Manifest)?;
            files.0.extend(archive::unpack(&blob.bytes, "").map_err(|_| Missing::Manifest)?.0);
        }
        let hashes = config["rootfs"]["diff_ids"].as_array().cloned().unwrap_or_default();
        Ok(Found {
            digest,
            id,
            architecture: text(&config, "architecture").to_owned(),
            config: config["config"].clone(),
            hashes: hashes.iter().filter_map(|hash| hash.as_str().map(str::to_owned)).collect(),
            size: files.size(),
            layers,
            files,
        })
    }

    /// The descriptor of a tag or digest, and its platforms.
    pub fn describe(&self, repository: &str, reference: &str) -> Result<Value, Missing> {
        if !self.tags.contains_key(repository) {
            return Err(Missing::Repository);
        }
        let digest = self.digest_of(repository, reference).unwrap_or(reference);
        let blob = self.blob(repository, digest).ok_or(Missing::Manifest)?;
        let document = self.document(repository, digest).ok_or(Missing::Manifest)?;
        let entries = document["manifests"].as_array().cloned().unwrap_or_default();
        let platforms: Vec<&Value> = entries.iter().map(|entry| &entry["platform"]).collect();
        Ok(json!({
            "Descriptor": { "mediaType": blob.kind, "digest": digest, "size": blob.bytes.len() },
            "Platforms": platforms,
        }))
    }

    /// Answers below `/v2/`.
    pub fn answer(&self, method: &str, path: &str) -> Answer {
        let refuse = |status, code: &str, message: &str| {
            // Without a detail an engine reads the code alone, and answers 500 for what is not found.
            let body = json!({ "errors": [{ "code": code, "message": message, "detail": { "path": path } }] });
            Answer::with(status, Payload::Json(body))
        };
        if !matches!(method, "GET" | "HEAD") {
            return refuse(405, "UNSUPPORTED", "The operation is unsupported.");
        }
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Answer::json(json!({}));
        }
        if let Some(repository) = path.strip_suffix("/tags/list") {
            return match self.tags.get(repository) {
                None => refuse(404, "NAME_UNKNOWN", "repository name not known to registry"),
                Some(tags) => {
                    Answer::json(json!({ "name": repository, "tags": tags.keys().collect::<Vec<&String>>() }))
                }
            };
        }
        let split = |word: &str| path.rsplit_once(word).map(|(name, rest)| (name.to_owned(), rest.to_owned()));
        let found = match (split("/manifests/"), split("/blobs/")) {
            (Some((repository, reference)), _) => {
                let digest = self.digest_of(&repository, &reference).unwrap_or(&reference).to_owned();
                let blob = self.blob(&repository, &digest).filter(|blob| [LIST, MANIFEST].contains(&blob.kind));
                blob.map(|blob| (digest, blob)).ok_or(("MANIFEST_UNKNOWN", "manifest unknown"))
            }
            (None, Some((repository, digest))) => {
                let blob = self.blob(&repository, &digest);
                blob.map(|blob| (digest, blob)).ok_or(("BLOB_UNKNOWN", "blob unknown to registry"))
            }
            (None, None) => Err(("NAME_UNKNOWN", "repository name not known to registry")),
        };
        match found {
            Err((code, message)) => refuse(404, code, message),
            Ok((digest, blob)) => {
                let kind = if [LIST, MANIFEST].contains(&blob.kind) { blob.kind } else { "application/octet-stream" };
                let mut answer = Answer::with(200, Payload::Bytes(kind, blob.bytes.to_vec()));
                answer.headers.push(("docker-content-digest", digest.clone()));
                answer.headers.push(("etag", format!("\"{digest}\"")));
                answer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_described_by_the_digest_that_it_leads_to() {
        let registry = Registry::built_in();
        let described = registry.describe("hashicorp/tfc-agent", "1.29.0").unwrap();
        assert_eq!(described["Descriptor"]["digest"], registry.digest_of("hashicorp/tfc-agent", "1.29.0").unwrap());
        assert_eq!(described["Platforms"][1]["architecture"], "arm64");
        let missing = |repository, reference| registry.describe(repository, reference).unwrap_err();
        assert_eq!(missing("hashicorp/other", "1.29.0"), Missing::Repository);
        assert_eq!(missing("hashicorp/tfc-agent", "0.0.1"), Missing::Manifest);
    }

    #[test]
    fn a_tag_leads_to_an_image_for_each_platform() {
        let registry = Registry::built_in();
        let amd = registry.find("hashicorp/tfc-agent", "1.29.0", "amd64").unwrap();
        let arm = registry.find("hashicorp/tfc-agent", "1.29.0", "arm64").unwrap();
        assert_eq!(amd.digest, arm.digest);
        assert_ne!(amd.id, arm.id);
        assert!(amd.files.0.contains_key("home/tfc-agent/bin/tfc-agent"));
        let by_digest = registry.find("hashicorp/tfc-agent", &amd.digest, "amd64").unwrap();
        assert_eq!(by_digest.id, amd.id);
    }

    #[test]
    fn what_is_missing_is_told_apart() {
        let registry = Registry::built_in();
        let missing = |name, tag, architecture| registry.find(name, tag, architecture).unwrap_err();
        assert_eq!(missing("nobody/nothing", "1", "amd64"), Missing::Repository);
        assert_eq!(missing("hashicorp/tfc-agent", "0", "amd64"), Missing::Manifest);
        assert_eq!(missing("hashicorp/tfc-agent", "1.29.0", "s390x"), Missing::Platform);
    }

    #[test]
    fn digests_are_those_of_the_bytes() {
        let registry = Registry::built_in();
        let answer = registry.answer("GET", "hashicorp/tfc-agent/manifests/1.29.0");
        let Payload::Bytes(kind, bytes) = answer.body else { panic!("a manifest is bytes") };
        assert_eq!(kind, LIST);
        assert_eq!(answer.headers[0], ("docker-content-digest", digest(&bytes)));
    }
}
