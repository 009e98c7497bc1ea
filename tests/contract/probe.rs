//! A client of its own: raw requests, raw answers.

use std::sync::Once;

use reconcile::sandbox::{Sandbox, Seed};
use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

/// A stand-in and somebody who asks it.
pub struct Probe {
    pub sandbox: Sandbox,
    http: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Reply {
    /// The id of the one resource.
    pub fn id(&self) -> String {
        let id = self.body.pointer("/data/id").and_then(Value::as_str);
        id.unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }

    pub fn attribute(&self, name: &str) -> &Value {
        &self.body["data"]["attributes"][name]
    }

    pub fn relationship(&self, name: &str) -> &Value {
        &self.body["data"]["relationships"][name]["data"]
    }

    /// The detail of the one error.
    pub fn detail(&self) -> &str {
        self.body["errors"][0]["detail"].as_str().unwrap_or_default()
    }

    /// The ids of a list.
    pub fn ids(&self) -> Vec<String> {
        let items = self.body["data"]
            .as_array()
            .unwrap_or_else(|| panic!("no list in {self:?}"));
        items
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

pub fn http() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl Probe {
    pub async fn new() -> Self {
        Self::with(&Seed::default()).await
    }

    pub async fn with(seed: &Seed) -> Self {
        Self::of(Sandbox::in_memory(seed).await.unwrap())
    }

    pub fn of(sandbox: Sandbox) -> Self {
        Self { sandbox, http: http() }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let path = path.trim_start_matches('/');
        self.http
            .request(method, format!("{}/api/v2/{path}", self.sandbox.address()))
            .bearer_auth(self.sandbox.token())
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Reply {
            status,
            headers,
            body,
            text,
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    async fn write(&self, method: Method, path: &str, body: &Value) -> Reply {
        let mut request = self
            .request(method, path)
            .header("content-type", "application/vnd.api+json");
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        self.send(request).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.write(Method::POST, path, &body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.write(Method::PATCH, path, &body).await
    }

    pub async fn delete(&self, path: &str, body: Value) -> Reply {
        self.write(Method::DELETE, path, &body).await
    }

    pub async fn workspace(&self, name: &str) -> String {
        let body = resource("workspaces", serde_json::json!({ "name": name }));
        self.post("organizations/example/workspaces", body)
            .await
            .expect(201)
            .id()
    }

    pub async fn project(&self, name: &str) -> String {
        let body = resource("projects", serde_json::json!({ "name": name }));
        self.post("organizations/example/projects", body).await.expect(201).id()
    }

    pub async fn pool(&self, name: &str) -> String {
        let body = resource("agent-pools", serde_json::json!({ "name": name }));
        self.post("organizations/example/agent-pools", body)
            .await
            .expect(201)
            .id()
    }
}

/// A document with one resource.
pub fn resource(kind: &str, attributes: Value) -> Value {
    serde_json::json!({ "data": { "type": kind, "attributes": attributes } })
}

/// The same with relationships.
pub fn related(kind: &str, attributes: Value, relationships: Value) -> Value {
    serde_json::json!({ "data": { "type": kind, "attributes": attributes, "relationships": relationships } })
}

/// A list of resource identifiers.
pub fn ids(kind: &str, ids: &[&str]) -> Value {
    let data: Vec<Value> = ids
        .iter()
        .map(|id| serde_json::json!({ "type": kind, "id": id }))
        .collect();
    serde_json::json!({ "data": data })
}
