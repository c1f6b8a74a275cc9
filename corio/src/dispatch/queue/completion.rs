//! TODO

use std::cell::RefCell;
use std::mem;
use std::time::Duration;

use super::state::{BufOf, InFlightOf, Queue};
use crate::dispatch::buffer::QueuedRequest;
use crate::dispatch::error::Fault;
use crate::dispatch::ids::Waiter;
use crate::dispatch::in_flight::{SETTLED, SlotOutcome};
use crate::dispatch::keys::PendingKeys;
use crate::dispatch::options::Options;
use crate::dispatch::request::Request;
use crate::observe::Event;

/// Answers of one flight that came together, being sorted: to those who wait, or back into the
/// queue.
pub(super) struct Completion<'q, R: Request> {
    queue: &'q Queue<R>,
    /// Out of its place.
    pub(super) flight: InFlightOf<R>,
    /// Those who get answers, and these; with the number of each in the order of asking, where
    /// they have one.
    given: BufOf<R>,
    requeue: Vec<(Duration, QueuedRequest<R::Key>)>,
    /// One for all: those who failed together pause together.
    random: Option<f64>,
}

impl<'q, R: Request> Completion<'q, R> {
    pub(super) fn new(queue: &'q Queue<R>, flight: InFlightOf<R>) -> Self {
        Completion { queue, flight, given: queue.take_buf(), requeue: Vec::new(), random: None }
    }

    /// What came by post.
    #[inline]
    pub(super) fn take(&mut self, outcome: SlotOutcome<R::Key, R::Answer>) {
        if self.flight.buf.waiters[outcome.position()] == SETTLED {
            // Who waited had it from elsewhere meanwhile.
            self.flight.answered_elsewhere -= 1;
            return;
        }
        match outcome {
            SlotOutcome::Answer { position, answer, key }
                if self.queue.options.retry.looks_at_answers() =>
            {
                let wants = self.wants(position, &answer, key.as_ref());
                self.answer(position, answer, key, wants);
            }
            SlotOutcome::Answer { position, answer, .. } => self.give(position, answer, true),
            SlotOutcome::Retry { position, key, after } => self.retry(position, key, after),
            // Whether it was the job's panic shows when that ends.
            SlotOutcome::Unanswered { position, key, by_panic: true }
                if self.flight.is_with_a_job =>
            {
                self.flight.dropped.push((position, key))
            }
            SlotOutcome::Unanswered { position, key, .. } => {
                let requests = self.flight.buf.waiters.len();
                self.fault(
                    position,
                    &Fault::Unanswered { dispatcher: R::name(), position, requests, key },
                );
            }
        }
    }

    /// The one who asked. From here on he has been dealt with.
    #[inline]
    fn coalesce(&mut self, position: usize) -> Waiter {
        self.flight.left -= 1;
        let waiter = mem::replace(&mut self.flight.buf.waiters[position], SETTLED);
        self.no_longer_waits(waiter);
        waiter
    }

    #[inline]
    fn no_longer_waits(&mut self, waiter: Waiter) {
        if self.flight.watched_by == Some(waiter) {
            self.queue.watched.borrow_mut().remove(&waiter);
            self.flight.watched_by = None;
        }
    }

    /// Whether an answer is to be asked for again. Without its key it is the last word.
    pub(super) fn wants(
        &self,
        position: usize,
        answer: &R::Answer,
        key: Option<&R::Key>,
    ) -> Result<bool, Fault> {
        let Options { retry, .. } = &self.queue.options;
        if key.is_none() || !retry.looks_at_answers() {
            return Ok(false);
        }
        self.queue.guarded(|| retry.wants(answer, self.flight.buf.attempts(position)))
    }

    pub(super) fn answer(
        &mut self,
        position: usize,
        answer: R::Answer,
        key: Option<R::Key>,
        wants: Result<bool, Fault>,
    ) {
        match (wants, key) {
            (Ok(true), Some(key)) => self.requeue(position, key, None),
            (Ok(_), _) => self.give(position, answer, true),
            (Err(fault), _) => self.fault(position, &fault),
        }
    }

