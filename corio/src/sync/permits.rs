//! Permits, which all locks are made of: a mutex has one, a semaphore n, and of the permits of a
//! read-write lock a reader takes one and a writer all.
//!
//! # Invariants
//!
//! - Waiting tasks are served strictly in order: a large request at the front is not overtaken by
//!   small ones behind it.
//! - A granted task owns its permits from the grant on, although it takes them only when it runs:
//!   until then they are *reserved*. If the task is dropped before, the permits go back to the
//!   free ones, as if a guard had been dropped.
//! - The permits of all guards, the reserved and the free ones add up to all permits. Only
//!   saturation breaks this: the number of free permits never exceeds `usize::MAX`.
//! - Permits that were released outside of the run whose tasks wait are free, and all of these
//!   tasks are woken: whether a task is alive is known in its run alone. The first of them that
//!   looks grants, in the order of the queue.

use std::task::Poll;

use super::state_cell::StateCell;
use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::{Id, WaitCause, WaitReason};
use crate::runtime::{RunState, current};
use crate::util::Slots;

#[derive(Debug)]
pub(super) struct Permits {
    pub(super) free: usize,
    /// Number of permits of tasks that were granted and have not taken them yet. May exceed
    /// `usize::MAX`, if permits are added meanwhile.
    reserved: u128,
    holders: Slots<Holder>,
    /// The tasks that wait, each with the number of permits that it requests.
    pub(super) queue: WaitQueue<usize>,
    /// Whether permits may be free that waiting tasks can be granted: they were released outside of
    /// the run.
    is_unsettled: bool,
    wording: &'static Wording,
}

/// Owner of one [`PermitGuard`].
#[derive(Debug)]
struct Holder {
    /// The task that took the permits, for deadlock reports; `Id::NONE` outside a task.
    task: Id,
    permits: usize,
}

/// How messages to users name a primitive.
#[derive(Debug)]
pub(super) struct Wording {
    /// Message of the panic when a task wants permits while another run uses the primitive.
    pub(super) in_another_run: &'static str,
    /// What a task waits for, by the numbers of permits that are requested and that are free.
    pub(super) awaited: fn(usize, usize) -> WaitCause,
}

/// Maximum number of holders in one wait reason. Without a limit, a deadlock report would be
/// quadratic if as many tasks wait as hold permits.
const MAX_REPORTED_HOLDERS: usize = 100;

impl Permits {
    pub(super) fn new(free: usize, wording: &'static Wording) -> StateCell<Self> {
        StateCell::new(Permits {
            free,
            reserved: 0,
            holders: Slots::default(),
            queue: WaitQueue::default(),
            is_unsettled: false,
            wording,
        })
    }

    /// Binds the permits to `run`, and grants what was released outside of it.
    ///
    /// # Panics
    /// If another run uses the permits.
    #[inline]
    fn bind_to(&mut self, run: &RunState) {
        if self.queue.bind_to(
            run,
            || self.reserved > 0 || self.holders.iter().any(|holder| holder.task != Id::NONE),
            self.wording.in_another_run,
        ) {
            // The former run is over: none of its waiting or granted tasks will take permits.
            // Guards may have outlived that run, but the ids of their tasks mean nothing in this
            // one.
            let reserved = std::mem::take(&mut self.reserved);
            self.free = self.free.saturating_add(reserved.try_into().unwrap_or(usize::MAX));
            self.queue.clear();
            self.holders.iter_mut().for_each(|holder| holder.task = Id::NONE);
            self.is_unsettled = false;
        }
        self.settle();
    }

    /// Grants what was released outside of the run whose tasks wait, if that run is being turned on
    /// this thread.
    #[inline]
    fn settle(&mut self) {
        if self.is_unsettled {
            self.settle_slow();
        }
    }

    #[cold]
    fn settle_slow(&mut self) {
        if self.queue.is_here() {
            self.is_unsettled = false;
            self.grant_waiting();
        }
    }

    /// Whether `requested` permits can be taken now without overtaking a waiting task.
    #[inline]
    fn can_take(&self, requested: usize) -> bool {
        requested <= self.free && (self.queue.is_empty() || self.queue.run_is_over())
    }

    /// Takes the permits of a granted task out of the reserved ones.
    #[inline]
    fn take_reserved(&mut self, permits: usize) {
        // Always checked: a value behind permits rests on it.
        let reserved = self.reserved.checked_sub(permits as u128);
        self.reserved = reserved.expect("the permits of a granted task are reserved");
    }

    #[inline]
    fn add_holder(&mut self, task: Id, permits: usize) -> u32 {
        self.holders.put(Holder { task, permits })
    }

    /// Adds free permits and grants the tasks that can be served with them.
    #[inline]
    pub(super) fn release(&mut self, permits: usize) {
        // Saturating, because destructors release permits and must not panic. No task can request
        // more than `usize::MAX`.
        self.free = self.free.saturating_add(permits);
        self.grant_waiting();
    }

