//! The queue of one dispatcher: its state, asking, and clearing after a run.

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
use crate::dispatch::rate::RateWindow;
use crate::dispatch::ready::HeldBuf;
use crate::dispatch::request::Request;
use crate::dispatch::shared_state::SharedState;
use crate::util::{Alarm, ById, HotCell, Panic, PanicCollector, discard, panic_message};

/// The buffers in which requests of `R` circulate: queue → dispatcher → delivery → pool.
pub(crate) type BufOf<R> = PooledBuf<<R as Request>::Key, <R as Request>::Answer>;

/// A batch of `R` in flight.
pub(super) type InFlightOf<R> = InFlight<<R as Request>::Key, <R as Request>::Answer>;

/// The owner of a queue, which futures hold while they answer a batch, so that the queue outlives
/// them.
pub(crate) trait OwnsQueue<R: Request> {
    /// The queue that this owner keeps in memory.
    fn queue(&self) -> &Queue<R>;
}

/// The queue of one dispatcher: what waits to be sent, what is in flight, and the dispatcher's
/// cache. Terms and invariants are those of the module.
pub(crate) struct Queue<R: Request> {
    /// Owner of this queue, upgraded for futures that answer later.
    owner: Weak<dyn OwnsQueue<R>>,
    /// Number of this queue in the registry, by which the shared state refers to the queue.
    pub(super) number: u32,
    /// State common to all queues of a schedule.
    pub(crate) shared: Rc<SharedState>,
    /// Options of the dispatcher, as the schedule may have changed them.
    pub(super) options: Options<R::Key, R::Answer>,
    /// Whether batches are answered later. Such batches start before those that are answered in
    /// place.
    pub(super) is_concurrent: bool,
    /// Requests that wait to be sent and are in no group.
    pub(super) waiting: HotCell<PendingRequests<R::Key, R::Answer>>,
    /// Requests that wait in their groups; present where groups may overtake each other.
    pub(super) grouped: Option<RefCell<GroupedRequests<R::Key>>>,
    /// Numbers the groups of keys; present where groups may not overtake each other (`ordered`).
    pub(super) groups_in_order: Option<RefCell<Groups<R::Key>>>,
    /// Cache hits that are delivered together with the answers of the batch that leaves next.
    pub(super) cached: Cell<Option<BufOf<R>>>,
    /// Whether gathered requests may leave as they are, unless they exceed `max_batch`.
    pub(super) is_fast_path: bool,
    /// Whether an answer is more than handed to its waiter: shared with followers, cached, or
    /// checked for a retry.
    pub(super) postprocesses: bool,
    /// Copies each key that is sent; present where a batch that timed out is sent again.
    pub(super) copy_sent_key: Option<CopyKey<R::Key>>,
    /// Whether this queue is in one of the lists of queues that were asked.
    pub(super) is_listed: Cell<bool>,
    /// Whether this queue was asked, or its cache changed, since it was cleared; if not, there is
    /// nothing to clear.
    was_used: Cell<bool>,
    /// The drop epoch at which gathered requests were last checked for dropped tasks.
    pub(super) drop_epoch: Cell<u64>,
    /// Counts the dropped tasks that waiting requests may belong to.
    pub(super) drop_counters: DropCounters,
    /// Batches that will be answered later.
    pub(super) in_flight: InFlightTable<R::Key, R::Answer>,
    /// For each watcher the batch in flight that is watched through this waiter.
    pub(super) watchers: RefCell<HashMap<Waiter, InFlightId, ById>>,
    /// Number of batches in flight that count for the limit, the parts of one batch counted once.
    /// Unused where groups may overtake each other, as each group has its own count.
    pub(super) quota_used: Cell<usize>,
    /// With the option `rate`, the batches that count for it.
    pub(super) rate: Option<RefCell<RateWindow>>,
    /// Set while requests wait for the rate.
    pub(super) rate_alarm: Cell<Option<Alarm>>,
    /// Highest sequence number given so far.
    pub(super) last_seq: Cell<u64>,
    /// With dedup, the keys that are queued or in flight.
    pub(super) pending_keys: Option<RefCell<PendingKeys<R::Key>>>,
    /// With the option `cache`, the cached answers.
    pub(super) cache: Option<RefCell<Cache<R::Key, R::Answer>>>,
    /// Empty buffers, for reuse.
    buf_pool: BufPool<R::Key, R::Answer>,
    /// Whether a request that no other can join may be answered where it is asked: it leaves as it
    /// is, is answered in place, and its answer needs no postprocessing.
    pub(crate) may_answer_at_once: bool,
    /// Whether `push_ready` puts the batch into `answered_at_once` instead of the ready list.
    pub(super) is_answering_at_once: Cell<bool>,
    /// The batch that is being answered at once, when it has its answer.
    pub(super) answered_at_once: Cell<Option<BufOf<R>>>,
    /// The buffer of the last request that was answered at once, the answer of which may be the
    /// current answer. The next such request reuses the buffer.
    pub(super) held_answer: Rc<HeldBuf<R::Key, R::Answer>>,
}

