//! A batch as `Dispatch::dispatch` gets it: to be answered in one of several ways.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::answers::Answers;
use super::batch::Batch;
use super::queue::{Flight, Queue};
use super::request::Request;
use crate::error::Error;

/// Where futures of dispatchers go: whoever turns the run polls them.
pub(crate) trait Futures<'r> {
    /// Polls it for the first time before it returns.
    fn start(&self, dispatcher: &'static str, future: Pin<Box<dyn Future<Output = ()> + 'r>>);
}

/// The requests that leave together, for [`Dispatch::dispatch`](crate::Dispatch::dispatch): call the one method whose form fits.
///
/// | form | in place | by a future |
/// |---|---|---|
/// | keys by slice, answers returned | [`answer`](Requests::answer) | [`answer_async`](Requests::answer_async) |
/// | keys by value, answers returned | [`answer_owned`](Requests::answer_owned) | [`answer_owned_async`](Requests::answer_owned_async) |
/// | keys by slice, answers filled in | [`fill`](Requests::fill) | |
/// | slots, answered one by one anywhere | [`into_batch`](Requests::into_batch) | [`batch_async`](Requests::batch_async) |
///
/// Futures may borrow from the context, which lives for `'r`.
pub struct Requests<'q, 'r, R: Request> {
    queue: &'q Rc<Queue<R>>,
    /// Gone when a method has taken it.
    flight: Option<Box<Flight<R>>>,
    futures: &'q dyn Futures<'r>,
}

impl<'q, 'r, R: Request> Requests<'q, 'r, R> {
    pub(super) fn new(queue: &'q Rc<Queue<R>>, flight: Box<Flight<R>>, futures: &'q dyn Futures<'r>) -> Self {
        Requests { queue, flight: Some(flight), futures }
    }

    /// The keys, in the order asked.
    pub fn keys(&self) -> &[R::Key] {
        self.flight.as_ref().map_or(&[], |flight| &flight.keys)
    }

    /// Answers in place, from the keys by slice.
    #[inline]
    pub fn answer<A: Answers<R::Key, Answer = R::Answer>>(mut self, batch: impl FnOnce(&[R::Key]) -> A) {
        let Some(mut flight) = self.flight.take() else { return };
        let Flight { keys, answers, .. } = &mut *flight;
        let len = keys.len();
        batch(keys).put(keys, len, answers);
        self.queue.answered(flight, len, &[]);
    }

    /// Answers in place, from the keys by value.
    pub fn answer_owned<A: Answers<R::Key, Answer = R::Answer>>(mut self, batch: impl FnOnce(Vec<R::Key>) -> A) {
        let Some(mut flight) = self.flight.take() else { return };
        let len = flight.keys.len();
        let (keys, shown) = (A::remember(&flight.keys), Queue::<R>::show_all(&flight.keys));
        let answers = batch(std::mem::take(&mut flight.keys));
        answers.put(&keys, len, &mut flight.answers);
        self.queue.answered(flight, len, &shown);
    }

    /// Answers in place, by filling a vector that is kept from batch to batch: no allocation even for a batch of one.
    #[inline]
    pub fn fill(mut self, batch: impl FnOnce(&[R::Key], &mut Vec<R::Answer>)) {
        let Some(mut flight) = self.flight.take() else { return };
        let Flight { keys, answers, .. } = &mut *flight;
        batch(keys, answers);
        let len = keys.len();
        self.queue.answered(flight, len, &[]);
    }

    /// Answers by a future, from the keys by slice.
    ///
    /// ```
    /// # use corio::{Dispatch, Provide, Request, Requests};
    /// # struct Db;
    /// # impl Db { async fn names(&self, ids: &[u64]) -> Vec<String> { ids.iter().map(u64::to_string).collect() } }
    /// # struct Name(u64);
    /// # impl Request for Name {
    /// #     type Key = u64;
    /// #     type Answer = String;
    /// #     fn into_key(self) -> u64 { self.0 }
    /// # }
    /// impl<S: Provide<Db>> Dispatch<S> for Name {
    ///     fn dispatch<'r>(context: &'r S, requests: Requests<'_, 'r, Self>) {
    ///         let db: &Db = context.provide();
    ///         requests.answer_async(async move |ids| db.names(ids).await);
    ///     }
    /// }
    /// # assert_eq!(corio::Schedule::new(&Db).run(Name(7)).unwrap(), "7");
    /// ```
    ///
    /// Say so in [`Request::OPTIONS`] by [`concurrent`](crate::Options::concurrent), and it starts before what answers in place.
    pub fn answer_async<A: Answers<R::Key, Answer = R::Answer> + 'r>(mut self, batch: impl AsyncFnOnce(&[R::Key]) -> A + 'r) {
        let Some(mut flight) = self.flight.take() else { return };
        let queue = self.queue.clone();
        self.start(async move {
            let answers = batch(&flight.keys).await;
            let Flight { keys, answers: room, .. } = &mut *flight;
            let len = keys.len();
            answers.put(keys, len, room);
            queue.landed();
            queue.answered(flight, len, &[]);
        });
    }

    /// Answers by a future, from the keys by value.
    pub fn answer_owned_async<A: Answers<R::Key, Answer = R::Answer> + 'r>(mut self, batch: impl AsyncFnOnce(Vec<R::Key>) -> A + 'r) {
        let Some(mut flight) = self.flight.take() else { return };
        let queue = self.queue.clone();
        self.start(async move {
            let len = flight.keys.len();
            let (keys, shown) = (A::remember(&flight.keys), Queue::<R>::show_all(&flight.keys));
            let answers = batch(std::mem::take(&mut flight.keys)).await;
            answers.put(&keys, len, &mut flight.answers);
            queue.landed();
            queue.answered(flight, len, &shown);
        });
    }

    /// Slots that own their keys, to be answered one by one, in any order, on any thread.
    pub fn into_batch(mut self) -> Batch<R::Key, R::Answer> {
        match self.flight.take() {
            Some(flight) => self.queue.hand_out(flight),
            None => unreachable!("every other method takes `self`"),
        }
    }

    /// The same, given to a future.
    pub fn batch_async(mut self, batch: impl AsyncFnOnce(Batch<R::Key, R::Answer>) + 'r) {
        let Some(flight) = self.flight.take() else { return };
        let slots = self.queue.hand_out(flight);
        let queue = self.queue.clone();
        self.start(async move {
            batch(slots).await;
            queue.landed();
        });
    }

    fn start(&self, future: impl Future<Output = ()> + 'r) {
        self.queue.took_off();
        self.futures.start(R::name(), Box::pin(future));
    }
}

impl<R: Request> Drop for Requests<'_, '_, R> {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            let key = flight.keys.first().and_then(Queue::<R>::show);
            self.queue.board.fail(Error::Unanswered { dispatcher: R::name(), position: 0, requests: flight.keys.len(), key });
        }
    }
}

impl<R: Request> fmt::Debug for Requests<'_, '_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("dispatcher", &R::name()).field("len", &self.keys().len()).finish()
    }
}
