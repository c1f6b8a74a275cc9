//! TODO

use super::state::Queue;
use crate::dispatch::buffer::Load;
use crate::dispatch::ready::Answered;
use crate::dispatch::request::Request;
use crate::observe::Event;

impl<R: Request> Queue<R> {
    #[cold]
    pub(crate) fn tell_answered(&self, answered: &mut Answered) {
        let (dispatcher, len, Load { batch, .. }) = (R::name(), answered.left(), self.load_of(answered));
        self.board.observers().emit(|| if *batch == 0 { Event::Kept { dispatcher, len } } else { Event::BatchAnswered { dispatcher, batch: *batch, len } });
    }

    pub(crate) fn drop_next_answer(&self, answered: &mut Answered) {
        drop(self.load_of(answered).answers.pop());
    }

    pub(crate) fn put_forward(&self, answered: &mut Answered, waiter: usize) {
        answered.put_forward(waiter);
        let answers = &mut self.load_of(answered).answers;
        let last = answers.len() - 1;
        answers.swap(last, last - waiter);
    }

    pub(crate) fn take_back(&self, answered: Answered) {
        assert_eq!(answered.queue, self.number);
        // SAFETY: it has the number of this queue, and so was made by its `come_back`, from a load with these types.
        self.put_back(unsafe { answered.into_load() });
    }

    fn load_of<'a>(&self, answered: &'a mut Answered) -> &'a mut Load<R::Key, R::Answer> {
        assert_eq!(answered.queue, self.number);
        // SAFETY: it has the number of this queue, and so was made by its `come_back`, from a load with these types. Nothing is offered while its queue is asked for something.
        unsafe { answered.load_mut() }
    }
}
