//! What people hold: a schedule, which runs tasks over a context.
//!
//! | file | |
//! |---|---|
//! | `config.rs` | what schedules are told before they run, shared by threads |
//! | `run_options.rs` | what one run is told |
//! | `run_async.rs` | a run as a future, for any executor |
//!
//! A schedule keeps the state of a run from one to the next: memory that is warm, and answers that
//! are cached. A run takes the state out and puts it back when everything in it is dropped; what is
//! told per run changes nothing of it.

mod config;
mod run_async;
mod run_options;

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

pub use config::Config;
pub use run_async::RunAsync;
pub use run_options::RunOptions;

use crate::context::AsContext;
use crate::dispatch::{Answers, Options, Request};
use crate::error::Error;
use crate::observe::{Observer, Observers};
use crate::runtime::{Run, RunState, block_on};
use crate::task::{IsTask, Over, Task};
use crate::util::{CancellationToken, Clock, OfRun};

/// Runs tasks over a context.
///
/// A schedule is made from a context by value, by reference or in an `Arc` or `Rc`, and can be used
/// for run after run: memory that one run needed is there for the next. Schedules on different
/// threads share nothing, and one for each request of a server is fine. Nothing in a run is touched
/// by two threads at once; as a future, a run may go from thread to thread between two polls.
///
/// ```
/// #[derive(corio::Context)]
/// struct Shop {
///     prices: Prices,
/// }
///
/// struct Prices(u64);
///
/// #[corio::dispatcher]
/// fn price(prices: &Prices, articles: &[u64]) -> Vec<u64> {
///     articles.iter().map(|article| article * prices.0).collect()
/// }
///
/// #[corio::task(Shop)]
/// fn total(articles: Vec<u64>) -> u64 {
///     io_all!(articles.into_iter().map(price)).iter().sum()
/// }
///
/// let mut schedule = corio::Schedule::new(Shop { prices: Prices(10) });
/// assert_eq!(schedule.run(total(vec![1, 2]))?, 30);
/// assert_eq!(schedule.run(total(vec![3]))?, 30);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// What a schedule is told is a [`Config`], which is made once and shared; the methods of the same
/// names here change that of one schedule, before it runs: `Schedule::new(cx).max_tasks(100)`. What
/// belongs to one run goes into [`RunOptions`].
#[must_use = "a schedule does nothing until it runs a task, and its methods return it"]
pub struct Schedule<C> {
    context: C,
    /// `None` before the first run, during a run, and after one that panicked or was forgotten.
    state: OfRun<Option<Rc<RunState>>>,
    observers: OfRun<Observers>,
    config: Config,
}

impl Config {
    /// A schedule over a context. It can be made for each request of a server: it holds a pointer
    /// to this configuration, and allocates its own memory when it first runs.
    pub fn schedule<C: AsContext>(&self, context: C) -> Schedule<C> {
        // SAFETY: the schedule and the run that borrows it are the only ones that touch state and
        // observers, and observers are `Send`. Between runs nothing is left in the state that a
        // task has brought, but for what is cached from run to run, which is `Send`.
        let (state, observers) = unsafe { (OfRun::new(None), OfRun::new(Observers::default())) };
        Schedule { context, state, observers, config: self.clone() }
    }
}

impl<C: AsContext> Schedule<C> {
    /// A schedule over a context, as [`Config::new`] says.
    pub fn new(context: C) -> Self {
        Config::new().schedule(context)
    }

