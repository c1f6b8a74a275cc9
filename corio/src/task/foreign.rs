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

use crate::runtime::{OutsideWait, RunWake, current};

pin_project! {
    /// The future of `wait!(future)`, which gives an `O`.
    // Without a bound on `F`, so that what is no future is reported once, as the argument.
    #[must_use]
    pub struct ForeignWait<F, O> {
        #[pin]
        future: F,
        poll: fn(Pin<&mut F>, &mut Context<'_>) -> Poll<O>,
        // Made at the first poll.
        waker: Option<(Arc<RunWake>, Waker)>,
        // While something outside is to wake the task.
        outside: Option<OutsideWait>,
    }
}

impl<F: Future<Output = O>, O> ForeignWait<F, O> {
    pub(super) fn new(future: F) -> Self {
        ForeignWait { future, poll: F::poll, waker: None, outside: None }
    }
}

impl<F, O> Future for ForeignWait<F, O> {
    type Output = O;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<O> {
        let this = self.project();
        current::with(|run| {
            if run.executor.is_traced() {
                // No code of the user runs then. Who comes here for the first time has not waited
                // yet.
                if this.waker.is_none() {
                    run.executor.goes_on_after_trace();
                }
                run.executor.park();
                return Poll::Pending;
            }
            let (wake, waker) = this.waker.get_or_insert_with(|| {
                let wake = run.wake_of_running_task();
                (wake.clone(), wake.waker())
            });
            wake.begin_poll();
            let polled = (this.poll)(this.future, &mut Context::from_waker(waker));
            if polled.is_ready() {
                *this.outside = None;
                return polled;
            }
            // What has parked the task is of corio (a lock that the future waits for), and wakes it
            // without a waker. If it knows of nothing else, the run may be deadlocked.
            let is_outside = !run.executor.is_parked() || wake.was_cloned();
            match (is_outside, &this.outside) {
                (true, None) => *this.outside = Some(OutsideWait::begin(run)),
                (false, Some(_)) => *this.outside = None,
                _ => {}
            }
            run.executor.park();
            polled
        })
    }
}
