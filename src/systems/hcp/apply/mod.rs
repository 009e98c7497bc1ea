//! Sends one request of a plan, and says what came of it.
//!
//! A creation whose answer was lost is looked for before it is sent again, and so is one of which HCP says that the
//! name is taken: another run of this fleet may have been faster. What is found counts only if it carries what we sent.

mod create;
mod notifications;
mod placement;
mod pools;
mod projects;
mod remove;
mod stop;
mod tokens;
mod variable_sets;
mod variables;
mod workspaces;

use self::stop::Stop;
use super::client::Writer;
use super::request::Request;
use super::wire::{Resource, Unrelated};
use crate::address::Address;
use crate::error::Error;
use crate::plan::Later;
use crate::secret::Secrets;
use crate::systems::{Made, Outputs};

/// A thing of which only the id matters.
type Named = Resource<Unrelated>;

/// One request, with all that it may take.
#[derive(Clone, Copy)]
struct Task<'a> {
    writer: &'a Writer,
    address: &'a Address,
    outputs: &'a Outputs,
    secrets: &'a Secrets,
}

/// Sends one request, and says what came of it.
///
/// # Errors
/// When HCP refuses it, cannot be reached, or a secret cannot be read.
pub async fn apply(
    writer: &Writer,
    request: &Request,
    address: &Address,
    outputs: &Outputs,
    secrets: &Secrets,
) -> Result<Made, Error> {
    let task = Task { writer, address, outputs, secrets };
    if let Request::MintToken { pool, description, ready: _ } = request {
        return task.mint(pool, description).await.map_err(|stop| stop.at(address));
    }
    let made = task.perform(request).await.map_err(|stop| stop.at(address))?;
    Ok(Made { id: made, credential: None })
}

impl Task<'_> {
    /// Sends it; the id is that of what was made, if anything was.
    async fn perform(&self, request: &Request) -> Result<Option<String>, Stop> {
        match request {
            Request::UpdateOrganization { name, settings, mode, heirs: _ } => {
                self.update_organization(name, settings, mode.as_ref()).await?;
            }
            Request::CreateProject(project) => return self.create_project(project).await.map(Some),
            Request::UpdateProject { id, change } => self.update_project(id, change).await?,
            Request::PlaceProject { project, mode, allowed: _, heirs: _ } => {
                self.place_project(&self.id(project)?, mode).await?;
            }
            Request::DeleteProject { id, emptied: _ } => self.delete_project(id).await?,
            Request::CreateWorkspace { workspace, mode } => {
                return self.create_workspace(workspace, mode).await.map(Some);
            }
            Request::UpdateWorkspace { id, change, moves: _ } => self.update_workspace(id, change).await?,
            Request::PlaceWorkspace { workspace, mode, allowed: _, ready: _, moves, locked_by_us } => {
                self.place(&self.id(workspace)?, mode, *moves, *locked_by_us).await?;
            }
            Request::DeleteWorkspace { id, witnesses } => {
                self.delete_workspace(id).await?;
                self.forget(witnesses).await?;
            }
            Request::SetConsumers { workspace, marked: _, consumers } => {
                self.set_consumers(&self.id(workspace)?, consumers).await?;
            }
            Request::UpdateMark { subject, tags, emptied: _ } => self.update_mark(subject, tags).await?,
            Request::CreateVariable { home, variable } => return self.create_variable(home, variable).await.map(Some),
            Request::UpdateVariable { home, id, variable } => self.update_variable(home, id, variable).await?,
            Request::ReplaceVariable { home, id, witness, variable } => {
                self.delete_variable(home, id, witness.as_ref()).await?;
                return self.create_variable(home, variable).await.map(Some);
            }
            Request::DeleteVariable { home, id, witness } => self.delete_variable(home, id, witness.as_ref()).await?,
            Request::CreateVariableSet(set) => return self.create_variable_set(set).await.map(Some),
            Request::UpdateVariableSet { id, change } => self.update_variable_set(id, change).await?,
            Request::ReachVariableSet { set, global, projects, workspaces, filled: _ } => {
                let reach = (!global).then(|| (self.present(projects), self.present(workspaces)));
                self.reach_variable_set(&self.id(set)?, reach).await?;
            }
            Request::DeleteVariableSet { id, witnesses, unneeded: _ } => {
                self.delete_variable_set(id).await?;
                self.forget(witnesses).await?;
            }
            Request::ForgetWitnesses { witnesses, unneeded: _ } => self.forget(witnesses).await?,
            Request::CreatePool { name, organization_scoped } => {
                return self.create_pool(name, *organization_scoped).await.map(Some);
            }
            Request::RenamePool { id, name, organization_scoped } => {
                self.rename_pool(id, name, *organization_scoped).await?;
            }
            Request::ScopePool { pool, organization_scoped, projects, workspaces, left: _ } => {
                let scope = (!organization_scoped).then(|| (self.present(projects), self.present(workspaces)));
                self.scope_pool(&self.id(pool)?, scope).await?;
            }
            Request::DeletePool { id, unused: _ } => self.delete_pool(id).await?,
            Request::RevokeToken { id, unused: _ } => self.revoke(id).await?,
            Request::ForgetAgent { id } => self.forget_agent(id).await?,
            Request::MintToken { .. } => {}
            Request::CreateNotification { subject, marked: _, notification } => {
                return self.create_notification(subject, notification, None).await.map(Some);
            }
            Request::UpdateNotification { id, notification } => self.update_notification(id, notification).await?,
            Request::ReplaceNotification { id, subject, notification } => {
                // In this order: a receiver that does not take the test delivery leaves the old one.
                let made = self.create_notification(subject, notification, Some(id)).await?;
                self.delete_notification(id).await?;
                return Ok(Some(made));
            }
            Request::DeleteNotification { id, replaced: _ } => self.delete_notification(id).await?,
        }
        Ok(None)
    }

    /// An id that is known by now.
    fn id<T: From<String> + Clone>(&self, later: &Later<T>) -> Result<T, Stop> {
        match later {
            Later::Known(id) => Ok(id.clone()),
            Later::From(output) => self.outputs.id(output).map(|id| T::from(id.to_owned())).ok_or_else(|| {
                let cause = format!("{} made no id that it could take", output.of);
                Stop::because(cause, "run it again: the next plan reads the id")
            }),
        }
    }

    /// Those ids that are known by now: one thing that could not be made does not keep the others out.
    fn present<T: From<String> + Clone + Ord>(&self, laters: &[Later<T>]) -> Vec<T> {
        let mut ids: Vec<T> = laters.iter().filter_map(|later| self.id(later).ok()).collect();
        ids.sort();
        ids
    }
}