impl<R: Request> Queue<R> {
    /// Creates the queue with this number. `groups` is what `options.groups` made, as nothing here
    /// runs code of the user's. `is_replaced` says that a function of the schedule answers in place
    /// of the dispatcher.
    pub(crate) fn new(
        owner: Weak<dyn OwnsQueue<R>>,
        number: u32,
        shared: Rc<SharedState>,
        options: Options<R::Key, R::Answer>,
        groups: Option<Groups<R::Key>>,
        is_replaced: bool,
    ) -> Self {
        if options.dedup.is_some() {
            shared.dedup_queues.set(shared.dedup_queues.get() + 1);
        }
        let (groups_in_order, grouped) =
            if options.ordered { (groups, None) } else { (None, groups) };
        Queue {
            owner,
            number,
            options,
            is_concurrent: options.concurrent && !is_replaced,
            waiting: HotCell::new(PendingRequests::new(Box::default())),
            grouped: grouped
                .map(|groups| GroupedRequests::new(groups, options.in_flight, options.rate))
                .map(RefCell::new),
            groups_in_order: groups_in_order.map(RefCell::new),
            cached: Cell::default(),
            is_fast_path: options.is_fast_path(),
            postprocesses: options.postprocesses(),
            copy_sent_key: options.copy_sent_key(),
            is_listed: Cell::new(false),
            was_used: Cell::new(false),
            drop_epoch: Cell::new(shared.drop_epoch.get()),
            drop_counters: DropCounters::default(),
            in_flight: InFlightTable::default(),
            watchers: RefCell::default(),
            quota_used: Cell::new(0),
            rate: options.rate.map(|rate| RefCell::new(RateWindow::new(rate))),
            rate_alarm: Cell::default(),
            last_seq: Cell::new(0),
            pending_keys: options.dedup.map(|dedup| RefCell::new(PendingKeys::new(dedup))),
            cache: options.cache_policy.map(|policy| RefCell::new(Cache::new(policy))),
            buf_pool: BufPool::default(),
            may_answer_at_once: options.is_fast_path()
                && !options.postprocesses()
                && options.copy_sent_key().is_none()
                && (is_replaced || !options.concurrent),
            is_answering_at_once: Cell::new(false),
            answered_at_once: Cell::default(),
            held_answer: HeldBuf::new(),
            shared,
        }
    }

    /// Queues a request if others have gathered and the buffers need not grow; otherwise returns
    /// the key. This is the fast path of `ask`, taken by nearly all requests, and calls nothing.
    #[inline(always)]
    pub(crate) fn ask_with_others(&self, waiter: Waiter, key: R::Key) -> Result<(), R::Key> {
        self.waiting.borrow_mut().gather_within_capacity(waiter, key)
    }

    /// Queues a request, and lists the queue if nothing had gathered.
    #[inline]
    pub(crate) fn ask(&self, waiter: Waiter, key: R::Key) {
        if self.waiting.borrow_mut().gather(waiter, key) {
            self.list();
        }
    }

    /// Lists the queue for the next `send`, unless it is listed.
    #[inline(never)]
    pub(super) fn list(&self) {
        self.was_used.set(true);
        self.shared.host.inline_budget.end();
        if !self.is_listed.replace(true) {
            let asked = if self.is_concurrent {
                &self.shared.asked_concurrent
            } else {
                &self.shared.asked_in_place
            };
            asked.borrow_mut().push(self.number);
        }
    }

