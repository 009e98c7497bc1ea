//! Objects as they are written: made, replaced, patched, applied.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Place, Target, access,
    apply::{self, Hand, Manager, Managers, Operation, Scope},
    call::{Answer, Call, Cause, Outcome, Refusal, Reply, from_yaml},
    patch,
    read::View,
    valid,
};
use crate::sandbox::world::{Cluster, letters, second};

const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";
const OUTDATED: &str = "the object has been modified; please apply your changes to the latest version and try again";

/// One write.
pub struct Writing<'a> {
    call: &'a Call,
    target: &'a Target,
    view: View,
    is_dry_run: bool,
    manager: Manager,
    scope: Scope,
    now: String,
}

impl<'a> Writing<'a> {
    /// From a request.
    pub fn new(call: &'a Call, target: &'a Target, now: Timestamp) -> Result<Self, Refusal> {
        let is_apply = call.method == "PATCH" && call.media_type() == APPLY;
        let manager = Manager {
            operation: if is_apply { Operation::Apply } else { Operation::Update },
            name: call.manager()?,
            api_version: target.resource.api_version(),
            subresource: target.part.clone(),
        };
        let scope = match (target.part.as_str(), target.resource.has_status) {
            ("status", _) => Scope::Status,
            (_, true) => Scope::AllButStatus,
            (_, false) => Scope::Whole,
        };
        let view = View::new(call, &target.resource)?;
        Ok(Self { call, target, view, is_dry_run: call.is_dry_run()?, manager, scope, now: second(now) })
    }

    fn hand(&self) -> Hand<'_> {
        Hand { manager: &self.manager, scope: self.scope, now: &self.now }
    }

    fn answer(&self, status: u16, object: &Value, warnings: Vec<String>) -> Reply {
        let mut answer = Answer::json(status, self.view.show(object));
        answer.warnings = warnings;
        Reply::Now(answer)
    }

    fn live(&self, cluster: &Cluster, name: &str, told: &Value) -> Option<Value> {
        let resource = &self.target.resource;
        let found = cluster.get(&resource.id(), &resource.key(&self.target.namespace, name))?;
        let mut live = found.recalled(told);
        live["apiVersion"] = json!(resource.api_version());
        live["kind"] = json!(resource.kind);
        Some(live)
    }
}

/// Makes an object.
pub fn create(cluster: &mut Cluster, writing: &Writing<'_>, mut object: Value) -> Outcome {
    let resource = &writing.target.resource;
    agree(writing, &object)?;
    let warnings = known_fields(writing, &mut object)?;
    place(writing, &mut object)?;
    if object["metadata"]["name"].as_str().is_none_or(str::is_empty)
        && let Some(stem) = object["metadata"]["generateName"].as_str()
    {
        let count = cluster.births.get(&resource.id()).copied().unwrap_or_default() + 1;
        cluster.births.insert(resource.id(), count);
        let end = letters(&format!("{stem}/{count}"), 5).to_lowercase();
        object["metadata"]["name"] = json!(format!("{stem}{end}"));
    }
    valid::fill_in(resource, &mut object);
    let managers = first_managers(writing, &object, writing.hand());
    let made = commit(cluster, writing, None, object, &managers)?;
    Ok(writing.answer(201, &made, warnings))
}

/// Replaces an object.
pub fn replace(cluster: &mut Cluster, writing: &Writing<'_>, mut object: Value, name: &str) -> Outcome {
    let resource = &writing.target.resource;
    agree(writing, &object)?;
    let warnings = known_fields(writing, &mut object)?;
    place(writing, &mut object)?;
    name_agrees(&mut object, name)?;
    let live = writing.live(cluster, name, &object).ok_or_else(|| Refusal::not_found(resource, name))?;
    let needs_version = resource.is_custom() || ["CustomResourceDefinition", "Lease"].contains(&resource.kind.as_str());
    if needs_version && object["metadata"]["resourceVersion"].as_str().is_none_or(str::is_empty) {
        let cause = Cause::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
        return Err(Refusal::invalid(&resource.group, &resource.plural, name, &[cause]));
    }
    let changed = updated(cluster, writing, &live, object)?;
    Ok(writing.answer(200, &changed, warnings))
}

