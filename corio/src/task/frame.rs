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
use std::time::Duration;

use super::answer::{Answer, RequestBody, RequestChild};
use super::await_point::At;
use super::for_each::{ForEach, GivesNothing};
use super::foreign::ForeignWait;
use super::set::{
    ChildVec, Children, Fallible, FirstDone, FirstErr, IntoChild, IntoChildren, Set, WaitAll,
};
use super::source::Source;
use super::spawn::{AcquireSpawnPermit, SpawnPermit, Spawned};
use super::timeout::{TimeoutChildren, TimeoutPair, timeout};
use super::token::{Frame, Over, Within};
use super::traits::{AnyTask, IsTask, Sealed, Task, TaskOver};
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
pub fn task<S, F: Future>(body: F) -> TaskOver<S, F> {
    TaskOver { future: Within::new(|_| body) }
}

/// A task over the context `S`, whose body runs other tasks: `make` converts them with the token.
pub(crate) fn task_with<S, F: Future>(make: impl FnOnce(&Over<S>) -> F) -> TaskOver<S, F> {
    TaskOver { future: Within::new(make) }
}

/// Tells the compiler the return type of an async block. Generated code never calls it.
pub fn returns<T>() -> T {
    unreachable!("only there for its type")
}

impl<S> Frame<S> {
    /// `io!(r)`: asks now, not when polled. The answer will be delivered to the running task, so
    /// the future must be awaited in the same expression.
    #[inline]
    pub fn io<R: Dispatch<S, Key = K, Answer = A>, K, A, L>(
        &self,
        line: L,
        request: R,
    ) -> Answer<R, K, A, L> {
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
    pub fn io_all<I, R, K, L>(&self, line: L, requests: I) -> At<ManyRequests<R, K>, L>
    where
        I: IntoIterator<Item = R>,
        I::Item: Dispatch<S, Key = K>,
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
    pub fn room<F, O, L>(&self, line: L) -> At<AcquireSpawnPermit<F, O>, L> {
        At::new(line, AcquireSpawnPermit::new())
    }

    /// `spawn!(t)`
    #[inline]
    pub fn spawn<
        T: Task<S, Future = F, Output = O> + 'static,
        F: Future<Output = O> + 'static,
        O,
    >(
        &self,
        _: SpawnPermit<F, O>,
        task: T,
    ) -> Spawned<O> {
        let future = task.into_future(&self.over());
        Spawned::new(current::with(|run| run.spawn(future)))
    }

    /// `wait!()`
    pub fn wait<L>(&self, line: L) -> At<Wait, L> {
        At::new(line, Wait::new())
    }

    /// `wait!(future)`
    pub fn foreign<F: IntoFuture<IntoFuture = G, Output = O>, G: Future<Output = O>, O, L>(
        &self,
        line: L,
        future: F,
    ) -> At<ForeignWait<G, O>, L> {
        At::new(line, ForeignWait::new(future.into_future()))
    }

    /// One of the tasks in `join!(a, b)`.
    pub fn child<T: Task<S, Future = F>, F>(&self, task: T) -> Child<F> {
        Child { future: task.into_future(&self.over()) }
    }

    /// The task in `timeout!(limit, t)`. It runs as by `call!`, to the end of its children: the
    /// limit holds for them too.
    pub fn called_child<T: Task<S, Called = F>, F>(&self, task: T) -> Child<F> {
        Child { future: T::called(task.into_future(&self.over()), Sealed) }
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
    fn futures<I: IntoIterator>(&self, tasks: I) -> Futures<S, I::IntoIter> {
        Futures { tasks: tasks.into_iter(), over: self.over() }
    }

    /// `all!(tasks)`
    pub fn all<I, F, L>(&self, line: L, tasks: I) -> At<Set<ChildVec<Coroutine<F>, WaitAll>>, L>
    where
        I: IntoIterator,
        I::Item: Task<S, Future = F>,
        F: Future,
    {
        At::new(line, Set::list(self.futures(tasks)))
    }

    /// `all!(limit = n, tasks)`
    #[track_caller]
    pub fn all_within<I, J, F, L>(
        &self,
        line: L,
        limit: usize,
        tasks: I,
    ) -> At<TaskWindow<S, J, F, WaitAll>, L>
    where
        I: IntoIterator<IntoIter = J>,
        J: Iterator<Item = I::Item>,
        I::Item: Task<S, Future = F>,
        F: Future,
    {
        At::new(line, Window::new(limit, self.futures(tasks)))
    }

    /// `try_all!(limit = n, tasks)`
    #[track_caller]
    pub fn try_all_within<I, J, F, L>(
        &self,
        line: L,
        limit: usize,
        tasks: I,
    ) -> At<TaskWindow<S, J, F, FirstErr>, L>
    where
        I: IntoIterator<IntoIter = J>,
        J: Iterator<Item = I::Item>,
        I::Item: Task<S, Future = F>,
        F: Future<Output: Fallible>,
    {
        At::new(line, Window::new(limit, self.futures(tasks)))
    }

    /// `for_each!(limit = n, source, task)`
    #[track_caller]
    pub fn for_each_within<By, I, Q, A, M, T, F, L>(
        &self,
        line: L,
        limit: usize,
        source: I,
        task: M,
    ) -> At<ForEach<S, Q, A, M, F, WaitAll>, L>
    where
        I: Source<By, Item = A, Polled = Q>,
        M: FnMut(A) -> T,
        T: Task<S, Future = F>,
        F: Future<Output: GivesNothing>,
    {
        At::new(line, ForEach::new(limit, source.into_polled(), task, self.over()))
    }

    /// `try_for_each!(limit = n, source, task)`
    #[track_caller]
    pub fn try_for_each_within<By, I, Q, A, M, T, F, L>(
        &self,
        line: L,
        limit: usize,
        source: I,
        task: M,
    ) -> At<ForEach<S, Q, A, M, F, FirstErr>, L>
    where
        I: Source<By, Item = A, Polled = Q>,
        M: FnMut(A) -> T,
        T: Task<S, Future = F>,
        F: Future<Output: Fallible<Ok: GivesNothing>>,
    {
        At::new(line, ForEach::new(limit, source.into_polled(), task, self.over()))
    }

    /// `try_all!(tasks)`
    pub fn try_all<I, F, L>(
        &self,
        line: L,
        tasks: I,
    ) -> At<Set<ChildVec<Coroutine<F>, FirstErr>>, L>
    where
        I: IntoIterator,
        I::Item: Task<S, Future = F>,
        F: Future<Output: Fallible>,
    {
        At::new(line, Set::list(self.futures(tasks)))
    }
}

/// The set of `io_all!(requests)`.
type ManyRequests<R, K> = Set<ChildVec<RequestBody<R, K>, WaitAll>>;

/// The set of `all!(limit = n, tasks)`, under a policy.
type TaskWindow<S, J, F, P> = Window<Futures<S, J>, Coroutine<F>, P>;

/// The futures of tasks, made one by one.
// Not an `impl Iterator`: the compiler would have to see that what is behind it is an iterator for
// every lifetime, before it sees that it is `Send`.
pub struct Futures<S, J> {
    tasks: J,
    over: Over<S>,
}

impl<S, J: Iterator<Item: Task<S>>> Iterator for Futures<S, J> {
    type Item = <J::Item as IsTask>::Future;

    fn next(&mut self) -> Option<Self::Item> {
        self.tasks.next().map(|task| task.into_future(&self.over))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.tasks.size_hint()
    }
}

/// A request that becomes a child of a set.
#[derive(Debug)]
pub struct RequestInput<R>(R);

impl<R: Request> IntoChild for RequestInput<R> {
    type ChildBody = RequestBody<R, R::Key>;
    type Input = RequestChild<R, R::Key>;

    fn into_input(self) -> Self::Input {
        RequestChild::new(self.0)
    }
}

/// A task that becomes a child of a set.
pub struct Child<F> {
    future: F,
}

impl<F: Future> Child<F> {
    /// The child that runs `future`.
    pub(crate) fn new(future: F) -> Self {
        Child { future }
    }
}

impl<F: Future> IntoChild for Child<F> {
    type ChildBody = Coroutine<F>;
    type Input = <Coroutine<F> as ChildBody>::Input;

    fn into_input(self) -> F {
        self.future
    }
}
