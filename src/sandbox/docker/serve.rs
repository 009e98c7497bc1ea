//! Doors: listeners that lead to an engine.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Query, Request, State, connect_info::IntoMakeServiceWithConnectInfo},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::Response,
};
use futures::stream;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    call::{Answer, Call, Payload, Refusal, Reply, Stream, Waiting},
    containers, events, logs,
};
use crate::sandbox::{
    connection::{CuttableListener, Scissors},
    faults::{BodyKind, Fault, Subject, answers::wired},
    server::{RequestRecord, Shared, decode},
};

/// Archives of providers are large.
const MOST_BYTES: usize = 512 << 20;
/// How often is looked whether something happened.
const LOOK: Duration = Duration::from_millis(5);
/// The oldest version of the API that is spoken.
const OLDEST: (u32, u32) = (1, 12);

/// One listener.
#[derive(Clone)]
struct Door {
    shared: Arc<Shared>,
    engine: String,
    /// Who comes this way, for rules and records.
    label: String,
}

/// Opens a door of an engine.
pub async fn open(shared: &Arc<Shared>, engine: &str, label: &str) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let listener = CuttableListener::new(listener, Arc::clone(&shared.stopped));
    let router = router(shared, engine, label);
    let service: IntoMakeServiceWithConnectInfo<Router, Scissors> = router.into_make_service_with_connect_info();
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, service).await {
            tracing::error!(%error, "a stand-in of a Docker Engine stopped listening");
        }
    });
    Ok((address, task))
}

/// The same at a Unix socket.
#[cfg(unix)]
pub fn open_socket(shared: &Arc<Shared>, engine: &str, label: &str, path: &Path) -> io::Result<JoinHandle<()>> {
    let listener = tokio::net::UnixListener::bind(path)?;
    let listener = CuttableListener::new(listener, Arc::clone(&shared.stopped));
    let router = router(shared, engine, label);
    let service: IntoMakeServiceWithConnectInfo<Router, Scissors> = router.into_make_service_with_connect_info();
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, service).await {
            tracing::error!(%error, "a stand-in of a Docker Engine stopped listening");
        }
    }))
}

fn router(shared: &Arc<Shared>, engine: &str, label: &str) -> Router {
    let door = Door { shared: Arc::clone(shared), engine: engine.to_owned(), label: label.to_owned() };
    Router::new().fallback(serve).with_state(door)
}

async fn serve(
    State(door): State<Door>,
    Extension(ConnectInfo(scissors)): Extension<ConnectInfo<Scissors>>,
    request: Request,
) -> Response {
    if door.shared.stopped.load(Ordering::SeqCst) {
        scissors.cut();
        return Response::default();
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MOST_BYTES).await else {
        scissors.cut();
        return Response::default();
    };
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|Query(pairs)| pairs);
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let whole = decode(parts.uri.path());
    let (version, path) = split_version(&whole);
    let call = Call {
        engine: door.engine.clone(),
        method: parts.method.to_string(),
        path: path.trim_matches('/').to_owned(),
        query: query.unwrap_or_default(),
        content_type: header("content-type"),
        body,
    };
    let agent = header("user-agent");
    around(door, scissors, call, version, &agent).await
}

/// `/v1.41/…` in its parts; the version is optional.
fn split_version(path: &str) -> (Option<(u32, u32)>, &str) {
    let versioned = path.strip_prefix("/v").and_then(|rest| {
        let (version, _) = rest.split_once('/')?;
        let (major, minor) = version.split_once('.')?;
        Some(((major.parse().ok()?, minor.parse().ok()?), &path[version.len() + 2..]))
    });
    versioned.map_or((None, path), |(version, path)| (Some(version), path))
}

