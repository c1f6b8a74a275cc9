//! What a task is.
//!
//! Sealed, for soundness: a task may hold children that borrow from its frame, and such a frame
//! must never be left half-way without its destructor. Code that could hold the future of a task
//! could forget it. So futures go from the generated code that makes them to the engine, through
//! methods that nobody else can call.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use super::answer::Requesting;
use super::call::Call;
use crate::dispatch::{Dispatch, Request};
use crate::runtime::RunState;

/// Nobody outside this crate can name it, and so nobody else can implement or call what takes it.
#[derive(Debug)]
pub struct Sealed;

/// Something that can be run to its end inside a task, whatever the context: the part of [`Task`]
/// that does not depend on it.
///
/// Implemented by what `#[corio::task]` and `task!{}` make, by requests, handles and locks; by
/// nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    label = "not a task",
    note = "a task is what a `#[corio::task]` function or a `task!{{ … }}` block gives; a plain \
            function is called as it is, and a future belongs into an `async fn` dispatcher"
)]
pub trait IsTask: Sized {
    /// What the task gives.
    type Output;

    #[doc(hidden)]
    type Future: Future<Output = Self::Output>;

    /// The future as `call!` runs it: with a scope of its own where it could spawn.
    #[doc(hidden)]
    type Called: Future<Output = Self::Output>;

    #[doc(hidden)]
    fn called(future: Self::Future, _: Sealed) -> Self::Called;
}

/// A call of a task that can be run over the context `S`: by
/// [`Schedule::run`](crate::Schedule::run), `call!`, `spawn!`, `all!` and the like.
///
/// A `#[corio::task(Library)]` function gives an `impl Task<Library, Output = …>`; one without a
/// context gives an [`AnyTask`], which is a task over every context. Nothing runs until it is given
/// to one of these.
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
    #[doc(hidden)]
    fn into_future(self, _: Sealed) -> Self::Future;
}

/// A call of a task that needs no context and so runs over any: what a plain `#[corio::task]`
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
    fn into_future(self, _: Sealed) -> F {
        self.future
    }
}

impl<F> fmt::Debug for AnyTask<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::util::type_names::short(std::any::type_name::<F>()))
    }
}

/// A call of a task over the context `S` and no other.
#[must_use = "a task does nothing until it is run: `call!(task)`, `spawn!(task)` or \
              `schedule.run(task)`"]
pub struct Bound<S, F> {
    pub(super) future: F,
    pub(super) context: PhantomData<fn(&S)>,
}

#[diagnostic::do_not_recommend]
impl<S, F: Future> IsTask for Bound<S, F> {
    type Output = F::Output;
    type Future = F;
    type Called = Call<F>;

    fn called(future: F, _: Sealed) -> Call<F> {
        Call::new(future)
    }
}

#[diagnostic::do_not_recommend]
impl<S, F: Future> Task<S> for Bound<S, F> {
    fn into_future(self, _: Sealed) -> F {
        self.future
    }
}

impl<S, F> fmt::Debug for Bound<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::util::type_names::short(std::any::type_name::<F>()))
    }
}

/// A request is a task that asks for it.
impl<R: Request> IsTask for R {
    type Output = R::Answer;
    type Future = Requesting<R, R::Answer>;
    type Called = Requesting<R, R::Answer>;

    fn called(future: Self::Future, _: Sealed) -> Self::Called {
        future
    }
}

// `Request` beside `Dispatch<S>`, although it follows from it: it tells the compiler that no type
// above can be meant.
impl<S, R: Request + Dispatch<S>> Task<S> for R {
    fn into_future(self, _: Sealed) -> Self::Future {
        Requesting::new(self, |run: &RunState, request: R| {
            // SAFETY: the core that opens it is that of the run which this task runs in, and tasks
            // over `S` run only in runs over `S`.
            unsafe { run.open::<S, R>() };
            run.ask::<R>(run.executor.current(), request.into_key());
        })
    }
}
