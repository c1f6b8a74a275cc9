//! Tasks without macros.
//!
//! User code holds these futures, may poll several at once, drop them half-way or forget them. So
//! each is a set of its own with children that borrow nothing: what is forgotten stays where it is,
//! and answers find their places by id, not by who happens to run.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::pin;
use std::task::Poll;

use super::await_point::{At, CallSite};
use super::frame::{Frame, task};
use super::handle::Handle;
use super::set::{FirstDone, Set};
use super::spawn::SpawnPermit;
use super::traits::Task;
use crate::dispatch::Dispatch;
use crate::executor::Id;
use crate::runtime::current;

/// A task from an async closure: what `#[corio::task]` makes, without the macro.
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
/// In such a task everything that is awaited must come from its [`Cx`]. Another future that is
/// pending ends the run with [`Error::ForeignFuture`](crate::Error::ForeignFuture), as nobody would
/// wake it. Combinators that poll what they hold whenever they are polled, as `std::pin::pin!` and
/// `poll_fn` by hand do, work over futures from `Cx`.
///
/// When such a task is dropped, its children are dropped first, and then its locals. Their
/// destructors can neither spawn nor wait: see [`Cx::spawn`].
pub fn task_fn<S, T>(body: impl AsyncFnOnce(Cx<'_, S>) -> T) -> impl Task<S, Output = T> {
    task::<S, _>(async move {
        // SAFETY: this is the body of a task over `S`, and what is given of the frame looks at the
        // run and the task before it uses it.
        let frame = unsafe { Frame::<S>::new() };
        let (run, task) = current::with(|run| (run.id(), run.executor.current()));
        let cx =
            Cx { frame: &frame, context: frame.context(), run, task, on_this_thread: PhantomData };
        // When a panic ends the run, and this task is only to say where it stands, no code of the
        // user's is to run.
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

/// What a task written by hand waits through; given by [`task_fn`].
///
/// It is what the macros are in a `#[corio::task]`, but for children that borrow: these need the
/// macros, which see to it that nobody can forget the future that holds them. It costs more per
/// request than they do: each one is a child with a place of its own.
///
/// It belongs to its task, and to the time when that runs. In a run inside that task (a
/// `Schedule::run` called by it), and in destructors of what the task holds once it has been
/// dropped (it lost a race, say, or the run ended), everything but [`context`](Cx::context) panics,
/// and so does polling a future that it gave.
pub struct Cx<'r, S> {
    frame: &'r Frame<S>,
    context: &'r S,
    run: u64,
    task: Id,
    // Not `Send`, as the run is not.
    on_this_thread: PhantomData<*const ()>,
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
    /// The context.
    pub fn context(self) -> &'r S {
        self.context
    }

    /// Asks, when first polled, and gives the answer: `io!(request)`.
    #[track_caller]
    pub fn io<R: Dispatch<S, Answer = A>, A: 'static>(
        self,
        request: R,
    ) -> impl Future<Output = A> + use<'r, S, R, A> {
        let frame = self.frame();
        self.bound(At::new(here(), Set::tuple::<FirstDone>((frame.request(request),))))
    }

    /// Asks for many things at once: `io_all!(requests)`.
    #[track_caller]
    pub fn io_all<R: Dispatch<S>, I: IntoIterator<Item = R>>(
        self,
        requests: I,
    ) -> impl Future<Output = Vec<R::Answer>> + use<'r, S, R, I> {
        self.bound(self.frame().io_all(here(), requests))
    }

    /// Runs a task to its end: `call!(task)`.
    #[track_caller]
    pub fn call<T: Task<S> + 'static>(
        self,
        task: T,
    ) -> impl Future<Output = T::Output> + use<'r, S, T>
    where
        T::Future: 'static,
    {
        let frame = self.frame();
        self.bound(At::new(here(), Set::tuple::<FirstDone>((frame.child(task),))))
    }

    /// Runs many tasks at once: `all!(tasks)`.
    #[track_caller]
    pub fn all<T: Task<S> + 'static, I: IntoIterator<Item = T>>(
        self,
        tasks: I,
    ) -> impl Future<Output = Vec<T::Output>> + use<'r, S, T, I>
    where
        T::Future: 'static,
    {
        self.bound(self.frame().all(here(), tasks))
    }

    /// Spawns a child task: `spawn!(task)`. It cannot wait, and so is not held by
    /// [`max_tasks`](crate::Schedule::max_tasks).
    ///
    /// A task that has been dropped spawns nothing, as nobody would be there to end after the
    /// child: a destructor that is to clean up does so by itself, or leaves it to a task that is
    /// still there, by a [`channel`](crate::sync::channel) say.
    ///
    /// # Panics
    /// In a run inside the task, and in a destructor once the task has been dropped.
    pub fn spawn<T: Task<S> + 'static>(self, task: T) -> Handle<T::Output> {
        self.frame().spawn(SpawnPermit::not_waited_for(), task).__corio_handle()
    }

    /// Waits until every child that was spawned here has ended: `wait!()`.
    #[track_caller]
    pub fn wait(self) -> impl Future<Output = ()> + use<'r, S> {
        self.bound(self.frame().wait(here()))
    }

    /// The frame, where it may be used: it does not know its run and its task, and would take
    /// others for its own.
    fn frame(self) -> &'r Frame<S> {
        current::with(|run| {
            assert!(
                run.id() == self.run,
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

    /// The future may not leave the task: `'r` is that of its frame.
    fn bound<F: Future>(self, future: F) -> impl Future<Output = F::Output> + use<'r, S, F> {
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

/// The line of the caller, kept.
#[track_caller]
fn here() -> impl CallSite {
    let line = Location::caller();
    move || line
}
