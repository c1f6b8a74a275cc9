//! What tasks that were dropped have asked for: such a request must not leave, keep the run
//! waiting, hold back others, or stay in memory.
//!
//! A batch in flight is abandoned when no live waiter is left. It is *watched* through one of its
//! waiters. Only when this waiter is dropped is another one looked for, starting at the position of
//! the last one. So n waiters that are dropped one by one are looked at once each; and however many
//! batches are in flight, only those are looked at that have lost their watcher.
//!
//! Waiting requests are searched when more than half as many tasks were dropped as requests wait,
//! so a search costs O(1) for each drop, amortized. Unwanted requests that are left are dropped
//! when their batch leaves (`send.rs`). If no waiting request is wanted, all are dropped at once.
//!
//! A queue learns of drops in three ways:
//!
//! - `drop_epoch`, one number for all queues together, tells *that* tasks were dropped since the
//!   gathered requests were last searched. No queue has to be notified.
//! - Queues with batches in flight, or with requests that wait on after others have left, are told
//!   *which* tasks were dropped (`drop_listeners`).
//! - `drop_counters` counts these tasks, to tell when a search is worth its cost.

use std::cell::Cell;

use super::state::{InFlightOf, Queue};
use crate::dispatch::buffer::QueuedRequest;
use crate::dispatch::ids::{InFlightId, Waiter};
use crate::dispatch::in_flight::SETTLED;
use crate::dispatch::keys::{PendingKey, Seq};
use crate::dispatch::request::Request;
use crate::observe::Event;

/// The result of the search for a waiter of a batch in flight.
enum LiveWaiter {
    /// This waiter is alive.
    Found(Waiter),
    /// No waiter is alive, and requests are unanswered.
    None,
    /// Every request is answered. The future or job of the batch may still be running, and is left
    /// to end.
    NotNeeded,
}

impl<R: Request> Queue<R> {
    /// Withdraws requests and abandons batches of dropped tasks.
    pub(crate) fn tasks_were_dropped(&self, dropped: &[Waiter]) {
        self.shared.with_current_dispatcher(R::name(), || self.withdraw(dropped));
    }

    /// Withdraws what these waiters have asked for. They may include waiters of other queues.
    fn withdraw(&self, dropped: &[Waiter]) {
        self.withdraw_waiters(dropped.iter().copied());
        self.count_dropped(dropped.len());
        if self.in_flight.is_empty() && self.waiting_len() == 0 {
            self.shared.drop_listeners.borrow_mut().remove(&self.number);
        }
    }

    /// Makes the queue be told of tasks that are dropped from now on.
    pub(super) fn listen_for_drops(&self) {
        self.shared.drop_listeners.borrow_mut().insert(self.number);
    }

    /// Handles waiters that no longer wait for a batch in flight: they were dropped, or have got
    /// their answers elsewhere.
    pub(super) fn withdraw_waiters(&self, waiters: impl Iterator<Item = Waiter>) {
        for waiter in waiters {
            let watched = self.watchers.borrow_mut().remove(&waiter);
            if let Some(flight) = watched {
                self.watch_or_abandon(flight);
            }
        }
    }

    /// Gives a batch in flight that has lost its watcher another one. Abandons the batch if there
    /// is none.
    pub(super) fn watch_or_abandon(&self, id: InFlightId) {
        if !self.watch(id) {
            self.abandon(id);
        }
    }

    /// Makes a live waiter of a batch in flight its watcher. Returns `false` if no live waiter is
    /// left, and so the batch is to be abandoned.
    pub(super) fn watch(&self, id: InFlightId) -> bool {
        // An ordered batch is never abandoned: a write that has begun is seen to its end, so that
        // requests after it find it either done or not done.
        if self.options.ordered {
            return true;
        }
        if let Some(pending_keys) = &self.pending_keys {
            for (flight, position) in pending_keys.borrow_mut().take_watch_again() {
                self.in_flight.with(flight, |flight| {
                    flight.unwatched.iter_mut().for_each(|positions| positions.push(position))
                });
            }
        }
        let live = self.in_flight.with(id, |flight| {
            let live = self.find_live_waiter(flight);
            if let LiveWaiter::Found(waiter) = live {
                flight.watched_by = Some(waiter);
            }
            live
        });
        match live {
            Some(LiveWaiter::Found(waiter)) => {
                self.watchers.borrow_mut().insert(waiter, id);
                true
            }
            Some(LiveWaiter::None) => false,
            Some(LiveWaiter::NotNeeded) | None => true,
        }
    }

    /// Searches a batch in flight for a live waiter: first among those who asked, then among
    /// followers.
    fn find_live_waiter(&self, flight: &mut InFlightOf<R>) -> LiveWaiter {
        let is_alive = |waiter| self.shared.is_alive(waiter);
        if flight.left == 0 {
            return if flight.answered_elsewhere > 0 {
                LiveWaiter::None
            } else {
                LiveWaiter::NotNeeded
            };
        }
        // Positions before `wanted_from` need no look: a dropped task stays dropped. So all
        // searches of a batch together are linear.
        let rest = &flight.buf.waiters[flight.wanted_from..];
        let found = rest.iter().position(|waiter| *waiter != SETTLED && is_alive(*waiter));
        flight.wanted_from += found.unwrap_or(rest.len());
        if found.is_some() {
            return LiveWaiter::Found(flight.buf.waiters[flight.wanted_from]);
        }
        let Some(pending_keys) = &self.pending_keys else { return LiveWaiter::None };
        // A position without a live follower is not searched again, unless a follower joins there.
        let mut positions =
            flight.unwatched.take().unwrap_or_else(|| (0..flight.buf.len()).collect());
        let mut live = LiveWaiter::None;
        while let Some(position) = positions.last() {
            // Followers of a request that was requeued wait elsewhere.
            let is_here = flight.buf.waiters[*position] != SETTLED;
            let follower = || pending_keys.borrow_mut().watch(flight.buf.seq(*position), &is_alive);
            if let Some(waiter) = is_here.then(follower).flatten() {
                live = LiveWaiter::Found(waiter);
                break;
            }
            positions.pop();
        }
        flight.unwatched = Some(positions);
        live
    }

