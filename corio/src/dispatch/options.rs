//! The options of a dispatcher. Its queue has a copy, which the schedule may have changed.

use std::fmt;
use std::time::Duration;

use super::error::{Fault, RequestError};
use super::rate::Rate;
use super::retry::Retry;
use crate::dispatch::answers::Answers;
use crate::dispatch::cache::CachePolicy;
use crate::dispatch::keys::{
    CloneAnswer, CopyKey, Dedup, Groups, HashKey, KeptBetweenRuns, ShowKey,
};

/// Batches of one dispatcher in flight at once, by default. Chosen by simulation: see
/// [`Options::max_in_flight`].
const DEFAULT_IN_FLIGHT: usize = 1;

/// Batches in flight that a hub finds right by itself, at most. Chosen by simulation: see
/// [`Options::adaptive_in_flight`].
const DEFAULT_ADAPTS_UP_TO: usize = 8;

/// Creates the object that numbers the groups of keys, one for each queue.
type MakeGroups<K> = fn() -> Groups<K>;

/// How batches of one kind of request are put together, sent and answered. Set by
/// [`Request::OPTIONS`](crate::Request::OPTIONS); changed for one schedule by
/// [`Schedule::options`](crate::Schedule::options).
///
/// ```
/// # use corio::Options;
/// const OPTIONS: Options<u64, String> = Options::new().max_batch(500).max_in_flight(4).dedup();
/// ```
pub struct Options<K, A> {
    pub(super) max_batch: usize,
    pub(super) in_flight: usize,
    /// In a hub, where no limit was told: the highest that it finds itself.
    pub(super) adapts_up_to: Option<usize>,
    pub(super) concurrent: bool,
    pub(super) ordered: bool,
    /// Whether each request is a batch of its own, which no limit holds and which is dropped with
    /// the task that asked.
    pub(super) unbatched: bool,
    pub(super) dedup: Option<Dedup<K, A>>,
    /// With dedup: whether a request may follow one that is in flight.
    pub(super) joins_in_flight: bool,
    pub(super) cache_policy: Option<CachePolicy<K, A>>,
    pub(super) groups: Option<MakeGroups<K>>,
    pub(super) retry: Retry<A>,
    /// Copies keys that are needed after a dispatcher has taken the originals: for a retry, or to
    /// cache their answers.
    pub(super) copy_key: Option<CopyKey<K>>,
    pub(super) timeout: Option<Duration>,
    pub(super) rate: Option<Rate>,
    pub(super) show_key: Option<ShowKey<K>>,
    /// Whether a hub answers these requests together with those of others.
    pub(super) shared: bool,
    /// Turns a fault of a batch into an answer. If absent, a fault ends the run.
    pub(super) fault: Option<fn(&Fault) -> A>,
}

impl<K, A> Clone for Options<K, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, A> Copy for Options<K, A> {}

impl<K, A> fmt::Debug for Options<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("max_batch", &self.max_batch)
            .field("in_flight", &self.in_flight)
            .field("concurrent", &self.concurrent)
            .field("ordered", &self.ordered)
            .field("dedup", &self.dedup.is_some())
            .field("cache", &self.cache_policy)
            .field("group_by", &self.groups.is_some())
            .field("retry", &self.retry)
            .field("timeout", &self.timeout)
            .field("rate", &self.rate)
            .field("show_keys", &self.show_key.is_some())
            .field("faults_as_errors", &self.fault.is_some())
            .finish()
    }
}

impl<K, A> Options<K, A> {
    /// The default options: one batch of everything that was asked for, equal keys included; one
    /// batch in flight at once; a fault of a batch ends the run.
    #[expect(clippy::new_without_default, reason = "there is one way to write it, and it is const")]
    pub const fn new() -> Self {
        Options {
            max_batch: usize::MAX,
            in_flight: DEFAULT_IN_FLIGHT,
            adapts_up_to: Some(DEFAULT_ADAPTS_UP_TO),
            concurrent: false,
            ordered: false,
            unbatched: false,
            dedup: None,
            joins_in_flight: true,
            cache_policy: None,
            groups: None,
            retry: Retry::unless_told(),
            copy_key: None,
            timeout: None,
            rate: None,
            show_key: None,
            shared: false,
            fault: None,
        }
    }