/// What happens around one request: faults before, the request itself, faults after.
async fn around(door: Door, scissors: Scissors, call: Call, version: Option<(u32, u32)>, agent: &str) -> Response {
    let pairs: Vec<String> = call.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let (path, query) = (format!("docker/{}/{}", door.engine, call.path), pairs.join("&"));
    let mut record = RequestRecord {
        method: call.method.clone(),
        path: if query.is_empty() { path.clone() } else { format!("{path}?{query}") },
        status: 0,
        done: false,
        caller: door.label.clone(),
        ignored: Vec::new(),
    };
    let faults = {
        let subject = Subject { method: &call.method, path: &path, query: &query, label: &door.label, agent };
        let mut script = door.shared.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.judge(&subject)
    };
    for fault in &faults {
        match fault {
            Fault::Gate(name) => door.shared.gates.pass(name, &format!("{} {}", record.method, record.path)).await,
            Fault::Delay(millis) => tokio::time::sleep(Duration::from_millis(*millis)).await,
            Fault::Reset => {
                scissors.cut();
                door.shared.record(record);
                return Response::default();
            }
            Fault::Status { code, body, headers } => {
                record.status = *code;
                door.shared.record(record);
                let mut response = made_up(*code, *body);
                for (name, value) in headers {
                    insert(response.headers_mut(), name, value);
                }
                return response;
            }
            // What happens to the answer, and what only lists of pages know.
            _ => {}
        }
    }
    let is_head = call.method == "HEAD";
    let task = Arc::new(door);
    let worker = Arc::clone(&task);
    // An engine goes on with what it was told, also when nobody waits for its answer any more.
    let done = tokio::spawn(async move { perform(&worker, &call, version).await }).await;
    let Ok((outcome, change)) = done else {
        scissors.cut();
        return Response::default();
    };
    if let (Some(saver), Some(change)) = (&task.shared.saver, change) {
        saver.on_disk(change).await;
    }
    record.done = outcome.is_ok();
    let response = match outcome {
        Ok(Reply::Flow(stream)) => {
            record.status = 200;
            flow(&task, stream)
        }
        Ok(Reply::Now(answer)) => deliver(answer, is_head, &faults, &scissors, &mut record),
        Ok(Reply::Later(_)) => Response::default(),
        Err(refusal) => deliver(refusal.answer(), is_head, &faults, &scissors, &mut record),
    };
    task.shared.record(record);
    dress(&task, response)
}

/// Does what was asked, and waits where it takes time.
async fn perform(door: &Door, call: &Call, version: Option<(u32, u32)>) -> (Result<Reply, Refusal>, Option<u64>) {
    let (outcome, change) = locked(door, call, version);
    let Ok(Reply::Later(waiting)) = outcome else {
        return (outcome, change);
    };
    let answer = wait(door, &waiting).await;
    let change = door.shared.saver.as_ref().map(|saver| saver.changed());
    (answer.map(Reply::Now).ok_or_else(|| Refusal::new(503, "the machine is gone")), change)
}

fn locked(door: &Door, call: &Call, version: Option<(u32, u32)>) -> (Result<Reply, Refusal>, Option<u64>) {
    let mut world = door.shared.world();
    if let Some(refusal) = version.and_then(|version| refuse_version(world.engines.get(&door.engine), version)) {
        return (refusal, None);
    }
    let is_write = !matches!(call.method.as_str(), "GET" | "HEAD");
    if is_write {
        // So that two writes never share an instant.
        world.now = world.now.saturating_add(Duration::from_millis(1)).unwrap_or(world.now);
    }
    let outcome = super::answer(&mut world, call);
    if is_write {
        world.settle();
    }
    let change = door.shared.saver.as_ref().filter(|_| is_write).map(|saver| saver.changed());
    (outcome, change)
}

fn refuse_version(
    engine: Option<&crate::sandbox::world::Engine>,
    version: (u32, u32),
) -> Option<Result<Reply, Refusal>> {
    let newest = engine.map_or("1.41", |engine| engine.api_version.as_str());
    let (major, minor) = newest.split_once('.')?;
    let most = (major.parse().ok()?, minor.parse().ok()?);
    let (a, b) = version;
    if version > most {
        let message = format!("client version {a}.{b} is too new. Maximum supported API version is {newest}");
        return Some(Err(Refusal::new(400, message)));
    }
    (version < OLDEST).then(|| {
        let (c, d) = OLDEST;
        let message = format!(
            "client version {a}.{b} is too old. Minimum supported API version is {c}.{d}, please upgrade your client to a newer \
             version"
        );
        // Such a client could not read a document.
        Ok(Reply::Now(Answer::with(400, Payload::Bytes("text/plain; charset=utf-8", message.into_bytes()))))
    })
}

