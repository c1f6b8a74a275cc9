//! Permits: what a mutex has one of, a semaphore some, and of which a read-write lock gives each
//! reader one and a writer all.
//!
//! Who waits is served strictly in order: a large wish at the front is not overtaken by small ones.
//! Who is called has its permits from then on; if it is dropped before it comes for them, it gives
//! them back as if it had held them.

use std::cell::RefCell;
use std::task::Poll;

use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::{Id, WaitReason};
use crate::runtime::{RunState, current};
use crate::util::Slots;

#[derive(Debug)]
pub(super) struct Permits {
    pub(super) free: usize,
    /// Of those that were called and did not come yet. More than fit in a `usize`, if permits are
    /// added meanwhile.
    promised: u128,
    holders: Slots<Holder>,
    /// Each brings the number of permits that it wants.
    pub(super) queue: WaitQueue<usize>,
    wording: &'static Wording,
}

#[derive(Debug)]
struct Holder {
    /// Who took them, for deadlock reports.
    task: Id,
    permits: usize,
}

/// What these permits are, in the eyes of users.
#[derive(Debug)]
pub(super) struct Wording {
    /// The panic when they are wanted while another run uses them.
    pub(super) in_another_run: &'static str,
    /// What somebody waits for who wants so many, of which so many are free.
    pub(super) awaited: fn(usize, usize) -> String,
}

/// Of so many holders a deadlock report is told: it would be quadratic otherwise, if as many wait.
const MOST_HOLDERS: usize = 100;

impl Permits {
    pub(super) fn new(free: usize, wording: &'static Wording) -> RefCell<Self> {
        RefCell::new(Permits {
            free,
            promised: 0,
            holders: Slots::default(),
            queue: WaitQueue::default(),
            wording,
        })
    }

    /// # Panics
    /// If another run uses them.
    #[inline]
    fn belong_to(&mut self, run: &RunState) {
        if self.queue.belong_to(
            run,
            || self.promised > 0 || !self.holders.is_empty(),
            self.wording.in_another_run,
        ) {
            // Whoever was called in that run and did not come will not, nor will who waits. Guards
            // may have outlived it, of tasks that nobody knows any more.
            let promised = std::mem::take(&mut self.promised);
            self.free = self.free.saturating_add(promised.try_into().unwrap_or(usize::MAX));
            self.queue.clear();
            self.holders.iter_mut().for_each(|holder| holder.task = Id::NONE);
        }
    }

    /// Whether so many can be had without overtaking anybody.
    #[inline]
    fn has(&self, wants: usize) -> bool {
        wants <= self.free && (self.queue.is_empty() || self.queue.is_over())
    }

    #[inline]
    fn hold(&mut self, task: Id, permits: usize) -> u32 {
        self.holders.put(Holder { task, permits })
    }

    #[inline]
    pub(super) fn give(&mut self, permits: usize) {
        // Saturating, as destructors give back: more are there than anybody can count.
        self.free = self.free.saturating_add(permits);
        self.serve();
    }

    /// Calls those whose wishes can be met now.
    #[inline]
    fn serve(&mut self) {
        if self.queue.is_empty() {
            return;
        }
        let Permits { free, promised, queue, .. } = self;
        queue.in_run(|queue, run| {
            // Where nothing is free, nobody can be called but one in front who wants nothing; who
            // is gone shows when something is.
            while *free > 0 || queue.front() == Some(&0) {
                let Some((_, wants)) = queue.grant_living(run, |wants| *wants <= *free) else {
                    return;
                };
                *free -= wants;
                *promised += wants as u128;
            }
        });
    }

    #[cold]
    fn waits(&self, wants: usize) -> WaitReason {
        let holders = self
            .holders
            .iter()
            .map(|holder| holder.task)
            .filter(|task| *task != Id::NONE)
            .take(MOST_HOLDERS);
        WaitReason::held((self.wording.awaited)(wants, self.free), holders.collect())
    }
}

/// Waits for permits.
#[derive(Debug)]
pub(super) struct Acquiring<'a> {
    permits: &'a RefCell<Permits>,
    wants: usize,
    /// 0 before it waits, and after it has them.
    ticket: Ticket,
}

impl<'a> Acquiring<'a> {
    pub(super) fn new(permits: &'a RefCell<Permits>, wants: usize) -> Self {
        Acquiring { permits, wants, ticket: 0 }
    }

    #[inline]
    pub(super) fn poll(&mut self) -> Poll<PermitGuard<'a>> {
        current::with(|run| {
            let permits = &mut *self.permits.borrow_mut();
            permits.belong_to(run);
            match permits.queue.ticket_state(self.ticket) {
                TicketState::NotQueued if permits.has(self.wants) => permits.free -= self.wants,
                TicketState::Called => permits.promised -= self.wants as u128,
                ticket_state => {
                    let task = run.executor.waiting_task();
                    if ticket_state == TicketState::NotQueued {
                        self.ticket = permits.queue.join(task, self.wants);
                    } else {
                        permits.queue.stay(self.ticket, task);
                    }
                    run.executor.park_for(|| permits.waits(self.wants));
                    return Poll::Pending;
                }
            }
            self.ticket = 0;
            Poll::Ready(PermitGuard {
                permits: self.permits,
                slot: permits.hold(run.executor.current(), self.wants),
            })
        })
    }

    #[inline]
    pub(super) fn waits(&self) -> bool {
        self.ticket != 0
    }
}

impl Acquiring<'_> {
    #[cold]
    fn give_up(&self) {
        let permits = &mut *self.permits.borrow_mut();
        match permits.queue.ticket_state(self.ticket) {
            TicketState::Called => {
                permits.promised -= self.wants as u128;
                permits.give(self.wants);
            }
            TicketState::Waits => {
                permits.queue.leave(self.ticket);
                // Those behind it may want less.
                permits.serve();
            }
            TicketState::NotQueued => {}
        }
    }
}

impl Drop for Acquiring<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.waits() {
            self.give_up();
        }
    }
}

/// Permits, which are given back when this is dropped.
#[derive(Debug)]
pub(super) struct PermitGuard<'a> {
    permits: &'a RefCell<Permits>,
    slot: u32,
}

impl<'a> PermitGuard<'a> {
    /// If so many can be had now.
    #[inline]
    pub(super) fn take(from: &'a RefCell<Permits>, wants: usize) -> Option<Self> {
        let permits = &mut *from.borrow_mut();
        if !permits.has(wants) {
            return None;
        }
        let task = current::current(|run| {
            permits.belong_to(run);
            run.executor.current()
        });
        permits.free -= wants;
        Some(PermitGuard { permits: from, slot: permits.hold(task.unwrap_or(Id::NONE), wants) })
    }

    pub(super) fn count(&self) -> usize {
        self.permits.borrow().holders.get(self.slot).permits
    }

    /// Keeps them for good.
    pub(super) fn forget(self) {
        self.permits.borrow_mut().holders.take(self.slot);
        std::mem::forget(self);
    }
}

impl Drop for PermitGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        let permits = &mut *self.permits.borrow_mut();
        let Holder { permits: held, .. } = permits.holders.take(self.slot);
        permits.give(held);
    }
}
