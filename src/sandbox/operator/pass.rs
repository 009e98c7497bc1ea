//! The turn of one `AgentPool` (`agentpool_controller.go`).

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Operator, Process,
    events::Type,
    failure::Failure,
    hcp::Hcp,
    installed::Installed,
    resource::{AgentPool, FINALIZER},
    validation,
};

/// What became of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has its annotation, and nothing was looked at.
    Paused,
    /// It is refused, or was before and has not changed since: it is not looked at again before it does.
    Invalid(String),
    /// All of it was done.
    Done,
    /// A step failed; it is tried again.
    Failed(Failure),
    /// It is deleted, and not the operator's to end.
    Gone,
}

/// One `AgentPool`, while it has its turn.
pub struct Turn<'a> {
    /// Whose clients are used.
    pub operator: &'a Operator,
    /// The operator whose turn it is to give.
    pub installed: &'a Installed,
    /// What that one remembers.
    process: &'a mut Process,
    /// The time of the whole turn.
    pub now: Timestamp,
    /// The resource.
    pub pool: AgentPool,
    /// The pool that was made or found: after a failure at a later step, its id and what is known by then are written all the same.
    pub held: Option<String>,
    /// HCP, once there is a token for it.
    hcp: Option<Hcp>,
}

/// Gives an `AgentPool` its turn.
pub async fn turn(
    operator: &Operator,
    installed: &Installed,
    process: &mut Process,
    now: Timestamp,
    object: Value,
) -> Outcome {
    match AgentPool::read(object) {
        Ok(pool) => Turn { operator, installed, process, now, pool, held: None, hcp: None }.take().await,
        Err(cause) => Outcome::Invalid(cause),
    }
}

impl Turn<'_> {
    async fn take(mut self) -> Outcome {
        if self.installed.version.honours_pause() && self.pool.is_paused() {
            return Outcome::Paused;
        }
        if self.pool.is_deleted() && !self.pool.has_finalizer() {
            return Outcome::Gone;
        }
        // The check comes before deletion: an invalid resource cannot be deleted.
        if let Some(complaint) = validation::complaint(&self.pool) {
            let (uid, generation) = (self.pool.uid().to_owned(), self.pool.generation());
            if self.process.invalid.insert(uid, generation) != Some(generation) {
                self.tell(Type::Warning, "SpecValidation", &complaint).await;
            }
            return Outcome::Invalid(complaint);
        }
        self.process.invalid.remove(self.pool.uid());
        if !self.pool.is_deleted()
            && !self.pool.has_finalizer()
            && let Err(cause) = self.add_finalizer().await
        {
            return Outcome::Failed(cause);
        }
        match self.connect().await {
            Ok(hcp) => self.hcp = Some(hcp),
            Err(cause) => {
                self.tell(Type::Warning, "TerraformClient", "Failed to get HCP Terraform Client").await;
                return Outcome::Failed(cause);
            }
        }
        let result = self.reconcile_pool().await;
        self.keep_what_is_known().await;
        match result {
            Ok(()) => {
                let text = format!("Successfully reconcilied agent pool ID {}", self.pool.status.agent_pool_id);
                self.tell(Type::Normal, "ReconcileAgentPool", &text).await;
                Outcome::Done
            }
            Err(cause) => {
                if !matches!(cause, Failure::Panic(_)) {
                    self.tell(Type::Warning, "ReconcileAgentPool", "Failed to reconcile agent pool").await;
                }
                tracing::debug!(pool = self.pool.name(), %cause, "an AgentPool's turn failed");
                Outcome::Failed(cause)
            }
        }
    }

    /// Tells something of the resource.
    pub async fn tell(&mut self, kind: Type, reason: &str, message: &str) {
        let said = (kind, reason, message);
        self.process.recorder.tell(&self.operator.cluster, &self.pool, said, self.now).await;
    }

    /// HCP, as the resource's token lets see it.
    pub fn hcp(&self) -> Result<&Hcp, Failure> {
        self.hcp.as_ref().ok_or_else(|| Failure::Own("there is no client".to_owned()))
    }

    async fn add_finalizer(&mut self) -> Result<(), Failure> {
        match self.operator.cluster.update(&self.pool.path(), "manager", &self.pool.with_finalizer(true)).await {
            Ok(answer) => {
                self.pool.refresh(answer);
                let text = format!("Successfully added finalizer {FINALIZER} to the object");
                self.tell(Type::Normal, "AddFinalizer", &text).await;
                Ok(())
            }
            Err(cause) => {
                let text = format!("Failed to add finalizer {FINALIZER} to the object");
                self.tell(Type::Warning, "AddFinalizer", &text).await;
                Err(cause)
            }
        }
    }

    async fn connect(&self) -> Result<Hcp, Failure> {
        let source = &self.pool.spec.token.secret_key_ref;
        let namespace = self.pool.namespace();
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{}", source.name);
        let secret = self.operator.cluster.get(&path).await?;
        let missing = |what: String| Failure::Own(what);
        let secret = secret.ok_or_else(|| missing(format!("Secret {:?} not found", source.name)))?;
        let value = secret["data"][&source.key].as_str().and_then(decode);
        let value = value.ok_or_else(|| {
            missing(format!("unable to find key={:?} in secret={:?} namespace={namespace:?}", source.key, source.name))
        })?;
        if let Some(word) = &self.installed.unreadable_switch {
            return Err(Failure::Own(format!("strconv.ParseBool: parsing {word:?}: invalid syntax")));
        }
        Hcp::connect(&self.operator.client, &self.operator.hcp_address, value.trim()).await
    }

    /// Writes the status as it is.
    pub async fn write_status(&mut self) -> Result<(), Failure> {
        let path = format!("{}/status", self.pool.path());
        let answer = self.operator.cluster.update(&path, "manager", &self.pool.with_status()).await?;
        self.pool.refresh(answer);
        Ok(())
    }

    /// After a failure the id of the pool and the tokens are written, and with them the generation that was last done: so a pool
    /// that was made is not made twice.
    async fn keep_what_is_known(&mut self) {
        let Some(id) = self.held.take() else {
            return;
        };
        self.pool.status.agent_pool_id = id;
        if self.write_status().await.is_err() {
            // These are its words for it.
            self.tell(Type::Warning, "ReconcileProject", "Failed to update status with agent pool ID").await;
        }
    }
}

/// The text behind a value of a Secret.
fn decode(value: &str) -> Option<zeroize::Zeroizing<String>> {
    let bytes = data_encoding::BASE64.decode(value.as_bytes()).ok()?;
    String::from_utf8(bytes).ok().map(zeroize::Zeroizing::new)
}
