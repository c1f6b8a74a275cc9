//! What the macros expand to: `io!(r)` is `__corio.io(|| here(), r).await`, where `__corio` is the
//! `Frame` of the task. Whatever is awaited there gets its line first.
//!
//! A frame is a token without size: it says that the code stands in the body of a task over `S`,
//! which only runs while a run over `S` is being turned. Only generated code makes one, in the
//! async block that it gives to `task` or `any_task` in the same expression; that is why nothing
//! here has to be checked when the program runs, and why `new` is unsafe: the contract of all that
//! follows.
//!
//! One mistake is to give one error, on the argument. So what a method gives is named by parameters
//! that are bound where the argument is (`Task<S, Output = O>`), and is a type that needs no bound
//! of its own: a `T::Output` in the return type would be looked up for the call, and again for the
//! `.await`, and each time found wanting.

use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use super::answer::{Answer, RequestChild};
use super::await_point::At;
use super::set::{
    ChildVec, Children, Fallible, FirstDone, FirstErr, IntoChild, IntoChildren, Set, WaitAll,
};
use super::spawn::{AcquireSpawnPermit, SpawnPermit, Spawned};
use super::timeout::{Limited, LimitedChildren, timeout};
use super::traits::{AnyTask, Bound, Sealed, Task};
use super::wait::Wait;
use super::window::Window;
use crate::dispatch::{Dispatch, Request};
use crate::executor::{ChildBody, Coroutine};
use crate::runtime::current;

/// The body of a `#[corio::task]` without a context.
pub fn any_task<F: Future>(body: F) -> AnyTask<F> {
    AnyTask { future: body }
}

/// The body of a `#[corio::task(S)]`.
pub fn task<S, F: Future>(body: F) -> Bound<S, F> {
    Bound { future: body, context: PhantomData }
}

/// Tells the compiler what an async block returns. Never called.
pub fn returns<T>() -> T {
    unreachable!("only there for its type")
}

/// See the module.
// Invariant: a frame of `App<'a>` must never pass for one of `App<'static>`, whose context would
// live longer than it does.
#[derive(Debug)]
pub struct Frame<S> {
    context: PhantomData<fn(S) -> S>,
}

impl<S> Frame<S> {
    /// Only for generated code: see the module.
    ///
    /// # Safety
    /// Whoever has the frame, or a reference to it, runs only while a run over `S` is being turned
    /// and the task runs whose frame it is; what its methods give is awaited at once, in the same
    /// frame, which nobody else polls, moves or forgets.
    #[inline]
    pub unsafe fn new() -> Self {
        Frame { context: PhantomData }
    }

    /// `context!()`
    pub fn context(&self) -> &S {
        // SAFETY: by `new`, a run over `S` is being turned, which borrows its context for longer
        // than any frame of its tasks is used; and the reference lives no longer
        // than this frame.
        unsafe { &*current::with(|run| run.context.get()).cast::<S>() }
    }

    fn open<R: Dispatch<S>>() {
        // SAFETY: by `new`, this is in a run over `S`, or over any context if `S` is `AnyContext`.
        current::with(|run| unsafe { run.open::<S, R>() });
    }

    /// `io!(r)`: asks now. The answer is for the running task, so this is awaited in the same
    /// expression.
    #[inline]
    pub fn io<R: Dispatch<S, Answer = A>, A, L>(&self, line: L, request: R) -> Answer<A, L> {
        Self::ask(request);
        Answer::of_running(line)
    }

    /// The same for every line.
    fn ask<R: Dispatch<S>>(request: R) {
        let key = request.into_key();
        current::with(|run| {
            run.executor.park();
            // SAFETY: as in `open`.
            unsafe { run.open_and_ask::<S, R>(run.executor.current(), key) };
        });
    }

    /// One of several in `io!(a, b)`.
    #[inline]
    pub fn request<R: Dispatch<S>>(&self, request: R) -> RequestInput<R> {
        Self::open::<R>();
        RequestInput(request)
    }

    /// `io_all!(requests)`
    pub fn io_all<I, R, L>(
        &self,
        line: L,
        requests: I,
    ) -> At<Set<ChildVec<RequestChild<R>, WaitAll>>, L>
    where
        I: IntoIterator<Item = R>,
        I::Item: Dispatch<S>,
    {
        Self::open::<I::Item>();
        At::new(line, Set::list(requests))
    }

    /// `call!(t)`
    #[inline]
    pub fn call<T: Task<S, Called = F>, F, L>(&self, line: L, task: T) -> At<F, L> {
        At::new(line, T::called(task.into_future(Sealed), Sealed))
    }

    /// The wait in `spawn!(t)`.
    #[inline]
    pub fn room<L>(&self, line: L) -> At<AcquireSpawnPermit, L> {
        At::new(line, AcquireSpawnPermit::new())
    }

