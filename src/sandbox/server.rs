//! The HTTP side: who may call, what is misbehaved, what every answer carries.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Extension,
    body::Bytes,
    extract::{ConnectInfo, Query, Request, State},
    http::HeaderMap,
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::{
    ClusterAccess, admin, charts,
    connection::Scissors,
    directory::Saver,
    docker,
    faults::{
        Fault, Script, Subject,
        answers::{deliver, http_date, insert, made_up, plain, write_header},
        pattern,
    },
    gates::Gates,
    hcp::{
        self,
        call::Call,
        jsonapi::{Answer, Outcome, Problem},
    },
    operators::{self, Turns},
    workers,
    world::{TokenKind, World, hex, minting},
};

const JSON_API: &str = "application/vnd.api+json";
/// Larger than any document that HCP takes: a value may have 256 KB.
const MOST_BYTES: usize = 16 << 20;

/// One request as it is remembered. Bodies are not: they may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RequestRecord {
    /// The method.
    pub method: String,
    /// The path below `/api/v2/`, with the query.
    pub path: String,
    /// The status; 0 where the connection was cut.
    pub status: u16,
    /// Whether the request was carried out, though its answer may have been another.
    pub done: bool,
    /// The caller's label.
    pub caller: String,
    /// Names in the document that HCP ignores.
    pub ignored: Vec<String>,
}

impl RequestRecord {
    /// Whether it was meant to change something.
    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }
}

/// What all connections share.
pub struct Shared {
    /// The state.
    pub world: Arc<Mutex<World>>,
    /// The script of misbehaviour.
    pub script: Mutex<Script>,
    /// The gates that the script names.
    pub gates: Gates,
    /// What was asked.
    pub records: Mutex<Vec<RequestRecord>>,
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    /// Where the engines listen, `tcp://127.0.0.1:PORT`, by their targets' names.
    pub engines: Mutex<BTreeMap<String, String>>,
    /// How to get into the clusters, by their targets' names.
    pub clusters: Mutex<BTreeMap<String, ClusterAccess>>,
    /// Whether the server was stopped.
    pub stopped: Arc<AtomicBool>,
    /// Somebody changed something that an operator may have to do with.
    pub stirred: Notify,
    /// The turns of the operators.
    pub turns: Turns,
    /// Saves, if there is a directory.
    pub saver: Option<Arc<Saver>>,
    /// When the world's time was last moved by the real clock; none where it stands still.
    pub pace: Mutex<Option<Instant>>,
    window: Mutex<Window>,
    count: AtomicU64,
}

/// Requests of the current second.
#[derive(Debug)]
struct Window {
    began: Instant,
    used: u32,
}

impl Shared {
    /// For a world.
    pub fn new(world: World, origin: String, saver: Option<Arc<Saver>>, pace: Option<Instant>) -> Self {
        Self {
            world: Arc::new(Mutex::new(world)),
            script: Mutex::default(),
            gates: Gates::default(),
            records: Mutex::default(),
            origin,
            engines: Mutex::default(),
            clusters: Mutex::default(),
            stopped: Arc::default(),
            stirred: Notify::new(),
            turns: Turns::default(),
            saver,
            pace: Mutex::new(pace),
            window: Mutex::new(Window { began: Instant::now(), used: 0 }),
            count: AtomicU64::new(0),
        }
    }

    /// The world, at the present time.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = pace.as_mut() {
            let elapsed = last.elapsed();
            *last += elapsed;
            world.now = world.now.saturating_add(elapsed).unwrap_or(world.now);
        }
        world.settle();
        world
    }

    /// Takes a place in the current second, or says that there is none; and how many are left, for how long.
    fn take_place(&self, limit: u32, enforced: bool) -> (bool, u32, Duration) {
        if !enforced {
            return (true, limit.saturating_sub(1), Duration::from_secs(1));
        }
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.began.elapsed() >= Duration::from_secs(1) {
            window.began = Instant::now();
            window.used = 0;
        }
        let reset = Duration::from_secs(1).saturating_sub(window.began.elapsed());
        let taken = window.used < limit;
        window.used += u32::from(taken);
        (taken, limit - window.used, reset)
    }

    /// Remembers a request.
    pub fn record(&self, record: RequestRecord) {
        tracing::trace!(method = record.method, path = record.path, status = record.status, "answered");
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }
}

/// A request that was read.
struct Asked {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

impl Asked {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The page that is asked for.
    fn page(&self) -> u64 {
        let number = self.query.iter().find(|(name, _)| name == "page[number]");
        number.and_then(|(_, number)| number.parse().ok()).unwrap_or(1)
    }

    fn query_text(&self) -> String {
        let pairs: Vec<String> = self.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join("&")
    }

