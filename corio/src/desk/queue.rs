//! The queue of one dispatcher: requests gather, leave as batches, and come back as answers.
//!
//! gathering → (settled: kept answers given, equal keys joined) → sent as a flight → answered → delivered. What is to be tried again goes back to the beginning, in front.
//! What becomes of answers is in `landing.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::answering::{Answering, Replacement};
use super::board::{Board, Due};
use super::cache::Cache;
use super::dedup::{Joined, Sharing};
use super::flights::{Flight, FlightId, Flights, Whole};
use super::landing::Answered;
use super::load::{Entry, Load};
use super::options::Options;
use super::request::Request;
use super::requests::{Cargo, Requests};
use super::shown::ShownKeys;
use super::{CacheChange, ContextRef, Sending, Waiter};
use crate::observe::Event;
use crate::sweep::Sweep;

pub(super) type LoadOf<R> = Load<<R as Request>::Key, <R as Request>::Answer>;

pub(super) type FlightOf<R> = Flight<<R as Request>::Key, <R as Request>::Answer>;

/// Requests that go out again, and when they may.
type Paused<R> = (Duration, LoadOf<R>);

pub(super) struct Queue<R: Request> {
    pub(super) number: u32,
    pub(super) board: Rc<Board>,
    pub(super) options: Options<R::Key, R::Answer>,
    answering: Answering<R>,
    replacement: Option<Replacement<R>>,
    gathering: RefCell<LoadOf<R>>,
    /// Is in one of the board's lists.
    listed: Cell<bool>,
    /// Tried again with the next batch.
    again: RefCell<LoadOf<R>>,
    /// Tried again from a time on, those with the same pause together.
    later: RefCell<Vec<Paused<R>>>,
    /// Which drops of tasks the queue has seen.
    drops: Cell<u64>,
    pub(super) flights: Flights<R::Key, R::Answer>,
    /// Batches on the way, the parts of one counted once.
    pub(super) places: Cell<usize>,
    pub(super) sharing: Option<RefCell<Sharing<R::Key>>>,
    pub(super) cache: Option<RefCell<Cache<R::Key, R::Answer>>>,
    pub(super) answered: RefCell<VecDeque<Answered<R::Key, R::Answer>>>,
    /// Empty, to be filled again.
    spares: RefCell<Vec<LoadOf<R>>>,
}

impl<R: Request> Queue<R> {
    pub(super) fn new(
        number: u32,
        board: Rc<Board>,
        answering: Answering<R>,
        options: Options<R::Key, R::Answer>,
        replacement: Option<Replacement<R>>,
    ) -> Self {
        if options.dedup.is_some() {
            board.sharing.set(board.sharing.get() + 1);
        }
        if options.lone {
            board.lone.borrow_mut().push(number);
        }
        Queue {
            number,
            options,
            answering,
            replacement,
            gathering: RefCell::default(),
            listed: Cell::new(false),
            again: RefCell::default(),
            later: RefCell::default(),
            drops: Cell::new(board.drops.get()),
            flights: Flights::default(),
            places: Cell::new(0),
            sharing: options.dedup.map(|dedup| RefCell::new(Sharing::new(dedup))),
            cache: options.keep.map(|keep| RefCell::new(Cache::new(keep))),
            answered: RefCell::default(),
            spares: RefCell::default(),
            board,
        }
    }

    // ── gathering ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    #[inline]
    pub(super) fn ask(&self, waiter: Waiter, key: R::Key) {
        let mut gathering = self.gathering.borrow_mut();
        if gathering.is_empty() {
            self.list();
        }
        gathering.waiters.push(waiter);
        gathering.keys.push(key);
    }

    /// Puts the queue on the board, for its turn.
    fn list(&self) {
        if !self.listed.replace(true) {
            let asked = if self.is_concurrent() { &self.board.asked_concurrent } else { &self.board.asked_in_place };
            asked.borrow_mut().push(self.number);
        }
    }

    fn is_concurrent(&self) -> bool {
        self.options.concurrent && self.replacement.is_none()
    }

