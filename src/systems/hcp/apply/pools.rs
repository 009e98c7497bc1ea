//! Agent pools. `organization-scoped` goes along with every change: left out of one, it becomes true.

use serde_json::{Value, json};

use super::super::client::{attributes, related};
use super::super::wire::Resource;
use super::super::{PoolId, ProjectId, WorkspaceId};
use super::projects::Name;
use super::remove::pages;
use super::{Named, Stop, Task};
use crate::http::path;

const KIND: &str = "agent-pools";

/// References to things, as a relationship that replaces what is there.
pub(super) fn refs<T: serde::Serialize>(kind: &str, ids: &[T]) -> Value {
    let data: Vec<Value> = ids.iter().map(|id| json!({ "type": kind, "id": id })).collect();
    json!({ "data": data })
}

impl Task<'_> {
    pub(super) async fn create_pool(&self, name: &str, organization_scoped: bool) -> Result<String, Stop> {
        let path = self.writer.reader().within(&[KIND]);
        let body = attributes(KIND, &json!({ "name": name, "organization-scoped": organization_scoped }));
        // A pool carries no mark: that the spec names it is the claim.
        let find = async || {
            let pools: Vec<Resource<Name>> = self.things(&path, true).await?;
            Ok(pools.into_iter().find(|pool| pool.attributes.name == name))
        };
        let created = self.create(&path, &body, find).await?;
        Ok(created.thing().id)
    }

    pub(super) async fn rename_pool(&self, id: &PoolId, name: &str, organization_scoped: bool) -> Result<(), Stop> {
        let body = attributes(KIND, &json!({ "name": name, "organization-scoped": organization_scoped }));
        let _: Named = self.writer.patch(&path(&[KIND, &id.0]), &body).await?;
        Ok(())
    }

    /// Opens a pool to everybody, or to these alone.
    pub(super) async fn scope_pool(
        &self,
        id: &PoolId,
        scope: Option<(Vec<ProjectId>, Vec<WorkspaceId>)>,
    ) -> Result<(), Stop> {
        let body = match scope {
            None => attributes(KIND, &json!({ "organization-scoped": true })),
            Some((projects, workspaces)) => related(
                KIND,
                &json!({ "organization-scoped": false }),
                &json!({
                    "allowed-projects": refs("projects", &projects),
                    "allowed-workspaces": refs("workspaces", &workspaces),
                }),
            ),
        };
        let _: Named = self.writer.patch(&path(&[KIND, &id.0]), &body).await?;
        Ok(())
    }

    pub(super) async fn delete_pool(&self, id: &PoolId) -> Result<(), Stop> {
        let list = self.writer.reader().within(&[KIND]);
        self.remove(&path(&[KIND, &id.0]), &id.0, &pages(&list)).await
    }
}
