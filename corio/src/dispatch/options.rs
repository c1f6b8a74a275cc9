//! The options of a dispatcher. A copy is in its queue, where a schedule may have changed it.

use std::fmt;
use std::time::Duration;

use super::error::{Fault, RequestError};
use super::retry::Retry;
use crate::dispatch::answers::Answers;
use crate::dispatch::cache::CachePolicy;
use crate::dispatch::keys::{CloneAnswer, CopyKey, Dedup, Groups, HashKey, ShowKey};

/// Batches of one dispatcher on the way at once, unless it says otherwise.
///
/// Chosen by simulation: see [`Options::in_flight`].
const DEFAULT_IN_FLIGHT: usize = 1;

/// Makes what finds the group of a key.
type MakeGroups<K> = fn() -> Groups<K>;

/// How batches of one kind of request are put together, sent and answered; for
/// [`Request::OPTIONS`](crate::Request::OPTIONS), and for
/// [`Schedule::options`](crate::Schedule::options), which changes them for one schedule.
///
/// ```
/// # use corio::Options;
/// const OPTIONS: Options<u64, String> = Options::new().max_batch(500).in_flight(4).dedup();
/// ```
pub struct Options<K, A> {
    pub(super) max_batch: usize,
    pub(super) in_flight: usize,
    pub(super) concurrent: bool,
    pub(super) ordered: bool,
    /// Each request is a batch of its own that no limit holds, and that is dropped with the task
    /// that asked.
    pub(super) unbatched: bool,
    pub(super) dedup: Option<Dedup<K, A>>,
    pub(super) cache_policy: Option<CachePolicy<K, A>>,
    pub(super) groups: Option<MakeGroups<K>>,
    pub(super) retry: Retry<A>,
    /// For keys that a dispatcher takes by value, where they are needed afterwards.
    pub(super) copy_key: Option<CopyKey<K>>,
    pub(super) timeout: Option<Duration>,
    pub(super) show_key: Option<ShowKey<K>>,
    /// Makes trouble with a batch an answer. Absent, it ends the run.
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
            .field("show_keys", &self.show_key.is_some())
            .field("faults_as_errors", &self.fault.is_some())
            .finish()
    }
}

impl<K, A> Options<K, A> {
    /// One batch of everything that was asked for, doubles included; one on the way at once;
    /// trouble ends the run.
    #[expect(clippy::new_without_default, reason = "there is one way to write it, and it is const")]
    pub const fn new() -> Self {
        Options {
            max_batch: usize::MAX,
            in_flight: DEFAULT_IN_FLIGHT,
            concurrent: false,
            ordered: false,
            unbatched: false,
            dedup: None,
            cache_policy: None,
            groups: None,
            retry: Retry::unless_told(),
            copy_key: None,
            timeout: None,
            show_key: None,
            fault: None,
        }
    }

    /// The options that follow from what a per-batch function returns: one that returns a map gets
    /// each key once.
    pub const fn of<R: Answers<K, Answer = A>>() -> Self {
        let mut options = Options::new();
        options.dedup = R::DEDUP;
        options
    }

    // ── what a batch is ──

    /// At most `len` keys in a batch; what is more leaves as further batches at the same time.
    ///
    /// # Panics
    /// If `len` is 0; when compiled, where options are constants.
    pub const fn max_batch(mut self, len: usize) -> Self {
        assert!(len > 0, "max_batch must be at least 1");
        self.max_batch = len;
        self
    }

    /// Equal keys go out once, and each request gets a clone of the answer: those that are asked in
    /// the same phase, and those that are asked while the key is on its way.
    pub const fn dedup(mut self) -> Self
    where
        K: HashKey,
        A: CloneAnswer,
    {
        self.dedup = Some(Dedup::by_hash());
        self
    }

    /// Only keys of one group go out together, each group as a batch of its own: keys with a page
    /// size, a tenant, a locale that has to be one for the whole batch. Each has its own
    /// limit of batches [`in_flight`](Options::in_flight): one whose batch is slow holds back no
    /// other.
    ///
    /// `groups` makes what finds the group of a key; [`corio::groups`](crate::groups()) does from
    /// what the keys of a group have in common.
    ///
    /// ```
    /// # use corio::{Options, groups};
    /// struct Page { of: u64, size: u32 }
    /// const OPTIONS: Options<Page, Vec<u64>> = Options::new().group_by(|| groups(|page: &Page| page.size));
    /// ```
    ///
    /// With [`ordered`](Options::ordered) order holds over all groups: one batch at a time, of
    /// those that were asked before the first of another group.
    pub const fn group_by(mut self, groups: fn() -> Groups<K>) -> Self {
        self.groups = Some(groups);
        self
    }

    // ── when it leaves ──

    /// At most so many batches on the way at once that somebody waits for. At the limit requests
    /// gather, and leave together when a place is free; the parts that a batch was split into take
    /// one place. With [`group_by`](Options::group_by) each group has this limit for itself.
    /// One unless told otherwise (a dispatcher that is asked while its batch is on the way works as
    /// group commit does), `usize::MAX` for no limit.
    #[doc = include_str!("../../docs/limits.md")]
    ///
    #[doc = include_str!("../../docs/limits.svg")]
    ///
    /// # Panics
    /// If `batches` is 0; when compiled, where options are constants.
    pub const fn in_flight(mut self, batches: usize) -> Self {
        assert!(batches > 0, "in_flight must be at least 1");
        self.in_flight = batches;
        self
    }

