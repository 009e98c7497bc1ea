//! A client of one cluster that has no way to change anything.

use std::sync::OnceLock;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::connect::Connection;
use super::line::{Answer, Ask, JSON, Line, METADATA, METADATA_LIST};
use super::{Door, FIELD_MANAGER, Kind, Received, Rules};
use crate::http::Policy;
use crate::secret::Secret;
use crate::systems::kube::failure::{Failure, FailureKind};

/// Objects of one page: as many as `kubectl` asks for at a time.
const PAGE: &str = "500";

/// Server-side apply ("Server-Side Apply" in Kubernetes' documentation); JSON is YAML too.
pub(super) const APPLY: &str = "application/apply-patch+yaml";

/// Where `kubectl apply` keeps a copy of all that it sent, the values of Secrets among it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A client of one cluster.
#[derive(Debug)]
pub struct Cluster {
    pub(super) line: Line,
    /// `context home`
    way: String,
    version: Version,
    /// The uid of its `kube-system` when it was looked at.
    uid: OnceLock<String>,
}

/// What a cluster says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// `v1.33.1+k3s1`
    pub git_version: String,
    /// `1`
    #[serde(default)]
    pub major: String,
    /// `33`, or `33+` where a vendor changed it.
    #[serde(default)]
    pub minor: String,
    /// `linux/arm64`: of the machine that the API server runs on.
    #[serde(default)]
    pub platform: String,
}

/// All objects of a kind: every page was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The objects, each with its `apiVersion` and `kind`, in the server's order.
    pub items: Vec<Value>,
    /// The version of the world that they are of.
    pub resource_version: String,
}

/// What is read of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Metadata,
}

impl Cluster {
    /// Prepares to reach a cluster, and asks for its version.
    ///
    /// # Errors
    /// When the way leads nowhere, or to something else.
    pub async fn reach(door: &Door, policy: &Policy) -> Result<Self, Failure> {
        let line = Line::new(Connection::open(door, policy).await?, policy);
        let ask = Ask::get("version".to_owned(), "asking for its version".to_owned());
        let answer = line.send(&ask).await.map_err(at_first)?;
        let version: Version =
            serde_json::from_slice(&answer.body).map_err(|_| Failure::no_api(line.address(), ask.doing.clone()))?;
        Ok(Self { line, way: door.way.to_string(), version, uid: OnceLock::new() })
    }

    /// `https://10.0.0.1:6443`
    #[must_use]
    pub fn address(&self) -> &str {
        self.line.address()
    }

    /// The way to it, for people: `context home`.
    #[must_use]
    pub fn way(&self) -> &str {
        &self.way
    }

