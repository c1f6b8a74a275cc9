//! Cutting branches off the tree. All of a branch is out of it before the first destructor runs;
//! children are dropped before their parents, and every destructor runs, even if one panics.

use super::id::Id;
use super::state::Executor;
use super::task_numbers::TaskNumbers;
use super::tree::{Removed, flag};
use crate::util::PanicCollector;

impl Executor {
    /// Drops a task or scope and everything below it.
    pub(super) fn remove_subtree(&self, top: Id) {
        let mut removed = self.removed.take();
        self.tree.borrow_mut().remove_subtree(top.index(), &mut removed);
        self.drop_removed(removed);
    }

    /// Drops all but one of the children of a scope: it has decided their set.
    #[cold]
    pub(super) fn remove_siblings(&self, winner: Id) {
        let mut removed = self.removed.take();
        self.tree.borrow_mut().remove_siblings(winner.index(), &mut removed);
        self.drop_removed(removed);
    }

    /// Drops everything that is left of a run.
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
        self.trace_went_on.set(false);
        self.emitted_suspended.set(false);
        self.went_on_at.set(None);
        self.paused_at.set(None);
        self.wait_trace.take();
        self.dropped.borrow_mut().clear();
        self.tree.borrow_mut().start_over();
        self.pool.start_over();
        panics.finish();
    }

    /// Runs the destructors, all of them, even if one panics.
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
                self.task_limit.give_back();
            }
            if removed.flags & flag::HAS_JOINER != 0 {
                self.wake_joiner(removed.id);
            }
        }
        let mut panics = PanicCollector::default();
        for Removed { body, flags, .. } in removed.drain(..) {
            // SAFETY: the entry is not in the tree any more, and these were its flags.
            panics.run(|| unsafe { body.release(flags, self) });
        }
        self.removed.set(removed);
        panics.finish();
    }
}
