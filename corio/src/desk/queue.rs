//! The queue of one dispatcher: requests gather, leave as batches, and come back as answers.
//!
//! A *flight* is a batch with those who wait for it. Flights are boxed and used again: gathering → sent → answered → spare. Waiters and keys stand side by side, one each
//! per request, in the order asked, until doubles are taken out of the keys; then `order` says which key is whose.

// Flights are passed around by pointer, from list to list; four vectors side by side are slow to move.
#![allow(clippy::vec_box)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use super::board::Board;
use super::out::Out;
use super::request::{Dispatch, Options, Request, ShowKey};
use super::requests::Requests;
use super::{ContextRef, Sending, Waiter};
use crate::error::Error;
use crate::observe::Event;
use crate::sweep::Sweep;

pub(super) struct Flight<R: Request> {
    pub(super) waiters: Vec<Waiter>,
    pub(super) keys: Vec<R::Key>,
    pub(super) answers: Vec<R::Answer>,
    /// For each waiter the place of its key, if there were doubles.
    pub(super) order: Vec<usize>,
    /// The number of the batch.
    pub(super) batch: u64,
}

impl<R: Request> Flight<R> {
    fn new() -> Box<Self> {
        Box::new(Flight { waiters: Vec::new(), keys: Vec::new(), answers: Vec::new(), order: Vec::new(), batch: 0 })
    }
}

