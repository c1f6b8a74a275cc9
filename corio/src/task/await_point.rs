//! Waiting points: what a task awaits, and on which source line.
//!
//! The line is encoded in the type of a closure without captures. It takes neither memory nor time
//! until a task is traced, to report a deadlock or a panic.

use std::any::type_name;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::executor::AwaitPoint;
use crate::runtime::{RunState, current};

/// A source line of the user's code.
pub trait CallSite {
    /// The line.
    #[doc(hidden)]
    fn location(&self) -> &'static Location<'static>;
}

impl<F: Fn() -> &'static Location<'static>> CallSite for F {
    fn location(&self) -> &'static Location<'static> {
        self()
    }
}

/// Returns the source line of the call. Generated code passes `|| here()` as its `CallSite`.
#[track_caller]
pub fn here() -> &'static Location<'static> {
    Location::caller()
}

pin_project! {
    /// The future that is awaited at a waiting point, with its line.
    #[must_use]
    pub struct At<F, L> {
        #[pin]
        future: F,
        line: L,
    }
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
        let this = self.project();
        let poll = this.future.poll(context);
        if poll.is_pending() {
            current::with(|run| record_await_point::<F>(run, this.line));
        }
        poll
    }
}

/// Records that the running task awaits an `F` at this line, if the task is being traced.
#[inline]
pub(super) fn record_await_point<F>(run: &RunState, line: &impl CallSite) {
    if run.executor.is_traced() {
        run.executor
            .record_await_point(AwaitPoint { line: line.location(), awaited: type_name::<F>() });
    }
}