    /// Has requests go out again after a pause, those with the same pause together.
    pub(super) fn try_again(&self, entries: Vec<(Duration, Entry<R::Key>)>) {
        let mut pauses: Vec<Paused<R>> = Vec::new();
        for (pause, entry) in entries {
            match pauses.iter_mut().find(|(other, _)| *other == pause) {
                Some((_, load)) => load.push(entry),
                None => {
                    let mut load = Load::default();
                    load.push(entry);
                    pauses.push((pause, load));
                }
            }
        }
        for (pause, mut load) in pauses {
            if pause.is_zero() {
                self.again.borrow_mut().append(&mut load);
                self.list();
            } else {
                let due = self.board.now().saturating_add(pause);
                self.board.due.borrow_mut().set(due, Due::Retries { queue: self.number });
                self.later.borrow_mut().push((due, load));
            }
        }
    }

    /// Takes what is to leave: first what was sent before, then what has gathered, in the order asked.
    fn take_load(&self) -> LoadOf<R> {
        let mut gathering = self.gathering.borrow_mut();
        let mut again = self.again.borrow_mut();
        if again.is_empty() {
            return std::mem::replace(&mut gathering, self.spare());
        }
        let mut load = std::mem::take(&mut *again);
        load.append(&mut gathering);
        load
    }

    /// Withdraws the requests of tasks that were dropped.
    fn withdraw(&self, load: &mut LoadOf<R>, is_alive: &dyn Fn(Waiter) -> bool) {
        load.retain(|waiter, key, ticket| {
            let joined = || self.sharing.as_ref().is_some_and(|sharing| sharing.borrow_mut().is_wanted(key, ticket, is_alive));
            // Whoever has joined counts too. Asked of a dead one only: it gives the ticket back if nobody has.
            is_alive(waiter) || joined()
        });
    }

    // ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Whether what has gathered has to wait.
    fn is_held(&self) -> bool {
        let board = &self.board;
        let at_own_limit = self.places.get() >= self.options.in_flight;
        // One that answers in place is never in flight.
        let at_limit_of_all = self.is_concurrent() && !self.options.lone && board.places.get() >= board.limits.in_flight;
        let behind_retries = self.options.ordered && !self.later.borrow().is_empty();
        at_own_limit || at_limit_of_all || behind_retries
    }

    fn send_load(self: &Rc<Self>, mut load: LoadOf<R>, sending: &Sending<'_, '_>) {
        let Options { groups, max_batch, ordered, .. } = self.options;
        let groups = groups.map(|groups| groups(&load.keys)).unwrap_or_default();
        if load.len() <= max_batch && groups.iter().all(|group| *group == 0) {
            self.send_one(load, None, sending);
        } else if ordered {
            let (front, rest) = load.split_front(&groups, max_batch);
            *self.again.borrow_mut() = rest;
            self.list();
            self.send_one(front, None, sending);
        } else {
            let parts = load.drain_into_parts(&groups, max_batch, || self.spare());
            self.put_back(load);
            let whole = self.flights.split();
            for part in parts {
                self.send_one(part, Some(whole), sending);
            }
        }
    }

