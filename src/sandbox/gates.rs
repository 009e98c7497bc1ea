//! Gates: requests wait until they are let through, so that a test chooses the order of two runners.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch;

/// All gates by name.
#[derive(Debug, Default)]
pub struct Gates(Mutex<BTreeMap<String, Gate>>);

#[derive(Debug)]
struct Gate {
    arrived: watch::Sender<u64>,
    let_through: watch::Sender<u64>,
}

impl Gates {
    fn with<T>(&self, name: &str, use_it: impl FnOnce(&Gate) -> T) -> T {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates
            .entry(name.to_owned())
            .or_insert_with(|| Gate { arrived: watch::Sender::new(0), let_through: watch::Sender::new(0) });
        use_it(gate)
    }

    /// Waits for its turn; requests pass in the order in which they came.
    pub async fn pass(&self, name: &str) {
        let (place, mut let_through) = self.with(name, |gate| {
            gate.arrived.send_modify(|count| *count += 1);
            (*gate.arrived.borrow(), gate.let_through.subscribe())
        });
        // The sender lives as long as the gate, and gates are never taken away.
        let _ = let_through.wait_for(|count| *count >= place).await;
    }

    /// Lets so many more pass, now or when they come.
    pub fn release(&self, name: &str, count: u64) {
        self.with(name, |gate| {
            gate.let_through.send_modify(|sum| *sum = sum.saturating_add(count));
        });
    }

    /// Waits until so many came, in all.
    pub async fn arrived(&self, name: &str, count: u64) {
        let mut arrived = self.with(name, |gate| gate.arrived.subscribe());
        let _ = arrived.wait_for(|sum| *sum >= count).await;
    }

    /// How many wait.
    pub fn waiting(&self, name: &str) -> u64 {
        self.with(name, |gate| gate.arrived.borrow().saturating_sub(*gate.let_through.borrow()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn requests_wait_until_they_are_let_through() {
        let gates = Arc::new(Gates::default());
        let waiter = tokio::spawn({
            let gates = Arc::clone(&gates);
            async move { gates.pass("a").await }
        });
        gates.arrived("a", 1).await;
        assert_eq!(gates.waiting("a"), 1);
        assert!(!waiter.is_finished());
        gates.release("a", 1);
        waiter.await.unwrap();
        assert_eq!(gates.waiting("a"), 0);
    }
}
