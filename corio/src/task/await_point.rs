//! A waiting point: what is awaited there, and on which line.
//!
//! The line is in the type, as that of a closure without captures, and so takes neither space nor
//! time until a task is asked where it stands.

use std::any::type_name;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::executor::AwaitPoint;
use crate::runtime::{RunState, current};

/// A line of the user's.
pub trait CallSite {
    #[doc(hidden)]
    fn location(&self) -> &'static Location<'static>;
}

impl<F: Fn() -> &'static Location<'static>> CallSite for F {
    fn location(&self) -> &'static Location<'static> {
        self()
    }
}

/// The line that it is written on: `|| here()` is what generated code gives as its `CallSite`.
#[track_caller]
pub fn here() -> &'static Location<'static> {
    Location::caller()
}

/// The future of a waiting point.
#[must_use]
pub struct At<F, L> {
    future: F,
    line: L,
}

impl<F, L> At<F, L> {
    #[inline]
    pub(super) fn new(line: L, future: F) -> Self {
        At { future, line }
    }
}

impl<F: Future, L: CallSite> Future for At<F, L> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is pinned with the waiting point and never moved out of it; `line` is
        // not pinned and only read.
        let (future, line) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &this.line)
        };
        let poll = future.poll(context);
        if poll.is_pending() {
            current::with(|run| pass::<F>(run, line));
        }
        poll
    }
}

/// A task that waits at this line for an `F` says so, if it is asked.
#[inline]
pub(super) fn pass<F>(run: &RunState, line: &impl CallSite) {
    if run.executor.is_traced() {
        run.executor
            .record_await_point(AwaitPoint { line: line.location(), awaited: type_name::<F>() });
    }
}
