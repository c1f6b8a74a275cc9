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
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use super::inbox::Inbox;
use crate::dispatch::{Dispatchers, Futures};

/// The futures of one run.
pub(super) struct FutureSet<'r> {
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
    wake: Arc<FutureWake>,
    waker: Waker,
}

impl FutureSlot {
    fn new(number: u32, inbox: Arc<Inbox>) -> Self {
        let wake = Arc::new(FutureWake { number, is_woken: AtomicBool::new(false), inbox });
        FutureSlot { waker: Waker::from(wake.clone()), wake }
    }
}

/// Wakes the future that has this number.
struct FutureWake {
    number: u32,
    /// Whether the future was woken since its last poll began; further wake-ups are coalesced.
    is_woken: AtomicBool,
    inbox: Arc<Inbox>,
}

impl Wake for FutureWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // `AcqRel` on both sides: whatever the waker did before this call is visible to the next
        // poll, also when an earlier wake-up has written to the inbox.
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            self.inbox.wake_future(self.number);
        }
    }
}

impl<'r> FutureSet<'r> {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        FutureSet { started: RefCell::default(), free: RefCell::default(), inbox }
    }

    /// Polls the future with this number, if there is one.
    pub(super) fn poll(&self, number: u32, dispatchers: &Dispatchers) {
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
        let FutureSlot { wake, waker } = &started.slot;
        let number = wake.number;
        wake.is_woken.swap(false, Ordering::AcqRel);
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
    pub(super) fn cancel(&self, number: u32, dispatchers: &Dispatchers) {
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
    pub(super) fn clear(&self) {
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
