//! Who answers: at once, after some polls, and by slots whenever the driver likes.

use std::future::poll_fn;
use std::mem;
use std::sync::Mutex;
use std::task::Poll;

use corio::{Batch, Slot};

use super::filled::Filled;
use super::random::random;
use crate::lock;

static SLOTS: Mutex<Vec<Slot<u64, Filled<2>>>> = Mutex::new(Vec::new());

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
            _ => lock(&SLOTS).push(slot),
        }
    }
}

pub(crate) fn take_slots() -> Vec<Slot<u64, Filled<2>>> {
    mem::take(&mut *lock(&SLOTS))
}

/// Those that nobody will answer.
pub(crate) fn forget_slots() {
    drop(take_slots());
}
