//! One request and its answer: times, repetitions, limits, counting, and what may be told of it.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::connect::Connection;
use crate::http::{Policy, Unanswered, WAITING, tells};
use crate::systems::kube::failure::{self, Again, Failure, FailureKind};

/// Plain objects.
pub(super) const JSON: &str = "application/json";
/// An object without its content.
pub(super) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// Objects without their content.
pub(super) const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// One request.
pub(super) struct Ask {
    pub(super) method: http::Method,
    /// Without a slash before it.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) accept: &'static str,
    /// A kind of content, and the content.
    pub(super) body: Option<(&'static str, Vec<u8>)>,
    /// `listing agentpools.app.terraform.io in hcp-agents`
    pub(super) doing: String,
    /// Sent twice, it comes to the same as sent once.
    pub(super) repeats: bool,
    /// What has to be granted for it, as rules of a role say it.
    pub(super) grant: String,
    /// Nothing of the server's words is told: a Secret was sent along, or may come back.
    pub(super) discreet: bool,
    /// The values that were sent along.
    pub(super) secrets: Vec<Zeroizing<String>>,
}

impl Ask {
    /// Reads.
    pub(super) fn get(path: String, doing: String) -> Self {
        Self {
            method: http::Method::GET,
            path,
            query: Vec::new(),
            accept: JSON,
            body: None,
            doing,
            repeats: true,
            grant: String::new(),
            discreet: false,
            secrets: Vec::new(),
        }
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ask({} {})", self.method, self.path)
    }
}

/// An answer that is none of a refusal.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) status: u16,
    pub(super) audit_id: Option<String>,
}

/// An answer that is a refusal.
#[derive(Debug)]
pub(super) struct Refused<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
    pub(super) audit_id: Option<String>,
    pub(super) pause: Option<Duration>,
    /// Which credential was sent along.
    pub(super) generation: u64,
}