    fn send_one<'r>(self: &Rc<Self>, load: LoadOf<R>, whole: Option<Whole>, sending: &Sending<'_, 'r>) {
        let batch = self.board.next_batch();
        let Load { waiters, keys, answers, marks } = load;
        let shown = ShownKeys { keys: &keys, show: self.options.show_key };
        self.board.watch().emit(|| Event::BatchSent { dispatcher: R::name(), batch, len: keys.len(), keys: &shown });
        let left = waiters.len();
        let mut flight = Flight { batch, waiters, left, whole, marks, rare: None };
        if let Some(dedup) = self.options.dedup {
            flight.rare().names = keys.iter().map(dedup.copy_key).collect();
        }
        let requests = Requests::new(self, flight, Cargo { keys, answers }, sending.futures);
        match &self.replacement {
            Some(replacement) => replacement(requests),
            // SAFETY: queues are opened with the functions of the run's context (or of one for every context), and `sending` carries that context.
            None => unsafe { (self.answering.dispatch)(sending.context, requests) },
        }
    }

    /// A flight will be answered later.
    pub(super) fn take_off(&self, flight: FlightOf<R>) -> FlightId {
        let board = &self.board;
        board.in_flight.set(board.in_flight.get() + 1);
        let is_first = flight.whole.is_none_or(|whole| self.flights.part_leaves(whole));
        if is_first && !self.options.lone {
            self.places.set(self.places.get() + 1);
            board.places.set(board.places.get() + 1);
        }
        let id = self.flights.add(flight);
        if let Some(limit) = self.options.timeout {
            let due = Due::Flight { queue: self.number, flight: id };
            let alarm = board.due.borrow_mut().set(board.now().saturating_add(limit), due);
            self.flights.with(id, |flight| flight.rare().alarm = Some(alarm));
        }
        id
    }

    // ── kept answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn change_cache(&self, context: ContextRef<'_>, change: CacheChange<R>) {
        let (Some(cache), Some(sharing), Some(dedup)) = (&self.cache, &self.sharing, self.options.dedup) else {
            panic!("corio: dispatcher `{name}` keeps no answers: say `#[corio::dispatcher(cache)]`", name = R::name());
        };
        // SAFETY: as for `dispatch`.
        cache.borrow_mut().enter(|| unsafe { (self.answering.partition)(context) });
        // Whoever has joined a request that is out of date asks anew.
        let ask_anew = |key: &R::Key, joined: Vec<Joined>| joined.into_iter().for_each(|(_, waiter)| self.ask(waiter, (dedup.copy_key)(key)));
        match change {
            CacheChange::Prime(key, answer) => cache.borrow_mut().put(key, answer, &|| self.board.now()),
            CacheChange::Invalidate(key) => {
                cache.borrow_mut().remove(&key);
                let joined = sharing.borrow_mut().invalidate(&key);
                ask_anew(&key, joined);
            }
            CacheChange::Clear => {
                cache.borrow_mut().clear();
                let invalid = sharing.borrow_mut().invalidate_all();
                invalid.into_iter().for_each(|(key, joined)| ask_anew(&key, joined));
            }
        }
    }

    // ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn spare(&self) -> LoadOf<R> {
        self.spares.borrow_mut().pop().unwrap_or_default()
    }

    pub(super) fn put_back(&self, mut load: LoadOf<R>) {
        load.clear();
        let mut spares = self.spares.borrow_mut();
        // The roomier of the two is used first: of parts and wholes, wholes are not to grow again and again.
        if let Some(last) = spares.last_mut().filter(|last| last.waiters.capacity() > load.waiters.capacity()) {
            std::mem::swap(last, &mut load);
        }
        spares.push(load);
    }
}

/// A queue, whatever its requests are.
pub(super) trait AnyQueue {
    /// Gives what was kept for later, and has equal keys join those that are queued or on their way.
    fn settle(&self, sending: &Sending<'_, '_>);

    /// Sends what has gathered, unless a limit holds it; what stays is on the board again.
    fn send(self: Rc<Self>, sending: &Sending<'_, '_>);

    fn can_send(&self) -> bool;

    /// Gives answers that are there to those who wait for them, in the order in which they asked; until `resume` says that it is enough.
    fn deliver(&self, resume: &mut dyn FnMut(Waiter) -> bool);

    /// Takes the answers that came by post for what flies at a place.
    fn collect(&self, place: u32);

    /// A flight has taken too long.
    fn time_out(&self, flight: FlightId);

    /// Some of those that pause may have done so.
    fn end_pauses(&self);

    /// Gives up the requests that are dropped with their tasks.
    fn give_up(&self, is_alive: &dyn Fn(Waiter) -> bool);

    /// Forgets everything that is queued and in flight.
    fn clear(&self);
}

impl<R: Request> AnyQueue for Queue<R> {
    fn settle(&self, sending: &Sending<'_, '_>) {
        let Some((sharing, dedup)) = self.sharing.as_ref().zip(self.options.dedup) else { return };
        self.board.dispatching.set(Some(R::name()));
        if let Some(cache) = &self.cache {
            // SAFETY: as for `dispatch`.
            cache.borrow_mut().enter(|| unsafe { (self.answering.partition)(sending.context) });
        }
        let mut kept = self.spare();
        let mut load = self.gathering.take();
        let settled = load.settled();
        let fresh = load.waiters.drain(settled..).collect::<Vec<_>>().into_iter().zip(load.keys.drain(settled..).collect::<Vec<_>>());
        for (waiter, key) in fresh {
            let known = self.cache.as_ref().and_then(|cache| cache.borrow().get(&key, &|| self.board.now()).map(dedup.copy_answer));
            if let Some(answer) = known {
                kept.waiters.push(waiter);
                kept.answers.push(answer);
            } else if let Some(ticket) = sharing.borrow_mut().register_or_join(&key, waiter) {
                load.push(Entry { waiter, key, attempts: 0, ticket });
            }
        }
        *self.gathering.borrow_mut() = load;
        if kept.is_empty() {
            self.put_back(kept);
        } else {
            self.board.watch().emit(|| Event::Kept { dispatcher: R::name(), len: kept.waiters.len() });
            self.come_back(Answered { batch: 0, load: kept });
        }
        self.board.dispatching.set(None);
    }