    /// Requests are answered in the order asked, across batches: the next one leaves, also of those
    /// that `max_batch` made, when every request before it has its answer. What is to be tried
    /// again goes first, and what was asked after it waits for it.
    ///
    /// For writes, a batch in one transaction:
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
    /// order in which they went on, not in that in which they were spawned. Where it
    /// has to be the latter, look everything up first and write then, as `examples/sqlite_batch`
    /// does.
    ///
    /// When a task is dropped (it lost a race, say) what it has asked for is withdrawn, if it has
    /// not left; a write that has begun is seen to its end, and holds those behind it.
    /// When a run is (a panic, a deadline, a `run_async` that nobody awaits any more), so is
    /// everything that has not left. A batch that is answered in place has no such moment: it
    /// returns before anything else runs. An `async fn` is dropped at the `.await` where it stands
    /// when its run is, so what it did before has happened; in a transaction it is all or
    /// nothing, but whether a commit that was on its way took place, only the database knows. A
    /// blocking function finishes its work, and its answer is thrown away.
    pub const fn ordered(mut self) -> Self {
        self.ordered = true;
        self.in_flight = 1;
        self
    }

    /// Batches are answered later: by a future, another thread. They start before a dispatcher that
    /// answers in place blocks the thread.
    pub const fn concurrent(mut self) -> Self {
        self.concurrent = true;
        self
    }

    /// For requests that are futures of their own.
    pub(super) const fn unbatched(mut self) -> Self {
        self.unbatched = true;
        self.max_batch = 1;
        self.in_flight = usize::MAX;
        self.concurrent()
    }

    // ── what happens to its answers ──

    /// Answers are kept for the rest of the run, and given to whoever asks for their key again;
    /// this implies [`dedup`](Options::dedup). `worth_keeping` is asked of each: of
    /// `Result`s usually only those that are `Ok` are.
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

    /// Answers are kept with the schedule, from run to run, apart for each
    /// [`partition`](crate::Dispatch::partition). A run that panics, and a change of the schedule's
    /// settings, forget them.
    ///
    /// # Panics
    /// Without [`cache`](Options::cache) before it; likewise the two that follow.
    pub const fn cache_between_runs(mut self) -> Self {
        self.cache_policy = Some(cache_policy(self.cache_policy).between_runs());
        self
    }

    /// Keeps at most so many answers, of all partitions together, and lets go of those that are
    /// least in use (S3-FIFO, by the crate `quick_cache`). Needs the feature `cache`.
    ///
    /// # Panics
    /// If `answers` is 0, or the feature is not there; when compiled, where options are constants.
    pub const fn capacity(mut self, answers: usize) -> Self
    where
        K: HashKey,
        A: CloneAnswer + 'static,
    {
        self.cache_policy = Some(cache_policy(self.cache_policy).bounded(answers));
        self
    }

    /// Keeps answers for so long.
    pub const fn time_to_live(mut self, time: Duration) -> Self {
        self.cache_policy = Some(cache_policy(self.cache_policy).at_most_for(time));
        self
    }

    /// How often, and when, requests are tried again.
    pub const fn retry(mut self, retry: Retry<A>) -> Self
    where
        K: Clone,
    {
        self.retry = retry;
        self.copy_key = Some(K::clone);
        self
    }

    /// A batch that is not answered after `limit` is given up: its future is dropped, late answers
    /// are thrown away. Nothing can cut short a dispatcher that answers in place. Answers that
    /// are there at that time count: see [`Schedule::deadline`](crate::Schedule::deadline).
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = crate::util::limit(limit);
        self
    }

    /// Keys are shown in errors and events, by their `Debug`. Without it only their positions are:
    /// keys may be secrets.
    pub const fn show_keys(mut self) -> Self
    where
        K: fmt::Debug,
    {
        self.show_key = Some(<K as fmt::Debug>::fmt);
        self
    }

    /// Whether requests leave in the order in which they have gathered, all that may leave
    /// together.
    pub(super) fn is_fast_path(&self) -> bool {
        !self.ordered && self.dedup.is_none() && self.groups.is_none()
    }

    /// How to copy keys that go out, where they are needed afterwards: to send them again when
    /// their batch has timed out.
    pub(super) fn copies_keys(&self) -> Option<CopyKey<K>> {
        self.copy_key.filter(|_| self.timeout.is_some() && self.retry.wants_timeouts())
    }

    /// Whether a queue has more to do with an answer than to give it to who waits.
    pub(super) fn postprocesses(&self) -> bool {
        self.dedup.is_some() || self.retry.looks_at_answers()
    }
}

impl<K, T, E> Options<K, Result<T, RequestError<E>>> {
    /// Trouble with a batch is the error of its requests, and the run goes on. Without it ends the
    /// run: see [`RequestError`].
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
