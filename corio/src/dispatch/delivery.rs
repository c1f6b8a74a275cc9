//! Delivery of ready answers to their waiters: one batch at a time, one answer after the other.
//!
//! The answer for the running task is *offered*: available until that task takes it, and only while
//! that task runs. So an answer needs no storage in the task, and an answer that is not taken
//! reaches no other task.

use std::{mem, ptr};

use super::any_lane::AnyLane;
use super::cursor::Cursor;
use super::ids::Waiter;
use super::ready::ReadyBatch;
use super::shared_state::SharedState;

/// The delivery of one batch of answers. There is at most one at a time.
pub(crate) struct Delivery<'b> {
    ready: ReadyBatch,
    lane: &'b dyn AnyLane,
    shared: &'b SharedState,
}

impl<'b> Delivery<'b> {
    /// Starts or resumes the delivery of `ready`.
    #[inline]
    pub(super) fn new(
        mut ready: ReadyBatch,
        lane: &'b dyn AnyLane,
        shared: &'b SharedState,
    ) -> Self {
        if shared.observers().has_observer() && !ready.cursor().has_started {
            ready = Self::emit_answered(ready, lane, shared);
        }
        let Cursor { has_started, answer_type, .. } = ready.cursor_mut();
        *has_started = true;
        shared.current_answer.answer_type.set(*answer_type);
        shared.delivery_cursor.set(ready.buf.as_ptr());
        Delivery { ready, lane, shared }
    }

    /// Emits the event of a delivery. If an observer panics, the answers are put back.
    #[cold]
    fn emit_answered(
        ready: ReadyBatch,
        lane: &'b dyn AnyLane,
        shared: &'b SharedState,
    ) -> ReadyBatch {
        let mut delivery = Delivery { ready, lane, shared };
        lane.emit_answered(&mut delivery.ready);
        delivery.into_ready()
    }

    /// Returns the batch without running the destructor.
    fn into_ready(self) -> ReadyBatch {
        let ready = ReadyBatch { ..self.ready };
        mem::forget(self);
        ready
    }

    /// Offers the next answer and returns its waiter. Drops the previous answer if it was not
    /// taken: the task that asked for it no longer exists.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<Waiter> {
        self.retract();
        let Cursor { answers, next, end, .. } = self.ready.cursor_mut();
        if *next == *end {
            return None;
        }
        self.shared.current_answer.answers.set(*answers);
        // SAFETY: `next` leads into the list of waiters, before its end.
        unsafe {
            let waiter = **next;
            *next = next.add(1);
            Some(waiter)
        }
    }

    /// Withdraws the offer of an answer that was not taken.
    #[inline(always)]
    fn retract(&mut self) {
        if !self.shared.current_answer.answers.get().is_null() {
            self.retract_slow();
        }
    }

    #[cold]
    fn retract_slow(&mut self) {
        // An answer that was given inline is not in this buffer but in its queue's `held_answer`;
        // the next inline answer replaces it.
        let is_of_this_batch =
            self.shared.current_answer.answers.get() == self.ready.cursor().answers;
        self.shared.current_answer.answers.set(ptr::null_mut());
        if is_of_this_batch {
            self.lane.drop_next_answer(&mut self.ready);
        }
    }

    /// Ends the delivery. Recycles the buffer if all answers were offered; otherwise puts the batch
    /// back to be delivered next.
    #[inline]
    pub(crate) fn end(mut self) {
        self.retract();
        let Delivery { lane, shared, .. } = self;
        shared.delivery_cursor.set(ptr::null_mut());
        let ready = self.into_ready();
        if ready.cursor().is_over() {
            lane.take_back(ready);
        } else {
            shared.answered.borrow_mut().push_front(ready);
        }
    }
}

impl Drop for Delivery<'_> {
    /// Puts the remaining answers back after a panic of a task, to be dropped with everything else.
    fn drop(&mut self) {
        self.shared.current_answer.answers.set(ptr::null_mut());
        self.shared.delivery_cursor.set(ptr::null_mut());
        let ready = ReadyBatch { ..self.ready };
        self.shared.answered.borrow_mut().push_front(ready);
    }
}
