//! Reads of each host all that a plan needs, from six lists, however many agents there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bollard::models;
use bollard::query_parameters::{ListContainersOptions, ListImagesOptions, ListNetworksOptions, ListVolumesOptions};
use jiff::Timestamp;

use super::client::{Engine, Reader};
use super::desired::{Desired, Purpose, Source, Target};
use super::failure::Failure;
use super::observed::{self, Container, Host, Image, Network, Observed, State, Upload, Volume};
use super::{labels, logs};
use crate::address::Address;
use crate::owner::FleetName;
use crate::plan::{Gap, Listing, Read};
use crate::systems::hcp;

/// Reads all hosts, and what lies on this machine to be uploaded.
pub async fn observe(reader: &Reader, want: &Desired) -> Observed {
    let hosts = want.targets.iter().map(|(target, wanted)| async move {
        let host = match reader.engines.get(target) {
            Some(Ok(engine)) => host(engine, target, wanted).await,
            Some(Err(failure)) => Err(away(target, wanted, failure)),
            None => Err(away(
                target,
                wanted,
                &Failure::unknown_way("nothing says how to reach it", "name a way in access.yaml"),
            )),
        };
        let host = match host {
            Ok(host) => Read::Seen(host),
            Err(gap) => Read::Unread(gap),
        };
        (target.clone(), host)
    });
    let (hosts, uploads) = tokio::join!(futures::future::join_all(hosts), uploads(want));
    Observed { hosts: hosts.into_iter().collect(), uploads, requests: reader.requests() }
}

fn away(target: &str, wanted: &Target, failure: &Failure) -> Gap {
    Gap {
        address: Address::new(["docker", target]),
        doing: "reaching its Docker Engine".to_owned(),
        cause: failure.to_string(),
        follows: "nothing is done there, and no token of its agents is minted or revoked".to_owned(),
        hint: failure.remedy().to_owned(),
        expected: wanted.may_be_away,
    }
}

async fn host(engine: &Engine, target: &str, wanted: &Target) -> Result<Host, Gap> {
    // First and alone: an engine that does not answer to this answers to nothing.
    let version = engine.ask().version().await;
    let version = version.map_err(|error| away(target, wanted, &engine.failure("asking for its version", &error)))?;
    let (info, containers, networks, volumes, images) = tokio::join!(
        engine.ask().info(),
        engine.ask().list_containers(Some(ListContainersOptions { all: true, ..ListContainersOptions::default() })),
        engine.ask().list_networks(None::<ListNetworksOptions>),
        engine.ask().list_volumes(None::<ListVolumesOptions>),
        engine.ask().list_images(Some(ListImagesOptions { all: false, digests: true, ..ListImagesOptions::default() })),
    );
    let info = info.map_err(|error| away(target, wanted, &engine.failure("asking what it is", &error)))?;
    let listing = Lists { engine, target };
    let mut containers = containers;
    if let (Ok(containers), Ok(networks)) = (&mut containers, &networks) {
        let there = networks.iter().filter_map(|network| network.id.clone()).collect();
        for container in containers.iter_mut() {
            forget_gone_networks(container, &there);
        }
    }
    Ok(Host {
        engine: seen_engine(version, info),
        containers: listing.of(containers, "its containers", container, |item: &Container| &item.name),
        networks: listing.of(networks, "its networks", network, |item: &Network| &item.name),
        volumes: listing.of(
            volumes.map(|answer| volumes_of(answer.volumes.unwrap_or_default())),
            "its volumes",
            |volume| volume,
            |item: &Volume| &item.name,
        ),
        images: listing.of(images, "its images", image, |item: &Image| &item.id),
    })
}

struct Lists<'a> {
    engine: &'a Engine,
    target: &'a str,
}

impl Lists<'_> {
    fn of<T, U>(
        &self,
        answer: Result<Vec<T>, bollard::errors::Error>,
        what: &'static str,
        seen: impl Fn(T) -> U,
        name: impl Fn(&U) -> &str,
    ) -> Listing<U> {
        match answer {
            Ok(items) => {
                let mut items: Vec<U> = items.into_iter().map(seen).collect();
                items.sort_by(|a, b| name(a).cmp(name(b)));
                Listing::Complete(items)
            }
            Err(error) => {
                let failure = self.engine.failure("listing", &error);
                let gap = Gap {
                    address: Address::new(["docker", self.target]),
                    doing: format!("reading {what}"),
                    cause: failure.to_string(),
                    follows: "nothing is done there".to_owned(),
                    hint: failure.remedy().to_owned(),
                    expected: false,
                };
                Listing::Partial(Vec::new(), gap)
            }
        }
    }
}

