//! What the suite asks, over raw HTTP, so that a client library hides nothing.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The kinds of a body that a PATCH may have.
pub const APPLY: &str = "application/apply-patch+yaml";
pub const MERGE: &str = "application/merge-patch+json";
pub const JSON_PATCH: &str = "application/json-patch+json";

/// What asks for metadata only, of a list and of one object.
pub const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
pub const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// How a client gets in.
#[derive(Debug, Clone)]
pub struct Door {
    /// `http://…` or `https://…`, without a slash at its end.
    pub address: String,
    /// In PEM, where it speaks TLS.
    pub authority: Option<Vec<u8>>,
    pub token: String,
}

/// An API server under test.
pub struct Subject {
    address: String,
    client: reqwest::Client,
    admin: String,
    visitor: String,
    made: AtomicU32,
    /// The log of a real one.
    pub audit: Option<PathBuf>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A request before it is sent.
pub struct Ask<'a> {
    subject: &'a Subject,
    method: &'a str,
    path: &'a str,
    token: Option<&'a str>,
    accept: Option<&'a str>,
    content: Option<(&'a str, Vec<u8>)>,
}

impl Subject {
    /// One that is reached through two doors of the same server: a member of `system:masters`, and somebody without rights.
    pub fn new(admin: &Door, visitor: &Door, audit: Option<PathBuf>) -> Self {
        // A second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authorities = admin.authority.iter().flat_map(|pem| reqwest::Certificate::from_pem_bundle(pem).unwrap());
        let client = reqwest::Client::builder()
            .user_agent("suite/1 (a test)")
            .no_proxy()
            .tls_certs_only(authorities)
            .build()
            .unwrap();
        Self {
            address: admin.address.clone(),
            client,
            admin: admin.token.clone(),
            visitor: visitor.token.clone(),
            made: AtomicU32::new(0),
            audit,
        }
    }

    pub fn ask<'a>(&'a self, method: &'a str, path: &'a str) -> Ask<'a> {
        Ask { subject: self, method, path, token: Some(&self.admin), accept: None, content: None }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path).answer().await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.ask("POST", path).json(body).answer().await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.ask("PUT", path).json(body).answer().await
    }

    pub async fn merge(&self, path: &str, body: &Value) -> Reply {
        self.ask("PATCH", path).content(MERGE, body).answer().await
    }

    /// Server-side apply, by a field manager; what else stands in the query begins with `&`.
    pub async fn apply(&self, path: &str, manager: &str, more: &str, body: &Value) -> Reply {
        let path = format!("{path}?fieldManager={manager}{more}");
        self.ask("PATCH", &path).content(APPLY, body).answer().await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.ask("DELETE", path).answer().await
    }

    pub async fn delete_with(&self, path: &str, options: &Value) -> Reply {
        self.ask("DELETE", path).json(options).answer().await
    }

    /// A name that nothing of this server has yet.
    pub fn name(&self, stem: &str) -> String {
        format!("{stem}-{}", self.made.fetch_add(1, Ordering::Relaxed))
    }

    /// A namespace for one behaviour.
    pub async fn namespace(&self) -> String {
        let name = self.name("ns");
        let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.post("/api/v1/namespaces", &body).await.created();
        name
    }

    /// Looks again and again until something holds.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !holds().await {
            assert!(began.elapsed() < PATIENCE, "it never came: {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until nothing is at a path.
    pub async fn until_gone(&self, path: &str) {
        self.until(&format!("{path} is gone"), async || self.get(path).await.status == 404).await;
    }

    /// Begins to watch; the path has a query.
    pub async fn watch(&self, path: &str) -> Watch {
        let path = format!("{path}&watch=true");
        let response = self.ask("GET", &path).send_raw().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        Watch { response, unread: Vec::new() }
    }
}

impl<'a> Ask<'a> {
    pub fn json(self, body: &Value) -> Self {
        self.content("application/json", body)
    }

