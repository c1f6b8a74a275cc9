//! A batch of one that is sent while its task runs, as nobody can join it (see `crate::at_once`).
//!
//! It is a batch like any other, sent and answered by the same code; only where its answer would
//! queue for delivery, it stays in hand and is offered. If anything comes out differently (a
//! future, slots, a wrong number of answers, a cancelled run) it is with all other batches from
//! there on.

use std::mem::needs_drop;

use super::send::Outlet;
use super::state::Queue;
use crate::dispatch::ids::Waiter;
use crate::dispatch::in_flight::Part;
use crate::dispatch::request::Request;
use crate::observe::Event;

impl<R: Request> Queue<R> {
    /// Sends a batch of one; whether its answer is offered.
    #[inline]
    pub(crate) fn answer_at_once(
        &self,
        waiter: Waiter,
        key: R::Key,
        outlet: &impl Outlet<R>,
    ) -> bool {
        let mut buf = self.held_answer.take().unwrap_or_else(|| self.take_buf());
        buf.fill_with_one(waiter, key);
        self.mark_used();
        let shared = &*self.shared;
        self.holds_answer.set(true);
        shared.with_current_dispatcher(R::name(), || {
            self.send_now(buf, shared.begin_round(), Part::default(), outlet)
        });
        self.holds_answer.set(false);
        let Some(mut buf) = self.held_answer.take() else { return false };
        if !outlet.is_open() {
            // The dispatcher has cancelled its run: no task goes on.
            self.push_ready(buf);
            return false;
        }
        if needs_drop::<R::Key>() {
            // The destructor is the user's, and does not wait for the next request.
            buf.keys.clear();
        }
        shared.observers().emit(|| Event::BatchAnswered {
            dispatcher: R::name(),
            batch: buf.batch,
            len: 1,
        });
        self.held_answer.set(Some(buf));
        // SAFETY: nobody else has a reference into the cell, or makes one: it is left alone until
        // the next request is answered at once, or the queue is cleared.
        if let Some(buf) = unsafe { &mut *self.held_answer.as_ptr() } {
            shared.current_answer.offer(&raw mut buf.answers);
        }
        true
    }
}