    fn send(self: Rc<Self>, sending: &Sending<'_, '_>) {
        self.listed.set(false);
        if self.is_held() {
            return self.list();
        }
        // From here on: comparing keys, to find groups, runs code of the user's too.
        self.board.dispatching.set(Some(R::name()));
        let mut load = self.take_load();
        if self.drops.replace(self.board.drops.get()) != self.board.drops.get() {
            self.withdraw(&mut load, sending.is_alive);
        }
        if load.is_empty() {
            self.put_back(load);
        } else {
            self.send_load(load, sending);
        }
        self.board.dispatching.set(None);
    }

    fn can_send(&self) -> bool {
        !self.is_held()
    }

    fn deliver(&self, resume: &mut dyn FnMut(Waiter) -> bool) {
        let Some(mut answered) = self.answered.borrow_mut().pop_front() else { return };
        let Answered { batch, load: Load { waiters, answers, .. } } = &mut answered;
        if *batch != 0 && answers.len() == waiters.len() {
            self.board.watch().emit(|| Event::BatchAnswered { dispatcher: R::name(), batch: *batch, len: waiters.len() });
        }
        self.board.incoming.deliver(&waiters[waiters.len() - answers.len()..], answers, resume);
        if answers.is_empty() {
            self.put_back(answered.load);
        } else {
            self.answered.borrow_mut().push_front(answered);
            self.board.answered.borrow_mut().push_front(self.number);
        }
    }

    fn collect(&self, place: u32) {
        if let Some(flight) = self.flights.at(place) {
            self.board.dispatching.set(Some(R::name()));
            self.take_posts(flight);
            self.board.dispatching.set(None);
        }
    }

    fn time_out(&self, flight: FlightId) {
        self.board.dispatching.set(Some(R::name()));
        self.timed_out(flight);
        self.board.dispatching.set(None);
    }

    fn end_pauses(&self) {
        let now = self.board.now();
        let (due, later): (Vec<_>, Vec<_>) = self.later.take().into_iter().partition(|(due, _)| *due <= now);
        *self.later.borrow_mut() = later;
        for (_, mut load) in due {
            self.again.borrow_mut().append(&mut load);
            self.list();
        }
    }

    fn give_up(&self, is_alive: &dyn Fn(Waiter) -> bool) {
        for id in self.flights.all() {
            if self.flights.with(id, |flight| !flight.waiters.iter().any(|waiter| is_alive(*waiter))) == Some(true) {
                drop(self.land(id));
            }
        }
    }

    fn clear(&self) {
        // Each is taken out before it is cleared: keys and answers have destructors of the user's. Memory is kept for the next run.
        let mut sweep = Sweep::default();
        let gathering = self.gathering.take();
        sweep.run(|| self.put_back(gathering));
        sweep.run(|| drop(self.again.take()));
        sweep.run(|| drop(self.later.take()));
        loop {
            let Some(answered) = self.answered.borrow_mut().pop_front() else { break };
            sweep.run(|| self.put_back(answered.load));
        }
        for id in self.flights.all() {
            sweep.run(|| drop(self.flights.take(id)));
        }
        self.flights.clear();
        if let Some(sharing) = &self.sharing {
            sweep.run(|| sharing.borrow_mut().clear());
        }
        if let Some(cache) = &self.cache {
            sweep.run(|| cache.borrow_mut().leave());
        }
        self.listed.set(false);
        self.places.set(0);
        // The roomiest gathers first in the next run.
        *self.gathering.borrow_mut() = self.spare();
        sweep.finish();
    }
}
