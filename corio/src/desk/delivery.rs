//! Answers on their way to those who wait: a batch at a time, one answer after the other.
//!
//! The answer for the task that runs is *shown*: there until this task takes it, and no longer. So an answer needs no place with the task, and one that nobody takes reaches nobody
//! else.

use std::any::TypeId;
use std::cell::Cell;
use std::ptr;

use super::Waiter;
use super::queue::AnyQueue;

/// The delivery that is going on, if one is.
///
/// What must hold: while one is, the load that it leads to stays where it is, and nobody else touches its waiters and answers; when none is, no answer is shown.
pub(super) struct Delivering {
    /// The `Vec<A>` of answers when the last of them is shown, or null.
    shown: Cell<*mut ()>,
    /// The same, shown or not.
    answers: Cell<*mut ()>,
    /// The type of `A`.
    of: Cell<TypeId>,
    /// Who is next, and the end of those who wait.
    next: Cell<*const Waiter>,
    end: Cell<*const Waiter>,
}

impl Default for Delivering {
    fn default() -> Self {
        Delivering {
            shown: Cell::new(ptr::null_mut()),
            answers: Cell::new(ptr::null_mut()),
            of: Cell::new(TypeId::of::<()>()),
            next: Cell::new(ptr::null()),
            end: Cell::new(ptr::null()),
        }
    }
}

impl Delivering {
    /// The answer that is shown, if it is an `A`.
    #[inline(always)]
    pub(super) fn take<A: 'static>(&self) -> Option<A> {
        let answers = self.shown.get().cast::<Vec<A>>();
        if answers.is_null() || self.of.get() != TypeId::of::<A>() {
            return None;
        }
        self.shown.set(ptr::null_mut());
        // SAFETY: not null, so a delivery is going on, and these are its answers; they are of this type, and nobody else touches them meanwhile. `pop` runs no code of the user's.
        unsafe { (*answers).pop() }
    }

    /// Begins one: the last answer is for the first of those who wait.
    ///
    /// # Safety
    /// Until the delivery has ended both stay where they are, and nobody else touches them.
    #[inline]
    pub(super) unsafe fn begin<A: 'static>(&self, waiters: &[Waiter], answers: &mut Vec<A>) {
        let waiters = waiters.as_ptr_range();
        self.next.set(waiters.start);
        self.end.set(waiters.end);
        self.of.set(TypeId::of::<A>());
        self.answers.set((&raw mut *answers).cast());
    }
}

/// A delivery that is going on.
pub(crate) struct Delivery<'b> {
    pub(super) queue: &'b dyn AnyQueue,
    pub(super) delivering: &'b Delivering,
}

impl Delivery<'_> {
    /// Shows the next answer; for whom. One that was shown before and not taken is dropped: who asked for it is gone.
    #[inline(always)]
    pub(crate) fn next(&self) -> Option<Waiter> {
        let Delivering { shown, answers, next, end, .. } = self.delivering;
        self.hide();
        let waiter = next.get();
        if waiter == end.get() {
            return None;
        }
        shown.set(answers.get());
        // SAFETY: `waiter` lies in the slice that the delivery began with, as it has not reached its end.
        unsafe {
            next.set(waiter.add(1));
            Some(*waiter)
        }
    }

    #[inline(always)]
    fn hide(&self) {
        if !self.delivering.shown.get().is_null() {
            self.drop_shown();
        }
    }

    #[cold]
    fn drop_shown(&self) {
        self.delivering.shown.set(ptr::null_mut());
        self.queue.drop_next_answer();
    }

    /// Gives back to the queue what is left.
    #[inline]
    pub(crate) fn end(self) {
        self.hide();
        self.queue.end_delivery();
    }
}

impl Drop for Delivery<'_> {
    /// Should a task have panicked, nothing is shown either.
    #[inline]
    fn drop(&mut self) {
        self.delivering.shown.set(ptr::null_mut());
    }
}
