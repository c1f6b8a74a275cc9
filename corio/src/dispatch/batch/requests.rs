//! A batch as `Dispatch::dispatch` gets it, to be answered in one of several ways.

use std::convert::identity;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::{fmt, mem};

use super::keys::{AnsweredKeys, Keys};
use super::payload::Payload;
use super::slots::Batch;
use crate::dispatch::answers::Answers;
use crate::dispatch::buffer::BatchBuf;
use crate::dispatch::cache::Partition;
use crate::dispatch::carrier::{CarriedMailbox, Carrier};
use crate::dispatch::ids::InFlightId;
use crate::dispatch::in_flight::{InFlight, MailboxReader, Part};
use crate::dispatch::keys::all_shown;
use crate::dispatch::queue::{BufOf, Queue};
use crate::dispatch::request::Request;
use crate::dispatch::send_cx::SendCx;
use crate::util::{Panic, poll_caught};

/// The requests that leave together, for [`Dispatch::dispatch`](crate::Dispatch::dispatch). Call
/// the one method whose form fits:
///
/// | the function takes | in place | by a future |
/// |---|---|---|
/// | keys by slice | [`answer`] | [`answer_async`] |
/// | keys by value | [`answer_owned`] | [`answer_owned_async`] |
/// | keys, and a vector to fill | [`fill`] | |
/// | slots | [`batch`] | [`batch_async`] |
///
/// Slots are answered one by one, anywhere; the other forms return or fill in all answers at once.
/// With the feature `blocking`, `answer_blocking`, `answer_owned_blocking` and `batch_blocking`
/// answer on a thread pool.
///
/// Futures may borrow from the context, which lives for `'r`.
///
/// [`answer`]: Self::answer
/// [`answer_async`]: Self::answer_async
/// [`answer_owned`]: Self::answer_owned
/// [`answer_owned_async`]: Self::answer_owned_async
/// [`fill`]: Self::fill
/// [`batch`]: Self::batch
/// [`batch_async`]: Self::batch_async
pub struct Requests<'q, 'r, R: Request> {
    pub(super) queue: &'q Queue<R>,
    /// Absent once a method has taken the buffer.
    buf: Option<BufOf<R>>,
    pub(super) part: Part,
    send_cx: &'q SendCx<'q, 'r>,
}

impl<'q, 'r, R: Request> Requests<'q, 'r, R> {
    #[inline]
    pub(crate) fn new(
        queue: &'q Queue<R>,
        buf: BufOf<R>,
        part: Part,
        send_cx: &'q SendCx<'q, 'r>,
    ) -> Self {
        Requests { queue, buf: Some(buf), part, send_cx }
    }

    /// The keys, in the order asked.
    pub fn keys(&self) -> &[R::Key] {
        self.buf.as_ref().map_or(&[], |buf| &buf.keys)
    }

    /// Takes the buffer. Every method that does so takes `self`, so it is still there.
    pub(super) fn take(&mut self) -> BufOf<R> {
        match self.buf.take() {
            Some(buf) => buf,
            None => unreachable!("every method that takes the buffer takes `self`"),
        }
    }

    /// Takes the keys, for a dispatcher that takes them by value, and the buffer with copies of the
    /// keys where these are needed afterwards. Returns `None` if copying has panicked; then the
    /// whole batch has failed.
    pub(super) fn take_owned<A: Answers<R::Key>>(
        &mut self,
    ) -> Option<(BufOf<R>, TakenKeys<R::Key>)> {
        let mut buf = self.take();
        let copies = self.queue.guarded(|| match self.queue.options().copy_key {
            Some(copy) => buf.keys.iter().map(copy).collect(),
            None => A::remember(&buf.keys),
        });
        match copies {
            Ok(copies) => {
                let keys = mem::replace(&mut buf.keys, copies);
                let shown = all_shown(&keys, self.queue.options().show_key);
                Some((buf, TakenKeys { len: keys.len(), shown, keys }))
            }
            Err(fault) => {
                self.queue.fail_all(buf, &fault);
                None
            }
        }
    }

    // ── in place ──

    /// Answers in place, from the keys by slice.
    #[inline]
    pub fn answer<A: Answers<R::Key, Answer = R::Answer>>(
        mut self,
        batch: impl FnOnce(&[R::Key]) -> A,
    ) {
        let mut buf = self.take();
        let BatchBuf { keys, answers, .. } = &mut *buf;
        let result = self.guarded(|| batch(keys).put(keys, keys.len(), answers));
        self.finish_in_place(buf, result, &[]);
    }

    /// Answers in place, from the keys by value.
    pub fn answer_owned<A: Answers<R::Key, Answer = R::Answer>>(
        mut self,
        batch: impl FnOnce(Vec<R::Key>) -> A,
    ) {
        let Some((mut buf, TakenKeys { keys, len, shown })) = self.take_owned::<A>() else {
            return;
        };
        let BatchBuf { keys: copies, answers, .. } = &mut *buf;
        let result = self.guarded(|| batch(keys).put(copies, len, answers));
        self.finish_in_place(buf, result, &shown);
    }

