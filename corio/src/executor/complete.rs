//! Completion: what happens when a body returns and when a task ends.
//!
//! A task *ends* when its body has returned and its children have ended. The end may end the parent
//! as well, wake the task that waits for the children or for the handle, and remove the siblings if
//! the output decides the set.

use super::body::Step;
use super::flag;
use super::id::Id;
use super::state::Executor;
use super::tree::{Completed, NIL, Tree};
use crate::util::HotMut;

impl Executor {
    /// Handles the return of the body of `id`. The fast path ends a child whose end affects no
    /// other task.
    #[inline]
    pub(super) fn returned(&self, id: Id, step: Step) {
        if matches!(step, Step::Ended) && !self.observers.has_observer() {
            let ended = self.tree.borrow_mut().end_fast(id);
            if let Some(body) = ended {
                if body.is_spawned() {
                    self.task_limit.release();
                }
                // SAFETY: the body has returned and is out of the tree; the block came from the
                // pool of this executor.
                return unsafe { body.end(self) };
            }
        }
        self.returned_slow(id, step);
    }

    #[inline(never)]
    fn returned_slow(&self, id: Id, step: Step) {
        if let Step::ShortCircuitsAtOnce = step {
            self.remove_siblings(id);
        }
        let mut tree = self.tree.borrow_mut();
        // The destructors of the siblings have run and may have removed the entry.
        let Some(entry) = tree.get_mut(id) else { return };
        entry.flags |= flag::RETURNED;
        if let Step::ShortCircuits = step {
            entry.flags |= flag::SHORT_CIRCUITS;
        }
        if entry.first_child == NIL || !tree.close_empty_scopes(id.index()) {
            self.end(tree, id);
        }
    }

    /// Ends the task or scope `id`, whose body has returned and whose children have ended, and all
    /// entries above that end with it. A loop and no recursion, as chains of such entries can be
    /// long.
    #[inline]
    fn end<'a>(&'a self, mut tree: HotMut<'a, Tree>, mut id: Id) {
        loop {
            // Observers may panic, so observers are told before anything changes.
            if self.observers.has_observer() {
                drop(tree);
                self.emit_ended(id.index());
                tree = self.tree.borrow_mut();
            }
            let Completed { body, parent, flags } = tree.end(id.index());
            let next = if tree.affects_parent_of(parent, flags) {
                self.child_ended(tree, parent, flags)
            } else {
                drop(tree);
                Id::NONE
            };
            if flags & flag::JOIN_INTEREST != 0 {
                // Only spawned tasks have a handle.
                self.task_limit.release();
                if flags & flag::HAS_JOINER != 0 {
                    self.wake_joiner(id);
                }
            } else if let Some(body) = body {
                if body.is_spawned() {
                    self.task_limit.release();
                }
                // SAFETY: the body has returned (`RETURNED`) and is out of the tree; the block came
                // from the pool of this executor.
                unsafe { body.end(self) };
            }
            if next == Id::NONE {
                return;
            }
            tree = self.tree.borrow_mut();
            // Destructors have run in the meantime and may have removed the entry.
            if tree.get(next).is_none() {
                return;
            }
            id = next;
        }
    }

    /// Handles the end of a child with the given flags for the entry `parent`: removes the siblings
    /// if the child decides the set, and wakes the task that waits for the children. Returns the
    /// entry that ends with the child, or `NONE`.
    #[inline(never)]
    fn child_ended(&self, mut tree: HotMut<'_, Tree>, parent: u32, flags: u32) -> Id {
        let mut losers = self.removed.take();
        if flags & flag::SHORT_CIRCUITS != 0 {
            tree.remove_children(parent, &mut losers);
        }
        let task = tree.task_of(parent);
        let owner_has_returned = tree[task].has(flag::RETURNED);
        let entry = &tree[parent];
        let mut ends = Id::NONE;
        if entry.first_child == NIL && owner_has_returned {
            // The entry is the task itself, or a scope whose set was forgotten: no task waits.
            ends = tree.id(parent);
        } else if entry.has(flag::AWAITED)
            && (entry.has(flag::WAKE_ON_EACH_CHILD) || !tree.has_tasks(parent))
        {
            tree[parent].flags &= !flag::AWAITED;
            self.wake(tree.id(task));
        }
        drop(tree);
        self.drop_removed(losers);
        ends
    }

    /// Wakes the task that waits on the handle of `id`, if a task does.
    #[inline(never)]
    pub(super) fn wake_joiner(&self, id: Id) {
        if let Some(joiner) = self.joiners.borrow_mut().remove(&id) {
            self.wake(joiner);
        }
    }
}
