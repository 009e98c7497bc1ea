//! For how long a server that gives no answer of use is asked again, and what is said of it meanwhile.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Failure;

/// The target of messages that say what is being waited for: a person in front of a terminal sees them whatever the level.
pub const WAITING: &str = "reconcile::waiting";

/// Shorter waits are not told: nobody wonders about them.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Many requests at once come to nothing for the same cause, so that one of them tells it for all.
const SELDOM: Duration = Duration::from_secs(10);

/// What is known of a server's good will.
#[derive(Debug, Default)]
pub(super) struct Patience(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Since when it has only asked to be left alone.
    since: Option<Instant>,
    /// When that something is sent again was told last.
    told: Option<Instant>,
}

impl Patience {
    /// It answered.
    pub(super) fn restore(&self) {
        self.state().since = None;
    }

    /// It asked to be left alone.
    pub(super) fn tax(&self) {
        self.state().since.get_or_insert_with(Instant::now);
    }

    /// It has asked for nothing else for this long.
    pub(super) fn is_over(&self, longest: Duration) -> bool {
        self.state().since.is_some_and(|since| since.elapsed() >= longest)
    }

    /// Tells that a request is sent again.
    pub(super) fn tell_again(&self, failure: &Failure, pause: Duration) {
        let now = Instant::now();
        let mut state = self.state();
        if state.told.is_some_and(|told| now.duration_since(told) < SELDOM) {
            return;
        }
        state.told = Some(now);
        drop(state);
        tracing::info!(target: WAITING, "{failure}: asking again in {:.1} s", pause.as_secs_f64());
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of a wait that begins and holds all requests back.
pub(super) fn tell_hold(pause: Duration, status: u16, request: &str, request_id: Option<&str>) {
    if pause < WORTH_TELLING {
        return;
    }
    let id = request_id.map(|id| format!(", request {id}")).unwrap_or_default();
    let seconds = pause.as_secs_f64().ceil();
    tracing::info!(target: WAITING, "HCP asks to wait {seconds} s ({status}): {request}{id}");
}

/// A time as a person says it.
pub(super) fn words(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 120 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds if seconds > 0 => format!("{seconds} s"),
        _ => format!("{} ms", time.as_millis()),
    }
}
