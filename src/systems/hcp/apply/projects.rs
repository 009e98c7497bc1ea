//! The organisation's settings, and projects.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::ProjectId;
use super::super::client::related;
use super::super::request::{ModeRequest, ProjectRequest};
use super::super::settings::{Fields, OrganizationSettings};
use super::super::wire::tags::{TagAttributes, TagRelations, seen};
use super::super::wire::{Resource, Unrelated};
use super::create::{of_others, unlisted};
use super::remove::pages;
use super::{Named, Stop, Task};
use crate::http::{Body, path};
use crate::owner::{Mark, Marked, Reading, TAG_KEY};

/// The attribute of which "" has to be sent as null: its text is a duration.
const DURATION: &str = "auto-destroy-activity-duration";

/// A thing with a name.
#[derive(Debug, Deserialize)]
pub(super) struct Name {
    pub(super) name: String,
}

/// Settings as they are sent.
pub(super) fn settings(fields: Fields) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(name, value)| {
            let none = name == DURATION && value == json!("");
            (name, if none { Value::Null } else { value })
        })
        .collect()
}

/// Tags as they are sent: all of them, which replaces what is there.
pub(super) fn tag_bindings(tags: &BTreeMap<String, String>) -> Value {
    let bindings: Vec<Value> = tags
        .iter()
        .map(|(key, value)| json!({ "type": "tag-bindings", "attributes": { "key": key, "value": value } }))
        .collect();
    json!({ "data": bindings })
}

impl Task<'_> {
    pub(super) async fn update_organization(
        &self,
        name: &str,
        changes: &OrganizationSettings,
        mode: Option<&ModeRequest>,
    ) -> Result<(), Stop> {
        let mut attributes = settings(changes.fields());
        let mut relationships = Map::new();
        if let Some(mode) = mode {
            let (word, pool) = match mode {
                ModeRequest::Agent(pool) => ("agent", Some(self.id(pool)?)),
                ModeRequest::Remote | ModeRequest::Inherited => ("remote", None),
                ModeRequest::Local => ("local", None),
            };
            attributes.insert("default-execution-mode".to_owned(), json!(word));
            // Left out, the pool of before stays: it is cleared by null alone.
            let pool = pool.map(|pool| json!({ "type": "agent-pools", "id": pool }));
            relationships.insert("default-agent-pool".to_owned(), json!({ "data": pool }));
        }
        let body = related("organizations", &attributes, &relationships);
        let _: Named = self.writer.patch(&path(&["organizations", name]), &body).await?;
        Ok(())
    }

    fn project_body(project: &ProjectRequest) -> Body {
        let ProjectRequest { name, settings: changes, tags } = project;
        let mut attributes = settings(changes.fields());
        if let Some(name) = name {
            attributes.insert("name".to_owned(), json!(name));
        }
        let mut relationships = Map::new();
        if let Some(tags) = tags {
            relationships.insert("tag-bindings".to_owned(), tag_bindings(tags));
        }
        related("projects", &attributes, &relationships)
    }

    pub(super) async fn create_project(&self, project: &ProjectRequest) -> Result<String, Stop> {
        let path = self.writer.reader().within(&["projects"]);
        let name = project.name.clone().unwrap_or_default();
        let body = Self::project_body(project);
        let find = async || {
            let projects: Vec<Resource<Name>> = self.things(&path, true).await?;
            let found = projects.into_iter().find(|found| found.attributes.name == name);
            self.with_our_mark("projects", found.map(|found| found.id), project.tags.as_ref()).await
        };
        let created = self.create(&path, &body, find).await?;
        Ok(created.thing().id)
    }

    /// A thing that was found by its name is the one that we made if its own tag is the mark that we sent.
    pub(super) async fn with_our_mark(
        &self,
        kind: &str,
        id: Option<String>,
        sent: Option<&BTreeMap<String, String>>,
    ) -> Result<Option<Named>, Stop> {
        let Some(id) = id else {
            return Ok(None);
        };
        let path = path(&[kind, &id, "effective-tag-bindings"]);
        let tags: Vec<Resource<TagAttributes, TagRelations>> = self.things(&path, false).await?;
        let own = seen(tags).own;
        if own.get(TAG_KEY) == sent.and_then(|tags| tags.get(TAG_KEY)) {
            return Ok(Some(Resource {
                id,
                attributes: Unrelated {},
                relationships: Unrelated {},
                links: BTreeMap::new(),
            }));
        }
        Err(match own.get(TAG_KEY).map(|value| Mark::read(value)) {
            Some(Reading::Mark(mark)) if mark.fleet == self.writer.fleet().as_str() => unlisted(),
            Some(Reading::Newer { fleet, version: _ }) if fleet == self.writer.fleet().as_str() => unlisted(),
            Some(Reading::Mark(_) | Reading::Newer { .. } | Reading::Foreign) | None => of_others(),
        })
    }

    pub(super) async fn update_project(&self, id: &ProjectId, change: &ProjectRequest) -> Result<(), Stop> {
        let body = Self::project_body(change);
        let _: Named = self.writer.patch(&path(&["projects", &id.0]), &body).await?;
        Ok(())
    }

    /// Where runs of its workspaces go by default: its own word, or the organisation's.
    pub(super) async fn place_project(&self, id: &ProjectId, mode: &ModeRequest) -> Result<(), Stop> {
        let attributes = match mode {
            ModeRequest::Agent(pool) => {
                json!({ "default-execution-mode": "agent", "default-agent-pool-id": self.id(pool)? })
            }
            ModeRequest::Remote => json!({ "default-execution-mode": "remote" }),
            ModeRequest::Local => json!({ "default-execution-mode": "local" }),
            ModeRequest::Inherited => {
                json!({ "setting-overwrites": { "default-execution-mode": false, "default-agent-pool": false } })
            }
        };
        let body = related("projects", &attributes, &json!({}));
        let _: Named = self.writer.patch(&path(&["projects", &id.0]), &body).await?;
        Ok(())
    }

    pub(super) async fn delete_project(&self, id: &ProjectId) -> Result<(), Stop> {
        self.expect_ours(["projects", &id.0], Marked::Project).await?;
        let list = self.writer.reader().within(&["projects"]);
        self.remove(&path(&["projects", &id.0]), &id.0, &pages(&list)).await
    }
}
