//! A request that nobody can join: who asks is the last task that can run, and nothing else is asked,
//! in flight, answered or due. The next thing that would happen is that its batch of one leaves, and
//! the next after that that its task goes on. So both happen where it is asked, and the task does not
//! wait. Who watches hears the same events in the same order as of a task that does.
//!
//! Two things are not the same: the key is dropped before its task goes on, and not when its batch
//! has been delivered; and with a deadline the time is looked at before each sixteenth of such
//! batches only.
//!
//! Here is when that may be, and what the engine has to do with it; `desk/at_once.rs` sends the batch.
//!
//! What must hold: no task runs while a dispatcher does, so the one that asks steps aside; and what a
//! dispatcher panics with does not unwind through the frame of a task, which has done nothing wrong:
//! it is kept until the task waits, and then ends the run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::state::Core;
use crate::dispatch::{Lane, Request, Waiter};
use crate::executor::Id;

impl Core {
    /// Whether one more request may be answered at once.
    #[inline]
    fn may_answer_at_once(&self) -> bool {
        let Core { engine, desk, quiet, .. } = self;
        quiet.0.get() > 0 && engine.is_last() && desk.has_delivered()
    }

    /// Has a request answered now, if nobody can join it and its dispatcher answers in place; gives
    /// back the key otherwise.
    #[inline]
    pub(crate) fn answer_at_once<R: Request>(&self, queue: &Lane<R>, id: Id, key: R::Key) -> Result<(), R::Key> {
        let Core { engine, quiet, panic, .. } = self;
        if !self.may_answer_at_once() {
            return Err(key);
        }
        let Some(sending) = queue.lent() else { return Err(key) };
        quiet.0.set(quiet.0.get() - 1);
        let place = engine.step_aside();
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let is_offered = queue.answer_at_once(Waiter(id.to_word()), key, sending);
            if is_offered && engine.is_observed() {
                engine.tell_goes_on(id);
            }
            is_offered
        }));
        engine.step_back(place);
        match answered {
            Ok(true) => engine.go_on(),
            // It may have failed, or cancelled the run: the run loop looks before others run.
            Ok(false) => engine.pause(),
            Err(payload) => {
                panic.set(Some(payload));
                engine.pause();
            }
        }
        Ok(())
    }
}
