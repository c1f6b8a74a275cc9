//! The inbox of a run: events from outside, from any thread. A future of a dispatcher can be
//! polled, a mailbox has been filled, or a task can run.
//!
//! An inbox belongs to a run state, and so to one run after another; it is all of a run that other
//! threads see. [`RunRef`](super::run_ref::RunRef) refers to a run by its inbox and its id.
//!
//! Invariants:
//! - No waker is cloned, dropped or woken while the lock is held: all three may run code of an
//!   executor.
//! - The sleeper is woken by the first event after [`Inbox::sleep`], and only once.

use std::fmt;
use std::mem;
use std::task::Waker;

use crate::dispatch::{InFlightId, WakeRun};
use crate::executor::Id;
use crate::util::Nudge;
use crate::util::concurrent::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};

#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<InboxState>,
    /// The id of the run that is going on; 0 between runs.
    run_id: AtomicU64,
    /// Whether `woken` is not empty: a run looks at this before each batch, and at the rest only
    /// if something is in flight.
    has_woken: AtomicBool,
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
pub(crate) struct Arrivals {
    /// Numbers of futures that were woken.
    pub(crate) futures: Vec<u32>,
    /// Filled mailboxes: the number of the queue, and the batch in flight that the mailbox is for.
    pub(crate) mailboxes: Vec<(u32, InFlightId)>,
    /// Tasks that can run again. Some may be gone.
    pub(super) woken: Vec<Id>,
    /// Whether the run was cancelled, or a task can run again.
    is_nudged: bool,
}

impl Arrivals {
    fn is_empty(&self) -> bool {
        let Arrivals { futures, mailboxes, woken, is_nudged } = self;
        futures.is_empty() && mailboxes.is_empty() && woken.is_empty() && !is_nudged
    }
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the run with this id.
    pub(super) fn begin_run(&self, run_id: u64) {
        self.run_id.store(run_id, Ordering::Relaxed);
    }

    /// Ends the run: it is over for all who refer to it.
    pub(super) fn end_run(&self) {
        // Release: whoever finds the run over finds it torn down.
        self.run_id.store(0, Ordering::Release);
    }

    /// The id of the run that is going on; 0 between runs.
    pub(super) fn run_id(&self) -> u64 {
        self.run_id.load(Ordering::Acquire)
    }

    /// Whether tasks were woken by [`wake_tasks`](Inbox::wake_tasks). Relaxed, as the list is
    /// behind a lock; who sleeps is told by the list.
    #[inline]
    pub(super) fn has_woken(&self) -> bool {
        self.has_woken.load(Ordering::Relaxed)
    }

    /// Records that tasks of the run with this id can run again, unless that run is over. Wakes
    /// nobody: if this returns true, a nudge has to follow.
    pub(super) fn wake_tasks(&self, run_id: u64, tasks: impl Iterator<Item = Id>) -> bool {
        let mut state = self.state();
        // Under the lock, which `clear` takes before the next run can begin.
        let is_that_run = self.run_id() == run_id;
        if is_that_run {
            state.arrivals.woken.extend(tasks);
            self.has_woken.store(!state.arrivals.woken.is_empty(), Ordering::Relaxed);
        }
        is_that_run
    }

    /// Records that a task of the run with this id can run again, and wakes the owner of the run,
    /// unless that run is over.
    pub(super) fn wake_waiting_task(&self, run_id: u64, task: Id) {
        let sleeper = {
            let mut state = self.state();
            if self.run_id() != run_id {
                return;
            }
            state.arrivals.woken.push(task);
            self.has_woken.store(true, Ordering::Relaxed);
            state.sleeper.take()
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
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
    pub(crate) fn take(&self) -> Option<Arrivals> {
        let InboxState { arrivals, spare, .. } = &mut *self.state();
        self.has_woken.store(false, Ordering::Relaxed);
        (!arrivals.is_empty()).then(|| mem::replace(arrivals, mem::take(spare)))
    }

    /// Takes back arrivals whose lists were drained, to reuse their memory.
    pub(crate) fn put_back(&self, mut arrivals: Arrivals) {
        arrivals.is_nudged = false;
        debug_assert!(arrivals.is_empty(), "all of them were handled");
        self.state().spare = arrivals;
    }

    /// Arranges for `sleeper` to be woken by the next event, in place of the previous sleeper.
    /// Returns false if there are arrivals already.
    pub(crate) fn sleep(&self, sleeper: &Waker) -> bool {
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
            self.has_woken.store(false, Ordering::Relaxed);
            state.sleeper.take()
        };
        drop(sleeper);
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox")
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
