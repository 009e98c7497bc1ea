//! Moves a workspace to other machines. A run that is under way would fail at its apply, so the workspace is locked
//! first and its run looked at again. The lock's reason says that it is ours: a run of ours that is stopped in between
//! leaves it, and the next one takes it off.

use serde_json::json;

use super::super::WorkspaceId;
use super::super::client::related;
use super::super::observed;
use super::super::plan::lock_reason;
use super::super::request::ModeRequest;
use super::super::wire::workspace::{Workspace, seen};
use super::super::wire::{Document, Included};
use super::{Named, Stop, Task};
use crate::http::{Body, Failure, Kind, Method, path};

impl Task<'_> {
    pub(super) async fn place(
        &self,
        id: &WorkspaceId,
        mode: &ModeRequest,
        moves: bool,
        locked_by_us: bool,
    ) -> Result<(), Stop> {
        if !moves {
            return self.send_mode(id, mode).await;
        }
        if !locked_by_us {
            self.lock(id, mode).await?;
        }
        let outcome = self.move_locked(id, mode).await;
        // Whatever came of it: nobody can run anything in a workspace that stays locked.
        match (outcome, self.unlock(id).await) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(stop), Ok(())) => Err(stop),
            (Ok(()), Err(stop)) => Err(stop.and("it was moved; the next apply takes our lock off")),
            (Err(stop), Err(_)) => Err(stop.and("our lock is still on it; the next apply takes it off")),
        }
    }

    async fn move_locked(&self, id: &WorkspaceId, mode: &ModeRequest) -> Result<(), Stop> {
        let workspace = self.look(id).await?;
        if let Some(run) = workspace.current_run.filter(|run| !run.is_final()) {
            return Err(Stop::because(
                format!("{} is {}; a move would make it fail", run.id, run.status),
                "confirm or discard it; the next apply goes on",
            ));
        }
        self.send_mode(id, mode).await
    }

    async fn send_mode(&self, id: &WorkspaceId, mode: &ModeRequest) -> Result<(), Stop> {
        let body = related("workspaces", &self.mode(mode)?, &json!({}));
        let _: Named = self.writer.patch(&path(&["workspaces", &id.0]), &body).await?;
        Ok(())
    }

    async fn look(&self, id: &WorkspaceId) -> Result<observed::Workspace, Stop> {
        let document: Document<Workspace> =
            self.writer.reader().one(&path(&["workspaces", &id.0]), &[("include", "current_run")]).await?;
        let mut included = Included::default();
        included.extend(document.included);
        Ok(seen(&document.data, &included))
    }

    fn our_lock(&self) -> String {
        lock_reason(self.writer.fleet().as_str())
    }

    pub(super) async fn is_locked_by_us(&self, id: &WorkspaceId) -> Result<bool, Stop> {
        let locked = self.look(id).await?.locked;
        Ok(locked.is_some_and(|reason| reason.starts_with(&self.our_lock())))
    }

    async fn lock(&self, id: &WorkspaceId, mode: &ModeRequest) -> Result<(), Stop> {
        let to = match mode {
            ModeRequest::Agent(_) => "to a pool",
            ModeRequest::Remote => "to HCP's cloud",
            ModeRequest::Local => "to local runs",
            ModeRequest::Inherited => "to where its project's runs go",
        };
        let body = Body::of(&json!({ "reason": format!("{} moving {to}", self.our_lock()) }));
        let path = path(&["workspaces", &id.0, "actions", "lock"]);
        let policy = self.writer.transport().policy();
        let mut last = None;
        for _ in 0..policy.attempts {
            match self.writer.tell(Method::Post, &path, Some(&body)).await {
                Ok(()) => return Ok(()),
                Err(failure) if failure.is_unheard() => {
                    if self.is_locked_by_us(id).await? {
                        return Ok(());
                    }
                    last = Some(failure);
                }
                Err(failure) if failure.kind() == Kind::Conflict => return Err(self.held(id, failure).await),
                Err(failure) => return Err(failure.into()),
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
        Err(match last {
            Some(failure) => Stop::said("it could not be locked", failure, "run it again"),
            None => Stop::because("it could not be locked", "run it again"),
        })
    }

    async fn held(&self, id: &WorkspaceId, failure: Failure) -> Stop {
        let Ok(workspace) = self.look(id).await else {
            return Stop::hinted(failure, "unlock it, and run it again");
        };
        match workspace.locked {
            None => Stop::hinted(failure, "whoever held it has let go since: run it again"),
            Some(reason) if reason.starts_with(&self.our_lock()) => {
                Stop::said("another run of this fleet is moving it", failure, "run it again when that one is done")
            }
            Some(reason) if !reason.is_empty() => {
                Stop::said(format!("it is locked: {reason}"), failure, "unlock it, and run it again")
            }
            Some(_) => Stop::hinted(failure, "unlock it, and run it again"),
        }
    }

    /// Takes our lock off. One that is off already is what was wanted; one that HCP still needs is asked for again.
    pub(super) async fn unlock(&self, id: &WorkspaceId) -> Result<(), Stop> {
        let path = path(&["workspaces", &id.0, "actions", "unlock"]);
        let policy = self.writer.transport().policy();
        let mut last = None;
        for _ in 0..policy.attempts {
            match self.writer.tell(Method::Post, &path, None).await {
                Ok(()) => return Ok(()),
                // HCP's words for "it is not locked" are not documented, so a look decides.
                Err(failure) if failure.is_unheard() || failure.kind() == Kind::Conflict => {
                    if !self.is_locked_by_us(id).await? {
                        return Ok(());
                    }
                    if failure.kind() == Kind::Conflict {
                        let hint = "unlock it by hand, or run it again with the API token that locked it";
                        return Err(Stop::hinted(failure, hint));
                    }
                    last = Some(failure);
                }
                Err(failure) => return Err(Stop::hinted(failure, "unlock it by hand")),
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
        Err(match last {
            Some(failure) => Stop::hinted(failure, "unlock it by hand"),
            None => Stop::because("it could not be unlocked", "unlock it by hand"),
        })
    }
}
