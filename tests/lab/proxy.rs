//! Somebody between the program and HCP who changes what is answered.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;

/// What was asked.
pub struct Asked {
    pub method: Method,
    /// Below `/api/v2/`, with the query.
    pub path: String,
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Clone)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answered {
    /// Another answer to the same question.
    pub fn with(self, status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..self }
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn with_json(self, body: &serde_json::Value) -> Self {
        let status = self.status;
        self.with(status, body.to_string())
    }
}

/// Stands between: the address to ask instead of this one.
pub async fn between(address: &str, alter: impl Fn(&Asked, Answered) -> Answered + Send + Sync + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let own = format!("http://{}", listener.local_addr().expect("an address"));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let (address, alter) = (address.to_owned(), Arc::new(alter));
    let router = Router::new().fallback(move |request: Request| {
        let (client, address, alter) = (client.clone(), address.clone(), Arc::clone(&alter));
        async move { pass_on(&client, &address, &*alter, request).await }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    own
}

async fn pass_on(
    client: &reqwest::Client,
    address: &str,
    alter: &(dyn Fn(&Asked, Answered) -> Answered + Send + Sync),
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 24).await.expect("a body");
    let whole = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let mut headers = parts.headers;
    headers.remove("host");
    headers.remove("content-length");
    let asked = client.request(parts.method.clone(), format!("{address}{whole}")).headers(headers).body(body.clone());
    let answer = asked.send().await.expect("an answer");
    let (status, mut headers) = (answer.status().as_u16(), answer.headers().clone());
    for name in ["content-length", "transfer-encoding", "connection"] {
        headers.remove(name);
    }
    let answered = Answered { status, headers, body: answer.bytes().await.expect("all of it").to_vec() };
    let path = whole.trim_start_matches("/api/v2/").to_owned();
    let Answered { status, mut headers, body } =
        alter(&Asked { method: parts.method, path, body: body.to_vec() }, answered);
    headers.entry("content-type").or_insert(HeaderValue::from_static("application/vnd.api+json"));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    *response.headers_mut() = headers;
    response
}