    pub fn content(self, kind: &'a str, body: &Value) -> Self {
        self.text(kind, &body.to_string())
    }

    pub fn text(mut self, kind: &'a str, body: &str) -> Self {
        self.content = Some((kind, body.as_bytes().to_vec()));
        self
    }

    pub fn accept(mut self, kind: &'a str) -> Self {
        self.accept = Some(kind);
        self
    }

    /// Asks as the one who has no rights but those that a test gives.
    pub fn by_visitor(mut self) -> Self {
        self.token = Some(&self.subject.visitor);
        self
    }

    pub fn with_token(mut self, token: Option<&'a str>) -> Self {
        self.token = token;
        self
    }

    /// Sends it, and again where the server says "later": its memory of a kind that was defined just now has to be filled first.
    async fn send_raw(self) -> reqwest::Result<reqwest::Response> {
        let method = self.method.parse().unwrap();
        let mut request = self.subject.client.request(method, format!("{}{}", self.subject.address, self.path));
        if let Some(token) = self.token {
            request = request.bearer_auth(token);
        }
        if let Some(kind) = self.accept {
            request = request.header(ACCEPT, kind);
        }
        if let Some((kind, body)) = self.content {
            request = request.header(CONTENT_TYPE, kind).body(body);
        }
        let began = Instant::now();
        loop {
            let response = request.try_clone().expect("a body of bytes").send().await?;
            if response.status() != 429 || began.elapsed() > PATIENCE / 2 {
                return Ok(response);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The answer, or that there was none.
    pub async fn send(self) -> reqwest::Result<Reply> {
        let response = tokio::time::timeout(PATIENCE, self.send_raw()).await.expect("an answer in time")?;
        let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Ok(Reply {
            status: response.status().as_u16(),
            headers: response.headers().iter().map(header).collect(),
            body: response.bytes().await?.to_vec(),
        })
    }

    pub async fn answer(self) -> Reply {
        let what = format!("{} {}", self.method, self.path);
        self.send().await.unwrap_or_else(|cause| panic!("{what}: {cause:?}"))
    }
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The texts of `Warning: 299 - "TEXT"`.
    pub fn warnings(&self) -> Vec<String> {
        let texts = self.headers.iter().filter(|(key, _)| key == "warning");
        let unquote = |text: &str| {
            let text = text.strip_prefix("299 - \"").and_then(|text| text.strip_suffix('"')).expect("a warning's form");
            text.replace("\\\"", "\"")
        };
        texts.map(|(_, text)| unquote(text)).collect()
    }

    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    #[track_caller]
    pub fn created(&self) -> Value {
        assert_eq!(self.status, 201, "{}", self.text());
        self.json()
    }

    /// Holds it to be a refusal of a kind; its document (meta/v1 `Status`).
    #[track_caller]
    pub fn refused(&self, code: u16, reason: &str) -> Value {
        let status = self.json();
        assert_eq!(
            (self.status, status["reason"].as_str(), status["code"].as_u64()),
            (code, Some(reason), Some(u64::from(code))),
            "{}",
            self.text()
        );
        assert_eq!(
            (status["kind"].as_str(), status["apiVersion"].as_str(), status["status"].as_str()),
            (Some("Status"), Some("v1"), Some("Failure")),
            "{status}"
        );
        status
    }

    /// Holds it to be a refusal of a kind in these words.
    #[track_caller]
    pub fn refused_as(&self, code: u16, reason: &str, message: &str) -> Value {
        let status = self.refused(code, reason);
        assert_eq!(status["message"], message);
        status
    }
}

/// What happens, as it is told.
pub struct Watch {
    response: reqwest::Response,
    unread: Vec<u8>,
}

impl Watch {
    /// The next event; nothing once the stream has ended.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            self.unread.extend_from_slice(&chunk.unwrap()?);
        }
    }

    /// The next event, whose type it is held to; its object.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let event = self.next().await.expect("the watch goes on");
        assert_eq!(event["type"], kind, "{event}");
        event["object"].clone()
    }
}
