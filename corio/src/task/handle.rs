//! The handle of a spawned task: the interest in its result.
//!
//! The output of a spawned task is kept in its block until the handle takes the output or is
//! dropped. Each task has one handle.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::traits::{IsTask, Sealed, Task};
use crate::executor::Id;
use crate::runtime::current;

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
    id: Id,
    /// The id of the run in which the task was spawned.
    run_id: u64,
    output: PhantomData<(T, *const ())>,
}

impl<T> JoinHandle<T> {
    /// The handle of the task `id`, which was spawned in the run `run_id` with a future of output
    /// `T` and has no other handle.
    #[inline]
    pub(super) fn new(id: Id, run_id: u64) -> Self {
        JoinHandle { id, run_id, output: PhantomData }
    }
}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        // Outside the run of the task there is no interest to drop: that run is over, or drops the
        // output when it ends.
        current::current(|run| {
            if run.id() == self.run_id {
                run.executor.drop_interest(self.id);
            }
        });
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinHandle").field(&self.id).finish()
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
        let JoinHandle { id, run_id, .. } = self.0;
        current::with(|run| {
            assert!(
                run.id() == run_id,
                "corio: a handle can only be called in the run that its task was spawned in"
            );
            if !run.executor.await_end(id) {
                return Poll::Pending;
            }
            // SAFETY: by the contract of `JoinHandle::new`, the task was spawned in this run with a
            // future of output `T`.
            let output = unsafe { run.executor.take_output::<T>(id) };
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
    fn into_future(self, _: Sealed) -> Join<T> {
        Join(self)
    }
}
