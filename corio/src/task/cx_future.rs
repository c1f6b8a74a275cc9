//! The futures that a `Cx` gives: user code holds them, so they may be polled by anybody, dropped
//! anywhere, or forgotten.
//!
//! # Contract
//!
//! - A future is polled, and dropped, only where the run of its task is being turned on the same
//!   thread. It refers to that run. Elsewhere (on another thread, while the task runs on this one)
//!   it can't be polled, and is forgotten instead of dropped: its children borrow nothing, and are
//!   removed with their task.
//! - What is in the run of such a future stays there when the future is gone, until the run finds
//!   out: children of a forgotten one, the key of a request that was withdrawn, an answer that
//!   comes late. So its type says nothing about whether the run is `Send`: there is a bound on each
//!   method of `Cx` that gives one, or the `Cx` is a `LocalCx`, whose task is not `Send`.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::executor::Id;
use crate::runtime::current;

/// The task of a `Cx`, in its run.
#[derive(Clone, Copy)]
pub(super) struct OwnTask {
    run_id: u64,
    task: Id,
}

impl OwnTask {
    /// The task that is running.
    pub(super) fn running() -> Self {
        current::with(|run| OwnTask { run_id: run.id(), task: run.executor.current() })
    }

    /// # Panics
    /// In another run, and if another task is running, or the task was dropped.
    pub(super) fn check(self) {
        current::with(|run| {
            assert!(
                run.id() == self.run_id,
                "corio: a `Cx` can only be used in the run of its own task"
            );
            assert!(
                run.executor.is_running(self.task),
                "corio: a `Cx` can only be used by its own task, and not by a destructor when the \
                 task has been dropped"
            );
        });
    }

    /// Whether the run of the task is being turned on this thread.
    fn is_turned_here(self) -> bool {
        current::entered(self.run_id, |_| ()).is_some()
    }
}

/// A future of a task, for user code to hold.
pub(super) struct CxFuture<F> {
    task: OwnTask,
    /// Taken out only to be forgotten.
    future: Option<F>,
}

impl<F> CxFuture<F> {
    pub(super) fn new(task: OwnTask, future: F) -> Self {
        CxFuture { task, future: Some(future) }
    }
}

// `Unpin`, so that the future may be forgotten although it was polled: what children need to be
// pinned is in blocks of the run.
impl<F: Future + Unpin> Future for CxFuture<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.task.check();
        let future = self.future.as_mut().expect("it is there until it is dropped");
        Pin::new(future).poll(context)
    }
}

impl<F> Drop for CxFuture<F> {
    fn drop(&mut self) {
        if !self.task.is_turned_here() {
            mem::forget(self.future.take());
        }
    }
}