fn seen_engine(version: models::SystemVersion, info: models::SystemInfo) -> observed::Engine {
    observed::Engine {
        id: info.id.unwrap_or_default(),
        name: info.name.unwrap_or_default(),
        version: version.version.unwrap_or_default(),
        api: version.api_version.unwrap_or_default(),
        os: info.os_type.or(version.os).unwrap_or_default(),
        architecture: info.architecture.or(version.arch).unwrap_or_default(),
        memory: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
    }
}

fn container(summary: models::ContainerSummary) -> Container {
    use models::ContainerSummaryStateEnum as Word;
    // One that others link to has further names, with the linking container's name before them.
    let names = summary.names.unwrap_or_default();
    let name = names.iter().map(|name| name.trim_start_matches('/')).find(|name| !name.contains('/'));
    let networks = summary.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let mounts = summary.mounts.unwrap_or_default();
    Container {
        id: summary.id.unwrap_or_default(),
        name: name.unwrap_or_default().to_owned(),
        image: summary.image.unwrap_or_default(),
        image_id: summary.image_id.unwrap_or_default(),
        labels: summary.labels.unwrap_or_default().into_iter().collect(),
        state: match summary.state {
            Some(Word::CREATED) => State::Created,
            Some(Word::RUNNING) => State::Running,
            Some(Word::RESTARTING) => State::Restarting,
            Some(Word::PAUSED) => State::Paused,
            Some(Word::EXITED | Word::DEAD) => State::Exited,
            Some(Word::REMOVING) => State::Leaving,
            Some(word @ Word::STOPPING) => State::Other(word.to_string()),
            Some(Word::EMPTY) | None => State::Other("in an unknown state".to_owned()),
        },
        status: summary.status.unwrap_or_default(),
        networks: networks.into_keys().collect(),
        mounts: mounts
            .into_iter()
            .filter_map(|mount| {
                let source = mount.name.filter(|name| !name.is_empty()).or(mount.source)?;
                Some((mount.destination?, source))
            })
            .collect(),
        created_at: summary.created.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        complaint: None,
    }
}

fn network(network: models::Network) -> Network {
    Network {
        id: network.id.unwrap_or_default(),
        name: network.name.unwrap_or_default(),
        labels: network.labels.unwrap_or_default().into_iter().collect(),
        created_at: network.created.and_then(|text| text.parse().ok()),
    }
}

/// Takes those networks off a container of which the engine has none with the id that it was started in.
fn forget_gone_networks(summary: &mut models::ContainerSummary, there: &BTreeSet<String>) {
    let networks = summary.network_settings.as_mut().and_then(|settings| settings.networks.as_mut());
    if let Some(networks) = networks {
        networks.retain(|_, endpoint| match endpoint.network_id.as_deref() {
            // It was never started, and takes whichever has the name.
            None | Some("") => true,
            Some(id) => there.contains(id),
        });
    }
}

/// Volumes, each with the word whether all is in it: a second volume, made last, says so.
fn volumes_of(volumes: Vec<models::Volume>) -> Vec<Volume> {
    let names: BTreeSet<String> = volumes.iter().map(|volume| volume.name.clone()).collect();
    volumes
        .into_iter()
        .map(|volume| {
            let labels: BTreeMap<String, String> = volume.labels.into_iter().collect();
            let filled = labels.contains_key(labels::CONTENT);
            let complete = filled.then(|| names.contains(&labels::marker_of(&volume.name)));
            Volume { name: volume.name, labels, complete }
        })
        .collect()
}

fn image(image: models::ImageSummary) -> Image {
    let real = |text: &String| !text.contains("<none>");
    Image {
        id: image.id,
        tags: image.repo_tags.into_iter().filter(real).collect(),
        digests: image.repo_digests.into_iter().filter(real).collect(),
    }
}

