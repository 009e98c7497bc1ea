//! Pools whose agents an operator runs.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Volume};
use k8s_openapi::apimachinery::pkg::api::resource;

use super::super::agents::{COOLDOWN, LONGEST_APPLY, environment};
use super::super::{Builder, Ownership};
use super::Said;
use crate::spec::facts;
use crate::spec::model::{self, DeletionPolicy, KubernetesPool, Quantity, VolumeWish};
use crate::spec::read::{Located, Named};
use crate::systems::agent::Purpose;
use crate::systems::kube::desired::{Agent, Cooldown, Deletion, Mounted, Pool, ServiceAccount, agent_pool_address};

/// The name of an agents' token where the spec names none.
const TOKEN: &str = "agents";
/// The memory that is kept for an agent where the spec says nothing: what it wants ("Agent Requirements", HCP
/// Terraform: 2 GB).
const MEMORY: &str = "2Gi";

impl<'s> Builder<'_, 's> {
    pub(super) fn cluster_pools(&mut self, target: &str, namespace: &str) -> BTreeMap<String, Pool> {
        let mut pools = BTreeMap::new();
        for (key, at, pool) in self.fleet.spec.pools.iter() {
            if pool.target.as_ref().is_none_or(|reference| reference.value != target) {
                continue;
            }
            let mut said = Said::default();
            let made = self.cluster_pool(key, pool, &mut said);
            let address = agent_pool_address(target, namespace, &made.resource);
            self.note_spec(&address, "", at);
            said.note("name", pool.name.as_ref().map_or(at, |name| name.at));
            said.note(
                "resource",
                pool.kubernetes.as_ref().and_then(|own| own.resource.as_ref()).map_or(at, |said| said.at),
            );
            self.note_fields(&address, &facts::kube::of_pool(&made), &said);
            self.note_image(&address, pool);
            self.note_environment(&address, pool.agents.as_ref());
            pools.insert(key.to_owned(), made);
        }
        pools
    }

    fn cluster_pool(&mut self, key: &'s str, pool: &'s model::Pool, said: &mut Said) -> Pool {
        let agents = pool.agents.as_ref();
        let own = pool.kubernetes.as_ref();
        let cooldown = agents.and_then(|agents| agents.cooldown.as_ref());
        let mut seconds = |field: &str, wish: Option<&Located<model::Duration>>, usual| {
            said.take(field, wish).map_or(usual, |time| time.seconds)
        };
        let cooldown = Cooldown {
            up: seconds("cooldown.up", cooldown.and_then(|cooldown| cooldown.up.as_ref()), COOLDOWN),
            down: seconds("cooldown.down", cooldown.and_then(|cooldown| cooldown.down.as_ref()), COOLDOWN),
        };
        let longest_apply = seconds("longestApply", pool.longest_apply.as_ref(), LONGEST_APPLY);
        for (field, at) in [
            ("min", agents.and_then(|agents| agents.min.as_ref()).map(|min| min.at)),
            ("max", agents.and_then(|agents| agents.max.as_ref()).map(|max| max.at)),
            ("was", pool.was.as_ref().map(|was| was.at)),
        ] {
            if let Some(at) = at {
                said.note(field, at);
            }
        }
        let resource = pool.resource(key);
        let policy = said.take("deletionPolicy", own.and_then(|own| own.deletion_policy.as_ref()));
        let ownership = Ownership {
            adopt: pool.adopt.as_ref(),
            delivery: pool.delivery.as_ref(),
            released: pool.released.as_ref(),
            absent: pool.absent.as_ref(),
            ignore: pool.ignore.as_deref(),
        };
        Pool {
            resource: resource.to_owned(),
            name: pool.hcp_name(key).to_owned(),
            was: pool.was.as_ref().map(|was| was.value.clone()),
            tokens: tokens(own, said),
            min: pool.min(),
            max: pool.max(),
            cooldown,
            longest_apply,
            deletion: match policy {
                Some(DeletionPolicy::Destroy) => Deletion::Destroy,
                Some(DeletionPolicy::Retain) | None => Deletion::Retain,
            },
            rules: rules(own, said),
            cluster_rules: said.parts("clusterRules", own.and_then(|own| own.cluster_rules.as_ref())),
            agent: self.cluster_agent(key, resource, pool, said),
            stewardship: ownership.stewardship(&self.hcp_stewardship()),
        }
    }

    fn cluster_agent(&mut self, key: &'s str, resource: &str, pool: &'s model::Pool, said: &mut Said) -> Agent {
        let agents = pool.agents.as_ref();
        let own = pool.kubernetes.as_ref();
        let none = Named::default();
        let texts = |of: fn(&KubernetesPool) -> &Named<Located<String>>| own.map_or(&none, of);
        let ca = self.fleet.spec.tls.as_ref().and_then(|tls| tls.ca.as_ref());
        Agent {
            image: self.agent_image(key, pool, "in a cluster"),
            image_pull_secrets: said.parts("imagePullSecrets", own.and_then(|own| own.image_pull_secrets.as_ref())),
            environment: environment(agents),
            resources: resources(pool, said),
            service_account: service_account(resource, own, said),
            security_context: said.part("securityContext", own.and_then(|own| own.security_context.as_ref())),
            node_selector: said.texts("nodeSelector", texts(|own| &own.node_selector)),
            affinity: said.part("affinity", own.and_then(|own| own.affinity.as_ref())),
            tolerations: said.parts("tolerations", own.and_then(|own| own.tolerations.as_ref())),
            priority_class_name: said.take("priorityClassName", own.and_then(|own| own.priority_class_name.as_ref())),
            files: files(pool, said),
            ca: ca.map(|ca| {
                said.note("ca", ca.at);
                self.fleet.sources.beside(ca.file.at, &ca.file.value)
            }),
            volumes: volumes(own, said),
            annotations: said.texts("annotations", texts(|own| &own.annotations)),
            labels: said.texts("labels", texts(|own| &own.labels)),
        }
    }
}

