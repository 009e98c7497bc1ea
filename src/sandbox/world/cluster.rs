//! A Kubernetes cluster, as far as a client of its API can tell it from a real one: objects, what happened to them, who
//! may come.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Sealed, engine::FORGOTTEN, hex};

/// So many changes can be watched from; older ones are "too old".
const REMEMBERED: usize = 4096;

/// The account behind the token that a sandbox gives to its owner.
pub const ADMINISTRATOR: &str = "admin";

/// A cluster that a new world holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClusterSeed {
    /// The target's name.
    pub name: String,
    /// The uid of `kube-system`, by which clusters are told apart; derived from the name where none is given.
    pub id: Option<String>,
    /// What `/version` says.
    pub version: String,
    /// Its machines: the name and the architecture of each, in Go's words.
    pub nodes: BTreeMap<String, String>,
    /// Namespaces of others.
    #[serde(default)]
    pub namespaces: BTreeSet<String>,
}

impl ClusterSeed {
    /// A usual small one.
    pub fn new(name: &str) -> Self {
        let nodes = (1..=3).map(|number| (format!("node-{number}"), "arm64".to_owned())).collect();
        Self { name: name.to_owned(), id: None, version: "v1.36.3".to_owned(), nodes, namespaces: BTreeSet::new() }
    }
}

/// A cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cluster {
    /// The target's name.
    pub name: String,
    /// What `/version` says.
    pub version: String,
    /// The number of the last change: every `resourceVersion` is one of these.
    pub revision: u64,
    /// How many objects of a name there were, by resource and key.
    pub births: BTreeMap<String, u64>,
    /// Who may come, by name.
    pub accounts: BTreeMap<String, Account>,
    /// Whether no pod finds a machine.
    pub no_nodes_fit: bool,
    /// Objects by resource (`deployments.apps`) and by name, with the namespace before it (`default/a`).
    pub objects: BTreeMap<String, BTreeMap<String, Stored>>,
    /// What happened, oldest first, as long as this process lives.
    #[serde(skip)]
    pub history: VecDeque<Change>,
}

/// Somebody who may come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Account {
    /// A hash of its token; the administrator's is the sandbox's own affair.
    pub token: Option<Sealed>,
    /// Its groups; a member of `system:masters` may do everything.
    pub groups: BTreeSet<String>,
    /// What it may do in every namespace, as the rules of a `ClusterRole`, besides what role bindings in the cluster
    /// say.
    pub rules: Vec<Value>,
}

impl Account {
    /// With a token.
    pub fn new(name: &str, token: &str, rules: Vec<Value>) -> Self {
        let groups = BTreeSet::from(["system:authenticated".to_owned()]);
        Self { token: Some(Sealed::new(&format!("account/{name}"), token)), groups, rules }
    }
}

/// An object as it is kept: the values of a Secret are written down as hashes.
#[derive(Clone)]
pub struct Stored {
    object: Arc<Value>,
    sealed: BTreeMap<String, Sealed>,
}

/// As it is written down.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    object: Value,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sealed: BTreeMap<String, Sealed>,
}

impl Stored {
    fn new(resource: &str, key: &str, object: Value) -> Self {
        let data = object["data"].as_object().filter(|_| resource == "secrets");
        let seal = |(name, value): (&String, &Value)| {
            (name.clone(), Sealed::new(&format!("{key}/{name}"), value.as_str().unwrap_or_default()))
        };
        Self { sealed: data.into_iter().flatten().map(seal).collect(), object: Arc::new(object) }
    }

    /// The object.
    pub fn object(&self) -> &Arc<Value> {
        &self.object
    }

    /// The object, with those values that were forgotten and that somebody tells again.
    pub fn recalled(&self, told: &Value) -> Value {
        let mut object = (*self.object).clone();
        for (name, sealed) in &self.sealed {
            if let Some(value) = told["data"][name].as_str().filter(|value| sealed.is(value)) {
                object["data"][name] = json!(value);
            }
        }
        object
    }
}

