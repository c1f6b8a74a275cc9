//! The futures of asynchronous dispatchers, polled when they were woken and not otherwise.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use super::inbox::Inbox;
use crate::dispatch::{Dispatchers, Futures};

pub(crate) struct FutureSet<'r> {
    /// By number; the numbers of those that have ended are used again.
    started: RefCell<Vec<Option<StartedFuture<'r>>>>,
    free: RefCell<Vec<FutureSlot>>,
    inbox: Arc<Inbox>,
}

struct StartedFuture<'r> {
    dispatcher: &'static str,
    future: Pin<Box<dyn Future<Output = ()> + 'r>>,
    place: FutureSlot,
}

/// A number, and what wakes the future that has it: made once, and handed on with the number.
struct FutureSlot {
    wake: Arc<WakeOne>,
    waker: Waker,
}

impl FutureSlot {
    fn new(number: u32, inbox: Arc<Inbox>) -> Self {
        let wake = Arc::new(WakeOne { number, woken: AtomicBool::new(false), inbox });
        FutureSlot { waker: Waker::from(wake.clone()), wake }
    }
}

/// Wakes the future that has this number. Late wakes may find another than they were meant for,
/// which is polled once in vain.
struct WakeOne {
    number: u32,
    /// Woken since it was last polled: further wakes say nothing new.
    woken: AtomicBool,
    inbox: Arc<Inbox>,
}

impl Wake for WakeOne {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // What the waker did before the wake is to be seen by the poll that follows, also where an
        // earlier wake did the telling.
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.inbox.future_can_go_on(self.number);
        }
    }
}

impl<'r> FutureSet<'r> {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        FutureSet { started: RefCell::default(), free: RefCell::default(), inbox }
    }

    pub(crate) fn poll(&self, number: u32, dispatchers: &Dispatchers) {
        // Out of its place while it runs: it may be dropped by a panic, and must not be found half
        // run.
        let Some(started) =
            self.started.borrow_mut().get_mut(number as usize).and_then(Option::take)
        else {
            return;
        };
        dispatchers.set_current_dispatcher(Some(started.dispatcher));
        self.run(started);
        dispatchers.set_current_dispatcher(None);
    }

    /// Its number, if it has not ended.
    fn run(&self, mut started: StartedFuture<'r>) -> Option<u32> {
        let FutureSlot { wake, waker } = &started.place;
        let number = wake.number;
        wake.woken.swap(false, Ordering::AcqRel);
        if started.future.as_mut().poll(&mut Context::from_waker(waker)).is_pending() {
            self.started.borrow_mut()[number as usize] = Some(started);
            return Some(number);
        }
        self.end(started);
        None
    }

    fn end(&self, started: StartedFuture<'r>) {
        let StartedFuture { future, place, .. } = started;
        drop(future);
        self.free.borrow_mut().push(place);
    }

    /// Drops a future that nobody waits for any more.
    pub(crate) fn cancel(&self, number: u32, dispatchers: &Dispatchers) {
        let Some(started) =
            self.started.borrow_mut().get_mut(number as usize).and_then(Option::take)
        else {
            return;
        };
        dispatchers.set_current_dispatcher(Some(started.dispatcher));
        self.end(started);
        dispatchers.set_current_dispatcher(None);
    }

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
        let place = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut started = self.started.borrow_mut();
            started.push(None);
            FutureSlot::new(started.len() as u32 - 1, self.inbox.clone())
        });
        // At once: it is on its way before a dispatcher that answers in place blocks the thread.
        self.run(StartedFuture { dispatcher, future, place })
    }
}
