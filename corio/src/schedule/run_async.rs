//! A run as a future, for any executor.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Error;
use crate::runtime::{Polling, Run, Sleep, Turn};
use crate::task::IsTask;
use crate::util::OfRun;

/// The run of a task as a future; made by [`Schedule::run_async`](crate::Schedule::run_async) and
/// [`Schedule::run_local`](crate::Schedule::run_local).
///
/// Its tasks run when it is polled. Dropping it half-way drops its tasks and everything in flight,
/// and the schedule can be used again; forgetting it (`std::mem::forget`) leaks them.
///
/// It is `Send` if the context is `Sync` and all else in the run is `Send`: what tasks hold while
/// they wait, keys, answers, outputs, the futures of dispatchers. The compiler finds that out from
/// the type of the task; the whole run then goes from thread to thread between polls.
#[must_use = "a run does nothing until it is awaited"]
pub struct RunAsync<'s, T: IsTask, S> {
    /// Gone when it is over.
    run: Option<OfRun<Run<'s, T::Output>>>,
    sleep: Sleep,
    /// How many resumes a poll may take.
    budget: usize,
    /// The run holds the task with what it borrows, its output, and the context.
    holds: PhantomData<(T::Future, T::Output, &'s S)>,
}

impl<'s, T: IsTask, S> RunAsync<'s, T, S> {
    /// `run` runs a `T` over an `S`.
    pub(crate) fn new(run: OfRun<Run<'s, T::Output>>, budget: usize) -> Self {
        RunAsync { sleep: Sleep::new(run.time()), run: Some(run), budget, holds: PhantomData }
    }
}

// The task was moved into the run's own memory; nothing here is pinned.
impl<T: IsTask, S> Unpin for RunAsync<'_, T, S> {}

impl<T: IsTask, S> Future for RunAsync<'_, T, S> {
    type Output = Result<T::Output, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let RunAsync { run, sleep, budget, .. } = &mut *self;
        let turned = run.as_mut().expect("polled after it was over");
        let polling = Polling::begin();
        let turn = turned.turn(*budget);
        drop(polling);
        match turn {
            Turn::Over(result) => {
                *run = None;
                return Poll::Ready(result);
            }
            // Others are let in, and then it goes on.
            Turn::Spent => context.waker().wake_by_ref(),
            Turn::Waiting { until } => {
                if turned.sleep(context.waker()) && sleep.until(until, context.waker()) {
                    sleep.idle();
                } else {
                    context.waker().wake_by_ref();
                }
            }
        }
        Poll::Pending
    }
}

impl<T: IsTask, S> fmt::Debug for RunAsync<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunAsync").field("over", &self.run.is_none()).finish()
    }
}
