//! What tasks that were dropped have asked for: it must neither leave, nor keep the run waiting, nor hold others, nor stay in memory.
//!
//! A batch on its way is given up when nobody waits for it any more. It is *watched* through one of those who wait, and only when that one is gone is another looked for, from where
//! it was found: so n who give up one by one are looked at once each, and however many batches are on their way, only those are looked at whose watch is gone.
//!
//! What waits to be sent is looked through when half as many tasks were dropped as requests wait, which costs nothing to speak of for each; what is left of it then is left out when
//! its batch leaves (`send_cx.rs`). If nobody waits for any of it, all of it is gone at once.
//!
//! So a queue knows of drops in three ways. *That* there were some since what has gathered was last looked through, `drops` tells, a number for all queues together: nobody has to be
//! told. Queues with something on its way, or that waits on when others leave, are told *which* tasks were dropped (`hear_of_drops`). And `gone` counts how many these were, to know
//! when looking through is worth it.

use std::cell::Cell;

use super::state::{FlightOf, Queue};
use crate::dispatch::buffer::Entry;
use crate::dispatch::ids::{FlightId, Waiter};
use crate::dispatch::in_flight::GONE;
use crate::dispatch::keys::{Row, Ticket};
use crate::dispatch::request::Request;
use crate::observe::Event;

/// Who waits for a flight.
enum Waits {
    Somebody(Waiter),
    Nobody,
    /// Everything is answered. Whoever has answered may still have something to do.
    NoLonger,
}

impl<R: Request> Queue<R> {
    /// Gives up what nobody wants any more.
    pub(crate) fn tasks_were_dropped(&self, dropped: &[Waiter]) {
        self.board.blame(R::name(), || self.withdraw(dropped));
    }

    /// Tasks were dropped, these among them.
    fn withdraw(&self, dropped: &[Waiter]) {
        self.no_longer_wait(dropped.iter().copied());
        self.are_gone(dropped.len());
        if self.flights.is_empty() && self.waiting_len() == 0 {
            self.board.hear_of_drops.borrow_mut().remove(&self.number);
        }
    }

    /// Has the queue hear of tasks that are dropped from now on.
    pub(crate) fn hear_of_drops(&self) {
        self.board.hear_of_drops.borrow_mut().insert(self.number);
    }

    /// These do not wait for a flight any more: they are gone, or have their answers from elsewhere.
    pub(crate) fn no_longer_wait(&self, waiters: impl Iterator<Item = Waiter>) {
        for waiter in waiters {
            let watched = self.watched.borrow_mut().remove(&waiter);
            if let Some(flight) = watched {
                self.watch_or_abandon(flight);
            }
        }
    }

    /// Has a flight that has lost its watch be watched through another; if nobody waits for it, it is given up.
    pub(crate) fn watch_or_abandon(&self, id: FlightId) {
        if !self.observers(id) {
            self.abandon(id);
        }
    }

    /// Has a flight watched through somebody who waits for it. False if nobody does.
    pub(crate) fn observers(&self, id: FlightId) -> bool {
        // What has begun to be written is seen to its end: what is asked after it is to find it written, or not.
        if self.options.ordered {
            return true;
        }
        if let Some(sharing) = &self.sharing {
            for (flight, position) in sharing.borrow_mut().take_watch_again() {
                self.flights.with(flight, |flight| flight.unwatched.iter_mut().for_each(|places| places.push(position)));
            }
        }
        let waits = self.flights.with(id, |flight| {
            let waits = self.who_waits(flight);
            if let Waits::Somebody(waiter) = waits {
                flight.watched_by = Some(waiter);
            }
            waits
        });
        match waits {
            Some(Waits::Somebody(waiter)) => {
                self.watched.borrow_mut().insert(waiter, id);
                true
            }
            Some(Waits::Nobody) => false,
            Some(Waits::NoLonger) | None => true,
        }
    }

    fn who_waits(&self, flight: &mut FlightOf<R>) -> Waits {
        let is_alive = |waiter| self.board.is_alive(waiter);
        if flight.left == 0 {
            return if flight.elsewhere > 0 { Waits::Nobody } else { Waits::NoLonger };
        }
        // From where the last one was found: nobody comes back to life, and so all of this is linear.
        let rest = &flight.load.waiters[flight.wanted_from..];
        let found = rest.iter().position(|waiter| *waiter != GONE && is_alive(*waiter));
        flight.wanted_from += found.unwrap_or(rest.len());
        if found.is_some() {
            return Waits::Somebody(flight.load.waiters[flight.wanted_from]);
        }
        let Some(sharing) = &self.sharing else { return Waits::Nobody };
        // Where nobody is found is not looked again, unless somebody joins there.
        let mut places = flight.unwatched.take().unwrap_or_else(|| (0..flight.load.len()).collect());
        let mut waits = Waits::Nobody;
        while let Some(place) = places.last() {
            // Whoever has joined what was given back to be tried again waits elsewhere.
            let is_here = flight.load.waiters[*place] != GONE;
            let observers = || sharing.borrow_mut().observers(flight.load.ticket(*place), &is_alive);
            if let Some(waiter) = is_here.then(observers).flatten() {
                waits = Waits::Somebody(waiter);
                break;
            }
            places.pop();
        }
        flight.unwatched = Some(places);
        waits
    }

