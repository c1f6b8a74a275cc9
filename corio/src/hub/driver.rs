//! The driver of a lane: a future on the user's executor that sends what the lane has, and gives
//! the answers to those who wait.
//!
//! A driver owns the dispatching side of its lane, the same [`Dispatchers`] that a run has:
//! options, dedup, retries, time limits, slots and faults are that of a run. What a run does for
//! its tasks the driver does for askers, and it decides what a run need not: when a place of the
//! hub is free, and whose requests go first.
//!
//! It is spawned when the first request arrives. It takes its load when it is polled, not when it
//! is woken, so whatever was asked until then comes along. An idle driver waits for the next
//! request, or ends if its lane is one of many and no batch of it counts for a rate.
//!
//! # Invariants
//! - One thread at a time polls or drops a driver, so its dispatching side may be what a run's is.
//! - Each asker gets one outcome, also if the driver panics or is dropped: [`Driver`]'s destructor
//!   answers whoever is left.
//! - Of the places that are granted to the lane, it holds as many as it has batches in flight when
//!   it waits; the others are given back.
//! - While user code runs, neither `aboard` nor `outcomes` is borrowed.

use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::aboard::Aboard;
use super::asker::{Entry, Outcomes};
use super::asking::in_batch_of;
use super::counts::{Counts, Tally};
use super::inner::HubInner;
use super::lanes::LaneName;
use super::line::Line;
use super::listener::LaneListener;
use super::places::WaitsForPlace;
use super::queue::DriverSeat;
use super::shared_dispatch::SharedDispatch;
use crate::dispatch::{
    ContextRef, DispatchConfig, Dispatchers, Fault, Host, Requests, RunsOver, SendCx, Unavailable,
    WakeRun,
};
use crate::runtime::{FutureSet, Inbox, Polling, Sleep};
use crate::util::{InlineBudget, OfRun, PanicCollector, discard, panic_message};

/// After so many rounds of one poll, in each of which something has happened, others of the
/// executor have their turn.
const ROUNDS_PER_POLL: usize = 64;

/// The context of the batches of a lane.
struct LaneContext<H: Send + Sync + 'static, R: SharedDispatch<H>> {
    hub: Arc<HubInner<H>>,
    name: Arc<LaneName<R::Part>>,
    counts: Arc<Counts>,
}

fn dispatch<'r, H: Send + Sync + 'static, R: SharedDispatch<H>>(
    context: &'r LaneContext<H, R>,
    requests: Requests<'_, 'r, R>,
) {
    context.counts.batch_leaves();
    // Of a panic before `Requests` got it, the batch hears by the destructor of these.
    let dispatched = catch_unwind(AssertUnwindSafe(|| {
        R::dispatch_shared(context.hub.context(), &context.name.part, requests)
    }));
    dispatched.err().into_iter().for_each(discard);
}

/// What batches of a lane are sent with.
fn send_cx<'q, 'r, H: Send + Sync + 'static, R: SharedDispatch<H>>(
    context: &'r LaneContext<H, R>,
    futures: &'q FutureSet<'r>,
) -> SendCx<'q, 'r> {
    let was_panicking = std::thread::panicking();
    SendCx { context: ContextRef::new(context), futures, stopped: &[], was_panicking }
}

/// Spawns the driver of a lane.
pub(super) fn spawn_driver<H: Send + Sync + 'static, R: SharedDispatch<H>>(seat: DriverSeat<H, R>) {
    let Some(number) = seat.number else { return };
    let hub = seat.hub.clone();
    let driver = async move {
        let (hub, queue, name) = (seat.hub.clone(), &seat.queue, seat.name.clone());
        let context = LaneContext::<H, R> { hub, name, counts: queue.counts.clone() };
        // SAFETY: a driver is polled and dropped through `&mut`, so by one thread at a time. Keys
        // and answers are `Send`, by `SharedDispatch`, and so is the part; the context is `Sync`.
        // Futures of dispatchers are `Send`: `Requests` asks that of them, or the request tells of
        // the future, and it is `Send` as well, by `SharedDispatch`.
        let mut driver = unsafe { OfRun::new(Driver::new(&context, number, seat)) };
        poll_fn(|cx| driver.poll(cx)).await;
    };
    let spawned = catch_unwind(AssertUnwindSafe(|| hub.spawn(Box::pin(driver))));
    // The future was dropped, and with it whoever waits has been answered.
    spawned.err().into_iter().for_each(discard);
}

