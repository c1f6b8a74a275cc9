//! The queue of one dispatcher: requests gather, leave as batches, and come back as answers.
//!
//! waiting → (settled: kept answers given, equal keys joined) → sent as a flight → answered →
//! delivered. What is to be tried again goes back to the beginning, in front. How they are settled
//! is in `settling.rs`, how they leave in `send_cx.rs`, what becomes of answers in `landing.rs`,
//! and how they are delivered in `delivery.rs`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use super::drop_counters::DropCounters;
use super::grouped::GroupedRequests;
use super::pending::PendingRequests;
use crate::dispatch::buffer::PooledBuf;
use crate::dispatch::buffer_pool::BufPool;
use crate::dispatch::cache::Cache;
use crate::dispatch::error::Fault;
use crate::dispatch::ids::{InFlightId, Waiter};
use crate::dispatch::in_flight::{InFlight, InFlightTable};
use crate::dispatch::keys::{CopyKey, Groups, PendingKeys};
use crate::dispatch::options::Options;
use crate::dispatch::request::Request;
use crate::dispatch::shared_state::SharedState;
use crate::util::{ById, HotCell, Panic, PanicCollector, discard, panic_message};

pub(crate) type BufOf<R> = PooledBuf<<R as Request>::Key, <R as Request>::Answer>;

pub(super) type InFlightOf<R> = InFlight<<R as Request>::Key, <R as Request>::Answer>;

/// What keeps a queue in memory: futures that answer later hold it.
pub(crate) trait OwnsQueue<R: Request> {
    fn queue(&self) -> &Queue<R>;
}

pub(crate) struct Queue<R: Request> {
    /// Itself, for futures that answer later.
    me: Weak<dyn OwnsQueue<R>>,
    pub(super) number: u32,
    pub(crate) shared: Rc<SharedState>,
    pub(super) options: Options<R::Key, R::Answer>,
    /// Batches are answered later, and start before those that are answered in place.
    pub(super) is_concurrent: bool,
    pub(super) waiting: HotCell<PendingRequests<R::Key, R::Answer>>,
    /// Where groups may overtake each other, what waits in each.
    pub(super) grouped: Option<RefCell<GroupedRequests<R::Key>>>,
    /// Where they may not: what tells whether two keys are of one.
    pub(super) groups_in_order: Option<RefCell<Groups<R::Key>>>,
    /// Answers that were kept and are given when the batch leaves that others wait for.
    pub(super) cached: Cell<Option<BufOf<R>>>,
    /// Whatever has gathered may leave as it is, if it is not too much for a batch.
    pub(super) is_fast_path: bool,
    /// There is more to do with an answer than to give it to who waits.
    pub(super) postprocesses: bool,
    /// Keys that go out are needed afterwards.
    pub(super) copies_keys: Option<CopyKey<R::Key>>,
    /// Is in one of the board's lists.
    pub(super) listed: Cell<bool>,
    /// Was asked in this run.
    used: Cell<bool>,
    /// Which drops of tasks the queue has seen, of those that have gathered.
    pub(super) drop_epoch: Cell<u64>,
    pub(super) drop_counters: DropCounters,
    pub(super) in_flight: InFlightTable<R::Key, R::Answer>,
    /// The flights that are watched through each of these.
    pub(super) watched: RefCell<HashMap<Waiter, InFlightId, ById>>,
    /// Batches on the way, the parts of one counted once; where groups may overtake each other,
    /// each has its own count.
    pub(super) quota_used: Cell<usize>,
    /// The number that the next request gets where they are numbered.
    pub(super) last_ticket: Cell<u64>,
    pub(super) pending_keys: Option<RefCell<PendingKeys<R::Key>>>,
    pub(super) cache: Option<RefCell<Cache<R::Key, R::Answer>>>,
    buf_pool: BufPool<R::Key, R::Answer>,
    /// A request that nobody can join may be answered where it is asked: it leaves as it is, in
    /// place, and its answer is given as it comes.
    pub(crate) may_answer_at_once: bool,
    /// Whether what comes back stays in hand…
    pub(super) holds_answer: Cell<bool>,
    /// … in this load, from which the next takes it.
    pub(super) held_answer: Cell<Option<BufOf<R>>>,
}