// By hand, as an object may be a Secret.
impl fmt::Debug for Stored {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, sealed: _ } = self;
        out.debug_struct("Stored")
            .field("kind", &object["kind"])
            .field("name", &object["metadata"]["name"])
            .finish_non_exhaustive()
    }
}

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = (*self.object).clone();
        if !self.sealed.is_empty()
            && let Some(map) = object.as_object_mut()
        {
            map.remove("data");
        }
        Written { object, sealed: self.sealed.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { mut object, sealed } = Written::deserialize(deserializer)?;
        for name in sealed.keys() {
            object["data"][name] = json!(data_encoding::BASE64.encode(FORGOTTEN.as_bytes()));
        }
        Ok(Self { object: Arc::new(object), sealed })
    }
}

/// One change of one object.
#[derive(Clone)]
pub struct Change {
    /// Its number.
    pub revision: u64,
    /// What kind of object.
    pub resource: String,
    /// Which.
    pub key: String,
    /// As it was.
    pub before: Option<Arc<Value>>,
    /// As it is; one that went has the number of its going.
    pub after: Option<Arc<Value>>,
    /// As it went.
    pub last: Option<Arc<Value>>,
}

// By hand, as an object may be a Secret.
impl fmt::Debug for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, resource, key, before: _, after: _, last: _ } = self;
        out.debug_struct("Change")
            .field("revision", revision)
            .field("resource", resource)
            .field("key", key)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// A fresh one, with what every cluster has.
    pub fn new(seed: &ClusterSeed, now: Timestamp) -> Self {
        let groups = BTreeSet::from(["system:authenticated".to_owned(), "system:masters".to_owned()]);
        let administrator = Account { token: None, groups, rules: Vec::new() };
        let mut cluster = Self {
            name: seed.name.clone(),
            version: seed.version.clone(),
            revision: 0,
            births: BTreeMap::new(),
            accounts: BTreeMap::from([(ADMINISTRATOR.to_owned(), administrator)]),
            no_nodes_fit: false,
            objects: BTreeMap::new(),
            history: VecDeque::new(),
        };
        let own = ["default", "kube-node-lease", "kube-public", "kube-system"];
        for name in own.into_iter().chain(seed.namespaces.iter().map(String::as_str)) {
            let mut metadata = cluster.metadata_of("namespaces", name, name, now);
            metadata["labels"] = json!({ "kubernetes.io/metadata.name": name });
            if let (true, Some(id)) = (name == "kube-system", &seed.id) {
                metadata["uid"] = json!(id);
            }
            let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata,
                "spec": { "finalizers": ["kubernetes"] }, "status": { "phase": "Active" } });
            cluster.put("namespaces", name, object);
            let key = format!("{name}/default");
            let mut metadata = cluster.metadata_of("serviceaccounts", &key, "default", now);
            metadata["namespace"] = json!(name);
            let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata });
            cluster.put("serviceaccounts", &key, account);
        }
        for (name, architecture) in &seed.nodes {
            let mut metadata = cluster.metadata_of("nodes", name, name, now);
            let labels = [("arch", architecture.as_str()), ("hostname", name), ("os", "linux")];
            for (label, value) in labels {
                metadata["labels"][format!("kubernetes.io/{label}")] = json!(value);
            }
            let ready = json!({ "type": "Ready", "status": "True", "reason": "KubeletReady",
                "message": "kubelet is posting ready status" });
            let info =
                json!({ "architecture": architecture, "operatingSystem": "linux", "kubeletVersion": seed.version });
            let object = json!({ "apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {},
                "status": { "conditions": [ready], "nodeInfo": info } });
            cluster.put("nodes", name, object);
        }
        // Nobody could have seen how it began.
        cluster.compact();
        cluster
    }

    fn metadata_of(&mut self, resource: &str, key: &str, name: &str, now: Timestamp) -> Value {
        json!({ "name": name, "uid": self.mint(resource, key), "creationTimestamp": second(now) })
    }

    /// A uid: the same in every run in which the object is the same one of its name.
    pub fn mint(&mut self, resource: &str, key: &str) -> String {
        let count = self.births.entry(format!("{resource}/{key}")).or_default();
        *count += 1;
        self.uid(resource, key, *self.births.get(&format!("{resource}/{key}")).unwrap_or(&1))
    }

    /// The uid that the next object of a name would get.
    pub fn next_uid(&self, resource: &str, key: &str) -> String {
        self.uid(resource, key, self.births.get(&format!("{resource}/{key}")).unwrap_or(&0) + 1)
    }

    fn uid(&self, resource: &str, key: &str, count: u64) -> String {
        let digest = hex(&Sha256::digest(format!("{}/{resource}/{key}/{count}", self.name)));
        let (a, b, c, d) = (&digest[..8], &digest[8..12], &digest[13..16], &digest[20..32]);
        format!("{a}-{b}-4{c}-8{}-{d}", &digest[17..20])
    }

    /// An object.
    pub fn get(&self, resource: &str, key: &str) -> Option<&Stored> {
        self.objects.get(resource)?.get(key)
    }

    /// Objects of a kind by key.
    pub fn all<'a>(&'a self, resource: &str) -> impl Iterator<Item = (&'a String, &'a Arc<Value>)> + use<'a> {
        self.objects.get(resource).into_iter().flatten().map(|(key, stored)| (key, &stored.object))
    }

    /// Takes back a value of Secrets that was written down as a hash, from who has it.
    pub fn recall(&mut self, value: &str) {
        let encoded = data_encoding::BASE64.encode(value.as_bytes());
        for stored in self.objects.get_mut("secrets").into_iter().flat_map(BTreeMap::values_mut) {
            let names = stored.sealed.iter().filter(|(_, sealed)| sealed.is(&encoded)).map(|(name, _)| name);
            let data: serde_json::Map<String, Value> = names.map(|name| (name.clone(), json!(encoded))).collect();
            if !data.is_empty() {
                stored.object = Arc::new(stored.recalled(&json!({ "data": data })));
            }
        }
    }

    /// Keeps an object under the next number.
    pub fn put(&mut self, resource: &str, key: &str, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let stored = Stored::new(resource, key, object);
        let after = Arc::clone(&stored.object);
        let before = self.objects.entry(resource.to_owned()).or_default().insert(key.to_owned(), stored);
        let before = before.map(|stored| stored.object);
        self.note(resource, key, before, Some(Arc::clone(&after)), None);
        after
    }

    /// Forgets an object; what it was at last has the number of its going.
    pub fn remove(&mut self, resource: &str, key: &str) -> Option<Arc<Value>> {
        let kind = self.objects.get_mut(resource)?;
        let gone = kind.remove(key)?.object;
        if kind.is_empty() {
            self.objects.remove(resource);
        }
        self.revision += 1;
        let mut last = (*gone).clone();
        last["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let last = Arc::new(last);
        self.note(resource, key, Some(gone), None, Some(Arc::clone(&last)));
        Some(last)
    }

    fn note(
        &mut self,
        resource: &str,
        key: &str,
        before: Option<Arc<Value>>,
        after: Option<Arc<Value>>,
        last: Option<Arc<Value>>,
    ) {
        let (resource, key) = (resource.to_owned(), key.to_owned());
        self.history.push_back(Change { revision: self.revision, resource, key, before, after, last });
        if self.history.len() > REMEMBERED {
            self.history.pop_front();
        }
    }

    /// The oldest number from which changes are still known.
    pub fn oldest(&self) -> u64 {
        self.history.front().map_or(self.revision, |change| change.revision - 1)
    }

    /// Forgets what happened, as etcd does every few minutes.
    pub fn compact(&mut self) {
        self.history.clear();
    }

    /// Changes after a number.
    pub fn since(&self, revision: u64) -> impl Iterator<Item = &Change> {
        let first = self.history.partition_point(|change| change.revision <= revision);
        self.history.range(first..)
    }

    /// Objects of a kind as they were at a number; none if that is too long ago.
    pub fn at(&self, resource: &str, revision: u64) -> Option<BTreeMap<String, Arc<Value>>> {
        if revision < self.oldest() {
            return None;
        }
        let mut objects: BTreeMap<String, Arc<Value>> =
            self.all(resource).map(|(key, object)| (key.clone(), Arc::clone(object))).collect();
        for change in self.history.iter().rev().take_while(|change| change.revision > revision) {
            if change.resource == resource {
                match &change.before {
                    Some(before) => objects.insert(change.key.clone(), Arc::clone(before)),
                    None => objects.remove(&change.key),
                };
            }
        }
        Some(objects)
    }
}

