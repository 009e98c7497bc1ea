//! Variable sets.

use serde::Deserialize;
use serde_json::{Map, json};

use super::super::client::{attributes, related};
use super::super::request::VariableSetRequest;
use super::super::wire::Resource;
use super::super::{ProjectId, VariableSetId, WorkspaceId};
use super::create::{of_others, unlisted};
use super::pools::refs;
use super::remove::{not_ours_any_more, pages};
use super::{Named, Stop, Task};
use crate::http::{Body, Kind, path};
use crate::owner::Suffix;

const KIND: &str = "varsets";

#[derive(Debug, Deserialize)]
struct Worded {
    name: String,
    #[serde(default)]
    description: Option<String>,
}

fn body(set: &VariableSetRequest) -> Body {
    let VariableSetRequest { name, description, priority } = set;
    let mut fields = Map::new();
    if let Some(name) = name {
        fields.insert("name".to_owned(), json!(name));
    }
    if let Some(description) = description {
        fields.insert("description".to_owned(), json!(description));
    }
    if let Some(priority) = priority {
        fields.insert("priority".to_owned(), json!(priority));
    }
    attributes(KIND, &fields)
}

impl Task<'_> {
    pub(super) async fn create_variable_set(&self, set: &VariableSetRequest) -> Result<String, Stop> {
        let path = self.writer.reader().within(&[KIND]);
        let find = async || {
            let sets: Vec<Resource<Worded>> = self.things(&path, true).await?;
            let found = sets.into_iter().find(|found| Some(&found.attributes.name) == set.name.as_ref());
            match found {
                Some(found) if found.attributes.description == set.description => Ok(Some(found)),
                Some(found) => {
                    let mark = Suffix::description(self.writer.fleet());
                    Err(if found.attributes.description.is_some_and(|text| mark.take(&text).is_some()) {
                        unlisted()
                    } else {
                        of_others()
                    })
                }
                None => Ok(None),
            }
        };
        let created = self.create(&path, &body(set), find).await?;
        Ok(created.thing().id)
    }

    pub(super) async fn update_variable_set(
        &self,
        id: &VariableSetId,
        change: &VariableSetRequest,
    ) -> Result<(), Stop> {
        let _: Named = self.writer.patch(&path(&[KIND, &id.0]), &body(change)).await?;
        Ok(())
    }

    /// Attaches a set to everybody, or to these alone.
    pub(super) async fn reach_variable_set(
        &self,
        id: &VariableSetId,
        reach: Option<(Vec<ProjectId>, Vec<WorkspaceId>)>,
    ) -> Result<(), Stop> {
        let body = match reach {
            None => attributes(KIND, &json!({ "global": true })),
            Some((projects, workspaces)) => related(
                KIND,
                &json!({ "global": false }),
                &json!({
                    "projects": refs("projects", &projects),
                    "workspaces": refs("workspaces", &workspaces),
                }),
            ),
        };
        let _: Named = self.writer.patch(&path(&[KIND, &id.0]), &body).await?;
        Ok(())
    }

    pub(super) async fn delete_variable_set(&self, id: &VariableSetId) -> Result<(), Stop> {
        let path = path(&[KIND, &id.0]);
        match self.writer.reader().get::<Resource<Worded>>(&path, &[]).await {
            Ok(found) => {
                let suffix = Suffix::description(self.writer.fleet());
                if suffix.take(found.data.attributes.description.as_deref().unwrap_or_default()).is_none() {
                    return Err(not_ours_any_more());
                }
            }
            // What is gone, or not for us to see, the removal tells apart.
            Err(failure) if failure.kind() == Kind::NotFound => {}
            Err(failure) => return Err(failure.into()),
        }
        let list = self.writer.reader().within(&[KIND]);
        self.remove(&path, &id.0, &pages(&list)).await
    }
}
