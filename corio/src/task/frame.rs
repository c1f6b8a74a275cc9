//! What the macros expand to: `io!(r)` is `__corio.io(|| here(), r).await`, where `__corio` is the
//! [`Frame`] of the task. The first argument of every method that gives a future is its call site.
//!
//! A frame is a token without size. It witnesses that the code is in the body of a task over the
//! context `S`, which runs only while a run over `S` is being turned. Only generated code makes a
//! frame, inside the async block that it passes to [`task`] or [`any_task`] in the same expression.
//! That is why no method here needs a check at run time, and why [`Frame::new`] is unsafe: its
//! contract is what the safety of all other methods rests on. The methods that use the contract
//! directly are in `token`.
//!
//! # Signatures
//!
//! One mistake of the user must give one error, on the argument. So the return type of a method is
//! named by parameters that are bound together with the argument (`Task<S, Output = O>`), and is a
//! type without bounds of its own. A `T::Output` in the return type would be resolved for the call
//! and again for the `.await`, and each time give an error.

use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use super::answer::{Answer, RequestBody, RequestChild};
use super::await_point::At;
use super::set::{
    ChildVec, Children, Fallible, FirstDone, FirstErr, IntoChild, IntoChildren, Set, WaitAll,
};
use super::spawn::{AcquireSpawnPermit, SpawnPermit, Spawned};
use super::timeout::{TimeoutChildren, TimeoutPair, timeout};
use super::token::{Frame, Over, Within};
use super::traits::{AnyTask, Bound, IsTask, Sealed, Task};
use super::wait::Wait;
use super::window::Window;
use crate::dispatch::{Dispatch, Request};
use crate::executor::{ChildBody, Coroutine};
use crate::runtime::current;

/// A task that runs over any context, from the body of a `#[corio::task]` without one.
pub fn any_task<F: Future>(body: F) -> AnyTask<F> {
    AnyTask { future: body }
}

/// A task over the context `S`, from the body of a `#[corio::task(S)]`.
pub fn task<S, F: Future>(body: F) -> Bound<S, F> {
    Bound { future: Within::new(|_| body) }
}

/// A task over the context `S`, whose body runs other tasks: `make` converts them with the token.
pub(crate) fn task_with<S, F: Future>(make: impl FnOnce(&Over<S>) -> F) -> Bound<S, F> {
    Bound { future: Within::new(make) }
}

/// Tells the compiler the return type of an async block. Generated code never calls it.
pub fn returns<T>() -> T {
    unreachable!("only there for its type")
}

impl<S> Frame<S> {
    /// `io!(r)`: asks now, not when polled. The answer will be delivered to the running task, so
    /// the future must be awaited in the same expression.
    #[inline]
    pub fn io<R: Dispatch<S, Answer = A>, A, L>(&self, line: L, request: R) -> Answer<A, L> {
        self.ask(request);
        Answer::for_running_task(line)
    }

    /// One of the requests in `io!(a, b)`.
    #[inline]
    pub fn request<R: Dispatch<S>>(&self, request: R) -> RequestInput<R> {
        self.open::<R>();
        RequestInput(request)
    }

    /// `io_all!(requests)`
    pub fn io_all<I, R, L>(
        &self,
        line: L,
        requests: I,
    ) -> At<Set<ChildVec<RequestBody<R>, WaitAll>>, L>
    where
        I: IntoIterator<Item = R>,
        I::Item: Dispatch<S>,
    {
        self.open::<I::Item>();
        At::new(line, Set::list(requests.into_iter().map(RequestChild::new)))
    }

    /// `call!(t)`
    #[inline]
    pub fn call<T: Task<S, Called = F>, F, L>(&self, line: L, task: T) -> At<F, L> {
        At::new(line, T::called(task.into_future(&self.over()), Sealed))
    }

    /// The wait for a permit in `spawn!(t)`.
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
        let future = task.into_future(&self.over());
        Spawned::new(current::with(|run| run.spawn(future)))
    }

    /// `wait!()`
    pub fn wait<L>(&self, line: L) -> At<Wait, L> {
        At::new(line, Wait::new())
    }

    /// One of the tasks in `join!(a, b)`.
    pub fn child<'a, T: Task<S, Future = F>, F: 'a>(&self, task: T) -> Child<'a, F> {
        Child { future: task.into_future(&self.over()), borrows: PhantomData }
    }

    /// The task in `timeout!(limit, t)`. It runs as by `call!`, to the end of its children: the
    /// limit holds for them too.
    pub fn called_child<'a, T: Task<S, Called = F>, F: 'a>(&self, task: T) -> Child<'a, F> {
        Child { future: T::called(task.into_future(&self.over()), Sealed), borrows: PhantomData }
    }

    /// `join!(a, b)`, and `io!(a, b)`
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
    ) -> At<Set<TimeoutChildren<T>>, L>
    where
        TimeoutPair<T>: IntoChildren<FirstDone>,
    {
        At::new(line, timeout(limit, child))
    }

    /// The futures of tasks, made one by one.
    fn futures<I>(&self, tasks: I) -> impl Iterator<Item = <I::Item as IsTask>::Future> + use<S, I>
    where
        I: IntoIterator,
        I::Item: Task<S>,
    {
        let over = self.over();
        tasks.into_iter().map(move |task| task.into_future(&over))
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
        At::new(line, Set::list(self.futures(tasks)))
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
        At::new(line, Window::new(limit, self.futures(tasks)))
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
        At::new(line, Window::new(limit, self.futures(tasks)))
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
        At::new(line, Set::list(self.futures(tasks)))
    }
}

/// A request that becomes a child of a set.
#[derive(Debug)]
pub struct RequestInput<R>(R);

impl<R: Request> IntoChild for RequestInput<R> {
    type ChildBody = RequestBody<R>;
    type Input = RequestChild<R>;

    fn into_input(self) -> RequestChild<R> {
        RequestChild::new(self.0)
    }
}

/// A task that becomes a child of a set, with the lifetime of what the task borrows.
pub struct Child<'a, F> {
    future: F,
    borrows: PhantomData<&'a ()>,
}

impl<'a, F: Future + 'a> Child<'a, F> {
    /// The child that runs `future`.
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
