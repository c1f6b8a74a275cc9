//! The queue of one dispatcher: requests gather, leave as batches, and come back as answers.
//!
//! waiting → (settled: kept answers given, equal keys joined) → sent as a flight → answered → delivered. What is to be tried again goes back to the beginning, in front.
//! How they are settled is in `settling.rs`, how they leave in `sending.rs`, what becomes of answers in `landing.rs`, and how they are delivered in `delivery.rs`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use super::answering::{Answering, Replacement};
use super::board::Board;
use super::by_id::ById;
use super::cache::Cache;
use super::dedup::Sharing;
use super::delivery::Answered;
use super::fault::Fault;
use super::flights::{Flight, FlightId, Flights};
use super::groups::{Grouped, Groups};
use super::landing::panic_message;
use super::load::{Boxed, Load, Spares};
use super::options::{CopyKey, Options};
use super::request::Request;
use super::requests::Panic;
use super::timers::Alarm;
use super::waiting::Waiting;
use super::withdrawing::Gone;
use super::{Sending, Waiter};
use crate::cell::HotCell;
use crate::observe::Event;
use crate::sweep::{Sweep, discard};

pub(super) type LoadOf<R> = Boxed<<R as Request>::Key, <R as Request>::Answer>;

pub(super) type FlightOf<R> = Flight<<R as Request>::Key, <R as Request>::Answer>;

pub(crate) struct Queue<R: Request> {
    /// Itself, for futures that answer later.
    pub(super) me: Weak<Queue<R>>,
    pub(super) number: u32,
    pub(super) board: Rc<Board>,
    pub(super) options: Options<R::Key, R::Answer>,
    pub(super) answering: Answering<R>,
    pub(super) replacement: Option<Replacement<R>>,
    pub(super) waiting: HotCell<Waiting<R::Key, R::Answer>>,
    /// Where groups may overtake each other, what waits in each.
    pub(super) grouped: Option<RefCell<Grouped<R::Key>>>,
    /// Where they may not: what tells whether two keys are of one.
    pub(super) groups_in_order: Option<RefCell<Groups<R::Key>>>,
    /// Answers that were kept and are given when the batch leaves that others wait for.
    pub(super) kept: Cell<Option<LoadOf<R>>>,
    /// Whatever has gathered may leave as it is, if it is not too much for a batch.
    pub(super) is_plain: bool,
    /// There is more to do with an answer than to give it to who waits.
    pub(super) handles_answers: bool,
    /// Keys that go out are needed afterwards.
    pub(super) copies_keys: Option<CopyKey<R::Key>>,
    /// Is in one of the board's lists.
    pub(super) listed: Cell<bool>,
    /// Was asked in this run.
    used: Cell<bool>,
    /// Which drops of tasks the queue has seen, of those that have gathered.
    pub(super) drops: Cell<u64>,
    pub(super) gone: Gone,
    pub(super) flights: Flights<R::Key, R::Answer>,
    /// The flights that are watched through each of these.
    pub(super) watched: RefCell<HashMap<Waiter, FlightId, ById>>,
    /// Batches on the way, the parts of one counted once; where groups may overtake each other, each has its own count.
    pub(super) places: Cell<usize>,
    /// The number that the next request gets where they are numbered.
    pub(super) last_ticket: Cell<u64>,
    pub(super) sharing: Option<RefCell<Sharing<R::Key>>>,
    pub(super) cache: Option<RefCell<Cache<R::Key, R::Answer>>>,
    spares: Spares<R::Key, R::Answer>,
    /// A request that nobody can join may be answered where it is asked: it leaves as it is, in place, and its answer is given as it comes.
    pub(super) may_answer_at_once: bool,
    /// Whether what comes back stays in hand…
    pub(super) is_in_hand: Cell<bool>,
    /// … in this load, from which the next takes it.
    pub(super) in_hand: Cell<Option<LoadOf<R>>>,
}

impl<R: Request> Queue<R> {
    pub(super) fn new(
        me: &Weak<Self>,
        number: u32,
        board: Rc<Board>,
        answering: Answering<R>,
        options: Options<R::Key, R::Answer>,
        replacement: Option<Replacement<R>>,
    ) -> Self {
        if options.dedup.is_some() {
            board.sharing.set(board.sharing.get() + 1);
        }
        let is_replaced = replacement.is_some();
        Queue {
            me: me.clone(),
            number,
            options,
            answering,
            replacement,
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
    pub(super) fn list(&self) {
        self.used.set(true);
        self.board.outside.quiet.end();
        if !self.listed.replace(true) {
            let asked = if self.is_concurrent() { &self.board.asked_concurrent } else { &self.board.asked_in_place };
            asked.borrow_mut().push(self.number);
        }
    }

    pub(super) fn is_concurrent(&self) -> bool {
        self.options.concurrent && self.replacement.is_none()
    }

    pub(super) fn mark_used(&self) {
        self.used.set(true);
    }

    pub(super) fn spare(&self) -> LoadOf<R> {
        self.spares.take()
    }

    /// Runs code of the user's. Where trouble is an error of the requests, so is its panic; otherwise that goes on.
    #[inline]
    pub(super) fn guarded<T>(&self, run: impl FnOnce() -> T) -> Result<T, Fault> {
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

    pub(super) fn put_back(&self, load: LoadOf<R>) {
        self.spares.put(load);
    }

    fn load_of<'a>(&self, answered: &'a mut Answered) -> &'a mut Load<R::Key, R::Answer> {
        assert_eq!(answered.queue, self.number);
        // SAFETY: it has the number of this queue, and so was made by its `come_back`, from a load with these types. Nothing is offered while its queue is asked for something.
        unsafe { answered.load_mut() }
    }
}

/// A queue, whatever its requests are.
pub(super) trait AnyQueue {
    /// Gives what was kept for later, and has equal keys join those that wait or are on their way.
    fn settle(&self, sending: &Sending<'_, '_>);

