//! The schedule: a context, and what is kept for the next run.

mod run_async;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::context::AsContext;
use crate::dispatch::{Answers, DispatchConfig, Options, Override, Request, Requests};
use crate::error::Error;
use crate::observe::{Observer, Observers};
use crate::runtime::{Run, RunConfig, RunState, block_on};
use crate::task::{IsTask, Sealed, Task};
use crate::util::{CancelToken, Clock, NeverSend};
pub use run_async::RunAsync;

/// Runs tasks over a context.
///
/// It is made from a context by value, by reference or in an `Arc` or `Rc`, and can be used for run
/// after run: memory that one run needed is there for the next. A run stays on its thread;
/// schedules on different threads share nothing, and one for each request of a server is fine.
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
pub struct Schedule<C> {
    context: C,
    /// Absent before the first run, during a run, and after one that ended badly.
    state: Option<Rc<RunState>>,
    observers: Observers,
    settings: Rc<DispatchConfig>,
    config: RunConfig,
}

#[doc(hidden)]
// SAFETY: it never is: see `NeverSend`.
unsafe impl<C: NeverSend> Send for Schedule<C> {}

impl<C: AsContext> Schedule<C> {
    /// A schedule over a context. Allocates nothing until it runs.
    pub fn new(context: C) -> Self {
        Schedule {
            context,
            state: None,
            observers: Observers::default(),
            settings: Rc::default(),
            config: RunConfig::default(),
        }
    }

    /// The context.
    pub fn context(&self) -> &C::Context {
        self.context.as_context()
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
    /// async fn handler(id: u64) -> Result<u64, corio::Error> {
    ///     // Such a thread may sleep, and what dispatchers need of tokio is there.
    ///     let run = move || corio::Schedule::new(()).run(page(id));
    ///     tokio::task::spawn_blocking(run).await.expect("it does not panic")
    /// }
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # assert_eq!(runtime.block_on(handler(7)), Ok(7));
    /// ```
    ///
    /// # Errors
    /// See [`Error`]. A fallible task gives two layers: `schedule.run(card(id))??`, the run's error
    /// and the task's own.
    ///
    /// # Panics
    /// With what a task or dispatcher panicked with, after every other task was dropped.
    pub fn run<O>(&mut self, task: impl Task<C::Context, Output = O>) -> Result<O, Error> {
        // SAFETY: the run is over, or dropped by unwinding, before this returns; what the task
        // borrows outlives the call.
        let run = unsafe { self.begin(task) };
        block_on(run)
    }

    /// The same as a future, for any executor: it is polled, and wakes, as every future.
    ///
    /// It is not `Send`. On a multi-threaded executor run it by its `block_on`, or on a local set.
    ///
    /// ```
    /// # #[corio::task]
    /// # fn program() -> u64 { 42 }
    /// # async fn handler() -> Result<(), corio::Error> {
    /// let mut schedule = corio::Schedule::new(());
    /// assert_eq!(schedule.run_async(program()).await?, 42);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`run`](Schedule::run).
    ///
    /// # Panics
    /// As [`run`](Schedule::run), when polled.
    pub fn run_async<T: Task<C::Context>>(&mut self, task: T) -> RunAsync<'_, T> {
        let budget = self.config.budget;
        // SAFETY: `RunAsync` has the type of the task in its own, and so what the task borrows
        // outlives it. If it is forgotten, the run is never turned again.
        let run = unsafe { self.begin(task) };
        RunAsync::new(run, budget)
    }