    /// What it said of itself at first.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Requests that were sent, repetitions included.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.line.requests()
    }

    /// Notes which cluster was looked at: the uid of its namespace `kube-system`. A writer asks for it again before it writes.
    pub fn is_known_as(&self, uid: &str) {
        // It is looked at once.
        let _ = self.uid.set(uid.to_owned());
    }

    pub(super) fn known_as(&self) -> Option<&str> {
        self.uid.get().map(String::as_str)
    }

    /// All objects of a kind: in a namespace or in all of them, and with these labels if any are given. Of Secrets only the
    /// metadata.
    ///
    /// # Errors
    /// When they cannot be read to the last one. [`Failure::is_not_served`]: the cluster does not know the kind.
    pub async fn list(&self, kind: &Kind, namespace: Option<&str>, labels: Option<&str>) -> Result<Listing, Failure> {
        self.pages(kind, namespace, labels, Part::Whole).await
    }

    /// The same without the objects' content.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: Option<&str>,
    ) -> Result<Listing, Failure> {
        self.pages(kind, namespace, labels, Part::Metadata).await
    }

    /// An object, or `None` where there is none of that name. Of a Secret only the metadata.
    ///
    /// # Errors
    /// When it is not known whether there is one.
    pub async fn get(&self, kind: &Kind, namespace: Option<&str>, name: &str) -> Result<Option<Value>, Failure> {
        let doing = format!("reading {}", kind.named(namespace, name));
        let ask = Ask {
            accept: if kind.is_secret() { METADATA } else { JSON },
            grant: grant("get", kind, namespace),
            ..Ask::get(kind.path(namespace, Some(name)), doing)
        };
        match self.line.send(&ask).await {
            Ok(answer) => self.object(kind, &ask, &answer).map(Some),
            Err(failure) if failure.kind == FailureKind::NotFound && !failure.unserved => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// One value of a Secret: the only way in which one is ever asked for. `None` where there is no such Secret, or no such
    /// key in it.
    ///
    /// # Errors
    /// When it is not known whether there is one.
    pub async fn secret_value(&self, namespace: &str, name: &str, key: &str) -> Result<Option<Secret>, Failure> {
        let kind = Kind::SECRET;
        let doing = format!("reading the value {key} of {}", kind.named(Some(namespace), name));
        let ask = Ask {
            discreet: true,
            grant: grant("get", &kind, Some(namespace)),
            ..Ask::get(kind.path(Some(namespace), Some(name)), doing)
        };
        let answer = match self.line.send(&ask).await {
            Ok(answer) => answer,
            Err(failure) if failure.kind == FailureKind::NotFound && !failure.unserved => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let data: SecretData = self.read(&ask, &answer)?;
        let unreadable = || self.unexpected(&ask, &answer, "the value is no text in base64");
        let Some(Received(encoded)) = data.data.unwrap_or_default().remove(key) else { return Ok(None) };
        let bytes = BASE64.decode(encoded.expose().as_bytes()).map(Zeroizing::new).map_err(|_| unreadable())?;
        let text = std::str::from_utf8(&bytes).map_err(|_| unreadable())?;
        Ok(Some(Secret::new(text.to_owned())))
    }

    /// What we may do in a namespace, in one request.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub async fn rules(&self, namespace: &str) -> Result<Rules, Failure> {
        let doing = format!("asking what is allowed in {namespace}");
        let spec = json!({ "namespace": namespace });
        let (ask, answer) = self.review("SelfSubjectRulesReview", "selfsubjectrulesreviews", &spec, doing).await?;
        let review: Value = self.read(&ask, &answer)?;
        Rules::read(&review).ok_or_else(|| self.unexpected(&ask, &answer, FORM))
    }

    /// Whether we may do this: to the object of this name, or to all of the kind where there is none.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub async fn allowed(
        &self,
        verb: &str,
        kind: &Kind,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Result<bool, Failure> {
        let doing = format!("asking whether {verb} is allowed on {}", kind.resource());
        let spec = json!({ "resourceAttributes": {
            "verb": verb,
            "group": kind.group,
            "version": kind.version,
            "resource": kind.plural,
            "namespace": namespace.unwrap_or_default(),
            "name": name.unwrap_or_default(),
        } });
        let (ask, answer) = self.review("SelfSubjectAccessReview", "selfsubjectaccessreviews", &spec, doing).await?;
        let review: Value = self.read(&ask, &answer)?;
        let allowed = review.pointer("/status/allowed").and_then(Value::as_bool);
        allowed.ok_or_else(|| self.unexpected(&ask, &answer, FORM))
    }

    /// A question about ourselves. It is made like an object, and nothing is kept of it.
    async fn review(&self, kind: &str, plural: &str, spec: &Value, doing: String) -> Result<(Ask, Answer), Failure> {
        let body = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec });
        let ask = Ask {
            method: http::Method::POST,
            body: Some((JSON, body.to_string().into_bytes())),
            ..Ask::get(format!("apis/authorization.k8s.io/v1/{plural}"), doing)
        };
        let answer = self.line.send(&ask).await?;
        Ok((ask, answer))
    }

    /// What an object would become if it were applied. Of a Secret only the metadata.
    ///
    /// # Errors
    /// When it would not be taken; other managers' fields are [`FailureKind::Conflict`].
    pub async fn dry_run(&self, object: &Value, force: bool) -> Result<Value, Failure> {
        let (kind, mut ask) = self.applying(object, force, "trying")?;
        ask.query.push(("dryRun", "All".to_owned()));
        let answer = self.line.send(&ask).await?;
        self.object(&kind, &ask, &answer)
    }

    /// The request that applies an object.
    pub(super) fn applying(&self, object: &Value, force: bool, verb: &str) -> Result<(Kind, Ask), Failure> {
        let (kind, namespace, name) = self.identity(object)?;
        let namespace = namespace.as_deref();
        let query = vec![
            ("fieldManager", FIELD_MANAGER.to_owned()),
            ("fieldValidation", "Strict".to_owned()),
            ("force", force.to_string()),
        ];
        let ask = Ask {
            method: http::Method::PATCH,
            query,
            ..Ask::get(kind.path(namespace, Some(&name)), format!("{verb} {}", kind.named(namespace, &name)))
        };
        let ask = Ask { grant: grant("patch", &kind, namespace), ..ask }.with_object(&kind, object, APPLY);
        Ok((kind, ask))
    }

    /// What an object says of itself.
    pub(super) fn identity(&self, object: &Value) -> Result<(Kind, Option<String>, String), Failure> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let ours = |cause: &str| Failure::ours(self.address(), "preparing an object", cause);
        let kind = Kind::of(object).ok_or_else(|| ours("it is of a kind that is not known here"))?;
        let name = text("/metadata/name").ok_or_else(|| ours("it has no name"))?.to_owned();
        let namespace = text("/metadata/namespace").map(str::to_owned);
        if kind.namespaced != namespace.is_some() {
            return Err(ours("its kind and its namespace do not fit together"));
        }
        Ok((kind, namespace, name))
    }

    async fn pages(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: Option<&str>,
        part: Part,
    ) -> Result<Listing, Failure> {
        let place = namespace.filter(|_| kind.namespaced).map(|namespace| format!(" in {namespace}"));
        let doing = format!("listing {}{}", kind.resource(), place.unwrap_or_default());
        let whole = part == Part::Whole && !kind.is_secret();
        let mut ask = Ask {
            accept: if whole { JSON } else { METADATA_LIST },
            grant: grant("list", kind, namespace),
            ..Ask::get(kind.path(namespace, None), doing)
        };
        let mut begun_anew = false;
        let (mut items, mut next) = (Vec::new(), String::new());
        loop {
            ask.query = vec![("limit", PAGE.to_owned())];
            ask.query.extend(labels.map(|labels| ("labelSelector", labels.to_owned())));
            if !next.is_empty() {
                ask.query.push(("continue", next.clone()));
            }
            let answer = match self.line.send(&ask).await {
                Ok(answer) => answer,
                // The server keeps old versions for minutes only ("Retrieving large results sets in chunks").
                Err(failure) if failure.kind == FailureKind::Gone && !next.is_empty() && !begun_anew => {
                    begun_anew = true;
                    items.clear();
                    next.clear();
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let page: Page = self.read(&ask, &answer)?;
            let Some(page_items) = page.items else { return Err(self.unexpected(&ask, &answer, FORM)) };
            items.extend(page_items.into_iter().map(|item| shaped(kind, item)));
            let Metadata { next: following, resource_version } = page.metadata;
            if following.is_empty() {
                return Ok(Listing { items, resource_version });
            }
            if following == next {
                return Err(self.unexpected(&ask, &answer, "its pages lead in a circle"));
            }
            next = following;
        }
    }

    /// The object in an answer.
    pub(super) fn object(&self, kind: &Kind, ask: &Ask, answer: &Answer) -> Result<Value, Failure> {
        let object: Value = self.read(ask, answer)?;
        if object.get("metadata").is_none_or(|metadata| !metadata.is_object()) {
            return Err(self.unexpected(ask, answer, FORM));
        }
        Ok(shaped(kind, object))
    }

    pub(super) fn read<T: for<'de> Deserialize<'de>>(&self, ask: &Ask, answer: &Answer) -> Result<T, Failure> {
        // What the reader says would quote the body.
        serde_json::from_slice(&answer.body).map_err(|_| self.unexpected(ask, answer, FORM))
    }

    pub(super) fn unexpected(&self, ask: &Ask, answer: &Answer, text: &str) -> Failure {
        let hint = "look whether what answers there is the cluster's API, and no proxy that changes its answers";
        Failure {
            status: Some(answer.status),
            audit_id: answer.audit_id.clone(),
            unheard: ask.method != http::Method::GET,
            ..Failure::of(FailureKind::Unexpected, self.address(), &ask.doing, text, hint)
        }
    }
}

const FORM: &str = "the answer has another form than documented";

/// A page of a list.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: Metadata,
    items: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    #[serde(rename = "continue")]
    next: String,
    resource_version: String,
}

