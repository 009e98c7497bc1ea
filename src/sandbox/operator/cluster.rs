//! The Kubernetes API, as little of it as the operator needs.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use zeroize::Zeroizing;

use super::failure::{Failure, root_cause};

/// An API server, with the right to use it.
pub struct Cluster {
    client: reqwest::Client,
    address: String,
    token: Zeroizing<String>,
}

impl Cluster {
    /// At an address.
    pub fn new(client: reqwest::Client, address: &str, token: Zeroizing<String>) -> Self {
        Self { client, address: address.trim_end_matches('/').to_owned(), token }
    }

    /// The items of a list; nothing where the kind does not exist.
    pub async fn list(&self, path: &str) -> Result<Option<Vec<Value>>, Failure> {
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let mut request = self.request(Method::GET, path).query(&[("limit", "500")]);
            if !next.is_empty() {
                request = request.query(&[("continue", &next)]);
            }
            let Some(mut list) = found(send(request).await)? else {
                return Ok(None);
            };
            if let Some(page) = list["items"].as_array_mut() {
                items.append(page);
            }
            match list["metadata"]["continue"].as_str() {
                Some(token) if !token.is_empty() => token.clone_into(&mut next),
                _ => return Ok(Some(items)),
            }
        }
    }

    /// An object, if there is one.
    pub async fn get(&self, path: &str) -> Result<Option<Value>, Failure> {
        found(send(self.request(Method::GET, path)).await)
    }

    /// Makes an object, in the name of a field manager.
    pub async fn create(&self, path: &str, manager: &str, object: &Value) -> Result<Value, Failure> {
        send(self.request(Method::POST, path).query(&[("fieldManager", manager)]).json(object)).await
    }

    /// Replaces an object.
    pub async fn update(&self, path: &str, manager: &str, object: &Value) -> Result<Value, Failure> {
        send(self.request(Method::PUT, path).query(&[("fieldManager", manager)]).json(object)).await
    }

    /// Merges into an object.
    pub async fn merge(&self, path: &str, manager: &str, changes: &Value) -> Result<Value, Failure> {
        let request = self.request(Method::PATCH, path).query(&[("fieldManager", manager)]);
        send(request.header("Content-Type", "application/merge-patch+json").body(changes.to_string())).await
    }

    /// Removes an object.
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        send(self.request(Method::DELETE, path)).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address)).bearer_auth(self.token.as_str())
    }
}

fn found(answer: Result<Value, Failure>) -> Result<Option<Value>, Failure> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(cause) if cause.is_not_found() => Ok(None),
        Err(cause) => Err(cause),
    }
}

async fn send(request: RequestBuilder) -> Result<Value, Failure> {
    let unanswered = |cause: reqwest::Error| Failure::Unanswered(root_cause(&cause));
    let response = request.header("Accept", "application/json").send().await.map_err(unanswered)?;
    let status = response.status();
    let body = response.bytes().await.map_err(unanswered)?;
    let document: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(document);
    }
    let message = document["message"].as_str().unwrap_or("the server gave no reason").to_owned();
    Err(Failure::Kube { status: status.as_u16(), message })
}