/// A time as the API writes it in metadata.
pub fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Leaves out of a saved cluster what differs between two runs that do the same.
pub fn forget_volatile(cluster: &mut Value) {
    let Some(map) = cluster.as_object_mut() else { return };
    for name in ["revision", "births"] {
        map.remove(name);
    }
    let Some(kinds) = map.get_mut("objects").and_then(Value::as_object_mut) else { return };
    kinds.remove("events");
    for object in kinds.values_mut().filter_map(Value::as_object_mut).flat_map(serde_json::Map::values_mut) {
        forget_moments(object);
    }
}

fn forget_moments(value: &mut Value) {
    match value {
        Value::Object(map) => {
            const MOMENTS: [&str; 8] = [
                "resourceVersion",
                "creationTimestamp",
                "deletionTimestamp",
                "lastTransitionTime",
                "lastUpdateTime",
                "renewTime",
                "acquireTime",
                "time",
            ];
            map.retain(|key, value| !(MOMENTS.contains(&key.as_str()) && value.is_string()));
            map.values_mut().for_each(forget_moments);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_moments),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Cluster {
        Cluster::new(&ClusterSeed::new("home"), Timestamp::UNIX_EPOCH)
    }

    fn secret(value: &str) -> Value {
        json!({ "kind": "Secret", "metadata": { "name": "a" }, "data": { "token": value } })
    }

    #[test]
    fn a_secret_is_kept_and_not_written_down() {
        let mut cluster = cluster();
        cluster.put("secrets", "default/a", secret("Y2FuYXJ5"));
        let text = serde_json::to_string(&cluster).unwrap();
        assert!(!text.contains("Y2FuYXJ5") && !format!("{cluster:?}").contains("Y2FuYXJ5"));
        let again: Cluster = serde_json::from_str(&text).unwrap();
        let stored = again.get("secrets", "default/a").unwrap();
        assert_ne!(stored.object()["data"]["token"], "Y2FuYXJ5");
        assert_eq!(stored.recalled(&secret("Y2FuYXJ5"))["data"]["token"], "Y2FuYXJ5");
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        assert_eq!(again.oldest(), again.revision);
    }

    #[test]
    fn the_past_can_be_listed_until_it_is_forgotten() {
        let mut cluster = cluster();
        cluster.put("secrets", "default/a", secret("x"));
        let then = cluster.revision;
        cluster.put("secrets", "default/b", secret("y"));
        cluster.remove("secrets", "default/a");
        let keys = |cluster: &Cluster, at| cluster.at("secrets", at).map(|all| all.into_keys().collect::<Vec<_>>());
        assert_eq!(keys(&cluster, then).unwrap(), ["default/a"]);
        assert_eq!(keys(&cluster, cluster.revision).unwrap(), ["default/b"]);
        cluster.compact();
        assert_eq!(keys(&cluster, then), None);
        assert_eq!(keys(&cluster, cluster.revision).unwrap(), ["default/b"]);
    }

    #[test]
    fn a_second_one_of_a_name_is_another() {
        let mut cluster = cluster();
        let expected = cluster.next_uid("secrets", "default/a");
        let first = cluster.mint("secrets", "default/a");
        assert_eq!((first.len(), &first), (36, &expected));
        assert_ne!(first, cluster.mint("secrets", "default/a"));
    }
}