    /// The options of the dispatcher.
    #[inline]
    pub(crate) fn options(&self) -> &Options<R::Key, R::Answer> {
        &self.options
    }

    /// The owner of this queue, for a future that answers later.
    #[inline]
    pub(crate) fn owner(&self) -> Rc<dyn OwnsQueue<R>> {
        match self.owner.upgrade() {
            Some(owner) => owner,
            None => unreachable!("the queue is being sent"),
        }
    }

    /// Marks this queue as used, so that the next `clear` does not skip the queue.
    pub(super) fn mark_used(&self) {
        self.was_used.set(true);
    }

    /// Takes an empty buffer from the pool.
    pub(super) fn take_buf(&self) -> BufOf<R> {
        self.buf_pool.take()
    }

    /// Whether a panic of user code becomes a fault: with `faults_as_errors`, or if a listener
    /// tells waiters of faults. Otherwise it propagates.
    #[inline]
    pub(crate) fn catches_panics(&self) -> bool {
        self.options.fault.is_some() || self.shared.host.listener.is_some()
    }

    /// Whether a driver looks after each waiter, and no fault ends a run.
    pub(crate) fn has_listener(&self) -> bool {
        self.shared.host.listener.is_some()
    }

    /// Runs user code. A panic becomes a fault if `catches_panics`, and propagates otherwise.
    #[inline]
    pub(crate) fn guarded<T>(&self, run: impl FnOnce() -> T) -> Result<T, Fault> {
        if !self.catches_panics() {
            return Ok(run());
        }
        catch_unwind(AssertUnwindSafe(run)).map_err(|panic| self.fault_of(panic))
    }

    /// The fault that requests get for a panic.
    pub(super) fn fault_of(&self, panic: Panic) -> Fault {
        let fault = Fault::Panicked { dispatcher: R::name(), message: panic_message(&*panic) };
        discard(panic);
        fault
    }

    /// Clears a buffer and returns it to the pool. Runs the destructors of the keys and answers in
    /// the buffer.
    pub(super) fn recycle(&self, buf: BufOf<R>) {
        self.buf_pool.put(buf);
    }

    /// Drops everything that waits or is in flight, at the end of a run. Memory is kept for the
    /// next run. If destructors panic, the first panic propagates after everything is cleared.
    pub(crate) fn clear(&self) {
        if !self.was_used.replace(false) {
            return;
        }
        // Each part is taken out of its cell before it is dropped: keys and answers have
        // destructors of the user.
        let mut panics = PanicCollector::default();
        self.is_answering_at_once.set(false);
        for buf in [self.answered_at_once.take(), self.held_answer.take()].into_iter().flatten() {
            panics.run(|| self.recycle(buf));
        }
        let gathered = self.waiting.borrow_mut().take_gathered(self.take_buf());
        let coalesced = self.waiting.borrow_mut().take_coalesced(usize::MAX);
        let rest = self.waiting.borrow_mut().take_rest();
        panics.run(|| self.recycle(gathered));
        panics.run(|| coalesced.into_iter().for_each(|buf| self.recycle(buf)));
        panics.run(|| drop(rest));
        if let Some(grouped) = &self.grouped {
            panics.run(|| drop(grouped.borrow_mut().clear()));
        }
        if let Some(cached) = self.cached.take() {
            panics.run(|| self.recycle(cached));
        }
        for flight in self.in_flight.take_all() {
            panics.run(|| drop(flight));
        }
        self.watchers.borrow_mut().clear();
        self.drop_counters.clear();
        if let Some(pending_keys) = &self.pending_keys {
            let keys = pending_keys.borrow_mut().clear();
            panics.run(|| drop(keys));
        }
        if let Some(cache) = &self.cache {
            panics.run(|| cache.borrow_mut().leave());
        }
        self.is_listed.set(false);
        // What has left still counts in the next run.
        self.rate_alarm.set(None);
        self.quota_used.set(0);
        // The buffer with the largest capacity gathers first in the next run.
        let other = self.waiting.borrow_mut().gather_in_larger(self.take_buf());
        self.recycle(other);
        panics.finish();
    }
}
