//! Gates: requests wait until they are let through, so that a test chooses the order in which they are served.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::{oneshot, watch};

/// All gates by name.
#[derive(Debug, Default)]
pub struct Gates(Mutex<BTreeMap<String, Gate>>);

#[derive(Debug)]
struct Gate {
    /// How many came, in all.
    arrived: watch::Sender<u64>,
    /// How many may pass without waiting.
    open_for: u64,
    /// Who waits, in the order of arrival.
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    what: String,
    pass: oneshot::Sender<()>,
}

/// Somebody at a gate, who may give up: then nobody waits there any more.
struct Waiter<'a> {
    gates: &'a Gates,
    name: &'a str,
    place: u64,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.gates.with(self.name, |gate| gate.waiting.remove(&self.place));
    }
}

impl Gates {
    fn with<T>(&self, name: &str, use_it: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates.entry(name.to_owned()).or_insert_with(|| Gate {
            arrived: watch::Sender::new(0),
            open_for: 0,
            waiting: BTreeMap::new(),
        });
        use_it(gate)
    }

    /// Waits for its turn; `what` tells those apart who wait at the same time.
    pub async fn pass(&self, name: &str, what: &str) {
        let (place, turn) = self.with(name, |gate| {
            let place = *gate.arrived.borrow() + 1;
            let (pass, turn) = oneshot::channel();
            if gate.open_for > 0 {
                gate.open_for -= 1;
                // Its turn has come, as the other end is heard of below; nobody has to keep it.
                drop(pass);
            } else {
                gate.waiting.insert(place, Waiting { what: what.to_owned(), pass });
            }
            gate.arrived.send_replace(place);
            (place, turn)
        });
        let _waiter = Waiter { gates: self, name, place };
        // An end that was dropped lets it pass as well as one that spoke.
        let _ = turn.await;
    }

    /// Lets so many more pass in the order in which they came, now or when they come.
    pub fn release(&self, name: &str, count: u64) {
        self.with(name, |gate| {
            for _ in 0..count {
                match gate.waiting.pop_first() {
                    Some((_, waiting)) => {
                        // It may have given up at this moment.
                        let _ = waiting.pass.send(());
                    }
                    None => gate.open_for += 1,
                }
            }
        });
    }

    /// Lets the n-th of those pass who wait now, counted from 0 in the order of what they are, and says what it is.
    pub fn admit(&self, name: &str, nth: usize) -> Option<String> {
        self.with(name, |gate| {
            let mut order: Vec<(&str, u64)> =
                gate.waiting.iter().map(|(place, waiting)| (waiting.what.as_str(), *place)).collect();
            order.sort_unstable();
            let place = order.get(nth)?.1;
            let waiting = gate.waiting.remove(&place)?;
            // It may have given up at this moment.
            let _ = waiting.pass.send(());
            Some(waiting.what)
        })
    }

    /// Waits until so many came, in all.
    pub async fn arrived(&self, name: &str, count: u64) {
        let mut arrived = self.with(name, |gate| gate.arrived.subscribe());
        // The sender lives as long as the gate, and gates are never taken away.
        let _ = arrived.wait_for(|sum| *sum >= count).await;
    }

    /// How many wait.
    pub fn waiting(&self, name: &str) -> u64 {
        self.with(name, |gate| gate.waiting.len().try_into().unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinHandle;

    use super::*;

    async fn waits(gates: &Arc<Gates>, what: &'static str, place: u64) -> JoinHandle<()> {
        let own = Arc::clone(gates);
        let waiter = tokio::spawn(async move { own.pass("a", what).await });
        gates.arrived("a", place).await;
        waiter
    }

    #[tokio::test]
    async fn requests_wait_until_they_are_let_through() {
        let gates = Arc::new(Gates::default());
        let waiter = waits(&gates, "one", 1).await;
        assert_eq!(gates.waiting("a"), 1);
        assert!(!waiter.is_finished());
        gates.release("a", 2);
        waiter.await.unwrap();
        assert_eq!(gates.waiting("a"), 0);
        waits(&gates, "released beforehand", 2).await.await.unwrap();
    }

    #[tokio::test]
    async fn one_is_chosen_by_what_it_is_and_not_by_when_it_came() {
        let gates = Arc::new(Gates::default());
        let second = waits(&gates, "POST b", 1).await;
        let first = waits(&gates, "POST a", 2).await;
        assert_eq!(gates.admit("a", 2), None);
        assert_eq!(gates.admit("a", 0).as_deref(), Some("POST a"));
        first.await.unwrap();
        assert!(!second.is_finished());
        assert_eq!(gates.waiting("a"), 1);
    }

    #[tokio::test]
    async fn who_gives_up_waits_no_more() {
        let gates = Arc::new(Gates::default());
        let waiter = waits(&gates, "one", 1).await;
        waiter.abort();
        assert!(waiter.await.unwrap_err().is_cancelled());
        assert_eq!(gates.waiting("a"), 0);
    }
}
