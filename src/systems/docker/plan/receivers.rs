//! Which tokens are held on the hosts, and whether these are all.

use super::super::desired::Desired;
use super::super::observed::{Host, Observed};
use super::super::{labels, target_address};
use super::Planner;
use crate::owner::FleetName;
use crate::plan::links::{Identity, Receivers};

/// Who holds a token, on any host: what a refused one shows is no less held.
pub(super) fn witnesses(want: &Desired, seen: &Observed) -> Receivers {
    let mut receivers = Receivers::default();
    for (key, target) in &want.targets {
        for (service, of) in target.services.iter().filter(|_| !target.absent) {
            let names = (1..=of.max).map(|number| target.container(service, number));
            receivers.consumers.extend(names.map(|name| consumer(key, &name)));
        }
        let host = seen.hosts.get(key).and_then(|host| host.seen());
        for container in host.into_iter().flat_map(|host| host.containers.seen()) {
            if let Some(token) =
                container.label(labels::TOKEN).filter(|_| labels::is_ours(&container.labels, &want.fleet))
            {
                receivers.witnessed.insert(token.to_owned(), None);
                receivers.consumers.insert(consumer(key, container.works_as()));
            }
        }
    }
    receivers
}

/// Whom a token is for, as its description says.
pub(super) fn consumer(target: &str, name: &str) -> String {
    format!("{}/{name}", target_address(target))
}

impl Planner<'_, '_> {
    /// Notes whether a token that no container here names is held by nobody: only where all containers were listed, and
    /// of a machine that is the right one. One that has nothing of this fleet may be another one behind the same address.
    pub(super) fn note_completeness(&mut self) {
        // Where nothing is written, no token is taken away either.
        if self.target.verify || self.host.containers.gap().is_some() {
            return;
        }
        let address = target_address(self.key);
        let identity = if self.target.engine_id.is_some() || self.context.consent.forgets(&address) {
            Identity::Said
        } else {
            Identity::Assumed
        };
        let used = self.links.used(&address);
        // What is given up is empty in the end, and then its last tokens go.
        if identity == Identity::Said || used == 0 || self.target.absent || has_anything(self.host, self.fleet) {
            self.receivers.complete.insert(self.key.to_owned(), identity);
            return;
        }
        let engine = &self.host.engine.id;
        let what = format!(
            "nothing of this fleet is on the engine {engine}, and HCP knows {used} of its agents' tokens that were used: it \
             may be another machine, so none is revoked"
        );
        let until = format!(
            "`identity: {{ engineId: {engine:?} }}` of targets/{} if this is the right one; --forget '{address}' for one \
             run if the one that held them is no more",
            self.key
        );
        self.wait(address, what, until);
    }
}

fn has_anything(host: &Host, fleet: &FleetName) -> bool {
    let containers = host.containers.seen().iter().map(|it| &it.labels);
    let networks = host.networks.seen().iter().map(|it| &it.labels);
    let volumes = host.volumes.seen().iter().map(|it| &it.labels);
    containers.chain(networks).chain(volumes).any(|labels| labels::is_ours(labels, fleet))
}
