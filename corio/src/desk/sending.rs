//! How requests leave: as far as limits allow, as one batch or in parts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::Sending;
use super::board::Due;
use super::dedup::Sharing;
use super::flights::{Flight, FlightId, Whole};
use super::load::{Entry, NO_TICKET};
use super::options::Options;
use super::queue::{LoadOf, Queue};
use super::request::Request;
use super::requests::Requests;
use super::shown::ShownKeys;
use crate::observe::Event;

impl<R: Request> Queue<R> {
    /// Whether what waits has to wait on.
    pub(super) fn is_held(&self) -> bool {
        let Options { in_flight, ordered, lone, .. } = self.options;
        let board = &self.board;
        if lone {
            return false;
        }
        let limit = if ordered { 1 } else { in_flight };
        // One that answers in place is never in flight.
        let at_limit_of_all = self.is_concurrent() && board.places.get() >= board.limits.in_flight;
        self.places.get() >= limit || at_limit_of_all || board.barred.get() || ordered && self.waiting.borrow().is_pausing()
    }

    #[inline]
    pub(super) fn send_waiting(&self, sending: &Sending<'_, '_>) {
        match self.take_plain() {
            Some(load) => self.send_now(load, None, sending),
            None => self.send_otherwise(sending),
        }
    }

    /// Takes what has gathered, if it may leave as it is.
    #[inline]
    fn take_plain(&self) -> Option<LoadOf<R>> {
        let mut waiting = self.waiting.borrow_mut();
        let is_plain = self.is_plain && !waiting.has_front() && self.drops.get() == self.board.drops.get();
        let fits = (1..=self.options.max_batch).contains(&waiting.gathered_len());
        (is_plain && fits).then(|| waiting.take_gathered(self.spare()))
    }

    #[inline(never)]
    fn send_otherwise(&self, sending: &Sending<'_, '_>) {
        let load = self.take_load();
        if load.is_empty() {
            return self.put_back(load);
        }
        let groups = self.groups(&load);
        if load.len() <= self.options.max_batch && groups.iter().all(|group| *group == groups[0]) {
            self.send_one(load, None, sending);
        } else if self.options.ordered {
            self.send_first_group(load, &groups, sending);
        } else {
            self.send_parts(load, &groups, sending);
        }
        if !self.waiting.borrow().is_empty() {
            self.list();
        }
    }

    /// Takes what may leave together, in the order asked; without the requests of tasks that were dropped.
    fn take_load(&self) -> LoadOf<R> {
        let Options { ordered, max_batch, dedup, .. } = self.options;
        let mut waiting = self.waiting.borrow_mut();
        let mut gathered = waiting.take_gathered(self.spare());
        if self.drops.replace(self.board.drops.get()) != self.board.drops.get() {
            gathered.retain(|waiter| self.board.is_alive(waiter));
        }
        if !waiting.has_front() && !ordered {
            return gathered;
        }
        let mut load = self.spare();
        if ordered && dedup.is_none() {
            // Each has its number from here on, for the case that it comes back.
            for entry in gathered.drain() {
                self.last_ticket.set(self.last_ticket.get() + 1);
                waiting.put_in_front(Entry { ticket: self.last_ticket.get(), ..entry });
            }
        }
        let at_most = if ordered { max_batch } else { usize::MAX };
        // Those that were dropped leave room for others.
        while load.len() < at_most && waiting.has_front() {
            let room = at_most - load.len();
            for entry in waiting.take_front(room).filter(|entry| self.is_wanted(entry)) {
                load.push(entry);
            }
        }
        for entry in gathered.drain() {
            load.push(entry);
        }
        self.put_back(gathered);
        load
    }

    /// Whether somebody waits for a request: who asked, or who has joined.
    pub(super) fn is_wanted(&self, entry: &Entry<R::Key>) -> bool {
        let is_alive = |waiter| self.board.is_alive(waiter);
        // Asked where the first is gone only: it gives the ticket back if nobody else is there.
        let joined = |sharing: &RefCell<Sharing<R::Key>>| sharing.borrow_mut().is_wanted(&entry.key, entry.ticket, &is_alive);
        is_alive(entry.waiter) || self.sharing.as_ref().is_some_and(joined)
    }

    fn groups(&self, load: &LoadOf<R>) -> Vec<usize> {
        let Some(groups) = self.options.groups else { return Vec::new() };
        let groups = groups(&load.keys);
        let (given, keys) = (groups.len(), load.len());
        assert!(given == keys, "corio: `group_by` of dispatcher `{}` gave {given} groups for {keys} keys: there must be one for each", R::name());
        groups
    }

