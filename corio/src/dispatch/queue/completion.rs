//! Sorts the outcomes of one batch: answers go to waiters and followers, retries go back into the
//! queue, and faults become answers or end the run.
//!
//! While a `Completion` exists, its batch is detached from the in-flight table or no longer in it.
//! So nothing is borrowed while user code runs.

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

/// Outcomes of one batch that arrived together. Answers and retries are collected, and leave
/// together in `finish`.
pub(super) struct Completion<'q, R: Request> {
    queue: &'q Queue<R>,
    /// The batch, out of the in-flight table.
    pub(super) flight: InFlightOf<R>,
    /// Answers to deliver, with their waiters; with sequence numbers, where requests have them.
    ready: BufOf<R>,
    /// Requests to retry, each with its pause.
    requeued: Vec<(Duration, QueuedRequest<R::Key>)>,
    /// The random number for jitter, once needed. All requests that fail together use the same one,
    /// so that they pause together.
    random: Option<f64>,
}

impl<'q, R: Request> Completion<'q, R> {
    /// A completion without outcomes.
    pub(super) fn new(queue: &'q Queue<R>, flight: InFlightOf<R>) -> Self {
        Completion { queue, flight, ready: queue.take_buf(), requeued: Vec::new(), random: None }
    }

    /// Applies the outcome of one slot.
    #[inline]
    pub(super) fn apply(&mut self, outcome: SlotOutcome<R::Key, R::Answer>) {
        if self.flight.buf.waiters[outcome.position()] == SETTLED {
            // The waiter has got its answer from elsewhere.
            self.flight.answered_elsewhere -= 1;
            return;
        }
        match outcome {
            SlotOutcome::Answer { position, answer, key }
                if self.queue.options.retry.looks_at_answers() =>
            {
                let wants = self.wants_retry(position, &answer, key.as_ref());
                self.answer_or_retry(position, answer, key, wants);
            }
            SlotOutcome::Answer { position, answer, .. } => self.deliver(position, answer, true),
            SlotOutcome::Retry { position, key, after } => self.retry(position, key, after),
            SlotOutcome::Fault { position, fault } => self.fault(position, &fault),
            // Whether the job itself has panicked is known only when it ends.
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

    /// Marks `position` as settled and returns its waiter.
    #[inline]
    fn mark_settled(&mut self, position: usize) -> Waiter {
        self.flight.left -= 1;
        let waiter = mem::replace(&mut self.flight.buf.waiters[position], SETTLED);
        self.unwatch(waiter);
        waiter
    }

    /// Notes that `waiter` no longer waits for this batch, and so cannot be its watcher.
    #[inline]
    fn unwatch(&mut self, waiter: Waiter) {
        if self.flight.watched_by == Some(waiter) {
            self.queue.watchers.borrow_mut().remove(&waiter);
            self.flight.watched_by = None;
        }
    }

    /// Whether the retry option calls an answer worth another try. Without its key an answer cannot
    /// be retried.
    pub(super) fn wants_retry(
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

    /// Delivers an answer, or requeues its request, as `wants` says. `wants` is a fault if the
    /// predicate has panicked.
    pub(super) fn answer_or_retry(
        &mut self,
        position: usize,
        answer: R::Answer,
        key: Option<R::Key>,
        wants: Result<bool, Fault>,
    ) {
        match (wants, key) {
            (Ok(true), Some(key)) => self.requeue(position, key, None),
            (Ok(_), _) => self.deliver(position, answer, true),
            (Err(fault), _) => self.fault(position, &fault),
        }
    }

    /// Returns the key of a request that is sent again because its batch timed out; `None` if the
    /// request is not sent again.
    pub(super) fn key_to_resend(&self, position: usize) -> Option<Result<R::Key, Fault>> {
        if self.flight.buf.waiters[position] == SETTLED {
            return None;
        }
        let retry = &self.queue.options.retry;
        let (copy, key) = (self.queue.copy_sent_key?, self.flight.buf.sent_keys().get(position)?);
        (retry.wants_timeouts() && !retry.is_last(self.flight.buf.attempts(position)))
            .then(|| self.queue.guarded(|| copy(key)))
    }

    /// Requeues a request whose slot asked for a retry, or fails it if its attempts are used up.
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

    /// Requeues a request, after the given pause or the one of the retry option. Drops the request
    /// if no task waits for it.
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
        self.mark_settled(position);
        let Some(seq) = seq else { return };
        let entry = QueuedRequest { seq, waiter, key, attempts: before + 1 };
        if queue.pending_keys.is_some() {
            // The watcher may be a follower of this request, which no longer waits for this batch.
            self.flight.watched_by.into_iter().for_each(|waiter| self.unwatch(waiter));
        }
        if !queue.is_wanted(&entry) {
            return queue.drop_unwanted(entry);
        }
        let random = &mut self.random;
        let pause = after.unwrap_or_else(|| {
            queue
                .options
                .retry
                .pause(before, || *random.get_or_insert_with(|| queue.shared.random()))
        });
        self.requeued.push((pause, entry));
    }

    /// Settles a position with a fault: as its answer with `faults_as_errors`, or by telling its
    /// waiters; otherwise the fault ends the run, unless no task waits for the request.
    pub(super) fn fault(&mut self, position: usize, fault: &Fault) {
        if self.flight.buf.waiters[position] == SETTLED {
            return;
        }
        if let Some(as_answer) = self.queue.options.fault {
            return self.deliver(position, as_answer(fault), false);
        }
        let seq = self.flight.buf.seq(position);
        let waiter = self.mark_settled(position);
        if let Some(listener) = &self.queue.shared.host.listener {
            listener.fault(waiter, fault);
            return self.queue.tell_followers(seq, fault, &**listener);
        }
        // A fault that concerns no live task is dropped, as late answers are.
        let is_alive = |waiter| self.queue.shared.is_alive(waiter);
        let has_follower = |pending_keys: &RefCell<PendingKeys<R::Key>>| {
            pending_keys.borrow_mut().follower(seq, &is_alive).is_some()
        };
        if is_alive(waiter) || self.queue.pending_keys.as_ref().is_some_and(has_follower) {
            self.queue.shared.fail(fault.clone());
        } else {
            self.queue.release_key(seq);
        }
    }

    /// Adds an answer for the waiter at `position`, and copies for its followers.
    #[inline]
    fn deliver(&mut self, position: usize, mut answer: R::Answer, may_cache: bool) {
        let seq = self.flight.buf.seq(position);
        let waiter = self.mark_settled(position);
        if self.queue.pending_keys.is_some() {
            let before = self.ready.len();
            self.queue.deliver_to_followers(seq, &mut answer, may_cache, &mut self.ready);
            (before..self.ready.len())
                .for_each(|follower| self.unwatch(self.ready.waiters[follower]));
        }
        self.ready.give(seq, waiter, answer);
    }

    /// Requeues and delivers what was collected. Returns the batch.
    pub(super) fn finish(self) -> InFlightOf<R> {
        let Completion { queue, flight, mut ready, requeued, .. } = self;
        if !requeued.is_empty() {
            queue.shared.observers().emit(|| Event::Retried {
                dispatcher: R::name(),
                batch: flight.buf.batch,
                len: requeued.len(),
            });
            queue.requeue_all(requeued);
        }
        if ready.is_empty() {
            queue.recycle(ready);
        } else {
            // Followers go on in the order of asking, not after the leader of their key.
            ready.sort_given();
            ready.batch = flight.buf.batch;
            queue.push_ready(ready);
        }
        flight
    }
}
