//! The objects that a fleet wants in a cluster, each with its mark, and what they stand on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::rbac::v1 as rbac;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::desired::{External, Pool, TOKEN_KEY, TOKEN_SECRET, Target, Token};
use super::object::Object;
use super::observed::Live;
use super::operator;
use super::{compare, labels};
use crate::owner::FleetName;
use crate::plan::{Read, Shown};
use crate::secret::SecretRef;

/// An object that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// All that we say of it, its mark included.
    pub object: Object,
    /// What it is for, and what it stands on.
    pub stage: Stage,
    /// A value that is in it too, and that is not here.
    pub secret: Option<Value>,
    /// What a creation of it is worth telling.
    pub telling: Vec<(&'static str, Shown)>,
    /// One of that name without our mark becomes ours.
    pub adopt: bool,
    /// What the mark says that it was made of.
    pub digest: Option<String>,
}

/// A value of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its key.
    pub key: String,
    /// Where it comes from.
    pub source: SecretRef,
}

/// What an object is for: each stands on some of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The namespace of all that is in one.
    Namespace,
    /// A custom resource definition.
    Definition,
    /// What the operator has beside its deployment: its identity, what that may do, its certificates, its metrics.
    Operator,
    /// The operator's deployment, and with it the operator.
    Deployment,
    /// Its token.
    Token,
    /// The identity of agents, and what that may do.
    Agents,
    /// A pool.
    Pool,
}

impl Stage {
    /// Whether one of this stage needs all of that one to be there.
    #[must_use]
    pub fn stands_on(self, other: Self) -> bool {
        match self {
            Self::Namespace | Self::Definition => false,
            Self::Operator | Self::Token | Self::Agents => other == Self::Namespace,
            // Without definitions the operator does not start; without its rights it does nothing.
            Self::Deployment => matches!(other, Self::Namespace | Self::Definition | Self::Operator),
            Self::Pool => other != Self::Pool,
        }
    }

    /// It is there for the operator, whoever's that is.
    #[must_use]
    pub fn is_operator(self) -> bool {
        matches!(self, Self::Definition | Self::Operator | Self::Deployment)
    }

    /// It serves others beside us: it is made where it is missing, and never removed.
    #[must_use]
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Namespace | Self::Definition)
    }
}

impl Wanted {
    fn new(object: Object, stage: Stage) -> Self {
        Self { object, stage, secret: None, telling: Vec::new(), adopt: false, digest: None }
    }

    fn telling(mut self, field: &'static str, value: impl Into<String>) -> Self {
        self.telling.push((field, Shown::text(value)));
        self
    }

    /// With our mark on it: whose it is, and what it is made of.
    fn marked(mut self, fleet: &FleetName) -> Self {
        let digest = Sha256::digest(self.object.value.to_string().as_bytes());
        let digest = data_encoding::HEXLOWER.encode(digest.get(..16).unwrap_or_default());
        let metadata = &mut self.object.value["metadata"];
        metadata["labels"][labels::FLEET] = json!(fleet.as_str());
        metadata["annotations"][labels::DIGEST] = json!(digest);
        self.digest = Some(digest);
        self
    }

    /// Whether it is there as it is wanted, told from the object alone: our mark, fields that are all still ours, and the
    /// values in them. Of a definition the list has only the metadata; fields that are still ours hold what we said.
    #[must_use]
    pub fn is_in_place(&self, live: &Live) -> bool {
        let Some(owned) = live.applied_by(labels::MANAGER) else { return false };
        live.annotation(labels::DIGEST) == self.digest.as_deref()
            && compare::owns(owned, &self.whole())
            && compare::abandoned(owned, &self.whole(), &live.value).is_empty()
            && compare::differences(&self.visible(), &live.value).is_empty()
    }

    /// As much of it as a list shows.
    #[must_use]
    pub fn visible(&self) -> Json {
        let mut visible = self.object.value.clone();
        let is_metadata = self.stage == Stage::Definition || self.object.kind == "Secret";
        if let (true, Some(members)) = (is_metadata, visible.as_object_mut()) {
            members.retain(|name, _| name == "metadata");
        }
        visible
    }