#[derive(Deserialize)]
struct SecretData {
    data: Option<std::collections::BTreeMap<String, Received>>,
}

/// An object as it is handed on. What is in a list, or has only metadata, does not say what it is; and of a Secret nothing
/// but metadata goes on, whatever the server sent.
pub(super) fn shaped(kind: &Kind, mut object: Value) -> Value {
    let Some(fields) = object.as_object_mut() else { return object };
    fields.insert("apiVersion".to_owned(), Value::String(kind.api_version()));
    fields.insert("kind".to_owned(), Value::String(kind.kind.to_string()));
    if kind.is_secret() {
        fields.retain(|key, _| ["apiVersion", "kind", "metadata"].contains(&key.as_str()));
        if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    object
}

/// What the error of a first question means: who answers otherwise than the API may be anybody.
fn at_first(failure: Failure) -> Failure {
    match failure.status {
        Some(400) if failure.foreign => Failure {
            text: "what listens there wants TLS, or is no Kubernetes API".to_owned(),
            hint: "write https:// in `server` of the kubeconfig's cluster, or look at its port".to_owned(),
            ..failure
        },
        Some(300..=499) if failure.foreign => {
            Failure { status: failure.status, ..Failure::no_api(&failure.address, failure.doing) }
        }
        _ => failure,
    }
}

/// The rule of a role that is missing.
pub(super) fn grant(verb: &str, kind: &Kind, namespace: Option<&str>) -> String {
    let group = if kind.group.is_empty() { "\"\"" } else { &kind.group };
    let rule = format!("{{ apiGroups: [{group}], resources: [{}], verbs: [{verb}] }}", kind.plural);
    match namespace.filter(|_| kind.namespaced) {
        Some(namespace) => format!("{rule} in the namespace {namespace}"),
        None => format!("{rule} of a ClusterRole"),
    }
}

impl Ask {
    /// Sends an object along. Of a Secret no content comes back, and nothing is told of what the server says to it.
    pub(super) fn with_object(mut self, kind: &Kind, object: &Value, content: &'static str) -> Self {
        self.body = Some((content, object.to_string().into_bytes()));
        if kind.is_secret() {
            self.accept = METADATA;
            self.discreet = true;
            self.secrets = values_of(object);
        }
        self
    }
}

/// The values of a Secret: as they are, and as they are sent.
fn values_of(object: &Value) -> Vec<Zeroizing<String>> {
    let fields = ["data", "stringData"].into_iter().filter_map(|key| object.get(key)?.as_object());
    let mut values: Vec<Zeroizing<String>> = Vec::new();
    for value in fields.flat_map(|fields| fields.values()).filter_map(Value::as_str) {
        if let Some(text) = BASE64.decode(value.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            values.push(Zeroizing::new(text));
        }
        values.push(Zeroizing::new(value.to_owned()));
    }
    values.retain(|value| !value.is_empty());
    values
}
