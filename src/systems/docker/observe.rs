//! Reads of each host all that a plan needs, from six lists, however many agents there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bollard::query_parameters::{ListContainersOptions, ListImagesOptions, ListNetworksOptions, ListVolumesOptions};

use super::client::{Engine, Reader};
use super::desired::{Desired, Purpose, Source, Target};
use super::failure::Failure;
use super::inspect;
use super::observed::{Container, Host, Image, Network, Observed, Upload, Volume};
use super::upload::{self, Trouble};
use super::{labels, logs, wire};
use crate::address::Address;
use crate::owner::FleetName;
use crate::plan::{Gap, Listing, Read};
use crate::systems::hcp;

/// Reads all hosts, and what lies on this machine to be uploaded.
pub async fn observe(reader: &Reader, want: &Desired) -> Observed {
    let hosts = want.targets.iter().map(|(target, wanted)| async move {
        let host = match reader.engines.get(target) {
            Some(Ok(engine)) => match host(engine, target, wanted).await {
                Ok(seen) if reader.deep => Ok(inspect::deeply(engine, target, (&want.fleet, wanted), seen).await),
                host => host,
            },
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
        expected: wanted.may_be_away && failure.is_absence(),
    }
}

async fn host(engine: &Engine, target: &str, wanted: &Target) -> Result<Host, Gap> {
    // First and alone: an engine that does not answer to this answers to nothing.
    let version = engine.ask().version().await;
    let version = match version {
        Ok(version) if version.api_version.is_some() => version,
        Ok(_) => return Err(away(target, wanted, &Failure::no_engine(engine.way(), "asking for its version"))),
        Err(error) => {
            return Err(away(target, wanted, &engine.first_failure("asking for its version", &error).await));
        }
    };
    let (info, containers, networks, volumes, images) = tokio::join!(
        engine.ask().info(),
        engine.ask().list_containers(Some(ListContainersOptions { all: true, ..ListContainersOptions::default() })),
        engine.ask().list_networks(None::<ListNetworksOptions>),
        engine.ask().list_volumes(None::<ListVolumesOptions>),
        engine.ask().list_images(Some(ListImagesOptions { all: false, digests: true, ..ListImagesOptions::default() })),
    );
    let info = info.map_err(|error| away(target, wanted, &engine.failure("asking what it is", &error)))?;
    let listing = Lists { engine, target };
    let seen = wire::engine(version, info);
    engine.is_known_as(&seen.id);
    let mut containers = containers;
    if let (Ok(containers), Ok(networks)) = (&mut containers, &networks) {
        let there = networks.iter().filter_map(|network| network.id.clone()).collect();
        for container in containers.iter_mut() {
            wire::forget_gone_networks(container, &there);
        }
    }
    Ok(Host {
        engine: seen,
        containers: listing.of(containers, "its containers", wire::container, |item: &Container| &item.name),
        networks: listing.of(networks, "its networks", wire::network, |item: &Network| &item.name),
        volumes: listing.of(
            volumes.map(|answer| wire::volumes_of(answer.volumes.unwrap_or_default())),
            "its volumes",
            |volume| volume,
            |item: &Volume| &item.name,
        ),
        images: listing.of(images, "its images", wire::image, |item: &Image| &item.id),
        details: BTreeMap::new(),
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

/// Asks those containers of ours why, that run and whose agents a complete list of HCP's lacks: none, on a good day.
pub async fn complaints(reader: &Reader, fleet: &FleetName, pools: &[hcp::observed::Pool], seen: &mut Observed) {
    let listed: BTreeSet<&str> = pools
        .iter()
        .flat_map(|pool| pool.live.seen().into_iter().flatten())
        .filter(|agent| agent.status.holds_a_slot())
        .map(|agent| agent.name.as_str())
        .collect();
    // The token tells the pool, whatever that is called by now; one that was revoked is of the pool that it was made for.
    let known = |container: &Container| {
        let is_of = |pool: &hcp::observed::Pool| {
            let tokens = pool.tokens.seen().into_iter().flatten();
            container.label(labels::POOL) == Some(&pool.name)
                || tokens.into_iter().any(|found| container.label(labels::TOKEN) == Some(&found.id.0))
        };
        pools.iter().any(|pool| pool.live.seen().is_some() && is_of(pool))
    };
    let silent = |container: &Container| {
        labels::is_ours(&container.labels, fleet)
            && container.state.is_up()
            && known(container)
            && container.agent_name().is_some_and(|name| !listed.contains(name.as_str()))
    };
    for (target, host) in &mut seen.hosts {
        let (Read::Seen(host), Some(Ok(engine))) = (host, reader.engines.get(target)) else { continue };
        for container in host.containers.seen_mut().iter_mut().filter(|it| silent(it)) {
            container.complaint = Some(logs::last_words(engine, &container.id).await);
        }
    }
}

/// What lies on this machine and is to be uploaded.
pub async fn uploads(want: &Desired) -> BTreeMap<PathBuf, Read<Upload>> {
    let mut paths: BTreeMap<PathBuf, BTreeSet<Purpose>> = BTreeMap::new();
    for service in want.targets.values().flat_map(|target| target.services.values()) {
        for files in &service.agent.files {
            if let Source::Upload(path) = &files.source {
                paths.entry(path.clone()).or_default().insert(files.purpose);
            }
        }
    }
    let read = paths.into_iter().map(|(path, purposes)| async move {
        let here = path.clone();
        let read = tokio::task::spawn_blocking(move || upload::read(&here, &purposes)).await;
        let upload = match read {
            Ok(Ok(upload)) => Read::Seen(upload),
            Ok(Err(trouble)) => Read::Unread(unreadable(&path, trouble)),
            Err(_) => Read::Unread(unreadable(&path, Trouble::ended())),
        };
        (path, upload)
    });
    futures::future::join_all(read).await.into_iter().collect()
}

fn unreadable(path: &Path, Trouble { cause, hint }: Trouble) -> Gap {
    Gap {
        address: Address::new(["docker"]),
        doing: format!("reading {}, which is to be uploaded", path.display()),
        cause,
        follows: "no container that has it is made or replaced".to_owned(),
        hint,
        expected: false,
    }
}
