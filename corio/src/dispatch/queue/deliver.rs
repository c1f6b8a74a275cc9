//! The queue's part in a delivery: what a `ReadyBatch`, which does not know the type of its
//! answers, needs its queue for.

use super::state::Queue;
use crate::dispatch::ready::ReadyBatch;
use crate::dispatch::request::Request;
use crate::observe::Event;

impl<R: Request> Queue<R> {
    /// Emits the event for a batch that is about to be delivered: `Kept` for cached answers, which
    /// belong to no batch, or `BatchAnswered`.
    #[cold]
    pub(crate) fn emit_answered(&self, answered: &ReadyBatch) {
        let (dispatcher, len) = (R::name(), answered.left());
        let batch = answered.buf::<R::Key, R::Answer>().batch;
        self.shared.observers().emit(|| {
            if batch == 0 {
                Event::CacheHit { dispatcher, len }
            } else {
                Event::BatchAnswered { dispatcher, batch, len }
            }
        });
    }

    /// Drops the next answer of a batch: its waiter has not taken the answer.
    pub(crate) fn drop_next_answer(&self, answered: &mut ReadyBatch) {
        drop(answered.answers_mut::<R::Answer>().pop());
    }

    /// Makes the answer for the waiter at index `waiter`, counted from the next one, the next
    /// answer of a batch.
    pub(crate) fn bring_forward(&self, answered: &mut ReadyBatch, waiter: usize) {
        answered.bring_forward::<R::Answer>(waiter);
    }

    /// Takes back the buffer of a delivered batch. Answers that are left are dropped.
    pub(crate) fn take_back(&self, answered: ReadyBatch) {
        debug_assert_eq!(answered.queue(), self.number);
        self.recycle(answered.into_buf());
    }
}
