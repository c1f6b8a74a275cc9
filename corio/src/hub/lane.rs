//! A lane: requests of one dispatcher, one part and one group, which may share a batch. This file
//! is what askers see of it; its [`Driver`](super::driver) is a future on the user's executor.
//!
//! Invariants:
//! - A lane has a driver from the beginning, although that may not have been spawned yet. A driver
//!   that ends or is dropped closes the lane and leaves nothing behind: what has arrived by then is
//!   its own to answer.
//! - A lane that is closed takes nothing any more: who finds it closed looks for another.
//! - No waker is woken or dropped, and no code of users runs, under the lock.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use super::asker::{Entry, TakesBack, Withdrawn};
use super::places::{Claim, WaitsForPlace};
use crate::dispatch::Request;
use crate::util::concurrent::{Mutex, MutexGuard, PoisonError};

/// Requests that wait together.
pub(super) type Packet<R> = VecDeque<Entry<R>>;

pub(super) struct HubLane<R: Request> {
    inbox: Mutex<Inbox<R>>,
    claim: Claim,
}

struct Inbox<R: Request> {
    arrived: Arrived<R>,
    driver: DriverState,
}

/// What a driver has not seen.
pub(super) struct Arrived<R: Request> {
    pub(super) packets: Vec<Packet<R>>,
    pub(super) withdrawn: Vec<Withdrawn<R>>,
    /// The hub has something to tell: it closes, or grants a place.
    is_nudged: bool,
}

impl<R: Request> Default for Arrived<R> {
    fn default() -> Self {
        Arrived { packets: Vec::new(), withdrawn: Vec::new(), is_nudged: false }
    }
}

enum DriverState {
    /// It is to be spawned, is polled, or was woken: it will look into the inbox.
    Awake,
    /// It waits.
    Parked(Waker),
    /// The lane is closed.
    Closed,
}

impl<R: Request> HubLane<R> {
    pub(super) fn new() -> Arc<Self> {
        let inbox = Inbox { arrived: Arrived::default(), driver: DriverState::Awake };
        Arc::new(HubLane { inbox: Mutex::new(inbox), claim: Claim::default() })
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox<R>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a packet into the lane; returned if the lane is closed.
    pub(super) fn push(&self, packet: Packet<R>) -> Result<(), Packet<R>> {
        let mut packet = Some(packet);
        self.tell(|arrived| arrived.packets.extend(packet.take()));
        packet.map_or(Ok(()), Err)
    }

    /// Puts something into the inbox, unless the lane is closed.
    fn tell(&self, put: impl FnOnce(&mut Arrived<R>)) {
        let parked = {
            let mut inbox = self.inbox();
            if let DriverState::Closed = inbox.driver {
                return;
            }
            put(&mut inbox.arrived);
            mem::replace(&mut inbox.driver, DriverState::Awake)
        };
        parked.wake();
    }

    // ── the driver's side ──

    /// Takes what has arrived.
    pub(super) fn take(&self) -> Arrived<R> {
        mem::take(&mut self.inbox().arrived)
    }

    /// Lets the driver be woken by what arrives next. False if something has arrived already.
    pub(super) fn park(&self, waker: &Waker) -> bool {
        let waker = waker.clone();
        let before = {
            let mut inbox = self.inbox();
            if !inbox.arrived.is_empty() {
                return false;
            }
            mem::replace(&mut inbox.driver, DriverState::Parked(waker))
        };
        drop(before);
        true
    }

    /// Closes the lane, whose driver is gone. Returns what has arrived, which is its own to answer.
    pub(super) fn close(&self) -> Arrived<R> {
        let (arrived, before) = {
            let mut inbox = self.inbox();
            let before = mem::replace(&mut inbox.driver, DriverState::Closed);
            (mem::take(&mut inbox.arrived), before)
        };
        drop(before);
        arrived
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.inbox().driver, DriverState::Closed)
    }

    /// Closes the lane, unless something has arrived. The caller takes it out of the queue, which
    /// it has locked.
    pub(super) fn close_if_empty(&self) -> bool {
        let mut inbox = self.inbox();
        let is_empty = inbox.arrived.packets.is_empty();
        if is_empty {
            // Its driver, the caller, is awake: there is no waker to be dropped.
            inbox.driver = DriverState::Closed;
        }
        is_empty
    }
}

impl<R: Request> Arrived<R> {
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.withdrawn.is_empty() && !self.is_nudged
    }
}

impl DriverState {
    fn wake(self) {
        if let DriverState::Parked(waker) = self {
            waker.wake();
        }
    }
}

impl<R: Request<Key: Send, Answer: Send>> TakesBack<R> for HubLane<R> {
    fn withdraw(&self, withdrawn: Withdrawn<R>) {
        self.tell(|arrived| arrived.withdrawn.push(withdrawn));
    }
}

impl<R: Request<Key: Send, Answer: Send>> WaitsForPlace for HubLane<R> {
    fn claim(&self) -> &Claim {
        &self.claim
    }

    fn wake(&self) {
        self.tell(|arrived| arrived.is_nudged = true);
    }
}