    /// Grants waiting tasks, from the front, as long as the free permits suffice.
    #[inline]
    fn grant_waiting(&mut self) {
        if self.queue.is_empty() {
            return;
        }
        let Permits { free, reserved, queue, .. } = self;
        let granted = queue.in_run(|queue, run| {
            // Without free permits, only a task in front that requests none can be granted. Dead
            // tasks in front are skipped when permits are free again.
            while *free > 0 || queue.front() == Some(&0) {
                let Some((_, requested)) =
                    queue.grant_next_alive_if(run, |requested| *requested <= *free)
                else {
                    return;
                };
                *free -= requested;
                *reserved += requested as u128;
            }
        });
        if granted.is_none() {
            self.wake_from_outside();
        }
    }

    /// Wakes all that wait, once, until one of them has looked.
    #[cold]
    fn wake_from_outside(&mut self) {
        if !self.is_unsettled {
            self.queue.wake_all();
            self.is_unsettled = true;
        }
    }

    #[cold]
    fn wait_reason(&self, requested: usize) -> WaitReason {
        let holders = self
            .holders
            .iter()
            .map(|holder| holder.task)
            .filter(|task| *task != Id::NONE)
            .take(MAX_REPORTED_HOLDERS);
        WaitReason::held((self.wording.awaited)(requested, self.free), holders.collect())
    }
}

/// Acquisition of permits by the running task. Dropping it withdraws from the wait queue.
#[derive(Debug)]
pub(super) struct Acquiring<'a> {
    permits: &'a StateCell<Permits>,
    requested: usize,
    /// 0 before the task waits, and after it has taken the permits.
    ticket: Ticket,
}

impl<'a> Acquiring<'a> {
    pub(super) fn new(permits: &'a StateCell<Permits>, requested: usize) -> Self {
        Acquiring { permits, requested, ticket: 0 }
    }

    /// Takes the permits, or parks the running task until they are granted.
    ///
    /// # Panics
    /// If another run uses the permits; in a dispatcher, if the permits are not free.
    #[inline]
    pub(super) fn poll(&mut self) -> Poll<PermitGuard<'a>> {
        current::with(|run| {
            let permits = &mut *self.permits.borrow();
            permits.bind_to(run);
            match permits.queue.ticket_state(&mut self.ticket) {
                TicketState::NotQueued if permits.can_take(self.requested) => {
                    permits.free -= self.requested
                }
                TicketState::Granted => permits.take_reserved(self.requested),
                ticket_state => {
                    let task = run.executor.waiting_task();
                    if ticket_state == TicketState::NotQueued {
                        self.ticket = permits.queue.join(task, self.requested);
                    } else {
                        permits.queue.set_task(self.ticket, task);
                    }
                    run.executor.park_for(|| permits.wait_reason(self.requested));
                    return Poll::Pending;
                }
            }
            self.ticket = 0;
            Poll::Ready(PermitGuard {
                permits: self.permits,
                slot: permits.add_holder(run.executor.current(), self.requested),
            })
        })
    }

    /// Whether the task waits in the queue, or was granted and has not taken the permits.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        self.ticket != 0
    }
}

impl Acquiring<'_> {
    #[cold]
    fn withdraw(&mut self) {
        let permits = &mut *self.permits.borrow();
        match permits.queue.ticket_state(&mut self.ticket) {
            TicketState::Granted => {
                permits.take_reserved(self.requested);
                permits.release(self.requested);
            }
            TicketState::Waiting => {
                permits.queue.withdraw(self.ticket);
                // The tasks behind may request fewer permits.
                permits.grant_waiting();
            }
            TicketState::NotQueued => {}
        }
    }
}

impl Drop for Acquiring<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.is_waiting() {
            self.withdraw();
        }
    }
}

/// Permits that are held; dropping the guard releases them.
#[derive(Debug)]
pub(super) struct PermitGuard<'a> {
    permits: &'a StateCell<Permits>,
    /// Slot of the [`Holder`].
    slot: u32,
}

impl<'a> PermitGuard<'a> {
    /// Takes permits without waiting; `None` if a task would have to wait for them. Also works
    /// outside a run.
    ///
    /// # Panics
    /// If the permits are free, and another run uses the primitive.
    #[inline]
    pub(super) fn try_take(permits: &'a StateCell<Permits>, requested: usize) -> Option<Self> {
        let state = &mut *permits.borrow();
        state.settle();
        if !state.can_take(requested) {
            return None;
        }
        let task = current::current(|run| {
            state.bind_to(run);
            run.executor.current()
        });
        state.free -= requested;
        let slot = state.add_holder(task.unwrap_or(Id::NONE), requested);
        Some(PermitGuard { permits, slot })
    }

    /// Takes one permit that is free, for somebody who is no task and gives it back at once.
    pub(super) fn try_borrow_one(permits: &'a StateCell<Permits>) -> Option<Self> {
        let state = &mut *permits.borrow();
        state.free = state.free.checked_sub(1)?;
        Some(PermitGuard { permits, slot: state.add_holder(Id::NONE, 1) })
    }

    /// Returns the number of permits that the guard holds.
    pub(super) fn count(&self) -> usize {
        self.permits.borrow().holders.get(self.slot).permits
    }

    /// Drops the guard without releasing the permits, which are lost for good.
    pub(super) fn forget(self) {
        self.permits.borrow().holders.take(self.slot);
        std::mem::forget(self);
    }
}

impl Drop for PermitGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        let permits = &mut *self.permits.borrow();
        let Holder { permits: held, .. } = permits.holders.take(self.slot);
        permits.release(held);
    }
}