    /// The default options for a per-batch function that returns `R`: a function that returns a map
    /// gets each key once.
    pub const fn of<R: Answers<K, Answer = A>>() -> Self {
        let mut options = Options::new();
        options.dedup = R::DEDUP;
        options
    }

    // ── what a batch is ──

    /// Limits a batch to `len` keys. If more requests may leave together, they leave as several
    /// batches at the same time.
    ///
    /// # Panics
    /// If `len` is 0; at compile time, if the options are a constant.
    pub const fn max_batch(mut self, len: usize) -> Self {
        assert!(len > 0, "max_batch must be at least 1");
        self.max_batch = len;
        self
    }

    /// Sends equal keys once, and gives each request a clone of the answer: requests of the same
    /// phase, and requests that are made while the key is in flight.
    pub const fn dedup(mut self) -> Self
    where
        K: HashKey,
        A: CloneAnswer,
    {
        self.dedup = Some(Dedup::by_hash());
        self
    }

    /// Sends only keys of one group together, each group as a batch of its own: for keys with a
    /// page size, a tenant or a locale that has to be the same for a whole batch. Each group has
    /// its own limit of batches [`max_in_flight`](Options::max_in_flight), so a group whose batch
    /// is slow holds back no other.
    ///
    /// `groups` creates the object that finds the group of a key.
    /// [`corio::groups`](crate::groups()) makes one from what the keys of a group have in common.
    ///
    /// ```
    /// # use corio::{Options, groups};
    /// struct Page { of: u64, size: u32 }
    /// const OPTIONS: Options<Page, Vec<u64>> =
    ///     Options::new().group_by(|| groups(|page: &Page| page.size));
    /// ```
    ///
    /// With [`ordered`](Options::ordered) the order spans all groups: one batch at a time, of the
    /// requests that were made before the first one of another group.
    pub const fn group_by(mut self, groups: fn() -> Groups<K>) -> Self {
        self.groups = Some(groups);
        self
    }

    // ── when it leaves ──

    /// Limits how many batches may be in flight at once. At the limit requests gather; they leave
    /// together when a batch has come back or was abandoned, as no task waits for it any more. The
    /// parts of a batch that exceeded `max_batch` count as one. With
    /// [`group_by`](Options::group_by) each group has this limit for itself.
    ///
    /// The default is one: requests that are made while a batch is in flight leave together in the
    /// next one, as in group commit. `usize::MAX` means no limit.
    #[doc = include_str!("../../docs/limits.md")]
    ///
    #[doc = include_str!("../../docs/limits.svg")]
    ///
    /// # Panics
    /// If `batches` is 0; at compile time, if the options are a constant.
    pub const fn max_in_flight(mut self, batches: usize) -> Self {
        assert!(batches > 0, "max_in_flight must be at least 1");
        self.in_flight = batches;
        self.adapts_up_to = None;
        self
    }

    /// Lets a hub find out how many batches may be in flight at once, `at_most` so many. This is
    /// what a hub does unless a number is told, up to 8; in a run it is one.
    ///
    /// One batch is in flight, and requests gather meanwhile. But a batch that takes more than
    /// twice as long as is typical holds nobody: it does not count any more. Nor does a batch gain
    /// by waiting that is full already. So few batches leave, and who asks waits for a slow one of
    /// others no longer than for a usual one.
    #[doc = include_str!("../../docs/hub_limits.md")]
    ///
    #[doc = include_str!("../../docs/hub_limits.svg")]
    ///
    /// # Panics
    /// If `at_most` is 0; at compile time, if the options are a constant.
    pub const fn adaptive_in_flight(mut self, at_most: usize) -> Self {
        assert!(at_most > 0, "adaptive_in_flight must be at least 1");
        self.in_flight = DEFAULT_IN_FLIGHT;
        self.adapts_up_to = Some(at_most);
        self
    }

