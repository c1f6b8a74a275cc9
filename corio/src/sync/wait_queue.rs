//! The wait queue of every primitive: tasks that wait, served first come, first served.
//!
//! A task that joins the queue gets a *ticket*; tickets only grow. The queue is served from the
//! front and nowhere else, so a granted task needs no flag: a ticket is granted if it is smaller
//! than the ticket at the front. Granting wakes the task and does nothing more, so granting never
//! recurses, however many tasks wait.
//!
//! Two kinds of waiters are never granted:
//!
//! - A *withdrawn* waiter has stopped waiting. At the front it is removed; elsewhere it is only
//!   marked, because closing the gap would make n withdrawals quadratic.
//! - A waiter whose task is *dead* is about to be dropped, or was forgotten (`mem::forget`). Where
//!   a grant must not get lost, such a waiter is *skipped*, and its ticket counts as not queued.
//!   Only the thread that turns the run can know. So from outside of the run all waiters are woken
//!   instead, and the first that looks grants.
//!
//! # Invariants
//!
//! - The tickets in the queue ascend from front to back.
//! - A withdrawn waiter is never at the front, and at most half of the queue is withdrawn.
//! - Every waiter belongs to the run to which the queue is bound, or to a run that is over.
//!
//! # Complexity
//!
//! Joining, granting and withdrawing at the front are O(1), amortized. Withdrawing elsewhere is a
//! binary search, O(log n), plus the amortized O(1) of compaction.

use std::collections::VecDeque;

use crate::executor::Id;
use crate::runtime::{RunRef, RunState, current};

/// Position of a waiter in the order of arrival. No waiter has ticket 0.
pub(super) type Ticket = u64;

/// First-come-first-served queue of waiting tasks.
///
/// Each waiter carries a payload `W`: the amount it wants, or the value it hands over.
#[derive(Debug)]
pub(super) struct WaitQueue<W> {
    waiters: VecDeque<QueuedTask<W>>,
    /// Number of withdrawn waiters that are still in `waiters`.
    withdrawn: usize,
    /// The last ticket that was drawn.
    last_ticket: Ticket,
    /// Tickets below this one belong to runs that are over.
    first_valid: Ticket,
    /// Tickets of waiters that were removed without a grant, because their tasks were dead.
    skipped: TicketSet,
    /// The run whose tasks wait here.
    run: RunRef,
}

#[derive(Debug)]
struct QueuedTask<W> {
    ticket: Ticket,
    /// The task to wake; `Id::NONE` if there is none to wake.
    task: Id,
    /// `None` once the waiter has withdrawn.
    payload: Option<W>,
}

/// The run of a queue is not over, and is not being turned on this thread.
#[derive(Debug)]
pub(super) struct Elsewhere;

/// State of a ticket in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TicketState {
    /// The ticket was never drawn, was drawn in a run that is over, or was skipped.
    NotQueued,
    /// The ticket is in the queue.
    Waiting,
    /// The ticket has left the queue by a grant.
    Granted,
}

impl<W> Default for WaitQueue<W> {
    fn default() -> Self {
        WaitQueue {
            waiters: VecDeque::new(),
            withdrawn: 0,
            last_ticket: 0,
            first_valid: 1,
            skipped: TicketSet::default(),
            run: RunRef::default(),
        }
    }
}

impl<W> WaitQueue<W> {
    /// Binds the queue to `run`, whose tasks wait in the queue from then on. Returns whether the
    /// queue was bound to another run before.
    ///
    /// Waiters that the former run has left in the queue stay there, and are not woken any more.
    ///
    /// # Panics
    /// With `panic`, if the former run is not over, and its tasks wait in the queue or are being
    /// served (`is_serving`).
    #[inline]
    pub(super) fn bind_to(
        &mut self,
        run: &RunState,
        is_serving: impl FnOnce() -> bool,
        panic: &str,
    ) -> bool {
        let is_another = !self.run.is(run);
        if is_another {
            self.bind_to_slow(run, is_serving, panic);
        }
        is_another
    }

