//! A batch of one that is sent while its task runs, as nobody can join it (see `crate::at_once`).
//!
//! It is a batch like any other, sent and answered by the same code; only where its answer would
//! queue for delivery, it stays in hand and is offered. If anything comes out differently (a future,
//! slots, a wrong number of answers, a cancelled run) it is with all other batches from there on.

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
    pub(crate) fn answer_at_once(&self, waiter: Waiter, key: R::Key, outlet: &impl Outlet<R>) -> bool {
        let mut load = self.in_hand.take().unwrap_or_else(|| self.spare());
        load.fill_with_one(waiter, key);
        self.mark_used();
        let board = &*self.board;
        self.is_in_hand.set(true);
        board.blame(R::name(), || self.send_now(load, board.begin_round(), Part::default(), outlet));
        self.is_in_hand.set(false);
        let Some(mut load) = self.in_hand.take() else { return false };
        if !outlet.is_open() {
            // The dispatcher has cancelled its run: no task goes on.
            self.come_back(load);
            return false;
        }
        if needs_drop::<R::Key>() {
            // The destructor is the user's, and does not wait for the next request.
            load.keys.clear();
        }
        board.observers().emit(|| Event::BatchAnswered { dispatcher: R::name(), batch: load.batch, len: 1 });
        self.in_hand.set(Some(load));
        // SAFETY: nobody else has a reference into the cell, or makes one: it is left alone until the
        // next request is answered at once, or the queue is cleared.
        if let Some(load) = unsafe { &mut *self.in_hand.as_ptr() } {
            board.offered.offer(&raw mut load.answers);
        }
        true
    }
}
