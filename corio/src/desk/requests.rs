//! A batch as `Dispatch::dispatch` gets it: to be answered in one of several ways.

use std::any::Any;
use std::convert::identity;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::answers::Answers;
use super::batch::Batch;
use super::flights::FlightId;
use super::post::{Post, Reader};
use super::queue::{FlightOf, Queue};
use super::request::Request;
use super::shown::all_shown;

/// Where futures of dispatchers go: whoever turns the run polls them.
pub(crate) trait Futures<'r> {
    /// Polls it for the first time before it returns. Gives its number, if it has not ended.
    fn start(&self, dispatcher: &'static str, future: Pin<Box<dyn Future<Output = ()> + 'r>>) -> Option<u32>;
}

/// What goes out to a dispatcher, and comes back.
pub(super) struct Cargo<R: Request> {
    pub(super) keys: Vec<R::Key>,
    /// Empty on the way out.
    pub(super) answers: Vec<R::Answer>,
}

/// Those who wait, and what they ask for.
type Content<R> = (FlightOf<R>, Cargo<R>);

/// The requests that leave together, for [`Dispatch::dispatch`](crate::Dispatch::dispatch): call the one method whose form fits.
///
/// | form | in place | by a future | on a thread pool |
/// |---|---|---|---|
/// | keys by slice, answers returned | [`answer`](Requests::answer) | [`answer_async`](Requests::answer_async) | `answer_blocking` |
/// | keys by value, answers returned | [`answer_owned`](Requests::answer_owned) | [`answer_owned_async`](Requests::answer_owned_async) | `answer_owned_blocking` |
/// | keys by slice, answers filled in | [`fill`](Requests::fill) | | |
/// | slots, answered one by one anywhere | [`batch`](Requests::batch) | [`batch_async`](Requests::batch_async) | `batch_blocking` |
///
/// Futures may borrow from the context, which lives for `'r`. Those for a thread pool are there with the feature `blocking`.
pub struct Requests<'q, 'r, R: Request> {
    pub(super) queue: &'q Rc<Queue<R>>,
    /// Gone when a method has taken it.
    content: Option<Content<R>>,
    futures: &'q dyn Futures<'r>,
    /// Whether the thread was panicking before: a destructor may run a schedule.
    was_panicking: bool,
}

impl<'q, 'r, R: Request> Requests<'q, 'r, R> {
    pub(super) fn new(queue: &'q Rc<Queue<R>>, flight: FlightOf<R>, cargo: Cargo<R>, futures: &'q dyn Futures<'r>) -> Self {
        Requests { queue, content: Some((flight, cargo)), futures, was_panicking: std::thread::panicking() }
    }

    /// The keys, in the order asked.
    pub fn keys(&self) -> &[R::Key] {
        self.content.as_ref().map_or(&[], |(_, cargo)| &cargo.keys)
    }

    pub(super) fn take(&mut self) -> Content<R> {
        match self.content.take() {
            Some(content) => content,
            None => unreachable!("every method that takes it takes `self`"),
        }
    }

    // ── in place ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Answers in place, from the keys by slice.
    #[inline]
    pub fn answer<A: Answers<R::Key, Answer = R::Answer>>(mut self, batch: impl FnOnce(&[R::Key]) -> A) {
        let (flight, mut cargo) = self.take();
        let Cargo { keys, answers } = &mut cargo;
        match self.guarded(|| batch(keys).put(keys, keys.len(), answers)) {
            Ok(()) => self.queue.answered(flight, cargo, &[]),
            Err(panic) => self.queue.panicked(flight, &*panic),
        }
    }

    /// Answers in place, from the keys by value.
    pub fn answer_owned<A: Answers<R::Key, Answer = R::Answer>>(mut self, batch: impl FnOnce(Vec<R::Key>) -> A) {
        let (flight, mut cargo) = self.take();
        let Given { keys, len, shown } = Given::new::<A>(self.queue, &mut cargo);
        let Cargo { keys: copies, answers } = &mut cargo;
        match self.guarded(|| batch(keys).put(copies, len, answers)) {
            Ok(()) => self.queue.answered(flight, cargo, &shown),
            Err(panic) => self.queue.panicked(flight, &*panic),
        }
    }

    /// Answers in place, by filling a vector that is kept from batch to batch: no allocation even for a batch of one.
    #[inline]
    pub fn fill(mut self, batch: impl FnOnce(&[R::Key], &mut Vec<R::Answer>)) {
        let (flight, mut cargo) = self.take();
        let Cargo { keys, answers } = &mut cargo;
        match self.guarded(|| batch(keys, answers)) {
            Ok(()) => self.queue.answered(flight, cargo, &[]),
            Err(panic) => self.queue.panicked(flight, &*panic),
        }
    }

    /// Runs the dispatcher. Where trouble is an error of the requests, so is its panic.
    #[inline]
    fn guarded(&self, run: impl FnOnce()) -> Result<(), Panic> {
        if self.queue.options.fault.is_some() {
            return catch_unwind(AssertUnwindSafe(run));
        }
        run();
        Ok(())
    }