/// Changes an object.
pub fn change(cluster: &mut Cluster, writing: &Writing<'_>, name: &str) -> Outcome {
    let (call, resource) = (writing.call, &writing.target.resource);
    let kind = call.media_type();
    if kind == APPLY {
        return applied(cluster, writing, name);
    }
    if ![MERGE, JSON].contains(&kind) {
        let mut refusal = Refusal::new(415, "UnsupportedMediaType", "415: Unsupported Media Type");
        refusal.details = json!({});
        return Err(refusal);
    }
    let patch: Value = serde_json::from_slice(&call.body)
        .map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}")))?;
    let live = writing.live(cluster, name, &patch).ok_or_else(|| Refusal::not_found(resource, name))?;
    let refused = || Refusal::new(422, "Invalid", "the server rejected our request due to an error in our request");
    let mut object = live.clone();
    if kind == MERGE {
        patch::merge(&mut object, &patch);
    } else {
        let operations = patch.as_array().ok_or_else(|| Refusal::bad_request("a JSON patch is a list"))?;
        object = patch::operate(&live, operations).ok_or_else(refused)?;
    }
    let unknown = valid::unknown_fields(resource, &object)?;
    if call.is_strict()? && !unknown.is_empty() {
        let cause = Cause::invalid("patch", &json!(patch.to_string()), &strict(&unknown));
        return Err(Refusal::invalid("", "", "", &[cause]));
    }
    valid::prune(resource, &mut object);
    name_agrees(&mut object, name)?;
    let changed = updated(cluster, writing, &live, object)?;
    Ok(writing.answer(200, &changed, warnings(writing, &unknown)))
}

fn updated(cluster: &mut Cluster, writing: &Writing<'_>, live: &Value, mut object: Value) -> Result<Value, Refusal> {
    let resource = &writing.target.resource;
    let is_reset =
        object["metadata"]["managedFields"] == json!([{}]) || object["metadata"]["managedFields"] == json!([]);
    keep_what_is_kept(writing, live, &mut object);
    valid::fill_in(resource, &mut object);
    without_blanks(&mut object);
    let (before, mut bare) = (Managers::of(live), live.clone());
    forget_managers(&mut bare);
    forget_managers(&mut object);
    let mut managers = Managers::default();
    // Of an object of which nobody knows who made it, nothing is written down until it is applied.
    if before != managers {
        managers = apply::update(&bare, &object, resource.shape(), &before, writing.hand());
    }
    if is_reset && live["metadata"]["managedFields"].is_array() {
        managers = Managers::default();
    }
    commit(cluster, writing, Some(live), object, &managers)
}

fn forget_managers(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
}

