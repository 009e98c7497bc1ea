//! Raw HTTP to an engine, so that a client library hides nothing.

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The engine's words to a refusal.
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// One document a line.
    pub fn lines(&self) -> Vec<Value> {
        self.text().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// Asks `tcp://HOST:PORT` or `unix://PATH`.
pub async fn ask(address: &str, method: &str, path: &str, kind: &str, body: &[u8]) -> Reply {
    if let Some(path_of_socket) = address.strip_prefix("unix://") {
        let stream = UnixStream::connect(path_of_socket).await.expect("the engine's socket");
        return exchange(stream, method, path, kind, body).await;
    }
    let stream = TcpStream::connect(address.trim_start_matches("tcp://")).await.expect("the engine's port");
    exchange(stream, method, path, kind, body).await
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    method: &str,
    path: &str,
    kind: &str,
    body: &[u8],
) -> Reply {
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    let length = match method {
        "GET" | "HEAD" => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n{kind}{length}\r\n");
    // An engine that refuses does not read on, and closes with a reset after its answer.
    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await;
    assert!(end.is_ok() || !bytes.is_empty(), "{method} {path}: no answer: {end:?}");
    let place = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&bytes[..place]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(": ")).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let is_chunked =
        headers.iter().any(|(key, value)| key.eq_ignore_ascii_case("transfer-encoding") && value == "chunked");
    let body = if is_chunked { unchunk(&bytes[place..]) } else { bytes[place..].to_vec() };
    Reply { status, headers, body }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else { break };
        let from = end + 2;
        whole.extend_from_slice(&bytes[from..(from + size).min(bytes.len())]);
        bytes = bytes.get(from + size + 2..).unwrap_or_default();
    }
    whole
}
