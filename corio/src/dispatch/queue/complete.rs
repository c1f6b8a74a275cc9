//! What becomes of batches: their answers are delivered to the waiters, their requests are
//! requeued, or they fail.
//!
//! Invariants:
//!
//! - Each position is settled once, by whatever comes first: an answer, a time-out, a panic. What
//!   comes later finds no batch in flight, or a settled position, and is dropped.
//! - No `HotCell` is borrowed while user code runs: clones and destructors of keys and answers,
//!   predicates.

use std::mem;

use super::completion::Completion;
use super::state::{BufOf, InFlightOf, Queue};
use crate::dispatch::batch::Payload;
use crate::dispatch::error::Fault;
use crate::dispatch::host::Listener;
use crate::dispatch::ids::{InFlightId, Waiter};
use crate::dispatch::in_flight::{InFlight, Part, SETTLED, SlotOutcome};
use crate::dispatch::keys::{PendingKey, Seq, shown};
use crate::dispatch::ready::ReadyBatch;
use crate::dispatch::request::Request;
use crate::observe::Event;
use crate::util::{Panic, discard};

impl<R: Request> Queue<R> {
    /// Takes the outcomes that slots have put into the mailbox of a batch in flight.
    pub(crate) fn collect(&self, flight: InFlightId) {
        self.shared.with_current_dispatcher(R::name(), || self.read_mailbox(flight));
    }

    /// Handles the time-out of a batch in flight.
    pub(crate) fn time_out(&self, flight: InFlightId) {
        self.shared.with_current_dispatcher(R::name(), || self.timed_out(flight));
    }

    /// Takes the answers of a whole batch in flight, unless the batch was abandoned or timed out.
    pub(crate) fn complete_later(&self, id: InFlightId, payload: Payload<R>, shown: &[String]) {
        if let Some(InFlight { mut buf, .. }) = self.finish(id) {
            (buf.keys, buf.answers) = (payload.keys, payload.answers);
            self.answered(buf, shown);
        }
    }

    /// Takes the answers of a whole batch. `shown` are its keys as text, where they may be shown
    /// and the dispatcher has taken the keys themselves.
    #[inline]
    pub(crate) fn answered(&self, buf: BufOf<R>, shown: &[String]) {
        if buf.answers.len() == buf.waiters.len() && !self.postprocesses {
            self.push_ready(buf);
        } else {
            self.answered_slow(buf, shown);
        }
    }

    /// Takes the answers of a batch that needs postprocessing, or has a wrong number of answers.
    #[inline(never)]
    fn answered_slow(&self, mut buf: BufOf<R>, shown: &[String]) {
        let (requests, answers) = (buf.waiters.len(), buf.answers.len());
        if answers != requests {
            let key = buf
                .keys
                .get(answers)
                .and_then(|key| self.show(key))
                .or_else(|| shown.get(answers).cloned());
            return self.fail_remaining(InFlight::new(buf, Part::default()), |_, _| {
                Fault::WrongCount { dispatcher: R::name(), requests, answers, key: key.clone() }
            });
        }
        let (first, mut first_wants) = match self.first_to_retry(&buf) {
            None if !buf.waiters.contains(&SETTLED) => return self.deliver_all(buf),
            None => (0, None),
            Some((first, wants)) => (first, Some(wants)),
        };
        let (mut keys, mut answers) = (mem::take(&mut buf.keys), mem::take(&mut buf.answers));
        let mut completion = Completion::new(self, InFlight::new(buf, Part::default()));
        {
            let mut keys = keys.drain(..);
            for (position, answer) in answers.drain(..).enumerate() {
                let key = keys.next();
                // This waiter has got its answer elsewhere.
                if completion.flight.buf.waiters[position] == SETTLED {
                    continue;
                }
                let wants = if position < first {
                    Ok(false)
                } else {
                    first_wants
                        .take()
                        .unwrap_or_else(|| completion.wants_retry(position, &answer, key.as_ref()))
                };
                completion.answer_or_retry(position, answer, key, wants);
            }
        }
        let InFlight { mut buf, .. } = completion.finish();
        (buf.keys, buf.answers) = (keys, answers);
        self.recycle(buf);
    }

