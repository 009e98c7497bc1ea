//! Objects as they are read: one, many, page by page, whole or by metadata.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    Target,
    call::{Answer, Call, Outcome, Refusal, Reply},
    kinds::Resource,
    select::Selection,
    valid,
    watch::Watch,
};
use crate::sandbox::world::Cluster;

/// How objects are shown.
#[derive(Debug, Clone)]
pub struct View {
    /// The kind, in the version that is asked for.
    pub resource: Resource,
    /// Whether only metadata is shown.
    pub is_partial: bool,
}

impl View {
    /// As a request wants it.
    pub fn new(call: &Call, resource: &Resource) -> Result<Self, Refusal> {
        Ok(Self { resource: resource.clone(), is_partial: call.wants_metadata()? })
    }

    /// One object.
    pub fn show(&self, object: &Value) -> Value {
        if self.is_partial {
            let metadata = &object["metadata"];
            return json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata });
        }
        let mut shown = object.clone();
        // A default that came later shows in what was kept before.
        if self.resource.is_custom() {
            valid::fill_in(&self.resource, &mut shown);
        }
        shown["kind"] = json!(self.resource.kind);
        shown["apiVersion"] = json!(self.resource.api_version());
        shown
    }

    /// What says nothing but how far a watch is.
    pub fn mark(&self, metadata: &Value) -> Value {
        if self.is_partial {
            return self.show(&json!({ "metadata": metadata }));
        }
        json!({ "kind": self.resource.kind, "apiVersion": self.resource.api_version(), "metadata": metadata })
    }

    /// An item of a list: those of built-in kinds do not say what they are.
    fn item(&self, object: &Value) -> Value {
        let mut shown = self.show(object);
        if let (false, false, Some(map)) = (self.is_partial, self.resource.is_custom(), shown.as_object_mut()) {
            map.remove("kind");
            map.remove("apiVersion");
        }
        shown
    }
}

/// One object.
pub fn get(cluster: &Cluster, call: &Call, target: &Target, name: &str) -> Outcome {
    let resource = &target.resource;
    let view = View::new(call, resource)?;
    let found = cluster.get(&resource.id(), &resource.key(&target.namespace, name));
    let found = found.ok_or_else(|| Refusal::not_found(resource, name))?;
    Ok(Reply::Now(Answer::json(200, view.show(found.object()))))
}

/// Where a page goes on.
struct Page {
    revision: u64,
    after: String,
}

impl Page {
    fn read(text: &str) -> Option<Self> {
        let bytes = data_encoding::BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok()?;
        let token: Value = serde_json::from_slice(&bytes).ok()?;
        Some(Self { revision: token["rv"].as_u64()?, after: token["start"].as_str()?.to_owned() })
    }

    fn write(&self) -> String {
        let token = json!({ "v": "meta.k8s.io/v1", "rv": self.revision, "start": self.after });
        data_encoding::BASE64URL_NOPAD.encode(token.to_string().as_bytes())
    }
}

/// Many objects, or what happens to them.
pub fn list(cluster: &Cluster, call: &Call, target: &Target) -> Outcome {
    let resource = &target.resource;
    let view = View::new(call, resource)?;
    let (labels, fields) = (call.parameter("labelSelector"), call.parameter("fieldSelector"));
    let selection = Selection::new(resource, &target.namespace, labels, fields)?;
    if call.flag("watch") {
        return Ok(Reply::Flow(Watch::new(cluster, call, view, selection)?));
    }
    let page = call.parameter("continue").map(|text| {
        Page::read(text)
            .ok_or_else(|| Refusal::bad_request(format!("invalid continue token: continue key is not valid: {text:?}")))
    });
    let page = page.transpose()?;
    let revision = match &page {
        Some(page) => page.revision,
        None => asked_revision(cluster, call)?,
    };
    let objects = cluster.at(&resource.id(), revision).ok_or_else(|| too_old(page.is_some()))?;
    Ok(Reply::Now(Answer::json(200, shown_page(call, &view, &selection, &objects, revision, page.as_ref()))))
}

/// The number that a list is to be of.
fn asked_revision(cluster: &Cluster, call: &Call) -> Result<u64, Refusal> {
    let Some(text) = call.parameter("resourceVersion") else { return Ok(cluster.revision) };
    let asked = revision_of(text)?;
    if asked > cluster.revision {
        let text = format!("Timeout: Too large resource version: {asked}, current: {}", cluster.revision);
        let mut refusal = Refusal::new(504, "Timeout", text);
        let message = "Too large resource version";
        refusal.details = json!({ "causes": [{ "reason": "ResourceVersionTooLarge", "message": message }],
            "retryAfterSeconds": 1 });
        return Err(refusal);
    }
    let is_exact = call.parameter("resourceVersionMatch") == Some("Exact");
    Ok(if is_exact { asked } else { cluster.revision })
}

/// A `resourceVersion` of a query.
pub fn revision_of(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| {
        let cause = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
        Refusal::bad_request(format!("resourceVersion: Invalid value: {text:?}: {cause}"))
    })
}

fn too_old(is_page: bool) -> Refusal {
    let text = if is_page {
        "The provided continue parameter is too old to display a consistent list result. You can start a new list \
         without the continue parameter."
    } else {
        "The resourceVersion for the provided list is too old."
    };
    Refusal::new(410, "Expired", text)
}

fn shown_page(
    call: &Call,
    view: &View,
    selection: &Selection,
    objects: &BTreeMap<String, Arc<Value>>,
    revision: u64,
    page: Option<&Page>,
) -> Value {
    let limit = call.parameter("limit").and_then(|text| text.parse::<usize>().ok()).filter(|limit| *limit > 0);
    let found: Vec<(&String, &Arc<Value>)> = objects
        .iter()
        .filter(|(key, object)| page.is_none_or(|page| **key > page.after) && selection.holds(object))
        .collect();
    let count = limit.unwrap_or(usize::MAX).min(found.len());
    let mut metadata = json!({ "resourceVersion": revision.to_string() });
    if let Some((last, _)) = found[..count].last().filter(|_| count < found.len()) {
        metadata["continue"] = json!(Page { revision, after: (*last).clone() }.write());
        if !selection.is_narrow() {
            metadata["remainingItemCount"] = json!(found.len() - count);
        }
    }
    let items: Vec<Value> = found[..count].iter().map(|(_, object)| view.item(object)).collect();
    let (kind, version) = if view.is_partial {
        ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned())
    } else {
        (view.resource.list_kind.clone(), view.resource.api_version())
    };
    json!({ "kind": kind, "apiVersion": version, "metadata": metadata, "items": items })
}
