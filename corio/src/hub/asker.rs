//! Who waits for a request in a hub, and how an outcome gets there.
//!
//! - A run: a position in a [`RunPacket`], which is all that the run asked of one dispatcher at
//!   once. Its answers go to the mailbox of the batch that the run has in flight.
//! - Plain async code: a [`Seat`], which an `Ask` polls.
//!
//! An asker that is *gone* waits no more. What of it is *aboard* (in the dispatching side of a
//! lane) is known by waiters, by which it is withdrawn.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::group::Group;
use crate::dispatch::{Fault, Mailbox, Request, SlotOutcome, Waiter};
use crate::util::PanicCollector;
use crate::util::concurrent::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

/// One request on its way to a batch.
pub(super) struct Entry<R: Request> {
    pub(super) key: R::Key,
    pub(super) asker: Asker<R>,
}

/// Who waits for a request. Whatever happens, it gets one outcome: one that is dropped without,
/// because code of the user's has panicked, is told that it is unanswered.
pub(super) struct Asker<R: Request>(Option<Who<R>>);

enum Who<R: Request> {
    Run { packet: Arc<RunPacket<R>>, position: usize },
    Plain(Arc<Seat<R>>),
}

impl<R: Request> Asker<R> {
    /// The request at this position of a packet.
    pub(super) fn of_run(packet: Arc<RunPacket<R>>, position: usize) -> Self {
        Asker(Some(Who::Run { packet, position }))
    }

    /// A request of plain async code.
    pub(super) fn plain(seat: Arc<Seat<R>>) -> Self {
        Asker(Some(Who::Plain(seat)))
    }

    /// Notes that the request waits in a lane. False if the asker is gone.
    pub(super) fn enter(&self, lane: &Arc<impl TakesBack<R> + 'static>) -> bool {
        match &self.0 {
            Some(Who::Run { packet, .. }) => !packet.is_gone(),
            Some(Who::Plain(seat)) => seat.enter(lane),
            None => false,
        }
    }

    /// Notes that the request is aboard with this driver, as `waiter`. False if the asker is gone.
    pub(super) fn board(&self, driver: u64, waiter: Waiter) -> bool {
        match &self.0 {
            Some(Who::Run { packet, .. }) => packet.board(driver, waiter),
            Some(Who::Plain(seat)) => seat.board(waiter),
            None => false,
        }
    }

    /// Whether nobody waits any more.
    pub(super) fn is_gone(&self) -> bool {
        match &self.0 {
            Some(Who::Run { packet, .. }) => packet.is_gone(),
            Some(Who::Plain(seat)) => seat.is_gone(),
            None => true,
        }
    }
}

impl<R: Request> Drop for Asker<R> {
    fn drop(&mut self) {
        if !self.is_gone() {
            let mut outcomes = Outcomes::default();
            let (dispatcher, position, requests, key) = (R::name(), 0, 1, None);
            let fault = Fault::Unanswered { dispatcher, position, requests, key };
            outcomes.add(Asker(self.0.take()), Err(fault));
            // A panic of a waker must not replace one that goes on.
            PanicCollector::default().run(|| outcomes.give());
        }
    }
}

// ── runs ──

/// What a run has asked of one dispatcher at once.
pub(super) struct RunPacket<R: Request> {
    mailbox: Arc<Mailbox<R::Key, R::Answer>>,
    is_gone: AtomicBool,
    state: Mutex<PacketState>,
}

struct PacketState {
    /// Requests without an outcome.
    left: usize,
    /// By driver: a packet may be in several lanes. Waiters that have an outcome are among them.
    aboard: HashMap<u64, Vec<Waiter>>,
}

impl<R: Request> RunPacket<R> {
    pub(super) fn new(mailbox: Arc<Mailbox<R::Key, R::Answer>>, requests: usize) -> Arc<Self> {
        let state = Mutex::new(PacketState { left: requests, aboard: HashMap::new() });
        Arc::new(RunPacket { mailbox, is_gone: AtomicBool::new(false), state })
    }

    fn state(&self) -> MutexGuard<'_, PacketState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_gone(&self) -> bool {
        // Relaxed: one that is seen too late is withdrawn from aboard.
        self.is_gone.load(Ordering::Relaxed)
    }

    fn board(&self, driver: u64, waiter: Waiter) -> bool {
        let mut state = self.state();
        // Either this finds the run gone, or the driver finds the waiter when it comes to what the
        // run has withdrawn.
        let waits = !self.is_gone();
        if waits {
            state.aboard.entry(driver).or_default().push(waiter);
        }
        waits
    }

    /// The run waits no more. Returns whether anything is left to be withdrawn.
    pub(super) fn leave(&self) -> bool {
        let state = self.state();
        self.is_gone.store(true, Ordering::Relaxed);
        state.left > 0
    }
}