    /// Finds the first position of a batch whose answer is to be retried, or where the predicate
    /// has panicked. Most batches have none, and are delivered as they are.
    fn first_to_retry(&self, buf: &BufOf<R>) -> Option<(usize, Result<bool, Fault>)> {
        let retry = &self.options.retry;
        if !retry.looks_at_answers() {
            return None;
        }
        let mut position = 0;
        // An answer without its key cannot be retried.
        let wants = self.guarded(|| {
            buf.answers.iter().zip(&buf.keys).any(|(answer, _)| {
                let wants =
                    buf.waiters[position] != SETTLED && retry.wants(answer, buf.attempts(position));
                position += usize::from(!wants);
                wants
            })
        });
        (!matches!(wants, Ok(false))).then_some((position, wants))
    }

    /// Delivers all answers of a batch, to the waiters and to their followers.
    fn deliver_all(&self, mut buf: BufOf<R>) {
        if self.pending_keys.is_some() {
            let mut others = self.take_buf();
            for position in 0..buf.len() {
                let seq = buf.seq(position);
                self.deliver_to_followers(seq, &mut buf.answers[position], true, &mut others);
            }
            buf.append_given(&mut others);
            buf.sort_given();
            self.recycle(others);
        }
        self.push_ready(buf);
    }

    /// With dedup: caches an answer if it is worth caching, releases its key, and adds copies for
    /// the followers to `others`. With `faults_as_errors` a panic of the user code in here replaces
    /// the answer; where waiters are told of faults, a follower whose copy panicked is.
    pub(super) fn deliver_to_followers(
        &self,
        seq: Seq,
        answer: &mut R::Answer,
        may_cache: bool,
        others: &mut BufOf<R>,
    ) {
        let Some((pending_keys, dedup)) = self.pending_keys.as_ref().zip(self.options.dedup) else {
            return;
        };
        // If the number is no longer valid, the key was invalidated in flight, and the answer is
        // out of date.
        let taken = pending_keys.borrow_mut().take(seq);
        let Some(PendingKey { lead, mut shared }) = taken else { return };
        let cached = self.guarded(|| {
            pending_keys.borrow_mut().forget(&lead);
            if let Some(cache) =
                self.cache.as_ref().filter(|cache| may_cache && cache.borrow().should_cache(answer))
            {
                let copy = (dedup.copy_answer)(answer);
                cache.borrow_mut().put(lead.key, copy, &|| self.shared.now());
            }
        });
        if let (Err(fault), Some(as_answer)) = (cached, self.options.fault) {
            *answer = as_answer(&fault);
        }
        if !shared.has_followers() {
            return;
        }
        for (number, waiter) in shared.drain_followers(|waiter| self.shared.is_alive(waiter)) {
            match (self.guarded(|| (dedup.copy_answer)(answer)), self.options.fault) {
                (Ok(copy), _) => others.give(Seq::numbered(number), waiter, copy),
                (Err(fault), Some(as_answer)) => {
                    others.give(Seq::numbered(number), waiter, as_answer(&fault))
                }
                (Err(fault), None) => {
                    let listener = self.shared.host.listener.iter();
                    listener.for_each(|listener| listener.fault(waiter, &fault));
                }
            }
        }
        pending_keys.borrow_mut().put_back(&mut shared);
    }

    /// With dedup: releases a key, and tells its followers of a fault.
    pub(super) fn tell_followers(&self, seq: Seq, fault: &Fault, listener: &dyn Listener) {
        let Some(pending_keys) = &self.pending_keys else { return };
        let taken = pending_keys.borrow_mut().take(seq);
        let Some(PendingKey { lead, mut shared }) = taken else { return };
        let _panic = self.guarded(|| pending_keys.borrow_mut().forget(&lead));
        for (_, waiter) in shared.drain_followers(|waiter| self.shared.is_alive(waiter)) {
            listener.fault(waiter, fault);
        }
    }

    /// Queues answers, which are in the order of their waiters, for delivery. Takes them as the
    /// held answer instead while a request is answered at once.
    #[inline]
    pub(super) fn push_ready(&self, mut buf: BufOf<R>) {
        if self.is_answering_at_once.get() {
            return self.answered_at_once.set(Some(buf));
        }
        self.shared.host.inline_budget.end();
        buf.answers.reverse();
        self.shared.answered.borrow_mut().push_back(ReadyBatch::new(self.number, buf));
    }