async fn wait(door: &Door, waiting: &Waiting) -> Option<Answer> {
    loop {
        {
            let mut world = door.shared.world();
            if !world.engines.contains_key(&door.engine) || door.shared.stopped.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(answer) = containers::resume(&mut world, &door.engine, waiting) {
                world.settle();
                return Some(answer);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A body that comes piece by piece.
fn flow(door: &Arc<Door>, stream: Stream) -> Response {
    let kind = match &stream {
        Stream::Logs { .. } => "",
        Stream::Events { .. } => "application/json",
    };
    let state = Some((Arc::clone(door), stream));
    let pieces = stream::unfold(state, |state| async move {
        let (door, mut stream) = state?;
        loop {
            if door.shared.stopped.load(Ordering::SeqCst) {
                return None;
            }
            let (bytes, is_over) = next_piece(&door, &mut stream);
            if !bytes.is_empty() || is_over {
                return Some((Ok::<Bytes, io::Error>(bytes.into()), (!is_over).then_some((door, stream))));
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    if !kind.is_empty() {
        insert(response.headers_mut(), "content-type", kind);
    }
    response
}

fn next_piece(door: &Door, stream: &mut Stream) -> (Vec<u8>, bool) {
    let world = door.shared.world();
    match stream {
        Stream::Logs { container, form, sent } => {
            let (bytes, count, is_over) = logs::after(&world, &door.engine, container, form, *sent);
            *sent = count;
            (bytes, is_over)
        }
        Stream::Events { filters, seen, until } => {
            let (lines, count) = events::since(&world, &door.engine, filters, *seen, *until);
            *seen = count;
            (joined(&lines, "\n"), until.is_some_and(|until| until <= world.now))
        }
    }
}

/// Turns an answer into bytes, as the faults have it.
fn deliver(
    answer: Answer,
    is_head: bool,
    faults: &[Fault],
    scissors: &Scissors,
    record: &mut RequestRecord,
) -> Response {
    let Answer { status, headers, mut body } = answer;
    for fault in faults {
        if let (Fault::Attribute { name, value }, Payload::Json(document)) = (fault, &mut body) {
            rewrite(document, name, value);
        }
    }
    record.status = status;
    if faults.contains(&Fault::LostAnswer) {
        scissors.cut();
        record.status = 0;
        return Response::default();
    }
    let (kind, bytes) = match body {
        Payload::None => ("", Vec::new()),
        Payload::Json(document) => ("application/json", format!("{document}\n").into_bytes()),
        Payload::Text(text) => ("text/plain; charset=utf-8", text.as_bytes().to_vec()),
        Payload::Lines(lines) => ("application/json", joined(&lines, "\r\n")),
        Payload::Bytes(kind, bytes) => (kind, bytes),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !kind.is_empty() {
        insert(response.headers_mut(), "content-type", kind);
    }
    for (name, value) in &headers {
        insert(response.headers_mut(), name, value);
    }
    if !is_head && !wired(&mut response, bytes, faults, scissors) {
        record.status = 0;
    }
    response
}

/// Documents, each with what ends it.
fn joined(lines: &[Value], end: &str) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.to_string(), end.to_owned()]).collect::<String>().into_bytes()
}

fn rewrite(document: &mut Value, name: &str, value: &Value) {
    let set = |item: &mut Value| {
        if let Some(place) = item.get_mut(name) {
            *place = value.clone();
        }
    };
    match document {
        Value::Array(items) => items.iter_mut().for_each(set),
        item => set(item),
    }
}

fn made_up(code: u16, kind: BodyKind) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = status.canonical_reason().unwrap_or("error").to_lowercase();
    let (kind, body) = match kind {
        BodyKind::Jsonapi => ("application/json", json!({ "message": title }).to_string().into_bytes()),
        BodyKind::Strings => ("text/plain; charset=utf-8", title.into_bytes()),
        BodyKind::Html => ("text/html; charset=utf-8", format!("<!doctype html><title>{title}</title>").into_bytes()),
        BodyKind::Empty => ("application/json", Vec::new()),
        BodyKind::Truncated => ("application/json", br#"{"Id":"#.to_vec()),
        BodyKind::Garbage => ("application/json", vec![0xff, 0xfe, 0x00, 0x7b]),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    insert(response.headers_mut(), "content-type", kind);
    response
}

/// What every answer carries.
fn dress(door: &Door, mut response: Response) -> Response {
    let (now, version) = {
        let world = door.shared.world();
        let version = world.engines.get(&door.engine).map(|engine| engine.api_version.clone());
        (world.now, version.unwrap_or_default())
    };
    let headers = response.headers_mut();
    insert(headers, "api-version", &version);
    insert(headers, "docker-experimental", "false");
    insert(headers, "ostype", "linux");
    insert(headers, "server", "Docker/20.10.24 (linux)");
    insert(headers, "date", &now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    response
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

/// Bytes and headers of an answer of the registry, which faults do not touch.
pub fn plain(answer: Answer, is_head: bool) -> Response {
    let Answer { status, headers, body } = answer;
    let (kind, bytes) = match body {
        Payload::Json(document) => ("application/json", document.to_string().into_bytes()),
        Payload::Bytes(kind, bytes) => (kind, bytes),
        Payload::None | Payload::Text(_) | Payload::Lines(_) => ("", Vec::new()),
    };
    let length = bytes.len();
    let mut response = Response::new(if is_head { Body::empty() } else { Body::from(bytes) });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    insert(response.headers_mut(), "content-length", &length.to_string());
    insert(response.headers_mut(), "content-type", kind);
    insert(response.headers_mut(), "docker-distribution-api-version", "registry/2.0");
    for (name, value) in &headers {
        insert(response.headers_mut(), name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_optional() {
        assert_eq!(split_version("/v1.41/info"), (Some((1, 41)), "/info"));
        assert_eq!(split_version("/volumes"), (None, "/volumes"));
        assert_eq!(split_version("/volumes/v1.2"), (None, "/volumes/v1.2"));
    }
}
