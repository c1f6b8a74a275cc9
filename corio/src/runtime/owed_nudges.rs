//! Nudges that are owed to runs: a task of a run that sleeps was woken while a primitive was
//! borrowed, and the waker of that run is called when the borrow has ended.
//!
//! Invariant: whoever owes a nudge gives it before the call into this library returns.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use super::inbox::Inbox;
use crate::util::Nudge;

thread_local! {
    /// Whether `OWED` holds anything; without a destructor, so that looking costs one load.
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
        ANY.set(true);
    });
    if owed.is_err() {
        // The thread ends, and its destructors serve tasks of a run that is owned elsewhere.
        inbox.nudge();
    }
}

/// Gives all nudges that this thread owes, one at a time: a waker may panic, or run code that gives
/// the others.
#[inline]
pub(crate) fn give_owed_nudges() {
    if ANY.get() {
        give_slow();
    }
}

#[cold]
fn give_slow() {
    let take_next = || {
        OWED.try_with(|owed| {
            let mut owed = owed.borrow_mut();
            let next = owed.pop_front();
            ANY.set(!owed.is_empty());
            next
        })
        .ok()
        .flatten()
    };
    while let Some(inbox) = take_next() {
        inbox.nudge();
    }
}
