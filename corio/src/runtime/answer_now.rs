//! Inline answers: a request that no other request can join is answered on the spot.
//!
//! The asking task is the last one that can run, and nothing else is queued, in flight, answered or
//! due. The run loop would send a batch of one and then resume the task. This fast path does both
//! at the place of the request, and the task does not suspend. Observers hear the same events in
//! the same order as on the slow path.
//!
//! Two differences remain. The key is dropped before the task continues, not after the batch has
//! been delivered. With a deadline, the clock is read before every 16th of these batches only.
//!
//! This file decides when an inline answer is allowed and keeps the executor consistent;
//! `dispatch/queue/answer_now.rs` sends the batch.
//!
//! Invariants:
//! - No task runs while a dispatcher does, so the asking task steps aside.
//! - A panic of the dispatcher does not unwind through the frame of the task, which is not at
//!   fault. The payload is stored until the task suspends, and then ends the run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::state::RunState;
use crate::dispatch::{Lane, Request, SendCx, Waiter};
use crate::executor::Id;

impl RunState {
    /// Whether one more request may be answered inline.
    #[inline]
    fn can_answer_now(&self) -> bool {
        let RunState { executor, dispatchers, inline_budget, .. } = self;
        inline_budget.0.get() > 0 && executor.is_last() && dispatchers.has_delivered()
    }

    /// Answers a request inline if no other request can join it and its dispatcher answers in
    /// place; otherwise returns the key.
    #[inline]
    pub(super) fn answer_now<R: Request>(
        &self,
        lane: &Lane<R>,
        id: Id,
        key: R::Key,
    ) -> Result<(), R::Key> {
        if !self.can_answer_now() {
            return Err(key);
        }
        lane.with_lent_send_cx(key, |send_cx, key| self.answer_with(send_cx, lane, id, key))
    }

    /// Answers a request inline with `send_cx`.
    #[inline(always)]
    fn answer_with<R: Request>(
        &self,
        send_cx: &SendCx<'_, '_>,
        lane: &Lane<R>,
        id: Id,
        key: R::Key,
    ) {
        let RunState { executor, inline_budget, inline_panic, .. } = self;
        inline_budget.0.set(inline_budget.0.get() - 1);
        let task_and_scope = executor.step_aside();
        let is_answered = catch_unwind(AssertUnwindSafe(|| {
            let is_answered = lane.answer_at_once(Waiter(id.to_word()), key, send_cx);
            if is_answered && executor.is_observed() {
                executor.emit_resumed(id);
            }
            is_answered
        }));
        executor.step_back(task_and_scope);
        match is_answered {
            Ok(true) => executor.go_on(),
            // The batch may have failed, or the dispatcher may have cancelled the run: the run loop
            // checks for both before another task runs.
            Ok(false) => executor.pause(),
            Err(payload) => {
                inline_panic.set(Some(payload));
                executor.pause();
            }
        }
    }
}
