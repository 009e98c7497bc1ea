//! What is ours on a host and nothing of the spec, and what is there beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::desired::Target;
use super::super::labels;
use super::super::observed::{Container, Volume};
use super::super::request::{Afterwards, Call, Request};
use super::super::{network_address, volume_address};
use super::Planner;
use crate::plan::{Cause, Fact, Holds, Later, Output, Read, Verb, What, Why};
use crate::systems;

fn gone() -> Why {
    Why { cause: Cause::Gone, origin: None }
}

impl<'a> Planner<'a, '_> {
    /// Containers of services and numbers that the spec has no more, then what only they stood on; and the stacks of
    /// projects that no target has any more.
    pub(super) fn surplus(&mut self) {
        let project = self.target.project.clone();
        if self.target.absent {
            self.give_up(&project);
        } else if self.leaving(&project).is_some() {
            self.unused_volumes();
        }
        for project in self.left_behind() {
            self.give_up(&project);
        }
    }

    /// Removes the containers of a project that are surplus, and says when they are gone; `None` where one has to stay.
    fn leaving(&mut self, project: &str) -> Option<Vec<Later<Holds>>> {
        let host = self.host;
        let stands = |container: &Container| {
            let service = |service, number| self.target.services.get(service).is_some_and(|it| number <= it.max);
            let current = !self.target.absent && project == self.target.project;
            current && container.place().is_some_and(|(name, number)| service(name, number))
        };
        let surplus: Vec<&'a Container> =
            host.containers.seen().iter().filter(|it| self.is_of(project, &it.labels) && !stands(it)).collect();
        let gone: Vec<Option<Later<Holds>>> = surplus.into_iter().map(|container| self.remove(container)).collect();
        gone.into_iter().collect()
    }

    /// Removes everything of a project.
    fn give_up(&mut self, project: &str) {
        let Some(mut leaving) = self.leaving(project) else { return };
        leaving.extend(self.carriers(project, &BTreeSet::new()));
        self.clear(project, &leaving);
    }

    /// Projects of ours that no target has on this engine, as after one was given another name. Of several targets of one
    /// engine the first sees to them; and one that was not seen may be on any engine.
    fn left_behind(&self) -> BTreeSet<String> {
        let host = self.host;
        let is_elsewhere = |key: &str| {
            let seen = self.seen.hosts.get(key).and_then(Read::seen);
            seen.is_some_and(|other| other.engine.id != host.engine.id)
        };
        let targets = &self.context.desired.docker.targets;
        let here: BTreeMap<&String, &Target> = targets.iter().filter(|(key, _)| !is_elsewhere(key)).collect();
        if here.keys().next().is_none_or(|first| *first != self.key) {
            return BTreeSet::new();
        }
        let current: BTreeSet<&str> = here.values().map(|target| target.project.as_str()).collect();
        let containers = host.containers.seen().iter().map(|it| &it.labels);
        let networks = host.networks.seen().iter().map(|it| &it.labels);
        let volumes = host.volumes.seen().iter().map(|it| &it.labels);
        let ours = containers.chain(networks).chain(volumes).filter(|labels| labels::is_ours(labels, self.fleet));
        let projects = ours.filter_map(|it| it.get(labels::PROJECT).or_else(|| it.get(labels::FOR_PROJECT)));
        projects.filter(|project| !current.contains(project.as_str())).cloned().collect()
    }

    /// Containers through which a volume was filled by a run that did not get to remove them. One of a volume that is
    /// still to be filled is left to whoever fills it.
    fn carriers(&mut self, project: &str, in_use: &BTreeSet<String>) -> Vec<Later<Holds>> {
        let host = self.host;
        let mut leaving = Vec::new();
        for container in host.containers.seen() {
            let Some(volume) = container.label(labels::UPLOAD) else { continue };
            let here =
                labels::is_ours(&container.labels, self.fleet) && container.label(labels::FOR_PROJECT) == Some(project);
            if here && !in_use.contains(volume) {
                let address = self.container_address(&container.name);
                let why = Why { cause: Cause::Because("an upload was broken off".to_owned()), origin: None };
                let call = Call::RemoveContainer { id: container.id.clone(), ended: Vec::new() };
                self.act(address.clone(), Verb::Remove, Vec::new(), why, call);
                leaving.push(self.fact(&address, Fact::Gone));
            }
        }
        leaving
    }

    fn remove(&mut self, container: &'a Container) -> Option<Later<Holds>> {
        let address = self.container_address(&container.name);
        let mut ended = Vec::new();
        if container.state.is_up() {
            let pool = container.label(labels::POOL).unwrap_or_default();
            let marked = container.is_marked();
            if !self.may_stop(pool, container, &address) {
                return None;
            }
            let at = address.within(["drain"]);
            let how = (marked, Vec::new(), Afterwards::Goes);
            self.drain(at.clone(), (pool, container.works_as()), container, how, gone());
            ended.push(self.fact(&at, Fact::Gone));
        }
        let why = if self.target.absent {
            self.why(Cause::Spec, &super::super::target_address(self.key), "absent")
        } else {
            gone()
        };
        let call = Call::RemoveContainer { id: container.id.clone(), ended };
        self.act(address.clone(), Verb::Remove, Vec::new(), why, call);
        if let Some(token) = container.label(labels::TOKEN).filter(|_| !self.target.verify) {
            self.receivers.witnessed.insert(token.to_owned(), Some(address.clone()));
        }
        Some(self.fact(&address, Fact::Gone))
    }

    /// Everything of a project but its containers.
    fn clear(&mut self, project: &str, leaving: &[Later<Holds>]) {
        let host = self.host;
        for network in host.networks.seen() {
            if !self.is_of(project, &network.labels) {
                continue;
            }
            let mut address = network_address(self.key, &network.name);
            if self.plan.actions.contains_key(&address) {
                address = address.within(["second", &network.id]);
            }
            let call =
                Call::RemoveNetwork { id: network.id.clone(), name: network.name.clone(), empty: leaving.to_vec() };
            self.act(address, Verb::Remove, Vec::new(), gone(), call);
        }
        for volume in host.volumes.seen() {
            if self.is_of(project, &volume.labels) {
                self.remove_volume(volume, leaving.to_vec(), gone());
            }
        }
    }

    /// Volumes that hold what no container of the spec has any more: once no container that is there has them either.
    fn unused_volumes(&mut self) {
        let host = self.host;
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        for service in self.target.services.values() {
            match self.blueprint(service, 1) {
                Ok(blueprint) => wanted.extend(blueprint.volumes.into_iter().map(|volume| volume.name)),
                // What could not be read may be what it holds.
                Err(_) => return,
            }
        }
        let filled = |name: &String| {
            host.volumes.seen().iter().any(|volume| volume.name == *name && volume.complete == Some(true))
        };
        let unfilled = wanted.iter().filter(|name| !filled(name)).cloned().collect();
        let project = self.target.project.clone();
        self.carriers(&project, &unfilled);
        for volume in host.volumes.seen() {
            let of = labels::marked_by(&volume.name).unwrap_or(&volume.name);
            if wanted.contains(of) || !self.is_of(&project, &volume.labels) {
                continue;
            }
            let users = host.containers.seen().iter().filter(|it| it.mounts.values().any(|source| source == of));
            if let Some(unused) = users.map(|user| self.leaves(user)).collect() {
                let why = Why { cause: Cause::Because("no agent needs it any more".to_owned()), origin: None };
                self.remove_volume(volume, unused, why);
            }
        }
    }

    /// When a container is gone, if this plan removes it.
    fn leaves(&self, container: &Container) -> Option<Later<Holds>> {
        let removes = |request: &systems::Request| match request {
            systems::Request::Docker(Request { target, call: Call::RemoveContainer { id, ended: _ } }) => {
                target == self.key && *id == container.id
            }
            _ => false,
        };
        let (address, _) = self.plan.actions.iter().find(|(_, action)| removes(&action.request))?;
        Some(self.fact(address, Fact::Gone))
    }

    /// First what says that all is in it, then itself: one without the other is never taken for whole.
    fn remove_volume(&mut self, volume: &Volume, mut unused: Vec<Later<Holds>>, why: Why) {
        let marker = labels::marker_of(&volume.name);
        if self.host.volumes.seen().iter().any(|seen| seen.name == marker) {
            let of = volume_address(self.key, &marker);
            unused.push(Later::From(Output { of, what: What::Fact(Fact::Gone) }));
        }
        let call = Call::RemoveVolume { name: volume.name.clone(), unused };
        self.act(volume_address(self.key, &volume.name), Verb::Remove, Vec::new(), why, call);
    }

    fn is_of(&self, project: &str, labels: &super::Labels) -> bool {
        labels::is_ours(labels, self.fleet) && labels.get(labels::PROJECT).is_some_and(|named| named == project)
    }

    /// What others have under the name of our project: compose would take both for one.
    pub(super) fn neighbours(&mut self) {
        let host = self.host;
        for container in host.containers.seen() {
            let same = container.label(labels::PROJECT) == Some(&self.target.project);
            let of = container.label(labels::FLEET);
            if same && of != Some(self.fleet.as_str()) {
                let whose = of.map_or_else(|| "not ours".to_owned(), |fleet| format!("of the fleet {fleet}"));
                let note = format!("in the project {} too, and {whose}", self.target.project);
                self.leave(self.container_address(&container.name), note);
            }
        }
    }
}
