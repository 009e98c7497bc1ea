//! The pool in HCP: made, named, made anew, and what becomes of it at the end (`agentpool_controller.go` and
//! `agentpool_controller_deletion_policy.go`).

use super::{
    events::{Type, seconds},
    failure::Failure,
    pass::Turn,
    resource::{Scaled, Status},
};

/// The reason of most events.
const REASON: &str = "ReconcileAgentPool";

impl Turn<'_> {
    /// Everything that has to do with HCP.
    pub async fn reconcile_pool(&mut self) -> Result<(), Failure> {
        if self.pool.is_deleted() && self.pool.has_finalizer() {
            self.tell(Type::Normal, REASON, "Object marked as deleted, need to delete agent pool first").await;
            return self.delete_pool().await;
        }
        if self.pool.status.agent_pool_id.is_empty() {
            self.tell(Type::Normal, REASON, "Status.AgentPoolID is empty, creating a new agent pool").await;
            self.create_pool().await?;
            self.held = Some(self.pool.status.agent_pool_id.clone());
        }
        self.read_pool().await?;
        if self.pool.generation() != self.pool.status.observed_generation {
            let id = self.pool.status.agent_pool_id.clone();
            if let Err(cause) = self.hcp()?.update_pool(&id, &self.pool.spec.name).await {
                self.tell(Type::Warning, REASON, &format!("Failed to update agent pool ID {id}")).await;
                return Err(cause);
            }
        }
        let id = self.pool.status.agent_pool_id.clone();
        if let Err(cause) = self.reconcile_tokens().await {
            let text = format!("Failed to reconcile agent tokens in agent pool ID {id}");
            return Err(self.failed("ReconcileAgentTokens", &text, cause).await);
        }
        self.tell(Type::Normal, "ReconcileAgentTokens", &format!("Reconcilied agent tokens in agent pool ID {id}"))
            .await;
        if let Err(cause) = self.reconcile_deployment().await {
            let text = format!("Failed to reconcile agent deployment in agent pool: {cause}");
            return Err(self.failed("ReconcileAgentDeployment", &text, cause).await);
        }
        let text = format!("Reconcilied agent deployment in agent pool ID {id}");
        self.tell(Type::Normal, "ReconcileAgentDeployment", &text).await;
        if let Err(cause) = self.reconcile_scaling().await {
            let text = format!("Failed to reconcile agent autoscaling in agent Pool ID{id}");
            return Err(self.failed("ReconcileAgentAutoscaling", &text, cause).await);
        }
        let text = format!("Reconcilied agent autoscaling in agent pool ID {id}");
        self.tell(Type::Normal, "ReconcileAgentAutoscaling", &text).await;
        self.pool.status.observed_generation = self.pool.generation();
        self.write_status().await?;
        // What follows a failure is done.
        self.held = None;
        Ok(())
    }

    async fn failed(&mut self, reason: &str, text: &str, cause: Failure) -> Failure {
        if !matches!(cause, Failure::Panic(_)) {
            self.tell(Type::Warning, reason, text).await;
        }
        cause
    }

    /// Makes a pool. With it all that was known of an earlier one is forgotten. A name that is taken is no reason to take that
    /// pool over, and what HCP said about it stays in the log.
    async fn create_pool(&mut self) -> Result<(), Failure> {
        let made = self.hcp()?.create_pool(&self.pool.spec.organization, &self.pool.spec.name).await;
        match made {
            Ok(id) => {
                let text = format!("Successfully created a new agent pool with ID {id}");
                self.pool.status = Status { agent_pool_id: id, ..Status::default() };
                self.tell(Type::Normal, REASON, &text).await;
                Ok(())
            }
            Err(cause) => {
                self.tell(Type::Warning, REASON, "Failed to create a new agent pool").await;
                Err(cause)
            }
        }
    }

    /// Looks for the pool, and makes a new one in its place if it is gone. That new one's id is written only when the whole turn
    /// succeeds: after any failure it is lost, and its name is taken from then on.
    async fn read_pool(&mut self) -> Result<(), Failure> {
        let id = self.pool.status.agent_pool_id.clone();
        match self.hcp()?.read_pool(&id).await {
            Ok(()) => {
                self.held = Some(id);
                Ok(())
            }
            Err(cause) if cause.is_not_found() => {
                self.held = None;
                let text = format!("agent Pool ID {id} not found, creating a new agent pool");
                self.tell(Type::Warning, REASON, &text).await;
                self.create_pool().await
            }
            Err(cause) => {
                self.held = None;
                self.tell(Type::Warning, REASON, &format!("Failed to read agent pool ID {id}")).await;
                Err(cause)
            }
        }
    }

    /// The end of a resource. A pool that is in use stays, and the resource with it, turn after turn; nothing of that is written
    /// into its status.
    async fn delete_pool(&mut self) -> Result<(), Failure> {
        let id = self.pool.status.agent_pool_id.clone();
        if id.is_empty() || self.pool.spec.deletion_policy == "retain" {
            return self.remove_finalizer().await;
        }
        if self.pool.spec.deletion_policy != "destroy" {
            return Ok(());
        }
        match self.hcp()?.delete_pool(&id).await {
            Ok(()) => return self.remove_finalizer().await,
            Err(cause) if cause.is_not_found() => return self.remove_finalizer().await,
            Err(_) => {
                let text = format!("Failed to delete Agent Pool ID {id}, retry later");
                self.tell(Type::Warning, REASON, &text).await;
            }
        }
        if self.pool.status.autoscaling.as_ref().and_then(|scaled| scaled.desired_replicas).is_some_and(|now| now > 0) {
            self.scale_to(0).await?;
            let at = seconds(self.now);
            self.pool.status.autoscaling = Some(Scaled { desired_replicas: Some(0), last_scaling_event: Some(at) });
        }
        let ids: Vec<String> = self.pool.status.agent_tokens.iter().map(|token| token.id.clone()).collect();
        for id in ids {
            self.hcp()?.delete_token(&id).await?;
        }
        Ok(())
    }

    async fn remove_finalizer(&mut self) -> Result<(), Failure> {
        match self.operator.cluster.update(&self.pool.path(), "manager", &self.pool.with_finalizer(false)).await {
            Ok(answer) => {
                self.pool.refresh(answer);
                Ok(())
            }
            Err(cause) => {
                let text = format!("Failed to remove finalizer {}", super::resource::FINALIZER);
                self.tell(Type::Warning, "RemoveFinalizer", &text).await;
                Err(cause)
            }
        }
    }
}
