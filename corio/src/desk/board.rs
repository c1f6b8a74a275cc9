//! What all queues of a desk share: the order in which they were asked and answered, what is in flight, what is due, and what has gone wrong.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Waiter;
use super::delivery::{Answered, Offered, Progress};
use super::fault::Fault;
use super::flights::FlightId;
use super::timers::{Alarm, LONGEST, Timers};
use crate::at_once::Quiet;
use crate::cell::HotCell;
use crate::observe::{Event, Watch};

/// Tells the run, from any thread, that there is post for a flight of a queue.
pub(crate) trait Ring: Send + Sync {
    fn ring(&self, queue: u32, flight: FlightId);
}

/// What a desk gets from outside.
pub(crate) struct Outside {
    pub(crate) ring: Arc<dyn Ring>,
    /// The time, since some moment; asked only where something is to happen at a time.
    pub(crate) now: Box<dyn Fn() -> Duration>,
    /// Whether a waiter is still there.
    pub(crate) is_alive: Box<dyn Fn(Waiter) -> bool>,
    pub(crate) watch: Watch,
    pub(crate) quiet: Rc<Quiet>,
}

/// How many batches of all dispatchers may be on the way.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) in_flight: usize,
    /// None leaves before all have come back.
    pub(crate) rounds: bool,
    /// For jitter; random unless given.
    pub(crate) seed: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { in_flight: 128, rounds: false, seed: None }
    }
}

/// What is due.
pub(super) enum Due {
    /// A flight has taken too long.
    Flight { queue: u32, flight: FlightId },
    /// Requests of a queue have paused long enough.
    Retries { queue: u32 },
}

pub(super) struct Board {
    pub(super) outside: Outside,
    pub(super) limits: Limits,
    /// Queues with requests, the one first asked first: those that answer later, and start before…
    pub(super) asked_concurrent: HotCell<Vec<u32>>,
    /// … those that answer in place.
    pub(super) asked_in_place: HotCell<Vec<u32>>,
    /// For those who wait, in the order in which the answers came.
    pub(super) answered: HotCell<VecDeque<Answered>>,
    pub(super) offered: Offered,
    /// That of the delivery which is going on; null if none is.
    pub(super) delivering: Cell<*mut Progress>,
    /// A `Sending`, while requests may be answered at once.
    pub(super) lent: Cell<Option<NonNull<()>>>,
    /// Batches that are with their dispatchers.
    pub(super) in_flight: Cell<usize>,
    /// The same, but the parts of one batch counted once, and requests that are futures of their own not at all: what the limits are about.
    pub(super) places: Cell<usize>,
    pub(super) due: HotCell<Timers<Due>>,
    /// Futures that nobody waits for any more.
    pub(super) cancelled: RefCell<Vec<u32>>,
    /// Counts the times when tasks were dropped: requests that were queued before may be theirs.
    pub(super) drops: Cell<u64>,
    /// Queues that hear of it at once: those with batches on their way or requests that pause.
    pub(super) hear_of_drops: RefCell<BTreeSet<u32>>,
    /// With rounds: whether a batch of the last one is on its way.
    pub(super) barred: Cell<bool>,
    /// How many queues look for equal keys.
    pub(super) sharing: Cell<usize>,
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
    pub(super) dispatching: Cell<Option<&'static str>>,
    /// There once it was needed in this run.
    random: RefCell<Option<fastrand::Rng>>,
}

impl Board {
    pub(super) fn new(outside: Outside, limits: Limits) -> Self {
        Board {
            outside,
            limits,
            asked_concurrent: HotCell::default(),
            asked_in_place: HotCell::default(),
            answered: HotCell::default(),
            offered: Offered::default(),
            delivering: Cell::new(ptr::null_mut()),
            lent: Cell::new(None),
            in_flight: Cell::new(0),
            places: Cell::new(0),
            due: HotCell::default(),
            cancelled: RefCell::default(),
            drops: Cell::new(0),
            hear_of_drops: RefCell::default(),
            barred: Cell::new(false),
            sharing: Cell::new(0),
            fault: RefCell::new(None),
            has_fault: Cell::new(false),
            rounds: Cell::new(0),
            round_has_begun: Cell::new(false),
            batches: Cell::new(0),
            dispatching: Cell::new(None),
            random: RefCell::new(None),
        }
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.outside.watch
    }

    pub(super) fn now(&self) -> Duration {
        (self.outside.now)()
    }

    /// From 0 to 1.
    pub(super) fn random(&self) -> f64 {
        let seeded = || self.limits.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        self.random.borrow_mut().get_or_insert_with(seeded).f64()
    }

    pub(super) fn is_alive(&self, waiter: Waiter) -> bool {
        (self.outside.is_alive)(waiter)
    }

    /// Has something happen after a while.
    pub(super) fn set_alarm(&self, after: Duration, due: Due) -> Alarm {
        self.outside.quiet.end();
        // The clock may be of the user's: it is asked before anything is borrowed.
        let at = self.now().saturating_add(after.min(LONGEST));
        self.due.borrow_mut().set(at, due)
    }

    /// Runs code of a dispatcher's: should it panic, it is to blame. The name is left then, for who reports it: every panic that comes out of here ends the run. Never one in another.
    #[inline(always)]
    pub(super) fn blame(&self, dispatcher: &'static str, run: impl FnOnce()) {
        debug_assert!(self.dispatching.get().is_none());
        self.dispatching.set(Some(dispatcher));
        run();
        self.dispatching.set(None);
    }

    pub(super) fn new_round(&self) {
        self.round_has_begun.set(false);
        self.decide_bar();
    }

    /// With rounds nothing leaves before everything has come back.
    pub(super) fn decide_bar(&self) {
        self.barred.set(self.limits.rounds && self.places.get() > 0);
    }

    /// The number for a batch that is about to leave.
    #[inline]
    pub(super) fn next_batch(&self) -> u64 {
        if self.round_has_begun.replace(true) { self.next_number() } else { self.begin_round() }
    }

    /// The number for the first batch of a round.
    #[inline]
    pub(super) fn begin_round(&self) -> u64 {
        self.rounds.set(self.rounds.get() + 1);
        self.watch().emit(|| Event::Round { round: self.rounds.get() });
        self.next_number()
    }

    #[inline]
    fn next_number(&self) -> u64 {
        self.batches.set(self.batches.get() + 1);
        self.batches.get()
    }

    pub(super) fn fail(&self, fault: Fault) {
        self.fault.borrow_mut().get_or_insert(fault);
        self.has_fault.set(true);
    }

    #[inline]
    pub(super) fn take_fault(&self) -> Option<Fault> {
        if self.has_fault.take() { self.fault.take() } else { None }
    }

    pub(super) fn clear(&self) {
        self.asked_concurrent.borrow_mut().clear();
        self.asked_in_place.borrow_mut().clear();
        self.in_flight.set(0);
        self.places.set(0);
        self.due.borrow_mut().clear();
        self.cancelled.borrow_mut().clear();
        self.hear_of_drops.borrow_mut().clear();
        self.take_fault();
        self.rounds.set(0);
        self.batches.set(0);
        self.dispatching.set(None);
        self.random.take();
    }
}