    fn recorded_path(&self) -> String {
        let query = self.query_text();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

/// Answers every request.
pub async fn serve(
    State(shared): State<Arc<Shared>>,
    Extension(ConnectInfo(scissors)): Extension<ConnectInfo<Scissors>>,
    request: Request,
) -> Response {
    if shared.stopped.load(Ordering::SeqCst) {
        scissors.cut();
        return Response::default();
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MOST_BYTES).await else {
        scissors.cut();
        return Response::default();
    };
    let path = decode(parts.uri.path());
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|Query(pairs)| pairs);
    let mut asked = Asked {
        method: parts.method.to_string(),
        path: path.clone(),
        query: query.unwrap_or_default(),
        headers: parts.headers,
        body,
    };
    match path.strip_prefix("/api/v2/") {
        Some(rest) => {
            rest.clone_into(&mut asked.path);
            api(&shared, &scissors, &asked).await
        }
        None => other(&shared, &asked).await,
    }
}

/// A path without its escapes.
pub fn decode(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte = escaped.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Who calls: a label, a kind, and what new tokens are made from.
struct Caller {
    label: String,
    kind: TokenKind,
    mint: String,
}

fn caller(world: &World, asked: &Asked) -> Option<Caller> {
    let given = asked.header("authorization").strip_prefix("Bearer ")?;
    let known = world.tokens.iter().find(|token| token.secret.is(given))?;
    Some(Caller { label: known.label.clone(), kind: known.kind, mint: minting(given) })
}

async fn other(shared: &Shared, asked: &Asked) -> Response {
    if asked.path == "/.well-known/terraform.json" {
        // Service discovery of terraform itself, and of HCP's own clients.
        let services = json!({ "tfe.v2": "/api/v2/", "tfe.v2.1": "/api/v2/", "tfe.v2.2": "/api/v2/" });
        return plain(200, "application/json", services.to_string());
    }
    if let Some(path) = asked.path.strip_prefix("/v2/") {
        let answer = shared.world().registry.answer(&asked.method, path);
        return docker::serve::plain(answer, asked.method == "HEAD");
    }
    if let Some(path) = asked.path.strip_prefix("/agent/") {
        let given = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        let body = serde_json::from_slice(&asked.body).unwrap_or_default();
        let (status, answer) = workers::answer(&mut shared.world(), given, path, &body);
        persist(shared).await;
        return plain(status, "application/json", answer.to_string());
    }
    if let Some(archive) = asked.path.strip_prefix("/charts/").and_then(charts::archive) {
        return plain(200, "application/gzip", archive);
    }
    let Some(path) = asked.path.strip_prefix("/sandbox/") else {
        return plain(404, "text/html", "<h1>404</h1>".to_owned());
    };
    let authorized = caller(&shared.world(), asked).is_some();
    if !authorized {
        return plain(401, "application/json", Problem::unauthorized().document().to_string());
    }
    let body = serde_json::from_slice(&asked.body).unwrap_or_default();
    let (status, answer) = admin::answer(shared, &asked.method, path, body);
    if asked.method != "GET" {
        // Who did something by hand is told when all that follows has happened.
        operators::turn(shared).await;
        persist(shared).await;
    }
    plain(status, "application/json", answer.to_string())
}

async fn persist(shared: &Shared) {
    if let Some(saver) = &shared.saver {
        let change = saver.changed();
        saver.on_disk(change).await;
    }
}

/// What happens around one request: faults before, the request itself, faults after.
async fn api(shared: &Shared, scissors: &Scissors, asked: &Asked) -> Response {
    let (caller, limit) = {
        let world = shared.world();
        (caller(&world, asked), world.switches.rate_limit)
    };
    let label = caller.as_ref().map_or("nobody", |caller| caller.label.as_str()).to_owned();
    let mut record = RequestRecord {
        method: asked.method.clone(),
        path: asked.recorded_path(),
        status: 0,
        done: false,
        caller: label.clone(),
        ignored: Vec::new(),
    };
    let faults = {
        let subject = Subject {
            method: &asked.method,
            path: &asked.path,
            query: &asked.query_text(),
            label: &label,
            agent: asked.header("user-agent"),
        };
        let mut script = shared.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.judge(&subject)
    };
    let place = shared.take_place(limit.per_second, limit.enforced);
    for fault in &faults {
        match fault {
            Fault::Gate(name) => shared.gates.pass(name, &format!("{} {}", record.method, record.path)).await,
            Fault::Delay(millis) => tokio::time::sleep(Duration::from_millis(*millis)).await,
            Fault::Reset => {
                scissors.cut();
                shared.record(record);
                return Response::default();
            }
            Fault::Status { code, body, headers } => {
                record.status = *code;
                shared.record(record);
                let mut response = made_up(*code, *body);
                dress(shared, limit.per_second, &place, &mut response);
                let now = shared.world().now;
                for (name, value) in headers {
                    write_header(response.headers_mut(), name, value, now);
                }
                return response;
            }
            Fault::LostAnswer
            | Fault::CutBody
            | Fault::TruncatedBody
            | Fault::Attribute { .. }
            | Fault::MovePages(_)
            | Fault::Dribble(_)
            | Fault::Padding(_)
            | Fault::UnknownWords
            | Fault::RepeatPages
            | Fault::Total(_)
            | Fault::Duplicate
            | Fault::Gzip
            | Fault::ContentType(_)
            | Fault::Http10
            | Fault::CloseIdle
            | Fault::StaleConnection => {}
        }
    }
    let outcome = if place.0 {
        perform(shared, asked, caller.as_ref(), &faults, &mut record).await
    } else {
        Err(Problem::too_many_requests())
    };
    let answer = outcome.unwrap_or_else(|problem| Answer { status: problem.status, body: Some(problem.document()) });
    record.status = answer.status;
    let (mut response, arrives) = deliver(answer, &faults, scissors, asked.page());
    if !arrives {
        record.status = 0;
    }
    shared.record(record);
    dress(shared, limit.per_second, &place, &mut response);
    response
}

/// Checks what comes before every endpoint, then does it.
async fn perform(
    shared: &Shared,
    asked: &Asked,
    caller: Option<&Caller>,
    faults: &[Fault],
    record: &mut RequestRecord,
) -> Outcome {
    let is_write = asked.method != "GET";
    let kind = asked.header("content-type").split(';').next().unwrap_or_default().trim().to_owned();
    let caller = caller.ok_or_else(Problem::unauthorized)?;
    // Required on every POST, PATCH and DELETE, even with no body (go-tfe v2, commit cf2a4e35).
    if is_write && kind != JSON_API {
        return Err(Problem::unsupported_media_type());
    }
    let body = if asked.body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&asked.body).map_err(|_| Problem::bad_request("The body is not valid JSON"))?
    };
    let turn = faults.iter().find_map(|fault| match fault {
        Fault::MovePages(by) => Some(*by),
        _ => None,
    });
    let mut query = asked.query.clone();
    if faults.contains(&Fault::RepeatPages) {
        query.retain(|(name, _)| name != "page[number]");
    }
    let call = Call {
        method: asked.method.clone(),
        path: asked.path.trim_end_matches('/').to_owned(),
        query,
        body,
        origin: shared.origin.clone(),
        label: caller.label.clone(),
        kind: caller.kind,
        mint: caller.mint.clone(),
        turn: turn.unwrap_or_default(),
        seen: std::cell::RefCell::default(),
    };
    let (outcome, change) = locked(shared, &call, is_write);
    record.done = outcome.is_ok();
    if outcome.is_ok() && is_write {
        record.ignored = call.ignored();
    }
    if is_write && !call.label.starts_with(operators::LABEL) {
        shared.stirred.notify_one();
    }
    drop(call);
    if let (Some(saver), Some(change)) = (&shared.saver, change) {
        saver.on_disk(change).await;
    }
    outcome
}

fn locked(shared: &Shared, call: &Call, is_write: bool) -> (Outcome, Option<u64>) {
    let mut world = shared.world();
    let hidden = world.switches.forbidden.iter().filter_map(|glob| pattern(glob).ok());
    if hidden.into_iter().any(|glob| glob.is_match(&call.path)) {
        return (Err(Problem::not_found()), None);
    }
    if is_write {
        // So that two writes never share an instant.
        world.now = world.now.saturating_add(Duration::from_millis(1)).unwrap_or(world.now);
    }
    let outcome = hcp::answer(&mut world, call);
    let change = shared.saver.as_ref().filter(|_| is_write).map(|saver| saver.changed());
    (outcome, change)
}

/// What every answer carries, refusals included (recorded on Terraform Enterprise, 2020).
fn dress(shared: &Shared, limit: u32, place: &(bool, u32, Duration), response: &mut Response) {
    let number = shared.count.fetch_add(1, Ordering::SeqCst);
    let digest = hex(&Sha256::digest(format!("request/{number}")));
    let id = format!("{}-{}-{}-{}-{}", &digest[..8], &digest[8..12], &digest[12..16], &digest[16..20], &digest[20..32]);
    let now = shared.world().now;
    let (_, remaining, reset) = place;
    let headers = response.headers_mut();
    insert(headers, "date", &http_date(now));
    insert(headers, "x-request-id", &id);
    insert(headers, "x-ratelimit-limit", &limit.to_string());
    insert(headers, "x-ratelimit-remaining", &remaining.to_string());
    insert(headers, "x-ratelimit-reset", &format!("{:.3}", reset.as_secs_f64()));
    insert(headers, "tfp-appname", "HCP Terraform");
    insert(headers, "tfp-api-version", "2.6");
    insert(headers, "cache-control", "max-age=0, private, must-revalidate");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded() {
        assert_eq!(decode("/a%20b/%zz%"), "/a b/%zz%");
    }
}