    /// Takes a batch out of flight: it no longer counts for limits, its alarm is unset, its future
    /// is cancelled.
    pub(super) fn finish(&self, id: InFlightId) -> Option<InFlightOf<R>> {
        let mut flight = self.in_flight.take(id)?;
        let shared = &self.shared;
        if let Some(listener) = &shared.host.listener {
            listener.ends(id, false);
        }
        shared.in_flight.set(shared.in_flight.get() - 1);
        if let Some(alarm) = flight.alarm.take() {
            shared.due.borrow_mut().unset(alarm);
        }
        if let Some(future) = flight.future.take() {
            shared.cancelled.borrow_mut().push(future);
        }
        if let Some(waiter) = flight.watched_by {
            self.watchers.borrow_mut().remove(&waiter);
        }
        let Part { group, split } = flight.part;
        let was_last = split.is_none_or(|split| self.in_flight.part_is_back(split));
        if was_last && !self.options.unbatched {
            match (&self.grouped, group) {
                (Some(grouped), Some(group)) => grouped.borrow_mut().finish_batch(group),
                _ => self.quota_used.set(self.quota_used.get() - 1),
            }
            shared.quota_used.set(shared.quota_used.get() - 1);
        }
        Some(flight)
    }

    /// Notes that the future of a batch in flight has ended. The slots of the batch may still be
    /// held by others.
    pub(crate) fn future_has_ended(&self, id: InFlightId) {
        self.in_flight.with(id, |flight| flight.future = None);
        self.finish_if_over(id);
    }

    /// Finishes a batch in flight if all of it is answered and its future has ended. Until then a
    /// dispatcher that has answered everything counts as in flight.
    fn finish_if_over(&self, id: InFlightId) {
        let is_over = |flight: &mut InFlight<_, _>| {
            flight.left == 0 && flight.answered_elsewhere == 0 && flight.future.is_none()
        };
        if self.in_flight.with(id, is_over) == Some(true) {
            self.finish(id).into_iter().for_each(|flight| self.recycle(flight.buf));
        }
    }

    /// Takes the outcomes in the mailbox of a batch in flight.
    fn read_mailbox(&self, id: InFlightId) {
        if let Some(flight) = self.detach_and_read_mailbox(id) {
            self.reattach(id, flight);
        }
    }

    /// Detaches a batch in flight and takes all outcomes in its mailbox. Returns `None` if there is
    /// no such batch, or if it has no mailbox.
    pub(super) fn detach_and_read_mailbox(&self, id: InFlightId) -> Option<InFlightOf<R>> {
        let mailbox = self.in_flight.with(id, |flight| flight.mailbox.clone())??;
        let mut completion = Completion::new(self, self.in_flight.detach(id)?);
        mailbox.drain(&mut |outcome| completion.apply(outcome));
        Some(completion.finish())
    }

    /// Reattaches a batch of which some requests were settled. Finishes it if it is over; otherwise
    /// makes sure that it is watched, or abandons it.
    pub(super) fn reattach(&self, id: InFlightId, flight: InFlightOf<R>) {
        let is_watched = flight.watched_by.is_some();
        self.in_flight.reattach(id, flight);
        self.finish_if_over(id);
        if !is_watched {
            self.watch_or_abandon(id);
        }
    }

    /// Notes that the function on a thread pool that had the slots of a batch has returned. So
    /// slots that were dropped meanwhile were not dropped by a panic of this function.
    #[cfg(feature = "blocking")]
    pub(crate) fn job_has_ended(&self, id: InFlightId) {
        self.read_mailbox(id);
        let Some(mut flight) = self.in_flight.detach(id) else { return };
        let dropped = mem::take(&mut flight.dropped);
        flight.is_with_a_job = false;
        let mut completion = Completion::new(self, flight);
        dropped.into_iter().for_each(|(position, key)| {
            completion.apply(SlotOutcome::Unanswered { position, key, by_panic: false })
        });
        self.reattach(id, completion.finish());
    }

