//! Counters that say when it pays to search a queue for requests of dropped tasks.

use std::cell::Cell;

/// How many tasks were dropped since the waiting requests of a queue were last searched. Paused
/// requests have a counter of their own: see `Queue::count_dropped`.
#[derive(Default)]
pub(super) struct DropCounters {
    /// For requests that wait to be sent, without the paused ones.
    pub(super) waiting: Cell<usize>,
    /// For paused requests.
    pub(super) paused: Cell<usize>,
}

impl DropCounters {
    /// Resets both counters.
    pub(super) fn clear(&self) {
        self.waiting.set(0);
        self.paused.set(0);
    }
}
