//! TODO

use std::cell::RefCell;
use std::mem;
use std::time::Duration;

use super::state::{FlightOf, LoadOf, Queue};
use crate::dispatch::buffer::Entry;
use crate::dispatch::error::Fault;
use crate::dispatch::ids::Waiter;
use crate::dispatch::in_flight::{Arrived, GONE};
use crate::dispatch::keys::Sharing;
use crate::dispatch::options::Options;
use crate::dispatch::request::Request;
use crate::observe::Event;

/// Answers of one flight that came together, being sorted: to those who wait, or back into the queue.
pub(super) struct Sorting<'q, R: Request> {
    pub(super) queue: &'q Queue<R>,
    /// Out of its place.
    pub(super) flight: FlightOf<R>,
    /// Those who get answers, and these; with the number of each in the order of asking, where they have one.
    given: LoadOf<R>,
    again: Vec<(Duration, Entry<R::Key>)>,
    /// One for all: those who failed together pause together.
    random: Option<f64>,
}

impl<'q, R: Request> Sorting<'q, R> {
    pub(super) fn new(queue: &'q Queue<R>, flight: FlightOf<R>) -> Self {
        Sorting { queue, flight, given: queue.spare(), again: Vec::new(), random: None }
    }

    /// What came by post.
    #[inline]
    pub(super) fn take(&mut self, arrived: Arrived<R::Key, R::Answer>) {
        if self.flight.load.waiters[arrived.position()] == GONE {
            // Who waited had it from elsewhere meanwhile.
            self.flight.elsewhere -= 1;
            return;
        }
        match arrived {
            Arrived::Answer { position, answer, key } if self.queue.options.retry.looks_at_answers() => {
                let wants = self.wants(position, &answer, key.as_ref());
                self.answer(position, answer, key, wants);
            }
            Arrived::Answer { position, answer, .. } => self.give(position, answer, true),
            Arrived::Retry { position, key, after } => self.retry(position, key, after),
            // Whether it was the job's panic shows when that ends.
            Arrived::Unanswered { position, key, by_panic: true } if self.flight.is_with_a_job => self.flight.dropped.push((position, key)),
            Arrived::Unanswered { position, key, .. } => {
                let requests = self.flight.load.waiters.len();
                self.fault(position, &Fault::Unanswered { dispatcher: R::name(), position, requests, key });
            }
        }
    }

    /// The one who asked. From here on he has been dealt with.
    #[inline]
    pub(super) fn settle(&mut self, position: usize) -> Waiter {
        self.flight.left -= 1;
        let waiter = mem::replace(&mut self.flight.load.waiters[position], GONE);
        self.no_longer_waits(waiter);
        waiter
    }

    #[inline]
    pub(super) fn no_longer_waits(&mut self, waiter: Waiter) {
        if self.flight.watched_by == Some(waiter) {
            self.queue.watched.borrow_mut().remove(&waiter);
            self.flight.watched_by = None;
        }
    }

    /// Whether an answer is to be asked for again. Without its key it is the last word.
    pub(super) fn wants(&self, position: usize, answer: &R::Answer, key: Option<&R::Key>) -> Result<bool, Fault> {
        let Options { retry, .. } = &self.queue.options;
        if key.is_none() || !retry.looks_at_answers() {
            return Ok(false);
        }
        self.queue.guarded(|| retry.wants(answer, self.flight.load.attempts(position)))
    }

    pub(super) fn answer(&mut self, position: usize, answer: R::Answer, key: Option<R::Key>, wants: Result<bool, Fault>) {
        match (wants, key) {
            (Ok(true), Some(key)) => self.again(position, key, None),
            (Ok(_), _) => self.give(position, answer, true),
            (Err(fault), _) => self.fault(position, &fault),
        }
    }

