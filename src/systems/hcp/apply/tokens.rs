//! Tokens of agents. A value passes through here once, from the answer to whoever takes it in the same run.

use serde::Deserialize;
use serde_json::json;

use super::super::client::attributes;
use super::super::wire::Resource;
use super::super::{AgentId, PoolId, TokenId};
use super::{Stop, Task};
use crate::http::{Kind, Method, path};
use crate::plan::Later;
use crate::secret::Secret;
use crate::systems::Made;

/// HCP's page writes this type; go-tfe sends `agent-tokens`, and HCP takes both.
const KIND: &str = "authentication-tokens";

/// The attributes of the answer to a creation.
#[derive(Deserialize)]
struct Minted {
    token: Option<String>,
}

impl Task<'_> {
    /// Mints a token. One whose answer was lost is of no use to anybody and cannot be told from others, so none is
    /// looked for and none is sent again: the next run mints another one, and this one is revoked when it is old enough.
    pub(super) async fn mint(&self, pool: &Later<PoolId>, description: &str) -> Result<Made, Stop> {
        let PoolId(pool) = self.id(pool)?;
        let body = attributes(KIND, &json!({ "description": description }));
        let path = path(&["agent-pools", &pool, KIND]);
        let minted: Resource<Minted> = match self.writer.post(&path, &body).await {
            Ok(minted) => minted,
            Err(failure) if failure.is_unheard() => {
                let hint =
                    "run it again: the next apply mints another token, and revokes this one when it is an hour old";
                return Err(Stop::hinted(failure, hint));
            }
            Err(failure) => return Err(failure.into()),
        };
        let Some(value) = minted.attributes.token.filter(|value| !value.is_empty()) else {
            return Err(Stop::because(
                format!("HCP made the token {} and gave no value for it", minted.id),
                "look at what stands between here and HCP; the next apply revokes that token",
            ));
        };
        Ok(Made { id: Some(minted.id), credential: Some(Secret::new(value)) })
    }

    /// One that is gone is revoked.
    pub(super) async fn revoke(&self, TokenId(id): &TokenId) -> Result<(), Stop> {
        self.erase(&path(&[KIND, id])).await
    }

    /// One that is gone is forgotten.
    pub(super) async fn forget_agent(&self, AgentId(id): &AgentId) -> Result<(), Stop> {
        self.erase(&path(&["agents", id])).await
    }

    /// Removes what no list has to be looked at for: a 404 is believed where the thing cannot be seen either.
    pub(super) async fn erase(&self, path: &str) -> Result<(), Stop> {
        let Err(failure) = self.writer.tell(Method::Delete, path, None).await else {
            return Ok(());
        };
        if failure.kind() != Kind::NotFound {
            return Err(failure.into());
        }
        match self.writer.reader().one::<super::Named>(path, &[]).await {
            Err(gone) if gone.kind() == Kind::NotFound => Ok(()),
            Ok(_) | Err(_) => Err(failure.into()),
        }
    }
}