    /// Answers in place, by filling a vector that is reused from batch to batch: no allocation even
    /// for a batch of one.
    #[inline]
    pub fn fill(mut self, batch: impl FnOnce(&[R::Key], &mut Vec<R::Answer>)) {
        let mut buf = self.take();
        let BatchBuf { keys, answers, .. } = &mut *buf;
        let result = self.guarded(|| batch(keys, answers));
        self.finish_in_place(buf, result, &[]);
    }

    /// Runs the dispatcher. Its panic is returned if the queue catches panics, and propagates
    /// otherwise.
    #[inline]
    fn guarded(&self, run: impl FnOnce()) -> Result<(), Panic> {
        if self.queue.catches_panics() {
            return catch_unwind(AssertUnwindSafe(run));
        }
        run();
        Ok(())
    }

    /// Completes a batch that was answered in place, or whose dispatcher has panicked.
    #[inline]
    fn finish_in_place(&self, buf: BufOf<R>, result: Result<(), Panic>, shown: &[String]) {
        match result {
            Ok(()) => self.queue.answered(buf, shown),
            Err(panic) => self.queue.panicked(InFlight::new(buf, Part::default()), panic),
        }
    }

    // ── by a future ──

    /// Answers by a future, from the keys by slice.
    ///
    /// ```
    /// # use corio::{Dispatch, Provide, Request, Requests};
    /// # struct Db;
    /// # impl Db {
    /// #     async fn names(&self, ids: &[u64]) -> Vec<String> {
    /// #         ids.iter().map(u64::to_string).collect()
    /// #     }
    /// # }
    /// # struct Name(u64);
    /// # impl Request for Name {
    /// #     type Key = u64;
    /// #     type Answer = String;
    /// #     fn into_key(self) -> u64 { self.0 }
    /// # }
    /// impl<S: Provide<Db>> Dispatch<S> for Name {
    ///     fn dispatch<'r>(context: &'r S, requests: Requests<'_, 'r, Self>) {
    ///         let db: &Db = context.provide();
    ///         requests.answer_async(move |ids| async move {
    ///             let names = db.names(&ids).await;
    ///             ids.answer(names)
    ///         });
    ///     }
    /// }
    /// # assert_eq!(corio::Schedule::new(&Db).run(Name(7)).unwrap(), "7");
    /// ```
    ///
    /// With [`concurrent`](crate::Options::concurrent) in [`Request::OPTIONS`] such batches start
    /// before those that are answered in place.
    ///
    /// The future is `Send`, as the run that polls it may be. Where it can't be, write the
    /// dispatcher as an `async fn` with `#[corio::dispatcher]`: the request then knows that, and
    /// the tasks that ask for it are not `Send` either.
    pub fn answer_async<F>(self, batch: impl FnOnce(Keys<R>) -> F + 'r)
    where
        F: Future<Output = AnsweredKeys<R>> + Send + 'r,
    {
        self.answer_async_unchecked(batch)
    }

    /// Answers by a future, from the keys by slice.
    ///
    /// The future is `Send`, or `R` is not, or its key or its answer is not: see `generated`.
    pub(super) fn answer_async_unchecked<F>(mut self, batch: impl FnOnce(Keys<R>) -> F + 'r)
    where
        F: Future<Output = AnsweredKeys<R>> + 'r,
    {
        let mut buf = self.take();
        let keys = Keys { payload: Payload::of(&mut buf) };
        let answered = async move { batch(keys).await };
        self.start(self.queue.begin(buf, self.part), answered, |queue, id, answered| {
            queue.complete_later(id, answered.payload, &[])
        });
    }

    /// Answers by a future, which is `Send`, from the keys by value.
    pub fn answer_owned_async<A, F>(self, batch: impl FnOnce(Vec<R::Key>) -> F + 'r)
    where
        A: Answers<R::Key, Answer = R::Answer> + 'r,
        F: Future<Output = A> + Send + 'r,
    {
        self.answer_owned_async_unchecked(batch)
    }

    /// Answers by a future, from the keys by value.
    ///
    /// The future is `Send`, or `R` is not, or its key or its answer is not: see `generated`.
    pub(crate) fn answer_owned_async_unchecked<A, F>(
        mut self,
        batch: impl FnOnce(Vec<R::Key>) -> F + 'r,
    ) where
        A: Answers<R::Key, Answer = R::Answer> + 'r,
        F: Future<Output = A> + 'r,
    {
        let Some((mut buf, TakenKeys { keys, len, shown })) = self.take_owned::<A>() else {
            return;
        };
        let mut payload = Payload::<R>::of(&mut buf);
        let answered = async move {
            let answers = batch(keys).await;
            answers.put(&payload.keys, len, &mut payload.answers);
            (payload, shown)
        };
        self.start(self.queue.begin(buf, self.part), answered, |queue, id, (payload, shown)| {
            queue.complete_later(id, payload, &shown)
        });
    }

    /// Starts the future of a batch in flight. When the future ends, `then` completes the batch.
    /// If the queue catches panics, one of the future fails the batch.
    pub(super) fn start<T>(
        &self,
        id: InFlightId,
        future: impl Future<Output = T> + 'r,
        then: impl FnOnce(&Queue<R>, InFlightId, T) + 'r,
    ) {
        let owner = self.queue.owner();
        let catches = owner.queue().catches_panics();
        let number = self.send_cx.futures.start(
            R::name(),
            Box::pin(async move {
                let result = {
                    let mut future = pin!(future);
                    poll_fn(|context| {
                        if catches {
                            poll_caught(future.as_mut(), context)
                        } else {
                            future.as_mut().poll(context).map(Ok)
                        }
                    })
                    .await
                };
                let queue = owner.queue();
                queue.future_has_ended(id);
                match result {
                    Ok(output) => then(queue, id, output),
                    Err(panic) => queue.panicked_later(id, panic),
                }
            }),
        );
        if let Some(number) = number {
            self.queue.future_has_started(id, number);
        }
    }

    // ── by slots ──

    /// Gives slots that own their keys to a function. Slots are answered one by one, in any order,
    /// on any thread, during the call or later.
    pub fn batch(self, batch: impl FnOnce(Batch<R::Key, R::Answer>)) {
        self.batch_unchecked(identity, batch)
    }

    /// Gives slots that own their keys to a function that returns a future, which is `Send` and may
    /// answer them one by one, in any order, on any thread. The batch is in flight until the future
    /// has ended, too.
    pub fn batch_async<F>(self, batch: impl FnOnce(Batch<R::Key, R::Answer>) -> F + 'r)
    where
        F: Future<Output = ()> + Send + 'r,
    {
        self.batch_async_unchecked(identity, batch)
    }

    /// Gives slots to a function; `wrap` turns what they are answered with into what a request
    /// gets.
    ///
    /// `A` is `Send`, or `R` is not, or its key or its answer is not: see `generated`.
    pub(super) fn batch_unchecked<A: 'static>(
        mut self,
        wrap: fn(A) -> R::Answer,
        batch: impl FnOnce(Batch<R::Key, A>),
    ) {
        let (id, slots) = self.begin_slots(wrap);
        if let Err(panic) = self.guarded(|| batch(slots)) {
            self.queue.panicked_later(id, panic);
        }
    }

    /// Gives slots to a function that returns a future; `wrap` turns what they are answered with
    /// into what a request gets.
    ///
    /// The future and `A` are `Send`, or `R` is not, or its key or its answer is not: see
    /// `generated`.
    pub(super) fn batch_async_unchecked<A: 'static, F: Future<Output = ()> + 'r>(
        mut self,
        wrap: fn(A) -> R::Answer,
        batch: impl FnOnce(Batch<R::Key, A>) -> F + 'r,
    ) {
        let (id, slots) = self.begin_slots(wrap);
        self.start(id, async move { batch(slots).await }, |_, _, ()| ());
    }

    /// Slots that own their keys, to be answered one by one, in any order, on any thread.
    pub fn into_batch(mut self) -> Batch<R::Key, R::Answer> {
        self.begin_slots(identity).1
    }

    /// Lets the batch be answered elsewhere.
    pub(crate) fn carry(mut self, carrier: &dyn Carrier<R>, partition: Option<Partition>) {
        let mut buf = self.take();
        let keys = mem::take(&mut buf.keys);
        let id = self.queue.begin(buf, self.part);
        let mailbox = Arc::new(self.queue.new_mailbox(id, keys.len()));
        let ticket = carrier.carry(partition, keys, mailbox.clone());
        self.queue.attach_mailbox(id, Vec::new(), CarriedMailbox::<R>::new(mailbox, ticket));
    }

    /// Puts the batch in flight and returns its slots.
    pub(super) fn begin_slots<A: 'static>(
        &mut self,
        wrap: fn(A) -> R::Answer,
    ) -> (InFlightId, Batch<R::Key, A>) {
        let mut buf = self.take();
        let mut keys = mem::take(&mut buf.keys);
        let queue = self.queue;
        let id = queue.begin(buf, self.part);
        let mailbox = Arc::new(queue.new_mailbox(id, keys.len()));
        let batch = Batch::new(keys.drain(..), &mailbox);
        queue.attach_mailbox(id, keys, MailboxReader { mailbox, wrap });
        (id, batch)
    }
}

/// Keys that a dispatcher takes by value.
pub(super) struct TakenKeys<K> {
    pub(super) keys: Vec<K>,
    /// Number of keys, which is needed after the keys are dropped.
    pub(super) len: usize,
    /// The keys as text, with the option `show_keys`.
    pub(super) shown: Vec<String>,
}

impl<R: Request> Drop for Requests<'_, '_, R> {
    fn drop(&mut self) {
        if let Some(buf) = self.buf.take() {
            // While a panic unwinds, the batch is not reported: the panic ends the run, and is the
            // better reason. A listener's goes on.
            let goes_on = self.send_cx.was_panicking || self.queue.has_listener();
            if goes_on || !std::thread::panicking() {
                self.queue.ignored(buf);
            }
        }
    }
}

impl<R: Request> fmt::Debug for Requests<'_, '_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("dispatcher", &R::name())
            .field("len", &self.keys().len())
            .finish()
    }
}
