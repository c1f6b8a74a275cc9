//! Cutting branches off the tree. All of a branch is out of it before the first destructor runs; children are dropped before their parents, and every destructor runs, even
//! if one panics.

use super::id::Id;
use super::state::Engine;
use super::task_numbers::Numbers;
use super::tree::{Felled, flag};
use crate::util::Sweep;

impl Engine {
    /// Drops a task or scope and everything below it.
    pub(super) fn cut(&self, top: Id) {
        let mut felled = self.felled.take();
        self.tree.borrow_mut().cut(top.index(), &mut felled);
        self.drop_felled(felled);
    }

    /// Drops all but one of the children of a scope: it has decided their set.
    #[cold]
    pub(super) fn cut_siblings(&self, decider: Id) {
        let mut felled = self.felled.take();
        self.tree.borrow_mut().cut_siblings(decider.index(), &mut felled);
        self.drop_felled(felled);
    }

    /// Drops everything that is left of a run.
    pub(crate) fn clear(&self) {
        self.scope.set(Id::NONE);
        self.current.set(Id::NONE);
        let mut felled = self.felled.take();
        self.tree.borrow_mut().clear(&mut felled);
        let mut sweep = Sweep::default();
        sweep.run(|| self.drop_felled(felled));
        self.ready.borrow_mut().clear();
        self.joiners.borrow_mut().clear();
        self.room.clear();
        *self.numbers.borrow_mut() = Numbers::default();
        self.foreign.set(Id::NONE);
        self.has_moved.set(false);
        self.said_to_wait.set(false);
        self.went_on_at.set(None);
        self.paused_at.set(None);
        self.standing.take();
        self.dropped.borrow_mut().clear();
        self.tree.borrow_mut().start_over();
        self.pool.start_over();
        sweep.finish();
    }

    /// Runs the destructors, all of them, even if one panics.
    pub(super) fn drop_felled(&self, mut felled: Vec<Felled>) {
        if felled.is_empty() {
            return self.felled.set(felled);
        }
        self.quiet.end();
        self.dropped.borrow_mut().extend(felled.iter().filter(|felled| felled.body.vtable().asks).map(|felled| felled.id));
        for felled in &felled {
            if felled.body.is_spawned() && felled.flags & flag::DONE == 0 {
                self.room.give_back();
            }
            if felled.flags & flag::JOINED != 0 {
                self.wake_joiner(felled.id);
            }
        }
        let mut sweep = Sweep::default();
        for Felled { body, flags, .. } in felled.drain(..) {
            // SAFETY: the entry is not in the tree any more, and these were its flags.
            sweep.run(|| unsafe { body.release(flags, self) });
        }
        self.felled.set(felled);
        sweep.finish();
    }
}
