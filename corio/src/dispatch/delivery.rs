//! Answers on their way to those who wait: a batch at a time, one answer after the other.
//!
//! The answer for the task that runs is *offered*: there until this task takes it, and no longer.
//! So an answer needs no place with the task, and one that nobody takes reaches nobody else.

use std::{mem, ptr};

use super::any_lane::AnyLane;
use super::cursor::Cursor;
use super::ids::Waiter;
use super::ready::ReadyBatch;
use super::shared_state::SharedState;

/// A delivery that is going on.
pub(crate) struct Delivery<'b> {
    answered: ReadyBatch,
    queue: &'b dyn AnyLane,
    shared: &'b SharedState,
}

impl<'b> Delivery<'b> {
    #[inline]
    pub(crate) fn new(
        mut answered: ReadyBatch,
        queue: &'b dyn AnyLane,
        shared: &'b SharedState,
    ) -> Self {
        if shared.observers().has_observer() && !answered.cursor().is_begun {
            answered = Self::told(answered, queue, shared);
        }
        let Cursor { is_begun, of, .. } = answered.progress_mut();
        *is_begun = true;
        shared.current_answer.of.set(*of);
        shared.delivering.set(answered.buf.as_ptr());
        Delivery { answered, queue, shared }
    }

    /// Should an observer panic, the answers are put back.
    #[cold]
    fn told(answered: ReadyBatch, queue: &'b dyn AnyLane, shared: &'b SharedState) -> ReadyBatch {
        let mut delivery = Delivery { answered, queue, shared };
        queue.emit_answered(&mut delivery.answered);
        delivery.into_answered()
    }

    fn into_answered(self) -> ReadyBatch {
        let answered = ReadyBatch { ..self.answered };
        mem::forget(self);
        answered
    }

    /// Offers the next answer; for whom. One that was offered before and not taken is dropped: who
    /// asked for it is gone.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<Waiter> {
        self.hide();
        let Cursor { answers, next, end, .. } = self.answered.progress_mut();
        if *next == *end {
            return None;
        }
        self.shared.current_answer.answers.set(*answers);
        // SAFETY: `next` lies in the list of waiters, before its end.
        unsafe {
            let waiter = **next;
            *next = next.add(1);
            Some(waiter)
        }
    }

    #[inline(always)]
    fn hide(&mut self) {
        if !self.shared.current_answer.answers.get().is_null() {
            self.drop_offered();
        }
    }

    #[cold]
    fn drop_offered(&mut self) {
        // One that was answered at once lies elsewhere, and goes with the next.
        let is_of_this = self.shared.current_answer.answers.get() == self.answered.cursor().answers;
        self.shared.current_answer.answers.set(ptr::null_mut());
        if is_of_this {
            self.queue.drop_next_answer(&mut self.answered);
        }
    }

    /// Gives the load back to its queue. If not all have got their answers, these are delivered
    /// next.
    #[inline]
    pub(crate) fn end(mut self) {
        self.hide();
        let Delivery { queue, shared, .. } = self;
        shared.delivering.set(ptr::null_mut());
        let answered = self.into_answered();
        if answered.cursor().is_over() {
            queue.take_back(answered);
        } else {
            shared.answered.borrow_mut().push_front(answered);
        }
    }
}

impl Drop for Delivery<'_> {
    /// A task has panicked. What is left is dropped with all else.
    fn drop(&mut self) {
        self.shared.current_answer.answers.set(ptr::null_mut());
        self.shared.delivering.set(ptr::null_mut());
        let answered = ReadyBatch { ..self.answered };
        self.shared.answered.borrow_mut().push_front(answered);
    }
}