    /// In order, only those before the first of another group may leave.
    fn send_first_group(&self, mut load: LoadOf<R>, groups: &[usize], sending: &Sending<'_, '_>) {
        let first = groups.iter().take_while(|group| **group == groups[0]).count();
        for entry in load.take_behind(first) {
            self.waiting.borrow_mut().put_in_front(entry);
        }
        self.send_one(load, None, sending);
    }

    fn send_parts(&self, mut load: LoadOf<R>, groups: &[usize], sending: &Sending<'_, '_>) {
        let parts = load.drain_into_parts(groups, self.options.max_batch, || self.spare());
        self.put_back(load);
        let whole = self.flights.split();
        for part in parts.into_iter().take_while(|_| sending.goes_on()) {
            self.send_one(part, Some(whole), sending);
        }
    }

    fn send_one(&self, load: LoadOf<R>, whole: Option<Whole>, sending: &Sending<'_, '_>) {
        self.send_now(load, whole, sending);
    }

    /// The same, in line: most batches leave as they have gathered.
    #[inline(always)]
    fn send_now<'r>(&self, mut load: LoadOf<R>, whole: Option<Whole>, sending: &Sending<'_, 'r>) {
        load.batch = self.board.next_batch();
        if self.board.watch().has_observer() {
            self.tell_sent(&load);
        }
        if self.options.dedup.is_some() {
            self.set_on_their_way(&mut load);
        }
        let requests = Requests::new(self, load, whole, sending);
        match &self.replacement {
            Some(replacement) => replacement(requests),
            // SAFETY: queues are opened with the functions of the run's context (or of one for every context), and `sending` carries that context.
            None => unsafe { (self.answering.dispatch)(sending.context, requests) },
        }
    }

    #[cold]
    fn tell_sent(&self, load: &LoadOf<R>) {
        let shown = ShownKeys { keys: &load.keys, show: self.options.show_key };
        self.board.watch().emit(|| Event::BatchSent { dispatcher: R::name(), batch: load.batch, len: load.keys.len(), keys: &shown });
    }

    /// With dedup, keys that go out are kept to be found again.
    fn set_on_their_way(&self, load: &mut LoadOf<R>) {
        if let Some((sharing, dedup)) = self.sharing.as_ref().zip(self.options.dedup) {
            for (position, key) in load.keys.iter().enumerate() {
                sharing.borrow_mut().set_on_its_way(key, load.ticket(position), true);
            }
            let names = load.keys.iter().map(dedup.copy_key).collect();
            load.marks.get_or_insert_default().names = names;
        }
    }

    /// A flight will be answered later.
    pub(super) fn take_off(&self, load: LoadOf<R>, whole: Option<Whole>) -> FlightId {
        let board = &self.board;
        let mut flight = Flight::new(load, whole);
        board.in_flight.set(board.in_flight.get() + 1);
        let is_first = flight.whole.is_none_or(|whole| self.flights.part_leaves(whole));
        if is_first && !self.options.lone {
            self.places.set(self.places.get() + 1);
            board.places.set(board.places.get() + 1);
        }
        let id = self.flights.next();
        if let Some(limit) = self.options.timeout {
            flight.extras().alarm = Some(board.set_alarm(limit, Due::Flight { queue: self.number, flight: id }));
        }
        board.hear_of_drops.borrow_mut().insert(self.number);
        if self.options.lone {
            self.lone.borrow_mut().extend(flight.load.waiters.first().map(|waiter| (*waiter, id)));
        }
        self.flights.put(id, flight);
        id
    }

    /// Has requests go out again after a pause, those with the same pause together.
    pub(super) fn try_again(&self, entries: Vec<(Duration, Entry<R::Key>)>) {
        let mut by_pause: BTreeMap<Duration, Vec<Entry<R::Key>>> = BTreeMap::new();
        for (pause, entry) in entries {
            if let Some(sharing) = &self.sharing {
                sharing.borrow_mut().set_on_its_way(&entry.key, entry.ticket, false);
            }
            by_pause.entry(pause).or_default().push(entry);
        }
        for (pause, entries) in by_pause {
            if pause.is_zero() {
                entries.into_iter().for_each(|entry| self.waiting.borrow_mut().put_in_front(entry));
                self.list();
            } else {
                let alarm = self.board.set_alarm(pause, Due::Retries { queue: self.number });
                self.waiting.borrow_mut().pause(alarm, entries);
                self.board.hear_of_drops.borrow_mut().insert(self.number);
            }
        }
    }
}

const _: () = assert!(NO_TICKET == 0, "numbers of requests begin behind it");