    /// The key of a request that is sent again as its batch has timed out, if it is.
    pub(super) fn key_to_send_again(&self, position: usize) -> Option<Result<R::Key, Fault>> {
        if self.flight.buf.waiters[position] == SETTLED {
            return None;
        }
        let retry = &self.queue.options.retry;
        let (copy, name) = (self.queue.copies_keys?, self.flight.buf.sent_keys().get(position)?);
        (retry.wants_timeouts() && !retry.is_last(self.flight.buf.attempts(position)))
            .then(|| self.queue.guarded(|| copy(name)))
    }

    /// A slot asked for one more try.
    fn retry(&mut self, position: usize, key: R::Key, after: Option<Duration>) {
        let before = self.flight.buf.attempts(position);
        if self.queue.options.retry.is_last(before) {
            self.fault(
                position,
                &Fault::RetriesExhausted {
                    dispatcher: R::name(),
                    attempts: before + 1,
                    key: self.queue.show(&key),
                },
            );
        } else {
            self.requeue(position, key, after);
        }
    }

    pub(super) fn requeue(&mut self, position: usize, key: R::Key, after: Option<Duration>) {
        let queue = self.queue;
        let (before, seq, waiter) = (
            self.flight.buf.attempts(position),
            self.flight.buf.seq(position),
            self.flight.buf.waiters[position],
        );
        let seq = match queue.guarded(|| queue.seq_for_retry(seq, &key, waiter)) {
            Ok(seq) => seq,
            Err(fault) => return self.fault(position, &fault),
        };
        self.coalesce(position);
        let Some(seq) = seq else { return };
        let entry = QueuedRequest { seq, waiter, key, attempts: before + 1 };
        if queue.pending_keys.is_some() {
            // The flight may be watched through one who has joined this request, and waits for the
            // flight no more.
            self.flight.watched_by.into_iter().for_each(|waiter| self.no_longer_waits(waiter));
        }
        if !queue.is_wanted(&entry) {
            return queue.forget(entry);
        }
        let random = &mut self.random;
        let pause = after.unwrap_or_else(|| {
            queue
                .options
                .retry
                .pause(before, || *random.get_or_insert_with(|| queue.shared.random()))
        });
        self.requeue.push((pause, entry));
    }

    pub(super) fn fault(&mut self, position: usize, fault: &Fault) {
        if self.flight.buf.waiters[position] == SETTLED {
            return;
        }
        match self.queue.options.fault {
            Some(as_answer) => self.give(position, as_answer(fault), false),
            None => {
                let seq = self.flight.buf.seq(position);
                let waiter = self.coalesce(position);
                // What concerns nobody any more is thrown away, as late answers are.
                let is_alive = |waiter| self.queue.shared.is_alive(waiter);
                let has_joined = |pending_keys: &RefCell<PendingKeys<R::Key>>| {
                    pending_keys.borrow_mut().follower(seq, &is_alive).is_some()
                };
                if is_alive(waiter) || self.queue.pending_keys.as_ref().is_some_and(has_joined) {
                    self.queue.shared.fail(fault.clone());
                } else {
                    self.queue.release_key(seq);
                }
            }
        }
    }

    /// To the one who asked, and to those who joined.
    #[inline]
    fn give(&mut self, position: usize, mut answer: R::Answer, may_be_kept: bool) {
        let seq = self.flight.buf.seq(position);
        let waiter = self.coalesce(position);
        if self.queue.pending_keys.is_some() {
            let before = self.given.len();
            self.queue.share(seq, &mut answer, may_be_kept, &mut self.given);
            (before..self.given.len())
                .for_each(|follower| self.no_longer_waits(self.given.waiters[follower]));
        }
        self.given.give(seq, waiter, answer);
    }

    /// Sends everything on its way; gives the flight back.
    pub(super) fn finish(self) -> InFlightOf<R> {
        let Completion { queue, flight, mut given, requeue, .. } = self;
        if !requeue.is_empty() {
            queue.shared.observers().emit(|| Event::Retried {
                dispatcher: R::name(),
                batch: flight.buf.batch,
                len: requeue.len(),
            });
            queue.try_again(requeue);
        }
        if given.is_empty() {
            queue.recycle(given);
        } else {
            // Those who joined go on in the order of asking, not after the first who asked for
            // their key.
            given.sort_given();
            given.batch = flight.buf.batch;
            queue.push_ready(given);
        }
        flight
    }
}
