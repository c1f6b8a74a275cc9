//! Removal of subtrees, and the end of a run.
//!
//! # Invariants
//!
//! - All entries of a subtree are out of the tree before the first destructor runs.
//! - Children are dropped before their parents.
//! - Every destructor runs, even if one panics. The first panic is resumed when all have run.

use super::flag;
use super::id::Id;
use super::state::Executor;
use super::task_numbers::TaskNumbers;
use super::tree::Removed;
use crate::util::PanicCollector;

impl Executor {
    /// Removes a task or scope with its subtree and drops the bodies.
    pub(super) fn remove_subtree(&self, top: Id) {
        let mut removed = self.removed.take();
        self.tree.borrow_mut().remove_subtree(top.index(), &mut removed);
        self.drop_removed(removed);
    }

    /// Removes all siblings of a child that has decided the set, and drops their bodies.
    #[cold]
    pub(super) fn remove_siblings(&self, winner: Id) {
        let mut removed = self.removed.take();
        self.tree.borrow_mut().remove_siblings(winner.index(), &mut removed);
        self.drop_removed(removed);
    }

    /// Drops everything that is left of a run and makes the executor ready for the next run.
    pub(crate) fn clear(&self) {
        self.scope.set(Id::NONE);
        self.current.set(Id::NONE);
        let mut removed = self.removed.take();
        self.tree.borrow_mut().clear(&mut removed);
        let mut panics = PanicCollector::default();
        panics.run(|| self.drop_removed(removed));
        self.ready.borrow_mut().clear();
        self.joiners.borrow_mut().clear();
        self.task_limit.clear();
        *self.task_numbers.borrow_mut() = TaskNumbers::default();
        self.foreign.set(Id::NONE);
        self.trace_made_progress.set(false);
        self.emitted_suspended.set(false);
        self.went_on_at.set(None);
        self.paused_at.set(None);
        self.wait_trace.take();
        self.dropped.borrow_mut().clear();
        self.tree.borrow_mut().reset();
        self.pool.reset();
        panics.finish();
    }

    /// Drops the bodies of removed entries, all of them even if a destructor panics. Wakes the
    /// tasks that wait on their handles first.
    pub(super) fn drop_removed(&self, mut removed: Vec<Removed>) {
        if removed.is_empty() {
            return self.removed.set(removed);
        }
        self.inline_budget.end();
        self.dropped.borrow_mut().extend(
            removed.iter().filter(|removed| removed.body.vtable().asks).map(|removed| removed.id),
        );
        for removed in &removed {
            if removed.body.is_spawned() && removed.flags & flag::DONE == 0 {
                self.task_limit.release();
            }
            if removed.flags & flag::HAS_JOINER != 0 {
                self.wake_joiner(removed.id);
            }
        }
        let mut panics = PanicCollector::default();
        for Removed { body, flags, .. } in removed.drain(..) {
            // SAFETY: the body was taken out of the tree with the flags of its entry; the block
            // came from the pool of this executor.
            panics.run(|| unsafe { body.release(flags, self) });
        }
        self.removed.set(removed);
        panics.finish();
    }
}
