//! Tasks without macros: [`task_fn`] and [`Cx`], and [`task_fn_local`] and [`LocalCx`] for what is
//! not `Send`.
//!
//! User code holds the futures that a [`Cx`] gives. It may poll several of them at once, drop them
//! early or forget them. So each future is a set whose children borrow nothing: a set that is
//! forgotten stays valid, and answers are delivered by the id of the child, not to the task that
//! happens to run. See `cx_future`.
//!
//! Invariant: a frame is used only after [`OwnTask::check`]: the run and the task are those of the
//! `Cx`. Futures check it again on every poll.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::await_point::{At, CallSite};
use super::cx_future::{CxFuture, OwnTask};
use super::frame::task;
use super::handle::JoinHandle;
use super::set::{FirstDone, Set};
use super::spawn::SpawnPermit;
use super::token::Frame;
use super::traits::{Task, TaskOver};
use crate::dispatch::Dispatch;
use crate::runtime::current;

/// Makes a task from an async closure: what `#[corio::task]` does, without the macro.
///
/// ```
/// use corio::{Cx, task_fn};
///
/// #[corio::dispatcher]
/// fn double(numbers: &[u64]) -> Vec<u64> {
///     numbers.iter().map(|n| n * 2).collect()
/// }
///
/// let quadruple = task_fn(async |cx: Cx<'_, ()>| {
///     let twice = cx.io(double(10)).await;
///     cx.io(double(twice)).await
/// });
/// assert_eq!(corio::Schedule::new(()).run(quadruple)?, 40);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// Everything that such a task awaits must come from its [`Cx`]. Any other future that is pending
/// ends the run with [`Error::ForeignFuture`](crate::Error::ForeignFuture), since nothing would
/// wake the task. Combinators over futures of a `Cx` work if they poll all their futures whenever
/// they are polled, as code with `std::pin::pin!` and `poll_fn` does.
///
/// When such a task is dropped, its children are dropped first, and then its locals. Destructors of
/// the locals can neither spawn nor wait: see [`Cx::spawn`].
///
/// What the task asks, calls and spawns has to be `Send`; the task is `Send` then, if what it holds
/// while it waits is. For anything else there is [`task_fn_local`].
pub fn task_fn<S, T>(
    body: impl AsyncFnOnce(Cx<'_, S>) -> T,
) -> TaskOver<S, impl Future<Output = T>> {
    task::<S, _>(async move {
        // SAFETY: this is the body of a task over `S`. User code gets the frame inside a `Cx` only,
        // which checks the run and the task before it uses the frame; futures that it gives repeat
        // the check on every poll, and their children borrow nothing, so they may be forgotten.
        let frame = unsafe { Frame::<S>::new() };
        let cx = Cx { inner: Inner::new(&frame) };
        until_traced(body(cx)).await
    })
}

/// Makes a task from an async closure, as [`task_fn`] does, for what is not `Send`: requests, keys,
/// answers, tasks, dispatchers. Neither is the task, then: it runs by
/// [`run`](crate::Schedule::run) and [`run_local`](crate::Schedule::run_local).
///
/// ```
/// use std::rc::Rc;
/// use corio::{LocalCx, task_fn_local};
///
/// #[corio::dispatcher]
/// fn lengths(names: &[Rc<str>]) -> Vec<usize> {
///     names.iter().map(|name| name.len()).collect()
/// }
///
/// let length = task_fn_local(async |cx: LocalCx<'_, ()>| cx.io(lengths("Emma".into())).await);
/// assert_eq!(corio::Schedule::new(()).run(length)?, 4);
/// # Ok::<(), corio::Error>(())
/// ```
pub fn task_fn_local<S, T>(
    body: impl AsyncFnOnce(LocalCx<'_, S>) -> T,
) -> TaskOver<S, impl Future<Output = T>> {
    task::<S, _>(async move {
        // SAFETY: as in `task_fn`.
        let frame = unsafe { Frame::<S>::new() };
        let cx = LocalCx { inner: Inner::new(&frame), not_send: PhantomData };
        NotSend { future: until_traced(body(cx)), not_send: PhantomData }.await
    })
}

/// Polls the body of a task, unless the task is only to be traced after a panic: no code of the
/// user may run then, and a body written by hand might run some.
async fn until_traced<F: Future>(body: F) -> F::Output {
    let mut body = pin!(body);
    poll_fn(|context| {
        if current::with(|run| run.executor.is_traced_after_panic()) {
            return Poll::Pending;
        }
        body.as_mut().poll(context)
    })
    .await
}

pin_project! {
    /// A future that is not `Send`, whatever it is. What a `LocalCx` gives leaves things in the run
    /// of which its type does not tell when it is gone, nor does that of a body that has let go of
    /// its `LocalCx`: so the awaited future tells of them.
    struct NotSend<F> {
        #[pin]
        future: F,
        not_send: PhantomData<*const ()>,
    }
}

impl<F: Future> Future for NotSend<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(context)
    }
}