/// Asks those containers of ours why, that run and whose agents a complete list of HCP's lacks: none, on a good day.
pub async fn complaints(reader: &Reader, fleet: &FleetName, pools: &[hcp::observed::Pool], seen: &mut Observed) {
    let listed: BTreeSet<&str> = pools
        .iter()
        .flat_map(|pool| pool.live.seen().into_iter().flatten())
        .filter(|agent| agent.status.holds_a_slot())
        .map(|agent| agent.name.as_str())
        .collect();
    let known = |pool: &str| pools.iter().any(|other| other.name == pool && other.live.seen().is_some());
    let silent = |container: &Container| {
        labels::is_ours(&container.labels, fleet)
            && container.state.is_up()
            && container.label(labels::POOL).is_some_and(known)
            && container.agent_name().is_some_and(|name| !listed.contains(name.as_str()))
    };
    for (target, host) in &mut seen.hosts {
        let (Read::Seen(host), Some(Ok(engine))) = (host, reader.engines.get(target)) else { continue };
        for container in host.containers.seen_mut().iter_mut().filter(|it| silent(it)) {
            container.complaint = Some(logs::last_words(engine, &container.id).await);
        }
    }
}

/// Hashes of what lies on this machine and is to be uploaded.
async fn uploads(want: &Desired) -> BTreeMap<PathBuf, Read<Upload>> {
    let mut paths: BTreeMap<PathBuf, Purpose> = BTreeMap::new();
    for service in want.targets.values().flat_map(|target| target.services.values()) {
        for files in &service.agent.files {
            if let Source::Upload(path) = &files.source {
                paths.insert(path.clone(), files.purpose);
            }
        }
    }
    let hashed = paths.into_iter().map(|(path, purpose)| async move {
        let here = path.clone();
        let hashed = tokio::task::spawn_blocking(move || hash(&here, purpose)).await;
        let upload = match hashed {
            Ok(Ok(upload)) => Read::Seen(upload),
            Ok(Err(cause)) => Read::Unread(unreadable(&path, cause)),
            Err(_) => Read::Unread(unreadable(&path, "the reading task ended".to_owned())),
        };
        (path, upload)
    });
    futures::future::join_all(hashed).await.into_iter().collect()
}

fn unreadable(path: &Path, cause: String) -> Gap {
    Gap {
        address: Address::new(["docker"]),
        doing: format!("reading {}, which is to be uploaded", path.display()),
        cause,
        follows: "no container that has it is made or replaced".to_owned(),
        hint: "name a file or a folder that is there and can be read, relative to the spec".to_owned(),
        expected: false,
    }
}

/// The hash of a path as Nix knows it: of its archive, in Nix's alphabet.
fn hash(path: &Path, purpose: Purpose) -> Result<Upload, String> {
    use sha2::{Digest as _, Sha256};
    if !path.exists() {
        return Err("there is no such file or folder".to_owned());
    }
    let mut archive = nix_nar::Encoder::new(path).map_err(|error| error.to_string())?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        let count = std::io::Read::read(&mut archive, &mut block).map_err(|error| error.to_string())?;
        if count == 0 {
            break;
        }
        digest.update(block.get(..count).unwrap_or_default());
    }
    Ok(Upload {
        hash: nix_base32::to_nix_base32(&digest.finalize()),
        providers: if purpose == Purpose::Providers {
            providers(path).map_err(|error| error.to_string())?
        } else {
            BTreeSet::new()
        },
    })
}

/// `HOST/NAMESPACE/TYPE` of a filesystem mirror ("Provider Installation", terraform's CLI documentation).
fn providers(path: &Path) -> std::io::Result<BTreeSet<String>> {
    let folders = |path: &Path| -> std::io::Result<Vec<(String, PathBuf)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if entry.path().is_dir() {
                found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
            }
        }
        Ok(found)
    };
    let mut providers = BTreeSet::new();
    for (host, path) in folders(path)? {
        for (namespace, path) in folders(&path)? {
            for (kind, _) in folders(&path)? {
                providers.insert(format!("{host}/{namespace}/{kind}"));
            }
        }
    }
    Ok(providers)
}
