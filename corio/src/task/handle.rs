//! The handle of a spawned task.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::traits::{IsTask, Sealed, Task};
use crate::executor::Id;
use crate::runtime::current;
use crate::util::NeverSend;

/// The handle of a task that was spawned: `call!(handle)` waits for its end and gives its result.
///
/// Dropping it changes nothing but that the result is dropped: the task goes on, and its parent
/// ends after it. A handle belongs to the run of its task.
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
pub struct Handle<T> {
    id: Id,
    run: u64,
    output: PhantomData<(T, *const ())>,
}

// It is of no use on another thread than its run's.
#[doc(hidden)]
// SAFETY: it never is: see `NeverSend`.
unsafe impl<T: NeverSend> Send for Handle<T> {}

impl<T> Handle<T> {
    /// `id` was spawned in the run with a future of output `T`, and has no other handle.
    #[inline]
    pub(super) fn new(id: Id, run: u64) -> Self {
        Handle { id, run, output: PhantomData }
    }
}

impl<T> Drop for Handle<T> {
    #[inline]
    fn drop(&mut self) {
        // Outside its run there is nothing left to let go of.
        current::current(|run| {
            if run.id() == self.run {
                run.executor.drop_interest(self.id);
            }
        });
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.id).finish()
    }
}

/// The future of `call!(handle)`.
#[must_use]
#[derive(Debug)]
pub struct Join<T>(Handle<T>);

impl<T> Unpin for Join<T> {}

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let Handle { id, run: of_run, .. } = self.0;
        current::with(|run| {
            assert!(
                run.id() == of_run,
                "corio: a handle can only be called in the run that its task was spawned in"
            );
            if !run.executor.await_end(id) {
                return Poll::Pending;
            }
            // SAFETY: by `Handle::new` the task was spawned in this run with a future of output
            // `T`.
            let output = unsafe { run.executor.take_output::<T>(id) };
            Poll::Ready(output.expect("corio: the task of this handle was dropped before it ended"))
        })
    }
}

#[diagnostic::do_not_recommend]
impl<T> IsTask for Handle<T> {
    type Output = T;
    type Future = Join<T>;
    type Called = Join<T>;

    fn called(future: Join<T>, _: Sealed) -> Join<T> {
        future
    }
}

#[diagnostic::do_not_recommend]
impl<S, T> Task<S> for Handle<T> {
    fn into_future(self, _: Sealed) -> Join<T> {
        Join(self)
    }
}