    /// All that we say of it, with a stand-in for what is not here.
    #[must_use]
    pub fn whole(&self) -> Json {
        let mut whole = self.object.value.clone();
        if let Some(Value { key, source: _ }) = &self.secret {
            whole["metadata"]["annotations"][labels::WITNESS] = json!("");
            whole["data"][key] = json!("");
        }
        whole
    }
}

/// Files of this machine that are wanted in a cluster: certificates, which are no secret.
pub type Files = BTreeMap<PathBuf, Read<String>>;

/// What the objects of every cluster are made of beside its own part of the spec.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Whose they are.
    pub fleet: &'a FleetName,
    /// The organization of the pools.
    pub organization: &'a str,
    /// What was read of the files that they hold.
    pub files: &'a Files,
}

/// All that is wanted in a cluster, in an order in which each comes after what it stands on.
#[must_use]
pub fn objects(context: &Context<'_>, target: &Target, definitions: &[Object]) -> Vec<Wanted> {
    let Context { fleet, organization, files } = *context;
    let mut wanted = vec![namespace(&target.namespace)];
    wanted.extend(definitions.iter().cloned().map(definition));
    wanted.extend(operator(target, files));
    wanted.extend(token(target));
    for pool in target.pools.values() {
        let Pool { stewardship, .. } = pool;
        if stewardship.absent || stewardship.released {
            continue;
        }
        let adopt = stewardship.adopt;
        let beside = agents(target, pool).into_iter().chain(certificates(target, pool, files));
        wanted.extend(beside.map(|it| Wanted { adopt, ..it }));
        wanted.push(Wanted { adopt, ..agent_pool(organization, target, pool) });
    }
    wanted.into_iter().map(|it| it.marked(fleet)).collect()
}

fn namespace(name: &str) -> Wanted {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    Wanted::new(Object::of(&core::Namespace { metadata, ..core::Namespace::default() }), Stage::Namespace)
}

fn definition(object: Object) -> Wanted {
    let schema = object.value["metadata"]["labels"]["app.terraform.io/crd-schema-version"].as_str().map(str::to_owned);
    let wanted = Wanted::new(object, Stage::Definition);
    match schema {
        Some(schema) => wanted.telling("schema", schema),
        None => wanted,
    }
}

fn operator(target: &Target, files: &Files) -> Vec<Wanted> {
    let mut options = target.operator.options.clone();
    if let Some(Read::Seen(pem)) = target.operator.ca.as_ref().and_then(|path| files.get(path)) {
        options.custom_ca_certificates = Some(ByteString(pem.clone().into_bytes()));
    }
    let version = options.version.to_string();
    let objects = operator::objects(&target.operator.release, &options);
    let one = |object: Object| {
        if object.kind == "Deployment" {
            Wanted::new(object, Stage::Deployment).telling("operator", version.clone())
        } else {
            Wanted::new(object, Stage::Operator)
        }
    };
    objects.into_iter().map(one).collect()
}

fn token(target: &Target) -> Option<Wanted> {
    match target.token.as_ref()? {
        Token::Existing { secret: _, key: _ } => None,
        Token::Value(source) => {
            let metadata = within(target, TOKEN_SECRET);
            let secret = core::Secret { metadata, type_: Some("Opaque".to_owned()), ..core::Secret::default() };
            let value = Value { key: TOKEN_KEY.to_owned(), source: source.clone() };
            Some(Wanted { secret: Some(value), ..Wanted::new(Object::of(&secret), Stage::Token) })
        }
        Token::External(external) => Some(Wanted::new(external_secret(target, external), Stage::Token)),
    }
}