fn tokens(own: Option<&KubernetesPool>, said: &mut Said) -> Vec<String> {
    let tokens = said.list("tokens", own.and_then(|own| own.tokens.as_ref()));
    if tokens.is_empty() { vec![TOKEN.to_owned()] } else { tokens }
}

fn rules(
    own: Option<&KubernetesPool>,
    said: &mut Said,
) -> BTreeMap<String, Vec<k8s_openapi::api::rbac::v1::PolicyRule>> {
    let mut rules = BTreeMap::new();
    for (namespace, _, list) in own.iter().flat_map(|own| own.rules.iter()) {
        rules.insert(namespace.to_owned(), said.parts(&format!("rules.{namespace}"), Some(list)));
    }
    rules
}

/// `memory` and `cpus` are the most of it, as on a Docker host. What an agent wants is kept for it in any case.
fn resources(pool: &model::Pool, said: &mut Said) -> ResourceRequirements {
    let mut resources = ResourceRequirements::default();
    let agents = pool.agents.as_ref();
    let memory = agents.and_then(|agents| agents.memory.as_ref()).map(|size| (size.at, Quantity::of_bytes(size.bytes)));
    let cpus = agents.and_then(|agents| agents.cpus.as_ref()).map(|cpus| (cpus.at, Quantity::of_millicpus(cpus.milli)));
    for (name, amount) in [("memory", memory), ("cpu", cpus)] {
        if let Some((at, amount)) = amount {
            said.note(format!("resources.limits.{name}"), at);
            let limits = resources.limits.get_or_insert_default();
            limits.insert(name.to_owned(), resource::Quantity(amount.text));
        }
    }
    said.resources("resources", pool.kubernetes.as_ref().and_then(|own| own.resources.as_ref()), &mut resources);
    let says_memory =
        [&resources.limits, &resources.requests].into_iter().flatten().any(|of| of.contains_key("memory"));
    if !says_memory {
        let requests = resources.requests.get_or_insert_default();
        requests.insert("memory".to_owned(), resource::Quantity(MEMORY.to_owned()));
    }
    resources
}

fn service_account(resource: &str, own: Option<&KubernetesPool>, said: &mut Said) -> ServiceAccount {
    let usual = format!("agents-of-{resource}");
    let Some(wish) = own.and_then(|own| own.service_account.as_ref()) else {
        return ServiceAccount { name: usual, create: true, annotations: BTreeMap::new() };
    };
    ServiceAccount {
        name: said.take("serviceAccount.name", wish.name.as_ref()).unwrap_or(usual),
        create: said.take("serviceAccount.create", wish.create.as_ref()).unwrap_or(true),
        annotations: said.texts("serviceAccount.annotations", &wish.annotations),
    }
}

fn files(pool: &model::Pool, said: &mut Said) -> BTreeMap<Purpose, Volume> {
    let mut files = BTreeMap::new();
    for (purpose, wish) in [(Purpose::Providers, &pool.providers), (Purpose::Hooks, &pool.hooks)] {
        let wish = wish.as_ref().and_then(|wish| wish.volume.as_ref());
        if let Some(volume) = said.part(purpose.word(), wish) {
            files.insert(purpose, Volume { name: purpose.word().to_owned(), ..volume });
        }
    }
    files
}

fn volumes(own: Option<&KubernetesPool>, said: &mut Said) -> BTreeMap<String, Mounted> {
    let mut volumes = BTreeMap::new();
    for (name, at, wish) in own.iter().flat_map(|own| own.volumes.iter()) {
        said.note(format!("volumes.{name}"), at);
        let VolumeWish { at: _, source, mount_path, sub_path, read_only } = wish;
        let mounted = Mounted {
            volume: Volume { name: name.to_owned(), ..source.value.clone() },
            mount_path: mount_path.value.clone(),
            sub_path: sub_path.as_ref().map(|path| path.value.clone()),
            read_only: read_only.as_ref().is_none_or(|said| said.value),
        };
        volumes.insert(name.to_owned(), mounted);
    }
    volumes
}
