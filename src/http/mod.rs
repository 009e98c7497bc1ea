//! The one way in which this program speaks HTTP: timeouts, retries, rate limits, redaction and request ids.

mod discreet;
mod failure;
mod in_flight;
mod limits;
mod patience;
mod policy;
mod pool;

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable as _};
use data_encoding::HEXLOWER_PERMISSIVE;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{StatusCode, Url};
use serde::Serialize;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

pub(crate) use self::discreet::tells;
use self::failure::Again;
pub(crate) use self::failure::plain;
pub use self::failure::{Failure, Kind};
pub(crate) use self::in_flight::Unanswered;
use self::limits::Said;
use self::patience::Patience;
pub use self::patience::WAITING;
pub use self::policy::Policy;
use self::pool::Pool;
use crate::error::Error;
use crate::secret::{self, Secret};

/// What JSON:API is sent and asked for as. HCP answers 415 to a write without it, even one that has no body.
const JSON_API: &str = "application/vnd.api+json";

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes, or does.
    Post,
    /// Changes in place.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// Sent twice, it comes to the same as sent once.
    fn repeats(self) -> bool {
        match self {
            Self::Get | Self::Patch | Self::Delete => true,
            Self::Post => false,
        }
    }

    fn writes(self) -> bool {
        self != Self::Get
    }

    fn wire(self) -> reqwest::Method {
        match self {
            Self::Get => reqwest::Method::GET,
            Self::Post => reqwest::Method::POST,
            Self::Patch => reqwest::Method::PATCH,
            Self::Delete => reqwest::Method::DELETE,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        })
    }
}

/// A path below the API's root, every segment escaped.
#[must_use]
pub fn path(segments: &[&str]) -> String {
    let mut path = String::new();
    for segment in segments {
        if !path.is_empty() {
            path.push('/');
        }
        for byte in segment.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                path.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = fmt::Write::write_fmt(&mut path, format_args!("%{byte:02X}"));
            }
        }
    }
    path
}

/// A part of a path as it was before [`path`] escaped it.
#[must_use]
pub fn unescaped(part: &str) -> String {
    String::from_utf8_lossy(&unescaped_bytes(part.as_bytes())).into_owned()
}

fn unescaped_bytes(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%');
        if let Some(byte) = digits.and_then(|digits| HEXLOWER_PERMISSIVE.decode(digits).ok()) {
            plain.extend(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            plain.push(*first);
            rest = after;
        }
    }
    plain
}

/// A body to send. It may hold a secret, so it cannot be printed and is wiped when it goes.
pub struct Body {
    bytes: Zeroizing<Vec<u8>>,
    secret: bool,
}

impl Body {
    /// The body that this serialises to. A secret in it is noticed, see [`Carried`](crate::secret::Carried).
    #[must_use]
    pub fn of(document: &impl Serialize) -> Self {
        let mut bytes = Zeroizing::new(Vec::new());
        // Documents are maps with texts as keys: serialising them cannot fail.
        let (_, secret) = secret::noticed(|| serde_json::to_writer(&mut *bytes, document));
        Self { bytes, secret }
    }

    /// What is sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A secret is in it.
    #[must_use]
    pub fn carries_secret(&self) -> bool {
        self.secret
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(..)")
    }
}

/// One request.
#[derive(Debug)]
pub struct Call<'a> {
    /// What is asked.
    pub method: Method,
    /// Of what: see [`path`].
    pub path: &'a str,
    /// With what query; it is in no message.
    pub query: &'a [(&'a str, &'a str)],
    /// With what body.
    pub body: Option<&'a Body>,
}

impl Call<'_> {
    /// Its answer may repeat a secret.
    fn carries_secret(&self) -> bool {
        self.body.is_some_and(Body::carries_secret)
    }
}

/// What came of a request, and what the server calls it.
#[derive(Debug)]
pub struct Heard<T> {
    /// What was read.
    pub value: T,
    /// What to tell who asks at the server's.
    pub request_id: Option<String>,
}

/// Where to connect, and as whom.
#[derive(Debug)]
pub struct Endpoint<'a> {
    /// `https://app.terraform.io`
    pub address: &'a str,
    /// The token that is sent along.
    pub token: &'a Secret,
    /// Certificates in PEM of authorities that are trusted beside the system's.
    pub ca: Option<&'a [u8]>,
    /// Any host but this machine is an error.
    pub loopback_only: bool,
}

