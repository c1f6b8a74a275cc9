//! The mailbox of a batch in flight: where slots leave their outcomes, from any thread.
//!
//! A mailbox is all that other threads see of a batch. Waiters stay on the side of the queue, and
//! an outcome that arrives after its batch is finished is never read.

use std::sync::Arc;
use std::time::Duration;

use crate::dispatch::error::Fault;
use crate::dispatch::ids::{InFlightId, WakeRun};
use crate::dispatch::keys::{ShowKey, shown};
use crate::util::concurrent::{Mutex, PoisonError};

/// What became of a slot. `position` is that in the batch.
pub(crate) enum SlotOutcome<K, A> {
    /// The slot was answered. The key is returned if the request may be retried because of the
    /// answer.
    Answer { position: usize, answer: A, key: Option<K> },
    /// The slot asks for another attempt, after a pause of its own or that of the policy.
    Retry { position: usize, key: K, after: Option<Duration> },
    /// Its batch failed elsewhere.
    Fault { position: usize, fault: Box<Fault> },
    /// The slot was dropped without an answer. `key` is the key as text, if keys may be shown.
    Unanswered {
        position: usize,
        key: Option<String>,
        /// Whether the thread was panicking.
        by_panic: bool,
    },
}

impl<K, A> SlotOutcome<K, A> {
    /// The position of the slot in its batch.
    pub(crate) fn position(&self) -> usize {
        match *self {
            SlotOutcome::Answer { position, .. }
            | SlotOutcome::Retry { position, .. }
            | SlotOutcome::Fault { position, .. }
            | SlotOutcome::Unanswered { position, .. } => position,
        }
    }
}

/// The queue's side of a mailbox, with the type of slot answers erased.
pub(crate) trait ReadMailbox<K, A> {
    /// Takes all outcomes, in the order of arrival. `take` runs without a lock.
    fn drain(&self, take: &mut dyn FnMut(SlotOutcome<K, A>));
}

/// The slots' side of a mailbox, whose slots are answered with `R`.
pub(crate) struct Mailbox<K, R> {
    outcomes: Mutex<Vec<SlotOutcome<K, R>>>,
    wake_run: Arc<dyn WakeRun>,
    /// The number of the queue.
    queue: u32,
    flight: InFlightId,
    show_key: Option<ShowKey<K>>,
}

impl<K, R> Mailbox<K, R> {
    /// Creates a mailbox with capacity for the outcomes of `slots` slots.
    pub(crate) fn new(
        slots: usize,
        wake_run: Arc<dyn WakeRun>,
        queue: u32,
        flight: InFlightId,
        show_key: Option<ShowKey<K>>,
    ) -> Self {
        let outcomes = Mutex::new(Vec::with_capacity(slots));
        Mailbox { outcomes, wake_run, queue, flight, show_key }
    }

    /// Puts the outcome of a slot that is dropped without an answer.
    pub(crate) fn unanswered(&self, position: usize, key: Option<&K>) {
        let key = key.and_then(|key| shown(key, self.show_key));
        self.put(SlotOutcome::Unanswered { position, key, by_panic: std::thread::panicking() });
    }

    /// Takes all outcomes, in the order of arrival.
    pub(crate) fn take_all(&self) -> Vec<SlotOutcome<K, R>> {
        std::mem::take(&mut *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds an outcome. Wakes the run if the mailbox was empty.
    pub(crate) fn put(&self, outcome: SlotOutcome<K, R>) {
        let first = {
            let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.push(outcome);
            outcomes.len() == 1
        };
        if first {
            self.wake_run.ring(self.queue, self.flight);
        }
    }

    /// Adds outcomes, which the run sees together or not at all. Wakes the run if the mailbox was
    /// empty.
    pub(crate) fn put_all(&self, all: impl Iterator<Item = SlotOutcome<K, R>>) {
        let first = {
            let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            let was_empty = outcomes.is_empty();
            outcomes.extend(all);
            was_empty && !outcomes.is_empty()
        };
        if first {
            self.wake_run.ring(self.queue, self.flight);
        }
    }
}

/// Reads a mailbox whose slots are answered with `R`, for requests whose answer is `A`.
pub(crate) struct MailboxReader<K, R, A> {
    pub(crate) mailbox: Arc<Mailbox<K, R>>,
    /// Turns what a slot is answered with into the answer of its request.
    pub(crate) wrap: fn(R) -> A,
}

impl<K, R, A> ReadMailbox<K, A> for MailboxReader<K, R, A> {
    fn drain(&self, take: &mut dyn FnMut(SlotOutcome<K, A>)) {
        for outcome in self.mailbox.take_all() {
            take(match outcome {
                SlotOutcome::Answer { position, answer, key } => {
                    SlotOutcome::Answer { position, answer: (self.wrap)(answer), key }
                }
                SlotOutcome::Retry { position, key, after } => {
                    SlotOutcome::Retry { position, key, after }
                }
                SlotOutcome::Fault { position, fault } => SlotOutcome::Fault { position, fault },
                SlotOutcome::Unanswered { position, key, by_panic } => {
                    SlotOutcome::Unanswered { position, key, by_panic }
                }
            });
        }
    }
}