    /// Sends what waits, unless a limit holds it; what stays is on the board again.
    fn send(&self, sending: &Sending<'_, '_>);

    /// Gives what was kept to those who would get it with the answers of a batch.
    fn give_kept_now(&self);

    /// Whether something waits that no limit holds.
    fn can_send(&self) -> bool;

    /// Tells observers that answers of its are delivered.
    fn tell_answered(&self, answered: &mut Answered);

    /// The next answer is not wanted.
    fn drop_next_answer(&self, answered: &mut Answered);

    /// Has another answer be the next, the one for this of those who wait.
    fn put_forward(&self, answered: &mut Answered, waiter: usize);

    /// Takes back what has been delivered.
    fn take_back(&self, answered: Answered);

    /// Takes the answers that came by post for a flight.
    fn collect(&self, flight: FlightId);

    /// A flight has taken too long.
    fn time_out(&self, flight: FlightId);

    /// Some requests have paused long enough.
    fn end_pause(&self, alarm: Alarm);

    /// Gives up what nobody wants any more.
    fn tasks_were_dropped(&self, dropped: &[Waiter]);

    /// Forgets everything that waits and is in flight.
    fn clear(&self);
}

impl<R: Request> AnyQueue for Queue<R> {
    fn settle(&self, sending: &Sending<'_, '_>) {
        if self.options.dedup.is_some() {
            self.board.blame(R::name(), || self.settle_fresh(sending.context));
        }
    }

    fn send(&self, sending: &Sending<'_, '_>) {
        self.listed.set(false);
        self.give_kept_now();
        if self.is_held() {
            self.hear_of_drops();
            return self.list();
        }
        // From here on: comparing keys, to find groups, runs code of the user's too.
        self.board.blame(R::name(), || self.send_waiting(sending));
    }

    fn give_kept_now(&self) {
        if let Some(kept) = self.kept.take() {
            self.come_back(kept);
        }
    }

    fn can_send(&self) -> bool {
        let has_ready_group = || self.grouped.as_ref().is_some_and(|grouped| grouped.borrow().next_ready().is_some());
        !self.is_held() && (!self.waiting.borrow().is_empty() || has_ready_group())
    }

    #[cold]
    fn tell_answered(&self, answered: &mut Answered) {
        let (dispatcher, len, Load { batch, .. }) = (R::name(), answered.left(), self.load_of(answered));
        self.board.watch().emit(|| if *batch == 0 { Event::Kept { dispatcher, len } } else { Event::BatchAnswered { dispatcher, batch: *batch, len } });
    }

    fn drop_next_answer(&self, answered: &mut Answered) {
        drop(self.load_of(answered).answers.pop());
    }

    fn put_forward(&self, answered: &mut Answered, waiter: usize) {
        answered.put_forward(waiter);
        let answers = &mut self.load_of(answered).answers;
        let last = answers.len() - 1;
        answers.swap(last, last - waiter);
    }

    fn take_back(&self, answered: Answered) {
        assert_eq!(answered.queue, self.number);
        // SAFETY: it has the number of this queue, and so was made by its `come_back`, from a load with these types.
        self.put_back(unsafe { answered.into_load() });
    }

    fn collect(&self, flight: FlightId) {
        self.board.blame(R::name(), || self.take_posts(flight));
    }

    fn time_out(&self, flight: FlightId) {
        self.board.blame(R::name(), || self.timed_out(flight));
    }

    fn end_pause(&self, alarm: Alarm) {
        self.waiting.borrow_mut().end_pause(alarm);
        self.list();
    }

    fn tasks_were_dropped(&self, dropped: &[Waiter]) {
        self.board.blame(R::name(), || self.withdraw(dropped));
    }

    fn clear(&self) {
        if !self.used.replace(false) {
            return;
        }
        // Each is taken out before it is cleared: keys and answers have destructors of the user's. Memory is kept for the next run.
        let mut sweep = Sweep::default();
        self.is_in_hand.set(false);
        if let Some(in_hand) = self.in_hand.take() {
            sweep.run(|| self.put_back(in_hand));
        }
        let gathered = self.waiting.borrow_mut().take_gathered(self.spare());
        let settled = self.waiting.borrow_mut().take_settled(usize::MAX);
        let others = self.waiting.borrow_mut().take_others();
        sweep.run(|| self.put_back(gathered));
        sweep.run(|| settled.into_iter().for_each(|load| self.put_back(load)));
        sweep.run(|| drop(others));
        if let Some(grouped) = &self.grouped {
            sweep.run(|| drop(grouped.borrow_mut().clear()));
        }
        if let Some(kept) = self.kept.take() {
            sweep.run(|| self.put_back(kept));
        }
        for flight in self.flights.take_all() {
            sweep.run(|| drop(flight));
        }
        self.watched.borrow_mut().clear();
        self.gone.clear();
        if let Some(sharing) = &self.sharing {
            let keys = sharing.borrow_mut().clear();
            sweep.run(|| drop(keys));
        }
        if let Some(cache) = &self.cache {
            sweep.run(|| cache.borrow_mut().leave());
        }
        self.listed.set(false);
        self.places.set(0);
        // The roomiest gathers first in the next run.
        let other = self.waiting.borrow_mut().gather_in_roomier(self.spare());
        self.put_back(other);
        sweep.finish();
    }
}
