//! What a task is: [`IsTask`] and [`Task`], and the tasks that `#[corio::task]` makes.
//!
//! The traits are sealed for soundness. A task may hold children that borrow from its frame, so a
//! frame that was polled must never be abandoned without running its destructor. Code that could
//! hold the future of a task could forget it. So the futures of tasks go from the generated code
//! that makes them to the executor, through methods that no code outside this crate can call.

use std::fmt;
use std::future::Future;

use super::answer::Requesting;
use super::call::Call;
use super::token::{Over, Within};
use crate::dispatch::{Dispatch, Request};

/// A type that code outside this crate cannot name. Such code can neither call nor implement a
/// method that takes a `Sealed`.
#[derive(Debug)]
pub struct Sealed;

/// The part of [`Task`] that does not depend on the context: the output of a task.
///
/// Implemented by what `#[corio::task]`, `task!{}` and [`task_fn`](crate::task_fn()) make, by
/// requests, and by what this crate gives to be called: handles, boxed tasks, locks. No other type
/// can implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    label = "not a task",
    note = "a task is what a `#[corio::task]` function or a `task!{{ … }}` block gives; a plain \
            function is called as it is, and a future belongs into an `async fn` dispatcher"
)]
pub trait IsTask: Sized {
    /// The result of the task.
    type Output;

    /// The future that runs the task.
    #[doc(hidden)]
    type Future: Future<Output = Self::Output>;

    /// The future as `call!` runs it: with a scope of its own if the task can spawn.
    #[doc(hidden)]
    type Called: Future<Output = Self::Output>;

    /// Wraps the future for `call!`.
    #[doc(hidden)]
    fn called(future: Self::Future, _: Sealed) -> Self::Called;
}

/// A task that can be run over the context `S`: by [`Schedule::run`](crate::Schedule::run),
/// `call!`, `spawn!`, `all!` and similar macros.
///
/// A `#[corio::task(Library)]` function returns an `impl Task<Library, Output = …>`. A
/// `#[corio::task]` function without a context returns an [`AnyTask`], which is a task over every
/// context. A call of such a function only makes the task; nothing runs before the task is passed
/// to `run` or to one of the macros.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task over the context `{S}`",
    label = "not a task over `{S}`",
    note = "a task is what a `#[corio::task]` or `#[corio::task({S})]` function or a `task!{{ … \
            }}` block gives, and runs over the context that it names; a plain function is called \
            as it is, and a future belongs into an `async fn` dispatcher"
)]
#[must_use = "a task does nothing until it is run: `call!(task)`, `spawn!(task)` or \
              `schedule.run(task)`"]
pub trait Task<S>: IsTask {
    /// Converts into the future that runs the task.
    #[doc(hidden)]
    fn into_future(self, _: &Over<S>) -> Self::Future;
}

/// A task over the context `S` that is `Send`, with all that it becomes: for functions that return
/// an `impl` of it.
///
/// `#[corio::task]` functions return types through which the compiler sees whether they are `Send`.
/// An `impl Task<S>` hides that, so [`run_async`](crate::Schedule::run_async) refuses it; an `impl
/// SendTask<S>` says that it is.
///
/// ```
/// #[corio::dispatcher]
/// fn double(numbers: &[u64]) -> Vec<u64> {
///     numbers.iter().map(|n| n * 2).collect()
/// }
///
/// fn quadruple(n: u64) -> impl corio::SendTask<(), Output = u64> {
///     corio::task_fn(async move |cx: corio::Cx<'_, ()>| {
///         let twice = cx.io(double(n)).await;
///         cx.io(double(twice)).await
///     })
/// }
///
/// async fn handler() -> Result<u64, corio::Error> {
///     corio::Schedule::new(()).run_async(quadruple(10)).await
/// }
///
/// fn is_send<T: Send>(value: T) -> T {
///     value
/// }
///
/// let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// assert_eq!(runtime.block_on(is_send(handler())), Ok(40));
/// ```
pub trait SendTask<S>: Task<S, Future: Send, Called: Send, Output: Send> + Send {}

#[diagnostic::do_not_recommend]
impl<S, T: Task<S, Future: Send, Called: Send, Output: Send> + Send> SendTask<S> for T {}

/// A task that needs no context and so runs over any: what a call of a plain `#[corio::task]`
/// function returns.
///
/// ```
/// #[corio::task]
/// fn double(n: u64) -> u64 {
///     n * 2
/// }
///
/// let task: corio::AnyTask<_> = double(21);
/// assert_eq!(corio::Schedule::new(()).run(task)?, 42);
/// # Ok::<(), corio::Error>(())
/// ```
#[must_use = "a task does nothing until it is run: `call!(task)`, `spawn!(task)` or \
              `schedule.run(task)`"]
pub struct AnyTask<F> {
    pub(super) future: F,
}

#[diagnostic::do_not_recommend]
impl<F: Future> IsTask for AnyTask<F> {
    type Output = F::Output;
    type Future = F;
    type Called = Call<F>;

    fn called(future: F, _: Sealed) -> Call<F> {
        Call::new(future)
    }
}

#[diagnostic::do_not_recommend]
impl<S, F: Future> Task<S> for AnyTask<F> {
    fn into_future(self, _: &Over<S>) -> F {
        self.future
    }
}

impl<F> fmt::Debug for AnyTask<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::util::type_names::short(std::any::type_name::<F>()))
    }
}

/// A task over the context `S` and no other: what a call of a `#[corio::task(S)]` function returns.
#[must_use = "a task does nothing until it is run: `call!(task)`, `spawn!(task)` or \
              `schedule.run(task)`"]
pub struct TaskOver<S, F> {
    pub(super) future: Within<S, F>,
}

#[diagnostic::do_not_recommend]
impl<S, F: Future> IsTask for TaskOver<S, F> {
    type Output = F::Output;
    type Future = F;
    type Called = Call<F>;

    fn called(future: F, _: Sealed) -> Call<F> {
        Call::new(future)
    }
}

#[diagnostic::do_not_recommend]
impl<S, F: Future> Task<S> for TaskOver<S, F> {
    fn into_future(self, over: &Over<S>) -> F {
        self.future.into_inner(over)
    }
}

impl<S, F> fmt::Debug for TaskOver<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::util::type_names::short(std::any::type_name::<F>()))
    }
}

/// A request is a task: one that asks for it and returns the answer.
impl<R: Request> IsTask for R {
    type Output = R::Answer;
    type Future = Requesting<R, R::Key, R::Answer>;
    type Called = Requesting<R, R::Key, R::Answer>;

    fn called(future: Self::Future, _: Sealed) -> Self::Called {
        future
    }
}

// The bound `Request` follows from `Dispatch<S>`, but without it the compiler would not see that
// this impl does not overlap with those above.
impl<S, R: Request + Dispatch<S>> Task<S> for R {
    fn into_future(self, over: &Over<S>) -> Self::Future {
        Requesting::new(self, over.asker())
    }
}
