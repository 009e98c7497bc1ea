//! A client of its own: raw requests, raw answers.

use std::sync::{Mutex, Once};

use reconcile::sandbox::{Sandbox, Seed};
use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

/// A stand-in and somebody who asks it.
pub struct Probe {
    pub sandbox: Sandbox,
    http: reqwest::Client,
    exchanges: Mutex<Vec<Exchange>>,
}

/// A request and what came back.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: String,
    /// Below `/api/v2`, with a leading slash.
    pub path: String,
    pub query: Vec<String>,
    pub sent: Value,
    pub status: u16,
    pub got: Value,
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
        let items = self.body["data"].as_array().unwrap_or_else(|| panic!("no list in {self:?}"));
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
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
        Self { sandbox, http: http(), exchanges: Mutex::default() }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let path = path.trim_start_matches('/');
        self.http.request(method, format!("{}/api/v2/{path}", self.sandbox.address())).bearer_auth(self.sandbox.token())
    }

    /// All requests so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap().clone()
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let request = request.build().unwrap();
        let mut exchange = Exchange {
            method: request.method().to_string(),
            path: request.url().path().trim_start_matches("/api/v2").to_owned(),
            query: request.url().query_pairs().map(|(name, _)| name.into_owned()).collect(),
            sent: request.body().and_then(|body| serde_json::from_slice(body.as_bytes()?).ok()).unwrap_or_default(),
            status: 0,
            got: Value::Null,
        };
        let response = self.http.execute(request).await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        exchange.status = status;
        exchange.got = body.clone();
        self.exchanges.lock().unwrap().push(exchange);
        Reply { status, headers, body, text }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    async fn write(&self, method: Method, path: &str, body: &Value) -> Reply {
        let mut request = self.request(method, path).header("content-type", "application/vnd.api+json");
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
        self.post("organizations/example/workspaces", body).await.expect(201).id()
    }

    pub async fn project(&self, name: &str) -> String {
        let body = resource("projects", serde_json::json!({ "name": name }));
        self.post("organizations/example/projects", body).await.expect(201).id()
    }

    pub async fn pool(&self, name: &str) -> String {
        let body = resource("agent-pools", serde_json::json!({ "name": name }));
        self.post("organizations/example/agent-pools", body).await.expect(201).id()
    }
}

/// A document with one resource.
#[allow(clippy::needless_pass_by_value, reason = "always called with a fresh value")]
pub fn resource(kind: &str, attributes: Value) -> Value {
    serde_json::json!({ "data": { "type": kind, "attributes": attributes } })
}

/// The same with relationships.
#[allow(clippy::needless_pass_by_value, reason = "always called with fresh values")]
pub fn related(kind: &str, attributes: Value, relationships: Value) -> Value {
    serde_json::json!({ "data": { "type": kind, "attributes": attributes, "relationships": relationships } })
}

/// A list of resource identifiers.
pub fn ids(kind: &str, ids: &[&str]) -> Value {
    let data: Vec<Value> = ids.iter().map(|id| serde_json::json!({ "type": kind, "id": id })).collect();
    serde_json::json!({ "data": data })
}
