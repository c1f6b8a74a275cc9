//! What all queues of a desk share: the order in which they were asked and answered, what is in
//! flight, what is due, and what has gone wrong.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::ptr;
use std::ptr::NonNull;
use std::time::Duration;

use super::cursor::Cursor;
use super::error::Fault;
use super::host::Host;
use super::ids::{InFlightId, Waiter};
use super::limits::Limits;
use super::ready::{CurrentAnswer, ReadyBatch};
use crate::observe::{Event, Observers};
use crate::util::{Alarm, HotCell, LONGEST, Timers};

/// What is due.
pub(crate) enum Due {
    /// A flight has taken too long.
    InFlight { queue: u32, flight: InFlightId },
    /// Requests of a queue have paused long enough.
    Retries { queue: u32 },
}

pub(crate) struct SharedState {
    pub(crate) host: Host,
    pub(crate) limits: Limits,
    /// Queues with requests, the one first asked first: those that answer later, and start before…
    pub(crate) asked_concurrent: HotCell<Vec<u32>>,
    /// … those that answer in place.
    pub(crate) asked_in_place: HotCell<Vec<u32>>,
    /// For those who wait, in the order in which the answers came.
    pub(crate) answered: HotCell<VecDeque<ReadyBatch>>,
    pub(crate) current_answer: CurrentAnswer,
    /// That of the delivery which is going on; null if none is.
    pub(crate) delivering: Cell<*mut Cursor>,
    /// A `SendCx`, while requests may be answered at once.
    pub(crate) lent_send_cx: Cell<Option<NonNull<()>>>,
    /// Batches that are with their dispatchers.
    pub(crate) in_flight: Cell<usize>,
    /// The same, but the parts of one batch counted once, and requests that are futures of their
    /// own not at all: what the limits are about.
    pub(crate) quota_used: Cell<usize>,
    pub(crate) due: HotCell<Timers<Due>>,
    /// Futures that nobody waits for any more.
    pub(crate) cancelled: RefCell<Vec<u32>>,
    /// Counts the times when tasks were dropped: requests that were queued before may be theirs.
    pub(crate) drop_epoch: Cell<u64>,
    /// Queues that hear of it at once: those with batches on their way or requests that pause.
    pub(crate) drop_listeners: RefCell<BTreeSet<u32>>,
    /// With rounds: whether a batch of the last one is on its way.
    pub(crate) barrier_is_up: Cell<bool>,
    /// How many queues look for equal keys.
    pub(crate) dedup_queues: Cell<usize>,
    /// The first thing that went wrong; it ends the run.
    fault: RefCell<Option<Fault>>,
    has_fault: Cell<bool>,
    /// How many rounds there were in this run.
    rounds: Cell<u64>,
    /// Whether something has left in the round that is being sent.
    round_has_begun: Cell<bool>,
    /// How many batches were sent in this run.
    batches: Cell<u64>,
    /// The dispatcher whose code runs, or panicked.
    pub(crate) current_dispatcher: Cell<Option<&'static str>>,
    /// There once it was needed in this run.
    random: RefCell<Option<fastrand::Rng>>,
}

impl SharedState {
    pub(crate) fn new(host: Host, limits: Limits) -> Self {
        SharedState {
            host,
            limits,
            asked_concurrent: HotCell::default(),
            asked_in_place: HotCell::default(),
            answered: HotCell::default(),
            current_answer: CurrentAnswer::default(),
            delivering: Cell::new(ptr::null_mut()),
            lent_send_cx: Cell::new(None),
            in_flight: Cell::new(0),
            quota_used: Cell::new(0),
            due: HotCell::default(),
            cancelled: RefCell::default(),
            drop_epoch: Cell::new(0),
            drop_listeners: RefCell::default(),
            barrier_is_up: Cell::new(false),
            dedup_queues: Cell::new(0),
            fault: RefCell::new(None),
            has_fault: Cell::new(false),
            rounds: Cell::new(0),
            round_has_begun: Cell::new(false),
            batches: Cell::new(0),
            current_dispatcher: Cell::new(None),
            random: RefCell::new(None),
        }
    }

    pub(crate) fn observers(&self) -> &Observers {
        &self.host.observers
    }

    pub(crate) fn now(&self) -> Duration {
        (self.host.now)()
    }

    /// From 0 to 1.
    pub(crate) fn random(&self) -> f64 {
        let seeded = || self.limits.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        self.random.borrow_mut().get_or_insert_with(seeded).f64()
    }

    pub(crate) fn is_alive(&self, waiter: Waiter) -> bool {
        (self.host.is_alive)(waiter)
    }

    /// Has something happen after a while.
    pub(crate) fn set_alarm(&self, after: Duration, due: Due) -> Alarm {
        self.host.inline_budget.end();
        // The clock may be of the user's: it is asked before anything is borrowed.
        let at = self.now().saturating_add(after.min(LONGEST));
        self.due.borrow_mut().set(at, due)
    }

    /// Runs code of a dispatcher's: should it panic, it is to blame. The name is left then, for who
    /// reports it: every panic that comes out of here ends the run. Never one in another.
    #[inline(always)]
    pub(crate) fn with_current_dispatcher(&self, dispatcher: &'static str, run: impl FnOnce()) {
        debug_assert!(self.current_dispatcher.get().is_none());
        self.current_dispatcher.set(Some(dispatcher));
        run();
        self.current_dispatcher.set(None);
    }

    pub(crate) fn new_round(&self) {
        self.round_has_begun.set(false);
        self.update_barrier();
    }

    /// With rounds nothing leaves before everything has come back.
    pub(crate) fn update_barrier(&self) {
        self.barrier_is_up.set(self.limits.rounds && self.quota_used.get() > 0);
    }

    /// The number for a batch that is about to leave.
    #[inline]
    pub(crate) fn next_batch(&self) -> u64 {
        if self.round_has_begun.replace(true) { self.next_number() } else { self.begin_round() }
    }

    /// The number for the first batch of a round.
    #[inline]
    pub(crate) fn begin_round(&self) -> u64 {
        self.rounds.set(self.rounds.get() + 1);
        self.observers().emit(|| Event::Round { round: self.rounds.get() });
        self.next_number()
    }

    #[inline]
    fn next_number(&self) -> u64 {
        self.batches.set(self.batches.get() + 1);
        self.batches.get()
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.fault.borrow_mut().get_or_insert(fault);
        self.has_fault.set(true);
    }

    #[inline]
    pub(crate) fn take_fault(&self) -> Option<Fault> {
        if self.has_fault.take() { self.fault.take() } else { None }
    }

    pub(crate) fn clear(&self) {
        self.asked_concurrent.borrow_mut().clear();
        self.asked_in_place.borrow_mut().clear();
        self.in_flight.set(0);
        self.quota_used.set(0);
        self.due.borrow_mut().clear();
        self.cancelled.borrow_mut().clear();
        self.drop_listeners.borrow_mut().clear();
        self.take_fault();
        self.rounds.set(0);
        self.batches.set(0);
        self.current_dispatcher.set(None);
        self.random.take();
    }
}
