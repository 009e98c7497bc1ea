//! Connections that are kept for the next request, and what happens once one of them turns out to be dead.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, ClientBuilder};

/// For how long idle connections are kept. After a dead one, none is used for as long as another dead one may be left.
const IDLE: Duration = Duration::from_secs(90);

/// The clients. After a nap of this machine, or behind a router that forgot us, all idle connections are dead and none of
/// them says so; trying them one after the other would use up every attempt.
pub(super) struct Pool {
    /// Keeps its connections.
    kept: Client,
    /// Makes one for each request.
    single: Client,
    wary_until: Mutex<Option<Instant>>,
}

impl Pool {
    pub(super) fn new(builder: impl Fn() -> ClientBuilder) -> reqwest::Result<Self> {
        Ok(Self {
            kept: builder().pool_idle_timeout(IDLE).build()?,
            single: builder().pool_max_idle_per_host(0).build()?,
            wary_until: Mutex::default(),
        })
    }

    pub(super) fn client(&self) -> &Client {
        let until = *self.wary_until.lock().unwrap_or_else(PoisonError::into_inner);
        match until {
            Some(until) if until > Instant::now() => &self.single,
            Some(_) | None => &self.kept,
        }
    }

    /// A connection broke.
    pub(super) fn distrust(&self) {
        *self.wary_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + IDLE);
    }
}