// ── plain async code ──

/// Where a request of plain async code gets its answer.
pub(super) struct Seat<R: Request> {
    state: Mutex<SeatState<R>>,
    /// The innermost group in which it was asked, if any.
    group: Option<Arc<Group>>,
}

enum SeatState<R: Request> {
    Waiting { waker: Waker, place: Place<R> },
    Answered(Outcome<R>),
    Gone,
}

/// Where a request waits.
enum Place<R: Request> {
    /// With its group, or on its way.
    Unsent,
    InLine(Arc<dyn TakesBack<R>>),
    Aboard(Arc<dyn TakesBack<R>>, Waiter),
}

impl<R: Request> Seat<R> {
    pub(super) fn new(waker: Waker, group: Option<Arc<Group>>) -> Arc<Self> {
        let state = SeatState::Waiting { waker, place: Place::Unsent };
        Arc::new(Seat { state: Mutex::new(state), group })
    }

    fn state(&self) -> MutexGuard<'_, SeatState<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_gone(&self) -> bool {
        matches!(*self.state(), SeatState::Gone)
    }

    fn enter(&self, lane: &Arc<impl TakesBack<R> + 'static>) -> bool {
        match &mut *self.state() {
            SeatState::Waiting { place, .. } => *place = Place::InLine(lane.clone()),
            SeatState::Answered(_) | SeatState::Gone => return false,
        }
        true
    }

    fn board(&self, waiter: Waiter) -> bool {
        match &mut *self.state() {
            SeatState::Waiting { place, .. } => {
                if let Place::InLine(lane) = mem::replace(place, Place::Unsent) {
                    *place = Place::Aboard(lane, waiter);
                }
            }
            SeatState::Answered(_) | SeatState::Gone => return false,
        }
        true
    }

    fn answer(&self, outcome: Outcome<R>) {
        let before = {
            let mut state = self.state();
            match *state {
                SeatState::Waiting { .. } => {
                    mem::replace(&mut *state, SeatState::Answered(outcome))
                }
                // Too late: dropped without the lock.
                SeatState::Answered(_) | SeatState::Gone => SeatState::Answered(outcome),
            }
        };
        if let SeatState::Waiting { waker, .. } = before {
            waker.wake();
        }
    }

    /// The answer, if it is there; otherwise the task of `context` is woken by it.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Outcome<R>> {
        let replaced;
        {
            let mut state = self.state();
            match &mut *state {
                SeatState::Waiting { waker, .. } if waker.will_wake(context.waker()) => {
                    return Poll::Pending;
                }
                SeatState::Waiting { waker, .. } => {
                    replaced = mem::replace(waker, context.waker().clone());
                }
                SeatState::Answered(_) | SeatState::Gone => {
                    match mem::replace(&mut *state, SeatState::Gone) {
                        SeatState::Answered(outcome) => return Poll::Ready(outcome),
                        _ => panic!("polled after it was over"),
                    }
                }
            }
        }
        drop(replaced);
        Poll::Pending
    }

    /// Nobody waits any more: what waits or is aboard is withdrawn.
    pub(super) fn leave(&self) {
        let before = mem::replace(&mut *self.state(), SeatState::Gone);
        let SeatState::Waiting { place, .. } = before else { return };
        match place {
            Place::Unsent => {}
            Place::InLine(lane) => lane.withdraw(Withdrawn::Plain(None)),
            Place::Aboard(lane, waiter) => lane.withdraw(Withdrawn::Plain(Some(waiter))),
        }
    }
}

// ── what is to be withdrawn ──

/// A lane, as askers know it.
pub(super) trait TakesBack<R: Request>: Send + Sync {
    /// Withdraws what an asker that is gone has asked.
    fn withdraw(&self, withdrawn: Withdrawn<R>);
}

/// An asker that is gone before it had all outcomes.
pub(super) enum Withdrawn<R: Request> {
    Run(Arc<RunPacket<R>>),
    /// The waiter, if it was aboard.
    Plain(Option<Waiter>),
}

