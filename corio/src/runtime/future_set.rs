//! The futures of asynchronous dispatchers, polled when they were woken and not otherwise.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use super::inbox::Bell;
use crate::dispatch::{Desk, Futures};

pub(crate) struct FutureSet<'r> {
    /// By number; the numbers of those that have ended are used again.
    flying: RefCell<Vec<Option<Flying<'r>>>>,
    free: RefCell<Vec<Place>>,
    bell: Arc<Bell>,
}

struct Flying<'r> {
    dispatcher: &'static str,
    future: Pin<Box<dyn Future<Output = ()> + 'r>>,
    place: Place,
}

/// A number, and what wakes the future that has it: made once, and handed on with the number.
struct Place {
    wake: Arc<WakeOne>,
    waker: Waker,
}

impl Place {
    fn new(number: u32, bell: Arc<Bell>) -> Self {
        let wake = Arc::new(WakeOne { number, woken: AtomicBool::new(false), bell });
        Place { waker: Waker::from(wake.clone()), wake }
    }
}

/// Wakes the future that has this number. Late wakes may find another than they were meant for, which is polled once in vain.
struct WakeOne {
    number: u32,
    /// Woken since it was last polled: further wakes say nothing new.
    woken: AtomicBool,
    bell: Arc<Bell>,
}

impl Wake for WakeOne {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // What the waker did before the wake is to be seen by the poll that follows, also where an earlier wake did the telling.
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.bell.future_can_go_on(self.number);
        }
    }
}

impl<'r> FutureSet<'r> {
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        FutureSet { flying: RefCell::default(), free: RefCell::default(), bell }
    }

    pub(crate) fn poll(&self, number: u32, desk: &Desk) {
        // Out of its place while it runs: it may be dropped by a panic, and must not be found half run.
        let Some(flying) = self.flying.borrow_mut().get_mut(number as usize).and_then(Option::take) else { return };
        desk.set_dispatching(Some(flying.dispatcher));
        self.run(flying);
        desk.set_dispatching(None);
    }

    /// Its number, if it has not ended.
    fn run(&self, mut flying: Flying<'r>) -> Option<u32> {
        let Place { wake, waker } = &flying.place;
        let number = wake.number;
        wake.woken.swap(false, Ordering::AcqRel);
        if flying.future.as_mut().poll(&mut Context::from_waker(waker)).is_pending() {
            self.flying.borrow_mut()[number as usize] = Some(flying);
            return Some(number);
        }
        self.end(flying);
        None
    }

    fn end(&self, flying: Flying<'r>) {
        let Flying { future, place, .. } = flying;
        drop(future);
        self.free.borrow_mut().push(place);
    }

    /// Drops a future that nobody waits for any more.
    pub(crate) fn cancel(&self, number: u32, desk: &Desk) {
        let Some(flying) = self.flying.borrow_mut().get_mut(number as usize).and_then(Option::take) else { return };
        desk.set_dispatching(Some(flying.dispatcher));
        self.end(flying);
        desk.set_dispatching(None);
    }

    pub(crate) fn clear(&self) {
        self.free.borrow_mut().clear();
        drop(self.flying.take());
    }
}

impl<'r> Futures<'r> for FutureSet<'r> {
    fn start(&self, dispatcher: &'static str, future: Pin<Box<dyn Future<Output = ()> + 'r>>) -> Option<u32> {
        let place = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut flying = self.flying.borrow_mut();
            flying.push(None);
            Place::new(flying.len() as u32 - 1, self.bell.clone())
        });
        // At once: it is on its way before a dispatcher that answers in place blocks the thread.
        self.run(Flying { dispatcher, future, place })
    }
}
