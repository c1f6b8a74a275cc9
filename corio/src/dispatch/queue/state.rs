//! The queue of one dispatcher: requests gather, leave as batches, and come back as answers.
//!
//! waiting → (settled: kept answers given, equal keys joined) → sent as a flight → answered → delivered. What is to be tried again goes back to the beginning, in front.
//! How they are settled is in `settling.rs`, how they leave in `send_cx.rs`, what becomes of answers in `landing.rs`, and how they are delivered in `delivery.rs`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use super::gone::Gone;
use super::grouped::Grouped;
use super::pending::Waiting;
use crate::dispatch::buffer::Boxed;
use crate::dispatch::buffer_pool::Spares;
use crate::dispatch::cache::Cache;
use crate::dispatch::error::Fault;
use crate::dispatch::ids::{FlightId, Waiter};
use crate::dispatch::in_flight::{Flight, Flights};
use crate::dispatch::keys::{CopyKey, Groups, Sharing};
use crate::dispatch::options::Options;
use crate::dispatch::request::Request;
use crate::dispatch::shared::Board;
use crate::util::{ById, HotCell, Panic, PanicCollector, discard, panic_message};

pub(crate) type LoadOf<R> = Boxed<<R as Request>::Key, <R as Request>::Answer>;

pub(crate) type FlightOf<R> = Flight<<R as Request>::Key, <R as Request>::Answer>;

/// What keeps a queue in memory: futures that answer later hold it.
pub(crate) trait OwnsQueue<R: Request> {
    fn queue(&self) -> &Queue<R>;
}

pub(crate) struct Queue<R: Request> {
    /// Itself, for futures that answer later.
    pub(crate) me: Weak<dyn OwnsQueue<R>>,
    pub(crate) number: u32,
    pub(crate) board: Rc<Board>,
    pub(crate) options: Options<R::Key, R::Answer>,
    /// Batches are answered later, and start before those that are answered in place.
    pub(crate) is_concurrent: bool,
    pub(crate) waiting: HotCell<Waiting<R::Key, R::Answer>>,
    /// Where groups may overtake each other, what waits in each.
    pub(crate) grouped: Option<RefCell<Grouped<R::Key>>>,
    /// Where they may not: what tells whether two keys are of one.
    pub(crate) groups_in_order: Option<RefCell<Groups<R::Key>>>,
    /// Answers that were kept and are given when the batch leaves that others wait for.
    pub(crate) kept: Cell<Option<LoadOf<R>>>,
    /// Whatever has gathered may leave as it is, if it is not too much for a batch.
    pub(crate) is_plain: bool,
    /// There is more to do with an answer than to give it to who waits.
    pub(crate) handles_answers: bool,
    /// Keys that go out are needed afterwards.
    pub(crate) copies_keys: Option<CopyKey<R::Key>>,
    /// Is in one of the board's lists.
    pub(crate) listed: Cell<bool>,
    /// Was asked in this run.
    used: Cell<bool>,
    /// Which drops of tasks the queue has seen, of those that have gathered.
    pub(crate) drops: Cell<u64>,
    pub(crate) gone: Gone,
    pub(crate) flights: Flights<R::Key, R::Answer>,
    /// The flights that are watched through each of these.
    pub(crate) watched: RefCell<HashMap<Waiter, FlightId, ById>>,
    /// Batches on the way, the parts of one counted once; where groups may overtake each other, each has its own count.
    pub(crate) places: Cell<usize>,
    /// The number that the next request gets where they are numbered.
    pub(crate) last_ticket: Cell<u64>,
    pub(crate) sharing: Option<RefCell<Sharing<R::Key>>>,
    pub(crate) cache: Option<RefCell<Cache<R::Key, R::Answer>>>,
    spares: Spares<R::Key, R::Answer>,
    /// A request that nobody can join may be answered where it is asked: it leaves as it is, in place, and its answer is given as it comes.
    pub(crate) may_answer_at_once: bool,
    /// Whether what comes back stays in hand…
    pub(crate) is_in_hand: Cell<bool>,
    /// … in this load, from which the next takes it.
    pub(crate) in_hand: Cell<Option<LoadOf<R>>>,
}