    /// The context.
    pub fn context(&self) -> &C::Context {
        self.context.as_context()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Runs a task and all that it spawns to the end, on this thread, and gives its result.
    ///
    /// The thread sleeps while every task waits for asynchronous answers. The task may borrow from
    /// the caller.
    ///
    /// A thread that polls futures for an executor must not sleep: a handler of a server `.await`s
    /// [`run_async`](Schedule::run_async) instead, or has `run` called where a thread may block.
    /// Where `run` is about to sleep on a thread that is known to poll, it ends with
    /// [`Error::WouldBlockExecutor`]; where all dispatchers answer in place it works anywhere. What
    /// tokio polls is known with the feature `tokio`, what other executors do only below a
    /// `run_async`; tasks that tokio runs
    /// [unconstrained](https://docs.rs/tokio/latest/tokio/task/coop/fn.unconstrained.html) are not
    /// found out. (Within tokio's `block_in_place` below a `run_async` it needs that feature to see
    /// that the thread may block.)
    ///
    /// ```
    /// #[corio::dispatcher]
    /// async fn fetch(ids: &[u64]) -> Vec<u64> {
    ///     tokio::task::yield_now().await; // asks a server
    ///     ids.to_vec()
    /// }
    ///
    /// #[corio::task]
    /// fn page(id: u64) -> u64 {
    ///     io!(fetch(id))
    /// }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// // A thread that may sleep; what dispatchers need of tokio is there.
    /// let handle = runtime.handle().clone();
    /// let job = std::thread::spawn(move || {
    ///     let _entered = handle.enter();
    ///     corio::Schedule::new(()).run(page(7))
    /// });
    /// assert_eq!(job.join().unwrap(), Ok(7));
    /// ```
    ///
    /// # Errors
    /// See [`Error`]. A fallible task gives two layers: `schedule.run(card(id))??`, the run's error
    /// and the task's own.
    ///
    /// # Panics
    /// With what a task or dispatcher panicked with, after every other task was dropped.
    pub fn run<O>(&mut self, task: impl Task<C::Context, Output = O>) -> Result<O, Error> {
        self.run_with(RunOptions::new(), task)
    }

    /// Runs a task as [`run`](Schedule::run) does, with what only this run is told: a time limit, a
    /// token of the client's, an observer.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use corio::RunOptions;
    /// # #[corio::dispatcher]
    /// # fn double(numbers: &[u64]) -> Vec<u64> { numbers.iter().map(|n| n * 2).collect() }
    /// let mut schedule = corio::Schedule::new(());
    /// let options = RunOptions::new().timeout(Duration::from_secs(2));
    /// assert_eq!(schedule.run_with(options, double(21))?, 42);
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`run`](Schedule::run).
    ///
    /// # Panics
    /// As [`run`](Schedule::run).
    pub fn run_with<O>(
        &mut self,
        options: RunOptions,
        task: impl Task<C::Context, Output = O>,
    ) -> Result<O, Error> {
        // SAFETY: the run is over, or dropped by unwinding, before this returns, and on this
        // thread; what the task borrows outlives the call.
        let run = unsafe { self.begin(options, task) };
        block_on(run)
    }

    /// Runs a task as a future that is `Send`, for any executor: it is polled, and wakes, as every
    /// future.
    ///
    /// ```
    /// #[corio::dispatcher]
    /// async fn fetch(ids: &[u64]) -> Vec<u64> {
    ///     tokio::task::yield_now().await; // asks a server
    ///     ids.to_vec()
    /// }
    ///
    /// #[corio::task]
    /// fn page(id: u64) -> u64 {
    ///     io!(fetch(id))
    /// }
    ///
    /// async fn handler(id: u64) -> Result<u64, corio::Error> {
    ///     corio::Schedule::new(()).run_async(page(id)).await
    /// }
    /// # let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    /// # let answer = runtime.block_on(async { tokio::spawn(handler(7)).await.unwrap() });
    /// # assert_eq!(answer, Ok(7));
    /// ```
    ///
    /// What is in the run has to be `Send`: what tasks hold while they wait, keys, answers,
    /// outputs, the futures of dispatchers; the context has to be `Sync`. The compiler finds that
    /// out from the task, and if it is not so, names the line in the task. Tasks that share
    /// something take `Arc`, [`corio::sync`](crate::sync) and [`RunCell`](crate::sync::RunCell)
    /// instead of `Rc`, `RefCell` and `Cell`. A function that returns an `impl Task` hides what it
    /// holds; an `impl` [`SendTask`](crate::SendTask) tells. For tasks that can't be `Send`, there
    /// is [`run_local`](Schedule::run_local).
    ///
    /// Dropping the future cancels the run: its tasks are dropped, children first, and requests are
    /// withdrawn. So a run is cancelled when the client of a server leaves, or a time limit around
    /// it is over. What the executor has for the future is there for tasks and dispatchers,
    /// wherever the run is polled: the context of tokio, the span of `tracing`.
    ///
    /// # Errors
    /// As [`run`](Schedule::run).
    ///
    /// # Panics
    /// As [`run`](Schedule::run), when polled.
    pub fn run_async<T: Task<C::Context>>(&mut self, task: T) -> RunAsync<'_, T, C::Context>
    where
        T::Future: Send,
        T::Output: Send,
        C::Context: Sync,
    {
        self.run_local_with(RunOptions::new(), task)
    }

