//! Waiting for the answer of a request, in three forms: awaited where it was asked (`io!`), as a
//! child of a set (`io!(a, b)`, `io_all!`), and as a task (`all!(requests)`).
//!
//! - [`Answer`] takes no memory: the answer is delivered to the asking task, and generated code
//!   asks and awaits in one expression.
//! - [`RequestChild`] has an id of its own, under which its answer is delivered. Tasks written by
//!   hand get this form, because they may hold several futures.
//! - [`Requesting`] asks when it is first polled, on behalf of the task that polls it.
//!
//! Invariant: an answer is taken by the task or child that was resumed for it, during that resume
//! ([`Dispatchers`](crate::dispatch::Dispatchers) drops what is not taken).

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::await_point::{CallSite, record_await_point};
use super::token::Asker;
use crate::dispatch::Request;
use crate::executor::{Executor, Id, Leaf, LeafBody};
use crate::runtime::{RunState, current};

/// Takes the current answer; parks the running task or child if there is none.
#[inline]
fn poll_answer<A: 'static>(run: &RunState) -> Poll<A> {
    match run.dispatchers.take_current_answer() {
        Some(answer) => Poll::Ready(answer),
        None => {
            run.executor.park();
            Poll::Pending
        }
    }
}

/// The future of `io!(r)`: the answer to the request that the running task has just asked.
// Generic over the answer, not over the request: a bound on the request would be a second error for
// a mistaken `io!(5)`. Key and answer are in the run while this is awaited, and so are in the type:
// the task is `Send` only if they are, and only if the request is, which knows its dispatcher.
#[must_use]
pub struct Answer<R, K, A, L> {
    line: L,
    in_run: PhantomData<(R, K, A)>,
}

impl<R, K, A, L> Unpin for Answer<R, K, A, L> {}

impl<R, K, A, L> Answer<R, K, A, L> {
    /// The answer for the running task, which has just asked.
    #[inline]
    pub(super) fn for_running_task(line: L) -> Self {
        Answer { line, in_run: PhantomData }
    }
}

impl<R, K, A: 'static, L: CallSite> Future for Answer<R, K, A, L> {
    type Output = A;

    #[inline]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<A> {
        current::with(|run| {
            // The first poll follows the request at once: the task is still parked from asking, and
            // there can be no answer yet.
            if run.executor.is_parked() {
                return Poll::Pending;
            }
            match run.dispatchers.take_current_answer() {
                Some(answer) => Poll::Ready(answer),
                None => self.poll_slow(run),
            }
        })
    }
}

impl<R, K, A, L: CallSite> Answer<R, K, A, L> {
    /// Handles a poll without an answer: the task is traced, or something else polls its future.
    #[cold]
    #[inline(never)]
    fn poll_slow(&self, run: &RunState) -> Poll<A> {
        run.executor.park();
        record_await_point::<Self>(run, &self.line);
        Poll::Pending
    }
}

/// A request as a child of a set: asked when the set starts, answered under its own id. Such a
/// child has no coroutine; its cell is all the memory that it takes.
pub struct RequestChild<R, K> {
    /// `None` once the request was asked.
    request: Option<R>,
    /// The key is in the run until the request is answered.
    in_run: PhantomData<K>,
}

/// How a request runs in a cell.
pub(super) type RequestBody<R, K> = LeafBody<RequestChild<R, K>>;

impl<R, K> RequestChild<R, K> {
    /// The child that asks `request`. The lane of `R` must be open when the child starts.
    pub(super) fn new(request: R) -> Self {
        RequestChild { request: Some(request), in_run: PhantomData }
    }
}

impl<R: Request<Key = K>, K> Leaf for RequestChild<R, K> {
    type Output = R::Answer;

    fn start(&mut self, _: &Executor, id: Id) {
        if let Some(request) = self.request.take() {
            let key = request.into_key();
            current::with(|run| run.ask::<R>(id, key));
        }
    }

    fn poll(&mut self) -> Poll<R::Answer> {
        current::with(poll_answer)
    }

    fn name() -> &'static str {
        R::name()
    }
}

/// A request as a task: asked when the task first runs.
// Without bounds on `R`, for the same reason as `Answer`.
pub struct Requesting<R, K, A> {
    /// `None` once the request was asked.
    request: Option<R>,
    asker: Asker<R>,
    in_run: PhantomData<(K, A)>,
}

impl<R: Request<Key = K, Answer = A>, K, A> Requesting<R, K, A> {
    /// The future of `request`.
    pub(super) fn new(request: R, asker: Asker<R>) -> Self {
        Requesting { request: Some(request), asker, in_run: PhantomData }
    }
}

impl<R, K, A> Unpin for Requesting<R, K, A> {}

impl<R, K, A: 'static> Future for Requesting<R, K, A> {
    type Output = A;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<A> {
        if let Some(request) = self.request.take() {
            self.asker.ask(request);
        }
        current::with(poll_answer)
    }
}
