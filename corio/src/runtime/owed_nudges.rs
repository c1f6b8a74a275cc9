//! Nudges that are owed to runs: a task of a run that sleeps was woken while a primitive was
//! borrowed, and the waker of that run is called when the borrow has ended.
//!
//! Invariant: whoever owes a nudge gives it before the call into this library returns.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::inbox::Inbox;
use crate::util::{Nudge, PanicCollector};

/// What is owed by threads that end, whose `OWED` is gone when their destructors serve tasks of a
/// run. Any thread may give it.
static OWED_BY_ENDING_THREADS: Mutex<Vec<Arc<Inbox>>> = Mutex::new(Vec::new());

fn owed_by_ending_threads() -> MutexGuard<'static, Vec<Arc<Inbox>>> {
    OWED_BY_ENDING_THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// Whether something is owed; without a destructor, so that looking costs one load.
    static ANY: Cell<bool> = const { Cell::new(false) };
    static OWED: RefCell<VecDeque<Arc<Inbox>>> = const { RefCell::new(VecDeque::new()) };
}

/// Owes a nudge to the owner of `inbox`.
#[cold]
pub(super) fn owe_nudge(inbox: &Arc<Inbox>) {
    let owed = OWED.try_with(|owed| {
        let mut owed = owed.borrow_mut();
        if !owed.back().is_some_and(|last| Arc::ptr_eq(last, inbox)) {
            owed.push_back(inbox.clone());
        }
    });
    if owed.is_err() {
        owed_by_ending_threads().push(inbox.clone());
    }
    ANY.set(true);
}

/// Gives all nudges that this thread owes, one at a time: a waker may run code that gives the
/// others. If one panics, the others are given before the panic goes on.
#[inline]
pub(crate) fn give_owed_nudges() {
    if ANY.get() {
        give_slow();
    }
}

#[cold]
fn give_slow() {
    let take_next = || {
        let next = OWED.try_with(|owed| {
            let mut owed = owed.borrow_mut();
            let next = owed.pop_front();
            ANY.set(!owed.is_empty());
            next
        });
        next.unwrap_or_else(|_| {
            ANY.set(false);
            owed_by_ending_threads().pop()
        })
    };
    let mut panics = PanicCollector::default();
    while let Some(inbox) = take_next() {
        panics.run(|| inbox.nudge());
    }
    panics.finish();
}
