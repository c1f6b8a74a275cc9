//! Who answers: at once, after some polls, and by slots whenever the driver likes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::mem;
use std::task::Poll;

use corio::{Batch, Slot};

use super::filled::Filled;
use super::random::random;

thread_local! {
    static SLOTS: RefCell<Vec<Slot<u64, Filled<2>>>> = const { RefCell::new(Vec::new()) };
}

#[corio::dispatcher]
pub(crate) fn now(keys: &[u64]) -> Vec<Filled<1>> {
    keys.iter().map(|_| Filled::new()).collect()
}

#[corio::dispatcher(max_batch = 3, max_in_flight = 2)]
pub(crate) async fn later(keys: &[u64]) -> Vec<Filled<3>> {
    for _ in keys {
        let mut yielded = false;
        poll_fn(|context| {
            if mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
    keys.iter().map(|_| Filled::new()).collect()
}

#[corio::dispatcher]
pub(crate) fn slots(batch: Batch<u64, Filled<2>>) {
    for slot in batch {
        match random(3) {
            0 => slot.answer(Filled::new()),
            _ => SLOTS.with_borrow_mut(|slots| slots.push(slot)),
        }
    }
}

pub(crate) fn take_slots() -> Vec<Slot<u64, Filled<2>>> {
    SLOTS.take()
}

/// Those that nobody will answer.
pub(crate) fn forget_slots() {
    drop(take_slots());
}
