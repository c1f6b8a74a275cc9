//! What schedules are told before they run: made once, shared by threads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::dispatch::{Answers, DispatchConfig, Options, Override, Request, Requests};
use crate::runtime::RunConfig;
use crate::util::{CancellationToken, Clock, limit};

/// What schedules are told: limits, options of dispatchers, what stands in for them, a clock.
///
/// A configuration is made once, in `main` say, and cloned into every handler: clones share what
/// they hold, and it can be used by any number of threads. A [`Schedule`](crate::Schedule) is made
/// from it and a context by [`schedule`](Config::schedule). What belongs to one run (a time limit,
/// a token that cancels it, an observer) is given with the run: [`RunOptions`](crate::RunOptions).
///
/// ```
/// use std::time::Duration;
/// use corio::Config;
///
/// #[derive(corio::Context)]
/// struct App {
///     db: Db,
/// }
///
/// # struct Db;
/// # impl Db {
/// #     fn names(&self, ids: &[u64]) -> Vec<String> { ids.iter().map(u64::to_string).collect() }
/// # }
/// #[corio::dispatcher]
/// fn name(db: &Db, ids: &[u64]) -> Vec<String> {
///     db.names(ids)
/// }
///
/// let config = Config::new()
///     .timeout(Duration::from_secs(5))
///     .max_tasks(10_000)
///     .options(name, |options| options.max_batch(500));
///
/// let of_a_handler = config.clone();
/// std::thread::spawn(move || {
///     let mut schedule = of_a_handler.schedule(App { db: Db });
///     assert_eq!(schedule.run(name(7)).unwrap(), "7");
/// })
/// .join()
/// .unwrap();
/// ```
#[derive(Clone, Default)]
#[must_use = "a configuration does nothing until a schedule is made of it: `config.schedule(cx)`"]
pub struct Config {
    shared: Arc<Shared>,
}

/// What the clones of a configuration share. A change of one copies it first.
#[derive(Clone, Default)]
struct Shared {
    dispatch: Arc<DispatchConfig>,
    run: RunConfig,
}

impl Config {
    /// The configuration of [`Schedule::new`](crate::Schedule::new): no time limit, the system's
    /// clock, every dispatcher as it is written.
    pub fn new() -> Self {
        Config::default()
    }

    /// Answers the requests of one dispatcher by another function: for tests, and for tenants that
    /// are different.
    ///
    /// The dispatcher is named by its function, as in `answer_with(fetch_author, …)`; the function
    /// gets the keys by slice and may return any shape that gives the same answers. It answers in
    /// place. Options such as `max_batch` stay as they are; see [`options`](Config::options).
    ///
    /// ```
    /// #[corio::dispatcher]
    /// fn double(numbers: &[u64]) -> Vec<u64> {
    ///     unreachable!("asks a server")
    /// }
    ///
    /// let config = corio::Config::new()
    ///     .answer_with(double, |numbers| numbers.iter().map(|n| n * 2).collect::<Vec<_>>());
    /// assert_eq!(config.schedule(()).run(double(21))?, 42);
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn answer_with<K, R, A>(
        self,
        _dispatcher: impl FnOnce(K) -> R,
        answer: impl Fn(&[R::Key]) -> A + Send + Sync + 'static,
    ) -> Self
    where
        R: Request,
        A: Answers<R::Key, Answer = R::Answer>,
    {
        let answer: Override<R> =
            Arc::new(move |requests: Requests<'_, '_, R>| requests.answer(&answer));
        self.dispatch(|dispatch| dispatch.replace(answer))
    }

    /// Changes options of one dispatcher: smaller batches for a tenant with a small server, a
    /// longer time limit for a nightly job.
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
    /// let config = corio::Config::new().options(double, |options| options.max_batch(2));
    /// assert_eq!(config.schedule(()).run(program())?, [2, 4, 6, 8, 10]);
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn options<K, R: Request>(
        self,
        _dispatcher: impl FnOnce(K) -> R,
        change: impl FnOnce(Options<R::Key, R::Answer>) -> Options<R::Key, R::Answer>,
    ) -> Self {
        self.dispatch(|dispatch| dispatch.change::<R>(change))
    }

    /// Limits the batches of all dispatchers together that are in flight at a time; 128 unless told
    /// otherwise. At the limit requests gather. Dispatchers that answer in place, and
    /// [`future`](crate::future())s, are not held by it.
    ///
    /// # Panics
    /// If `batches` is 0.
    pub fn max_in_flight(self, batches: usize) -> Self {
        assert!(batches > 0, "max_in_flight must be at least 1");
        self.dispatch(|dispatch| dispatch.limits.in_flight = batches)
    }

    /// Sends nothing before all that was sent before has come back, of whatever dispatcher (as Haxl
    /// does). Few batches, at the speed of the slowest.
    ///
    /// ```
    /// # #[corio::dispatcher]
    /// # fn double(numbers: &[u64]) -> Vec<u64> { numbers.iter().map(|n| n * 2).collect() }
    /// let mut schedule = corio::Schedule::new(()).barrier();
    /// assert_eq!(schedule.run(double(21))?, 42);
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn barrier(self) -> Self {
        self.dispatch(|dispatch| dispatch.limits.barrier = true)
    }

    /// Seeds what is random (the jitter of pauses), so that every run does the same.
    pub fn seed(self, seed: u64) -> Self {
        self.run(|run| run.seed = Some(seed))
    }