/// The driver of a lane.
struct Driver<'h, H: Send + Sync + 'static, R: SharedDispatch<H>> {
    dispatchers: Dispatchers,
    futures: FutureSet<'h>,
    context: &'h LaneContext<H, R>,
    /// What wakes it from the dispatching side: futures and mailboxes.
    inbox: Arc<Inbox>,
    sleep: Sleep,
    /// Requests that have not been asked yet.
    line: Line<R>,
    /// How many of these may belong to askers that are gone.
    gone: usize,
    aboard: Rc<RefCell<Aboard<R>>>,
    outcomes: Rc<RefCell<Outcomes<R>>>,
    listener: Rc<LaneListener<H, R>>,
    /// Places of the hub that this lane has.
    places: usize,
    /// Batches in flight, as they were counted last.
    in_flight: usize,
    number: u64,
    seat: DriverSeat<H, R>,
}

impl<'h, H: Send + Sync + 'static, R: SharedDispatch<H>> Driver<'h, H, R> {
    fn new(context: &'h LaneContext<H, R>, number: u64, seat: DriverSeat<H, R>) -> Self {
        let (inbox, time) = (Arc::new(Inbox::default()), seat.hub.time().clone());
        let aboard: Rc<RefCell<Aboard<R>>> = Rc::default();
        let outcomes: Rc<RefCell<Outcomes<R>>> = Rc::default();
        let (alive, clock) = (aboard.clone(), time.clone());
        let listener = Rc::new(LaneListener::new(
            seat.hub.clone(),
            seat.queue.counts.clone(),
            aboard.clone(),
            outcomes.clone(),
            seat.queue.options.adapts_up_to(),
        ));
        let host = Host {
            ring: inbox.clone() as Arc<dyn WakeRun>,
            now: Box::new(move || clock.now()),
            is_alive: Box::new(move |waiter| alive.borrow().is_alive(waiter)),
            observers: seat.hub.observers(),
            inline_budget: Rc::new(InlineBudget::default()),
            listener: Some(listener.clone()),
        };
        let dispatchers = Dispatchers::new(host, Arc::new(DispatchConfig::default()));
        dispatchers.begin_run(seat.hub.seed());
        // SAFETY: these dispatchers are given no other context than this, in `send_cx`.
        let proof = unsafe { RunsOver::<LaneContext<H, R>>::new() };
        dispatchers.open_with::<_, R>(proof, seat.queue.options, dispatch::<H, R>);
        Driver {
            dispatchers,
            futures: FutureSet::new(inbox.clone()),
            context,
            inbox,
            sleep: Sleep::new(time),
            line: Line::default(),
            gone: 0,
            aboard,
            outcomes,
            listener,
            places: 0,
            in_flight: 0,
            number,
            seat,
        }
    }

    /// Does what can be done. Ready when the driver is to be dropped.
    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let _polling = Polling::begin();
        match catch_unwind(AssertUnwindSafe(|| self.turn(cx))) {
            Ok(polled) => polled,
            // A destructor of a key, say, or an observer.
            Err(panic) => {
                let message = panic_message(&*panic);
                discard(panic);
                self.seat.fault = Fault::Panicked { dispatcher: R::name(), message };
                Poll::Ready(())
            }
        }
    }

    fn turn(&mut self, cx: &Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_PER_POLL {
            let mut is_busy = self.take_arrived();
            is_busy |= self.take_from_inbox();
            self.fire_due();
            self.cancel_futures();
            is_busy |= self.deliver();
            // Those of batches that are back: other lanes may be before this one.
            self.give_places_back();
            if self.seat.hub.is_cancelled() {
                let reason = Unavailable::ShutDown;
                self.seat.fault =
                    Fault::Unavailable { dispatcher: R::name(), reason, was_sent: false };
                return Poll::Ready(());
            }
            if self.send() || is_busy {
                continue;
            }
            self.take_granted();
            self.give_places_back();
            if self.is_idle() && self.may_go() && self.seat.retire() {
                return Poll::Ready(());
            }
            if self.waits(cx) {
                return Poll::Pending;
            }
        }
        self.give_places_back();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    // ── what comes in ──

    /// Takes what askers have put into the lane.
    fn take_arrived(&mut self) -> bool {
        let arrived = self.seat.lane.take();
        if arrived.is_empty() {
            return false;
        }
        arrived.packets.into_iter().for_each(|packet| self.line.push(packet));
        let mut dropped = Vec::new();
        for withdrawn in arrived.withdrawn {
            let aboard = withdrawn.take_aboard(self.number);
            self.gone += aboard.not_aboard;
            dropped.extend(aboard.waiters);
        }
        dropped.retain(|waiter| {
            let asker = self.aboard.borrow_mut().take(*waiter);
            asker.is_some()
        });
        self.seat.queue.counts.left_aboard(dropped.len());
        if !dropped.is_empty() {
            self.dispatchers.tasks_were_dropped(dropped.into_iter(), true);
        }
        // Those that are left are dropped when their turn comes.
        if 2 * self.gone > self.line.len() {
            self.gone = 0;
            let gone = self.line.take_gone();
            self.seat.queue.counts.unqueue(gone.len());
        }
        true
    }

    /// Polls the futures that were woken and collects the mailboxes that were filled.
    fn take_from_inbox(&mut self) -> bool {
        let Some(mut arrivals) = self.inbox.take() else { return false };
        in_batch_of(self.seat.queue.id(), || {
            for future in arrivals.futures.drain(..) {
                self.futures.poll(future, &self.dispatchers);
            }
        });
        for (queue, in_flight) in arrivals.mailboxes.drain(..) {
            self.dispatchers.collect(queue, in_flight);
        }
        self.inbox.put_back(arrivals);
        true
    }

    fn fire_due(&mut self) {
        if self.dispatchers.has_alarms() {
            let now = self.seat.hub.time().now();
            self.dispatchers.do_due(now);
        }
    }

    fn cancel_futures(&mut self) {
        while let Some(future) = self.dispatchers.next_cancelled() {
            self.futures.cancel(future, &self.dispatchers);
        }
    }

    /// Gives the outcomes that are there to those who wait, all of them at once.
    fn deliver(&mut self) -> bool {
        self.collect_answers();
        self.count_in_flight();
        let outcomes = self.outcomes.take();
        let any = !outcomes.is_empty();
        outcomes.give();
        any
    }

    /// Takes the answers of batches that are back.
    fn collect_answers(&mut self) {
        let counts = &self.seat.queue.counts;
        let mut delivered = Tally::new(counts, Counts::left_aboard, 0);
        while let Some(mut delivery) = self.dispatchers.next_delivery() {
            while let Some(waiter) = delivery.next() {
                let answer = self.dispatchers.take_current_answer::<R::Answer>();
                let asker = self.aboard.borrow_mut().take(waiter);
                delivered.requests += usize::from(asker.is_some());
                if let (Some(answer), Some(asker)) = (answer, asker) {
                    self.outcomes.borrow_mut().add(asker, Ok(answer));
                }
            }
            delivery.end();
        }
    }

    // ── what goes out ──

    /// Sends one batch, if there is something to send and nothing holds it.
    fn send(&mut self) -> bool {
        if self.answer_from_cache() {
            return true;
        }
        let (lane, seat) = (self.dispatchers.lane::<R>(), &self.seat);
        let unsent = lane.unsent_len();
        if self.line.is_empty() && unsent == 0
            || lane.is_full()
            || !self.listener.has_room(unsent + self.line.len() >= seat.queue.options.batch_limit())
            || !self.has_place()
        {
            return false;
        }
        let boarded = self.board(usize::MAX);
        let Driver { dispatchers, futures, context, seat, .. } = self;
        dispatchers.allow_in_flight(dispatchers.quota_used() + 1);
        dispatchers.begin_batch(seat.hub.next_batch());
        let send_cx = send_cx(context, futures);
        dispatchers.coalesce(&send_cx);
        in_batch_of(seat.queue.id(), || dispatchers.send(&send_cx));
        self.count_in_flight();
        // What is sent again at once, after an answer in place, waits as before.
        boarded > 0
            || self.dispatchers.lane::<R>().unsent_len() < unsent
            || self.dispatchers.can_send()
    }

    /// Answers from the cache what needs no batch, and so waits neither for a place nor for the
    /// rate. Returns whether there are answers.
    ///
    /// Not while a batch is in flight: what it brings may answer who waits in the line, and who is
    /// aboard would be sent all the same.
    fn answer_from_cache(&mut self) -> bool {
        if !self.seat.queue.options.keeps_answers() || self.dispatchers.in_flight() > 0 {
            return false;
        }
        // What is not in the cache waits aboard: not more than may wait in the line.
        self.board(self.seat.hub.max_queued());
        let Driver { dispatchers, futures, context, seat, .. } = self;
        in_batch_of(seat.queue.id(), || dispatchers.coalesce(&send_cx(context, futures)));
        dispatchers.deliver_cached_now();
        dispatchers.has_answers()
    }

    /// Asks what fits into the next batch, and does not let more than `at_most` wait aboard.
    /// Returns how many requests were asked.
    fn board(&mut self, at_most: usize) -> usize {
        let Driver { dispatchers, seat, line, .. } = self;
        let lane = dispatchers.lane::<R>();
        let (options, counts) = (&seat.queue.options, &seat.queue.counts);
        let mut boarded = Tally::new(counts, Counts::come_aboard, 0);
        loop {
            let room = options.batch_limit().min(at_most).saturating_sub(lane.unsent_len());
            if room == 0 || line.is_empty() {
                return boarded.requests;
            }
            let entries = line.take(room, options.keeps_order());
            counts.unqueue(entries.len());
            for Entry { key, asker } in entries {
                let waiter = self.aboard.borrow_mut().next();
                if !asker.board(self.number, waiter) {
                    self.aboard.borrow_mut().cancel(waiter);
                    continue;
                }
                self.aboard.borrow_mut().put(waiter, asker);
                boarded.requests += 1;
                if let Err(key) = lane.ask_with_others(waiter, key) {
                    lane.ask(waiter, key);
                }
            }
        }
    }

    /// Whether the lane has a place of the hub for one more batch; takes one if one is free.
    fn has_place(&mut self) -> bool {
        self.take_granted();
        if self.places <= self.in_flight {
            if !self.seat.hub.places().take(&self.seat.lane) {
                return false;
            }
            self.places += 1;
        }
        true
    }

    /// Takes the places that were granted while the lane waited for one.
    fn take_granted(&mut self) {
        self.places += self.seat.lane.claim().take_granted();
    }

    /// Gives the places back that no batch in flight has.
    fn give_places_back(&mut self) {
        let spare = self.places - self.in_flight.min(self.places);
        if spare > 0 {
            self.places -= spare;
            self.seat.hub.places().give(spare);
        }
    }

    /// Brings the numbers up to date.
    fn count_in_flight(&mut self) {
        let now = self.dispatchers.quota_used();
        self.seat.queue.counts.in_flight_changed(self.in_flight, now);
        self.in_flight = now;
    }

    // ── waiting, and the end ──

    /// Whether nothing waits, pauses or is in flight.
    fn is_idle(&self) -> bool {
        self.line.is_empty()
            && self.aboard.borrow().len() == 0
            && self.dispatchers.in_flight() == 0
            && !self.dispatchers.has_alarms()
    }

    /// Whether nothing of the lane is needed any more: a lane that goes forgets what it has sent.
    fn may_go(&self) -> bool {
        self.seat.hub.is_closing() || self.dispatchers.lane::<R>().rate_window().is_none()
    }

    /// When the rate lets something go that waits, or the lane itself.
    fn rate_due(&self) -> Option<Duration> {
        let lane = self.dispatchers.lane::<R>();
        let (first_over, last_over) = lane.rate_window()?;
        let waits = !self.line.is_empty() || lane.unsent_len() > 0;
        if waits { Some(first_over) } else { Some(last_over).filter(|_| self.seat.may_retire()) }
    }

    /// Lets whatever happens next wake the task of `cx`. False if something has happened already.
    fn waits(&mut self, cx: &Context<'_>) -> bool {
        let due = [self.dispatchers.next_due(), self.rate_due()].into_iter().flatten().min();
        self.inbox.sleep(cx.waker())
            && self.seat.lane.park(cx.waker())
            && self.sleep.until(due, cx.waker())
    }
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> Drop for Driver<'_, H, R> {
    /// Answers whoever is left. Nobody is when the driver has ended by itself.
    fn drop(&mut self) {
        let mut panics = PanicCollector::default();
        panics.run(|| self.futures.clear());
        panics.run(|| self.dispatchers.clear());
        let counts = &self.seat.queue.counts;
        counts.in_flight_changed(self.in_flight, 0);
        let (aboard, waiting) = (self.aboard.borrow_mut().take_all(), self.line.take_all());
        counts.left_aboard(aboard.len());
        counts.unqueue(waiting.len());
        let outcomes = self.outcomes.take();
        panics.run(|| outcomes.give());
        panics.run(|| self.seat.fail(aboard.into_iter(), true));
        panics.run(|| self.seat.fail(waiting.into_iter().map(|entry| entry.asker), false));
        let DriverSeat { hub, lane, .. } = &self.seat;
        hub.places().leave(lane);
        let places = self.places + lane.claim().take_granted();
        panics.run(|| hub.places().give(places));
    }
}