/// Server-side apply.
fn applied(cluster: &mut Cluster, writing: &Writing<'_>, name: &str) -> Outcome {
    let (call, target) = (writing.call, writing.target);
    let resource = &target.resource;
    if call.parameter("fieldManager").is_none() {
        let cause = Cause::required("fieldManager", "is required for apply patch");
        return Err(Refusal::invalid("meta.k8s.io", "PatchOptions", "", &[cause]));
    }
    let mut config = from_yaml(&call.body)?;
    applies_here(writing, &config)?;
    let told_namespace = config["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
    place(writing, &mut config)?;
    name_agrees(&mut config, name)?;
    valid::defaults::drop_nulls(&mut config);
    if let Some(wrong) = mistyped(writing, &config)? {
        let kind = format!("{}/{}, Kind={}", resource.group, resource.version, resource.kind);
        let text = format!("failed to create typed patch object ({told_namespace}/{name}; {kind}): {wrong}");
        return Err(Refusal::new(500, "", text));
    }
    let live = writing.live(cluster, name, &config);
    if live.is_none() {
        access::authorize(cluster, call, &Place { name: None, ..target.place() }, "create")?;
    }
    let version = config["metadata"]["resourceVersion"].clone();
    match &live {
        None => refuse_what_is_not_there(writing, name, &config)?,
        Some(live) if version.is_string() && version != live["metadata"]["resourceVersion"] => {
            return Err(Refusal::conflict(resource, name, OUTDATED));
        }
        Some(_) => {}
    }
    let mut before = live.as_ref().map(Managers::of).unwrap_or_default();
    let mut bare = live.clone().unwrap_or_else(|| json!({}));
    forget_managers(&mut bare);
    if before == Managers::default() && live.is_some() {
        // Nobody knows who made it (apimachinery v0.36, `util/managedfields/internal/skipnonapplied.go`).
        let manager = Manager {
            operation: Operation::Update,
            name: "before-first-apply".to_owned(),
            api_version: resource.api_version(),
            subresource: String::new(),
        };
        before = first_managers(writing, &bare, Hand { manager: &manager, ..writing.hand() });
    }
    let force = call.flag("force");
    let result = apply::apply(&bare, &config, resource.shape(), &before, writing.hand(), force);
    let mut result = result.map_err(|conflicts| conflict(&conflicts))?;
    if let Some(live) = &live {
        keep_what_is_kept(writing, live, &mut result.object);
    }
    valid::fill_in_applied(resource, &mut result.object);
    let done = commit(cluster, writing, live.as_ref(), result.object, &result.managers)?;
    Ok(writing.answer(if live.is_some() { 200 } else { 201 }, &done, Vec::new()))
}

fn refuse_what_is_not_there(writing: &Writing<'_>, name: &str, config: &Value) -> Result<(), Refusal> {
    let resource = &writing.target.resource;
    if !writing.target.part.is_empty() {
        return Err(Refusal::not_found(resource, name));
    }
    if let Some(uid) = config["metadata"]["uid"].as_str() {
        let why = format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
        return Err(Refusal::conflict(resource, name, &why));
    }
    Ok(())
}

/// Whether a configuration says what it is, and that it is of this kind.
fn applies_here(writing: &Writing<'_>, config: &Value) -> Result<(), Refusal> {
    let resource = &writing.target.resource;
    let (version, kind) = (config["apiVersion"].as_str(), config["kind"].as_str());
    let (Some(version), Some(kind)) = (version, kind) else {
        let missing = if kind.is_none() { "Kind" } else { "apiVersion" };
        return Err(Refusal::bad_request(format!("Object '{missing}' is missing in the applied configuration")));
    };
    if kind != resource.kind || version != resource.api_version() {
        let group = if version.contains('/') { "" } else { "/" };
        return Err(Refusal::bad_request(format!("invalid object type: {group}{version}, Kind={kind}")));
    }
    if !config["metadata"]["managedFields"].is_null() {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    Ok(())
}

/// What in a configuration its type does not have, in the words of the merge.
fn mistyped(writing: &Writing<'_>, config: &Value) -> Result<Option<String>, Refusal> {
    let resource = &writing.target.resource;
    let mut wrong: Vec<String> = match resource.schema() {
        Some(schema) => valid::schema::mistyped(config, schema),
        None => valid::typed::mistyped(resource, config).into_iter().collect(),
    };
    if resource.schema().is_none() && !wrong.is_empty() {
        return Ok(wrong.pop());
    }
    // What is below a value of another type is not looked at.
    let unknown = if wrong.is_empty() { valid::unknown_fields(resource, config)? } else { Vec::new() };
    wrong.extend(unknown.iter().map(|path| {
        let path = apply::merge::in_steps(config, resource.shape(), path);
        format!("{path}: field not declared in schema")
    }));
    wrong.extend(apply::merge::duplicates(config, resource.shape()));
    Ok(match wrong.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        several => Some(format!("errors:\n  {}", several.join("\n  "))),
    })
}

fn conflict(conflicts: &[apply::Conflict]) -> Refusal {
    let message = match conflicts {
        [one] => format!("Apply failed with 1 conflict: conflict with {}: {}", one.manager, one.field),
        several => {
            let mut names: Vec<&str> = several.iter().map(|one| one.manager.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            let lines = names.iter().flat_map(|name| {
                let fields = several.iter().filter(move |one| one.manager == **name);
                std::iter::once(format!("conflicts with {name}:")).chain(fields.map(|one| format!("- {}", one.field)))
            });
            let lines: Vec<String> = lines.collect();
            format!("Apply failed with {} conflicts: {}", several.len(), lines.join("\n"))
        }
    };
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|one| {
            let message = format!("conflict with {}", one.manager);
            json!({ "reason": "FieldManagerConflict", "message": message, "field": one.field })
        })
        .collect();
    let mut refusal = Refusal::new(409, "Conflict", message);
    refusal.details = json!({ "causes": causes });
    refusal
}

/// Whether a body is of the kind of its path; what it leaves out is filled in.
fn agree(writing: &Writing<'_>, object: &Value) -> Result<(), Refusal> {
    let resource = &writing.target.resource;
    if !object.is_object() {
        return Err(Refusal::bad_request("couldn't get version/kind; json parse error: the body is no object"));
    }
    let (kind, version) = (object["kind"].as_str(), object["apiVersion"].as_str());
    if resource.is_custom() && kind.is_none() {
        let of = &resource.kind;
        let text = format!(
            "the object provided is unrecognized (must be of type {of}): Object 'Kind' is missing in '{object}' \
             ({object})"
        );
        return Err(Refusal::bad_request(text));
    }
    if let Some(kind) = kind.filter(|kind| resource.is_custom() && **kind != resource.kind) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let cause = Cause::invalid("kind", &json!(kind), &format!("must be {}", resource.kind));
        return Err(Refusal::invalid(&resource.group, kind, name, &[cause]));
    }
    let expected = resource.api_version();
    if kind.is_none_or(|kind| kind == resource.kind) && version.is_none_or(|version| version == expected) {
        return Ok(());
    }
    let (kind, version) = (kind.unwrap_or(&resource.kind), version.unwrap_or(&expected));
    let own = version.rsplit('/').next().unwrap_or_default();
    let text = format!(
        "{kind} in version {own:?} cannot be handled as a {}: no kind {kind:?} is registered for version {version:?}",
        resource.kind
    );
    Err(Refusal::bad_request(text))
}

