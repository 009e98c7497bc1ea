//! Volumes that hold what lies on this machine. Files get into a volume through a container that is never started; a
//! second volume, made last, says that all of them are there.
//!
//! A volume is named after its content, so whoever fills it writes the same bytes: a run that was broken off is gone on
//! with, and two runs at once do no harm to each other.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, RemoveContainerOptions, RemoveVolumeOptions,
    UploadToContainerOptions,
};
use futures::TryStreamExt as _;

use super::super::desired::Image;
use super::super::failure::Failure;
use super::super::labels;
use super::super::request::Content;
use super::super::upload::{self, Packed, Trouble};
use super::Task;
use super::stop::Stop;
use crate::http::Kind;

/// Where that container sees the volume.
const INSIDE: &str = "/upload";
/// How much is sent at a time.
const BLOCK: usize = 1 << 18;
/// The slowest line that is put up with, in bytes a second.
const SLOWEST: u64 = 1 << 18;
/// How often an upload is begun again that another run cut off by coming to its end first.
const ATTEMPTS: usize = 3;

/// What there is of a volume.
enum Found {
    Nothing,
    Begun,
    Complete,
}

impl Task<'_> {
    pub(super) async fn fill_volume(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        content: &Content,
        image: &Image,
    ) -> Result<(), Stop> {
        let mut attempt = 1;
        loop {
            match self.found(name, content).await? {
                Found::Complete => return Ok(()),
                Found::Begun => {}
                Found::Nothing => {
                    // A marker that outlived its volume must not speak for the new one.
                    self.remove_volume(&labels::marker_of(name)).await?;
                    self.make_volume(name, labels).await?;
                }
            }
            let packed = packed(content).await?;
            let carrier = self.carrier(name, labels, image).await?;
            match self.send(&carrier, packed).await {
                Ok(()) => {
                    self.remove_carrier(&carrier).await?;
                    return self.make_volume(&labels::marker_of(name), labels).await;
                }
                // Another run filled it through the same container, and took that away.
                Err(failure) if attempt < ATTEMPTS && failure.kind() == Kind::NotFound => attempt += 1,
                Err(failure) => {
                    if matches!(self.found(name, content).await, Ok(Found::Complete)) {
                        return Ok(());
                    }
                    return Err(failure.into());
                }
            }
        }
    }

    async fn found(&self, name: &str, content: &Content) -> Result<Found, Stop> {
        let Some(labels) = self.volume_labels(name).await? else { return Ok(Found::Nothing) };
        if labels.get(labels::CONTENT) != Some(&content.hash) {
            let cause = format!("the volume {name} exists by now, and its labels do not say that it holds this");
            return Err(Stop::because(cause, format!("look what it is; `docker volume rm {name}` if nobody needs it")));
        }
        let marker = self.volume_labels(&labels::marker_of(name)).await?;
        Ok(if marker.is_some() { Found::Complete } else { Found::Begun })
    }

    async fn volume_labels(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, Stop> {
        let found = self.engine.ask().inspect_volume(name).await;
        match found.map_err(|error| self.engine.failure("looking for the volume", &error)) {
            Ok(volume) => Ok(Some(volume.labels.into_iter().collect())),
            Err(failure) if failure.kind() == Kind::NotFound => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The container of a fixed name, so that a run which comes after one that was broken off, or beside one, goes on
    /// with the same.
    async fn carrier(&self, volume: &str, labels: &BTreeMap<String, String>, image: &Image) -> Result<String, Stop> {
        let of = |key| labels.get(key).map(String::as_str).unwrap_or_default();
        let labels = labels::upload(of(labels::FLEET), of(labels::PROJECT), volume);
        let name = labels::carrier_of(volume);
        let options = CreateContainerOptions { name: Some(name.clone()), ..CreateContainerOptions::default() };
        let body = ContainerCreateBody {
            image: Some(image.exact()),
            labels: Some(labels.into_iter().collect()),
            host_config: Some(HostConfig {
                mounts: Some(vec![Mount {
                    target: Some(INSIDE.to_owned()),
                    source: Some(volume.to_owned()),
                    typ: Some(MountType::VOLUME),
                    ..Mount::default()
                }]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let made = self.engine.ask().create_container(Some(options), body);
        let made = self.engine.answer(format_args!("POST containers/create?name={name}"), made).await;
        let failure = match made.map_err(|error| self.engine.failure("making a container to upload through", &error)) {
            Ok(made) => return Ok(made.id),
            Err(failure) => failure,
        };
        if failure.kind() != Kind::Conflict && !failure.is_unheard() {
            return Err(failure.into());
        }
        let found = self.engine.ask().inspect_container(&name, None::<InspectContainerOptions>).await;
        let found = self.heard(found, "looking for the container to upload through")?;
        let theirs = found.config.and_then(|config| config.labels).unwrap_or_default();
        match found.id.filter(|_| theirs.get(labels::UPLOAD).is_some_and(|of| of == volume)) {
            Some(id) => Ok(id),
            None => Err(Stop::because(
                format!("the container {name} exists and is not ours"),
                "rename or remove it: files are uploaded through one of this name",
            )),
        }
    }

    async fn send(&self, carrier: &str, packed: Packed) -> Result<(), Failure> {
        let Packed { hash: _, mut archive, size } = packed;
        let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Vec<u8>>>(4);
        let through = carrier.to_owned();
        // It ends by itself: when all was read, or when nobody takes any more.
        tokio::task::spawn_blocking(move || {
            let mut sent = 0;
            loop {
                let mut block = Vec::with_capacity(BLOCK);
                // What cannot be read breaks the request off: an engine takes an archive that merely ends early for whole.
                let read = archive.by_ref().take(BLOCK as u64).read_to_end(&mut block).map(|_| block);
                let last = read.as_ref().map_or(true, Vec::is_empty);
                sent += read.as_ref().map_or(0, Vec::len);
                tracing::debug!(container = through, sent, size, "uploading");
                if sender.blocking_send(read).is_err() || last {
                    break;
                }
            }
        });
        let blocks = futures::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        let body = bollard::body_try_stream(blocks.map_ok(Into::into));
        let options = UploadToContainerOptions { path: INSIDE.to_owned(), ..UploadToContainerOptions::default() };
        let patience = self.writer.policy.patience + Duration::from_secs(size / SLOWEST);
        let engine = self.engine.ask_patiently(patience);
        let sent = engine.upload_to_container(carrier, Some(options), body);
        let sent = self.engine.answer(format_args!("PUT containers/{carrier}/archive"), sent).await;
        sent.map_err(|error| self.engine.failure("uploading", &error))
    }

    async fn remove_carrier(&self, id: &str) -> Result<(), Stop> {
        let options = RemoveContainerOptions { force: true, ..RemoveContainerOptions::default() };
        let removed = self.engine.ask().remove_container(id, Some(options));
        let removed = self.engine.answer(format_args!("DELETE containers/{id}"), removed).await;
        self.gone(removed, "removing the container that was uploaded through")
    }

    async fn make_volume(&self, name: &str, labels: &BTreeMap<String, String>) -> Result<(), Stop> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        let made = self.engine.ask().create_volume(request);
        let made = self.engine.answer(format_args!("POST volumes/create?name={name}"), made).await;
        self.heard(made, "making the volume").map(|_| ())
    }

    pub(super) async fn remove_volume(&self, name: &str) -> Result<(), Stop> {
        let removed = self.engine.ask().remove_volume(name, None::<RemoveVolumeOptions>);
        let removed = self.engine.answer(format_args!("DELETE volumes/{name}"), removed).await;
        self.gone(removed, "removing the volume")
    }
}

/// What belongs into a volume as an archive, if it still is what was planned. All of it is read before any of it is
/// sent: what another content would leave behind in the volume would stay there.
async fn packed(content: &Content) -> Result<Packed, Stop> {
    let path = content.path.clone();
    let packed = tokio::task::spawn_blocking(move || upload::pack(&path)).await;
    let packed = packed.unwrap_or_else(|_| Err(Trouble::ended()));
    let packed = packed.map_err(|trouble| unreadable(&content.path, trouble))?;
    if packed.hash == content.hash {
        return Ok(packed);
    }
    let cause = format!(
        "{} changed since the plan: it was sha256:{} and is sha256:{}",
        content.path.display(),
        content.hash,
        packed.hash
    );
    Err(Stop::because(cause, "nothing of it was uploaded; run it again: the next plan says what it is then"))
}

fn unreadable(path: &Path, Trouble { cause, hint }: Trouble) -> Stop {
    Stop::because(format!("reading {}: {cause}", path.display()), hint)
}
