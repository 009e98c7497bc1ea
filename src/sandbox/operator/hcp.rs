//! HCP's API, as the operator's client library speaks it (go-tfe v1.110.0).

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::failure::{Failure, root_cause};

const JSON_API: &str = "application/vnd.api+json";
/// The most pages that are followed: a server that always names a next one is not.
const MOST_PAGES: u32 = 1000;

/// HCP, for one token.
pub struct Hcp {
    client: reqwest::Client,
    address: String,
    token: Zeroizing<String>,
}

/// A token of a pool, as it is read; the value only when it was just made.
pub struct Token {
    /// `at-…`.
    pub id: String,
    /// What the operator names it by.
    pub description: String,
    /// When it was made, in seconds.
    pub created_at: i64,
    /// When it was last used; a time that is not there is Go's first one.
    pub last_used_at: i64,
    /// The token itself.
    pub value: Zeroizing<String>,
}

impl Hcp {
    /// Connects: whatever the answer is, there must be one.
    pub async fn connect(client: &reqwest::Client, address: &str, token: &str) -> Result<Self, Failure> {
        if token.is_empty() {
            return Err(Failure::Own("missing API token".to_owned()));
        }
        let hcp = Self { client: client.clone(), address: address.to_owned(), token: Zeroizing::new(token.to_owned()) };
        let sent = hcp.request(Method::GET, "ping").send().await;
        sent.map(|_| hcp).map_err(|cause| Failure::Unanswered(root_cause(&cause)))
    }

    /// Makes a pool; its id.
    pub async fn create_pool(&self, organization: &str, name: &str) -> Result<String, Failure> {
        let body = json!({ "data": { "type": "agent-pools", "attributes": { "name": name } } });
        let made = self.post(&format!("organizations/{organization}/agent-pools"), &body).await?;
        Ok(text(&made["data"]["id"]))
    }

    /// Holds a pool to be there.
    pub async fn read_pool(&self, id: &str) -> Result<(), Failure> {
        send(self.request(Method::GET, &format!("agent-pools/{id}")).query(&[("include", "workspaces")]))
            .await
            .map(drop)
    }

    /// Names a pool. Its scope is not sent.
    pub async fn update_pool(&self, id: &str, name: &str) -> Result<(), Failure> {
        let body = json!({ "data": { "type": "agent-pools", "id": id, "attributes": { "name": name } } });
        let request = self.request(Method::PATCH, &format!("agent-pools/{id}"));
        send(request.header("Content-Type", JSON_API).body(body.to_string())).await.map(drop)
    }

    /// Removes a pool.
    pub async fn delete_pool(&self, id: &str) -> Result<(), Failure> {
        self.delete(&format!("agent-pools/{id}")).await
    }

    /// The tokens of a pool: all, or only those of the first page in the size that HCP gives it (20).
    pub async fn tokens(&self, pool: &str, all: bool) -> Result<Vec<Token>, Failure> {
        let path = format!("agent-pools/{pool}/authentication-tokens");
        let found = if all {
            self.pages(&path, &[]).await?
        } else {
            let page = send(self.request(Method::GET, &path)).await?;
            page["data"].as_array().cloned().unwrap_or_default()
        };
        Ok(found.iter().map(Token::read).collect())
    }

    /// Holds a token to be there.
    pub async fn read_token(&self, id: &str) -> Result<(), Failure> {
        send(self.request(Method::GET, &format!("authentication-tokens/{id}"))).await.map(drop)
    }

    /// Makes a token.
    pub async fn create_token(&self, pool: &str, description: &str) -> Result<Token, Failure> {
        let body = json!({ "data": { "type": "agent-tokens", "attributes": { "description": description } } });
        let made = self.post(&format!("agent-pools/{pool}/authentication-tokens"), &body).await?;
        Ok(Token::read(&made["data"]))
    }

    /// Revokes a token; one that is gone is no failure.
    pub async fn delete_token(&self, id: &str) -> Result<(), Failure> {
        match self.delete(&format!("authentication-tokens/{id}")).await {
            Err(cause) if cause.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// Every run that may still need an agent of the pools of a name.
    pub async fn runs(&self, organization: &str, pool_name: &str) -> Result<Vec<Value>, Failure> {
        let query = [("filter[agent_pool_names]", pool_name), ("filter[status_group]", "non_final")];
        self.pages(&format!("organizations/{organization}/runs"), &query).await
    }

    async fn pages(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
        let mut found = Vec::new();
        let mut number = 1;
        for _ in 0..MOST_PAGES {
            let place = [("page[number]", number.to_string()), ("page[size]", "100".to_owned())];
            let mut page = send(self.request(Method::GET, path).query(query).query(&place)).await?;
            if let Some(items) = page["data"].as_array_mut() {
                found.append(items);
            }
            match page["meta"]["pagination"]["next-page"].as_u64() {
                None | Some(0) => break,
                Some(next) => number = next,
            }
        }
        Ok(found)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        send(self.request(Method::POST, path).header("Content-Type", JSON_API).body(body.to_string())).await
    }

    async fn delete(&self, path: &str) -> Result<(), Failure> {
        send(self.request(Method::DELETE, path).header("Content-Type", JSON_API)).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}/api/v2/{path}", self.address));
        request.header("Accept", JSON_API).bearer_auth(self.token.as_str())
    }
}

impl Token {
    fn read(data: &Value) -> Self {
        let attributes = &data["attributes"];
        let seconds = |name: &str| {
            let time: Option<jiff::Timestamp> = attributes[name].as_str().and_then(|text| text.parse().ok());
            time.map_or(BEFORE_TIME, jiff::Timestamp::as_second)
        };
        Self {
            id: text(&data["id"]),
            description: text(&attributes["description"]),
            created_at: seconds("created-at"),
            last_used_at: seconds("last-used-at"),
            value: Zeroizing::new(text(&attributes["token"])),
        }
    }
}

/// Go's `time.Time{}.Unix()`: the first of January of the year 1.
const BEFORE_TIME: i64 = -62_135_596_800;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn send(request: RequestBuilder) -> Result<Value, Failure> {
    let unanswered = |cause: reqwest::Error| Failure::Unanswered(root_cause(&cause));
    let response = request.send().await.map_err(unanswered)?;
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(unanswered)?;
    let document: Value = serde_json::from_slice(&body).unwrap_or_default();
    if (200..400).contains(&status) {
        return Ok(document);
    }
    let message = match status {
        401 => "unauthorized".to_owned(),
        404 => "resource not found".to_owned(),
        _ => told(&document),
    };
    Err(Failure::Hcp { status, message })
}

/// The errors of a document: title and detail of each, an empty line between them.
fn told(document: &Value) -> String {
    let errors = document["errors"].as_array().into_iter().flatten();
    let each = errors.map(|error| match error["detail"].as_str() {
        None | Some("") => text(&error["title"]),
        Some(detail) => format!("{}\n\n{detail}", text(&error["title"])),
    });
    each.collect::<Vec<String>>().join("\n")
}
