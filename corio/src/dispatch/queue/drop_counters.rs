//! TODO

use std::cell::Cell;

/// How many tasks were dropped since what waits was last looked through.
#[derive(Default)]
pub(super) struct DropCounters {
    pub(super) of_waiting: Cell<usize>,
    pub(super) of_paused: Cell<usize>,
}

impl DropCounters {
    pub(super) fn clear(&self) {
        self.of_waiting.set(0);
        self.of_paused.set(0);
    }
}
