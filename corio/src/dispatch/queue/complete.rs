//! What becomes of a flight: its answers go to those who wait, or back into the queue, or it is
//! given up.
//!
//! What must hold: each position is settled once, by whatever comes first (an answer, a time-out, a
//! panic); what comes afterwards finds no flight and is dropped. No borrow is held while code of
//! the user's runs: clones and destructors of keys and answers, predicates.

use std::mem;

use super::completion::Completion;
use super::state::{BufOf, InFlightOf, Queue};
use crate::dispatch::batch::Payload;
use crate::dispatch::error::Fault;
use crate::dispatch::ids::{InFlightId, Waiter};
use crate::dispatch::in_flight::{InFlight, Part, SETTLED, SlotOutcome};
use crate::dispatch::keys::{PendingKey, Seq, shown};
use crate::dispatch::ready::ReadyBatch;
use crate::dispatch::request::Request;
use crate::observe::Event;
use crate::util::{Panic, discard};

impl<R: Request> Queue<R> {
    /// Takes the answers that came by post for a flight.
    pub(crate) fn collect(&self, flight: InFlightId) {
        self.shared.with_current_dispatcher(R::name(), || self.read_mailbox(flight));
    }

    /// A flight has taken too long.
    pub(crate) fn time_out(&self, flight: InFlightId) {
        self.shared.with_current_dispatcher(R::name(), || self.timed_out(flight));
    }

    /// Takes the answers of a whole flight that comes back late, if it was not given up.
    pub(crate) fn complete_later(&self, id: InFlightId, payload: Payload<R>, shown: &[String]) {
        if let Some(InFlight { mut buf, .. }) = self.finish(id) {
            (buf.keys, buf.answers) = (payload.keys, payload.answers);
            self.answered(buf, shown);
        }
    }

    /// Takes the answers of a whole batch. `shown` are its keys, as far as they may be shown and
    /// the dispatcher has taken them.
    #[inline]
    pub(crate) fn answered(&self, buf: BufOf<R>, shown: &[String]) {
        if buf.answers.len() == buf.waiters.len() && !self.postprocesses {
            self.push_ready(buf);
        } else {
            self.answered_slow(buf, shown);
        }
    }

    #[inline(never)]
    fn answered_slow(&self, mut buf: BufOf<R>, shown: &[String]) {
        let (requests, answers) = (buf.waiters.len(), buf.answers.len());
        if answers != requests {
            let key = buf
                .keys
                .get(answers)
                .and_then(|key| self.show(key))
                .or_else(|| shown.get(answers).cloned());
            return self.give_up(InFlight::new(buf, Part::default()), |_, _| Fault::WrongCount {
                dispatcher: R::name(),
                requests,
                answers,
                key: key.clone(),
            });
        }
        let (first, mut wants_first) = match self.first_to_try_again(&buf) {
            None if !buf.waiters.contains(&SETTLED) => return self.give_all(buf),
            None => (0, None),
            Some((first, wants)) => (first, Some(wants)),
        };
        let (mut keys, mut answers) = (mem::take(&mut buf.keys), mem::take(&mut buf.answers));
        let mut completion = Completion::new(self, InFlight::new(buf, Part::default()));
        {
            let mut keys = keys.drain(..);
            for (position, answer) in answers.drain(..).enumerate() {
                let key = keys.next();
                // Who had it from elsewhere meanwhile waits no more.
                if completion.flight.buf.waiters[position] == SETTLED {
                    continue;
                }
                let wants = if position < first {
                    Ok(false)
                } else {
                    wants_first
                        .take()
                        .unwrap_or_else(|| completion.wants(position, &answer, key.as_ref()))
                };
                completion.answer(position, answer, key, wants);
            }
        }
        let InFlight { mut buf, .. } = completion.finish();
        (buf.keys, buf.answers) = (keys, answers);
        self.recycle(buf);
    }

