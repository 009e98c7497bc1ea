//! Doors: listeners that lead to a cluster.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Query, Request, State, connect_info::IntoMakeServiceWithConnectInfo},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use futures::stream;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    call::{Answer, Call, Outcome, Payload, Refusal, Reply, User},
    watch::Watch,
};
use crate::sandbox::{
    connection::{CuttableListener, Scissors},
    faults::{
        BodyKind, Fault, Subject,
        answers::{http_date, insert, wired, write_header},
    },
    server::{RequestRecord, Shared, decode},
    world::{ADMINISTRATOR, World, hex},
};

/// The largest body that an API server takes (apiserver v0.36, `MaxRequestBodyBytes`).
const MOST_BYTES: usize = 3 << 20;
/// How often is looked whether something happened.
const LOOK: Duration = Duration::from_millis(5);

/// One listener.
#[derive(Clone)]
struct Door {
    shared: Arc<Shared>,
    cluster: String,
    /// Who comes this way, for rules and records.
    label: String,
    /// The administrator's token.
    token: String,
}

/// The token of the administrator of a cluster, for those who know the sandbox's own.
pub fn token_of(sandbox: &str, cluster: &str) -> String {
    hex(&Sha256::digest(format!("cluster/{cluster}/{sandbox}")))[..40].to_owned()
}

/// Opens a door of a cluster.
pub async fn open(
    shared: &Arc<Shared>,
    cluster: &str,
    label: &str,
    token: &str,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let listener = CuttableListener::new(listener, Arc::clone(&shared.stopped));
    let door = Door {
        shared: Arc::clone(shared),
        cluster: cluster.to_owned(),
        label: label.to_owned(),
        token: token.to_owned(),
    };
    let router = Router::new().fallback(serve).with_state(door);
    let service: IntoMakeServiceWithConnectInfo<Router, Scissors> = router.into_make_service_with_connect_info();
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, service).await {
            tracing::error!(%error, "a stand-in of an API server stopped listening");
        }
    });
    Ok((address, task))
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
        let refusal = Refusal::new(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728");
        return written(&Answer::from(refusal)).map_or_else(Response::default, |(response, _)| response);
    };
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|Query(pairs)| pairs);
    let user = user(&door, &parts.headers);
    let text = |name: &str| header(&parts.headers, name);
    let call = Call {
        method: parts.method.to_string(),
        path: decode(parts.uri.path()),
        query: query.unwrap_or_default(),
        accept: text("accept"),
        content_type: text("content-type"),
        agent: text("user-agent"),
        body,
        user: user.clone().unwrap_or_else(anonymous),
    };
    around(door, scissors, call, user.is_some()).await
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn anonymous() -> User {
    let groups = ["system:unauthenticated".to_owned()].into();
    User { name: "system:anonymous".to_owned(), groups }
}

/// Who a token stands for: nobody is anonymous, and a token that nobody has is none.
fn user(door: &Door, headers: &HeaderMap) -> Option<User> {
    let text = header(headers, "authorization");
    if text.is_empty() {
        return Some(anonymous());
    }
    let given = text.strip_prefix("Bearer ")?;
    let world = door.shared.world();
    let accounts = &world.clusters.get(&door.cluster)?.accounts;
    let (name, account) = accounts.iter().find(|(name, account)| match &account.token {
        Some(token) => token.is(given),
        None => *name == ADMINISTRATOR && given == door.token,
    })?;
    Some(User { name: name.clone(), groups: account.groups.clone() })
}

/// What happens around one request: faults before, the request itself, faults after.
async fn around(door: Door, scissors: Scissors, call: Call, is_known: bool) -> Response {
    let pairs: Vec<String> = call.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let (path, query) = (format!("kube/{}/{}", door.cluster, call.path.trim_matches('/')), pairs.join("&"));
    let label = if call.user.name == ADMINISTRATOR { door.label.clone() } else { call.user.name.clone() };
    let mut record = RequestRecord {
        method: call.method.clone(),
        path: if query.is_empty() { path.clone() } else { format!("{path}?{query}") },
        status: 0,
        done: false,
        caller: label.clone(),
        ignored: Vec::new(),
    };
    let faults = {
        let subject = Subject { method: &call.method, path: &path, query: &query, label: &label, agent: &call.agent };
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
                let now = door.shared.world().now;
                for (name, value) in headers {
                    write_header(response.headers_mut(), name, value, now);
                }
                return response;
            }
            // What happens to the answer, and what only lists of pages know.
            _ => {}
        }
    }
    let door = Arc::new(door);
    let worker = Arc::clone(&door);
    // A server goes on with what it was told, also when nobody waits for its answer any more.
    let done = tokio::spawn(async move { perform(&worker, &call, is_known).await }).await;
    let Ok(outcome) = done else {
        scissors.cut();
        return Response::default();
    };
    record.done = outcome.is_ok();
    let response = match outcome {
        Ok(Reply::Flow(watch)) => flow(&door, watch, &faults, &scissors, &mut record),
        Ok(Reply::Now(answer)) => deliver(answer, &faults, &scissors, &mut record),
        Err(refusal) => deliver(Answer::from(refusal), &faults, &scissors, &mut record),
    };
    door.shared.record(record);
    dress(&door, response)
}

/// Does what was asked, and waits until it is kept.
async fn perform(door: &Door, call: &Call, is_known: bool) -> Outcome {
    if !is_known {
        return Err(Refusal::new(401, "Unauthorized", "Unauthorized"));
    }
    let (outcome, change) = locked(&mut door.shared.world(), door, call);
    if let (Some(saver), Some(change)) = (&door.shared.saver, change) {
        saver.on_disk(change).await;
    }
    outcome
}