/// What is to be withdrawn of an asker.
pub(super) struct WithdrawnRequests {
    /// Those aboard.
    pub(super) waiters: Vec<Waiter>,
    /// How many wait in the line, at most.
    pub(super) not_aboard: usize,
}

impl<R: Request> Withdrawn<R> {
    /// Takes what a driver has to withdraw.
    pub(super) fn take_aboard(self, driver: u64) -> WithdrawnRequests {
        match self {
            Withdrawn::Run(packet) => {
                let mut state = packet.state();
                let waiters = state.aboard.remove(&driver).unwrap_or_default();
                WithdrawnRequests { waiters, not_aboard: state.left }
            }
            Withdrawn::Plain(Some(waiter)) => {
                WithdrawnRequests { waiters: vec![waiter], not_aboard: 0 }
            }
            Withdrawn::Plain(None) => WithdrawnRequests { waiters: Vec::new(), not_aboard: 1 },
        }
    }
}

// ── outcomes ──

/// What a request gets.
pub(super) type Outcome<R> = Result<<R as Request>::Answer, Fault>;

/// What requests of a run get, as its mailbox takes it.
type OutcomesOfRun<R> = Vec<SlotOutcome<<R as Request>::Key, <R as Request>::Answer>>;

/// Outcomes that become visible together: those of a run at once, and those of a drive before it
/// goes on. Otherwise what is asked because of them would be torn into several batches.
pub(super) struct Outcomes<R: Request> {
    of_runs: Vec<(Arc<RunPacket<R>>, OutcomesOfRun<R>)>,
    /// Where the outcomes of a packet are in `of_runs`.
    places: HashMap<*const RunPacket<R>, usize>,
    of_plain: Vec<(Arc<Seat<R>>, Outcome<R>)>,
}

impl<R: Request> Default for Outcomes<R> {
    fn default() -> Self {
        Outcomes { of_runs: Vec::new(), places: HashMap::new(), of_plain: Vec::new() }
    }
}

impl<R: Request> Outcomes<R> {
    pub(super) fn is_empty(&self) -> bool {
        self.of_runs.is_empty() && self.of_plain.is_empty()
    }

    /// Adds an outcome.
    pub(super) fn add(&mut self, mut asker: Asker<R>, outcome: Outcome<R>) {
        let (packet, position) = match asker.0.take() {
            Some(Who::Plain(seat)) => return self.of_plain.push((seat, outcome)),
            Some(Who::Run { packet, position }) => (packet, position),
            None => return,
        };
        let outcome = match outcome {
            Ok(answer) => SlotOutcome::Answer { position, answer, key: None },
            Err(fault) => SlotOutcome::Fault { position, fault: Box::new(fault) },
        };
        match self.of_runs.last_mut() {
            // Requests of a packet leave one after the other, so most come back so.
            Some((last, outcomes)) if Arc::ptr_eq(last, &packet) => outcomes.push(outcome),
            _ => {
                let Outcomes { of_runs, places, .. } = self;
                let place = *places.entry(Arc::as_ptr(&packet)).or_insert_with(|| {
                    of_runs.push((packet, Vec::new()));
                    of_runs.len() - 1
                });
                of_runs[place].1.push(outcome);
            }
        }
    }

    /// Gives all outcomes to those who wait for them. Wakes tasks.
    pub(super) fn give(mut self) {
        self.give_all();
    }

    fn give_all(&mut self) {
        let mut panics = PanicCollector::default();
        for (packet, mut outcomes) in mem::take(&mut self.of_runs) {
            packet.state().left -= outcomes.len();
            panics.run(|| packet.mailbox.put_all(outcomes.drain(..)));
        }
        let of_plain = mem::take(&mut self.of_plain);
        let mut groups: Vec<Arc<Group>> =
            of_plain.iter().filter_map(|(seat, _)| seat.group.clone()).collect();
        groups.dedup_by(|one, other| Arc::ptr_eq(one, other));
        groups.iter().for_each(|group| group.hold());
        for (seat, outcome) in of_plain {
            panics.run(|| seat.answer(outcome));
        }
        groups.iter().for_each(|group| panics.run(|| group.let_go()));
        panics.finish();
    }
}

impl<R: Request> Drop for Outcomes<R> {
    /// Gives what was not given, because of a panic.
    fn drop(&mut self) {
        if !self.is_empty() {
            PanicCollector::default().run(|| self.give_all());
        }
    }
}
