//! TODO

use std::cell::Cell;
use std::collections::VecDeque;

use super::id::Id;
use crate::util::HotCell;

pub(super) struct TaskLimit {
    pub(super) most: usize,
    /// With the first task of the run, which was not spawned.
    pub(super) live: Cell<usize>,
    pub(super) waiting: HotCell<VecDeque<Id>>,
    /// When so many wait, those that are gone are taken out.
    sweep_at: Cell<usize>,
}

/// Fewer are not looked through.
const FEW: usize = 32;

impl TaskLimit {
    pub(super) fn new(most: usize) -> Self {
        TaskLimit {
            most,
            live: Cell::new(0),
            waiting: HotCell::default(),
            sweep_at: Cell::new(FEW),
        }
    }

    #[inline]
    pub(super) fn take(&self) {
        self.live.set(self.live.get() + 1);
    }

    #[inline]
    pub(super) fn give_back(&self) {
        self.live.set(self.live.get() - 1);
    }

    /// Whether somebody waits for it.
    #[inline]
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    pub(super) fn add(&self, id: Id, is_alive: impl Fn(Id) -> bool) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= self.sweep_at.get() {
            // As many have come since the last time as were left then, so it costs nothing to speak
            // of.
            waiting.retain(|id| is_alive(*id));
            self.sweep_at.set(FEW.max(2 * waiting.len()));
        }
        waiting.push_back(id);
    }

    pub(super) fn clear(&self) {
        self.live.set(0);
        self.waiting.borrow_mut().clear();
        self.sweep_at.set(FEW);
    }
}