/// A client of one API.
pub struct Transport {
    pool: Pool,
    root: String,
    policy: Policy,
    /// To see whether an answer repeats it.
    token: Zeroizing<Vec<u8>>,
    limiter: DefaultDirectRateLimiter,
    slots: Semaphore,
    under_way: AtomicUsize,
    hold: Mutex<Option<Instant>>,
    patience: Patience,
    sent: AtomicU32,
    first_date: OnceLock<Timestamp>,
    writes: Unanswered,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Transport {
    /// A client of the API below `/api/v2` at an address.
    ///
    /// # Errors
    /// When the address, the token or the certificates cannot be used.
    pub fn new(endpoint: &Endpoint<'_>, policy: &Policy) -> Result<Self, Error> {
        let Endpoint { address, token, ca, loopback_only } = endpoint;
        let origin = origin(address, *loopback_only)?;
        // A second installation, as by another client of this process, changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let doing = || Error::new(format!("preparing to connect to {origin}"));
        let authorities = ca.map(reqwest::Certificate::from_pem_bundle).transpose().map_err(|error| {
            doing().because(error).hint("the CA must be a file of certificates in PEM (-----BEGIN CERTIFICATE-----)")
        })?;
        let headers = headers(token)?;
        let build = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("reconcile/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(policy.connect_timeout)
                .timeout(policy.request_timeout)
                .redirect(reqwest::redirect::Policy::none())
                .default_headers(headers.clone());
            match &authorities {
                // No proxy leads elsewhere, and nothing here speaks TLS.
                _ if *loopback_only => builder.no_proxy().tls_certs_only([]),
                Some(authorities) => builder.tls_certs_merge(authorities.clone()),
                None => builder,
            }
        };
        let pool = Pool::new(build).map_err(|error| {
            doing().because(Cause(root_cause(&error))).hint("check the CA, the system's certificates and HTTPS_PROXY")
        })?;
        Ok(Self {
            pool,
            root: format!("{origin}/api/v2"),
            token: Zeroizing::new(token.expose().as_bytes().to_vec()),
            limiter: RateLimiter::direct(quota(policy)),
            slots: Semaphore::new(policy.in_flight),
            under_way: AtomicUsize::new(0),
            hold: Mutex::new(None),
            patience: Patience::default(),
            sent: AtomicU32::new(0),
            first_date: OnceLock::new(),
            writes: Unanswered::default(),
            policy: policy.clone(),
        })
    }

    /// The limits that it keeps to.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Requests that were sent, repetitions included.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The server's clock in its first answer.
    #[must_use]
    pub fn first_date(&self) -> Option<Timestamp> {
        self.first_date.get().copied()
    }

    /// Writes whose answer is not known: under way, or given up.
    #[must_use]
    pub fn in_flight(&self) -> Vec<String> {
        self.writes.list()
    }

    /// Sends a request, again where that does no harm, and reads the answer.
    ///
    /// # Errors
    /// When it came to nothing, or its answer cannot be read.
    pub async fn send<T>(
        &self,
        call: &Call<'_>,
        read: impl Fn(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Result<Heard<T>, Failure> {
        let entry = call.method.writes().then(|| self.writes.open(format!("{} {}", call.method, call.path)));
        let result = self.repeat(call, &read).await;
        if let Some(entry) = entry {
            entry.close();
        }
        result
    }

    async fn repeat<T>(
        &self,
        call: &Call<'_>,
        read: &impl Fn(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Result<Heard<T>, Failure> {
        let policy = &self.policy;
        let pauses = ExponentialBuilder::default()
            .with_min_delay(policy.shortest_pause)
            .with_max_delay(policy.longest_pause)
            .with_max_times(policy.attempts + policy.limited_attempts)
            .with_jitter();
        let (mut tries, mut limited, mut unheard) = (0, 0, false);
        let worth = |failure: &Failure| match failure.again {
            Again::Never => false,
            Again::Slower(_) => {
                limited += 1;
                limited < policy.limited_attempts && !self.patience.is_over(policy.limited_for)
            }
            Again::Maybe | Again::Untouched => {
                tries += 1;
                unheard |= failure.unheard;
                tries < policy.attempts && (failure.again == Again::Untouched || call.method.repeats())
            }
        };
        let result = (|| self.attempt(call, read))
            .retry(pauses)
            .when(worth)
            .adjust(|failure, planned| match failure.again {
                // Everybody is held back already; no need to pause twice.
                Again::Slower(Some(_)) => Some(Duration::ZERO),
                Again::Slower(None) | Again::Maybe | Again::Untouched | Again::Never => planned,
            })
            .notify(|failure: &Failure, pause| match failure.again {
                // That everybody is held back was told.
                Again::Slower(Some(_)) => {}
                Again::Slower(None) | Again::Maybe | Again::Untouched | Again::Never => {
                    self.patience.tell_again(failure, pause);
                }
            })
            .await;
        result.map_err(|failure| Failure { unheard: failure.unheard || unheard, ..self.exhausted(failure) })
    }

    /// The last of many refusals says for how long there was nothing else.
    fn exhausted(&self, failure: Failure) -> Failure {
        let longest = self.policy.limited_for;
        let refused = matches!(failure.again, Again::Slower(_)) && self.patience.is_over(longest);
        if !refused {
            return failure;
        }
        let message = format!("{}; nothing else came for over {}", failure.message, patience::words(longest));
        Failure { message, ..failure }
    }

    async fn attempt<T>(
        &self,
        call: &Call<'_>,
        read: &impl Fn(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Result<Heard<T>, Failure> {
        // The semaphore is never closed; without a slot the request would only be sent a little early.
        let _slot = self.slots.acquire().await.ok();
        self.wait_for_turn(call).await?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let _under_way = UnderWay::begin(&self.under_way);
        let started = Instant::now();
        let answer = self.exchange(call).await;
        let result = answer.and_then(|answer| answer.read(call, &self.token, read));
        let (status, request_id) = match &result {
            Ok((_, status, id)) => (Some(*status), id.as_deref()),
            Err(failure) => (failure.status, failure.request_id()),
        };
        let millis = started.elapsed().as_millis();
        let (method, path) = (call.method, call.path);
        tracing::debug!(%method, path, status, millis, request_id, "asked");
        result.map(|(value, _, request_id)| Heard { value, request_id })
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let fail = |kind, message: String| Failure::of(call.method, call.path, kind, message);
        let mut url = Url::parse(&format!("{}/{}", self.root, call.path))
            .map_err(|error| fail(Kind::Invalid, error.to_string()))?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = self.pool.client().request(call.method.wire(), url);
        if let Some(body) = call.body {
            request = request.body(body.bytes.to_vec());
        }
        let mut response = request.send().await.map_err(|error| self.broken(call, &error))?;
        let status = response.status();
        let said = Said::of(response.headers());
        if let Some(date) = said.date {
            // Only the first one is kept.
            let _ = self.first_date.set(date);
        }
        let request_id = text(response.headers(), "x-request-id").and_then(|id| match call.body {
            Some(body) if body.carries_secret() => discreet::request_id(id, body.bytes()),
            Some(_) | None => Some(id),
        });
        self.heed(call, status, &said, request_id.as_deref());
        let location = text(response.headers(), LOCATION.as_str());
        let limit = self.policy.body_limit;
        let too_large = || Failure {
            status: Some(status.as_u16()),
            request_id: request_id.clone(),
            unheard: call.method.writes(),
            ..fail(Kind::Unexpected, format!("the answer is larger than {} MiB", limit >> 20))
        };
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let mut body = Zeroizing::new(Vec::new());
        loop {
            let chunk = response.chunk().await.map_err(|error| Failure {
                status: Some(status.as_u16()),
                request_id: request_id.clone(),
                ..self.broken(call, &error)
            })?;
            let Some(chunk) = chunk else { break };
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, said, request_id, location, body })
    }

    /// A request without an answer to its end.
    fn broken(&self, call: &Call<'_>, error: &reqwest::Error) -> Failure {
        let cause = root_cause(error);
        if !error.is_connect() {
            self.pool.distrust();
        }
        let (message, again) = if error.is_connect() {
            (format!("cannot connect: {cause}"), Again::Untouched)
        } else if error.is_timeout() {
            let limit = self.policy.request_timeout;
            (format!("no answer within {limit:?}"), Again::Maybe)
        } else {
            (format!("the connection broke: {cause}"), Again::Maybe)
        };
        Failure {
            again,
            discreet: call.carries_secret(),
            unheard: again == Again::Maybe && call.method.writes(),
            ..Failure::of(call.method, call.path, Kind::Unreachable, message)
        }
    }

    /// Holds everybody back when the server says that it is too much, or is about to.
    fn heed(&self, call: &Call<'_>, status: StatusCode, said: &Said, request_id: Option<&str>) {
        let overdone = status == StatusCode::TOO_MANY_REQUESTS
            || (status == StatusCode::SERVICE_UNAVAILABLE && said.retry_after.is_some());
        if overdone {
            self.patience.tax();
        } else {
            self.patience.restore();
        }
        let others = self.under_way.load(Ordering::Relaxed).saturating_sub(1);
        let used_up = said.remaining.is_some_and(|left| left <= u64::try_from(others).unwrap_or(u64::MAX));
        let pause = match (overdone, used_up) {
            (true, _) => said.pause().unwrap_or(self.policy.shortest_pause),
            (false, true) => said.reset.unwrap_or_default(),
            (false, false) => return,
        };
        let pause = pause.min(self.policy.longest_hold);
        let (now, mut hold) = (Instant::now(), self.hold.lock().unwrap_or_else(PoisonError::into_inner));
        // One that comes during a wait makes it longer and is no other one.
        let begins = hold.is_none_or(|until| until <= now);
        *hold = (*hold).max(Some(now + pause));
        drop(hold);
        if begins {
            patience::tell_hold(pause, status.as_u16(), &format!("{} {}", call.method, call.path), request_id);
        }
    }

    /// Waits until the server lets us, and then for a place under our own limit: whoever was held back goes on one after
    /// the other, not all at the same moment.
    async fn wait_for_turn(&self, call: &Call<'_>) -> Result<(), Failure> {
        loop {
            while let Some(until) = self.held_until() {
                let longest = self.policy.limited_for;
                if self.patience.is_over(longest) {
                    let longest = patience::words(longest);
                    let message = format!("not sent: the server has done nothing but ask to wait for over {longest}");
                    return Err(Failure::of(call.method, call.path, Kind::Limited, message));
                }
                tokio::time::sleep_until(until.into()).await;
            }
            self.limiter.until_ready().await;
            if self.held_until().is_none() {
                return Ok(());
            }
        }
    }

    fn held_until(&self) -> Option<Instant> {
        let hold = *self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.filter(|until| *until > Instant::now())
    }
}

/// An answer that arrived whole.
struct Answer {
    status: StatusCode,
    said: Said,
    request_id: Option<String>,
    location: Option<String>,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    fn read<T>(
        self,
        call: &Call<'_>,
        token: &[u8],
        read: &impl Fn(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Result<(T, u16, Option<String>), Failure> {
        let status = self.status.as_u16();
        let page = failure::is_page(&self.body);
        let quoted = || (page || !self.status.is_success()) && discreet::quotes(&self.body, token);
        let discreet = call.carries_secret() || quoted();
        let fail = |kind, message: String, again, unheard| Failure {
            status: Some(status),
            request_id: self.request_id.clone(),
            again,
            unheard: unheard && call.method.writes(),
            discreet,
            ..Failure::of(call.method, call.path, kind, message)
        };
        if self.status.is_success() {
            if page {
                let message = if discreet { discreet::PAGE.to_owned() } else { failure::page(&self.body) };
                return Err(fail(Kind::Unexpected, message, Again::Never, true));
            }
            // Only a 204 has nothing to say; another success without a word is one that broke off.
            if self.body.is_empty() && self.status != StatusCode::NO_CONTENT {
                let message = "the answer ends in the middle".to_owned();
                return Err(fail(Kind::Unexpected, message, Again::Maybe, true));
            }
            return match read(&self.body) {
                Ok(value) => Ok((value, status, self.request_id)),
                Err(error) => Err(fail(Kind::Unexpected, unreadable(&error, &self.body), Again::Maybe, true)),
            };
        }
        if self.status.is_redirection() {
            let message = if discreet { discreet::REDIRECT.to_owned() } else { self.sent_on() };
            return Err(fail(Kind::Unexpected, message, Again::Never, false));
        }
        let (kind, again) = match status {
            401 | 403 => (Kind::Denied, Again::Never),
            404 if page => (Kind::Unexpected, Again::Never),
            404 | 410 => (Kind::NotFound, Again::Never),
            409 => (Kind::Conflict, Again::Never),
            429 => (Kind::Limited, Again::Slower(self.said.pause())),
            408 | 425 | 500.. => (Kind::Unexpected, Again::Maybe),
            _ => (Kind::Invalid, Again::Never),
        };
        let message = match (discreet, page) {
            (true, true) => discreet::PAGE.to_owned(),
            (true, false) => discreet::said(status, &self.body),
            (false, _) => failure::said(status, &self.body),
        };
        Err(fail(kind, message, again, again == Again::Maybe))
    }

    fn sent_on(&self) -> String {
        let to = self.location.as_deref().and_then(|to| Url::parse(to).ok());
        let host = to.as_ref().and_then(Url::host_str).unwrap_or("another path");
        format!("the server sends us on to {host}, which is not followed")
    }
}

/// How everything begins that gzip compressed (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why a body cannot be read. What the reader says would quote the body, which may hold a secret.
fn unreadable(error: &serde_json::Error, body: &[u8]) -> String {
    use serde_json::error::Category;
    // A body that is no JSON at all may show first as one of another form.
    let worse = serde_json::from_slice::<serde::de::IgnoredAny>(body).err();
    let error = worse.as_ref().unwrap_or(error);
    let (line, column) = (error.line(), error.column());
    if body.starts_with(&GZIP) {
        return "the answer is compressed, which was not asked for".to_owned();
    }
    match error.classify() {
        Category::Eof => "the answer ends in the middle".to_owned(),
        Category::Syntax => format!("the answer is no JSON (line {line}, column {column})"),
        Category::Data => format!("the answer has another form than documented (line {line}, column {column})"),
        Category::Io => "the answer could not be read".to_owned(),
    }
}

/// Counts a request for as long as it is under way, however it ends.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A cause that is only a text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

fn origin(address: &str, loopback_only: bool) -> Result<String, Error> {
    let refuse = |cause: &str, hint: &str| {
        Err(Error::new(format!("using the address {}", crate::access::shown(address)))
            .because(Cause(cause.to_owned()))
            .hint(hint))
    };
    let example = "an address looks like https://app.terraform.io";
    let trimmed = address.trim_end_matches('/');
    let trimmed = trimmed.strip_suffix("/api/v2").unwrap_or(trimmed);
    let Ok(url) = Url::parse(trimmed) else {
        return refuse("it is no URL", example);
    };
    let Some(host) = url.host_str() else {
        return refuse("it names no host", example);
    };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return refuse("it holds more than a scheme, a host and a path", example);
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "http" | "https" if loopback_only && !loopback => {
            refuse("only this machine may be asked here", "without --sandbox, live systems are used")
        }
        "https" => Ok(trimmed.to_owned()),
        "http" if loopback => Ok(trimmed.to_owned()),
        "http" => refuse("the token would cross the network in clear", "use https://"),
        _ => refuse("it is neither http nor https", example),
    }
}

fn headers(token: &Secret) -> Result<HeaderMap, Error> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
        Error::new("using the API token")
            .because(Cause("it holds characters that no token has".to_owned()))
            .hint("check the place that it is read from: a line break or a second line may be part of it")
    })?;
    bearer.set_sensitive(true);
    let json_api = HeaderValue::from_static(JSON_API);
    Ok([(AUTHORIZATION, bearer), (CONTENT_TYPE, json_api.clone()), (ACCEPT, json_api)].into_iter().collect())
}

fn quota(policy: &Policy) -> Quota {
    let positive = |number: u32| std::num::NonZeroU32::new(number).unwrap_or(std::num::NonZeroU32::MIN);
    Quota::per_second(positive(policy.per_second)).allow_burst(positive(policy.burst))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    (!text.is_empty()).then_some(text)
}

/// The innermost cause: what went wrong, without the address, which may hold more than it should.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;