    /// Nobody waits for a flight: its future is dropped, late answers are thrown away, and its place is free.
    pub(crate) fn abandon(&self, id: FlightId) {
        // What is there counts: it may be kept.
        if let Some(flight) = self.with_posts(id) {
            self.flights.put_back(id, flight);
        }
        if let Some(flight) = self.land(id) {
            self.board.observers().emit(|| Event::Abandoned { dispatcher: R::name(), batch: flight.load.batch });
            // Those that were answered have let go of their keys; those that are tried again keep them.
            for position in (0..flight.load.len()).filter(|position| flight.load.waiters[*position] != GONE) {
                self.let_go_of_key(flight.load.ticket(position));
            }
        }
    }

    /// Nobody waits for the request with this ticket: the next who asks for its key asks anew.
    pub(crate) fn let_go_of_key(&self, ticket: Ticket) {
        let Some(sharing) = &self.sharing else { return };
        let taken = sharing.borrow_mut().take(ticket);
        if let Some(Row { registered, .. }) = taken {
            // Where trouble is an error of the requests, there is none here to hear of it.
            let _nobody_hears = self.guarded(|| {
                sharing.borrow_mut().forget(&registered);
                drop(registered);
            });
        }
    }

    /// Whether somebody waits for a request that waits to be sent: who asked, or who has joined.
    pub(crate) fn is_wanted(&self, entry: &Entry<R::Key>) -> bool {
        let is_alive = |waiter| self.board.is_alive(waiter);
        match &self.sharing {
            None => is_alive(entry.waiter),
            Some(sharing) => {
                let mut sharing = sharing.borrow_mut();
                !sharing.is_answered(entry.ticket) && (is_alive(entry.waiter) || sharing.joined(entry.ticket, &is_alive).is_some())
            }
        }
    }

    /// Drops a request that nobody waits for, or that has its answer.
    pub(crate) fn forget(&self, entry: Entry<R::Key>) {
        if let Some(sharing) = &self.sharing {
            sharing.borrow_mut().forget_answered(entry.ticket);
            self.let_go_of_key(entry.ticket);
        }
    }

    /// How many requests wait to be sent, those that pause included.
    fn waiting_len(&self) -> usize {
        self.waiting.borrow().len() + self.grouped.as_ref().map_or(0, |grouped| grouped.borrow().len())
    }

    /// These are gone, or have their answers from elsewhere; what they have asked for may wait to be sent.
    pub(crate) fn are_gone(&self, waiters: usize) {
        let due = |gone: &Cell<usize>, of: usize| {
            gone.set(gone.get() + waiters);
            of > 0 && 2 * gone.get() > of && gone.take() > 0
        };
        let is_wanted = &mut |entry: &Entry<R::Key>| self.is_wanted(entry);
        let mut unwanted = Vec::new();
        // Counted on its own: a pause that nobody waits in is to hold nobody, however many wait elsewhere.
        if due(&self.gone.of_paused, self.waiting.borrow().paused_len()) {
            let alarms = self.waiting.borrow_mut().take_unwanted_paused(is_wanted, &mut unwanted);
            alarms.into_iter().for_each(|alarm| self.board.due.borrow_mut().unset(alarm));
        }
        if due(&self.gone.of_waiting, self.waiting_len() - self.waiting.borrow().paused_len()) {
            self.drop_unwanted_gathered();
            self.waiting.borrow_mut().take_unwanted(is_wanted, &mut unwanted);
            if let Some(grouped) = &self.grouped {
                grouped.borrow_mut().take_unwanted(is_wanted, &mut unwanted);
            }
        }
        unwanted.into_iter().for_each(|entry| self.forget(entry));
    }

    /// Drops what has gathered and nobody wants, if tasks were dropped since it was last looked through.
    pub(crate) fn drop_unwanted_gathered(&self) {
        if self.drops.replace(self.board.drops.get()) == self.board.drops.get() {
            return;
        }
        let keys = self.waiting.borrow_mut().take_unwanted_gathered(&mut |waiter| self.board.is_alive(waiter));
        drop(keys);
    }
}