    /// Runs a task as [`run_async`](Schedule::run_async) does, with what only this run is told.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use corio::RunOptions;
    /// # #[corio::task]
    /// # fn program() -> u64 { 42 }
    /// # async fn handler(schedule: &mut corio::Schedule<()>) -> Result<(), corio::Error> {
    /// let options = RunOptions::new().timeout(Duration::from_secs(2));
    /// assert_eq!(schedule.run_async_with(options, program()).await?, 42);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`run`](Schedule::run).
    ///
    /// # Panics
    /// As [`run`](Schedule::run), when polled.
    pub fn run_async_with<T: Task<C::Context>>(
        &mut self,
        options: RunOptions,
        task: T,
    ) -> RunAsync<'_, T, C::Context>
    where
        T::Future: Send,
        T::Output: Send,
        C::Context: Sync,
    {
        self.run_local_with(options, task)
    }

    /// Runs a task as [`run_async`](Schedule::run_async) does, also one that is not `Send`: then
    /// the future is not, either, and is polled on one thread, by an executor's `block_on` or on a
    /// local set.
    ///
    /// ```
    /// use std::rc::Rc;
    ///
    /// #[corio::dispatcher]
    /// fn lengths(names: &[Rc<str>]) -> Vec<usize> {
    ///     names.iter().map(|name| name.len()).collect()
    /// }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let mut schedule = corio::Schedule::new(());
    /// assert_eq!(schedule.run_local(lengths("Emma".into())).await?, 4);
    /// # Ok::<(), corio::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`run`](Schedule::run).
    ///
    /// # Panics
    /// As [`run`](Schedule::run), when polled.
    pub fn run_local<T: Task<C::Context>>(&mut self, task: T) -> RunAsync<'_, T, C::Context> {
        self.run_local_with(RunOptions::new(), task)
    }

    /// Runs a task as [`run_local`](Schedule::run_local) does, with what only this run is told.
    ///
    /// # Errors
    /// As [`run`](Schedule::run).
    ///
    /// # Panics
    /// As [`run`](Schedule::run), when polled.
    pub fn run_local_with<T: Task<C::Context>>(
        &mut self,
        options: RunOptions,
        task: T,
    ) -> RunAsync<'_, T, C::Context> {
        let yield_every = self.config.run_config().yield_every;
        // SAFETY: `RunAsync` has the types of the task and of the context in its own, and so what
        // the task borrows outlives it. If it is forgotten, the run is never turned again.
        let run = unsafe { self.begin(options, task) };
        RunAsync::new(run, yield_every)
    }

    /// # Safety
    /// What the task borrows outlives the `Run`, or the `Run` is forgotten. The types of the task
    /// and of the context stand beside the `Run` wherever it is held.
    unsafe fn begin<T: Task<C::Context>>(
        &mut self,
        options: RunOptions,
        task: T,
    ) -> OfRun<Run<'_, <T as IsTask>::Output>> {
        let Schedule { context, state, observers, config } = self;
        let (run, dispatch) = (config.run_config(), config.dispatch_config());
        let state_of_run = state
            .take()
            .unwrap_or_else(|| RunState::new(Observers::clone(observers), dispatch.clone(), run));
        let (context, settings) = (context.as_context(), options.into_settings());
        // SAFETY: the caller's promise is the same. The future of the task is used in this run
        // only, which is over `C::Context`.
        unsafe {
            Run::new(context, state_of_run, state, run, settings, task.into_future(&Over::new()))
        }
    }

    /// Tells an observer of everything that happens in the runs to come, beside those that are
    /// there.
    ///
    /// ```
    /// # #[corio::dispatcher]
    /// # fn double(numbers: &[u64]) -> Vec<u64> { numbers.iter().map(|n| n * 2).collect() }
    /// let log = corio::Log::new();
    /// let mut schedule = corio::Schedule::new(()).observe(log.observer());
    /// schedule.run(double(21))?;
    /// assert_eq!(log.to_string(), "round 1: double[1 key]\n");
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn observe(self, observer: impl Observer + Send + 'static) -> Self {
        self.observers.add(Box::new(observer));
        self
    }

    /// Changes what queues and the executor were made with: the next run begins with memory that is
    /// cold and caches that are empty.
    fn rebuild(mut self, change: impl FnOnce(Config) -> Config) -> Self {
        *self.state = None;
        self.configure(change)
    }

    /// Changes what each run is told anew: memory and caches stay warm.
    fn configure(mut self, change: impl FnOnce(Config) -> Config) -> Self {
        self.config = change(self.config);
        self
    }

    /// Answers the requests of one dispatcher by another function, in this schedule: see
    /// [`Config::answer_with`].
    pub fn answer_with<K, R, A>(
        self,
        dispatcher: impl FnOnce(K) -> R,
        answer: impl Fn(&[R::Key]) -> A + Send + Sync + 'static,
    ) -> Self
    where
        R: Request,
        A: Answers<R::Key, Answer = R::Answer>,
    {
        self.rebuild(|config| config.answer_with(dispatcher, answer))
    }

    /// Changes options of one dispatcher, in this schedule: see [`Config::options`].
    pub fn options<K, R: Request>(
        self,
        dispatcher: impl FnOnce(K) -> R,
        change: impl FnOnce(Options<R::Key, R::Answer>) -> Options<R::Key, R::Answer>,
    ) -> Self {
        self.rebuild(|config| config.options(dispatcher, change))
    }

    /// Time limits, pauses and caches look at this clock instead of the system's: see
    /// [`Config::clock`].
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        self.rebuild(|config| config.clock(clock))
    }
}

