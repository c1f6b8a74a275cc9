//! Delivery of ready answers to their waiters: one batch at a time, one answer after the other.
//!
//! The answer for the running task is *offered*: available until that task takes it, and only while
//! that task runs. So an answer needs no storage in the task, and an answer that is not taken
//! reaches no other task.

use std::mem;

use super::any_lane::AnyLane;
use super::ids::Waiter;
use super::ready::{CurrentAnswer, ReadyBatch};
use super::shared_state::SharedState;

/// The delivery of one batch of answers. There is at most one at a time; its batch is in
/// [`CurrentAnswer`].
pub(crate) struct Delivery<'b> {
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
        let had_started = ready.start();
        shared.current_answer.begin(ready);
        let delivery = Delivery { lane, shared };
        if shared.observers().has_observer() && !had_started {
            delivery.emit_answered();
        }
        delivery
    }

    /// Emits the event of a delivery. If an observer panics, the answers are put back.
    #[cold]
    fn emit_answered(&self) {
        self.interrupted(|ready| self.lane.emit_answered(ready));
    }

    /// Calls `f` with the batch, which is no current delivery meanwhile.
    fn interrupted(&self, f: impl FnOnce(&mut ReadyBatch)) {
        let current_answer = &self.shared.current_answer;
        let mut guard = ResumeGuard { current_answer, ready: current_answer.end() };
        if let Some(ready) = &mut guard.ready {
            f(ready);
        }
    }

    /// Offers the next answer and returns its waiter. Drops the previous answer if it was not
    /// taken: the task that asked for it no longer exists.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<Waiter> {
        self.retract();
        self.shared.current_answer.advance()
    }

    /// Withdraws the offer of an answer that was not taken.
    #[inline(always)]
    fn retract(&mut self) {
        if self.shared.current_answer.is_offered() {
            self.retract_slow();
        }
    }

    #[cold]
    fn retract_slow(&mut self) {
        // An answer that was given inline is not in this batch but in its queue's `held_answer`;
        // the next inline answer replaces it.
        if self.shared.current_answer.retract() {
            self.interrupted(|ready| self.lane.drop_next_answer(ready));
        }
    }

    /// Ends the delivery. Recycles the buffer if all answers were offered; otherwise puts the batch
    /// back to be delivered next.
    #[inline]
    pub(crate) fn end(mut self) {
        self.retract();
        let Delivery { lane, shared } = self;
        mem::forget(self);
        match shared.current_answer.end() {
            Some(ready) if ready.is_over() => lane.take_back(ready),
            ready => ready.into_iter().for_each(|ready| put_back(ready, shared)),
        }
    }
}

/// Puts a batch back to be delivered next.
fn put_back(ready: ReadyBatch, shared: &SharedState) {
    shared.answered.borrow_mut().push_front(ready);
}

impl Drop for Delivery<'_> {
    /// Puts the remaining answers back after a panic of a task, to be dropped with everything else.
    fn drop(&mut self) {
        if let Some(ready) = self.shared.current_answer.end() {
            put_back(ready, self.shared);
        }
    }
}

/// Resumes a delivery that was interrupted, when it is dropped.
struct ResumeGuard<'b> {
    current_answer: &'b CurrentAnswer,
    ready: Option<ReadyBatch>,
}

impl Drop for ResumeGuard<'_> {
    fn drop(&mut self) {
        self.ready.take().into_iter().for_each(|ready| self.current_answer.begin(ready));
    }
}
