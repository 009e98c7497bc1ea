//! The agents in the pods of a Deployment: what becomes of the stand-in for HCP when their number changes.
//!
//! Pods come and go as a `ReplicaSet`'s do (Kubernetes' page "`ReplicaSet`", "Scaling a `ReplicaSet`": pods that are not started go first,
//! then the youngest), whatever their agents are doing; only the grace period protects a job. As nothing in a pod says whether its
//! agent is ready, a new template replaces all pods at once, and a new one may have to wait until an old one has left its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::sandbox::{
    workers::Refused,
    world::{AgentStatus, Crew, FORGOTTEN, Orders, Pod, World, hex, letters},
};

/// A pod of a crew.
pub type Post = (String, String);

/// How long a pod may take to go where nothing is said (core/v1 `PodSpec`).
const GRACE_SECONDS: i64 = 30;

/// The agents that a Deployment asks for, if there are any in it. A Secret is found by its name in the Deployment's namespace;
/// `kept` is the token that the agents had before, for a value that the sandbox has not kept.
pub fn orders(
    world: &World,
    deployment: &Value,
    secret: impl Fn(&str) -> Option<Value>,
    kept: Option<&str>,
) -> Option<Orders> {
    let pod = deployment.pointer("/spec/template/spec")?;
    let containers = pod["containers"].as_array()?;
    let mut variables = containers.iter().flat_map(|container| container["env"].as_array().into_iter().flatten());
    // Of two of a name the last one counts.
    let variable = variables.rfind(|variable| variable["name"] == "TFC_AGENT_TOKEN")?;
    let value = if let Some(value) = variable["value"].as_str() {
        Some(value.to_owned())
    } else {
        let source = &variable["valueFrom"]["secretKeyRef"];
        let found = source["name"].as_str().and_then(secret);
        let encoded = found.and_then(|secret| secret["data"][source["key"].as_str()?].as_str().map(str::to_owned));
        encoded.and_then(|text| String::from_utf8(data_encoding::BASE64.decode(text.as_bytes()).ok()?).ok())
    };
    let token = match value {
        Some(value) if value == FORGOTTEN => kept.map(str::to_owned),
        // One that is none is tried all the same, and refused.
        Some(value) => Some(world.agent_token(&value).unwrap_or_default()),
        None => None,
    };
    let available = deployment["status"]["availableReplicas"].as_u64().unwrap_or_default();
    let grace = pod["terminationGracePeriodSeconds"].as_i64().unwrap_or(GRACE_SECONDS);
    Some(Orders {
        count: u32::try_from(available).unwrap_or(u32::MAX),
        token,
        template: hex(&Sha256::digest(deployment["spec"]["template"].to_string()))[..10].to_owned(),
        grace: SignedDuration::from_secs(grace),
    })
}

impl World {
    /// Lets the agents of every cluster follow what changed there.
    pub fn staff_clusters(&mut self) {
        let at = self.now;
        let changed = self.clusters.iter().filter(|(name, cluster)| self.staffed.get(*name) != Some(&cluster.revision));
        let changed: Vec<(String, u64)> = changed.map(|(name, cluster)| (name.clone(), cluster.revision)).collect();
        for (name, revision) in changed {
            let Some(cluster) = self.clusters.get(&name) else { continue };
            let deployments: Vec<Arc<Value>> =
                cluster.all("deployments.apps").map(|(_, object)| Arc::clone(object)).collect();
            let secrets: BTreeMap<String, Arc<Value>> =
                cluster.all("secrets").map(|(key, object)| (key.clone(), Arc::clone(object))).collect();
            let secret =
                |namespace: &str, name: &str| secrets.get(&format!("{namespace}/{name}")).map(|it| (**it).clone());
            self.staff_all(&name, deployments.iter().map(Arc::as_ref), secret, at);
            self.staffed.insert(name, revision);
        }
    }

