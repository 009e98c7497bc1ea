//! Ctrl-C, SIGTERM and SIGHUP: the first time no action begins any more, the second time nothing is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::exit::Exit;
use crate::apply::Stop;

/// What was heard from outside.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// How a run is stopped.
    pub stop: Stop,
    /// The weightiest [`Heard`] so far.
    heard: Arc<AtomicU8>,
}

/// A signal; where several came, the last of these says how the program ends.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
enum Heard {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt = 1,
    /// SIGHUP, as it comes when the terminal goes away.
    HangUp = 2,
    /// SIGTERM.
    Terminate = 3,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> Self {
        let signals = Self::default();
        let here = signals.clone();
        let Some(mut ears) = Ears::new() else {
            // Where signals cannot be listened for, none is ever heard and the system's own way holds.
            return signals;
        };
        tokio::spawn(async move {
            loop {
                let heard = ears.next().await;
                here.heard.fetch_max(heard as u8, Ordering::SeqCst);
                if here.stop.gently.is_cancelled() {
                    here.stop.at_once.cancel();
                }
                here.stop.gently.cancel();
            }
        });
        signals
    }

    /// Something was heard.
    pub fn came(&self) -> bool {
        self.stop.gently.is_cancelled()
    }

    /// The terminal went away.
    pub fn hung_up(&self) -> bool {
        self.exit() == Exit::HungUp
    }

    /// How the program ends after it.
    pub fn exit(&self) -> Exit {
        match self.heard.load(Ordering::SeqCst) {
            heard if heard == Heard::Terminate as u8 => Exit::Terminated,
            heard if heard == Heard::HangUp as u8 => Exit::HungUp,
            _ => Exit::Interrupted,
        }
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

/// What signals are heard with: made once, so that none is lost between two.
#[cfg(unix)]
struct Ears {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Ears {
    fn new() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // Looked at first: who listens takes the place of who ignores.
        let hang_up = if ignores_hang_up() { None } else { signal(SignalKind::hangup()).ok() };
        Some(Self {
            interrupt: signal(SignalKind::interrupt()).ok()?,
            terminate: signal(SignalKind::terminate()).ok()?,
            hang_up,
        })
    }

    async fn next(&mut self) -> Heard {
        let Self { interrupt, terminate, hang_up } = self;
        let hung_up = async {
            match hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => Heard::Interrupt,
            _ = terminate.recv() => Heard::Terminate,
            _ = hung_up => Heard::HangUp,
        }
    }
}

/// Whoever starts a program with `nohup` wants it to outlive the terminal. Only Linux lets it be seen without unsafe code.
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return false;
    };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The lowest bit is signal 1, which is SIGHUP.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
struct Ears;

#[cfg(not(unix))]
impl Ears {
    fn new() -> Option<Self> {
        Some(Self)
    }

    async fn next(&mut self) -> Heard {
        if tokio::signal::ctrl_c().await.is_err() {
            return std::future::pending().await;
        }
        Heard::Interrupt
    }
}