    /// Ends a batch in flight by its time-out: requests are requeued if the retry option says so,
    /// and get a fault otherwise.
    fn timed_out(&self, id: InFlightId) {
        // Answers that have arrived are taken first.
        self.read_mailbox(id);
        let Some(limit) = self.options.timeout else { return };
        let Some(flight) = self.finish(id) else { return };
        let requests = flight.left;
        if requests > 0 {
            self.shared.observers().emit(|| Event::TimedOut {
                dispatcher: R::name(),
                batch: flight.buf.batch,
                len: requests,
            });
        }
        let fault = Fault::TimedOut { dispatcher: R::name(), requests, limit };
        let mut completion = Completion::new(self, flight);
        for position in 0..completion.flight.buf.len() {
            match completion.key_to_resend(position) {
                Some(Ok(key)) => completion.requeue(position, key, None),
                Some(Err(fault)) => completion.fault(position, &fault),
                None => completion.fault(position, &fault),
            }
        }
        self.recycle(completion.finish().buf);
    }

    /// Fails a batch in flight whose dispatcher has panicked. Drops the panic if the batch is no
    /// longer in flight.
    pub(crate) fn panicked_later(&self, id: InFlightId, panic: Panic) {
        match self.finish(id) {
            Some(flight) => self.panicked(flight, panic),
            None => discard(panic),
        }
    }

    /// Fails a batch whose dispatcher has panicked. Answers that have arrived are taken first.
    pub(crate) fn panicked(&self, flight: InFlightOf<R>, panic: Panic) {
        let mailbox = flight.mailbox.clone();
        let mut completion = Completion::new(self, flight);
        if let Some(mailbox) = mailbox {
            mailbox.drain(&mut |outcome| match outcome {
                // The panic has dropped these slots.
                SlotOutcome::Unanswered { .. } => {}
                outcome => completion.apply(outcome),
            });
        }
        let flight = completion.finish();
        let fault = self.fault_of(panic);
        self.fail_remaining(flight, |_, _| fault.clone());
    }

    /// Fails a batch before its dispatcher gets the batch.
    #[cold]
    pub(crate) fn fail_all(&self, buf: BufOf<R>, fault: &Fault) {
        let mut completion = Completion::new(self, InFlight::new(buf, Part::default()));
        for position in 0..completion.flight.buf.len() {
            completion.fault(position, fault);
        }
        let InFlight { buf, .. } = completion.finish();
        self.recycle(buf);
    }

    /// Fails a batch that its dispatcher dropped without answering.
    pub(crate) fn ignored(&self, mut buf: BufOf<R>) {
        let keys = mem::take(&mut buf.keys);
        self.fail_remaining(InFlight::new(buf, Part::default()), |position, requests| {
            let key = keys.get(position).and_then(|key| self.show(key));
            Fault::Unanswered { dispatcher: R::name(), position, requests, key }
        });
    }

    /// Fails all unsettled requests of a batch that is not in flight. `fault` gets a position and
    /// the number of requests.
    fn fail_remaining(&self, flight: InFlightOf<R>, fault: impl Fn(usize, usize) -> Fault) {
        let requests = flight.buf.waiters.len();
        let mut completion = Completion::new(self, flight);
        for position in 0..completion.flight.buf.len() {
            completion.fault(position, &fault(position, requests));
        }
        self.recycle(completion.finish().buf);
    }

    /// Returns the sequence number of a request that is requeued. If its key was invalidated in
    /// flight, the request gets a new number; or `None`, if it follows another request for the key
    /// that was asked since.
    pub(super) fn seq_for_retry(&self, seq: Seq, key: &R::Key, waiter: Waiter) -> Option<Seq> {
        let is_alive = |waiter| self.shared.is_alive(waiter);
        match &self.pending_keys {
            Some(pending_keys) if is_alive(waiter) && !pending_keys.borrow_mut().is_valid(seq) => {
                pending_keys.borrow_mut().lead_or_follow(key, waiter, &is_alive)
            }
            _ => Some(seq),
        }
    }

    /// Returns a key as text, with the option `show_keys`.
    pub(super) fn show(&self, key: &R::Key) -> Option<String> {
        shown(key, self.options.show_key)
    }
}
