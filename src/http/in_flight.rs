//! Which writes are under way: a forced stop has to say of which requests nobody knows the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Writes that were begun and not answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unanswered(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    open: BTreeMap<u64, String>,
}

/// One write. Dropped without being closed, as when its task is given up, it stays on the list.
#[derive(Debug)]
pub(crate) struct Entry {
    of: Unanswered,
    number: u64,
}

impl Unanswered {
    pub(crate) fn open(&self, request: String) -> Entry {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = entries.next;
        entries.next += 1;
        entries.open.insert(number, request);
        Entry { of: self.clone(), number }
    }

    pub(crate) fn list(&self) -> Vec<String> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.open.values().cloned().collect()
    }
}

impl Entry {
    /// Its answer is known.
    pub(crate) fn close(self) {
        let mut entries = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_was_given_up_stays_on_the_list() {
        let writes = Unanswered::default();
        let answered = writes.open("PATCH a".to_owned());
        let given_up = writes.open("POST b".to_owned());
        answered.close();
        drop(given_up);
        assert_eq!(writes.list(), ["POST b"]);
    }
}
