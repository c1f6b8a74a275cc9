//! The futures of asynchronous dispatchers. A future is polled once when it starts, and then only
//! after its waker was used.
//!
//! Invariants:
//! - A future is out of the set while it is polled. A panic may drop it then, and a half-run future
//!   is never found in the set.
//! - Numbers are reused, together with their wakers. A late wake-up may reach another future than
//!   the one meant, which is then polled once for nothing.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::inbox::Inbox;
use super::run_wake::RunWake;
use crate::dispatch::{Dispatchers, Futures};

/// The futures of one run.
pub(crate) struct FutureSet<'r> {
    /// By number; `None` for a free number, and for a future that is being polled.
    started: RefCell<Vec<Option<StartedFuture<'r>>>>,
    free: RefCell<Vec<FutureSlot>>,
    inbox: Arc<Inbox>,
}

struct StartedFuture<'r> {
    dispatcher: &'static str,
    future: Pin<Box<dyn Future<Output = ()> + 'r>>,
    slot: FutureSlot,
}

/// A number, with the waker of the future that has it. Made once per number and reused with it.
struct FutureSlot {
    number: u32,
    wake: Arc<RunWake>,
    waker: Waker,
}

impl FutureSlot {
    fn new(number: u32, inbox: Arc<Inbox>) -> Self {
        let wake = RunWake::of_future(number, inbox);
        FutureSlot { number, waker: wake.waker(), wake }
    }
}

impl<'r> FutureSet<'r> {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        FutureSet { started: RefCell::default(), free: RefCell::default(), inbox }
    }

    /// Polls the future with this number, if there is one.
    pub(crate) fn poll(&self, number: u32, dispatchers: &Dispatchers) {
        let Some(started) =
            self.started.borrow_mut().get_mut(number as usize).and_then(Option::take)
        else {
            return;
        };
        dispatchers.set_current_dispatcher(Some(started.dispatcher));
        self.poll_started(started);
        dispatchers.set_current_dispatcher(None);
    }

    /// Polls a future and puts it into the set. Returns its number, or `None` if it has ended.
    fn poll_started(&self, mut started: StartedFuture<'r>) -> Option<u32> {
        let FutureSlot { number, wake, waker } = &started.slot;
        let number = *number;
        wake.begin_poll();
        if started.future.as_mut().poll(&mut Context::from_waker(waker)).is_pending() {
            self.started.borrow_mut()[number as usize] = Some(started);
            return Some(number);
        }
        self.release(started);
        None
    }

    /// Drops a future, then frees its number.
    fn release(&self, started: StartedFuture<'r>) {
        let StartedFuture { future, slot, .. } = started;
        drop(future);
        self.free.borrow_mut().push(slot);
    }

    /// Drops the future with this number, whose answers no task waits for any more.
    pub(crate) fn cancel(&self, number: u32, dispatchers: &Dispatchers) {
        let Some(started) =
            self.started.borrow_mut().get_mut(number as usize).and_then(Option::take)
        else {
            return;
        };
        dispatchers.set_current_dispatcher(Some(started.dispatcher));
        self.release(started);
        dispatchers.set_current_dispatcher(None);
    }

    /// Drops all futures.
    pub(crate) fn clear(&self) {
        self.free.borrow_mut().clear();
        drop(self.started.take());
    }
}

impl<'r> Futures<'r> for FutureSet<'r> {
    fn start(
        &self,
        dispatcher: &'static str,
        future: Pin<Box<dyn Future<Output = ()> + 'r>>,
    ) -> Option<u32> {
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut started = self.started.borrow_mut();
            started.push(None);
            FutureSlot::new(started.len() as u32 - 1, self.inbox.clone())
        });
        // Polled right away, so that it makes progress before a dispatcher that answers in place
        // blocks the thread.
        self.poll_started(StartedFuture { dispatcher, future, slot })
    }
}