fn strict(unknown: &[String]) -> String {
    let texts: Vec<String> = unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
    format!("strict decoding error: {}", texts.join(", "))
}

fn warnings(writing: &Writing<'_>, unknown: &[String]) -> Vec<String> {
    let are_wanted = writing.call.parameter("fieldValidation") != Some("Ignore");
    unknown.iter().filter(|_| are_wanted).map(|path| format!("unknown field {path:?}")).collect()
}

/// Takes unknown fields away; or refuses them, or warns of them.
fn known_fields(writing: &Writing<'_>, object: &mut Value) -> Result<Vec<String>, Refusal> {
    let resource = &writing.target.resource;
    let unknown = valid::unknown_fields(resource, object)?;
    let twice = valid::twice::fields(&writing.call.body);
    let told = |(kind, path): (&str, &String)| format!("{kind} field {path:?}");
    let texts: Vec<String> = twice
        .iter()
        .map(|path| ("duplicate", path))
        .chain(unknown.iter().map(|path| ("unknown", path)))
        .map(told)
        .collect();
    if writing.call.is_strict()? && !texts.is_empty() {
        let (kind, version) = (&resource.kind, &resource.version);
        let text = format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: strict decoding error: {}",
            texts.join(", ")
        );
        return Err(Refusal::bad_request(text));
    }
    valid::prune(resource, object);
    let are_wanted = writing.call.parameter("fieldValidation") != Some("Ignore");
    Ok(if are_wanted { texts } else { Vec::new() })
}

/// Puts an object into the namespace of its path.
fn place(writing: &Writing<'_>, object: &mut Value) -> Result<(), Refusal> {
    let (target, resource) = (writing.target, &writing.target.resource);
    object["kind"] = json!(resource.kind);
    object["apiVersion"] = json!(resource.api_version());
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    let own = object["metadata"]["namespace"].as_str().unwrap_or_default();
    if !own.is_empty() && own != target.namespace {
        let text = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Refusal::bad_request(text));
    }
    if resource.is_namespaced {
        object["metadata"]["namespace"] = json!(target.namespace);
    }
    Ok(())
}

fn name_agrees(object: &mut Value, name: &str) -> Result<(), Refusal> {
    match object["metadata"]["name"].as_str() {
        Some(own) if own != name && !own.is_empty() => {
            let text = format!("the name of the object ({own}) does not match the name on the URL ({name})");
            Err(Refusal::bad_request(text))
        }
        _ => {
            object["metadata"]["name"] = json!(name);
            Ok(())
        }
    }
}

/// What this way in does not change stays as it is, and what the server gave.
fn keep_what_is_kept(writing: &Writing<'_>, live: &Value, object: &mut Value) {
    let resource = &writing.target.resource;
    if writing.scope == Scope::Status {
        let status = object["status"].take();
        *object = live.clone();
        object["status"] = status;
    } else if writing.scope == Scope::AllButStatus {
        object["status"] = live["status"].clone();
    }
    if resource.kind == "Service" {
        for name in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            if object["spec"][name].is_null() {
                object["spec"][name] = live["spec"][name].clone();
            }
        }
    }
    // An update that does not know of an older default keeps it.
    if let Some(map) = object.as_object_mut().filter(|map| map.get("status").is_some_and(Value::is_null)) {
        map.remove("status");
    }
}

