//! The drivers of a hub that are there: to be woken when the hub closes, and waited for.
//!
//! Invariant: wakers are woken and dropped without the lock.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::places::WaitsForPlace;

#[derive(Default)]
pub(super) struct Drivers {
    state: Mutex<DriversState>,
}

#[derive(Default)]
struct DriversState {
    lanes: HashMap<u64, Arc<dyn WaitsForPlace>>,
    last_number: u64,
    /// Whether the hub is shut down, and no driver begins.
    is_over: bool,
    /// Woken when the last driver is gone.
    waiting: Vec<Waker>,
}

impl Drivers {
    fn state(&self) -> MutexGuard<'_, DriversState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A driver begins. Returns its number; or `None` if the hub is shut down.
    pub(super) fn begin(&self, lane: Arc<dyn WaitsForPlace>) -> Option<u64> {
        let mut state = self.state();
        if state.is_over {
            return None;
        }
        state.last_number += 1;
        let number = state.last_number;
        state.lanes.insert(number, lane);
        Some(number)
    }

    /// A driver is gone.
    pub(super) fn end(&self, number: u64) {
        let (lane, woken) = {
            let mut state = self.state();
            let lane = state.lanes.remove(&number);
            (lane, if state.lanes.is_empty() { mem::take(&mut state.waiting) } else { Vec::new() })
        };
        drop(lane);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Makes every driver look around.
    pub(super) fn wake_all(&self) {
        let lanes: Vec<_> = self.state().lanes.values().cloned().collect();
        lanes.into_iter().for_each(|lane| lane.wake());
    }

    /// Whether no driver is there, and none begins any more; if one is, `waker` is woken when the
    /// last one is gone.
    pub(super) fn are_gone(&self, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut state = self.state();
        if state.lanes.is_empty() {
            state.is_over = true;
            return true;
        }
        if !state.waiting.iter().any(|other| other.will_wake(&waker)) {
            state.waiting.push(waker);
        }
        false
    }
}