    /// Abandons a batch in flight: its future is dropped, late answers are discarded, and it no
    /// longer counts for limits.
    fn abandon(&self, id: InFlightId) {
        // Answers that have arrived are taken first: they may be cached.
        if let Some(flight) = self.detach_and_read_mailbox(id) {
            self.in_flight.reattach(id, flight);
        }
        if let Some(listener) = &self.shared.host.listener {
            listener.ends(id, true);
        }
        if let Some(flight) = self.finish(id) {
            self.shared
                .observers()
                .emit(|| Event::Abandoned { dispatcher: R::name(), batch: flight.buf.batch });
            // Answered requests have released their keys already; requeued ones keep theirs.
            for position in
                (0..flight.buf.len()).filter(|position| flight.buf.waiters[*position] != SETTLED)
            {
                self.release_key(flight.buf.seq(position));
            }
        }
    }

    /// Removes the pending key of a request that no task waits for. The next request for the key is
    /// sent anew.
    pub(super) fn release_key(&self, seq: Seq) {
        let Some(pending_keys) = &self.pending_keys else { return };
        let taken = pending_keys.borrow_mut().take(seq);
        if let Some(PendingKey { lead, .. }) = taken {
            // With `faults_as_errors` a panic here is dropped, as no request is left to get the
            // fault.
            let _fault = self.guarded(|| {
                pending_keys.borrow_mut().forget(&lead);
                drop(lead);
            });
        }
    }

    /// Whether a waiting request still needs an answer: its waiter or a follower is alive, and the
    /// answer has not come from elsewhere.
    pub(super) fn is_wanted(&self, entry: &QueuedRequest<R::Key>) -> bool {
        let is_alive = |waiter| self.shared.is_alive(waiter);
        match &self.pending_keys {
            None => is_alive(entry.waiter),
            Some(pending_keys) => {
                let mut pending_keys = pending_keys.borrow_mut();
                !pending_keys.is_answered(entry.seq)
                    && (is_alive(entry.waiter)
                        || pending_keys.follower(entry.seq, &is_alive).is_some())
            }
        }
    }

    /// Drops a waiting request that no live task waits for, or that was answered from elsewhere.
    pub(super) fn drop_unwanted(&self, entry: QueuedRequest<R::Key>) {
        if let Some(pending_keys) = &self.pending_keys {
            pending_keys.borrow_mut().forget_answered(entry.seq);
            self.release_key(entry.seq);
        }
    }

    /// Number of requests that wait to be sent, paused ones included.
    fn waiting_len(&self) -> usize {
        self.waiting.borrow().len()
            + self.grouped.as_ref().map_or(0, |grouped| grouped.borrow().len())
    }

    /// Notes that this many waiters no longer wait: they were dropped, or have got their answers
    /// elsewhere. Searches the waiting requests if this pays.
    pub(super) fn count_dropped(&self, waiters: usize) {
        let is_due = |counter: &Cell<usize>, requests: usize| {
            counter.set(counter.get() + waiters);
            requests > 0 && 2 * counter.get() > requests && counter.take() > 0
        };
        let is_wanted = &mut |entry: &QueuedRequest<R::Key>| self.is_wanted(entry);
        let mut unwanted = Vec::new();
        // Paused requests are counted separately: an unwanted pause must not hold back others,
        // however many requests wait elsewhere.
        if is_due(&self.drop_counters.paused, self.waiting.borrow().paused_len()) {
            let alarms = self.waiting.borrow_mut().take_unwanted_paused(is_wanted, &mut unwanted);
            alarms.into_iter().for_each(|alarm| self.shared.due.borrow_mut().unset(alarm));
        }
        if is_due(
            &self.drop_counters.waiting,
            self.waiting_len() - self.waiting.borrow().paused_len(),
        ) {
            self.drop_unwanted_gathered();
            self.waiting.borrow_mut().take_unwanted(is_wanted, &mut unwanted);
            if let Some(grouped) = &self.grouped {
                grouped.borrow_mut().take_unwanted(is_wanted, &mut unwanted);
            }
        }
        unwanted.into_iter().for_each(|entry| self.drop_unwanted(entry));
        if self.waiting_len() == 0 {
            self.unset_rate_alarm();
        }
    }

    /// Drops unwanted gathered requests, if tasks were dropped since the last search.
    pub(super) fn drop_unwanted_gathered(&self) {
        if self.drop_epoch.replace(self.shared.drop_epoch.get()) == self.shared.drop_epoch.get() {
            return;
        }
        let keys = self
            .waiting
            .borrow_mut()
            .take_unwanted_gathered(&mut |waiter| self.shared.is_alive(waiter));
        drop(keys);
    }
}
