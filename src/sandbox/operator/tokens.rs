//! The tokens of the agents, and the Secret in which they lie (`agentpool_controller_tokens.go`).

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{failure::Failure, hcp::Token, pass::Turn, resource::StatusToken};

/// The label of the Secret.
const POOL_ID: &str = "agentPoolID";

/// The Secret, while a turn changes it.
struct Safe {
    object: Value,
    is_changed: bool,
}

impl Safe {
    fn set(&mut self, token: &Token) {
        self.object["data"][&token.description] = json!(BASE64.encode(token.value.as_bytes()));
        self.is_changed = true;
    }

    fn forget(&mut self, name: &str) {
        if let Some(data) = self.object.get_mut("data").and_then(Value::as_object_mut) {
            data.remove(name);
        }
        self.is_changed = true;
    }
}

impl Turn<'_> {
    /// The step after the pool. Whatever token of the pool the resource does not name is revoked.
    pub async fn reconcile_tokens(&mut self) -> Result<(), Failure> {
        let mut safe = Safe { object: self.secret().await?, is_changed: false };
        let pool = self.pool.status.agent_pool_id.clone();
        let reads_all = self.installed.version.reads_all_tokens();
        let listed = self.hcp()?.tokens(&pool, reads_all).await?;
        let mut listed: BTreeMap<String, String> = listed.into_iter().map(|one| (one.id, one.description)).collect();
        let known = self.pool.status.agent_tokens.iter();
        let mut known: BTreeMap<String, String> = known.map(|one| (one.name.clone(), one.id.clone())).collect();
        let wanted: Vec<String> = self.pool.spec.agent_tokens.iter().map(|token| token.name.clone()).collect();
        for name in wanted {
            if let Some(id) = known.remove(&name) {
                if listed.remove(&id).is_some() {
                    continue;
                }
                if reads_all {
                    match self.hcp()?.read_token(&id).await {
                        Ok(()) => continue,
                        Err(cause) if cause.is_not_found() => {}
                        Err(cause) => return Err(cause),
                    }
                }
                self.drop_token(&mut safe, &name, &id).await?;
            }
            let made = self.hcp()?.create_token(&pool, &name).await?;
            safe.set(&made);
            self.pool.status.agent_tokens.push(StatusToken {
                name: made.description.clone(),
                id: made.id.clone(),
                created_at: Some(made.created_at),
                last_used_at: Some(made.last_used_at),
            });
            self.write_early(&mut safe).await?;
        }
        for (name, id) in known {
            self.drop_token(&mut safe, &name, &id).await?;
        }
        for (id, name) in listed {
            self.hcp()?.delete_token(&id).await?;
            if self.installed.version.writes_secret_at_end() {
                // By its description: a foreign token that is described like one of ours takes that one's value along.
                safe.forget(&name);
                self.forget_token(&id);
            } else if let Some(name) = self.name_of(&id) {
                self.drop_token(&mut safe, &name, &id).await?;
            }
        }
        if self.installed.version.writes_secret_at_end() && safe.is_changed {
            // A Secret that cannot be written is a line in the log and nothing more.
            if let Err(cause) = self.write(&safe.object).await {
                tracing::debug!(%cause, "the tokens' Secret could not be written");
            }
        }
        Ok(())
    }

    fn name_of(&self, id: &str) -> Option<String> {
        self.pool.status.agent_tokens.iter().find(|token| token.id == id).map(|token| token.name.clone())
    }

    fn forget_token(&mut self, id: &str) {
        self.pool.status.agent_tokens.retain(|token| token.id != id);
    }

    async fn drop_token(&mut self, safe: &mut Safe, name: &str, id: &str) -> Result<(), Failure> {
        safe.forget(name);
        self.write_early(safe).await?;
        self.forget_token(id);
        Ok(())
    }

    /// Old versions write after each token, with the pool's present id as the only label.
    async fn write_early(&self, safe: &mut Safe) -> Result<(), Failure> {
        if self.installed.version.writes_secret_at_end() {
            return Ok(());
        }
        safe.object["metadata"]["labels"] = json!({ POOL_ID: self.pool.status.agent_pool_id });
        safe.object = self.write(&safe.object).await?;
        Ok(())
    }

    /// The Secret, made if there is none: empty, so that a lost one comes back without the tokens. One that is there stays as it
    /// is, whoever owns it.
    async fn secret(&self) -> Result<Value, Failure> {
        let path = format!("/api/v1/namespaces/{}/secrets", self.pool.namespace());
        let name = self.pool.secret_name();
        if let Some(found) = self.operator.cluster.get(&format!("{path}/{name}")).await? {
            return Ok(found);
        }
        let fresh = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": self.pool.namespace(),
                "labels": { POOL_ID: self.pool.status.agent_pool_id },
                "ownerReferences": [self.pool.owner_reference()],
            },
        });
        self.operator.cluster.create(&path, "manager", &fresh).await
    }

    async fn write(&self, secret: &Value) -> Result<Value, Failure> {
        let path = format!("/api/v1/namespaces/{}/secrets/{}", self.pool.namespace(), self.pool.secret_name());
        self.operator.cluster.update(&path, "manager", secret).await
    }
}
