//! What a dispatcher has kept, changed from inside a task: by tasks that do one thing and never
//! wait.
//!
//! What a change means for those who wait for the key, however their request waits:
//!
//! | the request | [`prime`] | [`invalidate`], [`clear`] |
//! |---|---|---|
//! | has not left: it was just asked, waits behind a limit, or pauses before it is tried again | all who wait get the answer now, and it does not leave | nothing: it will be read later anyway |
//! | is on its way | all who wait get the answer now; what comes back reaches nobody | who asked first gets what comes back, and it is not kept; those who joined ask anew |
//! | is not there, as the answer was kept | it takes the place of what was kept | the next who asks asks anew |

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::traits::{IsTask, Sealed, Task};
use crate::dispatch::{CacheChange, Dispatch, Request};
use crate::runtime::{RunState, current};

/// A task that changes what a dispatcher has kept; made by [`prime`], [`invalidate`] and [`clear`].
#[must_use = "a task does nothing until it is run: `call!(task)` or `schedule.run(task)`"]
pub struct ChangeCache<R: Request>(CacheChange<R>);

/// Keeps an answer as if the dispatcher had given it: `call!(cache::prime(fetch(id), list))`.
///
/// For what another dispatcher gave on the way: rows of a list, that somebody will ask for one by
/// one. Whoever waits for the key already gets it at once, wherever the request is:
/// see the [table](self).
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
/// When run, if the dispatcher has no `cache`; likewise the two others.
pub fn prime<R: Request>(request: R, answer: R::Answer) -> ChangeCache<R> {
    ChangeCache(CacheChange::Prime(request.into_key(), answer))
}

/// Forgets what was kept for a key: `call!(cache::invalidate(fetch(id)))`, after a write.
///
/// An answer that is on its way still goes to the one who asked for it, but is not kept; others who
/// wait for it ask anew. One that has not been sent for is read later anyway: see the
/// [table](self).
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
///     let kept = io!(read(()));
///     call!(cache::invalidate(read(())));
///     (before, kept, io!(read(())))
/// }
///
/// assert_eq!(corio::Schedule::new(&Cell::new(3)).run(program())?, (3, 3, 5));
/// # Ok::<(), corio::Error>(())
/// ```
pub fn invalidate<R: Request>(request: R) -> ChangeCache<R> {
    ChangeCache(CacheChange::Invalidate(request.into_key()))
}

/// Forgets all that a dispatcher has kept, as far as this run can see it:
/// `call!(cache::clear(fetch))`.
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
pub fn clear<K, R: Request>(_dispatcher: impl FnOnce(K) -> R) -> ChangeCache<R> {
    ChangeCache(CacheChange::Clear)
}

impl<R: Request> fmt::Debug for ChangeCache<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChangeCache").field(&R::name()).finish()
    }
}

/// The future of a change.
#[doc(hidden)]
pub struct Changing<R: Request> {
    change: Option<CacheChange<R>>,
    open: fn(&RunState),
}

impl<R: Request> Unpin for Changing<R> {}

impl<R: Request> Future for Changing<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if let Some(change) = self.change.take() {
            current::with(|run| {
                (self.open)(run);
                run.dispatchers.change_cache(run.context(), change);
            });
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
    fn into_future(self, _: Sealed) -> Changing<R> {
        // SAFETY: the core that opens it is that of the run which this task runs in, and tasks over
        // `S` run only in runs over `S`.
        Changing { change: Some(self.0), open: |run| unsafe { run.open::<S, R>() } }
    }
}
