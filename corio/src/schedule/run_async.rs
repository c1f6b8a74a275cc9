//! A run as a future, for any executor.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Error;
use crate::runtime::{Polling, Run, Sleep, Turn};
use crate::task::IsTask;

/// The run of a task as a future; made by [`Schedule::run_async`](crate::Schedule::run_async).
///
/// Its tasks run when it is polled. Dropping it half-way drops its tasks and everything in flight,
/// and the schedule can be used again; forgetting it (`std::mem::forget`) leaks them. It is not
/// `Send`: a run stays on its thread.
#[must_use = "a run does nothing until it is awaited"]
pub struct RunAsync<'s, K: IsTask> {
    /// Gone when it is over.
    run: Option<Run<'s, K::Output>>,
    sleep: Sleep,
    /// How many resumes a poll may take.
    budget: usize,
    /// The run holds what the task borrows.
    task: PhantomData<K>,
}

impl<'s, K: IsTask> RunAsync<'s, K> {
    pub(crate) fn new(run: Run<'s, K::Output>, budget: usize) -> Self {
        RunAsync { sleep: Sleep::new(run.time()), run: Some(run), budget, task: PhantomData }
    }
}

// The task was moved into the run's own memory; nothing here is pinned.
impl<K: IsTask> Unpin for RunAsync<'_, K> {}

impl<K: IsTask> Future for RunAsync<'_, K> {
    type Output = Result<K::Output, Error>;

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

impl<K: IsTask> fmt::Debug for RunAsync<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunAsync").field("over", &self.run.is_none()).finish()
    }
}