    /// Lets so many batches leave within any period of this length. Others wait, and gather
    /// meanwhile. Every batch counts, also one that is retried, answered at once or one of the
    /// parts into which `max_batch` splits requests; what a cache answers does not.
    ///
    /// With [`group_by`](Options::group_by) each group has this rate for itself, unless the
    /// dispatcher is [`ordered`](Options::ordered): a crawler asks each host ten times a second.
    /// A schedule keeps to the rate from run to run, but knows nothing of other schedules. Those
    /// [share](Options::shared) a dispatcher by a [`Hub`](crate::Hub), which keeps to the rate for
    /// all of them together; where the dispatcher has parts (`by`), for each part. What has left is
    /// forgotten by a run that panics, and in a hub when `Drop` of a key does or an observer. A hub
    /// remembers each part and group for the period, with a future on its executor: think of that
    /// before you say `"5000/h"` for a million hosts.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use corio::testing::VirtualClock;
    ///
    /// #[corio::dispatcher(max_batch = 1, rate = "2/s")]
    /// fn lengths(texts: &[String]) -> Vec<usize> {
    ///     texts.iter().map(String::len).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn three() -> Vec<usize> {
    ///     io_all!(["a", "bc", "def"].map(|text| lengths(text.to_owned())))
    /// }
    ///
    /// let clock = VirtualClock::new();
    /// let mut schedule = corio::Config::new().clock(clock.clone()).schedule(());
    /// assert_eq!(schedule.run(three()).unwrap(), [1, 2, 3]);
    /// assert_eq!(corio::Clock::now(&clock), Duration::from_secs(1));
    /// ```
    ///
    /// # Panics
    /// If `batches` or `period` is 0; at compile time, if the options are a constant.
    pub const fn rate(mut self, batches: usize, period: Duration) -> Self {
        assert!(batches > 0, "rate must be at least 1");
        assert!(!period.is_zero(), "the period of a rate must not be zero");
        self.rate = Some(Rate { batches, period });
        self
    }

    /// Answers requests in the order asked, across batches: a batch leaves when every request
    /// before it has its answer. That includes the batches into which `max_batch` splits requests.
    /// A request that is retried goes first, and requests after it wait for it.
    ///
    /// For writes, with each batch in one transaction:
    ///
    /// ```
    /// # struct Db;
    /// # struct Transaction;
    /// # #[derive(Debug, Clone)]
    /// # struct DbError;
    /// # impl Db { fn begin(&self) -> Result<Transaction, DbError> { Ok(Transaction) } }
    /// # impl Transaction {
    /// #     fn insert(&self, line: &str) -> Result<usize, DbError> { Ok(line.len()) }
    /// #     fn commit(self) -> Result<(), DbError> { Ok(()) }
    /// # }
    /// #[corio::dispatcher(write, max_batch = 500)]
    /// fn insert(db: &Db, lines: &[String]) -> Result<Vec<usize>, DbError> {
    ///     let transaction = db.begin()?; // rolls back when dropped
    ///     let ids = lines.iter().map(|line| transaction.insert(line)).collect::<Result<_, _>>()?;
    ///     transaction.commit()?;
    ///     Ok(ids)
    /// }
    /// # assert_eq!(corio::Schedule::new(&Db).run(insert("four".into())).unwrap().unwrap(), 4);
    /// ```
    ///
    /// The order is that of *asking*: tasks that waited for different things before ask in the
    /// order in which they were resumed, not in the order in which they were spawned. If you need
    /// the latter, look everything up first and write afterwards, as `examples/sqlite_batch` does.
    ///
    /// When a task is dropped (it lost a race, say), its requests are withdrawn unless they have
    /// left. A write that has begun is seen to its end, and later writes wait for it. When a whole
    /// run is dropped (by a panic, a time limit, or a `run_async` future that is dropped), every
    /// request that has not left is withdrawn. What happens to a batch that has left depends on the
    /// dispatcher:
    ///
    /// - A batch that is answered in place returns before anything else runs, so it is never
    ///   interrupted.
    /// - An `async fn` is dropped at the `.await` that it has reached, so its effects up to there
    ///   remain. In a transaction they are all or nothing; but whether a commit in flight took
    ///   place, only the database knows.
    /// - A blocking function finishes its work, and its answer is discarded.
    ///
    /// The same holds for a batch that exceeds its [`timeout`](Options::timeout): it is given up,
    /// and the next batch leaves, although a blocking function or another thread may still be
    /// at work. For writes that must not overlap, let the database end what takes too long.
    pub const fn ordered(mut self) -> Self {
        self.ordered = true;
        self.in_flight = 1;
        self
    }