/// What a `Cx` does, without bounds on what is `Send`.
struct Inner<'r, S> {
    frame: &'r Frame<S>,
    context: &'r S,
    task: OwnTask,
}

impl<S> Clone for Inner<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Inner<'_, S> {}

impl<'r, S> Inner<'r, S> {
    /// Of the running task.
    fn new(frame: &'r Frame<S>) -> Self {
        Inner { frame, context: frame.context(), task: OwnTask::running() }
    }

    /// Returns the frame after a check that it may be used. A frame does not know its run and its
    /// task, and would act on whichever are current.
    fn frame(self) -> &'r Frame<S> {
        self.task.check();
        self.frame
    }

    #[track_caller]
    fn io<R: Dispatch<S, Answer = A>, A: 'static>(
        self,
        request: R,
    ) -> impl Future<Output = A> + use<'r, S, R, A> {
        let child = self.frame().request(request);
        CxFuture::new(self.task, At::new(here(), Set::tuple::<FirstDone>((child,))))
    }

    #[track_caller]
    fn io_all<R: Dispatch<S>, I: IntoIterator<Item = R>>(
        self,
        requests: I,
    ) -> impl Future<Output = Vec<R::Answer>> + use<'r, S, R, I> {
        CxFuture::new(self.task, self.frame().io_all(here(), requests))
    }

    #[track_caller]
    fn call<T: Task<S> + 'static>(self, task: T) -> impl Future<Output = T::Output> + use<'r, S, T>
    where
        T::Future: 'static,
    {
        let child = self.frame().child(task);
        CxFuture::new(self.task, At::new(here(), Set::tuple::<FirstDone>((child,))))
    }

    #[track_caller]
    fn all<T: Task<S> + 'static, I: IntoIterator<Item = T>>(
        self,
        tasks: I,
    ) -> impl Future<Output = Vec<T::Output>> + use<'r, S, T, I>
    where
        T::Future: 'static,
    {
        CxFuture::new(self.task, self.frame().all(here(), tasks))
    }

    fn spawn<T: Task<S> + 'static>(self, task: T) -> JoinHandle<T::Output> {
        self.frame().spawn(SpawnPermit::unlimited(), task).__corio_handle()
    }

    #[track_caller]
    fn wait(self) -> impl Future<Output = ()> + use<'r, S> {
        CxFuture::new(self.task, self.frame().wait(here()))
    }
}

/// The handle through which a task made by [`task_fn`] asks, spawns and waits.
///
/// Its methods correspond to the macros in a `#[corio::task]`, except for children that borrow.
/// Those need the macros, which ensure that no code can forget the future that holds the children.
/// A request costs more than with `io!`, because each one is a child of its own.
///
/// What goes through a `Cx` has to be `Send`, so that the run may go from thread to thread: code
/// may drop or forget a future that it got, and then nothing tells what the run holds on its
/// behalf. [`LocalCx`] takes anything.
///
/// # Panics
/// A `Cx` belongs to its task and works only while this task runs. Every method but
/// [`context`](Cx::context), and polling a future that a method gave, panics
/// - in a nested run (a `Schedule::run` that the task calls), and on another thread, and
/// - in destructors of what the task holds once the task has been dropped (because it lost a race,
///   say, or the run ended).
///
/// A future that is dropped on another thread, while the task runs on this one, is forgotten: what
/// it asked, called or spawned lives on until the task ends.
pub struct Cx<'r, S> {
    inner: Inner<'r, S>,
}

impl<S> Clone for Cx<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Cx<'_, S> {}

impl<S> fmt::Debug for Cx<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cx")
    }
}