    // ── by a future ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

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
        let (flight, mut cargo) = self.take();
        let answered = async move {
            let answers = batch(&cargo.keys).await;
            let Cargo { keys, answers: room } = &mut cargo;
            answers.put(keys, keys.len(), room);
            cargo
        };
        self.start(self.queue.take_off(flight), answered, |queue, id, cargo| queue.answered_later(id, cargo, &[]));
    }

    /// Answers by a future, from the keys by value.
    pub fn answer_owned_async<A: Answers<R::Key, Answer = R::Answer> + 'r>(mut self, batch: impl AsyncFnOnce(Vec<R::Key>) -> A + 'r) {
        let (flight, mut cargo) = self.take();
        let Given { keys, len, shown } = Given::new::<A>(self.queue, &mut cargo);
        let answered = async move {
            let answers = batch(keys).await;
            answers.put(&cargo.keys, len, &mut cargo.answers);
            (cargo, shown)
        };
        self.start(self.queue.take_off(flight), answered, |queue, id, (cargo, shown)| queue.answered_later(id, cargo, &shown));
    }

    /// Starts the future of a flight. When it ends, so is the flight: by `then`, or by its panic where trouble is an error of the requests.
    pub(super) fn start<T>(&self, id: FlightId, future: impl Future<Output = T> + 'r, then: impl FnOnce(&Queue<R>, FlightId, T) + 'r) {
        let queue = self.queue.clone();
        let catches = queue.options.fault.is_some();
        let number = self.futures.start(
            R::name(),
            Box::pin(async move {
                let result = if catches { Caught(Box::pin(future)).await } else { Ok(future.await) };
                queue.future_has_ended(id);
                match result {
                    Ok(ended) => then(&queue, id, ended),
                    Err(panic) => queue.panicked_later(id, &*panic),
                }
            }),
        );
        if number.is_some() {
            self.queue.flights.with(id, |flight| flight.extras().future = number);
        }
    }

    // ── by slots ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Answers by slots that own their keys, one by one, in any order, on any thread; now or later.
    pub fn batch(self, batch: impl FnOnce(Batch<R::Key, R::Answer>)) {
        self.batch_with(identity, batch);
    }

    /// The same, given to a future.
    pub fn batch_async(self, batch: impl AsyncFnOnce(Batch<R::Key, R::Answer>) + 'r) {
        self.batch_async_with(identity, batch);
    }

    /// For generated code: `wrap` makes of what slots are answered with what a request gets.
    #[doc(hidden)]
    pub fn batch_with<A: 'static>(mut self, wrap: fn(A) -> R::Answer, batch: impl FnOnce(Batch<R::Key, A>)) {
        let (id, slots) = self.slots(wrap);
        if let Err(panic) = self.guarded(|| batch(slots)) {
            self.queue.panicked_later(id, &*panic);
        }
    }

    #[doc(hidden)]
    pub fn batch_async_with<A: 'static>(mut self, wrap: fn(A) -> R::Answer, batch: impl AsyncFnOnce(Batch<R::Key, A>) + 'r) {
        let (id, slots) = self.slots(wrap);
        self.start(id, async move { batch(slots).await }, |_, _, ()| ());
    }

    /// Slots that own their keys, to be answered one by one, in any order, on any thread.
    pub fn into_batch(mut self) -> Batch<R::Key, R::Answer> {
        self.slots(identity).1
    }

    pub(super) fn slots<A: 'static>(&mut self, wrap: fn(A) -> R::Answer) -> (FlightId, Batch<R::Key, A>) {
        let (flight, Cargo { keys, .. }) = self.take();
        let queue = self.queue;
        let id = queue.take_off(flight);
        let post = Arc::new(Post::new(queue.board.outside.ring.clone(), queue.number, id, queue.options.show_key));
        queue.flights.with(id, |flight| flight.extras().posts = Some(Rc::new(Reader { post: post.clone(), wrap })));
        (id, Batch::new(keys.into_iter(), &post))
    }
}

/// What a panic carries.
type Panic = Box<dyn Any + Send>;

/// Keys that a dispatcher takes. Copies stay with the cargo, where they are needed.
pub(super) struct Given<K> {
    pub(super) keys: Vec<K>,
    pub(super) len: usize,
    pub(super) shown: Vec<String>,
}

impl<K> Given<K> {
    pub(super) fn new<A: Answers<K>>(queue: &Queue<impl Request<Key = K>>, cargo: &mut Cargo<impl Request<Key = K>>) -> Self {
        let keys = std::mem::take(&mut cargo.keys);
        cargo.keys = match queue.options.copy_key {
            Some(copy) => keys.iter().map(copy).collect(),
            None => A::remember(&keys),
        };
        Given { len: keys.len(), shown: all_shown(&keys, queue.options.show_key), keys }
    }
}

/// A future whose panic is a value.
struct Caught<'r, T>(Pin<Box<dyn Future<Output = T> + 'r>>);

impl<T> Future for Caught<'_, T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

impl<R: Request> Drop for Requests<'_, '_, R> {
    fn drop(&mut self) {
        // A panic ends the run, and is the better reason.
        if let Some((flight, cargo)) = self.content.take().filter(|_| self.was_panicking || !std::thread::panicking()) {
            self.queue.ignored(flight, &cargo.keys);
        }
    }
}

impl<R: Request> fmt::Debug for Requests<'_, '_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("dispatcher", &R::name()).field("len", &self.keys().len()).finish()
    }
}