/// What External Secrets makes a Secret of ("API specification", `ExternalSecret`).
fn external_secret(target: &Target, external: &External) -> Object {
    let External { api_version, store_kind, store, key, property } = external;
    let mut reference = json!({ "key": key });
    if let Some(property) = property {
        reference["property"] = json!(property);
    }
    let value = json!({
        "apiVersion": api_version,
        "kind": "ExternalSecret",
        "metadata": { "name": TOKEN_SECRET, "namespace": target.namespace },
        "spec": {
            "secretStoreRef": { "kind": store_kind, "name": store },
            "target": { "name": TOKEN_SECRET, "creationPolicy": "Owner" },
            "data": [{ "secretKey": TOKEN_KEY, "remoteRef": reference }],
        },
    });
    Object {
        api_version: api_version.clone(),
        kind: "ExternalSecret".to_owned(),
        namespace: Some(target.namespace.clone()),
        name: TOKEN_SECRET.to_owned(),
        value,
    }
}

fn within(target: &Target, name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), namespace: Some(target.namespace.clone()), ..ObjectMeta::default() }
}

fn agent_pool(organization: &str, target: &Target, pool: &Pool) -> Wanted {
    let Pool { min, max, .. } = pool;
    let wanted = Wanted::new(super::pool::resource(organization, target, pool), Stage::Pool);
    let wanted = wanted.telling("pool", pool.name.clone()).telling("agents", format!("{min} to {max}"));
    wanted.telling("image", pool.agent.image.to_string())
}

/// The certificates that a pool's agents trust beside the usual ones.
fn certificates(target: &Target, pool: &Pool, files: &Files) -> Option<Wanted> {
    let pem = files.get(pool.agent.ca.as_ref()?)?.seen()?;
    let metadata = within(target, &super::pool::certificates_name(&pool.resource));
    let data = BTreeMap::from([("ca.pem".to_owned(), pem.clone())]);
    let object = Object::of(&core::ConfigMap { metadata, data: Some(data), ..core::ConfigMap::default() });
    Some(Wanted::new(object, Stage::Agents))
}

/// The identity of a pool's agents, and what it may do.
fn agents(target: &Target, pool: &Pool) -> Vec<Wanted> {
    let account = &pool.agent.service_account;
    let subject = rbac::Subject {
        kind: "ServiceAccount".to_owned(),
        name: account.name.clone(),
        namespace: Some(target.namespace.clone()),
        ..rbac::Subject::default()
    };
    let role_name = format!("{}-agents", pool.resource);
    let reference = |kind: &str| rbac::RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: kind.to_owned(),
        name: role_name.clone(),
    };
    let mut objects = Vec::new();
    if account.create {
        let mut metadata = within(target, &account.name);
        if !account.annotations.is_empty() {
            metadata.annotations = Some(account.annotations.clone());
        }
        objects.push(Object::of(&core::ServiceAccount { metadata, ..core::ServiceAccount::default() }));
    }
    for (namespace, rules) in &pool.rules {
        let metadata =
            ObjectMeta { name: Some(role_name.clone()), namespace: Some(namespace.clone()), ..ObjectMeta::default() };
        objects.push(Object::of(&rbac::Role { metadata: metadata.clone(), rules: Some(rules.clone()) }));
        let subjects = Some(vec![subject.clone()]);
        objects.push(Object::of(&rbac::RoleBinding { metadata, role_ref: reference("Role"), subjects }));
    }
    if !pool.cluster_rules.is_empty() {
        // Of the whole cluster, in which there may be another namespace with a pool of that name.
        let name = format!("{}-{role_name}", target.namespace);
        let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
        let rules = Some(pool.cluster_rules.clone());
        objects.push(Object::of(&rbac::ClusterRole {
            metadata: metadata.clone(),
            rules,
            ..rbac::ClusterRole::default()
        }));
        let role_ref = rbac::RoleRef { name, ..reference("ClusterRole") };
        let subjects = Some(vec![subject]);
        objects.push(Object::of(&rbac::ClusterRoleBinding { metadata, role_ref, subjects }));
    }
    objects.into_iter().map(|object| Wanted::new(object, Stage::Agents)).collect()
}
