//! State that all queues of a schedule share: the order in which queues were asked and answered,
//! the counts of batches in flight, timers, the first fault.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::error::Fault;
use super::host::Host;
use super::ids::{InFlightId, Waiter};
use super::limits::Limits;
use super::ready::{CurrentAnswer, ReadyBatch};
use super::send_cx::LentSendCx;
use crate::observe::{Event, Observers};
use crate::util::{Alarm, HotCell, LONGEST, Timers};

/// What an alarm of the dispatchers means.
pub(crate) enum Due {
    /// The time limit of a batch in flight has passed.
    InFlight { queue: u32, flight: InFlightId },
    /// The retry pause of some requests of a queue has ended.
    Retries { queue: u32 },
    /// A queue whose requests wait for the rate may send more.
    Rate { queue: u32 },
}

/// State that all queues of a schedule share.
pub(crate) struct SharedState {
    pub(super) host: Host,
    /// Maximum number of batches in flight; the parts of a split batch count as one.
    pub(super) max_in_flight: Cell<usize>,
    /// Whether a barrier holds each round back until every batch of the previous round is back.
    has_barrier: bool,
    /// Numbers of the concurrent queues that have requests, the one asked first first. Concurrent
    /// batches start before those that are answered in place.
    pub(super) asked_concurrent: HotCell<Vec<u32>>,
    /// Numbers of the queues answered in place that have requests, the one asked first first.
    pub(super) asked_in_place: HotCell<Vec<u32>>,
    /// Batches of answers to be delivered, in the order in which they became ready.
    pub(super) answered: HotCell<VecDeque<ReadyBatch>>,
    /// The delivery that is going on, and the answer that the running task may take.
    pub(super) current_answer: CurrentAnswer,
    /// The `SendCx` of the run, while requests may be answered inline.
    pub(super) lent_send_cx: LentSendCx,
    /// Number of batches in flight.
    pub(super) in_flight: Cell<usize>,
    /// Number of batches in flight that count for the limit: the parts of a split batch count as
    /// one, unbatched requests (futures) not at all.
    pub(super) quota_used: Cell<usize>,
    pub(super) due: HotCell<Timers<Due>>,
    /// Numbers of futures to be dropped, as their batches are no longer in flight.
    pub(super) cancelled: RefCell<Vec<u32>>,
    /// Number of times that tasks were dropped. Requests queued before the latest may belong to
    /// dropped tasks.
    pub(super) drop_epoch: Cell<u64>,
    /// Numbers of the queues that are told which tasks were dropped: those with batches in flight,
    /// or with requests that outlast a send (held by a limit, or pausing).
    pub(super) drop_listeners: RefCell<BTreeSet<u32>>,
    /// With `barrier`: whether a batch of the previous round is still in flight.
    pub(super) barrier_is_up: Cell<bool>,
    /// Number of queues with dedup.
    pub(super) dedup_queues: Cell<usize>,
    /// The first fault, which ends the run.
    fault: RefCell<Option<Fault>>,
    /// Whether `fault` is set: cheaper to check.
    has_fault: Cell<bool>,
    /// Number of rounds in this run.
    rounds: Cell<u64>,
    /// Whether a batch has left in the current round.
    has_round_begun: Cell<bool>,
    /// Number of batches sent in this run; the number of the latest.
    batches: Cell<u64>,
    /// Name of the dispatcher whose code is running, or has panicked.
    pub(super) current_dispatcher: Cell<Option<&'static str>>,
    /// The source of jitter, created on first use in a run.
    random: RefCell<Option<fastrand::Rng>>,
}

impl SharedState {
    pub(super) fn new(host: Host, limits: Limits) -> Self {
        SharedState {
            host,
            max_in_flight: Cell::new(limits.in_flight),
            has_barrier: limits.barrier,
            asked_concurrent: HotCell::default(),
            asked_in_place: HotCell::default(),
            answered: HotCell::default(),
            current_answer: CurrentAnswer::default(),
            lent_send_cx: LentSendCx::default(),
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
            has_round_begun: Cell::new(false),
            batches: Cell::new(0),
            current_dispatcher: Cell::new(None),
            random: RefCell::new(None),
        }
    }