    /// # Safety
    /// What the task borrows outlives the `Run`, or the `Run` is forgotten.
    unsafe fn begin<T: Task<C::Context>>(&mut self, task: T) -> Run<'_, <T as IsTask>::Output> {
        let Schedule { context, state, observers, settings, config } = self;
        let core_of_run = state
            .take()
            .unwrap_or_else(|| RunState::new(observers.clone(), settings.clone(), config));
        // SAFETY: the caller's promise is the same.
        unsafe {
            Run::new(
                context.as_context(),
                core_of_run,
                state,
                observers.clone(),
                config,
                task.into_future(Sealed),
            )
        }
    }

    /// Has another function answer the requests of one dispatcher, in this schedule only: for
    /// tests, and for tenants that are different.
    ///
    /// The dispatcher is named by its function, as in `answer_with(fetch_author, …)`; the
    /// replacement gets the keys by slice and may return any shape that gives the same answers.
    /// It answers in place. Options such as `max_batch` stay as they are; see
    /// [`options`](Schedule::options).
    ///
    /// ```
    /// #[corio::dispatcher]
    /// fn double(numbers: &[u64]) -> Vec<u64> {
    ///     unreachable!("asks a server")
    /// }
    ///
    /// let mut schedule = corio::Schedule::new(());
    /// schedule.answer_with(double, |numbers| numbers.iter().map(|n| n * 2).collect::<Vec<_>>());
    /// assert_eq!(schedule.run(double(21))?, 42);
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn answer_with<K, R, A>(
        &mut self,
        _dispatcher: impl FnOnce(K) -> R,
        answer: impl FnMut(&[R::Key]) -> A + 'static,
    ) -> &mut Self
    where
        R: Request,
        A: Answers<R::Key, Answer = R::Answer>,
    {
        let answer = RefCell::new(answer);
        let override_fn: Override<R> = Rc::new(move |requests: Requests<'_, '_, R>| {
            requests.answer(|keys| (answer.borrow_mut())(keys))
        });
        self.settings().replace(override_fn);
        self
    }

    /// Changes options of one dispatcher, in this schedule only: smaller batches for a tenant with
    /// a small server, a longer time limit for a nightly job.
    ///
    /// The dispatcher is named by its function; the change gets the options that it has so far.
    /// What follows from its code (whether its answers can be cloned, how keys are grouped) is
    /// there as options too.
    ///
    /// ```
    /// #[corio::dispatcher]
    /// fn double(numbers: &[u64]) -> Vec<u64> {
    ///     assert!(numbers.len() <= 2);
    ///     numbers.iter().map(|n| n * 2).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn program() -> Vec<u64> {
    ///     io_all!((1..=5).map(double))
    /// }
    ///
    /// let mut schedule = corio::Schedule::new(());
    /// schedule.options(double, |options| options.max_batch(2));
    /// assert_eq!(schedule.run(program())?, [2, 4, 6, 8, 10]);
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn options<K, R: Request>(
        &mut self,
        _dispatcher: impl FnOnce(K) -> R,
        change: impl FnOnce(Options<R::Key, R::Answer>) -> Options<R::Key, R::Answer>,
    ) -> &mut Self {
        self.settings().change::<R>(change);
        self
    }

    /// At most so many batches of all dispatchers together on the way at once; 128 unless told
    /// otherwise. At the limit requests gather. Dispatchers that answer in place, and
    /// [`future`](crate::future())s, are not held by it.
    ///
    /// # Panics
    /// If `batches` is 0.
    pub fn in_flight(&mut self, batches: usize) -> &mut Self {
        assert!(batches > 0, "in_flight must be at least 1");
        self.settings().limits.in_flight = batches;
        self
    }

    /// Has batches leave in rounds: none before all of the round before have come back, of whatever
    /// dispatcher (as Haxl does). Few batches, at the speed of the slowest.
    ///
    /// ```
    /// # #[corio::dispatcher]
    /// # fn double(numbers: &[u64]) -> Vec<u64> { numbers.iter().map(|n| n * 2).collect() }
    /// let mut schedule = corio::Schedule::new(());
    /// schedule.rounds();
    /// assert_eq!(schedule.run(double(21))?, 42);
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn rounds(&mut self) -> &mut Self {
        self.settings().limits.rounds = true;
        self
    }

    /// Has what is random (the jitter of pauses) be the same in every run.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.settings().limits.seed = Some(seed);
        self
    }

    /// Has tasks run in another order, which the seed decides: for tests of what must not depend on
    /// it.
    ///
    /// Of the tasks that can run any is next, be it that they were spawned or woken, or that their
    /// answers are there. What is random is as with this [`seed`](Schedule::seed). All that is
    /// promised stays: a batch leaves when no task can run, with its keys in the order asked, locks
    /// are handed on in the order of asking, and what was dropped does not run.
    ///
    /// Each run begins with the seed anew: the same program does the same in the same order,
    /// whatever ran before. [`testing::explore`](crate::testing::explore()) goes through many
    /// seeds, and says under which one a program fails.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    ///
    /// type Names = Rc<RefCell<String>>;
    ///
    /// #[corio::task]
    /// fn say(name: char, names: Names) {
    ///     names.borrow_mut().push(name);
    /// }
    ///
    /// #[corio::task]
    /// fn program() -> String {
    ///     let names = Names::default();
    ///     for name in ['a', 'b', 'c'] {
    ///         spawn!(say(name, names.clone()));
    ///     }
    ///     wait!();
    ///     names.take()
    /// }
    ///
    /// let mut schedule = corio::Schedule::new(());
    /// assert_eq!(schedule.run(program())?, "abc");
    ///
    /// let another = schedule.shuffle(1).run(program())?;
    /// assert_ne!(another, "abc");
    /// assert_eq!(schedule.run(program())?, another);
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn shuffle(&mut self, seed: u64) -> &mut Self {
        self.config.shuffle = Some(seed);
        self.seed(seed)
    }

    /// Gives each run so much time. One that is not over by then ends with [`Error::TimedOut`], as
    /// soon as its tasks wait: no code is interrupted. The answers that are there by then are
    /// taken, and tasks run once more; nothing leaves any more. The time is looked at before
    /// batches leave; of batches of one that are answered in place one after another, before
    /// each sixteenth.
    ///
    /// A thousand years or more, as [`Duration::MAX`], is no limit; this holds for every time that
    /// corio is told.
    ///
    /// # What counts when several things happen at one time
    /// The first of these, everywhere:
    ///
    /// | | |
    /// |---|---|
    /// | the end | what has come to its end has its result, whatever happens afterwards |
    /// | cancel | by a [`CancelToken`]: the run ends, and nobody hears of anything else |
    /// | drop | whoever is dropped (it lost a `race!`, its sibling failed) hears of nothing |
    /// | answer | it is taken, and all that follows from it runs until every task waits |
    /// | limit of a batch | `timeout = ".."`; where that is an error of the requests, it is taken too |
    /// | `timeout!` | of two, one around the other, the outer one |
    /// | deadline | |
    ///
    /// ```
    /// # use std::time::Duration;
    /// #[corio::dispatcher]
    /// async fn never(keys: &[u64]) -> Vec<u64> {
    ///     std::future::pending().await
    /// }
    ///
    /// let mut schedule = corio::Schedule::new(());
    /// schedule.deadline(Duration::from_secs(5)).clock(corio::testing::VirtualClock::new());
    /// assert_eq!(schedule.run(never(1)).unwrap_err().to_string(), "the run was not over after 5s, its deadline");
    /// ```
    pub fn deadline(&mut self, limit: Duration) -> &mut Self {
        self.config.deadline = crate::util::limit(limit);
        self
    }

    /// Whether requests that nobody can join are answered where they are asked; for tests of corio,
    /// which compare both ways.
    #[doc(hidden)]
    pub fn answer_at_once(&mut self, at_once: bool) -> &mut Self {
        self.config.at_once = at_once;
        self
    }

    /// Has `token` cancel the runs of this schedule, from any thread: a cancelled run ends with
    /// [`Error::Cancelled`], as soon as its tasks wait. See [`CancelToken`].
    pub fn cancel_on(&mut self, token: &CancelToken) -> &mut Self {
        self.state = None;
        self.config.cancel = Some(token.clone());
        self
    }

    /// At most so many spawned tasks live at a time, whatever they wait for: `spawn!` of the next
    /// one waits until another has ended. So ten million short tasks run in the memory
    /// of a few. Children of `all!`, `join!` and their like are not counted; they have [`all!(limit
    /// = n, ..)`](macro@crate::task#in-the-body).
    ///
    /// Whoever runs when there is room takes it; those who wait for room take turns.
    ///
    /// Tasks that spawn in their turn count as well: if as many as that wait to spawn, the run ends
    /// with [`Error::Deadlock`], which says so.
    ///
    /// ```
    /// #[corio::dispatcher]
    /// fn double(numbers: &[u64]) -> Vec<u64> {
    ///     assert!(numbers.len() <= 100);
    ///     numbers.iter().map(|n| n * 2).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn short(n: u64) {
    ///     io!(double(n));
    /// }
    ///
    /// #[corio::task]
    /// fn program() {
    ///     for n in 0..10_000 {
    ///         spawn!(short(n));
    ///     }
    /// }
    ///
    /// corio::Schedule::new(()).max_tasks(100).run(program())?;
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `tasks` is 0.
    pub fn max_tasks(&mut self, tasks: usize) -> &mut Self {
        assert!(tasks > 0, "max_tasks must be at least 1");
        self.state = None;
        self.config.max_tasks = tasks;
        self
    }

    /// After so many resumes in one CPU phase, what is queued leaves although there are still tasks
    /// that can run: tasks that keep waking each other cannot hold up the others for
    /// ever. About 17 million unless told otherwise. An observer hears of it, as
    /// [`Event::Overlong`](crate::Event::Overlong).
    ///
    /// # Panics
    /// If `resumes` is 0.
    pub fn fairness(&mut self, resumes: usize) -> &mut Self {
        assert!(resumes > 0, "fairness must be at least 1");
        self.config.fairness = resumes;
        self
    }

    /// Has time limits, pauses and caches look at another clock than the system's.
    pub fn clock(&mut self, clock: impl Clock + 'static) -> &mut Self {
        self.state = None;
        self.config.clock = Some(Rc::new(clock));
        self
    }

    /// How many tasks an asynchronous run resumes before it lets others on its executor run; 1024
    /// unless told otherwise. It goes on where it was: nothing leaves meanwhile that
    /// would not have left without the interruption.
    ///
    /// # Panics
    /// If `resumes` is 0.
    pub fn budget(&mut self, resumes: usize) -> &mut Self {
        assert!(resumes > 0, "a budget of at least 1");
        self.config.budget = resumes;
        self
    }

    /// The settings, to be changed. The queues of the core have theirs; new ones are made for the
    /// next run.
    fn settings(&mut self) -> &mut DispatchConfig {
        self.state = None;
        Rc::make_mut(&mut self.settings)
    }

    /// Has an observer hear of everything that happens in the runs to come, instead of the one
    /// before.
    pub fn observe(&mut self, observer: impl Observer + 'static) -> &mut Self {
        self.state = None;
        self.observers = Observers::new(observer);
        self
    }
}

impl<C: fmt::Debug> fmt::Debug for Schedule<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("context", &self.context).finish_non_exhaustive()
    }
}
