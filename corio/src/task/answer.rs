//! Waiting for the answer of a request, in three forms: awaited where it was asked (`io!`), as a
//! child of a set (`io!(a, b)`, `io_all!`), and as a task (`all!(requests)`).
//!
//! The first has no size: the answer comes to the task that asked, and generated code asks and
//! awaits in one expression. Whoever writes futures by hand gets the second.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::await_point::{CallSite, pass};
use crate::dispatch::Request;
use crate::executor::{ChildBody, Executor, Id};
use crate::runtime::{RunState, current};

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

/// The answer to the request that the running task has just asked.
// Over the answer, not over the request: so it needs no bound that a mistaken `io!(5)` could miss
// for a second time.
#[must_use]
pub struct Answer<A, L> {
    line: L,
    answer: PhantomData<fn() -> A>,
}

impl<A, L> Unpin for Answer<A, L> {}

impl<A, L> Answer<A, L> {
    /// The running task has just asked, and waits from here on.
    #[inline]
    pub(super) fn of_running(line: L) -> Self {
        Answer { line, answer: PhantomData }
    }
}

impl<A: 'static, L: CallSite> Future for Answer<A, L> {
    type Output = A;

    #[inline]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<A> {
        current::with(|run| {
            // Polled right after asking, as every future that is awaited, there can be no answer
            // yet.
            if run.executor.is_parked() {
                return Poll::Pending;
            }
            match run.dispatchers.take_current_answer() {
                Some(answer) => Poll::Ready(answer),
                None => self.not_yet(run),
            }
        })
    }
}

impl<A, L: CallSite> Answer<A, L> {
    /// Polled without an answer: by hand, or to say where it stands.
    #[cold]
    #[inline(never)]
    fn not_yet(&self, run: &RunState) -> Poll<A> {
        run.executor.park();
        pass::<Self>(run, &self.line);
        Poll::Pending
    }
}

/// A request as a child of a set: asked when the set starts, answered under its own id. No
/// coroutine, and nothing of its own but its place.
pub struct RequestChild<R> {
    request: Option<R>,
}

impl<R: Request> ChildBody for RequestChild<R> {
    type Input = R;
    type Output = R::Answer;
    const IS_TASK: bool = false;

    unsafe fn init(this: *mut Self, request: R) {
        // SAFETY: by the caller it can be written.
        unsafe { this.write(RequestChild { request: Some(request) }) }
    }

    unsafe fn start(this: *mut Self, _: &Executor, id: Id) {
        // SAFETY: by the caller it is initialised, and nobody else uses it.
        if let Some(request) = unsafe { (*this).request.take() } {
            let key = request.into_key();
            current::with(|run| run.ask::<R>(id, key));
        }
    }

    unsafe fn resume(_: *mut Self) -> Poll<R::Answer> {
        current::with(poll_answer)
    }

    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: by the caller it is initialised, and not used afterwards.
        unsafe { std::ptr::drop_in_place(this) }
    }

    fn name() -> &'static str {
        R::name()
    }
}

/// A request as a task: asked when it first runs.
// Names no bound either.
pub struct Requesting<R, A> {
    /// Gone when it was asked.
    request: Option<R>,
    ask: fn(&RunState, R),
    answer: PhantomData<fn() -> A>,
}

impl<R: Request<Answer = A>, A> Requesting<R, A> {
    /// `ask` asks on behalf of the task that runs.
    pub(super) fn new(request: R, ask: fn(&RunState, R)) -> Self {
        Requesting { request: Some(request), ask, answer: PhantomData }
    }
}

impl<R, A> Unpin for Requesting<R, A> {}

impl<R, A: 'static> Future for Requesting<R, A> {
    type Output = A;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<A> {
        current::with(|run| {
            if let Some(request) = self.request.take() {
                (self.ask)(run, request);
            }
            poll_answer(run)
        })
    }
}