/// The methods of `Config` that take plain values, for one schedule.
macro_rules! of_config {
    ($how:ident: $($(#[$attribute:meta])* $name:ident($($value:ident: $type:ty)?),)+) => {
        impl<C: AsContext> Schedule<C> {
            $(
                $(#[$attribute])*
                pub fn $name(self $(, $value: $type)?) -> Self {
                    self.$how(|config| config.$name($($value)?))
                }
            )+
        }
    };
}

of_config! { configure:
    /// Gives each run so much time: see [`Config::timeout`].
    timeout(time: Duration),
    /// Cancels the runs of this schedule by `token`: see [`Config::cancel_on`].
    cancel_on(token: &CancellationToken),
    /// Seeds what is random: see [`Config::seed`].
    seed(seed: u64),
    /// Runs tasks in another order: see [`Config::shuffle`].
    shuffle(seed: u64),
    /// Limits the resumes in one CPU phase: see [`Config::max_resumes_per_phase`].
    ///
    /// # Panics
    /// If `resumes` is 0.
    max_resumes_per_phase(resumes: usize),
    /// How many tasks an asynchronous run resumes before others on its executor run: see
    /// [`Config::yield_every`].
    ///
    /// # Panics
    /// If `resumes` is 0.
    yield_every(resumes: usize),
    #[doc(hidden)]
    answer_at_once(at_once: bool),
}

of_config! { rebuild:
    /// Limits the batches that are in flight at a time: see [`Config::max_in_flight`].
    ///
    /// # Panics
    /// If `batches` is 0.
    max_in_flight(batches: usize),
    /// Sends nothing before all that was sent before has come back: see [`Config::barrier`].
    barrier(),
    /// Limits the spawned tasks that live at a time: see [`Config::max_tasks`].
    ///
    /// # Panics
    /// If `tasks` is 0.
    max_tasks(tasks: usize),
}

impl<C: fmt::Debug> fmt::Debug for Schedule<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("context", &self.context).finish_non_exhaustive()
    }
}