/// What carries requests to one cluster.
pub(super) struct Line {
    connection: Connection,
    policy: Policy,
    slots: Semaphore,
    /// Until when the server asked to be left alone.
    hold: Mutex<Option<Instant>>,
    sent: AtomicU32,
    writes: Unanswered,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Line {
    pub(super) fn new(connection: Connection, policy: &Policy) -> Self {
        Self {
            connection,
            policy: policy.clone(),
            slots: Semaphore::new(policy.in_flight),
            hold: Mutex::new(None),
            sent: AtomicU32::new(0),
            writes: Unanswered::default(),
        }
    }

    pub(super) fn address(&self) -> &str {
        self.connection.address()
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn requests(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn in_flight(&self) -> Vec<String> {
        self.writes.list()
    }

    /// Sends a write, which is on the list of those without an answer until it has one.
    pub(super) async fn write(&self, ask: &Ask) -> Result<Answer, Failure> {
        let entry = self.writes.open(format!("{} {} ({})", ask.method, ask.path, self.address()));
        let result = self.send(ask).await;
        entry.close();
        result
    }

    /// Sends a request, again where that does no harm, and reads the answer.
    pub(super) async fn send(&self, ask: &Ask) -> Result<Answer, Failure> {
        let policy = &self.policy;
        let pauses = ExponentialBuilder::default()
            .with_min_delay(policy.shortest_pause)
            .with_max_delay(policy.longest_pause)
            .with_max_times(policy.attempts + policy.limited_attempts)
            .with_jitter();
        let (mut tries, mut limited, mut unheard, mut renewed) = (0, 0, false, false);
        let begun = Instant::now();
        let worth = |failure: &Failure| match failure.again {
            Again::Never => false,
            // Once: a new credential that is not good either will not become so.
            Again::Renewed => !std::mem::replace(&mut renewed, true),
            Again::Slower(_) => {
                limited += 1;
                limited < policy.limited_attempts && begun.elapsed() < policy.limited_for
            }
            Again::Maybe | Again::Untouched => {
                tries += 1;
                unheard |= failure.unheard;
                tries < policy.attempts && (failure.again == Again::Untouched || ask.repeats)
            }
        };
        let result = (|| self.attempt(ask))
            .retry(pauses)
            .when(worth)
            .adjust(|failure, planned| match failure.again {
                // Everybody is held back already; no need to pause twice.
                Again::Slower(Some(_)) | Again::Renewed => Some(Duration::ZERO),
                Again::Slower(None) | Again::Maybe | Again::Untouched | Again::Never => planned,
            })
            .notify(|failure: &Failure, pause| {
                if pause >= WORTH_TELLING {
                    let seconds = pause.as_secs_f64();
                    tracing::info!(target: WAITING, "{failure}: asking again in {seconds:.1} s");
                }
            })
            .await;
        result.map_err(|failure| Failure { unheard: (failure.unheard || unheard) && ask.writes(), ..failure })
    }

    async fn attempt(&self, ask: &Ask) -> Result<Answer, Failure> {
        // The semaphore is never closed; without a slot the request would only be sent a little early.
        let _slot = self.slots.acquire().await.ok();
        while let Some(until) = self.held_until() {
            tokio::time::sleep_until(until).await;
        }
        let limit = self.policy.request_timeout;
        if let Ok(result) = tokio::time::timeout(limit, self.exchange(ask)).await {
            return result;
        }
        self.connection.distrust().await;
        Err(self.too_slow(ask, limit))
    }

    fn too_slow(&self, ask: &Ask, limit: Duration) -> Failure {
        let failure = Failure::of(
            FailureKind::Unreachable,
            self.address(),
            &ask.doing,
            format!("no answer within {limit:?}"),
            "look whether the cluster is overloaded, and at the network or VPN that leads there",
        );
        Failure { again: Again::Maybe, unheard: true, ..failure }
    }

    async fn exchange(&self, ask: &Ask) -> Result<Answer, Failure> {
        let (response, generation) = self.open(ask).await?;
        let status = response.status().as_u16();
        let audit_id = audit_id(response.headers());
        let pause = pause(response.headers());
        let body = self.body(ask, response).await?;
        if (200..300).contains(&status) {
            return Ok(Answer { body, status, audit_id });
        }
        let refused = Refused { status, body: &body, audit_id, pause, generation };
        Err(self.refused(ask, refused).await)
    }

    /// Sends a request, and waits for the head of its answer; with it comes which credential was sent along.
    pub(super) async fn open(&self, ask: &Ask) -> Result<(Response<Body>, u64), Failure> {
        let (request, generation) = self.request(ask).await?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let answer = self.connection.send(request).await;
        let status = answer.as_ref().ok().map(|response| response.status().as_u16());
        let audit_id = answer.as_ref().ok().and_then(|response| audit_id(response.headers()));
        let millis = started.elapsed().as_millis();
        tracing::debug!(method = %ask.method, path = ask.path, status, millis, audit_id, "asked");
        match answer {
            Ok(response) => Ok((response, generation)),
            Err(error) => {
                let failure = Failure::broken(self.address(), &ask.doing, failure::reason_of(&error));
                if failure.unheard {
                    self.connection.distrust().await;
                }
                Err(failure)
            }
        }
    }

    async fn request(&self, ask: &Ask) -> Result<(Request<Body>, u64), Failure> {
        let ours = |error: &dyn fmt::Display| Failure::ours(self.address(), &ask.doing, error.to_string());
        // The connection puts the address before it.
        let mut url = reqwest::Url::parse("http://cluster.invalid").map_err(|error| ours(&error))?;
        url.set_path(&ask.path);
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&ask.query);
        }
        let mut request = Request::builder().method(ask.method.clone()).uri(url.as_str()).header(ACCEPT, ask.accept);
        let body = match &ask.body {
            Some((kind, body)) => {
                request = request.header(CONTENT_TYPE, *kind);
                Body::from(body.clone())
            }
            None => Body::empty(),
        };
        let mut request = request.body(body).map_err(|error| ours(&error))?;
        let generation = self.connection.authorize(request.headers_mut(), &ask.doing).await?;
        Ok((request, generation))
    }

    /// Reads an answer to its end, or to where it gets too large.
    async fn body(&self, ask: &Ask, response: Response<Body>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let limit = self.policy.body_limit;
        let mut stream = response.into_body();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(frame) = stream.frame().await {
            let frame = frame.map_err(|error| Failure {
                unheard: true,
                again: Again::Maybe,
                ..Failure::broken(self.address(), &ask.doing, failure::reason_of(&error))
            })?;
            let Some(chunk) = frame.data_ref() else { continue };
            if body.len() + chunk.len() > limit {
                return Err(Failure {
                    unheard: true,
                    ..Failure::of(
                        FailureKind::Unexpected,
                        self.address(),
                        &ask.doing,
                        format!("the answer is larger than {} MiB", limit >> 20),
                        "look whether what answers there is the cluster's API",
                    )
                });
            }
            body.extend_from_slice(chunk);
        }
        Ok(body)
    }

    /// What a refusal means.
    pub(super) async fn refused(&self, ask: &Ask, refused: Refused<'_>) -> Failure {
        let Refused { status, body, audit_id, pause, generation } = refused;
        let refusal = failure::read(status, body, &ask.secrets, ask.discreet);
        let pause =
            pause.or(refusal.retry_after.map(Duration::from_secs)).map(|pause| pause.min(self.policy.longest_hold));
        let again = match status {
            401 if self.connection.renew(generation).await => Again::Renewed,
            429 => Again::Slower(pause),
            503 if pause.is_some() => Again::Slower(pause),
            500 if refusal.kind != FailureKind::Unexpected => Again::Never,
            408 | 425 | 500.. => Again::Maybe,
            _ => Again::Never,
        };
        if let Again::Slower(Some(pause)) = again {
            self.hold(pause);
        }
        let unserved = status == 404 && refusal.about.is_none();
        let audit_id = audit_id.filter(|id| !ask.secrets.iter().any(|secret| tells(id, secret.as_bytes())));
        let hint = self.remedy(ask, &refusal.kind, unserved);
        Failure {
            status: Some(status),
            audit_id,
            again,
            unserved,
            foreign: !refusal.is_status,
            unheard: again == Again::Maybe,
            ..Failure::of(refusal.kind, self.address(), &ask.doing, refusal.text, hint)
        }
    }

    fn remedy(&self, ask: &Ask, kind: &FailureKind, unserved: bool) -> String {
        match kind {
            FailureKind::Unauthorized => self.connection.remedy(),
            FailureKind::Denied if !ask.grant.is_empty() => format!("grant it with a rule of a role: {}", ask.grant),
            FailureKind::Denied => "grant it to the user of the context".to_owned(),
            FailureKind::NotFound if unserved => {
                "the cluster does not know that kind: its definition is not installed, or in another version".to_owned()
            }
            FailureKind::NotFound => "run it again: the next plan looks at what is there".to_owned(),
            FailureKind::Conflict { causes } if !causes.is_empty() => {
                "let the other manager give these fields up, or leave them out of the spec".to_owned()
            }
            FailureKind::Conflict { .. } | FailureKind::AlreadyExists | FailureKind::Gone => {
                "run it again: somebody else was faster".to_owned()
            }
            FailureKind::Invalid { .. } => {
                "the server's words say which value it refuses; change that in the spec".to_owned()
            }
            FailureKind::Limited => "something asks this cluster a lot: wait a minute, and run it again".to_owned(),
            FailureKind::Unreachable | FailureKind::Unexpected => {
                "run it again; if it stays so, look at the API server's log".to_owned()
            }
        }
    }

    /// Holds everybody back.
    fn hold(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        *hold = (*hold).max(Some(until));
    }

    fn held_until(&self) -> Option<Instant> {
        let hold = *self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.filter(|until| *until > Instant::now())
    }
}

impl Ask {
    fn writes(&self) -> bool {
        self.method != http::Method::GET
    }
}

/// Shorter waits are not told: nobody wonders about them.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// What the server's audit log calls a request ("Audit-ID" in "Auditing" of Kubernetes' documentation).
fn audit_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("audit-id").and_then(|value| value.to_str().ok())?;
    let fits = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits.then(|| id.to_owned())
}

/// How long the server asks to be left alone. The API sends seconds.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER).map(HeaderValue::to_str)?.ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