    #[cold]
    fn bind_to_slow(&mut self, run: &RunState, is_serving: impl FnOnce() -> bool, panic: &str) {
        assert!(self.run_is_over() || self.waiters.is_empty() && !is_serving(), "{panic}");
        self.waiters.iter_mut().for_each(|waiter| waiter.task = Id::NONE);
        self.run = RunRef::to(run);
    }

    /// Removes all waiters without granting them. Their tickets count as not queued.
    pub(super) fn clear(&mut self) {
        self.waiters.clear();
        (self.withdrawn, self.first_valid) = (0, self.last_ticket + 1);
        self.skipped = TicketSet::default();
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Number of waiters that have not withdrawn.
    pub(super) fn len(&self) -> usize {
        self.waiters.len() - self.withdrawn
    }

    /// Whether the run to which the queue is bound is over.
    pub(super) fn run_is_over(&self) -> bool {
        self.run.is_over()
    }

    /// Whether the run to which the queue is bound is being turned on this thread.
    pub(super) fn is_here(&self) -> bool {
        current::entered(self.run.id(), |_| ()).is_some()
    }

    /// Calls `act` with the run to which the queue is bound, if that run is being turned on this
    /// thread.
    #[inline]
    pub(super) fn in_run<T>(&mut self, act: impl FnOnce(&mut Self, &RunState) -> T) -> Option<T> {
        current::entered(self.run.id(), |run| act(self, run))
    }

    /// Draws a ticket without adding a waiter.
    pub(super) fn draw_ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        self.last_ticket
    }

    /// Adds a waiter at the back and returns its ticket.
    pub(super) fn join(&mut self, task: Id, payload: W) -> Ticket {
        let ticket = self.draw_ticket();
        self.join_with_ticket(ticket, task, payload);
        ticket
    }

    /// Adds a waiter at the back with a ticket of another queue.
    ///
    /// `ticket` must be larger than all tickets in this queue.
    pub(super) fn join_with_ticket(&mut self, ticket: Ticket, task: Id, payload: W) {
        self.waiters.push_back(QueuedTask { ticket, task, payload: Some(payload) });
    }