/// Who owns what of a new object: its type is there before it.
fn first_managers(writing: &Writing<'_>, object: &Value, hand: Hand<'_>) -> Managers {
    let resource = &writing.target.resource;
    // Parts that Go's types always have, so that nobody makes them.
    let parts = match resource.kind.as_str() {
        _ if resource.is_custom() => json!({}),
        "Deployment" | "ReplicaSet" => {
            json!({ "spec": { "strategy": {}, "template": { "metadata": {}, "spec": { "containers": [] } } } })
        }
        "Pod" => json!({ "spec": { "containers": [] } }),
        "CustomResourceDefinition" => json!({ "spec": { "names": {} } }),
        "Service" | "Lease" => json!({ "spec": {} }),
        "Role" | "ClusterRole" => json!({ "rules": null }),
        _ => json!({}),
    };
    let mut before = parts;
    before["metadata"] = json!({});
    let mut bare = object.clone();
    forget_managers(&mut bare);
    apply::update(&before, &bare, resource.shape(), &Managers::default(), hand)
}

/// The rest of the way of every write: rules, what the server gives, and keeping it.
fn commit(
    cluster: &mut Cluster,
    writing: &Writing<'_>,
    live: Option<&Value>,
    mut object: Value,
    managers: &Managers,
) -> Result<Value, Refusal> {
    let (target, resource) = (writing.target, &writing.target.resource);
    valid::show_none(&resource.kind, &mut object, true);
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let (id, key) = (resource.id(), resource.key(&target.namespace, &name));
    match live {
        None => {
            in_its_place(cluster, writing, &name)?;
            if let Some(found) = cluster.get(&id, &key) {
                let is_going = found.object()["metadata"]["deletionTimestamp"].is_string();
                return Err(Refusal::exists(resource, &name, is_going));
            }
            let uid = cluster.next_uid(&id, &key);
            give_first(writing, &mut object, &uid);
        }
        Some(live) => give_next(writing, live, &mut object, &name)?,
    }
    access::refuse_escalation(cluster, &writing.call.user, target, live, &object)?;
    let entries = managers.to_json();
    if entries.as_array().is_some_and(|entries| !entries.is_empty()) {
        object["metadata"]["managedFields"] = entries;
    }
    let causes = valid::rules::check(resource, live, &object);
    if !causes.is_empty() {
        return Err(Refusal::invalid(&resource.group, &resource.kind, &name, &causes));
    }
    if let Some(live) = live {
        if without_times(live) == without_times(&object) {
            return Ok(live.clone());
        }
        object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    }
    if writing.is_dry_run {
        return Ok(object);
    }
    if live.is_none() {
        cluster.mint(&id, &key);
    }
    let is_last = !object["metadata"]["deletionTimestamp"].is_null()
        && object["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
    if is_last && live.is_some() {
        cluster.remove(&id, &key);
        return Ok(object);
    }
    Ok((*cluster.put(&id, &key, object)).clone())
}

/// A new object needs a kind and a namespace that are not going.
fn in_its_place(cluster: &Cluster, writing: &Writing<'_>, name: &str) -> Result<(), Refusal> {
    let target = writing.target;
    let (group, plural) = (&target.resource.group, &target.resource.plural);
    if target.resource.is_ending() {
        let why = "create not allowed while custom resource definition is terminating";
        return Err(Refusal::forbidden(group, plural, name, why));
    }
    if !target.resource.is_namespaced {
        return Ok(());
    }
    let Some(namespace) = cluster.get("namespaces", &target.namespace) else {
        let mut refusal = Refusal::new(404, "NotFound", format!("namespaces {:?} not found", target.namespace));
        refusal.details = json!({ "name": target.namespace, "kind": "namespaces" });
        return Err(refusal);
    };
    if namespace.object()["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {} because it is being terminated", target.namespace);
    let mut refusal = Refusal::forbidden(group, plural, name, &why);
    refusal.details["causes"] = json!([{ "reason": "NamespaceTerminating", "field": "metadata.namespace",
        "message": format!("namespace {} is being terminated", target.namespace) }]);
    Err(refusal)
}

/// What the server gives to a new object.
fn give_first(writing: &Writing<'_>, object: &mut Value, uid: &str) {
    let resource = &writing.target.resource;
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"] {
            metadata.remove(name);
        }
    }
    without_blanks(object);
    object["metadata"]["uid"] = json!(uid);
    object["metadata"]["creationTimestamp"] = json!(writing.now);
    if resource.has_generation() {
        object["metadata"]["generation"] = json!(1);
    }
    if let (true, Some(map)) = (resource.has_status, object.as_object_mut()) {
        map.remove("status");
    }
    match resource.kind.as_str() {
        "Namespace" => {
            object["spec"]["finalizers"] = json!(["kubernetes"]);
            object["status"] = json!({ "phase": "Active" });
        }
        "Pod" => object["status"] = json!({ "phase": "Pending" }),
        "Deployment" => object["status"] = json!({}),
        "CustomResourceDefinition" => {
            let versions = object["spec"]["versions"].as_array().into_iter().flatten();
            let stored = versions.filter(|version| version["storage"] == true).map(|version| version["name"].clone());
            let stored: Vec<Value> = stored.collect();
            let names = json!({ "kind": "", "plural": "" });
            object["status"] = json!({ "conditions": [], "acceptedNames": names, "storedVersions": stored });
        }
        "ReplicaSet" => object["status"] = json!({ "replicas": 0 }),
        "Service" if writing.is_dry_run => object["status"] = json!({ "loadBalancer": {} }),
        "Service" if object["spec"]["type"] != "ExternalName" && object["spec"]["clusterIP"].is_null() => {
            let number = u32::from_str_radix(&uid[..4], 16).unwrap_or_default();
            let address = format!("10.96.{}.{}", number / 256, number % 256);
            object["spec"]["clusterIP"] = json!(address);
            object["spec"]["clusterIPs"] = json!([address]);
            object["spec"]["ipFamilies"] = json!(["IPv4"]);
            object["spec"]["ipFamilyPolicy"] = json!("SingleStack");
            object["status"] = json!({ "loadBalancer": {} });
        }
        _ => {}
    }
}

