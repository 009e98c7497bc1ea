//! Volumes that hold what lies on this machine. Files get into a volume through a container that is never started; a
//! second volume, made last, says that all of them are there.

use std::collections::BTreeMap;
use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, VolumeCreateRequest};
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions, UploadToContainerOptions};

use super::super::desired::Image;
use super::super::labels;
use super::super::request::Content;
use super::Task;
use super::stop::Stop;

/// Where that container sees the volume.
const INSIDE: &str = "/upload";

impl Task<'_> {
    pub(super) async fn fill_volume(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        content: &Content,
        image: &Image,
    ) -> Result<(), Stop> {
        let archive = packed(content).await?;
        self.volume(name, labels).await?;
        // Two runs that fill the same volume write the same files; each has a container of its own.
        let by = format!("{name}-upload-{}", std::process::id());
        let options = CreateContainerOptions { name: Some(by), ..CreateContainerOptions::default() };
        let body = ContainerCreateBody {
            image: Some(image.exact()),
            labels: Some(labels.clone().into_iter().collect()),
            host_config: Some(HostConfig {
                mounts: Some(vec![Mount {
                    target: Some(INSIDE.to_owned()),
                    source: Some(name.to_owned()),
                    typ: Some(MountType::VOLUME),
                    ..Mount::default()
                }]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let made = self.engine.ask().create_container(Some(options), body).await;
        let made = self.heard(made, "making a container to upload through")?;
        let options = UploadToContainerOptions { path: INSIDE.to_owned(), ..UploadToContainerOptions::default() };
        let engine = self.engine.ask_patiently(self.writer.policy.long());
        let sent = engine.upload_to_container(&made.id, Some(options), bollard::body_full(archive.into())).await;
        let sent = self.heard(sent, "uploading");
        let options = RemoveContainerOptions { force: true, ..RemoveContainerOptions::default() };
        let removed = self.engine.ask().remove_container(&made.id, Some(options)).await;
        sent?;
        self.gone(removed, "removing the container that was uploaded through")?;
        self.volume(&labels::marker_of(name), labels).await
    }

    async fn volume(&self, name: &str, labels: &BTreeMap<String, String>) -> Result<(), Stop> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        let made = self.engine.ask().create_volume(request).await;
        self.heard(made, "making the volume").map(|_| ())
    }
}

/// What belongs into a volume as an archive, if it still is what was planned.
async fn packed(content: &Content) -> Result<Vec<u8>, Stop> {
    let content = content.clone();
    let packed = tokio::task::spawn_blocking(move || pack(&content)).await;
    packed.map_err(|_| Stop::because("the reading task ended", "run it again"))?
}

fn pack(content: &Content) -> Result<Vec<u8>, Stop> {
    let Content { upload, files } = content;
    let mut archive = tar::Builder::new(Vec::new());
    archive.follow_symlinks(false);
    let failed = |path: &Path, error: std::io::Error| {
        Stop::because(format!("reading {}: {error}", path.display()), "look whether it is there and can be read")
    };
    if let Some((path, _)) = upload {
        let added = if path.is_dir() {
            archive.append_dir_all(".", path)
        } else {
            let name = path.file_name().unwrap_or(path.as_os_str());
            archive.append_path_with_name(path, name)
        };
        added.map_err(|error| failed(path, error))?;
    }
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o444);
        header.set_cksum();
        archive.append_data(&mut header, name, text.as_bytes()).map_err(|error| failed(Path::new(name), error))?;
    }
    archive.into_inner().map_err(|error| failed(Path::new("archive"), error))
}
