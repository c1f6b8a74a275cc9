//! The line of waiting tasks that every primitive has: first come, first served.
//!
//! Whoever joins gets a ticket, and tickets only grow. The line is served from the front and
//! nowhere else, so nobody has to be told that it was called: a ticket was called if it is smaller
//! than that of the front. Calling wakes the task, nothing more; so it never recurses, however many
//! there are.
//!
//! Two kinds of waiters are in the way. One that *leaves* is taken out at the front, and marked
//! elsewhere, as to close the gap would be quadratic when many leave. One whose task is *gone* will
//! be dropped in a moment, or was forgotten: where a call that nobody hears would be a loss, it is
//! passed over, and then was not called.

use std::collections::VecDeque;

use crate::executor::Id;
use crate::runtime::{RunRef, RunState, current};

/// A waiter's place. None is 0.
pub(super) type Ticket = u64;

/// Each waiter may bring something: how much it wants, what it has to give.
#[derive(Debug)]
pub(super) struct WaitQueue<W> {
    waiters: VecDeque<QueuedTask<W>>,
    /// How many of them have left.
    left: usize,
    /// The last ticket that was drawn.
    last: Ticket,
    /// Smaller tickets are of runs that are over.
    first: Ticket,
    passed_over: Tickets,
    /// The run that the waiters are of.
    run: RunRef,
}

#[derive(Debug)]
struct QueuedTask<W> {
    ticket: Ticket,
    task: Id,
    /// `None` once it has left.
    payload: Option<W>,
}

/// How a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TicketState {
    /// It has not joined, not in this run, or was passed over.
    NotQueued,
    Waits,
    Called,
}

impl<W> Default for WaitQueue<W> {
    fn default() -> Self {
        WaitQueue {
            waiters: VecDeque::new(),
            left: 0,
            last: 0,
            first: 1,
            passed_over: Tickets::default(),
            run: RunRef::default(),
        }
    }
}

impl<W> WaitQueue<W> {
    /// From here on tasks of this run wait; true if it was another's before, which is over. The
    /// waiters that run has left here will not be woken.
    ///
    /// # Panics
    /// If the other run is not over, and its tasks wait or are served right now.
    #[inline]
    pub(super) fn belong_to(
        &mut self,
        run: &RunState,
        serves: impl FnOnce() -> bool,
        panic: &str,
    ) -> bool {
        let is_another = !self.run.is(run);
        if is_another {
            self.move_to(run, serves, panic);
        }
        is_another
    }

    #[cold]
    fn move_to(&mut self, run: &RunState, serves: impl FnOnce() -> bool, panic: &str) {
        assert!(self.is_over() || self.waiters.is_empty() && !serves(), "{panic}");
        self.waiters.iter_mut().for_each(|waiter| waiter.task = Id::NONE);
        self.run = run.this_run();
    }

    /// Sends everybody away.
    pub(super) fn clear(&mut self) {
        self.waiters.clear();
        (self.left, self.first) = (0, self.last + 1);
        self.passed_over = Tickets::default();
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiters.len() - self.left
    }

    /// Whether the run that the waiters are of is over.
    pub(super) fn is_over(&self) -> bool {
        self.run.upgrade().is_none()
    }

    /// Does something in that run, if it is not over. Nearly always it is the one that is being
    /// turned, and then need not be held.
    #[inline]
    pub(super) fn in_run(&mut self, mut act: impl FnMut(&mut Self, &RunState)) {
        if current::current(|run| self.run.is(run).then(|| act(self, run))).flatten().is_none() {
            self.in_run_elsewhere(act);
        }
    }

    #[cold]
    fn in_run_elsewhere(&mut self, mut act: impl FnMut(&mut Self, &RunState)) {
        self.run.upgrade().iter().for_each(|run| act(self, run));
    }

    /// A ticket for something that does not wait here.
    pub(super) fn draw(&mut self) -> Ticket {
        self.last += 1;
        self.last
    }

    pub(super) fn join(&mut self, task: Id, payload: W) -> Ticket {
        let ticket = self.draw();
        self.enter(ticket, task, payload);
        ticket
    }

    /// The same with a ticket that was drawn elsewhere, after those of all that are here.
    pub(super) fn enter(&mut self, ticket: Ticket, task: Id, payload: W) {
        self.waiters.push_back(QueuedTask { ticket, task, payload: Some(payload) });
    }

