//! Where slots put their answers, from any thread.
//!
//! The post is all that other threads see. Those who wait never leave this side, and post that
//! arrives after its flight has landed is read by nobody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::dispatch::ids::{InFlightId, WakeRun};
use crate::dispatch::keys::{ShowKey, shown};

/// What became of a slot.
pub(crate) enum SlotOutcome<K, A> {
    /// The key comes along where the answer may be asked for again.
    Answer {
        position: usize,
        answer: A,
        key: Option<K>,
    },
    Retry {
        position: usize,
        key: K,
        after: Option<Duration>,
    },
    Unanswered {
        position: usize,
        key: Option<String>,
        by_panic: bool,
    },
}

impl<K, A> SlotOutcome<K, A> {
    pub(crate) fn position(&self) -> usize {
        match *self {
            SlotOutcome::Answer { position, .. }
            | SlotOutcome::Retry { position, .. }
            | SlotOutcome::Unanswered { position, .. } => position,
        }
    }
}

/// The side of those who wait.
pub(crate) trait ReadMailbox<K, A> {
    /// Takes what has arrived, in the order in which it did.
    fn drain(&self, take: &mut dyn FnMut(SlotOutcome<K, A>));
}

/// The side of the slots.
pub(crate) struct Mailbox<K, R> {
    outcome: Mutex<Vec<SlotOutcome<K, R>>>,
    ring: Arc<dyn WakeRun>,
    queue: u32,
    flight: InFlightId,
    show_key: Option<ShowKey<K>>,
}

impl<K, R> Mailbox<K, R> {
    /// With room for the answers of so many slots.
    pub(crate) fn new(
        slots: usize,
        ring: Arc<dyn WakeRun>,
        queue: u32,
        flight: InFlightId,
        show_key: Option<ShowKey<K>>,
    ) -> Self {
        Mailbox { outcome: Mutex::new(Vec::with_capacity(slots)), ring, queue, flight, show_key }
    }

    pub(crate) fn unanswered(&self, position: usize, key: Option<&K>) {
        let key = key.and_then(|key| shown(key, self.show_key));
        self.put(SlotOutcome::Unanswered { position, key, by_panic: std::thread::panicking() });
    }

    pub(crate) fn put(&self, outcome: SlotOutcome<K, R>) {
        let first = {
            let mut mailbox = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
            mailbox.push(outcome);
            mailbox.len() == 1
        };
        if first {
            self.ring.ring(self.queue, self.flight);
        }
    }
}

/// A post whose slots give `R`, for those who wait for `A`.
pub(crate) struct MailboxReader<K, R, A> {
    pub(crate) mailbox: Arc<Mailbox<K, R>>,
    pub(crate) wrap: fn(R) -> A,
}

impl<K, R, A> ReadMailbox<K, A> for MailboxReader<K, R, A> {
    fn drain(&self, take: &mut dyn FnMut(SlotOutcome<K, A>)) {
        let outcome = std::mem::take(
            &mut *self.mailbox.outcome.lock().unwrap_or_else(PoisonError::into_inner),
        );
        for outcome in outcome {
            take(match outcome {
                SlotOutcome::Answer { position, answer, key } => {
                    SlotOutcome::Answer { position, answer: (self.wrap)(answer), key }
                }
                SlotOutcome::Retry { position, key, after } => {
                    SlotOutcome::Retry { position, key, after }
                }
                SlotOutcome::Unanswered { position, key, by_panic } => {
                    SlotOutcome::Unanswered { position, key, by_panic }
                }
            });
        }
    }
}
