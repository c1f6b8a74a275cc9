//! Tasks without macros: [`task_fn`] and [`Cx`].
//!
//! User code holds the futures that a [`Cx`] gives. It may poll several of them at once, drop them
//! early or forget them. So each future is a set whose children borrow nothing: a set that is
//! forgotten stays valid, and answers are delivered by the id of the child, not to the task that
//! happens to run.
//!
//! Invariant: a frame is used only after [`Cx::frame`] has checked that the run and the task are
//! those of the `Cx`. Futures check it again on every poll.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::pin;
use std::task::Poll;

use super::await_point::{At, CallSite};
use super::frame::task;
use super::handle::JoinHandle;
use super::set::{FirstDone, Set};
use super::spawn::SpawnPermit;
use super::token::Frame;
use super::traits::Task;
use crate::dispatch::Dispatch;
use crate::executor::Id;
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
pub fn task_fn<S, T>(body: impl AsyncFnOnce(Cx<'_, S>) -> T) -> impl Task<S, Output = T> {
    task::<S, _>(async move {
        // SAFETY: this is the body of a task over `S`. User code gets the frame inside a `Cx` only,
        // which checks the run and the task before it uses the frame; futures that it gives repeat
        // the check on every poll, and their children borrow nothing, so they may be forgotten.
        let frame = unsafe { Frame::<S>::new() };
        let (run_id, task) = current::with(|run| (run.id(), run.executor.current()));
        let cx =
            Cx { frame: &frame, context: frame.context(), run_id, task, not_send: PhantomData };
        // After a panic a task may be resumed only to be traced. No code of the user may run then,
        // and a body written by hand might run some, so the body is not polled.
        let mut body = pin!(body(cx));
        poll_fn(|context| {
            if current::with(|run| run.executor.is_traced_after_panic()) {
                return Poll::Pending;
            }
            body.as_mut().poll(context)
        })
        .await
    })
}

/// The handle through which a task made by [`task_fn`] asks, spawns and waits.
///
/// Its methods correspond to the macros in a `#[corio::task]`, except for children that borrow.
/// Those need the macros, which ensure that no code can forget the future that holds the children.
/// A request costs more than with `io!`, because each one is a child of its own.
///
/// # Panics
/// A `Cx` belongs to its task and works only while this task runs. Every method but
/// [`context`](Cx::context), and polling a future that a method gave, panics
/// - in a nested run (a `Schedule::run` that the task calls), and
/// - in destructors of what the task holds once the task has been dropped (because it lost a race,
///   say, or the run ended).
pub struct Cx<'r, S> {
    frame: &'r Frame<S>,
    context: &'r S,
    /// The id of the run of the task.
    run_id: u64,
    task: Id,
    // A run stays on its thread.
    not_send: PhantomData<*const ()>,
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
        self.context
    }

    /// Asks when first polled, and gives the answer: `io!(request)`.
    #[track_caller]
    pub fn io<R: Dispatch<S, Answer = A>, A: 'static>(
        self,
        request: R,
    ) -> impl Future<Output = A> + use<'r, S, R, A> {
        let frame = self.frame();
        self.bind(At::new(here(), Set::tuple::<FirstDone>((frame.request(request),))))
    }

    /// Asks for many things at once, when first polled, and gives the answers in order:
    /// `io_all!(requests)`.
    #[track_caller]
    pub fn io_all<R: Dispatch<S>, I: IntoIterator<Item = R>>(
        self,
        requests: I,
    ) -> impl Future<Output = Vec<R::Answer>> + use<'r, S, R, I> {
        self.bind(self.frame().io_all(here(), requests))
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
        let frame = self.frame();
        self.bind(At::new(here(), Set::tuple::<FirstDone>((frame.child(task),))))
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
        self.bind(self.frame().all(here(), tasks))
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
    pub fn spawn<T: Task<S> + 'static>(self, task: T) -> JoinHandle<T::Output> {
        self.frame().spawn(SpawnPermit::unlimited(), task).__corio_handle()
    }

    /// Waits until all children that the task has spawned have ended: `wait!()`.
    #[track_caller]
    pub fn wait(self) -> impl Future<Output = ()> + use<'r, S> {
        self.bind(self.frame().wait(here()))
    }

    /// Returns the frame after a check that it may be used. A frame does not know its run and its
    /// task, and would act on whichever are current.
    fn frame(self) -> &'r Frame<S> {
        current::with(|run| {
            assert!(
                run.id() == self.run_id,
                "corio: a `Cx` can only be used in the run of its own task"
            );
            assert!(
                run.executor.is_running(self.task),
                "corio: a `Cx` can only be used by its own task, and not by a destructor when the \
                 task has been dropped"
            );
        });
        self.frame
    }

    /// Binds a future to the task: it cannot outlive the frame, by the lifetime `'r`, and every
    /// poll checks that the task is running.
    fn bind<F: Future>(self, future: F) -> impl Future<Output = F::Output> + use<'r, S, F> {
        let cx = self;
        async move {
            let mut future = pin!(future);
            poll_fn(|context| {
                cx.frame();
                future.as_mut().poll(context)
            })
            .await
        }
    }
}

/// The source line of the caller, as a call site that stores the line.
#[track_caller]
fn here() -> impl CallSite {
    let line = Location::caller();
    move || line
}
