//! The queue's part in a delivery: what a `ReadyBatch`, which does not know the type of its
//! answers, needs its queue for.

use super::state::Queue;
use crate::dispatch::buffer::BatchBuf;
use crate::dispatch::ready::ReadyBatch;
use crate::dispatch::request::Request;
use crate::observe::Event;

impl<R: Request> Queue<R> {
    /// Emits the event for a batch that is about to be delivered: `Kept` for cached answers, which
    /// belong to no batch, or `BatchAnswered`.
    #[cold]
    pub(crate) fn emit_answered(&self, answered: &mut ReadyBatch) {
        let (dispatcher, len, BatchBuf { batch, .. }) =
            (R::name(), answered.left(), self.buf_of(answered));
        self.shared.observers().emit(|| {
            if *batch == 0 {
                Event::CacheHit { dispatcher, len }
            } else {
                Event::BatchAnswered { dispatcher, batch: *batch, len }
            }
        });
    }

    /// Drops the next answer of a batch: its waiter has not taken the answer.
    pub(crate) fn drop_next_answer(&self, answered: &mut ReadyBatch) {
        drop(self.buf_of(answered).answers.pop());
    }

    /// Makes the answer for the waiter at index `waiter`, counted from the next one, the next
    /// answer of a batch.
    pub(crate) fn bring_forward(&self, answered: &mut ReadyBatch, waiter: usize) {
        answered.bring_forward(waiter);
        let answers = &mut self.buf_of(answered).answers;
        let last = answers.len() - 1;
        answers.swap(last, last - waiter);
    }

    /// Takes back the buffer of a delivered batch. Answers that are left are dropped.
    pub(crate) fn take_back(&self, answered: ReadyBatch) {
        assert_eq!(answered.queue, self.number);
        // SAFETY: `answered` has the number of this queue, so it was made by `push_ready` of this
        // queue, from a buffer with these key and answer types.
        self.recycle(unsafe { answered.into_buf() });
    }

    /// The buffer of a batch of this queue.
    fn buf_of<'a>(&self, answered: &'a mut ReadyBatch) -> &'a mut BatchBuf<R::Key, R::Answer> {
        assert_eq!(answered.queue, self.number);
        // SAFETY: `answered` has the number of this queue, so it was made by `push_ready` of this
        // queue, from a buffer with these key and answer types. The current answer lies in no
        // buffer while a method of its queue runs, so nothing else accesses this one.
        unsafe { answered.buf_mut() }
    }
}
