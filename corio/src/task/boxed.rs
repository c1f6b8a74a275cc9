//! Tasks that call each other need a frame of known size: a box.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::call::Call;
use super::traits::{IsTask, Sealed, Task};

/// A task in a box of its own; made by [`boxed`].
#[must_use = "a task does nothing until it is run: `call!(task)`, `spawn!(task)` or `schedule.run(task)`"]
pub struct Boxed<'a, S, T> {
    future: BoxFuture<'a, T>,
    context: PhantomData<fn(&S)>,
}

/// Puts a task into a box, so that tasks which `call!` each other in a circle have a size. Costs one allocation a call.
///
/// A task that calls itself by its own name needs no box of yours: the attribute sees it. `spawn!`, `all!` and `join!` need none either.
///
/// ```
/// use corio::boxed;
///
/// #[corio::task]
/// fn even(n: u64) -> bool {
///     if n == 0 { true } else { call!(boxed(odd(n - 1))) }
/// }
///
/// #[corio::task]
/// fn odd(n: u64) -> bool {
///     if n == 0 { false } else { call!(boxed(even(n - 1))) }
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(even(10))?, true);
/// # Ok::<(), corio::Error>(())
/// ```
pub fn boxed<'a, S, T: Task<S>>(task: T) -> Boxed<'a, S, T::Output>
where
    T::Future: 'a,
{
    Boxed { future: BoxFuture(Box::pin(task.into_future(Sealed))), context: PhantomData }
}

/// Not a public type of boxed future: whoever could hold one could forget it.
pub struct BoxFuture<'a, T>(Pin<Box<dyn Future<Output = T> + 'a>>);

impl<T> Future for BoxFuture<'_, T> {
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.0.as_mut().poll(context)
    }
}

#[diagnostic::do_not_recommend]
impl<'a, S, T> IsTask for Boxed<'a, S, T> {
    type Output = T;
    type Future = BoxFuture<'a, T>;
    type Called = Call<BoxFuture<'a, T>>;

    fn called(future: Self::Future, _: Sealed) -> Self::Called {
        Call::new(future)
    }
}

#[diagnostic::do_not_recommend]
impl<'a, S, T> Task<S> for Boxed<'a, S, T> {
    fn into_future(self, _: Sealed) -> Self::Future {
        self.future
    }
}

impl<S, T> fmt::Debug for Boxed<'_, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Boxed")
    }
}