/// What the server gave stays; the generation counts.
fn give_next(writing: &Writing<'_>, live: &Value, object: &mut Value, name: &str) -> Result<(), Refusal> {
    let resource = &writing.target.resource;
    let (told, own) = (object["metadata"].clone(), &live["metadata"]);
    if let Some(uid) = told["uid"].as_str().filter(|uid| own["uid"] != **uid && !uid.is_empty()) {
        if writing.call.method == "PATCH" {
            let cause = Cause::invalid("metadata.uid", &told["uid"], "field is immutable");
            return Err(Refusal::invalid(&resource.group, &resource.kind, name, &[cause]));
        }
        let uid_of = own["uid"].as_str().unwrap_or_default();
        let place = [&resource.plural, &resource.key(&writing.target.namespace, name)].map(String::as_str).join("/");
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{place}, ResourceVersion: 0, AdditionalErrorMsg: \
             Precondition failed: UID in precondition: {uid}, UID in object meta: {uid_of}"
        );
        return Err(Refusal::conflict(resource, name, &why));
    }
    let version = told["resourceVersion"].as_str().filter(|version| !version.is_empty());
    if version.is_some_and(|version| own["resourceVersion"] != *version) {
        return Err(Refusal::conflict(resource, name, OUTDATED));
    }
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        match own.get(field) {
            Some(value) => object["metadata"][field] = value.clone(),
            None => {
                if let Some(metadata) = object["metadata"].as_object_mut() {
                    metadata.remove(field);
                }
            }
        }
    }
    without_blanks(object);
    // Of a Deployment the annotations count too (kubernetes v1.36, pkg/registry/apps/deployment/strategy.go).
    let is_annotated = resource.kind == "Deployment" && own["annotations"] != object["metadata"]["annotations"];
    if resource.has_generation() && (content(live) != content(object) || is_annotated) {
        let generation = own["generation"].as_u64().unwrap_or_default() + 1;
        object["metadata"]["generation"] = json!(generation);
    }
    Ok(())
}

/// Empty maps and lists in metadata are not shown.
fn without_blanks(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|_, value| {
            let is_blank =
                value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
            !is_blank && !value.is_null()
        });
    }
}

/// An object without its metadata and status.
fn content(object: &Value) -> Value {
    let mut content = object.clone();
    if let Some(map) = content.as_object_mut() {
        map.retain(|name, _| !["metadata", "status", "apiVersion", "kind"].contains(&name.as_str()));
    }
    content
}

/// An object without what changes by itself.
fn without_times(object: &Value) -> Value {
    let mut bare = object.clone();
    if let Some(metadata) = bare["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
    }
    for entry in bare["metadata"]["managedFields"].as_array_mut().into_iter().flatten() {
        if let Some(entry) = entry.as_object_mut() {
            entry.remove("time");
        }
    }
    bare
}