    pub(super) fn observers(&self) -> &Observers {
        &self.host.observers
    }

    pub(super) fn now(&self) -> Duration {
        (self.host.now)()
    }

    /// Seeds what is random in this run.
    pub(super) fn seed(&self, seed: Option<u64>) {
        self.random.replace(seed.map(fastrand::Rng::with_seed));
    }

    /// Returns a random number from 0 to 1, the same in each run if there is a seed.
    pub(super) fn random(&self) -> f64 {
        self.random.borrow_mut().get_or_insert_with(fastrand::Rng::new).f64()
    }

    pub(super) fn is_alive(&self, waiter: Waiter) -> bool {
        (self.host.is_alive)(waiter)
    }

    /// Sets an alarm that is due after a time.
    pub(super) fn set_alarm(&self, after: Duration, due: Due) -> Alarm {
        self.host.inline_budget.end();
        // The clock may be code of the user's, so it is read before anything is borrowed.
        let at = self.now().saturating_add(after.min(LONGEST));
        self.due.borrow_mut().set(at, due)
    }

    /// Runs `run` with `current_dispatcher` set. If `run` panics, the name stays set, so that the
    /// report can name the dispatcher: every panic that leaves this function ends the run. Not
    /// re-entrant.
    #[inline(always)]
    pub(super) fn with_current_dispatcher(&self, dispatcher: &'static str, run: impl FnOnce()) {
        debug_assert!(self.current_dispatcher.get().is_none());
        self.current_dispatcher.set(Some(dispatcher));
        run();
        self.current_dispatcher.set(None);
    }

    /// Prepares for sending: the next batch begins a round.
    pub(super) fn new_round(&self) {
        self.has_round_begun.set(false);
        self.update_barrier();
    }

    /// With `barrier`, raises the barrier while batches are in flight: no batch leaves before all
    /// are back.
    pub(super) fn update_barrier(&self) {
        self.barrier_is_up.set(self.has_barrier && self.quota_used.get() > 0);
    }

    /// Returns the number of the batch that is about to leave, and begins a round if none has
    /// begun.
    #[inline]
    pub(super) fn next_batch(&self) -> u64 {
        if self.has_round_begun.replace(true) { self.next_number() } else { self.begin_round() }
    }

    /// Begins a round and returns the number of its first batch.
    #[inline]
    pub(super) fn begin_round(&self) -> u64 {
        self.rounds.set(self.rounds.get() + 1);
        self.observers().emit(|| Event::Round { round: self.rounds.get() });
        self.next_number()
    }

    /// Gives the batch that leaves next this number.
    pub(super) fn set_next_batch(&self, number: u64) {
        self.batches.set(number - 1);
    }

    #[inline]
    fn next_number(&self) -> u64 {
        self.batches.set(self.batches.get() + 1);
        self.batches.get()
    }

    /// Ends the run with `fault`, unless there was a fault before.
    pub(super) fn fail(&self, fault: Fault) {
        self.fault.borrow_mut().get_or_insert(fault);
        self.has_fault.set(true);
    }

    /// Takes the first fault.
    #[inline]
    pub(super) fn take_fault(&self) -> Option<Fault> {
        if self.has_fault.take() { self.fault.take() } else { None }
    }

    /// Resets everything for the next run. Ready batches and queues are cleared before.
    pub(super) fn clear(&self) {
        self.asked_concurrent.borrow_mut().clear();
        self.asked_in_place.borrow_mut().clear();
        self.in_flight.set(0);
        self.quota_used.set(0);
        self.due.borrow_mut().clear();
        self.cancelled.borrow_mut().clear();
        self.drop_listeners.borrow_mut().clear();
        self.current_answer.retract();
        self.take_fault();
        self.rounds.set(0);
        self.batches.set(0);
        self.current_dispatcher.set(None);
        self.random.take();
    }
}
