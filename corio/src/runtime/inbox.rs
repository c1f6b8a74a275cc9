//! Where news from outside a run arrives, from any thread: a future of a dispatcher can go on, a
//! queue has post.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::dispatch::{InFlightId, WakeRun};
use crate::util::Nudge;

#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<InboxState>,
}

#[derive(Default)]
struct InboxState {
    arrivals: Arrivals,
    /// Memory for news, while none of it is being looked through.
    spare: Arrivals,
    /// Who sleeps until there is news.
    sleeper: Option<Waker>,
}

/// What has happened, in the order in which it did.
#[derive(Default)]
pub(crate) struct Arrivals {
    pub(crate) futures: Vec<u32>,
    /// Queues with post, and the flights that it is for.
    pub(crate) mailbox: Vec<(u32, InFlightId)>,
    /// A task can run again.
    nudged: bool,
}

impl Arrivals {
    fn is_empty(&self) -> bool {
        self.futures.is_empty() && self.mailbox.is_empty() && !self.nudged
    }
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn future_can_go_on(&self, future: u32) {
        self.tell(|arrivals| arrivals.futures.push(future));
    }

    fn tell(&self, tell: impl FnOnce(&mut Arrivals)) {
        let sleeper = {
            let mut state = self.state();
            tell(&mut state.arrivals);
            state.sleeper.take()
        };
        // Not under the lock: waking runs code of an executor.
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }

    /// Takes the news, if there is any.
    pub(crate) fn take(&self) -> Option<Arrivals> {
        let InboxState { arrivals, spare, .. } = &mut *self.state();
        (!arrivals.is_empty()).then(|| mem::replace(arrivals, mem::take(spare)))
    }

    /// Takes back the memory of news that was looked through.
    pub(crate) fn put_back(&self, mut arrivals: Arrivals) {
        arrivals.futures.clear();
        arrivals.mailbox.clear();
        arrivals.nudged = false;
        self.state().spare = arrivals;
    }

    /// Has `sleeper` woken by the next news. False if there is news already.
    pub(crate) fn sleep(&self, sleeper: &Waker) -> bool {
        // Cloned before, and the one before dropped after, the lock is held: both may run code of
        // an executor.
        let sleeper = sleeper.clone();
        let before = {
            let mut state = self.state();
            if !state.arrivals.is_empty() {
                return false;
            }
            state.sleeper.replace(sleeper)
        };
        drop(before);
        true
    }

    pub(crate) fn clear(&self) {
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
        self.tell(|arrivals| arrivals.nudged = true);
    }
}

impl WakeRun for Inbox {
    fn ring(&self, queue: u32, flight: InFlightId) {
        self.tell(|arrivals| arrivals.mailbox.push((queue, flight)));
    }
}
