//! Changing the cached answers of a dispatcher from inside a task: [`prime`], [`invalidate`] and
//! [`clear`] give tasks that make one change and never wait.
//!
//! What a change means for tasks that wait for the key depends on where their request is:
//!
//! - **The request has not left**: it was just asked, waits behind a limit, or backs off before a
//!   retry.
//!   - `prime`: all tasks that wait get the answer now, and the request does not leave.
//!   - `invalidate`, `clear`: no effect; the value will be read later anyway.
//! - **The request is in flight.**
//!   - `prime`: all tasks that wait get the answer now; the late answer is thrown away.
//!   - `invalidate`, `clear`: the task that asked first gets the answer in flight, which is not
//!     cached; tasks that joined the request ask anew.
//! - **There is no request**, since the answer is cached.
//!   - `prime`: the new answer replaces the cached one.
//!   - `invalidate`, `clear`: the next task that asks sends a new request.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::token::{Opener, Over};
use super::traits::{IsTask, Sealed, Task};
use crate::dispatch::{CacheChange, Dispatch, Request};
use crate::runtime::current;

/// A task that changes the cached answers of a dispatcher; made by [`prime`], [`invalidate`] and
/// [`clear`].
#[must_use = "a task does nothing until it is run: `call!(task)` or `schedule.run(task)`"]
pub struct ChangeCache<R: Request>(CacheChange<R>);

/// Caches an answer as if the dispatcher had given it: `call!(cache::prime(fetch(id), row))`.
///
/// Useful for values that another dispatcher has given as a by-product, such as the rows of a list
/// that tasks will later ask for one by one. A task that already waits for the key gets the answer
/// at once, wherever its request is: see the [module](self).
///
/// ```
/// use corio::cache;
///
/// #[corio::dispatcher(cache)]
/// fn fetch_name(ids: &[u64]) -> Vec<String> {
///     unreachable!("all are known")
/// }
///
/// #[corio::task]
/// fn program() -> String {
///     call!(cache::prime(fetch_name(7), "Emma".to_owned()));
///     io!(fetch_name(7))
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, "Emma");
/// # Ok::<(), corio::Error>(())
/// ```
///
/// # Panics
/// When run, if the dispatcher has no `cache`.
pub fn prime<R: Request>(request: R, answer: R::Answer) -> ChangeCache<R> {
    ChangeCache(CacheChange::Prime(request.into_key(), answer))
}

/// Removes the cached answer for a key: `call!(cache::invalidate(fetch(id)))`, after a write.
///
/// An answer in flight still goes to the task that asked for it, but is not cached; other tasks
/// that wait for it ask anew. A request that has not left reads the new value anyway: see the
/// [module](self).
///
/// ```
/// use corio::cache;
/// # use std::cell::Cell;
///
/// #[corio::dispatcher(cache)]
/// fn read(counter: &Cell<u64>, keys: &[()]) -> Vec<u64> {
///     vec![counter.get(); keys.len()]
/// }
///
/// #[corio::task(Cell<u64>)]
/// fn program() -> (u64, u64, u64) {
///     let before = io!(read(()));
///     context!().set(5);
///     let cached = io!(read(()));
///     call!(cache::invalidate(read(())));
///     (before, cached, io!(read(())))
/// }
///
/// assert_eq!(corio::Schedule::new(&Cell::new(3)).run(program())?, (3, 3, 5));
/// # Ok::<(), corio::Error>(())
/// ```
///
/// # Panics
/// When run, if the dispatcher has no `cache`.
pub fn invalidate<R: Request>(request: R) -> ChangeCache<R> {
    ChangeCache(CacheChange::Invalidate(request.into_key()))
}

/// Removes all cached answers of a dispatcher, in the part of its cache that this run can see:
/// `call!(cache::clear(fetch))`.
///
/// See the [module](self) for requests that are queued or in flight.
///
/// ```
/// # use corio::cache;
/// # #[corio::dispatcher(cache)]
/// # fn fetch(keys: &[u64]) -> Vec<u64> { keys.to_vec() }
/// # #[corio::task]
/// # fn program() {
/// call!(cache::clear(fetch));
/// # }
/// # corio::Schedule::new(()).run(program()).unwrap();
/// ```
///
/// # Panics
/// When run, if the dispatcher has no `cache`.
pub fn clear<K, R: Request>(_dispatcher: impl FnOnce(K) -> R) -> ChangeCache<R> {
    ChangeCache(CacheChange::Clear)
}

impl<R: Request> fmt::Debug for ChangeCache<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChangeCache").field(&R::name()).finish()
    }
}

/// The future of a [`ChangeCache`].
#[doc(hidden)]
pub struct Changing<R: Request> {
    change: Option<CacheChange<R>>,
    /// Opens the lane of `R`.
    opener: Opener,
}

impl<R: Request> Unpin for Changing<R> {}

impl<R: Request> Future for Changing<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if let Some(change) = self.change.take() {
            self.opener.open();
            current::with(|run| run.dispatchers.change_cache(run.context(), change));
        }
        Poll::Ready(())
    }
}

#[diagnostic::do_not_recommend]
impl<R: Request> IsTask for ChangeCache<R> {
    type Output = ();
    type Future = Changing<R>;
    type Called = Changing<R>;

    fn called(future: Changing<R>, _: Sealed) -> Changing<R> {
        future
    }
}

#[diagnostic::do_not_recommend]
impl<S, R: Request + Dispatch<S>> Task<S> for ChangeCache<R> {
    fn into_future(self, over: &Over<S>) -> Changing<R> {
        Changing { change: Some(self.0), opener: over.opener::<R>() }
    }
}
