//! The end of a task: when its body has returned and its children have ended. What ends with it, whom it wakes, and whom it cuts.

use std::cell::RefMut;

use super::tree::{Ended, Tree};
use super::{Engine, Id, NIL, Step, flag};

impl Engine {
    /// A body has returned.
    pub(super) fn returned(&self, id: Id, step: Step) {
        let index = id.index();
        if let Step::DecidesAtOnce = step {
            self.cut_siblings(id);
        }
        let mut tree = self.tree.borrow_mut();
        let entry = &mut tree[index];
        entry.flags |= flag::ENDING;
        if let Step::Decides = step {
            entry.flags |= flag::DECIDES;
        }
        if entry.first_child == NIL || !tree.close_empty_scopes(index) {
            self.ended(tree, index);
        }
    }

    /// Takes out an entry whose body has returned and whose children have ended, and whatever ends with it. A loop: chains of such tasks can be long.
    #[inline]
    fn ended<'a>(&'a self, mut tree: RefMut<'a, Tree>, mut index: u32) {
        loop {
            // Observers may panic: they hear of it before anything has changed.
            if self.watch.has_observer() {
                drop(tree);
                self.tell_ended(index);
                tree = self.tree.borrow_mut();
            }
            let Ended { body, parent, flags } = tree.end(index);
            let above = if tree.concerns_parent(parent, flags) {
                self.child_ended(tree, parent, flags)
            } else {
                drop(tree);
                NIL
            };
            if let Some(body) = body {
                if body.is_spawned() {
                    self.room.give_back();
                }
                if flags & flag::HELD == 0 {
                    // SAFETY: the entry is free, and it has returned (`ENDING`).
                    unsafe { body.end(self) };
                } else if flags & flag::JOINED != 0 {
                    self.wake_joiner(index);
                }
            }
            if above == NIL {
                return;
            }
            index = above;
            tree = self.tree.borrow_mut();
        }
    }

    /// What the end of a child means for those above it: its siblings are cut if it decides, who waits is woken. Gives the entry that ends with it, or `NIL`.
    #[inline(never)]
    fn child_ended(&self, mut tree: RefMut<'_, Tree>, parent: u32, flags: u32) -> u32 {
        let mut losers = self.felled.take();
        if flags & flag::DECIDES != 0 {
            tree.cut_children(parent, &mut losers);
        }
        let task = tree.task_of(parent);
        let owner_has_returned = tree[task].has(flag::ENDING);
        let above = &tree[parent];
        let mut ends = NIL;
        if above.first_child == NIL && owner_has_returned {
            // The task itself, or a scope whose set was forgotten: there is nobody to wake.
            ends = parent;
        } else if above.has(flag::AWAITED) && (above.has(flag::EACH) || !tree.has_tasks(parent)) {
            tree[parent].flags &= !flag::AWAITED;
            self.wake(tree.id(task));
        }
        drop(tree);
        self.drop_felled(losers);
        ends
    }

    #[inline(never)]
    pub(super) fn wake_joiner(&self, index: u32) {
        if let Some(joiner) = self.joiners.borrow_mut().remove(&index) {
            self.wake(joiner);
        }
    }
}