    /// `spawn!(t)`
    #[inline]
    pub fn spawn<T: Task<S, Output = O> + 'static, O>(
        &self,
        _: SpawnPermit,
        task: T,
    ) -> Spawned<O> {
        let future = task.into_future(Sealed);
        current::with(|run| {
            // SAFETY: the task is `'static`, and so are its future and its output.
            Spawned::new(run, unsafe { run.executor.spawn(run.executor.scope(), future) })
        })
    }

    /// `wait!()`
    pub fn wait<L>(&self, line: L) -> At<Wait, L> {
        At::new(line, Wait::new())
    }

    /// One of several in `join!(a, b)`.
    pub fn child<'a, T: Task<S, Future = F>, F: 'a>(&self, task: T) -> Child<'a, F> {
        Child { future: task.into_future(Sealed), borrows: PhantomData }
    }

    /// The one in `timeout!(limit, t)`: to its end, children included, as the limit is for all of
    /// it.
    pub fn called_child<'a, T: Task<S, Called = F>, F: 'a>(&self, task: T) -> Child<'a, F> {
        Child { future: T::called(task.into_future(Sealed), Sealed), borrows: PhantomData }
    }

    /// `join!(a, b)` and `io!(a, b)`
    pub fn join<T: IntoChildren<WaitAll, Children = G>, G: Children, L>(
        &self,
        line: L,
        children: T,
    ) -> At<Set<G>, L> {
        At::new(line, Set::tuple::<WaitAll>(children))
    }

    /// `try_join!(a, b)`
    pub fn try_join<T: IntoChildren<FirstErr, Children = G>, G: Children, L>(
        &self,
        line: L,
        children: T,
    ) -> At<Set<G>, L> {
        At::new(line, Set::tuple::<FirstErr>(children))
    }

    /// `race!(a, b)`
    pub fn race<T: IntoChildren<FirstDone, Children = G>, G: Children, L>(
        &self,
        line: L,
        children: T,
    ) -> At<Set<G>, L> {
        At::new(line, Set::tuple::<FirstDone>(children))
    }

    /// `timeout!(limit, t)`
    pub fn timeout<T: IntoChild, L>(
        &self,
        line: L,
        limit: Duration,
        child: T,
    ) -> At<Set<LimitedChildren<T>>, L>
    where
        Limited<T>: IntoChildren<FirstDone>,
    {
        At::new(line, timeout(limit, child))
    }

    /// `all!(tasks)`
    pub fn all<'a, I, F, L>(
        &self,
        line: L,
        tasks: I,
    ) -> At<Set<ChildVec<Coroutine<'a, F>, WaitAll>>, L>
    where
        I: IntoIterator,
        I::Item: Task<S, Future = F>,
        F: Future + 'a,
    {
        At::new(line, Set::list(tasks.into_iter().map(|task| task.into_future(Sealed))))
    }

    /// `all!(limit = n, tasks)`
    #[track_caller]
    pub fn all_within<'a, I, F, L>(
        &self,
        line: L,
        limit: usize,
        tasks: I,
    ) -> At<Window<impl Iterator<Item = F> + use<'a, S, I, F, L>, Coroutine<'a, F>, WaitAll>, L>
    where
        I: IntoIterator,
        I::Item: Task<S, Future = F>,
        F: Future + 'a,
    {
        At::new(line, Window::new(limit, tasks.into_iter().map(|task| task.into_future(Sealed))))
    }

    /// `try_all!(limit = n, tasks)`
    #[track_caller]
    pub fn try_all_within<'a, I, F, L>(
        &self,
        line: L,
        limit: usize,
        tasks: I,
    ) -> At<Window<impl Iterator<Item = F> + use<'a, S, I, F, L>, Coroutine<'a, F>, FirstErr>, L>
    where
        I: IntoIterator,
        I::Item: Task<S, Future = F>,
        F: Future<Output: Fallible> + 'a,
    {
        At::new(line, Window::new(limit, tasks.into_iter().map(|task| task.into_future(Sealed))))
    }

    /// `try_all!(tasks)`
    pub fn try_all<'a, I, F, L>(
        &self,
        line: L,
        tasks: I,
    ) -> At<Set<ChildVec<Coroutine<'a, F>, FirstErr>>, L>
    where
        I: IntoIterator,
        I::Item: Task<S, Future = F>,
        F: Future<Output: Fallible> + 'a,
    {
        At::new(line, Set::list(tasks.into_iter().map(|task| task.into_future(Sealed))))
    }
}

/// A request on its way into a set.
#[derive(Debug)]
pub struct RequestInput<R>(pub(super) R);

impl<R: Request> IntoChild for RequestInput<R> {
    type ChildBody = RequestChild<R>;
    type Input = R;

    fn into_input(self) -> R {
        self.0
    }
}

/// A task on its way into a set.
pub struct Child<'a, F> {
    pub(super) future: F,
    pub(super) borrows: PhantomData<&'a ()>,
}

impl<'a, F: Future + 'a> Child<'a, F> {
    pub(crate) fn new(future: F) -> Self {
        Child { future, borrows: PhantomData }
    }
}

impl<'a, F: Future + 'a> IntoChild for Child<'a, F> {
    type ChildBody = Coroutine<'a, F>;
    type Input = <Coroutine<'a, F> as ChildBody>::Input;

    fn into_input(self) -> F {
        self.future
    }
}
