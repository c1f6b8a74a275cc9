//! What tasks that were dropped have asked for: it must neither leave, nor keep the run waiting,
//! nor hold others, nor stay in memory.
//!
//! A batch on its way is given up when nobody waits for it any more. It is *watched* through one of
//! those who wait, and only when that one is gone is another looked for, from where it was found:
//! so n who give up one by one are looked at once each, and however many batches are on their way,
//! only those are looked at whose watch is gone.
//!
//! What waits to be sent is looked through when half as many tasks were dropped as requests wait,
//! which costs nothing to speak of for each; what is left of it then is left out when
//! its batch leaves (`send_cx.rs`). If nobody waits for any of it, all of it is gone at once.
//!
//! So a queue knows of drops in three ways. *That* there were some since what has gathered was last
//! looked through, `drop_epoch` tells, a number for all queues together: nobody has to be
//! told. Queues with something on its way, or that waits on when others leave, are told *which*
//! tasks were dropped (`drop_listeners`). And `drop_counters` counts how many these were, to know
//! when looking through is worth it.

use std::cell::Cell;

use super::state::{InFlightOf, Queue};
use crate::dispatch::buffer::QueuedRequest;
use crate::dispatch::ids::{InFlightId, Waiter};
use crate::dispatch::in_flight::SETTLED;
use crate::dispatch::keys::{PendingKey, Seq};
use crate::dispatch::request::Request;
use crate::observe::Event;

/// Who waits for a flight.
enum WaitedFor {
    Somebody(Waiter),
    Nobody,
    /// Everything is answered. Whoever has answered may still have something to do.
    NoLonger,
}

impl<R: Request> Queue<R> {
    /// Gives up what nobody wants any more.
    pub(crate) fn tasks_were_dropped(&self, dropped: &[Waiter]) {
        self.shared.with_current_dispatcher(R::name(), || self.withdraw(dropped));
    }

    /// Tasks were dropped, these among them.
    fn withdraw(&self, dropped: &[Waiter]) {
        self.no_longer_wait(dropped.iter().copied());
        self.count_dropped(dropped.len());
        if self.in_flight.is_empty() && self.waiting_len() == 0 {
            self.shared.drop_listeners.borrow_mut().remove(&self.number);
        }
    }

    /// Has the queue hear of tasks that are dropped from now on.
    pub(super) fn listen_for_drops(&self) {
        self.shared.drop_listeners.borrow_mut().insert(self.number);
    }

    /// These do not wait for a flight any more: they are gone, or have their answers from
    /// elsewhere.
    pub(super) fn no_longer_wait(&self, waiters: impl Iterator<Item = Waiter>) {
        for waiter in waiters {
            let watched = self.watched.borrow_mut().remove(&waiter);
            if let Some(flight) = watched {
                self.watch_or_abandon(flight);
            }
        }
    }

    /// Has a flight that has lost its watch be watched through another; if nobody waits for it, it
    /// is given up.
    pub(super) fn watch_or_abandon(&self, id: InFlightId) {
        if !self.watch(id) {
            self.abandon(id);
        }
    }

    /// Has a flight watched through somebody who waits for it. False if nobody does.
    pub(super) fn watch(&self, id: InFlightId) -> bool {
        // What has begun to be written is seen to its end: what is asked after it is to find it
        // written, or not.
        if self.options.ordered {
            return true;
        }
        if let Some(pending_keys) = &self.pending_keys {
            for (flight, position) in pending_keys.borrow_mut().take_watch_again() {
                self.in_flight.with(flight, |flight| {
                    flight.unwatched.iter_mut().for_each(|places| places.push(position))
                });
            }
        }
        let waits = self.in_flight.with(id, |flight| {
            let waits = self.waited_for(flight);
            if let WaitedFor::Somebody(waiter) = waits {
                flight.watched_by = Some(waiter);
            }
            waits
        });
        match waits {
            Some(WaitedFor::Somebody(waiter)) => {
                self.watched.borrow_mut().insert(waiter, id);
                true
            }
            Some(WaitedFor::Nobody) => false,
            Some(WaitedFor::NoLonger) | None => true,
        }
    }

