//! What an engine answers, and what it means.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models;
use jiff::Timestamp;

use super::labels;
use super::observed::{self, Container, Image, Network, State, Volume};

/// What was seen of an engine.
#[must_use]
pub fn engine(version: models::SystemVersion, info: models::SystemInfo) -> observed::Engine {
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

/// What was seen of a container.
#[must_use]
pub fn container(summary: models::ContainerSummary) -> Container {
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

/// What was seen of a network.
#[must_use]
pub fn network(network: models::Network) -> Network {
    Network {
        id: network.id.unwrap_or_default(),
        name: network.name.unwrap_or_default(),
        labels: network.labels.unwrap_or_default().into_iter().collect(),
        created_at: network.created.and_then(|text| text.parse().ok()),
    }
}

/// Takes those networks off a container of which the engine has none with the id that it was started in.
pub fn forget_gone_networks(summary: &mut models::ContainerSummary, there: &BTreeSet<String>) {
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
#[must_use]
pub fn volumes_of(volumes: Vec<models::Volume>) -> Vec<Volume> {
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

/// What was seen of an image.
#[must_use]
pub fn image(image: models::ImageSummary) -> Image {
    let real = |text: &String| !text.contains("<none>");
    Image {
        id: image.id,
        tags: image.repo_tags.into_iter().filter(real).collect(),
        digests: image.repo_digests.into_iter().filter(real).collect(),
    }
}
