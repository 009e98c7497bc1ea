//! What the containers of a host stand on: the network, the images, the volumes.

use super::super::desired::{Image, Service};
use super::super::observed::Upload;
use super::super::request::Call;
use super::super::{image_address, labels, network_address, volume_address};
use super::blueprint::{Blueprint, Volume};
use super::{Planner, change};
use crate::address::Address;
use crate::plan::{Cause, Fact, Holds, Later, Read, Rule, Shown, Verb, Why};
use crate::systems::hcp::pool_address;

impl Planner<'_, '_> {
    /// The network of the agents, made if there is none of its name. An engine takes several of one name, and starts no
    /// container in any of them: so where two runs made one each, the younger goes.
    pub(super) fn network(&mut self) -> Vec<Later<Holds>> {
        let host = self.host;
        let name = self.target.network();
        let address = network_address(self.key, &name);
        let mut there: Vec<_> = host.networks.seen().iter().filter(|network| network.name == name).collect();
        there.sort_by_key(|network| (network.created_at, &network.id));
        if there.is_empty() && !self.plan.actions.contains_key(&address) {
            let why = self.why(Cause::Spec, &super::super::target_address(self.key), "");
            let labels = labels::network(self.fleet, &self.target.project);
            self.act(address.clone(), Verb::Create, Vec::new(), why, Call::CreateNetwork { name, labels });
        }
        let mut ready = vec![self.fact(&address, Fact::InPlace)];
        for second in there.into_iter().skip(1).filter(|network| labels::is_ours(&network.labels, self.fleet)) {
            let address = address.within(["second", &second.id]);
            let why = Why { cause: Cause::Because("another one has its name".to_owned()), origin: None };
            let call = Call::RemoveNetwork { id: second.id.clone(), name: second.name.clone(), empty: Vec::new() };
            self.act(address.clone(), Verb::Remove, Vec::new(), why, call);
            ready.push(self.fact(&address, Fact::Gone));
        }
        ready
    }

    /// The image, pulled if it is not there.
    pub(super) fn image(&mut self, image: &Image, pool: &str) -> Later<Holds> {
        let address = image_address(self.key, &image.exact());
        if self.host.image(image).is_none() && !self.plan.actions.contains_key(&address) {
            let why = self.why(Cause::Spec, &pool_address(pool), "image");
            let shown = change("platform", Shown::Nothing, Shown::text(self.platform()), &why);
            self.act(address.clone(), Verb::Create, vec![shown], why, Call::PullImage { image: image.clone() });
        }
        self.fact(&address, Fact::InPlace)
    }

    /// The platform of the host's images.
    fn platform(&self) -> String {
        let engine = &self.host.engine;
        format!("{}/{}", engine.os, engine.platform())
    }

    /// The volumes of the container at this address, filled if they are not; `None`: one of them is somebody else's, so
    /// there can be no such container.
    pub(super) fn volumes(&mut self, of: &Address, blueprint: &Blueprint, pool: &str) -> Option<Vec<Later<Holds>>> {
        let mut ours = true;
        for Volume { name, hash, .. } in &blueprint.volumes {
            let there = self.host.volumes.seen().iter().find(|seen| seen.name == *name);
            if there.is_some_and(|seen| seen.labels.get(labels::CONTENT) != Some(hash)) {
                // At the container, or it would be forgotten where only that is asked for.
                let label = labels::CONTENT;
                let cause = format!("the volume {name} exists, and its label {label} does not say {hash}");
                self.refuse(Rule::NameTaken, of.clone(), cause);
                ours = false;
            }
        }
        ours.then(|| blueprint.volumes.iter().map(|volume| self.volume(volume, &blueprint.image, pool)).collect())
    }

    fn volume(&mut self, volume: &Volume, image: &Image, pool: &str) -> Later<Holds> {
        let Volume { name, key, hash, content, bytes } = volume;
        let address = volume_address(self.key, name);
        let there = self.host.volumes.seen().iter().find(|seen| seen.name == *name);
        let complete = there.is_some_and(|seen| seen.complete == Some(true));
        if !complete && !self.plan.actions.contains_key(&address) {
            let pulled = self.image(image, pool);
            let why = self.why(Cause::Spec, &pool_address(pool), "files");
            let old = if there.is_some() { Shown::text("not complete") } else { Shown::Nothing };
            let shown = vec![
                change("content", old, Shown::text(format!("sha256:{hash}")), &why),
                change("size", Shown::Nothing, Shown::text(amount(*bytes)), &why),
            ];
            let call = Call::FillVolume {
                name: name.clone(),
                labels: labels::volume(self.fleet, &self.target.project, key, hash),
                content: content.clone(),
                image: image.clone(),
                pulled,
            };
            self.act(address.clone(), Verb::Create, shown, why, call);
        }
        self.fact(&address, Fact::InPlace)
    }

    /// What is odd about the files of a service: nothing is held up by it, and runs may fail of it.
    pub(super) fn remarks(&mut self, service: &Service) {
        let Ok(blueprint) = self.blueprint(service, 1) else { return };
        let platform = self.platform().replace('/', "_");
        for volume in &blueprint.volumes {
            let Some(Read::Seen(upload)) = self.seen.uploads.get(&volume.content.path) else { continue };
            let Upload { hash: _, bytes: _, providers, notes } = upload;
            let address = volume_address(self.key, &volume.name);
            for note in notes {
                self.leave(address.clone(), note.clone());
            }
            for (provider, platforms) in providers.iter().filter(|(_, platforms)| !platforms.contains(&platform)) {
                let has = super::joined(platforms.iter().map(String::as_str));
                self.leave(
                    address.clone(),
                    format!("{provider} has no package for {platform}, so no run here can use it; it has {has}"),
                );
            }
        }
    }
}

/// `12 MiB`
fn amount(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}
