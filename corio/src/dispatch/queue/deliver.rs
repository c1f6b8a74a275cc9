//! TODO

use super::state::Queue;
use crate::dispatch::buffer::BatchBuf;
use crate::dispatch::ready::ReadyBatch;
use crate::dispatch::request::Request;
use crate::observe::Event;

impl<R: Request> Queue<R> {
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

    pub(crate) fn drop_next_answer(&self, answered: &mut ReadyBatch) {
        drop(self.buf_of(answered).answers.pop());
    }

    pub(crate) fn bring_forward(&self, answered: &mut ReadyBatch, waiter: usize) {
        answered.bring_forward(waiter);
        let answers = &mut self.buf_of(answered).answers;
        let last = answers.len() - 1;
        answers.swap(last, last - waiter);
    }

    pub(crate) fn take_back(&self, answered: ReadyBatch) {
        assert_eq!(answered.queue, self.number);
        // SAFETY: it has the number of this queue, and so was made by its `push_ready`, from a load
        // with these types.
        self.recycle(unsafe { answered.into_buf() });
    }

    fn buf_of<'a>(&self, answered: &'a mut ReadyBatch) -> &'a mut BatchBuf<R::Key, R::Answer> {
        assert_eq!(answered.queue, self.number);
        // SAFETY: it has the number of this queue, and so was made by its `push_ready`, from a load
        // with these types. Nothing is offered while its queue is asked for something.
        unsafe { answered.buf_mut() }
    }
}
