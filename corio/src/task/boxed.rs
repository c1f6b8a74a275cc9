//! Tasks that call each other need a frame of known size: a box.

use std::any::type_name;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::{fmt, ptr};

use super::call::Call;
use super::set::{IntoChild, IntoChildren, Set, WaitAll};
use super::traits::{IsTask, Sealed, Task};
use crate::executor::{ChildBody, Executor, Id};
use crate::runtime::current;

/// A task in a box of its own; made by [`boxed`].
#[must_use = "a task does nothing until it is run: `call!(task)`, `spawn!(task)` or \
              `schedule.run(task)`"]
pub struct Boxed<'a, S, T> {
    future: BoxFuture<'a, T>,
    context: PhantomData<fn(&S)>,
}

/// Puts a task into a box, so that tasks which `call!` each other in a circle have a size. Costs
/// one allocation a call.
///
/// A task that calls itself by its own name needs no box of yours: the attribute sees it. `spawn!`,
/// `all!` and `join!` need none either.
///
/// The depth of such calls is bounded by memory, not by the stack: of a deep chain every 32nd call
/// (sooner, where calls take much of the stack) runs as a child of its own, as in `all!([task])`,
/// and so in its turn behind what else can run.
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

/// The future of `call!(boxed(t))`.
#[must_use]
pub struct BoxedCall<'a, T>(Way<'a, T>);

enum Way<'a, T> {
    /// In the frame that calls.
    Within(Call<BoxFuture<'a, T>>),
    /// As a child, as the frame that calls is deep within others.
    Below(Set<<(Part<'a, T>,) as IntoChildren<WaitAll>>::Children>),
}

impl<'a, T> BoxedCall<'a, T> {
    /// Called where the task is called, and polled there at once.
    fn new(future: BoxFuture<'a, T>) -> Self {
        let is_deep = current::with(|run| run.executor.is_deep());
        BoxedCall(if is_deep {
            Way::Below(Set::tuple::<WaitAll>((Part(future),)))
        } else {
            Way::Within(Call::new(future))
        })
    }
}

impl<T> Future for BoxedCall<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Way::Within(call) => current::with(|run| {
                let _polling = run.executor.poll_call();
                Pin::new(call).poll(context)
            }),
            Way::Below(set) => Pin::new(set).poll(context).map(|(output,)| output),
        }
    }
}

/// The called task as a child: to observers a part of the one that calls. It is in a box already,
/// and so needs no coroutine to stay where it is.
pub(super) struct Part<'a, T>(BoxFuture<'a, T>);

impl<'a, T> IntoChild for Part<'a, T> {
    type ChildBody = Self;
    type Input = BoxFuture<'a, T>;

    fn into_input(self) -> BoxFuture<'a, T> {
        self.0
    }
}

impl<'a, T> ChildBody for Part<'a, T> {
    type Input = BoxFuture<'a, T>;
    type Output = T;
    const IS_TASK: bool = false;
    const RUNS_CODE: bool = true;

    unsafe fn init(this: *mut Self, input: Self::Input) {
        // SAFETY: by the caller it can be written.
        unsafe { this.write(Part(input)) }
    }

    unsafe fn start(_: *mut Self, executor: &Executor, id: Id) {
        executor.wake(id);
    }

    unsafe fn resume(this: *mut Self) -> Poll<T> {
        // SAFETY: by the caller it is initialised, and nobody else uses it.
        let future = unsafe { &mut (*this).0 };
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: by the caller it is initialised, and not used afterwards.
        unsafe { ptr::drop_in_place(this) }
    }

    fn name() -> &'static str {
        type_name::<BoxFuture<'a, T>>()
    }
}

#[diagnostic::do_not_recommend]
impl<'a, S, T> IsTask for Boxed<'a, S, T> {
    type Output = T;
    type Future = BoxFuture<'a, T>;
    type Called = BoxedCall<'a, T>;

    fn called(future: Self::Future, _: Sealed) -> Self::Called {
        BoxedCall::new(future)
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