    /// The first position of a batch whose answer is worth another try, or where the question has
    /// panicked: most batches have none, and go back as they are.
    fn first_to_try_again(&self, buf: &BufOf<R>) -> Option<(usize, Result<bool, Fault>)> {
        let retry = &self.options.retry;
        if !retry.looks_at_answers() {
            return None;
        }
        let mut position = 0;
        // An answer without its key is the last word.
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

    /// To all who asked, and to those who joined.
    fn give_all(&self, mut buf: BufOf<R>) {
        if self.pending_keys.is_some() {
            let mut others = self.take_buf();
            for position in 0..buf.len() {
                let seq = buf.seq(position);
                self.share(seq, &mut buf.answers[position], true, &mut others);
            }
            buf.append_given(&mut others);
            buf.sort_given();
            self.recycle(others);
        }
        self.push_ready(buf);
    }

    /// With dedup: an answer is there, and those who joined get copies. Trouble with it is the
    /// answer then, where it is one.
    pub(super) fn share(
        &self,
        seq: Seq,
        answer: &mut R::Answer,
        may_be_kept: bool,
        others: &mut BufOf<R>,
    ) {
        let Some((pending_keys, dedup)) = self.pending_keys.as_ref().zip(self.options.dedup) else {
            return;
        };
        // Without a valid ticket it was invalidated on its way, and is old news.
        let taken = pending_keys.borrow_mut().take(seq);
        let Some(PendingKey { lead, mut shared }) = taken else { return };
        let coalesced = self.guarded(|| {
            pending_keys.borrow_mut().forget(&lead);
            if let Some(cache) = self
                .cache
                .as_ref()
                .filter(|cache| may_be_kept && cache.borrow().should_cache(answer))
            {
                let copy = (dedup.copy_answer)(answer);
                cache.borrow_mut().put(lead.key, copy, &|| self.shared.now());
            }
        });
        if let Err(fault) = coalesced {
            *answer = self.unless_failed(Err(fault));
        }
        if !shared.has_followers() {
            return;
        }
        for (number, waiter) in shared.drain_followers(|waiter| self.shared.is_alive(waiter)) {
            let copy = self.unless_failed(self.guarded(|| (dedup.copy_answer)(answer)));
            others.give(Seq::numbered(number), waiter, copy);
        }
        pending_keys.borrow_mut().put_back(&mut shared);
    }

    /// Queues answers, which are in the order of their waiters, for delivery.
    #[inline]
    pub(super) fn push_ready(&self, mut buf: BufOf<R>) {
        if self.holds_answer.get() {
            return self.held_answer.set(Some(buf));
        }
        self.shared.host.inline_budget.end();
        buf.answers.reverse();
        self.shared.answered.borrow_mut().push_back(ReadyBatch::new(self.number, buf));
    }

    /// A flight that was on its way is over, and its place free.
    pub(super) fn finish(&self, id: InFlightId) -> Option<InFlightOf<R>> {
        let mut flight = self.in_flight.take(id)?;
        let shared = &self.shared;
        shared.in_flight.set(shared.in_flight.get() - 1);
        if let Some(alarm) = flight.alarm.take() {
            shared.due.borrow_mut().unset(alarm);
        }
        if let Some(future) = flight.future.take() {
            shared.cancelled.borrow_mut().push(future);
        }
        if let Some(waiter) = flight.watched_by {
            self.watched.borrow_mut().remove(&waiter);
        }
        let Part { group, split } = flight.part;
        let was_last = split.is_none_or(|split| self.in_flight.part_is_back(split));
        if was_last && !self.options.unbatched {
            match (&self.grouped, group) {
                (Some(grouped), Some(group)) => grouped.borrow_mut().batch_is_back(group),
                _ => self.quota_used.set(self.quota_used.get() - 1),
            }
            shared.quota_used.set(shared.quota_used.get() - 1);
        }
        Some(flight)
    }

    /// The future that was to answer a flight has ended. Its slots may still be with others.
    pub(crate) fn future_has_ended(&self, id: InFlightId) {
        self.in_flight.with(id, |flight| flight.future = None);
        self.finish_if_over(id);
    }

    /// Whoever has answered everything may still have something to do, and is in flight until then.
    fn finish_if_over(&self, id: InFlightId) {
        let is_over = |flight: &mut InFlight<_, _>| {
            flight.left == 0 && flight.answered_elsewhere == 0 && flight.future.is_none()
        };
        if self.in_flight.with(id, is_over) == Some(true) {
            self.finish(id).into_iter().for_each(|flight| self.recycle(flight.buf));
        }
    }

    /// Takes the answers that slots have put into the post.
    fn read_mailbox(&self, id: InFlightId) {
        if let Some(flight) = self.detach_and_read_mailbox(id) {
            self.go_on(id, flight);
        }
    }

    /// A flight that was on its way, with all that is in the post for it. Lifted off its place.
    pub(super) fn detach_and_read_mailbox(&self, id: InFlightId) -> Option<InFlightOf<R>> {
        let mailbox = self.in_flight.with(id, |flight| flight.mailbox.clone())??;
        let mut completion = Completion::new(self, self.in_flight.detach(id)?);
        mailbox.drain(&mut |outcome| completion.take(outcome));
        Some(completion.finish())
    }

    /// Puts back a flight of which some were answered.
    pub(super) fn go_on(&self, id: InFlightId, flight: InFlightOf<R>) {
        let is_watched = flight.watched_by.is_some();
        self.in_flight.reattach(id, flight);
        self.finish_if_over(id);
        if !is_watched {
            self.watch_or_abandon(id);
        }
    }

    /// The function on a thread pool that had the slots of a flight has returned: whatever dropped
    /// some of them, it was not its panic.
    #[cfg(feature = "blocking")]
    pub(crate) fn job_has_ended(&self, id: InFlightId) {
        self.read_mailbox(id);
        let Some(mut flight) = self.in_flight.detach(id) else { return };
        let dropped = mem::take(&mut flight.dropped);
        flight.is_with_a_job = false;
        let mut completion = Completion::new(self, flight);
        dropped.into_iter().for_each(|(position, key)| {
            completion.take(SlotOutcome::Unanswered { position, key, by_panic: false })
        });
        self.go_on(id, completion.finish());
    }

    fn timed_out(&self, id: InFlightId) {
        // What is there counts.
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
            match completion.key_to_send_again(position) {
                Some(Ok(key)) => completion.requeue(position, key, None),
                Some(Err(fault)) => completion.fault(position, &fault),
                None => completion.fault(position, &fault),
            }
        }
        self.recycle(completion.finish().buf);
    }

