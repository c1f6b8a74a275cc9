//! The places that all lanes of a hub share: batches in flight of all dispatchers together.
//!
//! Invariants:
//! - A place is free, or granted to one lane, which gives it back when its batch is back, or when
//!   it has no use for it. So `taken` never exceeds `total`, and no place is lost.
//! - While a place is free, no lane waits.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::util::concurrent::{AtomicBool, AtomicUsize, Mutex, Ordering, PoisonError};

/// The places of a hub.
pub(super) struct Places {
    total: usize,
    state: Mutex<PlacesState>,
}

#[derive(Default)]
struct PlacesState {
    taken: usize,
    /// In the order in which they asked; each once.
    waiting: VecDeque<Arc<dyn WaitsForPlace>>,
}

/// A lane that waits for a place.
pub(super) trait WaitsForPlace: Send + Sync {
    fn claim(&self) -> &Claim;
    fn wake(&self);
}

/// What a lane has of places.
#[derive(Default)]
pub(super) struct Claim {
    /// Places that were granted while the lane waited, and that it has not seen.
    granted: AtomicUsize,
    is_waiting: AtomicBool,
}

impl Claim {
    /// Takes the places that were granted.
    pub(super) fn take_granted(&self) -> usize {
        self.granted.swap(0, Ordering::AcqRel)
    }
}

impl Places {
    pub(super) fn new(total: usize) -> Self {
        Places { total, state: Mutex::default() }
    }

    /// Takes a place. Without a free one the lane waits, and is woken when it is granted one.
    pub(super) fn take(&self, lane: &Arc<impl WaitsForPlace + 'static>) -> bool {
        if self.total == usize::MAX {
            return true;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.taken < self.total {
            state.taken += 1;
            return true;
        }
        if !lane.claim().is_waiting.swap(true, Ordering::Relaxed) {
            state.waiting.push_back(lane.clone());
        }
        false
    }

    /// A lane waits no more. A place may have been granted to it before.
    pub(super) fn leave(&self, lane: &Arc<impl WaitsForPlace + 'static>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if lane.claim().is_waiting.swap(false, Ordering::Relaxed) {
            let lane = Arc::as_ptr(lane).cast::<()>();
            state.waiting.retain(|other| Arc::as_ptr(other).cast::<()>() != lane);
        }
    }

    /// Gives places back: they are granted to the lanes that wait.
    pub(super) fn give(&self, places: usize) {
        if self.total == usize::MAX {
            return;
        }
        let mut woken = Vec::new();
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            for _ in 0..places {
                match state.waiting.pop_front() {
                    Some(lane) => {
                        lane.claim().is_waiting.store(false, Ordering::Relaxed);
                        lane.claim().granted.fetch_add(1, Ordering::AcqRel);
                        woken.push(lane);
                    }
                    None => state.taken -= 1,
                }
            }
        }
        woken.into_iter().for_each(|lane| lane.wake());
    }
}