impl<R: Request> Queue<R> {
    pub(crate) fn new(me: Weak<dyn OwnsQueue<R>>, number: u32, board: Rc<Board>, options: Options<R::Key, R::Answer>, is_replaced: bool) -> Self {
        if options.dedup.is_some() {
            board.sharing.set(board.sharing.get() + 1);
        }
        Queue {
            me,
            number,
            options,
            is_concurrent: options.concurrent && !is_replaced,
            waiting: HotCell::new(Waiting::gathering_in(Box::default())),
            grouped: options.groups.filter(|_| !options.ordered).map(|groups| RefCell::new(Grouped::new(groups(), options.in_flight))),
            groups_in_order: options.groups.filter(|_| options.ordered).map(|groups| RefCell::new(groups())),
            kept: Cell::default(),
            is_plain: options.is_plain(),
            handles_answers: options.handles_answers(),
            copies_keys: options.copies_keys(),
            listed: Cell::new(false),
            used: Cell::new(false),
            drops: Cell::new(board.drops.get()),
            gone: Gone::default(),
            flights: Flights::default(),
            watched: RefCell::default(),
            places: Cell::new(0),
            last_ticket: Cell::new(0),
            sharing: options.dedup.map(|dedup| RefCell::new(Sharing::new(dedup))),
            cache: options.keep.map(|keep| RefCell::new(Cache::new(keep))),
            spares: Spares::default(),
            may_answer_at_once: options.is_plain() && !options.handles_answers() && options.copies_keys().is_none() && (is_replaced || !options.concurrent),
            is_in_hand: Cell::new(false),
            in_hand: Cell::default(),
            board,
        }
    }

    /// As `ask`, where others have asked and there is room: a straight way without calls, as nearly all requests go it. Gives back the key otherwise.
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
    pub(crate) fn list(&self) {
        self.used.set(true);
        self.board.outside.inline_budget.end();
        if !self.listed.replace(true) {
            let asked = if self.is_concurrent { &self.board.asked_concurrent } else { &self.board.asked_in_place };
            asked.borrow_mut().push(self.number);
        }
    }

    pub(crate) fn mark_used(&self) {
        self.used.set(true);
    }

    pub(crate) fn spare(&self) -> LoadOf<R> {
        self.spares.take()
    }

    /// Runs code of the user's. Where trouble is an error of the requests, so is its panic; otherwise that goes on.
    #[inline]
    pub(crate) fn guarded<T>(&self, run: impl FnOnce() -> T) -> Result<T, Fault> {
        if self.options.fault.is_none() {
            return Ok(run());
        }
        catch_unwind(AssertUnwindSafe(run)).map_err(|panic| self.fault_of(panic))
    }

    /// What requests hear of a panic.
    pub(crate) fn fault_of(&self, panic: Panic) -> Fault {
        let fault = Fault::Panicked { dispatcher: R::name(), message: panic_message(&*panic) };
        discard(panic);
        fault
    }

    pub(crate) fn put_back(&self, load: LoadOf<R>) {
        self.spares.put(load);
    }

    /// Forgets everything that waits and is in flight.
    pub(crate) fn clear(&self) {
        if !self.used.replace(false) {
            return;
        }
        // Each is taken out before it is cleared: keys and answers have destructors of the user's. Memory is kept for the next run.
        let mut panics = PanicCollector::default();
        self.is_in_hand.set(false);
        if let Some(in_hand) = self.in_hand.take() {
            panics.run(|| self.put_back(in_hand));
        }
        let gathered = self.waiting.borrow_mut().take_gathered(self.spare());
        let settled = self.waiting.borrow_mut().take_settled(usize::MAX);
        let others = self.waiting.borrow_mut().take_others();
        panics.run(|| self.put_back(gathered));
        panics.run(|| settled.into_iter().for_each(|load| self.put_back(load)));
        panics.run(|| drop(others));
        if let Some(grouped) = &self.grouped {
            panics.run(|| drop(grouped.borrow_mut().clear()));
        }
        if let Some(kept) = self.kept.take() {
            panics.run(|| self.put_back(kept));
        }
        for flight in self.flights.take_all() {
            panics.run(|| drop(flight));
        }
        self.watched.borrow_mut().clear();
        self.gone.clear();
        if let Some(sharing) = &self.sharing {
            let keys = sharing.borrow_mut().clear();
            panics.run(|| drop(keys));
        }
        if let Some(cache) = &self.cache {
            panics.run(|| cache.borrow_mut().leave());
        }
        self.listed.set(false);
        self.places.set(0);
        // The roomiest gathers first in the next run.
        let other = self.waiting.borrow_mut().gather_in_roomier(self.spare());
        self.put_back(other);
        panics.finish();
    }
}
