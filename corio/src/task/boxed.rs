//! Boxed tasks: tasks that call each other in a circle have no frame of known size, unless one of
//! the calls is boxed.
//!
//! Nested calls are polled, and dropped, within each other and so use the stack. The executor
//! counts the depth of boxed calls; where the stack is deep, a call becomes a child of the calling
//! task, which the run loop resumes from the bottom of the stack.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::call::Call;
use super::set::{IntoChild, IntoChildren, Set, WaitAll};
use super::token::{Over, Within};
use super::traits::{IsTask, Sealed, Task};
use crate::executor::{Executor, Id, Leaf, LeafBody};
use crate::runtime::current;

/// A task in a box; made by [`boxed`].
#[must_use = "a task does nothing until it is run: `call!(task)`, `spawn!(task)` or \
              `schedule.run(task)`"]
pub struct Boxed<'a, S, T> {
    future: Within<S, BoxFuture<'a, T>>,
}

/// Puts a task into a box, so that tasks which `call!` each other in a circle have a known size.
/// Costs one allocation per call.
///
/// A task that calls itself by its own name needs no explicit box: `#[corio::task]` detects the
/// call and boxes it. `spawn!`, `all!` and `join!` need no box either.
///
/// The depth of boxed calls is limited by memory, not by the stack. In a deep chain every 32nd call
/// (an earlier one, if the calls take much of the stack) runs as a child task, as in
/// `all!([task])`, and therefore waits for its turn behind other tasks that can run.
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
    Boxed { future: Within::new(|over| BoxFuture(Box::pin(task.into_future(over)))) }
}

/// The boxed future of a task. Not `Pin<Box<dyn Future>>` itself: user code must not be able to
/// hold, and so forget, the future of a task.
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
pub struct BoxedCall<'a, T>(CallMode<'a, T>);

enum CallMode<'a, T> {
    /// Polled within the frame of the caller.
    Nested(Call<BoxFuture<'a, T>>),
    /// A child of the calling task, because the caller is deep within other calls.
    Child(Set<<(BoxedChild<'a, T>,) as IntoChildren<WaitAll>>::Children>),
}

impl<'a, T> BoxedCall<'a, T> {
    /// The call of `future`. Must be polled at once, within the frame that calls: the mode is
    /// chosen by the current depth.
    fn new(future: BoxFuture<'a, T>) -> Self {
        let is_deep = current::with(|run| run.executor.is_deep());
        BoxedCall(if is_deep {
            CallMode::Child(Set::tuple::<WaitAll>((BoxedChild(future),)))
        } else {
            CallMode::Nested(Call::new(future))
        })
    }
}

impl<T> Future for BoxedCall<'_, T> {
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            CallMode::Nested(call) => current::with(|run| {
                let _polling = run.executor.poll_call();
                Pin::new(call).poll(context)
            }),
            CallMode::Child(set) => Pin::new(set).poll(context).map(|(output,)| output),
        }
    }
}

/// A called task as a child. To observers the child is a part of the calling task. Its future is
/// pinned by its box, and so needs no coroutine.
struct BoxedChild<'a, T>(BoxFuture<'a, T>);

impl<'a, T> IntoChild for BoxedChild<'a, T> {
    type ChildBody = LeafBody<Self>;
    type Input = Self;

    fn into_input(self) -> Self {
        self
    }
}

impl<'a, T> Leaf for BoxedChild<'a, T> {
    type Output = T;
    const RUNS_CODE: bool = true;

    fn start(&mut self, executor: &Executor, id: Id) {
        executor.wake(id);
    }

    fn poll(&mut self) -> Poll<T> {
        Pin::new(&mut self.0).poll(&mut Context::from_waker(Waker::noop()))
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
    fn into_future(self, over: &Over<S>) -> Self::Future {
        self.future.into_inner(over)
    }
}

impl<S, T> fmt::Debug for Boxed<'_, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Boxed")
    }
}