    /// Brings the agents of all Deployments of a place (a cluster) to their numbers; those of a Deployment that is gone leave.
    /// Secrets are found by namespace and name.
    pub fn staff_all<'a>(
        &mut self,
        place: &str,
        deployments: impl Iterator<Item = &'a Value>,
        secret: impl Fn(&str, &str) -> Option<Value>,
        at: Timestamp,
    ) {
        let mut wanted = BTreeMap::new();
        for deployment in deployments {
            let part = |name: &str| deployment["metadata"][name].as_str().unwrap_or_default();
            let key = format!("{place}/{}/{}", part("namespace"), part("name"));
            let kept = self.crews.get(&key).and_then(|crew| crew.orders.token.as_deref());
            if let Some(orders) = orders(self, deployment, |name| secret(part("namespace"), name), kept) {
                wanted.insert(key, orders);
            }
        }
        let here = format!("{place}/");
        for (key, crew) in self.crews.iter().filter(|(key, _)| key.starts_with(&here)) {
            if !wanted.contains_key(key) && (crew.orders.count > 0 || !crew.pods.is_empty()) {
                wanted.insert(key.clone(), Orders { count: 0, ..crew.orders.clone() });
            }
        }
        for (key, orders) in wanted {
            self.staff(&key, orders, at);
        }
        self.crews.retain(|_, crew| crew.orders.count > 0 || !crew.pods.is_empty());
    }

    /// Brings the agents of one Deployment to their number. The last part of its key begins the names of its pods.
    pub fn staff(&mut self, key: &str, orders: Orders, at: Timestamp) {
        let stem = key.rsplit('/').next().unwrap_or(key);
        let crew = self.crews.entry(key.to_owned()).or_insert_with(|| Crew {
            orders: orders.clone(),
            made: 0,
            pods: BTreeMap::new(),
        });
        crew.orders = orders;
        let surplus = crew.surplus();
        for name in surplus {
            if let Some(pod) = crew.pods.get_mut(&name) {
                pod.kill_at = at.checked_add(pod.grace).ok();
            }
        }
        while crew.staying() < usize::try_from(crew.orders.count).unwrap_or(usize::MAX) {
            crew.made += 1;
            let tail = letters(&format!("{key}/{}", crew.made), 5).to_lowercase();
            let pod = Pod {
                number: crew.made,
                template: crew.orders.template.clone(),
                token: crew.orders.token.clone(),
                grace: crew.orders.grace,
                agent: None,
                kill_at: None,
            };
            crew.pods.insert(format!("{stem}-{}-{tail}", crew.orders.template), pod);
        }
        self.work_in_crews(at);
    }

    /// Names of the agents of a Deployment that are alive, and what they do.
    pub fn staffed(&self, key: &str) -> Vec<(String, AgentStatus)> {
        let pods = self.crews.get(key).map(|crew| crew.pods.iter()).into_iter().flatten();
        pods.filter_map(|(name, pod)| {
            let agent = self.agents.get(pod.agent.as_ref()?)?;
            agent.status.counts().then(|| (name.clone(), agent.status))
        })
        .collect()
    }

    /// The pod that is killed next, and when.
    pub fn next_killed(&self) -> Option<(Timestamp, Post)> {
        let pods = self.crews.iter().flat_map(|(key, crew)| crew.pods.iter().map(move |(name, pod)| (key, name, pod)));
        pods.filter_map(|(key, name, pod)| Some((pod.kill_at?, (key.clone(), name.clone())))).min()
    }

    /// A pod's time is up.
    pub fn kill_pod(&mut self, (key, name): &Post, at: Timestamp) {
        let gone = self.crews.get_mut(key).and_then(|crew| crew.pods.remove(name));
        if let Some(agent) = gone.and_then(|pod| pod.agent) {
            self.lose(&agent, at);
        }
    }

    /// What every agent does next, until nothing more follows.
    pub fn work_in_crews(&mut self, at: Timestamp) {
        let mut posts: Vec<(u64, Post)> = Vec::new();
        for (key, crew) in &self.crews {
            posts.extend(crew.pods.iter().map(|(name, pod)| (pod.number, (key.clone(), name.clone()))));
        }
        posts.sort();
        // Twice, as one that leaves may make room for another.
        for (_, post) in posts.iter().chain(&posts) {
            self.work_at(post, at);
        }
    }

    fn work_at(&mut self, post: &Post, at: Timestamp) {
        let Some(pod) = self.crews.get(&post.0).and_then(|crew| crew.pods.get(&post.1)).cloned() else {
            return;
        };
        let is_leaving = pod.kill_at.is_some();
        let Some(agent) = pod.agent else {
            if is_leaving {
                self.vacate(post);
            } else if let Some(token) = self.token_at(post) {
                self.enrol(post, &token, at);
            }
            return;
        };
        if !self.is_authorized(&agent) {
            // It ends at once, and its container is started again.
            self.lose(&agent, at);
            self.name_agent(post, None);
            return;
        }
        self.ping(&agent, at);
        if self.is_job_gone(&agent) {
            self.finish_job(&agent, at);
        }
        let is_busy = self.workers.get(&agent).is_some_and(|worker| worker.job.is_some());
        if is_leaving && !is_busy {
            self.dismiss(&agent, at);
            self.vacate(post);
        } else if !is_busy {
            let length = SignedDuration::from_secs(i64::try_from(self.switches.job_seconds).unwrap_or(i64::MAX));
            self.take_job(&agent, at, Some(length));
        }
    }

    /// The token that an agent comes with. One that is none any more ends the container, and the next one reads the Secret anew;
    /// so does one that could not be started.
    fn token_at(&mut self, post: &Post) -> Option<String> {
        let crew = self.crews.get_mut(&post.0)?;
        let pod = crew.pods.get_mut(&post.1)?;
        if !pod.token.as_ref().is_some_and(|token| self.agent_tokens.contains_key(token)) {
            pod.token.clone_from(&crew.orders.token);
        }
        pod.token.clone()
    }

    /// An agent that is refused tries again; nothing but its log tells of it.
    fn enrol(&mut self, post: &Post, token: &str, at: Timestamp) {
        match self.register(token, &post.1, at) {
            Ok(agent) => {
                self.name_agent(post, Some(agent));
                self.work_at(post, at);
            }
            Err(Refused::Unauthorized | Refused::NoSlot(_)) => {}
        }
    }

    fn name_agent(&mut self, post: &Post, agent: Option<String>) {
        if let Some(pod) = self.crews.get_mut(&post.0).and_then(|crew| crew.pods.get_mut(&post.1)) {
            pod.agent = agent;
        }
    }

    fn vacate(&mut self, post: &Post) {
        if let Some(crew) = self.crews.get_mut(&post.0) {
            crew.pods.remove(&post.1);
        }
    }
}

impl Crew {
    /// How many are not on their way out.
    fn staying(&self) -> usize {
        self.pods.values().filter(|pod| pod.kill_at.is_none()).count()
    }

    /// Those that have to go now: all of an older template, and those that are too many.
    fn surplus(&self) -> Vec<String> {
        let staying = self.pods.iter().filter(|(_, pod)| pod.kill_at.is_none());
        let (mut present, old): (Vec<_>, Vec<_>) = staying.partition(|(_, pod)| pod.template == self.orders.template);
        present.sort_by_key(|(_, pod)| (pod.token.is_some(), std::cmp::Reverse(pod.number)));
        let most = usize::try_from(self.orders.count).unwrap_or(usize::MAX);
        let extra = present.len().saturating_sub(most);
        let leaving = present.into_iter().take(extra).chain(old);
        leaving.map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