    fn waited_for(&self, flight: &mut InFlightOf<R>) -> WaitedFor {
        let is_alive = |waiter| self.shared.is_alive(waiter);
        if flight.left == 0 {
            return if flight.answered_elsewhere > 0 {
                WaitedFor::Nobody
            } else {
                WaitedFor::NoLonger
            };
        }
        // From where the last one was found: nobody comes back to life, and so all of this is
        // linear.
        let rest = &flight.buf.waiters[flight.wanted_from..];
        let found = rest.iter().position(|waiter| *waiter != SETTLED && is_alive(*waiter));
        flight.wanted_from += found.unwrap_or(rest.len());
        if found.is_some() {
            return WaitedFor::Somebody(flight.buf.waiters[flight.wanted_from]);
        }
        let Some(pending_keys) = &self.pending_keys else { return WaitedFor::Nobody };
        // Where nobody is found is not looked again, unless somebody joins there.
        let mut places = flight.unwatched.take().unwrap_or_else(|| (0..flight.buf.len()).collect());
        let mut waits = WaitedFor::Nobody;
        while let Some(place) = places.last() {
            // Whoever has joined what was given back to be tried again waits elsewhere.
            let is_here = flight.buf.waiters[*place] != SETTLED;
            let observers = || pending_keys.borrow_mut().watch(flight.buf.seq(*place), &is_alive);
            if let Some(waiter) = is_here.then(observers).flatten() {
                waits = WaitedFor::Somebody(waiter);
                break;
            }
            places.pop();
        }
        flight.unwatched = Some(places);
        waits
    }

    /// Nobody waits for a flight: its future is dropped, late answers are thrown away, and its
    /// place is free.
    fn abandon(&self, id: InFlightId) {
        // What is there counts: it may be kept.
        if let Some(flight) = self.detach_and_read_mailbox(id) {
            self.in_flight.reattach(id, flight);
        }
        if let Some(flight) = self.finish(id) {
            self.shared
                .observers()
                .emit(|| Event::Abandoned { dispatcher: R::name(), batch: flight.buf.batch });
            // Those that were answered have let go of their keys; those that are tried again keep
            // them.
            for position in
                (0..flight.buf.len()).filter(|position| flight.buf.waiters[*position] != SETTLED)
            {
                self.release_key(flight.buf.seq(position));
            }
        }
    }

    /// Nobody waits for the request with this ticket: the next who asks for its key asks anew.
    pub(super) fn release_key(&self, seq: Seq) {
        let Some(pending_keys) = &self.pending_keys else { return };
        let taken = pending_keys.borrow_mut().take(seq);
        if let Some(PendingKey { lead, .. }) = taken {
            // Where trouble is an error of the requests, there is none here to hear of it.
            let _nobody_hears = self.guarded(|| {
                pending_keys.borrow_mut().forget(&lead);
                drop(lead);
            });
        }
    }

    /// Whether somebody waits for a request that waits to be sent: who asked, or who has joined.
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

    /// Drops a request that nobody waits for, or that has its answer.
    pub(super) fn forget(&self, entry: QueuedRequest<R::Key>) {
        if let Some(pending_keys) = &self.pending_keys {
            pending_keys.borrow_mut().forget_answered(entry.seq);
            self.release_key(entry.seq);
        }
    }

    /// How many requests wait to be sent, those that pause included.
    fn waiting_len(&self) -> usize {
        self.waiting.borrow().len()
            + self.grouped.as_ref().map_or(0, |grouped| grouped.borrow().len())
    }

    /// These are gone, or have their answers from elsewhere; what they have asked for may wait to
    /// be sent.
    pub(super) fn count_dropped(&self, waiters: usize) {
        let due = |drop_counters: &Cell<usize>, of: usize| {
            drop_counters.set(drop_counters.get() + waiters);
            of > 0 && 2 * drop_counters.get() > of && drop_counters.take() > 0
        };
        let is_wanted = &mut |entry: &QueuedRequest<R::Key>| self.is_wanted(entry);
        let mut unwanted = Vec::new();
        // Counted on its own: a pause that nobody waits in is to hold nobody, however many wait
        // elsewhere.
        if due(&self.drop_counters.of_paused, self.waiting.borrow().paused_len()) {
            let alarms = self.waiting.borrow_mut().take_unwanted_paused(is_wanted, &mut unwanted);
            alarms.into_iter().for_each(|alarm| self.shared.due.borrow_mut().unset(alarm));
        }
        if due(
            &self.drop_counters.of_waiting,
            self.waiting_len() - self.waiting.borrow().paused_len(),
        ) {
            self.drop_unwanted_gathered();
            self.waiting.borrow_mut().take_unwanted(is_wanted, &mut unwanted);
            if let Some(grouped) = &self.grouped {
                grouped.borrow_mut().take_unwanted(is_wanted, &mut unwanted);
            }
        }
        unwanted.into_iter().for_each(|entry| self.forget(entry));
    }

    /// Drops what has gathered and nobody wants, if tasks were dropped since it was last looked
    /// through.
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