/// How `R` is answered over the context that the pointer leads to.
///
/// # Safety
/// The context is of the type that the function was made for.
pub(super) type DispatchFn<R> = for<'q, 'r> unsafe fn(ContextRef<'r>, Requests<'q, 'r, R>);

pub(super) fn dispatch_over<S, R: Dispatch<S>>() -> DispatchFn<R> {
    let dispatch: for<'q, 'r> fn(&'r S, Requests<'q, 'r, R>) = R::dispatch;
    // SAFETY: the types differ in `&'r S` against `ContextRef<'r>`, a transparent `NonNull<()>`: pointers to sized types are passed alike. That the pointer leads to an `S`
    // is the promise of who calls the `unsafe fn`. (A function that casts the pointer itself would have to say `S: 'r` for every `'r`, which only a reference implies.)
    unsafe { std::mem::transmute(dispatch) }
}

/// What stands in for a dispatcher in one schedule.
pub(crate) type Replacement<R> = Rc<dyn for<'q, 'r> Fn(Requests<'q, 'r, R>)>;

pub(super) struct Queue<R: Request> {
    number: u32,
    pub(super) board: Rc<Board>,
    dispatch: DispatchFn<R>,
    replacement: Option<Replacement<R>>,
    gathering: RefCell<Box<Flight<R>>>,
    answered: RefCell<VecDeque<Box<Flight<R>>>>,
    spare: RefCell<Vec<Box<Flight<R>>>>,
    /// Batches whose slots are with the user.
    out: RefCell<Vec<Out<R>>>,
}

impl<R: Request> Queue<R> {
    pub(super) const OPTIONS: Options<R::Key, R::Answer> = R::OPTIONS;

    pub(super) fn new(number: u32, board: Rc<Board>, dispatch: DispatchFn<R>, replacement: Option<Replacement<R>>) -> Self {
        Queue {
            number,
            board,
            dispatch,
            replacement,
            gathering: RefCell::new(Flight::new()),
            answered: RefCell::default(),
            spare: RefCell::default(),
            out: RefCell::default(),
        }
    }

    #[inline]
    pub(super) fn ask(&self, waiter: Waiter, key: R::Key) {
        let mut flight = self.gathering.borrow_mut();
        if flight.waiters.is_empty() {
            let board = &self.board;
            let asked = if self.is_concurrent() { &board.asked_concurrent } else { &board.asked_in_place };
            asked.borrow_mut().push(self.number);
        }
        flight.waiters.push(waiter);
        flight.keys.push(key);
    }

    fn is_concurrent(&self) -> bool {
        Self::OPTIONS.concurrent && self.replacement.is_none()
    }

    fn spare(&self) -> Box<Flight<R>> {
        self.spare.borrow_mut().pop().unwrap_or_else(Flight::new)
    }

    fn put_spare(&self, mut flight: Box<Flight<R>>) {
        flight.waiters.clear();
        flight.keys.clear();
        flight.answers.clear();
        flight.order.clear();
        self.spare.borrow_mut().push(flight);
    }

    fn send_one<'r>(self: &Rc<Self>, mut flight: Box<Flight<R>>, sending: &Sending<'_, 'r>) {
        flight.batch = self.board.batches.get() + 1;
        self.board.batches.set(flight.batch);
        let keys = ShownKeys { keys: &flight.keys, show: Self::OPTIONS.show_key };
        self.board.watch.emit(|| Event::BatchSent { dispatcher: R::name(), batch: flight.batch, len: flight.keys.len(), keys: &keys });
        let requests = Requests::new(self, flight, sending.futures);
        match &self.replacement {
            Some(replacement) => replacement(requests),
            // SAFETY: queues are opened with the dispatch function of the run's context (or of one for every context), and `sending` carries that context.
            None => unsafe { (self.dispatch)(sending.context, requests) },
        }
    }

    /// Splits a flight so that no part has more keys than a batch may.
    fn parts(&self, mut flight: Box<Flight<R>>) -> Vec<Box<Flight<R>>> {
        let max = Self::OPTIONS.max_batch;
        let count = flight.keys.len().div_ceil(max);
        let mut parts: Vec<_> = (0..count).map(|_| self.spare()).collect();
        for (place, key) in flight.keys.drain(..).enumerate() {
            parts[place / max].keys.push(key);
        }
        for (at, waiter) in flight.waiters.drain(..).enumerate() {
            let place = flight.order.get(at).copied().unwrap_or(at);
            let part = &mut parts[place / max];
            part.waiters.push(waiter);
            if !flight.order.is_empty() {
                part.order.push(place % max);
            }
        }
        self.put_spare(flight);
        parts
    }

    /// Takes a flight whose answers are there, and queues it for those who wait. `given_away` shows the keys if the dispatcher has taken them.
    pub(super) fn answered(&self, mut flight: Box<Flight<R>>, keys: usize, given_away: &[String]) {
        if flight.answers.len() != keys {
            let first_without = flight.answers.len();
            let key = flight.keys.get(first_without).and_then(Self::show).or_else(|| given_away.get(first_without).cloned());
            self.board.fail(Error::WrongCount { dispatcher: R::name(), requests: keys, answers: flight.answers.len(), key });
            self.put_spare(flight);
            return;
        }
        if !flight.order.is_empty() {
            let dedup = Self::OPTIONS.dedup.expect("only dedup makes an order");
            let Flight { answers, order, .. } = &mut *flight;
            dedup.give_to_doubles(answers, order);
        }
        self.come_back(flight);
    }

    fn come_back(&self, flight: Box<Flight<R>>) {
        self.answered.borrow_mut().push_back(flight);
        self.board.answered.borrow_mut().push_back(self.number);
    }

    /// The keys as they may be shown, for a dispatcher that takes them.
    pub(super) fn show_all(keys: &[R::Key]) -> Vec<String> {
        keys.iter().filter_map(Self::show).collect()
    }

    pub(super) fn show(key: &R::Key) -> Option<String> {
        Self::OPTIONS.show_key.map(|show| format!("{:?}", ShownKey { key, show }))
    }

    /// Hands the slots of a flight out; their answers come back through the post.
    pub(super) fn hand_out(&self, mut flight: Box<Flight<R>>) -> super::batch::Batch<R::Key, R::Answer> {
        let (out, batch) = Out::new(&mut flight, self.board.ring.clone(), self.number, R::name(), Self::OPTIONS.show_key);
        self.put_spare(flight);
        self.took_off();
        self.out.borrow_mut().push(out);
        batch
    }

    pub(super) fn took_off(&self) {
        self.board.in_flight.set(self.board.in_flight.get() + 1);
    }

    pub(super) fn landed(&self) {
        self.board.in_flight.set(self.board.in_flight.get() - 1);
    }
}

/// A queue, whatever its requests are.
pub(super) trait AnyQueue {
    /// Sends what has gathered.
    fn send(self: Rc<Self>, sending: &Sending<'_, '_>);

    /// Gives one answered flight to those who wait for it, in the order in which they asked.
    fn deliver(&self, resume: &mut dyn FnMut(Waiter));

    /// Takes the answers that came by post.
    fn collect(&self);

    /// Forgets everything that is queued and in flight.
    fn clear(&self);
}

impl<R: Request> AnyQueue for Queue<R> {
    fn send(self: Rc<Self>, sending: &Sending<'_, '_>) {
        // From here on: comparing keys, to find doubles, runs code of the user's too.
        self.board.dispatching.set(Some(R::name()));
        let mut flight = self.gathering.replace(self.spare());
        if let Some(is_alive) = sending.only_alive {
            let mut at = 0;
            let Flight { waiters, keys, .. } = &mut *flight;
            keys.retain(|_| {
                at += 1;
                is_alive(waiters[at - 1])
            });
            waiters.retain(|waiter| is_alive(*waiter));
        }
        if let Some(dedup) = Self::OPTIONS.dedup {
            flight.order = dedup.take_doubles(&mut flight.keys);
        }
        if flight.keys.is_empty() {
            self.put_spare(flight);
        } else if flight.keys.len() <= Self::OPTIONS.max_batch {
            self.send_one(flight, sending);
        } else {
            for part in self.parts(flight) {
                self.send_one(part, sending);
            }
        }
        self.board.dispatching.set(None);
    }

    fn deliver(&self, resume: &mut dyn FnMut(Waiter)) {
        let Some(mut flight) = self.answered.borrow_mut().pop_front() else { return };
        self.board.watch.emit(|| Event::BatchAnswered { dispatcher: R::name(), batch: flight.batch, len: flight.waiters.len() });
        let Flight { waiters, answers, .. } = &mut *flight;
        self.board.incoming.deliver(waiters.drain(..).zip(answers.drain(..)), resume);
        self.put_spare(flight);
    }

    fn collect(&self) {
        let mut flights = Vec::new();
        self.out.borrow_mut().retain_mut(|out| {
            let mut flight = self.spare();
            match out.take_posts(&mut flight, Self::OPTIONS.dedup) {
                Ok(()) if flight.waiters.is_empty() => self.put_spare(flight),
                Ok(()) => flights.push(flight),
                Err(error) => self.board.fail(error),
            }
            let done = out.is_done();
            if done {
                self.landed();
            }
            !done
        });
        for flight in flights {
            self.come_back(flight);
        }
    }

    fn clear(&self) {
        // Each is taken out before it is cleared: keys and answers have destructors of the user's. Memory is kept for the next run.
        let mut sweep = Sweep::default();
        if !self.gathering.borrow().waiters.is_empty() {
            sweep.run(|| self.put_spare(self.gathering.replace(self.spare())));
        }
        loop {
            let Some(flight) = self.answered.borrow_mut().pop_front() else { break };
            sweep.run(|| self.put_spare(flight));
        }
        sweep.run(|| drop(self.out.take()));
        // The roomiest gathers first in the next run.
        let (mut gathering, mut spare) = (self.gathering.borrow_mut(), self.spare.borrow_mut());
        if let Some(roomiest) = spare.iter_mut().max_by_key(|flight| flight.waiters.capacity()) {
            if roomiest.waiters.capacity() > gathering.waiters.capacity() {
                std::mem::swap(&mut *gathering, roomiest);
            }
        }
        drop((gathering, spare));
        sweep.finish();
    }
}

/// The keys of a batch for an event: their number alone unless they may be shown.
struct ShownKeys<'a, K> {
    keys: &'a [K],
    show: Option<ShowKey<K>>,
}

struct ShownKey<'a, K> {
    key: &'a K,
    show: ShowKey<K>,
}

impl<K> fmt::Debug for ShownKeys<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.show {
            Some(show) => f.debug_list().entries(self.keys.iter().map(|key| ShownKey { key, show })).finish(),
            None if self.keys.len() == 1 => f.write_str("[1 key]"),
            None => write!(f, "[{} keys]", self.keys.len()),
        }
    }
}

impl<K> fmt::Debug for ShownKey<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.show)(self.key, f)
    }
}
