//! Ctrl-C and SIGTERM: the first time no action begins any more, the second time nothing is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit::Exit;
use crate::apply::Stop;

/// What was heard from outside.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// How a run is stopped.
    pub stop: Stop,
    terminated: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> Self {
        let signals = Self::default();
        let heard = signals.clone();
        tokio::spawn(async move {
            loop {
                let terminated = next().await;
                heard.terminated.fetch_or(terminated, Ordering::SeqCst);
                if heard.stop.gently.is_cancelled() {
                    heard.stop.at_once.cancel();
                }
                heard.stop.gently.cancel();
            }
        });
        signals
    }

    /// Something was heard.
    pub fn came(&self) -> bool {
        self.stop.gently.is_cancelled()
    }

    /// How the program ends after it.
    pub fn exit(&self) -> Exit {
        if self.terminated.load(Ordering::SeqCst) { Exit::Terminated } else { Exit::Interrupted }
    }

    /// Does something that may be left at any moment, until a signal comes.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Exit> {
        tokio::select! {
            biased;
            () = self.stop.gently.cancelled() => Err(self.exit()),
            done = work => Ok(done),
        }
    }
}

/// Waits for the next signal; true for SIGTERM.
#[cfg(unix)]
async fn next() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    // Where signals cannot be listened for, none is ever heard and the system's own way holds.
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => false,
        _ = terminate.recv() => true,
    }
}

#[cfg(not(unix))]
async fn next() -> bool {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    false
}