    /// Declares that batches are answered later, by a future or another thread. They start before
    /// any dispatcher that answers in place blocks the thread.
    pub const fn concurrent(mut self) -> Self {
        self.concurrent = true;
        self
    }

    /// Makes each request a batch of its own without limits: for requests that are futures.
    pub(super) const fn unbatched(mut self) -> Self {
        self.unbatched = true;
        self.max_batch = 1;
        self.in_flight = usize::MAX;
        self.concurrent()
    }

    // ── what happens to its answers ──

    /// Caches answers for the rest of the run: later requests for the same key get a clone. Implies
    /// [`dedup`](Options::dedup). Only answers for which `worth_keeping` returns true are cached;
    /// of `Result`s these are usually the `Ok` ones.
    pub const fn cache(mut self, worth_keeping: fn(&A) -> bool) -> Self
    where
        K: HashKey,
        A: CloneAnswer + 'static,
    {
        self.cache_policy = Some(CachePolicy::for_the_run(worth_keeping));
        self.copy_key = Some(K::clone);
        if self.dedup.is_none() {
            self.dedup = Some(Dedup::by_hash());
        }
        self
    }

    /// Caches answers with the schedule, from run to run, separately for each
    /// [`partition`](crate::Dispatch::partition). The cache is lost when a run panics, or when the
    /// settings of the schedule change.
    ///
    /// # Panics
    /// If [`cache`](Options::cache) was not called before.
    pub const fn cache_in_schedule(mut self) -> Self
    where
        K: KeptBetweenRuns,
        A: KeptBetweenRuns,
    {
        self.cache_policy = Some(cache_policy(self.cache_policy).between_runs());
        self
    }

    /// Limits the cache to this number of answers, of all partitions together. The least used ones
    /// are evicted (S3-FIFO, by the crate `quick_cache`). Needs the feature `cache`.
    ///
    /// # Panics
    /// If [`cache`](Options::cache) was not called before, if `answers` is 0, or without the
    /// feature; at compile time, if the options are a constant.
    pub const fn capacity(mut self, answers: usize) -> Self
    where
        K: HashKey,
        A: CloneAnswer + 'static,
    {
        self.cache_policy = Some(cache_policy(self.cache_policy).bounded(answers));
        self
    }

    /// Limits how long a cached answer is used.
    ///
    /// # Panics
    /// If [`cache`](Options::cache) was not called before.
    pub const fn ttl(mut self, time: Duration) -> Self {
        self.cache_policy = Some(cache_policy(self.cache_policy).at_most_for(time));
        self
    }

    /// Sets how often, when and after which pauses requests are retried.
    pub const fn retry(mut self, retry: Retry<A>) -> Self
    where
        K: Clone,
    {
        self.retry = retry;
        self.copy_key = Some(K::clone);
        self
    }

    /// Gives up a batch that is not answered within `limit`: its future is dropped, late answers
    /// are discarded. A dispatcher that answers in place cannot be interrupted. Answers that have
    /// arrived by then count: see [`Config::timeout`](crate::Config::timeout).
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = crate::util::limit(limit);
        self
    }

    /// Shows keys in errors and events, by their `Debug`. Without this option only their positions
    /// are shown, as keys may be secrets.
    pub const fn show_keys(mut self) -> Self
    where
        K: fmt::Debug,
    {
        self.show_key = Some(<K as fmt::Debug>::fmt);
        self
    }

    // ── through a hub ──

    /// Lets a [`Hub`](crate::Hub) answer these requests together with those of others. A schedule
    /// that goes [through](crate::Config::through) a hub which does not know them panics when the
    /// first is asked.
    pub const fn shared(mut self) -> Self {
        self.shared = true;
        self
    }
}

impl<K, T, E> Options<K, Result<T, RequestError<E>>> {
    /// Makes a fault of a batch the error of its requests, so that the run goes on. Without this
    /// option a fault ends the run: see [`RequestError`].
    pub const fn faults_as_errors(mut self) -> Self {
        self.fault = Some(|fault| Err(fault.for_request()));
        self
    }
}

const fn cache_policy<K, A>(cache_policy: Option<CachePolicy<K, A>>) -> CachePolicy<K, A> {
    match cache_policy {
        Some(cache_policy) => cache_policy,
        None => panic!("first say which answers are kept, by `cache`"),
    }
}