    /// The key of a request that is sent again as its batch has timed out, if it is.
    pub(super) fn key_to_send_again(&self, position: usize) -> Option<Result<R::Key, Fault>> {
        if self.flight.load.waiters[position] == GONE {
            return None;
        }
        let retry = &self.queue.options.retry;
        let (copy, name) = (self.queue.copies_keys?, self.flight.load.names().get(position)?);
        (retry.wants_timeouts() && !retry.is_last(self.flight.load.attempts(position))).then(|| self.queue.guarded(|| copy(name)))
    }

    /// A slot asked for one more try.
    pub(super) fn retry(&mut self, position: usize, key: R::Key, after: Option<Duration>) {
        let before = self.flight.load.attempts(position);
        if self.queue.options.retry.is_last(before) {
            self.fault(position, &Fault::RetriesSpent { dispatcher: R::name(), attempts: before + 1, key: self.queue.show(&key) });
        } else {
            self.again(position, key, after);
        }
    }

    pub(super) fn again(&mut self, position: usize, key: R::Key, after: Option<Duration>) {
        let queue = self.queue;
        let (before, ticket, waiter) = (self.flight.load.attempts(position), self.flight.load.ticket(position), self.flight.load.waiters[position]);
        let ticket = match queue.guarded(|| queue.ticket_for_another_try(ticket, &key, waiter)) {
            Ok(ticket) => ticket,
            Err(fault) => return self.fault(position, &fault),
        };
        self.settle(position);
        let Some(ticket) = ticket else { return };
        let entry = Entry { ticket, waiter, key, attempts: before + 1 };
        if queue.sharing.is_some() {
            // The flight may be watched through one who has joined this request, and waits for the
            // flight no more.
            self.flight.watched_by.into_iter().for_each(|waiter| self.no_longer_waits(waiter));
        }
        if !queue.is_wanted(&entry) {
            return queue.forget(entry);
        }
        let random = &mut self.random;
        let pause = after.unwrap_or_else(|| queue.options.retry.pause(before, || *random.get_or_insert_with(|| queue.board.random())));
        self.again.push((pause, entry));
    }

    pub(super) fn fault(&mut self, position: usize, fault: &Fault) {
        if self.flight.load.waiters[position] == GONE {
            return;
        }
        match self.queue.options.fault {
            Some(as_answer) => self.give(position, as_answer(fault), false),
            None => {
                let ticket = self.flight.load.ticket(position);
                let waiter = self.settle(position);
                // What concerns nobody any more is thrown away, as late answers are.
                let is_alive = |waiter| self.queue.board.is_alive(waiter);
                let has_joined = |sharing: &RefCell<Sharing<R::Key>>| sharing.borrow_mut().joined(ticket, &is_alive).is_some();
                if is_alive(waiter) || self.queue.sharing.as_ref().is_some_and(has_joined) {
                    self.queue.board.fail(fault.clone());
                } else {
                    self.queue.let_go_of_key(ticket);
                }
            }
        }
    }

    /// To the one who asked, and to those who joined.
    #[inline]
    pub(super) fn give(&mut self, position: usize, mut answer: R::Answer, may_be_kept: bool) {
        let ticket = self.flight.load.ticket(position);
        let waiter = self.settle(position);
        if self.queue.sharing.is_some() {
            let before = self.given.len();
            self.queue.share(ticket, &mut answer, may_be_kept, &mut self.given);
            (before..self.given.len()).for_each(|joined| self.no_longer_waits(self.given.waiters[joined]));
        }
        self.given.give(ticket, waiter, answer);
    }

    /// Sends everything on its way; gives the flight back.
    pub(super) fn finish(self) -> FlightOf<R> {
        let Sorting { queue, flight, mut given, again, .. } = self;
        if !again.is_empty() {
            queue.board.observers().emit(|| Event::Retried { dispatcher: R::name(), batch: flight.load.batch, len: again.len() });
            queue.try_again(again);
        }
        if given.is_empty() {
            queue.put_back(given);
        } else {
            // Those who joined go on in the order of asking, not after the first who asked for their key.
            given.sort_given();
            given.batch = flight.load.batch;
            queue.come_back(given);
        }
        flight
    }
}
