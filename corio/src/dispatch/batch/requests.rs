//! A batch as `Dispatch::dispatch` gets it: to be answered in one of several ways.

use std::convert::identity;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::{fmt, mem};

use super::slots::Batch;
use crate::dispatch::answers::Answers;
use crate::dispatch::buffer::BatchBuf;
use crate::dispatch::host::SendCx;
use crate::dispatch::ids::InFlightId;
use crate::dispatch::in_flight::{InFlight, MailboxReader, Part};
use crate::dispatch::keys::all_shown;
use crate::dispatch::queue::{BufOf, Queue};
use crate::dispatch::request::Request;
use crate::util::{Panic, poll_caught};

/// What goes out to a dispatcher that answers later, and comes back; without those who wait.
pub(crate) struct Payload<R: Request> {
    pub(crate) keys: Vec<R::Key>,
    /// Empty on the way out.
    pub(crate) answers: Vec<R::Answer>,
}

impl<R: Request> Payload<R> {
    pub(crate) fn of(buf: &mut BufOf<R>) -> Self {
        Payload { keys: mem::take(&mut buf.keys), answers: mem::take(&mut buf.answers) }
    }
}

/// The requests that leave together, for [`Dispatch::dispatch`](crate::Dispatch::dispatch): call
/// the one method whose form fits.
///
/// | form | in place | by a future | on a thread pool |
/// |---|---|---|---|
/// | keys by slice, answers returned | [`answer`](Requests::answer) | [`answer_async`](Requests::answer_async) | `answer_blocking` |
/// | keys by value, answers returned | [`answer_owned`](Requests::answer_owned) | [`answer_owned_async`](Requests::answer_owned_async) | `answer_owned_blocking` |
/// | keys by slice, answers filled in | [`fill`](Requests::fill) | | |
/// | slots, answered one by one anywhere | [`batch`](Requests::batch) | [`batch_async`](Requests::batch_async) | `batch_blocking` |
///
/// Futures may borrow from the context, which lives for `'r`. Those for a thread pool are there
/// with the feature `blocking`.
pub struct Requests<'q, 'r, R: Request> {
    pub(super) queue: &'q Queue<R>,
    /// Gone when a method has taken it.
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

    pub(super) fn take(&mut self) -> BufOf<R> {
        match self.buf.take() {
            Some(buf) => buf,
            None => unreachable!("every method that takes it takes `self`"),
        }
    }

    /// Takes the keys, which the dispatcher gets, and the load with copies of them as far as they
    /// are needed. Nothing if to copy them has failed, and all with it.
    pub(super) fn take_given<A: Answers<R::Key>>(
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
        self.answered(buf, result, &[]);
    }

    /// Answers in place, from the keys by value.
    pub fn answer_owned<A: Answers<R::Key, Answer = R::Answer>>(
        mut self,
        batch: impl FnOnce(Vec<R::Key>) -> A,
    ) {
        let Some((mut buf, TakenKeys { keys, len, shown })) = self.take_given::<A>() else {
            return;
        };
        let BatchBuf { keys: copies, answers, .. } = &mut *buf;
        let result = self.guarded(|| batch(keys).put(copies, len, answers));
        self.answered(buf, result, &shown);
    }

    /// Answers in place, by filling a vector that is kept from batch to batch: no allocation even
    /// for a batch of one.
    #[inline]
    pub fn fill(mut self, batch: impl FnOnce(&[R::Key], &mut Vec<R::Answer>)) {
        let mut buf = self.take();
        let BatchBuf { keys, answers, .. } = &mut *buf;
        let result = self.guarded(|| batch(keys, answers));
        self.answered(buf, result, &[]);
    }

    /// Runs the dispatcher. Where trouble is an error of the requests, so is its panic.
    #[inline]
    fn guarded(&self, run: impl FnOnce()) -> Result<(), Panic> {
        if self.queue.options().fault.is_some() {
            return catch_unwind(AssertUnwindSafe(run));
        }
        run();
        Ok(())
    }

    /// It has run.
    #[inline]
    fn answered(&self, buf: BufOf<R>, result: Result<(), Panic>, shown: &[String]) {
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
    /// Say so in [`Request::OPTIONS`] by [`concurrent`](crate::Options::concurrent), and it starts
    /// before what answers in place.
    pub fn answer_async<A: Answers<R::Key, Answer = R::Answer> + 'r>(
        mut self,
        batch: impl AsyncFnOnce(&[R::Key]) -> A + 'r,
    ) {
        let mut buf = self.take();
        let mut payload = Payload::<R>::of(&mut buf);
        let answered = async move {
            let answers = batch(&payload.keys).await;
            let Payload { keys, answers: room } = &mut payload;
            answers.put(keys, keys.len(), room);
            payload
        };
        self.start(self.queue.begin(buf, self.part), answered, |queue, id, payload| {
            queue.complete_later(id, payload, &[])
        });
    }

    /// Answers by a future, from the keys by value.
    pub fn answer_owned_async<A: Answers<R::Key, Answer = R::Answer> + 'r>(
        mut self,
        batch: impl AsyncFnOnce(Vec<R::Key>) -> A + 'r,
    ) {
        let Some((mut buf, TakenKeys { keys, len, shown })) = self.take_given::<A>() else {
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

    /// Starts the future of a flight. When it ends, so is the flight: by `then`, or by its panic
    /// where trouble is an error of the requests.
    pub(super) fn start<T>(
        &self,
        id: InFlightId,
        future: impl Future<Output = T> + 'r,
        then: impl FnOnce(&Queue<R>, InFlightId, T) + 'r,
    ) {
        let owner = self.queue.owner();
        let catches = owner.queue().options().fault.is_some();
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
                    Ok(ended) => then(queue, id, ended),
                    Err(panic) => queue.panicked_later(id, panic),
                }
            }),
        );
        if let Some(number) = number {
            self.queue.future_has_started(id, number);
        }
    }

    // ── by slots ──

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
    pub fn batch_with<A: 'static>(
        mut self,
        wrap: fn(A) -> R::Answer,
        batch: impl FnOnce(Batch<R::Key, A>),
    ) {
        let (id, slots) = self.slots(wrap);
        if let Err(panic) = self.guarded(|| batch(slots)) {
            self.queue.panicked_later(id, panic);
        }
    }

    #[doc(hidden)]
    pub fn batch_async_with<A: 'static>(
        mut self,
        wrap: fn(A) -> R::Answer,
        batch: impl AsyncFnOnce(Batch<R::Key, A>) + 'r,
    ) {
        let (id, slots) = self.slots(wrap);
        self.start(id, async move { batch(slots).await }, |_, _, ()| ());
    }

    /// Slots that own their keys, to be answered one by one, in any order, on any thread.
    pub fn into_batch(mut self) -> Batch<R::Key, R::Answer> {
        self.slots(identity).1
    }

    pub(super) fn slots<A: 'static>(
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

/// Keys that a dispatcher takes.
pub(super) struct TakenKeys<K> {
    pub(super) keys: Vec<K>,
    pub(super) len: usize,
    pub(super) shown: Vec<String>,
}

impl<R: Request> Drop for Requests<'_, '_, R> {
    fn drop(&mut self) {
        if let Some(buf) = self.buf.take() {
            // A panic ends the run, and is the better reason.
            if self.send_cx.was_panicking || !std::thread::panicking() {
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
