//! Answers on their way to those who wait: a batch at a time, one answer after the other.
//!
//! The answer for the task that runs is *shown*: there until this task takes it, and no longer. So an answer needs no place with the task, and one that nobody takes reaches nobody
//! else.

use std::any::TypeId;
use std::cell::Cell;
use std::mem;
use std::ptr;

use super::Waiter;
use super::queue::AnyQueue;

/// The answer for the task that runs, if there is one.
///
/// What must hold: `answers` leads to the answers of the delivery that is going on, or nowhere; and while it does lead there, nobody else touches them.
pub(super) struct Shown {
    /// A `Vec<A>`, the last of which is shown; null if none is.
    answers: Cell<*mut ()>,
    /// The type of `A`.
    of: Cell<TypeId>,
}

impl Default for Shown {
    fn default() -> Self {
        Shown { answers: Cell::new(ptr::null_mut()), of: Cell::new(TypeId::of::<()>()) }
    }
}

impl Shown {
    /// The answer, if it is an `A`.
    #[inline(always)]
    pub(super) fn take<A: 'static>(&self) -> Option<A> {
        let answers = self.answers.get().cast::<Vec<A>>();
        if answers.is_null() || self.of.get() != TypeId::of::<A>() {
            return None;
        }
        self.answers.set(ptr::null_mut());
        // SAFETY: not null, so these are the answers of the delivery that is going on; they are of this type, and nobody else touches them meanwhile. `pop` runs no code of the user's.
        unsafe { (*answers).pop() }
    }
}

/// The answers of one batch, for those who wait for them.
pub(super) struct Due {
    pub(super) waiters: Vec<Waiter>,
    /// Those before it have got theirs.
    pub(super) from: usize,
    pub(super) answers: Answers,
}

/// A `Vec` of answers in a load that its queue keeps where it is until the delivery ends, and does not touch.
#[derive(Clone, Copy)]
pub(super) struct Answers {
    of: TypeId,
    vec: *mut (),
}

impl Answers {
    pub(super) fn of<A: 'static>(answers: &mut Vec<A>) -> Self {
        Answers { of: TypeId::of::<A>(), vec: (&raw mut *answers).cast() }
    }
}

/// The answers of one batch, being given to those who wait.
pub(crate) struct Delivery<'b> {
    queue: &'b dyn AnyQueue,
    shown: &'b Shown,
    answers: Answers,
    waiters: Vec<Waiter>,
    /// Who is next.
    at: usize,
}

impl<'b> Delivery<'b> {
    #[inline]
    pub(super) fn new(queue: &'b dyn AnyQueue, shown: &'b Shown, Due { waiters, from, answers }: Due) -> Self {
        shown.of.set(answers.of);
        Delivery { queue, shown, answers, waiters, at: from }
    }

    /// Shows the next answer; for whom. One that was shown before and not taken is dropped: who asked for it is gone.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Waiter> {
        self.hide();
        let waiter = *self.waiters.get(self.at)?;
        self.at += 1;
        self.shown.answers.set(self.answers.vec);
        Some(waiter)
    }

    #[inline]
    fn hide(&mut self) {
        if !self.shown.answers.get().is_null() {
            self.drop_shown();
        }
    }

    #[cold]
    fn drop_shown(&mut self) {
        self.shown.answers.set(ptr::null_mut());
        self.answers = self.queue.drop_next_answer();
    }

    /// Gives it back to its queue.
    #[inline]
    pub(crate) fn end(mut self) {
        self.hide();
        self.queue.end_delivery(mem::take(&mut self.waiters));
    }
}

impl Drop for Delivery<'_> {
    /// Should a task have panicked, nothing is shown either.
    #[inline]
    fn drop(&mut self) {
        self.shown.answers.set(ptr::null_mut());
    }
}
