//! `wait!(future)`: a task waits for a future from outside of corio.
//!
//! The future is polled in the frame of the task, and so may borrow from it. It gets a waker that
//! wakes the task; meanwhile the run counts it as something that is going on outside, and sleeps
//! instead of reporting a deadlock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use crate::runtime::{OutsideWait, RunState, RunWake, current};

/// How the running task polls something from outside, and is woken by it.
#[derive(Default)]
pub struct OutsidePoll {
    /// Made at the first poll.
    waker: Option<(Arc<RunWake>, Waker)>,
    /// While something outside is to wake the task.
    outside: Option<OutsideWait>,
}

impl OutsidePoll {
    /// Calls `poll` with a waker of the running task, which waits if that is pending.
    pub(super) fn poll<O>(&mut self, poll: impl FnOnce(&mut Context<'_>) -> Poll<O>) -> Poll<O> {
        current::with(|run| self.poll_in(run, poll))
    }

    fn poll_in<O>(
        &mut self,
        run: &RunState,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<O>,
    ) -> Poll<O> {
        if run.executor.is_traced() {
            // No code of the user runs then. Who comes here for the first time has not waited yet.
            if self.waker.is_none() {
                run.executor.goes_on_after_trace();
            }
            run.executor.park();
            return Poll::Pending;
        }
        let (wake, waker) = self.waker.get_or_insert_with(|| {
            let wake = run.wake_of_running_task();
            (wake.clone(), wake.waker())
        });
        wake.begin_poll();
        let polled = poll(&mut Context::from_waker(waker));
        if polled.is_ready() {
            self.outside = None;
            return polled;
        }
        // What has parked the task is of corio (a lock that the future waits for), and wakes it
        // without a waker. If it knows of nothing else, the run may be deadlocked.
        let is_outside = !run.executor.is_parked() || wake.was_cloned();
        match (is_outside, &self.outside) {
            (true, None) => self.outside = Some(OutsideWait::begin(run)),
            (false, Some(_)) => self.outside = None,
            _ => {}
        }
        run.executor.park();
        polled
    }
}

pin_project! {
    /// The future of `wait!(future)`, which gives an `O`.
    // Without a bound on `F`, so that what is no future is reported once, as the argument.
    #[must_use]
    pub struct ForeignWait<F, O> {
        #[pin]
        future: F,
        poll: fn(Pin<&mut F>, &mut Context<'_>) -> Poll<O>,
        wait: OutsidePoll,
    }
}

impl<F: Future<Output = O>, O> ForeignWait<F, O> {
    pub(super) fn new(future: F) -> Self {
        ForeignWait { future, poll: F::poll, wait: OutsidePoll::default() }
    }
}

impl<F, O> Future for ForeignWait<F, O> {
    type Output = O;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<O> {
        let this = self.project();
        this.wait.poll(|context| (this.poll)(this.future, context))
    }
}
