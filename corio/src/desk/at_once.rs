//! A batch of one that is sent while its task runs, as nobody can join it (see `crate::at_once`).
//!
//! It is a batch like any other, sent and answered by the same code; only where its answer would
//! queue for delivery, it stays in hand and is offered. If anything comes out differently (a future,
//! slots, a wrong number of answers, a cancelled run) it is with all other batches from there on.

use std::mem::needs_drop;
use std::ptr::NonNull;

use super::board::Board;
use super::flights::Part;
use super::queue::Queue;
use super::request::Request;
use super::{Desk, Sending, Waiter};
use crate::observe::Event;

/// Unsets what was lent.
pub(crate) struct Lent<'d> {
    board: &'d Board,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.board.lent.set(None);
    }
}

impl Desk {
    /// Lends what sending needs to those who ask, until what is given is dropped.
    pub(crate) fn lend<'l>(&'l self, sending: &'l Sending<'l, '_>) -> Lent<'l> {
        self.board.lent.set(Some(NonNull::from(sending).cast()));
        Lent { board: &self.board }
    }

    /// Whether nothing is asked, in flight, given up or due, and what is answered is one batch at
    /// most.
    pub(crate) fn is_quiet(&self) -> bool {
        let Board { asked_in_place, asked_concurrent, answered, in_flight, cancelled, due, .. } = &*self.board;
        let nothing_asked = asked_in_place.borrow().is_empty() && asked_concurrent.borrow().is_empty();
        let nothing_flies = in_flight.get() == 0 && cancelled.borrow().is_empty();
        nothing_asked && nothing_flies && due.borrow().is_empty() && answered.borrow().len() <= 1
    }

    /// Whether each answer of the batch that is being delivered has been taken.
    #[inline]
    pub(crate) fn has_delivered(&self) -> bool {
        let Board { delivering, offered, .. } = &*self.board;
        // SAFETY: it is set while a delivery is going on, which owns the load that it leads into.
        let is_over = NonNull::new(delivering.get()).is_none_or(|progress| unsafe { progress.as_ref() }.is_over());
        is_over && offered.is_empty()
    }
}

impl<R: Request> Queue<R> {
    /// What was lent, if the dispatcher may answer at once and the run is not cancelled.
    #[inline]
    pub(crate) fn lent(&self) -> Option<&Sending<'_, '_>> {
        let lent = self.board.lent.get().filter(|_| self.may_answer_at_once)?;
        // SAFETY: `lend` has borrowed it until it is unset, when the run loop is left, and this
        // borrow is over before that: who asks is called by the run loop.
        let sending: &Sending<'_, '_> = unsafe { lent.cast().as_ref() };
        sending.goes_on().then_some(sending)
    }

    /// Sends a batch of one; whether its answer is offered.
    #[inline]
    pub(crate) fn answer_at_once(&self, waiter: Waiter, key: R::Key, sending: &Sending<'_, '_>) -> bool {
        let mut load = self.in_hand.take().unwrap_or_else(|| self.spare());
        load.fill_with_one(waiter, key);
        self.mark_used();
        let board = &*self.board;
        self.is_in_hand.set(true);
        board.blame(R::name(), || self.send_now(load, board.begin_round(), Part::default(), sending));
        self.is_in_hand.set(false);
        let Some(mut load) = self.in_hand.take() else { return false };
        if !sending.goes_on() {
            // The dispatcher has cancelled its run: no task goes on.
            self.come_back(load);
            return false;
        }
        if needs_drop::<R::Key>() {
            // The destructor is the user's, and does not wait for the next request.
            load.keys.clear();
        }
        board.watch().emit(|| Event::BatchAnswered { dispatcher: R::name(), batch: load.batch, len: 1 });
        self.in_hand.set(Some(load));
        // SAFETY: nobody else has a reference into the cell, or makes one: it is left alone until the
        // next request is answered at once, or the queue is cleared.
        if let Some(load) = unsafe { &mut *self.in_hand.as_ptr() } {
            board.offered.offer(&raw mut load.answers);
        }
        true
    }
}
