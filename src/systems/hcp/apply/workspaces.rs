//! Workspaces, and who may read their state.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::super::WorkspaceId;
use super::super::client::related;
use super::super::plan::seal;
use super::super::request::{ModeRequest, ProjectRequest, Subject, VcsChange, VcsRequest, WorkspaceRequest};
use super::projects::{settings, tag_bindings};
use super::remove::pages;
use super::{Named, Stop, Task};
use crate::http::{Body, Failure, Kind, Method, path};
use crate::owner::{Marked, TAG_KEY};
use crate::plan::Later;

impl Task<'_> {
    fn workspace_body(&self, workspace: &WorkspaceRequest, mode: Option<&ModeRequest>) -> Result<Body, Stop> {
        let WorkspaceRequest { name, project, settings: changes, vcs, tags, unsealed: _ } = workspace;
        let mut attributes = settings(changes.fields());
        if let Some(name) = name {
            attributes.insert("name".to_owned(), json!(name));
        }
        match vcs {
            None => {}
            Some(VcsChange::Disconnect) => {
                attributes.insert("vcs-repo".to_owned(), Value::Null);
            }
            Some(VcsChange::Connect(repository)) => {
                attributes.insert("vcs-repo".to_owned(), vcs_repo(repository));
            }
        }
        if let Some(mode) = mode {
            attributes.append(&mut self.mode(mode)?);
        }
        let mut relationships = Map::new();
        if let Some(project) = project {
            let id = self.id(project)?;
            relationships.insert("project".to_owned(), json!({ "data": { "type": "projects", "id": id } }));
        }
        if let Some(tags) = tags {
            relationships.insert("tag-bindings".to_owned(), tag_bindings(tags));
        }
        Ok(related("workspaces", &attributes, &relationships))
    }

    /// Where runs go, as attributes. A mode that is given is the workspace's own; to inherit is to give none and to
    /// stop overwriting (go-tfe, comments at `WorkspaceSettingOverwritesOptions`). The pool is written as an attribute
    /// and read as a relationship.
    pub(super) fn mode(&self, mode: &ModeRequest) -> Result<Map<String, Value>, Stop> {
        let attributes = match mode {
            ModeRequest::Agent(pool) => json!({ "execution-mode": "agent", "agent-pool-id": self.id(pool)? }),
            ModeRequest::Remote => json!({ "execution-mode": "remote" }),
            ModeRequest::Local => json!({ "execution-mode": "local" }),
            ModeRequest::Inherited => json!({ "setting-overwrites": { "execution-mode": false, "agent-pool": false } }),
        };
        Ok(match attributes {
            Value::Object(map) => map,
            _ => Map::new(),
        })
    }

    /// With a mark that knows the id of the project, if that was made just now.
    fn sealed<'w>(&self, workspace: &'w WorkspaceRequest) -> Result<Cow<'w, WorkspaceRequest>, Stop> {
        let (Some(fields), Some(project)) = (&workspace.unsealed, &workspace.project) else {
            return Ok(Cow::Borrowed(workspace));
        };
        let project = self.id(project)?;
        let mut sealed = workspace.clone();
        if let Some(mark) = sealed.tags.as_mut().and_then(|tags| tags.get_mut(TAG_KEY))
            && let Some(whole) = seal(mark, fields, &project)
        {
            *mark = whole;
        }
        Ok(Cow::Owned(sealed))
    }

    pub(super) async fn create_workspace(
        &self,
        workspace: &WorkspaceRequest,
        mode: &ModeRequest,
    ) -> Result<String, Stop> {
        let reader = self.writer.reader();
        let workspace = &*self.sealed(workspace)?;
        let body = self.workspace_body(workspace, Some(mode))?;
        let name = workspace.name.as_deref().unwrap_or_default();
        let named = reader.within(&["workspaces", name]);
        let find = async || {
            let found = match reader.one::<Named>(&named, &[]).await {
                Ok(document) => Some(document.data.id),
                Err(failure) if failure.kind() == Kind::NotFound => None,
                Err(failure) => return Err(failure.into()),
            };
            self.with_our_mark("workspaces", found, workspace.tags.as_ref()).await
        };
        let created = self.create(&reader.within(&["workspaces"]), &body, find).await?;
        Ok(created.thing().id)
    }

    pub(super) async fn update_workspace(&self, id: &WorkspaceId, change: &WorkspaceRequest) -> Result<(), Stop> {
        let body = self.workspace_body(&*self.sealed(change)?, None)?;
        let _: Named = self.writer.patch(&path(&["workspaces", &id.0]), &body).await?;
        Ok(())
    }

    /// Writes all tags of a workspace or a project, of which the mark is one, and nothing else.
    pub(super) async fn update_mark(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), Stop> {
        match subject {
            Subject::Workspace(id) => {
                let change = WorkspaceRequest { tags: Some(tags.clone()), ..WorkspaceRequest::default() };
                self.update_workspace(&self.id(id)?, &change).await
            }
            Subject::Project(id) => {
                let change = ProjectRequest { tags: Some(tags.clone()), ..ProjectRequest::default() };
                self.update_project(&self.id(id)?, &change).await
            }
        }
    }

    /// Removes a workspace that holds nothing; HCP refuses any other. Right after a run HCP does not know yet whether
    /// it holds something, and says so.
    pub(super) async fn delete_workspace(&self, id: &WorkspaceId) -> Result<(), Stop> {
        self.expect_ours(["workspaces", &id.0], Marked::Workspace).await?;
        let path = path(&["workspaces", &id.0, "actions", "safe-delete"]);
        let list = self.writer.reader().within(&["workspaces"]);
        let policy = self.writer.transport().policy();
        let until = Instant::now() + policy.patience;
        let (mut pause, mut tries, mut unlocked) = (policy.shortest_pause, 0, false);
        loop {
            let failure = match self.writer.tell(Method::Post, &path, None).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            tries += 1;
            if (failure.is_unheard() || failure.kind() == Kind::NotFound)
                && !self.is_listed(&pages(&list), &id.0).await?
            {
                return Ok(());
            }
            if failure.is_unheard() && tries < policy.attempts {
                tokio::time::sleep(policy.shortest_pause).await;
                continue;
            }
            match obstacle(&failure) {
                Some(Obstacle::Processing) if Instant::now() + pause < until => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(policy.longest_pause);
                }
                Some(Obstacle::Locked) if !unlocked && self.is_locked_by_us(id).await? => {
                    self.unlock(id).await?;
                    unlocked = true;
                }
                Some(obstacle) => return Err(Stop::hinted(failure, obstacle.remedy())),
                None => return Err(failure.into()),
            }
        }
    }

    pub(super) async fn set_consumers(&self, id: &WorkspaceId, consumers: &[Later<WorkspaceId>]) -> Result<(), Stop> {
        let data: Vec<Value> =
            self.present(consumers).iter().map(|id| json!({ "type": "workspaces", "id": id })).collect();
        let path = path(&["workspaces", &id.0, "relationships", "remote-state-consumers"]);
        let body = Body::of(&json!({ "data": data }));
        Ok(self.writer.tell(Method::Patch, &path, Some(&body)).await?)
    }
}

fn vcs_repo(repository: &VcsRequest) -> Value {
    let VcsRequest { repository, branch, token, ingress_submodules, tags_regex } = repository;
    json!({
        "identifier": repository,
        "branch": branch,
        "oauth-token-id": token,
        "ingress-submodules": ingress_submodules,
        "tags-regex": tags_regex,
    })
}

/// Why HCP does not remove a workspace: one status, three texts (go-tfe, `checkResponseCode`).
enum Obstacle {
    Locked,
    Processing,
    Resources,
}

impl Obstacle {
    fn remedy(&self) -> &'static str {
        match self {
            Self::Locked => "unlock it, and run it again",
            Self::Processing => "HCP still looks at its state: run it again in some minutes",
            Self::Resources => {
                "destroy what its state holds, or write `released: true` to keep the workspace and let it go"
            }
        }
    }
}

fn obstacle(failure: &Failure) -> Option<Obstacle> {
    let conflict = failure.kind() == Kind::Conflict;
    conflict.then(|| {
        if failure.says("being processed") {
            Obstacle::Processing
        } else if failure.says("locked") {
            Obstacle::Locked
        } else {
            Obstacle::Resources
        }
    })
}
