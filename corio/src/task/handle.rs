//! The handle of a spawned task: the interest in its result.
//!
//! The output of a spawned task is kept in its block until the handle takes the output or is
//! dropped. Each task has one handle.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::token::Over;
use super::traits::{IsTask, Sealed, Task};
use crate::runtime::{TaskOf, current};

/// The handle of a spawned task: `call!(handle)` waits for the end of the task and gives its
/// result.
///
/// Dropping the handle discards the result and nothing else: the task runs on, and its parent ends
/// after it. A handle belongs to the run of its task.
///
/// ```
/// #[corio::task]
/// fn double(n: u64) -> u64 {
///     n * 2
/// }
///
/// #[corio::task]
/// fn program() -> u64 {
///     let (one, two) = (spawn!(double(1)), spawn!(double(2)));
///     call!(two) - call!(one)
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, 2);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// # Panics
/// When called in another run than that of its task, or after the task was dropped.
pub struct JoinHandle<T> {
    task: TaskOf<T>,
    output: PhantomData<T>,
}

impl<T> JoinHandle<T> {
    /// The handle of a spawned task, which has no other handle.
    #[inline]
    pub(super) fn new(task: TaskOf<T>) -> Self {
        JoinHandle { task, output: PhantomData }
    }
}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        // Where the run of the task is not being turned there is no interest to drop: that run is
        // over, or drops the output when it ends.
        current::entered(self.task.run_id(), |run| run.executor.drop_interest(self.task.id()));
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinHandle").field(&self.task.id()).finish()
    }
}

/// The future of `call!(handle)`.
#[must_use]
#[derive(Debug)]
pub struct Join<T>(JoinHandle<T>);

impl<T> Unpin for Join<T> {}

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let task = self.0.task;
        current::with(|run| {
            assert!(
                task.is_of(run),
                "corio: a handle can only be called in the run that its task was spawned in"
            );
            if !run.executor.await_end(task.id()) {
                return Poll::Pending;
            }
            let output = run.take_output(task);
            Poll::Ready(output.expect("corio: the task of this handle was dropped before it ended"))
        })
    }
}

#[diagnostic::do_not_recommend]
impl<T> IsTask for JoinHandle<T> {
    type Output = T;
    type Future = Join<T>;
    type Called = Join<T>;

    fn called(future: Join<T>, _: Sealed) -> Join<T> {
        future
    }
}

#[diagnostic::do_not_recommend]
impl<S, T> Task<S> for JoinHandle<T> {
    fn into_future(self, _: &Over<S>) -> Join<T> {
        Join(self)
    }
}