    /// The dispatcher of a flight that was on its way has panicked, and its requests are to hear of
    /// it.
    pub(crate) fn panicked_later(&self, id: InFlightId, panic: Panic) {
        match self.finish(id) {
            Some(flight) => self.panicked(flight, panic),
            None => discard(panic),
        }
    }

    pub(crate) fn panicked(&self, flight: InFlightOf<R>, panic: Panic) {
        let mailbox = flight.mailbox.clone();
        let mut completion = Completion::new(self, flight);
        if let Some(mailbox) = mailbox {
            mailbox.drain(&mut |outcome| match outcome {
                // The slots that went unanswered are those that the panic dropped.
                SlotOutcome::Unanswered { .. } => {}
                outcome => completion.take(outcome),
            });
        }
        let flight = completion.finish();
        let fault = self.fault_of(panic);
        self.give_up(flight, |_, _| fault.clone());
    }

    /// A batch fails before it is with its dispatcher.
    #[cold]
    pub(crate) fn fail_all(&self, buf: BufOf<R>, fault: &Fault) {
        let mut completion = Completion::new(self, InFlight::new(buf, Part::default()));
        for position in 0..completion.flight.buf.len() {
            completion.fault(position, fault);
        }
        let InFlight { buf, .. } = completion.finish();
        self.recycle(buf);
    }

    /// The dispatcher did nothing with its requests.
    pub(crate) fn ignored(&self, mut buf: BufOf<R>) {
        let keys = mem::take(&mut buf.keys);
        self.give_up(InFlight::new(buf, Part::default()), |position, requests| {
            let key = keys.get(position).and_then(|key| self.show(key));
            Fault::Unanswered { dispatcher: R::name(), position, requests, key }
        });
    }

    /// Nobody will answer what is left of a flight that is over.
    fn give_up(&self, flight: InFlightOf<R>, fault: impl Fn(usize, usize) -> Fault) {
        let requests = flight.buf.waiters.len();
        let mut completion = Completion::new(self, flight);
        for position in 0..completion.flight.buf.len() {
            completion.fault(position, &fault(position, requests));
        }
        self.recycle(completion.finish().buf);
    }

    /// The answer; or what trouble is as an answer, where it is one.
    fn unless_failed(&self, answer: Result<R::Answer, Fault>) -> R::Answer {
        match (answer, self.options.fault) {
            (Ok(answer), _) => answer,
            (Err(fault), Some(as_answer)) => as_answer(&fault),
            (Err(_), None) => unreachable!("a panic goes on where trouble is no answer"),
        }
    }

    /// The ticket of a request that is tried again. If its key was invalidated on its way it is a
    /// new one; or none, where others have asked for the key since, whom it has joined.
    pub(super) fn seq_for_retry(&self, seq: Seq, key: &R::Key, waiter: Waiter) -> Option<Seq> {
        let is_alive = |waiter| self.shared.is_alive(waiter);
        match &self.pending_keys {
            Some(pending_keys) if is_alive(waiter) && !pending_keys.borrow_mut().is_valid(seq) => {
                pending_keys.borrow_mut().lead_or_follow(key, waiter, &is_alive)
            }
            _ => Some(seq),
        }
    }

    pub(super) fn show(&self, key: &R::Key) -> Option<String> {
        shown(key, self.options.show_key)
    }
}
