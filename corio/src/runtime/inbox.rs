//! The inbox of a run: events from outside, from any thread. A future of a dispatcher can be
//! polled, a mailbox has been filled, or a task can run.
//!
//! Invariants:
//! - No waker is cloned, dropped or woken while the lock is held: all three may run code of an
//!   executor.
//! - The sleeper is woken by the first event after [`Inbox::sleep`], and only once.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::dispatch::{InFlightId, WakeRun};
use crate::util::Nudge;

#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<InboxState>,
}

#[derive(Default)]
struct InboxState {
    arrivals: Arrivals,
    /// Empty arrivals whose memory is reused; without memory while the run handles what it took.
    spare: Arrivals,
    /// Woken by the next event.
    sleeper: Option<Waker>,
}

/// What has happened outside the run since the inbox was last emptied, each list in order.
#[derive(Default)]
pub(super) struct Arrivals {
    /// Numbers of futures that were woken.
    pub(super) futures: Vec<u32>,
    /// Filled mailboxes: the number of the queue, and the batch in flight that the mailbox is for.
    pub(super) mailboxes: Vec<(u32, InFlightId)>,
    /// Whether a task can run again, or the run was cancelled.
    is_nudged: bool,
}

impl Arrivals {
    fn is_empty(&self) -> bool {
        self.futures.is_empty() && self.mailboxes.is_empty() && !self.is_nudged
    }
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the future with this number was woken.
    pub(super) fn wake_future(&self, future: u32) {
        self.record(|arrivals| arrivals.futures.push(future));
    }

    fn record(&self, record: impl FnOnce(&mut Arrivals)) {
        let sleeper = {
            let mut state = self.state();
            record(&mut state.arrivals);
            state.sleeper.take()
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }

    /// Takes all arrivals, if there are any.
    pub(super) fn take(&self) -> Option<Arrivals> {
        let InboxState { arrivals, spare, .. } = &mut *self.state();
        (!arrivals.is_empty()).then(|| mem::replace(arrivals, mem::take(spare)))
    }

    /// Takes back handled arrivals, to reuse their memory.
    pub(super) fn put_back(&self, mut arrivals: Arrivals) {
        arrivals.futures.clear();
        arrivals.mailboxes.clear();
        arrivals.is_nudged = false;
        self.state().spare = arrivals;
    }

    /// Arranges for `sleeper` to be woken by the next event, in place of the previous sleeper.
    /// Returns false if there are arrivals already.
    pub(super) fn sleep(&self, sleeper: &Waker) -> bool {
        let sleeper = sleeper.clone();
        let previous = {
            let mut state = self.state();
            if !state.arrivals.is_empty() {
                return false;
            }
            state.sleeper.replace(sleeper)
        };
        drop(previous);
        true
    }

    /// Discards all arrivals and the sleeper.
    pub(super) fn clear(&self) {
        let sleeper = {
            let mut state = self.state();
            state.arrivals = Arrivals::default();
            state.sleeper.take()
        };
        drop(sleeper);
    }
}

impl Nudge for Inbox {
    fn nudge(&self) {
        self.record(|arrivals| arrivals.is_nudged = true);
    }
}

impl WakeRun for Inbox {
    fn ring(&self, queue: u32, in_flight: InFlightId) {
        self.record(|arrivals| arrivals.mailboxes.push((queue, in_flight)));
    }
}
