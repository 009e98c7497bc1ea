//! Docker hosts and the agents on them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::finding::{Finding, Rule};
use super::super::model::{self, Agents, Delivery, DockerTarget, FilesWish, Target};
use super::super::node::At;
use super::super::read::{Located, Named};
use super::Builder;
use crate::address::Address;
use crate::origin::Origin;
use crate::systems::docker::desired::{Agent, Desired, Files, Image, Log, Purpose, Service, Source};
use crate::systems::docker::{container_address, desired, target_address};
use crate::systems::hcp::pool_address;

/// The compose project where the spec names none.
const PROJECT: &str = "hcp-agents";
/// How long an apply takes where the spec does not say.
pub(super) const LONGEST_APPLY: u64 = 3600;
/// How long an agent is idle before it is stopped where the spec does not say: the operator's default.
pub(super) const COOLDOWN: u64 = 300;
/// The image where the spec names none.
const IMAGE: &str = "hashicorp/tfc-agent";

impl<'s> Builder<'_, 's> {
    /// A pool whose agents are on a Docker host of the fleet.
    pub(super) fn runs_on_docker(&self, pool: &model::Pool) -> bool {
        let target = pool.target.as_ref().and_then(|key| self.fleet.spec.targets.get(key));
        target.is_some_and(|target| target.docker.is_some())
    }

    pub(super) fn docker(&mut self) -> Desired {
        let spec = self.fleet.spec;
        let mut targets = BTreeMap::new();
        for (key, at, target) in spec.targets.iter() {
            let Some(docker) = &target.docker else { continue };
            self.note_spec(&target_address(key), "", at);
            targets.insert(key.to_owned(), self.host(key, target, docker));
        }
        Desired { fleet: spec.fleet.value.clone(), targets }
    }

    fn host(&mut self, key: &'s str, target: &'s Target, docker: &'s DockerTarget) -> desired::Target {
        let spec = self.fleet.spec;
        let address = target_address(key);
        let mut services = BTreeMap::new();
        let project = docker.project.as_ref().map_or(PROJECT, |project| project);
        for (pool_key, at, pool) in spec.pools.iter() {
            let here = pool.target.as_ref().is_some_and(|reference| reference.value == key);
            let gone = [&pool.absent, &pool.released].into_iter().flatten().any(|said| said.value);
            if here && !gone {
                let service = self.agents(pool_key, pool);
                for number in 1..=service.max {
                    let name = desired::container_name(project, pool_key, number);
                    self.note_container(&container_address(key, &name), at, pool);
                }
                services.insert(pool_key.to_owned(), service);
            }
        }
        for (field, said) in [("mayBeAway", &target.may_be_away), ("absent", &target.absent)] {
            if let Some(said) = said {
                self.note_spec(&address, field, said.at);
            }
        }
        let pin = target.identity.as_ref().and_then(|identity| identity.engine_id.as_ref());
        if let Some(pin) = pin {
            self.note_spec(&address, "engineId", pin.at);
        }
        match &docker.project {
            Some(project) => self.note_spec(&address, "project", project.at),
            None => self.origins.note(&address, "project", Origin::Documented),
        }
        let says = |said: &Option<Located<bool>>| said.as_ref().is_some_and(|said| said.value);
        desired::Target {
            engine_id: pin.map(|pin| pin.value.clone()),
            may_be_away: says(&target.may_be_away),
            project: project.to_owned(),
            services,
            verify: docker.delivery.as_ref().is_some_and(|delivery| delivery.value == Delivery::Verify),
            absent: says(&target.absent),
        }
    }

    /// Where what a container is made of is said: all but its image by its pool.
    fn note_container(&mut self, address: &Address, at: At, pool: &'s model::Pool) {
        self.note_spec(address, "", at);
        self.note_spec(address, "pool", pool.name.as_ref().map_or(at, |name| name.at));
        let agents = pool.agents.as_ref();
        self.note_image(address, pool);
        let cooldown = agents.and_then(|agents| agents.cooldown.as_ref());
        self.note_environment(address, agents);
        let said = [
            ("always", agents.and_then(|agents| agents.min.as_ref()).map(|min| min.at)),
            ("longestApply", pool.longest_apply.as_ref().map(|time| time.at)),
            ("cooldown.down", cooldown.and_then(|cooldown| cooldown.down.as_ref()).map(|time| time.at)),
            ("rotateAfter", pool.rotate_after.as_ref().map(|time| time.at)),
            ("memory", agents.and_then(|agents| agents.memory.as_ref()).map(|size| size.at)),
            ("millicpus", agents.and_then(|agents| agents.cpus.as_ref()).map(|cpus| cpus.at)),
            ("log", agents.and_then(|agents| agents.log.as_ref()).map(|log| log.at)),
        ];
        for (field, at) in said {
            match at {
                Some(at) => self.note_spec(address, field, at),
                None => self.origins.note(address, field, Origin::Documented),
            }
        }
    }

    /// Where the image of a pool's agents is said.
    pub(super) fn note_image(&mut self, address: &Address, pool: &'s model::Pool) {
        let own = pool.agents.as_ref().and_then(|agents| agents.image.as_ref());
        let shared = self.fleet.spec.defaults.as_ref().and_then(|defaults| defaults.agent_image.as_ref());
        match (own, shared) {
            (Some(own), _) => self.note_spec(address, "image", own.at),
            (None, Some(shared)) => {
                let origin = Origin::Default(self.fleet.sources.place(shared.at));
                self.origins.note(address, "image", origin);
            }
            (None, None) => {}
        }
    }

    /// Where the environment of a pool's agents is said.
    pub(super) fn note_environment(&mut self, address: &Address, agents: Option<&'s Agents>) {
        let ours = Origin::Derived { from: "what runs is what was planned".to_owned(), place: None };
        self.origins.note(address, "environment.TFC_AGENT_AUTO_UPDATE", ours);
        let Some(agents) = agents else { return };
        let said = [
            (
                "environment.TFC_AGENT_ACCEPT",
                agents.accept.as_ref().and_then(|kinds| kinds.first()).map(|kind| kind.at),
            ),
            ("environment.TFC_AGENT_LOG_LEVEL", agents.log_level.as_ref().map(|level| level.at)),
            ("environment.TFC_AGENT_OTLP_ADDRESS", agents.otlp.as_ref().map(|otlp| otlp.at)),
            ("environment.TFC_AGENT_REQUEST_FORWARDING", agents.request_forwarding.as_ref().map(|said| said.at)),
        ];
        for (field, at) in said {
            if let Some(at) = at {
                self.note_spec(address, field, at);
            }
        }
        for (key, at, _) in agents.environment.iter() {
            self.note_spec(address, format!("environment.{key}"), at);
        }
    }

    fn agents(&mut self, key: &'s str, pool: &'s model::Pool) -> Service {
        let name = pool.hcp_name(key);
        let address = pool_address(name);
        let agents = pool.agents.as_ref();
        let seconds = |said: Option<&Located<model::Duration>>, default| said.map_or(default, |said| said.seconds);
        if let Some(agents) = agents {
            self.note_spec(&address, "agents", agents.at);
        }
        self.note_image(&address, pool);
        if let Some(rotate) = &pool.rotate_after {
            self.note_spec(&address, "rotateAfter", rotate.at);
        }
        let cooldown = agents.and_then(|agents| agents.cooldown.as_ref()).and_then(|cooldown| cooldown.down.as_ref());
        Service {
            pool: name.to_owned(),
            min: pool.min(),
            max: pool.max(),
            cooldown_down: seconds(cooldown, COOLDOWN),
            rotate_after: pool.rotate_after.as_ref().map(|rotate| rotate.seconds),
            agent: Agent {
                image: self.agent_image(key, pool, "on a Docker host"),
                longest_apply: seconds(pool.longest_apply.as_ref(), LONGEST_APPLY),
                environment: environment(agents),
                memory: agents.and_then(|agents| agents.memory.as_ref()).map(|size| size.bytes),
                millicpus: agents.and_then(|agents| agents.cpus.as_ref()).map(|cpus| cpus.milli),
                log: agents
                    .and_then(|agents| agents.log.as_ref())
                    .map(|log| Log { driver: log.driver.value.clone(), options: texts(&log.options) }),
                files: self.agent_files(&address, key, pool),
            },
        }
    }

    /// The pool's own image, or the fleet's. One that moves is told: what runs is not what was reviewed.
    pub(super) fn agent_image(&mut self, key: &'s str, pool: &'s model::Pool, place: &str) -> Image {
        let own = pool.agents.as_ref().and_then(|agents| agents.image.as_ref());
        let shared = self.fleet.spec.defaults.as_ref().and_then(|defaults| defaults.agent_image.as_ref());
        let parsed = |text: &str| text.parse::<Image>();
        let unknown = || Image { repository: IMAGE.to_owned(), tag: None, digest: None };
        let Some(said) = own.or(shared) else {
            let at = pool.agents.as_ref().map_or_else(|| self.fleet.spec.pools.at(key), |agents| Some(agents.at));
            if let Some(at) = at {
                let message = format!("pools.{key} runs agents {place}, and nothing says of which image");
                let finding = Finding::error(Rule::MissingKey, at, message);
                self.findings.push(finding.remedy(format!(
                    "agents: {{ image: \"{IMAGE}:1.29.0\" }}, or `agentImage` in the fleet's `defaults` for all"
                )));
            }
            return unknown();
        };
        match parsed(&said.value) {
            Ok(image) => {
                let moves = image.digest.is_none() && image.tag.as_deref().is_none_or(|tag| tag == "latest");
                if moves {
                    let message = format!("`{}` is another image tomorrow: it names no version", said.value);
                    let finding = Finding::error(Rule::MovingImage, said.at, message);
                    self.findings.push(
                        finding.remedy(format!("name a version and, better, its digest: {IMAGE}:1.29.0@sha256:…")),
                    );
                }
                image
            }
            Err(cause) => {
                let finding = Finding::error(Rule::WrongValue, said.at, cause);
                self.findings.push(finding.remedy(format!("write such as {IMAGE}:1.29.0")));
                unknown()
            }
        }
    }

    fn agent_files(&mut self, address: &Address, key: &str, pool: &'s model::Pool) -> BTreeSet<Files> {
        let mut files = BTreeSet::new();
        for (purpose, wish) in [(Purpose::Providers, &pool.providers), (Purpose::Hooks, &pool.hooks)] {
            let Some(wish) = wish else { continue };
            self.note_spec(address, "files", wish.at);
            if let Some(source) = self.source(key, purpose, wish) {
                files.insert(Files { purpose, source });
            }
        }
        if let Some(ca) = self.fleet.spec.tls.as_ref().and_then(|tls| tls.ca.as_ref()) {
            let path = self.fleet.sources.beside(ca.file.at, &ca.file.value);
            files.insert(Files { purpose: Purpose::Ca, source: Source::Upload(path) });
        }
        files
    }

    fn source(&mut self, key: &str, purpose: Purpose, wish: &'s FilesWish) -> Option<Source> {
        let FilesWish { at, upload, on_host, volume } = wish;
        match (upload, on_host) {
            (Some(path), None) => Some(Source::Upload(self.fleet.sources.beside(path.at, &path.value))),
            (None, Some(path)) if path.starts_with('/') => Some(Source::OnHost(path.value.clone())),
            (None, Some(path)) => {
                let message = format!("`{}` is not a path on the host that begins with /", path.value);
                self.findings.push(Finding::error(Rule::WrongValue, path.at, message).remedy("write the whole path"));
                None
            }
            (Some(_), Some(other)) => {
                let message = format!("pools.{key}.{} has both upload and onHost", purpose.word());
                self.findings.push(Finding::error(Rule::Exclusive, other.at, message).remedy("keep one of them"));
                None
            }
            // A volume is for a cluster, and an error here of its own.
            (None, None) if volume.is_some() => None,
            (None, None) => {
                let message = format!("pools.{key}.{} says nothing of where the files are", purpose.word());
                let finding = Finding::error(Rule::MissingKey, *at, message);
                self.findings.push(finding.remedy("write { upload: ./FOLDER } or { onHost: /PATH }"));
                None
            }
        }
    }
}

fn texts(named: &Named<Located<String>>) -> BTreeMap<String, String> {
    named.iter().map(|(key, _, value)| (key.to_owned(), value.value.clone())).collect()
}

/// The agent's own words ("Agents: Configuration", HCP Terraform). It never updates itself: what runs is what was planned.
pub(super) fn environment(agents: Option<&Agents>) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    let mut set = |key: &str, value: String| environment.insert(key.to_owned(), value);
    set("TFC_AGENT_AUTO_UPDATE", "disabled".to_owned());
    let Some(agents) = agents else { return environment };
    if let Some(accept) = &agents.accept {
        set("TFC_AGENT_ACCEPT", accept.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(","));
    }
    if let Some(level) = &agents.log_level {
        set("TFC_AGENT_LOG_LEVEL", level.word().to_owned());
    }
    if let Some(address) = &agents.otlp {
        set("TFC_AGENT_OTLP_ADDRESS", address.value.clone());
    }
    if let Some(forwarding) = &agents.request_forwarding {
        set("TFC_AGENT_REQUEST_FORWARDING", forwarding.value.to_string());
    }
    environment.extend(texts(&agents.environment));
    environment
}
