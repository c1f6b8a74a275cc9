//! The end of a task: when its body has returned and its children have ended. What ends with it,
//! whom it wakes, and whom it cuts.

use super::body::Step;
use super::id::Id;
use super::state::Executor;
use super::tree::{Completed, NIL, Tree, flag};
use crate::util::HotMut;

impl Executor {
    /// A body has returned.
    #[inline]
    pub(super) fn returned(&self, id: Id, step: Step) {
        if matches!(step, Step::Ended) && !self.observers.has_observer() {
            let unnoticed = self.tree.borrow_mut().end_unnoticed(id);
            if let Some(body) = unnoticed {
                if body.is_spawned() {
                    self.task_limit.give_back();
                }
                // SAFETY: the entry is free, and it has returned.
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
        // The destructors of its siblings have run.
        let Some(entry) = tree.get_mut(id) else { return };
        entry.flags |= flag::RETURNED;
        if let Step::ShortCircuits = step {
            entry.flags |= flag::SHORT_CIRCUITS;
        }
        if entry.first_child == NIL || !tree.close_empty_scopes(id.index()) {
            self.ended(tree, id);
        }
    }

    /// Takes out an entry whose body has returned and whose children have ended, and whatever ends
    /// with it. A loop: chains of such tasks can be long.
    #[inline]
    fn ended<'a>(&'a self, mut tree: HotMut<'a, Tree>, mut id: Id) {
        loop {
            // Observers may panic: they hear of it before anything has changed.
            if self.observers.has_observer() {
                drop(tree);
                self.emit_ended(id.index());
                tree = self.tree.borrow_mut();
            }
            let Completed { body, parent, flags } = tree.end(id.index());
            let above = if tree.affects_parent_of(parent, flags) {
                self.child_ended(tree, parent, flags)
            } else {
                drop(tree);
                Id::NONE
            };
            if flags & flag::JOIN_INTEREST != 0 {
                // Only spawned tasks have a handle.
                self.task_limit.give_back();
                if flags & flag::HAS_JOINER != 0 {
                    self.wake_joiner(id);
                }
            } else if let Some(body) = body {
                if body.is_spawned() {
                    self.task_limit.give_back();
                }
                // SAFETY: the entry is free, and it has returned (`RETURNED`).
                unsafe { body.end(self) };
            }
            if above == Id::NONE {
                return;
            }
            tree = self.tree.borrow_mut();
            // Destructors have run since it was seen to end.
            if tree.get(above).is_none() {
                return;
            }
            id = above;
        }
    }

    /// What the end of a child means for those above it: its siblings are cut if it decides, who
    /// waits is woken. Gives the entry that ends with it, or `NONE`.
    #[inline(never)]
    fn child_ended(&self, mut tree: HotMut<'_, Tree>, parent: u32, flags: u32) -> Id {
        let mut losers = self.removed.take();
        if flags & flag::SHORT_CIRCUITS != 0 {
            tree.remove_children(parent, &mut losers);
        }
        let task = tree.task_of(parent);
        let owner_has_returned = tree[task].has(flag::RETURNED);
        let above = &tree[parent];
        let mut ends = Id::NONE;
        if above.first_child == NIL && owner_has_returned {
            // The task itself, or a scope whose set was forgotten: there is nobody to wake.
            ends = tree.id(parent);
        } else if above.has(flag::AWAITED)
            && (above.has(flag::WAKE_ON_EACH_CHILD) || !tree.has_tasks(parent))
        {
            tree[parent].flags &= !flag::AWAITED;
            self.wake(tree.id(task));
        }
        drop(tree);
        self.drop_removed(losers);
        ends
    }

    #[inline(never)]
    pub(super) fn wake_joiner(&self, id: Id) {
        if let Some(joiner) = self.joiners.borrow_mut().remove(&id) {
            self.wake(joiner);
        }
    }
}