fn locked(world: &mut World, door: &Door, call: &Call) -> (Outcome, Option<u64>) {
    let is_write = !matches!(call.method.as_str(), "GET" | "HEAD");
    if is_write {
        // So that two writes never share an instant.
        world.now = world.now.saturating_add(Duration::from_millis(1)).unwrap_or(world.now);
    }
    let now = world.now;
    let Some(cluster) = world.clusters.get_mut(&door.cluster) else {
        return (Err(Refusal::new(503, "ServiceUnavailable", "the cluster is gone")), None);
    };
    let outcome = super::answer(cluster, call, now);
    let change = door.shared.saver.as_ref().filter(|_| is_write).map(|saver| saver.changed());
    (outcome, change)
}

/// A body that comes line by line.
fn flow(door: &Arc<Door>, watch: Watch, faults: &[Fault], scissors: &Scissors, record: &mut RequestRecord) -> Response {
    if faults.contains(&Fault::LostAnswer) {
        scissors.cut();
        return Response::default();
    }
    record.status = 200;
    let cut = faults.contains(&Fault::CutBody).then(|| scissors.clone());
    let state = Some((Arc::clone(door), watch, cut, false));
    let pieces = stream::unfold(state, |state| async move {
        let (door, mut watch, cut, has_spoken) = state?;
        loop {
            if door.shared.stopped.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(scissors) = cut.as_ref().filter(|_| has_spoken) {
                // Lets what was said so far go out first.
                tokio::time::sleep(LOOK).await;
                scissors.cut();
                return Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None));
            }
            let (bytes, is_over) = next_lines(&door, &mut watch);
            if !bytes.is_empty() || is_over {
                return Some((Ok::<Bytes, io::Error>(bytes.into()), (!is_over).then_some((door, watch, cut, true))));
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    insert(response.headers_mut(), "content-type", "application/json");
    response
}

fn next_lines(door: &Door, watch: &mut Watch) -> (Vec<u8>, bool) {
    let world = door.shared.world();
    let Some(cluster) = world.clusters.get(&door.cluster) else { return (Vec::new(), true) };
    let (lines, is_over) = watch.next(cluster);
    let text: String = lines.iter().flat_map(|line| [line.to_string(), "\n".to_owned()]).collect();
    (text.into_bytes(), is_over)
}

/// Turns an answer into bytes, as the faults have it.
fn deliver(mut answer: Answer, faults: &[Fault], scissors: &Scissors, record: &mut RequestRecord) -> Response {
    for fault in faults {
        if let (Fault::Attribute { name, value }, Payload::Json(document)) = (fault, &mut answer.body) {
            rewrite(document, name, value);
        }
    }
    record.status = answer.status;
    if faults.contains(&Fault::LostAnswer) {
        scissors.cut();
        record.status = 0;
        return Response::default();
    }
    let Some((mut response, bytes)) = written(&answer) else { return Response::default() };
    if !wired(&mut response, bytes, faults, scissors) {
        record.status = 0;
    }
    response
}

fn written(answer: &Answer) -> Option<(Response, Vec<u8>)> {
    let (kind, bytes) = match &answer.body {
        Payload::Json(document) => ("application/json", format!("{document}\n").into_bytes()),
        Payload::Text(text) => ("text/plain; charset=utf-8", text.clone().into_bytes()),
    };
    let mut response = Response::new(Body::from(bytes.clone()));
    *response.status_mut() = StatusCode::from_u16(answer.status).ok()?;
    insert(response.headers_mut(), "content-type", kind);
    for warning in &answer.warnings {
        if let Ok(value) = format!("299 - {warning:?}").try_into() {
            response.headers_mut().append("warning", value);
        }
    }
    Some((response, bytes))
}

/// Changes a field of an object, or of every item of a list.
fn rewrite(document: &mut Value, name: &str, value: &Value) {
    let set = |item: &mut Value| {
        if let Some(place) = item.get_mut(name) {
            *place = value.clone();
        }
    };
    match document.get_mut("items").and_then(Value::as_array_mut) {
        Some(items) => items.iter_mut().for_each(set),
        None => set(document),
    }
}

/// What is answered without doing anything.
fn made_up(code: u16, kind: BodyKind) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = status.canonical_reason().unwrap_or("error").to_lowercase();
    let reason = match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    let (kind, body) = match kind {
        BodyKind::Jsonapi => {
            ("application/json", Refusal::new(code, reason, title).document().to_string().into_bytes())
        }
        BodyKind::Strings => ("text/plain; charset=utf-8", title.into_bytes()),
        BodyKind::Html => ("text/html; charset=utf-8", format!("<!doctype html><title>{title}</title>").into_bytes()),
        BodyKind::Empty => ("application/json", Vec::new()),
        BodyKind::Truncated => ("application/json", json!({ "kind": "Status" }).to_string().as_bytes()[..9].to_vec()),
        BodyKind::Garbage => ("application/json", vec![0xff, 0xfe, 0x00, 0x7b]),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    insert(response.headers_mut(), "content-type", kind);
    response
}

/// What every answer carries.
fn dress(door: &Door, mut response: Response) -> Response {
    let now = door.shared.world().now;
    let count = door.shared.records.lock().unwrap_or_else(PoisonError::into_inner).len();
    let digest = hex(&Sha256::digest(format!("audit/{}/{count}", door.cluster)));
    let id =
        format!("{}-{}-4{}-8{}-{}", &digest[..8], &digest[8..12], &digest[13..16], &digest[17..20], &digest[20..32]);
    let headers = response.headers_mut();
    insert(headers, "audit-id", &id);
    insert(headers, "cache-control", "no-cache, private");
    insert(headers, "date", &http_date(now));
    response
}