impl<'r, S> Cx<'r, S> {
    /// The context of the run.
    pub fn context(self) -> &'r S {
        self.inner.context
    }

    /// Asks when first polled, and gives the answer: `io!(request)`.
    #[track_caller]
    pub fn io<R, A>(self, request: R) -> impl Future<Output = A> + use<'r, S, R, A>
    where
        R: Dispatch<S, Answer = A> + Send,
        R::Key: Send,
        A: Send + 'static,
    {
        self.inner.io(request)
    }

    /// Asks for many things at once, when first polled, and gives the answers in order:
    /// `io_all!(requests)`.
    #[track_caller]
    pub fn io_all<R, I: IntoIterator<Item = R>>(
        self,
        requests: I,
    ) -> impl Future<Output = Vec<R::Answer>> + use<'r, S, R, I>
    where
        R: Dispatch<S> + Send,
        R::Key: Send,
        R::Answer: Send,
    {
        self.inner.io_all(requests)
    }

    /// Runs a task to its end and gives its result: `call!(task)`.
    #[track_caller]
    pub fn call<T: Task<S> + 'static>(
        self,
        task: T,
    ) -> impl Future<Output = T::Output> + use<'r, S, T>
    where
        T::Future: Send + 'static,
        T::Output: Send,
    {
        self.inner.call(task)
    }

    /// Runs many tasks at once and gives their results in order: `all!(tasks)`.
    #[track_caller]
    pub fn all<T: Task<S> + 'static, I: IntoIterator<Item = T>>(
        self,
        tasks: I,
    ) -> impl Future<Output = Vec<T::Output>> + use<'r, S, T, I>
    where
        T::Future: Send + 'static,
        T::Output: Send,
    {
        self.inner.all(tasks)
    }

    /// Spawns a child task: `spawn!(task)`. Since this method cannot wait, it ignores the limit of
    /// [`max_tasks`](crate::Config::max_tasks).
    ///
    /// A task that has been dropped cannot spawn, because a parent must end after its children. A
    /// destructor that has to clean up does so itself, or leaves the work to a task that is still
    /// there, for example through a [`channel`](crate::sync::channel).
    ///
    /// # Panics
    /// In a nested run inside the task, and in a destructor once the task has been dropped.
    pub fn spawn<T: Task<S> + 'static>(self, task: T) -> JoinHandle<T::Output>
    where
        T::Future: Send,
        T::Output: Send,
    {
        self.inner.spawn(task)
    }

    /// Waits until all children that the task has spawned have ended: `wait!()`.
    #[track_caller]
    pub fn wait(self) -> impl Future<Output = ()> + use<'r, S> {
        self.inner.wait()
    }
}

/// The handle through which a task made by [`task_fn_local`] asks, spawns and waits: a [`Cx`] for
/// what is not `Send`.
pub struct LocalCx<'r, S> {
    inner: Inner<'r, S>,
    not_send: PhantomData<*const ()>,
}

impl<S> Clone for LocalCx<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for LocalCx<'_, S> {}

impl<S> fmt::Debug for LocalCx<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalCx")
    }
}

impl<'r, S> LocalCx<'r, S> {
    /// The context of the run.
    pub fn context(self) -> &'r S {
        self.inner.context
    }

    /// Asks when first polled, and gives the answer: `io!(request)`.
    #[track_caller]
    pub fn io<R: Dispatch<S, Answer = A>, A: 'static>(
        self,
        request: R,
    ) -> impl Future<Output = A> + use<'r, S, R, A> {
        self.inner.io(request)
    }

    /// Asks for many things at once, when first polled, and gives the answers in order:
    /// `io_all!(requests)`.
    #[track_caller]
    pub fn io_all<R: Dispatch<S>, I: IntoIterator<Item = R>>(
        self,
        requests: I,
    ) -> impl Future<Output = Vec<R::Answer>> + use<'r, S, R, I> {
        self.inner.io_all(requests)
    }

    /// Runs a task to its end and gives its result: `call!(task)`.
    #[track_caller]
    pub fn call<T: Task<S> + 'static>(
        self,
        task: T,
    ) -> impl Future<Output = T::Output> + use<'r, S, T>
    where
        T::Future: 'static,
    {
        self.inner.call(task)
    }

    /// Runs many tasks at once and gives their results in order: `all!(tasks)`.
    #[track_caller]
    pub fn all<T: Task<S> + 'static, I: IntoIterator<Item = T>>(
        self,
        tasks: I,
    ) -> impl Future<Output = Vec<T::Output>> + use<'r, S, T, I>
    where
        T::Future: 'static,
    {
        self.inner.all(tasks)
    }

    /// Spawns a child task, as [`Cx::spawn`] does.
    ///
    /// # Panics
    /// In a nested run inside the task, and in a destructor once the task has been dropped.
    pub fn spawn<T: Task<S> + 'static>(self, task: T) -> JoinHandle<T::Output> {
        self.inner.spawn(task)
    }

    /// Waits until all children that the task has spawned have ended: `wait!()`.
    #[track_caller]
    pub fn wait(self) -> impl Future<Output = ()> + use<'r, S> {
        self.inner.wait()
    }
}

/// The source line of the caller, as a call site that stores the line.
#[track_caller]
fn here() -> impl CallSite {
    let line = Location::caller();
    move || line
}
