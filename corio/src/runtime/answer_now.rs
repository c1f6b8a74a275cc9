//! A request that nobody can join: who asks is the last task that can run, and nothing else is
//! asked, in flight, answered or due. The next thing that would happen is that its batch of one
//! leaves, and the next after that that its task goes on. So both happen where it is asked, and the
//! task does not wait. Who watches hears the same events in the same order as of a task that does.
//!
//! Two things are not the same: the key is dropped before its task goes on, and not when its batch
//! has been delivered; and with a deadline the time is looked at before each sixteenth of such
//! batches only.
//!
//! Here is when that may be, and what the engine has to do with it; `dispatchers/at_once.rs` sends
//! the batch.
//!
//! What must hold: no task runs while a dispatcher does, so the one that asks steps aside; and what
//! a dispatcher panics with does not unwind through the frame of a task, which has done nothing
//! wrong: it is kept until the task waits, and then ends the run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::state::RunState;
use crate::dispatch::{Lane, Request, Waiter};
use crate::executor::Id;

impl RunState {
    /// Whether one more request may be answered at once.
    #[inline]
    fn may_answer_at_once(&self) -> bool {
        let RunState { executor, dispatchers, inline_budget, .. } = self;
        inline_budget.0.get() > 0 && executor.is_last() && dispatchers.has_delivered()
    }

    /// Has a request answered now, if nobody can join it and its dispatcher answers in place; gives
    /// back the key otherwise.
    #[inline]
    pub(crate) fn answer_at_once<R: Request>(
        &self,
        queue: &Lane<R>,
        id: Id,
        key: R::Key,
    ) -> Result<(), R::Key> {
        let RunState { executor, inline_budget, panic, .. } = self;
        if !self.may_answer_at_once() {
            return Err(key);
        }
        let Some(send_cx) = queue.lent_send_cx() else { return Err(key) };
        inline_budget.0.set(inline_budget.0.get() - 1);
        let place = executor.step_aside();
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let is_offered = queue.answer_at_once(Waiter(id.to_word()), key, send_cx);
            if is_offered && executor.is_observed() {
                executor.emit_resumed(id);
            }
            is_offered
        }));
        executor.step_back(place);
        match answered {
            Ok(true) => executor.go_on(),
            // It may have failed, or cancelled the run: the run loop looks before others run.
            Ok(false) => executor.pause(),
            Err(payload) => {
                panic.set(Some(payload));
                executor.pause();
            }
        }
        Ok(())
    }
}