    /// Returns the tickets of the waiters that have not withdrawn, from the front.
    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.waiters.iter().filter(|waiter| waiter.payload.is_some()).map(|waiter| waiter.ticket)
    }

    /// Returns the state of a ticket.
    ///
    /// A ticket that is not queued becomes 0: it must not be taken for a granted one later, when it
    /// is no longer known that it was skipped.
    #[inline]
    pub(super) fn ticket_state(&mut self, held: &mut Ticket) -> TicketState {
        let ticket = *held;
        if ticket < self.first_valid || self.skipped.remove(ticket) {
            *held = 0;
            TicketState::NotQueued
        } else if self.waiters.front().is_none_or(|front| ticket < front.ticket) {
            TicketState::Granted
        } else {
            TicketState::Waiting
        }
    }

    /// Sets the task that a grant of `ticket` wakes: the future of a waiter may be polled by
    /// another task than the one that joined.
    #[cold]
    pub(super) fn set_task(&mut self, ticket: Ticket, task: Id) {
        if let Some(waiter) = self.find(ticket) {
            waiter.task = task;
        }
    }

    /// Withdraws a waiter and returns its payload; `None` if the ticket is not in the queue.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> Option<W> {
        if self.skipped.remove(ticket) {
            return None;
        }
        let waiter = self.find(ticket)?;
        let payload = waiter.payload.take();
        self.withdrawn += 1;
        self.compact();
        payload
    }

    fn find(&mut self, ticket: Ticket) -> Option<&mut QueuedTask<W>> {
        let is_front = self.waiters.front().is_some_and(|front| front.ticket == ticket);
        let index = if is_front {
            0
        } else {
            self.waiters.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()?
        };
        self.waiters.get_mut(index)
    }

    /// Returns the payload of the first waiter.
    #[inline]
    pub(super) fn front(&self) -> Option<&W> {
        self.waiters.front().and_then(|front| front.payload.as_ref())
    }

    /// Grants the first waiter, whether its task is alive or not, and returns its ticket and
    /// payload.
    pub(super) fn grant_next(&mut self) -> Option<(Ticket, W)> {
        let QueuedTask { ticket, task, payload } = self.pop()?;
        self.wake([task]);
        payload.map(|payload| (ticket, payload))
    }

    /// Grants the first waiter whose task is alive; in a run that is over, the first waiter.
    ///
    /// # Errors
    /// If it can't be known here whether a task is alive: the run is not being turned on this
    /// thread. All waiters have to be woken, and the one that looks first grants.
    pub(super) fn grant_next_alive(&mut self) -> Result<Option<(Ticket, W)>, Elsewhere> {
        match self.in_run(|queue, run| queue.grant_next_alive_if(run, |_| true)) {
            Some(granted) => Ok(granted),
            None if self.is_empty() || self.run_is_over() => Ok(self.grant_next()),
            None => Err(Elsewhere),
        }
    }

    /// Wakes tasks of the run to which the queue is bound, unless that run is over.
    #[inline]
    fn wake(&self, tasks: impl IntoIterator<Item = Id>) {
        self.run.wake(tasks.into_iter().filter(|task| *task != Id::NONE));
    }

    /// Grants the first waiter whose task is alive, if `may_grant` holds for its payload. Waiters
    /// before it, whose tasks are dead, are skipped.
    #[inline]
    pub(super) fn grant_next_alive_if(
        &mut self,
        run: &RunState,
        may_grant: impl Fn(&W) -> bool,
    ) -> Option<(Ticket, W)> {
        loop {
            let front = self.waiters.front()?;
            let is_alive = run.executor.is_alive(front.task);
            if is_alive && !front.payload.as_ref().is_some_and(&may_grant) {
                return None;
            }
            let QueuedTask { ticket, task, payload } = self.pop()?;
            if is_alive {
                run.executor.wake(task);
                return payload.map(|payload| (ticket, payload));
            }
            self.skipped.add(ticket);
        }
    }

    /// Removes the first waiter. That one has not withdrawn: withdrawn waiters are never at the
    /// front.
    #[inline]
    fn pop(&mut self) -> Option<QueuedTask<W>> {
        let front = self.waiters.pop_front();
        if self.withdrawn > 0 {
            self.compact();
        }
        front
    }

    /// Grants all waiters.
    #[inline]
    pub(super) fn grant_all(&mut self) {
        if !self.is_empty() {
            self.wake_all();
            self.waiters.clear();
            self.withdrawn = 0;
        }
    }

    /// Wakes the tasks of all waiters without granting them.
    pub(super) fn wake_all(&self) {
        self.wake(self.waiters.iter().map(|waiter| waiter.task));
    }

    /// Restores the invariant on withdrawn waiters: none at the front, and at most half of the
    /// queue.
    fn compact(&mut self) {
        while self.waiters.front().is_some_and(|front| front.payload.is_none()) {
            self.waiters.pop_front();
            self.withdrawn -= 1;
        }
        if self.withdrawn > self.waiters.len() / 2 {
            self.waiters.retain(|waiter| waiter.payload.is_some());
            self.withdrawn = 0;
        }
    }
}

/// A set of tickets, which are added in ascending order.
#[derive(Debug, Default)]
pub(super) struct TicketSet(VecDeque<Ticket>);

impl TicketSet {
    /// Adds a ticket, which must be larger than all tickets in the set.
    pub(super) fn add(&mut self, ticket: Ticket) {
        self.0.push_back(ticket);
    }

    /// Removes a ticket and returns whether the set contained it.
    #[inline]
    pub(super) fn remove(&mut self, ticket: Ticket) -> bool {
        !self.0.is_empty() && self.remove_slow(ticket)
    }

    fn remove_slow(&mut self, ticket: Ticket) -> bool {
        if self.0.front() == Some(&ticket) {
            return self.0.pop_front().is_some();
        }
        self.0.binary_search(&ticket).is_ok_and(|index| self.0.remove(index).is_some())
    }
}
