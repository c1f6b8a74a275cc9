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
use super::set::{ChildTuple, IntoChild, Set, WaitAll};
use super::token::{Over, Within};
use super::traits::{IsTask, Sealed, Task};
use crate::executor::{ChildCell, Executor, Id, Leaf, LeafBody};
use crate::runtime::current;

/// A task in a box; made by [`boxed`].
///
/// `F` is the future of the task, so that the box is `Send` if the task is. Tasks of different
/// types have one type when it is [erased](Boxed::erased).
#[must_use = "a task does nothing until it is run: `call!(task)`, `spawn!(task)` or \
              `schedule.run(task)`"]
pub struct Boxed<S, F: ?Sized> {
    future: Within<S, BoxFuture<F>>,
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
pub fn boxed<S, T: Task<S>>(task: T) -> Boxed<S, T::Future> {
    Boxed { future: Within::new(|over| BoxFuture(Box::pin(task.into_future(over)))) }
}

impl<S, F: Future> Boxed<S, F> {
    /// Forgets the type of the task, which is `Send`: tasks of different types go into one vector.
    ///
    /// ```
    /// use corio::boxed;
    ///
    /// #[corio::task]
    /// fn one() -> u64 {
    ///     1
    /// }
    ///
    /// #[corio::task]
    /// fn double(n: u64) -> u64 {
    ///     n * 2
    /// }
    ///
    /// #[corio::task]
    /// fn program() -> Vec<u64> {
    ///     all!([boxed(one()).erased(), boxed(double(21)).erased()])
    /// }
    ///
    /// assert_eq!(corio::Schedule::new(()).run(program())?, [1, 42]);
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn erased<'a>(self) -> Boxed<S, dyn Future<Output = F::Output> + Send + 'a>
    where
        F: Send + 'a,
    {
        Boxed {
            future: self.future.map(|BoxFuture(future)| {
                BoxFuture(future as Pin<Box<dyn Future<Output = F::Output> + Send + 'a>>)
            }),
        }
    }

    /// Forgets the type of the task, which need not be `Send`; neither is what this returns, then.
    pub fn erased_local<'a>(self) -> Boxed<S, dyn Future<Output = F::Output> + 'a>
    where
        F: 'a,
    {
        Boxed {
            future: self.future.map(|BoxFuture(future)| {
                BoxFuture(future as Pin<Box<dyn Future<Output = F::Output> + 'a>>)
            }),
        }
    }
}

/// The boxed future of a task. Not `Pin<Box<F>>` itself: user code must not be able to hold, and so
/// forget, the future of a task.
pub struct BoxFuture<F: ?Sized>(Pin<Box<F>>);

impl<F: Future + ?Sized> Future for BoxFuture<F> {
    type Output = F::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.0.as_mut().poll(context)
    }
}

/// The future of `call!(boxed(t))`.
#[must_use]
pub struct BoxedCall<F: Future + ?Sized>(CallMode<F>);

/// A set of one child.
type OnlyChild<C> = Set<ChildTuple<(ChildCell<LeafBody<C>, WaitAll>,)>>;

enum CallMode<F: Future + ?Sized> {
    /// Polled within the frame of the caller.
    Nested(Call<BoxFuture<F>>),
    /// A child of the calling task, because the caller is deep within other calls.
    Child(OnlyChild<BoxedChild<F>>),
}

impl<F: Future + ?Sized> BoxedCall<F> {
    /// The call of `future`. Must be polled at once, within the frame that calls: the mode is
    /// chosen by the current depth.
    fn new(future: BoxFuture<F>) -> Self {
        let is_deep = current::with(|run| run.executor.is_deep());
        BoxedCall(if is_deep {
            CallMode::Child(Set::tuple::<WaitAll>((BoxedChild(future),)))
        } else {
            CallMode::Nested(Call::new(future))
        })
    }
}

impl<F: Future + ?Sized> Future for BoxedCall<F> {
    type Output = F::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match &mut self.0 {
            CallMode::Nested(call) => current::with(|run| {
                let _polling = run.executor.poll_call();
                Pin::new(call).poll(context)
            }),
            CallMode::Child(set) => Pin::new(set).poll(context).map(|(output,)| output),
        }
    }
}

// The futures are pinned by their boxes, and outputs are moved.
impl<F: Future + ?Sized> Unpin for BoxedCall<F> {}

/// A called task as a child. To observers the child is a part of the calling task. Its future is
/// pinned by its box, and so needs no coroutine.
struct BoxedChild<F: ?Sized>(BoxFuture<F>);

impl<F: Future + ?Sized> IntoChild for BoxedChild<F> {
    type ChildBody = LeafBody<Self>;
    type Input = Self;

    fn into_input(self) -> Self {
        self
    }
}

impl<F: Future + ?Sized> Leaf for BoxedChild<F> {
    type Output = F::Output;
    const RUNS_CODE: bool = true;

    fn start(&mut self, executor: &Executor, id: Id) {
        executor.wake(id);
    }

    fn poll(&mut self) -> Poll<F::Output> {
        Pin::new(&mut self.0).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn name() -> &'static str {
        type_name::<BoxFuture<F>>()
    }
}

#[diagnostic::do_not_recommend]
impl<S, F: Future + ?Sized> IsTask for Boxed<S, F> {
    type Output = F::Output;
    type Future = BoxFuture<F>;
    type Called = BoxedCall<F>;

    fn called(future: Self::Future, _: Sealed) -> Self::Called {
        BoxedCall::new(future)
    }
}

#[diagnostic::do_not_recommend]
impl<S, F: Future + ?Sized> Task<S> for Boxed<S, F> {
    fn into_future(self, over: &Over<S>) -> Self::Future {
        self.future.into_inner(over)
    }
}

impl<S, F: ?Sized> fmt::Debug for Boxed<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Boxed")
    }
}