impl<R: Request> Queue<R> {
    pub(crate) fn new(
        me: Weak<dyn OwnsQueue<R>>,
        number: u32,
        shared: Rc<SharedState>,
        options: Options<R::Key, R::Answer>,
        is_replaced: bool,
    ) -> Self {
        if options.dedup.is_some() {
            shared.dedup_queues.set(shared.dedup_queues.get() + 1);
        }
        Queue {
            me,
            number,
            options,
            is_concurrent: options.concurrent && !is_replaced,
            waiting: HotCell::new(PendingRequests::gathering_in(Box::default())),
            grouped: options
                .groups
                .filter(|_| !options.ordered)
                .map(|groups| RefCell::new(GroupedRequests::new(groups(), options.in_flight))),
            groups_in_order: options
                .groups
                .filter(|_| options.ordered)
                .map(|groups| RefCell::new(groups())),
            cached: Cell::default(),
            is_fast_path: options.is_fast_path(),
            postprocesses: options.postprocesses(),
            copies_keys: options.copies_keys(),
            listed: Cell::new(false),
            used: Cell::new(false),
            drop_epoch: Cell::new(shared.drop_epoch.get()),
            drop_counters: DropCounters::default(),
            in_flight: InFlightTable::default(),
            watched: RefCell::default(),
            quota_used: Cell::new(0),
            last_ticket: Cell::new(0),
            pending_keys: options.dedup.map(|dedup| RefCell::new(PendingKeys::new(dedup))),
            cache: options.cache_policy.map(|policy| RefCell::new(Cache::new(policy))),
            buf_pool: BufPool::default(),
            may_answer_at_once: options.is_fast_path()
                && !options.postprocesses()
                && options.copies_keys().is_none()
                && (is_replaced || !options.concurrent),
            holds_answer: Cell::new(false),
            held_answer: Cell::default(),
            shared,
        }
    }

    /// As `ask`, where others have asked and there is room: a straight way without calls, as nearly
    /// all requests go it. Gives back the key otherwise.
    #[inline(always)]
    pub(crate) fn ask_with_others(&self, waiter: Waiter, key: R::Key) -> Result<(), R::Key> {
        self.waiting.borrow_mut().gather_within_capacity(waiter, key)
    }

    #[inline]
    pub(crate) fn ask(&self, waiter: Waiter, key: R::Key) {
        if self.waiting.borrow_mut().gather(waiter, key) {
            self.list();
        }
    }

    /// Puts the queue on the board, for its turn.
    #[inline(never)]
    pub(super) fn list(&self) {
        self.used.set(true);
        self.shared.host.inline_budget.end();
        if !self.listed.replace(true) {
            let asked = if self.is_concurrent {
                &self.shared.asked_concurrent
            } else {
                &self.shared.asked_in_place
            };
            asked.borrow_mut().push(self.number);
        }
    }

    #[inline]
    pub(crate) fn options(&self) -> &Options<R::Key, R::Answer> {
        &self.options
    }

    /// What keeps the queue in memory, for a future that answers later.
    #[inline]
    pub(crate) fn owner(&self) -> Rc<dyn OwnsQueue<R>> {
        match self.me.upgrade() {
            Some(owner) => owner,
            None => unreachable!("the queue is being sent"),
        }
    }

    pub(super) fn mark_used(&self) {
        self.used.set(true);
    }

    pub(super) fn take_buf(&self) -> BufOf<R> {
        self.buf_pool.take()
    }

    /// Runs code of the user's. Where trouble is an error of the requests, so is its panic;
    /// otherwise that goes on.
    #[inline]
    pub(crate) fn guarded<T>(&self, run: impl FnOnce() -> T) -> Result<T, Fault> {
        if self.options.fault.is_none() {
            return Ok(run());
        }
        catch_unwind(AssertUnwindSafe(run)).map_err(|panic| self.fault_of(panic))
    }

    /// What requests hear of a panic.
    pub(super) fn fault_of(&self, panic: Panic) -> Fault {
        let fault = Fault::Panicked { dispatcher: R::name(), message: panic_message(&*panic) };
        discard(panic);
        fault
    }

    pub(super) fn recycle(&self, buf: BufOf<R>) {
        self.buf_pool.put(buf);
    }

    /// Forgets everything that waits and is in flight.
    pub(crate) fn clear(&self) {
        if !self.used.replace(false) {
            return;
        }
        // Each is taken out before it is cleared: keys and answers have destructors of the user's.
        // Memory is kept for the next run.
        let mut panics = PanicCollector::default();
        self.holds_answer.set(false);
        if let Some(held_answer) = self.held_answer.take() {
            panics.run(|| self.recycle(held_answer));
        }
        let gathered = self.waiting.borrow_mut().take_gathered(self.take_buf());
        let coalesced = self.waiting.borrow_mut().take_coalesced(usize::MAX);
        let others = self.waiting.borrow_mut().take_others();
        panics.run(|| self.recycle(gathered));
        panics.run(|| coalesced.into_iter().for_each(|buf| self.recycle(buf)));
        panics.run(|| drop(others));
        if let Some(grouped) = &self.grouped {
            panics.run(|| drop(grouped.borrow_mut().clear()));
        }
        if let Some(cached) = self.cached.take() {
            panics.run(|| self.recycle(cached));
        }
        for flight in self.in_flight.take_all() {
            panics.run(|| drop(flight));
        }
        self.watched.borrow_mut().clear();
        self.drop_counters.clear();
        if let Some(pending_keys) = &self.pending_keys {
            let keys = pending_keys.borrow_mut().clear();
            panics.run(|| drop(keys));
        }
        if let Some(cache) = &self.cache {
            panics.run(|| cache.borrow_mut().leave());
        }
        self.listed.set(false);
        self.quota_used.set(0);
        // The roomiest gathers first in the next run.
        let other = self.waiting.borrow_mut().gather_in_roomier(self.take_buf());
        self.recycle(other);
        panics.finish();
    }
}
