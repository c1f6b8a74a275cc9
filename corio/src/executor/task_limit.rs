//! `TaskLimit`: counts the spawned tasks that live, and queues the tasks that wait to spawn.
//!
//! `spawn_limit` decides which tasks wait and which are woken.

use std::cell::Cell;
use std::collections::VecDeque;

use super::id::Id;
use crate::util::HotCell;

/// The limit of live tasks of a run, and the wait queue of the tasks that reached the limit.
pub(super) struct TaskLimit {
    /// Number of spawned tasks that may live at a time.
    pub(super) max: usize,
    /// Number of live tasks, including the root of the run, which does not count as spawned.
    live: Cell<usize>,
    /// Tasks that wait to spawn, first in, first out. May contain dropped tasks.
    pub(super) waiting: HotCell<VecDeque<Id>>,
    /// Length of the wait queue from which on dropped tasks are removed from the queue.
    prune_at: Cell<usize>,
}

/// The wait queue is not pruned below this length.
const MIN_PRUNE: usize = 32;

impl TaskLimit {
    pub(super) fn new(max: usize) -> Self {
        TaskLimit {
            max,
            live: Cell::new(0),
            waiting: HotCell::default(),
            prune_at: Cell::new(MIN_PRUNE),
        }
    }

    /// Whether the limit allows one more task.
    #[inline]
    pub(super) fn may_spawn(&self) -> bool {
        // `live` includes the root.
        self.live.get() <= self.max
    }

    /// Counts a new task.
    #[inline]
    pub(super) fn acquire(&self) {
        self.live.set(self.live.get() + 1);
    }

    /// Uncounts a task that has ended or was dropped.
    #[inline]
    pub(super) fn release(&self) {
        self.live.set(self.live.get() - 1);
    }

    /// Whether the wait queue is not empty.
    #[inline]
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    /// Adds a task at the end of the wait queue.
    pub(super) fn enqueue(&self, id: Id, is_alive: impl Fn(Id) -> bool) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= self.prune_at.get() {
            // At least as many tasks were added since the last pruning as were left then, so that
            // pruning takes amortised constant time.
            waiting.retain(|id| is_alive(*id));
            self.prune_at.set(MIN_PRUNE.max(2 * waiting.len()));
        }
        waiting.push_back(id);
    }

    /// Prepares the limit for the next run.
    pub(super) fn clear(&self) {
        self.live.set(0);
        self.waiting.borrow_mut().clear();
        self.prune_at.set(MIN_PRUNE);
    }
}