    /// Those that wait, from the front.
    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.waiters.iter().filter(|waiter| waiter.payload.is_some()).map(|waiter| waiter.ticket)
    }

    #[inline]
    pub(super) fn ticket_state(&mut self, ticket: Ticket) -> TicketState {
        if ticket < self.first || self.passed_over.remove(ticket) {
            TicketState::NotQueued
        } else if self.waiters.front().is_none_or(|front| ticket < front.ticket) {
            TicketState::Called
        } else {
            TicketState::Waits
        }
    }

    /// Goes on waiting, perhaps as another task.
    #[cold]
    pub(super) fn stay(&mut self, ticket: Ticket, task: Id) {
        if let Some(waiter) = self.find(ticket) {
            waiter.task = task;
        }
    }

    /// Gives up waiting, and takes along what it brought.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<W> {
        if self.passed_over.remove(ticket) {
            return None;
        }
        let waiter = self.find(ticket)?;
        let brought = waiter.payload.take();
        self.left += 1;
        self.close_up();
        brought
    }

    fn find(&mut self, ticket: Ticket) -> Option<&mut QueuedTask<W>> {
        let is_front = self.waiters.front().is_some_and(|front| front.ticket == ticket);
        let at = if is_front {
            0
        } else {
            self.waiters.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()?
        };
        self.waiters.get_mut(at)
    }

    /// What the first one brings.
    #[inline]
    pub(super) fn front(&self) -> Option<&W> {
        self.waiters.front().and_then(|front| front.payload.as_ref())
    }

    /// Calls the first one, and gives its ticket and what it brought.
    pub(super) fn grant_next(&mut self) -> Option<(Ticket, W)> {
        let QueuedTask { ticket, task, payload } = self.pop()?;
        if task != Id::NONE {
            self.in_run(|_, run| run.wake(task));
        }
        payload.map(|payload| (ticket, payload))
    }

    /// Calls the first one whose task is not gone; in a run that is over, the first one.
    pub(super) fn grant_first(&mut self) -> Option<(Ticket, W)> {
        match self.run.upgrade() {
            Some(run) => self.grant_living(&run, |_| true),
            None => self.grant_next(),
        }
    }

    /// Calls the first one whose task is not gone, if it may be called. Those before it are passed
    /// over.
    #[inline]
    pub(super) fn grant_living(
        &mut self,
        run: &RunState,
        may: impl Fn(&W) -> bool,
    ) -> Option<(Ticket, W)> {
        loop {
            let front = self.waiters.front()?;
            let is_alive = run.executor.is_alive(front.task);
            if is_alive && !front.payload.as_ref().is_some_and(&may) {
                return None;
            }
            let QueuedTask { ticket, task, payload } = self.pop()?;
            if is_alive {
                run.wake(task);
                return payload.map(|payload| (ticket, payload));
            }
            self.passed_over.add(ticket);
        }
    }

    /// The first one. Whoever has left is never at the front.
    #[inline]
    fn pop(&mut self) -> Option<QueuedTask<W>> {
        let front = self.waiters.pop_front();
        if self.left > 0 {
            self.close_up();
        }
        front
    }

    #[inline]
    pub(super) fn grant_all(&mut self) {
        if !self.is_empty() {
            self.wake_all();
            self.waiters.clear();
            self.left = 0;
        }
    }

    /// Wakes everybody, without calling them.
    pub(super) fn wake_all(&mut self) {
        self.in_run(|queue, run| {
            queue
                .waiters
                .iter()
                .filter(|waiter| waiter.task != Id::NONE)
                .for_each(|waiter| run.wake(waiter.task))
        });
    }

    /// Whoever has left is never at the front, and never most of the line.
    fn close_up(&mut self) {
        while self.waiters.front().is_some_and(|front| front.payload.is_none()) {
            self.waiters.pop_front();
            self.left -= 1;
        }
        if self.left > self.waiters.len() / 2 {
            self.waiters.retain(|waiter| waiter.payload.is_some());
            self.left = 0;
        }
    }
}

/// Some tickets, which are added in the order in which they were drawn.
#[derive(Debug, Default)]
pub(super) struct Tickets(VecDeque<Ticket>);

impl Tickets {
    pub(super) fn add(&mut self, ticket: Ticket) {
        self.0.push_back(ticket);
    }

    /// Whether it was among them.
    #[inline]
    pub(super) fn remove(&mut self, ticket: Ticket) -> bool {
        !self.0.is_empty() && self.find_and_remove(ticket)
    }

    fn find_and_remove(&mut self, ticket: Ticket) -> bool {
        if self.0.front() == Some(&ticket) {
            return self.0.pop_front().is_some();
        }
        self.0.binary_search(&ticket).is_ok_and(|at| self.0.remove(at).is_some())
    }
}