    /// Runs tasks in another order, which the seed decides: for tests of what must not depend on
    /// it.
    ///
    /// Of the tasks that can run any is next, be it that they were spawned or woken, or that their
    /// answers are there. What is random is as with this [`seed`](Config::seed). All that is
    /// promised stays: a batch leaves when no task can run, with its keys in the order asked,
    /// locks are handed on in the order of asking, and what was dropped does not run.
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
    /// assert_eq!(corio::Schedule::new(()).run(program())?, "abc");
    ///
    /// let mut shuffled = corio::Schedule::new(()).shuffle(1);
    /// let another = shuffled.run(program())?;
    /// assert_ne!(another, "abc");
    /// assert_eq!(shuffled.run(program())?, another);
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn shuffle(self, seed: u64) -> Self {
        self.run(|run| (run.seed, run.shuffle) = (Some(seed), Some(seed)))
    }

    /// Gives each run so much time, unless the run is [told another](crate::RunOptions::timeout). A
    /// run that is not over by then ends with [`Error::TimedOut`](crate::Error::TimedOut), as soon
    /// as its tasks wait: no code is interrupted. The answers that are there by then are taken,
    /// and tasks run once more; nothing leaves any more. The time is looked at before batches
    /// leave; of batches of one that are answered in place one after another, before each
    /// sixteenth.
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
    /// | cancel | by a [`CancellationToken`]: the run ends, and hears of nothing else |
    /// | drop | a task that is dropped (it lost a `race!`, its sibling failed) hears of nothing |
    /// | answer | it is taken, and all that follows from it runs until every task waits |
    /// | limit of a batch | `timeout = ".."`; if that is the requests' error, it is taken too |
    /// | `timeout!` | of two, one around the other, the outer one |
    /// | timeout of the run | |
    ///
    /// ```
    /// # use std::time::Duration;
    /// #[corio::dispatcher]
    /// async fn never(keys: &[u64]) -> Vec<u64> {
    ///     std::future::pending().await
    /// }
    ///
    /// let config = corio::Config::new()
    ///     .timeout(Duration::from_secs(5))
    ///     .clock(corio::testing::VirtualClock::new());
    /// let error = config.schedule(()).run(never(1)).unwrap_err();
    /// assert_eq!(error.to_string(), "the run was not over after 5s, its time limit");
    /// ```
    pub fn timeout(self, time: Duration) -> Self {
        self.run(|run| run.timeout = limit(time))
    }

    /// Cancels runs by `token`, from any thread: one that is shared by all runs of a server, and
    /// cancelled when that shuts down. A cancelled run ends with
    /// [`Error::Cancelled`](crate::Error::Cancelled), as soon as its tasks wait. Of several tokens
    /// any cancels; one for a single run is given [with it](crate::RunOptions::cancel_on).
    pub fn cancel_on(self, token: &CancellationToken) -> Self {
        self.run(|run| run.cancel.push(token.clone()))
    }

    /// Limits the spawned tasks that live at a time, whatever they wait for: `spawn!` of the next
    /// one waits until another has ended. So ten million short tasks run in the memory of a
    /// few. Children of `all!`, `join!` and their like are not counted; they have
    /// [`all!(limit = n, ..)`](macro@crate::task#in-the-body).
    ///
    /// A task that runs while there is room takes it; the tasks that wait for room take turns.
    /// Tasks that spawn count as well: if as many as that wait to spawn, the run ends with
    /// [`Error::Deadlock`](crate::Error::Deadlock), which says so.
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
    pub fn max_tasks(self, tasks: usize) -> Self {
        assert!(tasks > 0, "max_tasks must be at least 1");
        self.run(|run| run.max_tasks = tasks)
    }

    /// Limits the resumes in one CPU phase: after so many, what is queued leaves although there are
    /// still tasks that can run, so that tasks which keep waking each other cannot hold up the
    /// others for ever. About 17 million unless told otherwise. An observer hears of it, as
    /// [`Event::LongPhase`](crate::Event::LongPhase).
    ///
    /// # Panics
    /// If `resumes` is 0.
    pub fn max_resumes_per_phase(self, resumes: usize) -> Self {
        assert!(resumes > 0, "max_resumes_per_phase must be at least 1");
        self.run(|run| run.max_resumes = resumes)
    }

    /// How many tasks an asynchronous run resumes before it lets others on its executor run; 1024
    /// unless told otherwise. It goes on where it was: nothing leaves meanwhile that would not have
    /// left without the interruption.
    ///
    /// # Panics
    /// If `resumes` is 0.
    pub fn yield_every(self, resumes: usize) -> Self {
        assert!(resumes > 0, "yield_every must be at least 1");
        self.run(|run| run.yield_every = resumes)
    }

    /// Time limits, pauses and caches look at this clock instead of the system's.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        self.run(|run| run.clock = Some(Arc::new(clock)))
    }

    /// Whether requests that nobody can join are answered where they are asked; for tests of corio,
    /// which compare both ways.
    #[doc(hidden)]
    pub fn answer_at_once(self, at_once: bool) -> Self {
        self.run(|run| run.at_once = at_once)
    }

    pub(super) fn run_config(&self) -> &RunConfig {
        &self.shared.run
    }

    pub(super) fn dispatch_config(&self) -> &Arc<DispatchConfig> {
        &self.shared.dispatch
    }

    fn run<T>(mut self, change: impl FnOnce(&mut RunConfig) -> T) -> Self {
        change(&mut Arc::make_mut(&mut self.shared).run);
        self
    }

    pub(crate) fn dispatch(mut self, change: impl FnOnce(&mut DispatchConfig)) -> Self {
        change(Arc::make_mut(&mut Arc::make_mut(&mut self.shared).dispatch));
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunConfig { timeout, max_tasks, .. } = &self.shared.run;
        let max_in_flight = self.shared.dispatch.limits.in_flight;
        f.debug_struct("Config")
            .field("timeout", timeout)
            .field("max_tasks", max_tasks)
            .field("max_in_flight", &max_in_flight)
            .finish_non_exhaustive()
    }
}
